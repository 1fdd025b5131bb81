//! Which sessions are meant: of a folder that holds sessions, such as what a pipeline kept of its last run, the newest one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::CompareArgs;
use crate::commands::{CommandError, offer, say};
use crate::session::recording::{FILE_NAME, RecordingReader};
use crate::text::clean;

/// Sessions lie at most so many folders below the one that is named: what was downloaded may keep the paths it had.
const DEEPEST: usize = 3;

/// Folders beyond these are not looked into.
const MOST_FOLDERS: usize = 10_000;

/// The baseline that was named. `None`: none was, or there is none yet and need not be.
pub(super) fn of(args: &CompareArgs, sessions: &[PathBuf]) -> Result<Option<PathBuf>, CommandError> {
    let Some(given) = &args.baseline else { return Ok(None) };
    match session(given, sessions) {
        Err(CommandError::NoSuchSession { path, .. }) if args.baseline_optional => {
            say(&format!(
                "note: {} has no session: there is no baseline to compare with yet",
                clean(&path.display().to_string())
            ));
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(found) if same(&found, sessions) => Err(CommandError::Option(format!(
            "{} is the baseline and what is compared with it: name another one",
            clean(&found.display().to_string())
        ))),
        Ok(found) => Ok(Some(found)),
    }
}

/// The session that is meant by `given`: it, or in a folder of sessions the newest one that is not among `others`.
pub(super) fn session(given: &Path, others: &[PathBuf]) -> Result<PathBuf, CommandError> {
    let path = offer::session(Some(given))?;
    if !path.is_dir() || path.join(FILE_NAME).exists() {
        return Ok(path);
    }
    let mut found = Vec::new();
    below(&path, DEEPEST, &mut MOST_FOLDERS.clone(), &mut found);
    let of_all = found.len();
    found.retain(|session| !same(session, others));
    // By their own clock: what was downloaded is as old as its download.
    let started = |session: &PathBuf| Some(RecordingReader::open_whole(session).ok()?.header().started_unix_micros);
    let newest = found.into_iter().filter_map(|session| Some((started(&session)?, session))).max();
    let Some((_, newest)) = newest else {
        let tip = if of_all > 0 {
            "it has none but those that it would be compared with, or none that can be read".to_owned()
        } else if path.join("summary.json").exists() {
            format!("it has a summary.json and no {FILE_NAME}, which is what is compared: keep that, too")
        } else {
            format!("neither it nor a folder in it holds a {FILE_NAME}")
        };
        return Err(CommandError::NoSuchSession { path, tip });
    };
    if of_all > 1 {
        let (newest, folder) = (clean(&newest.display().to_string()), clean(&path.display().to_string()));
        say(&format!("note: {newest} is the newest of {of_all} sessions in {folder}"));
    }
    Ok(newest)
}

/// Adds the folders of sessions below `folder`, never through a link.
fn below(folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let Some(fewer) = left.checked_sub(1) else { return };
        *left = fewer;
        let path = entry.path();
        if path.join(FILE_NAME).exists() {
            found.push(path);
        } else if depth > 1 {
            below(&path, depth - 1, left, found);
        }
    }
}

/// Whether `session` is one of `others`, however it is named.
fn same(session: &Path, others: &[PathBuf]) -> bool {
    let real = |path: &Path| {
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
        };
        folder.canonicalize().ok()
    };
    let one = real(session);
    one.is_some() && others.iter().any(|other| real(other) == one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::{Header, Settings};
    use crate::session::recording::RecordingWriter;

    fn record(folder: &Path, started: i64) {
        fs::create_dir_all(folder).unwrap();
        RecordingWriter::create(folder, &Header::new(started, Settings::default())).unwrap().flush().unwrap();
    }

    #[test]
    fn of_a_folder_of_sessions_the_newest_is_meant_by_its_own_clock_but_none_that_was_named() {
        let home = tempfile::tempdir().unwrap();
        // The one that was written last began first.
        for (name, started) in [("kept/session", 3_000_000), ("b", 9_000_000), ("a", 1_000_000)] {
            record(&home.path().join(name), started);
        }
        assert_eq!(session(home.path(), &[]).unwrap(), home.path().join("b"));
        let others = [home.path().join("kept/../b").join(FILE_NAME)];
        assert_eq!(session(home.path(), &others).unwrap(), home.path().join("kept/session"));
        assert_eq!(session(&home.path().join("a"), &[]).unwrap(), home.path().join("a"), "a session is itself");
    }

    #[test]
    fn a_folder_without_a_session_says_what_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let told = |others: &[PathBuf]| session(home.path(), others).unwrap_err().to_string();
        assert!(told(&[]).contains("neither it nor a folder in it"), "{}", told(&[]));
        fs::write(home.path().join("summary.json"), "{}").unwrap();
        assert!(told(&[]).contains("keep that, too"), "{}", told(&[]));
        record(&home.path().join("a"), 1);
        let error = told(&[home.path().join("a")]);
        assert!(error.contains("none but those"), "{error}");
    }
}
