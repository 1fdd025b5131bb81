//! How many instances there were over a step (`s_t`), and the times that can be read off it.
//!
//! A count holds for as long as [`InstanceObservation::stands`] says; over a longer silence nobody knows how many there
//! were. A count that a source polled may have changed at any moment since the poll before: such a time is the middle of
//! that interval, and its half width is printed as ±. A metric's point stands at the start of its period: what it shows came
//! within the period that follows, and is taken to hold from its end.

use std::ops::Range;
use std::time::Duration;

use crate::analysis::recovery::HOLD_SECS;
use crate::analysis::{InstanceSpan, Timing};
use crate::instances::{Basis, InstanceObservation};
use scaletop_units::Elapsed;

/// A count is settled when it stayed the same for this long at the end of a step, or for a fifth of it if that is longer.
pub(crate) const SETTLED_FOR: Duration = Duration::from_secs(30);

/// The instance counts of one basis over one step `[start, until)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Supply {
    start: Elapsed,
    until: Elapsed,
    before: Option<u32>,
    /// The same count for a while, ascending; between two of them there may be a silence.
    spells: Vec<Spell>,
}

/// For how long a count was the same.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spell {
    from: Elapsed,
    to: Elapsed,
    count: u32,
    /// How long before `from` it may have begun; `None` when it goes on from before the step.
    began_within: Option<Duration>,
}

/// Which of the periods of a metric is the first that a step from `start` on has a part in: those before it were over by then.
///
/// What a point shows is the most of its period. That of the period that straddles the start may have come after it, so it is no
/// count of before. Where no period was over by then it says at least that there were no more: if more came later, those are
/// more than before.
pub(crate) fn first_period_of(observations: &[InstanceObservation], start: Elapsed) -> usize {
    let first = observations.partition_point(|seen| seen.as_of + seen.uncertainty <= start);
    match (first, observations) {
        (0, [straddling, later @ ..])
            if straddling.as_of < start && later.iter().any(|seen| seen.count > straddling.count) =>
        {
            1
        }
        _ => first,
    }
}

impl Supply {
    /// The counts of `observations` (one basis, ascending) that fall into the step; `None` when none does.
    ///
    /// Responding counts are those of whole seconds: the second in which a step starts belongs to it. A metric's point is
    /// the most of its period: one whose period reaches into the step may show what came in it, and is none of before. Other
    /// counts are true of a moment.
    pub(crate) fn over(
        observations: &[InstanceObservation],
        basis: Basis,
        start: Elapsed,
        until: Elapsed,
        is_open: bool,
    ) -> Option<Self> {
        let whole =
            |at: Elapsed| if basis == Basis::Responding { Elapsed::from_secs(u64::from(at.second())) } else { at };
        let first = match basis {
            Basis::Active => first_period_of(observations, start),
            _ => observations.partition_point(|seen| seen.as_of < whole(start)),
        };
        let end = if is_open {
            observations.len()
        } else {
            observations.partition_point(|seen| seen.as_of < whole(until)).max(first)
        };
        if first == end {
            return None;
        }
        let mut supply = Self { start, until, before: None, spells: Vec::new() };
        for at in first.saturating_sub(1)..end {
            let seen = &observations[at];
            let Range { start: from, end: to } = seen.stands(observations.get(at + 1));
            if at < first {
                // The count just before, if it still held.
                if to >= whole(start) {
                    supply.before = Some(seen.count);
                    let to = to.min(until).max(start);
                    supply.push(Spell { from: start, to, count: seen.count, began_within: None });
                }
                continue;
            }
            let from = from.min(until).max(start);
            let to = to.min(until).max(from);
            supply.push(Spell { from, to, count: seen.count, began_within: Some(seen.uncertainty) });
        }
        Some(supply)
    }

    fn push(&mut self, spell: Spell) {
        match self.spells.last_mut() {
            Some(last) if last.count == spell.count && last.to >= spell.from => last.to = last.to.max(spell.to),
            _ => self.spells.push(spell),
        }
    }

    /// The count just before the step (s⁻).
    pub(crate) const fn before(&self) -> Option<u32> {
        self.before
    }

    /// The count that held just before `at`; 0 when none is known.
    pub(crate) fn count_before(&self, at: Elapsed) -> u32 {
        let before = self.spells.iter().rev().find(|spell| spell.from < at && spell.to >= at);
        before.map(|spell| spell.count).or(self.before).unwrap_or(0)
    }

    /// Until the count exceeded what it was before: `min{t : s_t > s⁻} − t0`. `None` while it has not, or when the count
    /// before is not known.
    pub(crate) fn first_above_before(&self) -> Option<Timing> {
        self.first_rise_above(self.before?, |_, _| true)
    }

    /// Until the count first rose to more than `least`, and `is_apt(from, count)`.
    pub(crate) fn first_rise_above(&self, least: u32, is_apt: impl Fn(Elapsed, u32) -> bool) -> Option<Timing> {
        let before = self.before.into_iter().chain(self.spells.iter().map(|spell| spell.count));
        let mut rises = self.spells.iter().zip(before).filter(|(spell, before)| spell.count > *before);
        let found = rises.find(|(spell, _)| spell.count > least && is_apt(spell.from, spell.count));
        found.map(|(spell, _)| self.timing(spell))
    }

    /// Until a condition came true for [`HOLD_SECS`]: `min{t : s_u … ∀u∈[t,t+k)} − t0`. `None` while it has not. A silence
    /// proves nothing.
    pub(crate) fn first_held(&self, holds: impl Fn(u32) -> bool) -> Option<Timing> {
        let mut since: Option<&Spell> = None;
        let mut known_until = self.start;
        for spell in &self.spells {
            if spell.from > known_until || !holds(spell.count) {
                since = None;
            }
            known_until = spell.to;
            if !holds(spell.count) {
                continue;
            }
            let began = *since.get_or_insert(spell);
            if spell.to.saturating_since(began.from) >= Duration::from_secs(u64::from(HOLD_SECS)) {
                return Some(self.timing(began));
            }
        }
        None
    }

    /// When a condition came true that the count fulfilled whenever it was known: with the first that is known. `None` where it
    /// did not always.
    pub(crate) fn always_held(&self, holds: impl Fn(u32) -> bool) -> Option<Timing> {
        let first = self.spells.first()?;
        self.spells.iter().all(|spell| holds(spell.count)).then(|| self.timing(first))
    }

    /// The value that the count settled at: constant over the last `max(30 s, 20 % of the step)`, and known to its end.
    pub(crate) fn settled(&self) -> Option<u32> {
        let length = self.until.saturating_since(self.start);
        let calm = SETTLED_FOR.max(length / 5);
        let last = self.spells.last().filter(|last| last.to >= self.until)?;
        (self.until.saturating_since(last.from) >= calm).then_some(last.count)
    }

    /// Before, most, fewest and last.
    pub(crate) fn span(&self) -> InstanceSpan {
        let counts = || self.spells.iter().map(|spell| spell.count);
        let (peak, least) = (counts().max().unwrap_or(0), counts().min().unwrap_or(0));
        InstanceSpan { before: self.before, peak, least, last: counts().next_back().unwrap_or(0) }
    }

    /// Σ|Δs|: how much the count moved, from just before the step on.
    pub(crate) fn movement(&self) -> u64 {
        let counts = || self.spells.iter().map(|spell| spell.count);
        counts().zip(counts().skip(1)).map(|(a, b)| u64::from(a.abs_diff(b))).sum()
    }

    /// How often the count turned from rising to falling or back, from `secs` after the start on. What moved before belongs
    /// to the scaling itself; only its last direction is remembered.
    pub(crate) fn turns_after(&self, secs: f64) -> u32 {
        let (mut turns, mut rising) = (0, None);
        for pair in self.spells.windows(2).filter(|pair| pair[0].count != pair[1].count) {
            let rises = pair[1].count > pair[0].count;
            if pair[1].from.saturating_since(self.start).as_secs_f64() > secs {
                turns += u32::from(rising.is_some_and(|was| was != rises));
            }
            rising = Some(rises);
        }
        turns
    }

    /// The count as pieces `(from, to, count)` over the time for which it is known.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (Elapsed, Elapsed, u32)> + '_ {
        self.spells.iter().map(|spell| (spell.from, spell.to, spell.count))
    }

    fn timing(&self, spell: &Spell) -> Timing {
        let Some(within) = spell.began_within else { return Timing::Reached { secs: 0.0, plus_minus: 0.0 } };
        let late = spell.from.saturating_since(self.start);
        let early = late.saturating_sub(within);
        Timing::Reached {
            secs: (early + late).as_secs_f64() / 2.0,
            plus_minus: (late.saturating_sub(early)).as_secs_f64() / 2.0,
        }
    }
}
