//! Drives a service on real sockets and adds up what became of it.

use std::time::Duration;

use scaletop_load::{
    CohortPart, Connections, Failure, HttpFactory, LoadConfig, OutcomeKind, Prepared, RateProfile, RequestOptions,
    Second,
};
use scaletop_units::{ArrivalRate, RunClock};

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) total: CohortPart,
    pub(crate) connections: Connections,
    pub(crate) failures: Vec<Failure>,
    /// The most connections at the end of any second.
    #[allow(dead_code, reason = "not every user of this file looks at it")]
    pub(crate) open: u64,
    #[allow(dead_code, reason = "not every user of this file looks at it")]
    pub(crate) seconds: Vec<Second>,
    /// Without an answer at the end.
    #[allow(dead_code, reason = "not every user of this file looks at it")]
    pub(crate) in_flight: u64,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "not every user of this file ends a run in every way")]
pub(crate) enum End {
    /// When every answer has come.
    Drain,
    /// At once.
    Stop,
}

/// Drives `rate` a second for `secs` seconds and waits for the answers.
pub(crate) async fn drive(options: &RequestOptions, config: LoadConfig, rate: u32, secs: u64) -> Outcome {
    drive_stages(options, config, &[(rate, secs)]).await
}

/// Drives one rate for some seconds after the other, and waits for the answers.
pub(crate) async fn drive_stages(options: &RequestOptions, config: LoadConfig, stages: &[(u32, u64)]) -> Outcome {
    drive_until(options, config, stages, End::Drain).await
}

/// Drives one rate for some seconds after the other.
pub(crate) async fn drive_until(
    options: &RequestOptions,
    config: LoadConfig,
    stages: &[(u32, u64)],
    end: End,
) -> Outcome {
    let factory = HttpFactory::new(options).expect("usable options");
    let clock = RunClock::start();
    let mut running = Prepared::new(config, vec![factory]).await.expect("threads").start(clock).expect("threads");
    let mut seconds = Vec::<Second>::new();
    let mut at = clock.now();
    for &(rate, secs) in stages {
        running.handle.set(at, RateProfile::Constant(ArrivalRate::new(rate)));
        at = at + Duration::from_secs(secs);
    }
    running.handle.set(at, RateProfile::PAUSED);
    if end == End::Drain {
        while seconds.last().is_none_or(|second| second.end() <= at) {
            seconds.push(running.seconds.recv().await.expect("running"));
        }
        running.handle.drain(Duration::from_mins(2)).await;
    } else {
        // The seconds are few enough to wait for their reader.
        tokio::time::sleep_until(clock.instant_at(at)).await;
    }
    running.handle.stop();
    while let Some(second) = running.seconds.recv().await {
        seconds.push(second);
    }
    let mut all = Second::new(0, ArrivalRate::PAUSED);
    for second in &seconds {
        all.merge(&Second { index: 0, ..second.clone() });
    }
    let mut total = CohortPart::new(0);
    for part in &all.parts {
        total.merge(&CohortPart { intended: 0, ..part.clone() });
    }
    let open = seconds.iter().map(|second| second.connections.open).max().unwrap_or(0);
    let in_flight = seconds.last().map_or(0, |second| second.in_flight);
    Outcome { total, connections: all.connections, failures: all.failures, open, seconds, in_flight }
}

pub(crate) fn ok(outcome: &Outcome) -> u64 {
    outcome.total.outcomes.get(OutcomeKind::Ok)
}
