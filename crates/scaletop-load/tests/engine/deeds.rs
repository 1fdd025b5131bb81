//! Whatever is done to an engine, in any order.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use scaletop_load::{Arrivals, LoadConfig, RateProfile, Reply, Second, Transport};
use scaletop_units::{ArrivalRate, Elapsed};

use crate::rig::{Rig, rate, total, with_engine};

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
