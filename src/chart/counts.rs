//! Scales of what is counted: whole ends, whole ticks.

use crate::chart::Scale;
use crate::chart::ticks::round_up;

/// Factors of a power of ten by which people count.
const STEPS: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0];

/// Little's law may ask for hundreds of instances when the service stalls: beyond so many times the limit only that it is
/// beyond matters.
const BEYOND_LIMIT: f64 = 2.0;

/// A scale from 0 that holds `max`, and its ticks (ascending): whole numbers, evenly apart, at most `parts` above 0.
pub(crate) fn counts(max: f64, parts: usize) -> (Scale, Vec<f64>) {
    let max = if max.is_finite() { max.ceil().max(1.0) } else { 1.0 };
    let parts = u32::try_from(parts.max(1)).unwrap_or(u32::MAX).min(12);
    // Of the scales with the lowest end the one with the most ticks.
    let (step, count) = (1..=parts)
        .map(|parts| (round_up(max / f64::from(parts), &STEPS).max(1.0).ceil(), parts))
        .map(|(step, _)| (step, (max / step).ceil()))
        .min_by(|(a, a_count), (b, b_count)| {
            (a * a_count, a).partial_cmp(&(b * b_count, b)).unwrap_or(std::cmp::Ordering::Equal)
        })
        .unwrap_or((max, 1.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 12")]
    let ticks = (0..=count as u32).map(|n| f64::from(n) * step).collect();
    (Scale::Linear { top: count * step }, ticks)
}

/// How much of what is needed a scale shows beside a limit; what is beyond is off the scale.
pub(crate) fn needed_shown(needed: f64, limit: Option<f64>) -> f64 {
    limit.map_or(needed, |limit| needed.min((limit * BEYOND_LIMIT).max(1.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_ticks_are_whole_and_the_end_is_near() {
        assert_eq!(counts(5.0, 1), (Scale::Linear { top: 5.0 }, vec![0.0, 5.0]));
        assert_eq!(counts(6.0, 2), (Scale::Linear { top: 6.0 }, vec![0.0, 3.0, 6.0]));
        assert_eq!(counts(3.0, 4), (Scale::Linear { top: 3.0 }, vec![0.0, 1.0, 2.0, 3.0]));
        assert_eq!(counts(25.0, 2).1, [0.0, 30.0]);
        assert_eq!(counts(40.0, 2).1, [0.0, 20.0, 40.0]);
        assert_eq!(counts(f64::NAN, 0).1, [0.0, 1.0]);
    }

    #[test]
    fn what_is_needed_is_cut_at_twice_the_limit() {
        let shown = |needed, limit| crate::text::whole(needed_shown(needed, limit));
        assert_eq!([shown(41.0, Some(5.0)), shown(7.0, Some(5.0)), shown(41.0, None)], [10, 7, 41]);
    }

    proptest! {
        #[test]
        fn ticks_are_whole_even_and_hold_every_count(max in 0_u32..2_000_000, parts in 0_usize..20) {
            let (scale, ticks) = counts(f64::from(max), parts);
            prop_assert!(scale.top() >= f64::from(max));
            prop_assert!(ticks.iter().all(|tick| tick.fract() == 0.0), "{ticks:?}");
            prop_assert!(ticks.len() <= parts.max(1) + 1 && ticks.len() >= 2, "{ticks:?}");
            prop_assert_eq!(ticks.last().copied(), Some(scale.top()));
        }
    }
}
