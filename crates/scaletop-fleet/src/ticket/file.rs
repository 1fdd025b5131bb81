//! Tickets as text: read, checked part by part, and written for their owner alone.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Access, AnyTicket, JoinTicket, Login, Role, Ticket, TicketError, VARIABLE};
use crate::nats;
use crate::signing::{KeyError, PublicKey, UserKey};

/// What a ticket calls its format.
const FORMAT_KEY: &str = "scaletop-fleet-ticket";

/// The format that is written.
const FORMAT: u64 = 1;

/// Longer files are none.
const MAX_BYTES: u64 = 256 * 1024;

/// Where a ticket comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, to its end.
    Stdin,
    /// Standard input, its first line alone: what follows is left to whoever holds the other end.
    StdinLine,
    /// The variable's text.
    Text(String),
}

impl Source {
    /// What was given, or else what the variable says (its text, or a path).
    pub fn find(given: Option<&Path>, variable: Option<&str>) -> Result<Self, TicketError> {
        let is_text = |text: &str| text.trim_start().starts_with('{');
        match (given, variable.map(str::trim).filter(|text| !text.is_empty())) {
            (Some(path), _) if path == Path::new("-") => Ok(Self::Stdin),
            (Some(path), _) if is_text(&path.to_string_lossy()) => Err(TicketError::Typed),
            (Some(path), _) => Ok(Self::File(path.to_owned())),
            (None, Some(text)) if is_text(text) => Ok(Self::Text(text.to_owned())),
            (None, Some(path)) => Ok(Self::File(path.into())),
            (None, None) => Err(TicketError::Missing),
        }
    }

    /// Whether it can be read once only: standard input, and what a pipe brings, such as a shell's `<(…)`.
    pub fn is_used_up(&self) -> bool {
        match self {
            Self::Stdin | Self::StdinLine => true,
            Self::Text(_) => false,
            Self::File(path) => {
                #[cfg(unix)]
                {
                    use std::os::unix::fs::FileTypeExt as _;
                    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
                }
                #[cfg(not(unix))]
                {
                    let _ = path;
                    false
                }
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin | Self::StdinLine => "on standard input".to_owned(),
            Self::Text(_) => format!("in {VARIABLE}"),
        }
    }

    fn text(&self) -> Result<String, TicketError> {
        let read = |path: &Path| {
            if path.is_dir() {
                let tickets =
                    [Role::Controller, Role::Generator].map(|role| path.join(role.file_name()).display().to_string());
                return Err(io::Error::other(format!(
                    "it is a folder; give the file in it, such as {}",
                    tickets.join(" or ")
                )));
            }
            let mut text = String::new();
            std::fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
            Ok(text)
        };
        let failed = |source| TicketError::Read { path: self.name().into(), source };
        match self {
            Self::File(path) => read(path).map_err(failed),
            Self::Stdin => {
                let mut text = String::new();
                io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
                Ok(text)
            }
            Self::StdinLine => {
                let mut text = String::new();
                io::stdin().read_line(&mut text).map_err(failed)?;
                Ok(text)
            }
            Self::Text(text) => Ok(text.clone()),
        }
    }
}

/// Whether others than its owner may read a file: a ticket is a secret. What is no file holds none.
pub fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

impl Ticket {
    /// Reads a controller's ticket, or with `may_look_on` an observer's.
    pub fn read(source: &Source, may_look_on: bool) -> Result<Self, TicketError> {
        Self::of(Parts::read(source)?, may_look_on)
    }

    fn of(parts: Parts, may_look_on: bool) -> Result<Self, TicketError> {
        let role = parts.role()?;
        let fits = role == Role::Controller || (may_look_on && role == Role::Observer);
        if !fits {
            return Err(TicketError::WrongRole { from: parts.from, is: role, needed: Role::Controller });
        }
        let access = parts.access(role)?;
        let signing = match (role, &access.login) {
            (Role::Observer, _) => None,
            (_, Login::Key(key)) => Some(Arc::clone(key)),
            _ => Some(Arc::new(parts.key("signing")?)),
        };
        Ok(Self { access, signing })
    }

    /// Its text, on one line.
    pub fn to_text(&self) -> Result<String, KeyError> {
        let mut parts = parts_of(&self.access)?;
        if let (Some(signing), false) = (&self.signing, matches!(self.access.login, Login::Key(_))) {
            parts.insert("signing".to_owned(), signing.seed()?.into());
        }
        Ok(Value::Object(parts).to_string())
    }

    /// Writes it for its owner alone, in place of what was there.
    pub fn write(&self, path: &Path) -> Result<(), TicketError> {
        write(path, self.to_text())
    }
}

impl JoinTicket {
    /// Reads a generator's ticket.
    pub fn read(source: &Source) -> Result<Self, TicketError> {
        Self::of(Parts::read(source)?)
    }

    fn of(parts: Parts) -> Result<Self, TicketError> {
        let role = parts.role()?;
        if role != Role::Generator {
            return Err(TicketError::WrongRole { from: parts.from, is: role, needed: Role::Generator });
        }
        let access = parts.access(role)?;
        let controller = PublicKey::parse(parts.text("controller")?).map_err(|why| parts.wrong("controller", why))?;
        let hosts = match parts.parts.get("allow") {
            None => Some(Vec::new()),
            Some(listed) => {
                listed.as_array().and_then(|all| all.iter().map(|one| one.as_str().map(str::to_owned)).collect())
            }
        };
        let hosts = hosts.ok_or_else(|| parts.wrong("allow", "it is no list of hosts"))?;
        Ok(Self { access, controller, hosts })
    }

    /// Its text, on one line.
    pub fn to_text(&self) -> Result<String, KeyError> {
        let mut parts = parts_of(&self.access)?;
        parts.insert("controller".to_owned(), self.controller.as_str().into());
        if !self.hosts.is_empty() {
            parts.insert("allow".to_owned(), json!(self.hosts));
        }
        Ok(Value::Object(parts).to_string())
    }

    /// Writes it for its owner alone, in place of what was there.
    pub fn write(&self, path: &Path) -> Result<(), TicketError> {
        write(path, self.to_text())
    }
}

impl AnyTicket {
    /// Reads a ticket, whoever's it is.
    pub fn read(source: &Source) -> Result<Self, TicketError> {
        let parts = Parts::read(source)?;
        match parts.role()? {
            Role::Generator => JoinTicket::of(parts).map(Self::Join),
            Role::Controller | Role::Observer => Ticket::of(parts, true).map(Self::Fleet),
        }
    }
}

fn parts_of(access: &Access) -> Result<Map<String, Value>, KeyError> {
    let mut parts = Map::new();
    parts.insert(FORMAT_KEY.to_owned(), FORMAT.into());
    parts.insert("role".to_owned(), access.role.name().into());
    parts.insert("run".to_owned(), access.run.as_str().into());
    parts.insert("servers".to_owned(), json!(access.servers));
    if let Some(ca) = &access.ca {
        parts.insert("ca".to_owned(), ca.as_ref().into());
    }
    match &access.login {
        Login::Key(key) => parts.insert("seed".to_owned(), key.seed()?.into()),
        Login::Credentials(words) => parts.insert("credentials".to_owned(), words.as_ref().into()),
        Login::Nobody => None,
    };
    Ok(parts)
}

/// A new file, which only its owner can read from its first byte on, in place of the old one.
fn write(path: &Path, text: Result<String, KeyError>) -> Result<(), TicketError> {
    let failed = |source| TicketError::Write { path: path.to_owned(), source };
    let text = text.map_err(|error| failed(io::Error::other(error)))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner alone from the beginning: tempfile makes them 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    writeln!(file, "{text}").map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// What stands in a ticket, and where that comes from.
struct Parts {
    from: String,
    parts: Map<String, Value>,
}

impl Parts {
    fn read(source: &Source) -> Result<Self, TicketError> {
        let from = source.name();
        let foreign = |why: &str| TicketError::Foreign { from: from.clone(), why: why.to_owned() };
        let text = source.text()?;
        if text.trim().is_empty() {
            return Err(foreign("it is empty"));
        }
        // The parser's own words may quote a secret: where it stopped is all that is told.
        let parsed: Value = serde_json::from_str(&text)
            .map_err(|error| foreign(&format!("it is no JSON at line {}, column {}", error.line(), error.column())))?;
        let Value::Object(parts) = parsed else { return Err(foreign("it is no JSON object")) };
        match parts.get(FORMAT_KEY).map(Value::as_u64) {
            Some(Some(FORMAT)) => Ok(Self { from, parts }),
            Some(Some(format)) => Err(TicketError::Newer { from, format }),
            Some(None) => Err(foreign(&format!("{FORMAT_KEY} is no number"))),
            None => Err(foreign(&format!("it has no {FORMAT_KEY}"))),
        }
    }

    fn wrong(&self, part: &'static str, why: impl Into<String>) -> TicketError {
        TicketError::Part { from: self.from.clone(), part, why: why.into() }
    }

    fn optional(&self, part: &'static str) -> Result<Option<&str>, TicketError> {
        match self.parts.get(part) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(part, "it is no text")),
        }
    }

    fn text(&self, part: &'static str) -> Result<&str, TicketError> {
        self.optional(part)?.ok_or_else(|| self.wrong(part, "it is missing"))
    }

    fn key(&self, part: &'static str) -> Result<UserKey, TicketError> {
        UserKey::from_seed(self.text(part)?).map_err(|why| self.wrong(part, why))
    }

    fn role(&self) -> Result<Role, TicketError> {
        let name = self.text("role")?;
        let known = [Role::Controller, Role::Generator, Role::Observer];
        let found = known.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| self.wrong("role", "it is none of controller, generator and observer"))
    }

    fn access(&self, role: Role) -> Result<Access, TicketError> {
        let run = self.text("run")?.parse().map_err(|error: crate::NoRunId| self.wrong("run", error.to_string()))?;
        let listed = self.parts.get("servers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let servers: Option<Vec<String>> = listed.iter().map(|one| one.as_str().map(str::to_owned)).collect();
        let servers = servers.filter(|servers| !servers.is_empty());
        let servers = servers.ok_or_else(|| self.wrong("servers", "it is no list of at least one address"))?;
        for server in &servers {
            nats::check_server(server).map_err(|why| self.wrong("servers", why))?;
        }
        let ca = self.optional("ca")?;
        if let Some(ca) = ca {
            nats::check_authority(ca).map_err(|why| self.wrong("ca", why))?;
        }
        let login = match (self.parts.contains_key("seed"), self.optional("credentials")?) {
            (true, _) => Login::Key(Arc::new(self.key("seed")?)),
            (false, Some(words)) => {
                nats::check_credentials(words).map_err(|why| self.wrong("credentials", why))?;
                Login::Credentials(words.into())
            }
            (false, None) => Login::Nobody,
        };
        Ok(Access { servers, ca: ca.map(Into::into), login, run, role })
    }
}
