//! Values as text, for files: numbers without surprises, foreign text without teeth.

use std::time::Duration;

use crate::text::{as_millis, clean_to};
use scaletop_units::Elapsed;

/// Milliseconds with three decimals at most, so that whole microseconds survive: `80.123`, `1500`.
pub(super) fn millis(duration: Option<Duration>) -> String {
    duration.map(|d| trimmed(format!("{:.3}", as_millis(d)))).unwrap_or_default()
}

/// Seconds with three decimals at most.
pub(super) fn secs(at: Elapsed) -> String {
    trimmed(format!("{:.3}", at.as_secs_f64()))
}

/// A number with `places` decimals at most.
pub(super) fn number(value: f64, places: usize) -> String {
    if value.is_finite() { trimmed(format!("{value:.places$}")) } else { String::new() }
}

/// A count, or nothing when it is unknown.
pub(super) fn count(value: Option<u32>) -> String {
    value.map(|n| n.to_string()).unwrap_or_default()
}

/// Foreign text without control characters, and without a beginning that a spreadsheet would run as a formula (also behind
/// spaces, which some drop on import).
pub(super) fn foreign(text: &str) -> String {
    let clean = clean_to(text, 1_000);
    if clean.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        format!("'{clean}")
    } else {
        clean
    }
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_numbers_are_plain_and_lossless() {
        assert_eq!(millis(Some(Duration::from_micros(80_123))), "80.123");
        assert_eq!(millis(Some(Duration::from_millis(1_500))), "1500");
        assert_eq!(millis(None), "");
        assert_eq!(number(f64::NAN, 2), "");
        assert_eq!(secs(Elapsed::from_millis(12_340)), "12.34");
    }

    #[test]
    fn foreign_text_cannot_start_a_formula_or_break_a_line() {
        assert_eq!(foreign("=1+1"), "'=1+1");
        assert_eq!(foreign("@x\r\n\x1b[31m"), "'@x���[31m");
        assert_eq!(foreign("  +1"), "'  +1");
        assert_eq!(foreign("\t=1"), "�=1", "what is left of the tab makes it text");
        assert_eq!(foreign("spike"), "spike");
    }
}
