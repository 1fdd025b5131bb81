//! The points of one metric as they are read again and again: kept by their start, replaced when they change. Pure.
//!
//! CloudWatch goes on adding to its newest points; a reader that took each point once would keep a half-full one for good.

use std::collections::BTreeMap;

/// A point of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// The start of its period, Unix seconds.
    pub(crate) start: f64,
    pub(crate) value: f64,
    /// Whether it may still change.
    pub(crate) provisional: bool,
}

/// Points are kept for this many periods.
const PERIODS_KEPT: usize = 240;

/// A point may change until its period ended this many periods ago: two for CloudWatch's delay of about two minutes, one
/// for the aggregation.
pub(crate) const PERIODS_UNTIL_SETTLED: f64 = 3.0;

/// What is known of one metric.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricPoints {
    /// By start in milliseconds: floats are no keys.
    points: BTreeMap<i64, Point>,
}

impl MetricPoints {
    /// Takes in what was read at `now` (Unix seconds, the cloud's clock) with this period; answers the points that are new,
    /// changed, or settled since, ascending. A value that is no number is left out.
    pub(crate) fn merge(&mut self, read: &[(f64, f64)], now: f64, period: f64) -> Vec<Point> {
        let mut news = BTreeMap::new();
        for &(start, value) in read {
            if !start.is_finite() || !value.is_finite() {
                continue;
            }
            let provisional = start + period * (1.0 + PERIODS_UNTIL_SETTLED) > now;
            let point = Point { start, value, provisional };
            #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970; `as` saturates")]
            let key = (start * 1e3).round() as i64;
            if self.points.insert(key, point) != Some(point) {
                news.insert(key, point);
            }
        }
        while self.points.len() > PERIODS_KEPT {
            self.points.pop_first();
        }
        news.into_values().collect()
    }

    /// Whether nothing was ever read.
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_point_is_told_when_it_is_new_when_it_changes_and_when_it_settles() {
        let mut points = MetricPoints::default();
        let told = |news: Vec<Point>| news.iter().map(|p| (p.start, p.value, p.provisional)).collect::<Vec<_>>();
        assert_eq!(told(points.merge(&[(600.0, 1.0)], 780.0, 60.0)), [(600.0, 1.0, true)]);
        assert_eq!(told(points.merge(&[(600.0, 1.0)], 790.0, 60.0)), []);
        assert_eq!(
            told(points.merge(&[(600.0, 3.0), (660.0, 2.0)], 800.0, 60.0)),
            [(600.0, 3.0, true), (660.0, 2.0, true)]
        );
        assert_eq!(told(points.merge(&[(600.0, 3.0), (660.0, 2.0)], 840.0, 60.0)), [(600.0, 3.0, false)]);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut points = MetricPoints::default();
        assert_eq!(points.merge(&[(f64::NAN, 1.0), (600.0, f64::INFINITY)], 700.0, 60.0), []);
        assert!(points.is_empty());
    }

    proptest! {
        /// However the reads overlap, the last value read for a start is the one that was told last.
        #[test]
        fn the_last_value_read_is_the_last_value_told(reads in prop::collection::vec(prop::collection::vec((0_u8..20, 0_u8..5), 0..20), 1..20)) {
            let mut points = MetricPoints::default();
            let mut told = BTreeMap::new();
            let mut read_last = BTreeMap::new();
            for (round, read) in (0_u32..).zip(&reads) {
                let batch: Vec<_> = read.iter().map(|&(minute, value)| (f64::from(minute) * 60.0, f64::from(value))).collect();
                read_last.extend(read.iter().map(|&(minute, value)| (f64::from(minute).to_bits(), f64::from(value).to_bits())));
                for point in points.merge(&batch, 600.0 + f64::from(round) * 30.0, 60.0) {
                    told.insert((point.start / 60.0).to_bits(), point.value.to_bits());
                }
            }
            prop_assert_eq!(told, read_last);
        }
    }
}
