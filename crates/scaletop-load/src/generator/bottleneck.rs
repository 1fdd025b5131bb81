//! What keeps the generator from more: pure, the first that bites.

use std::time::Duration;

use crate::record::second::GeneratorHealth;

/// What of ours is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bottleneck {
    /// The container's CPU quota: it was throttled.
    Quota,
    /// No file descriptors are left.
    Descriptors,
    /// No local ports are left.
    Ports,
    /// The cores are busy, with other work than ours.
    OtherWork,
    /// A worker uses all of its core.
    Cpu,
    /// The cap on requests in flight was reached.
    InFlight,
}

/// Throttled for longer than this in a second, we were late because of it.
const THROTTLED: Duration = Duration::from_millis(20);

/// Of what there is, this much is all of it.
const NEARLY_ALL: f64 = 0.95;

/// A worker busier than this has no time left.
const BUSY_PERCENT: f32 = 90.0;

/// Fewer ports than this last for no second of new connections.
const FEW_PORTS: u32 = 500;

impl GeneratorHealth {
    /// The first limit of ours that was reached in the second, the surest sign first; `None` when none was. It explains a
    /// lag or drops, it does not say that there were any.
    pub fn bottleneck(&self) -> Option<Bottleneck> {
        let is_machine_full =
            self.others_percent.zip(self.cpu_percent).zip(self.cores).is_some_and(|((others, ours), cores)| {
                let all = f64::from(cores) * 100.0;
                f64::from(others + ours) >= all * NEARLY_ALL && others > ours
            });
        if self.throttled.is_some_and(|throttled| throttled >= THROTTLED) {
            Some(Bottleneck::Quota)
        } else if self.fds.is_some_and(|(open, limit)| open as f64 >= limit as f64 * NEARLY_ALL) {
            Some(Bottleneck::Descriptors)
        } else if self.ports_left.is_some_and(|left| left < FEW_PORTS) {
            Some(Bottleneck::Ports)
        } else if is_machine_full {
            Some(Bottleneck::OtherWork)
        } else if self.busiest_percent.is_some_and(|busy| busy >= BUSY_PERCENT) {
            Some(Bottleneck::Cpu)
        } else if self.in_flight_cap > 0 && self.in_flight_peak >= self.in_flight_cap {
            Some(Bottleneck::InFlight)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_sign_comes_first_and_without_one_nothing_is_said() {
        let calm = GeneratorHealth {
            cpu_percent: Some(30.0),
            cores: Some(2),
            others_percent: Some(20.0),
            busiest_percent: Some(30.0),
            ports_left: Some(20_000),
            fds: Some((60, 1_024)),
            in_flight_cap: 100,
            in_flight_peak: 40,
            ..GeneratorHealth::default()
        };
        assert_eq!(calm.bottleneck(), None);
        let throttled = GeneratorHealth { throttled: Some(Duration::from_millis(600)), ..calm };
        assert_eq!(GeneratorHealth { ports_left: Some(3), ..throttled }.bottleneck(), Some(Bottleneck::Quota));
        let full = GeneratorHealth { others_percent: Some(165.0), ..calm };
        assert_eq!(full.bottleneck(), Some(Bottleneck::OtherWork));
        assert_eq!(GeneratorHealth { busiest_percent: Some(97.0), ..calm }.bottleneck(), Some(Bottleneck::Cpu));
        assert_eq!(GeneratorHealth { fds: Some((1_020, 1_024)), ..calm }.bottleneck(), Some(Bottleneck::Descriptors));
        assert_eq!(GeneratorHealth { in_flight_peak: 100, ..calm }.bottleneck(), Some(Bottleneck::InFlight));
    }
}
