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

    /// Connection `id`, which was to retire at `end`, stays until `later`.
    pub(super) fn put_off(&mut self, id: Id, end: Option<Elapsed>, later: Elapsed) {
        self.gone(id, end);
        self.ends.insert((later, id));
    }

    /// When the next one retires.
    pub(super) fn next(&self) -> Option<Elapsed> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// Those that should have retired by now, the longest ago first.
    pub(super) fn overdue(&self, now: Elapsed) -> impl Iterator<Item = Id> + Clone {
        self.ends.range(..=(now, Id::MAX)).map(|&(_, id)| id)
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
        assert_eq!(lifetimes.overdue(Elapsed::from_millis(23_499)).next(), None);
        let mut retired = 0;
        let oldest = |lifetimes: &Lifetimes, second| lifetimes.overdue(Elapsed::from_secs(second)).next();
        for second in 23..=39 {
            let before = retired;
            while let Some(id) = oldest(&lifetimes, second) {
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
        assert_eq!(lifetimes.overdue(Elapsed::from_secs(1_000_000)).next(), None);
    }

    #[test]
    fn one_that_is_put_off_retires_later() {
        let mut lifetimes = Lifetimes::new(Some(Duration::from_secs(4)));
        let end = lifetimes.born(1, Elapsed::ZERO, 0.5);
        lifetimes.born(2, Elapsed::ZERO, 0.6);
        lifetimes.put_off(1, end, Elapsed::from_secs(5));
        let overdue = |millis| lifetimes.overdue(Elapsed::from_millis(millis)).collect::<Vec<_>>();
        assert_eq!([overdue(4_500), overdue(5_000)], [vec![2], vec![2, 1]]);
    }
}
