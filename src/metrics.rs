//! The live numbers as a Prometheus endpoint: what the screen shows, for those who already look at dashboards.
//!
//! A page is made once a second, when a second closes ([`exposition`], pure); a request is answered with the latest one. So
//! a scrape costs the load nothing, and two scrapers see the same numbers.

pub(crate) mod exposition;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::session::halves::Halves;

/// Connections at the same time. One more takes the place of the oldest, so that those that do nothing keep nobody out.
const MOST_CONNECTIONS: usize = 64;

/// A connection is closed after this long, whatever it does: scrapers come back.
const LONGEST_CONNECTION: Duration = Duration::from_secs(30);

/// The head of a request must have come by then, also the next one on a connection that is kept.
const LONGEST_HEAD: Duration = Duration::from_secs(20);

/// How long to wait when a connection cannot be accepted, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no endpoint.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve metrics on {address}: {source}; name another address with --metrics, such as 127.0.0.1:0")]
pub struct MetricsError {
    address: SocketAddr,
    source: io::Error,
}

/// A running endpoint; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Metrics {
    page: watch::Sender<Bytes>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Metrics {
    /// Listens on `address` (port 0 picks a free one) and serves from now on.
    pub(crate) async fn serve(address: SocketAddr) -> Result<Self, MetricsError> {
        let failed = |source| MetricsError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (page, latest) = watch::channel(Bytes::new());
        let server = tokio::spawn(accept(listener, latest));
        Ok(Self { page, address, server })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the page from what is known now.
    pub(crate) fn publish(&self, halves: &Halves) {
        self.page.send_replace(Bytes::from(exposition::page(halves)));
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A loop of its own, not the embedded cluster's: metrics may not depend on the cluster, and what a stranger may scrape is
/// bounded in the number of connections and in their length.
async fn accept(listener: TcpListener, latest: watch::Receiver<Bytes>) {
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    oldest_first.retain(|connection| !connection.is_finished());
                    if oldest_first.len() >= MOST_CONNECTIONS
                        && let Some(oldest) = oldest_first.pop_front()
                    {
                        oldest.abort();
                    }
                    let latest = latest.clone();
                    oldest_first.push_back(connections.spawn(async move {
                        // An error is the client's: it went away, or does not speak HTTP.
                        let _ = tokio::time::timeout(LONGEST_CONNECTION, converse(stream, latest)).await;
                    }));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, latest: watch::Receiver<Bytes>) -> hyper::Result<()> {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request, &latest))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD);
    http.serve_connection(TokioIo::new(stream), service).await
}

fn answer(request: &Request<Incoming>, latest: &watch::Receiver<Bytes>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, exposition::CONTENT_TYPE, latest.borrow().clone())
        }
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::from_static(b"only GET\n")),
        _ => (StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"the metrics are at /metrics\n")),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::session::event::{Header, Settings};

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_latest_page_is_served_under_metrics_alone() {
        let metrics = Metrics::serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let header = Header::new(0, Settings::default());
        metrics.publish(&Halves::new(&header));
        let answer = get(metrics.address(), "/metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("scaletop_requests_due_total 0"), "{answer}");
        assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
        assert!(get(metrics.address(), "/").await.starts_with("HTTP/1.1 404"));
    }

    #[tokio::test]
    async fn clients_that_send_nothing_or_read_nothing_keep_nobody_out() {
        let metrics = Metrics::serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        metrics.publish(&Halves::new(&Header::new(0, Settings::default())));
        let mut idle = Vec::new();
        for number in 0..3 * MOST_CONNECTIONS {
            let mut stream = TcpStream::connect(metrics.address()).await.unwrap();
            if number.is_multiple_of(2) {
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").await;
            }
            idle.push(stream);
        }
        let scraped = tokio::time::timeout(Duration::from_secs(1), get(metrics.address(), "/metrics")).await;
        assert!(scraped.expect("within a second").starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_port_in_use_is_said_with_what_to_do() {
        let metrics = Metrics::serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = Metrics::serve(metrics.address()).await.unwrap_err().to_string();
        assert!(error.contains(&metrics.address().to_string()) && error.contains("--metrics"), "{error}");
    }
}
