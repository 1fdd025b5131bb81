//! Reads a whole recording ahead, on threads of its own: first what there is to jump to, then snapshots to start from.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::app::player::Outline;
use crate::export::ahead;
use crate::replay::film::Snapshot;
use crate::session::event::SessionEvent;
use crate::session::recording::{Damage, ReadError, RecordingReader};
use crate::session::state::Session;

/// At most so many snapshots are kept: one takes eight megabytes from the first hour on, however long the session is.
pub const MAX_SNAPSHOTS: u32 = 24;

/// Nor are there more than one in so many seconds: to fold them takes a moment anyway.
const MIN_SPACING: u32 = 120;

/// Sightings that may wait.
const QUEUE: usize = 2;

/// What a scout has found.
#[derive(Debug)]
pub enum Sighting {
    /// How long the recording is, and where its steps begin; and what of it cannot be read.
    Outline(Outline, Damage),
    /// A state to start from.
    Snapshot(Snapshot),
    /// The recording cannot be read on.
    Failed(ReadError),
}

/// Sends a scout through the recording at `path`. It ends when nobody listens any more.
pub fn send(path: &Path) -> io::Result<mpsc::Receiver<Sighting>> {
    let (found, sightings) = mpsc::channel(QUEUE);
    let path = path.to_owned();
    std::thread::Builder::new().name("scout".to_owned()).spawn(move || {
        if let Err(Stop::Unreadable(error)) = explore(&path, &found) {
            // Nobody may listen any more: then nobody needs to know.
            let _ = found.blocking_send(Sighting::Failed(error));
        }
    })?;
    Ok(sightings)
}

/// Why a scout stops early.
#[derive(Debug)]
enum Stop {
    Unreadable(ReadError),
    NobodyListens,
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

fn explore(path: &Path, found: &mpsc::Sender<Sighting>) -> Result<(), Stop> {
    let tell = |sighting| found.blocking_send(sighting).map_err(|_gone| Stop::NobodyListens);
    let (outline, seconds, damage) = outline(path)?;
    tell(Sighting::Outline(outline, damage))?;
    let spacing = MIN_SPACING.max(seconds.div_ceil(MAX_SNAPSHOTS));
    let reader = RecordingReader::open(path)?;
    let mut session = Session::new(reader.header().clone());
    let mut since = 0;
    ahead::read(
        reader,
        |_| if found.is_closed() { Err(Stop::NobodyListens) } else { Ok(()) },
        |recorded, next| {
            session.apply(recorded.at, &recorded.event);
            since += u32::from(matches!(recorded.event, SessionEvent::Second(_)));
            if since < spacing {
                return Ok(());
            }
            since = 0;
            tell(Sighting::Snapshot(Snapshot { session: Arc::new(session.clone()), next }))
        },
    )?;
    Ok(())
}

/// The recording in outline, without what is in its seconds; how many there are; and what cannot be read.
///
/// Steps follow from the changes of rate alone, so that a session that hears of nothing else has the same steps.
fn outline(path: &Path) -> Result<(Outline, u32, Damage), ReadError> {
    let mut reader = RecordingReader::open(path)?;
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
    outline.steps = rates.steps.iter().map(|report| report.step.start).collect();
    Ok((outline, seconds, reader.damage()))
}
