//! One worker: waits for arrivals, sends them, and closes its recorder's seconds. Everything on one thread.
//!
//! ```text
//!   mailbox ─► pacer ──due──► cap? ──► spawn_local( stamp sent ► transport ► stamp completed ► shard )
//!                              └─full─► dropped_cap                                              │
//!                                                        each second: closed ─► collector ◄──────┘
//! ```
//!
//! A request's path takes no lock and crosses no channel: the shard belongs to the thread.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::engine::Shared;
use crate::in_flight::{InFlight, Ticket};
use crate::mailbox::Command;
use crate::pacer::Pacer;
use crate::record::recorder::{Fate, Gauge, Shard};
use crate::record::second::Second;
use crate::sample::Sample;
use crate::timer::{QUANTUM, Timer};
use crate::transport::Transport;
use scaletop_units::Elapsed;
use scaletop_units::RunClock;

/// An arrival that our own stall made later than this is given up: sending it now would tell nothing about the moment it
/// was intended for, and sending all of them would be a burst that nobody asked for.
pub(crate) const TOO_LATE: Duration = Duration::from_secs(1);

/// Arrivals handled before answers get their turn: keeps a catch-up from starving what is in flight.
const ARRIVALS_PER_TURN: usize = 256;

/// One thread's part of the engine.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    index: usize,
    pacer: Pacer,
    timer: Timer,
    desk: Rc<Desk<T>>,
    /// When arrivals were last sent: see [`QUANTUM`].
    last_wake: Option<Elapsed>,
    /// Closed seconds that the collector had no room for yet.
    backlog: VecDeque<Second>,
    closed: mpsc::Sender<Second>,
}

/// What a worker and its requests share; it never leaves the thread.
#[derive(Debug)]
struct Desk<T> {
    clock: RunClock,
    shared: Arc<Shared>,
    transport: Rc<T>,
    shard: RefCell<Shard>,
    flights: RefCell<InFlight>,
}

impl<T: Transport> Worker<T> {
    /// Worker `index` of those that `shared` counts. Its first second is the one that holds `start`.
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared>,
        clock: RunClock,
        start: Elapsed,
        transport: Rc<T>,
        timer: Timer,
        closed: mpsc::Sender<Second>,
    ) -> Self {
        let pacer = shared.pacer(index);
        let recorder = RefCell::new(Shard::new(start));
        let desk = Rc::new(Desk { clock, shared, transport, shard: recorder, flights: RefCell::default() });
        Self { index, pacer, timer, desk, last_wake: None, backlog: VecDeque::new(), closed }
    }

    /// Drives the load until [`Command::Stop`], then delivers what is left. Runs inside a `LocalSet`.
    pub(crate) async fn run(mut self) {
        loop {
            let (commands, posted) = self.desk.shared.mailbox(self.index).take();
            let is_stopped = !commands.into_iter().all(|command| self.obey(command));
            let now = self.desk.clock.now();
            self.desk.shard.borrow_mut().observe(now, self.desk.gauge());
            self.send_due().await;
            if is_stopped {
                break;
            }
            self.desk.shared.settle(self.index, posted);
            self.close_seconds();
            let wake = self.next_wake();
            let wake = self.desk.clock.instant_at(wake);
            tokio::select! {
                biased;
                () = self.desk.shared.mailbox(self.index).rung() => {}
                () = self.timer.wait_until(wake) => {}
            }
        }
        self.finish().await;
    }

    /// Whether to go on.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Set(at, profile) => {
                self.pacer.set(at, profile);
                // The first arrival at the new rate waits for nobody, not for the quantum either.
                self.last_wake = None;
                true
            }
            Command::Stop => {
                self.pacer.set(self.desk.clock.now(), crate::rate::RateProfile::PAUSED);
                false
            }
        }
    }

    /// Sends, or drops and counts, everything that is due.
    async fn send_due(&mut self) {
        let mut now = self.desk.clock.now();
        let mut may_wait_for_room = true;
        let mut handled = 0;
        while let Some(intended) = self.pacer.pop_due(now) {
            self.last_wake = Some(now);
            if now.saturating_since(intended) > TOO_LATE {
                self.desk.shard.borrow_mut().arrived(intended, Fate::DroppedLate);
            } else {
                let mut in_flight = self.desk.shared.take_room();
                if in_flight.is_none() && may_wait_for_room {
                    // Answers that are here already, only not looked at, make room: a completion at the same instant
                    // goes first. Once a turn, so that the cap costs nothing while it lasts.
                    may_wait_for_room = false;
                    tokio::task::yield_now().await;
                    in_flight = self.desk.shared.take_room();
                }
                match in_flight {
                    Some(in_flight) => self.send(intended, now, in_flight),
                    None => self.desk.shard.borrow_mut().arrived(intended, Fate::DroppedAtCap),
                }
            }
            handled += 1;
            if handled % ARRIVALS_PER_TURN == 0 {
                tokio::task::yield_now().await;
                now = self.desk.clock.now();
                may_wait_for_room = true;
            }
        }
    }

    fn send(&self, intended: Elapsed, now: Elapsed, in_flight: u64) {
        {
            let mut shard = self.desk.shard.borrow_mut();
            shard.arrived(intended, Fate::Sent);
            shard.peaked(now, in_flight);
        }
        let ticket = self.desk.flights.borrow_mut().add(intended);
        let flight = Flight { desk: Rc::clone(&self.desk), ticket };
        tokio::task::spawn_local(carry(flight, intended));
    }

    /// Hands closed seconds to the collector. Never waits for it: what it has no room for goes with the next one.
    fn close_seconds(&mut self) {
        let now = self.desk.clock.now();
        let mut shard = self.desk.shard.borrow_mut();
        self.backlog.extend(std::iter::from_fn(|| shard.close_due(now)));
        while let Some(second) = self.backlog.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(second)) = self.closed.try_send(second) {
                self.backlog.push_front(second);
                break;
            }
        }
    }

    fn next_wake(&self) -> Elapsed {
        let close = self.desk.shard.borrow().next_due();
        let Some(due) = self.pacer.next_due() else { return close };
        let due = self.last_wake.map_or(due, |last| due.max(last + QUANTUM));
        due.min(close)
    }

    /// Delivers everything, the running second included. What is in flight stays without an answer.
    async fn finish(mut self) {
        let gauge = self.desk.gauge();
        let rest = self.desk.shard.borrow_mut().finish(self.desk.clock.now(), gauge);
        for second in self.backlog.drain(..).chain(rest) {
            if self.closed.send(second).await.is_err() {
                return; // nobody reads any more
            }
        }
    }
}

impl<T> Desk<T> {
    fn gauge(&self) -> Gauge {
        let flights = self.flights.borrow();
        Gauge { count: flights.count(), oldest: flights.oldest(), all_workers: self.shared.in_flight() }
    }
}

/// A request in flight: gives its place back however it ends, also when it is dropped.
struct Flight<T> {
    desk: Rc<Desk<T>>,
    ticket: Ticket,
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.desk.flights.borrow_mut().remove(self.ticket);
        self.desk.shared.give_room();
    }
}

/// Sends one request and files what became of it. The place in flight is given back only once the sample is filed.
async fn carry<T: Transport>(flight: Flight<T>, intended: Elapsed) {
    let desk = &flight.desk;
    let sent = desk.clock.now();
    desk.shard.borrow_mut().handed_over(intended, sent);
    let reply = desk.transport.send(sent).await;
    let completed = desk.clock.now();
    let sample = Sample {
        intended,
        sent,
        completed,
        outcome: reply.outcome,
        bytes: reply.bytes,
        served_by: reply.served_by,
        remote: reply.remote,
    };
    desk.shard.borrow_mut().completed(&sample);
}
