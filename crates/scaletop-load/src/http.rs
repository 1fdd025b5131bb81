//! Load over HTTP on connections of our own.
//!
//! What a load driver must not do does not exist here: redirects, proxies from the environment, a referer. One kind of
//! request is sent again, once: one that was never looked at. Nothing of it could be written; or the service refused its
//! HTTP/2 stream unprocessed; or it met the close of an idle connection on the way, before a byte of an answer, and its
//! method allows for being processed twice, since that is no proof. All are counted ([`Connections`](crate::Connections)), and the response time runs on.
//!
//! A response counts as complete when its body was read to the end.
//!
//! | file | what it is about |
//! |---|---|
//! | [`options`] | what to send and how |
//! | [`template`], [`written`], [`tls`] | the request written down once, or anew for each arrival; whom to trust |
//! | [`pool`] | who gets which connection, how many there are, how old they get |
//! | [`connect`] | making one: name, TCP, TLS |
//! | [`h1`], [`answer`], [`h2`] | requests and answers on one |
//! | [`ending`] | what may be sent once more |
//! | [`cause`] | why it failed |

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::http::job::Job;
use crate::http::pool::Pool;
use crate::http::template::{Ask, RequestTemplate};
use crate::line::Line;
use crate::pacer::Arrival;
use crate::sample::FailureKind;
use crate::transport::{MakeTransport, Reply, Transport, Turn};
use scaletop_units::Elapsed;

pub use options::{Authorize, CertificateError, RequestOptions, TransportError, Unsigned};

mod answer;
pub(crate) mod cause;
mod connect;
mod deadline;
mod ending;
mod h1;
mod h2;
mod job;
mod options;
mod pool;
mod slot;
mod stream;
mod template;
mod tls;
mod written;

/// How many warm-up connections are opened at the same time: not the storm that warming is meant to avoid.
const WARM_AT_ONCE: usize = 32;

/// How to make a transport: certificates are read and the request is written down once, for all workers.
#[derive(Clone, Debug)]
pub struct HttpFactory(Arc<RequestTemplate>);

impl HttpFactory {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// When the URL, the certificates or the headers cannot be used; the message says what to change.
    pub fn new(options: &RequestOptions) -> Result<Self, TransportError> {
        Ok(Self(Arc::new(RequestTemplate::new(options)?)))
    }

    /// The bytes over HTTP/1.1 of the request that arrival `number` sends, in a session that began in 1970: what a benchmark
    /// measures, and what a log of the service's can be held against.
    pub fn bytes(&self, number: u64) -> Bytes {
        self.0.outgoing(Ask::Load(Arrival { number, due: Elapsed::ZERO }), 0).wire()
    }
}

impl MakeTransport for HttpFactory {
    type Made = HttpTransport;

    fn make(self) -> HttpTransport {
        HttpTransport { template: self.0, pool: OnceCell::new() }
    }
}

/// Sends one kind of request over connections of its own. One per worker, used inside a
/// [`LocalSet`](tokio::task::LocalSet): each connection is a task there.
#[derive(Debug)]
pub struct HttpTransport {
    template: Arc<RequestTemplate>,
    pool: OnceCell<Rc<Pool>>,
}

impl HttpTransport {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// As [`HttpFactory::new`].
    pub fn new(options: &RequestOptions) -> Result<Self, TransportError> {
        HttpFactory::new(options).map(MakeTransport::make)
    }

    /// What was negotiated: whether its connections speak HTTP/2; `None` while none is open.
    pub fn is_http2(&self) -> Option<bool> {
        self.pool().is_http2()
    }

    /// Sends one request by itself: of several the one that stands at `index` among them, from 0.
    pub async fn try_one(&self, index: usize) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.pool().submit(Job::single(index, reply));
        answer.await.unwrap_or(Reply::failed(FailureKind::Other))
    }

    fn pool(&self) -> &Rc<Pool> {
        self.pool.get_or_init(|| Pool::new(Arc::clone(&self.template)))
    }
}

impl Transport for HttpTransport {
    async fn send(&self, _sent: Elapsed) -> Reply {
        self.try_one(0).await
    }

    async fn warm(&self, connections: usize) -> usize {
        self.pool().warm(connections, WARM_AT_ONCE).await
    }

    fn serve(self: &Rc<Self>, line: &Rc<Line>, turn: Turn) {
        self.pool().serve(line, turn);
    }

    fn next_turn(&self) -> Option<Elapsed> {
        self.pool().next_turn()
    }

    fn holds_back(&self) -> bool {
        self.pool().holds_back()
    }
}
