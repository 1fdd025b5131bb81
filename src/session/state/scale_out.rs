//! The waterfall of a step, from what the session knows.

use std::time::Duration;

use crate::analysis::waterfall::{Evidence, Waterfall, waterfall};
use crate::analysis::{Direction, StepReport};
use crate::instances::Basis;
use crate::session::state::Session;

impl Session {
    /// Where the time of a step's scale-out went: `None` for steps down, where no platform tells anything, and where
    /// nothing happened and nobody waits for it.
    pub fn waterfall(&self, report: &StepReport) -> Option<Waterfall> {
        let step = &report.step;
        let counts = [Basis::Running, Basis::Active].iter().find_map(|basis| self.observations.get(basis));
        if step.direction() != Direction::Up || (self.milestones.is_empty() && counts.is_none()) {
            return None;
        }
        // The first response is T_serving: one computation.
        let serving = report.numbers.serving.secs().and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        let evidence = Evidence {
            now: self.now,
            milestones: &self.milestones,
            counts: counts.map_or(&[], Vec::as_slice),
            first_response: serving.map(|after| step.start + after),
        };
        let fall = waterfall(step, &evidence);
        let is_awaited = step.end.is_none() && report.numbers.bad_seconds > 0;
        (fall.is_under_way() || is_awaited).then_some(fall)
    }
}
