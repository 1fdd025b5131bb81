//! The first reading of a recording: what arrives late (a metric of minute 3 is published in minute 5), and how long it is.

use std::collections::BTreeMap;
use std::path::Path;

use crate::instances::{Basis, InstanceObservation};
use crate::session::event::{SessionEvent, Side};
use crate::session::recording::{ReadError, RecordingReader};
use scaletop_units::Elapsed;

/// Counts by basis and time, whenever they were received.
#[derive(Debug, Default)]
pub(super) struct LateCounts {
    counts: BTreeMap<Basis, BTreeMap<u32, InstanceObservation>>,
    end: Elapsed,
}

impl LateCounts {
    /// Reads one half of the recording at `path`, without what is in its seconds.
    pub(super) fn read(path: &Path, side: Side) -> Result<Self, ReadError> {
        let mut late = Self::default();
        let mut reader = RecordingReader::open_half(path, side)?;
        while let Some((at, event)) = reader.next_but_seconds()? {
            late.end = late.end.max(at);
            if let Some(SessionEvent::Observed(seen)) = event {
                late.counts.entry(seen.basis).or_default().insert(seen.as_of.second(), seen);
            }
        }
        Ok(late)
    }

    /// How many seconds the session lasted.
    pub(super) fn seconds(&self) -> u32 {
        self.end.second()
    }

    /// The count that was true in `second`: the last one that stood before its end, if it still did when the second began.
    pub(super) fn at(&self, basis: Basis, second: u32) -> Option<u32> {
        let counts = self.counts.get(&basis)?;
        let stood = counts.range(..=second).rev().find(|(_, seen)| seen.stands(None).start.second() <= second);
        let (at, seen) = stood?;
        let next = counts.range(at + 1..).next().map(|(_, next)| next);
        (seen.stands(next).end > Elapsed::from_secs(u64::from(second))).then_some(seen.count)
    }
}
