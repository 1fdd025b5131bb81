//! Load is never sent by accident: a host that is not loopback is asked about once, and the answer is kept. What counts is
//! where connections will really go, whatever the name in the URL says.

use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use url::{Host, Url};

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

/// Makes sure that the user wants load where requests to `url` will go, `resolve` considered: asks once on the terminal,
/// remembers the answer in `memory`.
pub(crate) fn ensure(url: &Url, resolve: &[(String, SocketAddr)], memory: Option<&Path>) -> Result<(), ConsentError> {
    let Some(host) = elsewhere(url, resolve, &look_up) else { return Ok(()) };
    if memory.is_some_and(|file| remembers(file, &host)) {
        return Ok(());
    }
    match asked(&format!("You are about to send load to {host}. May you load-test it?"))? {
        None => return Err(ConsentError::NobodyToAsk(host)),
        Some(false) => return Err(ConsentError::Refused(host)),
        Some(true) => {}
    }
    if let Some(file) = memory {
        // Forgetting only means that the question comes again.
        let _ = remember(file, &host);
    }
    Ok(())
}

/// Whether requests to `url` leave this machine, `resolve` considered.
pub(crate) fn is_elsewhere(url: &Url, resolve: &[(String, SocketAddr)]) -> bool {
    elsewhere(url, resolve, &look_up).is_some()
}

/// Who will get the load, as the user is asked about it; `None` when it stays on this machine.
fn elsewhere(url: &Url, resolve: &[(String, SocketAddr)], look_up: &dyn Fn(&str) -> Vec<IpAddr>) -> Option<String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_asked =
        |(name, at): &&(String, SocketAddr)| name.eq_ignore_ascii_case(host) && (at.port() == 0 || at.port() == port);
    let given: Vec<IpAddr> = resolve.iter().filter(is_asked).map(|(_, at)| at.ip()).collect();
    let at = |addresses: Vec<IpAddr>| -> Option<String> {
        let mut away: Vec<_> = addresses
            .into_iter()
            .filter(|ip| !ip.to_canonical().is_loopback() && !ip.to_canonical().is_unspecified())
            .collect();
        away.sort_unstable();
        away.dedup();
        let away: Vec<_> = away.iter().map(IpAddr::to_string).collect();
        (!away.is_empty()).then(|| format!("{host} at {}", away.join(" and ")))
    };
    match url.host() {
        _ if !given.is_empty() => at(given),
        // Of a name that means this machine, the system may think otherwise.
        Some(Host::Domain(name)) if is_loopback(url) => at(look_up(name)),
        _ if is_loopback(url) => None,
        _ => Some(host.to_owned()),
    }
}

/// What the system makes of a name; nothing, when it does not know it, and then nothing will be sent either.
fn look_up(name: &str) -> Vec<IpAddr> {
    (name, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
}

/// Where answers are kept: `$XDG_STATE_HOME/scaletop/hosts`, by default below the home directory, or where this system keeps
/// such things.
pub(crate) fn memory() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    let state = folders.state_dir().unwrap_or_else(|| folders.cache_dir());
    Some(state.join("scaletop").join("hosts"))
}

/// Asks a question on the terminal; `None` where there is nobody to ask.
pub(crate) fn asked(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    ask(&mut io::stdin().lock(), &mut io::stderr(), question).map(Some)
}

fn ask(input: &mut impl BufRead, output: &mut impl Write, question: &str) -> io::Result<bool> {
    write!(output, "{question} Type yes to go on: ")?;
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
        ensure(&"https://example.com/".parse().unwrap(), &[], Some(&file)).unwrap();
    }

    #[test]
    fn what_counts_is_where_connections_will_go() {
        let to = |text: &str| resolved(text);
        let ask = |url: &str, resolve: &[(String, SocketAddr)], known: &'static [&'static str]| {
            let look_up = |_: &str| known.iter().map(|ip| ip.parse().unwrap()).collect();
            elsewhere(&url.parse().unwrap(), resolve, &look_up)
        };
        assert_eq!(ask("http://localhost:81/", &[], &["127.0.0.1", "::1"]), None);
        assert_eq!(ask("http://127.0.0.1:81/", &[], &[]), None);
        assert_eq!(ask("http://example.com/", &[], &[]).as_deref(), Some("example.com"));
        let away = [to("8.8.8.8:81")];
        assert_eq!(ask("http://localhost:81/", &away, &["127.0.0.1"]).as_deref(), Some("localhost at 8.8.8.8"));
        assert_eq!(ask("http://localhost:82/", &away, &["127.0.0.1"]), None, "of another port");
        assert_eq!(ask("http://localhost:81/", &[to("8.8.8.8:0")], &[]).as_deref(), Some("localhost at 8.8.8.8"));
        assert_eq!(ask("http://x.localhost/", &[], &["10.0.0.1"]).as_deref(), Some("x.localhost at 10.0.0.1"));
        assert_eq!(ask("http://localhost:81/", &[to("127.0.0.9:81")], &[]), None);
        for here in ["0.0.0.0:81", "[::]:81", "[::ffff:127.0.0.1]:81", "[::ffff:0.0.0.0]:81"] {
            assert_eq!(ask("http://localhost:81/", &[to(here)], &[]), None, "{here} is this machine");
        }
    }

    fn resolved(at: &str) -> (String, SocketAddr) {
        ("localhost".to_owned(), at.parse().unwrap())
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for (typed, expected) in [("yes\n", true), ("Y\n", true), ("\n", false), ("no\n", false), ("", false)] {
            assert_eq!(ask(&mut typed.as_bytes(), &mut io::sink(), "example.com").unwrap(), expected, "{typed:?}");
        }
    }
}
