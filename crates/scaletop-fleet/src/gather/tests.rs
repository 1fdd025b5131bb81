//! What many generators report adds up to what happened, in any order and however often it comes.

use proptest::prelude::*;
use scaletop_load::{CohortPart, Latency, OutcomeKind, Served};
use scaletop_units::InstanceId;

use super::*;
use crate::message::{self, StoredSecond};
use crate::slots::tests::id;

/// One answer: of whom, sent in which second, intended in which, after so many microseconds.
type Answer = (usize, u32, u32, u64);

/// As it comes over the wire.
fn arrived(stored: &StoredSecond) -> ArrivedSecond {
    message::read(&message::write(1, 0, stored)).unwrap().body
}

fn stored(index: u32, answers: &[(u32, u64)]) -> ArrivedSecond {
    arrived(&counted(index, answers))
}

fn counted(index: u32, answers: &[(u32, u64)]) -> StoredSecond {
    let mut second = Second::new(index, ArrivalRate::PAUSED);
    for &(intended, micros) in answers {
        let part = second.part_mut(intended);
        (part.due, part.sent) = (part.due + 1, part.sent + 1);
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_micros(micros));
        second.send_lag.record(Duration::from_micros(micros / 2));
    }
    second.in_flight = 3;
    second.generator = GeneratorHealth {
        cpu_percent: Some(f32::from(u8::try_from(index).unwrap())),
        fds: Some((1, 10)),
        in_flight_cap: 100,
        in_flight_peak: 7,
        workers: 1,
        ..GeneratorHealth::default()
    };
    StoredSecond { second, clock_error: Some(Duration::from_millis(1)), late_anchor: None }
}

fn add(gather: &mut Gather, generator: usize, number: u64, second: ArrivedSecond) -> bool {
    gather.add(&id(generator), number, second).unwrap()
}

fn holders(count: usize) -> impl Fn(u32) -> Closing {
    move |_| Closing { holders: (0..count).map(id).collect(), planned: Some(5), target: ArrivalRate::new(9) }
}

#[test]
fn a_second_closes_when_all_delivered_and_at_the_latest_a_second_after_its_end() {
    let mut gather = Gather::new(0, None);
    assert!(add(&mut gather, 0, 0, stored(0, &[(0, 100)])));
    assert!(gather.close(Elapsed::from_millis(1_500), holders(2)).is_none());
    assert!(add(&mut gather, 1, 0, stored(0, &[(0, 100)])));
    assert!(gather.close(Elapsed::from_millis(999), holders(2)).is_none());
    let second = gather.close(Elapsed::from_millis(1_500), holders(2)).unwrap();
    assert_eq!((second.index, second.total().due, second.total().planned), (0, 2, Some(5)));
    assert_eq!(second.total().unreported(), 3);
    assert!(gather.close(Elapsed::from_millis(2_999), holders(2)).is_none());
    assert_eq!(gather.close(Elapsed::from_secs(3), holders(2)).unwrap().total().due, 0);
}

#[test]
fn what_comes_late_is_in_the_open_second_under_the_one_it_was_intended_in() {
    let mut gather = Gather::new(0, None);
    gather.close(Elapsed::from_secs(2), holders(1)).unwrap();
    assert!(add(&mut gather, 0, 1, stored(1, &[(1, 100)])));
    assert!(add(&mut gather, 0, 0, stored(0, &[(0, 100), (0, 300)])));
    let second = gather.close(Elapsed::from_secs(2), holders(1)).unwrap();
    let parts: Vec<_> = second.parts.iter().map(|part| (part.intended, part.due, part.planned)).collect();
    assert_eq!(parts, [(0, 2, None), (1, 1, Some(5))]);
    assert_eq!((second.in_flight, second.generators.len(), second.generators[0].due), (3, 1, 3));
    assert_eq!(second.generators[0].numbers, [1, 0], "who goes on with the session counts neither again");
    assert_eq!(second.generator.in_flight_cap, 100, "gauges of then are not those of now");
}

#[test]
fn health_is_that_of_the_worst_and_caps_and_peaks_add_up() {
    let mut gather = Gather::new(0, None);
    add(&mut gather, 0, 0, stored(0, &[]));
    let mut busy = counted(0, &[]);
    busy.second.generator.cpu_percent = Some(90.0);
    busy.second.generator.fds = Some((20, 100));
    add(&mut gather, 1, 0, arrived(&busy));
    let health = gather.close(Elapsed::from_secs(1), holders(2)).unwrap().generator;
    assert_eq!((health.cpu_percent, health.fds), (Some(90.0), Some((20, 100))));
    assert_eq!((health.in_flight_cap, health.in_flight_peak, health.workers), (200, 14, 2));
}

#[test]
fn what_an_earlier_controller_merged_is_not_counted_again() {
    let second = |number: u64| stored(u32::try_from(number).unwrap(), &[(u32::try_from(number).unwrap(), 10)]);
    let mut first = Gather::new(0, None);
    let mut closed = Vec::new();
    // Number 2 comes when second 3 has closed, and no second closes with it: that is left to the next controller.
    for (number, now) in [(0, 1), (1, 2), (3, 4), (2, 4)] {
        add(&mut first, 0, number, second(number));
        while let Some(second) = first.close(Elapsed::from_secs(now), holders(0)) {
            closed.push(second);
        }
    }
    let mut resumed = Resumed { next: 4, ..Resumed::default() };
    for row in closed.iter().flat_map(|second| &second.generators) {
        resumed.merged.entry(row.id.clone()).or_default().extend(&row.numbers);
    }
    assert_eq!(closed.len(), 4);
    let mut gather = Gather::new(4, Some(&resumed));
    for number in [0, 1, 3, 2, 4, 4] {
        add(&mut gather, 0, number, second(number));
    }
    assert!(add(&mut gather, 1, 4, second(4)), "it had not been heard of then");
    closed.extend(gather.finish(4, holders(1)));
    let due: Vec<_> = closed.iter().map(|second| second.total().due).collect();
    assert_eq!(
        (due.iter().sum::<u64>(), due[4]),
        (6, 3),
        "{due:?}: each once, and the late one in the second that is open"
    );
}

#[test]
fn of_a_second_whose_histograms_are_damaged_nothing_is_counted_and_it_may_come_again() {
    let whole = message::write(1, 0, &counted(0, &[(0, 100), (0, 300)]));
    // The last characters of the text are the checksum of its histograms.
    let mut damaged = whole.clone();
    let at = damaged.windows(9).position(|bytes| bytes == b"latencies").unwrap() + 20;
    damaged[at..at + 4].copy_from_slice(b"AAAA");
    let mut gather = Gather::new(0, None);
    let body = message::read::<ArrivedSecond>(&damaged).unwrap().body;
    assert!(gather.add(&id(0), 0, body).is_err());
    assert!(gather.close(Elapsed::from_secs(1), holders(1)).is_none(), "it counts as one that has not come");
    let body = message::read::<ArrivedSecond>(&whole).unwrap().body;
    assert_eq!(gather.add(&id(0), 0, body).ok(), Some(true));
    let second = gather.close(Elapsed::from_secs(1), holders(1)).unwrap();
    assert_eq!((second.total().due, second.total().ok.count(), second.send_lag.count()), (2, 2, 2));
}

#[test]
fn a_gap_of_seconds_that_were_given_up_is_passed() {
    let mut stream = Stream::default();
    assert!(stream.take(0) && stream.take(5) && !stream.take(5) && stream.take(3) && !stream.take(0));
    for number in 10..9 + BEYOND as u64 {
        assert!(stream.take(number));
    }
    assert_eq!(stream.next, 4, "the oldest gap is given up, those after it are not");
    assert!(!stream.take(2) && stream.take(4) && !stream.take(11));
    assert_eq!(stream.next, 6);
}

/// What a generator may say of a second: everything that a second can hold, in the range of histograms and beyond it.
fn any_second() -> impl Strategy<Value = StoredSecond> {
    let micros = prop_oneof![1_u64..2_000, 1_u64..5_000_000, 500_000_000_u64..2_000_000_000];
    let histogram = || prop_oneof![Just(0_u64), Just(3), Just(40), Just(900)];
    let part = (0_u32..3, 0_u64..50, histogram(), histogram(), histogram(), histogram());
    let instances = prop::collection::btree_map(0_u32..300, 0_u64..9, 0..200);
    (0_u32..4, prop::collection::vec(part, 0..3), instances, histogram(), micros, any::<u64>()).prop_map(
        |(index, parts, instances, lags, around, seed)| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut of = |count: u64| {
                let mut latency = Latency::new();
                (0..count).for_each(|_| {
                    latency.record(Duration::from_micros(around * rng.u64(1..40) / 8 + rng.u64(1..4_000)));
                });
                latency
            };
            let mut second = Second::new(index, ArrivalRate::PAUSED);
            for (back, due, ok, failed, service, failed_service) in parts {
                let part = second.part_mut(index.saturating_sub(back));
                (part.due, part.sent, part.late) = (due, due / 2, due / 7);
                (part.ok, part.failed) = (of(ok), of(failed));
                (part.service, part.failed_service) = (of(service), of(failed_service));
                part.outcomes.add(OutcomeKind::Ok);
            }
            for (instance, requests) in instances {
                let id = InstanceId::from(format!("i{instance:03}"));
                second.served.push(Served {
                    id,
                    requests,
                    ok: requests,
                    first_ok_intended: None,
                    response: of(requests),
                });
            }
            second.send_lag = of(lags);
            if seed % 2 == 0 {
                second.connections.opened = 1 + seed % 9;
                (second.connections.connect, second.connections.slot_wait) = (of(lags), of(3));
            }
            second.in_flight = seed % 5;
            StoredSecond { second, clock_error: None, late_anchor: None }
        },
    )
}

/// A generator's second added to the fleet's by way of a whole second of its own, histogram by histogram.
fn add_whole(into: &mut Second, generator: usize, number: u64, stored: &StoredSecond) {
    let mut second = stored.second.clone();
    let total = second.total();
    let is_late = second.index < into.index;
    if is_late && total == CohortPart::new(second.index) {
        return;
    }
    let row = GeneratorPart {
        id: id(generator),
        due: total.due,
        sent: total.sent,
        ok: total.ok.count(),
        lag_p99: second.send_lag.quantile(0.99),
        cpu_percent: None,
        in_flight: if is_late { 0 } else { second.in_flight },
        clock_error: None,
        late_anchor: None,
        numbers: vec![number],
    };
    if is_late {
        (second.index, second.in_flight) = (into.index, 0);
    }
    into.merge(&second);
    add_row(&mut into.generators, row);
    let beyond = into.served.split_off(into.served.len().min(MAX_INSTANCES_PER_SECOND));
    into.unattributed += beyond.iter().map(|served| served.requests).sum::<u64>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))] // each case fills many histograms
    /// Packed histograms added to the fleet's give what whole seconds merged give, cell for cell, in any order and with repeats.
    #[test]
    fn packed_seconds_add_up_to_what_whole_ones_do(
        seconds in prop::collection::vec((0_usize..3, any_second()), 0..6),
        order in prop::collection::vec(0_usize..6, 0..12)
    ) {
        // All that is older than second 3 is late in it.
        let mut gather = Gather::new(3, None);
        let (mut whole, mut seen) = (Second::new(3, ArrivalRate::new(9)), BTreeSet::new());
        for which in order.into_iter().chain(0..6).filter(|which| *which < seconds.len()) {
            let (generator, stored) = &seconds[which];
            let is_new = seen.insert(which);
            prop_assert_eq!(add(&mut gather, *generator, which as u64, arrived(stored)), is_new);
            if is_new {
                add_whole(&mut whole, *generator, which as u64, stored);
            }
        }
        let closing = Closing { target: ArrivalRate::new(9), ..Closing::default() };
        prop_assert_eq!(gather.close(Elapsed::from_secs(4), |_| closing).unwrap(), whole);
    }
}

proptest! {
    /// Whatever the order, the delay and the repeats: all that generators counted is in the fleet's seconds once, cell for cell.
    #[test]
    fn merged_seconds_hold_every_sample_once(
        answers in prop::collection::vec((0_usize..4, 0_u32..6, 0_u32..3, 1_u64..5_000_000), 0..80),
        order in prop::collection::vec((0_usize..24, 0_u64..9), 0..120)
    ) {
        let answers: Vec<Answer> = answers.into_iter().map(|(of, index, back, micros)| (of, index, index.saturating_sub(back), micros)).collect();
        let of = |generator: usize, index: u32| -> Vec<(u32, u64)> {
            answers.iter().filter(|a| (a.0, a.1) == (generator, index)).map(|a| (a.2, a.3)).collect()
        };
        let mut gather = Gather::new(0, None);
        let mut closed = Vec::new();
        let mut now = Elapsed::ZERO;
        let all = (0..24).map(|which| (which, 0));
        for (which, pause) in order.into_iter().chain(all) {
            let (generator, index) = (which / 6, u32::try_from(which % 6).unwrap());
            add(&mut gather, generator, u64::from(index), stored(index, &of(generator, index)));
            now = now + Duration::from_millis(100 * pause);
            closed.extend(gather.close(now, holders(4)));
        }
        closed.extend(gather.finish(5, holders(4)));
        prop_assert!(closed.iter().enumerate().all(|(at, second)| usize::try_from(second.index) == Ok(at)));
        for cohort in 0..6 {
            let mut merged = scaletop_load::CohortPart::new(cohort);
            for part in closed.iter().flat_map(|second| &second.parts).filter(|part| part.intended == cohort) {
                merged.merge(part);
            }
            let mut truth = Latency::new();
            for answer in answers.iter().filter(|answer| answer.2 == cohort) {
                truth.record(Duration::from_micros(answer.3));
            }
            prop_assert_eq!(&merged.ok, &truth);
            prop_assert_eq!(merged.due, truth.count());
        }
        let rows: u64 = closed.iter().flat_map(|second| &second.generators).map(|row| row.ok).sum();
        prop_assert_eq!(rows, answers.len() as u64);
    }
}
