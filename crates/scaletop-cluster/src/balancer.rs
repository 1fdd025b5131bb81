//! The balancer: an HTTP/1.1 reverse proxy. What it answers by itself is always without `x-instance-id`.
//!
//! On App Runner it admits what the instances have room for. There is no queue: App Runner documents none, and its users see
//! 429 at once while instances start. **429** every active instance is full; **503** no instance is active, or the fault of
//! that name; **502** the instance failed; **504** no answer within the platform's 120 s.
//!
//! On ECS it is [an Application Load Balancer](alb): requests queue in the tasks, and 429 is never answered.

mod alb;
mod upstream;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{PathAndQuery, Uri};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response, StatusCode, Version};
use tokio::net::{TcpListener, TcpSocket};

use self::upstream::{Connection, UpstreamError, Upstreams};
use super::instance_pool::Member;
use super::ledger::{InstanceKey, Served, TurnedAway};
use super::options::Platform;
use super::serve::Connections;
use super::shared::{Admission, Shared, Slot};
use super::truth::EndCause;

pub(crate) use alb::{HEALTH_PATH, check_target};

/// App Runner's limit on a request, from its arrival to the end of its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);

/// Connections that may wait to be accepted: a spike opens hundreds at the same moment. The system caps this at its own
/// limit.
const BACKLOG: u32 = 4_096;

/// How often a request or a door that a fault has stopped looks whether the fault is over.
const FAULT_LOOK: Duration = Duration::from_millis(20);

/// What an answer consists of.
type Answer = Response<Either<Passed, Full<Bytes>>>;

/// Listens on a loopback port; 0 picks a free one.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    bound(SocketAddr::from(([127, 0, 0, 1], port)))?.listen(BACKLOG)
}

/// A socket that has the address and does not listen yet: until it does, connections are refused.
fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // On Unix: bind although earlier connections of this port linger. On Windows it would mean to share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// Serves until dropped.
pub(crate) async fn serve(mut listener: TcpListener, addr: SocketAddr, shared: Arc<Shared>) -> Infallible {
    let upstreams = Arc::new(Upstreams::default());
    let mut connections = Connections::default();
    let answer_one = {
        let shared = Arc::clone(&shared);
        move |request| answer(request, Arc::clone(&shared), Arc::clone(&upstreams))
    };
    loop {
        tokio::select! {
            never = connections.serve(&listener, answer_one.clone()) => match never {},
            () = refusal(&shared) => {}
        }
        drop(listener);
        listener = reopened(addr, &shared).await;
    }
}

/// Waits until a fault wants connections to be refused.
async fn refusal(shared: &Shared) {
    while !shared.refuses() {
        shared.faults_changed.notified().await;
    }
}

/// Holds the port without listening while connections are refused, then listens again.
async fn reopened(addr: SocketAddr, shared: &Shared) -> TcpListener {
    let mut holder = bound(addr).ok();
    loop {
        tokio::time::sleep(FAULT_LOOK).await;
        if !shared.refuses()
            && let Ok(socket) = holder.take().map_or_else(|| bound(addr), Ok)
            && let Ok(listener) = socket.listen(BACKLOG)
        {
            return listener;
        }
    }
}

/// Closes the connection without an answer.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed on purpose: the refuse fault")
    }
}

impl std::error::Error for Closed {}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>, upstreams: Arc<Upstreams>) -> Result<Answer, Closed> {
    match shared.judge() {
        Admission::Admit(member, slot) => Ok(match shared.reader.options().platform {
            Platform::AppRunner => pass(request, &member, slot, &shared, &upstreams).await,
            Platform::Ecs => alb::pass(request, member, slot, shared, upstreams).await,
        }),
        Admission::TurnAway(TurnedAway::Full) => {
            Ok(own(StatusCode::TOO_MANY_REQUESTS, "every instance is at its concurrency limit\n"))
        }
        Admission::TurnAway(TurnedAway::Overrun) => {
            Ok(own(StatusCode::BAD_GATEWAY, "the task refused the connection: its backlog is full\n"))
        }
        Admission::TurnAway(TurnedAway::NoInstance) => {
            Ok(own(StatusCode::SERVICE_UNAVAILABLE, "no instance is active\n"))
        }
        Admission::Unavailable => Ok(own(StatusCode::SERVICE_UNAVAILABLE, "unavailable: a fault on request\n")),
        Admission::Close => Err(Closed),
    }
}

/// Lets the instance answer.
async fn pass(
    request: Request<Incoming>,
    member: &Member,
    mut slot: Slot,
    shared: &Shared,
    upstreams: &Arc<Upstreams>,
) -> Answer {
    slot.begins();
    let exchange = exchange(request, member, shared, upstreams);
    let failed = match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
        Ok(Ok((response, connection))) => return passed(response, connection, member.key, slot, upstreams),
        Ok(Err(error)) => failed(member, &error, shared),
        Err(_) => own(StatusCode::GATEWAY_TIMEOUT, format!("instance {} gave no answer in time\n", member.id)),
    };
    slot.becomes(Served::Failed(failed.status().as_u16()));
    failed
}

/// The instance's answer, later if a fault wants it so.
async fn exchange(
    request: Request<Incoming>,
    member: &Member,
    shared: &Shared,
    upstreams: &Upstreams,
) -> Result<(Response<Incoming>, Connection), UpstreamError> {
    disturbance(member, shared).await;
    upstreams.send(member, forwarded(request)).await
}

/// Waits for as long as faults keep the instance from answering.
async fn disturbance(member: &Member, shared: &Shared) {
    while shared.hangs(&member.id) && !member.queue.is_closed() {
        tokio::time::sleep(FAULT_LOOK).await;
    }
    let extra = shared.extra_delay(&member.id);
    if !extra.is_zero() {
        tokio::time::sleep(extra).await;
    }
}

/// The balancer's answer for an instance that failed; one that takes no connections is dead.
fn failed(member: &Member, error: &UpstreamError, shared: &Shared) -> Answer {
    if matches!(error, UpstreamError::Connect(_)) {
        shared.retire(member.key, EndCause::Died);
    }
    own(StatusCode::BAD_GATEWAY, format!("instance {}: {error}\n", member.id))
}

/// The balancer's own answer.
fn own(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Right(Full::new(text.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// The instance's answer.
fn passed(
    response: Response<Incoming>,
    connection: Connection,
    key: InstanceKey,
    slot: Slot,
    upstreams: &Arc<Upstreams>,
) -> Answer {
    let (mut parts, body) = response.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    let status = parts.status.as_u16();
    let upstreams = Arc::clone(upstreams);
    Response::from_parts(
        parts,
        Either::Left(Passed { body, status, key, slot, connection: Some(connection), upstreams, is_through: false }),
    )
}

/// The request as the instance gets it: the path alone, HTTP/1.1, without what concerned the client's connection only.
fn forwarded(request: Request<Incoming>) -> Request<Incoming> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    parts.uri = Uri::from(path);
    parts.version = Version::HTTP_11;
    strip_hop_by_hop(&mut parts.headers);
    Request::from_parts(parts, body)
}

/// Headers that end at a proxy (RFC 9110, 7.6.1), those that `connection` names included.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let always = [
        header::CONNECTION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        // Answered here: the body is asked for when it is passed on.
        header::EXPECT,
    ];
    for name in named.iter().chain(&always) {
        headers.remove(name);
    }
}

/// An instance's body on its way to the client. The place at the instance is held until it is through.
struct Passed {
    body: Incoming,
    status: u16,
    key: InstanceKey,
    slot: Slot,
    connection: Option<Connection>,
    upstreams: Arc<Upstreams>,
    /// The end has been seen; a chunked body does not tell afterwards.
    is_through: bool,
}

impl Body for Passed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        match frame {
            None => self.is_through = true,
            Some(Err(_)) => {
                // The instance broke off: the client's answer breaks off too.
                self.slot.becomes(Served::Failed(502));
                self.connection = None;
            }
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        // Unread rest means that the client went away: its connection to the instance is of no more use.
        if (self.is_through || self.body.is_end_stream())
            && let Some(connection) = self.connection.take()
        {
            self.slot.becomes(Served::Answered(self.status));
            self.upstreams.keep(self.key, connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_one_connection_only_stays_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("host", "demo"),
            ("content-length", "3"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host"]);
    }
}
