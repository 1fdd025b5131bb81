//! Values that people count in: round steps of a scale, 1, 2 and 5 of each power of ten, and lengths of time.

use crate::chart::Scale;

/// Factors of a power of ten that are good steps.
const STEPS: [f64; 4] = [1.0, 2.0, 2.5, 5.0];

/// Lengths of time, in seconds, between two ticks of an axis.
const LENGTHS: [u32; 17] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 86_400];

/// The least number that is not less than `value` and is one of `factors` times a power of ten.
pub(crate) fn round_up(value: f64, factors: &[f64]) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let factor = factors.iter().find(|&factor| factor * power >= value * 0.999_999).copied().unwrap_or(10.0);
    factor * power
}

/// `digits` of each power of ten in turn, ascending.
pub(crate) fn of_decades(powers: std::ops::RangeInclusive<i32>, digits: &[f64]) -> impl Iterator<Item = f64> {
    powers.flat_map(move |power| digits.iter().map(move |digit| digit * 10_f64.powi(power)))
}

/// A linear scale that has room for `most`, and about four round steps with a little air above them.
pub(crate) fn linear(most: f64, whole: bool) -> (Scale, Vec<f64>) {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let mut step = round_up(most / 4.0, &STEPS);
    if whole {
        step = step.max(1.0).ceil();
    }
    let count = (most / step).ceil().clamp(1.0, 12.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 12")]
    let ticks = (0..=count as u32).map(|n| f64::from(n) * step).collect();
    (Scale::Linear { top: count * step * 1.04 }, ticks)
}

/// A logarithmic scale from `least` to `most`, with a tick for every 1, 2 and 5 (every 1 when there are many decades).
pub(crate) fn log(least: f64, most: f64) -> (Scale, Vec<f64>) {
    let least = if least.is_finite() && least > 0.0 { least } else { 1.0 };
    let most = if most.is_finite() { most.max(least * 10.0) } else { least * 10.0 };
    let digits: &[f64] = if most / least > 2_000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all: Vec<f64> = of_decades(-3..=9, digits).collect();
    let bottom = all.iter().copied().filter(|&tick| tick <= least).fold(least, |_, tick| tick);
    let top = all.iter().copied().find(|&tick| tick >= most).unwrap_or(most);
    let ticks = all.into_iter().filter(|tick| (bottom..=top).contains(tick)).collect();
    (Scale::Log { bottom, top: top * 1.06 }, ticks)
}

/// The shortest length of time, in seconds, that is at least `least`; beyond a day whole days.
pub(crate) fn length(least: u64) -> u32 {
    let known = LENGTHS.into_iter().find(|&length| u64::from(length) >= least);
    known.unwrap_or_else(|| u32::try_from(least.next_multiple_of(86_400)).unwrap_or(u32::MAX / 86_400 * 86_400))
}

/// Ticks of an axis of `seconds`, about eight.
pub(crate) fn times(seconds: f64) -> Vec<f64> {
    let step = length(crate::text::whole((seconds / 9.0).ceil()).max(1));
    let last = crate::text::whole((seconds / f64::from(step)).floor());
    (0..=last).map(|n| n as f64 * f64::from(step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_reaches_above_its_values_and_its_ticks_are_round() {
        let (scale, ticks) = linear(615.0, false);
        assert_eq!(ticks, [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert!(scale.height(615.0) < 1.0);
        assert_eq!(linear(1.0, true).1, [0.0, 1.0]);
        assert_eq!(linear(f64::NAN, false).1.first(), Some(&0.0));
    }

    #[test]
    fn a_log_scale_covers_its_values_with_a_tick_below() {
        let (scale, ticks) = log(79.0, 10_000.0);
        assert_eq!((ticks.first(), ticks.last()), (Some(&50.0), Some(&10_000.0)));
        assert!(scale.height(50.0) < 1e-9 && scale.height(10_000.0) > 0.95);
        assert_eq!(log(0.0, f64::INFINITY).1.len(), 4);
    }

    #[test]
    fn the_time_axis_has_a_handful_of_ticks_from_seconds_to_days() {
        for seconds in [3.0, 20.0, 90.0, 600.0, 3_600.0, 86_400.0, 864_000.0] {
            let ticks = times(seconds);
            assert!((3..=11).contains(&ticks.len()), "{seconds}: {ticks:?}");
        }
        assert_eq!([0, 1, 7, 3_601, 86_401].map(length), [1, 1, 10, 7_200, 172_800]);
    }
}
