//! Which instances came while we watched, and how long after what asked for them. What that is, [`births`] says.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::births::{self, Asked, Birth, Came, REPLACED_WITHIN};
use crate::analysis::supply::first_period_of;
use crate::analysis::waterfall::orders;
use crate::analysis::{Direction, Step};
use crate::instances::Basis;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::session::history::is_gone;
use crate::session::state::{InstanceTrack, Session};
use scaletop_units::{Elapsed, InstanceId};

/// Who answers within this of the very first answer was there before it, unless the platform says that there were fewer.
const THERE_FROM_THE_BEGINNING: Duration = Duration::from_secs(2);

/// Later than anything that happens.
const FOREVER: Elapsed = Elapsed::from_nanos(u64::MAX);

/// A task that was created, and when: by the platform's clock, as late as that may be.
fn created(one: &Milestone) -> Option<(&str, Elapsed)> {
    (one.kind == MilestoneKind::TaskCreated).then(|| (one.subject.as_str(), one.as_of + one.clock_error))
}

impl Session {
    /// When instances answered OK for the first time in a step, while others had before them; ascending.
    pub(super) fn births(&self, step: &Step) -> Vec<Elapsed> {
        let born = self.born_within(step.start, step.end.unwrap_or(FOREVER));
        born.into_iter().map(|(at, _)| at).collect()
    }

    /// How many instances there were at most at `at`, by the platform or a source that the user named: as many as ran; on App Runner
    /// those that were active, or provisioned as the least that there are. `None` where nothing tells.
    fn there_at(&self, at: Elapsed) -> Option<usize> {
        let of_basis = |basis| self.observations().get(&basis).map_or(&[][..], Vec::as_slice);
        let ran = |basis| of_basis(basis).iter().rfind(|seen| seen.as_of <= at && seen.holds_until(None) >= at);
        let mut running = Basis::COUNTED.into_iter().filter(|basis| basis.is_running());
        let count = if let Some(seen) = running.find_map(ran) {
            seen.count
        } else {
            let active = of_basis(Basis::Active);
            let before = first_period_of(active, at).checked_sub(1).and_then(|before| active.get(before))?;
            before.count.max(self.limits().min?)
        };
        usize::try_from(count).ok()
    }

    /// The instances that first answered OK in `[from, until)` and were not there from the beginning, in the order in which they did.
    fn born_within(&self, from: Elapsed, until: Elapsed) -> Vec<(Elapsed, &InstanceTrack)> {
        let firsts = || self.tracks().iter().filter_map(|track| Some((track.first_ok?, track)));
        let Some(earliest) = firsts().map(|(at, _)| at).min() else { return Vec::new() };
        let mut firsts: Vec<_> = firsts().collect();
        firsts.sort_by_key(|(at, _)| *at);
        let early = firsts.partition_point(|(at, _)| at.saturating_since(earliest) <= THERE_FROM_THE_BEGINNING);
        // Somebody answered: so one was there, whatever was counted.
        let there = self.there_at(earliest).map_or(early, |there| there.clamp(1, early));
        firsts.into_iter().skip(there).filter(|(at, _)| (from..until).contains(at)).collect()
    }

    /// When instances that had answered OK answered last, of those that are gone, in `[from, until)`; ascending.
    fn ended_within(&self, from: Elapsed, until: Elapsed) -> Vec<Elapsed> {
        let is_over = |track: &&InstanceTrack| {
            track.first_ok.is_some() && (from..until).contains(&track.last) && is_gone(self, track.last)
        };
        let mut ended: Vec<_> = self.tracks().iter().filter(is_over).map(|track| track.last).collect();
        ended.sort_unstable();
        ended
    }

    /// Until when the step at `at` goes on.
    fn end_of(&self, at: usize) -> Elapsed {
        self.steps().get(at + 1).map_or(FOREVER, |next| next.step.start)
    }

    /// What each instance that was born in the step at `at` came after, in the order of their births.
    fn came_in(&self, at: usize) -> Vec<(&InstanceId, Option<Came>)> {
        let Some(report) = self.steps().get(at) else { return Vec::new() };
        let (step, end) = (&report.step, self.end_of(at));
        let born = self.born_within(step.start, end);
        if born.is_empty() {
            return Vec::new();
        }
        let desired = self.observations().get(&Basis::Desired).map_or(&[][..], Vec::as_slice);
        let orders = if self.milestones().is_empty() {
            Vec::new()
        } else {
            orders(step, self.now(), self.milestones(), desired)
        };
        let ends = [self.unreplaced_before(at), self.ended_within(step.start, end)].concat();
        let asked = Asked { start: step.start, direction: step.direction(), orders: &orders, ends: &ends };
        let created: BTreeMap<&str, Elapsed> = self.milestones().iter().filter_map(created).collect();
        let birth = |(due, track): (Elapsed, &'_ InstanceTrack)| {
            let answered = track.first.max(due);
            let asked_by = created.get(track.id.as_str()).copied().unwrap_or(answered);
            Birth { asked_by, due, answered }
        };
        let mut births: Vec<_> = born.iter().map(|&(due, track)| (birth((due, track)), &track.id)).collect();
        births.sort_unstable();
        let (births, ids): (Vec<_>, Vec<_>) = births.into_iter().unzip();
        ids.into_iter().zip(births::came(&asked, &births)).collect()
    }

    /// The ends of instances shortly before the step at `at` that nobody came for before it. What ended while the rate went down was
    /// not wanted any more.
    fn unreplaced_before(&self, at: usize) -> Vec<Elapsed> {
        let before = at.checked_sub(1).and_then(|before| self.steps().get(before));
        let Some(before) = before.filter(|report| report.step.direction() != Direction::Down) else {
            return Vec::new();
        };
        let start = self.steps()[at].step.start;
        let from = before.step.start.max(start - REPLACED_WITHIN);
        let mut ended = self.ended_within(from, start);
        for (born, _) in self.born_within(from, start) {
            if ended.first().is_some_and(|end| *end <= born) {
                ended.remove(0);
            }
        }
        ended
    }

    /// What each of `tracks` came after. `None` for those that were there from the beginning, and where nothing is known to have
    /// asked for them.
    pub(crate) fn came<'a>(&self, tracks: impl IntoIterator<Item = &'a InstanceTrack>) -> Vec<Option<Came>> {
        let mut known: BTreeMap<usize, BTreeMap<&InstanceId, Option<Came>>> = BTreeMap::new();
        let mut came = |track: &InstanceTrack| {
            let first = track.first_ok?;
            let at = self.steps().partition_point(|report| report.step.start <= first).checked_sub(1)?;
            let of_step = known.entry(at).or_insert_with(|| self.came_in(at).into_iter().collect());
            of_step.get(&track.id).copied().flatten()
        };
        tracks.into_iter().map(&mut came).collect()
    }

    /// When each instance that came after a decision in a step first answered OK, with the decision's moment.
    pub(super) fn answered_after_decisions(&self, step: &Step) -> Vec<(Elapsed, Elapsed)> {
        if self.milestones().is_empty() {
            return Vec::new();
        }
        let Some(at) = self.steps().iter().position(|report| report.step.id == step.id) else { return Vec::new() };
        let of_decision = |(_, came): (_, Option<Came>)| {
            let came = came.filter(|came| came.after == births::CameAfter::Decision)?;
            Some((came.since?, came.at))
        };
        self.came_in(at).into_iter().filter_map(of_decision).collect()
    }
}
