//! Tickets: what lets a program into a fleet, and as what. A file of one JSON object, readable by its owner alone.
//!
//! A ticket is a secret: it comes from a file, from standard input or from a variable, never from the arguments, which every
//! process of the machine can read.

mod file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::RunId;
use crate::nats;
use crate::signing::{KeyError, PublicKey, UserKey};

pub use file::{Source, is_open_to_others};

/// The variable that a ticket may stand in: its text, or the path of its file.
pub const VARIABLE: &str = "SCALETOP_FLEET_TICKET";

/// What its bearer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Steer the fleet.
    Controller,
    /// Send what the controller asks for.
    Generator,
    /// Look on.
    Observer,
}

impl Role {
    /// As it stands in a ticket.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Generator => "generator",
            Self::Observer => "observer",
        }
    }

    /// As it is spoken of: `a controller`, `an observer`.
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Controller => "a controller",
            Self::Generator => "a generator",
            Self::Observer => "an observer",
        }
    }

    /// What the file is called that `fleet serve` writes for it.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Controller => "fleet.ticket",
            Self::Generator => "join.ticket",
            Self::Observer => "observer.ticket",
        }
    }

    /// What is held against it on inbox subjects, so that answers to one role are no other's to read.
    pub(crate) const fn inbox(self) -> &'static str {
        match self {
            Self::Controller => "_INBOX.c",
            Self::Generator => "_INBOX.g",
            Self::Observer => "_INBOX.o",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a server is told who comes.
#[derive(Clone)]
pub(crate) enum Login {
    /// The key that `fleet serve` made for the role.
    Key(Arc<UserKey>),
    /// The words of a credentials file (a JWT and a seed), of a server that others run.
    Credentials(Arc<str>),
    /// A server that lets everybody in.
    Nobody,
}

/// Where the servers are, and how to be let in.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) servers: Vec<String>,
    /// The only authority that the server's certificate is believed from, in PEM; `None` for those of this machine.
    pub(crate) ca: Option<Arc<str>>,
    pub(crate) login: Login,
    pub(crate) run: RunId,
    pub(crate) role: Role,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = match &self.login {
            Login::Key(key) => key.public().as_str().to_owned(),
            Login::Credentials(_) => "credentials".to_owned(),
            Login::Nobody => "nobody".to_owned(),
        };
        let servers: Vec<_> = self.servers.iter().map(|server| without_login(server)).collect();
        f.debug_struct("Access")
            .field("servers", &servers)
            .field("ca", &self.ca.is_some())
            .field("login", &login)
            .field("run", &self.run)
            .field("role", &self.role)
            .finish()
    }
}

/// A server's address without a user and a password that stand in it.
fn without_login(server: &str) -> String {
    match (server.split_once("://"), server.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
        _ => server.to_owned(),
    }
}

/// The ticket of those who steer a fleet, or look on. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub(crate) access: Access,
    /// What run documents are signed with; `None` for those who look on.
    signing: Option<Arc<UserKey>>,
}

/// The ticket of a generator. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct JoinTicket {
    pub(crate) access: Access,
    controller: PublicKey,
    hosts: Vec<String>,
}

/// The ticket of any role.
#[derive(Clone, Debug)]
pub enum AnyTicket {
    /// Of those who steer, or look on.
    Fleet(Ticket),
    /// Of a generator.
    Join(JoinTicket),
}

impl Ticket {
    /// The run that it is for.
    pub const fn run(&self) -> &RunId {
        &self.access.run
    }

    /// What its bearer may do.
    pub const fn role(&self) -> Role {
        self.access.role
    }

    /// Where the servers are, without any login that stands in the address.
    pub fn servers(&self) -> Vec<String> {
        self.access.servers.iter().map(|server| without_login(server)).collect()
    }

    /// Signs a run document; nothing, which no generator believes, with an observer's ticket.
    pub fn signer(&self) -> impl Fn(&[u8]) -> Vec<u8> + Send + Sync + use<> {
        let key = self.signing.clone();
        move |message: &[u8]| key.as_ref().map_or_else(Vec::new, |key| key.sign(message))
    }
}

impl Ticket {
    /// Whether this ticket's key signed a run document: `(document, signature)`; never with an observer's.
    pub fn verifier(&self) -> impl Fn(&[u8], &[u8]) -> bool + Send + Sync + use<> {
        let key = self.signing.as_ref().map(|key| key.public());
        move |message: &[u8], signature: &[u8]| key.as_ref().is_some_and(|key| key.verify(message, signature))
    }
}

impl JoinTicket {
    /// The run that it is for.
    pub const fn run(&self) -> &RunId {
        &self.access.run
    }

    /// Where the servers are, without any login that stands in the address.
    pub fn servers(&self) -> Vec<String> {
        self.access.servers.iter().map(|server| without_login(server)).collect()
    }

    /// The hosts that its bearer may load, unless that one says otherwise.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Whether the controller that the ticket names signed this run document: `(document, signature)`.
    pub fn verifier(&self) -> impl Fn(&[u8], &[u8]) -> bool + Send + Sync + use<> {
        let key = self.controller.clone();
        move |message: &[u8], signature: &[u8]| key.verify(message, signature)
    }
}

/// Why a ticket lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// There is none.
    #[error(
        "no ticket: give its file, - for standard input, or set {VARIABLE}; scaletop fleet serve writes {} and {}",
        Role::Controller.file_name(),
        Role::Generator.file_name()
    )]
    Missing,
    /// The ticket itself was typed.
    #[error(
        "a ticket is a secret, and every process of this machine can read arguments: give its file, - for standard input, or \
         {VARIABLE} instead"
    )]
    Typed,
    /// It cannot be read.
    #[error("cannot read the ticket {}: {source}", path.display())]
    Read {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the ticket {}: {source}", path.display())]
    Write {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{from} is no ticket of a fleet ({why}); scaletop fleet serve writes them")]
    Foreign {
        /// Where it comes from.
        from: String,
        /// What is wrong.
        why: String,
    },
    /// It was written by a newer version.
    #[error(
        "{from} is a ticket of format {format}, and this version knows formats up to 1: use the version that wrote it"
    )]
    Newer {
        /// Where it comes from.
        from: String,
        /// Its number.
        format: u64,
    },
    /// It is another role's.
    #[error("{from} is a ticket for {}, and {} is needed here: give {}", plural(*is), article(*needed), needed.file_name())]
    WrongRole {
        /// Where it comes from.
        from: String,
        /// Whose it is.
        is: Role,
        /// Whose is needed.
        needed: Role,
    },
    /// A part of it makes no sense.
    #[error("the ticket {from}: {part}: {why}; write it anew with scaletop fleet serve")]
    Part {
        /// Where it comes from.
        from: String,
        /// Which part.
        part: &'static str,
        /// What is wrong with it, without quoting a secret.
        why: String,
    },
}

const fn plural(role: Role) -> &'static str {
    match role {
        Role::Controller => "controllers",
        Role::Generator => "generators",
        Role::Observer => "observers",
    }
}

const fn article(role: Role) -> &'static str {
    match role {
        Role::Controller => "a controller's",
        Role::Generator => "a generator's",
        Role::Observer => "an observer's",
    }
}

/// The tickets of one fleet, as `fleet serve` makes them.
#[derive(Clone, Debug)]
pub struct Tickets {
    /// Who steers.
    pub controller: Ticket,
    /// Who sends.
    pub generator: JoinTicket,
    /// Who looks on; `None` on a server of others that nobody gave credentials for them to.
    pub observer: Option<Ticket>,
}

impl Tickets {
    /// The same, with the hosts that generators may load.
    #[must_use]
    pub fn allowing(mut self, hosts: &[String]) -> Self {
        self.generator.hosts = hosts.to_vec();
        self
    }

    /// For a server of our own, which knows three keys and is known by its authority (PEM).
    pub(crate) fn for_own(run: &RunId, servers: &[String], ca: &str, keys: Keys) -> Self {
        let ca: Arc<str> = ca.into();
        let access = |role, key: &Arc<UserKey>| Access {
            servers: servers.to_vec(),
            ca: Some(Arc::clone(&ca)),
            login: Login::Key(Arc::clone(key)),
            run: run.clone(),
            role,
        };
        let Keys { controller, generator, observer } = keys;
        Self {
            generator: JoinTicket {
                access: access(Role::Generator, &generator),
                controller: controller.public(),
                hosts: Vec::new(),
            },
            observer: Some(Ticket { access: access(Role::Observer, &observer), signing: None }),
            controller: Ticket { access: access(Role::Controller, &controller), signing: Some(controller) },
        }
    }

    /// For a server that others run, with the words of a credentials file for each role; a server that lets everybody in needs none.
    /// Generators have the controller's where they have none of their own. Who looks on does not: with them it could say what only
    /// the controller may.
    pub fn for_existing(
        servers: &[String],
        ca: Option<&str>,
        credentials: &Credentials<'_>,
    ) -> Result<Self, TicketError> {
        let &Credentials { controller, generator, observer } = credentials;
        let run = RunId::from_number(fastrand::u64(..));
        let from = || "for a server of others".to_owned();
        let part = |part, why: String| TicketError::Part { from: from(), part, why };
        if servers.is_empty() {
            return Err(part("servers", "none is named".to_owned()));
        }
        for server in servers {
            nats::check_server(server).map_err(|why| part("servers", why))?;
        }
        if let Some(ca) = ca {
            nats::check_authority(ca).map_err(|why| part("ca", why))?;
        }
        let access = |role, credentials: Option<&str>| -> Result<Access, TicketError> {
            let login = match credentials {
                Some(words) => {
                    nats::check_credentials(words).map_err(|why| part("credentials", why))?;
                    Login::Credentials(words.into())
                }
                None => Login::Nobody,
            };
            Ok(Access { servers: servers.to_vec(), ca: ca.map(Into::into), login, run: run.clone(), role })
        };
        let signing = Arc::new(UserKey::generate());
        // Where everybody is let in a ticket for looking on gives nobody a right that they lack.
        let has_observer = observer.is_some() || controller.is_none();
        let looks_on = has_observer.then(|| access(Role::Observer, observer)).transpose()?;
        Ok(Self {
            generator: JoinTicket {
                access: access(Role::Generator, generator.or(controller))?,
                controller: signing.public(),
                hosts: Vec::new(),
            },
            controller: Ticket { access: access(Role::Controller, controller)?, signing: Some(signing) },
            observer: looks_on.map(|access| Ticket { access, signing: None }),
        })
    }
}

/// The words of the credentials files of each role, for a server that others run.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// Of whoever steers.
    pub controller: Option<&'a str>,
    /// Of whoever sends; the controller's without it.
    pub generator: Option<&'a str>,
    /// Of whoever looks on.
    pub observer: Option<&'a str>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They are secrets.
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The keys of the roles.
pub(crate) struct Keys {
    pub(crate) controller: Arc<UserKey>,
    pub(crate) generator: Arc<UserKey>,
    pub(crate) observer: Arc<UserKey>,
}

impl Keys {
    pub(crate) fn generate() -> Self {
        let key = || Arc::new(UserKey::generate());
        Self { controller: key(), generator: key(), observer: key() }
    }
}

impl From<KeyError> for String {
    fn from(error: KeyError) -> Self {
        error.to_string()
    }
}
