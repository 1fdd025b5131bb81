//! The recording that is kept where the seconds are, copied to a file of this machine.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use scaletop_fleet::nats::{LinkError, Record};
use tempfile::NamedTempFile;

use crate::commands::CommandError;
use crate::commands::fleet::FleetCommandError;
use crate::session::recording::RecordingReader;

/// A copy that grows with what is copied.
pub(in crate::commands) struct Copied {
    record: Record,
    file: NamedTempFile,
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
}

impl Copied {
    /// All that is kept by now.
    pub(super) async fn of(record: Record) -> Result<Self, CommandError> {
        let file = NamedTempFile::new().map_err(unwritten(&std::env::temp_dir()))?;
        let mut copied = Self { record, file, rest: Vec::new() };
        copied.catch_up().await?;
        Ok(copied)
    }

    /// The kept recording.
    pub(super) const fn record(&self) -> &Record {
        &self.record
    }

    /// Where it is copied to.
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads the copy from its beginning.
    pub(super) fn read(&self) -> Result<RecordingReader, CommandError> {
        Ok(RecordingReader::open(self.path())?)
    }

    /// Copies what has come since.
    pub(super) async fn catch_up(&mut self) -> Result<(), CommandError> {
        while self.more().await? {}
        Ok(())
    }

    /// Copies some of it; whether there was any.
    pub(super) async fn more(&mut self) -> Result<bool, CommandError> {
        let bytes = self.record.more().await?;
        if bytes.is_empty() {
            return Ok(false);
        }
        self.rest.extend_from_slice(&bytes);
        // Whoever reads it finds whole lines alone.
        if let Some(end) = self.rest.iter().rposition(|&byte| byte == b'\n') {
            let written = self.file.as_file_mut().write_all(&self.rest[..=end]);
            written.map_err(unwritten(self.path()))?;
            self.rest.drain(..=end);
        }
        Ok(true)
    }

    /// Writes the copy to `path`, which must not exist.
    pub(in crate::commands) fn write_to(&self, path: &Path) -> Result<(), CommandError> {
        let copy = || io::copy(&mut File::open(self.path())?, &mut File::create_new(path)?);
        copy().map_err(unwritten(path))?;
        Ok(())
    }
}

/// A copy that could not be written there.
fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> CommandError + use<> {
    let path = path.to_owned();
    |source| CommandError::Write { path, source }
}

/// The recording of the run, or that there is none.
pub(super) fn kept(found: Result<Option<Record>, LinkError>) -> Result<Record, CommandError> {
    Ok(found?.ok_or(FleetCommandError::NothingKept)?)
}
