//! Load over reqwest: an independent HTTP client, under the same tests as our own connections. Its pool hides how long a
//! request waited for a connection, so [`HttpTransport`](crate::HttpTransport) is what measures; this one is what the
//! measurement can be compared with. The only file that names reqwest's client.
//!
//! What a load driver must not do is switched off: redirects, proxies from the environment, retries and the referer. One
//! thing below us remains: a request whose pooled connection turns out to be closed *before a byte of it was written* is
//! put on another connection; the service never saw it.
//!
//! A response counts as complete when its body was read to the end. Failures are told apart by the *types* in the error's
//! source chain, never by their text.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use http::header::{CONNECTION, HeaderValue, LOCATION, USER_AGENT};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, Request, Response};
use tokio::task::JoinHandle;

use crate::http::cause::{is_our_limit, leads_to};
use crate::http::{RequestOptions, TransportError};
use crate::ids::Ids;
use crate::names::{LookupError, Names};
use crate::reqwest_transport::causes::{any_cause, is_caused_by, is_reset};
use crate::reqwest_transport::generations::Generations;
use crate::sample::{FailureKind, Outcome};
use crate::transport::{Reply, Transport};
use scaletop_units::Elapsed;

mod causes;
mod fetch;
mod generations;

pub use fetch::{FetchError, Fetched, Fetcher};

/// After this long without a request a connection is closed, also when it is younger than the maximum age.
const IDLE: Duration = Duration::from_secs(90);

/// How many warm-up connections are opened at the same time: not the storm that warming is meant to avoid.
const WARM_AT_ONCE: usize = 32;

/// Sends one kind of request over pools of connections that retire by age. One per worker.
#[derive(Debug)]
pub struct ReqwestTransport {
    template: Request,
    settings: ClientSettings,
    pools: RefCell<Generations<Client>>,
    /// The pool that replaces the oldest one next, made in the background: reading the system's certificates takes
    /// milliseconds, which would delay arrivals.
    spare: RefCell<Option<JoinHandle<Result<Client, reqwest::Error>>>>,
    ids: Ids,
}

impl ReqwestTransport {
    /// Opens no connection yet.
    ///
    /// # Errors
    /// When the URL, the certificates or the headers cannot be used; the message says what to change.
    pub fn new(options: &RequestOptions) -> Result<Self, TransportError> {
        if !matches!(options.url.scheme(), "http" | "https") || !options.url.has_host() {
            return Err(TransportError::Url(options.url.to_string()));
        }
        options.refuse_framing_headers()?;
        if let Some(name) = &options.due_header {
            let why = format!("{name} cannot say when a request was due: reqwest sends the same request each time");
            return Err(TransportError::Request(why));
        }
        if options.mix.is_some() || options.authorize.is_some() {
            let why = "reqwest sends the same request each time, so several requests, or headers that change, cannot be sent with it";
            return Err(TransportError::Request(why.to_owned()));
        }
        install_tls_provider();
        // Without keep-alive there is nothing to retire.
        let max_age = options.conn_max_age.filter(|_| options.keep_alive);
        let settings = ClientSettings::new(options, max_age)?;
        let mut pools = Vec::new();
        for _ in 0..Generations::<Client>::count(max_age) {
            pools.push(settings.client()?);
        }
        Ok(Self {
            // Any of the clients makes the same request.
            template: template(&pools[0], options)?,
            settings,
            pools: RefCell::new(Generations::new(pools, max_age)),
            spare: RefCell::new(None),
            ids: Ids::new(options.instance_header.clone()),
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
        if self.settings.certificates.is_none() {
            return self.settings.client().ok();
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
        let settings = self.settings.clone();
        *spare = Some(tokio::task::spawn_blocking(move || settings.client()));
        fresh
    }

    /// A copy of the request. Bodies are bytes in memory, so a copy is always possible.
    fn request(&self) -> Request {
        self.template
            .try_clone()
            .unwrap_or_else(|| Request::new(self.template.method().clone(), self.template.url().clone()))
    }
}

impl Transport for ReqwestTransport {
    async fn send(&self, sent: Elapsed) -> Reply {
        let Some(pool) = self.pool(sent) else { return Reply::failed(FailureKind::Other) };
        match pool.execute(self.request()).await {
            Ok(response) => {
                let served_by = response.headers().get(self.ids.header()).and_then(|raw| self.ids.get(raw.as_bytes()));
                let remote = response.remote_addr();
                let is_http2 = response.version() == http::Version::HTTP_2;
                let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
                let cause = location.map(|location| leads_to(location.as_bytes()));
                let (outcome, bytes) = read(response).await;
                Reply { outcome, bytes, served_by, remote, cause, is_http2 }
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

/// The request that is sent again and again; credentials of the URL become a header.
fn template(client: &Client, options: &RequestOptions) -> Result<Request, reqwest::Error> {
    let mut headers = options.headers.clone();
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("scaletop/", env!("CARGO_PKG_VERSION"))));
    if !options.keep_alive && !options.http2 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let mut request = client.request(options.method.clone(), options.url.clone()).headers(headers);
    if let Some(body) = &options.body {
        request = request.body(body.clone());
    }
    request.build()
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
pub fn install_tls_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// How to make a client: kept, because pools are replaced as they age.
#[derive(Clone, Debug)]
struct ClientSettings {
    max_age: Option<Duration>,
    timeout: Duration,
    insecure: bool,
    /// Certificates to trust besides the system's; `None` for plain HTTP, which needs none.
    certificates: Option<Vec<Certificate>>,
    http2: bool,
    keep_alive: bool,
    /// Addresses to use for the host instead of what name resolution says.
    resolve: Vec<SocketAddr>,
    host: String,
    names: Names,
}

impl ClientSettings {
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
            resolve: options.given_addresses()?,
            host: options.url.host_str().unwrap_or_default().to_owned(),
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
        if !self.resolve.is_empty() {
            client = client.resolve_to_addrs(&self.host, &self.resolve);
        }
        client.build()
    }
}

fn certificates(path: &PathBuf) -> Result<Vec<Certificate>, TransportError> {
    let pem = std::fs::read(path).map_err(|source| TransportError::CertificateFile { path: path.clone(), source })?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|source| TransportError::Certificates { path: path.clone(), source: source.into() })?;
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
