//! [`Elapsed`]: a moment of a session.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds in a second, the unit of [`Elapsed`].
pub const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A moment of a session: nanoseconds since its start.
///
/// 64 bits hold 584 years; arithmetic saturates, so that a duration computed from hostile input cannot panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Elapsed(u64);

impl Elapsed {
    /// The start of the session.
    pub const ZERO: Self = Self(0);

    /// A moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A moment `micros` microseconds after the start.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A moment `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A moment `secs` whole seconds after the start.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the start.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Seconds since the start, for display and formulas.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// The index of the second `[n, n+1)` that holds this moment.
    pub const fn second(self) -> u32 {
        let secs = self.0 / NANOS_PER_SEC;
        if secs > u32::MAX as u64 {
            return u32::MAX;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked above; `try_from` is not const")]
        let second = secs as u32;
        second
    }

    /// This moment if it begins a second, else the beginning of the next one.
    #[must_use]
    pub const fn next_second(self) -> Self {
        Self::from_secs(self.0.div_ceil(NANOS_PER_SEC))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Elapsed {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Elapsed {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Elapsed {
    /// `1:05` minutes and seconds, `1:02:05` from an hour on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0 / NANOS_PER_SEC;
        let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
        if hours > 0 { write!(f, "{hours}:{minutes:02}:{seconds:02}") } else { write!(f, "{minutes}:{seconds:02}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_belongs_to_the_second_it_falls_in() {
        assert_eq!(Elapsed::from_nanos(NANOS_PER_SEC - 1).second(), 0);
        assert_eq!(Elapsed::from_secs(1).second(), 1);
        assert_eq!(Elapsed::from_secs(1).next_second(), Elapsed::from_secs(1));
        assert_eq!(Elapsed::from_nanos(1).next_second(), Elapsed::from_secs(1));
    }

    #[test]
    fn moments_saturate_instead_of_overflowing() {
        assert_eq!(Elapsed::ZERO - Duration::from_secs(1), Elapsed::ZERO);
        assert_eq!(Elapsed::from_secs(u64::MAX), Elapsed::from_nanos(u64::MAX));
        assert_eq!(Elapsed::from_nanos(u64::MAX).second(), u32::MAX);
    }
}
