//! What every request and every second costs: the schedule, a latency on its way into a histogram, histograms merged, the
//! percentiles of a minute.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use scaletop_load::{Arrivals, Latency, OutcomeKind, Pacer, RateProfile, Second, Share};
use scaletop_units::{ArrivalRate, Elapsed};

const PER_SECOND: u32 = 20_000;

/// Latencies around 80 ms, no two alike in a row.
fn latency(n: u32) -> Duration {
    Duration::from_micros(80_000 + u64::from(n.wrapping_mul(2_654_435_761) % 9_000))
}

fn pacer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pacer");
    group.throughput(Throughput::Elements(PER_SECOND.into()));
    for arrivals in Arrivals::ALL {
        group.bench_function(format!("a second of arrivals, {}", arrivals.name()), |bencher| {
            let start = || {
                let mut pacer = Pacer::new(arrivals, 1, Share::new(0, 1));
                pacer.set(Elapsed::ZERO, RateProfile::Constant(ArrivalRate::new(PER_SECOND)));
                pacer
            };
            bencher.iter_batched(
                start,
                |mut pacer| {
                    while let Some(due) = pacer.pop_due(Elapsed::from_secs(1)) {
                        black_box(due);
                    }
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn recorder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorder");
    group.throughput(Throughput::Elements(PER_SECOND.into()));
    group.bench_function("a second of answers", |bencher| {
        bencher.iter(|| {
            let mut second = Second::new(0, ArrivalRate::new(PER_SECOND));
            let part = second.part_mut(0);
            for n in 0..PER_SECOND {
                part.outcomes.add(OutcomeKind::Ok);
                part.ok.record(latency(n));
                part.service.record(latency(n));
            }
            second
        });
    });
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let minute: Vec<Latency> = (0..60)
        .map(|second| {
            let mut all = Latency::new();
            for n in 0..PER_SECOND {
                all.record(latency(n.wrapping_add(second)));
            }
            all
        })
        .collect();
    criterion.bench_function("a minute of histograms merged, and its p99", |bencher| {
        bencher.iter(|| {
            let mut all = Latency::new();
            for second in &minute {
                all.merge(second);
            }
            all.quantile(0.99)
        });
    });
}

criterion_group!(load, pacer, recorder, merge);
criterion_main!(load);
