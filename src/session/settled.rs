//! What a plan's conditions ask of a session: how many instances there are, and whether things have calmed down.

use std::time::Duration;

use crate::instances::Basis;
use crate::plan::conductor::Conditions;
use crate::session::state::Session;
use crate::units::Elapsed;

/// The count must have stayed the same this long, and the objective must have held (`load-tools` D.2: settled).
pub const CALM_FOR: Duration = Duration::from_secs(30);

/// Counts older than this say nothing of the present.
const FRESH: Duration = Duration::from_mins(3);

impl Conditions for Session {
    /// The platform's own count where there is one, else the ids in the answers. At rate 0 nobody answers: then only the
    /// platform can tell.
    fn instances(&self) -> Option<u32> {
        let latest = |basis| {
            let seen = self.observations.get(&basis)?.last()?;
            (self.now.saturating_since(seen.as_of) <= FRESH).then_some(seen.count)
        };
        latest(Basis::Running)
            .or_else(|| latest(Basis::Active))
            .or_else(|| self.timeline.latest().and_then(|row| row.responding))
    }

    fn is_settled(&self, since: Elapsed) -> bool {
        let Some(from) = self.now.as_nanos().checked_sub(u64::try_from(CALM_FOR.as_nanos()).unwrap_or(u64::MAX)) else {
            return false;
        };
        let from = Elapsed::from_nanos(from);
        if from < since {
            return false;
        }
        let rows = self.timeline.rows();
        let at = rows.partition_point(|row| row.second < from.second());
        let mut counts = rows.range(at..).map(|row| row.responding);
        let first = counts.next().flatten();
        let is_steady = first.is_some() && counts.all(|count| count == first);
        let cohorts = self.timeline.cohorts();
        let at = cohorts.partition_point(|cohort| cohort.second < from.second());
        is_steady && cohorts.range(at..).all(|cohort| cohort.good != Some(false))
    }
}
