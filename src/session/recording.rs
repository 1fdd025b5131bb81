//! The recording: a header line, then one JSON line an event. It is the session; every other file is derived from it.
//!
//! Lines are handed to the operating system whenever a second closes, so a killed process loses at most what happened
//! since. A line that was cut off (kill, full disk) is skipped and counted, never guessed at.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::session::event::{FORMAT_VERSION, Header, OLDEST_VERSION, Recorded, SessionEvent, Side};
use crate::text::clean_to;
use scaletop_units::Elapsed;

/// The recording's name in a session folder.
pub(crate) const FILE_NAME: &str = "recording.jsonl";

/// The longest line that is read: a hostile file must not fill the memory.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// Why a recording could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file could not be created.
    #[error("cannot create {}: {source}; choose another folder with --out", path.display())]
    Create {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line could not be written.
    #[error("cannot write the recording: {0}; load goes on, but what happens now is not kept")]
    Append(#[source] io::Error),
    /// The folder is gone, and the recording cannot go on elsewhere.
    #[error(
        "the session's folder was deleted or moved, and a new one cannot be made: {0}; load goes on, but what happens now is not kept"
    )]
    Gone(#[source] io::Error),
    /// An event could not be put in words. Does not happen for values that came from this program.
    #[error("cannot encode an event: {0}")]
    Encode(#[from] serde_json::Error),
}

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no recording where one was looked for.
    #[error("{} is not a session: it holds no {FILE_NAME}; name the folder of a session, or its {FILE_NAME}", path.display())]
    NotASession { path: PathBuf },
    /// The file ends before its header does.
    #[error("{} is empty or ends within its header: scaletop was stopped before it began", path.display())]
    NoHeader { path: PathBuf },
    /// The first line is not a header.
    #[error("{} is not a scaletop recording: its first line is not a header ({reason})", path.display())]
    Alien {
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The format is of another version.
    #[error("{} has format version {found}, this program reads {OLDEST_VERSION} to {FORMAT_VERSION}: use {writer} or a newer scaletop", path.display())]
    Version { path: PathBuf, found: u64, writer: String },
}

/// Appends events to a recording.
#[derive(Debug)]
pub struct RecordingWriter<W: Write = File> {
    out: BufWriter<W>,
    /// The last line may be cut off: begin the next one on a line of its own.
    torn: bool,
    /// Bytes that were to be written so far.
    handed: u64,
}

/// The first line of a recording.
pub(super) fn header_line(header: &Header) -> Result<Vec<u8>, WriteError> {
    let mut line = serde_json::to_vec(header)?;
    line.push(b'\n');
    Ok(line)
}

/// The line of an event.
pub(super) fn event_line(recorded: &Recorded) -> Result<Vec<u8>, WriteError> {
    let mut line = serde_json::to_vec(recorded)?;
    line.push(b'\n');
    Ok(line)
}

impl RecordingWriter<File> {
    /// Creates the recording in `folder`, which exists, and writes its header through to the system.
    ///
    /// Refuses to overwrite: a recording is never lost to a later session.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, WriteError> {
        let path = folder.join(FILE_NAME);
        let file = new_file(&path).map_err(|source| WriteError::Create { path, source })?;
        Self::new(file, header)
    }

    /// Goes on with the recording in `folder`, after its last line.
    pub(super) fn resume(folder: &Path) -> Result<Self, WriteError> {
        let path = folder.join(FILE_NAME);
        let opened = OpenOptions::new().read(true).append(true).open(&path);
        let file = opened.map_err(|source| WriteError::Create { path, source })?;
        Ok(Self { out: BufWriter::new(file), torn: false, handed: 0 })
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        self.out.get_ref()
    }

    /// Makes `header` the first line again of a file that was cut short.
    pub(super) fn begin_with(&mut self, header: &[u8]) -> io::Result<()> {
        let mut file = self.out.get_ref().try_clone()?;
        file.rewind()?;
        let mut left = Vec::new();
        file.read_to_end(&mut left)?;
        if left.starts_with(header) {
            return Ok(());
        }
        file.set_len(0)?;
        file.write_all(header)?;
        file.write_all(&left)
    }

    /// Goes on in a new recording in `folder`, with all that was written so far. What waits to be written must be flushed.
    pub(super) fn go_on_in(&mut self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut copy = new_file(&folder.join(FILE_NAME))?;
        // Where the old file is read does not matter to what is appended to it.
        let mut old = self.out.get_ref().try_clone()?;
        old.rewind()?;
        io::copy(&mut old, &mut copy)?;
        self.out = BufWriter::new(copy);
        Ok(())
    }
}

/// A recording's file, which did not exist before; a link that lies in wait is not followed. It can be read back.
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create_new(true).open(path)
}

impl<W: Write> RecordingWriter<W> {
    /// Writes the header to `out`.
    pub fn new(out: W, header: &Header) -> Result<Self, WriteError> {
        let mut writer = Self { out: BufWriter::new(out), torn: false, handed: 0 };
        writer.line(header_line(header)?)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Appends one event. A closed second, and everything before it, is handed to the system before this returns.
    ///
    /// After an error the writer stays usable: when there is room again, the next line starts clean.
    pub fn append(&mut self, recorded: &Recorded) -> Result<(), WriteError> {
        self.append_line(event_line(recorded)?, recorded.is_a_closing())
    }

    /// The same of what [`event_line`] made of an event; `is_a_closing`: it is handed to the system.
    pub(super) fn append_line(&mut self, line: Vec<u8>, is_a_closing: bool) -> Result<(), WriteError> {
        self.line(line)?;
        if is_a_closing { self.flush() } else { Ok(()) }
    }

    /// Bytes that were to be written so far: as long is what was written, unless something failed.
    pub(super) const fn handed(&self) -> u64 {
        self.handed
    }

    /// Hands everything to the system.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.out.flush().map_err(|source| {
            self.torn = true;
            WriteError::Append(source)
        })
    }

    fn line(&mut self, mut bytes: Vec<u8>) -> Result<(), WriteError> {
        if self.torn {
            bytes.insert(0, b'\n');
        }
        self.handed += bytes.len() as u64;
        match self.out.write_all(&bytes) {
            Ok(()) => {
                self.torn = false;
                Ok(())
            }
            Err(source) => {
                self.torn = true;
                Err(WriteError::Append(source))
            }
        }
    }
}

/// Reads a recording, event by event: one half of it as if the session had had that target alone, or the whole.
#[derive(Debug)]
pub(crate) struct RecordingReader {
    path: PathBuf,
    lines: BufReader<File>,
    header: Header,
    /// The half that is left out.
    left_out: Option<Side>,
    damage: Damage,
    /// Bytes from the start of the file to the next line.
    offset: u64,
}

/// What could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The last line was cut off: the process was killed, or the disk was full.
    pub torn_end: bool,
    /// Lines within the recording that are no events.
    pub skipped_lines: u64,
}

impl Damage {
    /// In words, when there is any.
    pub fn describe(&self) -> Option<String> {
        match (self.torn_end, self.skipped_lines) {
            (false, 0) => None,
            (true, 0) => {
                Some("the last line is cut off and was left out: the session was killed while it wrote".into())
            }
            (false, 1) => Some("1 line is damaged and was left out".into()),
            (false, n) => Some(format!("{n} lines are damaged and were left out")),
            (true, 1) => Some("1 line is damaged, and the last one is cut off; they were left out".into()),
            (true, n) => Some(format!("{n} lines are damaged, and the last one is cut off; they were left out")),
        }
    }
}

impl RecordingReader {
    /// Opens the recording at `path`: a session folder, or the file itself. Of two targets it reads the first.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        Self::open_half(path, Side::First)
    }

    /// Opens one half of the recording at `path`; of a session with one target, that.
    pub(crate) fn open_half(path: &Path, side: Side) -> Result<Self, ReadError> {
        let mut reader = Self::open_whole(path)?;
        if reader.header.beside.is_some() {
            reader.header = reader.header.half(side).unwrap_or(reader.header);
            reader.left_out = Some(side.other());
        }
        Ok(reader)
    }

    /// Opens the recording at `path` with the events of both targets, where there are two.
    pub(crate) fn open_whole(path: &Path) -> Result<Self, ReadError> {
        let path = locate(path)?;
        let file = File::open(&path).map_err(|source| ReadError::Io { path: path.clone(), source })?;
        let mut lines = BufReader::new(file);
        let first = next_line(&mut lines).map_err(|source| ReadError::Io { path: path.clone(), source })?;
        let Some(Line { text: first, is_whole: true }) = first else { return Err(ReadError::NoHeader { path }) };
        let header = parse_header(&path, &first)?;
        let offset = first.len() as u64;
        Ok(Self { path, lines, header, left_out: None, damage: Damage::default(), offset })
    }

    /// Where the next event begins, or what is damaged before it: a place for [`RecordingReader::resume_at`].
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on reading at a place that [`RecordingReader::offset`] named.
    pub(crate) fn resume_at(&mut self, offset: u64) -> Result<(), ReadError> {
        let resumed = self.lines.seek(SeekFrom::Start(offset));
        self.offset = resumed.map_err(|source| ReadError::Io { path: self.path.clone(), source })?;
        Ok(())
    }

    /// What was measured, and how.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What could not be read so far.
    pub(crate) fn damage(&self) -> Damage {
        self.damage
    }

    /// The next event; `None` at the end.
    pub(crate) fn next_event(&mut self) -> Result<Option<Recorded>, ReadError> {
        self.next_parsed(|line| serde_json::from_slice(line))
    }

    /// The next event and its time, without what is in a closed second, whose histograms take most of the time to read.
    pub(crate) fn next_but_seconds(&mut self) -> Result<Option<(Elapsed, Option<SessionEvent>)>, ReadError> {
        self.next_parsed(|line| match serde_json::from_slice(line)? {
            Outline { at, second: Some(_), .. } => Ok((at, None)),
            Outline { second: None, .. } => {
                serde_json::from_slice(line).map(|recorded: Recorded| (recorded.at, Some(recorded.event)))
            }
        })
    }

    /// Whether the line is about the half that is left out.
    fn is_left_out(&self, line: &[u8]) -> bool {
        let of = |line| serde_json::from_slice(line).ok().and_then(|outline: Outline| outline.side);
        self.left_out.is_some_and(|left_out| of(line) == Some(left_out))
    }

    fn next_parsed<T>(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<Option<T>, ReadError> {
        loop {
            let line =
                next_line(&mut self.lines).map_err(|source| ReadError::Io { path: self.path.clone(), source })?;
            let Some(Line { text, is_whole }) = line else { return Ok(None) };
            self.offset += text.len() as u64;
            if text.trim_ascii().is_empty() || self.is_left_out(&text) {
                continue;
            }
            match parse(&text) {
                Ok(parsed) => return Ok(Some(parsed)),
                Err(_) if !is_whole => self.damage.torn_end = true,
                Err(_) => self.damage.skipped_lines += 1,
            }
        }
    }
}

/// What of a line says whether it is a closed second, and whose.
#[derive(Deserialize)]
struct Outline {
    at: Elapsed,
    #[serde(default)]
    side: Option<Side>,
    #[serde(default)]
    second: Option<IgnoredAny>,
}

impl Iterator for RecordingReader {
    type Item = Result<Recorded, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

fn locate(path: &Path) -> Result<PathBuf, ReadError> {
    if !path.is_dir() {
        // A pipe would be waited for without end, and is not read twice.
        if path.metadata().is_ok_and(|kind| !kind.is_file()) {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            return Err(ReadError::Io { path: path.to_owned(), source });
        }
        return Ok(path.to_owned());
    }
    let file = path.join(FILE_NAME);
    if file.is_file() { Ok(file) } else { Err(ReadError::NotASession { path: path.to_owned() }) }
}

fn parse_header(path: &Path, line: &[u8]) -> Result<Header, ReadError> {
    #[derive(Deserialize)]
    struct Probe {
        version: Option<u64>,
        writer: Option<String>,
    }
    let alien = |reason: String| ReadError::Alien { path: path.to_owned(), reason };
    let probe: Probe = serde_json::from_slice(line).map_err(|error| alien(error.to_string()))?;
    let (Some(found), Some(writer)) = (probe.version, probe.writer) else {
        return Err(alien("it names no version and writer".to_owned()));
    };
    if !(u64::from(OLDEST_VERSION)..=u64::from(FORMAT_VERSION)).contains(&found) {
        let writer = clean_to(&writer, 80);
        return Err(ReadError::Version { path: path.to_owned(), found, writer });
    }
    serde_json::from_slice(line).map_err(|error| alien(error.to_string()))
}

/// A line with its end; whole when it has one.
struct Line {
    text: Vec<u8>,
    is_whole: bool,
}

fn next_line(lines: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut text = Vec::new();
    let read = io::Read::take(&mut *lines, MAX_LINE_BYTES).read_until(b'\n', &mut text)?;
    if read == 0 {
        return Ok(None);
    }
    let is_whole = text.last() == Some(&b'\n');
    Ok(Some(Line { text, is_whole }))
}

#[cfg(test)]
mod tests;
