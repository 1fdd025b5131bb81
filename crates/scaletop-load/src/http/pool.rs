//! The connections of one worker, and who gets them.
//!
//! ```text
//!   line (waits, oldest first) ──┐                        ┌── stack of connections with room, last used on top
//!   sent once more ──────────────┴──► oldest ◄── whichever comes first ──┤
//!                                                         └── connects under way ([`openings`] says how many)
//! ```
//!
//! What is sent once more waits for a connection that is opened from then on ([`resends`]).
//!
//! A connection that becomes free, or open, takes the oldest request that waits; a request that comes due takes the
//! connection that was used last, so that those nobody needs lie still at the bottom, where they are closed. A connect
//! that fails is the fate of the oldest that waits. All of it runs on one thread, between two awaits.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::http::job::Job;
use crate::http::pool::openings::{Adjustment, Situation};
use crate::http::pool::resends::Resends;
use crate::http::pool::state::State;
use crate::http::slot::Slot;
use crate::http::template::{Outgoing, RequestTemplate};
use crate::ids::Ids;
use crate::line::Line;
use crate::record::connections::Connections;
use crate::transport::Turn;
use scaletop_units::{Elapsed, RunClock};

pub(in crate::http) use lifetimes::Id;

mod connecting;
mod lifetimes;
mod openings;
mod resends;
mod state;
mod trend;
mod upkeep;

/// What one read takes at most.
const SCRATCH: usize = 32 * 1024;

/// The connections of one worker.
#[derive(Debug)]
pub(super) struct Pool {
    pub template: Arc<RequestTemplate>,
    pub ids: Ids,
    clock: Cell<RunClock>,
    line: RefCell<Option<Rc<Line>>>,
    /// Requests that somebody asked for by themselves.
    singles: RefCell<VecDeque<Job>>,
    /// Requests that come back from a connection and go before all others.
    returned: RefCell<VecDeque<Job>>,
    /// Requests that met the close of a connection.
    resends: RefCell<Resends>,
    state: RefCell<State>,
    /// What connections did before there was a line to note it in.
    early: RefCell<Connections>,
    scratch: RefCell<Box<[u8]>>,
    rng: RefCell<fastrand::Rng>,
}

/// What a connection with room does next.
pub(super) enum Next {
    /// It sends this.
    Send(Job),
    /// It waits to be given something.
    Wait,
    /// It closes.
    Close,
}

impl Pool {
    /// No connections yet.
    pub(super) fn new(template: Arc<RequestTemplate>) -> Rc<Self> {
        Rc::new(Self {
            ids: Ids::new(template.instance_header.clone()),
            state: RefCell::new(State::new(template.max_age)),
            template,
            clock: Cell::new(RunClock::start()),
            line: RefCell::default(),
            singles: RefCell::default(),
            returned: RefCell::default(),
            resends: RefCell::default(),
            early: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH].into()),
            rng: RefCell::new(fastrand::Rng::new()),
        })
    }

    /// One turn of the worker: see [`Transport::serve`](crate::Transport::serve).
    pub(super) fn serve(self: &Rc<Self>, line: &Rc<Line>, turn: Turn) {
        if self.line.borrow().is_none() {
            self.attach(line);
        }
        {
            let state = &mut *self.state.borrow_mut();
            (state.may_connect, state.is_strained) = (turn.may_connect, turn.is_strained || turn.is_full);
            state.rate = turn.rate;
        }
        self.balance();
        if turn.may_connect {
            self.upkeep();
        }
        if turn.may_connect && !turn.is_strained {
            self.give_up_on_the_late();
        }
    }

    /// From here on the line's clock is the pool's. Connections that were opened before are as old as the run.
    fn attach(&self, line: &Rc<Line>) {
        self.clock.set(*line.clock());
        let now = self.now();
        let state = &mut *self.state.borrow_mut();
        line.shared().adopt_connections(state.open.len() + state.connecting.len());
        for slot in state.open.values() {
            slot.idle_since.set(now);
            slot.is_spare.set(true);
        }
        line.note(now, |connections| connections.merge(&self.early.take()));
        *self.line.borrow_mut() = Some(Rc::clone(line));
    }

    /// Carries a request by itself.
    pub(super) fn submit(self: &Rc<Self>, job: Job) {
        self.singles.borrow_mut().push_back(job);
        self.balance();
    }

    /// What is sent for `job`.
    pub(super) fn outgoing(&self, job: &Job) -> Outgoing<'_> {
        self.template.outgoing(job.ask(), self.clock.get().started_unix_micros())
    }

    /// The moment, on the clock that the ages of connections are counted by.
    pub(super) fn now(&self) -> Elapsed {
        self.clock.get().now()
    }

    /// Room to read into; it is everybody's, so it must not be kept.
    pub(super) fn scratch(&self) -> RefMut<'_, Box<[u8]>> {
        self.scratch.borrow_mut()
    }

    /// A request that was sent at `sent` has its full answer.
    pub(super) fn answered(&self, sent: Elapsed) {
        let now = self.now();
        self.state.borrow_mut().openings.answered(now, now.saturating_since(sent));
    }

    /// A connection has room again, or for the first time: what it does next.
    pub(super) fn free(self: &Rc<Self>, slot: &Rc<Slot>) -> Next {
        if !slot.has_room() {
            return if slot.is_closing.get() { Next::Close } else { Next::Wait };
        }
        if let Some(job) = self.job_for(slot) {
            // Over HTTP/1.1 it comes right after an answer.
            slot.idled.set(Duration::ZERO);
            slot.occupy();
            return Next::Send(job);
        }
        let mut state = self.state.borrow_mut();
        slot.idle_since.set(self.now());
        if !slot.is_stacked.replace(true) {
            state.stack.push_back(Rc::clone(slot));
        }
        let is_too_much = !state.connecting.is_empty();
        drop(state);
        if is_too_much {
            self.balance();
        }
        Next::Wait
    }

    /// Gives back what a connection could not send, or what the service refused to look at: it goes before all others.
    pub(super) fn give_back(self: &Rc<Self>, job: Job) {
        self.returned.borrow_mut().push_back(job);
        self.balance();
    }

    /// Gives back what met the close of its connection: see [`resends`].
    pub(super) fn send_once_more(self: &Rc<Self>, mut job: Job) {
        self.note(|connections| connections.retried_on_close += 1);
        job.again = true;
        self.resends.borrow_mut().push(self.now(), job);
        self.balance();
    }

    /// A connection is closed.
    pub(super) fn closed(self: &Rc<Self>, slot: &Rc<Slot>) {
        slot.is_closing.set(true);
        while let Some(job) = slot.take() {
            slot.vacate_unused();
            if job.again {
                self.resends.borrow_mut().push(self.now(), job);
            } else {
                self.returned.borrow_mut().push_back(job);
            }
        }
        {
            let state = &mut *self.state.borrow_mut();
            state.open.remove(&slot.id);
            state.lifetimes.gone(slot.id, slot.retires.get());
            if slot.is_stacked.replace(false) {
                state.stack.retain(|stacked| stacked.id != slot.id);
            }
        }
        let age = self.now().saturating_since(slot.born);
        self.give_connection();
        self.note(|connections| {
            connections.closed += 1;
            connections.closed_requests += slot.carried.get();
            connections.closed_age += age;
        });
        self.balance();
    }

    /// Hands requests to connections, then starts or cancels connects.
    pub(super) fn balance(self: &Rc<Self>) {
        self.assign();
        let wanted = self.waiting();
        let step = {
            let state = &mut *self.state.borrow_mut();
            let is_quiet = wanted == 0 && state.connecting.is_empty();
            if is_quiet {
                state.openings.rest();
            }
            let left = self.line.borrow().as_ref().map_or(usize::MAX, |line| line.shared().connections_left());
            let situation = Situation {
                now: self.now(),
                wanted: wanted.div_ceil(state.streams.max(1)),
                open: state.open.len(),
                connecting: state.connecting.len(),
                left: left.min(usize::MAX / 2),
                may_connect: state.may_connect,
                is_strained: state.is_strained,
                rate: state.rate / state.streams.max(1) as f64,
            };
            if is_quiet { Adjustment::Stay } else { state.openings.step(situation) }
        };
        match step {
            Adjustment::Start(count) => (0..count).for_each(|_| self.start()),
            Adjustment::Cancel(count) => self.cancel(count),
            Adjustment::Stay => {}
        }
        {
            let now = self.now();
            let state = &mut *self.state.borrow_mut();
            let since = state.fruitless_since.unwrap_or(now);
            state.fruitless_since = (!state.connecting.is_empty()).then_some(since);
        }
        self.note_gauges();
    }

    /// Requests that wait for a connection.
    fn waiting(&self) -> usize {
        self.resends.borrow().len() + self.waiting_for_any()
    }

    /// Requests that wait for a connection, whichever.
    fn waiting_for_any(&self) -> usize {
        let line = self.line.borrow().as_ref().map_or(0, |line| line.waiting());
        self.returned.borrow().len() + self.singles.borrow().len() + line
    }

    /// When a connection must have been opened to carry the oldest of what is sent once more.
    fn resend_wants(&self) -> Option<Elapsed> {
        let can_open = self.line.borrow().as_ref().is_none_or(|line| line.shared().has_connections_left());
        self.resends.borrow().wants(self.now(), can_open)
    }

    /// What this connection sends next.
    fn job_for(&self, slot: &Slot) -> Option<Job> {
        if self.resend_wants().is_some_and(|since| slot.born >= since) {
            return self.resends.borrow_mut().pop();
        }
        self.next_job()
    }

    /// The oldest request that waits for a connection, whichever.
    fn next_job(&self) -> Option<Job> {
        if let Some(job) = self.returned.borrow_mut().pop_front() {
            return Some(job);
        }
        if let Some(exchange) = self.line.borrow().as_ref().and_then(Line::take) {
            return Some(Job::load(exchange));
        }
        self.singles.borrow_mut().pop_front()
    }

    /// Gives what waits to the connections with room.
    fn assign(&self) {
        while let Some(since) = self.resend_wants() {
            let Some(slot) = self.state.borrow_mut().with_room_since(since) else { break };
            let Some(job) = self.resends.borrow_mut().pop() else { break };
            slot.end_idling(self.now());
            slot.give(job);
        }
        while self.waiting_for_any() > 0 {
            let Some(slot) = self.state.borrow_mut().with_room() else { return };
            let Some(job) = self.next_job() else { return };
            slot.end_idling(self.now());
            slot.give(job);
        }
    }

    /// Whether any connection speaks HTTP/2; `None` while none is open.
    pub(super) fn is_http2(&self) -> Option<bool> {
        let state = self.state.borrow();
        (!state.open.is_empty()).then_some(state.streams > 1)
    }

    /// Notes what a connection did.
    pub(super) fn note(&self, change: impl FnOnce(&mut Connections)) {
        match &*self.line.borrow() {
            Some(line) => line.note(self.now(), change),
            None => change(&mut self.early.borrow_mut()),
        }
    }

    fn note_gauges(&self) {
        if let Some(line) = &*self.line.borrow() {
            let state = self.state.borrow();
            let connecting = state.connecting.len();
            line.note_connections(self.now(), state.open.len(), connecting);
        }
    }
}
