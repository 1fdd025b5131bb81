//! Plans: load that was written down. [`schedule`] plays one, [`forecast`] says what it will do, [`threshold`] what must
//! hold.
//!
//! A plan is TOML. Unknown keys are errors that name the key and the line, since a misspelt threshold that is ignored
//! would be a test that always passes.

pub(crate) mod forecast;
pub(crate) mod schedule;
pub(crate) mod threshold;
mod toml;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::plan::threshold::{Threshold, ThresholdError};
use crate::slo::Slo;
use crate::values::ValueError;
use crate::values::count::CountWords;
use scaletop_load::RateProfile;
use scaletop_units::ArrivalRate;

/// More stages than this, repeats unrolled, are taken for a mistake.
const MOST_STAGES: usize = 10_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What it is called.
    pub name: String,
    /// The file that it was read from, for messages.
    pub file: Option<PathBuf>,
    /// Where its load goes, unless the command line says otherwise.
    pub url: Option<String>,
    /// The file of several requests that it sends, unless the command line says otherwise; and of their data.
    pub requests: Option<PathBuf>,
    pub requests_data: Option<PathBuf>,
    /// The objectives that it sets; the defaults for the rest.
    pub slo: Option<Slo>,
    /// Who counts instances, where it says.
    pub count: CountWords,
    /// Its stages in order, repeats unrolled.
    pub stages: Vec<Stage>,
    /// What must hold, in the order of the file.
    pub thresholds: Vec<Threshold>,
    /// Where each of them stands: see [`Plan::resolve`].
    open: Vec<OpenName>,
}

/// Where a threshold stands, whose name is understood only when the requests are known.
#[derive(Clone, Debug, PartialEq)]
struct OpenName {
    /// Its place among the thresholds.
    at: usize,
    /// Its line, from 1.
    line: usize,
    key: String,
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

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled => f.write_str("settled"),
            Self::Instances(comparison, count) => write!(f, "instances {comparison} {count}"),
        }
    }
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
    /// The text is not a plan. What stands there is not repeated: it may be a secret.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// An objective or a threshold that is none.
    #[error("line {line}: {key}: {reason}")]
    Entry {
        /// Its line, from 1.
        line: usize,
        /// The key as a message may name it.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A stage contradicts itself.
    #[error("line {line}: stage {number} ({name}): {reason}")]
    Stage {
        /// The line it begins at, from 1.
        line: usize,
        /// Its place, from 1.
        number: usize,
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
    /// Reads a plan that sends one request.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        Self::read(text)?.resolve(&[])
    }

    /// Reads a plan. Which requests its thresholds may be about is not known here: see [`Plan::resolve`].
    pub fn read(text: &str) -> Result<Self, PlanError> {
        toml::parse(text)
    }

    /// The plan for a load of so many requests, by name; none where there is only one.
    ///
    /// # Errors
    /// When a threshold is about something that is neither a stage nor one of them, or both.
    pub fn resolve(mut self, requests: &[&str]) -> Result<Self, PlanError> {
        let stages = || self.stages.iter().map(|stage| stage.name.as_str());
        for (at, threshold) in self.thresholds.iter_mut().enumerate() {
            threshold.resolve(stages(), requests).map_err(|source| {
                let open = self.open.iter().find(|open| open.at == at);
                let (line, key) = open.map_or((0, threshold.name().to_owned()), |open| (open.line, open.key.clone()));
                PlanError::Threshold { line, key, source }
            })?;
        }
        Ok(self)
    }

    /// The same plan with every duration multiplied by `factor`; no stage gets shorter than two seconds, below which
    /// stages would merge into one step, unless it was.
    #[must_use]
    pub fn stretched(mut self, factor: f64) -> Self {
        const SHORTEST: Duration = Duration::from_secs(2);
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

    /// The same plan with another highest rate: wherever it drives its [`Plan::peak`], it drives `peak` instead, and its name says so
    /// where it named the rate.
    #[must_use]
    pub fn with_peak(mut self, peak: ArrivalRate) -> Self {
        let before = self.peak();
        let (old, new) = (before.get().to_string(), peak.get().to_string());
        let renamed = |word: &str| {
            let is_it = word.trim_matches(|ch: char| ch.is_ascii_punctuation()) == old;
            if is_it { word.replace(&old, &new) } else { word.to_owned() }
        };
        self.name = self.name.split(' ').map(renamed).collect::<Vec<_>>().join(" ");
        let replaced = |rate: &mut ArrivalRate| {
            if *rate == before {
                *rate = peak;
            }
        };
        for stage in &mut self.stages {
            match &mut stage.profile {
                RateProfile::Constant(rate) => replaced(rate),
                RateProfile::Ramp { from, to, .. } => [from, to].into_iter().for_each(replaced),
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

#[cfg(test)]
mod tests;
