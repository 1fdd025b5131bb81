//! A generator without its clock, its engine and its carrier: what it makes of what it hears.

use std::time::Duration;

use scaletop_load::{Piece, Slots};
use scaletop_units::{ArrivalRate, Elapsed, GeneratorId};

use crate::lease::Lease;
use crate::message::{BeatAnswer, Message, Published, Verdict};

/// A change for the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// The rate, and from when on.
    pub piece: Piece,
    /// The slots that are this generator's.
    pub slots: Option<Slots>,
}

/// What a generator knows of the schedule, and until when it may send.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    id: GeneratorId,
    threads: u32,
    max_rate: ArrivalRate,
    epoch: u64,
    lease: Lease,
    /// The latest schedule that was heard.
    known: u64,
    /// The latest entry that the engine has.
    applied: u64,
    slots: Option<Slots>,
    /// When the latest entry takes effect.
    from: Elapsed,
    late: Option<Duration>,
    refused: Option<String>,
}

impl Member {
    /// Of the fleet that this controller leads.
    pub(crate) const fn new(id: GeneratorId, threads: u32, max_rate: ArrivalRate, epoch: u64, lease: Lease) -> Self {
        Self {
            id,
            threads,
            max_rate,
            epoch,
            lease,
            known: 0,
            applied: 0,
            slots: None,
            from: Elapsed::ZERO,
            late: None,
            refused: None,
        }
    }

    /// The latest schedule that it knows.
    pub(crate) const fn known(&self) -> u64 {
        self.known
    }

    /// Its slots by the latest entry.
    pub(crate) const fn slots(&self) -> Option<Slots> {
        self.slots
    }

    /// Whether others have, or nobody has, what was its share.
    pub(crate) fn is_relieved(&self, now: Elapsed) -> bool {
        self.slots.is_none() && now > self.from
    }

    /// The last moment of which an arrival may be sent, at `now`.
    pub(crate) fn lease_end(&self, now: Elapsed) -> Elapsed {
        self.lease.end(now)
    }

    /// When to look at it again though nothing happens.
    pub(crate) fn next_change(&self, now: Elapsed) -> Option<Elapsed> {
        self.lease.next_change(now)
    }

    /// How late the latest change came, since this was last asked.
    pub(crate) const fn take_late(&mut self) -> Option<Duration> {
        self.late.take()
    }

    /// Why a share was not taken, since this was last asked.
    pub(crate) const fn take_refusal(&mut self) -> Option<String> {
        self.refused.take()
    }

    /// The schedule is heard at `now`: what the engine is to be told, in this order, before the lease is looked at again. What comes
    /// late, twice, or from another controller changes nothing.
    pub(crate) fn follow(&mut self, now: Elapsed, heard: &Message<Published>) -> Vec<Change> {
        if heard.epoch != self.epoch || heard.number <= self.known {
            return Vec::new();
        }
        self.known = heard.number;
        let mut changes = Vec::new();
        let applied = self.applied;
        for entry in heard.body.entries.iter().filter(|entry| entry.number > applied) {
            let table = usize::try_from(entry.table).ok().and_then(|at| heard.body.tables.get(at));
            let mine = table.and_then(|table| table.slots_of(&self.id));
            let slots = mine.filter(|slots| self.may_take(*slots, &entry.piece));
            changes.push(Change { piece: entry.piece, slots });
            if now > entry.piece.at && applied > 0 {
                self.late = self.late.max(Some(now.saturating_since(entry.piece.at)));
            }
            (self.slots, self.from) = (slots, entry.piece.at);
        }
        self.applied = heard.body.entries.iter().map(|entry| entry.number).fold(self.applied, u64::max);
        self.lease.prepare(now, heard.body.prepared);
        changes
    }

    /// A share beyond its own ceiling is not taken: no controller should give one.
    fn may_take(&mut self, slots: Slots, piece: &Piece) -> bool {
        let most = u64::from(piece.profile.first().max(piece.profile.last()).get());
        let is_fine = most * u64::from(self.threads) <= u64::from(self.max_rate.get()) * u64::from(slots.of);
        if !is_fine {
            let share = most * u64::from(self.threads) / u64::from(slots.of.max(1));
            self.refused = Some(format!("a share of {share}/s is more than the {} that it may send", self.max_rate));
        }
        is_fine
    }

    /// What a beat says of its lease: see [`Lease::heard`].
    pub(crate) const fn heard(&self) -> (Elapsed, Elapsed) {
        self.lease.heard()
    }

    /// A beat that was sent at `sent` is answered at `now`; whether a newer schedule is to be asked for.
    pub(crate) fn answered(&mut self, now: Elapsed, sent: Option<Elapsed>, answer: &Message<BeatAnswer>) -> bool {
        if answer.epoch != self.epoch {
            return false;
        }
        if let Some(sent) = sent {
            self.lease.answer(now, sent, answer.body.verdict == Verdict::Granted);
        }
        answer.body.schedule > self.known
    }
}
