//! The service level objective that decides what counts as bad: a latency percentile and a share of bad requests.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text::{exact, plain};

/// `p99=500ms` and `errors=1%`, the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// The percentile as a quantile: 0.99 for p99; 1 for max.
    pub quantile: f64,
    /// What that percentile of the response time must not exceed.
    pub latency: Duration,
    /// The share of bad requests (0 to 1) that is allowed.
    pub errors: f64,
}

impl Default for Slo {
    fn default() -> Self {
        Self { quantile: 0.99, latency: Duration::from_millis(500), errors: 0.01 }
    }
}

impl Slo {
    /// The percentile's name: `p99`, `p99.9`, `max`.
    pub fn percentile_name(&self) -> String {
        if self.quantile >= 1.0 {
            return "max".to_owned();
        }
        let percent = format!("{:.4}", self.quantile * 100.0);
        format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Slo {
    /// `p99 ≤ 500 ms, errors ≤ 1 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ≤ {}, errors ≤ {} %", self.percentile_name(), exact(self.latency), plain(self.errors * 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_objective_reads_as_people_write_it() {
        assert_eq!(Slo::default().to_string(), "p99 ≤ 500 ms, errors ≤ 1 %");
        assert_eq!(Slo { quantile: 0.999, ..Slo::default() }.percentile_name(), "p99.9");
        assert_eq!(Slo { quantile: 1.0, ..Slo::default() }.percentile_name(), "max");
    }
}
