//! Instance counts by basis: in order, corrected in place, thinned out when they are old.

use crate::instances::{Basis, InstanceObservation};
use crate::session::state::Session;
use crate::timeline::{KEPT_SECS, THINNED_SPAN};
use scaletop_units::Elapsed;

/// Counts older than an hour are kept only where they changed, or where the one before would no longer hold, and this many a
/// minute at most; when there are more, the first, the highest and the last stand for the minute.
const OLD_PER_MINUTE: usize = 4;

impl Session {
    /// Takes a count of a source. Points are re-read and corrected: the later one of the same moment counts.
    pub(super) fn observe(&mut self, seen: &InstanceObservation) {
        // Nobody can have counted what is yet to come: a remote clock that runs fast is set right.
        let seen = InstanceObservation { as_of: seen.as_of.min(self.now), ..*seen };
        let is_ancient = self.now.saturating_since(seen.as_of).as_secs() >= u64::from(KEPT_SECS);
        if is_ancient || !self.insert_observation(seen) {
            return;
        }
        // It may be true of a step that has ended long since, and is the count before the next one.
        if let Some(owner) = self.steps.partition_point(|report| report.step.start <= seen.as_of).checked_sub(1) {
            let until = (owner + 2).min(self.steps.len());
            (owner..until).for_each(|at| self.refresh(at));
        }
    }

    /// Returns whether anything changed.
    pub(super) fn insert_observation(&mut self, seen: InstanceObservation) -> bool {
        let list = self.observations.entry(seen.basis).or_default();
        let at = list.partition_point(|kept| kept.as_of < seen.as_of);
        match list.get_mut(at).filter(|kept| kept.as_of == seen.as_of) {
            Some(kept) if *kept == seen => return false,
            Some(kept) => *kept = seen,
            None => list.insert(at, seen),
        }
        true
    }

    /// Thins out the minute that has become an hour old.
    pub(super) fn thin_observations(&mut self, closed: u32) {
        let Some(end) = closed.checked_sub(KEPT_SECS + THINNED_SPAN) else { return };
        let end = end - end % THINNED_SPAN;
        if self.fold.thinned_until >= end {
            return;
        }
        let from = Elapsed::from_secs(u64::from(self.fold.thinned_until));
        let until = Elapsed::from_secs(u64::from(end));
        self.fold.thinned_until = end;
        for basis in Basis::ALL {
            if let Some(list) = self.observations.get_mut(&basis) {
                thin_between(list, from, until);
            }
        }
    }
}

fn thin_between(list: &mut Vec<InstanceObservation>, from: Elapsed, until: Elapsed) {
    let first = list.partition_point(|kept| kept.as_of < from);
    let end = list.partition_point(|kept| kept.as_of < until);
    let mut kept: Vec<InstanceObservation> = Vec::new();
    let mut latest = first.checked_sub(1).map(|at| list[at]);
    let mut at = first;
    for of_minute in list[first..end].chunk_by(|a, b| minute(a) == minute(b)) {
        let mut telling: Vec<InstanceObservation> = Vec::new();
        for seen in of_minute {
            at += 1;
            // Without it, the one before would hold as long.
            let next = list.get(at).map(|next| next.as_of);
            let holds_on = |of: InstanceObservation| next.is_some_and(|next| of.holds_until(Some(next)) == next);
            if !latest.is_some_and(|kept| kept.count == seen.count && holds_on(kept)) {
                telling.push(*seen);
                latest = Some(*seen);
            }
        }
        if telling.len() > OLD_PER_MINUTE {
            let highest = (0..telling.len()).max_by_key(|&of| telling[of].count).unwrap_or(0);
            let mut ends = vec![0, highest, telling.len() - 1];
            ends.sort_unstable();
            ends.dedup();
            telling = ends.into_iter().map(|of| telling[of]).collect();
        }
        kept.append(&mut telling);
    }
    list.splice(first..end, kept);
}

fn minute(seen: &InstanceObservation) -> u32 {
    seen.as_of.second() / THINNED_SPAN
}
