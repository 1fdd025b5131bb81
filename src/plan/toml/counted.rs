//! The table `[count]` of a plan: who counts instances.

use ::toml::Value;
use serde::{Deserialize, Deserializer};

use crate::plan::PlanError;
use crate::plan::toml::RawDuration;
use crate::values::count::{self, CommandLine, CountWords, Named};
use crate::values::{self, ValueError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with a `command`, a `url` or a `prometheus`")]
pub(super) struct RawCount {
    command: Option<String>,
    shell: Option<bool>,
    url: Option<String>,
    pointer: Option<RawNamed>,
    prometheus: Option<String>,
    query: Option<RawNamed>,
    interval: Option<RawDuration>,
    scrape: Option<RawDuration>,
}

/// A text for what runs, or a table with one for each thing that is counted.
enum RawNamed {
    Each(Vec<(String, String)>),
    Other,
}

impl<'de> Deserialize<'de> for RawNamed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = |(name, value)| match value {
            Value::String(text) => Some((name, text)),
            _ => None,
        };
        let each = match Value::deserialize(deserializer)? {
            Value::String(text) => Some(vec![(String::new(), text)]),
            Value::Table(table) => table.into_iter().map(texts).collect(),
            _ => None,
        };
        Ok(each.map_or(Self::Other, Self::Each))
    }
}

/// Reads the table that begins at `line`.
pub(super) fn counts(line: usize, raw: RawCount) -> Result<CountWords, PlanError> {
    let wrong = |key: &str, reason: String| PlanError::Entry { line, key: format!("[count] {key}"), reason };
    let of_value = |key: &'static str| move |error: ValueError| wrong_value(line, key, &error);
    let RawCount { command, shell, url, pointer, prometheus, query, interval, scrape } = raw;
    for (is_there, needs, key, source) in [
        (shell.is_some(), command.is_some(), "shell", "command"),
        (pointer.is_some(), url.is_some(), "pointer", "url"),
        (query.is_some(), prometheus.is_some(), "query", "prometheus"),
        (scrape.is_some(), prometheus.is_some(), "scrape", "prometheus"),
    ] {
        if is_there && !needs {
            return Err(wrong(key, format!("it does nothing without a `{source}`")));
        }
    }
    let words = CountWords {
        command: command
            .map(|text| CommandLine::new(&text, shell.unwrap_or_default()).map_err(of_value("command")))
            .transpose()?,
        url: url.map(|url| Ok((url, named(line, "pointer", pointer, count::pointer)?))).transpose()?,
        prometheus: prometheus.map(|url| Ok((url, named(line, "query", query, count::query)?))).transpose()?,
        every: interval.map(|every| count::between(every.0).map_err(of_value("interval"))).transpose()?,
        scrape: scrape.map(|scrape| scrape.0),
    };
    match &words.prometheus {
        _ if words.is_empty() => {
            Err(wrong("", "name a `command`, a `url` or a `prometheus` with a `query`".to_owned()))
        }
        Some((_, queries)) if queries.is_empty() => {
            Err(wrong("prometheus", "it needs a `query`, such as query = 'count(up{job=\"web\"} == 1)'".to_owned()))
        }
        _ => Ok(words),
    }
}

fn wrong_value(line: usize, key: &str, error: &ValueError) -> PlanError {
    PlanError::Entry { line, key: format!("[count] {key}"), reason: error.to_string() }
}

fn named(
    line: usize,
    key: &'static str,
    raw: Option<RawNamed>,
    read: fn(&str) -> Result<Named, ValueError>,
) -> Result<Vec<Named>, PlanError> {
    let each = match raw {
        None => return Ok(Vec::new()),
        Some(RawNamed::Each(each)) if !each.is_empty() => each,
        Some(_) => {
            let reason = format!("give a text, or a table of them: {key} = {{ running = \"…\", desired = \"…\" }}");
            return Err(PlanError::Entry { line, key: format!("[count] {key}"), reason });
        }
    };
    let read = |(name, text): &(String, String)| -> Result<Named, ValueError> {
        if name.is_empty() {
            return read(text);
        }
        let counted = count::counted(name)?;
        Ok(Named { counted, ..read(&format!("{}={text}", values::count::RUNNING))? })
    };
    let named: Result<Vec<_>, ValueError> = each.iter().map(read).collect();
    let named = named.and_then(|named| count::each_once(&named).map(|()| named));
    named.map_err(|error| wrong_value(line, key, &error))
}
