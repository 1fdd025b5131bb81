//! What the machine did to the generator: its cores, a container's quota, and other work.

use std::time::Duration;

use crate::text::plain;
use scaletop_load::GeneratorHealth;

/// Above this share of all usable cores the generator is its own bottleneck.
const CPU_LIMIT: f64 = 0.90;

/// Kept from running for longer than this in a second, the generator's lag comes from there.
const THROTTLED_LIMIT: Duration = Duration::from_millis(20);

/// What the seconds of a step say of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Strain {
    /// Seconds measured.
    pub seconds: u32,
    /// Seconds over [`CPU_LIMIT`].
    pub busy_seconds: u32,
    /// Seconds in which other processes used most of the cores.
    pub crowded_seconds: u32,
    /// Seconds in which the container's CPU quota kept us from running.
    pub throttled_seconds: u32,
    /// Cores that the quota allows.
    pub cpu_quota: Option<f32>,
    /// The longest that a worker neither sent nor read.
    pub longest_turn: Option<Duration>,
}

/// Cores that can be used: the machine's, or as few as the container's quota allows.
fn usable_cores(health: &GeneratorHealth) -> f64 {
    let cores = f64::from(health.cores.unwrap_or(1).max(1));
    health.cpu_quota.map_or(cores, |quota| cores.min(f64::from(quota)))
}

/// Whether this process used more than [`CPU_LIMIT`] of the cores it may use.
pub(crate) fn is_busy(health: &GeneratorHealth) -> bool {
    health.cpu_percent.is_some_and(|percent| f64::from(percent) > 100.0 * CPU_LIMIT * usable_cores(health))
}

/// Whether the container's CPU quota kept us from running.
pub(crate) fn is_throttled(health: &GeneratorHealth) -> bool {
    health.throttled.is_some_and(|throttled| throttled > THROTTLED_LIMIT)
}

/// Whether the cores were busy, and more with other work than with ours.
pub(crate) fn is_crowded(health: &GeneratorHealth) -> bool {
    let Some(others) = health.others_percent else { return false };
    let ours = health.cpu_percent.unwrap_or(0.0);
    let cores = f64::from(health.cores.unwrap_or(1).max(1));
    others > ours && f64::from(others + ours) > 100.0 * CPU_LIMIT * cores
}

/// `0.04 cores`.
pub(crate) fn quota_in_words(quota: Option<f32>) -> String {
    quota.map_or_else(|| "of unknown size".to_owned(), |quota| format!("{} cores", plain(f64::from(quota))))
}

impl Strain {
    /// Adds a second.
    pub(crate) fn note(&mut self, health: &GeneratorHealth) {
        self.seconds += 1;
        self.busy_seconds += u32::from(is_busy(health));
        self.crowded_seconds += u32::from(is_crowded(health));
        self.throttled_seconds += u32::from(is_throttled(health));
        self.cpu_quota = health.cpu_quota.or(self.cpu_quota);
        self.longest_turn = self.longest_turn.max(health.longest_turn);
    }

    /// What kept us from working, if the machine did: more than a tenth of the seconds.
    pub(super) fn cause(&self) -> Option<String> {
        let is_often = |seconds: u32| seconds.saturating_mul(10) > self.seconds;
        if is_often(self.throttled_seconds) {
            return Some(format!("throttled by the container's CPU quota ({})", quota_in_words(self.cpu_quota)));
        }
        is_often(self.crowded_seconds).then(|| format!("cores busy with other work for {} s", self.crowded_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cores_count() {
        let health = GeneratorHealth { cpu_percent: Some(150.0), cores: Some(2), ..GeneratorHealth::default() };
        assert!(!is_busy(&health));
        assert!(is_busy(&GeneratorHealth { cpu_percent: Some(181.0), ..health }));
    }
}
