//! How many instances a rate needs (`d_t`): the rate divided by what one instance holds, at least the minimum kept.
//!
//! What one instance holds is given, or follows from its concurrency by Little's law, or is inferred from the session;
//! every number that depends on it says which. Without it, only times are printed.

use std::time::Duration;

use crate::instances::Limits;
use scaletop_units::ArrivalRate;

/// How the capacity of one instance came to be known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DemandBasis {
    /// The user says so, or a capacity search found it.
    Given {
        /// Requests per second.
        per_instance: f64,
    },
    /// Little's law: concurrency ÷ median service time of OK answers.
    Little {
        /// Requests that one instance takes at the same time.
        concurrency: u32,
        /// The median service time of the step's OK answers.
        service: Duration,
    },
    /// The most OK answers per second and instance while the objective held: it holds at least this much. Only used once
    /// at most twice that has been seen to miss the objective; before, nothing shows where the limit is.
    Inferred {
        /// Requests per second.
        per_instance: f64,
    },
}

impl DemandBasis {
    /// What one instance holds, requests per second.
    pub fn per_instance(&self) -> f64 {
        match *self {
            Self::Given { per_instance } | Self::Inferred { per_instance } => per_instance,
            Self::Little { concurrency, service } => f64::from(concurrency) / service.as_secs_f64(),
        }
    }

    /// A short label: `given`, `concurrency ÷ service time`, `inferred (≥)`.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Given { .. } => "given",
            Self::Little { .. } => "concurrency ÷ service time",
            Self::Inferred { .. } => "inferred (≥)",
        }
    }
}

/// The demand for instances as a function of the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Demand {
    /// How the capacity of one instance came to be known.
    pub basis: DemandBasis,
    pub limits: Limits,
}

impl Demand {
    /// The best that is known: given, then by Little's law, then inferred.
    pub(crate) fn known(
        given: Option<f64>,
        limits: Limits,
        service: Option<Duration>,
        inferred: Option<f64>,
    ) -> Option<Self> {
        let usable = |per_instance: &f64| per_instance.is_finite() && *per_instance > 0.0;
        let given = given.filter(usable).map(|per_instance| DemandBasis::Given { per_instance });
        let little = || {
            let (concurrency, service) = (limits.concurrency.filter(|&c| c > 0)?, service.filter(|s| !s.is_zero())?);
            Some(DemandBasis::Little { concurrency, service })
        };
        let inferred = || inferred.filter(usable).map(|per_instance| DemandBasis::Inferred { per_instance });
        Some(Self { basis: given.or_else(little).or_else(inferred)?, limits })
    }

    /// `d = max(min, ⌈r/c⌉)`.
    pub(crate) fn at(&self, rate: ArrivalRate) -> u32 {
        ceil(f64::from(rate.get()) / self.basis.per_instance()).max(self.limits.min.unwrap_or(0))
    }

    /// `s* = min(max, d)`: what can be reached of the demand.
    pub(crate) fn target(&self, rate: ArrivalRate) -> u32 {
        self.at(rate).min(self.limits.max.unwrap_or(u32::MAX))
    }
}

/// `⌈rate × service time ÷ concurrency⌉` (Little's law): the needed line.
pub(crate) fn needed(rate: ArrivalRate, service: Duration, concurrency: u32) -> Option<u32> {
    (concurrency > 0).then(|| ceil(f64::from(rate.get()) * service.as_secs_f64() / f64::from(concurrency)))
}

/// Rounds up, except for what is only above a whole number by an error of calculation.
fn ceil(instances: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates at both ends")]
    let whole = (instances - 1e-9).ceil() as u32;
    whole
}

/// A least miss further above the most that held says too little of where the limit lies between them.
const WIDEST_BRACKET: f64 = 2.0;

/// What the session has shown of the capacity of one instance: it lies between what held and what missed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CapacityEstimate {
    /// The most OK answers per second and instance while the objective held.
    held: Option<f64>,
    /// The least load per second and instance above that which missed it.
    missed: Option<f64>,
}

impl CapacityEstimate {
    /// Takes a second over which the number of instances was steady.
    pub(crate) fn note(&mut self, good: bool, due: u64, ok: u64, instances: u32) {
        if instances == 0 {
            return;
        }
        let load = |count: u64| count as f64 / f64::from(instances);
        if good {
            self.held = Some(self.held.map_or(load(ok), |most| most.max(load(ok))));
        } else {
            self.missed = Some(self.missed.map_or(load(due), |least| least.min(load(due))));
        }
        // A miss at a load that has held had another reason.
        self.missed = self.missed.filter(|&missed| self.held.is_none_or(|held| missed > held));
    }

    /// What one instance holds at least; `None` until a load of at most twice that has missed the objective: a calm after an
    /// overload says that an instance holds *something*, not how much.
    pub(crate) fn per_instance(&self) -> Option<f64> {
        self.held.filter(|&held| held > 0.0 && self.missed.is_some_and(|missed| missed <= held * WIDEST_BRACKET))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_needs_five_instances_for_six_hundred_a_second_of_eighty_milliseconds_ten_at_a_time() {
        assert_eq!(needed(ArrivalRate::new(600), Duration::from_millis(80), 10), Some(5));
        assert_eq!(needed(ArrivalRate::new(625), Duration::from_millis(80), 10), Some(5), "exactly full");
        assert_eq!(needed(ArrivalRate::new(626), Duration::from_millis(80), 10), Some(6));
        assert_eq!(needed(ArrivalRate::new(600), Duration::from_millis(80), 0), None);
    }

    #[test]
    fn a_given_capacity_wins_and_the_limits_bound_the_target() {
        let limits = Limits { min: Some(2), max: Some(4), concurrency: Some(10) };
        let demand = Demand::known(Some(100.0), limits, Some(Duration::from_millis(80)), Some(50.0)).unwrap();
        assert_eq!(demand.basis, DemandBasis::Given { per_instance: 100.0 });
        let at = |rate| (demand.at(ArrivalRate::new(rate)), demand.target(ArrivalRate::new(rate)));
        assert_eq!([at(0), at(300), at(600)], [(2, 2), (3, 3), (6, 4)]);
    }

    #[test]
    fn a_capacity_is_inferred_only_once_more_has_failed() {
        let mut estimate = CapacityEstimate::default();
        estimate.note(true, 200, 200, 2);
        assert_eq!(estimate.per_instance(), None, "it may hold far more");
        estimate.note(false, 320, 150, 2);
        assert_eq!(estimate.per_instance(), Some(100.0));
    }

    #[test]
    fn a_calm_after_an_overload_says_nothing_of_the_capacity() {
        let mut estimate = CapacityEstimate::default();
        estimate.note(false, 500, 120, 1);
        estimate.note(true, 20, 20, 4);
        assert_eq!(estimate.per_instance(), None, "somewhere from 5 to 500");
        // A bad deployment at a low rate is no limit of capacity either.
        estimate.note(true, 110, 110, 1);
        estimate.note(false, 20, 0, 1);
        estimate.note(false, 140, 125, 1);
        assert_eq!(estimate.per_instance(), Some(110.0));
    }
}
