//! The time of a step, and where in it something was reached.

use std::time::Duration;

use crate::analysis::{Step, Timing};
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

    /// Reached at some moment in `(at - before, at]`.
    pub(super) fn reached_within_before(&self, at: Elapsed, before: Duration) -> Timing {
        let half = before.as_secs_f64() / 2.0;
        let secs = (at.saturating_since(self.start).as_secs_f64() - half).max(0.0);
        Timing::Reached { secs, plus_minus: half }
    }

    pub(super) fn not_reached(&self) -> Timing {
        Timing::NotWithin { secs: self.end.saturating_since(self.start).as_secs_f64(), open: self.is_open }
    }

    /// Not counted as far as the platform has told: its metrics come minutes late, and what they do not say yet is unknown.
    fn not_counted(&self, counts: &[InstanceObservation]) -> Timing {
        let told = counts.last().map_or(self.start, |last| match last.basis {
            Basis::Active => last.as_of + last.uncertainty,
            _ => last.as_of,
        });
        if told <= self.start {
            return Timing::NotApplicable("no count from within the step yet");
        }
        Timing::NotWithin { secs: told.min(self.end).saturating_since(self.start).as_secs_f64(), open: self.is_open }
    }

    /// When the platform's count first exceeded what it was before the step.
    pub(super) fn counted(&self, counts: &[InstanceObservation]) -> Timing {
        let Some(before) = counts.iter().rev().find(|seen| seen.as_of <= self.start).map(|seen| seen.count) else {
            return Timing::NotApplicable("no count from before the step");
        };
        let Some(first) = counts.iter().find(|seen| self.contains(seen.as_of) && seen.count > before) else {
            return self.not_counted(counts);
        };
        match first.basis {
            // A metric's point stands at the start of its period: the change came within the period that follows.
            Basis::Active => self.reached_within_before(first.as_of + first.uncertainty, first.uncertainty),
            _ => self.reached_within_before(first.as_of, first.uncertainty),
        }
    }
}
