//! Where a session goes: a folder of its own, made and tried before the load starts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::session::recording;
use crate::target::Target;

/// Where sessions go unless the user says otherwise.
pub(crate) const HOME: &str = "scaletop-sessions";

/// Why there is no folder for the session.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It could not be made, or nothing can be written into it.
    #[error("cannot write to {}: {source}; name another folder with --out", path.display())]
    Unwritable {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another session is in it.
    #[error("{} already holds a session: name another folder with --out, or move it away", path.display())]
    Taken { path: PathBuf },
}

/// The folder's name: when, and against what. `2026-11-24T00-06-44Z-demo`.
pub(crate) fn name(started_unix_micros: i64, target: &Target) -> String {
    let when = jiff::Timestamp::from_microsecond(started_unix_micros)
        .map_or_else(|_| "unknown".to_owned(), |at| format!("{at:.0}").replace(':', "-"));
    format!("{when}-{}", target.slug())
}

/// Makes the folder `path` and tries to write into it.
pub(crate) fn prepare(path: &Path) -> Result<(), FolderError> {
    let unwritable = |source| FolderError::Unwritable { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(unwritable)?;
    if path.join(recording::FILE_NAME).exists() {
        return Err(FolderError::Taken { path: path.to_owned() });
    }
    let trial = path.join(".scaletop-trial");
    fs::write(&trial, b"can this folder be written to?").map_err(unwritable)?;
    fs::remove_file(&trial).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_time_and_host_and_never_by_secrets() {
        let name = |target: &str| name(1_764_000_000_000_000, &target.parse().unwrap());
        assert_eq!(name("demo"), "2025-11-24T16-00-00Z-demo");
        assert_eq!(name("https://user:pw@example.com:8080/a?token=x"), "2025-11-24T16-00-00Z-example.com");
    }

    #[test]
    fn a_folder_with_a_session_is_not_used_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        prepare(&folder).unwrap();
        prepare(&folder).unwrap();
        fs::write(folder.join(recording::FILE_NAME), "").unwrap();
        assert!(matches!(prepare(&folder), Err(FolderError::Taken { .. })));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_said_with_what_to_do() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let error = prepare(&file.join("x")).unwrap_err().to_string();
        assert!(error.contains("--out"), "{error}");
    }
}
