//! Making one connection: name, TCP, TLS, and over HTTP/2 the service's settings; each measured, each with its own failures.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::http::cause::Failed;
use crate::http::h2;
use crate::http::stream::Stream;
use crate::http::template::RequestTemplate;
use crate::sample::{FailureKind, Phase};
use scaletop_units::{Elapsed, RunClock, exact};

/// An address that has not answered for so long gets company (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// A connection that is ready for requests.
pub(super) struct Connected {
    pub wire: Wire,
    pub remote: SocketAddr,
    pub timing: ConnectTimes,
}

/// What it speaks.
pub(super) enum Wire {
    /// HTTP/1.1.
    Http1(Stream),
    /// HTTP/2, its settings known.
    Http2(Box<h2::Handshaken>),
}

/// What making it took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ConnectTimes {
    pub dns: Duration,
    pub tcp: Duration,
    /// The part of it that was the handshake with the address that took the connection.
    pub round_trip: Duration,
    /// `None` over plain HTTP.
    pub tls: Option<Duration>,
}

/// Makes a connection, within the time that a request may take.
pub(super) async fn connect(template: &RequestTemplate, clock: &RunClock) -> Result<Connected, Failed> {
    let phase = Cell::new(Phase::Dns);
    match tokio::time::timeout(template.timeout, attempt(template, clock, &phase)).await {
        Ok(result) => result,
        Err(_) => Err(Failed::new(
            FailureKind::Timeout,
            phase.get(),
            format!("no connection within {}", exact(template.timeout)),
        )),
    }
}

async fn attempt(template: &RequestTemplate, clock: &RunClock, phase: &Cell<Phase>) -> Result<Connected, Failed> {
    let mut lap = Lap { clock, since: clock.now() };
    let addresses = addresses(template).await?;
    let mut timing = ConnectTimes { dns: lap.next(), ..ConnectTimes::default() };

    phase.set(Phase::Tcp);
    let (tcp, remote, round_trip) = open(&addresses, clock).await?;
    // Requests are written whole: waiting for more would only delay them.
    let _ = tcp.set_nodelay(true);
    (timing.tcp, timing.round_trip) = (lap.next(), round_trip);

    let mut is_http2 = template.http2;
    let stream = match &template.tls {
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
        Wire::Http2(Box::new(h2::Handshaken::begin(stream).await?))
    } else {
        Wire::Http1(stream)
    };
    Ok(Connected { wire, remote, timing })
}

/// Where to connect, in the order in which to try.
async fn addresses(template: &RequestTemplate) -> Result<Vec<SocketAddr>, Failed> {
    if !template.given.is_empty() {
        return Ok(template.given.clone());
    }
    if let Ok(address) = template.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, template.port)]);
    }
    let found = template.names.lookup(&template.host).await.map_err(|error| Failed::dns(&error))?;
    Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), template.port)).collect())
}

/// The first address that takes the connection, tried side by side: the next one as soon as one fails, or when none has
/// answered for [`STAGGER`]. When none takes it, the last one says why.
async fn open(addresses: &[SocketAddr], clock: &RunClock) -> Result<(TcpStream, SocketAddr, Duration), Failed> {
    let mut failed = Failed::new(FailureKind::Dns, Phase::Dns, "the name has no address");
    let mut left = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    loop {
        let next = left.next();
        attempts.extend(next.map(|&address| async move {
            let began = clock.now();
            let stream = TcpStream::connect(address).await?;
            Ok((stream, address, clock.now().saturating_since(began)))
        }));
        let ended = if left.len() > 0 {
            // Nothing has come of those under way: the next one is begun beside them.
            let Ok(ended) = tokio::time::timeout(STAGGER, attempts.next()).await else { continue };
            ended
        } else {
            attempts.next().await
        };
        match ended {
            Some(Ok(open)) => return Ok(open),
            Some(Err(error)) => failed = Failed::tcp(&error),
            None => return Err(failed),
        }
    }
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

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn any_port() -> SocketAddr {
        ([127, 0, 0, 1], 0).into()
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_does_not_take_the_others_with_it() {
        // Nobody accepts, and its queue is full: handshakes are left unanswered.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(any_port()).unwrap();
        let silent = socket.listen(1).unwrap();
        let dead = silent.local_addr().unwrap();
        let full: Vec<_> = (0..16).map(|_| tokio::spawn(TcpStream::connect(dead))).collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let lively = TcpListener::bind(any_port()).await.unwrap();
        let alive = lively.local_addr().unwrap();
        let clock = RunClock::start();
        let addresses = [dead, dead, alive];
        let opened = tokio::time::timeout(Duration::from_secs(10), open(&addresses, &clock)).await;
        assert_eq!(opened.expect("in time").unwrap().1, alive);
        for task in full {
            task.abort();
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_left_at_once_and_the_last_one_says_why() {
        let lively = TcpListener::bind(any_port()).await.unwrap();
        let alive = lively.local_addr().unwrap();
        let refuses = std::net::TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
        let clock = RunClock::start();
        assert_eq!(open(&[refuses, alive], &clock).await.unwrap().1, alive);
        let failed = open(&[refuses, refuses], &clock).await.unwrap_err();
        assert_eq!((failed.kind, failed.cause.text.as_ref()), (FailureKind::Connect, "connection refused"));
    }
}
