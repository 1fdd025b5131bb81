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

/// A linear scale that has room for `most`, and about four round steps with a little air above them. The steps are `whole`, or as soon as
/// there is one of what is counted, or none at all.
pub(crate) fn linear(most: f64, whole: bool) -> (Scale, Vec<f64>) {
    // Of nothing there are no fractions.
    let is_nothing = !(most.is_finite() && most > 0.0);
    let most = if is_nothing { 1.0 } else { most };
    let mut step = round_up(most / 4.0, &STEPS);
    // A quarter of a request nobody sends: what is counted by ones has whole ticks.
    if whole || is_nothing || most >= 1.0 {
        step = step.max(1.0).floor();
    }
    let count = (most / step).ceil().clamp(1.0, 12.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 12")]
    let ticks = (0..=count as u32).map(|n| f64::from(n) * step).collect();
    (Scale::Linear { top: count * step * 1.04 }, ticks)
}

/// Values of a scale from 0 to `top`, evenly apart and with at most two digits, from the top down: in as many of the numbers of `parts` as
/// come out so, the first that does. Where none does (25 in halves), in steps of two fifths, which end below the top.
pub(crate) fn even(top: f64, parts: &[u32]) -> Vec<f64> {
    // Ten of which are the top's power of ten.
    let unit = 10_f64.powf(top.log10().floor() - 1.0);
    let is_even = |parts: &u32| {
        let units = top / f64::from(*parts) / unit;
        (units - units.round()).abs() < 1e-6
    };
    match parts.iter().copied().find(is_even) {
        Some(parts) => (0..=parts).rev().map(|n| top * f64::from(n) / f64::from(parts)).collect(),
        None => [0.8, 0.4, 0.0].map(|part| top * part).to_vec(),
    }
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
    fn what_is_counted_has_whole_ticks() {
        assert_eq!(linear(0.0, false).1, [0.0, 1.0], "none at all");
        assert_eq!(linear(2.0, false).1, [0.0, 1.0, 2.0]);
        assert_eq!(linear(9.0, true).1, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(linear(0.4, false).1.get(1), Some(&0.1), "less than one a second is a fraction");
        assert_eq!(even(25.0, &[4, 3, 5]), [25.0, 20.0, 15.0, 10.0, 5.0, 0.0]);
        assert_eq!(even(25.0, &[2, 3]), [20.0, 10.0, 0.0]);
        for top in [10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 250.0] {
            for parts in [&[2, 3][..], &[4, 3, 5]] {
                let ticks = even(top, parts);
                assert!(ticks.iter().all(|tick| (tick - tick.round()).abs() < 1e-9), "{top}: {ticks:?}");
                assert!(ticks.first().is_some_and(|first| *first >= top * 0.8), "{top}: {ticks:?}");
            }
        }
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
