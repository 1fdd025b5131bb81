//! What all workers share: the caps on requests in flight and on connections, and the rates that were set.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::engine::LoadConfig;
use crate::expected::Expected;
use crate::mailbox::{Command, Mailbox};
use crate::mix::Mix;
use crate::pacer::{Pacer, Piece, Share, Slots};
use crate::rate::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

/// Shared by the handle, the workers and the collector.
#[derive(Debug)]
pub(crate) struct Shared {
    config: LoadConfig,
    in_flight: AtomicU64,
    /// Connections that are open or being opened.
    connections: AtomicUsize,
    members: Mutex<Members>,
    /// Rates set so far, ascending, as far back as the collector may still ask.
    rates: Mutex<VecDeque<(Elapsed, RateProfile)>>,
    /// Nothing that is due after this moment is sent, in nanoseconds since the start.
    lease: AtomicU64,
    /// How many wait for [`Shared::changed`].
    drains: AtomicUsize,
    changed: Notify,
}

/// The workers.
#[derive(Debug)]
struct Members {
    all: Vec<Member>,
    /// They were told to stop: nobody joins any more, since nobody would deal out a part of the schedule.
    is_stopped: bool,
}

/// A worker, as the others know it.
#[derive(Clone, Debug)]
struct Member {
    mailbox: Arc<Mailbox>,
    /// The first second of which it delivers a part.
    first: u32,
}

impl Shared {
    /// Which answers are OK.
    pub(crate) const fn expected(&self) -> Expected {
        self.config.expected
    }

    /// Several requests, when there are.
    pub(crate) fn mix(&self) -> Option<Arc<Mix>> {
        self.config.mix.clone()
    }

    /// The shares of `workers` workers that begin together in second `first`.
    pub(crate) fn new(config: &LoadConfig, workers: usize, first: u32) -> Self {
        Self {
            config: config.clone(),
            in_flight: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            members: Mutex::new(Members {
                all: (0..workers).map(|_| Member { mailbox: Arc::default(), first }).collect(),
                is_stopped: false,
            }),
            rates: Mutex::default(),
            lease: AtomicU64::new(u64::MAX),
            drains: AtomicUsize::new(0),
            changed: Notify::new(),
        }
    }

    /// The schedule of worker `index` of those that begin together.
    pub(crate) fn pacer(&self, index: usize) -> Pacer {
        Pacer::new(self.config.arrivals, self.config.seed, share(index, self.workers()))
    }

    fn members(&self) -> std::sync::MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn workers(&self) -> usize {
        self.members().all.len()
    }

    /// How many workers deliver a part of second `second`.
    pub(crate) fn workers_in(&self, second: u32) -> usize {
        self.members().all.iter().filter(|member| member.first <= second).count()
    }

    pub(crate) fn mailbox(&self, index: usize) -> Arc<Mailbox> {
        self.members().all.get(index).map(|member| Arc::clone(&member.mailbox)).unwrap_or_default()
    }

    /// Leaves a command with every worker. All of them get all commands in the same order.
    pub(crate) fn post(&self, command: impl Fn() -> Command) {
        self.members().all.iter().for_each(|member| member.mailbox.post(command()));
    }

    /// Tells every worker to stop.
    pub(crate) fn stop(&self) {
        let mut members = self.members();
        members.is_stopped = true;
        members.all.iter().for_each(|member| member.mailbox.post(Command::Stop));
    }

    /// Deals what is due after `at` out to one worker more. Returns the new one's mailbox and where its pacer will come
    /// from; `None` once the workers were told to stop.
    pub(crate) fn join(&self, at: Elapsed) -> Option<(Arc<Mailbox>, oneshot::Receiver<Pacer>)> {
        let mut members = self.members();
        if members.is_stopped {
            return None;
        }
        let of = members.all.len() + 1;
        let (split, pacer) = oneshot::channel();
        if let Some(first) = members.all.first() {
            first.mailbox.post(Command::Split(at, share(of - 1, of), split));
        }
        for (index, member) in members.all.iter().enumerate() {
            member.mailbox.post(Command::Share(at, share(index, of)));
        }
        // Whatever is posted from here on, it gets, too; what was posted before is in the pacer that is split off.
        let mailbox = Arc::<Mailbox>::default();
        members.all.push(Member { mailbox: Arc::clone(&mailbox), first: at.second() });
        Some((mailbox, pacer))
    }

    /// Begins the schedule anew with every worker.
    pub(crate) fn begin(&self, piece: Piece, slots: Option<Slots>) {
        for (index, member) in self.members().all.iter().enumerate() {
            let share = slots.map(|slots| slots.share(u32::try_from(index).unwrap_or(u32::MAX)));
            member.mailbox.post(Command::Begin(piece, share));
        }
    }

    /// Sets until when arrivals that come due may be sent.
    pub(crate) fn set_lease(&self, until: Elapsed) {
        self.lease.store(until.as_nanos(), Ordering::SeqCst);
    }

    /// What is due after this moment is not sent.
    pub(crate) fn lease(&self) -> Elapsed {
        Elapsed::from_nanos(self.lease.load(Ordering::SeqCst))
    }

    /// The cap on requests in flight.
    pub(crate) const fn cap(&self) -> u64 {
        self.config.max_in_flight
    }

    /// Whether that cap is a limit of ours, on file descriptors.
    pub(crate) const fn is_capped_by_descriptors(&self) -> bool {
        self.config.capped_by_descriptors
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

    /// Whether another connection may be opened.
    pub(crate) fn has_connections_left(&self) -> bool {
        self.connections_left() > 0
    }

    /// How many more connections may be opened, over all workers.
    pub(crate) fn connections_left(&self) -> usize {
        self.config.max_connections.saturating_sub(self.connections.load(Ordering::SeqCst))
    }

    /// Takes a place among the connections; whether there was one.
    pub(crate) fn take_connection(&self) -> bool {
        let take = |taken: usize| (taken < self.config.max_connections).then_some(taken + 1);
        self.connections.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    }

    /// Takes as many places for connections that are open already, whatever the cap.
    pub(crate) fn adopt_connections(&self, count: usize) {
        self.connections.fetch_add(count, Ordering::SeqCst);
    }

    /// Gives the place of a connection back.
    pub(crate) fn give_connection(&self) {
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }

    /// A worker has acted on its commands and accepted what was due.
    pub(crate) fn commands_settled(&self) {
        self.tell_drains();
    }

    /// Whether nothing is in flight and nothing that was asked for is still to be done.
    pub(crate) fn is_idle(&self) -> bool {
        self.members().all.iter().all(|member| member.mailbox.is_settled()) && self.in_flight() == 0
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

/// The share of worker `index` among `of`.
fn share(index: usize, of: usize) -> Share {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Share::new(number(index), number(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(cap: u64) -> Shared {
        Shared::new(&LoadConfig { max_in_flight: cap, ..LoadConfig::default() }, 1, 0)
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

    #[test]
    fn a_worker_that_joins_gets_every_later_command_and_a_pacer_that_knows_the_earlier_ones() {
        let shared = shared(1);
        let set = |rate| Command::Set(Elapsed::ZERO, RateProfile::Constant(ArrivalRate::new(rate)));
        shared.post(|| set(5));
        let (mailbox, _pacer) = shared.join(Elapsed::from_secs(2)).expect("running");
        shared.post(|| set(6));
        let (first, _) = shared.mailbox(0).take();
        assert!(matches!(first[..], [Command::Set(..), Command::Split(..), Command::Share(..), Command::Set(..)]));
        assert!(matches!(mailbox.take().0[..], [Command::Set(..)]));
        assert_eq!([1, 2].map(|second| shared.workers_in(second)), [1, 2]);
    }

    #[test]
    fn nobody_joins_workers_that_were_told_to_stop() {
        let shared = shared(1);
        shared.stop();
        assert!(shared.join(Elapsed::from_secs(2)).is_none());
        assert_eq!(shared.workers(), 1);
        assert!(matches!(shared.mailbox(0).take().0[..], [Command::Stop]), "no part of its schedule is asked for");
    }
}
