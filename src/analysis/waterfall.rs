//! Where the time of a scale-out went: alarm, decision, task created, image pulled, started, healthy, first response.
//!
//! ```text
//!  step ──► alarm ──► decision ──► created ──► pulled ──► started ──► healthy ──► first response
//!       metrics +     cooldown     placement    image       boot       health         load
//!       evaluation                              size                   check          balancer
//! ```
//!
//! Pure: computed from what the platform recorded ([`Milestone`]), what was counted and what answered. App Runner records
//! none of it; there, the count and the first response are what can be known, and the rest says so.

mod span;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::waterfall::span::Span;
use crate::analysis::{Direction, Step, StepReport, Timing};
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Basis, InstanceObservation};
use scaletop_units::{Elapsed, StepId};

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
    /// Its health check passed.
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

/// The waterfall of one step.
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

/// Reasons of one kind that a waterfall gives: more would be the log's.
const MOST_REASONS: usize = 3;

/// One stage as a bar: from the end of what came before it to itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// The stage that ends it.
    pub stage: ScaleOutStage,
    /// When that was reached.
    pub timing: Timing,
    /// Seconds from the step's start to where the bar begins.
    pub from: f64,
    /// Seconds from the step's start to where it ends; for what was not reached, as far as is known.
    pub to: f64,
}

impl Waterfall {
    /// The stages that this platform can tell of, each from where the one before it ended. What was seen before an earlier
    /// stage (a count is polled, a first response is not) begins and ends where it was seen.
    pub fn segments(&self) -> Vec<Segment> {
        let mut reached: f64 = 0.0;
        let mut segments = Vec::new();
        for &(stage, timing) in &self.stages {
            let (Timing::Reached { secs: to, .. } | Timing::NotWithin { secs: to, .. }) = timing else { continue };
            segments.push(Segment { stage, timing, from: reached.min(to), to });
            if matches!(timing, Timing::Reached { .. }) {
                reached = reached.max(to);
            }
        }
        segments
    }

    /// Whether stages are missing because the platform keeps no record of them.
    pub fn is_partial(&self) -> bool {
        matches!(self.timing(ScaleOutStage::Alarm), Some(Timing::NotApplicable(_)) | None)
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
        let stage = |segment: &Segment| match segment.timing {
            Timing::NotWithin { secs, .. } => format!("{} not within {secs:.0} s", segment.stage.label()),
            timing => format!("{} after {timing}", segment.stage.label()),
        };
        // What follows a stage that was not reached was not reached either: once is enough.
        let mut is_first = true;
        let segments = self.segments().into_iter().filter(|segment| {
            matches!(segment.timing, Timing::Reached { .. }) || std::mem::replace(&mut is_first, false)
        });
        let mut words = segments.map(|segment| stage(&segment)).collect::<Vec<_>>().join(", ");
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
    /// When an instance that had not been seen before first answered OK in the step.
    pub first_response: Option<Elapsed>,
}

/// The waterfall of `step`.
pub(crate) fn waterfall(step: &Step, evidence: &ScaleOutEvidence<'_>) -> Waterfall {
    let span = Span::of(step, evidence.now);
    let in_step = |kind| {
        let mut found: Vec<&Milestone> = evidence
            .milestones
            .iter()
            .filter(|milestone| milestone.kind == kind && span.contains(milestone.as_of))
            .collect();
        found.sort_by_key(|milestone| milestone.as_of);
        found
    };
    let decisions = in_step(MilestoneKind::Decision);
    let created = in_step(MilestoneKind::TaskCreated);
    // A decision to scale in may fall into the step too: the one that counts is the last before the first new task.
    let first_created = created.first().map(|task| task.as_of);
    let decision = decisions
        .iter()
        .rfind(|decision| first_created.is_some_and(|at| decision.as_of <= at))
        .or_else(|| decisions.first())
        .copied();
    // Replacements of tasks that failed are created without a decision.
    let task = created.iter().find(|task| decision.is_none_or(|decision| task.as_of >= decision.as_of)).copied();
    let alarms = in_step(MilestoneKind::Alarm);
    let alarm = alarms.iter().rfind(|alarm| decision.is_none_or(|decision| alarm.as_of <= decision.as_of)).copied();
    let of_task = |kind| {
        let of_it = |milestone: &&Milestone| task.is_some_and(|task| task.subject == milestone.subject);
        evidence
            .milestones
            .iter()
            .filter(|milestone| milestone.kind == kind && span.contains(milestone.as_of))
            .find(of_it)
    };
    // What hinders is told of App Runner too, which keeps no record of a scale-out.
    let counts_tasks = evidence.counts.first().is_some_and(|seen| seen.basis == Basis::Running);
    let is_record =
        |one: &Milestone| counts_tasks || !matches!(one.kind, MilestoneKind::Hindrance | MilestoneKind::HindranceOver);
    let platform_tells = evidence.milestones.iter().any(is_record);
    let told = |milestone: Option<&Milestone>| match milestone {
        Some(milestone) => span.reached_within_before(milestone.as_of, milestone.uncertainty),
        None if platform_tells => span.not_reached(),
        None => Timing::NotApplicable("the platform keeps no record of it"),
    };
    let timing = |stage| match stage {
        ScaleOutStage::Alarm => told(alarm),
        ScaleOutStage::Decision => told(decision),
        ScaleOutStage::TaskCreated => told(task),
        ScaleOutStage::ImagePulled => told(of_task(MilestoneKind::ImagePulled)),
        ScaleOutStage::TaskStarted => told(of_task(MilestoneKind::TaskStarted)),
        ScaleOutStage::TaskHealthy => told(of_task(MilestoneKind::TaskHealthy)),
        ScaleOutStage::Counted => span.counted(evidence.counts),
        ScaleOutStage::FirstResponse => match evidence.first_response.filter(|at| span.contains(*at)) {
            Some(at) => span.reached_within_before(at, Duration::ZERO),
            None => span.not_reached(),
        },
    };
    let has_started = task.is_some_and(|_| of_task(MilestoneKind::TaskStarted).is_some());
    let mut reasons: Vec<&str> = Vec::new();
    if decision.is_none() {
        let said = in_step(MilestoneKind::NotScaled).last().map(|found| found.detail.as_str());
        reasons.extend(said.map(|said| said.strip_prefix("not scaled: ").unwrap_or(said)));
    }
    if decision.is_none() || !has_started {
        reasons.extend(hindrances(evidence.milestones, &span));
        let failed = |stopped: &&&Milestone| created.iter().any(|task| task.subject == stopped.subject);
        let stopped = in_step(MilestoneKind::TaskStopped);
        let why = stopped.iter().filter(failed).map(|stopped| stopped.detail.as_str()).filter(|why| !why.is_empty());
        for why in why.take(MOST_REASONS) {
            if !reasons.iter().any(|said| said.contains(why)) {
                reasons.push(why);
            }
        }
    }
    Waterfall {
        step: step.id,
        stages: ScaleOutStage::ALL.map(|stage| (stage, timing(stage))).to_vec(),
        cause: decision.map(|decision| decision.detail.clone()),
        not_scaled: (!reasons.is_empty()).then(|| reasons.join("; ")),
    }
}

/// What kept the service from scaling out at some time of the step: what the platform said before it and had not taken back
/// when it began, and what it said in it.
fn hindrances<'a>(milestones: &'a [Milestone], span: &Span) -> Vec<&'a str> {
    let mut stood: BTreeMap<&str, &str> = BTreeMap::new();
    let mut all: Vec<&Milestone> = milestones
        .iter()
        .filter(|one| matches!(one.kind, MilestoneKind::Hindrance | MilestoneKind::HindranceOver))
        .collect();
    all.sort_by_key(|one| one.as_of);
    for one in all {
        match one.kind {
            MilestoneKind::Hindrance if span.contains(one.as_of) || span.is_after(one.as_of) => {
                stood.insert(&one.subject, &one.detail);
            }
            MilestoneKind::HindranceOver if span.is_after(one.as_of) => {
                stood.remove(one.subject.as_str());
            }
            _ => {}
        }
    }
    stood.into_values().take(MOST_REASONS).collect()
}

/// The waterfall of a step, from all that was observed: `None` for steps down, where no platform tells anything, and where
/// nothing happened and nobody waits for it.
pub(crate) fn of(
    report: &StepReport,
    now: Elapsed,
    milestones: &[Milestone],
    observations: &BTreeMap<Basis, Vec<InstanceObservation>>,
) -> Option<Waterfall> {
    let step = &report.step;
    let counts = [Basis::Running, Basis::Active].iter().find_map(|basis| observations.get(basis));
    if step.direction() != Direction::Up || (milestones.is_empty() && counts.is_none()) {
        return None;
    }
    // The first response is T_serving: one computation.
    let serving = report.numbers.serving.secs().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
    let evidence = ScaleOutEvidence {
        now,
        milestones,
        counts: counts.map_or(&[], Vec::as_slice),
        first_response: serving.map(|after| step.start + after),
    };
    let fall = waterfall(step, &evidence);
    // What keeps a service from scaling is worth a word where more was needed, or asked for.
    let is_missed = report.numbers.bad_seconds > 0 && (step.end.is_none() || fall.not_scaled.is_some());
    let span = Span::of(step, now);
    let was_refused = milestones.iter().any(|one| one.kind == MilestoneKind::NotScaled && span.contains(one.as_of));
    (fall.is_under_way() || is_missed || was_refused).then_some(fall)
}

#[cfg(test)]
mod tests;
