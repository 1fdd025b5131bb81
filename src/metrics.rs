//! The live numbers as a Prometheus endpoint: what the screen shows, for those who already look at dashboards. [`otlp`] pushes the
//! same numbers.
//!
//! A page is made once a second, when a second closes ([`exposition`], pure); a request is answered with the latest one. So
//! a scrape costs the load nothing, and two scrapers see the same numbers.

pub(crate) mod exposition;
#[cfg(feature = "otlp")]
pub(crate) mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "metrics/otlp_left_out.rs"]
pub(crate) mod otlp;

use std::future::ready;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::endpoint::{self, Answer, accept};
use crate::session::halves::Halves;

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
        let server = tokio::spawn(accept(listener, move |request, _| ready(answer(&request, &latest))));
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

fn answer(request: &Request<Incoming>, latest: &watch::Receiver<Bytes>) -> Answer {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, exposition::CONTENT_TYPE, latest.borrow().clone())
        }
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::from_static(b"only GET\n")),
        _ => (StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"the metrics are at /metrics\n")),
    };
    endpoint::whole(status, kind, body)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::endpoint::MOST_CONNECTIONS;
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
