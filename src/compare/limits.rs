//! Limits held against sessions and their baseline: what `compare --fail-if` decides. Pure.
//!
//! # The rules
//!
//! - A limit is judged as it is written, on the medians of a step's repeats. That a difference lies within the noise is said beside it,
//!   and does not pardon it: three repeats or more are what makes noise known.
//! - Steps answer to each other by stage and rates, or by rates alone where every step is meant.
//! - Numbers of the whole run are compared where both sessions played the same steps, sums over time where these lasted equally
//!   long, and numbers that depend on the objective where it is the same. Elsewhere it could not be compared.
//! - Of a baseline of 0, any more is beyond every percentage of it.
//! - A time that the session did not reach (`> 42 s`) is beyond a `>` limit, however large, unless the baseline did not reach it either.
//! - What was cut short by an interruption is not compared; nor is a step that did not begin from what its plan waited for.
//! - As with thresholds, what our own delay left out must not be why a limit holds.
//!
//! # The exit code, first that applies
//!
//! | code | because |
//! |---|---|
//! | 1 | a condition of the plan was not met before a step that is judged |
//! | 4 | the generator was the limit in a step that is judged, of the session or of its baseline |
//! | 3 | a limit was exceeded |
//! | 4 | a limit would be exceeded if what was left out because of us were counted |
//! | 5 | an instance source gave nothing |
//! | 3 | the baseline has the number, the session does not |
//! | 1 | it could not be compared |
//! | 0 | no limit was exceeded |

mod sides;
pub(crate) mod words;

use std::cmp::Ordering;

use crate::analysis::numbers::{Kind, Unit};
use crate::compare::difference::{Difference, Median, Runs, Significance};
use crate::plan::Comparison;
use crate::plan::threshold::{Bound, Limit, LimitBound, Scope};
use crate::session::state::Session;

/// A session, and what it is held against. Their places among the contenders.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair<'a> {
    /// `None`: there is no baseline yet, so only what needs none is judged.
    pub baseline: Option<(usize, &'a Session)>,
    pub session: (usize, &'a Session),
}

/// All limits, held against all sessions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    pub results: Vec<LimitResult>,
}

/// A limit, held against one session in one place.
#[derive(Clone, Debug)]
pub(crate) struct LimitResult {
    /// As written: `spike.p99 > +10%`.
    pub limit: String,
    /// The session's place among the contenders.
    pub session: usize,
    /// The baseline's, where there is one.
    pub baseline: Option<usize>,
    /// The step by its rates; `None` for the whole run.
    pub step: Option<String>,
    /// The number in its unit.
    pub kind: Kind,
    pub runs: Runs,
    /// Of the baseline; without runs where the limit needs none, or nobody can say.
    pub baseline_runs: Runs,
    /// Of the session to the baseline.
    pub difference: Difference,
    /// The limit is a part of the baseline's number, such as `+10%`.
    pub is_part: bool,
    pub outcome: LimitOutcome,
}

/// What became of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LimitOutcome {
    /// The number is within it.
    Held,
    Exceeded,
    /// There is no baseline to compare with yet.
    NoBaseline,
    /// Nobody can say.
    CannotTell {
        reason: String,
        fault: Fault,
    },
}

/// Whose fault it is that nobody can say, in the order in which they decide the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A step did not begin from what its plan waited for.
    Start,
    /// The generator was the limit.
    Generator,
    /// What was left out because of us decides.
    LeftOut,
    /// An instance source gave nothing.
    Source,
    /// The session's: its number cannot be told.
    Session,
    /// The two cannot be compared.
    Comparison,
}

impl LimitOutcome {
    fn cannot_tell(reason: impl Into<String>, fault: Fault) -> Self {
        Self::CannotTell { reason: reason.into(), fault }
    }

    const fn is_fault(&self, of: Fault) -> bool {
        matches!(self, Self::CannotTell { fault, .. } if *fault as u8 == of as u8)
    }
}

impl Judged {
    /// 0, 1, 3, 4 or 5: see the module.
    pub(crate) fn exit_code(&self) -> u8 {
        let any = |of: Fault| self.results.iter().any(|result| result.outcome.is_fault(of));
        let is_exceeded = self.results.iter().any(|result| result.outcome == LimitOutcome::Exceeded);
        let decided = [
            (any(Fault::Start), 1),
            (any(Fault::Generator), 4),
            (is_exceeded, 3),
            (any(Fault::LeftOut), 4),
            (any(Fault::Source), 5),
            (any(Fault::Session), 3),
            (any(Fault::Comparison), 1),
        ];
        decided.into_iter().find(|(applies, _)| *applies).map_or(0, |(_, code)| code)
    }
}

/// Holds every limit against every pair.
pub(crate) fn judge(limits: &[Limit], pairs: &[Pair<'_>]) -> Judged {
    let of = |pair: &Pair<'_>| limits.iter().flat_map(|limit| of_pair(limit, pair)).collect::<Vec<_>>();
    Judged { results: pairs.iter().flat_map(of).collect() }
}

fn of_pair(limit: &Limit, pair: &Pair<'_>) -> Vec<LimitResult> {
    let result = |place: Place| {
        let (kind, judged) = (place.kind, judged(limit, &place));
        LimitResult {
            limit: limit.to_string(),
            session: pair.session.0,
            baseline: pair.baseline.map(|(at, _)| at),
            step: place.step,
            difference: Difference::between(&kind, &place.baseline, &place.session),
            is_part: matches!(limit.bound, LimitBound::Times(_)),
            kind,
            runs: place.session,
            baseline_runs: place.baseline,
            outcome: judged,
        }
    };
    if limit.needs_baseline() && pair.baseline.is_none() {
        let kind = sides::kind(limit);
        let place = Place { outcome: Some(LimitOutcome::NoBaseline), ..Place::empty(kind) };
        return vec![result(place)];
    }
    let places = if matches!(limit.scope, Scope::Run | Scope::Request(_)) {
        vec![sides::of_run(limit, pair)]
    } else {
        sides::of_steps(limit, pair)
    };
    places.into_iter().map(result).collect()
}

/// Where a limit is judged: both sides' numbers, or why there is nothing to judge.
struct Place {
    step: Option<String>,
    kind: Kind,
    session: Runs,
    baseline: Runs,
    /// The session's, with what was left out because of us counted as it was seen. `None` when nothing was.
    at_worst: Option<Runs>,
    /// What is decided already.
    outcome: Option<LimitOutcome>,
}

impl Place {
    fn empty(kind: Kind) -> Self {
        let (session, baseline) = (Runs::default(), Runs::default());
        Self { step: None, kind, session, baseline, at_worst: None, outcome: None }
    }

    fn undecided(kind: Kind, reason: impl Into<String>, fault: Fault) -> Self {
        Self { outcome: Some(LimitOutcome::cannot_tell(reason, fault)), ..Self::empty(kind) }
    }
}

fn judged(limit: &Limit, place: &Place) -> LimitOutcome {
    if let Some(outcome) = &place.outcome {
        return outcome.clone();
    }
    let Some(session) = place.session.median() else {
        return LimitOutcome::cannot_tell("there is no such number", Fault::Session);
    };
    let outcome = held_against(limit, &place.kind, place.baseline.median(), session);
    let Some(worst) = place.at_worst.as_ref().filter(|_| outcome == LimitOutcome::Held) else { return outcome };
    let is_held = |worst| held_against(limit, &place.kind, place.baseline.median(), worst) == LimitOutcome::Held;
    if worst.median().is_none_or(is_held) {
        return outcome;
    }
    let said = |runs: &Runs| runs.say(&place.kind);
    let reason = format!("{} without what the generator was late for, {} with it", said(&place.session), said(worst));
    LimitOutcome::cannot_tell(reason, Fault::LeftOut)
}

fn held_against(limit: &Limit, kind: &Kind, baseline: Option<Median>, session: Median) -> LimitOutcome {
    let scale = |amount: f64, is_time: bool| match kind.unit {
        Unit::Percent if limit.is_of_share() => amount * 100.0,
        Unit::Millis if is_time => amount * 1_000.0,
        _ => amount,
    };
    let here = |bound: Bound| scale(bound.value(), matches!(bound, Bound::Time(_)));
    let is_open = |median: Option<Median>| median.is_some_and(|median| median.is_censored);
    let base = baseline.map(|median| median.value);
    let line = match (limit.bound, base) {
        (LimitBound::At(bound), _) => Some(here(bound)),
        (LimitBound::Times(times), Some(base)) => Some(base * times),
        (LimitBound::Away { by, .. }, Some(base)) => Some(base + scale(by, true)),
        (_, None) => None,
    };
    let Some(line) = line else {
        return LimitOutcome::cannot_tell("the baseline has no such number", Fault::Comparison);
    };
    let is_beyond = compares(limit.comparison, session.value, line);
    let decided = |is_beyond| if is_beyond { LimitOutcome::Exceeded } else { LimitOutcome::Held };
    let is_upper = matches!(limit.comparison, Comparison::More | Comparison::AtLeast);
    match (limit.needs_baseline() && is_open(baseline), session.is_censored) {
        (false, false) => decided(is_beyond),
        // Not reached: that is beyond every upper limit, as it fails every threshold.
        (false, true) if is_upper => LimitOutcome::Exceeded,
        (false, true) if session.value > line => LimitOutcome::Held,
        (false, true) => LimitOutcome::cannot_tell("the step ended before it was reached", Fault::Session),
        // The line lies further up than is known.
        (true, false) if is_upper && !is_beyond => LimitOutcome::Held,
        (true, false) if !is_upper && is_beyond => LimitOutcome::Exceeded,
        (true, false) => LimitOutcome::cannot_tell("the baseline did not reach it", Fault::Comparison),
        (true, true) => LimitOutcome::cannot_tell("neither the session nor the baseline reached it", Fault::Comparison),
    }
}

/// As [`Comparison::holds`], for numbers that were computed: 110 is not more than 1.1 times 100.
fn compares(comparison: Comparison, value: f64, line: f64) -> bool {
    let is_equal = (value - line).abs() <= 1e-9 * value.abs().max(line.abs());
    comparison.holds(if is_equal { line } else { value }, line)
}

impl LimitResult {
    /// What is known of the noise, where a difference was judged.
    pub(crate) const fn noise(&self) -> Option<&'static str> {
        match (&self.outcome, self.difference.significance) {
            (LimitOutcome::Held | LimitOutcome::Exceeded, Significance::WithinNoise) => {
                Some("within the noise of the repeats")
            }
            (LimitOutcome::Held | LimitOutcome::Exceeded, Significance::OneRun) => {
                Some("one run on a side: the noise is unknown")
            }
            (LimitOutcome::Exceeded, Significance::Better | Significance::Worse | Significance::Differs) => {
                Some("beyond the noise")
            }
            _ => None,
        }
    }

    /// Whether any more than nothing is beyond the limit.
    fn is_of_nothing(&self) -> bool {
        let base = self.baseline_runs.median().filter(|median| !median.is_censored);
        let is_exceeded = self.outcome == LimitOutcome::Exceeded;
        self.is_part && is_exceeded && base.is_some_and(|base| base.value.total_cmp(&0.0) == Ordering::Equal)
    }
}

#[cfg(test)]
mod tests;
