//! How commands reach a worker: at once, without ever blocking the sender, and without a cost while there are none.
//!
//! A worker looks into its mailbox only when something was posted, so the lock inside is not on the path of a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::pacer::{Pacer, Piece, Share};
use crate::rate::RateProfile;
use scaletop_units::Elapsed;

/// What a worker can be told.
#[derive(Debug)]
pub(crate) enum Command {
    /// From this moment on, arrivals come at this rate.
    Set(Elapsed, RateProfile),
    /// What is due after this moment is dealt out anew; this is the worker's share.
    Share(Elapsed, Share),
    /// The schedule begins anew; this is the worker's share, if it has one.
    Begin(Piece, Option<Share>),
    /// Another worker joins at this moment with this share: make its pacer.
    Split(Elapsed, Share, oneshot::Sender<Pacer>),
    /// Send what is due by now: whoever drains waits for that too.
    SendDue,
    /// Close every second and end.
    Stop,
}

/// Commands kept for a worker that does not take them. A held key sends some 30 a second, so this many are only reached
/// when the worker has been stalled for half a minute; then the latest rate replaces the one before it.
const MAX_WAITING: usize = 1024;

/// One worker's commands, in the order they were posted.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    waiting: Mutex<Vec<Command>>,
    posted: AtomicU64,
    settled: AtomicU64,
    arrived: Notify,
}

impl Mailbox {
    /// Leaves a command and rings. Never blocks for longer than the worker takes to pick up its commands.
    pub(crate) fn post(&self, command: Command) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = waiting.len() >= MAX_WAITING;
        match waiting.last_mut() {
            Some(last @ Command::Set(..)) if is_full => *last = command,
            _ => waiting.push(command),
        }
        self.posted.fetch_add(1, Ordering::SeqCst);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Takes the commands that are waiting, and how many were ever posted when it did: see [`Mailbox::settle`].
    pub(crate) fn take(&self) -> (Vec<Command>, u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut *waiting), self.posted.load(Ordering::SeqCst))
    }

    /// Returns when a command was posted since the last call returned. Cancel-safe.
    pub(crate) async fn posted(&self) {
        self.arrived.notified().await;
    }

    /// The worker has acted on the first `count` commands, and has sent what was due by then.
    pub(crate) fn settle(&self, count: u64) {
        self.settled.store(count, Ordering::SeqCst);
    }

    /// Whether the worker has acted on everything posted so far.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::SeqCst) >= self.posted.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::ArrivalRate;

    fn set(rate: u32) -> Command {
        Command::Set(Elapsed::ZERO, RateProfile::Constant(ArrivalRate::new(rate)))
    }

    fn rates(commands: &[Command]) -> Vec<u32> {
        let rate = |command: &Command| match command {
            Command::Set(_, profile) => Some(profile.first().get()),
            _ => None,
        };
        commands.iter().filter_map(rate).collect()
    }

    #[tokio::test]
    async fn a_command_posted_before_anyone_waits_still_rings() {
        let mailbox = Mailbox::default();
        mailbox.post(set(1));
        mailbox.posted().await;
        let (commands, posted) = mailbox.take();
        assert_eq!((rates(&commands), posted), (vec![1], 1));
    }

    #[test]
    fn a_stalled_worker_gets_the_latest_rate_and_the_stop_and_memory_stays_bounded() {
        let mailbox = Mailbox::default();
        for rate in 0..5_000 {
            mailbox.post(set(rate));
        }
        mailbox.post(Command::Stop);
        mailbox.post(Command::Stop);
        let (commands, posted) = mailbox.take();
        assert!(commands.len() <= MAX_WAITING + 1, "{} are waiting", commands.len());
        assert!(matches!(commands.last(), Some(Command::Stop)));
        assert_eq!(posted, 5_002);
        assert!(!mailbox.is_settled());
        mailbox.settle(posted);
        assert!(mailbox.is_settled());
    }

    #[test]
    fn the_last_rate_survives_an_overflow() {
        let mailbox = Mailbox::default();
        for rate in 0..5_000 {
            mailbox.post(set(rate));
        }
        assert_eq!(rates(&mailbox.take().0).last(), Some(&4_999));
    }
}
