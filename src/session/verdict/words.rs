//! The verdict, its thresholds and their outcomes in words.

use super::{Blame, InvalidStep, ThresholdOutcome, ThresholdResult, Verdict, judge};
use crate::analysis::StepNumbers;
use crate::session::state::Session;
use crate::text::spaced;

/// The verdict on a session in a few words, thresholds or none: whether the objective held, in how many seconds it was missed, and
/// what became of the thresholds; or why nothing of that says anything of the service.
pub(crate) fn in_words(session: &Session) -> String {
    let verdict = judge(session);
    if matches!(verdict.exit_code(), 1 | 4) || verdict.none_ok.is_some() {
        return verdict.headline();
    }
    let sum = |of: fn(&StepNumbers) -> u32| session.steps().iter().map(|report| of(&report.numbers)).sum::<u32>();
    let (bad, judged) = (sum(|numbers| numbers.bad_seconds), sum(|numbers| numbers.judged_seconds));
    let objective = match (bad, judged) {
        (_, 0) => "not judged".to_owned(),
        (0, _) => "held".to_owned(),
        (bad, judged) => format!("missed in {bad} of {judged} s"),
    };
    let objective = match sum(|numbers| numbers.not_measured) {
        0 => objective,
        seconds => format!("{objective}, {seconds} s not measured"),
    };
    if verdict.is_silent() { objective } else { format!("{objective}; {}", verdict.headline()) }
}

impl Verdict {
    /// Whether there was nothing to judge, and nothing to object to.
    pub(crate) const fn is_silent(&self) -> bool {
        self.thresholds.is_empty()
            && self.invalid.is_empty()
            && self.unmet_start.is_empty()
            && self.unmet_end.is_none()
            && self.none_ok.is_none()
            && !self.interrupted
            && !self.has_no_end
    }

    /// In a few words: `passed: all 4 thresholds held`.
    pub(crate) fn headline(&self) -> String {
        if self.interrupted {
            return format!("interrupted before the plan's end; until then {}", self.outcome());
        }
        if self.has_no_end {
            return format!("the recording ends before the plan does; until then {}", self.outcome());
        }
        match &self.unmet_end {
            Some(unmet) => format!("{}; {unmet}", self.outcome()),
            None => self.outcome(),
        }
    }

    /// How many thresholds became what `is` says, and the verb for so many.
    fn count_of(&self, is: impl Fn(&ThresholdOutcome) -> bool) -> (usize, &'static str) {
        let count = self.thresholds.iter().filter(|result| is(&result.outcome)).count();
        (count, if count == 1 { "holds" } else { "hold" })
    }

    fn outcome(&self) -> String {
        let total = self.thresholds.len();
        if let (Some(why), false) = (&self.none_ok, self.exit_code() == 4) {
            let (failed, _) = self.count_of(|outcome| *outcome == ThresholdOutcome::Failed);
            let failed =
                if failed == 0 { String::new() } else { format!("; {failed} of {total} thresholds did not hold") };
            return format!("failed: {why}{failed}");
        }
        match (self.exit_code(), total) {
            (1, _) => {
                let generator = if self.invalid.is_empty() {
                    String::new()
                } else {
                    format!("; and the generator was the limit in step {}", ids(&self.invalid))
                };
                format!("invalid: a start condition was not met before step {}{generator}", ids(&self.unmet_start))
            }
            (4, _) if self.invalid.is_empty() => {
                let (undecided, is) = self.count_of(|outcome| outcome.blames(Blame::Generator));
                format!(
                    "undecided: {undecided} of {total} thresholds {is} only without what the generator was late for"
                )
            }
            (4, _) => {
                let steps = ids(&self.invalid);
                let and = self.none_ok.as_ref().map(|why| format!("; and {why}")).unwrap_or_default();
                format!("invalid: the generator, not the service, was the limit in step {steps}{and}")
            }
            (5, _) => "undecided: an instance source that a threshold needs gave nothing".to_owned(),
            (3, _) => {
                let (failed, _) = self.count_of(|outcome| *outcome == ThresholdOutcome::Failed);
                let (undecided, _) = self.count_of(|outcome| outcome.reason().is_some());
                match (failed, undecided) {
                    (0, _) => format!("undecided: {undecided} of {total} thresholds cannot be told"),
                    (_, 0) => format!("failed: {failed} of {total} thresholds did not hold"),
                    _ => format!("failed: {failed} of {total} thresholds did not hold, {undecided} cannot be told"),
                }
            }
            (_, 0) => "no thresholds were set".to_owned(),
            (_, 1) => "passed: the threshold held".to_owned(),
            _ => format!("passed: all {total} thresholds held"),
        }
    }
}

/// `3, 4`.
fn ids(steps: &[InvalidStep]) -> String {
    steps.iter().map(|invalid| invalid.step.to_string()).collect::<Vec<_>>().join(", ")
}

impl ThresholdOutcome {
    /// Its name in files.
    pub(crate) const fn key(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CannotTell { .. } => "cannot_tell",
        }
    }

    /// Its name for people.
    pub(crate) const fn words(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CannotTell { .. } => "undecided",
        }
    }

    /// Why nobody can say.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::CannotTell { reason, .. } => Some(reason),
            Self::Passed | Self::Failed => None,
        }
    }
}

impl ThresholdResult {
    /// What it is about, in words: `spike.t_recover, step 3`.
    pub(crate) fn subject(&self) -> String {
        match (&self.stage, self.step) {
            (Some(stage), Some(step)) => format!("{}, step {step} ({stage})", self.name),
            (None, Some(step)) => format!("{}, step {step}", self.name),
            (_, None) => self.name.clone(),
        }
    }

    /// What was measured, in words for people: `0.12 % (15)`.
    pub(crate) fn said(&self) -> String {
        spaced(&self.actual)
    }

    /// In a line: `FAILED spike.t_recover < 60s: > 300 s`.
    pub(crate) fn line(&self) -> String {
        let (bound, actual) = (&self.bound, self.said());
        let subject = self.subject();
        match &self.outcome {
            ThresholdOutcome::Passed => format!("passed {subject} {bound}: {actual}"),
            ThresholdOutcome::Failed => format!("FAILED {subject} {bound}: {actual}"),
            ThresholdOutcome::CannotTell { reason, .. } => format!("UNDECIDED {subject} {bound}: {reason}"),
        }
    }
}
