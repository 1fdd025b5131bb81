//! Our numbers against the truth: the embedded cluster knows when each instance admitted its first request and when 429s
//! ended; what scaletop makes of the answers must agree within a second.
//!
//! Real processes and sockets on loopback, a quarter of a minute a seed: nothing here can run in virtual time, since the
//! instances are processes of their own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails here; the figures are worth printing"
)]

use std::path::PathBuf;
use std::time::Duration;

use scaletop::Limits;
use scaletop::Session;
use scaletop::Timing;
use scaletop::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop_cluster::ConcurrencyScaler;
use scaletop_cluster::InstanceProgram;
use scaletop_cluster::Truth;
use scaletop_cluster::{Cluster, ClusterOptions, ClusterParts};
use scaletop_load::OutcomeKind;
use scaletop_load::{Arrivals, RateProfile};
use scaletop_load::{HttpFactory, RequestOptions};
use scaletop_load::{LoadConfig, Prepared};
use scaletop_units::RunClock;
use scaletop_units::{ArrivalRate, Elapsed};

/// The promise for what is seen to the instant: the first OK answers of instances. Our own lag comes on top, up to a second.
const WITHIN: f64 = 0.25;

/// And for what is seen by the second.
const WITHIN_A_SECOND: f64 = 1.0;

/// Seeds that are played; `make truth` plays ten.
fn seeds() -> std::ops::RangeInclusive<u64> {
    1..=std::env::var("SCALETOP_TRUTH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3)
}

/// Three instances of twelve requests at 80 ms are needed for it, and then are at three quarters of what they can do.
const SPIKE_RATE: u32 = 330;

/// When the load jumps, and when the session ends.
const SPIKE_AT: Elapsed = Elapsed::from_millis(3_000);
const END_AT: Elapsed = Elapsed::from_secs(20);

/// One session: a calm start, then a spike that needs three instances. Evenly spaced arrivals: close to
/// the capacity, Poisson's would be refused now and then for ever, and there would be no end of 429s to agree on.
async fn spike(seed: u64) -> (Session, Truth) {
    let clock = RunClock::start();
    let options = ClusterOptions {
        max_size: 4,
        max_concurrency: 12,
        // Not a whole number of seconds, and another one for each seed, so that nothing agrees by chance.
        cold_start: Duration::from_millis(1_300 + 700 * (seed % 5) + 37 * seed),
        seed: Some(seed),
        ..ClusterOptions::default()
    };
    let limits = Limits { min: Some(1), max: Some(4), concurrency: Some(12) };
    let cluster = Cluster::assemble(ClusterParts {
        scaler: Box::new(ConcurrencyScaler::new(&options)),
        options,
        anchor: clock.instant_at(Elapsed::ZERO),
        program: InstanceProgram::at(PathBuf::from(env!("CARGO_BIN_EXE_scaletop"))),
    })
    .await
    .unwrap();
    let request = RequestOptions::get(cluster.url().parse().unwrap());
    let config = LoadConfig { arrivals: Arrivals::Uniform, seed, max_in_flight: 2_000, ..LoadConfig::default() };
    let prepared = Prepared::new(config, vec![HttpFactory::new(&request).unwrap()]).await.unwrap();
    let mut engine = prepared.start(clock).unwrap();
    let settings = Settings { seed, ..Settings::default() };
    let started_unix_micros = clock.started_unix_micros();
    let mut session = Session::new(Header::new(started_unix_micros, settings));
    session.apply(Elapsed::ZERO, &SessionEvent::Limits(limits));

    let set = |session: &mut Session, at: Elapsed, rate: u32| {
        let profile = RateProfile::Constant(ArrivalRate::new(rate));
        engine.handle.set(at, profile);
        session.apply(
            at,
            &SessionEvent::Rate(RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None }),
        );
    };
    set(&mut session, clock.now(), 20);
    let mut has_spiked = false;
    while let Some(second) = engine.seconds.recv().await {
        let end = second.end();
        session.apply(end, &SessionEvent::Second(Box::new(second)));
        if !has_spiked && end >= SPIKE_AT {
            has_spiked = true;
            set(&mut session, clock.now(), SPIKE_RATE);
        }
        if end >= END_AT {
            engine.handle.stop();
        }
    }
    let truth = cluster.truth();
    cluster.shutdown().await;
    (session, truth)
}

fn reached(timing: Timing, what: &str) -> f64 {
    match timing {
        Timing::Reached { secs, .. } => secs,
        other => panic!("{what} was not reached: {other:?}"),
    }
}

fn agree(what: &str, seed: u64, ours: f64, truth: f64, within: f64) {
    println!("seed {seed}: {what}: ours {ours:.2} s, truth {truth:.2} s");
    assert!((ours - truth).abs() <= within, "seed {seed}: {what}: we say {ours:.2} s, the cluster knows {truth:.2} s");
}

#[tokio::test]
async fn serving_capacity_and_counts_agree_with_the_cluster_within_a_second() {
    for seed in seeds() {
        let (session, truth) = spike(seed).await;
        let report = session.steps().iter().find(|report| report.step.profile.last().get() == SPIKE_RATE).unwrap();
        let start = report.step.start;
        let since_start = |at: Elapsed| at.saturating_since(start).as_secs_f64();
        let mut admitted: Vec<_> = truth.instances.iter().filter_map(|instance| instance.first_admitted).collect();
        admitted.sort_unstable();
        let target = report.numbers.target.unwrap() as usize;
        assert!(target >= 3 && admitted.len() >= target, "seed {seed}: {target} needed, {} admitted", admitted.len());

        let serving = reached(report.numbers.serving, "T_serving");
        let lag = session.totals().send_lag.max().unwrap_or_default().as_secs_f64();
        let within = (WITHIN + lag).min(WITHIN_A_SECOND);
        agree("first new instance admits", seed, serving, since_start(admitted[1]), within);
        let capacity = reached(report.numbers.capacity, "T_capacity");
        agree("last needed instance admits", seed, capacity, since_start(admitted[target - 1]), within);
        // The last 429 of all: every one that the cluster gave reached us.
        let last_refusal =
            truth.rejections.iter().map(|spell| spell.last).max().expect("the spike was too much for one");
        let is_refused = |row: &&scaletop::Row| row.outcomes.get(OutcomeKind::Http429) > 0;
        let seen = session.timeline().rows().iter().rev().find(is_refused).map(|row| row.second).expect("we saw it");
        let middle = Elapsed::from_millis(u64::from(seen) * 1_000 + 500);
        agree("429s end", seed, since_start(middle), since_start(last_refusal), WITHIN_A_SECOND);

        for row in session.timeline().rows() {
            let (from, until) =
                (Elapsed::from_secs(u64::from(row.second)), Elapsed::from_secs(u64::from(row.second) + 1));
            let slack = Duration::from_secs(1);
            let at_least = admitted.iter().filter(|at| **at + slack <= from).count();
            let at_most = admitted.iter().filter(|at| **at <= until + slack).count();
            if let Some(seen) = row.responding {
                assert!(
                    (at_least..=at_most).contains(&(seen as usize)),
                    "seed {seed}, second {}: we count {seen} instances, the cluster had {at_least} to {at_most}",
                    row.second
                );
            }
        }
        let refused: u64 = truth.seconds.iter().map(|second| second.rejected).sum();
        let seen = session.totals().outcomes.get(OutcomeKind::Http429);
        assert!(
            seen.abs_diff(refused) <= 40,
            "seed {seed}: we saw {seen} times 429, the cluster said it {refused} times"
        );
    }
}
