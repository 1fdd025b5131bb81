//! Plans: load that was written down. Parsing and validation; [`conductor`] plays one.
//!
//! A plan is TOML. Unknown keys are errors that name the key and the line, since a misspelt threshold that is ignored
//! would be a test that always passes.

pub mod conductor;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::Error as _;

use crate::cli::values::{self, Objective};
use crate::load::rate::RateProfile;
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
    /// What must hold, as written: name and bound.
    pub thresholds: Vec<(String, String)>,
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

    /// Splits `<= 1` into the comparison and the rest.
    pub fn split(text: &str) -> Option<(Self, &str)> {
        // The two-character signs come first, or `<` would match `<=`.
        [("<=", Self::AtMost), (">=", Self::AtLeast), ("==", Self::Equal), ("<", Self::Less), (">", Self::More)]
            .into_iter()
            .find_map(|(sign, comparison)| text.trim().strip_prefix(sign).map(|rest| (comparison, rest.trim())))
    }
}

/// Why a plan cannot be used: where, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text is not a plan. The message shows the line and what was expected there.
    #[error("the plan cannot be used:\n{0}")]
    Syntax(#[from] toml::de::Error),
    /// A stage contradicts itself.
    #[error("stage {number} ({name}): {reason}")]
    Stage {
        /// Its place, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong and what would be right.
        reason: &'static str,
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
        if raw.stage.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut stages = Vec::new();
        for round in 0..raw.repeat.map_or(1, Repeat::get) {
            for (at, stage) in raw.stage.iter().enumerate() {
                stage.unroll(at + 1, round, &mut stages)?;
                if stages.len() > MOST_STAGES {
                    return Err(PlanError::TooLong);
                }
            }
        }
        let slo = raw.slo.map(|slo| values::slo(&slo.0));
        let thresholds = raw.thresholds.into_iter().collect();
        Ok(Self {
            name: raw.name.unwrap_or_else(|| "unnamed".to_owned()),
            url: raw.target.map(|target| target.url),
            slo,
            stages,
            thresholds,
        })
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    name: Option<String>,
    target: Option<RawTarget>,
    slo: Option<RawSlo>,
    #[serde(default)]
    stage: Vec<RawStage>,
    #[serde(default)]
    thresholds: BTreeMap<String, String>,
    repeat: Option<Repeat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    url: String,
}

/// Objectives in TOML's words: `p99 = "500ms"`, `errors = "1%"`.
struct RawSlo(Vec<Objective>);

impl<'de> Deserialize<'de> for RawSlo {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<String, String>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, value)| values::objective(&format!("{name}={value}")).map_err(D::Error::custom))
            .collect::<Result<_, _>>()
            .map(Self)
    }
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

impl RawStage {
    /// Appends the stage, once for each of its repeats. `number` is its place in the file, `round` that of the plan.
    fn unroll(&self, number: usize, round: u32, stages: &mut Vec<Stage>) -> Result<(), PlanError> {
        let name = self.name.clone().unwrap_or_else(|| format!("stage {number}"));
        let wrong = |reason| PlanError::Stage { number, name: name.clone(), reason };
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
