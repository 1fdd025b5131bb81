//! Where the time of a scale-out went: alarm, decision, task created, image pulled, started, healthy, first response.
//!
//! ```text
//!  step ──► alarm ──► decision ──► created ──► pulled ──► started ──► healthy ──► first response
//!       metrics +     cooldown     placement    image       boot       health         load
//!       evaluation                              size                   check          balancer
//! ```
//!
//! Pure: computed from what the platform recorded ([`Milestone`]), what was counted and what answered. App Runner records
//! none of it; there, the count and the first response are what can be known, and the rest says so. A stage that nobody can know
//! of, and one that was reached before the step, is not applicable, with the reason: "not within" is said only of what could
//! have been seen.

mod activity;
mod reasons;
mod scale_out;
mod span;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::waterfall::reasons::Progress;
use crate::analysis::waterfall::scale_out::{ScaleOut, of_task, stood_at_the_start};
use crate::analysis::waterfall::span::Span;
use crate::analysis::{Direction, Step, StepReport, Timing};
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Basis, Feed, InstanceObservation, Limits};
use crate::text::watched;
use scaletop_units::{Elapsed, StepId};

/// The name of the source that tells alarms and decisions.
const SCALING: &str = "scaling";

/// The name of the source that tells the lives of tasks.
const TASKS: &str = "tasks";

/// A stage of a scale-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScaleOutStage {
    /// The alarm went off.
    Alarm,
    /// More were asked for.
    Decision,
    /// The first new task was created.
    TaskCreated,
    /// Its image was there.
    ImagePulled,
    TaskStarted,
    /// Its health check passed: the load balancer's, or its own.
    TaskHealthy,
    /// The platform counted one more.
    Counted,
    /// A new instance answered.
    FirstResponse,
}

impl ScaleOutStage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Alarm,
        Self::Decision,
        Self::TaskCreated,
        Self::ImagePulled,
        Self::TaskStarted,
        Self::TaskHealthy,
        Self::Counted,
        Self::FirstResponse,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::Decision => "decision",
            Self::TaskCreated => "task created",
            Self::ImagePulled => "image pulled",
            Self::TaskStarted => "task started",
            Self::TaskHealthy => "task healthy",
            Self::Counted => "counted",
            Self::FirstResponse => "first response",
        }
    }
}

/// The waterfall of one scale-out of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    pub step: StepId,
    /// Each stage with the time from the step's start to it, in the order of [`ScaleOutStage::ALL`].
    pub stages: Vec<(ScaleOutStage, Timing)>,
    /// What was decided and why: `Setting desired count to 4. monitor alarm …`. Untrusted text.
    pub cause: Option<String>,
    /// Why nothing was decided, or why no new task started, if the platform says so. Untrusted text.
    pub not_scaled: Option<String>,
}

/// The platform keeps no record of a stage. One such reason is said once for all of them.
const NO_RECORD: &str = "the platform keeps no record of it";

/// Stages that were reached before the step began.
const ON_BEFORE: &str = "already on before the step";
const MADE_BEFORE: &str = "already made before the step";
const SO_BEFORE: &str = "already reached before the step";

/// An instance answered before the platform had decided for more.
const REPLACEMENT: &str = "not known: an instance answered before the decision, a replacement";

/// Stages that follow from each other: no decision of a policy without its alarm, no start without a task.
const CHAINS: [&[ScaleOutStage]; 2] = [
    &[ScaleOutStage::Alarm, ScaleOutStage::Decision],
    &[ScaleOutStage::TaskCreated, ScaleOutStage::ImagePulled, ScaleOutStage::TaskStarted, ScaleOutStage::TaskHealthy],
];

/// One stage as a bar: from the end of what came before it to itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    /// The stage that ends it.
    pub stage: ScaleOutStage,
    /// When that was reached.
    pub timing: Timing,
    /// Seconds from the step's start to where the bar begins.
    pub from: f64,
    /// Seconds from the step's start to where it ends; for what was not reached, as far as is known.
    pub to: f64,
}

/// One stage as a row: a bar, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Row {
    Bar(Segment),
    /// A stage that was reached before the step, or that cannot be known; says which.
    Remark(ScaleOutStage, &'static str),
}

impl Row {
    /// Seconds from the step's start to where its bar ends; 0 without one.
    pub(crate) const fn end(&self) -> f64 {
        match self {
            Self::Bar(segment) => segment.to,
            Self::Remark(..) => 0.0,
        }
    }
}

impl Waterfall {
    /// The stages that this platform can tell of, each from where the one before it ended. What was seen before an earlier
    /// stage (a count is polled, a first response is not) begins and ends where it was seen. What no record is kept of has no
    /// row.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut reached: f64 = 0.0;
        let mut rows = Vec::new();
        for &(stage, timing) in &self.stages {
            let to = match timing {
                Timing::Reached { secs, .. } | Timing::NotWithin { secs, .. } => secs,
                Timing::NotApplicable(why) if why != NO_RECORD => {
                    rows.push(Row::Remark(stage, why));
                    continue;
                }
                _ => continue,
            };
            rows.push(Row::Bar(Segment { stage, timing, from: reached.min(to), to }));
            if matches!(timing, Timing::Reached { .. }) {
                reached = reached.max(to);
            }
        }
        rows
    }

    /// The stages that have a time.
    #[cfg(test)]
    fn segments(&self) -> Vec<Segment> {
        let bar = |row| if let Row::Bar(segment) = row { Some(segment) } else { None };
        self.rows().into_iter().filter_map(bar).collect()
    }

    /// Whether stages are missing because the platform keeps no record of them.
    pub fn is_partial(&self) -> bool {
        matches!(self.timing(ScaleOutStage::Alarm), Some(Timing::NotApplicable(NO_RECORD)) | None)
    }

    /// Whether the platform did anything. An answer alone may come from an instance that was there.
    pub fn is_under_way(&self) -> bool {
        let has_done = |&(stage, timing): &(ScaleOutStage, Timing)| {
            stage != ScaleOutStage::FirstResponse && matches!(timing, Timing::Reached { .. })
        };
        self.stages.iter().any(has_done)
    }

    /// In words: `alarm after 31.0 s, decision after 31.2 s, …, first response not within 40 s; not scaled: …`. Holds
    /// untrusted text.
    pub fn words(&self) -> String {
        // What follows a stage that was not reached was not reached either: once is enough.
        let mut is_first = true;
        let words = self.rows().into_iter().filter_map(|row| match row {
            Row::Remark(stage, why) => Some(format!("{}: {why}", stage.label())),
            Row::Bar(Segment { stage, timing: Timing::NotWithin { secs, .. }, .. }) => {
                let is_said = std::mem::replace(&mut is_first, false);
                is_said.then(|| format!("{} not within {}", stage.label(), watched(secs)))
            }
            Row::Bar(Segment { stage, timing, .. }) => Some(format!("{} after {timing}", stage.label())),
        });
        let mut words = words.collect::<Vec<_>>().join(", ");
        if let Some(why) = &self.not_scaled {
            words.push_str("; not scaled: ");
            words.push_str(why);
        }
        if let Some(cause) = &self.cause {
            words.push_str("; ");
            words.push_str(cause);
        }
        words
    }

    /// The time to a stage.
    pub fn timing(&self, stage: ScaleOutStage) -> Option<Timing> {
        self.stages.iter().find(|(found, _)| *found == stage).map(|(_, timing)| *timing)
    }
}

/// What a waterfall is computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScaleOutEvidence<'a> {
    /// Now, or the session's end: the end of an open step.
    pub now: Elapsed,
    /// Everything that the platform recorded, in any order.
    pub milestones: &'a [Milestone],
    /// The platform's own counts, ascending: Running on ECS, Active on App Runner.
    pub counts: &'a [InstanceObservation],
    /// The counts that scaling asked for, ascending.
    pub desired: &'a [InstanceObservation],
    /// As many instances as are needed, or allowed, where that is known.
    pub enough: Option<u32>,
    /// When each instance that answered for the first time in the step did, ascending.
    pub births: &'a [Elapsed],
    /// The state of the source that tells alarms and decisions.
    pub scaling: Option<&'a Feed>,
    /// The state of the source that tells the lives of tasks.
    pub tasks: Option<&'a Feed>,
    /// When an instance that had not been seen before first answered OK in the step; or why nobody knows.
    pub first_response: Result<Option<Elapsed>, &'static str>,
    /// When each instance that came after a decision first answered OK, with the decision's moment.
    pub answered: &'a [(Elapsed, Elapsed)],
}

/// A decision for more instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// When it was made.
    pub at: Elapsed,
    /// How many more it asked for, where that is known.
    pub more: Option<u32>,
}

/// The decisions whose instances a step is to bring, ascending: those made in it, and the one whose tasks were on their way when it
/// began.
pub(crate) fn orders(
    step: &Step,
    now: Elapsed,
    milestones: &[Milestone],
    desired: &[InstanceObservation],
) -> Vec<Order> {
    let order = |one: ScaleOut<'_>| Some(Order { at: one.decision?.as_of, more: one.more });
    ScaleOut::all(milestones, desired, &Span::of(step, now)).into_iter().filter_map(order).collect()
}

/// Whether a source was silent at a time of the step, so that what it did not tell may have happened.
fn is_silent(feed: Option<&Feed>, span: &Span) -> bool {
    match feed {
        Some(Feed::Failed { .. }) => true,
        Some(Feed::Stale { heard, .. }) => !span.is_heard_out(*heard),
        Some(Feed::Waiting | Feed::Live { .. }) | None => false,
    }
}

/// The waterfalls of `step`: one for each of its scale-outs, in the order of their decisions; one where none was decided.
pub(crate) fn waterfalls(step: &Step, evidence: &ScaleOutEvidence<'_>) -> Vec<Waterfall> {
    let span = Span::of(step, evidence.now);
    let all = ScaleOut::all(evidence.milestones, evidence.desired, &span);
    (0..).zip(all).map(|(at, scale_out)| waterfall(step, evidence, (&span, &scale_out, at == 0))).collect()
}

/// The waterfall of one scale-out of `step`; only the first counts from what there was before the step.
fn waterfall(
    step: &Step,
    evidence: &ScaleOutEvidence<'_>,
    (span, scale_out, is_first): (&Span, &ScaleOut<'_>, bool),
) -> Waterfall {
    let (decision, task) = (scale_out.decision, scale_out.task);
    let life = |kind| task.and_then(|task| of_task(evidence.milestones, kind, &task.subject));
    // What hinders is told of App Runner too, which keeps no record of a scale-out.
    let counts_tasks = evidence.counts.first().is_some_and(|seen| seen.basis == Basis::Running);
    let is_record = |one: &Milestone| !matches!(one.kind, MilestoneKind::Hindrance | MilestoneKind::HindranceOver);
    let platform_tells = counts_tasks || evidence.milestones.iter().any(is_record);
    let told = |milestone: Option<&Milestone>, feed, before| match milestone {
        Some(one) if span.is_after(one.as_of) || stood_at_the_start(one) => Timing::NotApplicable(before),
        Some(milestone) if span.contains(milestone.as_of) => span.reached_by(milestone),
        _ if !platform_tells => Timing::NotApplicable(NO_RECORD),
        _ if is_silent(feed, span) => Timing::NotApplicable("not known: its source did not answer"),
        _ => span.not_reached(),
    };
    let (scaling, tasks) = (evidence.scaling, evidence.tasks);
    let timing = |stage| match stage {
        ScaleOutStage::Alarm => told(scale_out.alarm, scaling, ON_BEFORE),
        ScaleOutStage::Decision => told(decision, scaling, MADE_BEFORE),
        ScaleOutStage::TaskCreated => told(task, tasks, SO_BEFORE),
        ScaleOutStage::ImagePulled => told(life(MilestoneKind::ImagePulled), tasks, SO_BEFORE),
        ScaleOutStage::TaskStarted => told(life(MilestoneKind::TaskStarted), tasks, SO_BEFORE),
        ScaleOutStage::TaskHealthy => {
            let is_unknown =
                life(MilestoneKind::HealthUnknown).is_some() && life(MilestoneKind::TaskUnhealthy).is_none();
            match told(life(MilestoneKind::TaskHealthy), tasks, SO_BEFORE) {
                Timing::NotWithin { .. } if is_unknown => Timing::NotApplicable(
                    "not known: the container has no health check, and no load balancer could be asked",
                ),
                timing => timing,
            }
        }
        ScaleOutStage::Counted if !platform_tells && evidence.counts.is_empty() => {
            Timing::NotApplicable("no source counts instances")
        }
        ScaleOutStage::Counted => match decision.filter(|_| !is_first) {
            Some(decision) => span.counted_after(evidence.counts, decision.as_of),
            None => span.counted(evidence.counts, evidence.enough, !evidence.births.is_empty()),
        },
        ScaleOutStage::FirstResponse => first_response(evidence, span, scale_out, is_first),
    };
    let mut stages = ScaleOutStage::ALL.map(|stage| (stage, timing(stage))).to_vec();
    fill_gaps(&mut stages);
    let is_reached =
        |stage| stages.iter().any(|(found, timing)| *found == stage && matches!(timing, Timing::Reached { .. }));
    let progress = Progress {
        has_decision: decision.is_some(),
        has_started: life(MilestoneKind::TaskStarted).is_some(),
        is_through: [ScaleOutStage::TaskHealthy, ScaleOutStage::Counted, ScaleOutStage::FirstResponse]
            .into_iter()
            .any(is_reached),
        tasks: &scale_out.tasks,
    };
    let reasons = reasons::reasons(evidence.milestones, span, progress);
    Waterfall {
        step: step.id,
        stages,
        cause: decision.map(|decision| decision.detail.clone()),
        not_scaled: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

/// When an instance that a scale-out brought first answered: of the first that is `T_serving`, unless the instance came before it.
fn first_response(evidence: &ScaleOutEvidence<'_>, span: &Span, scale_out: &ScaleOut<'_>, is_first: bool) -> Timing {
    let serving = match evidence.first_response {
        Ok(serving) => serving,
        Err(why) => return Timing::NotApplicable(why),
    };
    let of_it = |(decided, _): &&(Elapsed, Elapsed)| scale_out.decision.is_some_and(|one| one.as_of == *decided);
    let own = evidence.answered.iter().filter(of_it).map(|(_, at)| *at).filter(|at| span.contains(*at)).min();
    match (serving.filter(|_| is_first), own) {
        (Some(at), None) if scale_out.is_before(at, span) => Timing::NotApplicable(REPLACEMENT),
        (Some(at), _) if span.contains(at) && !scale_out.is_before(at, span) => span.reached(at),
        (_, Some(own)) => span.reached(own),
        _ => span.not_reached(),
    }
}

/// What a stage follows from was reached too, though nobody told when.
fn fill_gaps(stages: &mut [(ScaleOutStage, Timing)]) {
    for chain in CHAINS {
        let mut has_later = false;
        for (_, timing) in stages.iter_mut().rev().filter(|(stage, _)| chain.contains(stage)) {
            match timing {
                Timing::Reached { .. } | Timing::NotApplicable(ON_BEFORE | MADE_BEFORE | SO_BEFORE) => has_later = true,
                Timing::NotWithin { .. } if has_later => {
                    *timing = Timing::NotApplicable("not known: nothing told when");
                }
                _ => {}
            }
        }
    }
}

/// What was observed of instances, by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed<'a> {
    pub milestones: &'a [Milestone],
    pub counts: &'a BTreeMap<Basis, Vec<InstanceObservation>>,
    pub feeds: &'a BTreeMap<String, Feed>,
    pub limits: Limits,
    /// When each instance that answered for the first time in the step did, while others had before; ascending.
    pub births: &'a [Elapsed],
    /// When each that came after a decision first answered OK, with the decision's moment.
    pub answered: &'a [(Elapsed, Elapsed)],
}

/// The waterfalls of a step up, one for each scale-out in the order of their decisions, from all that was observed; or, where no
/// instance was added and nobody waits for one, why there is none. `None` for other steps.
///
/// An instance that is born is a scale-out, whoever else tells of it.
pub(crate) fn of(report: &StepReport, now: Elapsed, observed: &Observed<'_>) -> Option<Result<Vec<Waterfall>, String>> {
    let (step, milestones) = (&report.step, observed.milestones);
    if step.direction() != Direction::Up {
        return None;
    }
    let of_basis = |basis: &Basis| observed.counts.get(basis).map(Vec::as_slice);
    let counts = Basis::COUNTED.iter().find_map(of_basis);
    // The first response is T_serving: one computation. But after a rest T_serving is whoever answers first: where one came that had
    // never answered, that one is what the scale-out brought.
    let first_response = match report.numbers.serving {
        Timing::NotApplicable(why) => Err(why),
        serving => {
            let serving = serving.secs().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
            Ok(observed.births.first().copied().or(serving.map(|after| step.start + after)))
        }
    };
    let needed = report.numbers.target.filter(|_| report.numbers.demand.is_some());
    let evidence = ScaleOutEvidence {
        now,
        milestones,
        counts: counts.unwrap_or_default(),
        desired: of_basis(&Basis::Desired).unwrap_or_default(),
        enough: needed.into_iter().chain(observed.limits.max).min(),
        births: observed.births,
        scaling: observed.feeds.get(SCALING),
        tasks: observed.feeds.get(TASKS),
        first_response,
        answered: observed.answered,
    };
    let falls = waterfalls(step, &evidence);
    let is_unscaled = falls.iter().any(|fall| fall.not_scaled.is_some());
    // What keeps a service from scaling is worth a word where more was needed, or asked for.
    let tells = counts.is_some() || !milestones.is_empty();
    let is_missed = tells && report.numbers.bad_seconds > 0 && (step.end.is_none() || is_unscaled);
    let span = Span::of(step, now);
    let was_refused = milestones.iter().any(|one| reasons::is_refusal(one) && span.contains(one.as_of));
    let has_scaled = falls.iter().any(Waterfall::is_under_way) || !observed.births.is_empty();
    Some(if has_scaled || is_missed || was_refused { Ok(falls) } else { Err(why_none(report, needed, tells)) })
}

/// Why a step up has no scale-out, in words.
fn why_none(report: &StepReport, needed: Option<u32>, tells: bool) -> String {
    let numbers = &report.numbers;
    let had = numbers.instances.and_then(|span| span.before);
    let none = if report.step.end.is_none() { "no instance was added yet" } else { "no instance was added" };
    match (had, needed) {
        _ if numbers.due == 0 => "nothing was sent".to_owned(),
        (Some(had), Some(needed)) if had >= needed => {
            format!("{none}: {needed} reckoned to be needed, {had} there before")
        }
        _ if numbers.recover == Timing::Absorbed => format!("{none}: the objective held without"),
        (None, _) if !tells && numbers.instances.is_none() => {
            "nobody knows: no source counts instances, and no answer names its own".to_owned()
        }
        _ => none.to_owned(),
    }
}

#[cfg(test)]
mod tests;
