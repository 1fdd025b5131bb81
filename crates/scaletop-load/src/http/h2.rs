//! One HTTP/2 connection: its task, and the requests on it side by side, each a stream.
//!
//! The service says how many streams it allows at a time. That is read before the first request, and no request is ever
//! given to a connection beyond it: what finds no stream waits in the line, where it is seen, and another connection is
//! opened for it.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::Request;

use crate::http::cause::leads_to;
use crate::http::cause::{Failed, describe, refused_by_tls};
use crate::http::ending::Ending;
use crate::http::job::Job;
use crate::http::pool::{Next, Pool};
use crate::http::slot::Slot;
use crate::http::stream::Stream;
use crate::sample::{FailureKind, Phase};
use crate::transport::Reply;
use scaletop_units::exact;

/// What the service may send on one stream, and on all of a connection, before we have read it: bodies are read and
/// forgotten as they come, so this bounds what many connections may hold.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// A head longer than this is no answer.
const MAX_HEAD: u32 = 64 * 1024;

/// A connection whose settings are known.
pub(super) struct Handshaken {
    send: SendRequest<Bytes>,
    connection: Connection<Stream, Bytes>,
}

impl Handshaken {
    /// Begins HTTP/2 on the stream and waits for the service's settings.
    pub(super) async fn begin(stream: Stream) -> Result<Self, Failed> {
        let (send, mut connection) = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD)
            .enable_push(false)
            // None before the service has said how many.
            .initial_max_send_streams(0)
            .handshake(stream)
            .await
            .map_err(|error| not_http2(&error))?;
        poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(not_http2(&error))),
            Poll::Ready(Ok(())) => Poll::Ready(Err(closed_at_once())),
            Poll::Pending if send.current_max_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        })
        .await?;
        Ok(Self { send, connection })
    }

    /// Streams that the service allows at a time.
    pub(super) fn limit(&self) -> usize {
        self.send.current_max_send_streams()
    }
}

/// An HTTP/1.1 server answers the preface of HTTP/2 with text, which is no frame.
fn not_http2(error: &h2::Error) -> Failed {
    if let Some(error) = error.get_io() {
        return Failed::new(FailureKind::Connect, Phase::Sending, describe(error));
    }
    match error.reason() {
        Some(Reason::FRAME_SIZE_ERROR | Reason::PROTOCOL_ERROR) => {
            Failed::new(FailureKind::Other, Phase::Sending, "the service does not speak HTTP/2 on this port")
        }
        _ => closed_at_once(),
    }
}

fn closed_at_once() -> Failed {
    Failed::new(FailureKind::Connect, Phase::Sending, "the service closed the connection instead of speaking HTTP/2")
}

/// The task of one connection: from when it is open to when it is closed.
pub(super) async fn serve(pool: Rc<Pool>, slot: Rc<Slot>, session: Handshaken) {
    let Handshaken { mut send, mut connection } = session;
    poll_fn(|cx| {
        slot.listen(cx.waker());
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let limit = if pool.template.keep_alive { send.current_max_send_streams() } else { 1 };
        if slot.limit.replace(limit) < limit {
            offer(&pool, &slot);
        }
        if matches!(send.poll_ready(cx), Poll::Ready(Err(_))) {
            // It drains: what is under way ends on it, what is not goes elsewhere.
            slot.is_closing.set(true);
            while let Some(job) = slot.take() {
                slot.vacate_unused();
                pool.give_back(job);
            }
        }
        while let Some(job) = slot.take() {
            if !pool.template.keep_alive {
                slot.is_closing.set(true);
            }
            tokio::task::spawn_local(send_job(Rc::clone(&pool), Rc::clone(&slot), send.clone(), job));
        }
        if slot.is_closing.get() && slot.busy.get() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    pool.closed(&slot);
}

/// Lets the pool fill what room there is.
fn offer(pool: &Rc<Pool>, slot: &Rc<Slot>) {
    while let Next::Send(job) = pool.free(slot) {
        slot.vacate_unused();
        slot.give(job);
    }
}

/// Why a stream ended without a full answer.
enum Ended {
    /// The service refused it unprocessed, or said that it went away before it turned to it.
    Unprocessed,
    /// The connection was closed, and nothing said about it; what the request is charged with if it is not sent once more.
    Closed {
        /// Nothing of the request could be written.
        is_unsent: bool,
        failed: Failed,
    },
    Failed(Failed),
}

impl Ended {
    fn failed(self) -> Failed {
        match self {
            Self::Failed(failed) | Self::Closed { failed, .. } => failed,
            Self::Unprocessed => {
                let text = "the service refused the stream twice without processing it";
                Failed::new(FailureKind::Reset, Phase::Answer, text)
            }
        }
    }
}

/// Carries one request on a stream of its own.
async fn send_job(pool: Rc<Pool>, slot: Rc<Slot>, send: SendRequest<Bytes>, mut job: Job) {
    job.begin();
    let began = pool.now();
    let idled = slot.idled_before(began);
    let mut reply = Reply::status(0);
    let timeout = pool.template.timeout;
    let outgoing = pool.outgoing(&job);
    let is_idempotent = outgoing.is_idempotent();
    let exchanged = tokio::time::timeout(timeout, exchange(&pool, send, outgoing.head(), &mut reply)).await;
    let has_answer = reply.outcome != crate::sample::Outcome::Status(0);
    reply.remote = has_answer.then_some(slot.remote);
    slot.busy.set(slot.busy.get().saturating_sub(1));
    let again = match &exchanged {
        Ok(Err(ended)) if !job.again => {
            let close = (has_answer, idled, pool.now().saturating_since(began), slot.round_trip);
            once_more(ended, close, is_idempotent)
        }
        _ => None,
    };
    match (again, exchanged) {
        (Some(Again::Closed), _) => pool.send_once_more(job),
        (Some(Again::Refused), _) => {
            pool.note(|connections| connections.retried_on_refusal += 1);
            job.again = true;
            pool.give_back(job);
        }
        (None, Ok(Ok(()))) => {
            pool.answered(began);
            job.complete(reply);
        }
        (None, Ok(Err(ended))) => job.complete(Reply { remote: reply.remote, ..ended.failed().reply(reply.bytes) }),
        (None, Err(_)) => {
            let phase = if has_answer { Phase::Body } else { Phase::Answer };
            let text = format!("no full answer within {}", exact(timeout));
            job.complete(Failed::new(FailureKind::Timeout, phase, text).reply(reply.bytes));
        }
    }
    offer(&pool, &slot);
    if slot.is_closing.get() {
        slot.close(); // wakes its task: this may have been the last
    }
}

/// Why a request is sent once more.
enum Again {
    Refused,
    Closed,
}

/// Why a request that ended so is sent once more; `None` when it is not.
fn once_more(
    ended: &Ended,
    (has_answer, idled, after, round_trip): (bool, Duration, Duration, Duration),
    is_idempotent: bool,
) -> Option<Again> {
    match ended {
        Ended::Unprocessed => Some(Again::Refused),
        Ended::Closed { is_unsent, .. } => {
            let (seen, written) = (u64::from(has_answer), usize::from(!is_unsent));
            let ending = Ending { is_close: true, seen, written, idled, after, round_trip };
            ending.was_not_looked_at(is_idempotent).then_some(Again::Closed)
        }
        Ended::Failed(_) => None,
    }
}

/// Sends the request and reads the answer into `reply`.
async fn exchange(
    pool: &Pool,
    mut send: SendRequest<Bytes>,
    (head, body): (Request<()>, Bytes),
    reply: &mut Reply,
) -> Result<(), Ended> {
    let ended = |error: h2::Error| ended(&error, Phase::Answer);
    let unsent = |error| match ended(error) {
        Ended::Unprocessed => Ended::Unprocessed,
        other => Ended::Closed { is_unsent: true, failed: other.failed() },
    };
    let (response, mut stream) = send.send_request(head, body.is_empty()).map_err(unsent)?;
    let mut response = std::pin::pin!(response);
    let response = if body.is_empty() {
        response.await.map_err(ended)?
    } else {
        // An answer may come before the body was sent to its end, and is taken.
        tokio::select! {
            biased;
            response = &mut response => response.map_err(ended)?,
            () = send_body(&mut stream, body.clone()) => response.await.map_err(ended)?,
        }
    };
    reply.outcome = crate::sample::Outcome::Status(response.status().as_u16());
    reply.is_http2 = true;
    reply.served_by = response.headers().get(pool.ids.header()).and_then(|id| pool.ids.get(id.as_bytes()));
    if response.status().is_redirection() {
        reply.cause = response.headers().get(http::header::LOCATION).map(|location| leads_to(location.as_bytes()));
    }
    read_body(response.into_body(), &mut reply.bytes).await
}

/// Sends the body as the service gives room for it. When it cannot be sent, the answer says why.
async fn send_body(stream: &mut SendStream<Bytes>, mut body: Bytes) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
        let piece = body.split_to(room.min(body.len()));
        if stream.send_data(piece, body.is_empty()).is_err() {
            return;
        }
    }
}

/// Reads the body to its end, and forgets it.
async fn read_body(mut body: RecvStream, bytes: &mut u64) -> Result<(), Ended> {
    while let Some(chunk) = body.data().await {
        let chunk = chunk.map_err(|error| ended(&error, Phase::Body))?;
        *bytes += chunk.len() as u64;
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    Ok(())
}

fn ended(error: &h2::Error, phase: Phase) -> Ended {
    let is_unprocessed = error.is_remote() && (error.reason() == Some(Reason::REFUSED_STREAM) || error.is_go_away());
    if is_unprocessed && phase != Phase::Body {
        return Ended::Unprocessed;
    }
    if let Some(failed) = error.get_io().filter(|_| phase != Phase::Body).and_then(refused_by_tls) {
        return Ended::Failed(failed);
    }
    let kind = if phase == Phase::Body { FailureKind::Body } else { FailureKind::Reset };
    let text = match (error.get_io(), error.reason()) {
        (Some(error), _) => describe(error),
        // It was ended here. The library does not tell a head that is too long from one that is wrong.
        (None, Some(reason)) if error.is_library() => {
            format!("the answer is not HTTP/2, or its head is longer than 64 KiB: {}", reason.description()).into()
        }
        (None, Some(reason)) => format!("the service ended the stream: {}", reason.description()).into(),
        (None, None) => "the connection closed under the stream".into(),
    };
    let failed = Failed::new(kind, phase, text);
    if error.is_io() { Ended::Closed { is_unsent: false, failed } } else { Ended::Failed(failed) }
}
