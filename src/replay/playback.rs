//! What makes a replay happen: the events of a recording, as many as are due at the position, and what its index finds.
//!
//! Where many events are due at once (after a jump), a slice of them is folded at a time, with a look at the keys and the
//! screen in between.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::yield_now;

use crate::app::effect::Effect;
use crate::app::ends::BackEnd;
use crate::app::event::{Event, ReplayEvent};
use crate::app::player::Player;
use crate::app::state::State;
use crate::replay::index::{IndexUpdate, MAX_SNAPSHOTS};
use crate::replay::seekable::SeekableRecording;
use crate::session::recording::{Damage, ReadError};
use scaletop_units::Elapsed;

/// Events that are folded between two looks at the keys: some 20 ms.
const SLICE: usize = 64;

/// A snapshot is worth going to when it spares this much of the recording.
const WORTH: Duration = Duration::from_mins(2);

/// Why a replay ended before its user ended it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording cannot be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot draw on the terminal: {0}; it may have been closed")]
    Terminal(#[from] io::Error),
}

/// A recording that is played.
#[derive(Debug)]
pub struct Playback {
    recording: SeekableRecording,
    /// What is found out about it meanwhile; `None` once everything is.
    index: Option<mpsc::Receiver<IndexUpdate>>,
    damage: Damage,
    /// Events of this slice.
    folded: usize,
    /// Whether more is due, and to be folded here.
    has_more: bool,
}

impl Playback {
    /// Plays `recording`; `index` says what is found out about it meanwhile.
    pub const fn new(recording: SeekableRecording, index: mpsc::Receiver<IndexUpdate>) -> Self {
        Self {
            recording,
            index: Some(index),
            damage: Damage { torn_end: false, skipped_lines: 0 },
            folded: 0,
            has_more: false,
        }
    }

    /// What of the recording could not be read, as far as it was.
    pub const fn damage(&self) -> Damage {
        self.damage
    }

    /// Whether the position is so far ahead of what is known at `now` that the index, which is on its way there already,
    /// gets there first.
    fn is_left_to_index(&self, player: &Player, now: Elapsed) -> bool {
        let left = player.position().saturating_since(now);
        let length = player.end().map(|end| end.saturating_since(Elapsed::ZERO));
        self.index.is_some() && length.is_some_and(|length| left > length / MAX_SNAPSHOTS * 2)
    }

    /// The next event of this slice; `None` at its end.
    fn next_in_slice(&mut self, position: Elapsed) -> Result<Option<ReplayEvent>, ReadError> {
        if self.folded == SLICE {
            return Ok(None);
        }
        let next = self.recording.next_until(position)?;
        self.has_more = next.is_some();
        self.folded += 1;
        Ok(next.map(|recorded| ReplayEvent::Next(Box::new(recorded))))
    }
}

impl BackEnd for Playback {
    type Error = ReplayError;

    /// The position moves on.
    const TICK: Duration = Duration::from_millis(50);

    fn due(&mut self, state: &State) -> Result<Option<Event>, ReplayError> {
        let Some(player) = state.player() else { return Ok(None) };
        let (now, position) = (state.halves().now(), player.position());
        if let Some(known) = self.recording.seek(now, position, WORTH)? {
            return Ok(Some(Event::Replay(ReplayEvent::At(known))));
        }
        let is_far = self.is_left_to_index(player, now);
        if is_far {
            self.has_more = false;
        } else if let Some(event) = self.next_in_slice(position)? {
            return Ok(Some(Event::Replay(event)));
        }
        let is_behind = self.has_more || is_far;
        let is_news = is_behind != player.is_behind();
        // Once that is told, the slice is over.
        self.folded = if is_news { SLICE } else { 0 };
        Ok(is_news.then_some(Event::Replay(ReplayEvent::Behind(is_behind))))
    }

    async fn next(&mut self) -> Result<Option<Event>, ReplayError> {
        let update = tokio::select! {
            biased;
            update = receive(self.index.as_mut()) => update,
            // The keys and the screen have their turn before the next slice.
            () = yield_now(), if self.has_more => return Ok(None),
        };
        match update {
            Some(IndexUpdate::Outline(outline, found)) => {
                self.damage = found;
                return Ok(Some(Event::Replay(ReplayEvent::Outline(outline, found.describe()))));
            }
            Some(IndexUpdate::Snapshot(snapshot)) => self.recording.keep(snapshot),
            Some(IndexUpdate::Failed(error)) => return Err(error.into()),
            None => self.index = None,
        }
        Ok(None)
    }

    /// A replay drives nothing and writes nothing.
    fn perform(&mut self, _: Effect, _: &State) -> Option<Event> {
        None
    }
}

async fn receive(index: Option<&mut mpsc::Receiver<IndexUpdate>>) -> Option<IndexUpdate> {
    match index {
        Some(index) => index.recv().await,
        None => std::future::pending().await,
    }
}
