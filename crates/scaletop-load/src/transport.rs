//! What carries requests to the service: the border between the engine and the wire.
//!
//! The engine knows only [`Transport`], so that it can be driven in virtual time against a fake: paused time must never
//! meet a real socket. HTTP lives in [`http`](crate::http), and once more in [`reqwest`](crate::reqwest_transport).
//!
//! A transport of the simple kind sends one request when it is told to; the engine makes a task of each. One that owns
//! its connections overrides [`Transport::serve`] and takes arrivals from the [`Line`] when a connection is free.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::line::Line;
use crate::sample::{Cause, FailureKind, Outcome};
use scaletop_units::{Elapsed, InstanceId};

/// Sends requests. Each worker has one of its own and uses it from one thread only: futures need not be `Send`.
pub trait Transport: 'static {
    /// Sends one request and waits for its full answer or its failure, which is data, too.
    ///
    /// `sent` is the moment of the call. Dropping the future abandons the request.
    fn send(&self, sent: Elapsed) -> impl Future<Output = Reply>;

    /// Opens `connections` connections so that the first requests of a spike need not, and says how many were opened.
    /// Called before the clock starts; what it sends is not load and is not recorded.
    fn warm(&self, connections: usize) -> impl Future<Output = usize> {
        let _ = connections;
        std::future::ready(0)
    }

    /// Takes what it can from the line, now. Called on the worker's `LocalSet` at every turn of its loop, whether anything
    /// waits or not.
    fn serve(self: &Rc<Self>, line: &Rc<Line>, turn: Turn) {
        while let Some(mut exchange) = line.take_at(turn.now) {
            let transport = Rc::clone(self);
            tokio::task::spawn_local(async move {
                let sent = exchange.begin();
                let reply = transport.send(sent).await;
                exchange.complete(reply);
            });
        }
    }

    /// When it wants to be served again though nothing arrives; `None`: it has no wish.
    fn next_turn(&self) -> Option<Elapsed> {
        None
    }

    /// Whether what waits in the line does so because of us: connections that could be had are not opened, since this thread
    /// is late or full.
    fn holds_back(&self) -> bool {
        false
    }
}

/// One turn of a worker's loop.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// When it began.
    pub now: Elapsed,
    /// Whether connections may be opened in it: not before what has come in was read, and not when we woke up late.
    pub may_connect: bool,
    /// Whether we woke up late of late: what is slow then may be slow because of us.
    pub is_strained: bool,
    /// Whether this thread had no CPU time left of late: what is slow then will not be quicker for more connections.
    pub is_full: bool,
    /// Arrivals a second that this worker takes.
    pub rate: f64,
}

/// Makes a transport on the thread that will use it. Every transport that can be sent to a thread makes itself.
pub trait MakeTransport: Send + 'static {
    /// What it makes.
    type Made: Transport;

    /// Makes it.
    fn make(self) -> Self::Made;
}

impl<T: Transport + Send> MakeTransport for T {
    type Made = T;

    fn make(self) -> T {
        self
    }
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status, or why there is none.
    pub outcome: Outcome,
    /// Bytes of the response body that were read.
    pub bytes: u64,
    /// Which instance says that it answered.
    pub served_by: Option<InstanceId>,
    /// The address that the connection went to, when a response came from it.
    pub remote: Option<SocketAddr>,
    /// Why it failed, in words, when that is known; of a redirect, where it leads.
    pub cause: Option<Cause>,
    /// Whether the answer came over HTTP/2.
    pub is_http2: bool,
}

impl Reply {
    /// An answer with `status` and nothing else known about it.
    pub const fn status(status: u16) -> Self {
        Self { outcome: Outcome::Status(status), bytes: 0, served_by: None, remote: None, cause: None, is_http2: false }
    }

    /// No full answer, because of `kind`.
    pub const fn failed(kind: FailureKind) -> Self {
        Self { outcome: Outcome::Failed(kind), bytes: 0, served_by: None, remote: None, cause: None, is_http2: false }
    }

    /// The same, with why it failed.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }
}
