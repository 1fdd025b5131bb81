//! A service on loopback that answers a tiny 200, so that every load generator is measured against the same one.
//!
//! `cargo run --release -p scaletop-load --example target -- --port 8082 --delay 80` prints its URL as the first line of
//! stdout and serves HTTP/1.1 with keep-alive until stdin closes.
//!
//! | flag | means |
//! |---|---|
//! | `--port N` | where; any free port unless given |
//! | `--delay MS` | every answer takes this long, as many at a time as come |
//! | `--tls CERT.pem KEY.pem` | speaks TLS |
#![expect(clippy::print_stdout, reason = "whoever starts it reads where it listens")]

use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// Connections that wait to be accepted; more than a load generator opens at once.
const BACKLOG: u32 = 8_192;

#[derive(Default)]
struct Asked {
    port: u16,
    delay: Duration,
    tls: Option<TlsAcceptor>,
}

fn main() -> anyhow::Result<()> {
    let asked = asked()?;
    scaletop_load::raise_fd_limit();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(asked))
}

fn asked() -> anyhow::Result<Asked> {
    let mut asked = Asked::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{flag} needs a value"));
        match flag.as_str() {
            "--port" => asked.port = value()?.parse()?,
            "--delay" => asked.delay = Duration::from_millis(value()?.parse()?),
            "--tls" => asked.tls = Some(acceptor(&value()?, &value()?)?),
            other => bail!("no such flag: {other}"),
        }
    }
    Ok(asked)
}

fn acceptor(certificates: &str, key: &str) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificates)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn run(asked: Asked) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, asked.port)))?;
    let listener = socket.listen(BACKLOG)?;
    let scheme = if asked.tls.is_some() { "https" } else { "http" };
    println!("{scheme}://{}/", listener.local_addr()?);
    let (closed, stdin_closed) = oneshot::channel();
    std::thread::spawn(move || {
        // Whatever is written to it is no order; an error is an end, too.
        let mut stdin = std::io::stdin().lock();
        while stdin.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        let _ = closed.send(());
    });
    tokio::select! {
        accepting = accept(listener, asked) => accepting,
        _ = stdin_closed => Ok(()),
    }
}

async fn accept(listener: TcpListener, Asked { delay, tls, .. }: Asked) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match tls.clone() {
            None => drop(tokio::spawn(serve(TokioIo::new(stream), delay))),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(stream) = tls.accept(stream).await {
                    serve(TokioIo::new(stream), delay).await;
                }
            })),
        }
    }
}

async fn serve(stream: impl Read + Write + Unpin + Send + 'static, delay: Duration) {
    let answer = service_fn(move |_: Request<Incoming>| async move {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok\n"))))
    });
    // A client that goes away is none of our business.
    let _ = http1::Builder::new().serve_connection(stream, answer).await;
}
