//! Engines that share one schedule, as machines of a fleet do, and a lease that runs out. In virtual time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use scaletop_load::{LoadConfig, LoadHandle, Piece, RateProfile, Reply, Second, Slots, Transport, start_inline};
use scaletop_units::{ArrivalRate, Elapsed, RunClock};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::sleep_until;

/// Notes when it is asked to send, and answers at once.
struct Noting(Rc<RefCell<Vec<Elapsed>>>);

impl Transport for Noting {
    async fn send(&self, sent: Elapsed) -> Reply {
        self.0.borrow_mut().push(sent);
        Reply::status(200)
    }
}

/// An engine, its seconds, and when it sent.
struct Engine {
    handle: LoadHandle,
    seconds: mpsc::Receiver<Second>,
    sent: Rc<RefCell<Vec<Elapsed>>>,
}

impl Engine {
    fn start(clock: RunClock) -> Self {
        let sent = Rc::<RefCell<Vec<Elapsed>>>::default();
        let (handle, seconds) = start_inline(&LoadConfig::default(), Noting(Rc::clone(&sent)), clock);
        Self { handle, seconds, sent }
    }

    /// Stops it; returns the sums of due, sent and dropped.
    async fn stop(mut self) -> (u64, u64, u64) {
        self.handle.stop();
        let mut sums = (0, 0, 0);
        while let Some(second) = self.seconds.recv().await {
            let total = second.total();
            sums = (sums.0 + total.due, sums.1 + total.sent, sums.2 + total.dropped());
        }
        sums
    }
}

const fn ms(millis: u64) -> Elapsed {
    Elapsed::from_millis(millis)
}

fn piece(at: Elapsed, rate: u32) -> Piece {
    let profile = RateProfile::Constant(ArrivalRate::new(rate));
    Piece { at, profile, since: Elapsed::ZERO, credit: 0, seed: 0 }
}

#[expect(clippy::unnecessary_wraps, reason = "as the handle takes it")]
fn slots(first: u32, of: u32) -> Option<Slots> {
    Some(Slots { first, of })
}

#[tokio::test(start_paused = true)]
async fn machines_that_take_turns_send_each_arrival_once() {
    let run = async {
        let clock = RunClock::start();
        let engines = [Engine::start(clock), Engine::start(clock)];
        engines[0].handle.begin(piece(ms(0), 100), slots(0, 1));
        engines[1].handle.begin(piece(ms(0), 100), None);
        sleep_until(clock.instant_at(ms(1_950))).await;
        engines[0].handle.begin(piece(ms(2_000), 100), slots(0, 2));
        engines[1].handle.begin(piece(ms(2_000), 100), slots(1, 2));
        sleep_until(clock.instant_at(ms(3_900))).await;
        engines[0].handle.begin(piece(ms(4_000), 100), None);
        engines[1].handle.begin(piece(ms(4_000), 100), slots(0, 1));
        sleep_until(clock.instant_at(ms(5_005))).await;
        let sent: Vec<Vec<Elapsed>> = engines.iter().map(|engine| engine.sent.borrow().clone()).collect();
        assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [300, 200]);
        let mut all = sent.concat();
        all.sort_unstable();
        assert_eq!(all, (1..=500).map(|number| ms(number * 10)).collect::<Vec<_>>());
        for engine in engines {
            let (due, sent, dropped) = engine.stop().await;
            assert_eq!((due, dropped), (sent, 0));
        }
    };
    LocalSet::new().run_until(run).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_due_after_the_lease_is_sent_or_counted() {
    let run = async {
        let clock = RunClock::start();
        let engine = Engine::start(clock);
        engine.handle.begin(piece(ms(0), 100), slots(0, 1));
        engine.handle.lease(ms(1_000));
        sleep_until(clock.instant_at(ms(2_995))).await;
        assert_eq!(engine.sent.borrow().last(), Some(&ms(1_000)));
        // It is given anew: what was due meanwhile is nobody's.
        engine.handle.lease(ms(10_000));
        sleep_until(clock.instant_at(ms(3_505))).await;
        let after: Vec<Elapsed> = engine.sent.borrow().iter().copied().filter(|&at| at > ms(1_000)).collect();
        assert_eq!((after.first(), after.len()), (Some(&ms(3_000)), 51));
        assert_eq!(engine.stop().await, (151, 151, 0));
    };
    LocalSet::new().run_until(run).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_due_within_the_lease_and_is_seen_after_it_is_late_and_not_sent() {
    let run = async {
        let clock = RunClock::start();
        let engine = Engine::start(clock);
        engine.handle.begin(piece(ms(0), 100), slots(0, 1));
        engine.handle.lease(ms(1_000));
        sleep_until(clock.instant_at(ms(505))).await;
        // The process stands still for two seconds.
        tokio::time::advance(Duration::from_secs(2)).await;
        sleep_until(clock.instant_at(ms(3_000))).await;
        assert_eq!(engine.sent.borrow().len(), 50);
        assert_eq!(engine.stop().await, (100, 50, 50), "dropped as late, and nothing after the lease");
    };
    LocalSet::new().run_until(run).await;
}
