//! Hand-made scale-outs, and one law: when it happened changes nothing.

mod before;
mod reasons;

use proptest::prelude::*;

use super::*;
use scaletop_load::RateProfile;
use scaletop_units::ArrivalRate;

/// The waterfall of a step with one scale-out.
fn waterfall(step: &Step, evidence: &ScaleOutEvidence<'_>) -> Waterfall {
    waterfalls(step, evidence).into_iter().next().expect("there is always one")
}

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
        clock_error: Duration::ZERO,
    }
}

fn said(kind: MilestoneKind, subject: &str, at: u64, detail: &str) -> Milestone {
    Milestone { detail: detail.to_owned(), ..milestone(kind, subject, at) }
}

fn evidence<'a>(
    now: u64,
    milestones: &'a [Milestone],
    counts: &'a [InstanceObservation],
    first_response: Option<Elapsed>,
) -> ScaleOutEvidence<'a> {
    ScaleOutEvidence {
        now: Elapsed::from_secs(now),
        milestones,
        counts,
        desired: &[],
        enough: None,
        births: &[],
        scaling: None,
        tasks: None,
        first_response: Ok(first_response),
        answered: &[],
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
            (ScaleOutStage::ImagePulled, Timing::NotApplicable(NO_RECORD)),
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
    let evidence = evidence(400, &milestones, &counts, Some(Elapsed::from_millis(342_500)));
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
fn the_answer_of_a_replacement_is_not_the_scale_outs() {
    use MilestoneKind::{Decision, TaskCreated, TaskStarted};
    // A task failed its checks and was replaced before the decision for more.
    let milestones = [
        milestone(TaskCreated, "replacement", 110),
        milestone(TaskStarted, "replacement", 113),
        milestone(Decision, "out", 133),
        milestone(TaskCreated, "a", 134),
    ];
    let first = |at| {
        let found = waterfall(&step(100, None), &evidence(400, &milestones, &[], Some(Elapsed::from_secs(at))));
        found.timing(ScaleOutStage::FirstResponse)
    };
    let expected = "not known: an instance answered before the decision, a replacement";
    assert_eq!(first(114), Some(Timing::NotApplicable(expected)));
    assert!(matches!(first(140), Some(Timing::Reached { .. })));
}

#[test]
fn on_app_runner_the_part_that_can_be_known_is() {
    let counts = [count(Basis::Active, 1, 0, 60), count(Basis::Active, 1, 60, 60), count(Basis::Active, 4, 120, 60)];
    let evidence = evidence(300, &[], &counts, Some(Elapsed::from_secs(109)));
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
    let evidence = evidence(300, &milestones, &[], None);
    let found = waterfall(&step(100, Some(250)), &evidence);
    assert_eq!(found.timing(ScaleOutStage::Decision), Some(Timing::NotWithin { secs: 150.0, open: false }));
    assert_eq!(found.not_scaled.as_deref(), Some("not scaled at 150"));
    assert_eq!(found.timing(ScaleOutStage::Counted), Some(Timing::NotApplicable("no count from before the step")));
}

const HIGH: &str = "TargetTracking-service/default/demo-AlarmHigh-22c1";
const LOW: &str = "TargetTracking-service/default/demo-AlarmLow-22c1";

/// What Application Auto Scaling says of a change that an alarm asked for.
fn sets(count: u32, alarm: &str) -> String {
    format!("Setting desired count to {count}. monitor alarm {alarm} in state ALARM triggered policy cpu")
}

fn not_applicable(waterfall: &Waterfall, stage: ScaleOutStage) -> &'static str {
    match waterfall.timing(stage) {
        Some(Timing::NotApplicable(why)) => why,
        other => panic!("{stage:?}: {other:?}"),
    }
}

#[test]
fn a_time_is_as_wide_as_its_source_and_the_clocks_leave_it_and_none_of_it_lies_before_the_step() {
    let off = |kind, at, clock_error| Milestone {
        clock_error: Duration::from_millis(clock_error),
        uncertainty: Duration::ZERO,
        ..milestone(kind, "a", at)
    };
    let polled = |at, uncertainty| Milestone {
        uncertainty: Duration::from_secs(uncertainty),
        ..milestone(MilestoneKind::TaskHealthy, "a", at)
    };
    let milestones = [
        off(MilestoneKind::Alarm, 130, 500),
        off(MilestoneKind::Decision, 131, 750),
        off(MilestoneKind::TaskCreated, 132, 2_000),
        off(MilestoneKind::TaskStarted, 140, 0),
        polled(150, 3),
    ];
    let counts = [count(Basis::Running, 1, 98, 2), count(Basis::Running, 2, 101, 2)];
    let found = waterfall(&step(100, None), &evidence(300, &milestones, &counts, Some(Elapsed::from_secs(151))));
    assert_eq!(reached(&found, ScaleOutStage::Alarm), (30.0, 0.5), "by CloudWatch's clock");
    assert_eq!(reached(&found, ScaleOutStage::Decision), (31.0, 0.75), "by that of Application Auto Scaling");
    assert_eq!(reached(&found, ScaleOutStage::TaskStarted), (40.0, 0.0), "a recording of before knows of no error");
    assert_eq!(reached(&found, ScaleOutStage::TaskHealthy), (48.5, 1.5), "since the poll before");
    assert_eq!(reached(&found, ScaleOutStage::Counted), (0.5, 0.5), "the poll before was before the step");
    assert_eq!(reached(&found, ScaleOutStage::FirstResponse), (51.0, 0.0), "we saw it ourselves");
    assert_eq!(reached(&found, ScaleOutStage::TaskCreated), (32.0, 2.0), "by ECS' own");
    let soon = [off(MilestoneKind::TaskCreated, 101, 2_000)];
    let found = waterfall(&step(100, None), &evidence(300, &soon, &counts, None));
    assert_eq!(reached(&found, ScaleOutStage::TaskCreated), (1.5, 1.5), "from the step to three seconds after");
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
            let evidence = evidence(400 + shift, &milestones, &[], Some(Elapsed::from_secs(200 + shift)));
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
