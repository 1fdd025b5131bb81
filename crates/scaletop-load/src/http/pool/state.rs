//! What a pool has: its connections, open and being opened, and which of them have room.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::http::pool::Id;
use crate::http::pool::connecting::Connecting;
use crate::http::pool::lifetimes::Lifetimes;
use crate::http::pool::openings::Openings;
use crate::http::slot::Slot;
use scaletop_units::Elapsed;

/// Every connection, the stack of those with room, and connects.
#[derive(Debug)]
pub(super) struct State {
    pub open: HashMap<Id, Rc<Slot>>,
    /// Those with room, the last used at the back.
    pub stack: VecDeque<Rc<Slot>>,
    /// The oldest first.
    pub connecting: VecDeque<Connecting>,
    /// Since when connects for those who wait have been under way without one of them becoming a connection.
    pub fruitless_since: Option<Elapsed>,
    /// Connects that are each to replace a connection that retires, and which.
    pub replacing: Vec<(Connecting, Id)>,
    pub openings: Openings,
    pub lifetimes: Lifetimes,
    pub may_connect: bool,
    pub is_strained: bool,
    /// Arrivals a second.
    pub rate: f64,
    /// Requests that a connection can carry at the same time, as the last one that was opened says.
    pub streams: usize,
    pub next_id: Id,
}

impl State {
    /// No connections yet; they will live for about `max_age`.
    pub(super) fn new(max_age: Option<Duration>) -> Self {
        Self {
            open: HashMap::new(),
            stack: VecDeque::new(),
            connecting: VecDeque::new(),
            fruitless_since: None,
            replacing: Vec::new(),
            openings: Openings::new(),
            lifetimes: Lifetimes::new(max_age),
            may_connect: true,
            is_strained: false,
            rate: 0.0,
            streams: 1,
            next_id: 0,
        }
    }

    /// The name of the next connection.
    pub(super) const fn name(&mut self) -> Id {
        self.next_id += 1;
        self.next_id
    }

    /// The connection on top of the stack; it stays there while it has room for more than one.
    pub(super) fn with_room(&mut self) -> Option<Rc<Slot>> {
        loop {
            let slot = Rc::clone(self.stack.back()?);
            let is_last = slot.limit.get() <= slot.busy.get() + 1;
            if is_last || !slot.has_room() {
                self.stack.pop_back();
                slot.is_stacked.set(false);
            }
            if slot.has_room() {
                return Some(slot);
            }
        }
    }

    /// The connection that was used last of those that were opened at `since` or later.
    pub(super) fn with_room_since(&mut self, since: Elapsed) -> Option<Rc<Slot>> {
        let at = self.stack.iter().rposition(|slot| slot.born >= since && slot.has_room())?;
        let slot = Rc::clone(self.stack.get(at)?);
        if slot.limit.get() <= slot.busy.get() + 1 {
            self.stack.remove(at);
            slot.is_stacked.set(false);
        }
        Some(slot)
    }
}
