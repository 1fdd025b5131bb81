//! What was there, or under way, before the step.

use super::*;

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
