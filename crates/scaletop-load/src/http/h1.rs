//! One HTTP/1.1 connection: its task, and one exchange after the other on it.
//!
//! The connection and its exchange are one task, and the bytes are written and read here rather than by an HTTP library: a
//! load generator needs a status and a length, not a response. It costs a third less, an answer that comes before the
//! request was sent to its end is taken, and a close before the first byte of an answer can be told from one after it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use crate::http::answer::{Answer, Malformed};
use crate::http::cause::{Failed, describe, refused_by_tls};
use crate::http::deadline::Deadline;
use crate::http::ending::Ending;
use crate::http::job::Job;
use crate::http::pool::{Next, Pool};
use crate::http::slot::Slot;
use crate::http::stream::Stream;
use crate::sample::{FailureKind, Phase};
use crate::transport::Reply;
use scaletop_units::exact;

/// The task of one connection: from when it is open to when it is closed.
pub(super) async fn serve(pool: Rc<Pool>, slot: Rc<Slot>, stream: Stream) {
    let mut link = Link { stream, deadline: Deadline::new() };
    while let Some(mut job) = link.wait(&pool, &slot).await {
        let next = loop {
            let is_done = link.exchange(&pool, &slot, job).await;
            slot.busy.set(0);
            if !is_done || !pool.template.keep_alive {
                break Next::Close;
            }
            match pool.free(&slot) {
                Next::Send(next) => job = next,
                rest => break rest,
            }
        };
        if matches!(next, Next::Close) {
            break;
        }
    }
    link.close();
    pool.closed(&slot);
}

struct Link {
    stream: Stream,
    deadline: Deadline,
}

/// How an exchange ended.
enum End {
    /// The answer is complete.
    Answered,
    /// The time was up.
    TimedOut,
    /// The connection was closed.
    Closed,
    /// The connection broke.
    Broken(io::Error),
    /// What came is no answer.
    Malformed(Malformed),
}

/// How far an exchange is.
struct Exchange {
    request: Bytes,
    answer: Answer,
    /// Bytes of the request that were written.
    written: usize,
    /// Whether all of it was, and left our buffers.
    is_flushed: bool,
    /// Why no more of it can be written. An answer may still come.
    write_error: Option<io::Error>,
}

impl Link {
    /// Waits for a request, with an eye on the service: `None` when it closes the connection or speaks unasked, or when
    /// the pool lets the connection go.
    async fn wait(&mut self, pool: &Rc<Pool>, slot: &Rc<Slot>) -> Option<Job> {
        poll_fn(|cx| {
            slot.listen(cx.waker());
            let mut scratch = pool.scratch();
            let mut buffer = ReadBuf::new(&mut scratch[..1]);
            if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                // Who was told why is not sent again: it would be told the same.
                let refused = read.err().and_then(|error| refused_by_tls(&error));
                if let Some((failed, mut job)) = refused.and_then(|failed| Some((failed, slot.take()?))) {
                    job.begin();
                    job.complete(failed.reply(0));
                }
                // A request that was given to it meanwhile goes back unsent: see `Pool::closed`.
                return Poll::Ready(None);
            }
            match slot.take() {
                Some(job) => Poll::Ready(Some(job)),
                None if slot.is_closing.get() => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Carries one request; whether the connection can carry another.
    async fn exchange(&mut self, pool: &Rc<Pool>, slot: &Rc<Slot>, mut job: Job) -> bool {
        job.begin();
        let sent = pool.now();
        self.deadline.set(pool.template.timeout);
        let outgoing = pool.outgoing(&job);
        let mut exchange = Exchange {
            request: outgoing.wire(),
            answer: Answer::new(outgoing.is_head()),
            written: 0,
            is_flushed: false,
            write_error: None,
        };
        let end = poll_fn(|cx| self.poll_exchange(cx, pool, &mut exchange)).await;
        let ending = Ending {
            is_close: matches!(end, End::Closed | End::Broken(_)),
            seen: exchange.answer.seen,
            written: exchange.written,
            idled: slot.idled.get(),
            after: pool.now().saturating_since(sent),
            round_trip: slot.round_trip,
        };
        let refused = match &end {
            End::Broken(error) if exchange.answer.seen == 0 => {
                refused_by_tls(exchange.write_error.as_ref().unwrap_or(error)).or_else(|| refused_by_tls(error))
            }
            _ => None,
        };
        if refused.is_none() && !job.again && ending.was_not_looked_at(outgoing.is_idempotent()) {
            pool.send_once_more(job);
            return false;
        }
        if matches!(end, End::Answered) {
            pool.answered(sent);
        }
        let is_done = matches!(end, End::Answered) && exchange.is_flushed && exchange.answer.keeps_alive;
        let mut reply = match refused.or_else(|| failure(end, &exchange, pool)) {
            None => Reply { bytes: exchange.answer.bytes, ..Reply::status(exchange.answer.status.unwrap_or_default()) },
            Some(failed) => failed.reply(exchange.answer.bytes),
        };
        reply.served_by = exchange.answer.served_by;
        reply.cause = reply.cause.or(exchange.answer.leads_to);
        if exchange.answer.status.is_some() {
            reply.remote = Some(slot.remote);
        }
        job.complete(reply);
        is_done
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>, pool: &Pool, exchange: &mut Exchange) -> Poll<End> {
        self.write(cx, exchange);
        loop {
            let mut scratch = pool.scratch();
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Poll::Ready(End::Broken(error)),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    let is_whole = exchange.answer.ends_with_close();
                    return Poll::Ready(if is_whole { End::Answered } else { End::Closed });
                }
                Poll::Ready(Ok(())) => match exchange.answer.feed(buffer.filled(), &pool.ids) {
                    Ok(false) => {}
                    Ok(true) => return Poll::Ready(End::Answered),
                    Err(malformed) => return Poll::Ready(End::Malformed(malformed)),
                },
            }
        }
        self.deadline.poll(cx).map(|()| End::TimedOut)
    }

    /// Writes what can be written of the request.
    fn write(&mut self, cx: &mut Context<'_>, exchange: &mut Exchange) {
        if exchange.is_flushed || exchange.write_error.is_some() {
            return;
        }
        while exchange.written < exchange.request.len() {
            match Pin::new(&mut self.stream).poll_write(cx, &exchange.request[exchange.written..]) {
                Poll::Pending => return,
                Poll::Ready(Ok(written)) if written > 0 => exchange.written += written,
                Poll::Ready(Ok(_)) => exchange.write_error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Err(error)) => exchange.write_error = Some(error),
            }
            if exchange.write_error.is_some() {
                return;
            }
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => exchange.is_flushed = true,
            Poll::Ready(Err(error)) => exchange.write_error = Some(error),
        }
    }

    /// Says goodbye over TLS, without waiting for anybody.
    fn close(&mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _ = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
    }
}

/// Why there is no full answer; `None` when there is one.
fn failure(end: End, exchange: &Exchange, pool: &Pool) -> Option<Failed> {
    let answer = &exchange.answer;
    let phase = match (answer.status, exchange.is_flushed) {
        (Some(_), _) => Phase::Body,
        (None, true) => Phase::Answer,
        (None, false) => Phase::Sending,
    };
    let broken = if phase == Phase::Body { FailureKind::Body } else { FailureKind::Reset };
    let failed = match end {
        End::Answered => return None,
        End::TimedOut => {
            let text = format!("no full answer within {}", exact(pool.template.timeout));
            Failed::new(FailureKind::Timeout, phase, text)
        }
        End::Malformed(malformed) if phase == Phase::Body => Failed::new(FailureKind::Body, phase, malformed.text()),
        End::Malformed(malformed) => Failed::new(FailureKind::Other, phase, malformed.text()),
        End::Closed if answer.seen == 0 => {
            let text = "the service closed the connection without an answer";
            Failed::new(broken, phase, text)
        }
        End::Closed => {
            let text = format!("the service closed the connection after {} bytes of the answer", answer.seen);
            Failed::new(broken, phase, text)
        }
        End::Broken(error) => Failed::new(broken, phase, describe(exchange.write_error.as_ref().unwrap_or(&error))),
    };
    Some(failed)
}
