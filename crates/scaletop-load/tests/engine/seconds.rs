//! The seconds that are delivered, and what is in them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use scaletop_load::{FailureKind, OutcomeKind, RateProfile, Reply};
use scaletop_units::Elapsed;

use crate::rig::{Fake, config, rate, secs, steady, total, with_engine};

#[tokio::test(start_paused = true)]
async fn there_is_a_second_for_every_second_also_while_paused() {
    let seconds = with_engine(config(100), steady(Duration::from_millis(5)), async |rig| {
        rig.until(secs(3)).await;
        rig.handle.set(secs(3), rate(4));
        rig.until(secs(5)).await;
        rig.handle.set(secs(5), RateProfile::PAUSED);
        rig.until(Elapsed::from_millis(8_500)).await;
        rig.end().await
    })
    .await;
    let counts: Vec<(u32, u64, u32)> = seconds.iter().map(|s| (s.index, s.total().due, s.target.get())).collect();
    // The fourth arrival of a second at 4/s falls on its end, which belongs to the next second.
    assert_eq!(
        counts,
        [(0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 3, 4), (4, 4, 4), (5, 1, 0), (6, 0, 0), (7, 0, 0), (8, 0, 0)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_is_delivered_a_tenth_of_a_second_after_its_end() {
    with_engine(config(100), steady(Duration::from_millis(5)), async |mut rig| {
        rig.handle.set(Elapsed::ZERO, rate(100));
        for index in 0..3 {
            let second = rig.seconds.recv().await.expect("running");
            assert_eq!((second.index, rig.clock.now().as_millis()), (index, u64::from(index) * 1_000 + 1_100));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_rate_change_takes_effect_within_five_milliseconds() {
    let first = Rc::new(Cell::new(None));
    let seen = Rc::clone(&first);
    let watched = Fake(move |sent| {
        seen.set(seen.get().or(Some(sent)));
        (Duration::from_millis(1), Reply::status(200))
    });
    with_engine(config(1_000), watched, async |rig| {
        // At 1/s the engine sleeps towards 4 s when the spike comes, just after an arrival.
        rig.handle.set(Elapsed::ZERO, rate(1));
        rig.until(Elapsed::from_millis(3_010)).await;
        first.set(None);
        rig.handle.set(rig.clock.now(), rate(1_000));
        rig.until(Elapsed::from_millis(3_100)).await;
        let reaction = first.get().expect("an arrival").saturating_since(Elapsed::from_millis(3_010));
        // 0.99 of an arrival is missing, which 1000/s earn in 1 ms.
        assert!(reaction < Duration::from_millis(5), "{reaction:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_a_second_are_a_thousand_in_each_second() {
    let seconds = with_engine(config(1_000), steady(Duration::from_millis(80)), async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(1_000));
        rig.until(secs(5)).await;
        rig.end().await
    })
    .await;
    let due: Vec<u64> = seconds.iter().map(|second| second.total().due).collect();
    assert_eq!(due[1..5], [1_000; 4]);
    assert_eq!(total(&seconds).outcomes.get(OutcomeKind::Ok), 5_000);
    assert!(seconds.iter().all(|second| second.generator.in_flight_peak <= 81), "80 ms at 1000/s are 80 in flight");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_ages_on_the_chart_and_is_counted_when_the_engine_stops() {
    let seconds = with_engine(config(10), steady(Duration::from_hours(24)), async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(1));
        rig.until(secs(1)).await;
        rig.handle.set(secs(1), RateProfile::PAUSED);
        rig.until(Elapsed::from_millis(4_500)).await;
        assert_eq!(rig.handle.drain(Duration::from_secs(2)).await, 1, "the deadline ends the wait");
        assert_eq!(rig.clock.now(), Elapsed::from_millis(6_500));
        rig.stop().await
    })
    .await;
    let ages: Vec<Option<u128>> = seconds.iter().map(|s| s.oldest_in_flight.map(|age| age.as_millis())).collect();
    // The arrival of 1.0 s belongs to second 1. The last second is partial: its age is that of the moment of the stop.
    assert_eq!(ages, [None, Some(1_000), Some(2_000), Some(3_000), Some(4_000), Some(5_000), Some(5_500)]);
    let total = total(&seconds);
    assert_eq!((total.sent, total.outcomes.total(), seconds.last().unwrap().in_flight), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn failures_are_data() {
    let refused = Fake(|_| (Duration::from_millis(3), Reply::failed(FailureKind::Connect)));
    let seconds = with_engine(config(100), refused, async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(10));
        rig.until(secs(1)).await;
        rig.end().await
    })
    .await;
    let total = total(&seconds);
    assert_eq!((total.outcomes.get(OutcomeKind::Connect), total.failed.count(), total.ok.count()), (10, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stalls_delays_no_arrival_and_misses_no_second() {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&sent);
    let logged = Fake(move |at| {
        log.borrow_mut().push(at);
        (Duration::from_millis(1), Reply::status(200))
    });
    let seconds = with_engine(config(100), logged, async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(2));
        // Nobody reads for five minutes: more than all channels hold.
        rig.until(secs(300)).await;
        rig.end().await
    })
    .await;
    let indices: Vec<u32> = seconds.iter().map(|second| second.index).collect();
    assert_eq!(indices, (0..=300).collect::<Vec<_>>());
    assert_eq!(sent.borrow().len(), 600);
    assert!(sent.borrow().iter().all(|at| at.as_millis() % 500 == 0), "each at its very instant");
}
