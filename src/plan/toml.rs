//! Reading a plan: TOML in, a validated [`Plan`] out, every mistake with its line.

mod counted;
mod refusal;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ::toml::Spanned;
use serde::Deserialize;
use serde::de::Error as _;

use crate::plan::threshold::{Threshold, ThresholdError};
use crate::plan::toml::refusal::{line_of, named, of_request};
use crate::plan::{Comparison, Condition, MOST_STAGES, OpenName, Plan, PlanError, Stage, StageEnd};
use crate::slo::Slo;
use crate::values::{self, Objective};
use scaletop_load::RateProfile;
use scaletop_units::ArrivalRate;

pub(super) fn parse(text: &str) -> Result<Plan, PlanError> {
    let raw: RawPlan = ::toml::from_str(text).map_err(|error| refusal::of_text(text, &error))?;
    let slo = raw.slo.map(|slo| objectives(text, slo)).transpose()?;
    if raw.stage.is_empty() {
        return Err(PlanError::Empty);
    }
    let mut stages = Vec::new();
    for round in 0..raw.repeat.map_or(1, Repeat::get) {
        for (at, stage) in raw.stage.iter().enumerate() {
            let position = StagePosition { line: line_of(text, &stage.span()), number: at + 1 };
            stage.get_ref().unroll(position, round, &mut stages)?;
            if stages.len() > MOST_STAGES {
                return Err(PlanError::TooLong);
            }
        }
    }
    let (thresholds, open) = thresholds(text, raw.thresholds, &stages)?;
    let target = raw.target.unwrap_or_default();
    Ok(Plan {
        name: raw.name.unwrap_or_else(|| "unnamed".to_owned()),
        file: None,
        url: target.url,
        requests: target.requests,
        requests_data: target.requests_data,
        slo,
        count: raw
            .count
            .map(|count| counted::counts(line_of(text, &count.span()), count.into_inner()))
            .transpose()?
            .unwrap_or_default(),
        thresholds,
        open,
        stages,
    })
}

/// Keys and values with their places in the text.
type Entries = BTreeMap<Spanned<String>, Spanned<RawText>>;

/// What stands beside a key that should have a text.
enum RawText {
    Text(String),
    /// A table, with its first key: it comes from a key with a dot that is not quoted.
    Table(String),
    /// A number, a list or whatever else.
    Other,
}

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match ::toml::Value::deserialize(deserializer)? {
            ::toml::Value::String(text) => Self::Text(text),
            ::toml::Value::Table(table) => Self::Table(table.keys().next().cloned().unwrap_or_default()),
            _ => Self::Other,
        })
    }
}

/// The entries in the order of the file.
fn in_order(entries: Entries) -> Vec<(Spanned<String>, Spanned<RawText>)> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Objectives in TOML's words: `p99 = "500ms"`, `errors = "1%"`; one of each kind.
fn objectives(text: &str, entries: Entries) -> Result<Slo, PlanError> {
    let mut objectives = Vec::new();
    let mut before: [Option<String>; 2] = [None, None];
    for (key, value) in in_order(entries) {
        let (line, key) = (line_of(text, &key.span()), key.into_inner());
        let objective = objective(line, &key, value.get_ref())?;
        let kind = usize::from(matches!(objective, Objective::Errors(_)));
        if let Some(other) = before[kind].replace(key.clone()) {
            let (two, reads) = match kind {
                0 => ("two percentiles", "keep one, and write [thresholds] for the others"),
                _ => ("the share of errors twice", "keep one"),
            };
            let reason = format!("[slo] names {two}, with `{other}`, and an objective has one: {reads}");
            return Err(PlanError::Entry { line, key: named(&key), reason });
        }
        objectives.push(objective);
    }
    Ok(values::slo(&objectives))
}

/// One of them. What stands beside a key that is no objective is not repeated.
fn objective(line: usize, key: &str, value: &RawText) -> Result<Objective, PlanError> {
    let wrong = |reason: String| PlanError::Entry { line, key: named(key), reason };
    let example = match key.trim() {
        "errors" | "error" => "a percentage in quotes: errors = \"1%\"".to_owned(),
        name if values::percentile(name).is_ok() => format!("a time in quotes: {name} = \"500ms\""),
        name => {
            let allowed = "no objective; give a percentile with a time, such as p99 = \"500ms\", or errors = \"1%\"";
            return Err(wrong(of_request(name).unwrap_or(allowed).to_owned()));
        }
    };
    match value {
        RawText::Text(value) => {
            values::objective(&format!("{key}={value}")).map_err(|source| PlanError::Objective { line, source })
        }
        RawText::Table(_) => Err(wrong("a key with a dot has to be quoted: \"p99.9\" = \"500ms\"".to_owned())),
        RawText::Other => Err(wrong(format!("it takes {example}"))),
    }
}

/// The thresholds, and where each of them stands: what it means is known when the requests are.
fn thresholds(text: &str, entries: Entries, stages: &[Stage]) -> Result<(Vec<Threshold>, Vec<OpenName>), PlanError> {
    let names = || stages.iter().map(|stage| stage.name.as_str());
    let (mut thresholds, mut open) = (Vec::new(), Vec::new());
    for (key, bound) in in_order(entries) {
        let (line, key) = (line_of(text, &key.span()), key.into_inner());
        let mut threshold = threshold(line, &key, bound.get_ref())?;
        // What names no stage may mean a request.
        let _ = threshold.resolve(names(), &[]);
        open.push(OpenName { at: thresholds.len(), line, key });
        thresholds.push(threshold);
    }
    Ok((thresholds, open))
}

/// One of them. A bound is repeated only beside a number that there is.
fn threshold(line: usize, key: &str, bound: &RawText) -> Result<Threshold, PlanError> {
    let wrong = |reason: String| PlanError::Entry { line, key: named(key), reason };
    let bound = match bound {
        RawText::Text(bound) => bound,
        RawText::Table(inner) => {
            let is_number = Threshold::example(inner).is_some();
            if let (Some(tip), false) = (of_request(key), is_number) {
                return Err(wrong(tip.to_owned()));
            }
            let inner = if is_number { inner } else { "lost" };
            return Err(wrong(format!(
                "a key with a dot has to be quoted: \"STAGE.{inner}\" = \"…\", under [thresholds] itself"
            )));
        }
        RawText::Other => match (of_request(key), Threshold::example(key)) {
            (None, Some(example)) => return Err(wrong(format!("a bound is a string, such as \"{example}\""))),
            _ => "",
        },
    };
    Threshold::parse(key, bound).map_err(|source| match (of_request(key), &source) {
        (Some(tip), _) => wrong(tip.to_owned()),
        (None, ThresholdError::Number { .. }) if key.contains([':', '=']) => {
            wrong("not a number that can be judged here, such as \"spike.lost\"".to_owned())
        }
        _ => PlanError::Threshold { line, key: key.to_owned(), source },
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    name: Option<String>,
    target: Option<RawTarget>,
    slo: Option<Entries>,
    count: Option<Spanned<counted::RawCount>>,
    #[serde(default)]
    stage: Vec<Spanned<RawStage>>,
    #[serde(default)]
    thresholds: Entries,
    repeat: Option<Repeat>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a table with a `url`")]
struct RawTarget {
    url: Option<String>,
    /// A file of several requests, and one of their data; from the plan's folder on.
    requests: Option<PathBuf>,
    requests_data: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a [[stage]] with a rate and a duration")]
struct RawStage {
    name: Option<String>,
    rate: Option<RawRate>,
    from: Option<RawRate>,
    to: Option<RawRate>,
    duration: Option<RawDuration>,
    until: Option<Condition>,
    at_most: Option<RawDuration>,
    repeat: Option<Repeat>,
}

/// Where a stage stands: its line, and its number among the stages; both from 1.
#[derive(Clone, Copy)]
struct StagePosition {
    line: usize,
    number: usize,
}

impl RawStage {
    /// Appends the stage, once for each of its repeats. `round` counts the repeats of the plan.
    fn unroll(&self, position: StagePosition, round: u32, stages: &mut Vec<Stage>) -> Result<(), PlanError> {
        let StagePosition { line, number } = position;
        let name = self.name.clone().unwrap_or_else(|| format!("stage {number}"));
        let wrong = |reason| PlanError::Stage { line, number, name: name.clone(), reason };
        let end = match (&self.duration, self.until, &self.at_most) {
            (Some(duration), None, None) => StageEnd::After(duration.0),
            (None, Some(until), Some(at_most)) => StageEnd::Until(until, at_most.0),
            (None, Some(_), None) => return Err(wrong("`until` needs an `at_most`, or it might never end")),
            (None, None, _) => return Err(wrong("it needs a `duration`, or `until` with `at_most`")),
            (Some(_), Some(_), _) => return Err(wrong("`duration` and `until` exclude each other: use `at_most`")),
            (Some(_), None, Some(_)) => return Err(wrong("`at_most` belongs to `until`; a `duration` needs none")),
        };
        let profile = match (&self.rate, &self.from, &self.to) {
            (Some(rate), None, None) => RateProfile::Constant(rate.0),
            (None, Some(from), Some(to)) => match end {
                StageEnd::After(over) => RateProfile::Ramp { from: from.0, to: to.0, over },
                StageEnd::Until(..) => return Err(wrong("a ramp (`from`, `to`) needs a `duration`, not `until`")),
            },
            (None, None, None) => return Err(wrong("it needs a `rate`, or `from` and `to`")),
            (Some(_), ..) => return Err(wrong("`rate` excludes `from` and `to`")),
            (None, ..) => return Err(wrong("a ramp needs both `from` and `to`")),
        };
        let repeats = self.repeat.map_or(1, Repeat::get);
        for repeat in 0..repeats {
            let nth = round * repeats + repeat;
            let name = if nth == 0 { name.clone() } else { format!("{name} ({})", nth + 1) };
            stages.push(Stage { name, profile, end: end.clone() });
            if stages.len() > MOST_STAGES {
                return Err(PlanError::TooLong);
            }
        }
        Ok(())
    }
}

/// What stands beside a key, as a text; what a list or a table holds is not repeated.
fn scalar(value: ::toml::Value) -> String {
    match value {
        ::toml::Value::String(text) => text,
        ::toml::Value::Array(_) => "[…]".to_owned(),
        ::toml::Value::Table(_) => "{…}".to_owned(),
        other => other.to_string(),
    }
}

struct RawRate(ArrivalRate);

impl<'de> Deserialize<'de> for RawRate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = scalar(::toml::Value::deserialize(deserializer)?);
        values::rate(&text).map(Self).map_err(D::Error::custom)
    }
}

struct RawDuration(Duration);

impl<'de> Deserialize<'de> for RawDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = scalar(::toml::Value::deserialize(deserializer)?);
        values::positive_duration(&text).map(Self).map_err(D::Error::custom)
    }
}

/// How often a stage, or the whole plan, is played: 1 to 1,000.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct Repeat(u32);

impl Repeat {
    const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<i64> for Repeat {
    type Error = String;

    fn try_from(times: i64) -> Result<Self, Self::Error> {
        match u32::try_from(times) {
            Ok(times) if (1..=1_000).contains(&times) => Ok(Self(times)),
            _ => Err(format!("repeat = {times}: give a whole number from 1 to 1000")),
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "\"{text}\" is not a condition: give \"settled\" or \"instances <= 1\" (<, <=, >, >=, ==)"
            ))
        })
    }
}

impl Condition {
    fn parse(text: &str) -> Option<Self> {
        if text.trim() == "settled" {
            return Some(Self::Settled);
        }
        let (comparison, count) = Comparison::split(text.trim().strip_prefix("instances")?)?;
        Some(Self::Instances(comparison, count.parse().ok()?))
    }
}
