//! The end: what is waited for, and what is not.

use std::time::Duration;

use scaletop_load::RateProfile;
use scaletop_units::Elapsed;

use crate::rig::{config, rate, secs, steady, total, with_engine};

#[tokio::test(start_paused = true)]
async fn draining_waits_for_the_last_answer_and_no_longer() {
    with_engine(config(1_000), steady(Duration::from_millis(300)), async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(100));
        rig.until(secs(1)).await;
        rig.handle.set(secs(1), RateProfile::PAUSED);
        assert_eq!(rig.handle.drain(Duration::from_secs(10)).await, 0);
        assert_eq!(rig.clock.now(), Elapsed::from_millis(1_300));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_an_arrival_of_the_very_moment_at_which_a_pause_announced_before_begins() {
    with_engine(config(1_000), steady(Duration::from_millis(300)), async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(1));
        rig.handle.set(secs(1), RateProfile::PAUSED);
        rig.until(Elapsed::from_millis(900)).await;
        // The worker has heard of the pause long ago, and has not woken for the arrival yet.
        tokio::time::advance(Duration::from_millis(100)).await;
        rig.handle.drain(Duration::from_secs(10)).await;
        let total = total(&rig.stop().await);
        assert_eq!((total.sent, total.outcomes.total()), (1, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn draining_does_not_take_arrivals_that_are_still_to_be_sent_for_silence() {
    with_engine(config(1_000), steady(Duration::from_millis(300)), async |rig| {
        // Nothing is in flight when the drain begins, but an arrival came due before the pause.
        rig.handle.set(Elapsed::ZERO, rate(1));
        tokio::time::advance(Duration::from_millis(1_050)).await;
        rig.handle.set(rig.clock.now(), RateProfile::PAUSED);
        rig.handle.drain(Duration::from_secs(10)).await;
        let total = total(&rig.stop().await);
        assert_eq!((total.sent, total.outcomes.total()), (1, 1));
    })
    .await;
}
