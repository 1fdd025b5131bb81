//! A latency histogram: mergeable, bounded, honest about what lies beyond its range.
//!
//! Percentiles of a span come from merged histograms, never from averaged percentiles: the p99 of two seconds is not the
//! mean of their p99s (the test `the_mean_of_two_p99s_is_not_the_p99_of_both` shows by how much).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use self::cells::{Cells, highest_of_cell, in_array};

mod cells;
mod varint;

/// The longest latency that is told apart from longer ones, in microseconds (10 minutes: beyond any sane timeout).
/// Longer ones count as this one, and [`Latency::max`] still knows the longest.
pub(crate) const HIGHEST_TRACKABLE_MICROS: u64 = 600_000_000;

/// Latencies of many requests, in microseconds.
///
/// A second of one instance, or of one cohort, fills a hundred cells of the ten thousand that a histogram of its range
/// has; those are kept as a list, and only what fills many cells as an array. Merging a list costs what is in it.
#[derive(Clone, PartialEq)]
pub struct Latency {
    cells: Cells,
    max_micros: u64,
}

/// Why stored latencies could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The bytes end within it.
    #[error("it ends too early")]
    Short,
    /// No writer of ours wrote this.
    #[error("it is damaged, or of another make")]
    Alien,
}

impl Latency {
    /// No latencies.
    pub const fn new() -> Self {
        Self { cells: Cells::Few(Vec::new()), max_micros: 0 }
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
        self.cells.add(cell(micros), 1);
    }

    /// Adds every latency of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.max_micros = self.max_micros.max(other.max_micros);
        self.cells.merge(&other.cells);
    }

    /// Adds every latency of `other`.
    pub(crate) fn merge_cells(&mut self, other: LatencyCells<'_>) {
        self.max_micros = self.max_micros.max(other.max_micros);
        self.cells.merge_list(other.cells);
    }

    /// How many latencies were added.
    pub fn count(&self) -> u64 {
        self.cells.count()
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The latency that a share `q` (0 to 1) of the requests did not exceed; `None` when there are none.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        self.quantiles([q]).map(|[found]| found)
    }

    /// Several quantiles at once, for the price of one: `qs` ascending; `None` when there are no latencies.
    pub fn quantiles<const N: usize>(&self, qs: [f64; N]) -> Option<[Duration; N]> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        if let Cells::Many(cells) = &self.cells {
            return Some(qs.map(|q| Duration::from_micros(cells.value_at_quantile(q).min(self.max_micros))));
        }
        Some(quantiles_of(self.cells.iter(), count, self.max_micros, qs))
    }

    /// The longest latency, exactly, even beyond the trackable range.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.max_micros))
    }

    /// The mean, for Little's law; percentiles are what is charted.
    pub fn mean(&self) -> Option<Duration> {
        let count = self.count();
        let middle = |value: u64| (value + highest_of_cell(value)) as f64 / 2.0;
        let sum: f64 = self.cells.iter().map(|(value, count)| middle(value) * f64::from(count)).sum();
        (count > 0).then(|| Duration::try_from_secs_f64(sum / count as f64 / 1e6).ok()).flatten()
    }

    /// How many latencies are longer than `bound` (to the resolution of the cells).
    pub fn count_above(&self, bound: Duration) -> u64 {
        if u128::from(self.max_micros) <= bound.as_micros() {
            return 0;
        }
        let bound = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        self.cells.iter().filter(|&(value, _)| value > bound).map(|(_, count)| u64::from(count)).sum()
    }

    /// The cells as (highest value of the cell, count), ascending: for heat maps.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.cells.iter().map(|(value, count)| (Duration::from_micros(highest_of_cell(value)), u64::from(count)))
    }

    /// HdrHistogram's own array, for its own formats; `None` when empty.
    pub fn histogram(&self) -> Option<Cow<'_, Histogram<u32>>> {
        match &self.cells {
            Cells::Few(list) if list.is_empty() => None,
            Cells::Few(list) => Some(Cow::Owned(in_array(list))),
            Cells::Many(cells) => Some(Cow::Borrowed(cells)),
        }
    }

    /// Appends the latencies to `bytes`, short and without loss: [`Latency::unpack`] reads them.
    ///
    /// Numbers of 7 bits a byte (LEB128): the exact maximum in microseconds (0 when empty: nothing follows), how many
    /// cells hold something, then of each how far it is from the one before, and its count.
    pub fn pack(&self, bytes: &mut Vec<u8>) {
        if self.is_empty() {
            varint::write(bytes, 0);
            return;
        }
        varint::write(bytes, self.max_micros);
        varint::write(bytes, self.cells.iter().count() as u64);
        let mut last = 0;
        for (value, count) in self.cells.iter() {
            let at = cells::number_of_cell(value);
            varint::write(bytes, at - last);
            varint::write(bytes, u64::from(count));
            last = at;
        }
    }

    /// Reads what [`Latency::pack`] wrote off the front of `bytes`.
    ///
    /// # Errors
    /// When the bytes end early, or are none of ours.
    pub fn unpack(bytes: &mut &[u8]) -> Result<Self, UnpackError> {
        let mut list = Vec::new();
        let max_micros = unpack_cells(bytes, &mut list)?;
        Ok(Self { cells: Cells::from_list(list), max_micros })
    }
}

/// One cell of a histogram that was hit: its lowest value, and how often.
pub(crate) type Cell = (u64, u32);

/// The cells of a histogram, ascending, in somebody else's room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencyCells<'a> {
    pub cells: &'a [Cell],
    pub max_micros: u64,
}

impl LatencyCells<'_> {
    /// As [`Latency::count`].
    pub(crate) fn count(self) -> u64 {
        self.cells.iter().map(|&(_, count)| u64::from(count)).sum()
    }

    /// As [`Latency::quantile`].
    pub(crate) fn quantile(self, q: f64) -> Option<Duration> {
        let count = self.count();
        let [found] = (count > 0).then(|| quantiles_of(self.cells.iter().copied(), count, self.max_micros, [q]))?;
        Some(found)
    }
}

impl From<LatencyCells<'_>> for Latency {
    fn from(LatencyCells { cells, max_micros }: LatencyCells<'_>) -> Self {
        Self { cells: Cells::from_list(cells.to_vec()), max_micros }
    }
}

/// Reads what [`Latency::pack`] wrote off the front of `bytes`: appends its cells to `list`, and gives its exact maximum in
/// microseconds (0 when it is empty).
pub(crate) fn unpack_cells(bytes: &mut &[u8], list: &mut Vec<Cell>) -> Result<u64, UnpackError> {
    let max_micros = varint::read(bytes)?;
    if max_micros == 0 {
        return Ok(0);
    }
    let len = varint::read(bytes)?;
    // A cell takes two bytes or more: a length that lies must not fill the memory.
    list.reserve(usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len() / 2));
    let mut at = 0_u64;
    for nth in 0..len {
        let step = varint::read(bytes)?;
        at = at.checked_add(step).filter(|_| step > 0 || nth == 0).ok_or(UnpackError::Alien)?;
        let value = cells::lowest_of(at).ok_or(UnpackError::Alien)?;
        let count = varint::read(bytes)?;
        list.push((value, u32::try_from(count).ok().ok_or(UnpackError::Alien)?));
    }
    Ok(max_micros)
}

/// Quantiles of `count` latencies whose cells are given, ascending; `count` is not zero, and `qs` ascends.
fn quantiles_of<const N: usize>(
    cells: impl Iterator<Item = Cell>,
    count: u64,
    max_micros: u64,
    qs: [f64; N],
) -> [Duration; N] {
    // The rank of a quantile as HdrHistogram counts it: at least the first, a part of one is one more.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "q is between 0 and 1")]
    let ranks = qs.map(|q| ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1));
    let mut found = [Duration::from_micros(max_micros); N];
    let (mut next, mut seen) = (0, 0_u64);
    for (value, count) in cells {
        seen += u64::from(count);
        while next < N && seen >= ranks[next] {
            found[next] = Duration::from_micros(highest_of_cell(value).min(max_micros));
            next += 1;
        }
        if next == N {
            break;
        }
    }
    found
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
        assert_eq!((empty.quantile(0.99), empty.max(), empty.mean()), (None, None, None));
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
            let above = highest_of_cell(u64::try_from(bound.as_micros()).unwrap());
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
            let mut bytes = Vec::new();
            latency.pack(&mut bytes);
            let mut rest = bytes.as_slice();
            let back = Latency::unpack(&mut rest).unwrap();
            prop_assert!(rest.is_empty());
            for end in 0..bytes.len() {
                prop_assert!(Latency::unpack(&mut &bytes[..end]).is_err(), "cut off at {end}");
            }
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
