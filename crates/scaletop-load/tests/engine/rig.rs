//! An engine in virtual time, and services that answer it.

use std::future::Future;
use std::time::Duration;

use scaletop_load::{CohortPart, Latency, LoadConfig, LoadHandle, RateProfile, Reply, Second, Transport, start_inline};
use scaletop_units::{ArrivalRate, Elapsed, RunClock};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Answers as its closure says: after how long, and what.
pub(crate) struct Fake<F>(pub(crate) F);

impl<F: Fn(Elapsed) -> (Duration, Reply) + 'static> Transport for Fake<F> {
    async fn send(&self, sent: Elapsed) -> Reply {
        let (after, reply) = (self.0)(sent);
        tokio::time::sleep(after).await;
        reply
    }
}

/// A service that answers 200 after `after`.
pub(crate) fn steady(after: Duration) -> impl Transport {
    Fake(move |_| (after, Reply::status(200)))
}

pub(crate) fn rate(per_sec: u32) -> RateProfile {
    RateProfile::Constant(ArrivalRate::new(per_sec))
}

pub(crate) fn secs(secs: u64) -> Elapsed {
    Elapsed::from_secs(secs)
}

pub(crate) fn config(cap: u64) -> LoadConfig {
    LoadConfig { seed: 1, max_in_flight: cap, ..LoadConfig::default() }
}

/// A running engine in virtual time.
pub(crate) struct Rig {
    pub(crate) clock: RunClock,
    pub(crate) handle: LoadHandle,
    pub(crate) seconds: mpsc::Receiver<Second>,
}

impl Rig {
    /// Waits until the session's clock shows `at`.
    pub(crate) async fn until(&self, at: Elapsed) {
        tokio::time::sleep_until(self.clock.instant_at(at)).await;
    }

    /// Pauses, waits for every answer, stops, and returns every second.
    pub(crate) async fn end(self) -> Vec<Second> {
        self.handle.set(self.clock.now(), RateProfile::PAUSED);
        self.handle.drain(Duration::from_mins(1)).await;
        self.stop().await
    }

    /// Stops, with what is in flight, and returns every second.
    pub(crate) async fn stop(mut self) -> Vec<Second> {
        self.handle.stop();
        let mut seconds = Vec::new();
        while let Some(second) = self.seconds.recv().await {
            seconds.push(second);
        }
        seconds
    }
}

/// Runs `drive` against an engine on this thread.
pub(crate) async fn with_engine<T: Transport, D: Future>(
    config: LoadConfig,
    transport: T,
    drive: impl FnOnce(Rig) -> D,
) -> D::Output {
    LocalSet::new()
        .run_until(async move {
            let clock = RunClock::start();
            let (handle, seconds) = start_inline(&config, transport, clock);
            drive(Rig { clock, handle, seconds }).await
        })
        .await
}

/// Everything the seconds hold, in one.
pub(crate) fn total(seconds: &[Second]) -> CohortPart {
    let mut total = CohortPart::new(0);
    for second in seconds {
        total.merge(&CohortPart { intended: 0, ..second.total() });
    }
    total
}

/// The latencies in descending order, in tens of milliseconds: a histogram's cell knows the value to a thousandth.
pub(crate) fn rounded_millis(latency: &Latency) -> Vec<u128> {
    let mut values: Vec<u128> =
        latency.buckets().flat_map(|(value, count)| (0..count).map(move |_| value.as_millis() / 10 * 10)).collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values
}
