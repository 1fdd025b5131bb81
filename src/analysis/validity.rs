//! Whether the generator, not the service, was the limit: then a step's numbers say nothing of the service.

use std::time::Duration;

use crate::analysis::Validity;
use scaletop_load::GeneratorHealth;

/// A higher p99 of the send lag means that our own lateness is in the latencies.
pub(crate) const SEND_LAG_LIMIT: Duration = Duration::from_millis(10);

/// A larger share of arrivals given up because of our own stalls means that the load was not the one asked for.
pub(crate) const LATE_DROPS_LIMIT: f64 = 0.01;

/// Above this share of all usable cores the generator is its own bottleneck.
pub(crate) const CPU_LIMIT: f64 = 0.90;

/// What is known of the generator over a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GeneratorRecord {
    /// p99 of the send lag.
    pub send_lag_p99: Option<Duration>,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// Requests that failed for want of ports or file descriptors.
    pub starved: u64,
    /// Seconds over [`CPU_LIMIT`].
    pub busy_seconds: u32,
    /// Seconds measured.
    pub seconds: u32,
}

/// Whether this process used more than [`CPU_LIMIT`] of the cores it may use.
pub(crate) fn is_busy(health: &GeneratorHealth) -> bool {
    let cores = f64::from(health.cores.unwrap_or(1).max(1));
    health.cpu_percent.is_some_and(|percent| f64::from(percent) > 100.0 * CPU_LIMIT * cores)
}

impl GeneratorRecord {
    /// The verdict, with every reason. A busy second now and then is no reason: it takes two, and a tenth of the step.
    pub(crate) fn verdict(&self) -> Validity {
        let mut reasons = Vec::new();
        if let Some(lag) = self.send_lag_p99.filter(|lag| *lag > SEND_LAG_LIMIT) {
            reasons.push(format!("p99 send lag {:.0} ms", lag.as_secs_f64() * 1e3));
        }
        if self.dropped_late as f64 > LATE_DROPS_LIMIT * self.due as f64 {
            let percent = 100.0 * self.dropped_late as f64 / self.due.max(1) as f64;
            reasons.push(format!("{percent:.1} % of arrivals dropped late"));
        }
        if self.starved > 0 {
            reasons.push(format!("{} requests found no free port or file descriptor", self.starved));
        }
        if self.busy_seconds >= 2 && self.busy_seconds.saturating_mul(10) > self.seconds {
            reasons.push(format!("CPU over 90 % of all cores for {} s", self.busy_seconds));
        }
        if reasons.is_empty() { Validity::Valid } else { Validity::InvalidGenerator(reasons.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_themselves_are_still_valid() {
        let record = GeneratorRecord {
            send_lag_p99: Some(SEND_LAG_LIMIT),
            due: 1000,
            dropped_late: 10,
            starved: 0,
            busy_seconds: 1,
            seconds: 5,
        };
        assert_eq!(record.verdict(), Validity::Valid);
    }

    #[test]
    fn every_reason_is_named() {
        let record = GeneratorRecord {
            send_lag_p99: Some(Duration::from_millis(34)),
            due: 1000,
            dropped_late: 21,
            starved: 3,
            busy_seconds: 12,
            seconds: 60,
        };
        let Validity::InvalidGenerator(why) = record.verdict() else { panic!("must be invalid") };
        assert_eq!(
            why,
            "p99 send lag 34 ms, 2.1 % of arrivals dropped late, 3 requests found no free port or file descriptor, \
             CPU over 90 % of all cores for 12 s"
        );
    }

    #[test]
    fn all_cores_count() {
        let health = GeneratorHealth { cpu_percent: Some(150.0), cores: Some(2), ..GeneratorHealth::default() };
        assert!(!is_busy(&health));
        assert!(is_busy(&GeneratorHealth { cpu_percent: Some(181.0), ..health }));
    }
}
