//! What to send and how, and why that may be impossible.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use url::Url;

use crate::mix::Mix;

/// What to send, and how.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    /// Where requests go.
    pub url: Url,
    /// The method.
    pub method: Method,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Body of every request.
    pub body: Option<Bytes>,
    /// After this long without the full answer, counted from its first byte on a connection, a request has failed; so has
    /// one that was due this long ago and for which no connection could be made.
    pub timeout: Duration,
    /// Accepts any TLS certificate.
    pub insecure: bool,
    /// A PEM file with certificates to trust besides the system's.
    pub cacert: Option<PathBuf>,
    /// HTTP/2: over https when the service agrees (ALPN; else HTTP/1.1), over http from the first byte. Otherwise HTTP/1.1.
    pub http2: bool,
    /// Uses a connection for more than one request.
    pub keep_alive: bool,
    /// At about this age (three quarters to five quarters of it, so that connections do not retire in step) a connection is
    /// replaced; `None`: it may live for ever.
    pub conn_max_age: Option<Duration>,
    /// Addresses to use instead of what name resolution says, by host and port; port 0 stands for every port.
    pub resolve: Vec<(String, SocketAddr)>,
    /// The response header that names the instance.
    pub instance_header: HeaderName,
    /// The request header, if any, that says when a request was due: nanoseconds since the start of the session, in 20 digits. So
    /// a request is found again in a log of the service's.
    pub due_header: Option<HeaderName>,
    /// Several requests in place of the one that `method`, the path of `url` and `body` describe; `headers` are sent with each
    /// of them.
    pub mix: Option<Arc<Mix>>,
    /// What adds headers to each request at the moment it is sent: a token that changes, a signature.
    pub authorize: Option<Arc<dyn Authorize>>,
}

/// Adds headers to a request at the moment it is sent. Called on the threads that send, so it must not wait for anything.
pub trait Authorize: fmt::Debug + Send + Sync {
    /// The headers to add, in place of those of the same name.
    fn headers(&self, request: &Unsigned<'_>) -> Vec<(HeaderName, HeaderValue)>;
}

/// A request that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path with its query, as it is sent.
    pub path: &'a str,
    /// Host and port as they are sent.
    pub host: &'a str,
    /// The other headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl RequestOptions {
    /// `GET url` with the defaults that the command line documents.
    pub fn get(url: Url) -> Self {
        Self {
            url,
            method: Method::GET,
            headers: HeaderMap::new(),
            body: None,
            timeout: Duration::from_secs(10),
            insecure: false,
            cacert: None,
            http2: false,
            keep_alive: true,
            conn_max_age: Some(Duration::from_secs(30)),
            resolve: Vec::new(),
            instance_header: HeaderName::from_static("x-instance-id"),
            due_header: None,
            mix: None,
            authorize: None,
        }
    }
}

impl RequestOptions {
    /// The host and the port that will be asked.
    pub(crate) fn host_and_port(&self) -> Option<(&str, u16)> {
        Some((self.url.host_str()?, self.url.port_or_known_default()?))
    }

    /// Headers that say where the body ends are worked out from the body, whatever sends it.
    ///
    /// # Errors
    /// When one of them is given.
    pub(crate) fn refuse_framing_headers(&self) -> Result<(), TransportError> {
        self.headers.keys().try_for_each(Self::refuse_framing)
    }

    /// The same of one header.
    pub(crate) fn refuse_framing(name: &HeaderName) -> Result<(), TransportError> {
        if *name != TRANSFER_ENCODING && *name != CONTENT_LENGTH {
            return Ok(());
        }
        let why = format!("the header {name} is worked out from the body, and a different one would be no request");
        Err(TransportError::Request(why))
    }

    /// The addresses given for what will be asked, with its port.
    ///
    /// # Errors
    /// When addresses are given, and none of them for this host and port.
    pub(crate) fn given_addresses(&self) -> Result<Vec<SocketAddr>, TransportError> {
        let Some((host, port)) = self.host_and_port() else { return Ok(Vec::new()) };
        let matches = |given: &&(String, SocketAddr)| {
            given.0.eq_ignore_ascii_case(host) && (given.1.port() == 0 || given.1.port() == port)
        };
        let given: Vec<_> = self.resolve.iter().filter(matches).map(|(_, at)| SocketAddr::new(at.ip(), port)).collect();
        match self.resolve.first() {
            Some((name, at)) if given.is_empty() => {
                Err(TransportError::Resolve { given: format!("{name}:{}", at.port()), asked: format!("{host}:{port}") })
            }
            _ => Ok(given),
        }
    }
}

/// Why certificates in a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file is not PEM.
    #[error("{0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// The HTTP client refuses them.
    #[error("{0}")]
    Client(#[from] reqwest::Error),
}

/// Why no transport could be made of the options.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Only http and https can be loaded.
    #[error("cannot send load to {0}: use a URL that begins with http:// or https:// and names a host")]
    Url(String),
    /// The certificate file could not be read.
    #[error("cannot read the certificates in {path}: {source}; --cacert takes a PEM file")]
    CertificateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The certificate file holds no usable certificate.
    #[error("cannot use the certificates in {path}: {source}; --cacert takes a PEM file")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// A PEM file without a certificate.
    #[error("found no certificate in {0}; --cacert takes a PEM file with BEGIN CERTIFICATE")]
    NoCertificate(PathBuf),
    /// The system's certificates cannot be used.
    #[error("cannot use the system's certificates: {0}; install them, or name the authority with --cacert")]
    Trust(#[source] rustls::Error),
    /// No address was given for what is asked.
    #[error("--resolve names {given}, but {asked} is what will be asked; give that host and port")]
    Resolve {
        /// What was given.
        given: String,
        /// The host and port of the URL.
        asked: String,
    },
    /// The request cannot be written down.
    #[error("cannot send this request: {0}; check the URL and the headers")]
    Request(String),
    /// The HTTP client refuses the options.
    #[error("cannot set up the HTTP client: {0}; check the headers, the URL and the system's certificates")]
    Client(#[from] reqwest::Error),
}
