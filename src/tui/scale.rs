//! From values to heights: linear and logarithmic scales with round ends, and how their values are labelled.

use crate::tui::text;

/// Dots of a braille cell above each other.
pub(crate) const DOTS_HIGH: u16 = 4;

/// From values to heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From a power of ten to a power of ten.
    Log(f64, f64),
}

impl Scale {
    /// A linear scale with a round end that holds `max`, and at least `least`.
    pub(crate) fn linear(max: f64, least: f64) -> Self {
        let max = if max.is_finite() { max.max(least) } else { least };
        let magnitude = 10_f64.powf(max.log10().floor());
        let round = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
        let factor = round.into_iter().find(|factor| factor * magnitude >= max * 0.999_999).unwrap_or(10.0);
        Self::Linear(factor * magnitude)
    }

    /// A scale for whole numbers that leaves a little air above `max`.
    pub(crate) fn whole(max: f64) -> Self {
        let max = max.max(1.0).ceil();
        // An even end has a whole middle.
        if max < 10.0 { Self::Linear(max + 2.0 - max % 2.0) } else { Self::linear(max * 1.05, 10.0) }
    }

    /// A logarithmic scale whose ends are powers of ten around `min` and `max`.
    pub(crate) fn log(min: f64, max: f64) -> Self {
        let low = min.max(1e-3).log10().floor();
        let high = max.max(1e-3).log10().ceil().max(low + 1.0);
        Self::Log(low, high)
    }

    /// A logarithmic scale from `min` to `max` without rounding, at least half a decade.
    pub(crate) fn fitted_log(min: f64, max: f64) -> Self {
        let low = min.max(1e-3).log10();
        let high = max.max(1e-3).log10();
        let missing = (0.5 - (high - low)).max(0.0);
        Self::Log(low - missing / 2.0, high + missing / 2.0)
    }

    /// Whether a value lies between the ends.
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::Linear(max) => value <= max,
            Self::Log(low, high) => (low..=high).contains(&value.max(1e-9).log10()),
        }
    }

    /// The height of a value, 0 to 1; values beyond the ends lie on them.
    pub(crate) fn height(self, value: f64) -> f64 {
        match self {
            Self::Linear(max) => (value / max).clamp(0.0, 1.0),
            Self::Log(low, high) => ((value.max(1e-9).log10() - low) / (high - low)).clamp(0.0, 1.0),
        }
    }

    /// The value at a height.
    pub(crate) fn value(self, height: f64) -> f64 {
        match self {
            Self::Linear(max) => height * max,
            Self::Log(low, high) => 10_f64.powf(low + height * (high - low)),
        }
    }

    /// The values that are named beside a plot of `rows` rows: equal parts of a linear scale; 1, 2 and 5 of each power of ten
    /// on a logarithmic one, as far as they are two rows apart.
    pub(crate) fn labels(self, rows: u16) -> Vec<f64> {
        let (low, high) = match self {
            Self::Linear(max) => {
                let parts: &[f64] = match rows {
                    0 => &[],
                    1 => &[1.0],
                    2..=4 => &[1.0, 0.0],
                    5..=9 => &[1.0, 0.5, 0.0],
                    _ => &[1.0, 0.75, 0.5, 0.25, 0.0],
                };
                return parts.iter().map(|part| part * max).collect();
            }
            Self::Log(low, high) => (low, high),
        };
        #[expect(clippy::cast_possible_truncation, reason = "exponents of latencies in milliseconds")]
        let powers = low.floor() as i32..=high.ceil() as i32;
        let all: Vec<f64> = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power))).collect();
        let inside = |value: &&f64| (low - 1e-9..=high + 1e-9).contains(&value.log10());
        let mut labels: Vec<(usize, f64)> = Vec::new();
        // Powers of ten first: where there is no room for more, they are what remains.
        let (tens, others): (Vec<f64>, Vec<f64>) =
            all.iter().filter(inside).partition(|value| value.log10().fract().abs() < 1e-9);
        for value in tens.into_iter().chain(others) {
            let row = self.dot(value, rows) / usize::from(DOTS_HIGH);
            if labels.iter().all(|(taken, _)| taken.abs_diff(row) >= 2) {
                labels.push((row, value));
            }
        }
        labels.into_iter().map(|(_, value)| value).collect()
    }

    /// The dot row of a value, counted from the top.
    pub(crate) fn dot(self, value: f64, rows: u16) -> usize {
        let rows = f64::from((rows * DOTS_HIGH).saturating_sub(1));
        usize::try_from(text::whole((1.0 - self.height(value)) * rows)).unwrap_or(0)
    }
}

/// A latency for the gutter: `500ms`, `2.5s`.
pub(crate) fn millis_label(millis: f64) -> String {
    match millis {
        ms if ms <= 0.0 => "0".to_owned(),
        ms if ms < 1.0 => format!("{ms:.1}ms"),
        ms if ms < 1_000.0 => format!("{ms:.0}ms"),
        ms if ms < 10_000.0 && (ms / 100.0).round() % 10.0 != 0.0 => format!("{:.1}s", ms / 1e3),
        ms => format!("{:.0}s", ms / 1e3),
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

/// A count for the gutter: only whole ones are.
pub(crate) fn count_label(count: f64) -> String {
    if count.fract().abs() > 0.01 { String::new() } else { text::count(text::whole(count)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_that_holds_its_values() {
        assert_eq!(Scale::linear(0.0, 10.0), Scale::Linear(10.0));
        assert_eq!(Scale::linear(612.0, 10.0), Scale::Linear(800.0));
        assert_eq!(Scale::linear(f64::INFINITY, 10.0), Scale::Linear(10.0));
        assert_eq!(Scale::whole(5.0), Scale::Linear(6.0));
    }

    #[test]
    fn the_ends_lie_on_the_last_dots() {
        let scale = Scale::Linear(100.0);
        assert_eq!((scale.dot(100.0, 5), scale.dot(0.0, 5), scale.dot(1e9, 5), scale.dot(-1.0, 5)), (0, 19, 0, 19));
    }

    #[test]
    fn a_logarithmic_scale_is_labelled_with_round_values_that_do_not_touch() {
        let labels = Scale::fitted_log(2.0, 680.0).labels(12);
        assert!(labels.contains(&10.0) && labels.contains(&100.0), "{labels:?}");
        assert!(
            labels.iter().all(|label| [1.0, 2.0, 5.0].contains(&(label / 10_f64.powf(label.log10().floor())).round())),
            "{labels:?}"
        );
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([0.0, 0.5, 500.0, 2_500.0, 60_000.0].map(millis_label), ["0", "0.5ms", "500ms", "2.5s", "60s"]);
        assert_eq!([0.0, 2.5, 1_000.0, 250_000.0].map(rate_label), ["0", "2.5", "1,000", "250k"]);
        assert_eq!([2.0, 2.5].map(count_label), ["2", ""]);
    }
}
