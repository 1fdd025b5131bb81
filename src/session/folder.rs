//! Where a session goes: a folder of its own, made and tried before the load starts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::files;
use crate::session::recording;
use crate::target::Target;

/// Where sessions go unless the user says otherwise.
pub(crate) const HOME: &str = "scaletop-sessions";

/// The most sessions of one second against one target.
const MOST_NAMESAKES: u32 = 1_000;

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

/// The folder's name: when, and against what. `2026-11-24T00-06-44Z-demo`, of two targets `…Z-demo-apprunner-and-demo-ecs`.
pub(crate) fn name(started_unix_micros: i64, targets: &[Target]) -> String {
    let when = jiff::Timestamp::from_microsecond(started_unix_micros)
        .map_or_else(|_| "unknown".to_owned(), |at| format!("{at:.0}").replace(':', "-"));
    let slugs: Vec<_> = targets.iter().map(Target::slug).collect();
    format!("{when}-{}", slugs.join("-and-"))
}

/// Makes the folder `path` and tries to write into it.
pub(crate) fn prepare(path: &Path) -> Result<(), FolderError> {
    let unwritable = |source| FolderError::Unwritable { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(unwritable)?;
    check_free(path)?;
    // Under a name that was nobody's before: what others have put into the folder is not written through.
    let trial = files::unfinished(path, ".scaletop-trial.").map_err(unwritable)?;
    trial.close().map_err(unwritable)
}

/// Folders that are made for a session. Dropped, those in which nothing is are taken away again: a session that did not begin leaves
/// none behind.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The outermost first.
    folders: Vec<PathBuf>,
}

impl Made {
    /// What will be made for `path`: that, and what is missing above it. To be asked before it is made.
    pub(crate) fn for_path(path: &Path) -> Self {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err();
        let mut folders: Vec<_> = path.ancestors().take_while(is_missing).map(Path::to_owned).collect();
        folders.reverse();
        Self { folders }
    }

    /// The same, and `path` in it.
    pub(crate) fn and(mut self, path: &Path) -> Self {
        self.folders.push(path.to_owned());
        self
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // One that holds something stays, as this call has it.
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Refuses a folder that holds a session, or a link in place of one.
pub(crate) fn check_free(path: &Path) -> Result<(), FolderError> {
    match fs::symlink_metadata(path.join(recording::FILE_NAME)) {
        Ok(_) => Err(FolderError::Taken { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// Refuses a folder that could not be made, or written to, and leaves nothing behind: that of a session, or [`HOME`] where none is
/// given.
pub(crate) fn check_writable(path: Option<&Path>) -> Result<(), FolderError> {
    let path = path.unwrap_or(Path::new(HOME));
    let unwritable = |source| FolderError::Unwritable { path: path.to_owned(), source };
    let there = path.ancestors().find(|folder| fs::symlink_metadata(folder).is_ok()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        // Nothing is made where no folder is: the system says why not, in its own words.
        return fs::create_dir(path).map_err(unwritable);
    }
    files::unfinished(there, ".scaletop-trial.").and_then(tempfile::NamedTempFile::close).map_err(unwritable)
}

/// A new folder for a session in [`HOME`], below the working directory: `name`, or with a number behind it when another
/// session of the same second has taken that.
pub(crate) fn fresh(name: &str) -> Result<PathBuf, FolderError> {
    fresh_in(Path::new(HOME), name)
}

fn fresh_in(home: &Path, name: &str) -> Result<PathBuf, FolderError> {
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Unwritable { path, source }
    };
    fs::create_dir_all(home).map_err(unwritable(home))?;
    for number in 1..=MOST_NAMESAKES {
        let path = home.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        // Whoever makes it has it: two sessions that ask at the same time get one each.
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => {
                made.map_err(unwritable(&path))?;
                prepare(&path)?;
                return Ok(path);
            }
        }
    }
    Err(FolderError::Taken { path: home.join(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_by_time_and_host_and_never_by_secrets() {
        let name = |target: &str| name(1_764_000_000_000_000, &[target.parse().unwrap()]);
        assert_eq!(name("demo"), "2025-11-24T16-00-00Z-demo");
        assert_eq!(name("https://user:pw@example.com:8080/a?token=x"), "2025-11-24T16-00-00Z-example.com");
    }

    #[test]
    fn what_was_made_for_a_session_that_did_not_begin_is_taken_away_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("a/b");
        fs::create_dir(home.path().join("a")).unwrap();
        let made = Made::for_path(&folder.join("c"));
        prepare(&folder.join("c")).unwrap();
        drop(made);
        assert!(home.path().join("a").exists() && !folder.exists(), "only what was not there before");
        let made = Made::for_path(&folder);
        prepare(&folder).unwrap();
        fs::write(folder.join(recording::FILE_NAME), "").unwrap();
        drop(made);
        assert!(folder.join(recording::FILE_NAME).exists());
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
    fn sessions_of_the_same_second_get_folders_of_their_own() {
        let home = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3).map(|_| fresh_in(home.path(), "now-demo").unwrap()).collect();
        assert_eq!(names, ["now-demo", "now-demo-2", "now-demo-3"].map(|name| home.path().join(name)));
        let all = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..8).map(|_| scope.spawn(|| fresh_in(home.path(), "x").unwrap())).collect();
            tasks.into_iter().map(|task| task.join().unwrap()).collect::<std::collections::BTreeSet<_>>()
        });
        assert_eq!(all.len(), 8);
    }

    #[test]
    fn a_folder_that_could_not_be_made_is_refused_and_none_is_made() {
        let home = tempfile::tempdir().unwrap();
        let (file, folder) = (home.path().join("file"), home.path().join("a/b"));
        fs::write(&file, "").unwrap();
        check_writable(Some(&folder)).unwrap();
        for wrong in [&file, &file.join("a/b")] {
            let refused = check_writable(Some(wrong)).unwrap_err().to_string();
            assert_eq!(refused, prepare(wrong).unwrap_err().to_string());
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "only what was there");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link_that_lies_in_wait() {
        let home = tempfile::tempdir().unwrap();
        let (elsewhere, folder) = (home.path().join("elsewhere"), home.path().join("session"));
        fs::write(&elsewhere, "untouched").unwrap();
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join(".scaletop-trial")).unwrap();
        prepare(&folder).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        std::os::unix::fs::symlink(home.path().join("nowhere"), folder.join(recording::FILE_NAME)).unwrap();
        assert!(matches!(prepare(&folder), Err(FolderError::Taken { .. })));
        assert!(!home.path().join("nowhere").exists());
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
