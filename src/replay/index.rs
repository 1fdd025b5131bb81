//! The index of a recording, made on a thread of its own while the replay goes on: first what there is to jump to, then
//! snapshots of the state to start from.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::app::player::Outline;
use crate::export::ahead;
use crate::replay::seekable::Snapshot;
use crate::session::event::SessionEvent;
use crate::session::halves::Halves;
use crate::session::recording::{Damage, ReadError, RecordingReader};
use crate::session::state::Session;

/// At most so many snapshots are kept: one takes eight megabytes from the first hour on, however long the session is; with two
/// targets, sixteen.
pub const MAX_SNAPSHOTS: u32 = 24;

/// Two snapshots are at least so many seconds of load apart: folding fewer takes no longer than going to a snapshot.
const MIN_SPACING: u32 = 120;

/// Updates that may wait.
const QUEUE: usize = 2;

/// What has been found out about the recording.
#[derive(Debug)]
pub enum IndexUpdate {
    /// How long the recording is, and where its steps begin; and what of it cannot be read.
    Outline(Outline, Damage),
    /// A state to start from.
    Snapshot(Snapshot),
    /// The recording cannot be read on.
    Failed(ReadError),
}

/// Starts the thread that indexes the recording at `path`. It ends when the receiver is dropped.
pub fn start(path: &Path) -> io::Result<mpsc::Receiver<IndexUpdate>> {
    let (updates, receiver) = mpsc::channel(QUEUE);
    let path = path.to_owned();
    std::thread::Builder::new().name("index".to_owned()).spawn(move || {
        if let Err(Stop::Unreadable(error)) = index(&path, &updates) {
            // When the receiver is gone, nobody needs to know.
            let _ = updates.blocking_send(IndexUpdate::Failed(error));
        }
    })?;
    Ok(receiver)
}

/// Why indexing stops early.
#[derive(Debug)]
enum Stop {
    Unreadable(ReadError),
    ReceiverGone,
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

fn index(path: &Path, updates: &mpsc::Sender<IndexUpdate>) -> Result<(), Stop> {
    let send = |update| updates.blocking_send(update).map_err(|_gone| Stop::ReceiverGone);
    let (outline, seconds, damage) = outline(path)?;
    send(IndexUpdate::Outline(outline, damage))?;
    let spacing = MIN_SPACING.max(seconds.div_ceil(MAX_SNAPSHOTS));
    let reader = RecordingReader::open_whole(path)?;
    let mut known = Halves::new(reader.header());
    let mut since = 0;
    ahead::read(
        reader,
        |_| if updates.is_closed() { Err(Stop::ReceiverGone) } else { Ok(()) },
        |recorded, next| {
            known.apply(&recorded);
            since += u32::from(matches!(recorded.event, SessionEvent::Second(_)));
            if since < spacing {
                return Ok(());
            }
            since = 0;
            send(IndexUpdate::Snapshot(Snapshot { known: Arc::new(known.clone()), next }))
        },
    )?;
    Ok(())
}

/// The recording in outline, without what is in its seconds; how many there are; and what cannot be read.
///
/// Steps follow from the changes of rate alone, so a session that is told only of those has the same steps.
fn outline(path: &Path) -> Result<(Outline, u32, Damage), ReadError> {
    let mut reader = RecordingReader::open_whole(path)?;
    let mut rates = Session::new(reader.header().clone());
    let (mut outline, mut seconds) = (Outline::default(), 0_u32);
    while let Some((at, event)) = reader.next_but_seconds()? {
        outline.end = outline.end.max(at);
        match event {
            None => seconds = seconds.saturating_add(1),
            Some(event @ (SessionEvent::Rate(_) | SessionEvent::Ended { .. })) => rates.apply(at, &event),
            Some(_) => {}
        }
    }
    outline.steps = rates.steps().iter().map(|report| report.step.start).collect();
    Ok((outline, seconds, reader.damage()))
}
