//! From rate changes to steps (docs/step-numbers.md).
//!
//! A step is any change by at least one request per second and 5 %, measured against the rate that the step in force
//! settled at, so that a slow drift becomes a step when it has gone far enough. Changes less than two seconds apart merge
//! while they go the same way: a held key is one step, and the way back is another, so that no peak is hidden. A ramp is one
//! step, and leaving it before its end begins another. A stage of a plan is a step even when it keeps the rate, and whatever
//! came just before; only stages shorter than a second merge, since a second belongs to one step.

use std::time::Duration;

use crate::analysis::gathered::{Gathered, UNSEEN_FOR};
use crate::analysis::{Step, StepNumbers, StepReport, Validity};
use crate::session::event::{RateCause, RateChange};
use crate::session::state::{Session, cut};
use scaletop_units::{ArrivalRate, Elapsed, StepId};

/// Changes closer than this merge.
pub(super) const MERGED_WITHIN: Duration = Duration::from_secs(2);

/// Stages of a plan closer than this merge: a second belongs to one step.
const STAGES_MERGED_WITHIN: Duration = Duration::from_secs(1);

/// Further changes of rate become part of the last step.
const MAX_STEPS: usize = 10_000;

/// Rate changes in quick succession.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Burst {
    start: Elapsed,
    last: Elapsed,
    /// Whether one of them began the last step.
    has_step: bool,
}

impl Session {
    /// The step that a second belongs to.
    pub(super) fn owner(&self, second: u32) -> Option<usize> {
        self.fold.gathered.partition_point(|gathered| gathered.first_second <= second).checked_sub(1)
    }

    /// The first second after a step: where the next one begins.
    pub(super) fn end_second(&self, at: usize) -> Option<u32> {
        self.fold.gathered.get(at + 1).map(|next| next.first_second)
    }

    pub(super) fn change_rate(&mut self, at: Elapsed, change: &RateChange) {
        let (anchor, profile) = self.rate;
        let elapsed = at.saturating_since(anchor);
        let is_ramping = elapsed < profile.ramp_duration();
        let current = profile.rate_after(elapsed);
        self.rate = (at, change.profile);
        if change.cause == RateCause::Stop {
            return self.stop_steps(at);
        }

        let within = if change.stage.is_some() { STAGES_MERGED_WITHIN } else { MERGED_WITHIN };
        let burst = match self.fold.burst {
            Some(burst) if at.saturating_since(burst.last) < within => Burst { last: at, ..burst },
            _ => Burst { start: at, last: at, has_step: false },
        };
        // The way back is a step of its own, or the peak between would be in none.
        let turns = burst.has_step && change.stage.is_none() && self.turns(change);
        let burst = if turns { Burst { start: at, last: at, has_step: false } } else { burst };
        self.fold.burst = Some(burst);
        if burst.has_step || self.steps.len() >= MAX_STEPS {
            self.extend_step(at, change);
            return;
        }
        // One that has ended, since nobody led the session for a while, is nothing to come from.
        let settled = self.steps.last().filter(|report| report.step.end.is_none());
        let settled = settled.map(|report| report.step.profile.last());
        let before = if is_ramping { current } else { settled.unwrap_or(current) };
        let distance = |rate: ArrivalRate| before.get().abs_diff(rate.get());
        let moved = distance(change.profile.first()).max(distance(change.profile.last()));
        let is_step = moved >= 1 && u64::from(moved) * 20 >= u64::from(before.get());
        if !is_step && !is_ramping && change.stage.is_none() {
            return;
        }
        self.begin_step(at, burst.start, before, change);
        self.fold.burst = Some(Burst { has_step: true, ..burst });
    }

    /// Whether a change goes the other way than the last step.
    fn turns(&self, change: &RateChange) -> bool {
        let Some(report) = self.steps.last() else { return false };
        let (before, now, next) = (report.step.before, report.step.profile.last(), change.profile.last());
        let there = now.get().cmp(&before.get());
        let back = next.get().cmp(&now.get());
        there.is_ne() && back.is_ne() && there != back
    }

    fn extend_step(&mut self, at: Elapsed, change: &RateChange) {
        if let Some(report) = self.steps.last_mut() {
            report.step.profile = change.profile;
            report.step.anchor = at;
            if change.stage.is_some() {
                report.step.name.clone_from(&change.stage);
                report.step.unmet_start = change.unmet_start.as_deref().map(cut);
            }
        }
        if let Some(last) = self.steps.len().checked_sub(1) {
            self.refresh(last);
        }
    }

    fn begin_step(&mut self, at: Elapsed, burst_start: Elapsed, before: ArrivalRate, change: &RateChange) {
        // It began with the first press, unless that second has closed and is the step's before already.
        let closed = self.timeline.latest().map(|row| row.second);
        let start = if closed.is_some_and(|closed| burst_start.second() <= closed) { at } else { burst_start };
        let least = self.fold.gathered.last().map_or(0, |gathered| gathered.first_second.saturating_add(1));
        let first_second = start.second().max(least);
        let id = StepId(u32::try_from(self.steps.len()).unwrap_or(u32::MAX).saturating_add(1));
        if let Some(last) = self.steps.last_mut() {
            last.step.end = last.step.end.or(Some(start));
        }
        let (name, unmet_start) = (change.stage.clone(), change.unmet_start.as_deref().map(cut));
        let step = Step { id, start, end: None, before, profile: change.profile, anchor: at, name, unmet_start };
        let seen_before = self.fold.table.seen_since(step.start - UNSEEN_FOR, step.start).collect();
        self.fold.gathered.push(Gathered::new(first_second, seen_before));
        self.steps.push(StepReport {
            step,
            numbers: StepNumbers::default(),
            validity: Validity::Valid,
            words: String::new(),
            pinned: None,
        });
        self.refresh_unfinished();
    }

    /// The load stops for good: the last step ends here, and what is still in flight counts with it.
    fn stop_steps(&mut self, at: Elapsed) {
        if let Some(last) = self.steps.last_mut() {
            last.step.end = last.step.end.or(Some(at));
        }
        self.refresh_unfinished();
    }

    /// The session has ended: so has its last step, and nothing more will be answered.
    pub(super) fn end_steps(&mut self) {
        if let Some(last) = self.steps.last_mut() {
            last.step.end = last.step.end.or(Some(self.now));
        }
        let settled = self.timeline.cohorts_mut().settle_all(self.now, &self.objectives);
        self.absorb_settled(&settled);
        (0..self.steps.len()).for_each(|at| self.refresh(at));
        self.finish_steps();
    }
}
