//! Connects: started, cancelled, completed, and those that nobody waits for.

use std::rc::Rc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::http::cause::Failed;
use crate::http::connect::{self, ConnectTimes, Connected, Wire};
use crate::http::pool::{Id, Pool};
use crate::http::slot::Slot;
use crate::http::{h1, h2};
use crate::record::connections::Connections;

/// A connect under way.
#[derive(Debug)]
pub(super) struct Connecting {
    pub id: Id,
    pub task: AbortHandle,
}

impl Pool {
    /// Starts a connect for those who wait.
    pub(super) fn start(self: &Rc<Self>) {
        if let Some(connecting) = self.begin_connect() {
            self.state.borrow_mut().connecting.push_back(connecting);
        }
    }

    /// Starts a connect, when the cap allows one more.
    pub(super) fn begin_connect(self: &Rc<Self>) -> Option<Connecting> {
        let is_allowed = self.line.borrow().as_ref().is_none_or(|line| line.shared().take_connection());
        if !is_allowed {
            return None;
        }
        let id = self.state.borrow_mut().name();
        let pool = Rc::clone(self);
        let task = tokio::task::spawn_local(async move {
            let clock = pool.clock.get();
            let began = clock.now();
            let result = connect::connect(&pool.template, &clock).await;
            let took = clock.now().saturating_since(began);
            pool.connected(id, took, result);
        });
        Some(Connecting { id, task: task.abort_handle() })
    }

    /// Cancels the youngest connects. One that has become a connection by now is none of them any more, and is kept.
    pub(super) fn cancel(&self, count: usize) {
        for _ in 0..count {
            let Some(youngest) = self.state.borrow_mut().connecting.pop_back() else { return };
            youngest.task.abort();
            self.give_connection();
            self.note(|connections| connections.cancelled += 1);
        }
    }

    /// A connect has ended.
    fn connected(self: &Rc<Self>, id: Id, took: Duration, result: Result<Connected, Failed>) {
        let replaced = {
            let state = &mut *self.state.borrow_mut();
            state.connecting.retain(|connecting| connecting.id != id);
            let at = state.replacing.iter().position(|(connecting, _)| connecting.id == id);
            at.map(|at| state.replacing.swap_remove(at).1)
        };
        let (is_replacement, is_open) = (replaced.is_some(), result.is_ok());
        match result {
            Ok(connected) => {
                {
                    let now = self.now();
                    let state = &mut *self.state.borrow_mut();
                    state.fruitless_since = None;
                    if !is_replacement {
                        state.openings.connected(now, took);
                    }
                }
                self.note(|connections| note_opened(connections, took, &connected));
                self.adopt(id, connected);
            }
            Err(failed) => {
                self.give_connection();
                self.note(|connections| connections.failed += 1);
                let oldest = || self.resends.borrow_mut().pop().or_else(|| self.next_job());
                if !is_replacement && let Some(job) = oldest() {
                    job.complete(failed.reply(0));
                }
            }
        }
        if let Some(old) = replaced {
            self.retire(old, is_open);
        }
        self.balance();
    }

    /// Takes a connection in and starts its task.
    fn adopt(self: &Rc<Self>, id: Id, connected: Connected) {
        let Connected { wire, remote, timing } = connected;
        let now = self.now();
        let limit = match &wire {
            Wire::Http2(session) if self.template.keep_alive => session.limit(),
            Wire::Http1(_) | Wire::Http2(_) => 1,
        };
        let slot = {
            let state = &mut *self.state.borrow_mut();
            let retires = state.lifetimes.born(id, now, self.rng.borrow_mut().f64());
            let mut slot = Slot::new(id, remote, now, retires, limit);
            slot.round_trip = timing.round_trip;
            let slot = Rc::new(slot);
            state.open.insert(id, Rc::clone(&slot));
            state.streams = limit;
            // It can be given requests before its task first runs.
            slot.is_stacked.set(true);
            state.stack.push_back(Rc::clone(&slot));
            slot
        };
        let pool = Rc::clone(self);
        match wire {
            Wire::Http1(stream) => drop(tokio::task::spawn_local(h1::serve(pool, slot, stream))),
            Wire::Http2(session) => drop(tokio::task::spawn_local(h2::serve(pool, slot, *session))),
        }
    }

    /// Opens connections that nobody waits for, so many at a time; how many were opened.
    pub(in crate::http) async fn warm(self: &Rc<Self>, connections: usize, at_once: usize) -> usize {
        let (mut opened, mut left) = (0, connections);
        while left > 0 {
            let batch = left.min(at_once);
            left -= batch;
            let clock = self.clock.get();
            let connects = (0..batch).map(|_| async {
                let began = clock.now();
                let connected = connect::connect(&self.template, &clock).await;
                connected.map(|connected| (clock.now().saturating_since(began), connected))
            });
            for (took, connected) in futures_util::future::join_all(connects).await.into_iter().flatten() {
                self.note(|connections| note_opened(connections, took, &connected));
                let id = self.state.borrow_mut().name();
                self.adopt(id, connected);
                opened += 1;
            }
        }
        opened
    }

    /// A connection, or a connect, is no more: another may take its place under the cap.
    pub(super) fn give_connection(&self) {
        if let Some(line) = &*self.line.borrow() {
            line.shared().give_connection();
        }
    }
}

fn note_opened(connections: &mut Connections, took: Duration, connected: &Connected) {
    let ConnectTimes { dns, tcp, tls, .. } = connected.timing;
    connections.opened += 1;
    connections.opened_http2 += u64::from(matches!(connected.wire, Wire::Http2(_)));
    connections.connect.record(took);
    connections.dns.record(dns);
    connections.tcp.record(tcp);
    if let Some(tls) = tls {
        connections.tls.record(tls);
    }
}
