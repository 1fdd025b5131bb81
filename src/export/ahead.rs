//! Reads a recording on a thread of its own: unpacking a day's histograms takes about as long as folding them.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::scope;

use crate::session::event::Recorded;
use crate::session::recording::{Damage, ReadError, RecordingReader};

/// Events that may wait to be folded. A second takes some hundred kilobytes while it waits.
const AHEAD: usize = 16;

/// Hands every event of the recording to `fold`, in order and with the place where the next one begins, after `seen` has seen it on the reading thread. Ends at the first
/// error of either; else returns what could not be read.
pub(crate) fn read<E: From<ReadError> + Send>(
    reader: RecordingReader,
    seen: impl FnMut(&Recorded) -> Result<(), E> + Send,
    mut fold: impl FnMut(Recorded, u64) -> Result<(), E>,
) -> Result<Damage, E> {
    scope(|scope| {
        let (events, folding): (_, Receiver<(Recorded, u64)>) = sync_channel(AHEAD);
        let reading = scope.spawn(move || run_ahead(reader, seen, &events));
        let folded = folding.iter().try_for_each(|(recorded, next)| fold(recorded, next));
        // Whoever reads ahead stops when nobody listens any more.
        drop(folding);
        let read = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
        folded.and(read)
    })
}

fn run_ahead<E: From<ReadError>>(
    mut reader: RecordingReader,
    mut seen: impl FnMut(&Recorded) -> Result<(), E>,
    events: &SyncSender<(Recorded, u64)>,
) -> Result<Damage, E> {
    while let Some(recorded) = reader.next_event()? {
        seen(&recorded)?;
        if events.send((recorded, reader.offset())).is_err() {
            break;
        }
    }
    Ok(reader.damage())
}
