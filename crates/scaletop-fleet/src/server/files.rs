//! What stands in a server's folder.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{ServerError, ServerOptions, certificate, config};
use crate::RunId;
use crate::ticket::{JoinTicket, Keys, Role, Source, Ticket, Tickets};

/// The folder within it that is nats-server's.
const OWN: &str = "nats";

/// What was prepared.
pub(super) struct Files {
    pub(super) tickets: Tickets,
    pub(super) config: PathBuf,
    pub(super) log: PathBuf,
}

impl Files {
    /// Keys, certificate, configuration and tickets, as they are there or new.
    pub(super) fn prepare(options: &ServerOptions, address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ServerError::Folder { path, source }
        };
        fs::create_dir_all(&options.dir).map_err(failed(&options.dir))?;
        // nats-server has a working directory of its own.
        let dir = fs::canonicalize(&options.dir).map_err(failed(&options.dir))?;
        let own = dir.join(OWN);
        fs::create_dir_all(&own).map_err(failed(&own))?;
        only_ours(&own).map_err(failed(&own))?;

        let (run, keys) = match Kept::read(&dir)? {
            Some(kept) => (kept.run, kept.keys),
            None => (RunId::from_number(fastrand::u64(..)), Keys::generate()),
        };
        let hosts = hosts(&options.hosts);
        let authority = certified(&own, &hosts)?;
        let servers: Vec<_> = hosts.iter().map(|host| url(host, address.port())).collect();
        let users = [
            (Role::Controller, keys.controller.public()),
            (Role::Generator, keys.generator.public()),
            (Role::Observer, keys.observer.public()),
        ]
        .map(|(role, key)| (role, key.as_str().to_owned()));
        let tickets = Tickets::for_own(&run, &servers, &authority, keys).allowing(&options.allow);
        let setup = config::Setup { address, folder: &own, users, tickets: &tickets };
        let config = own.join("nats.conf");
        secret(&config, &config::text(&setup)).map_err(failed(&config))?;
        tickets.write(&dir)?;
        Ok(Self { tickets, config, log: own.join("nats-server.log") })
    }
}

impl Tickets {
    /// Writes each into its file in this folder.
    pub fn write(&self, dir: &Path) -> Result<(), crate::ticket::TicketError> {
        self.controller.write(&dir.join(Role::Controller.file_name()))?;
        self.generator.write(&dir.join(Role::Generator.file_name()))?;
        let observer = self.observer.as_ref().map(|ticket| ticket.write(&dir.join(Role::Observer.file_name())));
        observer.unwrap_or(Ok(()))
    }
}

/// The keys of an earlier start in the same folder: tickets that were handed out stay good.
struct Kept {
    run: RunId,
    keys: Keys,
}

impl Kept {
    fn read(dir: &Path) -> Result<Option<Self>, ServerError> {
        let file = |role: Role| dir.join(role.file_name());
        if !file(Role::Controller).exists() {
            return Ok(None);
        }
        let source = |role| Source::File(file(role));
        let controller = Ticket::read(&source(Role::Controller), false)?;
        // Tickets of a server of others carry no keys of ours, and there need be none for those who look on.
        if !matches!(controller.access.login, crate::ticket::Login::Key(_)) {
            return Ok(None);
        }
        let generator = JoinTicket::read(&source(Role::Generator))?;
        let observer = Ticket::read(&source(Role::Observer), true)?;
        let run = controller.run().clone();
        let keys = [controller.access, generator.access, observer.access].map(crate::ticket::Access::key);
        let [Some(controller), Some(generator), Some(observer)] = keys else { return Ok(None) };
        Ok(Some(Self { run, keys: Keys { controller, generator, observer } }))
    }
}

/// The names in tickets and certificate: those that were given, and on this machine itself the loopback.
fn hosts(given: &[String]) -> Vec<String> {
    let mut hosts = Vec::new();
    for host in given.iter().map(String::as_str).chain(["127.0.0.1"]) {
        if !hosts.iter().any(|one| one == host) {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

fn url(host: &str, port: u16) -> String {
    // A bare IPv6 address stands in brackets.
    if host.contains(':') { format!("tls://[{host}]:{port}") } else { format!("tls://{host}:{port}") }
}

/// The authority's certificate, with one of the server's for exactly these names beside it: the one that is there, or a new one.
fn certified(own: &Path, hosts: &[String]) -> Result<String, ServerError> {
    let file = |name: &str| own.join(name);
    let names = hosts.join("\n");
    let kept = || -> io::Result<String> {
        let is_same = fs::read_to_string(file("names"))? == names;
        let is_there = file("server.pem").exists() && file("server.key").exists();
        if is_same && is_there {
            fs::read_to_string(file("authority.pem"))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    };
    if let Ok(authority) = kept() {
        return Ok(authority);
    }
    let made = certificate::make(hosts)
        .map_err(|error| ServerError::Certificate { hosts: hosts.join(", "), why: error.to_string() })?;
    let written = [
        ("server.key", &made.key),
        ("server.pem", &made.server),
        ("authority.pem", &made.authority),
        // The last: without it all is made again.
        ("names", &names),
    ];
    for (name, text) in written {
        secret(&file(name), text).map_err(|source| ServerError::Folder { path: file(name), source })?;
    }
    Ok(made.authority)
}

/// Writes a file for its owner alone.
fn secret(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn only_ours(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

impl crate::ticket::Access {
    fn key(self) -> Option<Arc<crate::signing::UserKey>> {
        match self.login {
            crate::ticket::Login::Key(key) => Some(key),
            _ => None,
        }
    }
}
