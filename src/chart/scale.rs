//! From values to heights: linear and logarithmic scales with round ends.

use crate::chart::ticks::round_up;

/// Factors of a power of ten at which a scale may end.
const ENDS: [f64; 10] = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];

/// The least value that has a place on a logarithmic scale.
const LEAST: f64 = 1e-3;

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// From zero, evenly.
    Linear {
        /// The value at the top.
        top: f64,
    },
    /// By ratios: every decade is as high as the next.
    Log {
        /// The value at the bottom.
        bottom: f64,
        /// The value at the top.
        top: f64,
    },
}

impl Scale {
    /// A linear scale with a round end that holds `max`, and at least `least`.
    pub(crate) fn linear(max: f64, least: f64) -> Self {
        let max = if max.is_finite() { max.max(least) } else { least };
        Self::Linear { top: round_up(max, &ENDS) }
    }

    /// A logarithmic scale whose ends are powers of ten around `min` and `max`.
    pub(crate) fn log(min: f64, max: f64) -> Self {
        let low = min.max(LEAST).log10().floor();
        let high = max.max(LEAST).log10().ceil().max(low + 1.0);
        Self::Log { bottom: 10_f64.powf(low), top: 10_f64.powf(high) }
    }

    /// A logarithmic scale from `min` to `max` without rounding, at least half a decade.
    pub(crate) fn fitted_log(min: f64, max: f64) -> Self {
        let (low, high) = (min.max(LEAST).log10(), max.max(LEAST).log10());
        let missing = (0.5 - (high - low)).max(0.0);
        Self::Log { bottom: 10_f64.powf(low - missing / 2.0), top: 10_f64.powf(high + missing / 2.0) }
    }

    /// The value at the top.
    pub(crate) const fn top(self) -> f64 {
        match self {
            Self::Linear { top } | Self::Log { top, .. } => top,
        }
    }

    /// Whether a value lies between the ends.
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::Linear { top } => value <= top,
            Self::Log { bottom, top } => (bottom..=top).contains(&value),
        }
    }

    /// The height of a value: 0 at the bottom, 1 at the top; values beyond the ends lie on them.
    pub(crate) fn height(self, value: f64) -> f64 {
        let height = match self {
            Self::Linear { top } => value / top,
            Self::Log { bottom, top } => (value.max(bottom) / bottom).ln() / (top / bottom).ln(),
        };
        if height.is_finite() { height.clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_that_holds_its_values() {
        assert_eq!(Scale::linear(0.0, 10.0), Scale::Linear { top: 10.0 });
        assert_eq!(Scale::linear(612.0, 10.0), Scale::Linear { top: 800.0 });
        assert_eq!(Scale::linear(f64::INFINITY, 10.0), Scale::Linear { top: 10.0 });
    }

    #[test]
    fn what_lies_beyond_the_ends_lies_on_them() {
        let linear = Scale::Linear { top: 100.0 };
        for (value, height) in [(-1.0, 0.0), (0.0, 0.0), (50.0, 0.5), (100.0, 1.0), (1e9, 1.0), (f64::NAN, 0.0)] {
            assert!((linear.height(value) - height).abs() < 1e-9, "{value}");
        }
        let log = Scale::Log { bottom: 1.0, top: 100.0 };
        assert!((log.height(10.0) - 0.5).abs() < 1e-9 && log.height(0.0) < 1e-9 && log.height(1e9) > 1.0 - 1e-9);
        assert!(log.holds(1.0) && !log.holds(0.5) && !log.holds(101.0));
    }

    #[test]
    fn a_narrow_spread_still_has_half_a_decade() {
        let Scale::Log { bottom, top } = Scale::fitted_log(80.0, 81.0) else { panic!("it is logarithmic") };
        assert!((top / bottom).log10() > 0.499, "{bottom} to {top}");
    }
}
