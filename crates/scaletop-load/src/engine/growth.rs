//! When the engine takes on another worker: pure, it sees one closed second after the other.
//!
//! A worker's busy share alone would not do: it is CPU time against the clock, so on a machine that lets a worker wait for
//! a core it stays low while the requests leave late. So a lag counts as well. Neither counts where no core is free: there
//! another worker would only take turns with those that are there, and with the service if it runs on the same machine.

use std::time::Duration;

use crate::record::second::{GeneratorHealth, Second};

/// A worker busier than this has little left for a burst.
const BUSY_PERCENT: f32 = 60.0;

/// Requests that left this late at the 99th percentile, and turns that began this late, are a lag.
const LATE: Duration = Duration::from_millis(5);
const LONG_TURN: Duration = Duration::from_millis(50);

/// Below this a worker has so little to do that a lag comes from elsewhere.
const LAGGING_PERCENT: f32 = 10.0;

/// So much of a core must be idle.
const FREE_PERCENT: f32 = 50.0;

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
        let free = free_percent(&second.generator);
        let busy = second.generator.busiest_percent;
        let is_busy = busy.is_some_and(|busy| busy > BUSY_PERCENT) && free.is_none_or(|free| free >= FREE_PERCENT);
        // Where the system does not say what others use, nobody knows that a lag is ours to mend.
        let is_lagging = busy.is_some_and(|busy| busy > LAGGING_PERCENT)
            && free.is_some_and(|free| free >= FREE_PERCENT)
            && (second.send_lag.quantile(0.99).is_some_and(|lag| lag > LATE)
                || second.generator.longest_turn.is_some_and(|turn| turn > LONG_TURN));
        self.seconds = if is_busy || is_lagging { self.seconds + 1 } else { 0 };
        let wants = self.seconds >= SECONDS;
        if wants {
            self.seconds = 0;
        }
        wants
    }
}

/// What is idle of the cores that we may use, 100 = one core; `None` where the system does not say.
fn free_percent(health: &GeneratorHealth) -> Option<f32> {
    let cores = health.cores? as f32 * 100.0;
    let idle = cores - health.others_percent? - health.cpu_percent?;
    // A quota is ours alone.
    let within_quota = health.cpu_quota.map(|quota| quota * 100.0 - health.cpu_percent.unwrap_or_default());
    Some(within_quota.map_or(idle, |left| left.min(idle)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::ArrivalRate;

    const QUICK: Duration = Duration::from_micros(80);
    const TARDY: Duration = Duration::from_millis(20);

    const NEVER: [usize; 0] = [];

    /// A second on a machine of four cores of which others use `others`.
    fn second(busy: f32, lag: Duration, others: f32) -> Second {
        let mut second = Second::new(0, ArrivalRate::PAUSED);
        second.generator = GeneratorHealth {
            busiest_percent: Some(busy),
            cpu_percent: Some(busy),
            others_percent: Some(others),
            cores: Some(4),
            ..GeneratorHealth::default()
        };
        second.send_lag.record(lag);
        second
    }

    /// In which of six such seconds another is asked for.
    fn asked(second: &Second) -> Vec<usize> {
        let mut growth = Growth::default();
        (0..6).filter(|_| growth.wants_another(second)).collect()
    }

    #[test]
    fn three_busy_seconds_on_end_ask_for_another_worker_and_the_count_begins_anew() {
        let mut growth = Growth::default();
        let busy = second(61.0, QUICK, 0.0);
        let idle = second(20.0, QUICK, 0.0);
        let asked = [&busy, &busy, &idle, &busy, &busy, &busy, &busy].map(|second| growth.wants_another(second));
        assert_eq!(asked, [false, false, false, false, false, true, false]);
    }

    #[test]
    fn a_lag_of_a_worker_that_is_kept_from_its_core_asks_for_one_too() {
        assert_eq!(asked(&second(30.0, TARDY, 100.0)), [2, 5], "three cores are free");
        assert_eq!(asked(&second(30.0, QUICK, 100.0)), NEVER);
        let mut stalls = second(30.0, QUICK, 100.0);
        stalls.generator.longest_turn = Some(Duration::from_millis(80));
        assert_eq!(asked(&stalls), [2, 5]);
        assert_eq!(asked(&second(3.0, TARDY, 100.0)), NEVER, "hardly anything to do: it comes from elsewhere");
    }

    #[test]
    fn a_machine_without_a_free_core_gets_no_worker() {
        assert_eq!(asked(&second(30.0, TARDY, 340.0)), NEVER);
        assert_eq!(asked(&second(95.0, TARDY, 290.0)), NEVER);
        let throttled = |mut second: Second| {
            second.generator.cpu_quota = Some(1.0);
            second
        };
        assert_eq!(asked(&throttled(second(95.0, TARDY, 0.0))), NEVER, "nor does a container that has used up its own");
        assert_eq!(asked(&throttled(second(45.0, TARDY, 0.0))), [2, 5]);
    }

    #[test]
    fn where_the_system_does_not_say_what_is_free_only_work_asks_for_one() {
        let blind = |mut second: Second| {
            second.generator.others_percent = None;
            second
        };
        assert_eq!(asked(&blind(second(61.0, QUICK, 0.0))), [2, 5]);
        assert_eq!(asked(&blind(second(45.0, TARDY, 0.0))), NEVER);
    }
}
