//! Latencies, durations and ages.

use std::time::Duration;

use crate::text::plain;
pub(crate) use scaletop_units::exact;

/// A latency that was measured, in at most three digits: `0.07 ms`, `0.4 ms`, `80.1 ms`, `250 ms`, `1.24 s`, `12.4 s`, `2m05s`; `–` when
/// it is unknown.
pub(crate) fn latency(value: impl Into<Option<Duration>>) -> String {
    let Some(value) = value.into() else { return "–".to_owned() };
    let millis = as_millis(value);
    match millis {
        ms if ms > 0.0 && ms < 0.095 => format!("{ms:.2} ms"),
        ms if ms < 99.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        ms if ms < 99_950.0 => format!("{:.1} s", ms / 1e3),
        _ => format!("{}m{:02}s", value.as_secs() / 60, value.as_secs() % 60),
    }
}

/// A span of time that somebody chose or has to wait for, exactly, from its largest unit on: `1 h 30 min`, `2 min`, `1 min 30 s`,
/// `1.5 s`, `500 ms`.
pub(crate) fn span(of: Duration) -> String {
    let secs = of.as_secs();
    if secs < 60 {
        return exact(of);
    }
    let rest = Duration::new(secs % 60, of.subsec_nanos());
    let units = [("d", secs / 86_400), ("h", secs / 3_600 % 24), ("min", secs / 60 % 60)];
    let mut parts: Vec<_> =
        units.iter().filter(|(_, count)| *count > 0).map(|(unit, count)| format!("{count} {unit}")).collect();
    if !rest.is_zero() {
        parts.push(exact(rest));
    }
    parts.join(" ")
}

/// The same from milliseconds: a tick of a scale.
pub(crate) fn exact_millis(millis: f64) -> String {
    if millis < 1e3 { format!("{} ms", plain(millis)) } else { format!("{} s", plain(millis / 1e3)) }
}

/// A number of seconds, to the tenth: `31.2 s`, `60 s`.
pub(crate) fn secs(value: f64) -> String {
    format!("{} s", plain((value * 10.0).round() / 10.0))
}

/// How long something was watched, in seconds, to the tenth and never more: `13.5 s`, `42 s`. What was not seen within it took more
/// than this, which would not be known of a number that was rounded up.
pub(crate) fn watched(secs: f64) -> String {
    // What is a whole tenth but for the error of a float is that tenth.
    const ERROR: f64 = 1e-6;
    format!("{} s", plain((secs * 10.0 + ERROR).floor() / 10.0))
}

/// Milliseconds of a duration, with what is below one.
pub(crate) const fn as_millis(value: Duration) -> f64 {
    value.as_secs_f64() * 1e3
}

/// A moment for files, to the millisecond: `2026-11-24T00:06:44.123Z`. `None` beyond what a calendar holds.
pub(crate) fn timestamp(unix_micros: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(unix_micros).ok().map(|at| format!("{at:.3}"))
}

/// A moment for people, to the second: `2026-11-24 00:06:44 UTC`.
pub(crate) fn date_and_time(unix_micros: i64) -> String {
    jiff::Timestamp::from_microsecond(unix_micros).map_or_else(
        |_| "at an unknown time".to_owned(),
        |at| format!("{at:.0}").replace('T', " ").replace('Z', " UTC"),
    )
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
        let said = [70, 400, 9_960, 80_123, 99_960, 250_400, 999_900, 1_240_000, 12_400_000, 125_000_000]
            .map(|micros| latency(Duration::from_micros(micros)));
        assert_eq!(
            said,
            ["0.07 ms", "0.4 ms", "10.0 ms", "80.1 ms", "100 ms", "250 ms", "1.00 s", "1.24 s", "12.4 s", "2m05s"]
        );
        assert_eq!(latency(None), "–");
    }

    #[test]
    fn moments_are_utc() {
        assert_eq!(timestamp(1_764_000_000_123_456).as_deref(), Some("2025-11-24T16:00:00.123Z"));
        assert_eq!(date_and_time(1_764_000_000_123_456), "2025-11-24 16:00:00 UTC");
        assert_eq!((timestamp(i64::MAX), date_and_time(i64::MAX).as_str()), (None, "at an unknown time"));
    }

    #[test]
    fn what_somebody_chose_keeps_its_digits() {
        assert_eq!([31.24, 60.0].map(secs), ["31.2 s", "60 s"]);
    }

    #[test]
    fn a_lower_bound_is_never_rounded_up() {
        assert_eq!(
            [13.5, 13.99, 42.0, 0.3, 4.1, 59.999].map(watched),
            ["13.5 s", "13.9 s", "42 s", "0.3 s", "4.1 s", "59.9 s"]
        );
    }

    #[test]
    fn a_span_is_told_from_its_largest_unit_on() {
        let said = [500, 1_500, 59_000, 60_000, 90_000, 120_500, 5_400_000, 3_600_000, 90_061_000]
            .map(|millis| span(Duration::from_millis(millis)));
        assert_eq!(
            said,
            [
                "500 ms",
                "1.5 s",
                "59 s",
                "1 min",
                "1 min 30 s",
                "2 min 500 ms",
                "1 h 30 min",
                "1 h",
                "1 d 1 h 1 min 1 s"
            ]
        );
        assert_eq!(span(Duration::ZERO), "0 ms");
    }

    #[test]
    fn ages_grow_coarser() {
        assert_eq!([40, 185, 7_800].map(|secs| age(Duration::from_secs(secs))), ["40 s", "3m05s", "2h10m"]);
    }
}
