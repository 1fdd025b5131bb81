//! Hand-made scale-outs, and one law: when it happened changes nothing.

use proptest::prelude::*;

use super::*;
use scaletop_load::RateProfile;
use scaletop_units::ArrivalRate;

fn step(start: u64, end: Option<u64>) -> Step {
    Step {
        id: StepId(2),
        start: Elapsed::from_secs(start),
        end: end.map(Elapsed::from_secs),
        before: ArrivalRate::new(5),
        profile: RateProfile::PAUSED,
        anchor: Elapsed::from_secs(start),
        name: None,
        unmet_start: None,
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

fn reached(waterfall: &Waterfall, stage: ScaleOutStage) -> (f64, f64) {
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
            (ScaleOutStage::Alarm, reached(30.0)),
            (ScaleOutStage::Decision, reached(31.0)),
            (ScaleOutStage::ImagePulled, Timing::NotApplicable("no record")),
            (ScaleOutStage::Counted, Timing::NotWithin { secs: 40.0, open: true }),
            (ScaleOutStage::FirstResponse, reached(20.0)),
        ],
        cause: Some("cpu was high".to_owned()),
        not_scaled: None,
    };
    let bars: Vec<_> = fall.segments().iter().map(|bar| (bar.stage, bar.from, bar.to)).collect();
    let wanted = [
        (ScaleOutStage::Alarm, 0.0, 30.0),
        (ScaleOutStage::Decision, 30.0, 31.0),
        (ScaleOutStage::Counted, 31.0, 40.0),
        (ScaleOutStage::FirstResponse, 20.0, 20.0),
    ];
    assert_eq!(bars, wanted);
    assert!(fall.is_under_way() && !fall.is_partial());
    let alone = Waterfall { stages: vec![(ScaleOutStage::FirstResponse, reached(0.1))], cause: None, ..fall.clone() };
    assert!(!alone.is_under_way() && alone.is_partial());
    let words =
        "alarm after 30.0 s, decision after 31.0 s, counted not within 40 s, first response after 20.0 s; cpu was high";
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
    let counts = [count(Basis::Running, 1, 98, 2), count(Basis::Running, 1, 322, 2), count(Basis::Running, 2, 324, 2)];
    let evidence = ScaleOutEvidence {
        now: Elapsed::from_secs(400),
        milestones: &milestones,
        counts: &counts,
        first_response: Some(Elapsed::from_millis(342_500)),
    };
    let found = waterfall(&step(100, None), &evidence);
    assert_eq!(reached(&found, ScaleOutStage::Alarm), (200.0, 0.0));
    assert_eq!(reached(&found, ScaleOutStage::Decision), (201.0, 0.0));
    assert_eq!(found.cause.as_deref(), Some("decision at 301"));
    assert_eq!(reached(&found, ScaleOutStage::TaskCreated), (205.0, 0.0));
    assert_eq!(reached(&found, ScaleOutStage::ImagePulled), (218.0, 0.0), "of the same task, not the quicker one's");
    assert_eq!(reached(&found, ScaleOutStage::TaskStarted), (222.0, 0.0));
    assert_eq!(reached(&found, ScaleOutStage::TaskHealthy), (238.0, 2.0), "seen between 336 and 340");
    assert_eq!(reached(&found, ScaleOutStage::Counted), (223.0, 1.0));
    assert_eq!(reached(&found, ScaleOutStage::FirstResponse), (242.5, 0.0));
    assert_eq!(found.not_scaled, None);
}

#[test]
fn on_app_runner_the_part_that_can_be_known_is() {
    let counts = [count(Basis::Active, 1, 60, 60), count(Basis::Active, 4, 120, 60)];
    let evidence = ScaleOutEvidence {
        now: Elapsed::from_secs(300),
        milestones: &[],
        counts: &counts,
        first_response: Some(Elapsed::from_secs(109)),
    };
    let found = waterfall(&step(100, Some(250)), &evidence);
    assert_eq!(
        found.timing(ScaleOutStage::Decision),
        Some(Timing::NotApplicable("the platform keeps no record of it"))
    );
    assert_eq!(reached(&found, ScaleOutStage::Counted), (50.0, 30.0), "somewhere in the minute from 120 to 180");
    assert_eq!(reached(&found, ScaleOutStage::FirstResponse), (9.0, 0.0));
}

#[test]
fn what_did_not_happen_is_censored_and_its_reason_is_told() {
    let milestones = [milestone(MilestoneKind::NotScaled, "AlreadyAtMaxCapacity", 150)];
    let evidence =
        ScaleOutEvidence { now: Elapsed::from_secs(300), milestones: &milestones, counts: &[], first_response: None };
    let found = waterfall(&step(100, Some(250)), &evidence);
    assert_eq!(found.timing(ScaleOutStage::Decision), Some(Timing::NotWithin { secs: 150.0, open: false }));
    assert_eq!(found.not_scaled.as_deref(), Some("not scaled at 150"));
    assert_eq!(found.timing(ScaleOutStage::Counted), Some(Timing::NotApplicable("no count from before the step")));
}

#[test]
fn what_stood_at_the_step_is_the_reason_and_what_was_over_before_is_not() {
    let said =
        |kind, subject: &str, at, detail: &str| Milestone { detail: detail.to_owned(), ..milestone(kind, subject, at) };
    let suspended = "scaling out is suspended (DynamicScalingOutSuspended)";
    let milestones = [
        said(MilestoneKind::Hindrance, "suspension", 1, suspended),
        said(MilestoneKind::Hindrance, "alarm", 10, "its actions are disabled"),
        said(MilestoneKind::HindranceOver, "alarm", 20, "its actions are disabled"),
        said(MilestoneKind::HindranceOver, "suspension", 200, suspended),
        milestone(MilestoneKind::Alarm, "high", 120),
    ];
    let counts = [count(Basis::Running, 1, 98, 2), count(Basis::Running, 1, 298, 2)];
    let reason = |start, end, milestones: &[Milestone]| {
        let now = Elapsed::from_secs(300);
        let evidence = ScaleOutEvidence { now, milestones, counts: &counts, first_response: None };
        waterfall(&step(start, Some(end)), &evidence).not_scaled
    };
    assert_eq!(reason(100, 250, &milestones).as_deref(), Some(suspended), "over only in the step");
    assert_eq!(reason(210, 250, &milestones), None, "over before it");
    let words = waterfall(
        &step(100, Some(250)),
        &ScaleOutEvidence {
            now: Elapsed::from_secs(300),
            milestones: &milestones,
            counts: &counts,
            first_response: None,
        },
    )
    .words();
    assert_eq!(words, format!("alarm after 20.0 s, decision not within 150 s; not scaled: {suspended}"));
    // A task that failed to start explains why a decision brought nothing; one that started needs no excuse.
    let failed = [
        milestone(MilestoneKind::Decision, "out", 130),
        milestone(MilestoneKind::TaskCreated, "a", 131),
        said(MilestoneKind::TaskStopped, "a", 140, "TaskFailedToStart: CannotPullContainerError: not found"),
        said(MilestoneKind::TaskStopped, "old", 141, "EssentialContainerExited"),
    ];
    let pull = Some("TaskFailedToStart: CannotPullContainerError: not found");
    assert_eq!(reason(100, 250, &failed).as_deref(), pull);
    let started = [&failed[..], &[milestone(MilestoneKind::TaskStarted, "a", 135)]].concat();
    assert_eq!(reason(100, 250, &started), None);
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
            let evidence = ScaleOutEvidence {
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
