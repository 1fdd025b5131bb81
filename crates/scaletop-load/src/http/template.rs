//! The requests, written down once, and how connections for them are made.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::http::options::{RequestOptions, TransportError};
use crate::http::tls;
use crate::http::written::{Texts, Written, expects_body, header_lines, http1_bytes, http2_head};
use crate::mix::template::Template;
use crate::mix::{Draw, Mix, MixedRequest};
use crate::names::Names;
use crate::pacer::Arrival;
use scaletop_units::Elapsed;

/// Everything that the workers of a run have in common.
pub(super) struct RequestTemplate {
    /// The requests; one, unless there is a mix.
    requests: Vec<Written>,
    mix: Option<Arc<Mix>>,
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
    /// Reads certificates, writes the requests down.
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
        options.refuse_framing_headers()?;
        let requests = match &options.mix {
            None => vec![one(options)?],
            Some(mix) => mix
                .requests()
                .iter()
                .map(|request| one_of_several(options, request, &mix.spec().rows))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            requests,
            mix: options.mix.clone(),
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

    /// The request of `ask`, in a session that began at `started`: microseconds since 1970 UTC.
    pub(super) fn outgoing(&self, ask: Ask, started: i64) -> Outgoing<'_> {
        let arrival = ask.arrival();
        let (at, draw) = match &self.mix {
            None => (0, Draw { seed: 0, arrival, started, row: &[] }),
            Some(mix) => {
                let at = match ask {
                    Ask::Load(arrival) => mix.pick(arrival.number),
                    Ask::Single(at) => at,
                };
                (at, mix.draw(arrival, started))
            }
        };
        // There is at least one, and an index that is none of a mix asks for the first.
        let written = self.requests.get(at).unwrap_or(&self.requests[0]);
        Outgoing { written, draw, due: matches!(ask, Ask::Load(_)).then_some(arrival.due) }
    }
}

/// Which request is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// The one of an arrival.
    Load(Arrival),
    /// One by itself: its number in the order in which they were written.
    Single(usize),
}

impl Ask {
    const fn arrival(self) -> Arrival {
        match self {
            Self::Load(arrival) => arrival,
            Self::Single(_) => Arrival::FIRST,
        }
    }
}

/// A request that is about to be sent.
pub(super) struct Outgoing<'a> {
    written: &'a Written,
    draw: Draw<'a>,
    due: Option<Elapsed>,
}

impl Outgoing<'_> {
    /// Its bytes over HTTP/1.1.
    pub(super) fn wire(&self) -> Bytes {
        self.written.wire(&self.draw, self.due)
    }

    /// Its head and its body over HTTP/2.
    pub(super) fn head(&self) -> (Request<()>, Bytes) {
        self.written.head(&self.draw, self.due)
    }

    /// Whether the answer has no body whatever its head says.
    pub(super) fn is_head(&self) -> bool {
        self.written.method == Method::HEAD
    }

    /// Whether it may be processed twice.
    pub(super) fn is_idempotent(&self) -> bool {
        self.written.method.is_idempotent()
    }
}

/// The request that the options describe.
fn one(options: &RequestOptions) -> Result<Written, TransportError> {
    let body = options.body.clone().unwrap_or_default();
    let mut headers = common_headers(options)?;
    if options.body.is_some() || expects_body(&options.method) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let path = path_of(&options.url[Position::BeforePath..Position::AfterQuery])?;
    written(options, &options.method, headers, Text::Same(path, body))
}

/// One of several requests, with the headers that all have.
fn one_of_several(
    options: &RequestOptions,
    request: &MixedRequest,
    rows: &[Vec<String>],
) -> Result<Written, TransportError> {
    let wrong = |why: String| TransportError::Request(format!("request {}: {why}", request.name));
    let path = request.target.on(&options.url).map_err(|error| wrong(format!("its path is none: {error}")))?;
    let path = path.ok_or_else(|| {
        wrong(format!(
            "it goes elsewhere than to {}, where the load goes; a session measures one service, so write a path, or a session for \
             each service",
            options.url.origin().ascii_serialization()
        ))
    })?;
    for (row, text) in path.in_every_row(rows) {
        let text = String::from_utf8_lossy(&text).into_owned();
        if !text.starts_with('/') || path_of(&text).is_err() {
            let of_row = row.map(|row| format!(" with row {} of the data", row + 1)).unwrap_or_default();
            // What a value is may be a secret.
            return Err(wrong(format!(
                "its path{of_row} is none: it begins with / and holds no space or control character"
            )));
        }
    }
    let mut headers = common_headers(options)?;
    let mut made = Vec::new();
    for (name, template) in &request.headers {
        RequestOptions::refuse_framing(name)?;
        match template.fixed() {
            Some(text) => drop(headers.insert(name, value(text)?)),
            None => made.push((name.clone(), template.clone())),
        }
    }
    let fixed = (made.is_empty(), path.fixed(), request.body.as_ref().map(|body| body.fixed()));
    let text = match fixed {
        (true, Some(path), None | Some(Some(_))) => {
            let body = Bytes::from(fixed.2.flatten().unwrap_or_default().to_owned());
            if request.body.is_some() || expects_body(&request.method) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            Text::Same(path_of(path)?, body)
        }
        _ => Text::Made(path, made, request.body.clone()),
    };
    written(options, &request.method, headers, text)
}

enum Text {
    Same(PathAndQuery, Bytes),
    Made(Template, Vec<(HeaderName, Template)>, Option<Template>),
}

/// Adds what every request has.
fn written(
    options: &RequestOptions,
    method: &Method,
    mut headers: HeaderMap,
    text: Text,
) -> Result<Written, TransportError> {
    let wrong = |error: &dyn fmt::Display| TransportError::Request(error.to_string());
    if !headers.contains_key(HOST) {
        headers.insert(HOST, value(&authority(&options.url))?);
    }
    if !options.keep_alive {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = host.parse().map_err(|error: http::uri::InvalidUri| wrong(&error))?;
    let scheme = if options.url.scheme() == "https" { Scheme::HTTPS } else { Scheme::HTTP };
    let (due, authorize) = (options.due_header.clone(), options.authorize.clone());
    let text = match text {
        Text::Made(path, made, body) => {
            for (name, _) in &made {
                headers.remove(name);
            }
            Texts::Made { path, headers: made, body, lines: header_lines(&headers) }
        }
        Text::Same(path, body) => {
            let wire = http1_bytes(method, &path, &headers, &body);
            let head = Box::new(http2_head(method, &scheme, &authority, path.clone(), headers.clone()));
            Texts::Same { path, body, wire, head }
        }
    };
    Ok(Written { method: method.clone(), headers, scheme, authority, text, due, authorize })
}

fn path_of(text: &str) -> Result<PathAndQuery, TransportError> {
    PathAndQuery::try_from(text).map_err(|error| TransportError::Request(error.to_string()))
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

/// The headers that all requests over both versions have in common.
fn common_headers(options: &RequestOptions) -> Result<HeaderMap, TransportError> {
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
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::options::{Authorize, Unsigned};
    use crate::mix::{MixSpec, RequestSpec};

    fn options(url: &str) -> RequestOptions {
        RequestOptions::get(url.parse().unwrap())
    }

    fn text(options: &RequestOptions) -> String {
        wire(&RequestTemplate::new(options).unwrap(), Ask::Single(0))
    }

    fn wire(template: &RequestTemplate, ask: Ask) -> String {
        String::from_utf8(template.outgoing(ask, 0).wire().to_vec()).unwrap()
    }

    #[test]
    fn a_request_says_when_it_was_due_where_that_is_asked_for() {
        let due = Ask::Load(Arrival { number: 1, due: Elapsed::from_millis(1_234) });
        let mut options = options("http://localhost:81/");
        let plain = RequestTemplate::new(&options).unwrap();
        assert_eq!(wire(&plain, due), wire(&plain, Ask::Single(0)));
        options.due_header = Some(HeaderName::from_static("x-due"));
        let template = RequestTemplate::new(&options).unwrap();
        let sent = wire(&template, due);
        assert!(sent.contains("\r\nx-due: 00000000001234000000\r\n"), "{sent}");
        assert_eq!(template.outgoing(due, 0).head().0.headers()["x-due"], "00000000001234000000");
        assert!(!wire(&template, Ask::Single(0)).contains("x-due"), "it was not due");
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
        let template = RequestTemplate::new(&options).unwrap();
        let (head, _) = template.outgoing(Ask::Single(0), 0).head();
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

    fn several(requests: &[(&str, &str, &str, Option<&str>)]) -> RequestOptions {
        let spec = |&(name, method, target, body): &(&str, &str, &str, Option<&str>)| RequestSpec {
            name: name.into(),
            weight: 1,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("x-no".to_owned(), "{{n}}".to_owned())],
            body: body.map(str::to_owned),
        };
        let rows = vec![vec!["/a b".to_owned()], vec!["/c?d=1".to_owned()]];
        let columns = vec!["path".to_owned()];
        let spec = MixSpec { seed: 1, requests: requests.iter().map(spec).collect(), columns, rows };
        RequestOptions { mix: Some(Arc::new(Mix::new(spec).unwrap())), ..options("http://localhost:81/old?x=1") }
    }

    #[test]
    fn each_of_several_requests_is_written_with_the_values_of_its_arrival() {
        let options = several(&[("a", "POST", "/items/{{n}}?q={{csv.path}}", Some("no. {{n}}"))]);
        let template = RequestTemplate::new(&options).unwrap();
        let fourth = Ask::Load(Arrival { number: 4, due: Elapsed::ZERO });
        let text = wire(&template, fourth);
        assert!(text.starts_with("POST /items/4?q=%2Fc%3Fd%3D1 HTTP/1.1\r\nhost: localhost:81\r\n"), "{text}");
        assert!(text.contains("\r\nx-no: 4\r\n") && text.contains("\r\ncontent-length: 5\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nno. 4"), "{text}");
        let (head, body) = template.outgoing(fourth, 0).head();
        assert_eq!(head.uri(), "http://localhost:81/items/4?q=%2Fc%3Fd%3D1");
        assert_eq!((&head.headers()["x-no"], &head.headers()["content-length"]), (&"4".parse().unwrap(), &5.into()));
        assert_eq!((head.headers().get(HOST), &body[..]), (None, &b"no. 4"[..]));
    }

    #[test]
    fn a_request_s_own_header_stands_in_place_of_that_of_all() {
        let mut options = several(&[("a", "GET", "/", None)]);
        options.headers.insert("x-no", HeaderValue::from_static("of all"));
        let template = RequestTemplate::new(&options).unwrap();
        let text = wire(&template, Ask::Load(Arrival { number: 3, due: Elapsed::ZERO }));
        assert_eq!((text.matches("x-no: ").count(), text.contains("x-no: 3\r\n")), (1, true), "{text}");
    }

    #[test]
    fn a_whole_path_may_be_a_value() {
        let mut options = several(&[("a", "GET", "{{csv.path|raw}}", None)]);
        let mut spec = options.mix.as_ref().unwrap().spec().clone();
        spec.rows = vec![vec!["/one?a=1".to_owned()], vec!["/two".to_owned()]];
        options.mix = Some(Arc::new(Mix::new(spec).unwrap()));
        let template = RequestTemplate::new(&options).unwrap();
        let path = |number| wire(&template, Ask::Load(Arrival { number, due: Elapsed::ZERO }));
        assert!(path(1).starts_with("GET /one?a=1 HTTP/1.1") && path(2).starts_with("GET /two HTTP/1.1"));
    }

    #[test]
    fn several_requests_go_to_one_origin_and_to_paths() {
        let refused =
            |target: &str| RequestTemplate::new(&several(&[("a", "GET", target, None)])).unwrap_err().to_string();
        assert!(refused("http://elsewhere.test/").contains("goes elsewhere than to http://localhost:81"));
        assert!(refused("http://{{n}}.test/").contains("goes elsewhere"));
        assert!(refused("{{csv.path|raw}}").contains("its path with row 1 of the data is none"));
        let same = RequestTemplate::new(&several(&[("a", "GET", "http://localhost:81/b", None)])).unwrap();
        assert!(wire(&same, Ask::Single(0)).starts_with("GET /b HTTP/1.1"));
    }

    #[test]
    fn headers_that_are_known_only_then_are_added_when_a_request_is_sent() {
        #[derive(Debug)]
        struct Signs;
        impl Authorize for Signs {
            fn headers(&self, request: &Unsigned<'_>) -> Vec<(HeaderName, HeaderValue)> {
                let Unsigned { method, path, host, headers, body } = request;
                assert!(headers.contains_key(HOST));
                vec![(AUTHORIZATION, format!("{method} {host}{path} {}", body.len()).parse().unwrap())]
            }
        }
        let mut options = options("http://me:secret@localhost:81/a?b");
        options.body = Some(Bytes::from_static(b"12345"));
        options.authorize = Some(Arc::new(Signs));
        let text = text(&options);
        assert!(text.contains("\r\nauthorization: GET localhost:81/a?b 5\r\n"), "{text}");
        assert_eq!(text.matches("authorization").count(), 1, "{text}");
    }
}
