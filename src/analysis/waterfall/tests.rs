//! Hand-made scale-outs, and one law: when it happened changes nothing.

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

#[test]
fn what_stood_at_the_step_is_the_reason_and_what_was_over_before_is_not() {
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
        waterfall(&step(start, Some(end)), &evidence(300, milestones, &counts, None)).not_scaled
    };
    assert_eq!(reason(100, 250, &milestones).as_deref(), Some(suspended), "over only in the step");
    assert_eq!(reason(210, 250, &milestones), None, "over before it");
    let words = waterfall(&step(100, Some(250)), &evidence(300, &milestones, &counts, None)).words();
    assert_eq!(words, format!("alarm after 20.0 s, decision not within 150 s; not scaled: {suspended}"));
    // A task that failed to start explains why a decision brought nothing; once another one answers, none is asked for.
    let failed = [
        milestone(MilestoneKind::Decision, "out", 130),
        milestone(MilestoneKind::TaskCreated, "a", 131),
        said(MilestoneKind::TaskStopped, "a", 140, "TaskFailedToStart: CannotPullContainerError: not found"),
        said(MilestoneKind::TaskStopped, "old", 141, "EssentialContainerExited"),
    ];
    let pull = Some("TaskFailedToStart: CannotPullContainerError: not found");
    assert_eq!(reason(100, 250, &failed).as_deref(), pull);
    let again = [milestone(MilestoneKind::TaskCreated, "b", 142), milestone(MilestoneKind::TaskStarted, "b", 145)];
    let started = [&failed[..], &again[..]].concat();
    let answered = evidence(300, &started, &counts, Some(Elapsed::from_secs(146)));
    let found = waterfall(&step(100, Some(250)), &answered);
    assert_eq!(found.not_scaled, None);
    assert_eq!(reached(&found, ScaleOutStage::TaskCreated), (42.0, 0.0), "the life of the task that came to run");
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
fn of_a_metric_only_whole_periods_before_the_step_are_before_and_the_straddling_one_counts_from_its_start() {
    let active = |count_is, at| count(Basis::Active, count_is, at, 60);
    // The step at 100 s; the minute from 60 to 120 has the new count for its maximum already.
    let counts = [active(1, 0), active(4, 60), active(4, 120)];
    let found = waterfall(&step(100, Some(250)), &evidence(300, &[], &counts, None));
    assert_eq!(reached(&found, ScaleOutStage::Counted), (10.0, 10.0), "between the step and the minute's end");
    // Without a whole minute before it nobody knows how many there were.
    let found = waterfall(&step(100, Some(250)), &evidence(300, &[], &counts[1..], None));
    assert_eq!(not_applicable(&found, ScaleOutStage::Counted), "no count from before the step");
    // But for what it bounds: there were no more than two, so four are more.
    let counts = [active(2, 60), active(4, 120)];
    let found = waterfall(&step(100, Some(250)), &evidence(300, &[], &counts, None));
    assert_eq!(reached(&found, ScaleOutStage::Counted), (50.0, 30.0));
    // A step at the very border of a minute has it before it, and none straddles.
    let found = waterfall(&step(120, Some(250)), &evidence(300, &[], &[active(1, 60), active(2, 120)], None));
    assert_eq!(reached(&found, ScaleOutStage::Counted), (30.0, 30.0));
}

#[test]
fn a_count_of_long_before_the_step_is_none_of_before_it() {
    let counts = |last| [count(Basis::Running, 1, last, 2), count(Basis::Running, 2, 110, 2)];
    let found = |last| waterfall(&step(100, None), &evidence(200, &[], &counts(last), None));
    assert_eq!(reached(&found(45), ScaleOutStage::Counted), (9.0, 1.0));
    assert_eq!(not_applicable(&found(35), ScaleOutStage::Counted), "no count from before the step");
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

#[test]
fn an_alarm_that_was_on_before_the_step_is_not_missed_in_it_and_one_that_was_over_is() {
    let on = [
        milestone(MilestoneKind::Alarm, HIGH, 40),
        said(MilestoneKind::Decision, "Successful", 110, &sets(4, HIGH)),
        milestone(MilestoneKind::TaskCreated, "a", 112),
    ];
    let desired = [count(Basis::Desired, 2, 90, 2)];
    let fall = |milestones: &[Milestone]| {
        waterfall(&step(100, None), &ScaleOutEvidence { desired: &desired, ..evidence(200, milestones, &[], None) })
    };
    let found = fall(&on);
    assert_eq!(not_applicable(&found, ScaleOutStage::Alarm), "already on before the step");
    assert_eq!(reached(&found, ScaleOutStage::Decision), (10.0, 0.0));
    assert!(found.words().starts_with("alarm: already on before the step, decision after 10.0 s"), "{}", found.words());
    assert!(!found.is_partial(), "the platform keeps its records");
    // Over before the step, and on again in it.
    let again = [
        milestone(MilestoneKind::Alarm, HIGH, 40),
        milestone(MilestoneKind::AlarmOver, HIGH, 80),
        milestone(MilestoneKind::Alarm, HIGH, 108),
        said(MilestoneKind::Decision, "Successful", 110, &sets(4, HIGH)),
    ];
    assert_eq!(reached(&fall(&again), ScaleOutStage::Alarm), (8.0, 0.0));
    let over = &again[..2];
    assert!(matches!(fall(over).timing(ScaleOutStage::Alarm), Some(Timing::NotWithin { .. })), "{:?}", fall(over));
    // A decision is told with its alarm; when it went off is not, where alarms may not be read.
    let unseen = fall(&on[1..]);
    assert_eq!(not_applicable(&unseen, ScaleOutStage::Alarm), "not known: nothing told when");
    // Another policy's alarm is none of the decision's.
    let other = [milestone(MilestoneKind::Alarm, "memory-high", 109), on[0].clone(), on[1].clone()];
    assert_eq!(not_applicable(&fall(&other), ScaleOutStage::Alarm), "already on before the step");
}

#[test]
fn what_scales_in_or_sets_a_bound_is_never_the_decision_and_what_a_service_at_rest_says_is_no_reason() {
    let at_rest = "not scaled: AlreadyAtMinCapacity (1, least 1, most 5); monitor alarm x-AlarmLow in state ALARM triggered policy cpu";
    let flapping =
        format!("not scaled: AutoScalingAnticipatedFlapping; monitor alarm {LOW} in state ALARM triggered policy cpu");
    let rest = [
        said(MilestoneKind::Decision, "Successful", 105, &sets(1, LOW)),
        said(MilestoneKind::Decision, "Successful", 106, "Setting desired count to 2. minimum capacity was set to 2"),
        said(MilestoneKind::NotScaled, "Failed", 107, at_rest),
        said(MilestoneKind::NotScaled, "Failed", 108, &flapping),
    ];
    let desired = [count(Basis::Desired, 3, 90, 2), count(Basis::Desired, 1, 107, 2), count(Basis::Desired, 2, 109, 2)];
    let counts = [count(Basis::Running, 3, 98, 2), count(Basis::Running, 1, 198, 2)];
    let fall = |milestones: &[Milestone]| {
        let evidence = ScaleOutEvidence { desired: &desired, ..evidence(200, milestones, &counts, None) };
        waterfall(&step(100, None), &evidence)
    };
    let found = fall(&rest);
    assert!(matches!(found.timing(ScaleOutStage::Decision), Some(Timing::NotWithin { .. })), "{found:?}");
    assert_eq!((found.cause.as_deref(), found.not_scaled.as_deref()), (None, None));
    // The second spike after the rest: its own decision, among those of the rest.
    let own = sets(4, HIGH);
    let spike = [&rest[..], &[said(MilestoneKind::Decision, "InProgress", 150, &own)]].concat();
    let found = fall(&spike);
    assert_eq!((reached(&found, ScaleOutStage::Decision), found.cause.as_deref()), ((50.0, 0.0), Some(&*own)));
    // A refusal of scaling out is a reason though the service at rest spoke after it.
    let at_most = format!(
        "not scaled: AlreadyAtMaxCapacity (5, most 5); monitor alarm {HIGH} in state ALARM triggered policy cpu"
    );
    let refused = [&[said(MilestoneKind::NotScaled, "Failed", 104, &at_most)], &rest[..]].concat();
    assert_eq!(fall(&refused).not_scaled.as_deref(), at_most.strip_prefix("not scaled: "));
    // One that failed is no decision either.
    let failed = [said(MilestoneKind::Decision, "Failed", 120, &own)];
    assert!(matches!(fall(&failed).timing(ScaleOutStage::Decision), Some(Timing::NotWithin { .. })));
}

#[test]
fn health_that_nobody_can_know_is_not_missed_and_a_task_that_fails_its_check_is() {
    use MilestoneKind::{Decision, HealthUnknown, TaskCreated, TaskHealthy, TaskStarted, TaskUnhealthy};
    let life = [milestone(Decision, "out", 101), milestone(TaskCreated, "a", 102), milestone(TaskStarted, "a", 110)];
    let fall = |more: &[Milestone]| {
        let all = [&life[..], more].concat();
        waterfall(&step(100, Some(250)), &evidence(300, &all, &[], None))
    };
    let unknown = milestone(HealthUnknown, "a", 111);
    let found = fall(std::slice::from_ref(&unknown));
    assert!(
        not_applicable(&found, ScaleOutStage::TaskHealthy).starts_with("not known: the container has no health check")
    );
    assert!(found.words().contains("task healthy: not known: "), "{}", found.words());
    // While a check of the container is only beginning, its health is unknown too.
    let passed = fall(&[unknown.clone(), milestone(TaskHealthy, "a", 130)]);
    assert_eq!(reached(&passed, ScaleOutStage::TaskHealthy), (28.0, 2.0));
    let sick = fall(&[unknown.clone(), said(TaskUnhealthy, "a", 130, "the task a fails its health check (Main)")]);
    assert!(matches!(sick.timing(ScaleOutStage::TaskHealthy), Some(Timing::NotWithin { .. })));
    assert_eq!(sick.not_scaled.as_deref(), Some("the task a fails its health check (Main)"));
    // Of another task it says nothing.
    let other = fall(&[milestone(HealthUnknown, "b", 111)]);
    assert!(matches!(other.timing(ScaleOutStage::TaskHealthy), Some(Timing::NotWithin { .. })));
}

#[test]
fn a_scale_out_that_was_under_way_is_told_as_such_with_what_was_reached_before_the_step() {
    use MilestoneKind::{Alarm, Decision, ImagePulled, TaskCreated, TaskStarted};
    let milestones = [
        milestone(Alarm, HIGH, 80),
        said(Decision, "InProgress", 81, &sets(4, HIGH)),
        milestone(TaskCreated, "a", 84),
        milestone(ImagePulled, "a", 98),
        milestone(TaskStarted, "a", 103),
    ];
    let desired = [count(Basis::Desired, 1, 70, 2)];
    let found =
        waterfall(&step(100, None), &ScaleOutEvidence { desired: &desired, ..evidence(200, &milestones, &[], None) });
    assert_eq!(not_applicable(&found, ScaleOutStage::Alarm), "already on before the step");
    assert_eq!(not_applicable(&found, ScaleOutStage::Decision), "already made before the step");
    assert_eq!(not_applicable(&found, ScaleOutStage::TaskCreated), "already reached before the step");
    assert_eq!(not_applicable(&found, ScaleOutStage::ImagePulled), "already reached before the step");
    assert_eq!(reached(&found, ScaleOutStage::TaskStarted), (3.0, 0.0));
    assert_eq!((found.cause.as_deref(), found.not_scaled), (Some(&*sets(4, HIGH)), None));
}

#[test]
fn tasks_that_start_and_stop_again_are_the_reason_of_a_scale_out_that_stalls_and_a_scale_in_is_not() {
    use MilestoneKind::{Decision, TaskCreated, TaskStarted, TaskStopped};
    let life = [milestone(Decision, "out", 101), milestone(TaskCreated, "a", 102), milestone(TaskStarted, "a", 110)];
    let counts = [count(Basis::Running, 1, 98, 2), count(Basis::Running, 1, 240, 2)];
    let reason = |why: &str, answered: Option<u64>| {
        let all = [&life[..], &[said(TaskStopped, "a", 120, why)]].concat();
        waterfall(&step(100, Some(250)), &evidence(300, &all, &counts, answered.map(Elapsed::from_secs))).not_scaled
    };
    for why in [
        "EssentialContainerExited: Essential container in task exited; Main: exit code 137, OutOfMemoryError: Container killed",
        "ServiceSchedulerInitiated: Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:x)",
        "TaskFailedToStart: CannotPullContainerError: pull image manifest has been retried 5 time(s)",
        "SpotInterruption: Your Spot Task was interrupted.",
    ] {
        assert_eq!(reason(why, None).as_deref(), Some(why));
        assert_eq!(reason(why, Some(111)), None, "it answered");
    }
    for why in [
        "ServiceSchedulerInitiated: Scaling activity initiated by (deployment ecs-svc/1)",
        "UserInitiated: Task stopped by user",
        "",
    ] {
        assert_eq!(reason(why, None), None, "{why}");
    }
}

#[test]
fn what_a_source_was_silent_about_is_not_known_and_what_answers_do_not_name_neither() {
    use crate::instances::{SourceError, SourceErrorKind};
    let error =
        || SourceError { kind: SourceErrorKind::AccessDenied, message: "no".to_owned(), remedy: "allow it".to_owned() };
    let counts = [count(Basis::Running, 1, 98, 2), count(Basis::Running, 1, 240, 2)];
    let fall = |scaling: Feed, tasks: Feed| {
        let evidence = ScaleOutEvidence {
            scaling: Some(&scaling),
            tasks: Some(&tasks),
            first_response: Err("no answer names its instance"),
            ..evidence(300, &[], &counts, None)
        };
        waterfall(&step(100, Some(250)), &evidence)
    };
    let live = || Feed::Live { heard: Elapsed::from_secs(299) };
    let stale = |at| Feed::Stale { heard: Elapsed::from_secs(at), error: error() };
    let silent = "not known: its source did not answer";
    for failed in [Feed::Failed { error: error() }, stale(200)] {
        let found = fall(failed.clone(), live());
        assert_eq!(not_applicable(&found, ScaleOutStage::Alarm), silent);
        assert_eq!(not_applicable(&found, ScaleOutStage::Decision), silent);
        assert!(matches!(found.timing(ScaleOutStage::TaskCreated), Some(Timing::NotWithin { .. })));
        assert_eq!(not_applicable(&fall(live(), failed), ScaleOutStage::TaskStarted), silent);
    }
    // It failed only after the step was over: what it had not told by then did not happen.
    let found = fall(stale(260), live());
    assert!(matches!(found.timing(ScaleOutStage::Decision), Some(Timing::NotWithin { .. })), "{found:?}");
    assert_eq!(not_applicable(&found, ScaleOutStage::FirstResponse), "no answer names its instance");
}

#[test]
fn what_was_counted_before_a_step_was_not_awaited_in_it() {
    let counts = [count(Basis::Active, 5, 80, 10), count(Basis::Active, 5, 90, 10), count(Basis::Active, 5, 140, 10)];
    let born = [Elapsed::from_secs(104)];
    let found = |enough, births: &[Elapsed]| {
        let evidence = ScaleOutEvidence { enough, births, ..evidence(200, &[], &counts, None) };
        waterfall(&step(100, Some(148)), &evidence)
    };
    assert_eq!(
        not_applicable(&found(Some(5), &[]), ScaleOutStage::Counted),
        "as many as are needed were counted before the step"
    );
    assert_eq!(
        not_applicable(&found(Some(6), &born), ScaleOutStage::Counted),
        "no more were counted than before the step"
    );
    let missing = Some(Timing::NotWithin { secs: 48.0, open: false });
    assert_eq!(found(Some(6), &[]).timing(ScaleOutStage::Counted), missing, "more are needed, and none came");
}

#[test]
fn no_count_stands_in_a_chart_before_the_waterfall_can_have_counted_it() {
    for from in 90..110 {
        let counts = [count(Basis::Active, 1, from - 10, 10), count(Basis::Active, 5, from, 10)];
        let found = waterfall(&step(100, None), &evidence(200, &[], &counts, None));
        let Some(Timing::Reached { secs, plus_minus }) = found.timing(ScaleOutStage::Counted) else {
            assert!(from + 10 <= 100, "its period was over before the step: {from}");
            continue;
        };
        let stands = counts[1].stands(None).start.as_secs_f64() - 100.0;
        assert!(stands >= 0.0 && stands >= secs - plus_minus, "{from}: stands from {stands}, counted {secs}");
    }
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
