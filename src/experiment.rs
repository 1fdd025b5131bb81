//! The App Runner experiment as a report: several sessions, one answer. Pure.
//!
//! The question: *how many seconds from 0 to N instances, what was lost meanwhile, did it degrade later, was the
//! generator at fault?* The numbers are those of the steps; "later" is what the steps do not say: the seconds in which the
//! objective was missed although the step had recovered.

mod answer;

use std::ops::Range;

use crate::analysis::{StepReport, Timing};
use crate::session::event::{Header, Recorded, SessionEvent};
use crate::session::state::Session;
use scaletop_load::Latency;

pub(crate) use answer::markdown;

/// One session of the experiment, as its recording tells it.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    /// The folder's name within the experiment's.
    pub folder: String,
    /// What is known at its end.
    pub session: Session,
    /// Whether the objective held, second by second, by the second that requests were due in.
    good: Vec<(u32, bool)>,
    /// Send lag of all its requests.
    send_lag: Latency,
}

/// A spell in which the objective was missed after the step had recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relapse {
    /// Seconds after the start of the step.
    pub after_secs: u32,
    /// How many seconds the objective was missed within it.
    pub bad_secs: u32,
}

/// Bad seconds closer together than this are one spell.
const SAME_SPELL: u32 = 10;

impl Played {
    pub(crate) fn new(folder: String, header: Header) -> Self {
        Self { folder, session: Session::new(header), good: Vec::new(), send_lag: Latency::new() }
    }

    /// Folds an event of the recording in.
    pub(crate) fn apply(&mut self, recorded: &Recorded) {
        self.session.apply(recorded.at, &recorded.event);
        if let SessionEvent::Second(second) = &recorded.event {
            self.send_lag.merge(&second.send_lag);
            // The timeline thins out what is old: what it says is kept here as it becomes final.
            self.collect(|cohort| cohort.is_final);
        }
    }

    /// The end of the recording: what never became final is taken as it is.
    pub(crate) fn finish(&mut self) {
        self.collect(|_| true);
    }

    fn collect(&mut self, is_ready: impl Fn(&crate::timeline::Cohort) -> bool) {
        let next = self.good.last().map_or(0, |(second, _)| second + 1);
        let cohorts = self.session.timeline().cohorts();
        let from = cohorts.partition_point(|cohort| cohort.second < next);
        let ready = cohorts.range(from..).take_while(|cohort| is_ready(cohort));
        self.good.extend(ready.filter_map(|cohort| Some((cohort.second, cohort.judged.is_good()?))));
    }

    /// The steps in which the load grew to at least twice of what it was: those that a service has to answer by scaling.
    pub(crate) fn spikes(&self) -> impl Iterator<Item = &StepReport> {
        self.session.steps().iter().filter(|report| {
            let (before, after) = (report.step.before.get(), report.step.profile.last().get());
            report.numbers.due > 0 && after >= before.saturating_mul(2) && after > before
        })
    }

    /// The spells of a step, after it had recovered, in which the objective was missed again. `None` when it never
    /// recovered, or had nothing to recover from that could be told.
    pub(crate) fn relapses(&self, report: &StepReport) -> Option<Vec<Relapse>> {
        let recovered = match report.numbers.recover {
            Timing::Reached { secs, .. } => secs,
            Timing::Absorbed => 0.0,
            Timing::NotWithin { .. } | Timing::AlreadyViolated | Timing::NotApplicable(_) => return None,
        };
        let start = report.step.start.second();
        let end = report.step.end.map_or(u32::MAX, scaletop_units::Elapsed::second);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds since the start of a step"
        )]
        let from = start + recovered.ceil() as u32;
        Some(self.spells(start, from..end))
    }

    fn spells(&self, start: u32, window: Range<u32>) -> Vec<Relapse> {
        let mut spells: Vec<Relapse> = Vec::new();
        let mut last = None;
        for (second, _) in self.good.iter().filter(|(second, good)| !good && window.contains(second)) {
            match (last, spells.last_mut()) {
                (Some(before), Some(spell)) if second - before <= SAME_SPELL => spell.bad_secs += 1,
                _ => spells.push(Relapse { after_secs: second - start, bad_secs: 1 }),
            }
            last = Some(*second);
        }
        spells
    }
}

#[cfg(test)]
mod tests;
