//! A recording that is read up to any moment: event by event, from the nearest snapshot on.
//!
//! Only the events that are due are decoded, one at a time. A snapshot is the state at some event, and the place in the file
//! where the next one begins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::session::event::{Header, Recorded};
use crate::session::recording::{ReadError, RecordingReader};
use crate::session::state::Session;
use scaletop_units::Elapsed;

/// The state at some event of the recording.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What is known by then. Its `now` is the latest time of what has happened so far.
    pub session: Arc<Session>,
    /// Where the next event begins.
    pub next: u64,
}

/// A recording that is read up to any moment.
#[derive(Debug)]
pub struct Film {
    reader: RecordingReader,
    /// The event that was read, and is not due yet.
    ahead: Option<Recorded>,
    /// Where the first event begins.
    first: u64,
    /// By their session's `now`.
    snapshots: BTreeMap<Elapsed, Snapshot>,
}

impl Film {
    /// Opens the recording at `path`: a session's folder, or the file itself.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let reader = RecordingReader::open(path)?;
        let first = reader.offset();
        Ok(Self { reader, ahead: None, first, snapshots: BTreeMap::new() })
    }

    /// What was measured, and how.
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// The next event, if it is due at `position`. The order is the file's, which is the one things happened in: what comes
    /// after an event that is yet to come has to wait for it.
    pub fn next_until(&mut self, position: Elapsed) -> Result<Option<Recorded>, ReadError> {
        if self.ahead.is_none() {
            self.ahead = self.reader.next_event()?;
        }
        Ok(self.ahead.take_if(|recorded| recorded.at <= position))
    }

    /// Keeps a snapshot to start from.
    pub fn keep(&mut self, snapshot: Snapshot) {
        self.snapshots.insert(snapshot.session.now, snapshot);
    }

    /// A better state to go on from towards `position` than the one of `now`, with the film wound to it: when `now` is later,
    /// or the nearest snapshot is further on than `now` by more than `worth`.
    pub fn wind(
        &mut self,
        now: Elapsed,
        position: Elapsed,
        worth: Duration,
    ) -> Result<Option<Arc<Session>>, ReadError> {
        let nearest = self.snapshots.range(..=position).next_back().map(|(_, snapshot)| snapshot);
        let is_past = now > position;
        let (session, next) = match nearest {
            Some(near) if is_past || near.session.now > now + worth => (Arc::clone(&near.session), near.next),
            None if is_past => (Arc::new(Session::new(self.reader.header().clone())), self.first),
            _ => return Ok(None),
        };
        self.ahead = None;
        self.reader.resume_at(next)?;
        Ok(Some(session))
    }
}
