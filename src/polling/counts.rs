//! Counts that are polled, as observations: each with how long before it the change may have come, and told again only now and
//! then while it stays the same. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::instances::{Basis, InstanceObservation};
use crate::session::event::SessionEvent;
use scaletop_units::Elapsed;

/// A count that does not change is told this often.
const REPEATED_EVERY: Duration = Duration::from_secs(10);

/// The counts that one source told last.
#[derive(Clone, Debug)]
pub(crate) struct PolledCounts {
    interval: Duration,
    /// How old what the source says may be at the time that it names.
    grain: Duration,
    told: BTreeMap<Basis, (u32, Elapsed)>,
    /// When the last poll that was answered was sent: what it told was true then, or later.
    polled: Option<Elapsed>,
}

impl PolledCounts {
    /// Of a source that is asked this often.
    pub(crate) const fn new(interval: Duration) -> Self {
        Self { interval, grain: Duration::ZERO, told: BTreeMap::new(), polled: None }
    }

    /// The same, of a source whose word is this much older than it says at most.
    pub(crate) fn with_grain(self, grain: Duration) -> Self {
        Self { grain, ..self }
    }

    /// The observation of a count that was true at `as_of`, if it is news. A change came since the poll before.
    pub(crate) fn tell(&mut self, basis: Basis, count: u32, as_of: Elapsed) -> Option<SessionEvent> {
        let since_last = self.polled.map_or(self.interval, |polled| as_of.saturating_since(polled)).max(self.interval);
        let is_news = self
            .told
            .get(&basis)
            .is_none_or(|(told, at)| *told != count || as_of.saturating_since(*at) >= REPEATED_EVERY);
        if !is_news {
            return None;
        }
        self.told.insert(basis, (count, as_of));
        let uncertainty = since_last + self.grain;
        Some(SessionEvent::Observed(InstanceObservation { basis, count, as_of, uncertainty, provisional: false }))
    }

    /// A poll that was sent at `sent` was answered.
    pub(crate) fn answered(&mut self, sent: Elapsed) {
        self.polled = Some(sent);
    }
}
