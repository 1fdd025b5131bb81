//! What the user asks for: a rate that stays, or one that changes linearly.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use scaletop_units::{ArrivalRate, NANOS_PER_SEC, exact};

/// The integral of the rate that makes one arrival due: see [`RateProfile::integral`] for the unit.
pub const CREDIT_PER_ARRIVAL: u128 = 2 * NANOS_PER_SEC as u128;

/// The arrival rate from its anchor on. A change of rate is a new anchor and changes nothing before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateProfile {
    /// The same rate until the next anchor.
    Constant(ArrivalRate),
    /// From one rate to another, linearly; then the second one until the next anchor.
    Ramp {
        /// The rate at the anchor.
        from: ArrivalRate,
        /// The rate at its end.
        to: ArrivalRate,
        /// How long the change takes. Zero means at once.
        over: Duration,
    },
}

impl RateProfile {
    /// No arrivals.
    pub const PAUSED: Self = Self::Constant(ArrivalRate::PAUSED);

    /// The rate `since` after the anchor, rounded to whole requests per second.
    pub fn rate_after(&self, since: Duration) -> ArrivalRate {
        match *self {
            Self::Constant(rate) => rate,
            Self::Ramp { to, over, .. } if since >= over => to,
            Self::Ramp { from, to, over } => {
                let (done, over) = (since.as_nanos(), over.as_nanos());
                let weighted = u128::from(from.get()) * (over - done) + u128::from(to.get()) * done;
                ArrivalRate::new(u32::try_from((weighted + over / 2) / over).unwrap_or(u32::MAX))
            }
        }
    }

    /// The integral of the rate over the first `nanos` nanoseconds, in halves of a rate × nanoseconds (so that a ramp's mean
    /// stays whole), rounded down; it never decreases. [`CREDIT_PER_ARRIVAL`] of it make one request due.
    pub fn integral(&self, nanos: u64) -> u128 {
        match *self {
            Self::Constant(rate) => 2 * u128::from(rate.get()) * u128::from(nanos),
            Self::Ramp { from, to, over } => {
                let over = u64::try_from(over.as_nanos()).unwrap_or(u64::MAX);
                ramp_integral(from.get(), to.get(), over, nanos)
            }
        }
    }

    /// The rate at the anchor.
    pub const fn first(&self) -> ArrivalRate {
        match *self {
            Self::Constant(rate) => rate,
            Self::Ramp { from, .. } => from,
        }
    }

    /// The rate it settles at.
    pub const fn last(&self) -> ArrivalRate {
        match *self {
            Self::Constant(rate) | Self::Ramp { to: rate, .. } => rate,
        }
    }

    /// How long the rate keeps changing; zero for a constant one.
    pub const fn ramp_duration(&self) -> Duration {
        match *self {
            Self::Constant(_) => Duration::ZERO,
            Self::Ramp { over, .. } => over,
        }
    }
}

/// 2·a·t + (b − a)·t²/T up to T, where it is (a + b)·T; 2·b a nanosecond from there on. `t²/T` is split into quotient and
/// remainder, so that nothing overflows.
pub(crate) fn ramp_integral(from: u32, to: u32, over: u64, nanos: u64) -> u128 {
    let (a, b) = (u128::from(from), u128::from(to));
    if nanos >= over {
        return (a + b) * u128::from(over) + 2 * b * u128::from(nanos - over);
    }
    let (square, over) = (u128::from(nanos) * u128::from(nanos), u128::from(over));
    let level = 2 * a * u128::from(nanos);
    let whole = a.abs_diff(b) * (square / over);
    let rest = a.abs_diff(b) * (square % over);
    if to >= from { level + whole + rest / over } else { level - whole - rest.div_ceil(over) }
}

impl fmt::Display for RateProfile {
    /// `600/s`, or `100→600/s in 30 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(rate) => rate.fmt(f),
            Self::Ramp { from, to, over } => write!(f, "{}→{to} in {}", from.get(), exact(*over)),
        }
    }
}

/// How arrivals are spaced at a given rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Evenly.
    #[default]
    Uniform,
    /// Independently of each other (exponential gaps), as many users who do not know of each other arrive.
    Poisson,
}

impl Arrivals {
    /// Every way there is, the default first.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Poisson];

    /// Its name, as users write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Poisson => "poisson",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integral_of_a_second_at_a_rate_is_that_many_arrivals_and_a_ramp_earns_its_mean() {
        let second = NANOS_PER_SEC;
        assert_eq!(RateProfile::Constant(ArrivalRate::new(7)).integral(second), 7 * CREDIT_PER_ARRIVAL);
        let (from, to) = (ArrivalRate::new(10), ArrivalRate::new(4));
        let ramp = RateProfile::Ramp { from, to, over: Duration::from_secs(4) };
        let arrivals = |secs| ramp.integral(secs * second) / CREDIT_PER_ARRIVAL;
        assert_eq!([arrivals(0), arrivals(2), arrivals(4), arrivals(5)], [0, 17, 28, 32]);
    }

    #[test]
    fn a_ramp_is_linear_and_then_stays() {
        let ramp =
            RateProfile::Ramp { from: ArrivalRate::new(100), to: ArrivalRate::new(0), over: Duration::from_secs(10) };
        let at = |secs| ramp.rate_after(Duration::from_secs(secs)).get();
        assert_eq!([at(0), at(5), at(9), at(10), at(100)], [100, 50, 10, 0, 0]);
    }
}
