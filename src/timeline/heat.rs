//! The spread of latencies by time, in few buckets: what the heat maps of the screen and the report draw.

use std::time::Duration;

use scaletop_load::Latency;

/// Buckets of a column: one below 1 ms, thirty between 1 ms and 60 s at equal ratios (about half a doubling each), one
/// above.
pub(crate) const BUCKETS: usize = 32;

const LEAST_MICROS: f64 = 1e3;
const GREATEST_MICROS: f64 = 60e6;
const INNER: f64 = (BUCKETS - 2) as f64;

/// How the latencies of one row of the timeline are spread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeatColumn {
    /// The first second it covers.
    pub second: u32,
    /// How many seconds it covers.
    pub span: u32,
    /// Answers by bucket, the fastest first.
    pub counts: [u32; BUCKETS],
}

impl HeatColumn {
    /// An empty column for one second.
    pub const fn new(second: u32) -> Self {
        Self { second, span: 1, counts: [0; BUCKETS] }
    }

    pub fn add(&mut self, latency: &Latency) {
        for (value, count) in latency.buckets() {
            let cell = &mut self.counts[bucket_of(value)];
            *cell = cell.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// The buckets that hold something, ascending: from which latency on, up to which, how many answers.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = (Duration, Duration, u64)> + '_ {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(bucket, &count)| (bucket_start(bucket), bucket_start(bucket + 1), u64::from(count)))
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// The bucket a latency falls into.
pub(crate) fn bucket_of(latency: Duration) -> usize {
    let micros = latency.as_micros() as f64;
    if micros < LEAST_MICROS {
        return 0;
    }
    let at = (micros / LEAST_MICROS).ln() / (GREATEST_MICROS / LEAST_MICROS).ln() * INNER;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; `as` saturates")]
    let at = (at + 1e-9) as usize;
    (at + 1).min(BUCKETS - 1)
}

/// The least latency of a bucket; the bucket reaches up to the least of the next one.
pub(crate) fn bucket_start(bucket: usize) -> Duration {
    if bucket == 0 {
        return Duration::ZERO;
    }
    let share = (bucket.min(BUCKETS - 1) - 1) as f64 / INNER;
    let micros = LEAST_MICROS * (GREATEST_MICROS / LEAST_MICROS).powf(share);
    Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_everything_and_ascend() {
        assert_eq!(bucket_of(Duration::ZERO), 0);
        assert_eq!(bucket_of(Duration::from_millis(1)), 1);
        assert_eq!(bucket_of(Duration::from_millis(59_990)), BUCKETS - 2);
        assert_eq!(bucket_of(Duration::from_mins(1)), BUCKETS - 1);
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
        for bucket in 1..BUCKETS {
            assert!(bucket_start(bucket) > bucket_start(bucket - 1), "{bucket}");
            assert_eq!(bucket_of(bucket_start(bucket) + Duration::from_micros(1)), bucket);
        }
    }

    #[test]
    fn every_answer_is_in_one_bucket() {
        let (mut latency, mut column) = (Latency::new(), HeatColumn::new(7));
        for millis in [0, 3, 80, 81, 700, 10_000, 90_000] {
            latency.record(Duration::from_millis(millis));
        }
        column.add(&latency);
        assert_eq!(column.counts.iter().sum::<u32>(), 7);
    }
}
