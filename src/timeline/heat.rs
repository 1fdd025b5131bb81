//! The distribution of response times over time, coarse enough to be kept for a whole session: what a heat map shows.
//!
//! Percentiles come from the histograms themselves, never from here: a bucket is an eighth of an octave wide (9 %).

use std::collections::VecDeque;
use std::time::Duration;

use crate::record::latency::Latency;
use crate::timeline::SECONDS_KEPT;

/// Buckets an octave: one is 2^(1/8) times as wide as the one before.
const PER_OCTAVE: f64 = 8.0;

/// Seconds of what is kept of the older past.
const MINUTE: u32 = 60;

/// How many requests took how long, in one second or one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatColumn {
    /// The first second it covers.
    pub second: u32,
    /// How many seconds it covers: 1 or 60.
    pub span: u32,
    /// Bucket and count, ascending, without empty ones.
    counts: Vec<(u8, u32)>,
}

impl HeatColumn {
    /// The buckets that hold something, ascending: from which latency on, up to which, how many requests.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = (Duration, Duration, u64)> + '_ {
        self.counts
            .iter()
            .map(|&(bucket, count)| (lower_edge(bucket), lower_edge(bucket.saturating_add(1)), u64::from(count)))
    }

    fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.counts {
            match self.counts.binary_search_by_key(&bucket, |(mine, _)| *mine) {
                Ok(at) => self.counts[at].1 = self.counts[at].1.saturating_add(count),
                Err(at) => self.counts.insert(at, (bucket, count)),
            }
        }
    }
}

/// The columns of a session, ascending; seconds without an answer are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heat {
    minutes: VecDeque<HeatColumn>,
    seconds: VecDeque<HeatColumn>,
}

impl Heat {
    /// Adds the response times of what completed in `second`, which is later than all before it.
    pub fn push(&mut self, second: u32, response: &Latency) {
        let mut counts: Vec<(u8, u32)> = Vec::new();
        for (latency, count) in response.buckets() {
            let (bucket, count) = (bucket(latency), u32::try_from(count).unwrap_or(u32::MAX));
            match counts.last_mut() {
                Some((last, sum)) if *last == bucket => *sum = sum.saturating_add(count),
                _ => counts.push((bucket, count)),
            }
        }
        if counts.is_empty() {
            return;
        }
        counts.shrink_to_fit();
        self.seconds.push_back(HeatColumn { second, span: 1, counts });
        // Whole minutes only, so that no second is covered twice.
        let kept = u32::try_from(SECONDS_KEPT).unwrap_or(u32::MAX);
        let first_minute = second.saturating_sub(kept) / MINUTE;
        while let Some(oldest) = self.seconds.pop_front_if(|oldest| oldest.second / MINUTE < first_minute) {
            self.thin_out(&oldest);
        }
    }

    fn thin_out(&mut self, oldest: &HeatColumn) {
        let start = oldest.second / MINUTE * MINUTE;
        match self.minutes.back_mut().filter(|minute| minute.second == start) {
            Some(minute) => minute.merge(oldest),
            None => self.minutes.push_back(HeatColumn { second: start, span: MINUTE, counts: oldest.counts.clone() }),
        }
    }

    /// What overlaps the seconds from `from` until before `until`, ascending.
    pub fn range(&self, from: u32, until: u32) -> impl Iterator<Item = &HeatColumn> + '_ {
        let overlapping = move |columns: &VecDeque<HeatColumn>| {
            let start = columns.partition_point(|column| column.second.saturating_add(column.span) <= from);
            start..columns.partition_point(|column| column.second < until).max(start)
        };
        self.minutes.range(overlapping(&self.minutes)).chain(self.seconds.range(overlapping(&self.seconds)))
    }
}

/// The bucket of a latency.
fn bucket(latency: Duration) -> u8 {
    let micros = latency.as_secs_f64() * 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of u8")]
    let bucket = (micros.max(1.0).log2() * PER_OCTAVE).floor().clamp(0.0, 255.0) as u8;
    bucket
}

/// The shortest latency of a bucket.
fn lower_edge(bucket: u8) -> Duration {
    Duration::try_from_secs_f64(2_f64.powf(f64::from(bucket) / PER_OCTAVE) / 1e6).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: &[u64]) -> Latency {
        let mut latency = Latency::new();
        for &value in millis {
            latency.record(Duration::from_millis(value));
        }
        latency
    }

    #[test]
    fn a_latency_lies_between_the_edges_of_its_bucket() {
        for micros in [1, 80, 999, 80_000, 500_000, 600_000_000] {
            let latency = Duration::from_micros(micros);
            let bucket = bucket(latency);
            let slack = latency / 10_000 + Duration::from_nanos(1);
            assert!(lower_edge(bucket) <= latency + slack && latency < lower_edge(bucket + 1) + slack, "{latency:?}");
        }
    }

    #[test]
    fn every_request_is_in_one_bucket() {
        let mut heat = Heat::default();
        heat.push(7, &of(&[80, 80, 81, 500]));
        let column = heat.range(0, 100).next().expect("one column");
        assert_eq!(column.buckets().map(|(_, _, count)| count).sum::<u64>(), 4);
    }

    #[test]
    fn old_seconds_become_minutes_and_no_request_is_lost() {
        let mut heat = Heat::default();
        for second in 0..4_000 {
            heat.push(second, &of(&[80, 500]));
        }
        let total: u64 = heat.range(0, 4_000).flat_map(HeatColumn::buckets).map(|(_, _, count)| count).sum();
        assert_eq!(total, 8_000);
        let columns: Vec<(u32, u32)> = heat.range(0, 362).map(|column| (column.second, column.span)).collect();
        assert_eq!(columns, [(0, 60), (60, 60), (120, 60), (180, 60), (240, 60), (300, 60), (360, 1), (361, 1)]);
    }

    #[test]
    fn a_second_without_an_answer_has_no_column() {
        let mut heat = Heat::default();
        heat.push(1, &of(&[80]));
        heat.push(2, &Latency::new());
        assert_eq!(heat.range(0, 10).count(), 1);
    }
}
