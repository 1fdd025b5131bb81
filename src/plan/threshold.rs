//! Thresholds: what must hold for a run to pass, as a plan writes it. Parsing only; `session::verdict` judges.
//!
//! ```text
//! achieved = "> 99%"            the whole run
//! "failed.p99" = "< 1s"        of what failed; `all.p99` of everything, a bare `p99` of the OK answers
//! "spike.t_recover" = "< 60s"   the steps of the stage `spike`, repeats included
//! t_recover = "< 60s"           a number that only steps have: every step
//! "*.p99" = "< 1s"              a number that the run has too, but of every step
//! "checkout.p99" = "< 400ms"    of one of several requests, over the whole run
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::analysis::numbers::{self, Bounds, Course, Judged, Kind, Needs};
use crate::plan::Comparison;
use crate::plan::threshold::bound::{describe, example, read};
use crate::text::plain;
use crate::values;

mod bound;
mod limit;

pub(crate) use bound::Bound;
pub(crate) use limit::{Limit, LimitBound};

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Threshold {
    /// What it is about.
    pub scope: Scope,
    /// The number that is held against the bound.
    pub subject: Subject,
    /// How the number must compare with the bound.
    pub comparison: Comparison,
    pub bound: Bound,
    written: Written,
}

/// The numbers that one of several requests has, beside its percentiles.
static OF_A_REQUEST: [&Kind; 10] = [
    &numbers::ACHIEVED,
    &numbers::ERRORS,
    &numbers::DROPPED,
    &numbers::LOST,
    &numbers::DUE,
    &numbers::SENT,
    &numbers::OK,
    &numbers::P99,
    &numbers::FAILED_P99,
    &numbers::ALL_P99,
];

/// A threshold as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    name: String,
    bound: String,
    /// Whether what stands before the number is a request, and no stage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    request: bool,
}

/// What a threshold is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The totals of the whole run.
    Run,
    /// Every step.
    EveryStep,
    /// The steps of the stage of this name, repeats included.
    Stage(String),
    /// Of several requests those of this name, over the whole run.
    Request(String),
}

/// The number that is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subject {
    /// A number of steps, some of them of the run too.
    Number(&'static Kind, Judged),
    /// A percentile of the run's response time, as a quantile; 1 is the slowest. A step keeps no histogram, only its p99.
    Percentile(f64, Answers),
}

/// Whose response times a percentile is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Those that were as expected: a bare `p99`.
    Ok,
    /// The others: `failed.p99`.
    Failed,
    /// All: `all.p99`.
    All,
}

/// Why a threshold makes no sense, and what would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// No number of this name.
    #[error("`{name}` is not a number that can be judged here; give {allowed}")]
    Number {
        /// The unknown part of the name.
        name: String,
        /// What is known there.
        allowed: String,
    },
    /// No stage of this name.
    #[error("there is no stage `{name}`; the stages are {allowed}, or give * for every step")]
    Stage {
        name: String,
        /// The stages there are.
        allowed: String,
    },
    /// No stage and no request of this name.
    #[error("there is no stage and no request `{name}`; the stages are {stages}, the requests {requests}")]
    Request {
        name: String,
        /// The stages there are.
        stages: String,
        /// The requests there are.
        requests: String,
    },
    /// A stage and a request are called so.
    #[error("`{0}` is a stage and a request; give one of them another name")]
    Ambiguous(String),
    /// The bound cannot be read.
    #[error("\"{bound}\" is no bound for `{name}`; give <, <=, >, >= or == and {allowed}, such as \"{example}\"")]
    Bound {
        bound: String,
        name: String,
        /// The units it takes.
        allowed: &'static str,
        /// One that would be right.
        example: &'static str,
    },
}

impl Threshold {
    /// Reads a threshold: `spike.t_recover` and `< 60s`. Which stages there are is not known here: see
    /// [`Threshold::resolve`].
    pub fn parse(name: &str, bound: &str) -> Result<Self, ThresholdError> {
        let (scope, subject) = subject(name)?;
        let bounds = subject.bounds();
        let (comparison, bound_value) = Comparison::split(bound)
            .and_then(|(comparison, rest)| Some((comparison, read(bounds, rest)?)))
            .ok_or_else(|| ThresholdError::Bound {
                bound: bound.to_owned(),
                name: name.to_owned(),
                allowed: describe(bounds),
                example: example(bounds),
            })?;
        let request = matches!(scope, Scope::Request(_));
        let written = Written { name: name.to_owned(), bound: bound.trim().to_owned(), request };
        Ok(Self { scope, subject, comparison, bound: bound_value, written })
    }

    /// A bound that would be right for the number of this name; `None` when there is no such number.
    pub(super) fn example(name: &str) -> Option<&'static str> {
        subject(name).ok().map(|(_, subject)| example(subject.bounds()))
    }

    /// Finds out whether its name means a stage or a request: see [`Scope::resolve`].
    pub fn resolve<'a>(
        &mut self,
        stages: impl Iterator<Item = &'a str> + Clone,
        requests: &[&str],
    ) -> Result<(), ThresholdError> {
        self.scope.resolve(&self.subject, stages, requests)?;
        self.written.request = matches!(self.scope, Scope::Request(_));
        Ok(())
    }

    /// Its name as written: `spike.t_recover`.
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// Its bound as written: `< 60s`.
    pub fn bound(&self) -> &str {
        &self.written.bound
    }

    /// Whether the step that plays `stage` is meant. `None`: a step without a stage.
    pub fn covers(&self, stage: Option<&str>) -> bool {
        self.scope.covers(stage)
    }
}

impl Scope {
    /// Finds out whether a name means a stage or a request: one of `stages` (as the plan gives them, without the number of a repeat),
    /// or one of `requests`. Refuses what is neither, or both, and a `subject` that it has not.
    pub fn resolve<'a>(
        &mut self,
        subject: &Subject,
        stages: impl Iterator<Item = &'a str> + Clone,
        requests: &[&str],
    ) -> Result<(), ThresholdError> {
        let (Self::Stage(name) | Self::Request(name)) = &*self else { return Ok(()) };
        let is_stage = stages.clone().any(|stage| stage == name) && !matches!(self, Self::Request(_));
        match (is_stage, requests.contains(&name.as_str())) {
            (true, false) => Ok(()),
            (true, true) => Err(ThresholdError::Ambiguous(name.clone())),
            (false, true) if !subject.is_of_a_request() => {
                Err(ThresholdError::Number { name: subject.written(), allowed: of_a_request() })
            }
            (false, true) => {
                *self = Self::Request(name.clone());
                Ok(())
            }
            (false, false) => Err(nameless(name, subject, stages, requests)),
        }
    }

    /// Whether the step that plays `stage` is meant. `None`: a step without a stage.
    pub fn covers(&self, stage: Option<&str>) -> bool {
        match self {
            Self::Run | Self::Request(_) => false,
            Self::EveryStep => true,
            Self::Stage(name) => stage.is_some_and(|stage| stage == name || base_name(stage) == name),
        }
    }
}

impl fmt::Display for Threshold {
    /// `spike.t_recover < 60s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.written.name, self.written.bound)
    }
}

impl TryFrom<Written> for Threshold {
    type Error = ThresholdError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let mut threshold = Self::parse(&written.name, &written.bound)?;
        if let (true, Scope::Stage(name)) = (written.request, &threshold.scope) {
            threshold.scope = Scope::Request(name.clone());
            threshold.written.request = true;
        }
        Ok(threshold)
    }
}

impl From<Threshold> for Written {
    fn from(threshold: Threshold) -> Self {
        threshold.written
    }
}

impl Subject {
    /// What must be known before it can be told.
    pub const fn needs(&self) -> Needs {
        match self {
            Self::Number(kind, _) => kind.needs,
            Self::Percentile(..) => Needs::Nothing,
        }
    }

    /// How it moves while the session goes on.
    pub const fn course(&self) -> Course {
        match self {
            Self::Number(_, judged) => judged.course,
            Self::Percentile(..) => Course::Open,
        }
    }

    /// Whether one of several requests has it.
    fn is_of_a_request(&self) -> bool {
        match self {
            Self::Number(kind, _) => OF_A_REQUEST.contains(kind),
            Self::Percentile(..) => true,
        }
    }

    /// Its name as it is written.
    fn written(&self) -> String {
        match self {
            Self::Number(_, judged) => judged.name.to_owned(),
            Self::Percentile(quantile, _) if *quantile >= 1.0 => "max".to_owned(),
            Self::Percentile(quantile, _) => format!("p{}", plain(quantile * 100.0)),
        }
    }

    const fn bounds(&self) -> Bounds {
        match self {
            Self::Number(_, judged) => judged.bounds,
            Self::Percentile(..) => Bounds::Time,
        }
    }
}

/// `spike (2)` is a repeat of `spike`.
pub(crate) fn base_name(stage: &str) -> &str {
    let Some((base, number)) = stage.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) else { return stage };
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) { base } else { stage }
}

/// What a name is about. Both parts may hold dots: `p99.9`, a stage called `v1.2`.
fn subject(name: &str) -> Result<(Scope, Subject), ThresholdError> {
    let name = name.trim();
    if let Some(subject) = of_run(name) {
        return Ok((Scope::Run, subject));
    }
    if let Some(subject) = of_steps(name) {
        return Ok((Scope::EveryStep, subject));
    }
    let splits = || name.match_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..]));
    for (stage, number) in splits() {
        let scope = if stage == "*" { Scope::EveryStep } else { Scope::Stage(stage.to_owned()) };
        if let Some(subject) = of_steps(number) {
            return Ok((scope, subject));
        }
    }
    // What only the run has of its own, each of its requests has too.
    let of_request = |(request, number)| Some((Scope::Request(str::to_owned(request)), of_run(number)?));
    if let Some(found) = splits().filter(|(request, _)| *request != "*").find_map(of_request) {
        return Ok(found);
    }
    let (name, allowed) = match name.split_once('.') {
        Some((_, number)) => (number, known(numbers::P99.label)),
        // A bare name may also be one that only steps have.
        None => (name, known("p50 … p99.9 or max (of OK answers; failed.p99 and all.p99 for the others)")),
    };
    Err(ThresholdError::Number { name: name.to_owned(), allowed })
}

fn of_run(name: &str) -> Option<Subject> {
    let row = numbers::judged().find(|(_, judged)| judged.of_run && judged.name == name);
    row.map(|(kind, judged)| Subject::Number(kind, judged)).or_else(|| {
        let (of, name) = match name.split_once('.') {
            Some(("failed", name)) => (Answers::Failed, name),
            Some(("all", name)) => (Answers::All, name),
            _ => (Answers::Ok, name),
        };
        values::percentile(name).ok().map(|quantile| Subject::Percentile(quantile, of))
    })
}

fn of_steps(name: &str) -> Option<Subject> {
    let is_p99 = || values::percentile(name).is_ok_and(|quantile| (quantile - 0.99).abs() < 1e-9);
    let row = numbers::judged().find(|(kind, judged)| judged.name == name || (**kind == numbers::P99 && is_p99()));
    row.map(|(kind, judged)| Subject::Number(kind, judged))
}

/// What is said of a name that is neither a stage's nor a request's.
fn nameless<'a>(
    name: &str,
    subject: &Subject,
    stages: impl Iterator<Item = &'a str> + Clone,
    requests: &[&str],
) -> ThresholdError {
    // A stage has a p99 alone: what was meant is the stage, and no request.
    if matches!(subject, Subject::Percentile(..)) && stages.clone().any(|stage| stage == name) {
        return ThresholdError::Number { name: subject.written(), allowed: known(numbers::P99.label) };
    }
    let mut stages: Vec<_> = stages.filter(|stage| base_name(stage) == *stage).collect();
    stages.dedup();
    let (name, stages) = (name.to_owned(), stages.join(", "));
    if requests.is_empty() {
        return ThresholdError::Stage { name, allowed: stages };
    }
    ThresholdError::Request { name, stages, requests: requests.join(", ") }
}

/// The numbers that one of several requests has, for a message.
fn of_a_request() -> String {
    let names: Vec<_> = OF_A_REQUEST.iter().filter_map(|kind| Some(kind.judged?.name)).collect();
    format!("{} or p50 … p99.9 or max for one of several requests", names.join(", "))
}

/// The names that may stand in a place, for a message.
fn known(percentiles: &str) -> String {
    let others = numbers::judged().filter(|(kind, _)| **kind != numbers::P99);
    let mut names: Vec<&str> = others.map(|(_, judged)| judged.name).collect();
    names.dedup();
    format!("{} or {percentiles}", names.join(", "))
}

#[cfg(test)]
mod tests;
