//! Latencies, durations and ages.

use std::time::Duration;

use crate::text::plain;

/// A latency that was measured, in at most three digits: `0.4 ms`, `80.1 ms`, `250 ms`, `1.24 s`, `12.4 s`, `2m05s`; `–` when
/// it is unknown.
pub(crate) fn latency(value: impl Into<Option<Duration>>) -> String {
    let Some(value) = value.into() else { return "–".to_owned() };
    let millis = value.as_secs_f64() * 1e3;
    match millis {
        ms if ms < 99.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        ms if ms < 99_950.0 => format!("{:.1} s", ms / 1e3),
        _ => format!("{}m{:02}s", value.as_secs() / 60, value.as_secs() % 60),
    }
}

/// A duration that somebody chose (an objective, a ramp), with every digit that they gave: `500 ms`, `2 s`, `1.5 s`.
pub(crate) fn exact(of: Duration) -> String {
    exact_millis(of.as_secs_f64() * 1e3)
}

/// The same from milliseconds: a tick of a scale.
pub(crate) fn exact_millis(millis: f64) -> String {
    if millis < 1e3 { format!("{} ms", plain(millis)) } else { format!("{} s", plain(millis / 1e3)) }
}

/// A number of seconds, to the tenth: `31.2 s`, `60 s`.
pub(crate) fn secs(value: f64) -> String {
    format!("{} s", plain((value * 10.0).round() / 10.0))
}

/// An age in whole seconds, then minutes: `40 s`, `3m05s`, `2h10m`.
pub(crate) fn age(value: Duration) -> String {
    match value.as_secs() {
        secs @ 0..=119 => format!("{secs} s"),
        secs @ 120..=7_199 => format!("{}m{:02}s", secs / 60, secs % 60),
        secs => format!("{}h{:02}m", secs / 3600, secs / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_three_digits_at_every_scale() {
        let said = [400, 9_960, 80_123, 99_960, 250_400, 999_900, 1_240_000, 12_400_000, 125_000_000]
            .map(|micros| latency(Duration::from_micros(micros)));
        assert_eq!(said, ["0.4 ms", "10.0 ms", "80.1 ms", "100 ms", "250 ms", "1.00 s", "1.24 s", "12.4 s", "2m05s"]);
        assert_eq!(latency(None), "–");
    }

    #[test]
    fn what_somebody_chose_keeps_its_digits() {
        let said = [1, 500, 2_000, 1_250].map(|millis| exact(Duration::from_millis(millis)));
        assert_eq!(said, ["1 ms", "500 ms", "2 s", "1.25 s"]);
        assert_eq!([31.24, 60.0].map(secs), ["31.2 s", "60 s"]);
    }

    #[test]
    fn ages_grow_coarser() {
        assert_eq!([40, 185, 7_800].map(|secs| age(Duration::from_secs(secs))), ["40 s", "3m05s", "2h10m"]);
    }
}
