//! What a pool does beside carrying requests: replaces connections that are old, closes those that nobody needs, and gives
//! up on requests for which there is no connection. A few at a turn, so that none of it is a storm.

use std::rc::Rc;
use std::time::Duration;

use crate::http::cause::Failed;
use crate::http::pool::state::State;
use crate::http::pool::{Id, Pool};
use crate::http::slot::Slot;
use crate::record::recorder::Dropped;
use crate::sample::{FailureKind, Phase};
use scaletop_units::{Elapsed, exact};

/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(10);

/// The last one is kept for longer, so that a slow trickle of requests does not open a connection for each.
const LAST_IDLE: Duration = Duration::from_secs(90);

/// An old connection that nobody used for so long is not replaced, only closed.
const UNNEEDED: Duration = Duration::from_secs(1);

/// A connection that could not be replaced stays for so much longer.
const PUT_OFF: Duration = Duration::from_secs(1);

/// Of the connections that are overdue one in so many is being replaced at a time.
const OVERDUE_PER_CONNECT: usize = 8;

/// How many of `overdue` connections are replaced at the same time: more when they have become many, so that ages are kept
/// however many connections there are, and however long a connect takes.
fn at_once(overdue: usize) -> usize {
    overdue.div_ceil(OVERDUE_PER_CONNECT).max(1)
}

/// Wishes of the pool are not granted more often than this.
const SOONEST: Duration = Duration::from_millis(5);

/// What is known of the request that waits the longest.
#[derive(Clone, Copy, Debug)]
struct Wait {
    now: Elapsed,
    due: Elapsed,
    /// See [`State::fruitless_since`].
    fruitless_since: Option<Elapsed>,
    /// Whether any connection is open.
    has_open: bool,
    /// Whether the cap allows another.
    has_left: bool,
}

/// What becomes of a request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It goes on waiting.
    Wait,
    /// The service took no connection for as long as it may take: it failed.
    Fail,
    /// It was ours: it is given up, never sent.
    Drop(Dropped),
}

impl Wait {
    /// The service is charged only when connects were under way all the time and none came to anything.
    fn fate(self, timeout: Duration) -> Fate {
        if self.now.saturating_since(self.due) < timeout {
            return Fate::Wait;
        }
        match self.fruitless_since {
            Some(since) if !self.has_open || since <= self.due + timeout / 4 => {
                if self.now.saturating_since(since) < timeout { Fate::Wait } else { Fate::Fail }
            }
            None if !self.has_left => Fate::Drop(Dropped::NoConnection),
            _ => Fate::Drop(Dropped::Late),
        }
    }
}

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
        let (overdue, mut may_begin) = {
            let state = self.state.borrow();
            let overdue = state.lifetimes.overdue(now);
            let may_begin = at_once(overdue.clone().count()).saturating_sub(state.replacing.len());
            // Those that are being replaced already are the oldest.
            let is_replaced = |id: &Id| state.replacing.iter().any(|(_, old)| old == id);
            let next = overdue.filter(|id| !is_replaced(id)).take(may_begin.max(1));
            (next.filter_map(|id| state.open.get(&id).cloned()).collect::<Vec<_>>(), may_begin)
        };
        for old in overdue {
            let is_unneeded = old.busy.get() == 0 && now.saturating_since(old.idle_since.get()) >= UNNEEDED;
            if is_unneeded {
                self.let_go(&old);
            } else if may_begin > 0 {
                let Some(connecting) = self.begin_connect() else {
                    // No room for a replacement beside it.
                    self.let_go(&old);
                    return;
                };
                may_begin -= 1;
                self.state.borrow_mut().replacing.push((connecting, old.id));
            }
        }
    }

    /// The replacement is there, and lets the old one go; or cannot be had, and the old one, which is good, stays a while.
    pub(super) fn retire(self: &Rc<Self>, old: Id, is_replaced: bool) {
        let Some(slot) = self.state.borrow().open.get(&old).cloned() else { return };
        if is_replaced {
            self.let_go(&slot);
        } else if !slot.is_closing.get() {
            let later = self.now() + PUT_OFF;
            let end = slot.retires.replace(Some(later));
            self.state.borrow_mut().lifetimes.put_off(old, end, later);
        }
        if self.state.borrow().may_connect {
            self.upkeep();
        }
    }

    /// It closes at once when it carries nothing, else after its answer.
    fn let_go(&self, slot: &Rc<Slot>) {
        let state = &mut *self.state.borrow_mut();
        state.lifetimes.gone(slot.id, slot.retires.get());
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

    /// Gives up on requests that were due a timeout ago and have no connection. Not in a turn that is late or soon after
    /// one: then they wait because of us, and the connections that are there are about to take them.
    pub(super) fn give_up_on_the_late(&self) {
        let Some(line) = self.line.borrow().clone() else { return };
        while let Some(due) = line.oldest_waiting() {
            let wait = {
                let state = self.state.borrow();
                Wait {
                    now: line.clock().now(),
                    due,
                    fruitless_since: state.fruitless_since,
                    has_open: !state.open.is_empty(),
                    has_left: line.shared().has_connections_left(),
                }
            };
            match wait.fate(self.template.timeout) {
                Fate::Wait => return,
                Fate::Fail => {
                    if let Some(exchange) = line.take() {
                        let text = format!("no connection within {}", exact(self.template.timeout));
                        exchange.complete(Failed::new(FailureKind::Timeout, Phase::Waiting, text).reply(0));
                    }
                }
                Fate::Drop(why) => line.drop_oldest(why),
            }
        }
    }

    /// See [`Openings::holds_back`](crate::http::pool::openings::Openings::holds_back).
    pub(in crate::http) fn holds_back(&self) -> bool {
        self.state.borrow().openings.holds_back()
    }

    /// When the pool wants a turn though nothing arrives.
    pub(in crate::http) fn next_turn(&self) -> Option<Elapsed> {
        let state = self.state.borrow();
        let oldest = self.line.borrow().as_ref().and_then(|line| line.oldest_waiting());
        let late = oldest.map(|due| due + self.template.timeout);
        let is_replacing = !state.replacing.is_empty()
            && state.replacing.len() >= at_once(state.lifetimes.overdue(self.now()).count());
        let retiring = if is_replacing { None } else { state.lifetimes.next() };
        let idle = state.idle_end();
        let resend = self.resends.borrow().ends_waiting();
        let wish = [late, retiring, idle, resend].into_iter().flatten().min()?;
        Some(wish.max(self.now() + SOONEST))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::LocalSet;

    use super::*;
    use crate::RequestOptions;
    use crate::engine::{LoadConfig, Shared};
    use crate::http::template::RequestTemplate;
    use crate::line::Line;
    use crate::pacer::Arrival;
    use crate::transport::Turn;
    use scaletop_units::RunClock;

    const TIMEOUT: Duration = Duration::from_millis(200);

    /// A request that was due at 1 s.
    fn wait(now: u64, fruitless_since: Option<u64>, has_open: bool, has_left: bool) -> Fate {
        let at = Elapsed::from_millis;
        Wait { now: at(now), due: at(1_000), fruitless_since: fruitless_since.map(at), has_open, has_left }
            .fate(TIMEOUT)
    }

    #[test]
    fn only_a_service_that_took_no_connection_all_the_time_is_charged() {
        assert_eq!(wait(1_199, Some(900), false, true), Fate::Wait, "not before its time");
        assert_eq!(wait(1_200, Some(900), true, true), Fate::Fail);
        assert_eq!(wait(1_200, Some(1_001), true, true), Fate::Wait, "its connect began a moment after it was due");
        assert_eq!(wait(1_201, Some(1_001), true, true), Fate::Fail);
        assert_eq!(wait(1_800, None, true, true), Fate::Drop(Dropped::Late), "a stop of ours");
        assert_eq!(wait(1_800, Some(1_790), true, true), Fate::Drop(Dropped::Late), "and the connects after it");
        assert_eq!(wait(1_800, Some(1_790), false, true), Fate::Wait, "nothing is open: those connects decide");
        assert_eq!(wait(1_800, None, true, false), Fate::Drop(Dropped::NoConnection));
    }

    #[test]
    fn the_more_are_overdue_the_more_are_replaced_at_once() {
        assert_eq!([0, 1, 8, 9, 800].map(at_once), [1, 1, 1, 2, 100]);
    }

    #[tokio::test]
    async fn a_turn_that_is_late_or_strained_gives_up_on_nothing() {
        let on_one_thread = async {
            let url = "http://127.0.0.1:9/".parse().unwrap();
            let options = RequestOptions { timeout: Duration::from_millis(1), ..RequestOptions::get(url) };
            let pool = Pool::new(Arc::new(RequestTemplate::new(&options).unwrap()));
            let config = LoadConfig { max_connections: 0, ..LoadConfig::default() };
            let clock = RunClock::start();
            let line = Rc::new(Line::new(clock, Arc::new(Shared::new(&config, 1, 0)), Elapsed::ZERO));
            line.accept(Arrival { number: 1, due: clock.now() }, clock.now());
            tokio::time::sleep(Duration::from_millis(20)).await;
            let waiting = |may_connect, is_strained| {
                pool.serve(&line, Turn { now: clock.now(), may_connect, is_strained, is_full: false, rate: 0.0 });
                line.waiting()
            };
            assert_eq!([waiting(false, false), waiting(true, true), waiting(true, false)], [1, 1, 0]);
        };
        LocalSet::new().run_until(on_one_thread).await;
    }
}
