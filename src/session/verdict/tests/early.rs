//! What is lost before the end, and what may still be mended.

use super::*;
use crate::plan::forecast::Budget;
use crate::session::verdict::early::lost_already;

/// The step is still open, this many seconds after its start.
fn open(mut report: StepReport, secs: u64) -> StepReport {
    report.step.end = None;
    let due = 600 * secs;
    report.numbers = StepNumbers { due, sent: due, ok: due, ..report.numbers };
    report
}

fn lost_at(threshold: (&str, &str), secs: u64, change: impl Fn(&mut StepReport)) -> bool {
    let mut report = open(step(1, "spike"), secs);
    change(&mut report);
    let mut session = with_steps(&[threshold], vec![report]);
    *session.now_mut() = Elapsed::from_secs(secs);
    lost_already(&session, &Budget { run: 60_000, stages: vec![("spike".into(), 60_000)] }).is_some()
}

#[test]
fn a_share_is_lost_early_only_when_nothing_to_come_can_mend_it() {
    let lost = |lost| move |report: &mut StepReport| report.numbers.lost = lost;
    // 1 % of what is due so far, but 0.1 % of what will be.
    assert!(!lost_at(("spike.lost", "< 0.5%"), 10, lost(60)));
    assert!(!lost_at(("spike.lost", "< 0.5%"), 10, lost(299)));
    assert!(lost_at(("spike.lost", "< 0.5%"), 10, lost(300)));
    assert!(
        lost_at(("lost", "< 0.5%"), 10, lost(300)) == lost_at(("lost", "< 0.5%"), 10, lost(0)),
        "totals, not steps"
    );
    assert!(!lost_at(("spike.achieved", "> 99%"), 10, |report| report.numbers.dropped_cap = 599));
    assert!(lost_at(("spike.achieved", "> 99%"), 10, |report| report.numbers.dropped_cap = 600));
}

#[test]
fn a_time_is_lost_early_only_after_the_hold_that_could_still_count_back() {
    let open_for =
        |secs| move |report: &mut StepReport| report.numbers.recover = Timing::NotWithin { secs, open: true };
    // 60 s bound, 10 s hold, 10 s timeout.
    assert!(!lost_at(("spike.t_recover", "< 60s"), 79, open_for(79.0)));
    assert!(lost_at(("spike.t_recover", "< 60s"), 81, open_for(81.0)));
    let late = |report: &mut StepReport| report.numbers.recover = Timing::Reached { secs: 61.0, plus_minus: 0.0 };
    assert!(lost_at(("spike.t_recover", "< 60s"), 75, late));
    assert!(!lost_at(("spike.t_recover", "> 70s"), 75, late), "only an upper bound can be passed for good");
}

#[test]
fn a_percentile_of_the_run_is_lost_when_more_were_slow_than_it_allows_of_all() {
    let mut session = session(&[("p99", "< 1s")]);
    let budget = Budget { run: 10_000, stages: Vec::new() };
    let slow = |session: &mut Session, times| {
        (0..times).for_each(|_| record(session, Duration::from_secs(2)));
    };
    slow(&mut session, 100);
    assert_eq!(lost_already(&session, &budget), None, "9,900 quick answers would still mend it");
    slow(&mut session, 2);
    assert_eq!(lost_already(&session, &budget).map(|lost| lost.outcome), Some(ThresholdOutcome::Failed));
}

#[test]
fn what_late_sources_tell_is_not_judged_early() {
    let beyond = |report: &mut StepReport| report.numbers.capacity = Timing::NotWithin { secs: 90.0, open: true };
    assert!(!lost_at(("spike.t_capacity", "< 10s"), 90, beyond));
}

#[test]
fn a_step_whose_start_condition_was_not_met_loses_no_threshold_early() {
    let mut lost = step(1, "spike");
    (lost.numbers.lost, lost.numbers.recover) = (60_000, Timing::NotWithin { secs: 100.0, open: false });
    let budget = Budget { run: 60_000, stages: vec![("spike".to_owned(), 60_000)] };
    let early = |step: &StepReport| lost_already(&with_steps(&[("spike.lost", "< 1%")], vec![step.clone()]), &budget);
    assert!(early(&lost).is_some());
    lost.step.unmet_start = Some("rest: settled was not reached".to_owned());
    assert_eq!(early(&lost), None);
}
