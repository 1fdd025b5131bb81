//! What a pool does beside carrying requests: replaces connections that are old, closes those that nobody needs, and gives
//! up on requests for which there is no connection. One at a turn, so that none of it is a storm.

use std::rc::Rc;
use std::time::Duration;

use crate::http::cause::Failed;
use crate::http::pool::Pool;
use crate::http::pool::state::State;
use crate::http::slot::Slot;
use crate::sample::{FailureKind, Phase};
use scaletop_units::Elapsed;

/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(10);

/// The last one is kept for longer, so that a slow trickle of requests does not open a connection for each.
const LAST_IDLE: Duration = Duration::from_secs(90);

/// An old connection that nobody used for so long is not replaced, only closed.
const UNNEEDED: Duration = Duration::from_secs(1);

/// Wishes of the pool are not granted more often than this.
const SOONEST: Duration = Duration::from_millis(5);

impl State {
    /// When the connection at the bottom of the stack will have lain there for too long.
    fn idle_end(&self) -> Option<Elapsed> {
        let bottom = self.stack.front().filter(|bottom| bottom.busy.get() == 0)?;
        let patience = if self.open.len() == 1 { LAST_IDLE } else { IDLE };
        Some(bottom.idle_since.get() + patience)
    }
}

impl Pool {
    /// One turn's part of replacing and closing.
    pub(super) fn upkeep(self: &Rc<Self>) {
        let now = self.now();
        self.close_idle(now);
        let Some(old) = self.overdue(now) else { return };
        let is_unneeded = old.busy.get() == 0 && now.saturating_since(old.idle_since.get()) >= UNNEEDED;
        if is_unneeded {
            self.let_go(&old);
            return;
        }
        if self.state.borrow().replacing.is_some() {
            return;
        }
        match self.begin_connect() {
            Some(connecting) => self.state.borrow_mut().replacing = Some(connecting),
            // No room for a replacement beside it.
            None => self.let_go(&old),
        }
    }

    /// The replacement is there, or cannot be had: lets the oldest go.
    pub(super) fn retire(&self) {
        if let Some(old) = self.overdue(self.now()) {
            self.let_go(&old);
        }
    }

    fn overdue(&self, now: Elapsed) -> Option<Rc<Slot>> {
        let state = self.state.borrow();
        state.lifetimes.overdue(now).and_then(|id| state.open.get(&id).cloned())
    }

    /// It closes at once when it carries nothing, else after its answer.
    fn let_go(&self, slot: &Rc<Slot>) {
        let state = &mut *self.state.borrow_mut();
        state.lifetimes.gone(slot.id, slot.retires);
        if slot.is_stacked.replace(false) {
            state.stack.retain(|stacked| stacked.id != slot.id);
        }
        slot.close();
    }

    /// Closes the one at the bottom of the stack when it has lain there for long.
    fn close_idle(&self, now: Elapsed) {
        let bottom = {
            let state = self.state.borrow();
            let Some(bottom) = state.stack.front().filter(|_| state.idle_end().is_some_and(|end| end <= now)) else {
                return;
            };
            Rc::clone(bottom)
        };
        self.let_go(&bottom);
    }

    /// Gives up on requests that were due a timeout ago and have no connection: when all that are allowed are busy, that is
    /// ours, and they were never sent; else the service takes no connections, and they failed.
    pub(super) fn give_up_on_the_late(&self) {
        let Some(line) = self.line.borrow().clone() else { return };
        while let Some(due) = line.oldest_waiting() {
            if line.clock().now().saturating_since(due) < self.recipe.timeout {
                return;
            }
            if line.shared().has_connections_left() || !self.state.borrow().connecting.is_empty() {
                if let Some(exchange) = line.take() {
                    let text = format!("no connection within {:?}", self.recipe.timeout);
                    exchange.complete(Failed::new(FailureKind::Timeout, Phase::Waiting, text).reply(0));
                }
            } else {
                line.drop_oldest();
            }
        }
    }

    /// When the pool wants a turn though nothing arrives.
    pub(in crate::http) fn next_turn(&self) -> Option<Elapsed> {
        let state = self.state.borrow();
        let oldest = self.line.borrow().as_ref().and_then(|line| line.oldest_waiting());
        let late = oldest.map(|due| due + self.recipe.timeout);
        let retiring = if state.replacing.is_some() { None } else { state.lifetimes.next() };
        let idle = state.idle_end();
        let wish = [late, retiring, idle].into_iter().flatten().min()?;
        Some(wish.max(self.now() + SOONEST))
    }
}
