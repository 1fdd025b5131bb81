//! What we left out must not be why a threshold passes: what it would be held against if all of it were the service's.

use super::measured::{Measured, measured, of_numbers, run, time};
use super::thresholds::held_against;
use super::{Blame, ThresholdOutcome, ThresholdResult};
use crate::analysis::{StepNumbers, StepReport};
use crate::plan::threshold::{Answers, Subject, Threshold};
use crate::session::state::Session;
use crate::text::spaced;

/// A number of the run with what was left out because of us counted as it was seen: no number of the truth is worse. `None` when nothing was.
pub(crate) fn of_run(session: &Session, subject: &Subject) -> Option<Measured> {
    match subject {
        Subject::Number(kind, judged) => {
            let worst = |report: &StepReport| report.numbers.at_worst.map_or(report.numbers.slow, |worst| worst.slow);
            let slow = session.steps().iter().map(worst).sum();
            let seen = run(session);
            (slow != seen.slow).then(|| measured(kind, judged, &StepNumbers { slow, ..seen }))
        }
        Subject::Percentile(quantile, Answers::Ok) => {
            let totals = session.totals();
            let is_all = totals.ok.count() == totals.ok_measured.count();
            totals.ok.quantile(*quantile).filter(|_| !is_all).map(time)
        }
        // Of the others nothing was left out.
        Subject::Percentile(..) => None,
    }
}

/// As [`of_run`].
pub(crate) fn of_step(report: &StepReport, subject: &Subject) -> Option<Measured> {
    report.numbers.at_worst().map(|worst| of_numbers(&worst, subject))
}

impl ThresholdResult {
    /// What we left out must not be why it passes: with it counted as it was seen (`worst`), it must hold, too.
    pub(super) fn unless_worse(mut self, threshold: &Threshold, worst: Option<&Measured>) -> Self {
        let Some(Measured::Known { words, .. } | Measured::Beyond { words, .. }) = worst else { return self };
        let holds_at_worst = worst.is_some_and(|worst| held_against(threshold, worst) == ThresholdOutcome::Passed);
        if self.outcome == ThresholdOutcome::Passed && !holds_at_worst {
            let reason =
                format!("{} without what the generator was late for, {} with it", spaced(&self.actual), spaced(words));
            self.outcome = ThresholdOutcome::CannotTell { reason, blame: Blame::Generator };
        }
        self
    }
}
