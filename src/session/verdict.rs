//! Whether a session passed: its thresholds held against what was measured. Pure; a recording gives the same verdict as
//! the live run did.
//!
//! # The rules
//!
//! - A time that was not seen before its step ended (`> 42 s`) fails a `<` bound, however large the bound.
//! - A number that cannot be told does not pass: "all must hold". Only with every step as its subject is a number that
//!   has nothing to say of a step (`T_capacity` where nothing was to be reached) passed over.
//! - Repeats of a stage are judged one by one.
//! - Of several requests each is one: that not one of its answers was as expected is said as of all.
//! - Of a step whose start condition was not met no threshold can be told.
//!
//! # The exit code, first that applies
//!
//! | code | because |
//! |---|---|
//! | 1 | a condition of the plan was not met: what follows it, or the run, is invalid (where requests were answered at all) |
//! | 4 | the generator was the limit in some step: the result says nothing of the service |
//! | 3 | a threshold failed |
//! | 4 | a threshold would not hold if what was left out because of us had failed |
//! | 3 | not one request was answered as expected |
//! | 5 | a threshold needs an instance source that gave nothing |
//! | 3 | a threshold could not be told |
//! | 1 | not one request was answered as expected, and there are no thresholds |
//! | 0 | all held |

pub(crate) mod at_worst;
pub(crate) mod early;
pub(crate) mod measured;
pub(crate) mod thresholds;
mod words;

use crate::analysis::Validity;
use crate::session::event::{COMPLETED, LAST_UNMET, QUIT_BY_THE_USER};
use crate::session::state::{RequestTotals, Session};
use scaletop_units::StepId;

pub(crate) use words::in_words;

/// What became of a session's thresholds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// Each threshold, once for each step it is about.
    pub thresholds: Vec<ThresholdResult>,
    /// The steps in which the generator was the limit, and why.
    pub invalid: Vec<InvalidStep>,
    /// The steps that did not begin from what the plan waited for, and which condition was not met.
    pub unmet_start: Vec<InvalidStep>,
    /// What the last stage of the plan waited for and did not get. It is said, and judges nothing: no step begins from it.
    pub unmet_end: Option<String>,
    /// Whether there is anything to hold.
    pub has_thresholds: bool,
    /// Not one request, or not one of a name, was answered as expected: how instead.
    pub none_ok: Option<String>,
    /// Whether somebody ended the session before its plan was over: what is judged is only its beginning.
    pub interrupted: bool,
    /// Whether the recording ends before the plan does, without a word of why: whoever wrote it was killed, or it goes on.
    pub has_no_end: bool,
}

/// A threshold, held against one step or the whole run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ThresholdResult {
    /// As written in the plan: `spike.t_recover`.
    pub name: String,
    /// As written in the plan: `< 60s`.
    pub bound: String,
    /// The step; `None` for the whole run, or when there is no such step.
    pub step: Option<StepId>,
    /// The step's stage, when it has one.
    pub stage: Option<String>,
    /// What was measured, in the words of files: `31.2 s`, `> 42 s`, `0.12% (15)`.
    pub actual: String,
    /// Whether it held.
    pub outcome: ThresholdOutcome,
}

/// Whether a threshold held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThresholdOutcome {
    Passed,
    /// It did not hold.
    Failed,
    /// Nobody can say.
    CannotTell {
        reason: String,
        blame: Blame,
    },
}

/// Whose fault it is that nobody can say whether a threshold held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// An instance source gave nothing.
    Source,
    /// The generator: what was left out because of us may have failed.
    Generator,
    /// Nobody's, or the plan's.
    None,
}

/// A step that says nothing of the service, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidStep {
    pub step: StepId,
    pub reason: String,
}

/// Holds the session's thresholds against what was measured.
pub(crate) fn judge(session: &Session) -> Verdict {
    let thresholds = session
        .header()
        .settings
        .thresholds
        .iter()
        .flat_map(|threshold| thresholds::results(session, threshold))
        .collect();
    let (mut invalid, mut unmet_start) = (Vec::new(), Vec::new());
    for report in session.steps() {
        let step = report.step.id;
        if let Validity::InvalidGenerator(reason) = &report.validity {
            invalid.push(InvalidStep { step, reason: reason.clone() });
        }
        if let Some(reason) = &report.step.unmet_start {
            unmet_start.push(InvalidStep { step, reason: reason.clone() });
        }
    }
    let interrupted =
        session.header().settings.plan.is_some() && matches!(session.ended(), Some(QUIT_BY_THE_USER | COMPLETED));
    let has_no_end = session.header().settings.plan.is_some() && session.ended().is_none();
    let has_thresholds = !session.header().settings.thresholds.is_empty();
    let unmet_end = session.ended().and_then(|reason| reason.strip_prefix(LAST_UNMET)).map(str::to_owned);
    Verdict {
        thresholds,
        invalid,
        unmet_start,
        unmet_end,
        has_thresholds,
        none_ok: none_ok(session).or_else(|| none_ok_by_name(session)),
        interrupted,
        has_no_end,
    }
}

/// The exit code of several sessions, or of both halves of one: the first of their codes in the order in which they apply to one.
pub(crate) fn exit_code_of<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> u8 {
    let codes: Vec<u8> = sessions.into_iter().map(|session| judge(session).exit_code()).collect();
    [1, 4, 3, 5].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

/// That not one request was answered as expected, and how instead. What was still without an answer when the session ended was
/// not answered either.
pub(crate) fn none_ok(session: &Session) -> Option<String> {
    let totals = session.totals();
    let unanswered = match session.ended() {
        Some(_) => totals.sent.saturating_sub(totals.outcomes.total()),
        None => 0,
    };
    totals.failures.none_ok(&totals.outcomes, unanswered)
}

/// The same of several requests: those of which not one was.
fn none_ok_by_name(session: &Session) -> Option<String> {
    let all = session.requests().all();
    let dead: Vec<&RequestTotals> = all.iter().filter(|request| request.none_ok().is_some()).collect();
    match dead[..] {
        [] => None,
        [one] => one.none_ok(),
        _ => {
            let names: Vec<_> = dead.iter().map(|request| request.name.as_str()).collect();
            Some(format!("not one answer was as expected of the requests {}", names.join(", ")))
        }
    }
}

impl Verdict {
    /// 0, 1, 3, 4 or 5: see the module.
    pub(crate) fn exit_code(&self) -> u8 {
        let undecided = |of| self.thresholds.iter().any(|result| result.outcome.blames(of));
        if !self.unmet_start.is_empty() && self.none_ok.is_none() {
            1
        } else if !self.invalid.is_empty() {
            4
        } else if self.thresholds.iter().any(|result| result.outcome == ThresholdOutcome::Failed) {
            3
        } else if undecided(Blame::Generator) {
            4
        } else if self.none_ok.is_some() && self.has_thresholds {
            3
        } else if undecided(Blame::Source) {
            5
        } else if self.thresholds.iter().any(|result| result.outcome != ThresholdOutcome::Passed) {
            3
        } else {
            u8::from(self.none_ok.is_some())
        }
    }
}

impl ThresholdOutcome {
    /// Whether nobody can say because of `whom`.
    fn blames(&self, whom: Blame) -> bool {
        matches!(self, Self::CannotTell { blame, .. } if *blame == whom)
    }
}

#[cfg(test)]
mod tests;
