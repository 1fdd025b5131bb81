//! Plans: load that was written down. Parsing and validation; [`conductor`] plays one.
//!
//! A plan is TOML. Unknown keys are errors that name the key and the line, since a misspelt threshold that is ignored
//! would be a test that always passes.

pub mod conductor;
pub mod forecast;
pub mod threshold;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use serde::de::Error as _;
use toml::Spanned;

use crate::cli::values::{self, ValueError};
use crate::load::rate::RateProfile;
use crate::plan::threshold::{Threshold, ThresholdError};
use crate::slo::Slo;
use crate::units::ArrivalRate;

/// More stages than this, repeats unrolled, are taken for a mistake.
const MOST_STAGES: usize = 10_000;

/// A validated plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// Where its load goes, unless the command line says otherwise.
    pub url: Option<String>,
    /// The objectives that it sets; the defaults for the rest.
    pub slo: Option<Slo>,
    /// Its stages in order, repeats unrolled.
    pub stages: Vec<Stage>,
    /// What must hold, in the order of the file.
    pub thresholds: Vec<Threshold>,
}

/// One stage: a rate, or a ramp, and when it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it is called; `stage 3` when the plan does not say. Repeats carry their number: `spike (2)`.
    pub name: String,
    /// The rate it drives.
    pub profile: RateProfile,
    /// When it is over.
    pub end: StageEnd,
}

/// When a stage is over.
#[derive(Clone, Debug, PartialEq)]
pub enum StageEnd {
    /// After this long.
    After(Duration),
    /// When the condition holds, or after this long at most.
    Until(Condition, Duration),
}

impl StageEnd {
    /// The longest the stage can take.
    pub const fn at_most(&self) -> Duration {
        match self {
            Self::After(duration) | Self::Until(_, duration) => *duration,
        }
    }
}

/// What ends a stage early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The instance count has not changed for a while, and the objective holds.
    Settled,
    /// The instance count compares so with a number.
    Instances(Comparison, u32),
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Comparison {
    /// Whether `left` compares so with `right`.
    pub fn holds<T: PartialOrd + Copy>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left == right,
        }
    }

    /// The sign, as it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
        }
    }

    /// Splits `<= 1` into the comparison and the rest.
    pub fn split(text: &str) -> Option<(Self, &str)> {
        // The two-character signs come first, or `<` would match `<=`.
        [("<=", Self::AtMost), (">=", Self::AtLeast), ("==", Self::Equal), ("<", Self::Less), (">", Self::More)]
            .into_iter()
            .find_map(|(sign, comparison)| text.trim().strip_prefix(sign).map(|rest| (comparison, rest.trim())))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sign())
    }
}

/// Why a plan cannot be used: where, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text is not a plan. The message shows the line and what was expected there.
    #[error("the plan cannot be used:\n{0}")]
    Syntax(#[from] toml::de::Error),
    /// A stage contradicts itself.
    #[error("line {line}: stage {number} ({name}): {reason}")]
    Stage {
        /// The line it begins at, from 1.
        line: usize,
        /// Its place, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong and what would be right.
        reason: &'static str,
    },
    /// An objective makes no sense.
    #[error("line {line}: {source}")]
    Objective {
        /// Its line, from 1.
        line: usize,
        /// What is wrong with it.
        source: ValueError,
    },
    /// A threshold makes no sense.
    #[error("line {line}: threshold `{key}`: {source}")]
    Threshold {
        /// Its line, from 1.
        line: usize,
        /// Its key.
        key: String,
        /// What is wrong with it.
        source: ThresholdError,
    },
    /// There is nothing to do.
    #[error("the plan has no stage: add a [[stage]] with a rate and a duration")]
    Empty,
    /// Repeats make it too long.
    #[error("the plan has more than {MOST_STAGES} stages when its repeats are unrolled: lower a `repeat`")]
    TooLong,
}

impl Plan {
    /// Reads a plan.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let raw: RawPlan = toml::from_str(text)?;
        let slo = raw.slo.map(|slo| objectives(text, slo)).transpose()?;
        if raw.stage.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut stages = Vec::new();
        for round in 0..raw.repeat.map_or(1, Repeat::get) {
            for (at, stage) in raw.stage.iter().enumerate() {
                let place = Place { line: line_of(text, &stage.span()), number: at + 1 };
                stage.get_ref().unroll(place, round, &mut stages)?;
                if stages.len() > MOST_STAGES {
                    return Err(PlanError::TooLong);
                }
            }
        }
        Ok(Self {
            name: raw.name.unwrap_or_else(|| "unnamed".to_owned()),
            url: raw.target.map(|target| target.url),
            slo,
            thresholds: thresholds(text, raw.thresholds, &stages)?,
            stages,
        })
    }

    /// The same plan with every duration multiplied by `factor`; no stage gets shorter than a second, nor longer than it
    /// was when it already was.
    #[must_use]
    pub fn stretched(mut self, factor: f64) -> Self {
        const SHORTEST: Duration = Duration::from_secs(1);
        let stretch = |duration: Duration| {
            // Whole milliseconds, so that the timeline stays readable.
            let millis = (duration.as_secs_f64() * factor * 1e3).round();
            let stretched = Duration::try_from_secs_f64(millis / 1e3).unwrap_or(duration);
            stretched.max(SHORTEST.min(duration))
        };
        for stage in &mut self.stages {
            stage.end = match &stage.end {
                StageEnd::After(duration) => StageEnd::After(stretch(*duration)),
                StageEnd::Until(condition, at_most) => StageEnd::Until(*condition, stretch(*at_most)),
            };
            if let RateProfile::Ramp { over, .. } = &mut stage.profile {
                *over = stretch(*over);
            }
        }
        self
    }

    /// The longest it can take.
    pub fn at_most(&self) -> Duration {
        self.stages.iter().map(|stage| stage.end.at_most()).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The highest rate it drives.
    pub fn peak(&self) -> ArrivalRate {
        self.stages.iter().map(|s| s.profile.first().max(s.profile.last())).max().unwrap_or(ArrivalRate::PAUSED)
    }
}

/// Keys and values with their places in the text.
type Entries = BTreeMap<Spanned<String>, Spanned<String>>;

/// The line, from 1, at which `span` begins.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1
}

/// The entries in the order of the file.
fn in_order(entries: Entries) -> Vec<(Spanned<String>, Spanned<String>)> {
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
            let objective = values::objective(&format!("{}={}", name.get_ref(), value.get_ref()));
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
            let threshold = Threshold::parse(key.get_ref(), bound.get_ref());
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
struct Place {
    line: usize,
    number: usize,
}

impl RawStage {
    /// Appends the stage, once for each of its repeats. `round` counts the repeats of the plan.
    fn unroll(&self, place: Place, round: u32, stages: &mut Vec<Stage>) -> Result<(), PlanError> {
        let Place { line, number } = place;
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
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::Integer(rate) => rate.to_string(),
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        values::rate(&text).map(Self).map_err(D::Error::custom)
    }
}

struct RawDuration(Duration);

impl<'de> Deserialize<'de> for RawDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
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

#[cfg(test)]
mod tests;
