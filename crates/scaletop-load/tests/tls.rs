//! Our connections over TLS, on real sockets with certificates made here: counts and causes, never milliseconds.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use scaletop_load::{Bottleneck, LoadConfig, OutcomeKind, Phase, RequestOptions};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use drive::{drive, ok};

#[path = "support/drive.rs"]
mod drive;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a service's certificate is like.
#[derive(Clone, Copy)]
enum Certificate {
    Good,
    Expired,
    OtherHost,
    OtherAuthority,
    /// One for clients only.
    ForClients,
    /// A good one, of a service that wants one of ours.
    WantsOurs,
}

/// A service that speaks TLS on a free port, and the authority that vouches for it; dropping it closes everything.
struct Service {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    authority: PathBuf,
    _folder: TempDir,
    _tasks: JoinSet<()>,
}

impl Service {
    /// Every request with a number in `stalled` waits until `stall` after the first of them came.
    async fn start(certificate: Certificate, stalled: Range<usize>, stall: Duration) -> Self {
        let folder = TempDir::new().expect("a folder");
        let (acceptor, authority) = acceptor(certificate);
        let path = folder.path().join("authority.pem");
        std::fs::write(&path, authority).expect("a file");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let script = Arc::new(Script { requests: AtomicUsize::new(0), stalled, stall, end: OnceCell::new() });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(acceptor.clone(), stream, Arc::clone(&script)));
            }
        });
        Self { address, accepted, authority: path, _folder: folder, _tasks: tasks }
    }

    fn options(&self) -> RequestOptions {
        let url = format!("https://{}/", self.address).parse().expect("a URL");
        RequestOptions { cacert: Some(self.authority.clone()), ..RequestOptions::get(url) }
    }
}

/// Which requests wait, and until when.
struct Script {
    requests: AtomicUsize,
    stalled: Range<usize>,
    stall: Duration,
    end: OnceCell<Instant>,
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, script: Arc<Script>) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = [0; 4_096];
    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
        if script.stalled.contains(&script.requests.fetch_add(1, Ordering::SeqCst)) {
            tokio::time::sleep_until(*script.end.get_or_init(async || Instant::now() + script.stall).await).await;
        }
        if stream.write_all(OK).await.is_err() {
            return;
        }
    }
}

/// Speaks TLS with such a certificate; and the authority that it is to be held against, as PEM.
fn acceptor(certificate: Certificate) -> (TlsAcceptor, String) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        (Issuer::new(params, key), pem)
    };
    let host = if matches!(certificate, Certificate::OtherHost) { "other.test" } else { "127.0.0.1" };
    let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
    if matches!(certificate, Certificate::Expired) {
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
    }
    if matches!(certificate, Certificate::ForClients) {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    }
    let (issuer, mut pem) = authority("one");
    let key = KeyPair::generate().expect("a key");
    let chain = vec![CertificateDer::from(params.signed_by(&key, &issuer).expect("signed"))];
    if matches!(certificate, Certificate::OtherAuthority) {
        pem = authority("another").1;
    }
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let config = if matches!(certificate, Certificate::WantsOurs) {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        config.with_no_client_auth()
    };
    let config = config
        .with_single_cert(chain, PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .expect("a certificate and its key");
    (TlsAcceptor::from(Arc::new(config)), pem)
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_and_every_request_shares_that_fate() {
    for (certificate, cause) in [
        (Certificate::Expired, "the certificate has expired (2002-01-01)"),
        (Certificate::ForClients, "the certificate is not one for servers"),
        (Certificate::OtherHost, "the certificate is for another host"),
        (
            Certificate::OtherAuthority,
            "the certificate is signed by an authority that is not trusted: name it with --cacert",
        ),
    ] {
        let service = Service::start(certificate, 0..0, Duration::ZERO).await;
        let outcome = drive(&service.options(), LoadConfig::default(), 5, 1).await;
        let failures: Vec<_> =
            outcome.failures.iter().map(|failure| (failure.kind, failure.phase, failure.cause.as_ref())).collect();
        assert!(failures.iter().all(|&seen| seen == (OutcomeKind::Tls, Some(Phase::Tls), cause)), "{failures:?}");
        assert_eq!((outcome.total.outcomes.failed(), outcome.connections.opened), (5, 0), "{cause}");
    }
}

#[tokio::test]
async fn a_service_that_wants_a_certificate_of_ours_says_so_after_the_handshake_and_is_to_blame_for_nothing() {
    let service = Service::start(Certificate::WantsOurs, 0..0, Duration::ZERO).await;
    for http2 in [false, true] {
        let outcome = drive(&RequestOptions { http2, ..service.options() }, LoadConfig::default(), 5, 1).await;
        let failures: Vec<_> = outcome.failures.iter().map(|failure| (failure.kind, failure.cause.as_ref())).collect();
        let wanted = (OutcomeKind::Tls, "the service wants a client certificate");
        assert!(failures.iter().all(|&seen| seen == wanted), "{failures:?}");
        assert_eq!(outcome.total.outcomes.get(OutcomeKind::Tls), 5, "{failures:?}");
    }
}

#[tokio::test]
async fn a_good_certificate_of_an_authority_that_was_named_is_taken() {
    let service = Service::start(Certificate::Good, 0..0, Duration::ZERO).await;
    let outcome = drive(&service.options(), LoadConfig::default(), 50, 1).await;
    assert_eq!((ok(&outcome), outcome.total.outcomes.failed()), (50, 0), "{:?}", outcome.failures);
    assert_eq!(outcome.connections.tls.count(), outcome.connections.opened);
}

#[tokio::test]
async fn a_stall_of_two_seconds_gets_the_connections_of_its_own_requests_and_no_limit_of_ours_is_the_reason() {
    let service = Service::start(Certificate::Good, 400..1_200, Duration::from_secs(2)).await;
    let outcome = drive(&service.options(), LoadConfig::default(), 400, 5).await;
    assert_eq!((outcome.total.due, ok(&outcome)), (2_000, outcome.total.sent), "{:?}", outcome.failures);
    // At most so many requests are without an answer at a time; a half more for what a noisy machine adds.
    let accepted = service.accepted.load(Ordering::SeqCst);
    assert!(accepted <= 1_200, "{accepted} connections");
    assert!(accepted >= 400, "the load stays open: {accepted} connections");
    assert_eq!((outcome.total.dropped_cap, outcome.total.dropped_connections), (0, 0));
    let is_ours = |found| matches!(found, Bottleneck::InFlight | Bottleneck::Descriptors | Bottleneck::Ports);
    assert!(outcome.seconds.iter().all(|second| !second.generator.bottleneck().is_some_and(is_ours)));
}
