//! The balancer's connections to instances: HTTP/1.1, kept alive, one request at a time on each.
//!
//! Not a general connection pool: an instance never works on more requests than its concurrency, so there are never more
//! connections to it than that, and they go when it goes.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::instance_pool::Member;
use crate::ledger::InstanceKey;

/// On loopback a connection is made at once or never.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// A connection that has answered its last request.
pub(super) type Connection = SendRequest<Incoming>;

/// Connections that wait for their next request.
#[derive(Debug, Default)]
pub(super) struct Upstreams {
    idle: Mutex<HashMap<InstanceKey, Vec<Connection>>>,
}

/// Why an instance gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamError {
    /// It takes no connections: it is dead.
    #[error("connection refused: {0}")]
    Connect(#[source] io::Error),
    /// It took the request and gave no (whole) answer, or the client did not send the whole request.
    #[error("no answer: {0}")]
    Exchange(#[source] hyper::Error),
}

impl Upstreams {
    /// Passes the request to an instance, on an idle connection if there is one that still works. The connection comes
    /// back with the answer, to be [kept](Upstreams::keep) once the body has been read.
    pub(super) async fn send(
        &self,
        to: &Member,
        mut request: Request<Incoming>,
    ) -> Result<(Response<Incoming>, Connection), UpstreamError> {
        while let Some(mut connection) = self.take(to.key) {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                Err(mut error) => match error.take_message() {
                    // The instance had closed the connection before anything was sent: the next one may do.
                    Some(unsent) => request = unsent,
                    None => return Err(UpstreamError::Exchange(error.into_error())),
                },
            }
        }
        self.tidy();
        let mut connection = connect(to.addr).await?;
        let response = connection.send_request(request).await.map_err(UpstreamError::Exchange)?;
        Ok((response, connection))
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, key: InstanceKey, connection: Connection) {
        if !connection.is_closed() {
            self.idle().entry(key).or_default().push(connection);
        }
    }

    /// Forgets the connections that have closed, mostly those to instances that are gone.
    fn tidy(&self) {
        self.idle().retain(|_, connections| {
            connections.retain(|connection| !connection.is_closed());
            !connections.is_empty()
        });
    }

    fn take(&self, key: InstanceKey) -> Option<Connection> {
        self.idle().get_mut(&key)?.pop()
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<InstanceKey, Vec<Connection>>> {
        // A push or a pop: nothing panics while it holds the lock.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a connection to an instance.
pub(super) async fn connect<B>(addr: SocketAddr) -> Result<SendRequest<B>, UpstreamError>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let connecting = tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(addr)).await;
    let stream = connecting.unwrap_or_else(|late| Err(late.into())).map_err(UpstreamError::Connect)?;
    stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
    let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(UpstreamError::Exchange)?;
    // The driver ends when its connection is dropped or closed; its error is also that of the request.
    tokio::spawn(async {
        let _ = driver.await;
    });
    Ok(connection)
}
