//! NATS as the carrier: the only place that names its client. Core NATS carries what must be fresh (questions and answers, the
//! schedule), a `JetStream` stream what must not be lost (seconds), a key-value bucket what must be single (the controller).
//!
//! The client runs on a thread of its own, so that neither a screen nor a busy engine keeps a beat waiting.

mod controller;
mod generator;
mod lock;
mod look;
mod record;
mod subjects;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError, connection::State};
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::{mpsc, oneshot};

use crate::ticket::{Access, Login, Role};

pub use controller::{Controller, ControllerOptions, Ended, Seconds, connect_controller};
pub use generator::{Backlog, connect_generator};
pub use lock::{Holder, host_name};
pub use look::{Look, RunSeen, ServerSeen, StoreSeen};
pub use record::{Record, RecordKeeper};

/// The client says so often that it is there: two that are not answered end a connection that broke silently.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// One address that does not answer by then is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause before the next attempt to be connected again: well inside a lease.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody answers there.
    #[error(
        "cannot reach the fleet's server at {servers} ({why}): check that scaletop fleet serve runs there, and that nothing between keeps \
         the port closed"
    )]
    Unreachable {
        /// Where.
        servers: String,
        /// What the system said.
        why: String,
    },
    /// Somebody else answers there.
    #[error(
        "the server at {servers} is not the one of the ticket ({why}): use the ticket that this server's scaletop fleet serve wrote; nothing \
         was sent to it"
    )]
    Certificate {
        /// Where.
        servers: String,
        /// What the certificate's check said.
        why: String,
    },
    /// The server does not know the key.
    #[error(
        "the server at {servers} does not know this ticket's key: use the ticket that this server's scaletop fleet serve wrote (a server with \
         another folder has other keys)"
    )]
    Refused {
        /// Where.
        servers: String,
    },
    /// The server keeps nothing.
    #[error(
        "the server at {servers} cannot keep seconds ({why}): it needs JetStream (nats-server -js) with a file store, and the ticket's user \
         the right to publish to $JS.API.> and $KV.>"
    )]
    NoStore {
        /// Where.
        servers: String,
        /// What it said.
        why: String,
    },
    /// Somebody else steers this fleet.
    #[error(
        "this fleet has a controller already: {holder}; stop that one, or wait: if it is gone, its hold ends within {} s",
        lock::TTL.as_secs()
    )]
    Held {
        /// Who.
        holder: Box<Holder>,
    },
    /// This machine is out of something.
    #[error("cannot start the thread that talks to the fleet's server: {0}")]
    Thread(std::io::Error),
}

impl LinkError {
    /// Whether trying again later may help: the server may come up, a holder may go.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Held { .. } | Self::NoStore { .. })
    }
}

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Happened {
    Connected(bool),
    /// The server let something not pass.
    Denied(String),
}

/// A connection, and what happens to it.
struct Connection {
    client: Client,
    happens: mpsc::UnboundedReceiver<Happened>,
    servers: String,
}

impl Connection {
    async fn open(access: &Access, name: &str) -> Result<Self, LinkError> {
        let servers = Servers(&access.servers).to_string();
        let failed = |error: &async_nats::ConnectError| explain(&servers, error);
        let addresses: Result<Vec<ServerAddr>, _> = access.servers.iter().map(|server| server.parse()).collect();
        let unreachable = |why: String| LinkError::Unreachable { servers: servers.clone(), why };
        let addresses = addresses.map_err(|error: std::io::Error| unreachable(error.to_string()))?;
        let (told, happens) = mpsc::unbounded_channel();
        let options = options(access, name, told).map_err(unreachable)?;
        let client = options.connect(addresses).await.map_err(|error| failed(&error))?;
        Ok(Self { client, happens, servers })
    }
}

/// Servers as a message names them: without a login that may stand in their addresses.
struct Servers<'a>(&'a [String]);

impl fmt::Display for Servers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.0.iter().map(|server| server.rsplit(['@', '/']).next().unwrap_or(server));
        f.write_str(&places.collect::<Vec<_>>().join(", "))
    }
}

fn options(access: &Access, name: &str, told: mpsc::UnboundedSender<Happened>) -> Result<ConnectOptions, String> {
    let mut options = match &access.login {
        Login::Key(key) => ConnectOptions::with_nkey(key.seed()?),
        Login::Credentials(words) => ConnectOptions::with_credentials(words).map_err(|error| error.to_string())?,
        Login::Nobody => ConnectOptions::new(),
    };
    if let Some(ca) = &access.ca {
        options = options.tls_client_config(tls(ca)?).require_tls(true);
    }
    // The client says that it is connected the first time, too, which changes nothing: nobody had a link before.
    let was_connected = AtomicBool::new(true);
    let is_news =
        move |now: bool| (was_connected.swap(now, Ordering::Relaxed) != now).then_some(Happened::Connected(now));
    Ok(options
        .name(name)
        .custom_inbox_prefix(access.role.inbox())
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .max_reconnects(None)
        .reconnect_delay_callback(reconnect_pause)
        // A server's own addresses may lie behind something that only the ticket's get through.
        .ignore_discovered_servers()
        .event_callback(move |event| {
            let happened = match event {
                Event::Connected => is_news(true),
                Event::Disconnected | Event::Closed => is_news(false),
                Event::ServerError(ServerError::Other(words)) => Some(Happened::Denied(words)),
                _ => None,
            };
            // Nobody listens any more when the link is gone.
            let _ = happened.map(|happened| told.send(happened));
            std::future::ready(())
        }))
}

/// 50, 100, 200, 400 and then 500 ms, a quarter more or less: not all generators at the same instant.
fn reconnect_pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).min(4)).unwrap_or(4);
    let pause = (Duration::from_millis(50) * 2_u32.pow(doublings)).min(RECONNECT_PAUSE);
    pause.mul_f64(0.75 + fastrand::f64() / 2.0)
}

/// Believes certificates of this authority, and of no other.
fn tls(ca: &str) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(trusted(ca)?).with_no_client_auth())
}

/// The authorities in a PEM text; at least one.
fn trusted(pem: &str) -> Result<rustls::RootCertStore, String> {
    let mut store = rustls::RootCertStore::empty();
    for found in rustls::pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = found.map_err(|error| format!("it is no certificate in PEM ({error})"))?;
        store.add(certificate).map_err(|error| format!("it is no certificate of an authority ({error})"))?;
    }
    if store.is_empty() { Err("it has no certificate in PEM".to_owned()) } else { Ok(store) }
}

/// Whether it is the certificate of an authority.
pub(crate) fn check_authority(pem: &str) -> Result<(), String> {
    trusted(pem).map(|_| ())
}

/// Whether a server can be reached there at all; the address is not quoted, since a password may stand in it.
pub(crate) fn check_server(server: &str) -> Result<(), String> {
    let scheme = server.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("tls" | "nats")) {
        return Err("an address begins with tls:// or nats://".to_owned());
    }
    let is_address = server.parse::<ServerAddr>().is_ok();
    is_address.then_some(()).ok_or_else(|| "an address is none".to_owned())
}

/// Whether it is what a credentials file says.
pub(crate) fn check_credentials(words: &str) -> Result<(), String> {
    let is_fine = ConnectOptions::with_credentials(words).is_ok();
    is_fine.then_some(()).ok_or_else(|| "it is not what a credentials file says (a user's JWT and seed)".to_owned())
}

/// What a failed connection means to whoever has to mend it.
fn explain(servers: &str, error: &async_nats::ConnectError) -> LinkError {
    let servers = servers.to_owned();
    let whole = chain(error);
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => LinkError::Refused { servers },
        ConnectErrorKind::Tls => LinkError::Certificate { servers, why: whole },
        // rustls' refusal comes as an I/O error of the handshake.
        _ if whole.contains("certificate") => LinkError::Certificate { servers, why: whole },
        _ => LinkError::Unreachable { servers, why: whole },
    }
}

/// An error with its causes, each said once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = next.source();
    }
    words
}

/// Runs what talks to the server on a thread of its own. `begin` is given the place for its first word: the link, or why not; it
/// goes on for as long as the link is held.
async fn on_own_thread<T, B, F>(name: &str, begin: B) -> Result<T, LinkError>
where
    T: Send + 'static,
    B: FnOnce(oneshot::Sender<Result<T, LinkError>>) -> F + Send + 'static,
    F: Future<Output = ()>,
{
    let (told, first_word) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LinkError::Thread)?;
    thread.spawn(move || runtime.block_on(begin(told))).map_err(LinkError::Thread)?;
    let ended = || LinkError::Thread(std::io::Error::other("it ended before it began"));
    first_word.await.unwrap_or_else(|_| Err(ended()))
}

/// Whether what is sent now goes out now: the client would keep it for later, when it is worth nothing any more.
fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// How a role is called where connections are listed.
fn connection_name(role: Role, who: &str) -> String {
    format!("scaletop {role} {who}")
}
