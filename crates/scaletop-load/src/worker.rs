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
use crate::timer::Timer;
use crate::transport::{Transport, Turn};
use crate::worker::busy::{BusyMeter, Fullness};
use crate::worker::rhythm::Rhythm;
use scaletop_units::{Elapsed, RunClock};

mod busy;
mod rhythm;

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

/// Arrivals that leave with an answer's wake-up do so after at least so long: what shares a turn costs the least.
const BETWEEN: Duration = Duration::from_micros(100);

/// So many arrivals ahead it is seen when one is due.
const LOOK_AHEAD: usize = 8;

/// One thread's part of the engine.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    pacer: Pacer,
    timer: Timer,
    transport: Rc<T>,
    line: Rc<Line>,
    mailbox: Arc<Mailbox>,
    busy: BusyMeter,
    fullness: Fullness,
    /// It counts as strained until then.
    strained_until: Elapsed,
    rhythm: Rhythm,
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
        let (busy, fullness) = (BusyMeter::new(clock.now()), Fullness::new(clock.now()));
        Self {
            pacer,
            timer,
            transport,
            line,
            mailbox,
            busy,
            fullness,
            strained_until: Elapsed::ZERO,
            rhythm: Rhythm::default(),
            backlog: VecDeque::new(),
            closed,
        }
    }

    /// Drives the load until [`Command::Stop`], then delivers what is left. Runs inside a `LocalSet`.
    pub(crate) async fn run(mut self) {
        let mut planned = self.clock().now();
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
            if late > LATE_TURN {
                self.strained_until = (self.strained_until.max(now) + late * STRAIN).min(now + LONGEST_STRAIN);
            }
            self.accept_due(now, planned).await;
            let turn = Turn { may_connect: late <= LATE_TURN, ..self.turn(now) };
            self.serve(turn).await;
            if is_stopped {
                break;
            }
            self.mailbox.settle(posted);
            self.line.shared().commands_settled();
            self.close_seconds();
            planned = self.next_wake();
            self.line.expect(self.pacer.next_due().map(|due| due.max(now + BETWEEN)));
            let wake = self.clock().instant_at(planned);
            tokio::select! {
                biased;
                () = self.mailbox.posted() => planned = self.clock().now(),
                // An answer has woken the thread: what is due may leave at once, and costs no wake-up.
                () = self.line.passed() => {}
                () = self.timer.wait_until(wake) => {}
            }
            self.line.expect(None);
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
                self.rhythm.restart();
                true
            }
            Command::Share(at, share) => {
                self.pacer.reshare(at, share);
                true
            }
            Command::Begin(piece, share) => {
                self.pacer.begin(piece, share);
                self.rhythm.restart();
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

    /// Puts everything that is due by `now` into the line, or drops and counts it. The wake-up was planned for `planned`.
    async fn accept_due(&mut self, now: Elapsed, planned: Elapsed) {
        let mut may_wait_for_room = true;
        let mut handled = 0;
        let lease = self.line.shared().lease();
        while let Some(arrival) = self.pacer.pop_arrival(now) {
            let intended = arrival.due;
            self.rhythm.took(intended);
            handled += 1;
            if intended > lease {
                // Nobody's: it may be another machine's by now, and whoever leads counts what nobody reports.
                continue;
            }
            if now > lease || now.saturating_since(intended) > TOO_LATE {
                self.line.refuse(arrival, Dropped::Late);
                continue;
            }
            if self.line.accept(arrival, now) {
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
                if self.line.accept(arrival, now) {
                    continue;
                }
            }
            self.line.refuse(arrival, self.why_full());
        }
        if handled > 0 && now >= planned {
            self.rhythm.woke(now);
        }
    }

    /// Who filled the cap: the service with what it has not answered; or we, with what waits for a connection that our own
    /// limits do not allow, or that we do not open while we are strained.
    fn why_full(&self) -> Dropped {
        let shared = self.line.shared();
        let is_starved = self.line.waiting() > 0 && !shared.has_connections_left();
        let is_held_back = self.line.mostly_waits() && self.transport.holds_back();
        let is_ours = is_starved || is_held_back || shared.is_capped_by_descriptors();
        if is_ours { Dropped::NoConnection } else { Dropped::AtCap }
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
    fn offer(&mut self, now: Elapsed) {
        let turn = self.turn(now);
        self.transport.serve(&self.line, turn);
    }

    /// A turn at `now` that opens no connections.
    fn turn(&mut self, now: Elapsed) -> Turn {
        let (is_strained, is_full) = (now < self.strained_until, self.fullness.is_full(now));
        Turn { now, may_connect: false, is_strained, is_full, rate: self.pacer.rate(now) }
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
        let earliest = self.rhythm.earliest();
        // On time for one of them; they are too dense for that to matter when it is not among the next few.
        let wake = if due >= earliest { due } else { self.pacer.due_from(earliest, LOOK_AHEAD).unwrap_or(earliest) };
        wake.min(close)
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
