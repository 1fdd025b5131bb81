//! Whether a session passed: its thresholds held against what was measured. Pure; a recording gives the same verdict as
//! the live run did.
//!
//! # The rules
//!
//! - A time that was not seen before its step ended (`> 42 s`) fails a `<` bound, however large the bound.
//! - A number that cannot be told does not pass: "all must hold". Only with every step as its subject is a number that
//!   has nothing to say of a step (`T_capacity` where nothing was to be reached) passed over.
//! - Repeats of a stage are judged one by one.
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

pub(crate) mod early;
mod measured;

use crate::analysis::numbers::{Course, Needs};
use crate::analysis::recovery::HOLD_SECS;
use crate::analysis::{StepNumbers, StepReport, Validity};
use crate::instances::Basis;
use crate::plan::Comparison;
use crate::plan::threshold::{Bound, Scope, Subject, Threshold};
use crate::session::event::{LAST_UNMET, QUIT_BY_THE_USER};
use crate::session::state::Session;
use crate::session::verdict::measured::{Measured, of_run, of_run_at_worst, of_step, of_step_at_worst};
use crate::text::spaced;
use scaletop_units::StepId;

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
    /// Not one request was answered as expected: how instead.
    pub none_ok: Option<String>,
    /// Whether somebody ended the session before its plan was over: what is judged is only its beginning.
    pub interrupted: bool,
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
    let thresholds =
        session.header().settings.thresholds.iter().flat_map(|threshold| results(session, threshold)).collect();
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
    let interrupted = session.header().settings.plan.is_some() && session.ended() == Some(QUIT_BY_THE_USER);
    let has_thresholds = !session.header().settings.thresholds.is_empty();
    let unmet_end = session.ended().and_then(|reason| reason.strip_prefix(LAST_UNMET)).map(str::to_owned);
    Verdict { thresholds, invalid, unmet_start, unmet_end, has_thresholds, none_ok: none_ok(session), interrupted }
}

/// The exit code of several sessions, or of both halves of one: the first of their codes in the order in which they apply to one.
pub(crate) fn exit_code_of<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> u8 {
    let codes: Vec<u8> = sessions.into_iter().map(|session| judge(session).exit_code()).collect();
    [1, 4, 3, 5].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}

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

    /// Whether there was nothing to judge, and nothing to object to.
    pub(crate) const fn is_silent(&self) -> bool {
        self.thresholds.is_empty()
            && self.invalid.is_empty()
            && self.unmet_start.is_empty()
            && self.unmet_end.is_none()
            && self.none_ok.is_none()
            && !self.interrupted
    }

    /// In a few words: `passed: all 4 thresholds held`.
    pub(crate) fn headline(&self) -> String {
        if self.interrupted {
            return format!("interrupted before the plan's end; until then {}", self.outcome());
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
    /// Whether nobody can say because of `whom`.
    fn blames(&self, whom: Blame) -> bool {
        matches!(self, Self::CannotTell { blame, .. } if *blame == whom)
    }

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
    /// What we left out must not be why it passes: with it counted as it was seen (`worst`), it must hold, too.
    fn unless_worse(mut self, threshold: &Threshold, worst: Option<&Measured>) -> Self {
        let Some(Measured::Known { words, .. } | Measured::Beyond { words, .. }) = worst else { return self };
        let holds_at_worst = worst.is_some_and(|worst| held_against(threshold, worst) == ThresholdOutcome::Passed);
        if self.outcome == ThresholdOutcome::Passed && !holds_at_worst {
            let reason =
                format!("{} without what the generator was late for, {} with it", spaced(&self.actual), spaced(words));
            self.outcome = ThresholdOutcome::CannotTell { reason, blame: Blame::Generator };
        }
        self
    }

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

fn results(session: &Session, threshold: &Threshold) -> Vec<ThresholdResult> {
    if threshold.scope == Scope::Run {
        let subject = &threshold.subject;
        let told = result(session, threshold, None, &of_run(session, subject));
        return vec![told.unless_worse(threshold, of_run_at_worst(session, subject).as_ref())];
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
            .unless_worse(threshold, of_step_at_worst(report, &threshold.subject).as_ref());
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
            Scope::Run | Scope::EveryStep => "there was no step".to_owned(),
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

fn result(
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
            let missing_source = !has_source(session, &threshold.subject);
            let reason = match threshold.subject.needs() {
                Needs::Ids | Needs::Instances if missing_source && session.names_requests() => {
                    NAMES_REQUESTS.to_owned()
                }
                needs if missing_source => source_wanted(needs).to_owned(),
                _ => reason.clone(),
            };
            (
                "–".to_owned(),
                ThresholdOutcome::CannotTell {
                    reason,
                    blame: if missing_source { Blame::Source } else { Blame::None },
                },
            )
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
fn held_against(threshold: &Threshold, measured: &Measured) -> ThresholdOutcome {
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

fn holds(threshold: &Threshold, value: f64) -> bool {
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
        Needs::Desired => counted(Basis::Desired),
        Needs::Ids => has_ids(),
        Needs::Instances => counted(Basis::Running) || counted(Basis::Active) || has_ids(),
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

#[cfg(test)]
mod tests;
