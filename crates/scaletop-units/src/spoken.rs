//! Lengths of time for people.

use std::time::Duration;

/// A length of time that somebody chose (a timeout, an objective), with every digit that they gave, to the microsecond, and a space
/// before its unit: `500 ms`, `2 s`, `1.5 s`.
pub fn exact(of: Duration) -> String {
    let (value, unit) =
        if of < Duration::from_secs(1) { (of.as_secs_f64() * 1e3, "ms") } else { (of.as_secs_f64(), "s") };
    let digits = format!("{value:.3}");
    format!("{} {unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_chose_keeps_its_digits() {
        let said = [0, 1, 500, 999, 1_000, 2_000, 1_250, 60_000].map(|millis| exact(Duration::from_millis(millis)));
        assert_eq!(said, ["0 ms", "1 ms", "500 ms", "999 ms", "1 s", "2 s", "1.25 s", "60 s"]);
        assert_eq!(exact(Duration::from_micros(70)), "0.07 ms");
    }
}
