//! When connections retire: pure, it takes `now`.
//!
//! Connections that live for ever never reach a new instance or a new DNS answer, and closing them all at once is a storm
//! of connects that shows as latency. So each is given an age of its own when it is born, between three quarters and five
//! quarters of the one asked for, and those that were opened together retire one after the other.

use std::collections::BTreeSet;
use std::time::Duration;

use scaletop_units::Elapsed;

/// Names a connection of one pool.
pub(in crate::http) type Id = u64;

/// The ages of a pool's connections.
#[derive(Debug)]
pub(super) struct Lifetimes {
    max_age: Option<Duration>,
    ends: BTreeSet<(Elapsed, Id)>,
}

impl Lifetimes {
    /// Connections live for about `max_age`; `None`: for ever.
    pub(super) const fn new(max_age: Option<Duration>) -> Self {
        Self { max_age, ends: BTreeSet::new() }
    }

    /// Connection `id` is open from `now` on: when it retires. `chance` is uniform between 0 and 1.
    pub(super) fn born(&mut self, id: Id, now: Elapsed, chance: f64) -> Option<Elapsed> {
        let age = self.max_age?.mul_f64(0.75 + 0.5 * chance.clamp(0.0, 1.0));
        let end = now + age;
        self.ends.insert((end, id));
        Some(end)
    }

    /// Connection `id`, which was to retire at `end`, is closed.
    pub(super) fn gone(&mut self, id: Id, end: Option<Elapsed>) {
        if let Some(end) = end {
            self.ends.remove(&(end, id));
        }
    }

    /// When the next one retires.
    pub(super) fn next(&self) -> Option<Elapsed> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// The one that should have retired longest ago.
    pub(super) fn overdue(&self, now: Elapsed) -> Option<Id> {
        self.ends.first().filter(|&&(end, _)| end <= now).map(|&(_, id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_were_opened_together_retire_one_after_the_other_around_the_age() {
        let mut lifetimes = Lifetimes::new(Some(Duration::from_secs(30)));
        for id in 0..100 {
            lifetimes.born(id, Elapsed::from_secs(1), id as f64 / 99.0);
        }
        assert_eq!(lifetimes.overdue(Elapsed::from_millis(23_499)), None);
        let mut retired = 0;
        for second in 23..=39 {
            let before = retired;
            while let Some(id) = lifetimes.overdue(Elapsed::from_secs(second)) {
                lifetimes.gone(id, lifetimes.next());
                retired += 1;
            }
            assert!(retired - before <= 8, "{} in second {second}", retired - before);
        }
        assert_eq!((retired, lifetimes.next()), (100, None));
    }

    #[test]
    fn without_an_age_nothing_retires() {
        let mut lifetimes = Lifetimes::new(None);
        assert_eq!(lifetimes.born(1, Elapsed::ZERO, 0.5), None);
        assert_eq!(lifetimes.overdue(Elapsed::from_secs(1_000_000)), None);
    }
}
