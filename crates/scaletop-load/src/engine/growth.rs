//! When the engine takes on another worker: pure, it sees one closed second after the other.

use std::time::Duration;

use crate::record::second::Second;

/// A worker busier than this has little left for a burst.
const BUSY_PERCENT: f32 = 60.0;

/// A worker that is this late at the 99th percentile, while it has much to do, cannot keep up.
const LAGGING: Duration = Duration::from_millis(5);

/// Below this a lag comes from elsewhere, and another worker would not mend it.
const LAGGING_PERCENT: f32 = 30.0;

/// For how many seconds on end it must be so: a spike of a second is no reason.
const SECONDS: u32 = 3;

/// Counts the seconds that ask for another worker.
#[derive(Debug, Default)]
pub(super) struct Growth {
    seconds: u32,
}

impl Growth {
    /// Whether another worker is wanted now that `second` has closed. After it said so it begins to count anew, so that the
    /// new one can show what it is good for.
    pub(super) fn wants_another(&mut self, second: &Second) -> bool {
        let busy = second.generator.busiest_percent.unwrap_or(0.0);
        let lags = second.send_lag.quantile(0.99).is_some_and(|lag| lag > LAGGING);
        let is_short = busy > BUSY_PERCENT || (lags && busy > LAGGING_PERCENT);
        self.seconds = if is_short { self.seconds + 1 } else { 0 };
        let wants = self.seconds >= SECONDS;
        if wants {
            self.seconds = 0;
        }
        wants
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::ArrivalRate;

    fn second(busy: f32, lag: Duration) -> Second {
        let mut second = Second::new(0, ArrivalRate::PAUSED);
        second.generator.busiest_percent = Some(busy);
        second.send_lag.record(lag);
        second
    }

    #[test]
    fn three_busy_seconds_on_end_ask_for_another_worker_and_the_count_begins_anew() {
        let mut growth = Growth::default();
        let busy = second(61.0, Duration::from_micros(80));
        let idle = second(20.0, Duration::from_micros(80));
        let asked = [&busy, &busy, &idle, &busy, &busy, &busy, &busy].map(|second| growth.wants_another(second));
        assert_eq!(asked, [false, false, false, false, false, true, false]);
    }

    #[test]
    fn a_lag_asks_for_one_only_while_there_is_much_to_do() {
        let late = Duration::from_millis(20);
        let mut growth = Growth::default();
        assert!((0..9).all(|_| !growth.wants_another(&second(5.0, late))), "somebody else uses the cores");
        assert!((0..3).any(|_| growth.wants_another(&second(45.0, late))));
    }
}
