//! Making one connection: name, TCP, TLS, and over HTTP/2 the service's settings; each measured, each with its own failures.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::http::cause::Failed;
use crate::http::h2;
use crate::http::recipe::Recipe;
use crate::http::stream::Stream;
use crate::sample::{FailureKind, Phase};
use scaletop_units::{Elapsed, RunClock};

/// A connection that is ready for requests.
pub(super) struct Connected {
    pub wire: Wire,
    pub remote: SocketAddr,
    pub timing: Timing,
}

/// What it speaks.
pub(super) enum Wire {
    /// HTTP/1.1.
    Http1(Stream),
    /// HTTP/2, its settings known.
    Http2(Box<h2::Session>),
}

/// What making it took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timing {
    pub dns: Duration,
    pub tcp: Duration,
    /// The part of it that was the handshake with the address that took the connection.
    pub round_trip: Duration,
    /// `None` over plain HTTP.
    pub tls: Option<Duration>,
}

/// Makes a connection, within the time that a request may take.
pub(super) async fn connect(recipe: &Recipe, clock: &RunClock) -> Result<Connected, Failed> {
    let phase = Cell::new(Phase::Dns);
    match tokio::time::timeout(recipe.timeout, attempt(recipe, clock, &phase)).await {
        Ok(result) => result,
        Err(_) => {
            Err(Failed::new(FailureKind::Timeout, phase.get(), format!("no connection within {:?}", recipe.timeout)))
        }
    }
}

async fn attempt(recipe: &Recipe, clock: &RunClock, phase: &Cell<Phase>) -> Result<Connected, Failed> {
    let mut lap = Lap { clock, since: clock.now() };
    let addresses = addresses(recipe).await?;
    let mut timing = Timing { dns: lap.next(), ..Timing::default() };

    phase.set(Phase::Tcp);
    let (tcp, remote, round_trip) = open(&addresses, clock).await?;
    // Requests are written whole: waiting for more would only delay them.
    let _ = tcp.set_nodelay(true);
    (timing.tcp, timing.round_trip) = (lap.next(), round_trip);

    let mut is_http2 = recipe.http2;
    let stream = match &recipe.tls {
        None => Stream::Plain(tcp),
        Some((connector, name)) => {
            phase.set(Phase::Tls);
            let tls = connector.connect(name.clone(), tcp).await.map_err(|error| Failed::tls(&error))?;
            is_http2 &= tls.get_ref().1.alpn_protocol() == Some(b"h2");
            timing.tls = Some(lap.next());
            Stream::Tls(Box::new(tls))
        }
    };
    let wire = if is_http2 {
        phase.set(Phase::Sending);
        Wire::Http2(Box::new(h2::Session::begin(stream).await?))
    } else {
        Wire::Http1(stream)
    };
    Ok(Connected { wire, remote, timing })
}

/// Where to connect, in the order in which to try.
async fn addresses(recipe: &Recipe) -> Result<Vec<SocketAddr>, Failed> {
    if !recipe.given.is_empty() {
        return Ok(recipe.given.clone());
    }
    if let Ok(address) = recipe.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, recipe.port)]);
    }
    let found = recipe.names.lookup(&recipe.host).await.map_err(|error| Failed::dns(&error))?;
    Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), recipe.port)).collect())
}

/// The first address that takes the connection; when none does, the last one says why.
async fn open(addresses: &[SocketAddr], clock: &RunClock) -> Result<(TcpStream, SocketAddr, Duration), Failed> {
    let mut failed = Failed::new(FailureKind::Dns, Phase::Dns, "the name has no address");
    for &address in addresses {
        let began = clock.now();
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok((stream, address, clock.now().saturating_since(began))),
            Err(error) => failed = Failed::tcp(&error),
        }
    }
    Err(failed)
}

/// Time since the last time it was asked.
struct Lap<'a> {
    clock: &'a RunClock,
    since: Elapsed,
}

impl Lap<'_> {
    fn next(&mut self) -> Duration {
        let now = self.clock.now();
        let lap = now.saturating_since(self.since);
        self.since = now;
        lap
    }
}
