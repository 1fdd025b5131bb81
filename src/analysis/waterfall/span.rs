//! The time of a step, and where in it something was reached.

use crate::analysis::supply::first_period_of;
use crate::analysis::{Step, Timing};
use crate::instances::milestone::Milestone;
use crate::instances::{Basis, InstanceObservation};
use scaletop_units::Elapsed;

/// The time of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: Elapsed,
    end: Elapsed,
    is_open: bool,
}

impl Span {
    pub(super) fn of(step: &Step, now: Elapsed) -> Self {
        Self { start: step.start, end: step.end.unwrap_or(now).max(step.start), is_open: step.end.is_none() }
    }

    pub(super) fn contains(&self, at: Elapsed) -> bool {
        // What is timed "now" belongs to an open step.
        at >= self.start && (at < self.end || self.is_open)
    }

    /// Whether the step began after `at`.
    pub(super) fn is_after(&self, at: Elapsed) -> bool {
        self.start > at
    }

    /// Whether the step was over at `at`, so that what was heard then speaks of all of it.
    pub(super) fn is_heard_out(&self, at: Elapsed) -> bool {
        at >= self.end
    }

    /// Seconds from the step's start; negative before it.
    fn secs(&self, at: Elapsed) -> f64 {
        at.as_secs_f64() - self.start.as_secs_f64()
    }

    /// Reached at `at`, to the moment.
    pub(super) fn reached(&self, at: Elapsed) -> Timing {
        between(self.secs(at), self.secs(at))
    }

    /// When something was reached that the platform recorded: somewhere in what its source's grain and the clocks leave open.
    pub(super) fn reached_by(&self, milestone: &Milestone) -> Timing {
        let (at, clock) = (self.secs(milestone.as_of), milestone.clock_error.as_secs_f64());
        between(at - milestone.uncertainty.as_secs_f64() - clock, at + clock)
    }

    pub(super) fn not_reached(&self) -> Timing {
        Timing::NotWithin { secs: self.end.saturating_since(self.start).as_secs_f64(), open: self.is_open }
    }

    /// Not counted as far as the platform has told: its metrics come minutes late, and what they do not say yet is unknown.
    fn not_counted(&self, counts: &[InstanceObservation]) -> Timing {
        let told = counts.last().map_or(self.start, |last| spoken_of(last).1);
        if told <= self.start {
            return Timing::NotApplicable("no count from within the step yet");
        }
        Timing::NotWithin { secs: told.min(self.end).saturating_since(self.start).as_secs_f64(), open: self.is_open }
    }

    /// When the platform's count first exceeded what it was at a decision at `at` within the step. Only platforms whose counts are
    /// polled tell of decisions.
    pub(super) fn counted_after(&self, counts: &[InstanceObservation], at: Elapsed) -> Timing {
        let before = counts.iter().rfind(|seen| seen.as_of <= at);
        let Some(before) = before else { return Timing::NotApplicable("no count from before the decision") };
        let later = counts.iter().find(|seen| seen.as_of > at && seen.count > before.count);
        match later.filter(|seen| seen.as_of < self.end || self.is_open) {
            // Not before the decision, however long before it the poll before was.
            Some(first) => self.polled(first, at),
            None => self.not_counted(counts),
        }
    }

    /// When a count of a source that is polled changed: since the poll before, and not before `at_least`.
    fn polled(&self, first: &InstanceObservation, at_least: Elapsed) -> Timing {
        let early = (first.as_of - first.uncertainty).max(at_least);
        between(self.secs(early), self.secs(first.as_of))
    }

    /// When the platform's count first exceeded what it was before the step; `enough` are as many as are needed, or allowed, and
    /// `has_births` whether an instance came that had never answered.
    pub(super) fn counted(&self, counts: &[InstanceObservation], enough: Option<u32>, has_births: bool) -> Timing {
        let first_of_step = match counts.first() {
            Some(seen) if seen.basis == Basis::Active => first_period_of(counts, self.start),
            _ => counts.partition_point(|seen| seen.as_of <= self.start),
        };
        let next = counts.get(first_of_step).map(|next| next.as_of);
        // Through a long silence of a source that is polled nobody knows.
        let still_held =
            |seen: &&InstanceObservation| seen.basis == Basis::Active || seen.holds_until(next) >= self.start;
        let last = first_of_step.checked_sub(1).and_then(|last| counts.get(last)).filter(still_held);
        let Some(before) = last.map(|seen| seen.count) else {
            return Timing::NotApplicable("no count from before the step");
        };
        let is_of_step = |seen: &&InstanceObservation| seen.as_of < self.end || self.is_open;
        let Some(first) = counts[first_of_step..].iter().filter(is_of_step).find(|seen| seen.count > before) else {
            return match self.not_counted(counts) {
                Timing::NotWithin { .. } if enough.is_some_and(|enough| before >= enough) => {
                    Timing::NotApplicable("as many as are needed were counted before the step")
                }
                Timing::NotWithin { .. } if has_births => {
                    Timing::NotApplicable("no more were counted than before the step")
                }
                timing => timing,
            };
        };
        if first.basis != Basis::Active {
            return self.polled(first, Elapsed::ZERO);
        }
        let (from, to) = spoken_of(first);
        between(self.secs(from), self.secs(to))
    }
}

/// Reached at some moment from `earliest` to `latest`, in seconds from the step's start; what lies before the step is none of it.
fn between(earliest: f64, latest: f64) -> Timing {
    let earliest = earliest.max(0.0);
    let latest = latest.max(earliest);
    Timing::Reached { secs: f64::midpoint(earliest, latest), plus_minus: (latest - earliest) / 2.0 }
}

/// The time that a count speaks of. A metric's point stands at the start of its period, and its maximum may have come at any
/// time of it; a count that was polled is true of a moment.
fn spoken_of(seen: &InstanceObservation) -> (Elapsed, Elapsed) {
    match seen.basis {
        Basis::Active => (seen.as_of, seen.as_of + seen.uncertainty),
        _ => (seen.as_of, seen.as_of),
    }
}
