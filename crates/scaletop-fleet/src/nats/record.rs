//! The recording of a session, kept beside the seconds: who goes on with the session, and who looks on, need no file of the
//! controller's machine.
//!
//! It is a stream of bytes, cut where a message would be too long: first the header, under a subject of its own, then line after
//! line. What an earlier session left there goes when the next one begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RawMessageErrorKind, StorageType, Stream};
use async_nats::{Client, header};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use super::subjects::Subjects;
use super::{LinkError, chain, is_connected};

/// A recording is kept so long after its last line.
const KEPT: Duration = Duration::from_hours(24);

/// And so many bytes of it: the sessions of some hours. What is older goes first, and with it the way to go on.
const KEPT_BYTES: i64 = 512 * 1024 * 1024;

/// Longest message: servers take a megabyte, and its headers are in it.
const LONGEST: usize = 512 * 1024;

/// Lines that wait for a server that is away: some half an hour of them.
const WAITING: usize = 8_192;

/// A repeat is known as one for so long.
const REPEATS: Duration = Duration::from_mins(2);

/// What could not be stored is tried again after this long.
const PAUSE: Duration = Duration::from_millis(200);

/// Messages that are asked for at once.
const AT_ONCE: usize = 32;

/// Keeps a recording. Never waits. Dropped, what it was given is still stored, as far as the server is there within some seconds.
#[derive(Debug)]
pub struct RecordKeeper {
    lines: mpsc::Sender<Line>,
    is_used: Arc<AtomicBool>,
    /// Lines for which there was no room, since the last one for which there was.
    lost: AtomicU64,
}

/// A line on its way.
#[derive(Debug)]
struct Line {
    is_header: bool,
    /// Lines before it that were lost: they keep their numbers.
    lost: u64,
    bytes: Bytes,
}

impl RecordKeeper {
    /// The first line of a session that begins: what was kept before goes.
    pub fn begin(&self, header: &[u8]) {
        self.keep(true, header);
    }

    /// One line more, with its end.
    pub fn add(&self, line: &[u8]) {
        self.keep(false, line);
    }

    fn keep(&self, is_header: bool, line: &[u8]) {
        self.is_used.store(true, Ordering::Relaxed);
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let line = Line { is_header, lost, bytes: Bytes::copy_from_slice(line) };
        // A server that is away for so long has lost more than this; the reader says how many lines are missing.
        if self.lines.try_send(line).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

/// Stores what a [`RecordKeeper`] is given.
pub(super) struct Keeping {
    client: Client,
    context: Context,
    subjects: Subjects,
    epoch: u64,
    lines: mpsc::Receiver<Line>,
    is_used: Arc<AtomicBool>,
}

impl Keeping {
    pub(super) fn new(client: Client, context: Context, subjects: Subjects, epoch: u64) -> (RecordKeeper, Self) {
        let (sender, lines) = mpsc::channel(WAITING);
        let is_used = Arc::new(AtomicBool::new(false));
        let keeper = RecordKeeper { lines: sender, is_used: Arc::clone(&is_used), lost: AtomicU64::new(0) };
        (keeper, Self { client, context, subjects, epoch, lines, is_used })
    }

    /// Whether there is a recording at all.
    pub(super) fn usage(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_used)
    }

    /// Until its keeper is dropped.
    pub(super) async fn run(mut self) {
        let mut number = 0_u64;
        while let Some(line) = self.lines.recv().await {
            number += line.lost;
            let mut rest = line.bytes;
            while !rest.is_empty() {
                let chunk = rest.split_to(rest.len().min(LONGEST));
                let is_header = line.is_header && number == 0;
                while self.store(is_header, number, chunk.clone()).await.is_err() {
                    tokio::time::sleep(PAUSE).await;
                }
                number += 1;
            }
        }
    }

    async fn store(&self, is_header: bool, number: u64, bytes: Bytes) -> Result<(), String> {
        if !is_connected(&self.client) {
            return Err("the server cannot be reached".to_owned());
        }
        let subject = if is_header { self.subjects.record_header() } else { self.subjects.record_line() };
        // As the controller and the number say: a line that is missing is known by it.
        let id = format!("{}/{number}", self.epoch);
        let publish = PublishMessage::build().message_id(id).payload(bytes);
        let words = |error: &(dyn std::error::Error + 'static)| chain(error);
        let sent = self.context.send_publish(subject, publish).await.map_err(|error| words(&error))?;
        match sent.await {
            Ok(receipt) if is_header => {
                // The one before it stays: servers of 2.9 that are to keep only the last message keep none.
                if receipt.sequence > 2 {
                    let stream = self.stream().await?;
                    stream.purge().sequence(receipt.sequence - 1).await.map_err(|error| words(&error))?;
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => {
                // A server that lost its store has no such stream any more.
                self.stream().await?;
                Err(words(&error))
            }
        }
    }

    /// The stream, made where there is none.
    async fn stream(&self) -> Result<Stream, String> {
        let config = Config {
            name: self.subjects.record_stream(),
            subjects: vec![self.subjects.records()],
            storage: StorageType::File,
            discard: DiscardPolicy::Old,
            max_age: KEPT,
            max_bytes: KEPT_BYTES,
            duplicate_window: REPEATS,
            num_replicas: 1,
            ..Config::default()
        };
        self.context.get_or_create_stream(config).await.map_err(|error| chain(&error))
    }
}

/// The kept recording of the latest session of a run, read as it grows.
#[derive(Debug)]
pub struct Record {
    stream: Stream,
    servers: String,
    subjects: Subjects,
    /// The next message to read.
    next: u64,
    /// The controller that began the session.
    first_epoch: u64,
    /// The controller and the number of the latest message.
    latest: Option<(u64, u64)>,
    missing: u64,
    is_over: bool,
}

impl Record {
    /// `None`: none is kept.
    pub(super) async fn open(context: &Context, subjects: &Subjects, servers: &str) -> Result<Option<Self>, LinkError> {
        let no_store = |why: String| LinkError::NoStore { servers: servers.to_owned(), why };
        // Asked for by name alone: what it is made of is not ours to say.
        let Ok(stream) = context.get_stream(subjects.record_stream()).await else { return Ok(None) };
        match stream.get_last_raw_message_by_subject(&subjects.record_header()).await {
            Ok(header) => {
                let Some((first_epoch, _)) = place(&header.headers) else { return Ok(None) };
                Ok(Some(Self {
                    stream,
                    servers: servers.to_owned(),
                    subjects: subjects.clone(),
                    next: header.sequence,
                    first_epoch,
                    latest: None,
                    missing: 0,
                    is_over: false,
                }))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(no_store(chain(&error))),
        }
    }

    /// The number of the controller that began the session. What generators stored for it is numbered from
    /// [`Record::first_number`] on.
    pub const fn first_epoch(&self) -> u64 {
        self.first_epoch
    }

    /// The least number that a second of this session may have.
    pub const fn first_number(&self) -> u64 {
        self.first_epoch.saturating_sub(1) << 48
    }

    /// Messages that were not kept, as far as it was read.
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// Whether another session has taken its place.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    /// The bytes that are kept beyond what was read, in order; empty when there are none yet.
    ///
    /// # Errors
    /// When the server cannot be asked. What was read is read again at the next attempt.
    pub async fn more(&mut self) -> Result<Vec<u8>, LinkError> {
        let no_store = |why: String| LinkError::NoStore { servers: self.servers.clone(), why };
        let state = self.stream.get_info().await.map_err(|error| no_store(chain(&error)))?.state;
        let mut bytes = Vec::new();
        if self.is_over || state.last_sequence < self.next {
            return Ok(bytes);
        }
        let wanted = self.next..=state.last_sequence.min(self.next + 4_095);
        let (next, stream) = (*wanted.end() + 1, &self.stream);
        let mut messages = stream::iter(wanted)
            .map(|sequence| async move { stream.get_raw_message(sequence).await })
            .buffered(AT_ONCE);
        let (mut latest, mut missing, mut is_over) = (self.latest, self.missing, false);
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => {
                    if latest.is_some() && message.subject.as_str() == self.subjects.record_header() {
                        is_over = true;
                        break;
                    }
                    let at = place(&message.headers);
                    missing += missing_between(latest, at);
                    latest = at.or(latest);
                    bytes.extend_from_slice(&message.payload);
                }
                // Discarded for want of room: the next one says how many.
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(no_store(chain(&error))),
            }
        }
        drop(messages);
        (self.next, self.latest, self.missing, self.is_over) = (next, latest, missing, is_over);
        Ok(bytes)
    }
}

/// Which controller stored it, as its how manieth message.
fn place(headers: &async_nats::HeaderMap) -> Option<(u64, u64)> {
    let (epoch, number) = headers.get(header::NATS_MESSAGE_ID)?.as_str().split_once('/')?;
    Some((epoch.parse().ok()?, number.parse().ok()?))
}

/// Messages that were stored by none between two places that follow each other.
fn missing_between(before: Option<(u64, u64)>, at: Option<(u64, u64)>) -> u64 {
    match (before, at) {
        (Some((one, last)), Some((other, number))) if one == other => number.saturating_sub(last + 1),
        // Another controller counts from 0; how far the one before had come, nobody knows.
        (Some(_), Some((_, number))) => number,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_room_are_counted_by_the_next_one_that_has_it() {
        let (sender, mut lines) = mpsc::channel(2);
        let keeper = RecordKeeper { lines: sender, is_used: Arc::default(), lost: AtomicU64::new(0) };
        keeper.begin(b"header");
        for line in [b"a", b"b", b"c"] {
            keeper.add(line);
        }
        let mut next = || lines.try_recv().map(|line| (line.bytes, line.lost)).unwrap();
        assert_eq!([next(), next()], [("header".into(), 0), ("a".into(), 0)]);
        keeper.add(b"d");
        assert_eq!(next(), ("d".into(), 2));
        keeper.add(b"e");
        assert_eq!(next(), ("e".into(), 0));
    }

    #[test]
    fn what_is_missing_is_known_by_the_numbers_of_each_controller() {
        assert_eq!(missing_between(None, Some((1, 5))), 0, "the first that was read");
        assert_eq!(missing_between(Some((1, 5)), Some((1, 6))), 0);
        assert_eq!(missing_between(Some((1, 5)), Some((1, 9))), 3);
        assert_eq!(missing_between(Some((1, 5)), Some((2, 0))), 0);
        assert_eq!(missing_between(Some((1, 5)), Some((2, 4))), 4);
    }
}
