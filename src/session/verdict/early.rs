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

use crate::analysis::StepReport;
use crate::plan::Comparison;
use crate::plan::forecast::Budget;
use crate::plan::threshold::{Bound, Needs, Number, Scope, Threshold};
use crate::session::state::Session;
use crate::session::verdict::measured::{Measured, lost, of_run, of_step};
use crate::session::verdict::{ThresholdOutcome, ThresholdResult, holds, result};

/// "Reached" means that it stayed so for this long, and counts from the first of these seconds (`load-tools` D.2).
const HOLD: Duration = Duration::from_secs(10);

/// The first of the session's thresholds that is lost already.
pub fn lost_already(session: &Session, budget: &Budget) -> Option<ThresholdResult> {
    session.header().settings.thresholds.iter().find_map(|threshold| match threshold.scope {
        Scope::Run => {
            let is_lost = run_is_lost(session, threshold, budget.run);
            is_lost.then(|| result(session, threshold, None, &of_run(session, threshold.number)))
        }
        Scope::EveryStep | Scope::Stage(_) => session
            .steps()
            .iter()
            .filter(|report| threshold.covers(report.step.name.as_deref()))
            .find(|report| step_is_lost(session, threshold, report, budget))
            .map(|report| result(session, threshold, Some(report), &of_step(report, threshold.number))),
    })
}

fn run_is_lost(session: &Session, threshold: &Threshold, budget: u64) -> bool {
    let totals = session.totals();
    match threshold.number {
        Number::Response(quantile) if is_upper(threshold) => {
            let Bound::Time(bound) = threshold.bound else { return false };
            let allowed = (1.0 - quantile).max(0.0) * budget.max(totals.response.count()) as f64;
            // One more than allowed: where the percentile falls on a boundary, it may still be the one below.
            let margin = if quantile < 1.0 { 1.0 } else { 0.0 };
            totals.response.count_above(bound) as f64 > allowed + margin
        }
        Number::Achieved => {
            let unsent = totals.dropped_cap + totals.dropped_late;
            misses_at_best(threshold, unsent, budget.max(totals.due))
        }
        Number::Errors => exceeds(threshold, totals.outcomes.failed(), budget.max(totals.due)),
        Number::Lost => exceeds(threshold, lost(totals), budget.max(totals.due)),
        Number::Dropped => exceeds(threshold, totals.dropped_cap + totals.dropped_late, budget.max(totals.due)),
        _ => false,
    }
}

fn step_is_lost(session: &Session, threshold: &Threshold, report: &StepReport, budget: &Budget) -> bool {
    let (numbers, step) = (&report.numbers, &report.step);
    let timeout = session.header().settings.timeout;
    let is_over = step.end.is_some_and(|end| session.now().saturating_since(end) > timeout);
    if is_over && threshold.number.needs() == Needs::Nothing {
        let judged = result(session, threshold, Some(report), &of_step(report, threshold.number));
        return judged.outcome == ThresholdOutcome::Failed;
    }
    let due = step.name.as_ref().and_then(|name| budget.stages.iter().find(|(stage, _)| stage == name));
    // Without a plan nobody knows what is still to come.
    let due = due.map_or(u64::MAX, |(_, due)| *due).max(numbers.due);
    match threshold.number {
        Number::Lost => exceeds(threshold, numbers.lost, due),
        Number::Slow => exceeds(threshold, numbers.slow, due),
        Number::Dropped => exceeds(threshold, numbers.dropped_cap + numbers.dropped_late, due),
        Number::Achieved => misses_at_best(threshold, numbers.dropped_cap + numbers.dropped_late, due),
        Number::Errors => exceeds(threshold, numbers.outcomes.failed(), due),
        Number::BadSeconds => is_upper(threshold) && !holds(threshold, numbers.bad_seconds.into()),
        Number::PeakP99 => {
            is_upper(threshold) && numbers.peak_p99.is_some_and(|peak| !holds(threshold, peak.as_secs_f64()))
        }
        Number::Recover | Number::Serving => match of_step(report, threshold.number) {
            Measured::Known { value, .. } => is_upper(threshold) && !holds(threshold, value),
            Measured::Beyond { secs, .. } => {
                let patience = HOLD + timeout;
                is_upper(threshold) && secs > threshold.bound.value() + patience.as_secs_f64()
            }
            Measured::Nothing(_) => false,
        },
        _ => false,
    }
}

/// Whether the bound says "at most": only such a bound is lost for good once it is passed.
const fn is_upper(threshold: &Threshold) -> bool {
    matches!(threshold.comparison, Comparison::Less | Comparison::AtMost)
}

/// Whether a count that only grows is beyond its bound, even as a share of all that will have been `due`.
fn exceeds(threshold: &Threshold, count: u64, due: u64) -> bool {
    let value = match threshold.bound {
        Bound::Share(_) if due == 0 => return false,
        Bound::Share(_) => count as f64 / due as f64,
        Bound::Count(_) | Bound::Time(_) => count as f64,
    };
    is_upper(threshold) && !holds(threshold, value)
}

/// Whether "at least this share is sent" fails even if nothing more is dropped.
fn misses_at_best(threshold: &Threshold, unsent: u64, due: u64) -> bool {
    let is_lower = matches!(threshold.comparison, Comparison::More | Comparison::AtLeast);
    is_lower && due > 0 && !holds(threshold, (due.saturating_sub(unsent)) as f64 / due as f64)
}
