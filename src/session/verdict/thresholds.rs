//! Holding one threshold against a session: against its run, or against each step that it is about.

use super::measured::{Measured, of_request, of_run, of_step};
use super::{Blame, ThresholdOutcome, ThresholdResult, at_worst};
use crate::analysis::StepReport;
use crate::analysis::numbers::{Course, Needs};
use crate::analysis::recovery::HOLD_SECS;
use crate::instances::Basis;
use crate::plan::Comparison;
use crate::plan::threshold::{Bound, Scope, Subject, Threshold};
use crate::session::state::Session;

pub(super) fn results(session: &Session, threshold: &Threshold) -> Vec<ThresholdResult> {
    if threshold.scope == Scope::Run {
        let subject = &threshold.subject;
        let told = result(session, threshold, None, &of_run(session, subject));
        return vec![told.unless_worse(threshold, at_worst::of_run(session, subject).as_ref())];
    }
    if let Scope::Request(name) = &threshold.scope {
        return vec![result(session, threshold, None, &of_request(session, name, &threshold.subject))];
    }
    let mut found = false;
    let mut results = Vec::new();
    for report in session.steps().iter().filter(|report| threshold.covers(report.step.name.as_deref())) {
        // Without load, as after the end of a plan, there is nothing that every step has to hold.
        let has_nothing = report.numbers.due == 0 || report.numbers.too_short;
        if threshold.scope == Scope::EveryStep && has_nothing {
            continue;
        }
        found = true;
        let measured = of_step(report, &threshold.subject);
        // Nor can a step that is shorter than the hold show that a count held.
        let is_too_short = threshold.subject.course() == Course::Held
            && matches!(measured, Measured::Beyond { secs, .. } if secs < f64::from(HOLD_SECS));
        // What nobody showed, or nobody could judge, is no reason to pass over a step.
        let is_unjudged = threshold.subject.needs() == Needs::Nothing && is_unjudged(report);
        let has_nothing_to_say = is_too_short
            || (matches!(measured, Measured::Nothing(_)) && has_source(session, &threshold.subject) && !is_unjudged);
        if threshold.scope == Scope::EveryStep && has_nothing_to_say {
            continue;
        }
        let mut told = result(session, threshold, Some(report), &measured)
            .unless_worse(threshold, at_worst::of_step(report, &threshold.subject).as_ref());
        if let Some(unmet) = &report.step.unmet_start {
            told.outcome = cannot_tell(&format!("its start condition was not met: {unmet}"));
        }
        results.push(told);
    }
    if !found {
        let reason = match &threshold.scope {
            Scope::Stage(stage) => {
                format!("stage {stage} has no step: the run ended before it, or it was shorter than a second")
            }
            Scope::Run | Scope::EveryStep | Scope::Request(_) => "there was no step".to_owned(),
        };
        results.push(result(session, threshold, None, &Measured::Nothing(reason)));
    }
    results
}

/// Whether nothing can be said of the objective in a step that had load.
fn is_unjudged(report: &StepReport) -> bool {
    let numbers = &report.numbers;
    numbers.not_judged.is_some() || (numbers.judged_seconds == 0 && numbers.due > 0)
}

pub(super) fn result(
    session: &Session,
    threshold: &Threshold,
    report: Option<&StepReport>,
    measured: &Measured,
) -> ThresholdResult {
    let (actual, outcome) = match measured {
        Measured::Known { words, .. } | Measured::Beyond { words, .. } => {
            (words.clone(), held_against(threshold, measured))
        }
        Measured::Nothing(reason) => {
            let no_source = no_source(session, &threshold.subject);
            let blame = if no_source.is_some() { Blame::Source } else { Blame::None };
            let reason = no_source.map_or_else(|| reason.clone(), str::to_owned);
            ("–".to_owned(), ThresholdOutcome::CannotTell { reason, blame })
        }
    };
    ThresholdResult {
        name: threshold.name().to_owned(),
        bound: threshold.bound().to_owned(),
        step: report.map(|report| report.step.id),
        stage: report.and_then(|report| report.step.name.clone()),
        actual,
        outcome,
    }
}

fn cannot_tell(reason: &str) -> ThresholdOutcome {
    ThresholdOutcome::CannotTell { reason: reason.to_owned(), blame: Blame::None }
}

/// The outcome of what was measured.
pub(super) fn held_against(threshold: &Threshold, measured: &Measured) -> ThresholdOutcome {
    match measured {
        Measured::Known { value, of, .. } => match in_units_of(threshold.bound, *value, *of) {
            Some(value) if holds(threshold, value) => ThresholdOutcome::Passed,
            Some(_) => ThresholdOutcome::Failed,
            None => cannot_tell("a share of nothing has no value"),
        },
        Measured::Beyond { secs, .. } => beyond(threshold, *secs),
        Measured::Nothing(reason) => cannot_tell(reason),
    }
}

/// The value in the unit of the bound: a share needs something that it is a share of.
fn in_units_of(bound: Bound, value: f64, of: Option<f64>) -> Option<f64> {
    match (bound, of) {
        (Bound::Share(_), Some(of)) => (of > 0.0).then(|| value / of),
        (Bound::Share(_), None) => None,
        (Bound::Time(_) | Bound::Count(_), _) => Some(value),
    }
}

pub(super) fn holds(threshold: &Threshold, value: f64) -> bool {
    threshold.comparison.holds(value, threshold.bound.value())
}

/// Only that it took longer than `secs` is known.
fn beyond(threshold: &Threshold, secs: f64) -> ThresholdOutcome {
    match threshold.comparison {
        Comparison::Less | Comparison::AtMost | Comparison::Equal => ThresholdOutcome::Failed,
        Comparison::More | Comparison::AtLeast if secs >= threshold.bound.value() => ThresholdOutcome::Passed,
        Comparison::More | Comparison::AtLeast => cannot_tell("the step ended before the bound was reached"),
    }
}

/// Whether the session had what the number needs to be told.
fn has_source(session: &Session, subject: &Subject) -> bool {
    let counted = |basis| session.observations().get(&basis).is_some_and(|seen| !seen.is_empty());
    let has_ids = || !session.tracks().is_empty();
    match subject.needs() {
        Needs::Nothing => true,
        Needs::Desired => Basis::WANTED.into_iter().any(counted),
        Needs::Ids => has_ids(),
        Needs::Instances => Basis::COUNTED.into_iter().any(counted) || has_ids(),
    }
}

/// Which source a number lacks; `None` when the session had what it needs to be told.
pub(crate) fn no_source(session: &Session, subject: &Subject) -> Option<&'static str> {
    match subject.needs() {
        _ if has_source(session, subject) => None,
        Needs::Ids | Needs::Instances if session.names_requests() => Some(NAMES_REQUESTS),
        needs => Some(source_wanted(needs)),
    }
}

/// Why a header that is there says nothing of instances.
const NAMES_REQUESTS: &str = "the header names requests, not instances (see --instance-header)";

const fn source_wanted(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "nothing was measured",
        Needs::Desired => "no source said how many instances scaling asked for (ECS does)",
        Needs::Ids => "no answer named its instance (see --instance-header)",
        Needs::Instances => "no source counted instances, and no answer named its own (see --instance-header)",
    }
}
