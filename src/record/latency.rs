//! A latency histogram: mergeable, bounded, honest about what lies beyond its range.
//!
//! Percentiles of a span come from merged histograms, never from averaged percentiles: the p99 of two seconds is not the
//! mean of their p99s (the test `the_mean_of_two_p99s_is_not_the_p99_of_both` shows by how much).

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

/// The longest latency that is told apart from longer ones, in microseconds (10 minutes: beyond any sane timeout).
/// Longer ones count as this one, and [`Latency::max`] still knows the longest.
pub const HIGHEST_TRACKABLE_MICROS: u64 = 600_000_000;

/// Significant decimal digits: a value is off by at most 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies of many requests, in microseconds.
///
/// The cells grow with the largest value seen (a histogram of 80 ms answers takes some 30 KiB), so an empty one costs
/// little.
#[derive(Clone, PartialEq)]
pub struct Latency {
    cells: Option<Histogram<u32>>,
    max_micros: u64,
}

/// Why a stored histogram could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The text is not base64.
    #[error("a stored histogram is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The bytes are not a V2 histogram.
    #[error("a stored histogram cannot be decoded: {0}")]
    Histogram(#[from] hdrhistogram::serialization::DeserializeError),
}

impl Latency {
    /// No latencies.
    pub const fn new() -> Self {
        Self { cells: None, max_micros: 0 }
    }

    /// Adds one latency, rounded down to whole microseconds and up to at least one.
    pub fn record(&mut self, latency: Duration) {
        self.add(latency, |micros| micros);
    }

    /// Adds one latency to within half a percent: takes a quarter of the room in a recording, and does where one line among
    /// many is drawn (an instance's). The longest is still exact.
    pub fn record_rough(&mut self, latency: Duration) {
        self.add(latency, rough);
    }

    fn add(&mut self, latency: Duration, cell: impl Fn(u64) -> u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1);
        self.max_micros = self.max_micros.max(micros);
        // The bound makes this infallible: auto-resizing never fails below it.
        let _ = self.cells_mut().record(cell(micros).min(HIGHEST_TRACKABLE_MICROS));
    }

    /// Adds every latency of `other`.
    pub fn merge(&mut self, other: &Self) {
        let Some(theirs) = other.cells.as_ref().filter(|cells| !cells.is_empty()) else { return };
        self.max_micros = self.max_micros.max(other.max_micros);
        let mine = self.cells_mut();
        if cells_between(theirs.min_nz(), theirs.max()) < theirs.distinct_values() / 8 {
            for (value, count) in recorded(theirs) {
                let _ = mine.record_n(value, count); // never fails: the cells grow
            }
        } else {
            let _ = mine.add(theirs); // likewise
        }
    }

    /// How many latencies were added.
    pub fn count(&self) -> u64 {
        self.cells.as_ref().map_or(0, Histogram::len)
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The latency that a share `q` (0 to 1) of the requests did not exceed; `None` when there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let cells = self.cells.as_ref().filter(|cells| !cells.is_empty())?;
        Some(Duration::from_micros(cells.value_at_quantile(q).min(self.max_micros)))
    }

    /// Several quantiles at once, for the price of one: `qs` ascending; `None` when there are no latencies.
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> Option<[Duration; N]> {
        let cells = self.cells.as_ref().filter(|cells| !cells.is_empty())?;
        // The rank of a quantile as HdrHistogram counts it: at least the first, a part of one is one more.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "q is between 0 and 1")]
        let ranks = qs.map(|q| ((q.clamp(0.0, 1.0) * cells.len() as f64).ceil() as u64).max(1));
        let mut found = [Duration::from_micros(self.max_micros); N];
        let (mut next, mut seen) = (0, 0_u64);
        for (value, count) in recorded(cells) {
            seen += u64::from(count);
            while next < N && seen >= ranks[next] {
                found[next] = Duration::from_micros(cells.highest_equivalent(value).min(self.max_micros));
                next += 1;
            }
            if next == N {
                break;
            }
        }
        Some(found)
    }

    /// The longest latency, exactly, even beyond the trackable range.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.max_micros))
    }

    /// The mean, for Little's law; percentiles are what is charted.
    pub fn mean(&self) -> Option<Duration> {
        let cells = self.cells.as_ref().filter(|cells| !cells.is_empty())?;
        Duration::try_from_secs_f64(cells.mean() / 1e6).ok()
    }

    /// How many latencies are longer than `bound` (to the resolution of the cells).
    pub fn count_above(&self, bound: Duration) -> u64 {
        let Some(cells) = &self.cells else { return 0 };
        let bound = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        let above = cells.highest_equivalent(bound);
        if cells.max() <= above {
            return 0;
        }
        recorded(cells).filter(|&(value, _)| value > above).map(|(_, count)| u64::from(count)).sum()
    }

    /// The cells as (highest value of the cell, count), ascending: for heat maps.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.cells.iter().flat_map(|cells| {
            recorded(cells)
                .map(|(value, count)| (Duration::from_micros(cells.highest_equivalent(value)), u64::from(count)))
        })
    }

    /// The HdrHistogram V2 (deflated) encoding, base64: what the recording and the interval log hold. `None` when empty.
    pub fn encode(&self) -> Option<String> {
        let cells = self.cells.as_ref().filter(|cells| !cells.is_empty())?;
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(cells, &mut bytes).ok()?;
        Some(BASE64.encode(bytes))
    }

    /// Reads what [`Latency::encode`] wrote. The exact maximum, when beyond the range or finer than a cell, is not in it.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let bytes = BASE64.decode(text)?;
        let mut cells: Histogram<u32> = Deserializer::new().deserialize(&mut bytes.as_slice())?;
        cells.auto(true);
        let max_micros = cells.max();
        Ok(Self { cells: Some(cells), max_micros })
    }

    /// The cells, for writers of other formats; `None` when empty.
    pub(crate) fn cells(&self) -> Option<&Histogram<u32>> {
        self.cells.as_ref().filter(|cells| !cells.is_empty())
    }

    /// From cells of our own precision, and the exact maximum; `None` when they are of another one.
    pub(crate) fn from_cells(mut cells: Histogram<u32>, max_micros: u64) -> Option<Self> {
        let is_ours = cells.sigfig() == SIGNIFICANT_DIGITS && cells.low() == 1 && !cells.is_empty();
        is_ours.then(|| {
            cells.auto(true);
            Self { cells: Some(cells), max_micros }
        })
    }

    fn cells_mut(&mut self) -> &mut Histogram<u32> {
        self.cells.get_or_insert_with(|| {
            let mut cells = Histogram::new(SIGNIFICANT_DIGITS).unwrap_or_else(|_| unreachable!("3 digits are valid"));
            cells.auto(true);
            cells
        })
    }
}

/// The cells that hold something, ascending, as (lowest value of the cell, count). Only looks between the least and the
/// greatest value: answers that take about the same time fill a hundred cells of some ten thousand, and a session is
/// mostly made of such seconds.
fn recorded(cells: &Histogram<u32>) -> impl Iterator<Item = (u64, u32)> + '_ {
    let last = cells.max();
    let first = if cells.is_empty() { u64::MAX } else { cells.lowest_equivalent(cells.min_nz()) };
    std::iter::successors((first <= last).then_some(first), move |&value| {
        let next = cells.next_non_equivalent(value);
        (next <= last).then_some(next)
    })
    .map(|value| (value, cells.count_at(value)))
    .filter(|&(_, count)| count > 0)
}

/// About how many cells lie between two values: 1024 for each doubling above 2048, one for each microsecond below.
fn cells_between(low: u64, high: u64) -> usize {
    let at = |value: u64| {
        let doublings = value.max(1).ilog2().saturating_sub(10);
        u64::from(doublings) * 1024 + (value >> doublings)
    };
    usize::try_from(at(high).saturating_sub(at(low))).unwrap_or(usize::MAX)
}

impl Default for Latency {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Latency({} values", self.count())?;
        if let (Some(p50), Some(p99), Some(max)) = (self.quantile(0.5), self.quantile(0.99), self.max()) {
            write!(f, ", p50 {p50:?}, p99 {p99:?}, max {max:?}")?;
        }
        f.write_str(")")
    }
}

/// The middle of the 1/128 th of an octave that a value lies in.
const fn rough(micros: u64) -> u64 {
    let spare = u64::BITS.saturating_sub(micros.leading_zeros() + 8);
    if spare == 0 { micros } else { (micros >> spare << spare) + (1 << (spare - 1)) }
}

/// The stored form: the encoding and the exact maximum.
#[derive(Serialize, Deserialize)]
struct Stored(String, u64);

impl Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.encode().map(|text| Stored(text, self.max_micros)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(Stored(text, max_micros)) = Option::deserialize(deserializer)? else { return Ok(Self::new()) };
        let mut latency = Self::decode(&text).map_err(serde::de::Error::custom)?;
        latency.max_micros = max_micros;
        Ok(latency)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(micros: &[u64]) -> Latency {
        let mut latency = Latency::new();
        for &value in micros {
            latency.record(Duration::from_micros(value));
        }
        latency
    }

    #[test]
    fn an_empty_histogram_has_no_percentiles_rather_than_zeros() {
        let empty = Latency::new();
        assert_eq!((empty.quantile(0.99), empty.max(), empty.mean(), empty.encode()), (None, None, None, None));
    }

    #[test]
    fn the_mean_of_two_p99s_is_not_the_p99_of_both() {
        let calm = of(&[1_000; 900]);
        let busy = of(&[100_000; 100]);
        let mean = (calm.quantile(0.99).unwrap() + busy.quantile(0.99).unwrap()) / 2;
        let mut both = calm;
        both.merge(&busy);
        assert!(both.quantile(0.99).unwrap() > Duration::from_millis(99), "a tenth of the requests took 100 ms");
        assert!(mean < Duration::from_millis(51), "the mean would hide half of it");
    }

    #[test]
    fn a_latency_beyond_the_range_saturates_but_keeps_its_length() {
        let endless = of(&[HIGHEST_TRACKABLE_MICROS * 3]);
        assert_eq!(endless.max(), Some(Duration::from_micros(HIGHEST_TRACKABLE_MICROS * 3)));
        assert!(endless.quantile(0.5).unwrap() >= Duration::from_micros(HIGHEST_TRACKABLE_MICROS));
    }

    #[test]
    fn a_rough_latency_is_within_half_a_percent_and_its_maximum_exact() {
        for micros in [1, 255, 257, 80_123, 1_234_567, 599_999_999] {
            let mut latency = Latency::new();
            latency.record_rough(Duration::from_micros(micros));
            latency.record_rough(Duration::from_micros(micros * 2));
            let (seen, truth) = (latency.quantile(0.5).unwrap().as_micros() as f64, micros as f64);
            assert!((seen - truth).abs() <= truth * 0.005 + 0.5, "{seen} against {truth}");
            assert_eq!(latency.max(), Some(Duration::from_micros(micros * 2)));
        }
    }

    #[test]
    fn counting_above_a_bound_leaves_the_bound_itself_out() {
        let latency = of(&[499_000, 500_000, 501_000, 700_000]);
        assert_eq!(latency.count_above(Duration::from_millis(500)), 2);
    }

    proptest! {
        #[test]
        fn merging_is_the_same_as_recording_everything_in_one(
            a in prop::collection::vec(1_u64..900_000_000, 0..200), b in prop::collection::vec(1_u64..900_000_000, 0..200)
        ) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let mut other_way = of(&b);
            other_way.merge(&of(&a));
            let whole = of(&[a, b].concat());
            for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
                prop_assert_eq!(merged.quantile(q), whole.quantile(q));
                prop_assert_eq!(other_way.quantile(q), whole.quantile(q));
            }
            prop_assert_eq!(merged.count(), whole.count());
            prop_assert_eq!(merged.max(), whole.max());
        }

        #[test]
        fn every_quantile_of_a_merge_lies_between_those_of_its_parts(
            a in prop::collection::vec(1_u64..60_000_000, 1..200), b in prop::collection::vec(1_u64..60_000_000, 1..200), q in 0.0..1.0_f64
        ) {
            let (left, right) = (of(&a), of(&b));
            let mut merged = left.clone();
            merged.merge(&right);
            let (low, high) = (left.quantile(q).min(right.quantile(q)), left.quantile(q).max(right.quantile(q)));
            // To the resolution of a cell: a part whose maximum cuts its last cell short is exact, the merge is not.
            let cell = high.unwrap() / 1000 + Duration::from_micros(1);
            prop_assert!(merged.quantile(q) >= low && merged.quantile(q).unwrap() <= high.unwrap() + cell);
        }

        #[test]
        fn quantiles_found_together_are_those_found_one_by_one(values in prop::collection::vec(1_u64..900_000_000, 1..300)) {
            let (latency, qs) = (of(&values), [0.001, 0.5, 0.9, 0.99, 0.999, 1.0]);
            prop_assert_eq!(latency.quantiles(qs).unwrap().map(Some), qs.map(|q| latency.quantile(q)));
        }

        #[test]
        fn every_latency_is_in_one_bucket(values in prop::collection::vec(1_u64..900_000_000, 0..300), bound in 1_u64..900_000_000) {
            let (latency, bound) = (of(&values), Duration::from_micros(bound));
            prop_assert_eq!(latency.buckets().map(|(_, count)| count).sum::<u64>(), latency.count());
            let cells = Histogram::<u32>::new(SIGNIFICANT_DIGITS).unwrap();
            let above = cells.highest_equivalent(u64::try_from(bound.as_micros()).unwrap());
            let longer = values.iter().filter(|&&v| v.min(HIGHEST_TRACKABLE_MICROS) > above).count() as u64;
            prop_assert_eq!(latency.count_above(bound), longer);
        }

        #[test]
        fn merging_close_latencies_is_exact_too(base in 1_u64..50_000_000, spread in prop::collection::vec(0_u64..500, 1..50)) {
            let values: Vec<u64> = spread.iter().map(|s| base + s).collect();
            let mut merged = of(&[1, 80_000]);
            merged.merge(&of(&values));
            prop_assert_eq!(merged, of(&[vec![1, 80_000], values].concat()));
        }

        #[test]
        fn storing_and_reading_changes_nothing(values in prop::collection::vec(1_u64..900_000_000, 0..200)) {
            let latency = of(&values);
            let text = serde_json::to_string(&latency).unwrap();
            let back: Latency = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(back.count(), latency.count());
            prop_assert_eq!(back.max(), latency.max());
            for q in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
                prop_assert_eq!(back.quantile(q), latency.quantile(q));
            }
        }

        #[test]
        fn a_percentile_is_within_a_thousandth_of_the_true_one(mut values in prop::collection::vec(1_u64..60_000_000, 1..300), q in 0.01..1.0_f64) {
            let latency = of(&values);
            values.sort_unstable();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below 300")]
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1;
            let (seen, truth) = (latency.quantile(q).unwrap().as_micros() as f64, values[rank] as f64);
            prop_assert!((seen - truth).abs() <= truth / 1000.0 + 1.0, "{seen} against {truth}");
        }
    }
}
