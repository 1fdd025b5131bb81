//! Why a service did not scale, and what nobody can know.

use super::*;

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
