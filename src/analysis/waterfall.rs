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

use std::time::Duration;

use crate::analysis::{Step, Timing};
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Basis, InstanceObservation};
use crate::units::{Elapsed, StepId};

/// A stage of a scale-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The alarm went off.
    Alarm,
    /// More were asked for.
    Decision,
    /// The first new task was created.
    TaskCreated,
    /// Its image was there.
    ImagePulled,
    /// It ran.
    TaskStarted,
    /// Its health check passed.
    TaskHealthy,
    /// The platform counted one more.
    Counted,
    /// A new instance answered.
    FirstResponse,
}

impl Stage {
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

    /// In words.
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
    /// The step.
    pub step: StepId,
    /// Each stage with the time from the step's start to it, in the order of [`Stage::ALL`].
    pub stages: Vec<(Stage, Timing)>,
    /// What was decided and why: `Setting desired count to 4. monitor alarm …`. Untrusted text.
    pub cause: Option<String>,
    /// Why nothing was decided, if the platform says so. Untrusted text.
    pub not_scaled: Option<String>,
}

/// One stage as a bar: from the end of what came before it to itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// The stage that ends it.
    pub stage: Stage,
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
        matches!(self.timing(Stage::Alarm), Some(Timing::NotApplicable(_)) | None)
    }

    /// Whether the platform did anything, or said why not. An answer alone may come from an instance that was there.
    pub fn is_under_way(&self) -> bool {
        let has_done = |&(stage, timing): &(Stage, Timing)| {
            stage != Stage::FirstResponse && matches!(timing, Timing::Reached { .. })
        };
        self.not_scaled.is_some() || self.stages.iter().any(has_done)
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
    pub fn timing(&self, stage: Stage) -> Option<Timing> {
        self.stages.iter().find(|(found, _)| *found == stage).map(|(_, timing)| *timing)
    }
}

/// What a waterfall is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
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
pub fn waterfall(step: &Step, evidence: &Evidence<'_>) -> Waterfall {
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
    let platform_tells = !evidence.milestones.is_empty();
    let told = |milestone: Option<&Milestone>| match milestone {
        Some(milestone) => span.reached_within_before(milestone.as_of, milestone.uncertainty),
        None if platform_tells => span.not_reached(),
        None => Timing::NotApplicable("the platform keeps no record of it"),
    };
    let timing = |stage| match stage {
        Stage::Alarm => told(alarm),
        Stage::Decision => told(decision),
        Stage::TaskCreated => told(task),
        Stage::ImagePulled => told(of_task(MilestoneKind::ImagePulled)),
        Stage::TaskStarted => told(of_task(MilestoneKind::TaskStarted)),
        Stage::TaskHealthy => told(of_task(MilestoneKind::TaskHealthy)),
        Stage::Counted => span.counted(evidence.counts),
        Stage::FirstResponse => match evidence.first_response.filter(|at| span.contains(*at)) {
            Some(at) => span.reached_within_before(at, Duration::ZERO),
            None => span.not_reached(),
        },
    };
    let not_scaled =
        in_step(MilestoneKind::NotScaled).last().filter(|_| decision.is_none()).map(|found| found.detail.clone());
    Waterfall {
        step: step.id,
        stages: Stage::ALL.map(|stage| (stage, timing(stage))).to_vec(),
        cause: decision.map(|decision| decision.detail.clone()),
        not_scaled,
    }
}

/// The time of a step.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: Elapsed,
    end: Elapsed,
    is_open: bool,
}

impl Span {
    fn of(step: &Step, now: Elapsed) -> Self {
        Self { start: step.start, end: step.end.unwrap_or(now).max(step.start), is_open: step.end.is_none() }
    }

    fn contains(&self, at: Elapsed) -> bool {
        // What is timed "now" belongs to an open step.
        at >= self.start && (at < self.end || self.is_open)
    }

    /// Reached at some moment in `(at - before, at]`.
    fn reached_within_before(&self, at: Elapsed, before: Duration) -> Timing {
        let half = before.as_secs_f64() / 2.0;
        let secs = (at.saturating_since(self.start).as_secs_f64() - half).max(0.0);
        Timing::Reached { secs, plus_minus: half }
    }

    fn not_reached(&self) -> Timing {
        Timing::NotWithin { secs: self.end.saturating_since(self.start).as_secs_f64(), open: self.is_open }
    }

    /// Not counted as far as the platform has told: its metrics come minutes late, and what they do not say yet is unknown.
    fn not_counted(&self, counts: &[InstanceObservation]) -> Timing {
        let told = counts.last().map_or(self.start, |last| match last.basis {
            Basis::Active => last.as_of + last.uncertainty,
            _ => last.as_of,
        });
        if told <= self.start {
            return Timing::NotApplicable("no count from within the step yet");
        }
        Timing::NotWithin { secs: told.min(self.end).saturating_since(self.start).as_secs_f64(), open: self.is_open }
    }

    /// When the platform's count first exceeded what it was before the step.
    fn counted(&self, counts: &[InstanceObservation]) -> Timing {
        let Some(before) = counts.iter().rev().find(|seen| seen.as_of <= self.start).map(|seen| seen.count) else {
            return Timing::NotApplicable("no count from before the step");
        };
        let Some(first) = counts.iter().find(|seen| self.contains(seen.as_of) && seen.count > before) else {
            return self.not_counted(counts);
        };
        match first.basis {
            // A metric's point stands at the start of its period: the change came within the period that follows.
            Basis::Active => self.reached_within_before(first.as_of + first.uncertainty, first.uncertainty),
            _ => self.reached_within_before(first.as_of, first.uncertainty),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::rate::RateProfile;
    use crate::units::ArrivalRate;

    fn step(start: u64, end: Option<u64>) -> Step {
        Step {
            id: StepId(2),
            start: Elapsed::from_secs(start),
            end: end.map(Elapsed::from_secs),
            before: ArrivalRate::new(5),
            profile: RateProfile::PAUSED,
            anchor: Elapsed::from_secs(start),
            name: None,
        }
    }

    fn milestone(kind: MilestoneKind, subject: &str, at: u64) -> Milestone {
        Milestone {
            kind,
            subject: subject.to_owned(),
            detail: format!("{} at {at}", kind.label()),
            as_of: Elapsed::from_secs(at),
            uncertainty: if kind == MilestoneKind::TaskHealthy { Duration::from_secs(4) } else { Duration::ZERO },
        }
    }

    fn count(basis: Basis, count: u32, at: u64, uncertainty: u64) -> InstanceObservation {
        InstanceObservation {
            basis,
            count,
            as_of: Elapsed::from_secs(at),
            uncertainty: Duration::from_secs(uncertainty),
            provisional: false,
        }
    }

    fn reached(waterfall: &Waterfall, stage: Stage) -> (f64, f64) {
        match waterfall.timing(stage) {
            Some(Timing::Reached { secs, plus_minus }) => (secs, plus_minus),
            other => panic!("{stage:?}: {other:?}"),
        }
    }

    #[test]
    fn bars_begin_where_the_stage_before_ended_and_words_say_what_was_not_reached() {
        let reached = |secs| Timing::Reached { secs, plus_minus: 0.0 };
        let fall = Waterfall {
            step: StepId(2),
            stages: vec![
                (Stage::Alarm, reached(30.0)),
                (Stage::Decision, reached(31.0)),
                (Stage::ImagePulled, Timing::NotApplicable("no record")),
                (Stage::Counted, Timing::NotWithin { secs: 40.0, open: true }),
                (Stage::FirstResponse, reached(20.0)),
            ],
            cause: Some("cpu was high".to_owned()),
            not_scaled: None,
        };
        let bars: Vec<_> = fall.segments().iter().map(|bar| (bar.stage, bar.from, bar.to)).collect();
        let wanted = [
            (Stage::Alarm, 0.0, 30.0),
            (Stage::Decision, 30.0, 31.0),
            (Stage::Counted, 31.0, 40.0),
            (Stage::FirstResponse, 20.0, 20.0),
        ];
        assert_eq!(bars, wanted);
        assert!(fall.is_under_way() && !fall.is_partial());
        let alone = Waterfall { stages: vec![(Stage::FirstResponse, reached(0.1))], cause: None, ..fall.clone() };
        assert!(!alone.is_under_way() && alone.is_partial());
        let words = "alarm after 30.0 s, decision after 31.0 s, counted not within 40 s, first response after 20.0 s; cpu was high";
        assert_eq!(fall.words(), words);
    }

    #[test]
    fn on_ecs_every_stage_has_its_time() {
        use MilestoneKind::{Alarm, Decision, ImagePulled, TaskCreated, TaskHealthy, TaskStarted};
        // The spike at 100 s. A scale-in decision of before the alarm, a second task, and the order mixed up.
        let milestones = [
            milestone(TaskHealthy, "a", 340),
            milestone(TaskCreated, "b", 307),
            milestone(Decision, "in", 110),
            milestone(Alarm, "high", 300),
            milestone(Decision, "out", 301),
            milestone(TaskCreated, "a", 305),
            milestone(ImagePulled, "b", 316),
            milestone(ImagePulled, "a", 318),
            milestone(TaskStarted, "a", 322),
            milestone(TaskCreated, "old", 50),
        ];
        let counts =
            [count(Basis::Running, 1, 98, 2), count(Basis::Running, 1, 322, 2), count(Basis::Running, 2, 324, 2)];
        let evidence = Evidence {
            now: Elapsed::from_secs(400),
            milestones: &milestones,
            counts: &counts,
            first_response: Some(Elapsed::from_millis(342_500)),
        };
        let found = waterfall(&step(100, None), &evidence);
        assert_eq!(reached(&found, Stage::Alarm), (200.0, 0.0));
        assert_eq!(reached(&found, Stage::Decision), (201.0, 0.0));
        assert_eq!(found.cause.as_deref(), Some("decision at 301"));
        assert_eq!(reached(&found, Stage::TaskCreated), (205.0, 0.0));
        assert_eq!(reached(&found, Stage::ImagePulled), (218.0, 0.0), "of the same task, not the quicker one's");
        assert_eq!(reached(&found, Stage::TaskStarted), (222.0, 0.0));
        assert_eq!(reached(&found, Stage::TaskHealthy), (238.0, 2.0), "seen between 336 and 340");
        assert_eq!(reached(&found, Stage::Counted), (223.0, 1.0));
        assert_eq!(reached(&found, Stage::FirstResponse), (242.5, 0.0));
        assert_eq!(found.not_scaled, None);
    }

    #[test]
    fn on_app_runner_the_part_that_can_be_known_is() {
        let counts = [count(Basis::Active, 1, 60, 60), count(Basis::Active, 4, 120, 60)];
        let evidence = Evidence {
            now: Elapsed::from_secs(300),
            milestones: &[],
            counts: &counts,
            first_response: Some(Elapsed::from_secs(109)),
        };
        let found = waterfall(&step(100, Some(250)), &evidence);
        assert_eq!(found.timing(Stage::Decision), Some(Timing::NotApplicable("the platform keeps no record of it")));
        assert_eq!(reached(&found, Stage::Counted), (50.0, 30.0), "somewhere in the minute from 120 to 180");
        assert_eq!(reached(&found, Stage::FirstResponse), (9.0, 0.0));
    }

    #[test]
    fn what_did_not_happen_is_censored_and_its_reason_is_told() {
        let milestones = [milestone(MilestoneKind::NotScaled, "AlreadyAtMaxCapacity", 150)];
        let evidence =
            Evidence { now: Elapsed::from_secs(300), milestones: &milestones, counts: &[], first_response: None };
        let found = waterfall(&step(100, Some(250)), &evidence);
        assert_eq!(found.timing(Stage::Decision), Some(Timing::NotWithin { secs: 150.0, open: false }));
        assert_eq!(found.not_scaled.as_deref(), Some("not scaled at 150"));
        assert_eq!(found.timing(Stage::Counted), Some(Timing::NotApplicable("no count from before the step")));
    }

    proptest! {
        /// Shifting everything in time changes nothing, and no time is negative or beyond the step.
        #[test]
        fn a_waterfall_does_not_depend_on_when_it_happened(
            shift in 0_u64..10_000,
            events in prop::collection::vec((0_usize..8, 0_u8..3, 0_u64..400), 0..30),
        ) {
            use MilestoneKind::{Alarm, Decision, ImagePulled, NotScaled, TaskCreated, TaskHealthy, TaskStarted, TaskStopped};
            let kinds = [Alarm, Decision, NotScaled, TaskCreated, ImagePulled, TaskStarted, TaskHealthy, TaskStopped];
            let at = |shift: u64| {
                let milestones: Vec<_> = events
                    .iter()
                    .map(|&(kind, task, at)| Milestone {
                        detail: String::new(),
                        ..milestone(kinds[kind], &task.to_string(), at + shift)
                    })
                    .collect();
                let evidence = Evidence {
                    now: Elapsed::from_secs(400 + shift),
                    milestones: &milestones,
                    counts: &[],
                    first_response: Some(Elapsed::from_secs(200 + shift)),
                };
                waterfall(&step(100 + shift, Some(300 + shift)), &evidence)
            };
            let found = at(0);
            prop_assert_eq!(&found, &at(shift));
            for (stage, timing) in &found.stages {
                if let Timing::Reached { secs, .. } = timing {
                    prop_assert!((0.0..=200.0).contains(secs), "{:?} {}", stage, secs);
                }
            }
        }
    }
}
