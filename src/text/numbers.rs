//! Counts, rates and shares.

use std::fmt::Display;

/// `1 second`, `12,410 seconds`.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// A number with a thousands separator, and a minus sign in place of a hyphen: `12,410`, `−1,234.5`.
pub(crate) fn thousands(number: impl Display) -> String {
    let digits = number.to_string();
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("−", rest));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut text = String::from(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && at < whole && (whole - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count for a narrow place: with a thousands separator below ten million, then in millions: `12,410`, `31.2M`.
pub(crate) fn count(value: u64) -> String {
    if value >= 10_000_000 { format!("{:.1}M", value as f64 / 1e6) } else { thousands(value) }
}

/// A rate or a mean count: whole from 10 on (and whenever it is whole), else one digit; `–` when unknown.
pub(crate) fn per_second(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if !value.is_finite() || value < 0.0 => "–".to_owned(),
        Some(value) if value >= 9.95 || value.fract().abs() < 0.05 => count(whole(value)),
        Some(value) => format!("{value:.1}"),
    }
}

/// The nearest whole number; negative, infinite and absent ones become 0.
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; negative and NaN give 0"
    )]
    let whole = value.round() as u64;
    whole
}

/// A share of 1 as a percentage: `0 %`, `< 0.1 %`, `8.3 %`. What is not nothing does not read as nothing.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        little if little < 0.1 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// A share of 1 that is held against a bound, as files have it: `8.3%`, and `0.0031%` or `99.9969%` where one digit would round a breach
/// away. People read it [`spaced`].
pub(crate) fn percent_in_full(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent == 0.0 || (0.1..=99.9).contains(&percent) || percent >= 100.0 { 1 } else { 4 };
    let text = format!("{percent:.digits$}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Words of a file with a space between each number and its unit: `0.5% (300)` reads `0.5 % (300)`, and `90.0ms` reads `90.0 ms`.
pub(crate) fn spaced(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 2);
    let mut before = ' ';
    for character in words.chars() {
        if before.is_ascii_digit() && (character.is_alphabetic() || character == '%') {
            out.push(' ');
        }
        out.push(character);
        before = character;
    }
    out
}

/// A number with three decimals at most and no trailing zeros; empty when it is not finite.
pub(crate) fn plain(value: f64) -> String {
    if !value.is_finite() {
        return String::new();
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart_before_the_point_only() {
        assert_eq!([0_u64, 999, 1_000, 12_410, 1_234_567].map(thousands), ["0", "999", "1,000", "12,410", "1,234,567"]);
        assert_eq!(thousands("-1234.5678"), "−1,234.5678");
        assert_eq!(thousands(format_args!("{:.1}", 98_765.43)), "98,765.4");
    }

    #[test]
    fn a_unit_stands_apart_from_its_number() {
        let said = ["0.5% (300)", "90.0ms", "533.0µs", "1.2s", "31.2 s", "> 42 s", "99.9833% (59990 of 60000)", "–"]
            .map(spaced);
        let expected =
            ["0.5 % (300)", "90.0 ms", "533.0 µs", "1.2 s", "31.2 s", "> 42 s", "99.9833 % (59990 of 60000)", "–"];
        assert_eq!(said, expected);
    }

    #[test]
    fn counts_and_rates_are_short() {
        assert_eq!([12_410, 31_200_000].map(count), ["12,410", "31.2M"]);
        assert_eq!(per_second(Some(0.3)), "0.3");
        assert_eq!(per_second(Some(599.6)), "600");
        assert_eq!(per_second(Some(f64::NAN)), "–");
    }

    #[test]
    fn a_share_is_nothing_only_when_it_is_nothing() {
        assert_eq!([0.0, 0.000_4, 0.083, 0.412, 1.0].map(percent), ["0 %", "< 0.1 %", "8.3 %", "41.2 %", "100.0 %"]);
        assert_eq!([0.0, 0.000_031, 0.083, 1.0].map(percent_in_full), ["0%", "0.0031%", "8.3%", "100%"]);
    }

    #[test]
    fn a_plain_number_has_no_needless_digits() {
        let said = [31.0, 0.1239, -0.0001, f64::NAN].map(plain);
        assert_eq!(said, ["31", "0.124", "0", ""]);
    }
}
