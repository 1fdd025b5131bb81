//! Reading a plan: TOML in, a validated [`Plan`] out, every mistake with its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use ::toml::Spanned;
use serde::Deserialize;
use serde::de::Error as _;

use crate::plan::threshold::Threshold;
use crate::plan::{Comparison, Condition, MOST_STAGES, Plan, PlanError, Stage, StageEnd};
use crate::slo::Slo;
use crate::values;
use scaletop_load::RateProfile;
use scaletop_units::ArrivalRate;

pub(super) fn parse(text: &str) -> Result<Plan, PlanError> {
    let raw: RawPlan = ::toml::from_str(text)
        .map_err(|source| PlanError::Syntax { nearest: nearest_key(source.message()), source })?;
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
    Ok(Plan {
        name: raw.name.unwrap_or_else(|| "unnamed".to_owned()),
        url: raw.target.map(|target| target.url),
        slo,
        thresholds: thresholds(text, raw.thresholds, &stages)?,
        stages,
    })
}

/// Of the keys that a complaint of an unknown one lists, in backticks behind the unknown one itself, the one that was meant.
fn nearest_key(complaint: &str) -> Option<String> {
    let mut quoted = complaint.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    values::nearest(unknown, quoted).map(str::to_owned)
}

/// Keys and values with their places in the text.
type Entries = BTreeMap<Spanned<String>, Spanned<RawText>>;

/// A text. A table in its place comes from a key with a dot that is not quoted.
struct RawText(String);

impl<'de> Deserialize<'de> for RawText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match ::toml::Value::deserialize(deserializer)? {
            ::toml::Value::String(text) => Ok(Self(text)),
            ::toml::Value::Table(table) => {
                let inner = table.keys().next().map_or("lost", String::as_str);
                Err(D::Error::custom(format!(
                    "a key with a dot has to be quoted: \"STAGE.{inner}\" = \"…\", under [thresholds] itself"
                )))
            }
            other => Err(D::Error::custom(format!("{other} is no string: write it like \"< 1%\" or \"500ms\""))),
        }
    }
}

/// The line, from 1, at which `span` begins.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1
}

/// The entries in the order of the file.
fn in_order(entries: Entries) -> Vec<(Spanned<String>, Spanned<RawText>)> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// Objectives in TOML's words: `p99 = "500ms"`, `errors = "1%"`.
fn objectives(text: &str, entries: Entries) -> Result<Slo, PlanError> {
    let objectives: Result<Vec<_>, _> = in_order(entries)
        .into_iter()
        .map(|(name, value)| {
            let line = line_of(text, &name.span());
            let objective = values::objective(&format!("{}={}", name.get_ref(), value.get_ref().0));
            objective.map_err(|source| PlanError::Objective { line, source })
        })
        .collect();
    objectives.map(|objectives| values::slo(&objectives))
}

fn thresholds(text: &str, entries: Entries, stages: &[Stage]) -> Result<Vec<Threshold>, PlanError> {
    let names = stages.iter().map(|stage| stage.name.as_str());
    in_order(entries)
        .into_iter()
        .map(|(key, bound)| {
            let line = line_of(text, &key.span());
            let threshold = Threshold::parse(key.get_ref(), &bound.get_ref().0);
            threshold
                .and_then(|threshold| threshold.check_stage(names.clone()).map(|()| threshold))
                .map_err(|source| PlanError::Threshold { line, key: key.into_inner(), source })
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    name: Option<String>,
    target: Option<RawTarget>,
    slo: Option<Entries>,
    #[serde(default)]
    stage: Vec<Spanned<RawStage>>,
    #[serde(default)]
    thresholds: Entries,
    repeat: Option<Repeat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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

struct RawRate(ArrivalRate);

impl<'de> Deserialize<'de> for RawRate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match ::toml::Value::deserialize(deserializer)? {
            ::toml::Value::Integer(rate) => rate.to_string(),
            ::toml::Value::String(text) => text,
            other => other.to_string(),
        };
        values::rate(&text).map(Self).map_err(D::Error::custom)
    }
}

struct RawDuration(Duration);

impl<'de> Deserialize<'de> for RawDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match ::toml::Value::deserialize(deserializer)? {
            ::toml::Value::String(text) => text,
            other => other.to_string(),
        };
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
