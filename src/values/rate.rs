//! Reading a rate: as people and other tools write it, in whole requests per second.

use scaletop_units::ArrivalRate;

use super::{HIGHEST_RATE, ValueError, is_ambiguous};

/// What may follow the number of a rate, and how many seconds it counts requests in. The longest match comes first.
const PER: [(&str, u32); 18] = [
    ("requests/s", 1),
    ("req/s", 1),
    ("rps", 1),
    ("qps", 1),
    ("r/s", 1),
    ("/sec", 1),
    ("/1s", 1),
    ("/s", 1),
    ("requests/min", 60),
    ("req/min", 60),
    ("/min", 60),
    ("/1m", 60),
    ("rpm", 60),
    ("r/m", 60),
    ("/m", 60),
    ("/1h", 3_600),
    ("/h", 3_600),
    ("", 1),
];

/// A rate: `600`, `600/s`, `600rps`, `1.5k`, `1,5k`, `1,000`, `60/min`. It must come to whole requests per second, so that a comma
/// sets thousands apart, but for what is counted in thousands, where it begins decimals.
pub(crate) fn rate(text: &str) -> Result<ArrivalRate, ValueError> {
    let refuse = || ValueError::Rate(text.to_owned());
    let given = text.trim().to_ascii_lowercase();
    let (number, secs) =
        PER.iter().find_map(|(per, secs)| Some((given.strip_suffix(per)?.trim_end(), *secs))).ok_or_else(refuse)?;
    let (number, times) = match number.strip_suffix('k') {
        Some(number) if is_ambiguous(number) => return Err(ValueError::Comma { given: text.trim().to_owned() }),
        Some(number) if number.contains('.') => (number.trim_end().to_owned(), 1_000),
        Some(number) => (number.trim_end().replacen(',', ".", 1), 1_000),
        None => (number.to_owned(), 1),
    };
    let thousandths = thousandths(&number).ok_or_else(refuse)?.checked_mul(times).ok_or_else(refuse)?;
    let per_sec = thousandths / (1_000 * u64::from(secs));
    let is_whole = per_sec * 1_000 * u64::from(secs) == thousandths;
    match u32::try_from(per_sec) {
        Ok(rate) if is_whole && rate <= HIGHEST_RATE => Ok(ArrivalRate::new(rate)),
        _ => Err(refuse()),
    }
}

/// A number in thousandths: digits, in groups of three if they like (`1,000`, `1_000`), and up to three decimals.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.split([',', '_']);
    let first = groups.next()?;
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.len() > 3 {
            return None;
        }
        digits.push_str(group);
    }
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if first.is_empty() || digits.len() > 15 || decimals.len() > 3 || !is_number(&digits) || !is_number(decimals) {
        return None;
    }
    // `600.` is a slip, not a number.
    if decimals.is_empty() && text.contains('.') {
        return None;
    }
    format!("{digits}{decimals:0<3}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_that_make_no_sense_are_refused_with_what_would() {
        for text in [
            "-1",
            "NaN",
            "inf",
            "1e9",
            "1000001",
            "",
            "12.5",
            "99999999999999999999",
            "fast",
            "0.5",
            "100/min",
            "1.0005k",
            "1,00",
            "1000,000",
            ",100",
            "600.",
            ".5k",
            "1.2.3",
            "k",
            "/s",
            "600/x",
            "1001k",
            "1k k",
            "+5",
            "1,000.5",
        ] {
            let error = rate(text).unwrap_err().to_string();
            assert!(error.contains("whole requests per second"), "{text}: {error}");
        }
        for (text, expected) in [
            ("600rps", 600),
            ("600 rps", 600),
            ("1k", 1_000),
            ("1.5K", 1_500),
            ("1.25k/s", 1_250),
            ("1,5k", 1_500),
            ("1,25k/s", 1_250),
            ("60/min", 1),
            ("600 req/s", 600),
            ("1,000", 1_000),
            ("1_000_000", 1_000_000),
            ("12.0", 12),
            ("6000/min", 100),
            ("6k/m", 100),
            ("3600/h", 1),
            ("120rpm", 2),
            ("50/1s", 50),
        ] {
            assert_eq!(rate(text), Ok(ArrivalRate::new(expected)), "{text}");
        }
        let error = rate("1,000k").unwrap_err().to_string();
        assert!(error.contains("could be 1000k or 1.000k"), "{error}");
        assert_eq!(rate("0"), Ok(ArrivalRate::PAUSED));
        assert_eq!(rate(" 600/s "), Ok(ArrivalRate::new(600)));
    }
}
