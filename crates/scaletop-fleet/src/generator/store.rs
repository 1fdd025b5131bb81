//! A generator's seconds on their way to where they are kept: in order, each until it is stored.

use std::collections::VecDeque;
use std::future::pending;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::link::ToStore;

/// Seconds that wait beyond this are given up, the oldest first.
const LONGEST: usize = 120;
/// Bytes that wait beyond this are given up, the oldest first.
const LARGEST: usize = 64 << 20;
/// Seconds that are on their way at a time.
const ON_THE_WAY: usize = 4;

/// Seconds that are not stored yet.
pub(super) struct Store {
    carrier: mpsc::UnboundedSender<ToStore>,
    on_the_way: VecDeque<(u64, Bytes, oneshot::Receiver<()>)>,
    waiting: VecDeque<(u64, Bytes)>,
    bytes: usize,
    given_up: u64,
}

impl Store {
    /// Nothing yet.
    pub(super) const fn new(carrier: mpsc::UnboundedSender<ToStore>) -> Self {
        Self { carrier, on_the_way: VecDeque::new(), waiting: VecDeque::new(), bytes: 0, given_up: 0 }
    }

    /// Second `number` is to be stored.
    pub(super) fn add(&mut self, number: u64, body: Bytes) {
        self.bytes += body.len();
        self.waiting.push_back((number, body));
        self.send();
        while self.waiting.len() + self.on_the_way.len() > LONGEST || self.bytes > LARGEST {
            let Some((_, body)) = self.waiting.pop_front() else { break };
            self.bytes -= body.len();
            self.given_up += 1;
        }
    }

    /// Whether all is stored, or given up.
    pub(super) fn is_empty(&self) -> bool {
        self.on_the_way.is_empty() && self.waiting.is_empty()
    }

    /// Seconds that were given up since nobody stored them.
    pub(super) const fn given_up(&self) -> u64 {
        self.given_up
    }

    fn send(&mut self) {
        while self.on_the_way.len() < ON_THE_WAY {
            let Some((number, body)) = self.waiting.pop_front() else { return };
            let (stored, outcome) = oneshot::channel();
            // A carrier that has ended drops it, and that is told.
            let _ = self.carrier.send(ToStore { number, body: body.clone(), stored });
            self.on_the_way.push_back((number, body, outcome));
        }
    }

    /// Waits until the oldest is stored, or its carrier gave it up: then it is sent again. Cancel-safe; never returns while nothing
    /// is on its way.
    pub(super) async fn stored(&mut self) {
        let Some((.., outcome)) = self.on_the_way.front_mut() else { return pending().await };
        let is_stored = outcome.await.is_ok();
        let Some((number, body, _)) = self.on_the_way.pop_front() else { return };
        if is_stored || self.carrier.is_closed() {
            self.bytes -= body.len();
            self.given_up += u64::from(!is_stored);
        } else {
            // Those that follow are on their way; the carrier's order is by number, and the controller takes any.
            self.waiting.push_front((number, body));
        }
        self.send();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_is_sent_until_it_is_stored_and_few_are_on_their_way() {
        let (carrier, mut received) = mpsc::unbounded_channel();
        let mut store = Store::new(carrier);
        for number in 0..6 {
            store.add(number, Bytes::from_static(b"second"));
        }
        let first = received.recv().await.unwrap();
        assert_eq!((first.number, received.len()), (0, 3));
        drop(first.stored);
        store.stored().await;
        let mut numbers = Vec::new();
        while !store.is_empty() {
            let next = received.recv().await.unwrap();
            numbers.push(next.number);
            next.stored.send(()).unwrap();
            store.stored().await;
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        assert_eq!((store.given_up(), store.bytes), (0, 0));
    }

    #[tokio::test]
    async fn a_backlog_is_bounded_and_what_is_given_up_is_counted() {
        let (carrier, _received) = mpsc::unbounded_channel();
        let mut store = Store::new(carrier);
        for number in 0..130 {
            store.add(number, Bytes::from_static(b"second"));
        }
        assert_eq!((store.given_up(), store.waiting.len()), (10, LONGEST - ON_THE_WAY));
        assert_eq!(store.waiting.front().map(|(number, _)| *number), Some(14), "the oldest that waits");
        for number in 130..135 {
            store.add(number, Bytes::from(vec![0; 20 << 20]));
        }
        assert!(store.bytes <= LARGEST, "{}", store.bytes);
    }
}
