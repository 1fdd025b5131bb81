//! Which rate to try next: doubling until one misses, then bisection.
//!
//! ```text
//!  10 ✓  20 ✓  40 ✓  80 ✓  160 ✗   120 ✓  140 ✗  130 ✗  125 ✗ …      holds 120, misses 125
//! ```
//!
//! - A try that holds counts at once; one that misses is repeated, and counts when it misses again: a hiccup of the
//!   network must not pass for the limit of the service.
//! - A try whose answers were not as expected is repeated, too; then the search ends, since no rate says why.
//! - A try during which the generator was the limit says nothing: it is repeated up to three times, then the search
//!   ends with what it knows.
//! - If already the first rate misses, the rate is halved until one holds.
//! - The bracket is narrow enough when it is within the tolerance of the rate that holds, or one request per second.

use serde::Serialize;

use crate::capacity::probe::ProbeOutcome;

/// Tries in a row that may fall to the generator.
const MOST_INVALID: u32 = 3;

/// Misses in a row that make a rate one that misses.
const MISSES_THAT_COUNT: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchOptions {
    /// The first rate to try, at least 1 request per second.
    pub start: u32,
    /// The highest rate to try.
    pub ceiling: u32,
    /// The width of the bracket at which the search ends, as a share of the rate that holds.
    pub tolerance: f64,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Try this rate.
    Probe(u32),
    /// Nothing more: see [`Search::end`].
    Done,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The limit lies between a rate that holds and one that misses.
    Bracketed,
    /// The highest rate that may be tried holds.
    AtCeiling,
    /// Not even one request per second holds.
    NothingHolds,
    /// Answers were not as expected; says how. That is no limit of a rate.
    Unexpected(String),
    /// The generator, not the service, was the limit; says why.
    Generator(String),
    /// It was ended before it was done.
    Interrupted,
}

/// A search: knows the bracket, and what has been tried at the rate that is tried now.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    options: SearchOptions,
    holds: Option<u32>,
    misses: Option<u32>,
    missed_in_a_row: u32,
    invalid_in_a_row: u32,
    generator: Option<String>,
    unexpected_of_rate: u32,
    unexpected: Option<String>,
}

impl Search {
    pub(crate) fn new(options: SearchOptions) -> Self {
        let ceiling = options.ceiling.max(1);
        let options = SearchOptions { ceiling, start: options.start.clamp(1, ceiling), ..options };
        Self {
            options,
            holds: None,
            misses: None,
            missed_in_a_row: 0,
            invalid_in_a_row: 0,
            generator: None,
            unexpected_of_rate: 0,
            unexpected: None,
        }
    }

    /// The highest rate that held.
    pub(crate) const fn holds(&self) -> Option<u32> {
        self.holds
    }

    /// The lowest rate that missed.
    pub(crate) const fn misses(&self) -> Option<u32> {
        self.misses
    }

    /// What to try next.
    pub(crate) fn next(&self) -> Next {
        match self.end() {
            Some(_) => Next::Done,
            None => Next::Probe(self.rate()),
        }
    }

    /// Why there is nothing more to try; `None` while there is.
    pub(crate) fn end(&self) -> Option<End> {
        if let Some(reason) = &self.generator {
            return Some(End::Generator(reason.clone()));
        }
        if let Some(reason) = &self.unexpected {
            return Some(End::Unexpected(reason.clone()));
        }
        match (self.holds, self.misses) {
            (Some(holds), None) if holds >= self.options.ceiling => Some(End::AtCeiling),
            (None, Some(1)) => Some(End::NothingHolds),
            (Some(holds), Some(misses)) if self.is_narrow(holds, misses) => Some(End::Bracketed),
            _ => None,
        }
    }

    /// Notes how a try of `rate` went.
    pub(crate) fn report(&mut self, rate: u32, outcome: &ProbeOutcome) {
        match outcome {
            // Neither takes back that it missed: tries that do one and the other in turn end, too.
            ProbeOutcome::Unexpected(reason) => {
                self.invalid_in_a_row = 0;
                self.unexpected_of_rate += 1;
                if self.unexpected_of_rate >= MISSES_THAT_COUNT {
                    self.unexpected = Some(reason.clone());
                }
            }
            ProbeOutcome::Held => {
                self.holds = Some(self.holds.map_or(rate, |holds| holds.max(rate)));
                self.missed_in_a_row = 0;
                self.invalid_in_a_row = 0;
                self.unexpected_of_rate = 0;
            }
            ProbeOutcome::Missed(_) => {
                self.invalid_in_a_row = 0;
                self.missed_in_a_row += 1;
                if self.missed_in_a_row >= MISSES_THAT_COUNT {
                    self.misses = Some(self.misses.map_or(rate, |misses| misses.min(rate)));
                    self.missed_in_a_row = 0;
                    self.unexpected_of_rate = 0;
                }
            }
            ProbeOutcome::Invalid(reason) => {
                self.invalid_in_a_row += 1;
                if self.invalid_in_a_row >= MOST_INVALID {
                    self.generator = Some(reason.clone());
                }
            }
        }
    }

    fn rate(&self) -> u32 {
        match (self.holds, self.misses) {
            (None, None) => self.options.start,
            (Some(holds), None) => holds.saturating_mul(2).min(self.options.ceiling),
            (None, Some(misses)) => (misses / 2).max(1),
            (Some(holds), Some(misses)) => holds + (misses - holds) / 2,
        }
    }

    fn is_narrow(&self, holds: u32, misses: u32) -> bool {
        let width = misses.saturating_sub(holds);
        width <= 1 || f64::from(width) <= self.options.tolerance * f64::from(holds)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(start: u32) -> SearchOptions {
        SearchOptions { start, ceiling: 5_000, tolerance: 0.01 }
    }

    /// Searches a service that holds `capacity`, whose n-th try misses for no reason when `hiccup` says so.
    fn search(options: SearchOptions, capacity: u32, hiccup: impl Fn(usize) -> bool) -> (Search, Vec<u32>) {
        let mut search = Search::new(options);
        let mut tried = Vec::new();
        while let Next::Probe(rate) = search.next() {
            let held = rate <= capacity && !hiccup(tried.len());
            tried.push(rate);
            assert!(tried.len() < 200, "the search does not end: {tried:?}");
            search.report(rate, &if held { ProbeOutcome::Held } else { ProbeOutcome::Missed(String::new()) });
        }
        (search, tried)
    }

    #[test]
    fn the_rate_is_doubled_until_it_misses_twice_then_the_bracket_is_halved() {
        let (search, tried) = search(options(10), 123, |_| false);
        assert_eq!(tried[..7], [10, 20, 40, 80, 160, 160, 120]);
        assert_eq!((search.holds(), search.misses(), search.end()), (Some(123), Some(124), Some(End::Bracketed)));
    }

    #[test]
    fn a_single_miss_is_not_believed() {
        let (search, _) = search(options(10), 123, |n| n % 3 == 0);
        assert_eq!((search.holds(), search.misses()), (Some(123), Some(124)));
    }

    #[test]
    fn a_first_rate_that_misses_is_halved_down_to_one() {
        let (found, tried) = search(options(100), 30, |_| false);
        assert_eq!(tried[..5], [100, 100, 50, 50, 25]);
        assert_eq!(found.holds(), Some(30));
        let (nothing, _) = search(options(100), 0, |_| false);
        assert_eq!((nothing.holds(), nothing.end()), (None, Some(End::NothingHolds)));
    }

    #[test]
    fn the_ceiling_is_tried_and_never_passed() {
        let (search, tried) = search(SearchOptions { ceiling: 300, ..options(100) }, 1_000, |_| false);
        assert_eq!(tried, [100, 200, 300]);
        assert_eq!((search.holds(), search.misses(), search.end()), (Some(300), None, Some(End::AtCeiling)));
    }

    #[test]
    fn a_generator_that_cannot_keep_up_ends_the_search_with_what_is_known() {
        let mut search = Search::new(options(100));
        search.report(100, &ProbeOutcome::Held);
        for _ in 0..3 {
            assert_eq!(search.next(), Next::Probe(200));
            search.report(200, &ProbeOutcome::Invalid("send lag".into()));
        }
        assert_eq!((search.holds(), search.misses()), (Some(100), None));
        assert_eq!(search.end(), Some(End::Generator("send lag".into())));
    }

    #[test]
    fn answers_that_are_not_as_expected_end_the_search_without_an_upper_bound() {
        let mut search = Search::new(options(10));
        search.report(10, &ProbeOutcome::Held);
        let unexpected = ProbeOutcome::Unexpected("300 × 404".into());
        search.report(20, &unexpected);
        assert_eq!(search.next(), Next::Probe(20), "once more");
        search.report(20, &unexpected);
        assert_eq!((search.holds(), search.misses()), (Some(10), None));
        assert_eq!(search.end(), Some(End::Unexpected("300 × 404".into())));
    }

    #[test]
    fn whatever_tries_are_like_in_turn_the_search_ends() {
        let missed = ProbeOutcome::Missed("errors > 1 %".into());
        let unexpected = ProbeOutcome::Unexpected("300 × 404".into());
        let invalid = ProbeOutcome::Invalid("send lag".into());
        let tries = |turns: &[&ProbeOutcome]| {
            let mut search = Search::new(options(64));
            let ends = turns.iter().cycle().take(200).position(|outcome| {
                let Next::Probe(rate) = search.next() else { return true };
                search.report(rate, outcome);
                false
            });
            (ends.is_some(), search.end())
        };
        let not_expected = Some(End::Unexpected("300 × 404".into()));
        assert_eq!(tries(&[&unexpected, &missed]), (true, not_expected.clone()));
        assert_eq!(tries(&[&unexpected, &invalid]), (true, not_expected));
        // Every rate misses twice, and shows something else once.
        assert_eq!(tries(&[&missed, &missed, &unexpected, &missed]), (true, Some(End::NothingHolds)));
        // One of another rate is no second one.
        let held = ProbeOutcome::Held;
        let mut search = Search::new(options(10));
        for (rate, outcome) in [(10, &unexpected), (10, &held), (20, &unexpected)] {
            search.report(rate, outcome);
        }
        assert_eq!((search.next(), search.end()), (Next::Probe(20), None));
    }

    proptest! {
        #[test]
        fn the_bracket_holds_the_capacity_and_is_narrow(capacity in 1..4_999_u32, start in 1..5_000_u32) {
            let (search, tried) = search(options(start), capacity, |_| false);
            let (holds, misses) = (search.holds().unwrap(), search.misses().unwrap());
            prop_assert!(holds <= capacity && capacity < misses);
            prop_assert!(misses - holds <= 1 || f64::from(misses - holds) <= 0.01 * f64::from(holds));
            // Twice the doublings and halvings of a range of 5,000.
            prop_assert!(tried.len() <= 2 * 13 + 13);
        }
    }
}
