//! The objectives of a session: the one it began with, and those that took its place.

use std::fmt;

use crate::slo::Slo;
use crate::timeline::objective::WINDOW_SECS;
use scaletop_units::Elapsed;

/// More changes than this take the place of the last.
const MOST_CHANGES: usize = 1_000;

/// Which objective a second of arrivals is judged by.
///
/// A change holds from the first whole second after it on. Every second is judged by one objective, the one in force when its
/// requests were due, and its trailing window reaches back no further than that one does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Objectives {
    first: Slo,
    /// Each with the first second that it judges, ascending.
    later: Vec<(u32, Slo)>,
}

impl Objectives {
    pub(crate) const fn new(first: Slo) -> Self {
        Self { first, later: Vec::new() }
    }

    /// Judges by `slo` from the first whole second after `at` on, but no second that has closed: `closed` is the latest.
    pub(crate) fn change(&mut self, at: Elapsed, closed: Option<u32>, slo: Slo) {
        let whole = at.second().saturating_add(u32::from(at > Elapsed::from_secs(at.second().into())));
        let from = whole.max(closed.map_or(0, |closed| closed.saturating_add(1)));
        let is_full = self.later.len() >= MOST_CHANGES;
        match self.later.last_mut() {
            Some(last) if last.0 >= from => last.1 = slo,
            Some(last) if is_full => *last = (from, slo),
            _ => self.later.push((from, slo)),
        }
    }

    /// The objective now.
    pub(crate) fn now(&self) -> &Slo {
        self.later.last().map_or(&self.first, |(_, slo)| slo)
    }

    /// The objective that a second is judged by, and the first second that it judges.
    fn since(&self, second: u32) -> (u32, &Slo) {
        let later = self.later.partition_point(|(from, _)| *from <= second);
        later.checked_sub(1).map_or((0, &self.first), |at| (self.later[at].0, &self.later[at].1))
    }

    /// The objective that a second is judged by.
    pub(crate) fn at(&self, second: u32) -> &Slo {
        self.since(second).1
    }

    /// The first second of the window that ends with `second`.
    pub(super) fn window_from(&self, second: u32) -> u32 {
        self.since(second).0.max(second.saturating_sub(WINDOW_SECS - 1))
    }

    /// The objective of the last second before `end`; without an end, the one now.
    pub(crate) fn before(&self, end: Option<Elapsed>) -> &Slo {
        end.map_or_else(|| self.now(), |end| self.at(last_second(end)))
    }

    /// The last change in the seconds after `first` and before `end`, if there was one: the first second of the new objective.
    pub(crate) fn changed_within(&self, first: u32, end: Option<Elapsed>) -> Option<u32> {
        let last = end.map_or(u32::MAX, last_second);
        self.later.iter().rev().map(|(from, _)| *from).find(|from| *from > first && *from <= last)
    }

    /// Each objective with the first second that it judges.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, &Slo)> {
        std::iter::once((0, &self.first)).chain(self.later.iter().map(|(from, slo)| (*from, slo)))
    }
}

/// The last second that begins before `end`.
fn last_second(end: Elapsed) -> u32 {
    let second = end.second();
    if end > Elapsed::from_secs(second.into()) { second } else { second.saturating_sub(1) }
}

impl fmt::Display for Objectives {
    /// `p99 ≤ 500 ms, errors ≤ 1 %; from 1:20 on p99 ≤ 300 ms, errors ≤ 1 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        for (from, slo) in &self.later {
            write!(f, "; from {} on {slo}", Elapsed::from_secs((*from).into()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn strict() -> Slo {
        Slo { latency: Duration::from_millis(300), ..Slo::default() }
    }

    fn changed(at: Elapsed, closed: Option<u32>) -> Objectives {
        let mut objectives = Objectives::new(Slo::default());
        objectives.change(at, closed, strict());
        objectives
    }

    #[test]
    fn a_change_holds_from_the_next_whole_second_on_and_touches_none_that_has_closed() {
        let objectives = changed(Elapsed::from_millis(20_300), Some(19));
        assert_eq!((*objectives.at(20), *objectives.at(21)), (Slo::default(), strict()));
        assert_eq!(*changed(Elapsed::from_secs(20), Some(19)).at(20), strict(), "at its very beginning");
        assert_eq!(*changed(Elapsed::from_secs(20), Some(25)).at(25), Slo::default(), "a time that was told late");
    }

    #[test]
    fn a_window_reaches_back_no_further_than_its_objective() {
        let objectives = changed(Elapsed::from_secs(20), None);
        let windows = [19, 20, 21, 24, 25].map(|second| objectives.window_from(second));
        assert_eq!(windows, [15, 20, 20, 20, 21]);
    }

    #[test]
    fn a_step_is_told_of_the_change_within_it_and_of_its_last_objective() {
        let objectives = changed(Elapsed::from_secs(20), None);
        let end = |secs| Some(Elapsed::from_secs(secs));
        assert_eq!(objectives.changed_within(10, end(30)), Some(20));
        assert_eq!(objectives.changed_within(20, end(30)), None, "it began with it");
        assert_eq!(objectives.changed_within(10, end(20)), None, "it ended before it");
        assert_eq!((*objectives.before(end(20)), *objectives.before(end(21))), (Slo::default(), strict()));
        assert_eq!(*objectives.before(None), strict());
    }

    #[test]
    fn two_changes_in_a_second_are_one_and_there_is_an_end_to_them() {
        let mut objectives = changed(Elapsed::from_millis(20_300), None);
        objectives.change(Elapsed::from_millis(20_700), None, Slo::default());
        assert_eq!(objectives.later, [(21, Slo::default())]);
        (30..5_000).for_each(|second| objectives.change(Elapsed::from_secs(second), None, strict()));
        assert_eq!((objectives.later.len(), *objectives.now()), (MOST_CHANGES, strict()));
    }

    #[test]
    fn they_read_one_after_the_other() {
        assert_eq!(
            changed(Elapsed::from_secs(80), None).to_string(),
            "p99 ≤ 500 ms, errors ≤ 1 %; from 1:20 on p99 ≤ 300 ms, errors ≤ 1 %"
        );
    }
}
