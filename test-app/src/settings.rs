//! The program's arguments and environment, read into [`Settings`]. Pure.

use crate::options::{DelayError, Options, is_instance_id, parse_delay};
use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
The small HTTP service that scaletop measures: GET /api/test waits, then answers 200.

Usage: test-app [OPTIONS] [DELAY]

Arguments:
  [DELAY]                how long /api/test waits: 80, 80ms or 2s, at most 60s  [env: DELAY_MS] [default: 80ms]

Options:
      --delay DELAY      the same, as an option
      --port PORT        where to listen; 0 picks a free port  [env: PORT] [default: 8080]
      --bind ADDRESS     which interface to listen on  [default: 0.0.0.0]
      --instance-id ID   what x-instance-id says  [default: 8 random hex digits]
      --until-stdin-closes  also stop when standard input ends, as it does when the parent process dies
  -h, --help             print this
  -V, --version          print the version
";

/// Everything the program can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How to behave.
    pub(crate) options: Options,
    /// Stop when standard input ends, so that an instance never outlives the process that started it.
    pub(crate) until_stdin_closes: bool,
}

/// What the arguments ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Serve with these settings.
    Serve(Settings),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// Arguments or environment that make no sense: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UsageError {
    /// An option that does not exist.
    UnknownOption(String),
    /// An option without its value.
    MissingValue(&'static str),
    /// A delay given more than once on the command line.
    TwoDelays(String),
    /// A delay that cannot be read, and where it stood.
    Delay(&'static str, String, DelayError),
    /// A port that is no number from 0 to 65535, and where it stood.
    Port(&'static str, String),
    /// An address that is not an IP address.
    Bind(String),
    /// An instance id that would not fit a header or a table.
    InstanceId(String),
    /// An argument that is not UTF-8.
    NotText(String),
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption(name) => write!(f, "unknown option {name:?}; --help lists the options"),
            Self::MissingValue(name) => write!(f, "{name} needs a value; write {name} VALUE or {name}=VALUE"),
            Self::TwoDelays(second) => {
                write!(f, "the delay is given twice, the second time as {second:?}; give it once")
            }
            Self::Delay(place, value, error) => write!(f, "{place} {value:?}: {error}"),
            Self::Port(place, value) => write!(f, "{place} {value:?}: not a port; write a number from 0 to 65535"),
            Self::Bind(value) => write!(f, "--bind {value:?}: not an IP address; write for example 127.0.0.1 or ::"),
            Self::InstanceId(value) => {
                write!(f, "--instance-id {value:?}: use 1 to 64 letters, digits, '-', '_', '.' or ':'")
            }
            Self::NotText(value) => write!(f, "argument {value:?} is not UTF-8 text; --help lists the options"),
        }
    }
}

impl std::error::Error for UsageError {}

/// Reads the arguments (without the program's name) and, for what they leave open, the environment.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Request, UsageError> {
    let mut args = args.into_iter();
    let mut delay = None;
    let mut port = None;
    let mut ip = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut options = Options::default();
    let mut until_stdin_closes = false;
    while let Some(arg) = args.next() {
        let arg = text(arg)?;
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut value = |name| match &inline {
            Some(value) => Ok(value.clone()),
            None => args.next().ok_or(UsageError::MissingValue(name)).and_then(text),
        };
        match name {
            "-h" | "--help" if inline.is_none() => return Ok(Request::Help),
            "-V" | "--version" if inline.is_none() => return Ok(Request::Version),
            "--until-stdin-closes" if inline.is_none() => until_stdin_closes = true,
            "--port" => port = Some(("--port", value("--port")?)),
            "--bind" => {
                let value = value("--bind")?;
                ip = value.parse().ok().ok_or(UsageError::Bind(value))?;
            }
            "--instance-id" => {
                let id = value("--instance-id")?;
                if !is_instance_id(&id) {
                    return Err(UsageError::InstanceId(id));
                }
                options.instance_id = Some(id);
            }
            _ => {
                let (place, value) = match name {
                    "--delay" => ("--delay", value("--delay")?),
                    _ if name.starts_with('-') && !is_negative_number(name) => {
                        return Err(UsageError::UnknownOption(arg));
                    }
                    _ => ("argument", arg),
                };
                if delay.is_some() {
                    return Err(UsageError::TwoDelays(value));
                }
                delay = Some((place, value));
            }
        }
    }
    if let Some((place, value)) = given_or(delay, "DELAY_MS", &env)? {
        options.delay = parse_delay(&value).map_err(|error| UsageError::Delay(place, value, error))?;
    }
    let port = match given_or(port, "PORT", &env)? {
        Some((place, value)) => value.parse().ok().ok_or(UsageError::Port(place, value))?,
        None => 8080,
    };
    Ok(Request::Serve(Settings { listen: SocketAddr::new(ip, port), options, until_stdin_closes }))
}

type Given = (&'static str, String);

/// An argument, else the environment. A variable that is set but empty counts as not set.
fn given_or(
    given: Option<Given>,
    variable: &'static str,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Given>, UsageError> {
    match given {
        Some(given) => Ok(Some(given)),
        None => match env(variable).filter(|value| !value.is_empty()) {
            Some(value) => Ok(Some((variable, text(value)?))),
            None => Ok(None),
        },
    }
}

fn is_negative_number(arg: &str) -> bool {
    arg.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

fn text(arg: OsString) -> Result<String, UsageError> {
    arg.into_string().map_err(|arg| UsageError::NotText(arg.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests;
