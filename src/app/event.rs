//! Everything that can change the application's state, in one type and one order.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::action::Action;
use crate::app::player::Outline;
use crate::session::event::{RateChange, Recorded, SessionEvent, Side};
use crate::session::halves::Halves;
use crate::session::writer::WriteStatus;
use scaletop_units::Elapsed;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Something of the session itself, from the engine or a source: recorded.
    Session(SessionEvent),
    /// The same of one of two targets.
    Half(Side, SessionEvent),
    /// The user, or a signal, asked for something.
    Action(Action),
    /// A text was pasted: an open prompt takes it, anywhere else it is said to be no keys.
    Pasted(String),
    /// The rate changes without a key: the session starts with one.
    Rate(RateChange),
    /// The session goes on after its controller was gone: nothing was sent from then on, and the log says so.
    Resumed {
        /// The end of what is recorded.
        at: Elapsed,
        /// What the log says.
        text: String,
        /// Whether it goes on only to its end.
        finishes: bool,
    },
    /// Time passed.
    Tick,
    /// The screen was saved as a picture: where, or what went wrong.
    Saved(Result<PathBuf, String>),
    /// The terminal has another size.
    Resized,
    /// Nothing is in flight any more, or the deadline for it passed.
    Drained {
        /// Requests that were given up.
        abandoned: u64,
    },
    /// An export ended: the files' folder, or what went wrong.
    Exported(Result<PathBuf, String>),
    /// The recording could not be written; or, `None`, can be written again.
    RecordingStatus(WriteStatus),
    /// An instance of the demo was killed; or why not.
    Killed(Result<String, String>),
    /// A generator of the fleet was killed; or why not.
    GeneratorKilled(Result<String, String>),
    /// A replay read its recording.
    Replay(ReplayEvent),
}

/// What a replay reads. It changes the state as the live session did, and nothing is recorded again.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayEvent {
    /// The next event of the recording.
    Next(Box<Recorded>),
    /// What was known at another moment.
    At(Arc<Halves>),
    /// Whether everything up to the position is folded in.
    Behind(bool),
    /// Something to know of what is read.
    Told(String),
    /// How long the recording is, and where its steps begin; and what of it cannot be read, in words.
    Outline(Outline, Option<String>),
}
