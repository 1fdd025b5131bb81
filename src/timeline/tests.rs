//! The two bins of a session, and what is left of the distant past.

use super::*;
use crate::slo::Slo;
use scaletop_load::OutcomeKind;
use scaletop_load::{CohortPart, Second};

const TIMEOUT: Duration = Duration::from_secs(10);

/// A part of the arrivals of `intended`: so many sent, so many answered OK after `millis`.
fn part(intended: u32, sent: u64, ok: u64, millis: u64) -> CohortPart {
    let mut part = CohortPart::new(intended);
    (part.due, part.sent) = (sent, sent);
    for _ in 0..ok {
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_millis(millis));
        part.service.record(Duration::from_millis(millis));
    }
    part
}

fn second(index: u32, parts: Vec<CohortPart>) -> Second {
    Second { parts, ..Second::new(index, ArrivalRate::new(10)) }
}

fn folded(seconds: impl IntoIterator<Item = Second>) -> Timeline {
    let mut timeline = Timeline::default();
    for second in seconds {
        let completed = Completed::of(&second);
        timeline.push(Row::of(&second, &completed), &completed, &second);
        let cohorts = timeline.cohorts_mut();
        cohorts.file(second.index, &second.parts, &Objectives::new(Slo::default()));
        cohorts.settle(second.index, second.target, &Objectives::new(Slo::default()), TIMEOUT);
    }
    timeline
}

fn steady(seconds: impl IntoIterator<Item = u32>) -> impl Iterator<Item = Second> {
    seconds.into_iter().map(|index| second(index, vec![part(index, 10, 10, if index % 60 == 7 { 400 } else { 80 })]))
}

#[test]
fn the_distant_past_is_thinned_and_no_count_is_lost() {
    let timeline = folded(steady(0..4_500));
    let kept = KEPT_SECS as usize;
    for (what, spans) in [
        ("rows", timeline.rows().iter().map(|row| (row.span, row.due)).collect::<Vec<_>>()),
        ("cohorts", timeline.cohorts().iter().map(|cohort| (cohort.span, cohort.due)).collect()),
        ("heat", timeline.heat().iter().map(|h| (h.span, h.counts.iter().copied().map(u64::from).sum())).collect()),
    ] {
        assert!(spans.len() < kept + 180 + 4_500 / 60, "{} {what}", spans.len());
        assert_eq!(spans.iter().map(|(_, due)| due).sum::<u64>(), 45_000, "{what}");
        assert_eq!(spans[0], (60, 600), "{what}");
        assert!(spans.iter().rev().take(kept).all(|(span, _)| *span == 1), "{what}: the last hour is whole");
    }
}

#[test]
fn percentiles_of_a_thinned_minute_come_from_all_of_its_answers() {
    let timeline = folded(steady(0..4_200));
    let (row, cohort) = (&timeline.rows()[3], &timeline.cohorts()[3]);
    assert_eq!((row.span, cohort.span), (60, 60));
    for response in [row.ok.unwrap(), cohort.ok.unwrap()] {
        assert_eq!(response.p95.as_millis(), 80, "a sixtieth is slow");
        assert_eq!((response.p99.as_millis(), response.max.as_millis()), (400, 400));
    }
}

#[test]
fn a_gap_is_not_smeared_over_when_the_past_is_thinned() {
    let timeline = folded(steady((0..30).chain(100..4_000)));
    assert_eq!((timeline.rows()[0].second, timeline.rows()[0].span), (0, 30));
    assert_eq!((timeline.rows()[1].second, timeline.rows()[1].span), (100, 20));
    assert_eq!(timeline.row_at(29).map(|row| row.second), Some(0));
    assert_eq!(timeline.row_at(50), None, "nobody measured it");
    assert_eq!((timeline.cohorts()[0].second, timeline.cohorts()[0].span), (0, 30));
    assert_eq!(timeline.cohorts()[1].second, 100);
}

#[test]
fn an_answer_counts_with_the_second_it_was_asked_for_in() {
    let late = CohortPart { due: 0, sent: 0, ..part(0, 0, 4, 900) };
    let timeline = folded([
        second(0, vec![part(0, 10, 6, 80)]),
        second(1, vec![late, part(1, 10, 10, 80)]),
        second(2, vec![part(2, 10, 10, 80)]),
    ]);
    let first = timeline.cohorts.get(0).unwrap();
    assert_eq!((first.due, first.outcomes.get(OutcomeKind::Ok), first.slow), (10, 10, 4));
    assert!(first.is_final, "every request is answered");
    assert_eq!(timeline.cohorts.get(1).unwrap().slow, 0);
    assert_eq!(timeline.rows()[1].outcomes.get(OutcomeKind::Ok), 14, "the live curve counts what completed");
}

#[test]
fn a_second_stays_open_until_its_last_request_must_have_timed_out() {
    let missing = || std::iter::once(second(0, vec![part(0, 10, 9, 80)]));
    let timeline = folded(missing().chain(steady(1..=11)));
    assert!(!timeline.cohorts.get(0).unwrap().is_final, "a request is missing and may still be answered");
    assert!(!timeline.cohorts.get(5).unwrap().is_final, "its window may look back on an open second");
    let timeline = folded(missing().chain(steady(1..=14)));
    assert!(timeline.cohorts.get(0).unwrap().is_final && timeline.cohorts.get(12).unwrap().is_final);
}

#[test]
fn arrivals_that_a_stall_made_late_still_find_their_second() {
    let mut seconds: Vec<Second> = steady(0..3).collect();
    seconds.extend((3..6).map(|index| second(index, vec![])));
    seconds.push(second(6, (3..7).map(|intended| part(intended, 10, 10, 80)).collect()));
    let timeline = folded(seconds);
    assert_eq!(timeline.cohorts().iter().map(|cohort| cohort.due).collect::<Vec<_>>(), [10; 7]);
    assert_eq!(timeline.rows().iter().map(|row| row.due).collect::<Vec<_>>(), [10, 10, 10, 0, 0, 0, 40]);
    assert_eq!(timeline.cohorts.get(4).unwrap().ok.unwrap().p50.as_millis(), 80);
}

#[test]
fn the_objective_looks_back_over_five_seconds() {
    let bad = second(0, vec![part(0, 10, 10, 900)]);
    let timeline = folded(std::iter::once(bad).chain(steady(1..=6)));
    let goods: Vec<_> = (0..=6).map(|second| timeline.cohorts.get(second).unwrap().judged.is_good()).collect();
    assert_eq!(goods[..5], [Some(false); 5], "the slow second is in the window of the four after it");
    assert_eq!(goods[5..], [Some(true); 2]);
}

/// A second of 100 arrivals that are all answered, `slow` of them after 900 ms; for `late` of them we were 300 ms late.
fn late_part(index: u32, late: u64, slow: u64) -> CohortPart {
    let mut part = part(index, 100, 100 - slow, 80);
    for _ in 0..slow {
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_millis(900));
    }
    (part.late, part.longest_lag) = (late, Duration::from_millis(300));
    part
}

fn cohort_of(part: &CohortPart) -> Cohort {
    let seconds = (0..3).map(|index| second(index, if index == 0 { vec![part.clone()] } else { Vec::new() }));
    folded(seconds).cohorts().front().unwrap().clone()
}

#[test]
fn what_was_bad_without_our_lag_is_measured_though_we_were_late() {
    assert!(cohort_of(&late_part(0, 60, 0)).is_late());
    let slow = cohort_of(&late_part(0, 60, 60));
    assert_eq!((slow.slow_anyway, slow.is_late()), (60, false), "900 ms are slow by more than the lag");
    // Slow by less than the lag: only those that were not late are so without it.
    let in_between = |late| {
        let mut part = late_part(0, late, 0);
        part.ok = Latency::new();
        (0..70).for_each(|_| part.ok.record(Duration::from_millis(80)));
        (0..30).for_each(|_| part.ok.record(Duration::from_millis(600)));
        cohort_of(&part)
    };
    assert_eq!((in_between(30).slow_anyway, in_between(30).is_late()), (0, true), "all of them may be ours");
    assert_eq!((in_between(20).slow_anyway, in_between(20).is_late()), (10, false), "ten of them are not");
    // What is forgiven: no more than were late, and none where the lag is no tenth of what the objective allows.
    let forgiven = |late, lag| {
        let cohort = Cohort { longest_lag: Duration::from_millis(lag), ..in_between(late) };
        cohort.slow_because_late(&Slo::default())
    };
    assert_eq!([forgiven(30, 300), forgiven(20, 300), forgiven(30, 40)], [30, 20, 0]);
}

#[test]
fn what_our_lag_may_have_had_refused_is_not_bad_anyway_and_what_is_broken_is() {
    let refused = |late| {
        let mut part = late_part(0, late, 0);
        (part.due, part.dropped_cap) = (140, 40);
        cohort_of(&part)
    };
    assert!(refused(40).is_late(), "as many were late as were refused at the cap");
    assert!(!refused(30).is_late(), "ten were refused that were on time");
    let mut part = late_part(0, 60, 0);
    (part.due, part.sent) = (140, 140);
    (0..40).for_each(|_| part.outcomes.add(OutcomeKind::Http5xxApplication));
    assert!(!cohort_of(&part).is_late(), "what breaks would break on time");
}

#[test]
fn a_thinned_minute_was_bad_anyway_only_where_all_of_it_was() {
    let seconds = |slow_until: u32| {
        let part = move |index: u32| late_part(index, 60, if index < slow_until { 60 } else { 0 });
        folded((0..KEPT_SECS + 180).map(move |index| second(index, vec![part(index)]))).cohorts().front().cloned()
    };
    let (all, half) = (seconds(u32::MAX).unwrap(), seconds(30).unwrap());
    assert_eq!((all.span, all.is_late()), (THINNED_SPAN, false));
    assert_eq!((half.span, half.is_late()), (THINNED_SPAN, true));
}
