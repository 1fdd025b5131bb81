//! The load engine in virtual time, against a transport that never touches a socket.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use scaletop_load::Latency;
use scaletop_load::{Arrivals, RateProfile};
use scaletop_load::{CohortPart, Second};
use scaletop_load::{FailureKind, OutcomeKind};
use scaletop_load::{Line, Turn};
use scaletop_load::{LoadConfig, LoadHandle, Prepared, Workers, start_inline};
use scaletop_load::{Reply, Transport};
use scaletop_units::RunClock;
use scaletop_units::{ArrivalRate, Elapsed};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Answers as its closure says: after how long, and what.
struct Fake<F>(F);

impl<F: Fn(Elapsed) -> (Duration, Reply) + 'static> Transport for Fake<F> {
    async fn send(&self, sent: Elapsed) -> Reply {
        let (after, reply) = (self.0)(sent);
        tokio::time::sleep(after).await;
        reply
    }
}

/// A service that answers 200 after `after`.
fn steady(after: Duration) -> impl Transport {
    Fake(move |_| (after, Reply::status(200)))
}

fn rate(per_sec: u32) -> RateProfile {
    RateProfile::Constant(ArrivalRate::new(per_sec))
}

fn secs(secs: u64) -> Elapsed {
    Elapsed::from_secs(secs)
}

fn config(cap: u64) -> LoadConfig {
    LoadConfig { seed: 1, max_in_flight: cap, ..LoadConfig::default() }
}

/// A running engine in virtual time.
struct Rig {
    clock: RunClock,
    handle: LoadHandle,
    seconds: mpsc::Receiver<Second>,
}

impl Rig {
    /// Waits until the session's clock shows `at`.
    async fn until(&self, at: Elapsed) {
        tokio::time::sleep_until(self.clock.instant_at(at)).await;
    }

    /// Pauses, waits for every answer, stops, and returns every second.
    async fn end(self) -> Vec<Second> {
        self.handle.set(self.clock.now(), RateProfile::PAUSED);
        self.handle.drain(Duration::from_mins(1)).await;
        self.stop().await
    }

    /// Stops, with what is in flight, and returns every second.
    async fn stop(mut self) -> Vec<Second> {
        self.handle.stop();
        let mut seconds = Vec::new();
        while let Some(second) = self.seconds.recv().await {
            seconds.push(second);
        }
        seconds
    }
}

/// Runs `drive` against an engine on this thread.
async fn with_engine<T: Transport, D: Future>(
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
fn total(seconds: &[Second]) -> CohortPart {
    let mut total = CohortPart::new(0);
    for second in seconds {
        total.merge(&CohortPart { intended: 0, ..second.total() });
    }
    total
}

/// The latencies in descending order, in tens of milliseconds: a histogram's cell knows the value to a thousandth.
fn rounded_millis(latency: &Latency) -> Vec<u128> {
    let mut values: Vec<u128> =
        latency.buckets().flat_map(|(value, count)| (0..count).map(move |_| value.as_millis() / 10 * 10)).collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values
}

#[tokio::test(start_paused = true)]
async fn a_cap_that_descriptors_set_drops_for_want_of_a_connection() {
    let hanging = Fake(|_| (Duration::from_secs(1), Reply::status(200)));
    let config = LoadConfig { capped_by_descriptors: true, ..config(5) };
    let seconds = with_engine(config, hanging, async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(10));
        rig.until(secs(1)).await;
        rig.end().await
    })
    .await;
    let total = total(&seconds);
    assert_eq!((total.due, total.sent, total.dropped_cap, total.dropped_connections), (10, 5, 0, 5));
}

/// Has one connection, opens no other, and says whether that is its own doing.
struct Narrow {
    holds_back: bool,
    is_taken: Cell<bool>,
}

impl Transport for Narrow {
    async fn send(&self, _sent: Elapsed) -> Reply {
        unreachable!("it takes what it can by itself")
    }

    fn serve(self: &Rc<Self>, line: &Rc<Line>, _turn: Turn) {
        if self.is_taken.get() {
            return;
        }
        let Some(mut exchange) = line.take() else { return };
        self.is_taken.set(true);
        tokio::task::spawn_local(async move {
            exchange.begin();
            tokio::time::sleep(Duration::from_secs(5)).await;
            exchange.complete(Reply::status(200));
        });
    }

    fn holds_back(&self) -> bool {
        self.holds_back
    }
}

#[tokio::test(start_paused = true)]
async fn a_cap_that_is_full_of_what_we_hold_back_is_ours() {
    let dropped = async |holds_back: bool| {
        let narrow = Narrow { holds_back, is_taken: Cell::new(false) };
        let seconds = with_engine(config(5), narrow, async |rig| {
            rig.handle.set(Elapsed::ZERO, rate(10));
            rig.until(secs(1)).await;
            rig.stop().await
        })
        .await;
        total(&seconds)
    };
    let ours = dropped(true).await;
    // Four of the five wait until the end, and are then given up, too.
    assert_eq!((ours.due, ours.dropped_cap, ours.dropped_connections), (10, 0, 9));
    let theirs = dropped(false).await;
    assert_eq!((theirs.due, theirs.dropped_cap, theirs.dropped_connections), (10, 5, 4));
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_charged_to_every_arrival_that_waited() {
    // Answers after 20 ms, but nothing before 2 s: what a closed loop would see as five slow requests and nothing else.
    let stalled = Fake(|sent: Elapsed| {
        let after = secs(2).saturating_since(sent);
        (if after.is_zero() { Duration::from_millis(20) } else { after }, Reply::status(200))
    });
    let seconds = with_engine(config(5), stalled, async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(10));
        rig.until(secs(3)).await;
        rig.end().await
    })
    .await;

    let total = total(&seconds);
    // 0.1 to 0.5 s are sent and wait for 2 s; 0.6 to 1.9 s meet the cap; the answers at 2 s make room for the arrival of
    // that very instant, so 2.0 to 3.0 s are sent.
    assert_eq!((total.due, total.sent, total.dropped_cap, total.dropped_late), (30, 16, 14, 0));
    assert_eq!(rounded_millis(&total.ok), [vec![1_900, 1_800, 1_700, 1_600, 1_500], vec![20; 11]].concat());
    assert_eq!(seconds[0].in_flight, 5);
    assert_eq!(seconds[0].oldest_in_flight, Some(Duration::from_millis(900)), "seen a second before the answer came");
    assert_eq!(seconds[1].in_flight, 0, "answered as the second ended");
    assert_eq!(seconds[0].generator.in_flight_peak, 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_at_the_very_instant_of_an_arrival_makes_room_for_it() {
    // One place, and every answer comes exactly when the next request is due.
    let seconds = with_engine(config(1), steady(Duration::from_millis(100)), async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(10));
        rig.until(secs(2)).await;
        rig.end().await
    })
    .await;
    let total = total(&seconds);
    assert_eq!((total.sent, total.dropped_cap), (20, 0));
}

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

#[tokio::test(start_paused = true)]
async fn what_our_own_stall_made_late_is_dropped_and_counted_in_the_second_it_was_meant_for() {
    let seconds = with_engine(config(1_000), steady(Duration::from_millis(10)), async |rig| {
        rig.handle.set(Elapsed::ZERO, rate(10));
        rig.until(Elapsed::from_millis(1_050)).await;
        // The whole process stands still for 3 s.
        tokio::time::advance(Duration::from_secs(3)).await;
        rig.until(secs(5)).await;
        rig.end().await
    })
    .await;
    let total = total(&seconds);
    assert_eq!((total.due, total.dropped_cap), (50, 0));
    // Awake at 4.05 s: 1.1 to 3.0 s are over a second late, 3.1 s and later are not.
    assert_eq!((total.dropped_late, total.sent), (20, 30));
    let by_cohort = |cohort| -> (u64, u64) {
        let parts = seconds.iter().flat_map(|s| &s.parts).filter(|part| part.intended == cohort);
        parts.fold((0, 0), |(due, late), part| (due + part.due, late + part.dropped_late))
    };
    assert_eq!((by_cohort(1), by_cohort(2), by_cohort(3)), ((10, 9), (10, 10), (10, 1)));
    assert!(
        seconds.iter().any(|second| second.send_lag.max() >= Some(Duration::from_millis(900))),
        "and the lag shows"
    );
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

/// One thing that is done to a running engine.
#[derive(Clone, Debug)]
enum Deed {
    Rate(u32),
    Ramp(u32, u32, u64),
    Wait(u64),
    /// The process stands still.
    Stall(u64),
    Drain(u64),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => (0_u32..400).prop_map(Deed::Rate),
        1 => (0_u32..300, 0_u32..300, 1_u64..2_000).prop_map(|(from, to, over)| Deed::Ramp(from, to, over)),
        4 => (0_u64..1_700).prop_map(Deed::Wait),
        1 => (0_u64..2_500).prop_map(Deed::Stall),
        1 => (0_u64..500).prop_map(Deed::Drain),
    ];
    prop::collection::vec(deed, 1..12)
}

/// Answers after a while, and counts.
#[derive(Clone, Default)]
struct Counting {
    called: Rc<Cell<u64>>,
    answered: Rc<Cell<u64>>,
    after: Duration,
}

impl Transport for Counting {
    async fn send(&self, _sent: Elapsed) -> Reply {
        self.called.set(self.called.get() + 1);
        tokio::time::sleep(self.after).await;
        self.answered.set(self.answered.get() + 1);
        Reply::status(200)
    }
}

async fn perform(rig: Rig, deeds: Vec<Deed>) -> Vec<Second> {
    for deed in deeds {
        match deed {
            Deed::Rate(per_sec) => rig.handle.set(rig.clock.now(), rate(per_sec)),
            Deed::Ramp(from, to, over) => {
                let (from, to) = (ArrivalRate::new(from), ArrivalRate::new(to));
                rig.handle.set(rig.clock.now(), RateProfile::Ramp { from, to, over: Duration::from_millis(over) });
            }
            Deed::Wait(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Deed::Stall(ms) => tokio::time::advance(Duration::from_millis(ms)).await,
            Deed::Drain(ms) => {
                rig.handle.drain(Duration::from_millis(ms)).await;
            }
        }
    }
    rig.stop().await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_lost_or_counted_twice_whatever_is_done(
        deeds in deeds(), cap in 1_u64..50, service_ms in 0_u64..900, seed in any::<u64>()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let service = Counting { after: Duration::from_millis(service_ms), ..Counting::default() };
        let config = LoadConfig { arrivals: Arrivals::Poisson, seed, max_in_flight: cap, ..LoadConfig::default() };
        let seconds = runtime.block_on(with_engine(config, service.clone(), |rig| perform(rig, deeds)));
        let total = total(&seconds);
        let unanswered = seconds.last().map_or(0, |second| second.in_flight);
        let expected: Vec<u32> = (0..u32::try_from(seconds.len()).unwrap()).collect();
        prop_assert_eq!(seconds.iter().map(|second| second.index).collect::<Vec<_>>(), expected);
        prop_assert_eq!(total.due, total.sent + total.dropped());
        prop_assert_eq!(total.sent, total.outcomes.total() + unanswered);
        prop_assert_eq!(total.response().count(), total.outcomes.total());
        prop_assert!(service.called.get() <= total.sent && service.answered.get() >= total.outcomes.total());
        prop_assert!(seconds.iter().all(|second| second.in_flight <= cap && second.generator.in_flight_peak <= cap));
        let lags: u64 = seconds.iter().map(|second| second.send_lag.count()).sum();
        prop_assert!(lags <= total.sent && total.sent - lags <= cap, "all but what the stop caught between");
    }
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
