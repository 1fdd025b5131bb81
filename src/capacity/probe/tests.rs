//! A try second by second: when it settles, what belongs to the hold, whose fault a miss is.

use super::*;
use scaletop_load::{OutcomeCounts, OutcomeKind};
use scaletop_units::ArrivalRate;

const OPTIONS: ProbeOptions = ProbeOptions {
    slo: Slo { quantile: 0.99, latency: Duration::from_millis(500), errors: 0.01 },
    settle: Duration::from_secs(2),
    patience: Duration::from_secs(20),
    hold: Duration::from_secs(3),
    timeout: Duration::from_secs(5),
    max_connections: None,
    max_in_flight: 5_000,
};

/// 100 arrivals in second `index`, of which `refused` got a 429.
fn second(index: u32, refused: u64) -> Second {
    let mut second = Second::new(index, ArrivalRate::new(100));
    let part = second.part_mut(index);
    part.due = 100;
    part.sent = 100;
    for n in 0..100 {
        let refused = n < refused;
        part.outcomes.add(if refused { OutcomeKind::Http429 } else { OutcomeKind::Ok });
        if refused { &mut part.failed } else { &mut part.ok }.record(Duration::from_millis(80));
    }
    second
}

/// Plays seconds from 10 on until there is a result.
fn play(mut of: impl FnMut(u32) -> (Second, Option<u32>), most: Option<u32>) -> (u32, ProbeResult) {
    let mut probe = Probe::new(100, Elapsed::from_secs(10), OPTIONS);
    for index in 8..100 {
        let (second, instances) = of(index);
        if let Some(result) = probe.second(&second, instances, most) {
            return (index, result);
        }
    }
    panic!("the try does not end");
}

#[test]
fn a_rate_that_too_few_connections_missed_says_nothing_of_the_service() {
    let options = ProbeOptions {
        max_connections: Some(4),
        slo: Slo { latency: Duration::from_millis(50), ..OPTIONS.slo },
        ..OPTIONS
    };
    let outcome = |service: u64| {
        let mut probe = Probe::new(100, Elapsed::from_secs(10), options);
        (10..100).find_map(|index| {
            let mut second = second(index, 0);
            (0..100).for_each(|_| second.part_mut(index).service.record(Duration::from_millis(service)));
            (second.connections.open, second.connections.waiting_peak) = (4, 9);
            (0..100).for_each(|_| second.connections.slot_wait.record(Duration::from_millis(40)));
            probe.second(&second, Some(1), Some(1))
        })
    };
    let Some(ProbeResult { outcome: ProbeOutcome::Invalid(why), .. }) = outcome(40) else { panic!("must be invalid") };
    assert!(why.starts_with("waiting for one of 4 connections"), "{why}");
    let Some(ProbeResult { outcome, .. }) = outcome(2) else { panic!("ends") };
    assert_eq!(outcome, ProbeOutcome::Missed("p99 > 50 ms".to_owned()), "two milliseconds keep none busy");
}

#[test]
fn a_calm_service_is_held_at_once_and_judged_over_the_hold_alone() {
    // Bad before the try began: not its business.
    let (end, result) = play(|index| (second(index, if index < 10 { 50 } else { 1 }), Some(1)), None);
    assert_eq!((end, result.settled_after_secs), (14, Some(2)), "2 s calm, 3 s held: seconds 12, 13, 14");
    assert_eq!((result.due, result.lost, result.outcome.clone()), (300, 3, ProbeOutcome::Held));
    assert_eq!(result.words(), "100/s held: p99 80.0 ms, 1.00 % errors over 3 s, 1 instance");
}

#[test]
fn answers_that_nobody_expects_are_not_waited_for_and_hold_nothing() {
    let otherwise = |index| {
        let mut second = second(index, 0);
        let part = second.part_mut(index);
        (part.outcomes, part.ok) = (OutcomeCounts::NONE, Latency::new());
        for _ in 0..100 {
            part.outcomes.add(OutcomeKind::Http4xx);
            part.failed.record(Duration::from_millis(1));
        }
        second
    };
    let (end, result) = play(|index| (otherwise(index), Some(1)), None);
    assert_eq!(end, 14, "no patience for what more instances do not mend");
    assert_eq!(
        result.outcome,
        ProbeOutcome::Unexpected("not one of 300 requests was answered as expected: 300 × 4xx".into())
    );
}

#[test]
fn a_rate_that_only_our_cap_on_requests_in_flight_missed_says_nothing_of_the_service() {
    let outcome = |millis: u64| {
        let mut probe = Probe::new(100, Elapsed::from_secs(10), ProbeOptions { max_in_flight: 50, ..OPTIONS });
        let mut seconds = (10..100).map(|index| {
            let mut second = second(index, 0);
            second.part_mut(index).ok = Latency::new();
            (0..100).for_each(|_| second.part_mut(index).ok.record(Duration::from_millis(millis)));
            second.part_mut(index).due += 50;
            second.part_mut(index).dropped_cap = 50;
            second
        });
        seconds.find_map(|second| probe.second(&second, Some(1), Some(1))).unwrap().outcome
    };
    let capped = "our cap of 50 requests in flight was reached (--max-in-flight)";
    assert_eq!(outcome(300), ProbeOutcome::Invalid(capped.to_owned()));
    assert_eq!(outcome(900), ProbeOutcome::Missed("p99 > 500 ms".to_owned()), "a service that is slow missed it");
}

#[test]
fn scaling_is_waited_for() {
    let instances = |index| if index < 18 { 1 } else { 3 };
    let (_, result) = play(|index| (second(index, if index < 20 { 50 } else { 0 }), Some(instances(index))), Some(5));
    assert_eq!((result.settled_after_secs, result.instances), (Some(12), Some(3)));
    assert_eq!(result.outcome, ProbeOutcome::Held);
}

#[test]
fn a_service_at_its_limit_is_not_waited_for() {
    let (end, result) = play(|index| (second(index, 2), Some(1)), Some(1));
    assert_eq!((end, result.outcome), (14, ProbeOutcome::Missed("errors > 1 %".into())));
}

#[test]
fn what_never_settles_is_judged_when_the_patience_is_spent() {
    let (end, result) = play(|index| (second(index, 2), Some(1)), None);
    assert_eq!((end, result.settled_after_secs), (10 + 20 + 3 - 1, None));
    assert!(result.words().contains("MISSED (errors > 1 %)") && result.words().contains("never settled"));
}

#[test]
fn answers_that_come_after_the_hold_belong_to_it() {
    // The requests of second 14 are answered in second 16, too slowly.
    let mut late = second(14, 0);
    let part = late.part_mut(14);
    (part.outcomes, part.ok) = (OutcomeCounts::default(), Latency::new());
    let (end, result) = play(
        |index| match index {
            14 => (late.clone(), Some(1)),
            16 => {
                let mut second = second(16, 0);
                let part = second.part_mut(14);
                for _ in 0..100 {
                    part.outcomes.add(OutcomeKind::Ok);
                    part.ok.record(Duration::from_secs(2));
                }
                (second, Some(1))
            }
            _ => (second(index, 0), Some(1)),
        },
        None,
    );
    assert_eq!((end, result.outcome), (16, ProbeOutcome::Missed("p99 > 500 ms".into())));
    // And what is never answered is lost when the timeout has passed.
    let (end, result) = play(|index| (if index == 14 { late.clone() } else { second(index, 0) }, Some(1)), None);
    assert_eq!((end, result.lost), (21, 100));
}

#[test]
fn a_generator_that_was_the_limit_makes_no_result() {
    let (_, result) = play(
        |index| {
            let mut second = second(index, if index > 11 { 5 } else { 0 });
            second.send_lag.record(Duration::from_millis(50));
            let part = second.part_mut(index);
            part.late = part.due;
            (second, Some(1))
        },
        None,
    );
    assert!(matches!(result.outcome, ProbeOutcome::Invalid(reason) if reason.contains("send lag")));
    let (_, result) = play(
        |index| {
            let mut second = second(index, 0);
            second.part_mut(index).dropped_late = 2;
            (second, Some(1))
        },
        None,
    );
    assert!(matches!(result.outcome, ProbeOutcome::Invalid(reason) if reason.contains("dropped late")));
}
