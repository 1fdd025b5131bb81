//! Serving HTTP/1.1: the one loop that accepts connections, for the balancer and for the AWS endpoints.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How long to wait when a connection cannot be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// The connections of a server. They end when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: JoinSet<()>,
}

impl Connections {
    /// Accepts connections and lets `answer` answer their requests. Never ends by itself; nothing is lost when the future is
    /// dropped, and the connections go on.
    pub(crate) async fn serve<F, R, B, E>(&mut self, listener: &TcpListener, answer: F) -> Infallible
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Result<Response<B>, E>> + Send + 'static,
        B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Without it the kernel holds back small answers.
                        let _ = stream.set_nodelay(true);
                        let service = service_fn(answer.clone());
                        self.open.spawn(async move {
                            // An error is the client's: it went away, or does not speak HTTP.
                            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = self.open.join_next() => {}
            }
        }
    }
}
