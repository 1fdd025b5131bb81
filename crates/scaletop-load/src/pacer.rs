//! When each request is due: a pure function of the rate's history.
//!
//! It owns the schedule and nothing else: no clock, no timer, no request. Ask [`Pacer::next_due`] when to come back and
//! [`Pacer::pop_due`] for what is due; how often one asks changes nothing.
//!
//! # The algebra
//!
//! Arrival *n* is due at the first instant at which the integral of the rate reaches *n*:
//!
//! ```text
//!  rate                                    credit(t) = ∫ rate            n = 1, 2, 3, … are due where the curve
//!    │        ┌────────── b                                        ╱     crosses the whole numbers
//!    │       ╱┊                              3 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╱
//!    │     ╱  ┊                              2 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄╭─╯┊
//!    │   ╱    ┊                              1 ┄┄┄┄┄┄┄┄┄┄┄╭───╯┊  ┊
//!  a ├─╯┊     ┊                                ___________╯┊   ┊  ┊
//!    └──┴─────┴────────── t                    └───────────┴───┴──┴── t
//!       0     T                                            due instants
//! ```
//!
//! A change of rate is an *anchor*: the credit earned up to it is kept, fractions included, and from there on the new
//! rate earns. So a change neither bursts (no credit appears) nor skips (none is lost), pausing earns nothing, and over
//! *n* whole seconds at a rate *r* exactly *n·r* arrivals are due.
//!
//! With `t` nanoseconds since the anchor, and credit counted in units of 1/(2·10⁹) request so that halves stay whole:
//!
//! ```text
//!  constant r        earned(t) = 2·r·t                                due:  t = ⌈credit / 2r⌉
//!  ramp a→b in T     earned(t) = 2·a·t + (b − a)·t²/T   for t ≤ T     due:  the least such t, by bisection
//!                    earned(T) = (a + b)·T                            (whole, whatever T is)
//! ```
//!
//! Only a ramp that is left half-way is rounded, down to the unit (half a billionth of a request). Everything is integer;
//! `t²/T` is split into quotient and remainder, so nothing overflows for any 64-bit `T` and 32-bit rate.
//!
//! Poisson arrivals use the *same* integral: the whole numbers on the credit axis are replaced by a unit-rate Poisson
//! process (sums of exponential gaps with mean 1). That is the time-changed Poisson process: at every instant its
//! intensity is the rate, and a change of rate rescales the gap that is under way instead of redrawing it.
//!
//! # Several workers
//!
//! A [`Share`] `k` of `N` takes every N-th arrival of the one schedule, beginning with the k-th. Together the shares are
//! exactly the schedule as long as every change reaches every pacer before its anchor; a change that comes late (its
//! anchor moves to the last arrival handed out) costs each share less than one arrival.
//!
//! Shares change while the schedule runs: [`Pacer::reshare`] deals out anew what is due after a moment, and
//! [`Pacer::sibling`] makes the pacer of a worker that joins then. Arrivals are counted from the first one on whoever
//! takes them, so no arrival is lost, doubled or moved by it.
//!
//! # Several machines
//!
//! A worker on another machine may join in the middle and need not know what was before: a [`Piece`] says how much credit was
//! earned by the latest change of rate, and that is all that arrivals after it depend on. [`Pacer::begin`] goes over to it: what
//! is due until its moment stays dealt out as it was, what is due after it is dealt out by new shares. With uniform arrivals the
//! pieces together are exactly the one schedule. Poisson arrivals have no memory: each piece draws gaps of its own from its
//! moment on, and the whole is in law what one process would have been.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::pacer::curve::Anchor;
use crate::rate::{Arrivals, CREDIT_PER_ARRIVAL, RateProfile};
use scaletop_units::Elapsed;

mod curve;

/// Anchors kept although no arrival of this share needs them: a change of shares may still ask for the credit at them.
const MAX_ANCHORS: usize = 1_024;

/// An arrival of the one schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number in the schedule, from 1 on: the same whoever takes it. (With Poisson arrivals each [`Piece`] draws gaps of its
    /// own, so a few numbers may be left out or come twice where one begins.)
    pub number: u64,
    /// When it is due.
    pub due: Elapsed,
}

impl Arrival {
    /// The first one, due when the session begins: stands for a request that no schedule asked for.
    pub const FIRST: Self = Self { number: 1, due: Elapsed::ZERO };
}

/// Which arrivals of the one schedule a worker takes: every `of`-th, beginning with number `index` (from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    index: u32,
    of: u32,
}

impl Share {
    /// All of them.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// None of them: the share of a worker that has not joined yet.
    const NONE: Self = Self { index: 0, of: 0 };

    /// The share of worker `index` (from 0) among `of`. `of` is at least 1, and `index` wraps around it.
    pub const fn new(index: u32, of: u32) -> Self {
        let of = if of == 0 { 1 } else { of };
        Self { index: index % of, of }
    }

    /// How many arrivals from number `number` (from 1) on it takes its next one.
    fn steps_after(self, number: u64) -> u32 {
        let of = u64::from(self.of);
        let past = (number + of - u64::from(self.index) % of + of - 1) % of;
        self.of - u32::try_from(past).unwrap_or(0)
    }

    /// Whether it takes arrival `number` (from 1).
    fn takes(self, number: u64) -> bool {
        self.of > 0 && (number - 1) % u64::from(self.of) == u64::from(self.index)
    }
}

/// The one schedule from a moment on, for a worker that need not know what was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// What is due after this moment is the piece's.
    pub at: Elapsed,
    /// The rate that is in force then, since its own anchor; the rates that follow are changes of the piece.
    pub profile: RateProfile,
    /// The anchor of that rate, not after `at`.
    pub since: Elapsed,
    /// The integral of the rate from the beginning of the schedule to `since`, in units of which [`CREDIT_PER_ARRIVAL`] make an
    /// arrival.
    pub credit: u128,
    /// The seed of Poisson arrivals, another one for each piece.
    pub seed: u64,
}

/// A machine's places in a schedule that several machines share: neighboring ones, one for each of its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// The first one, from 0.
    pub first: u32,
    /// How many there are in all.
    pub of: u32,
}

impl Slots {
    /// The share of the machine's worker `index`, from 0.
    pub const fn share(self, index: u32) -> Share {
        Share::new(self.first.wrapping_add(index), self.of)
    }
}

/// The schedule of arrivals.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// Anchors that may still make an arrival due, ascending; never empty.
    anchors: VecDeque<Anchor>,
    /// The share in force, then those that take over after a moment; never empty, ascending.
    shares: VecDeque<(Elapsed, Share)>,
    /// The last arrival handed out, or the beginning.
    last: Cursor,
    /// The next one of this share.
    upcoming: Cursor,
    /// When that is due; `None` while the rate stays zero.
    next: Option<Elapsed>,
    /// When the last arrival handed out was due.
    handed_out: Elapsed,
    /// Its number, and 0 before the first.
    number: u64,
    arrivals: Arrivals,
    /// The piece that follows, and the moment after which it does.
    following: Option<Box<(Elapsed, Pacer)>>,
}

impl Pacer {
    /// A paused schedule. `seed` only matters for Poisson arrivals; workers that share a schedule share the seed.
    pub fn new(arrivals: Arrivals, seed: u64, share: Share) -> Self {
        let gaps = match arrivals {
            Arrivals::Uniform => Gaps::Even,
            Arrivals::Poisson => Gaps::Exponential(fastrand::Rng::with_seed(seed)),
        };
        let start = Cursor { number: 0, credit: 0, gaps };
        let anchors = VecDeque::from([Anchor { at: Elapsed::ZERO, credit: 0, profile: RateProfile::PAUSED }]);
        let shares = VecDeque::from([(Elapsed::ZERO, share)]);
        let (last, handed_out) = (start.clone(), Elapsed::ZERO);
        let mut pacer = Self {
            anchors,
            shares,
            last,
            upcoming: start,
            next: None,
            handed_out,
            number: 0,
            arrivals,
            following: None,
        };
        pacer.find_next();
        pacer
    }

    /// What is due after the moment of `piece` is the piece's, and this worker's share of it `share`; `None`: it takes nothing of
    /// it. What is due until then stays as it was. Later changes are changes of the piece.
    ///
    /// A moment before what was already handed out hands nothing out again: what the piece makes due until then is left out.
    pub fn begin(&mut self, piece: Piece, share: Option<Share>) {
        if let Some(following) = &mut self.following {
            following.1.begin(piece, share);
            return;
        }
        let mut next = Self::new(self.arrivals, piece.seed, share.unwrap_or(Share::NONE));
        let anchor = Anchor { at: piece.since, credit: piece.credit, profile: piece.profile };
        let earned = anchor.credit_at(piece.at);
        let number = earned / CREDIT_PER_ARRIVAL;
        next.last.number = u64::try_from(number).unwrap_or(u64::MAX);
        next.last.credit = match self.arrivals {
            Arrivals::Uniform => number * CREDIT_PER_ARRIVAL,
            Arrivals::Poisson => earned,
        };
        next.anchors = VecDeque::from([anchor]);
        next.handed_out = piece.at;
        next.find_next();
        self.following = Some(Box::new((piece.at, next)));
        self.find_next();
    }

    /// Makes `profile` the rate from `at` on; what is due before `at` stays due.
    ///
    /// Returns the anchor: `at`, or the latest moment that is already settled (an earlier change, an arrival handed out)
    /// when `at` lies before it.
    pub fn set(&mut self, at: Elapsed, profile: RateProfile) -> Elapsed {
        if let Some(following) = &mut self.following {
            return following.1.set(at, profile);
        }
        let at = at.max(self.handed_out);
        let at = match self.anchors.back_mut() {
            Some(last) if at <= last.at => {
                last.profile = profile;
                last.at
            }
            Some(last) => {
                let credit = last.credit_at(at);
                self.anchors.push_back(Anchor { at, credit, profile });
                at
            }
            None => unreachable!("there is always an anchor"),
        };
        self.find_next();
        at
    }

    /// What is due after `at` is dealt out by `share`; what is due until then stays dealt out as it was.
    pub fn reshare(&mut self, at: Elapsed, share: Share) {
        if let Some(following) = &mut self.following {
            following.1.reshare(at, share);
            return;
        }
        let at = self.shares.back().map_or(at, |&(before, _)| at.max(before)).max(self.handed_out);
        self.shares.push_back((at, share));
        self.find_next();
    }

    /// The pacer of a worker that joins: `share` of what is due after `at`, and nothing before.
    pub(crate) fn sibling(&self, at: Elapsed, share: Share) -> Self {
        let mut sibling = self.clone();
        sibling.shares = VecDeque::from([(Elapsed::ZERO, Share::NONE), (at.max(self.handed_out), share)]);
        sibling.find_next();
        sibling
    }

    /// When the next arrival is due; `None` when none ever is at the rate in force.
    pub const fn next_due(&self) -> Option<Elapsed> {
        self.next
    }

    /// Hands out the next arrival if it is due by `now`: its intended instant, never after `now` and never before the
    /// one handed out before it.
    pub fn pop_due(&mut self, now: Elapsed) -> Option<Elapsed> {
        let due = self.next.filter(|&due| due <= now)?;
        self.handed_out = due;
        self.number = self.upcoming.number;
        self.last = self.upcoming.clone();
        while self.shares.get(1).is_some_and(|&(at, _)| at < due) {
            self.shares.pop_front();
        }
        self.find_next();
        Some(due)
    }

    /// The same with its number.
    pub fn pop_arrival(&mut self, now: Elapsed) -> Option<Arrival> {
        self.pop_due(now).map(|due| Arrival { number: self.number, due })
    }

    /// Arrivals a second of this share at `now`.
    pub(crate) fn rate(&self, now: Elapsed) -> f64 {
        let anchor = self.anchors.iter().rev().find(|anchor| anchor.at <= now);
        let whole = anchor.map_or(0, |anchor| anchor.profile.rate_after(now.saturating_since(anchor.at)).get());
        let of = self.shares.front().map_or(0, |(_, share)| share.of);
        if of == 0 { 0.0 } else { f64::from(whole) / f64::from(of) }
    }

    /// When the first arrival that is not due before `at` is due, as things stand, if it is among the next `ahead`.
    pub(crate) fn due_from(&self, at: Elapsed, ahead: usize) -> Option<Elapsed> {
        let mut later = self.clone();
        for _ in 0..ahead {
            let due = later.next_due()?;
            if due >= at {
                return Some(due);
            }
            later.pop_due(due);
        }
        None
    }

    /// Finds the next arrival of this share and when it is due, and forgets anchors that are behind.
    fn find_next(&mut self) {
        self.find_within();
        if let Some(following) = self.following.take_if(|next| self.next.is_none_or(|due| due > next.0)) {
            let (behind, number) = (self.handed_out, self.number);
            *self = following.1;
            self.number = number;
            while self.next.is_some_and(|due| due <= behind) {
                self.last = self.upcoming.clone();
                self.find_within();
            }
            self.handed_out = self.handed_out.max(behind);
            self.find_next();
        }
    }

    /// [`Pacer::find_next`], of this piece of the schedule.
    fn find_within(&mut self) {
        if self.shares.len() == 1 && self.shares.front().is_some_and(|(_, share)| share.of == 0) {
            self.next = None;
            return;
        }
        let mut cursor = self.last.clone();
        self.advance(&mut cursor);
        let mut at = 0;
        self.next = loop {
            let Some(anchor) = self.anchors.get(at) else { unreachable!("there is always an anchor") };
            let due = anchor.reaches(cursor.credit, self.handed_out);
            match self.anchors.get(at + 1) {
                // Credit only grows: what lies beyond an anchor's span is a matter of the next one.
                Some(following) if due.is_none_or(|due| due > following.at) => {
                    if at == 0 && (following.at <= self.handed_out || self.anchors.len() > MAX_ANCHORS) {
                        self.anchors.pop_front();
                    } else {
                        at += 1;
                    }
                }
                _ => break due.map(|due| due.max(self.handed_out)),
            }
        };
        self.upcoming = cursor;
    }

    /// Moves on to the next arrival of this share.
    fn advance(&self, cursor: &mut Cursor) {
        if let [(_, share)] = self.shares.as_slices().0
            && self.shares.len() == 1
        {
            cursor.skip(share.steps_after(cursor.number));
            return;
        }
        // Shares are about to change: each arrival is looked at. That is over with the first one after the change.
        loop {
            cursor.skip(1);
            let is_behind = |&&(at, _): &&(Elapsed, Share)| at == Elapsed::ZERO || cursor.credit > self.credit_at(at);
            if self.shares.iter().rev().find(is_behind).is_some_and(|(_, share)| share.takes(cursor.number)) {
                return;
            }
        }
    }

    /// The credit earned by `at`, as far as is known now.
    fn credit_at(&self, at: Elapsed) -> u128 {
        let anchor = self.anchors.iter().rev().find(|anchor| anchor.at <= at).or_else(|| self.anchors.front());
        anchor.map_or(0, |anchor| anchor.credit_at(at))
    }
}

/// A place in the one schedule: an arrival, by its number from 1 on and the credit that makes it due.
#[derive(Clone, Debug)]
struct Cursor {
    number: u64,
    credit: u128,
    gaps: Gaps,
}

impl Cursor {
    fn skip(&mut self, count: u32) {
        self.number += u64::from(count);
        self.credit += self.gaps.skip(count);
    }
}

/// Distances between arrivals on the credit axis.
#[derive(Clone, Debug)]
enum Gaps {
    Even,
    Exponential(fastrand::Rng),
}

impl Gaps {
    /// The sum of the next `count` gaps.
    fn skip(&mut self, count: u32) -> u128 {
        match self {
            Self::Even => u128::from(count) * CREDIT_PER_ARRIVAL,
            Self::Exponential(rng) => (0..count).map(|_| exponential(rng)).sum(),
        }
    }
}

/// An exponential gap with mean [`CREDIT_PER_ARRIVAL`], by inversion: −ln(U), U uniform in (0, 1].
fn exponential(rng: &mut fastrand::Rng) -> u128 {
    let gap = -(1.0 - rng.f64()).ln() * CREDIT_PER_ARRIVAL as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 37 means: -ln(2^-53)")]
    let gap = gap as u128;
    gap
}

#[cfg(test)]
mod tests;
