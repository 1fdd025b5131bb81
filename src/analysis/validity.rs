//! Whether the generator, not the service, was the limit: then a step's numbers say nothing of the service.

use std::time::Duration;

use crate::analysis::{StepNumbers, Validity};

/// Send lag above this is ours, not the service's (D.2).
pub const LATEST: Duration = Duration::from_millis(10);

/// The share of arrivals that our own stalls may cost.
const MOST_LATE: f64 = 0.01;

/// The share of the cores we may use that we may burn.
const BUSIEST: f64 = 0.9;

/// Judges a step by its numbers and by `cpu`, its busiest second as a share (0 to 1) of the cores that this process may use.
pub fn judge(numbers: &StepNumbers, cpu: Option<f64>) -> Validity {
    let reason = if numbers.generator_errors > 0 {
        let n = numbers.generator_errors;
        format!(
            "{n} requests failed for want of our own ports or file descriptors: raise ulimit -n, or keep connections"
        )
    } else if numbers.dropped_late as f64 > MOST_LATE * numbers.due as f64 {
        format!("{} arrivals were given up because we were late", numbers.dropped_late)
    } else if let Some(lag) = numbers.send_lag_p99.filter(|lag| *lag > LATEST) {
        format!("send lag p99 was {:.0} ms", lag.as_secs_f64() * 1e3)
    } else if let Some(cpu) = cpu.filter(|cpu| *cpu > BUSIEST) {
        format!("the generator used {:.0} % of its cores", cpu * 100.0)
    } else {
        return Validity::Valid;
    };
    Validity::InvalidGenerator(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(change: impl FnOnce(&mut StepNumbers), cpu: Option<f64>) -> Validity {
        let mut numbers = StepNumbers { due: 1_000, ..StepNumbers::default() };
        change(&mut numbers);
        judge(&numbers, cpu)
    }

    #[test]
    fn each_sign_of_a_struggling_generator_invalidates_the_step() {
        let invalid = |validity| matches!(validity, Validity::InvalidGenerator(_));
        assert_eq!(verdict(|_| {}, None), Validity::Valid);
        assert_eq!(verdict(|n| n.send_lag_p99 = Some(LATEST), Some(0.9)), Validity::Valid);
        assert!(invalid(verdict(|n| n.send_lag_p99 = Some(LATEST + Duration::from_micros(1)), None)));
        assert_eq!(verdict(|n| n.dropped_late = 10, None), Validity::Valid);
        assert!(invalid(verdict(|n| n.dropped_late = 11, None)));
        assert!(invalid(verdict(|n| n.generator_errors = 1, None)));
        assert!(invalid(verdict(|_| {}, Some(0.91))));
    }
}
