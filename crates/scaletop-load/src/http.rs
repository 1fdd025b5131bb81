//! Load over HTTP: the only file that names reqwest.
//!
//! What a load driver must not do is switched off: redirects, proxies from the environment, retries and the referer. One
//! thing below us remains: a request whose pooled connection turns out to be closed *before a byte of it was written* is
//! put on another connection; the service never saw it.
//!
//! A response counts as complete when its body was read to the end. Failures are told apart by the *types* in the error's
//! source chain, never by their text.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::Method;
use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Request, Response};
use tokio::task::JoinHandle;
use url::Url;

use crate::connections::Generations;
use crate::http::causes::{any_cause, is_caused_by, is_our_limit, is_reset};
use crate::names::{LookupError, Names};
use crate::sample::{FailureKind, Outcome};
use crate::transport::{Reply, Transport};
use scaletop_units::{Elapsed, InstanceId};

mod causes;

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
    /// After this long without the full answer a request has failed.
    pub timeout: Duration,
    /// Accepts any TLS certificate.
    pub insecure: bool,
    /// A PEM file with certificates to trust besides the system's.
    pub cacert: Option<PathBuf>,
    /// HTTP/2, from the first byte; otherwise HTTP/1.1.
    pub http2: bool,
    /// Uses a connection for more than one request.
    pub keep_alive: bool,
    /// After this age a connection gets no more requests; `None`: it may live for ever.
    pub conn_max_age: Option<Duration>,
    /// Addresses to use instead of what name resolution says, by host.
    pub resolve: Vec<(String, SocketAddr)>,
    /// The response header that names the instance.
    pub instance_header: HeaderName,
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
        }
    }
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
        source: reqwest::Error,
    },
    /// A PEM file without a certificate.
    #[error("found no certificate in {0}; --cacert takes a PEM file with BEGIN CERTIFICATE")]
    NoCertificate(PathBuf),
    /// The HTTP client refuses the options.
    #[error("cannot set up the HTTP client: {0}; check the headers, the URL and the system's certificates")]
    Client(#[from] reqwest::Error),
}

/// Instance ids kept at hand; beyond it (an id per response?) they are forgotten and begun anew.
const MAX_KNOWN_IDS: usize = 1_024;

/// After this long without a request a connection is closed, also when it is younger than the maximum age.
const IDLE: Duration = Duration::from_secs(90);

/// How many warm-up connections are opened at the same time: not the storm that warming is meant to avoid.
const WARM_AT_ONCE: usize = 32;

/// Sends one kind of request over pools of connections that retire by age. One per worker.
#[derive(Debug)]
pub struct HttpTransport {
    template: Request,
    recipe: Recipe,
    pools: RefCell<Generations<Client>>,
    /// The pool that replaces the oldest one next, made in the background: reading the system's certificates takes
    /// milliseconds, which would delay arrivals.
    spare: RefCell<Option<JoinHandle<Result<Client, reqwest::Error>>>>,
    instance_header: HeaderName,
    /// Ids by what the header said, so that a request neither parses nor allocates one.
    ids: RefCell<HashMap<Box<[u8]>, InstanceId>>,
}

impl HttpTransport {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// When the URL, the certificates or the headers cannot be used; the message says what to change.
    pub fn new(options: &RequestOptions) -> Result<Self, TransportError> {
        if !matches!(options.url.scheme(), "http" | "https") || !options.url.has_host() {
            return Err(TransportError::Url(options.url.to_string()));
        }
        install_tls_provider();
        // Without keep-alive there is nothing to retire.
        let max_age = options.conn_max_age.filter(|_| options.keep_alive);
        let recipe = Recipe::new(options, max_age)?;
        let mut pools = Vec::new();
        for _ in 0..Generations::<Client>::count(max_age) {
            pools.push(recipe.client()?);
        }
        let mut headers = options.headers.clone();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("scaletop/", env!("CARGO_PKG_VERSION"))));
        if !options.keep_alive && !options.http2 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // Any of the clients makes the same request; it takes credentials out of the URL.
        let mut request = pools[0].request(options.method.clone(), options.url.clone()).headers(headers);
        if let Some(body) = &options.body {
            request = request.body(body.clone());
        }
        Ok(Self {
            template: request.build()?,
            recipe,
            pools: RefCell::new(Generations::new(pools, max_age)),
            spare: RefCell::new(None),
            instance_header: options.instance_header.clone(),
            ids: RefCell::default(),
        })
    }

    /// The pool for a request at `now`.
    fn pool(&self, now: Elapsed) -> Option<Client> {
        let mut pools = self.pools.borrow_mut();
        while pools.is_retirement_due(now) {
            let Some(client) = self.fresh_pool() else { break };
            pools.retire(now, client);
        }
        pools.pick().cloned()
    }

    /// A new pool, at once for plain HTTP. For TLS it comes from the background when it is ready; until then the old
    /// pools are used. (After a silence of the maximum age nothing is left in them: see `pool_idle_timeout`.)
    fn fresh_pool(&self) -> Option<Client> {
        if self.recipe.certificates.is_none() {
            return self.recipe.client().ok();
        }
        let mut spare = self.spare.borrow_mut();
        let fresh = match spare.take() {
            // Finished, so this does not wait. When it failed, the old pool stays in use and the next request tries again.
            Some(task) if task.is_finished() => task.now_or_never().and_then(Result::ok).and_then(Result::ok),
            Some(task) => {
                *spare = Some(task);
                return None;
            }
            None => None,
        };
        let recipe = self.recipe.clone();
        *spare = Some(tokio::task::spawn_blocking(move || recipe.client()));
        fresh
    }

    /// A copy of the request. Bodies are bytes in memory, so a copy is always possible.
    fn request(&self) -> Request {
        self.template
            .try_clone()
            .unwrap_or_else(|| Request::new(self.template.method().clone(), self.template.url().clone()))
    }

    fn id(&self, headers: &HeaderMap) -> Option<InstanceId> {
        let raw = headers.get(&self.instance_header)?.as_bytes();
        let mut ids = self.ids.borrow_mut();
        if let Some(id) = ids.get(raw) {
            return Some(id.clone());
        }
        let id = InstanceId::parse(raw)?;
        if ids.len() >= MAX_KNOWN_IDS {
            ids.clear();
        }
        ids.insert(raw.into(), id.clone());
        Some(id)
    }
}

impl Transport for HttpTransport {
    async fn send(&self, sent: Elapsed) -> Reply {
        let Some(pool) = self.pool(sent) else { return Reply::failed(FailureKind::Other) };
        match pool.execute(self.request()).await {
            Ok(response) => {
                let served_by = self.id(response.headers());
                let remote = response.remote_addr();
                let (outcome, bytes) = read(response).await;
                Reply { outcome, bytes, served_by, remote }
            }
            Err(error) => Reply::failed(failure_kind(&error)),
        }
    }

    async fn warm(&self, connections: usize) -> usize {
        let mut opened = 0;
        let mut left = connections;
        while left > 0 {
            let batch = left.min(WARM_AT_ONCE);
            left -= batch;
            let replies = join_all((0..batch).map(|_| self.send(Elapsed::ZERO))).await;
            opened += replies.iter().filter(|reply| matches!(reply.outcome, Outcome::Status(_))).count();
        }
        opened
    }
}

/// Reads the body to its end, and forgets it.
async fn read(mut response: Response) -> (Outcome, u64) {
    let status = response.status().as_u16();
    let mut bytes = 0;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes += chunk.len() as u64,
            Ok(None) => return (Outcome::Status(status), bytes),
            Err(error) if error.is_timeout() => return (Outcome::Failed(FailureKind::Timeout), bytes),
            Err(_) => return (Outcome::Failed(FailureKind::Body), bytes),
        }
    }
}

/// Installs ring as the process's TLS provider, once. Whoever installed another one first is left alone.
fn install_tls_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// How to make a client: kept, because pools are replaced as they age.
#[derive(Clone, Debug)]
struct Recipe {
    max_age: Option<Duration>,
    timeout: Duration,
    insecure: bool,
    /// Certificates to trust besides the system's; `None` for plain HTTP, which needs none.
    certificates: Option<Vec<Certificate>>,
    http2: bool,
    keep_alive: bool,
    resolve: Vec<(String, SocketAddr)>,
    names: Names,
}

impl Recipe {
    fn new(options: &RequestOptions, max_age: Option<Duration>) -> Result<Self, TransportError> {
        // Read for plain HTTP, too: a wrong path is a mistake worth telling.
        let extra = options.cacert.as_ref().map_or_else(|| Ok(Vec::new()), certificates)?;
        Ok(Self {
            max_age,
            timeout: options.timeout,
            insecure: options.insecure,
            certificates: (options.url.scheme() == "https").then_some(extra),
            http2: options.http2,
            keep_alive: options.keep_alive,
            resolve: options.resolve.clone(),
            names: Names::default(),
        })
    }

    fn client(&self) -> Result<Client, reqwest::Error> {
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .timeout(self.timeout)
            .tcp_nodelay(true)
            .dns_resolver(self.names.clone());
        client = if self.http2 { client.http2_prior_knowledge() } else { client.http1_only() };
        if let Some(age) = self.max_age {
            client = client.pool_idle_timeout(age.min(IDLE));
        }
        if !self.keep_alive {
            client = client.pool_max_idle_per_host(0);
        }
        if self.insecure {
            client = client.tls_danger_accept_invalid_certs(true);
        }
        client = match &self.certificates {
            Some(extra) => client.tls_certs_merge(extra.iter().cloned()),
            // None at all, since reading the system's takes milliseconds.
            None => client.tls_certs_only(std::iter::empty()),
        };
        for (host, address) in &self.resolve {
            client = client.resolve(host, *address);
        }
        client.build()
    }
}

fn certificates(path: &PathBuf) -> Result<Vec<Certificate>, TransportError> {
    let pem = std::fs::read(path).map_err(|source| TransportError::CertificateFile { path: path.clone(), source })?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|source| TransportError::Certificates { path: path.clone(), source })?;
    if certificates.is_empty() {
        return Err(TransportError::NoCertificate(path.clone()));
    }
    Ok(certificates)
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let addresses = names.lookup(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What kind of failure an error before the response is.
///
/// Our own limits come first, since running out of ports or descriptors also looks like a failed connect; then what is
/// more specific than "connect".
fn failure_kind(error: &reqwest::Error) -> FailureKind {
    if any_cause(error, |cause| cause.downcast_ref::<io::Error>().is_some_and(is_our_limit)) {
        FailureKind::Ports
    } else if is_caused_by::<LookupError>(error) {
        FailureKind::Dns
    } else if is_caused_by::<rustls::Error>(error) {
        FailureKind::Tls
    } else if error.is_timeout() {
        FailureKind::Timeout
    } else if error.is_connect() {
        FailureKind::Connect
    } else if any_cause(error, is_reset) {
        FailureKind::Reset
    } else {
        FailureKind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_id_is_parsed_once_and_many_ids_do_not_pile_up() {
        let transport = HttpTransport::new(&RequestOptions::get("http://127.0.0.1/".parse().unwrap())).unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(transport.id(&headers), None);
        for number in 0..3 * MAX_KNOWN_IDS {
            headers.insert("x-instance-id", HeaderValue::from_str(&format!("i-{number}")).unwrap());
            assert_eq!(transport.id(&headers), transport.id(&headers));
        }
        assert!(transport.ids.borrow().len() <= MAX_KNOWN_IDS);
    }
}
