//! The rates that keys have left: what `u` goes back to.

use std::time::Duration;

use scaletop_units::{ArrivalRate, Elapsed};

/// Presses of the increment keys in one direction, none longer than this after the one before, are one change: a held key is.
const SAME_HAND: Duration = Duration::from_secs(2);

/// So many changes are remembered.
const MOST: usize = 50;

/// A change of the rate by one increment: which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nudge {
    Up,
    Down,
}

/// The rates before the last changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Undo {
    changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    before: ArrivalRate,
    /// When it was last continued.
    at: Elapsed,
    nudge: Option<Nudge>,
}

impl Undo {
    pub(super) const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// The rate was `before`, and is changed at `at`.
    pub(super) fn note(&mut self, at: Elapsed, before: ArrivalRate, nudge: Option<Nudge>) {
        if let Some(last) = self.changes.last_mut()
            && nudge.is_some()
            && last.nudge == nudge
            && at.saturating_since(last.at) <= SAME_HAND
        {
            last.at = at;
            return;
        }
        if self.changes.len() == MOST {
            self.changes.remove(0);
        }
        self.changes.push(Change { before, at, nudge });
    }

    /// The rate before the last change, which is none any more.
    pub(super) fn take(&mut self) -> Option<ArrivalRate> {
        self.changes.pop().map(|change| change.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rate: u32) -> ArrivalRate {
        ArrivalRate::new(rate)
    }

    #[test]
    fn a_held_key_is_one_change_and_the_other_direction_another() {
        let mut undo = Undo::new();
        for (tenths, before, nudge) in
            [(0, 0, Nudge::Up), (5, 50, Nudge::Up), (10, 100, Nudge::Up), (15, 150, Nudge::Down)]
        {
            undo.note(Elapsed::from_millis(tenths * 100), rate(before), Some(nudge));
        }
        undo.note(Elapsed::from_secs(9), rate(100), Some(Nudge::Down));
        let taken: Vec<_> = std::iter::from_fn(|| undo.take()).map(ArrivalRate::get).collect();
        assert_eq!(taken, [100, 150, 0]);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let mut undo = Undo::new();
        (0..60).for_each(|at| undo.note(Elapsed::from_secs(at.into()), rate(at), None));
        let taken: Vec<_> = std::iter::from_fn(|| undo.take()).collect();
        assert_eq!((taken.len(), taken.last()), (MOST, Some(&rate(10))));
    }
}
