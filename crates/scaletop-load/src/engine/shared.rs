//! What all workers share: the cap on requests in flight, live gauges, and the rates that were set.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::engine::LoadConfig;
use crate::mailbox::Mailbox;
use crate::pacer::{Pacer, Share};
use crate::rate::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

/// Shared by the handle, the workers and the collector.
#[derive(Debug)]
pub(crate) struct Shared {
    config: LoadConfig,
    in_flight: AtomicU64,
    mailboxes: Box<[Mailbox]>,
    /// Rates set so far, ascending, as far back as the collector may still ask.
    rates: Mutex<VecDeque<(Elapsed, RateProfile)>>,
    /// How many wait for [`Shared::changed`].
    drains: AtomicUsize,
    changed: Notify,
}

impl Shared {
    pub(crate) fn new(config: &LoadConfig, workers: usize) -> Self {
        Self {
            config: *config,
            in_flight: AtomicU64::new(0),
            mailboxes: (0..workers).map(|_| Mailbox::default()).collect(),
            rates: Mutex::default(),
            drains: AtomicUsize::new(0),
            changed: Notify::new(),
        }
    }

    /// The schedule of worker `index`.
    pub(crate) fn pacer(&self, index: usize) -> Pacer {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Pacer::new(self.config.arrivals, self.config.seed, Share::new(number(index), number(self.workers())))
    }

    pub(crate) fn workers(&self) -> usize {
        self.mailboxes.len()
    }

    pub(crate) fn mailbox(&self, index: usize) -> &Mailbox {
        &self.mailboxes[index]
    }

    pub(crate) fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.mailboxes.iter()
    }

    /// The cap on requests in flight.
    pub(crate) const fn cap(&self) -> u64 {
        self.config.max_in_flight
    }

    /// Requests without an answer, over all workers.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Takes a place in flight: how many are taken then, or `None` at the cap.
    pub(crate) fn take_room(&self) -> Option<u64> {
        let take = |taken: u64| (taken < self.config.max_in_flight).then_some(taken + 1);
        self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).ok().map(|before| before + 1)
    }

    /// Gives a place back.
    pub(crate) fn give_room(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.tell_drains();
        }
    }

    /// Worker `index` has acted on `posted` commands and sent what was due.
    pub(crate) fn settle(&self, index: usize, posted: u64) {
        self.mailboxes[index].settle(posted);
        self.tell_drains();
    }

    /// Whether nothing is in flight and nothing that was asked for is still to be done.
    pub(crate) fn is_idle(&self) -> bool {
        self.mailboxes.iter().all(Mailbox::is_settled) && self.in_flight() == 0
    }

    /// Returns when nothing is in flight and every command was acted on.
    pub(crate) async fn idle(&self) {
        /// Counts the wait, also when it is given up.
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.drains.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(&self.drains);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Registered before looking, so that a change in between is not missed.
            changed.as_mut().enable();
            if self.is_idle() {
                return;
            }
            changed.await;
        }
    }

    fn tell_drains(&self) {
        if self.drains.load(Ordering::SeqCst) > 0 {
            self.changed.notify_waiters();
        }
    }

    /// Remembers that `profile` was set at `at`.
    pub(crate) fn note_rate(&self, at: Elapsed, profile: RateProfile) {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).push_back((at, profile));
    }

    /// The rate just before `end`, and forgets what lies before it: asked with ascending `end`s.
    pub(crate) fn rate_before(&self, end: Elapsed) -> ArrivalRate {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        while rates.get(1).is_some_and(|&(at, _)| at < end) {
            rates.pop_front();
        }
        match rates.front() {
            Some(&(at, profile)) if at < end => profile.rate_after(end.saturating_since(at)),
            _ => ArrivalRate::PAUSED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(cap: u64) -> Shared {
        Shared::new(&LoadConfig { max_in_flight: cap, ..LoadConfig::default() }, 1)
    }

    #[test]
    fn the_cap_is_exact_however_many_threads_ask() {
        let shared = shared(100);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1_000).filter(|_| shared.take_room().is_some()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((taken, shared.in_flight()), (100, 100));
    }

    #[test]
    fn a_rate_set_at_the_very_end_of_a_second_belongs_to_the_next() {
        let shared = shared(1);
        let rate = |rate| RateProfile::Constant(ArrivalRate::new(rate));
        shared.note_rate(Elapsed::from_millis(500), rate(5));
        shared.note_rate(Elapsed::from_secs(2), rate(600));
        let seen: Vec<u32> = (1..=3).map(|second| shared.rate_before(Elapsed::from_secs(second)).get()).collect();
        assert_eq!(seen, [5, 5, 600]);
    }
}
