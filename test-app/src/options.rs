//! What a server can be told, and how a delay is written.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The longest delay that is accepted anywhere. A longer one would outlive every load balancer's own timeout.
pub const MAX_DELAY: Duration = Duration::from_mins(1);

/// The longest instance id, in bytes: whoever reads the header must store it per instance.
pub(crate) const MAX_INSTANCE_ID: usize = 64;

/// How a [`Server`](crate::Server) behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long `/api/test` waits before it answers, unless the request asks for another delay.
    pub delay: Duration,
    /// What `x-instance-id` says; 8 random hex digits when `None`. 1 to 64 letters, digits, `-`, `_`, `.` or `:`.
    pub instance_id: Option<String>,
    /// The longest time that stopping may take to answer what is in flight.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { delay: Duration::from_millis(80), instance_id: None, drain: Duration::from_secs(10) }
    }
}

/// Why a delay could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayError {
    /// Not a number with `us`, `ms`, `s` or `m` behind it.
    Malformed,
    /// Longer than [`MAX_DELAY`].
    TooLong,
}

impl fmt::Display for DelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => {
                write!(
                    f,
                    "not a delay; write a time such as 80ms, 1.5s or 1m; a bare number is milliseconds, for example 80"
                )
            }
            Self::TooLong => write!(f, "too long; the longest delay is {} s", MAX_DELAY.as_secs()),
        }
    }
}

impl std::error::Error for DelayError {}

/// Units, with their nanoseconds; the longer names first.
const UNITS: [(&str, u64); 6] =
    [("ms", 1_000_000), ("us", 1_000), ("µs", 1_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("", 1_000_000)];

/// Reads times as scaletop does, `80ms`, `1.5s` or `1m`, one number and one unit; a bare number is milliseconds, as it is for
/// the delay of its embedded cluster.
pub fn parse_delay(text: &str) -> Result<Duration, DelayError> {
    let text = text.trim();
    let (number, nanos_per_unit) = UNITS
        .iter()
        .find_map(|(unit, nanos)| Some((text.strip_suffix(unit)?.trim_end(), *nanos)))
        .ok_or(DelayError::Malformed)?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 9 {
        return Err(DelayError::Malformed);
    }
    // Only digits are left, so what does not fit is too long rather than malformed.
    let whole = whole.parse::<u64>().ok().and_then(|count| count.checked_mul(nanos_per_unit));
    let scale = 10_u64.pow(u32::try_from(decimals.len()).unwrap_or(0));
    let rest =
        decimals.parse::<u64>().ok().and_then(|count| count.checked_mul(nanos_per_unit)).map(|nanos| nanos / scale);
    let nanos = whole.zip(rest).and_then(|(whole, rest)| whole.checked_add(rest));
    match nanos.map(Duration::from_nanos) {
        Some(delay) if delay <= MAX_DELAY => Ok(delay),
        _ => Err(DelayError::TooLong),
    }
}

/// Whether `id` can stand in a header, a CSV cell and a terminal without harm.
pub(crate) fn is_instance_id(id: &str) -> bool {
    (1..=MAX_INSTANCE_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// Eight hex digits that differ from process to process and from call to call. `RandomState` is seeded by the system,
/// which is enough to tell instances apart and needs no crate.
pub(crate) fn random_instance_id() -> String {
    let seed = RandomState::new().hash_one(std::process::id());
    format!("{:08x}", seed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_milliseconds_unless_it_names_a_unit() {
        for (text, millis) in [("0", 0), ("80", 80), ("80ms", 80), ("2s", 2_000), ("60s", 60_000), ("60000", 60_000)] {
            assert_eq!(parse_delay(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, micros) in
            [("1.5s", 1_500_000), ("80 ms", 80_000), ("1m", 60_000_000), ("0.25ms", 250), ("80us", 80)]
        {
            assert_eq!(parse_delay(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn a_delay_that_is_not_a_plain_number_is_malformed() {
        for text in [
            "",
            "ms",
            "s",
            "-1",
            "+1",
            "1.",
            ".5s",
            "1.2.3s",
            "1,5s",
            "80 m s",
            "80h",
            "abc",
            "NaN",
            "٣",
            "1.0000000001s",
        ] {
            assert_eq!(parse_delay(text), Err(DelayError::Malformed), "{text}");
        }
    }

    #[test]
    fn a_delay_over_a_minute_is_too_long_however_large() {
        for text in ["60001", "61s", "1.1m", "80m", "60.001s", "18446744073709551615s", "99999999999999999999999"] {
            assert_eq!(parse_delay(text), Err(DelayError::TooLong), "{text}");
        }
    }

    #[test]
    fn random_ids_are_short_and_differ() {
        let ids: std::collections::HashSet<_> = (0..100).map(|_| random_instance_id()).collect();
        assert!(ids.len() > 95, "{ids:?}");
        assert!(ids.iter().all(|id| id.len() == 8 && is_instance_id(id)), "{ids:?}");
    }

    #[test]
    fn an_instance_id_cannot_break_a_header_or_a_table() {
        assert!(is_instance_id("i-0:a.b_9"));
        for id in ["", "a b", "a\r\nb", "a,b", "=1+1", "ü", &"x".repeat(65)] {
            assert!(!is_instance_id(id), "{id:?}");
        }
    }
}
