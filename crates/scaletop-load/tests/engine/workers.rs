//! Several threads of one engine, which want real ones.

use std::time::Duration;

use scaletop_load::{LoadConfig, Prepared, RateProfile, Reply, Second, Transport, Workers};
use scaletop_units::{Elapsed, RunClock};

use crate::rig::{Fake, config, rate, total};

#[tokio::test]
async fn several_worker_threads_send_exactly_the_schedule_together() {
    let fakes: Vec<_> = (0..3).map(|_| Fake(|_| (Duration::from_millis(2), Reply::status(200)))).collect();
    let prepared = Prepared::new(config(10_000), fakes).await.expect("threads");
    let clock = RunClock::start();
    let mut running = prepared.start(clock).expect("threads");
    // Real threads and real time, so both changes are anchored ahead: every worker knows of them before they begin.
    let start = clock.now() + Duration::from_millis(50);
    let end = start + Duration::from_secs(1);
    running.handle.set(start, rate(1_000));
    running.handle.set(end, RateProfile::PAUSED);
    let mut seconds = Vec::new();
    while seconds.last().is_none_or(|second: &Second| second.end() <= end) {
        seconds.push(running.seconds.recv().await.expect("running"));
    }
    assert_eq!(running.handle.drain(Duration::from_mins(1)).await, 0);
    running.handle.stop();
    while let Some(second) = running.seconds.recv().await {
        seconds.push(second);
    }
    let total = total(&seconds);
    assert_eq!(total.due, 1_000);
    assert_eq!(total.outcomes.total() + total.dropped_cap + total.dropped_late, 1_000);
    let indices: Vec<u32> = seconds.iter().map(|second| second.index).collect();
    assert!(indices.windows(2).all(|pair| pair[1] == pair[0] + 1), "{indices:?}");
}

/// Keeps its thread busy for a while with each request.
struct Laborious(Duration);

impl Transport for Laborious {
    async fn send(&self, _sent: Elapsed) -> Reply {
        let clock = RunClock::start();
        while clock.now() < Elapsed::ZERO + self.0 {
            std::hint::spin_loop();
        }
        Reply::status(200)
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_worker_that_is_busy_for_three_seconds_gets_another_beside_it_and_no_arrival_is_lost_or_doubled() {
    let config = LoadConfig { workers: Workers::Auto, ..config(10_000) };
    let transports = (0..2).map(|_| Laborious(Duration::from_millis(4))).collect();
    let clock = RunClock::start();
    let mut running = Prepared::new(config, transports).await.expect("threads").start(clock).expect("threads");
    let start = clock.now() + Duration::from_millis(20);
    running.handle.set(start, rate(200));
    let mut seconds = Vec::new();
    // Real CPU time: on a machine that gives us hardly any it may never happen, and then only the counts are looked at.
    while seconds.last().is_none_or(|second: &Second| second.generator.workers < 2) && seconds.len() < 10 {
        seconds.push(running.seconds.recv().await.expect("running"));
    }
    let end = clock.now() + Duration::from_secs(1);
    running.handle.set(end, RateProfile::PAUSED);
    while seconds.last().is_none_or(|second| second.end() <= end) {
        seconds.push(running.seconds.recv().await.expect("running"));
    }
    running.handle.drain(Duration::from_mins(1)).await;
    running.handle.stop();
    while let Some(second) = running.seconds.recv().await {
        seconds.push(second);
    }
    assert_eq!(seconds[0].generator.workers, 1, "it begins with one");
    let due: Vec<u64> = seconds.iter().map(|second| second.total().due).collect();
    let whole = end.saturating_since(start).as_nanos() * 200 / 1_000_000_000;
    assert_eq!(u128::from(due.iter().sum::<u64>()), whole, "{due:?}");
    let total = total(&seconds);
    assert_eq!(total.due, total.outcomes.total() + total.dropped());
}
