//! How a scale stands beside a plot of braille dots: in which row a value lies, which values are named, and how.

use crate::chart::{Scale, ticks};
use crate::tui::painter::DOTS_HIGH;
use crate::tui::text;

/// The values that are named beside a plot of `rows` rows: even parts of a linear scale; 1, 2 and 5 of each power of ten on a
/// logarithmic one, as far as they are two rows apart.
pub(crate) fn labels(scale: Scale, rows: u16) -> Vec<f64> {
    let (low, high) = match scale {
        Scale::Linear { top } => {
            return match rows {
                0 => Vec::new(),
                1 => vec![top],
                2..=4 => vec![top, 0.0],
                5..=9 => ticks::even(top, &[2, 3]),
                _ => ticks::even(top, &[4, 3, 5]),
            };
        }
        Scale::Log { bottom, top } => (bottom.log10(), top.log10()),
    };
    #[expect(clippy::cast_possible_truncation, reason = "exponents of latencies in milliseconds")]
    let powers = low.floor() as i32..=high.ceil() as i32;
    let inside = |value: &f64| (low - 1e-9..=high + 1e-9).contains(&value.log10());
    let mut labels: Vec<(usize, f64)> = Vec::new();
    // Powers of ten first: where there is no room for more, they are what remains.
    let (tens, others): (Vec<f64>, Vec<f64>) = ticks::of_decades(powers, &[1.0, 2.0, 5.0])
        .filter(inside)
        .partition(|value| value.log10().fract().abs() < 1e-9);
    let apart = if rows < 4 { 1 } else { 2 };
    // Of those the ends first: between them there is nothing to guess.
    let ends = [tens.first(), tens.last()].into_iter().flatten().copied();
    for value in ends.chain(tens.iter().copied()).chain(others) {
        let row = dot(scale, value, rows) / DOTS_HIGH;
        if labels.iter().all(|(taken, _)| taken.abs_diff(row) >= apart) {
            labels.push((row, value));
        }
    }
    labels.into_iter().map(|(_, value)| value).collect()
}

/// The dot row of a value, counted from the top. What is not nothing does not lie on the zero of a linear scale.
pub(crate) fn dot(scale: Scale, value: f64, rows: u16) -> usize {
    let last = (usize::from(rows) * DOTS_HIGH).saturating_sub(1);
    let dot = usize::try_from(text::whole((1.0 - scale.height(value)) * last as f64)).unwrap_or(0);
    if value > 0.0 && matches!(scale, Scale::Linear { .. }) { dot.min(last.saturating_sub(1)) } else { dot }
}

/// A latency for the gutter: `500 ms`, `2.5 s`.
pub(crate) fn millis_label(millis: f64) -> String {
    match millis {
        ms if ms <= 0.0 => "0".to_owned(),
        ms if ms < 10.0 && (ms * 10.0).round() % 10.0 != 0.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms if ms < 10_000.0 && (ms / 100.0).round() % 10.0 != 0.0 => format!("{:.1} s", ms / 1e3),
        ms => format!("{:.0} s", ms / 1e3),
    }
}

/// A rate for the gutter.
pub(crate) fn rate_label(rate: f64) -> String {
    match rate {
        rate if rate >= 99_999.5 => format!("{:.0}k", rate / 1e3),
        rate if rate < 10.0 && rate.fract() > 0.04 => format!("{rate:.1}"),
        rate => text::count(text::whole(rate)),
    }
}

/// A count for the gutter.
pub(crate) fn count_label(count: f64) -> String {
    text::count(text::whole(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_lie_on_the_last_dots() {
        let scale = Scale::Linear { top: 100.0 };
        assert_eq!([100.0, 0.0, 1e9, -1.0].map(|value| dot(scale, value, 5)), [0, 19, 0, 19]);
    }

    #[test]
    fn one_is_told_from_none_on_any_scale() {
        for (top, rows) in [(5.0, 1), (50.0, 2), (10_000.0, 8)] {
            let scale = Scale::Linear { top };
            assert_ne!(dot(scale, 1.0, rows), dot(scale, 0.0, rows), "{top}");
        }
    }

    #[test]
    fn a_logarithmic_scale_is_labelled_with_round_values_that_do_not_touch() {
        let labels = labels(Scale::fitted_log(2.0, 680.0), 12);
        assert!(labels.contains(&10.0) && labels.contains(&100.0), "{labels:?}");
        assert!(
            labels.iter().all(|label| [1.0, 2.0, 5.0].contains(&(label / 10_f64.powf(label.log10().floor())).round())),
            "{labels:?}"
        );
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([0.0, 0.5, 500.0, 2_500.0, 60_000.0].map(millis_label), ["0", "0.5 ms", "500 ms", "2.5 s", "60 s"]);
        assert_eq!([0.0, 2.5, 1_000.0, 250_000.0].map(rate_label), ["0", "2.5", "1,000", "250k"]);
        assert_eq!([2.0, 12_500.0].map(count_label), ["2", "12,500"]);
    }
}
