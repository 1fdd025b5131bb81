//! App Runner's way of scaling, driven through seconds of demand.

use proptest::prelude::*;

use super::*;

const TICK: Duration = Duration::from_millis(100);
const DELAY: Duration = Duration::from_millis(80);

fn options() -> ClusterOptions {
    ClusterOptions::default()
}

/// A service of `active` instances that is asked for a constant concurrency: what does not fit is turned away, in whole
/// requests; the part of one that is left over stays in `owed`.
fn demand(concurrency: f64, active: u32, owed: &mut f64) -> ObservedLoad {
    let room = f64::from(active * options().max_concurrency);
    let busy = TICK.mul_f64(concurrency.min(room));
    *owed += (concurrency - room).max(0.0) * TICK.as_secs_f64() / DELAY.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    let rejected = owed.floor() as u64;
    *owed -= owed.floor();
    ObservedLoad { span: TICK, busy, rejected, service_time: DELAY, active, ..ObservedLoad::default() }
}

/// Runs `scaler` for `seconds` under what `concurrency` says of each second; returns the wanted number of every tick.
/// Instances become active the moment they are wanted.
fn run(scaler: &mut ConcurrencyScaler, from: Elapsed, seconds: &[f64]) -> Vec<u32> {
    let mut now = from;
    let (mut active, mut owed) = (1, 0.0);
    let ticks = seconds.iter().flat_map(|concurrency| std::iter::repeat_n(*concurrency, 10));
    ticks
        .map(|concurrency| {
            now = now + TICK;
            active = scaler.tick(now, &demand(concurrency, active, &mut owed));
            active
        })
        .collect()
}

#[test]
fn a_spike_is_answered_within_a_fraction_of_a_second_and_fully_within_the_window() {
    let mut scaler = ConcurrencyScaler::new(&options());
    run(&mut scaler, Elapsed::ZERO, &[0.4; 5]);
    let wanted = run(&mut scaler, Elapsed::from_secs(5), &[48.0; 3]);
    assert!(wanted[4] >= 2, "half a second in: {wanted:?}");
    assert_eq!(wanted[19], 5, "after the window: {wanted:?}");
    assert!(wanted.is_sorted(), "a constant spike never takes an instance back: {wanted:?}");
}

#[test]
fn exactly_full_instances_need_no_more() {
    let mut scaler = ConcurrencyScaler::new(&options());
    assert_eq!(run(&mut scaler, Elapsed::ZERO, &[10.0; 5]).last(), Some(&1));
    assert_eq!(run(&mut scaler, Elapsed::from_secs(5), &[10.5; 5]).last(), Some(&2));
}

#[test]
fn the_surplus_goes_when_it_was_not_needed_for_the_whole_wait() {
    let mut scaler = ConcurrencyScaler::new(&options());
    run(&mut scaler, Elapsed::ZERO, &[48.0; 10]);
    let wanted = run(&mut scaler, Elapsed::from_secs(10), &[0.4; 40]);
    // The average needs up to the window's 2 s to fall below four instances' worth, then the wait of 30 s begins.
    let first_in = wanted.iter().position(|count| *count < 5).unwrap();
    assert!((300..=320).contains(&first_in), "{first_in}");
    assert_eq!(wanted.last(), Some(&1));
}

#[test]
fn a_second_spike_within_the_wait_finds_the_instances_still_there() {
    let mut scaler = ConcurrencyScaler::new(&options());
    run(&mut scaler, Elapsed::ZERO, &[48.0; 5]);
    let quiet = run(&mut scaler, Elapsed::from_secs(5), &[0.0; 25]);
    let again = run(&mut scaler, Elapsed::from_secs(30), &[48.0; 40]);
    assert!(quiet.iter().chain(&again).all(|count| *count == 5), "{quiet:?} {again:?}");
}

#[test]
fn a_look_that_came_late_is_not_taken_for_a_spike() {
    let mut scaler = ConcurrencyScaler::new(&options());
    let span = Duration::from_secs(20);
    let late =
        ObservedLoad { span, busy: span.mul_f64(8.0), service_time: DELAY, active: 1, ..ObservedLoad::default() };
    assert_eq!(scaler.tick(Elapsed::from_secs(20), &late), 1);
}

proptest! {
    #[test]
    fn the_wanted_number_stays_within_its_bounds(
        min in 1u32..5,
        more in 0u32..20,
        looks in prop::collection::vec((0u64..5_000, 0u64..1_000_000, 0u64..u64::MAX, 0u64..100_000), 1..100),
    ) {
        let options = ClusterOptions { min_size: min, max_size: min + more, ..options() };
        let mut scaler = ConcurrencyScaler::new(&options);
        let mut now = Elapsed::ZERO;
        for (span, busy, rejected, service) in looks {
            let span = Duration::from_millis(span);
            now = now + span;
            let (busy, service_time) = (Duration::from_millis(busy), Duration::from_millis(service));
            let wanted = scaler.tick(now, &ObservedLoad { span, rejected, busy, service_time, ..ObservedLoad::default() });
            prop_assert!((min..=min + more).contains(&wanted), "{wanted}");
        }
    }

    #[test]
    fn constant_demand_reaches_the_needed_count_and_stays_there(tenths in 0u32..600, seconds in 5usize..120) {
        // A tenth away from a whole number of full instances, where a rounding error would decide.
        prop_assume!(!(tenths % 100 <= 1 || tenths % 100 == 99));
        let concurrency = f64::from(tenths) / 10.0;
        let mut scaler = ConcurrencyScaler::new(&options());
        let wanted = run(&mut scaler, Elapsed::ZERO, &vec![concurrency; seconds]);
        let needed = tenths.div_ceil(100).clamp(1, 5);
        prop_assert!(wanted[25..].iter().all(|count| *count == needed), "{needed} needed, wanted: {wanted:?}");
    }

    #[test]
    fn more_demand_never_wants_fewer(low in 0.0f64..60.0, more in 0.0f64..60.0) {
        let reached = |concurrency: f64| {
            let mut scaler = ConcurrencyScaler::new(&options());
            *run(&mut scaler, Elapsed::ZERO, &[concurrency; 4]).last().unwrap()
        };
        prop_assert!(reached(low) <= reached(low + more));
    }
}
