//! How many instances there were over a step (`s_t`), and the times that can be read off it.
//!
//! A count holds until the next one (the last value is carried forward). A count that a source polled may have changed at
//! any moment since the poll before: such a time is the middle of that interval, and its half width is printed as ±. A
//! metric's point stands at the start of its period: what it shows came within the period that follows, and is taken to
//! hold from its end.

use std::time::Duration;

use crate::analysis::recovery::HOLD_SECS;
use crate::analysis::{InstanceSpan, Timing};
use crate::instances::{Basis, InstanceObservation};
use scaletop_units::Elapsed;

/// A count is settled when it stayed the same for this long at the end of a step, or for a fifth of it if that is longer.
pub const SETTLED_FOR: Duration = Duration::from_secs(30);

/// The instance counts of one basis over one step `[start, until)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    start: Elapsed,
    until: Elapsed,
    before: Option<u32>,
    changes: Vec<Change>,
}

/// The count from a moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    at: Elapsed,
    uncertainty: Duration,
    count: u32,
}

/// The time since which a count held.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Since {
    Start,
    Change(Change),
}

impl Supply {
    /// The counts of `observations` (one basis, ascending) that fall into the step; `None` when none does.
    ///
    /// Responding counts are those of whole seconds: the second in which a step starts belongs to it. Other counts are
    /// true of a moment.
    pub fn over(
        observations: &[InstanceObservation],
        basis: Basis,
        start: Elapsed,
        until: Elapsed,
        is_open: bool,
    ) -> Option<Self> {
        let whole =
            |at: Elapsed| if basis == Basis::Responding { Elapsed::from_secs(u64::from(at.second())) } else { at };
        let first = observations.partition_point(|seen| seen.as_of < whole(start));
        let end = if is_open {
            observations.len()
        } else {
            observations.partition_point(|seen| seen.as_of < whole(until)).max(first)
        };
        if first == end {
            return None;
        }
        let before = first.checked_sub(1).map(|at| observations[at].count);
        let mut changes: Vec<Change> = Vec::new();
        for seen in &observations[first..end] {
            if changes.last().map(|last| last.count).or(before) != Some(seen.count) {
                let at = if basis == Basis::Active { seen.as_of + seen.uncertainty } else { seen.as_of };
                let at = at.min(until).max(start);
                changes.push(Change { at, uncertainty: seen.uncertainty, count: seen.count });
            }
        }
        Some(Self { start, until, before, changes })
    }

    /// The count just before the step (s⁻).
    pub const fn before(&self) -> Option<u32> {
        self.before
    }

    /// Until the count exceeded what it was before: `min{t : s_t > s⁻} − t0`. `None` while it has not, or when the count
    /// before is not known.
    pub fn first_above_before(&self) -> Option<Timing> {
        let before = self.before?;
        self.changes.iter().find(|change| change.count > before).map(|change| self.timing(Since::Change(*change)))
    }

    /// Until a condition came true for [`HOLD_SECS`]: `min{t : s_u … ∀u∈[t,t+k)} − t0`. `None` while it has not.
    pub fn first_held(&self, holds: impl Fn(u32) -> bool) -> Option<Timing> {
        let mut since: Option<(Elapsed, Since)> = None;
        for (from, to, count, origin) in self.segments() {
            if !holds(count) {
                since = None;
                continue;
            }
            let (began, origin) = *since.get_or_insert((from, origin));
            if to.saturating_since(began) >= Duration::from_secs(u64::from(HOLD_SECS)) {
                return Some(self.timing(origin));
            }
        }
        None
    }

    /// The value that the count settled at: constant over the last `max(30 s, 20 % of the step)`.
    pub fn settled(&self) -> Option<u32> {
        let length = self.until.saturating_since(self.start);
        let calm = SETTLED_FOR.max(length / 5);
        let since = self.changes.last().map_or(self.start, |last| last.at);
        (length >= calm && self.until.saturating_since(since) >= calm).then(|| self.last())
    }

    /// Before, most and last.
    pub fn span(&self) -> InstanceSpan {
        let peak = self.changes.iter().map(|change| change.count).chain(self.before).max().unwrap_or(0);
        InstanceSpan { before: self.before, peak, last: self.last() }
    }

    /// Σ|Δs|: how much the count moved, from just before the step on.
    pub fn movement(&self) -> u64 {
        let counts = || self.before.into_iter().chain(self.changes.iter().map(|change| change.count));
        counts().zip(counts().skip(1)).map(|(a, b)| u64::from(a.abs_diff(b))).sum()
    }

    /// How often the count turned from rising to falling or back, from `secs` after the start on.
    pub fn turns_after(&self, secs: f64) -> u32 {
        let mut turns = 0;
        let (mut last_count, mut rising) = (self.before, None);
        for change in &self.changes {
            if let Some(count) = last_count {
                let rises = change.count > count;
                if change.at.saturating_since(self.start).as_secs_f64() > secs {
                    turns += u32::from(rising.is_some_and(|was| was != rises));
                    rising = Some(rises);
                } else {
                    // What moved before belongs to the scaling itself; only the last direction is remembered.
                    rising = Some(rises);
                }
            }
            last_count = Some(change.count);
        }
        turns
    }

    /// The count as pieces `(from, to, count)` over the time for which it is known.
    pub fn pieces(&self) -> impl Iterator<Item = (Elapsed, Elapsed, u32)> + '_ {
        self.segments().map(|(from, to, count, _)| (from, to, count))
    }

    fn segments(&self) -> impl Iterator<Item = (Elapsed, Elapsed, u32, Since)> + '_ {
        let ends = self.changes.iter().map(|change| change.at).chain([self.until]);
        let leading = self.before.map(|count| (self.start, count, Since::Start));
        let counts = self.changes.iter().map(|change| (change.at, change.count, Since::Change(*change)));
        let skip = usize::from(leading.is_none());
        leading
            .into_iter()
            .chain(counts)
            .zip(ends.skip(skip))
            .map(|((from, count, since), to)| (from, to.max(from), count, since))
    }

    fn last(&self) -> u32 {
        self.changes.last().map(|change| change.count).or(self.before).unwrap_or(0)
    }

    fn timing(&self, since: Since) -> Timing {
        let Since::Change(change) = since else { return Timing::Reached { secs: 0.0, plus_minus: 0.0 } };
        let late = change.at.saturating_since(self.start);
        let early = late.saturating_sub(change.uncertainty);
        Timing::Reached {
            secs: (early + late).as_secs_f64() / 2.0,
            plus_minus: (late.saturating_sub(early)).as_secs_f64() / 2.0,
        }
    }
}
