//! A file that appears under its name only when it is complete: whoever reads the folder meanwhile sees the old one.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::export::ExportError;
use crate::files;

/// A file in the making; when it is dropped unfinished, nothing of it stays.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
}

impl Draft {
    /// Begins the file `name` in `folder`.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, ExportError> {
        let path = folder.join(name);
        let file = files::unfinished(folder, &format!(".{name}."))
            .map_err(|source| ExportError::Write { path: path.clone(), source })?;
        Ok(Self { path, out: BufWriter::new(file) })
    }

    /// Gives the file its name, once all of it is on the disk. What had the name before is replaced, and a symbolic link is
    /// not followed.
    pub(super) fn finish(self) -> Result<(), ExportError> {
        let path = self.path;
        let named = self.out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
            file.as_file().sync_all()?;
            file.persist(&path).map_err(io::Error::from)
        });
        named.map(|_: File| ()).map_err(|source| ExportError::Write { path, source })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect()
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole_and_a_draft_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), "old").unwrap();
        let mut draft = Draft::create(folder.path(), "a.csv").unwrap();
        draft.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a.csv")).unwrap(), "old");
        drop(draft);
        assert_eq!(names(folder.path()), ["a.csv"]);
        Draft::write_whole(folder.path(), "a.csv", "new").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a.csv")).unwrap(), "new");
        assert_eq!(names(folder.path()), ["a.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_it_and_a_link_in_its_place_is_not_followed() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, name) = (folder.path().join("elsewhere"), folder.path().join("a.csv"));
        fs::write(&elsewhere, "untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &name).unwrap();
        Draft::write_whole(folder.path(), "a.csv", "new").unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        // As a file that was written straight away.
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&name), mode(&elsewhere));
    }
}
