//! Which requests of one worker have no answer yet, the oldest of them, and which of them still wait for a connection.
//!
//! Arrivals are accepted in the order they were due, so one queue says it all: the oldest is its front, what waits is its
//! end, and answered ones are dropped lazily. Constant time per request, whatever the order of the answers.
//!
//! ```text
//!   first                     next                end
//!   │ sent, some answered ┄┄┄ │ wait, none taken  │
//! ```

use std::collections::VecDeque;

use crate::pacer::Arrival;
use scaletop_units::Elapsed;

/// The requests without an answer.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// Arrivals in the order in which they were due; due at [`ANSWERED`] once answered, which the front never is.
    queue: VecDeque<Arrival>,
    /// The ticket of the front.
    first: u64,
    /// The ticket of the first that waits.
    next: u64,
    count: u64,
}

/// Stands in the queue for what was answered: no request is due at the end of time.
const ANSWERED: Elapsed = Elapsed::from_nanos(u64::MAX);

/// Names one request in flight; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

impl InFlight {
    /// The request of `arrival` waits for a connection.
    pub(crate) fn add(&mut self, arrival: Arrival) {
        self.queue.push_back(arrival);
        self.count += 1;
    }

    /// The oldest that waits does so no longer.
    pub(crate) fn take(&mut self) -> Option<(Ticket, Arrival)> {
        let arrival = self.next_waiting()?;
        let ticket = Ticket(self.next);
        self.next += 1;
        Some((ticket, arrival))
    }

    /// It was answered, has failed or was given up. A second time does nothing.
    pub(crate) fn remove(&mut self, ticket: Ticket) {
        debug_assert!(ticket.0 < self.next, "what waits must be taken first");
        if let Some(slot) = self.index(ticket).and_then(|at| self.queue.get_mut(at))
            && slot.due != ANSWERED
        {
            slot.due = ANSWERED;
            self.count -= 1;
        }
        while self.oldest() == Some(ANSWERED) {
            self.queue.pop_front();
            self.first += 1;
        }
    }

    /// How many there are, those that wait included.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// When the oldest was due.
    pub(crate) fn oldest(&self) -> Option<Elapsed> {
        self.queue.front().map(|arrival| arrival.due)
    }

    /// How many wait for a connection.
    pub(crate) fn waiting(&self) -> usize {
        usize::try_from(self.end().0 - self.next).unwrap_or(usize::MAX)
    }

    /// When the oldest that waits was due.
    pub(crate) fn oldest_waiting(&self) -> Option<Elapsed> {
        self.next_waiting().map(|arrival| arrival.due)
    }

    fn next_waiting(&self) -> Option<Arrival> {
        self.index(Ticket(self.next)).and_then(|at| self.queue.get(at)).copied()
    }

    /// The ticket that the next request will have.
    pub(crate) fn end(&self) -> Ticket {
        Ticket(self.first + self.queue.len() as u64)
    }

    /// The ticket of the one that waits behind `ahead` others, or the end.
    pub(crate) fn nth_waiting(&self, ahead: usize) -> Ticket {
        Ticket(self.next.saturating_add(ahead as u64)).min(self.end())
    }

    /// When those that wait, from ticket `from` to before `until`, were due.
    pub(crate) fn between(&self, from: Ticket, until: Ticket) -> impl Iterator<Item = Elapsed> {
        let from = from.max(Ticket(self.next));
        (from.0..until.0).filter_map(|ticket| self.queue.get(self.index(Ticket(ticket))?).map(|arrival| arrival.due))
    }

    fn index(&self, ticket: Ticket) -> Option<usize> {
        ticket.0.checked_sub(self.first).and_then(|at| usize::try_from(at).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn due(at: Elapsed) -> Arrival {
        Arrival { number: 1, due: at }
    }

    #[test]
    fn removing_twice_counts_once() {
        let mut flights = InFlight::default();
        flights.add(due(Elapsed::from_secs(1)));
        flights.add(due(Elapsed::from_secs(2)));
        let (first, _) = flights.take().unwrap();
        flights.remove(first);
        flights.remove(first);
        assert_eq!((flights.count(), flights.oldest()), (1, Some(Elapsed::from_secs(2))));
    }

    proptest! {
        #[test]
        fn it_knows_what_two_plain_lists_know(ops in prop::collection::vec(any::<(u8, prop::sample::Index)>(), 0..200)) {
            let mut flights = InFlight::default();
            let (mut waiting, mut taken): (Vec<Elapsed>, Vec<(Ticket, Elapsed)>) = Default::default();
            for (second, (op, pick)) in (1..).zip(ops) {
                let at = Elapsed::from_secs(second);
                match op % 3 {
                    0 => {
                        flights.add(due(at));
                        waiting.push(at);
                    }
                    1 => {
                        let next = flights.take().map(|(ticket, arrival)| (ticket, arrival.due));
                        prop_assert_eq!(next.map(|(_, due)| due), waiting.first().copied());
                        if let Some(next) = next {
                            waiting.remove(0);
                            taken.push(next);
                        }
                    }
                    _ if taken.is_empty() => {}
                    _ => flights.remove(taken.remove(pick.index(taken.len())).0),
                }
                let oldest = taken.iter().map(|&(_, due)| due).chain(waiting.iter().copied()).min();
                prop_assert_eq!((flights.count(), flights.oldest()), ((taken.len() + waiting.len()) as u64, oldest));
                prop_assert_eq!((flights.waiting(), flights.oldest_waiting()), (waiting.len(), waiting.first().copied()));
                let all = flights.between(Ticket(0), flights.nth_waiting(usize::MAX)).collect::<Vec<_>>();
                prop_assert_eq!(&all, &waiting);
            }
        }
    }
}
