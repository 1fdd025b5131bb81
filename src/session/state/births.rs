//! Which instances came while we watched, and how long after what asked for them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::waterfall::ScaleOutStage;
use crate::analysis::{Direction, Step, StepReport, Timing};
use crate::session::state::{InstanceTrack, Session};
use scaletop_units::{Elapsed, StepId};

/// Who answers within this of the very first answer was there before it.
const THERE_FROM_THE_BEGINNING: Duration = Duration::from_secs(2);

/// What an instance came after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CameAfter {
    /// The platform's decision for more, by its own records.
    Decision,
    /// The start of the step, where no platform tells of a decision.
    Step,
}

impl CameAfter {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Step => "step",
        }
    }
}

/// How long an instance took to its first OK answer, by when its request was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) after: CameAfter,
    pub(crate) took: Duration,
}

impl Session {
    /// Instances that answered OK for the first time in a step, while others had before them.
    pub(super) fn births(&self, step: &Step) -> u32 {
        let is_within = |at: &Elapsed| *at >= step.start && step.end.is_none_or(|end| *at < end);
        u32::try_from(self.born().filter(is_within).count()).unwrap_or(u32::MAX)
    }

    /// When each instance that was not there from the beginning first answered OK.
    fn born(&self) -> impl Iterator<Item = Elapsed> + '_ {
        let firsts = || self.tracks().iter().filter_map(|track| track.first_ok);
        let earliest = firsts().min().unwrap_or_default();
        firsts().filter(move |at| at.saturating_since(earliest) > THERE_FROM_THE_BEGINNING)
    }

    /// How long each of `tracks` took from what asked for it to its first answer: from the decision where the platform tells of
    /// one, else from the start of the step. `None` for those that were there from the beginning, and for those that came in a step
    /// that did not go up: they take the place of others.
    pub(crate) fn came<'a>(&self, tracks: impl IntoIterator<Item = &'a InstanceTrack>) -> Vec<Option<Came>> {
        let earliest = self.tracks().iter().filter_map(|track| track.first_ok).min().unwrap_or_default();
        let mut decisions: BTreeMap<StepId, Option<Elapsed>> = BTreeMap::new();
        let mut came = |track: &InstanceTrack| {
            let at = track.first_ok?;
            let report = self.steps().iter().rfind(|report| report.step.start <= at)?;
            if at.saturating_since(earliest) <= THERE_FROM_THE_BEGINNING || report.step.direction() != Direction::Up {
                return None;
            }
            let decision = *decisions.entry(report.step.id).or_insert_with(|| self.decision(report));
            Some(match decision.filter(|decision| *decision <= at) {
                Some(decision) => Came { after: CameAfter::Decision, took: at.saturating_since(decision) },
                None => Came { after: CameAfter::Step, took: at.saturating_since(report.step.start) },
            })
        };
        tracks.into_iter().map(&mut came).collect()
    }

    /// When the platform decided for more in a step.
    fn decision(&self, report: &StepReport) -> Option<Elapsed> {
        if self.milestones().is_empty() {
            return None;
        }
        match self.waterfall(report)?.timing(ScaleOutStage::Decision)? {
            Timing::Reached { secs, .. } => Some(report.step.start + Duration::try_from_secs_f64(secs).ok()?),
            _ => None,
        }
    }
}
