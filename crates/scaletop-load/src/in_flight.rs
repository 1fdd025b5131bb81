//! Which requests of one worker have no answer yet, and the oldest of them.
//!
//! Arrivals are sent in the order they were intended, so the oldest is the front of a queue from which answered ones are
//! dropped lazily: constant time per request, whatever the order of the answers.

use std::collections::VecDeque;

use scaletop_units::Elapsed;

/// The requests without an answer.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// Intended instants in the order they were sent; `None` once answered. The front is never `None`.
    queue: VecDeque<Option<Elapsed>>,
    /// The ticket of the front.
    first: u64,
    count: u64,
}

/// Names one request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

impl InFlight {
    /// A request intended at `intended` is on its way.
    pub(crate) fn add(&mut self, intended: Elapsed) -> Ticket {
        let ticket = Ticket(self.first + self.queue.len() as u64);
        self.queue.push_back(Some(intended));
        self.count += 1;
        ticket
    }

    /// It was answered, has failed or was given up. A second time does nothing.
    pub(crate) fn remove(&mut self, ticket: Ticket) {
        let slot = ticket.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if slot.and_then(|at| self.queue.get_mut(at)).and_then(Option::take).is_some() {
            self.count -= 1;
        }
        while self.queue.front().is_some_and(Option::is_none) {
            self.queue.pop_front();
            self.first += 1;
        }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// When the oldest was intended.
    pub(crate) fn oldest(&self) -> Option<Elapsed> {
        self.queue.front().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn removing_twice_counts_once() {
        let mut flights = InFlight::default();
        let first = flights.add(Elapsed::from_secs(1));
        let _second = flights.add(Elapsed::from_secs(2));
        flights.remove(first);
        flights.remove(first);
        assert_eq!((flights.count(), flights.oldest()), (1, Some(Elapsed::from_secs(2))));
    }

    proptest! {
        #[test]
        fn the_oldest_and_the_count_are_those_of_a_plain_list(ops in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 0..200)) {
            let mut flights = InFlight::default();
            let mut model: Vec<(Ticket, Elapsed)> = Vec::new();
            for (second, (is_add, pick)) in (1..).zip(ops) {
                if is_add || model.is_empty() {
                    model.push((flights.add(Elapsed::from_secs(second)), Elapsed::from_secs(second)));
                } else {
                    let (ticket, _) = model.remove(pick.index(model.len()));
                    flights.remove(ticket);
                }
                prop_assert_eq!(flights.count(), model.len() as u64);
                prop_assert_eq!(flights.oldest(), model.first().map(|&(_, at)| at));
            }
            prop_assert!(flights.queue.len() <= model.len() + 200);
        }
    }
}
