//! A file that appears under its name only when it is complete: whoever reads the folder meanwhile sees the old one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::export::ExportError;

/// A file in the making.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    unfinished: PathBuf,
    out: BufWriter<File>,
}

impl Draft {
    /// Begins the file `name` in `folder`.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, ExportError> {
        let path = folder.join(name);
        let unfinished = folder.join(format!(".{name}.unfinished"));
        let file = File::create(&unfinished).map_err(|source| ExportError::Write { path: path.clone(), source })?;
        Ok(Self { path, unfinished, out: BufWriter::new(file) })
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.out.flush().and_then(|()| fs::rename(&self.unfinished, &self.path)).map_err(|source| self.failed(source))
    }

    /// Writes the whole file.
    pub(super) fn write_whole(folder: &Path, name: &str, text: &str) -> Result<(), ExportError> {
        let mut draft = Self::create(folder, name)?;
        draft.out.write_all(text.as_bytes()).map_err(|source| draft.failed(source))?;
        draft.finish()
    }

    /// Why it cannot be written, with its name.
    pub(super) fn failed(&self, source: io::Error) -> ExportError {
        ExportError::Write { path: self.path.clone(), source }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A CSV file in the making.
#[derive(Debug)]
pub(super) struct CsvDraft {
    path: PathBuf,
    out: csv::Writer<Draft>,
}

impl CsvDraft {
    /// Begins the file `name` in `folder` with its header.
    pub(super) fn create<S: AsRef<str>>(folder: &Path, name: &str, header: &[S]) -> Result<Self, ExportError> {
        let out = csv::Writer::from_writer(Draft::create(folder, name)?);
        let mut csv = Self { path: folder.join(name), out };
        csv.row(&header.iter().map(|name| name.as_ref().to_owned()).collect::<Vec<_>>())?;
        Ok(csv)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, fields: &[String]) -> Result<(), ExportError> {
        let path = &self.path;
        self.out.write_record(fields).map_err(|error| ExportError::Write { path: path.clone(), source: error.into() })
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        let path = self.path;
        let draft = self.out.into_inner().map_err(|error| ExportError::Write { path, source: error.into_error() })?;
        draft.finish()
    }
}
