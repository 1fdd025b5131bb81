//! The waiting line of one worker: arrivals that were accepted, and what became of them.
//!
//! ```text
//!   worker ──accept──► │ oldest … youngest │ ──take──► Exchange ──begin──► bytes on a connection ──complete──► recorder
//!                      └── wait for a connection ──┘
//! ```
//!
//! Whoever has a connection to spare takes the oldest. Nothing here is locked or crosses a thread: a line, its exchanges
//! and its recorder belong to one worker. What waits is a range of tickets and takes sixteen bytes each.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::Shared;
use crate::in_flight::{InFlight, Ticket};
use crate::pacer::Arrival;
use crate::record::connections::Connections;
use crate::record::recorder::{Dropped, Gauge, Shard};
use crate::record::second::Second;
use crate::sample::Sample;
use crate::transport::Reply;
use scaletop_units::{Elapsed, RunClock};

/// No arrival is due at the end of time.
const NEVER: Elapsed = Elapsed::from_nanos(u64::MAX);

/// The arrivals of one worker that wait for a connection, oldest first, and the recorder of their answers.
#[derive(Debug)]
pub struct Line {
    clock: RunClock,
    shared: Arc<Shared>,
    /// When the next arrival is due, and whom to wake when that has passed.
    next_due: Cell<Elapsed>,
    passed: Notify,
    parts: RefCell<Parts>,
}

#[derive(Debug)]
struct Parts {
    shard: Shard,
    flights: InFlight,
    /// Arrivals before this ticket waited for longer than the turn in which they were accepted.
    waited: Ticket,
    /// Arrivals before this ticket have, or had, a connection or a connect of their own.
    covered: Ticket,
    open: u64,
    connecting: u64,
}

impl Line {
    /// An empty line. Its first second is the one that holds `start`.
    pub(crate) fn new(clock: RunClock, shared: Arc<Shared>, start: Elapsed) -> Self {
        let flights = InFlight::default();
        let (waited, covered) = (flights.end(), flights.end());
        let parts = Parts {
            shard: Shard::new(start, shared.expected(), shared.mix()),
            flights,
            waited,
            covered,
            open: 0,
            connecting: 0,
        };
        let next_due = Cell::new(NEVER);
        Self { clock, shared, next_due, passed: Notify::new(), parts: RefCell::new(parts) }
    }

    /// The next arrival is due at `due`: whoever is awake after that wakes the worker, too.
    pub(crate) fn expect(&self, due: Option<Elapsed>) {
        self.next_due.set(due.unwrap_or(NEVER));
    }

    /// Returns when an answer was completed after the next arrival was due. Cancel-safe.
    pub(crate) async fn passed(&self) {
        self.passed.notified().await;
    }

    /// The clock of the run.
    pub(crate) const fn clock(&self) -> &RunClock {
        &self.clock
    }

    /// What the workers share.
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Arrivals that wait for a connection.
    pub fn waiting(&self) -> usize {
        self.parts.borrow().flights.waiting()
    }

    /// Whether most of what is in flight still waits for a connection: then that is what fills the cap.
    pub(crate) fn mostly_waits(&self) -> bool {
        let parts = self.parts.borrow();
        2 * parts.flights.waiting() as u64 > parts.flights.count()
    }

    /// When the oldest of those that wait was due.
    pub(crate) fn oldest_waiting(&self) -> Option<Elapsed> {
        self.parts.borrow().flights.oldest_waiting()
    }

    /// An arrival came due, and the worker turned to it at `now`. Whether there was room for it under the cap; if not,
    /// nothing is noted yet.
    pub(crate) fn accept(&self, arrival: Arrival, now: Elapsed) -> bool {
        let Some(in_flight) = self.shared.take_room() else { return false };
        let mut parts = self.parts.borrow_mut();
        parts.shard.arrived(arrival);
        parts.shard.accepted(arrival.due, now, in_flight);
        parts.flights.add(arrival);
        true
    }

    /// An arrival came due and is given up at once.
    pub(crate) fn refuse(&self, arrival: Arrival, why: Dropped) {
        let mut parts = self.parts.borrow_mut();
        parts.shard.arrived(arrival);
        parts.shard.dropped(arrival, why);
    }

    /// Takes the oldest of those that wait, at `now`.
    pub(crate) fn take_at(self: &Rc<Self>, now: Elapsed) -> Option<Exchange> {
        let mut parts = self.parts.borrow_mut();
        let (ticket, arrival) = parts.flights.take()?;
        if ticket < parts.waited && ticket >= parts.covered {
            parts.shard.connections(now).slot_wait.record(now.saturating_since(arrival.due));
        }
        parts.shard.sent(arrival, now);
        Some(Exchange { line: Rc::clone(self), ticket, arrival, sent: None })
    }

    /// Takes the oldest of those that wait.
    pub fn take(self: &Rc<Self>) -> Option<Exchange> {
        if self.waiting() == 0 { None } else { self.take_at(self.clock.now()) }
    }

    /// Gives up the oldest of those that wait, which was never sent.
    pub(crate) fn drop_oldest(&self, why: Dropped) {
        let mut parts = self.parts.borrow_mut();
        if let Some((ticket, arrival)) = parts.flights.take() {
            parts.shard.dropped(arrival, why);
            parts.flights.remove(ticket);
            self.shared.give_room();
        }
    }

    /// The worker has offered everything to whoever had a connection, at `now`: what still waits has to.
    pub(crate) fn end_turn(&self, now: Elapsed) {
        let mut parts = self.parts.borrow_mut();
        parts.waited = parts.flights.end();
        let waiting = parts.flights.waiting() as u64;
        if waiting > 0 {
            let peak = &mut parts.shard.connections(now).waiting_peak;
            *peak = (*peak).max(waiting);
        }
    }

    /// `open` connections are open, and for the oldest of those that wait `connecting` more are being opened at `now`.
    pub(crate) fn note_connections(&self, now: Elapsed, open: usize, connecting: usize) {
        let parts = &mut *self.parts.borrow_mut();
        (parts.open, parts.connecting) = (open as u64, connecting as u64);
        let covered = parts.flights.nth_waiting(connecting);
        for intended in parts.flights.between(parts.covered, covered) {
            parts.shard.connections(now).slot_wait.record(now.saturating_since(intended));
        }
        parts.covered = parts.covered.max(covered);
    }

    /// Notes what a connection did at `now`.
    pub(crate) fn note(&self, now: Elapsed, change: impl FnOnce(&mut Connections)) {
        change(self.parts.borrow_mut().shard.connections(now));
    }

    /// The worker woke up `late` at `now`.
    pub(crate) fn woke(&self, now: Elapsed, late: Duration) {
        self.parts.borrow_mut().shard.woke(now, late);
    }

    /// Notes the gauges at the end of each second that has ended by `now`.
    pub(crate) fn observe(&self, now: Elapsed) {
        let gauge = self.gauge();
        self.parts.borrow_mut().shard.observe(now, gauge);
    }

    /// The seconds whose time to close has come.
    pub(crate) fn close_due(&self, now: Elapsed) -> Option<Second> {
        self.parts.borrow_mut().shard.close_due(now)
    }

    /// When a second is to be ended or closed next.
    pub(crate) fn next_due(&self) -> Elapsed {
        self.parts.borrow().shard.next_due()
    }

    /// Gives up what waits and closes every second, the running one included.
    pub(crate) fn finish(&self, now: Elapsed) -> Vec<Second> {
        while self.waiting() > 0 {
            self.drop_oldest(Dropped::NoConnection);
        }
        let gauge = self.gauge();
        self.parts.borrow_mut().shard.finish(now, gauge)
    }

    fn gauge(&self) -> Gauge {
        let parts = self.parts.borrow();
        Gauge {
            count: parts.flights.count(),
            oldest: parts.flights.oldest(),
            all_workers: self.shared.in_flight(),
            waiting: parts.flights.waiting() as u64,
            open: parts.open,
            connecting: parts.connecting,
        }
    }
}

/// One request under way: from when a connection took it to when its fate is filed. Dropping it gives its place back.
#[derive(Debug)]
pub struct Exchange {
    line: Rc<Line>,
    ticket: Ticket,
    arrival: Arrival,
    sent: Option<Elapsed>,
}

impl Exchange {
    /// When it was due, and as which of the schedule's arrivals.
    pub const fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// Its first byte is handed to a connection that is ready, now. Service time counts from here; a request that is sent
    /// once more begins anew.
    pub fn begin(&mut self) -> Elapsed {
        let now = self.line.clock.now();
        self.sent = Some(now);
        now
    }

    /// Files what became of it. Its place in flight is given back only then.
    pub fn complete(self, reply: Reply) {
        let completed = self.line.clock.now();
        let Reply { outcome, bytes, served_by, remote, cause, is_http2: _ } = reply;
        let Self { arrival, sent, .. } = self;
        let sample = Sample { arrival, sent, completed, outcome, bytes, served_by, remote, cause };
        self.line.parts.borrow_mut().shard.completed(&sample);
        if completed >= self.line.next_due.get() {
            // Once: the worker says anew what it expects.
            self.line.next_due.set(NEVER);
            self.line.passed.notify_one();
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.line.parts.borrow_mut().flights.remove(self.ticket);
        self.line.shared.give_room();
    }
}
