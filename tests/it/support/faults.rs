//! Services that behave as some in the field do, on loopback: one that serves a connection at a time, one that closes
//! under a request, one that refuses a body unread, one that says what it is told to, and one that speaks HTTP/2 with few
//! streams.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// How a service misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not.
    None,
    /// The next connection waits until this one is closed.
    OneAtATime,
    /// Every fourth request of a connection meets its close.
    ClosesOnTheFourth,
    /// Three instances in turn, whose ids of 114 characters are alike in the first 82.
    LongIds,
    /// What should name the instance names the request.
    NamesRequests,
    /// It never answers.
    Silent,
    /// It says 413 at the head of a request, reads nothing more and closes.
    EarlyRefusal,
    /// Every answer is these bytes.
    Says(&'static [u8]),
    /// The same, and the connection is closed after them.
    SaysAndCloses(&'static [u8]),
    /// One answer in ten is OK and takes 800 ms; the others refuse at once.
    Flattering,
    /// Its answer comes in three pieces, 300 ms apart: some of the head, the rest of it, the body.
    Slow,
    /// The body of its answer never ends.
    Endless,
}

/// A service over HTTP/1.1. It ends with the test's process.
pub(crate) struct Service {
    address: SocketAddr,
    read: Arc<AtomicU64>,
}

impl Service {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let read = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&read);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let read = Arc::clone(&counted);
                if fault == Fault::OneAtATime {
                    let _ = serve(stream, fault, &read);
                } else {
                    std::thread::spawn(move || serve(stream, fault, &read));
                }
            }
        });
        Self { address, read }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests whose head was read to its end.
    pub(crate) fn read(&self) -> u64 {
        self.read.load(Ordering::SeqCst)
    }
}

/// Being slow is what such a service does.
#[expect(clippy::disallowed_methods, reason = "a thread of its own, which ends with the test's process")]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}

fn serve(mut stream: TcpStream, fault: Fault, read: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut text = Vec::new();
    let mut part = [0; 8_192];
    for number in 1_u64.. {
        if fault == Fault::ClosesOnTheFourth && number == 4 {
            stream.peek(&mut part)?;
            return Ok(());
        }
        let head = loop {
            if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut part)? {
                0 => return Ok(()),
                count => text.extend_from_slice(&part[..count]),
            }
        };
        read.fetch_add(1, Ordering::SeqCst);
        if fault == Fault::EarlyRefusal {
            return stream
                .write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        let lower = String::from_utf8_lossy(&text[..head]).to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let end = head + length.unwrap_or(0_usize);
        while text.len() < end {
            match stream.read(&mut part)? {
                0 => return Ok(()),
                count => text.extend_from_slice(&part[..count]),
            }
        }
        text.drain(..end);
        let all = read.load(Ordering::SeqCst);
        let id = match fault {
            Fault::Says(answer) => {
                stream.write_all(answer)?;
                continue;
            }
            Fault::SaysAndCloses(answer) => return stream.write_all(answer),
            Fault::Flattering if !all.is_multiple_of(10) => {
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")?;
                continue;
            }
            Fault::Flattering => {
                pause(800);
                stream.write_all(OK)?;
                continue;
            }
            Fault::Slow => {
                for piece in [&OK[..20], &OK[20..OK.len() - 2], b"ok"] {
                    stream.write_all(piece)?;
                    pause(300);
                }
                continue;
            }
            Fault::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    stream.write_all(&part)?;
                    pause(20);
                }
            }
            Fault::LongIds => format!("{}{:032}", "checkout-".repeat(10)[..82].to_owned(), all % 3),
            Fault::NamesRequests => format!("r-{all}"),
            Fault::Silent => continue,
            _ => {
                stream.write_all(OK)?;
                continue;
            }
        };
        let answer = format!("HTTP/1.1 200 OK\r\nx-instance-id: {id}\r\ncontent-length: 2\r\n\r\nok");
        stream.write_all(answer.as_bytes())?;
    }
    Ok(())
}

/// A service over TLS, for as long as the test's process.
pub(crate) struct TlsService {
    address: SocketAddr,
    /// The authority that signed its certificate, as PEM.
    pub(crate) authority: String,
}

impl TlsService {
    /// Its certificate is for `host`, and expired where `is_expired`.
    pub(crate) fn start(host: &str, is_expired: bool) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        if is_expired {
            (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let chain = vec![CertificateDer::from(params.signed_by(&key, &issuer).unwrap())];
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                std::thread::spawn(move || {
                    let mut stream = rustls::StreamOwned::new(session, stream);
                    let mut part = [0; 8_192];
                    while stream.read(&mut part).is_ok_and(|count| count > 0) && stream.write_all(OK).is_ok() {}
                });
            }
        });
        Self { address, authority }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/", self.address)
    }
}

/// What a request was asked for: the authority, and the host header.
pub(crate) type Names = (String, Option<String>);

/// A service over HTTP/2 without TLS. It ends with the test's process.
pub(crate) struct Http2Service {
    address: SocketAddr,
    /// What requests were asked for.
    pub(crate) names: Arc<Mutex<Vec<Names>>>,
}

impl Http2Service {
    /// At most `streams` at a time on a connection, each `delay` long; every `refused`th is refused unprocessed.
    pub(crate) fn start(streams: u32, delay: Duration, refused: Option<u64>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let names = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&names);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let seen = Arc::new(AtomicU64::new(0));
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(connection(stream, streams, delay, refused, Arc::clone(&seen), Arc::clone(&heard)));
                }
            });
        });
        Self { address, names }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

async fn connection(
    stream: tokio::net::TcpStream,
    streams: u32,
    delay: Duration,
    refused: Option<u64>,
    seen: Arc<AtomicU64>,
    heard: Arc<Mutex<Vec<Names>>>,
) {
    let _ = stream.set_nodelay(true);
    let Ok(mut connection) = h2::server::Builder::new().max_concurrent_streams(streams).handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
        if refused.is_some_and(|every| number.is_multiple_of(every)) {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        let host = request.headers().get("host").map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let authority = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        heard.lock().unwrap().push((authority, host));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let response = Response::builder().status(StatusCode::OK).body(()).unwrap();
            if let Ok(mut body) = respond.send_response(response, false) {
                let _ = body.send_data(Bytes::from_static(b"ok"), true);
            }
        });
    }
}
