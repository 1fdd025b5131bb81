//! The quantities everything else is made of: time since the start, arrival rates, ids.
//!
//! Pure values, no clock. A [`Elapsed`] only comes from `clock::RunClock` (or from a test).

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
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

/// Requests per second that the user asks for, whatever the service answers (open model).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArrivalRate(u32);

impl ArrivalRate {
    /// No arrivals.
    pub const PAUSED: Self = Self(0);

    /// `per_sec` arrivals a second.
    pub const fn new(per_sec: u32) -> Self {
        Self(per_sec)
    }

    /// Arrivals per second.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether no arrivals are due at this rate.
    pub const fn is_paused(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for ArrivalRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// Identifies a step of a session; counts from 1 in the order of their starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an instance calls itself in a response header: untrusted text, made harmless on the way in.
///
/// At most [`InstanceId::MAX_LEN`] characters; anything but ASCII letters, digits and `-_.:/@` becomes `?`, so that an id
/// can reach a terminal, a spreadsheet or a page as it is. A leading `-` or `@`, which a spreadsheet would take for the
/// start of a formula, becomes `?` too. Clones share the text, so that an id can stand in every sample for free.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Longer ids are cut here.
    pub const MAX_LEN: usize = 64;

    /// The harmless form of what a header says; `None` when nothing is left.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let raw = raw.trim_ascii();
        let raw = &raw[..raw.len().min(Self::MAX_LEN)];
        let text: String = raw.iter().enumerate().map(|(at, &byte)| Self::harmless(byte, at == 0)).collect();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn harmless(byte: u8, is_first: bool) -> char {
        match byte {
            b'-' | b'@' if is_first => '?',
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b':' | b'/' | b'@' | b'-' => char::from(byte),
            _ => '?',
        }
    }
}

impl From<String> for InstanceId {
    fn from(text: String) -> Self {
        Self::parse(text.as_bytes()).unwrap_or_else(|| Self("?".into()))
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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

    #[test]
    fn a_hostile_instance_id_is_made_harmless_and_short() {
        let id = InstanceId::parse(b"=cmd|'\x1b[31m<script>").expect("not empty");
        assert_eq!(id.as_str(), "?cmd????31m?script?");
        assert_eq!(InstanceId::parse(&[b'a'; 1000]).expect("not empty").as_str().len(), InstanceId::MAX_LEN);
        assert_eq!(InstanceId::parse(b"  "), None);
    }

    #[test]
    fn an_id_that_starts_like_a_formula_is_defused() {
        for raw in ["=1+1", "+1", "@SUM(A1)", "-2"] {
            let id = InstanceId::parse(raw.as_bytes()).expect("not empty");
            assert!(!id.as_str().starts_with(['=', '+', '@', '-']), "{id}");
        }
    }
}
