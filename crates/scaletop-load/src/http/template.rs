//! The request, written down once: every request of a run is the same bytes, but for the moment at which it was due where that
//! is asked for. And how connections for it are made.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::{Method, Request, Uri, Version};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::http::options::{RequestOptions, TransportError};
use crate::http::tls;
use crate::names::Names;
use scaletop_units::Elapsed;

/// Everything that the workers of a run have in common.
pub(super) struct RequestTemplate {
    /// The request over HTTP/1.1, head and body.
    wire: Bytes,
    /// The header that says when a request was due, and where its value begins in `wire`.
    due: Option<(HeaderName, usize)>,
    /// The request over HTTP/2, without its body.
    pub head: Request<()>,
    /// The body over HTTP/2.
    pub body: Bytes,
    /// Whether the method is HEAD.
    pub is_head: bool,
    pub timeout: Duration,
    pub max_age: Option<Duration>,
    pub keep_alive: bool,
    /// Whether HTTP/2 is wanted.
    pub http2: bool,
    /// The header that names the instance.
    pub instance_header: HeaderName,
    /// How to make TLS connections and for which name; `None` over plain HTTP.
    pub tls: Option<(TlsConnector, ServerName<'static>)>,
    pub host: String,
    pub port: u16,
    /// Addresses to use instead of what name resolution says.
    pub given: Vec<SocketAddr>,
    pub names: Names,
}

impl fmt::Debug for RequestTemplate {
    /// Without the request: its headers may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestTemplate").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl RequestTemplate {
    /// Reads certificates, writes the request down.
    pub(super) fn new(options: &RequestOptions) -> Result<Self, TransportError> {
        let wrong_url = || TransportError::Url(without_secrets(&options.url));
        if !matches!(options.url.scheme(), "http" | "https") {
            return Err(wrong_url());
        }
        let (host, port) = options.host_and_port().ok_or_else(wrong_url)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if let Some(path) = &options.cacert {
            // Read for plain HTTP, too: a wrong path is a mistake worth telling.
            tls::certificates(path)?;
        }
        let tls = if options.url.scheme() == "https" {
            let name =
                ServerName::try_from(host.clone()).map_err(|error| TransportError::Request(error.to_string()))?;
            Some((tls::connector(options)?, name))
        } else {
            None
        };
        let body = options.body.clone().unwrap_or_default();
        let mut headers = common_headers(options)?;
        let head = http2_head(options, &headers)?;
        if !headers.contains_key(HOST) {
            headers.insert(HOST, value(&authority(&options.url))?);
        }
        if !options.keep_alive {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let due_header = options.due_header.as_ref();
        if let Some(name) = due_header {
            headers.insert(name, value(NOT_DUE)?);
        }
        let wire = http1_bytes(&options.method, &options.url, &headers, &body);
        let due = due_header.and_then(|name| {
            let line = format!("\r\n{name}: {NOT_DUE}\r\n");
            let at = wire.windows(line.len()).position(|window| window == line.as_bytes())?;
            Some((name.clone(), at + name.as_str().len() + 4))
        });
        Ok(Self {
            wire,
            due,
            head,
            body,
            is_head: options.method == Method::HEAD,
            timeout: options.timeout,
            // Without keep-alive there is nothing to retire.
            max_age: options.conn_max_age.filter(|_| options.keep_alive),
            keep_alive: options.keep_alive,
            http2: options.http2,
            instance_header: options.instance_header.clone(),
            tls,
            host,
            port,
            given: options.given_addresses()?,
            names: Names::default(),
        })
    }
}

/// What stands in a template where a moment will.
const NOT_DUE: &str = "00000000000000000000";

impl RequestTemplate {
    /// The bytes of a request over HTTP/1.1 that was due at `due`; of one by itself at no moment.
    pub(super) fn wire(&self, due: Option<Elapsed>) -> Bytes {
        let (Some((_, at)), Some(due)) = (&self.due, due) else { return self.wire.clone() };
        let mut wire = BytesMut::from(&self.wire[..]);
        wire[*at..at + NOT_DUE.len()].copy_from_slice(moment(due).as_bytes());
        wire.freeze()
    }

    /// The head of the same over HTTP/2.
    pub(super) fn head(&self, due: Option<Elapsed>) -> Request<()> {
        let mut head = self.head.clone();
        if let (Some((name, _)), Some(due)) = (&self.due, due)
            && let Ok(value) = HeaderValue::from_str(&moment(due))
        {
            head.headers_mut().insert(name, value);
        }
        head
    }
}

/// A moment in as many digits as [`NOT_DUE`].
fn moment(due: Elapsed) -> String {
    format!("{:020}", due.as_nanos())
}

/// Host and port as they stand in a request.
fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

/// For messages: the URL without user and password.
fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

fn value(text: &str) -> Result<HeaderValue, TransportError> {
    HeaderValue::from_str(text).map_err(|error| TransportError::Request(error.to_string()))
}

/// The headers that both versions have in common.
fn common_headers(options: &RequestOptions) -> Result<HeaderMap, TransportError> {
    options.refuse_framing_headers()?;
    let mut headers = options.headers.clone();
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("scaletop/", env!("CARGO_PKG_VERSION"))));
    let (user, password) = (options.url.username(), options.url.password().unwrap_or_default());
    if (!user.is_empty() || !password.is_empty()) && !headers.contains_key(AUTHORIZATION) {
        let decode = |text| percent_encoding::percent_decode_str(text);
        let pair: Vec<u8> = decode(user).chain([b':']).chain(decode(password)).collect();
        let mut basic = value(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))?;
        basic.set_sensitive(true);
        headers.insert(AUTHORIZATION, basic);
    }
    let expects_body = matches!(options.method, Method::POST | Method::PUT | Method::PATCH);
    if options.body.is_some() || expects_body {
        let length = options.body.as_ref().map_or(0, Bytes::len);
        headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Ok(headers)
}

fn http1_bytes(method: &Method, url: &Url, headers: &HeaderMap, body: &Bytes) -> Bytes {
    let mut wire = BytesMut::with_capacity(512 + body.len());
    wire.put_slice(method.as_str().as_bytes());
    wire.put_u8(b' ');
    wire.put_slice(url[Position::BeforePath..Position::AfterQuery].as_bytes());
    wire.put_slice(b" HTTP/1.1\r\n");
    // The host goes first, as RFC 9112 advises.
    let is_host = |name: &HeaderName| *name == HOST;
    let (host, others): (Vec<_>, Vec<_>) = headers.iter().partition(|(name, _)| is_host(name));
    for (name, value) in host.into_iter().chain(others) {
        wire.put_slice(name.as_str().as_bytes());
        wire.put_slice(b": ");
        wire.put_slice(value.as_bytes());
        wire.put_slice(b"\r\n");
    }
    wire.put_slice(b"\r\n");
    wire.put_slice(body);
    wire.freeze()
}

/// Over HTTP/2 a host header is the authority, and headers about the connection have no place (RFC 9113, section 8.2.2).
fn http2_head(options: &RequestOptions, headers: &HeaderMap) -> Result<Request<()>, TransportError> {
    let wrong = |error: &dyn std::fmt::Display| TransportError::Request(error.to_string());
    let host = headers.get(HOST).map(|host| host.to_str().map_err(|error| wrong(&error))).transpose()?;
    let authority = host.map_or_else(|| authority(&options.url), str::to_owned);
    let path = &options.url[Position::BeforePath..Position::AfterQuery];
    let uri = Uri::builder().scheme(options.url.scheme()).authority(authority).path_and_query(path);
    let mut request = Request::new(());
    *request.method_mut() = options.method.clone();
    *request.uri_mut() = uri.build().map_err(|error| wrong(&error))?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers.clone();
    for name in ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        request.headers_mut().remove(name);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> RequestOptions {
        RequestOptions::get(url.parse().unwrap())
    }

    fn text(options: &RequestOptions) -> String {
        String::from_utf8(RequestTemplate::new(options).unwrap().wire.to_vec()).unwrap()
    }

    #[test]
    fn a_request_says_when_it_was_due_where_that_is_asked_for() {
        let due = Some(Elapsed::from_millis(1_234));
        let mut options = options("http://localhost:81/");
        let plain = RequestTemplate::new(&options).unwrap();
        assert_eq!(plain.wire(due), plain.wire(None));
        options.due_header = Some(HeaderName::from_static("x-due"));
        let template = RequestTemplate::new(&options).unwrap();
        let wire = String::from_utf8(template.wire(due).to_vec()).unwrap();
        assert!(wire.contains("\r\nx-due: 00000000001234000000\r\n"), "{wire}");
        assert_eq!(template.head(due).headers()["x-due"], "00000000001234000000");
        assert_eq!(template.wire(None).len(), wire.len());
    }

    #[test]
    fn a_request_is_written_down_as_asked() {
        let mut options = options("http://u%40x:p@localhost:81/a?b=1#fragment");
        options.method = Method::POST;
        options.body = Some(Bytes::from_static(b"hello"));
        options.headers.insert("x-test", HeaderValue::from_static("yes"));
        let text = text(&options);
        assert!(text.starts_with("POST /a?b=1 HTTP/1.1\r\nhost: localhost:81\r\n"), "{text}");
        assert!(text.contains("\r\nauthorization: Basic dUB4OnA=\r\n"), "{text}");
        assert!(text.contains("\r\nx-test: yes\r\n") && text.contains("\r\ncontent-length: 5\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
    }

    #[test]
    fn whatever_stands_in_a_user_and_a_password_is_sent() {
        let text = text(&options("http://a%26b+:c%3Dd%26e%25=@localhost/"));
        let pair = base64::engine::general_purpose::STANDARD.encode("a&b+:c=d&e%=");
        assert!(text.contains(&format!("\r\nauthorization: Basic {pair}\r\n")), "{text}");
    }

    #[test]
    fn a_host_given_by_the_user_is_the_only_one() {
        let mut options = options("http://127.0.0.1:81/");
        options.headers.insert(HOST, HeaderValue::from_static("a.test"));
        assert_eq!(text(&options).matches("host: ").count(), 1);
        let head = RequestTemplate::new(&options).unwrap().head;
        assert_eq!((head.uri().authority().unwrap().as_str(), head.headers().get(HOST)), ("a.test", None));
    }

    #[test]
    fn addresses_are_given_for_a_host_and_a_port() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mut options = options("http://h.test:27801/");
        options.resolve =
            vec![("h.test".to_owned(), at("127.0.0.1:27801")), ("h.test".to_owned(), at("127.0.0.9:9999"))];
        assert_eq!(RequestTemplate::new(&options).unwrap().given, [at("127.0.0.1:27801")]);
        options.resolve.remove(0);
        assert!(matches!(RequestTemplate::new(&options), Err(TransportError::Resolve { .. })));
        options.resolve = vec![("H.test".to_owned(), at("127.0.0.1:0"))];
        assert_eq!(RequestTemplate::new(&options).unwrap().given, [at("127.0.0.1:27801")]);
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        let error = RequestTemplate::new(&options("ftp://me:secret@example.com/")).unwrap_err().to_string();
        assert!(error.contains("example.com") && !error.contains("secret"), "{error}");
    }
}
