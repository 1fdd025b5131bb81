//! How long folding a day takes, and what stays in memory: `cargo run --release --no-default-features --example
//! fold_speed [HOURS]`. Twenty instances, 1,000 requests a second, a step every ten minutes.

use std::time::{Duration, Instant};

use scaletop::Session;
use scaletop::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop_load::Latency;
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_load::{Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

const INSTANCES: u64 = 20;

#[expect(clippy::print_stdout, reason = "the result is the purpose of this program")]
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn main() {
    let hours: u32 = std::env::args().nth(1).and_then(|hours| hours.parse().ok()).unwrap_or(24);
    let header = Header::new(0, Settings::default());
    let mut session = Session::new(header);
    // Sixty different seconds, made before the clock starts.
    let seconds: Vec<Second> = (0..60).map(second).collect();
    let resident = || {
        let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
        pages.split_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * 4)
    };
    let (mut spent, mut slowest) = (Duration::ZERO, Duration::ZERO);
    let mut last_resident = None;
    for index in 0..hours * 3_600 {
        if index % 600 == 0 {
            let rate = ArrivalRate::new(if index / 600 % 2 == 0 { 1_000 } else { 800 });
            let change = RateChange {
                profile: RateProfile::Constant(rate),
                cause: RateCause::Set,
                stage: None,
                unmet_start: None,
            };
            session.apply(Elapsed::from_secs(u64::from(index)), &SessionEvent::Rate(change));
        }
        let event = SessionEvent::Second(Box::new(at(&seconds[(index % 60) as usize], index)));
        let began = Instant::now();
        session.apply(Elapsed::from_secs(u64::from(index) + 1), &event);
        let took = began.elapsed();
        spent += took;
        slowest = slowest.max(took);
        if index % 14_400 == 14_399 {
            let now = resident();
            let grown = now.zip(last_resident).map(|(now, last): (u64, u64)| now.saturating_sub(last) as f64 / 240.0);
            last_resident = now;
            println!("{} h: {now:?} KiB resident, {grown:.2?} KiB more a minute", (index + 1) / 3_600);
        }
    }
    let count = f64::from(hours * 3_600);
    println!(
        "{hours} h folded in {:.1} s: {:.0} µs a second on average, {:.1} ms at most; {} rows, {} steps",
        spent.as_secs_f64(),
        spent.as_secs_f64() * 1e6 / count,
        slowest.as_secs_f64() * 1e3,
        session.timeline().rows().len(),
        session.steps().len()
    );
}

/// A second of 1,000 requests of about 80 ms, the last 80 of which are answered in the next one.
fn second(seed: u64) -> Second {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut second = Second::new(1, ArrivalRate::new(1_000));
    second.served = (0..INSTANCES)
        .map(|at| Served {
            id: InstanceId::from(format!("instance-{at:02}")),
            requests: 50,
            ok: 49,
            first_ok_intended: Some(Elapsed::from_secs(1)),
            response: Latency::new(),
        })
        .collect();
    for n in 0..1_000_u64 {
        let intended = u32::from(n >= 80);
        let micros = if n % 100 == 0 { random.u64(100_000..900_000) } else { 80_000 + random.u64(0..6_000) };
        let latency = Duration::from_micros(micros);
        let part = second.part_mut(intended);
        if n % 50 == 7 {
            part.outcomes.add(OutcomeKind::Http429);
            part.failed.record(Duration::from_micros(random.u64(900..3_000)));
        } else {
            part.outcomes.add(OutcomeKind::Ok);
            part.ok.record(latency);
        }
        part.service.record(latency);
        second.send_lag.record(Duration::from_micros(random.u64(20..400)));
        second.served[usize::try_from(n % INSTANCES).unwrap_or(0)].response.record(latency);
    }
    let part = second.part_mut(1);
    (part.due, part.sent) = (1_000, 1_000);
    second
}

/// The same second at another time.
fn at(second: &Second, index: u32) -> Second {
    let mut second = second.clone();
    second.index = index;
    for part in &mut second.parts {
        part.intended = (index + part.intended).saturating_sub(1);
    }
    if index == 0 {
        second.parts.remove(0);
    }
    for served in &mut second.served {
        served.first_ok_intended = Some(second_start(index));
    }
    second
}

fn second_start(index: u32) -> Elapsed {
    Elapsed::from_secs(u64::from(index))
}
