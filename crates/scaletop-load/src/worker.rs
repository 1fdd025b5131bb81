//! One worker: waits for arrivals, offers them to the transport, and closes its recorder's seconds. All on one thread.
//!
//! ```text
//!   mailbox ─► pacer ──due──► cap? ──► line ──► transport (connections, each a task of its own) ──► recorder
//!                              └─full─► dropped                                                       │
//!                                                        each second: closed ─► collector ◄───────────┘
//! ```
//!
//! A turn of the loop: read the clock, take commands, accept what is due, offer it to idle connections; if some still
//! waits, let the answers that have come in be read; only then may connections be opened, and not when this turn itself is
//! late.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::Shared;
use crate::line::Line;
use crate::mailbox::{Command, Mailbox};
use crate::pacer::Pacer;
use crate::record::recorder::Dropped;
use crate::record::second::Second;
use crate::timer::{QUANTUM, SPARSE, Timer};
use crate::transport::{Transport, Turn};
use crate::worker::busy::BusyMeter;
use scaletop_units::{Elapsed, RunClock};

mod busy;

/// An arrival that our own stall made later than this is given up: sending it now would tell nothing about the moment it
/// was intended for, and sending all of them would be a burst that nobody asked for.
pub(crate) const TOO_LATE: Duration = Duration::from_secs(1);

/// A turn that begins later than this after it was meant to opens no connection: what waits then waits because of us, and
/// the connections that are there serve it sooner than new ones would.
const LATE_TURN: Duration = Duration::from_millis(1);

/// After a late turn a worker counts as strained for so many times as long as it was late; several add up, to this at most.
/// One that has more to do than it can is late in every other turn, and would open connections in the others.
const STRAIN: u32 = 8;
const LONGEST_STRAIN: Duration = Duration::from_secs(1);

/// Arrivals accepted before answers get their turn: keeps a catch-up from starving what is in flight.
const ARRIVALS_PER_TURN: usize = 256;

/// One thread's part of the engine.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    pacer: Pacer,
    timer: Timer,
    transport: Rc<T>,
    line: Rc<Line>,
    mailbox: Arc<Mailbox>,
    busy: BusyMeter,
    /// When arrivals were last accepted: see [`QUANTUM`].
    last_wake: Option<Elapsed>,
    /// When the last of them was due.
    last_due: Option<Elapsed>,
    /// Closed seconds that the collector had no room for yet.
    backlog: VecDeque<Second>,
    closed: mpsc::Sender<Second>,
}

/// What a worker is made of, besides its transport.
#[derive(Debug)]
pub(crate) struct Setup {
    /// What all workers share.
    pub shared: Arc<Shared>,
    /// The clock of the run.
    pub clock: RunClock,
    /// Its first second is the one that holds this moment.
    pub first: Elapsed,
    /// Its part of the schedule.
    pub pacer: Pacer,
    /// Its commands.
    pub mailbox: Arc<Mailbox>,
    /// Where its closed seconds go.
    pub closed: mpsc::Sender<Second>,
}

impl<T: Transport> Worker<T> {
    /// A worker that waits with `timer`.
    pub(crate) fn new(setup: Setup, transport: Rc<T>, timer: Timer) -> Self {
        let Setup { shared, clock, first, pacer, mailbox, closed } = setup;
        let line = Rc::new(Line::new(clock, shared, first));
        let busy = BusyMeter::new(clock.now());
        Self {
            pacer,
            timer,
            transport,
            line,
            mailbox,
            busy,
            last_wake: None,
            last_due: None,
            backlog: VecDeque::new(),
            closed,
        }
    }

    /// Drives the load until [`Command::Stop`], then delivers what is left. Runs inside a `LocalSet`.
    pub(crate) async fn run(mut self) {
        let mut planned = self.clock().now();
        let mut strained_until = Elapsed::ZERO;
        loop {
            // In this order: a change that is posted after `now` was read is anchored after it, so it cannot come too late.
            let now = self.clock().now();
            let (commands, posted) = self.mailbox.take();
            let now = if commands.iter().any(|command| matches!(command, Command::SendDue)) {
                self.clock().now()
            } else {
                now
            };
            let is_stopped = !commands.into_iter().all(|command| self.apply(command));
            self.line.observe(now);
            let late = now.saturating_since(planned);
            self.line.woke(now, late);
            self.accept_due(now).await;
            if late > LATE_TURN {
                strained_until = (strained_until.max(now) + late * STRAIN).min(now + LONGEST_STRAIN);
            }
            self.serve(Turn { now, may_connect: late <= LATE_TURN, is_strained: now < strained_until }).await;
            if is_stopped {
                break;
            }
            self.mailbox.settle(posted);
            self.line.shared().commands_settled();
            self.close_seconds();
            planned = self.next_wake();
            let wake = self.clock().instant_at(planned);
            tokio::select! {
                biased;
                () = self.mailbox.posted() => planned = self.clock().now(),
                () = self.timer.wait_until(wake) => {}
            }
        }
        self.finish().await;
    }

    fn clock(&self) -> &RunClock {
        self.line.clock()
    }

    /// Whether to go on.
    fn apply(&mut self, command: Command) -> bool {
        match command {
            Command::Set(at, profile) => {
                self.pacer.set(at, profile);
                // The first arrival at the new rate waits for nobody, not for the quantum either.
                self.last_wake = None;
                true
            }
            Command::Share(at, share) => {
                self.pacer.reshare(at, share);
                true
            }
            Command::Split(at, share, to) => {
                // Nobody takes it when the new thread could not be started; then its part of the schedule has no worker,
                // which the engine prevents by starting the thread first.
                let _ = to.send(self.pacer.sibling(at, share));
                true
            }
            Command::SendDue => true,
            Command::Stop => {
                self.pacer.set(self.clock().now(), crate::rate::RateProfile::PAUSED);
                false
            }
        }
    }

    /// Puts everything that is due by `now` into the line, or drops and counts it.
    async fn accept_due(&mut self, now: Elapsed) {
        let mut may_wait_for_room = true;
        let mut handled = 0;
        while let Some(intended) = self.pacer.pop_due(now) {
            (self.last_wake, self.last_due) = (Some(now), Some(intended));
            handled += 1;
            if now.saturating_since(intended) > TOO_LATE {
                self.line.refuse(intended, Dropped::Late);
                continue;
            }
            if self.line.accept(intended, now) {
                if handled % ARRIVALS_PER_TURN == 0 {
                    self.offer(now);
                    tokio::task::yield_now().await;
                    may_wait_for_room = true;
                }
                continue;
            }
            if may_wait_for_room {
                // Answers that are here already, only not looked at, make room: a completion at the same instant goes
                // first. Once a turn, so that the cap costs nothing while it lasts.
                may_wait_for_room = false;
                self.offer(now);
                tokio::task::yield_now().await;
                if self.line.accept(intended, now) {
                    continue;
                }
            }
            let why = if self.line.waiting() > 0 && !self.line.shared().has_connections_left() {
                Dropped::NoConnection
            } else {
                Dropped::AtCap
            };
            self.line.refuse(intended, why);
        }
    }

    /// Offers what waits to the transport: to idle connections first, then, if some still waits, to those whose answers
    /// have come in meanwhile; and only then to new ones.
    async fn serve(&mut self, turn: Turn) {
        if self.line.waiting() > 0 {
            self.offer(turn.now);
            if self.line.waiting() > 0 {
                tokio::task::yield_now().await;
            }
        }
        self.transport.serve(&self.line, turn);
        self.line.end_turn(turn.now);
    }

    /// Offers what waits to connections that are there.
    fn offer(&self, now: Elapsed) {
        self.transport.serve(&self.line, Turn { now, may_connect: false, is_strained: false });
    }

    /// Hands closed seconds to the collector. Never waits for it: what it has no room for goes with the next one.
    fn close_seconds(&mut self) {
        let now = self.clock().now();
        while let Some(mut second) = self.line.close_due(now) {
            second.generator.busiest_percent = self.busy.percent(now);
            self.backlog.push_back(second);
        }
        while let Some(second) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(second)) = self.closed.try_send(second) {
                self.backlog.push_front(second);
                break;
            }
        }
    }

    fn next_wake(&self) -> Elapsed {
        let close = self.line.next_due();
        let close = self.transport.next_turn().map_or(close, |wish| close.min(wish));
        let Some(due) = self.pacer.next_due() else { return close };
        let is_sparse = self.last_due.is_none_or(|last| due.saturating_since(last) >= SPARSE);
        let due = self.last_wake.filter(|_| !is_sparse).map_or(due, |last| due.max(last + QUANTUM));
        due.min(close)
    }

    /// Delivers everything, the running second included. What is in flight stays without an answer.
    async fn finish(mut self) {
        let rest = self.line.finish(self.clock().now());
        for second in self.backlog.drain(..).chain(rest) {
            if self.closed.send(second).await.is_err() {
                return; // nobody reads any more
            }
        }
    }
}
