//! A connection as its pool sees it: how many requests it carries, how many more it could, and how to reach its task.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use crate::http::ending::race;
use crate::http::job::Job;
use crate::http::pool::Id;
use scaletop_units::Elapsed;

/// One open connection.
#[derive(Debug)]
pub(super) struct Slot {
    pub id: Id,
    pub remote: SocketAddr,
    pub born: Elapsed,
    /// When it is to be replaced.
    pub retires: Cell<Option<Elapsed>>,
    /// Requests that it may carry at the same time: one over HTTP/1.1, what the service says over HTTP/2.
    pub limit: Cell<usize>,
    /// Requests that it carries.
    pub busy: Cell<usize>,
    /// Requests that it has carried.
    pub carried: Cell<u64>,
    /// The round trip to the service, as its TCP handshake took it.
    pub round_trip: Duration,
    /// It was opened before the run and has carried nothing.
    pub is_spare: Cell<bool>,
    /// How long it lay idle before it was last given a request when it carried none.
    pub idled: Cell<Duration>,
    /// When that was.
    pub idle_until: Cell<Elapsed>,
    /// When it last had a place to spare.
    pub idle_since: Cell<Elapsed>,
    /// Whether it lies on the pool's stack.
    pub is_stacked: Cell<bool>,
    /// It takes no more requests, and closes when it carries none.
    pub is_closing: Cell<bool>,
    jobs: RefCell<VecDeque<Job>>,
    waker: RefCell<Option<Waker>>,
}

impl Slot {
    pub(super) fn new(id: Id, remote: SocketAddr, born: Elapsed, retires: Option<Elapsed>, limit: usize) -> Self {
        Self {
            id,
            remote,
            born,
            retires: Cell::new(retires),
            limit: Cell::new(limit),
            busy: Cell::new(0),
            carried: Cell::new(0),
            round_trip: Duration::ZERO,
            is_spare: Cell::new(false),
            idled: Cell::new(Duration::ZERO),
            idle_until: Cell::new(born),
            idle_since: Cell::new(born),
            is_stacked: Cell::new(false),
            is_closing: Cell::new(false),
            jobs: RefCell::default(),
            waker: RefCell::default(),
        }
    }

    /// Whether it could take another request.
    pub(super) fn has_room(&self) -> bool {
        !self.is_closing.get() && self.busy.get() < self.limit.get()
    }

    /// It is given a request at `now`; if it carries none, it was idle until then.
    pub(super) fn end_idling(&self, now: Elapsed) {
        if self.busy.get() > 0 {
            return;
        }
        let idled = now.saturating_since(self.idle_since.get());
        self.idled.set(if self.is_spare.replace(false) { Duration::MAX } else { idled });
        self.idle_until.set(now);
    }

    /// How long it had been idle before a request that was begun at `now`, or together with it.
    pub(super) fn idled_before(&self, now: Elapsed) -> Duration {
        let is_together = now.saturating_since(self.idle_until.get()) <= race(self.round_trip);
        if is_together { self.idled.get() } else { Duration::ZERO }
    }

    /// It carries one request more.
    pub(super) fn occupy(&self) {
        self.busy.set(self.busy.get() + 1);
        self.carried.set(self.carried.get() + 1);
    }

    /// A request that was given to it comes back without having been sent.
    pub(super) fn vacate_unused(&self) {
        self.busy.set(self.busy.get().saturating_sub(1));
        self.carried.set(self.carried.get().saturating_sub(1));
    }

    /// Leaves a request with it and wakes its task.
    pub(super) fn give(&self, job: Job) {
        self.occupy();
        self.jobs.borrow_mut().push_back(job);
        self.wake();
    }

    /// What was left with it.
    pub(super) fn take(&self) -> Option<Job> {
        self.jobs.borrow_mut().pop_front()
    }

    /// It takes no more requests.
    pub(super) fn close(&self) {
        self.is_closing.set(true);
        self.wake();
    }

    /// Whom to wake.
    pub(super) fn listen(&self, waker: &Waker) {
        let mut mine = self.waker.borrow_mut();
        match &mut *mine {
            Some(mine) => mine.clone_from(waker),
            None => *mine = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}
