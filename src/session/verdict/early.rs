//! Which thresholds are lost already, whatever else happens: what `--abort-on-fail` waits for.
//!
//! A threshold is lost early only when nothing that can still come mends it:
//!
//! - a count that only grows has passed its `<` bound;
//! - a *share* has passed its bound even if every arrival that the plan still owes goes well: the count so far ÷ all that
//!   the run (or the stage) will have had due;
//! - more answers were slower than a percentile allows of all that will have been due;
//! - a time of a step that is over, or of an open step that is older than the bound by what a hold and a last answer take;
//! - counts that sources deliver late decide nothing before their step is over.

use std::time::Duration;

use crate::analysis::numbers::{Course, Judged, Kind, Needs};
use crate::analysis::{StepNumbers, StepReport};
use crate::plan::Comparison;
use crate::plan::forecast::Budget;
use crate::plan::threshold::{Answers, Bound, Scope, Subject, Threshold};
use crate::session::state::Session;
use crate::session::verdict::measured::{Measured, of_run, of_step, plainly, run};
use crate::session::verdict::thresholds::{holds, result};
use crate::session::verdict::{ThresholdOutcome, ThresholdResult};

/// "Reached" means that it stayed so for this long, and counts from the first of these seconds (docs/step-numbers.md).
const HOLD: Duration = Duration::from_secs(10);

/// The first of the session's thresholds that is lost already.
pub(crate) fn lost_already(session: &Session, budget: &Budget) -> Option<ThresholdResult> {
    session.header().settings.thresholds.iter().find_map(|threshold| match &threshold.scope {
        // How many of them are still to come nobody knows: chance draws them.
        Scope::Request(_) => None,
        Scope::Run => {
            let is_lost = run_is_lost(session, threshold, budget.run);
            is_lost.then(|| result(session, threshold, None, &of_run(session, &threshold.subject)))
        }
        Scope::EveryStep | Scope::Stage(_) => session
            .steps()
            .iter()
            // Of a step that did not begin from what the plan says nothing can be told, so nothing is lost by it.
            .filter(|report| report.step.unmet_start.is_none() && threshold.covers(report.step.name.as_deref()))
            .find(|report| step_is_lost(session, threshold, report, budget))
            .map(|report| result(session, threshold, Some(report), &of_step(report, &threshold.subject))),
    })
}

fn run_is_lost(session: &Session, threshold: &Threshold, budget: u64) -> bool {
    let totals = session.totals();
    match &threshold.subject {
        Subject::Percentile(quantile, of) if is_upper(threshold) => {
            let Bound::Time(bound) = threshold.bound else { return false };
            let seen = match of {
                Answers::Ok => totals.ok_measured.clone(),
                Answers::Failed => totals.failed.clone(),
                Answers::All => totals.all(),
            };
            let allowed = (1.0 - quantile).max(0.0) * budget.max(seen.count()) as f64;
            // One more than allowed: where the percentile falls on a boundary, it may still be the one below.
            let margin = if *quantile < 1.0 { 1.0 } else { 0.0 };
            seen.count_above(bound) as f64 > allowed + margin
        }
        Subject::Percentile(..) => false,
        Subject::Number(kind, _) => count_is_lost(threshold, kind, &run(session), budget.max(totals.due)),
    }
}

fn step_is_lost(session: &Session, threshold: &Threshold, report: &StepReport, budget: &Budget) -> bool {
    let (numbers, step) = (&report.numbers, &report.step);
    let timeout = session.header().settings.timeout;
    let is_over = step.end.is_some_and(|end| session.now().saturating_since(end) > timeout);
    if is_over && threshold.subject.needs() == Needs::Nothing {
        let judged = result(session, threshold, Some(report), &of_step(report, &threshold.subject));
        return judged.outcome == ThresholdOutcome::Failed;
    }
    let due = step.name.as_ref().and_then(|name| budget.stages.iter().find(|(stage, _)| stage == name));
    // Without a plan nobody knows what is still to come.
    let due = due.map_or(u64::MAX, |(_, due)| *due).max(numbers.due);
    match &threshold.subject {
        Subject::Number(_, Judged { course: Course::Awaited, .. }) => match of_step(report, &threshold.subject) {
            Measured::Known { value, .. } => is_upper(threshold) && !holds(threshold, value),
            Measured::Beyond { secs, .. } => {
                let patience = HOLD + timeout;
                is_upper(threshold) && secs > threshold.bound.value() + patience.as_secs_f64()
            }
            Measured::Nothing(_) => false,
        },
        Subject::Number(kind, _) => count_is_lost(threshold, kind, numbers, due),
        Subject::Percentile(..) => false,
    }
}

/// Whether what was counted so far decides the threshold when `due` arrivals will have come in all.
fn count_is_lost(threshold: &Threshold, kind: &Kind, numbers: &StepNumbers, due: u64) -> bool {
    match threshold.subject.course() {
        Course::Grows => plainly(&kind.value(numbers)).is_some_and(|value| exceeds(threshold, value, due)),
        Course::Shrinks => misses_at_best(threshold, numbers.dropped(), due),
        Course::Open | Course::Awaited | Course::Held => false,
    }
}

/// Whether the bound says "at most": only such a bound is lost for good once it is passed.
const fn is_upper(threshold: &Threshold) -> bool {
    matches!(threshold.comparison, Comparison::Less | Comparison::AtMost)
}

/// Whether a count that only grows is beyond its bound, even as a share of all that will have been `due`.
fn exceeds(threshold: &Threshold, count: f64, due: u64) -> bool {
    let value = match threshold.bound {
        Bound::Share(_) if due == 0 => return false,
        Bound::Share(_) => count / due as f64,
        Bound::Count(_) | Bound::Time(_) => count,
    };
    is_upper(threshold) && !holds(threshold, value)
}

/// Whether "at least this share is sent" fails even if nothing more is dropped.
fn misses_at_best(threshold: &Threshold, unsent: u64, due: u64) -> bool {
    let is_lower = matches!(threshold.comparison, Comparison::More | Comparison::AtLeast);
    is_lower && due > 0 && !holds(threshold, (due.saturating_sub(unsent)) as f64 / due as f64)
}
