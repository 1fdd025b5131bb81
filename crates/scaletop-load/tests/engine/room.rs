//! What there is no room for: a cap that is full, and arrivals that waited for a stall.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use scaletop_load::{Line, LoadConfig, Reply, Transport, Turn};
use scaletop_units::Elapsed;

use crate::rig::{Fake, config, rate, rounded_millis, secs, steady, total, with_engine};

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
