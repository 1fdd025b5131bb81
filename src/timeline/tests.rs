//! The two bins of a session, and what is left of the distant past.

use super::*;
use crate::load::sample::OutcomeKind;
use crate::record::second::CohortPart;

const TIMEOUT: Duration = Duration::from_secs(10);

fn row(second: u32) -> Row {
    Row {
        second,
        span: 1,
        target: ArrivalRate::new(10),
        due: 10,
        sent: 10,
        outcomes: OutcomeCounts::NONE,
        dropped_cap: 0,
        dropped_late: 1,
        in_flight: 0,
        oldest_in_flight: None,
        response: None,
        service_p99: None,
        service_p50: None,
        send_lag_p99: Some(Duration::from_millis(u64::from(second % 60))),
        bytes_in: 5,
        responding: Some(1),
        needed: None,
        step: Some(StepId(1)),
        generator: GeneratorHealth::default(),
    }
}

/// A part of the arrivals of `intended`: so many sent, so many answered OK after `millis`.
fn part(intended: u32, sent: u64, ok: u64, millis: u64) -> CohortPart {
    let mut part = CohortPart::new(intended);
    (part.due, part.sent) = (sent, sent);
    for _ in 0..ok {
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_millis(millis));
    }
    part
}

fn second(index: u32, parts: Vec<CohortPart>) -> Second {
    Second { parts, ..Second::new(index, ArrivalRate::new(10)) }
}

fn pushed(seconds: &[Second]) -> Timeline {
    let mut timeline = Timeline::default();
    for second in seconds {
        timeline.push_cohorts(second, &Slo::default(), TIMEOUT);
    }
    timeline
}

#[test]
fn the_distant_past_is_thinned_and_no_count_is_lost() {
    let mut timeline = Timeline::default();
    for second in 0..10_000 {
        timeline.push_row(row(second));
    }
    assert!(timeline.rows().len() < SECONDS_KEPT + 60 + 10_000 / 60, "{} rows", timeline.rows().len());
    assert_eq!(timeline.rows().iter().map(|row| row.due).sum::<u64>(), 100_000);
    assert_eq!(timeline.rows()[0].span, 60);
    assert_eq!(timeline.rows()[0].send_lag_p99, Some(Duration::from_millis(59)), "the worst second is kept");
    assert!(timeline.rows().iter().rev().take(SECONDS_KEPT).all(|row| row.span == 1));
}

#[test]
fn a_gap_is_not_smeared_over_when_the_past_is_thinned() {
    let mut timeline = Timeline::default();
    for second in (0..30).chain(100..8_000) {
        timeline.push_row(row(second));
    }
    assert_eq!((timeline.rows()[0].second, timeline.rows()[0].span), (0, 30));
    assert_eq!(timeline.rows()[1].second, 100);
    assert_eq!(timeline.row_at(29).map(|row| row.second), Some(0));
    assert_eq!(timeline.row_at(50), None, "nobody measured it");
}

#[test]
fn an_answer_counts_with_the_second_it_was_asked_for_in() {
    let late = CohortPart { due: 0, sent: 0, ..part(0, 0, 4, 900) };
    let timeline = pushed(&[second(0, vec![part(0, 10, 6, 80)]), second(1, vec![late, part(1, 10, 10, 80)])]);
    let first = timeline.cohort_at(0).unwrap();
    assert_eq!((first.due, first.outcomes.get(OutcomeKind::Ok), first.slow), (10, 10, 4));
    assert!(first.is_final, "every request is answered");
    assert_eq!(timeline.cohort_at(1).unwrap().slow, 0);
}

#[test]
fn a_second_stays_open_until_its_last_request_must_have_timed_out() {
    let mut seconds = vec![second(0, vec![part(0, 10, 9, 80)])];
    seconds.extend((1..=12).map(|index| second(index, vec![part(index, 10, 10, 80)])));
    let timeline = pushed(&seconds);
    assert!(!timeline.cohort_at(0).unwrap().is_final, "a request is missing and may still be answered");
    assert!(!timeline.cohort_at(5).unwrap().is_final, "its window looks back on an open second");
    seconds.extend((13..=14).map(|index| second(index, vec![part(index, 10, 10, 80)])));
    let timeline = pushed(&seconds);
    assert!(timeline.cohort_at(0).unwrap().is_final && timeline.cohort_at(12).unwrap().is_final);
}

#[test]
fn the_objective_looks_back_over_five_seconds() {
    let bad = second(0, vec![part(0, 10, 10, 900)]);
    let good = (1..=8).map(|index| second(index, vec![part(index, 10, 10, 80)]));
    let timeline = pushed(&std::iter::once(bad).chain(good).collect::<Vec<_>>());
    let goods: Vec<_> = (0..=7).map(|second| timeline.cohort_at(second).unwrap().good).collect();
    assert_eq!(goods[..5], [Some(false); 5], "the slow second is in the window of the four after it");
    assert_eq!(goods[5..], [Some(true); 3]);
}

#[test]
fn a_second_without_arrivals_is_neither_good_nor_bad() {
    let timeline = pushed(&[second(0, vec![part(0, 10, 10, 80)]), second(1, vec![]), second(2, vec![])]);
    assert_eq!(timeline.cohort_at(1).unwrap().good, None);
}
