//! The cells of a histogram: a list while they are few, HdrHistogram's array when they are many.

use hdrhistogram::Histogram;

use crate::record::latency::HIGHEST_TRACKABLE_MICROS;

/// Significant decimal digits: a value is off by at most 0.1 %.
const SIGNIFICANT_DIGITS: u8 = 3;

/// Values are exact below 2^11 (the first power of two above 2 × 10³); each doubling above has 2^10 cells.
const EXACT_BITS: u32 = 10;

/// A list longer than this becomes an array: 4 KiB against some 40.
const MOST_IN_LIST: usize = 512;

/// How often each cell was hit.
#[derive(Clone)]
pub(super) enum Cells {
    /// (lowest value of the cell, count), ascending; at most [`MOST_IN_LIST`].
    Few(Vec<(u64, u32)>),
    /// More than that.
    Many(Box<Histogram<u32>>),
}

/// The lowest value of the cell that a value falls into.
const fn lowest_of_cell(value: u64) -> u64 {
    let shift = shift_of(value);
    (value >> shift) << shift
}

/// The highest value of the cell that a value falls into.
pub(super) const fn highest_of_cell(value: u64) -> u64 {
    let shift = shift_of(value);
    (((value >> shift) + 1) << shift) - 1
}

const fn shift_of(value: u64) -> u32 {
    if value < 1 << EXACT_BITS { 0 } else { value.ilog2() - EXACT_BITS }
}

/// Counts the cells from 0 up: what neighbours differ by is small.
pub(super) const fn number_of_cell(value: u64) -> u64 {
    let shift = shift_of(value);
    ((shift as u64) << EXACT_BITS) + (value >> shift)
}

/// The lowest value of the cell of that number; `None` beyond the trackable range.
pub(super) fn lowest_of(number: u64) -> Option<u64> {
    let shift = (number >> EXACT_BITS).saturating_sub(1);
    // Checked before it is shifted: a hostile number is as large as it likes.
    let value = (shift < 32).then(|| (number - (shift << EXACT_BITS)) << shift)?;
    (value <= HIGHEST_TRACKABLE_MICROS).then_some(value)
}

impl Cells {
    /// From the cells that were hit: (lowest value of the cell, count), ascending.
    pub(super) fn from_list(list: Vec<(u64, u32)>) -> Self {
        let mut cells = Self::Few(list);
        cells.outgrow();
        cells
    }

    /// Adds `count` of a value; those beyond the trackable range count as its end.
    pub(super) fn add(&mut self, value: u64, count: u32) {
        let value = value.min(HIGHEST_TRACKABLE_MICROS);
        match self {
            Self::Few(list) => {
                let cell = lowest_of_cell(value);
                match list.binary_search_by_key(&cell, |(lowest, _)| *lowest) {
                    Ok(at) => list[at].1 = list[at].1.saturating_add(count),
                    Err(at) => list.insert(at, (cell, count)),
                }
                self.outgrow();
            }
            Self::Many(cells) => add_n(cells, value, count),
        }
    }

    /// Adds every count of `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Few(theirs)) => self.merge_list(theirs),
            (Self::Few(mine), Self::Many(theirs)) => {
                let mut all = theirs.clone();
                for &(value, count) in &*mine {
                    add_n(&mut all, value, count);
                }
                *self = Self::Many(all);
            }
            (Self::Many(mine), Self::Many(theirs)) => {
                let _ = mine.add(&**theirs); // never fails: the array grows
            }
        }
    }

    /// Adds every count of a list of cells, ascending.
    pub(super) fn merge_list(&mut self, theirs: &[(u64, u32)]) {
        if theirs.is_empty() {
            return;
        }
        match self {
            Self::Few(mine) => {
                *mine = if mine.is_empty() { theirs.to_vec() } else { merged(mine, theirs) };
                self.outgrow();
            }
            Self::Many(mine) => theirs.iter().for_each(|&(value, count)| add_n(mine, value, count)),
        }
    }

    /// How many values were added.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Few(list) => list.iter().map(|(_, count)| u64::from(*count)).sum(),
            Self::Many(cells) => cells.len(),
        }
    }

    /// The cells that were hit, ascending, as (lowest value of the cell, count).
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let (list, array) = match self {
            Self::Few(list) => (Some(list), None),
            Self::Many(cells) => (None, Some(cells)),
        };
        let array = array.into_iter().flat_map(|cells| recorded(cells));
        list.into_iter().flatten().copied().chain(array)
    }

    fn outgrow(&mut self) {
        if let Self::Few(list) = self
            && list.len() > MOST_IN_LIST
        {
            *self = Self::Many(Box::new(in_array(list)));
        }
    }
}

impl PartialEq for Cells {
    /// The same cells, however they are kept.
    fn eq(&self, other: &Self) -> bool {
        self.count() == other.count() && self.iter().eq(other.iter())
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// A list as an array.
pub(super) fn in_array(list: &[(u64, u32)]) -> Histogram<u32> {
    // As large as it has to be at once: growing to it would move it time and again.
    let highest = list.last().map_or(2, |(value, _)| highest_of_cell(*value).max(2));
    let mut cells = Histogram::new_with_bounds(1, highest, SIGNIFICANT_DIGITS)
        .unwrap_or_else(|_| unreachable!("3 digits and a highest value of twice the lowest are valid"));
    cells.auto(true);
    for &(value, count) in list {
        add_n(&mut cells, value, count);
    }
    cells
}

/// The cells of an array that were hit, ascending, as (lowest value of the cell, count). Only looks between the least and
/// the greatest value.
pub(super) fn recorded(cells: &Histogram<u32>) -> impl Iterator<Item = (u64, u32)> + '_ {
    let last = cells.max();
    let first = if cells.is_empty() { u64::MAX } else { cells.lowest_equivalent(cells.min_nz()) };
    std::iter::successors((first <= last).then_some(first), move |&value| {
        let next = cells.next_non_equivalent(value);
        (next <= last).then_some(next)
    })
    .map(|value| (value, cells.count_at(value)))
    .filter(|&(_, count)| count > 0)
}

fn add_n(cells: &mut Histogram<u32>, value: u64, count: u32) {
    let _ = cells.record_n(value, count); // never fails: the array grows, and the range is checked
}

/// Two ascending lists as one.
fn merged(mine: &[(u64, u32)], theirs: &[(u64, u32)]) -> Vec<(u64, u32)> {
    let mut all = Vec::with_capacity(mine.len() + theirs.len());
    let (mut a, mut b) = (mine.iter().copied().peekable(), theirs.iter().copied().peekable());
    loop {
        match (a.peek().copied(), b.peek().copied()) {
            (Some((left, more)), Some((right, count))) if left == right => {
                all.push((left, more.saturating_add(count)));
                a.next();
                b.next();
            }
            (Some(left), Some(right)) if left.0 < right.0 => {
                all.push(left);
                a.next();
            }
            (Some(left), None) => {
                all.push(left);
                a.next();
            }
            (_, Some(right)) => {
                all.push(right);
                b.next();
            }
            (None, None) => return all,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_that_grows_long_becomes_an_array_and_says_the_same() {
        let (mut cells, mut list) = (Cells::default(), Vec::new());
        for value in 1..=MOST_IN_LIST as u64 + 1 {
            assert!(matches!(cells, Cells::Few(_)));
            cells.add(value, 2);
            list.push((value, 2));
        }
        assert!(matches!(cells, Cells::Many(_)));
        assert!(cells.iter().eq(list));
    }

    proptest! {
        #[test]
        fn our_cells_are_those_of_hdr_histogram(value in 1_u64..=HIGHEST_TRACKABLE_MICROS) {
            let array = in_array(&[(value, 1)]);
            prop_assert_eq!(lowest_of_cell(value), array.lowest_equivalent(value));
            prop_assert_eq!(highest_of_cell(value), array.highest_equivalent(value));
            prop_assert_eq!(lowest_of(number_of_cell(value)), Some(lowest_of_cell(value)));
            prop_assert_eq!(number_of_cell(highest_of_cell(value) + 1), number_of_cell(value) + 1);
        }

        #[test]
        fn merging_says_the_same_whatever_is_a_list_and_whatever_an_array(
            a in prop::collection::vec(1_u64..3_000_000, 0..900), b in prop::collection::vec(1_u64..3_000_000, 0..900)
        ) {
            let of = |values: &[u64]| {
                let mut cells = Cells::default();
                for &value in values {
                    cells.add(value, 1);
                }
                cells
            };
            let (mut left, mut right, whole) = (of(&a), of(&b), of(&[a.clone(), b.clone()].concat()));
            left.merge(&right);
            right.merge(&of(&a));
            prop_assert!(left == whole && right == whole);
            prop_assert_eq!(whole.count(), (a.len() + b.len()) as u64);
        }
    }
}
