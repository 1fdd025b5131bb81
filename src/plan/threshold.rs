//! Thresholds: what must hold for a run to pass, as a plan writes it. Parsing only; `session::verdict` judges.
//!
//! ```text
//! achieved = "> 99%"            the whole run
//! "spike.t_recover" = "< 60s"   the steps of the stage `spike`, repeats included
//! t_recover = "< 60s"           a number that only steps have: every step
//! "*.p99" = "< 1s"              a number that the run has too, but of every step
//! ```

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::Comparison;
use crate::values;

/// Something that must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Threshold {
    /// What it is about.
    pub scope: Scope,
    /// The number that is held against the bound.
    pub number: Number,
    /// How the number must compare with the bound.
    pub comparison: Comparison,
    /// The bound.
    pub bound: Bound,
    written: Written,
}

/// A threshold as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    name: String,
    bound: String,
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
}

/// What a number is compared with, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A time.
    Time(Duration),
    /// A share, 1 = 100 %.
    Share(f64),
    /// A plain number.
    Count(f64),
}

/// The units that a number can be given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// A share that may be more than the whole.
    Ratio,
    Time,
    Share,
    Count,
    /// Both make sense: `< 0.1%` of what was due, or `< 10` of them.
    ShareOrCount,
    /// Seconds that were counted: `< 10` or `< 10s`.
    TimeOrCount,
}

/// The numbers that can be judged. What each means stands in the README's section on plans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Arrivals sent ÷ due.
    Achieved,
    /// Failed answers of any kind ÷ answers.
    Errors,
    /// Requests that the service lost: capacity and application errors, arrivals dropped at the in-flight cap.
    Lost,
    /// OK answers slower than the objective.
    Slow,
    /// Arrivals that were never sent.
    Dropped,
    /// Arrivals that came due.
    Due,
    /// Arrivals handed to the transport.
    Sent,
    /// OK answers.
    Ok,
    /// A percentile of the response time, as a quantile; 1 is the slowest.
    Response(f64),
    /// p99 of the send lag.
    SendLagP99,
    /// The highest p99 of any second.
    PeakP99,
    /// `T_trigger`.
    Trigger,
    /// `T_first`.
    First,
    /// `T_serving`.
    Serving,
    /// `T_capacity`.
    Capacity,
    /// `T_recover`.
    Recover,
    /// Seconds in which the objective was missed.
    BadSeconds,
    /// The most instances.
    InstancesPeak,
    /// Instances at the end.
    InstancesLast,
    /// Until the count fell to what was needed.
    ScaleIn,
    /// By what share the count went above the target.
    Overshoot,
    /// Instance-seconds above the demand.
    Waste,
    /// Whether the count moved more than the demand, per minute.
    Jitter,
    /// `θ_U`: by how much there were too few instances.
    ThetaUnder,
    /// `θ_O`: by how much there were too many.
    ThetaOver,
    /// `τ_U`: for how much of the time there were too few.
    TauUnder,
    /// `τ_O`: for how much of the time there were too many.
    TauOver,
    /// How fast the error budget burnt; 1 uses it up exactly.
    BurnRate,
    /// `η`: OK answers a second at the end of the step ÷ before it.
    Efficiency,
    /// Requests of the busiest instance ÷ those of the average one.
    Spread,
}

/// What must be known before a number can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but the load's own measurements.
    Nothing,
    /// A source of the count that scaling asked for.
    Desired,
    /// Any source of instance counts.
    Instances,
    /// Ids in the answers.
    Ids,
}

/// Names, where they may stand, and their units. One table feeds the parser and its messages.
const NAMES: &[(&str, Number, Where, Unit)] = &[
    ("achieved", Number::Achieved, Where::Both, Unit::Share),
    ("errors", Number::Errors, Where::Both, Unit::ShareOrCount),
    ("lost", Number::Lost, Where::Both, Unit::ShareOrCount),
    ("slow", Number::Slow, Where::Both, Unit::ShareOrCount),
    ("dropped", Number::Dropped, Where::Both, Unit::ShareOrCount),
    ("due", Number::Due, Where::Both, Unit::Count),
    ("sent", Number::Sent, Where::Both, Unit::Count),
    ("ok", Number::Ok, Where::Both, Unit::ShareOrCount),
    ("send_lag_p99", Number::SendLagP99, Where::Both, Unit::Time),
    ("t_trigger", Number::Trigger, Where::Step, Unit::Time),
    ("t_first", Number::First, Where::Step, Unit::Time),
    ("t_serving", Number::Serving, Where::Step, Unit::Time),
    ("t_capacity", Number::Capacity, Where::Step, Unit::Time),
    ("t_recover", Number::Recover, Where::Step, Unit::Time),
    ("bad_seconds", Number::BadSeconds, Where::Step, Unit::TimeOrCount),
    ("peak_p99", Number::PeakP99, Where::Step, Unit::Time),
    ("instances_peak", Number::InstancesPeak, Where::Step, Unit::Count),
    ("instances", Number::InstancesLast, Where::Step, Unit::Count),
    ("t_scale_in", Number::ScaleIn, Where::Step, Unit::Time),
    ("overshoot", Number::Overshoot, Where::Step, Unit::Ratio),
    ("waste", Number::Waste, Where::Step, Unit::Count),
    ("jitter", Number::Jitter, Where::Step, Unit::Count),
    ("theta_u", Number::ThetaUnder, Where::Step, Unit::Share),
    ("theta_o", Number::ThetaOver, Where::Step, Unit::Ratio),
    ("tau_u", Number::TauUnder, Where::Step, Unit::Share),
    ("tau_o", Number::TauOver, Where::Step, Unit::Share),
    ("burn_rate", Number::BurnRate, Where::Step, Unit::Count),
    ("efficiency", Number::Efficiency, Where::Step, Unit::Ratio),
    ("spread", Number::Spread, Where::Step, Unit::Count),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Run,
    Step,
    Both,
}

impl Where {
    const fn allows(self, scope: &Scope) -> bool {
        match self {
            Self::Both => true,
            Self::Run => matches!(scope, Scope::Run),
            Self::Step => !matches!(scope, Scope::Run),
        }
    }
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
        /// The unknown stage.
        name: String,
        /// The stages there are.
        allowed: String,
    },
    /// The bound cannot be read.
    #[error("\"{bound}\" is no bound for `{name}`; give <, <=, >, >= or == and {allowed}, such as \"{example}\"")]
    Bound {
        /// What was written.
        bound: String,
        /// The number.
        name: String,
        /// The units it takes.
        allowed: &'static str,
        /// One that would be right.
        example: &'static str,
    },
}

impl Threshold {
    /// Reads a threshold: `spike.t_recover` and `< 60s`. Which stages there are is not known here: see
    /// [`Threshold::check_stage`].
    pub fn parse(name: &str, bound: &str) -> Result<Self, ThresholdError> {
        let (scope, number, unit) = subject(name)?;
        let (comparison, bound_value) = Comparison::split(bound)
            .and_then(|(comparison, rest)| Some((comparison, unit.read(rest)?)))
            .ok_or_else(|| ThresholdError::Bound {
                bound: bound.to_owned(),
                name: name.to_owned(),
                allowed: unit.describe(),
                example: unit.example(),
            })?;
        let written = Written { name: name.to_owned(), bound: bound.trim().to_owned() };
        Ok(Self { scope, number, comparison, bound: bound_value, written })
    }

    /// Refuses a stage that is not among `stages` (names as the plan gives them, without the number of a repeat).
    pub fn check_stage<'a>(&self, stages: impl Iterator<Item = &'a str> + Clone) -> Result<(), ThresholdError> {
        let Scope::Stage(name) = &self.scope else { return Ok(()) };
        if stages.clone().any(|stage| stage == name) {
            return Ok(());
        }
        let mut allowed: Vec<_> = stages.filter(|stage| base_name(stage) == *stage).collect();
        allowed.dedup();
        Err(ThresholdError::Stage { name: name.clone(), allowed: allowed.join(", ") })
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
        match &self.scope {
            Scope::Run => false,
            Scope::EveryStep => true,
            Scope::Stage(name) => stage.is_some_and(|stage| stage == name || base_name(stage) == name),
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
        Self::parse(&written.name, &written.bound)
    }
}

impl From<Threshold> for Written {
    fn from(threshold: Threshold) -> Self {
        threshold.written
    }
}

impl Bound {
    /// The bound as a number in base units: seconds, shares of 1, counts.
    pub fn value(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Share(value) | Self::Count(value) => value,
        }
    }
}

impl Number {
    /// What must be known before it can be told.
    pub const fn needs(self) -> Needs {
        match self {
            Self::Trigger => Needs::Desired,
            Self::First
            | Self::Capacity
            | Self::InstancesPeak
            | Self::InstancesLast
            | Self::ScaleIn
            | Self::Overshoot
            | Self::Waste
            | Self::Jitter
            | Self::ThetaUnder
            | Self::ThetaOver
            | Self::TauUnder
            | Self::TauOver => Needs::Instances,
            Self::Serving | Self::Spread => Needs::Ids,
            _ => Needs::Nothing,
        }
    }
}

/// `spike (2)` is a repeat of `spike`.
pub fn base_name(stage: &str) -> &str {
    let Some((base, number)) = stage.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (")) else { return stage };
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) { base } else { stage }
}

/// Scope, number and unit of a name. Both parts may hold dots: `p99.9`, a stage called `v1.2`.
fn subject(name: &str) -> Result<(Scope, Number, Unit), ThresholdError> {
    let name = name.trim();
    if let Some((number, unit, _)) = lookup(name).filter(|found| found.2.allows(&Scope::Run)) {
        return Ok((Scope::Run, number, unit));
    }
    if let Some((number, unit, _)) = lookup(name) {
        return Ok((Scope::EveryStep, number, unit));
    }
    let splits = name.match_indices('.').map(|(at, _)| (&name[..at], &name[at + 1..]));
    for (stage, number) in splits {
        let scope = if stage == "*" { Scope::EveryStep } else { Scope::Stage(stage.to_owned()) };
        if let Some((number, unit, _)) = lookup(number).filter(|found| found.2.allows(&scope)) {
            return Ok((scope, number, unit));
        }
    }
    let (unknown, scope) = match name.split_once('.') {
        Some((_, number)) => (number, Scope::EveryStep),
        None => (name, Scope::Run),
    };
    Err(ThresholdError::Number { name: unknown.to_owned(), allowed: known(&scope) })
}

fn lookup(name: &str) -> Option<(Number, Unit, Where)> {
    if let Some((_, number, place, unit)) = NAMES.iter().find(|entry| entry.0 == name) {
        return Some((*number, *unit, *place));
    }
    let quantile = values::percentile(name).ok()?;
    // A step keeps no histogram, only its p99.
    let is_p99 = (quantile - 0.99).abs() < 1e-9;
    Some((Number::Response(quantile), Unit::Time, if is_p99 { Where::Both } else { Where::Run }))
}

/// What may stand in a place, for a message.
fn known(scope: &Scope) -> String {
    // A bare name may also be one that only steps have.
    let is_here = |place: &Where| matches!(scope, Scope::Run) || place.allows(scope);
    let mut names: Vec<&str> = NAMES.iter().filter(|entry| is_here(&entry.2)).map(|entry| entry.0).collect();
    names.push(if matches!(scope, Scope::Run) { "p50 … p99.9 or max" } else { "p99" });
    let last = names.pop().unwrap_or_default();
    format!("{} or {last}", names.join(", "))
}

impl Unit {
    fn read(self, text: &str) -> Option<Bound> {
        let time = || values::duration(text).ok().map(Bound::Time);
        let share = || values::share(text).ok().map(Bound::Share);
        let count = || text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(Bound::Count);
        match self {
            Self::Time => time(),
            Self::Share => share(),
            Self::Ratio => values::ratio(text).ok().map(Bound::Share),
            Self::Count => count(),
            Self::ShareOrCount => share().or_else(count),
            // Before `time`, for which a bare 0 is a time as well.
            Self::TimeOrCount => count().or_else(time),
        }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Time => "a time",
            Self::Share => "a percentage from 0% to 100%",
            Self::Ratio => "a percentage",
            Self::Count => "a number",
            Self::ShareOrCount => "a percentage from 0% to 100%, or a number",
            Self::TimeOrCount => "a number or a time",
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Time => "< 60s",
            Self::Share => "> 99%",
            Self::Ratio => "< 150%",
            Self::Count => ">= 1000",
            Self::ShareOrCount => "< 0.5%",
            Self::TimeOrCount => "<= 10",
        }
    }
}

#[cfg(test)]
mod tests;
