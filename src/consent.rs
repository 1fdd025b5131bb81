//! Load is never sent by accident: a host that is not loopback is asked about once, and the answer is kept.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use url::Url;

use crate::target::is_loopback;

/// Why no load may be sent.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The user said no.
    #[error("no load was sent to {0}")]
    Refused(String),
    /// There is nobody to ask.
    #[error(
        "{0} is not on this machine, and there is no terminal to ask on: may it be load-tested? then say so with --yes"
    )]
    NobodyToAsk(String),
    /// The question could not be asked.
    #[error("cannot ask whether the host may be load-tested: {0}; say so with --yes")]
    Ask(#[from] io::Error),
}

/// Makes sure that the user wants load on `url`'s host: asks once on the terminal, remembers the answer in `memory`.
pub(crate) fn ensure(url: &Url, memory: Option<&Path>) -> Result<(), ConsentError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    if is_loopback(url) || memory.is_some_and(|file| remembers(file, &host)) {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(ConsentError::NobodyToAsk(host));
    }
    let answer = ask(&mut io::stdin().lock(), &mut io::stderr(), &host)?;
    if !answer {
        return Err(ConsentError::Refused(host));
    }
    if let Some(file) = memory {
        // Forgetting only means that the question comes again.
        let _ = remember(file, &host);
    }
    Ok(())
}

/// Where answers are kept: `$XDG_STATE_HOME/scaletop/hosts`, by default below the home directory, or where this system keeps
/// such things.
pub(crate) fn memory() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    let state = folders.state_dir().unwrap_or_else(|| folders.cache_dir());
    Some(state.join("scaletop").join("hosts"))
}

fn ask(input: &mut impl BufRead, output: &mut impl Write, host: &str) -> io::Result<bool> {
    write!(output, "You are about to send load to {host}. May you load-test it? Type yes to go on: ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "yes" | "y"))
}

fn remembers(file: &Path, host: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|hosts| hosts.lines().any(|line| line == host))
}

fn remember(file: &Path, host: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut hosts = fs::OpenOptions::new().append(true).create(true).open(file)?;
    writeln!(hosts, "{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_its_host_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/hosts");
        remember(&file, "example.com").unwrap();
        assert!(remembers(&file, "example.com") && !remembers(&file, "example.org"));
        ensure(&"https://example.com/".parse().unwrap(), Some(&file)).unwrap();
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (typed, expected) in [("yes\n", true), ("Y\n", true), ("\n", false), ("no\n", false), ("", false)] {
            assert_eq!(ask(&mut typed.as_bytes(), &mut io::sink(), "example.com").unwrap(), expected, "{typed:?}");
        }
    }
}
