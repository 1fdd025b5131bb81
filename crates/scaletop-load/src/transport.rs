//! What carries a request to the service: the border between the engine and the wire.
//!
//! The engine knows only this trait, so that it can be driven in virtual time against a fake: paused time must never
//! meet a real socket. HTTP lives in [`super::http`].

use std::future::Future;
use std::net::SocketAddr;

use crate::sample::{FailureKind, Outcome};
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
}

impl Reply {
    /// An answer with `status` and nothing else known about it.
    pub const fn status(status: u16) -> Self {
        Self { outcome: Outcome::Status(status), bytes: 0, served_by: None, remote: None }
    }

    /// No full answer, because of `kind`.
    pub const fn failed(kind: FailureKind) -> Self {
        Self { outcome: Outcome::Failed(kind), bytes: 0, served_by: None, remote: None }
    }
}
