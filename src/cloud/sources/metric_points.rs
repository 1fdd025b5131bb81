//! The points of one metric as they are read again and again: kept by their start, replaced when they change. Pure.
//!
//! CloudWatch goes on adding to its newest points; a reader that took each point once would keep a half-full one for good.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// A point of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// The start of its period.
    pub(crate) start: Timestamp,
    pub(crate) value: f64,
    /// Whether it may still change.
    pub(crate) provisional: bool,
}

/// Points are kept for this many periods.
const PERIODS_KEPT: usize = 240;

/// A point may change until its period ended this many periods ago: two for CloudWatch's delay of about two minutes, one
/// for the aggregation.
const PERIODS_UNTIL_SETTLED: u32 = 3;

impl Point {
    /// A point as it was read at `now` by the cloud's clock.
    pub(crate) fn read(start: Timestamp, value: f64, now: Timestamp, period: Duration) -> Self {
        let settles = start.checked_add(period * (1 + PERIODS_UNTIL_SETTLED)).unwrap_or(Timestamp::MAX);
        Self { start, value, provisional: settles > now }
    }
}

/// What is known of one metric.
#[derive(Clone, Debug, Default)]
pub(crate) struct MetricPoints {
    points: BTreeMap<Timestamp, Point>,
}

impl MetricPoints {
    /// Takes in what was read; answers the points that are new, changed, or settled since, ascending. A value that is no
    /// number is left out.
    pub(crate) fn merge(&mut self, read: &[Point]) -> Vec<Point> {
        let mut news = BTreeMap::new();
        for point in read.iter().filter(|point| point.value.is_finite()) {
            if self.points.insert(point.start, *point) != Some(*point) {
                news.insert(point.start, *point);
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

    const MINUTE: Duration = Duration::from_mins(1);

    /// `(start, value)` in seconds since 1970, read at `now`.
    fn read(points: &[(i64, f64)], now: i64) -> Vec<Point> {
        let at = |secs| Timestamp::from_second(secs).expect("a time");
        points.iter().map(|&(start, value)| Point::read(at(start), value, at(now), MINUTE)).collect()
    }

    #[test]
    fn a_point_is_told_when_it_is_new_when_it_changes_and_when_it_settles() {
        let mut points = MetricPoints::default();
        let mut told = |read_points: &[(i64, f64)], now| {
            let news = points.merge(&read(read_points, now));
            news.iter().map(|p| (p.start.as_second(), p.value, p.provisional)).collect::<Vec<_>>()
        };
        assert_eq!(told(&[(600, 1.0)], 780), [(600, 1.0, true)]);
        assert_eq!(told(&[(600, 1.0)], 790), []);
        assert_eq!(told(&[(600, 3.0), (660, 2.0)], 800), [(600, 3.0, true), (660, 2.0, true)]);
        assert_eq!(told(&[(600, 3.0), (660, 2.0)], 840), [(600, 3.0, false)]);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut points = MetricPoints::default();
        assert_eq!(points.merge(&read(&[(540, f64::NAN), (600, f64::INFINITY)], 700)), []);
        assert!(points.is_empty());
    }

    proptest! {
        /// However the reads overlap, the last value read for a start is the one that was told last.
        #[test]
        fn the_last_value_read_is_the_last_value_told(reads in prop::collection::vec(prop::collection::vec((0_i64..20, 0_u8..5), 0..20), 1..20)) {
            let mut points = MetricPoints::default();
            let mut told = BTreeMap::new();
            let mut read_last = BTreeMap::new();
            for (round, batch) in (0_i64..).zip(&reads) {
                let batch: Vec<_> = batch.iter().map(|&(minute, value)| (minute * 60, f64::from(value))).collect();
                read_last.extend(batch.iter().map(|&(start, value)| (start, value.to_bits())));
                for point in points.merge(&read(&batch, 600 + round * 30)) {
                    told.insert(point.start.as_second(), point.value.to_bits());
                }
            }
            prop_assert_eq!(told, read_last);
        }
    }
}
