//! The integral of the rate since a change of it, and when it reaches an arrival: the algebra that [`super`] explains.

use crate::rate::{RateProfile, ramp_integral};
use scaletop_units::{ArrivalRate, Elapsed, NANOS_PER_SEC};

/// A change of rate: the credit earned before it, and how it goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    pub(super) at: Elapsed,
    pub(super) credit: u128,
    pub(super) profile: RateProfile,
}

impl Anchor {
    /// The credit at `now`, which is not before the anchor.
    pub(super) fn credit_at(&self, now: Elapsed) -> u128 {
        self.credit + self.curve().earned(now.as_nanos().saturating_sub(self.at.as_nanos()))
    }

    /// The first moment, not before the anchor, at which the credit reaches `target`. `near` is where to look first.
    pub(super) fn reaches(&self, target: u128, near: Elapsed) -> Option<Elapsed> {
        let missing = target.saturating_sub(self.credit);
        let near = near.as_nanos().saturating_sub(self.at.as_nanos());
        let after = self.curve().time_to_earn(missing, near)?;
        self.at.as_nanos().checked_add(after).map(Elapsed::from_nanos)
    }

    fn curve(&self) -> RateSegment {
        match self.profile {
            RateProfile::Constant(rate) => RateSegment::constant(rate),
            RateProfile::Ramp { from, to, over } => {
                RateSegment { from: from.get(), to: to.get(), over: u64::try_from(over.as_nanos()).unwrap_or(u64::MAX) }
            }
        }
    }
}

/// A rate that goes linearly from `from` to `to` in `over` nanoseconds and then stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateSegment {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) over: u64,
}

impl RateSegment {
    const fn constant(rate: ArrivalRate) -> Self {
        Self { from: rate.get(), to: rate.get(), over: 0 }
    }

    /// Credit earned in the first `t` nanoseconds, rounded down. Never decreases in `t`.
    pub(super) fn earned(self, t: u64) -> u128 {
        ramp_integral(self.from, self.to, self.over, t)
    }

    /// Credit of the whole ramp: its mean rate times its length, a whole number of units.
    pub(super) fn earned_by_ramp(self) -> u128 {
        (u128::from(self.from) + u128::from(self.to)) * u128::from(self.over)
    }

    /// The least time in nanoseconds in which `credit` is earned; `None` when it never is.
    pub(super) fn time_to_earn(self, credit: u128, near: u64) -> Option<u64> {
        let by_ramp = self.earned_by_ramp();
        if credit > by_ramp {
            let rest = credit - by_ramp;
            let per_nano = 2 * u128::from(self.to);
            let after = if per_nano == 0 { None } else { u64::try_from(rest.div_ceil(per_nano)).ok() }?;
            return self.over.checked_add(after);
        }
        if credit == 0 {
            return Some(0);
        }
        // earned(T) ≥ credit > earned(0): bisect, after bracketing from where the last arrival was, since the next one
        // is close by and its distance, not the ramp's length, should decide the number of steps.
        let mut low = if self.earned(near.min(self.over)) < credit { near.min(self.over) } else { 0 };
        let mut width = NANOS_PER_SEC / u64::from(self.from.max(self.to).max(1)) + 1;
        let mut high = low.saturating_add(width).min(self.over);
        while self.earned(high) < credit {
            low = high;
            width = width.saturating_mul(2);
            high = low.saturating_add(width).min(self.over);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.earned(middle) < credit { low = middle } else { high = middle }
        }
        Some(high)
    }
}
