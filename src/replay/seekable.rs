//! A recording that can be read up to any moment, starting from the nearest snapshot before it.
//!
//! Only the events that are due are decoded, one at a time. A snapshot is the state after some event, and the place in the
//! file where the next one begins.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::session::event::{Header, Recorded};
use crate::session::halves::Halves;
use crate::session::recording::{ReadError, RecordingReader};
use scaletop_units::Elapsed;

/// The state after some event of the recording.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What is known by then. Its `now` is the latest time of what has happened so far.
    pub known: Arc<Halves>,
    /// Where the next event begins.
    pub next: u64,
}

/// A recording that can be read up to any moment.
#[derive(Debug)]
pub struct SeekableRecording {
    reader: RecordingReader,
    /// The event that was read, and is not due yet.
    ahead: Option<Recorded>,
    /// Where the first event begins.
    first: u64,
    /// By the `now` of what is known.
    snapshots: BTreeMap<Elapsed, Snapshot>,
}

impl SeekableRecording {
    /// Opens the recording at `path`: a session's folder, or the file itself.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let reader = RecordingReader::open_whole(path)?;
        let first = reader.offset();
        Ok(Self { reader, ahead: None, first, snapshots: BTreeMap::new() })
    }

    /// What was measured, and how.
    pub fn header(&self) -> &Header {
        self.reader.header()
    }

    /// The next event, if it is due at `position`. Events come in the file's order, which is the order they happened in: an
    /// event that is not due yet holds back those after it.
    pub fn next_until(&mut self, position: Elapsed) -> Result<Option<Recorded>, ReadError> {
        if self.ahead.is_none() {
            self.ahead = self.reader.next_event()?;
        }
        Ok(self.ahead.take_if(|recorded| recorded.at <= position))
    }

    /// Keeps a snapshot to start from.
    pub fn keep(&mut self, snapshot: Snapshot) {
        self.snapshots.insert(snapshot.known.now(), snapshot);
    }

    /// Makes ready to read from a state that is known at `now` up to `position`. Where another state is the better start
    /// (`now` is later than `position`, or a snapshot is closer to it by more than `worth`), returns that one; the next
    /// event is then the one after it.
    pub fn seek(&mut self, now: Elapsed, position: Elapsed, worth: Duration) -> Result<Option<Arc<Halves>>, ReadError> {
        let nearest = self.snapshots.range(..=position).next_back().map(|(_, snapshot)| snapshot);
        let is_past = now > position;
        let (known, next) = match nearest {
            Some(near) if is_past || near.known.now() > now + worth => (Arc::clone(&near.known), near.next),
            None if is_past => (Arc::new(Halves::new(self.reader.header())), self.first),
            _ => return Ok(None),
        };
        self.ahead = None;
        self.reader.resume_at(next)?;
        Ok(Some(known))
    }
}
