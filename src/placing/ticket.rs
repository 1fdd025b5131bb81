//! The ticket that generators join with, as far as those who place them need to understand it: which run it is for, and where its
//! servers are. It is handed on as it is.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::files;

/// The variable that a ticket may stand in: its text, or the path of its file.
pub(crate) const VARIABLE: &str = "SCALETOP_FLEET_TICKET";

/// Longer texts are none.
const MOST: u64 = 256 * 1024;

/// A ticket of a generator. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct JoinTicket {
    /// Its text, on one line.
    line: String,
    /// The run that it is for: 16 hexadecimal digits.
    run: String,
    /// Where its servers are.
    servers: Vec<String>,
    /// The hosts that generators may load with it.
    allow: Vec<String>,
}

/// Why a ticket is of no use here.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    #[error(
        "no ticket: give the file join.ticket that scaletop fleet serve wrote, - for standard input, or {VARIABLE}"
    )]
    Missing,
    #[error(
        "a ticket is a secret, and every process of this machine can read arguments: give its file, - for standard input, or \
         {VARIABLE} instead"
    )]
    Typed,
    #[error("cannot read the ticket {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{from} is no ticket of a fleet ({why}); scaletop fleet serve writes join.ticket")]
    Foreign { from: String, why: String },
    #[error("{from} is a ticket for {role}s, and generators need one of their own: give join.ticket")]
    WrongRole { from: String, role: String },
}

/// What is read of it; the rest is the generators' own.
#[derive(Deserialize)]
struct Parts {
    #[serde(rename = "scaletop-fleet-ticket")]
    _format: u64,
    role: String,
    run: String,
    servers: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
}

impl JoinTicket {
    /// Reads the ticket that was given, or else the one that the variable says (its text, or a path).
    pub(crate) fn find(given: Option<&Path>, variable: Option<&str>) -> Result<Self, TicketError> {
        let is_text = |text: &str| text.trim_start().starts_with('{');
        let variable = variable.map(str::trim).filter(|text| !text.is_empty());
        let path = match (given, variable) {
            (Some(path), _) if is_text(&path.to_string_lossy()) => return Err(TicketError::Typed),
            (Some(path), _) => path.to_owned(),
            (None, Some(text)) if is_text(text) => return Self::parse(text, &format!("what {VARIABLE} says")),
            (None, Some(path)) => path.into(),
            (None, None) => return Err(TicketError::Missing),
        };
        let read = if path.is_dir() {
            let file = path.join("join.ticket");
            Err(std::io::Error::other(format!("it is a folder; give the file in it, {}", file.display())))
        } else {
            files::read_text(&path, MOST)
        };
        let text = read.map_err(|source| TicketError::Read { path: path.clone(), source })?;
        let from =
            if files::is_standard_input(&path) { "standard input".to_owned() } else { path.display().to_string() };
        Self::parse(&text, &from)
    }

    fn parse(text: &str, from: &str) -> Result<Self, TicketError> {
        let foreign = |why: &str| TicketError::Foreign { from: from.to_owned(), why: why.to_owned() };
        // What serde says may quote the text, which is a secret.
        let value: serde_json::Value =
            serde_json::from_str(text.trim()).map_err(|_secret| foreign("it is not JSON"))?;
        let line = value.to_string();
        let parts =
            Parts::deserialize(value).map_err(|_secret| foreign("it lacks its format, role, run or servers"))?;
        if parts.role != "generator" {
            let role = parts.role.chars().filter(char::is_ascii_alphabetic).take(20).collect();
            return Err(TicketError::WrongRole { from: from.to_owned(), role });
        }
        if !is_run(&parts.run) {
            return Err(foreign("its run is not 16 of 0-9 and a-f"));
        }
        if parts.servers.is_empty() {
            return Err(foreign("it names no server"));
        }
        Ok(Self { line, run: parts.run, servers: parts.servers, allow: parts.allow })
    }

    /// Its text, on one line.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The run that it is for: 16 hexadecimal digits.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// The hosts that generators may load with it, unless they are told others; none is named without them.
    pub(crate) fn allow(&self) -> &[String] {
        &self.allow
    }

    /// The names of the machines that its servers are on.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.servers
            .iter()
            .map(|server| {
                let place = server.split_once("://").map_or(server.as_str(), |(_, place)| place);
                let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
                let host = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                    Some((address, _)) => address,
                    None => place.split([':', '/']).next().unwrap_or_default(),
                };
                host.to_owned()
            })
            .collect()
    }
}

/// Whether a text names a run.
pub(crate) fn is_run(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl fmt::Debug for JoinTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinTicket").field("run", &self.run).field("servers", &self.hosts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ticket's text, with a secret that nothing may show.
    pub(crate) const TEXT: &str = r#"{"scaletop-fleet-ticket":1,"role":"generator","run":"0123456789abcdef",
        "servers":["tls://user:pw@nats.example:4222","tls://[fe80::1]:4222"],"key":"SUASECRET"}"#;

    pub(crate) fn ticket() -> JoinTicket {
        JoinTicket::parse(TEXT, "join.ticket").unwrap()
    }

    #[test]
    fn a_ticket_is_read_from_a_file_or_from_the_variable_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("join.ticket");
        std::fs::write(&file, TEXT).unwrap();
        let read = JoinTicket::find(Some(&file), None).unwrap();
        assert_eq!(read, ticket());
        assert_eq!(JoinTicket::find(None, Some(TEXT)).unwrap(), read);
        assert_eq!(JoinTicket::find(None, Some(&file.to_string_lossy())).unwrap(), read);
        assert_eq!((read.run(), read.hosts().join(" ").as_str()), ("0123456789abcdef", "nats.example fe80::1"));
        let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(same(read.line()), same(TEXT));
        assert!(!read.line().contains('\n') && !format!("{read:?}").contains("SECRET"));
    }

    #[test]
    fn what_is_no_ticket_for_generators_is_refused_without_repeating_it() {
        let said = |given: Option<&str>, variable: Option<&str>| {
            JoinTicket::find(given.map(Path::new), variable).unwrap_err().to_string()
        };
        assert!(said(None, Some(" ")).starts_with("no ticket"));
        assert!(said(Some(TEXT), None).starts_with("a ticket is a secret"));
        for (from, to) in
            [("generator", "controller"), ("0123456789abcdef", "x"), ("\"servers\"", "\"x\""), ("{", "{,")]
        {
            let error = said(None, Some(&TEXT.replace(from, to)));
            assert!(!error.contains("SECRET") && error.contains("join.ticket"), "{error}");
        }
        assert!(said(Some("/nowhere/join.ticket"), None).contains("/nowhere/join.ticket"));
        let folder = tempfile::tempdir().unwrap();
        let error = said(folder.path().to_str(), None);
        assert!(error.contains("it is a folder; give the file in it") && error.ends_with("join.ticket"), "{error}");
        let error = said(None, Some(&TEXT.replace("generator", "observer")));
        assert!(error.contains("a ticket for observers"), "{error}");
    }
}
