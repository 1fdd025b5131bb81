//! What to do where words were left out: `scaletop` alone offers what there is, and a session that is not named is the
//! newest one.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Write as _};
use std::path::{Path, PathBuf};

use crate::commands::{CommandError, has_screen};
use crate::session::{folder, recording};
use crate::text::clean;

/// So many names are told where one is not found.
const MOST_NEAR: usize = 3;

/// The words of a command line that has none, as somebody at a terminal chooses them; `None` when they want nothing. Other
/// command lines stay as they are.
pub fn words(args: Vec<OsString>) -> io::Result<Option<Vec<OsString>>> {
    if args.len() != 1 || !has_screen() {
        return Ok(Some(args));
    }
    let newest = newest(Path::new(folder::HOME));
    let mut out = io::stdout().lock();
    out.write_all(menu(newest.as_deref()).as_bytes())?;
    out.flush()?;
    let mut line = String::new();
    // At the end of the input nothing is wanted.
    let mut input = io::stdin().lock();
    if input.read_line(&mut line)? == 0 {
        writeln!(out)?;
        return Ok(None);
    }
    // A command that was pasted goes on.
    while is_curl(&line) && line.trim_end().ends_with(['\\', '^']) && input.read_line(&mut line)? > 0 {}
    Ok(chosen(&line, newest.as_deref()).map(|words| args.into_iter().chain(words).collect()))
}

fn menu(newest: Option<&Path>) -> String {
    let mut text = "\
scaletop: spike a service, and watch throughput, latency, errors and instances answer on one time axis

  1  demo      the screen against a cluster on this machine: no account, no network
"
    .to_owned();
    if let Some(newest) = newest {
        let name = clean(&newest.display().to_string());
        text.push_str("  2  replay    the newest session here, ");
        text.push_str(&name);
        text.push('\n');
    }
    text.push_str(
        "  h  help      all commands and options\n  q  quit\n\nChoose one, or give a URL to drive by key [1]: ",
    );
    text
}

/// What a line asks for, as words after the program's name.
fn chosen(line: &str, newest: Option<&Path>) -> Option<Vec<OsString>> {
    match (line.trim(), newest) {
        ("" | "1" | "d" | "demo", _) => Some(vec!["demo".into()]),
        ("2" | "r" | "replay", Some(newest)) => Some(vec!["replay".into(), newest.into()]),
        ("h" | "?" | "help", _) => Some(vec!["help".into()]),
        ("q" | "quit" | "exit", _) => None,
        (command, _) if is_curl(command) => Some(vec![command.into()]),
        // As if it had been typed at once.
        (words, _) => Some(words.split_whitespace().map(OsString::from).collect()),
    }
}

/// Whether a line begins a curl command.
fn is_curl(line: &str) -> bool {
    line.trim_start().starts_with("curl ")
}

/// The session that is meant: by its path, by its name among the sessions here, or the newest of them.
pub(super) fn session(given: Option<&Path>) -> Result<PathBuf, CommandError> {
    session_in(Path::new(folder::HOME), given)
}

fn session_in(home: &Path, given: Option<&Path>) -> Result<PathBuf, CommandError> {
    let Some(path) = given else { return newest(home).ok_or(CommandError::NoSession) };
    if path.exists() {
        return Ok(path.to_owned());
    }
    let named = home.join(path);
    if path.is_relative() && named.join(recording::FILE_NAME).exists() {
        return Ok(named);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut near: Vec<_> = names(home).into_iter().map(|other| (strsim::jaro_winkler(&other, &name), other)).collect();
    near.sort_by(|one, other| other.0.total_cmp(&one.0));
    let near: Vec<_> = near.into_iter().take(MOST_NEAR).map(|(_, name)| clean(&name)).collect();
    let tip = match near.as_slice() {
        [] => "give a session's folder, or its recording.jsonl".to_owned(),
        some => format!("{} has {}", home.display(), some.join(", ")),
    };
    Err(CommandError::NoSuchSession { path: path.to_owned(), tip })
}

/// The names of the sessions in `home`.
fn names(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home).into_iter().flatten().flatten();
    let sessions = entries.filter(|entry| entry.path().join(recording::FILE_NAME).exists());
    sessions.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The session in `home` whose recording was written last.
fn newest(home: &Path) -> Option<PathBuf> {
    let sessions = fs::read_dir(home).ok()?.flatten().filter_map(|entry| {
        let recording = entry.path().join(recording::FILE_NAME);
        Some((fs::symlink_metadata(recording).ok()?.modified().ok()?, entry.path()))
    });
    sessions.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_choice_or_what_could_have_been_typed_at_once() {
        let newest = Path::new("scaletop-sessions/a");
        let words = |line| chosen(line, Some(newest)).map(|words| words.join(" ".as_ref()).into_string().unwrap());
        assert_eq!(words("\n").as_deref(), Some("demo"));
        assert_eq!(words("2\n").as_deref(), Some("replay scaletop-sessions/a"));
        assert_eq!(words("https://example.com --rate 5\n").as_deref(), Some("https://example.com --rate 5"));
        let curl = "curl -H 'a: b' \\\n https://example.com\n";
        assert_eq!(chosen(curl, None), Some(vec![curl.trim().into()]), "as one word, in which quotes mean something");
        assert_eq!(words("q\n"), None);
        assert!(menu(Some(newest)).contains("scaletop-sessions/a") && !menu(None).contains("replay"));
    }

    #[test]
    fn the_newest_session_is_the_one_that_was_written_last() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(newest(home.path()), None);
        for (name, age) in [("b", 300), ("a", 100), ("c", 200)] {
            let folder = home.path().join(name);
            fs::create_dir(&folder).unwrap();
            let file = fs::File::create(folder.join(recording::FILE_NAME)).unwrap();
            let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 - age);
            file.set_modified(at).unwrap();
        }
        fs::create_dir(home.path().join("d")).unwrap();
        assert_eq!(newest(home.path()), Some(home.path().join("a")));
        let found = |given: Option<&str>| session_in(home.path(), given.map(Path::new));
        assert_eq!(found(None).unwrap(), home.path().join("a"));
        assert_eq!(found(Some("b")).unwrap(), home.path().join("b"), "by its name here");
        let error = found(Some("results/bb")).unwrap_err().to_string();
        assert!(error.starts_with("there is no session results/bb: ") && error.contains("has b, "), "{error}");
    }
}
