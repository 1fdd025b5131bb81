//! One request as bytes on a connection: written down once where every arrival sends the same, else anew for each.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};

use std::io::Write as _;
use std::sync::Arc;

use crate::http::options::{Authorize, Unsigned};
use crate::mix::Draw;
use crate::mix::template::Template;
use scaletop_units::Elapsed;

/// Everything that is sent for one of the requests, but for what is known only when it is.
#[derive(Debug)]
pub(super) struct Written {
    pub method: Method,
    /// The headers of HTTP/1.1, the host among them; without the length of a body that is not known yet.
    pub headers: HeaderMap,
    pub scheme: Scheme,
    /// Host and port as they are sent: of the host header, where one was given.
    pub authority: Authority,
    pub text: Texts,
    /// The header that says when a request was due.
    pub due: Option<HeaderName>,
    pub authorize: Option<Arc<dyn Authorize>>,
}

/// What may differ from arrival to arrival.
#[derive(Debug)]
pub(super) enum Texts {
    /// Nothing does.
    Same { path: PathAndQuery, body: Bytes, wire: Bytes, head: Box<Request<()>> },
    /// Some of it does. `lines` are the headers over HTTP/1.1 that are always the same, as bytes.
    Made { path: Template, headers: Vec<(HeaderName, Template)>, body: Option<Template>, lines: Bytes },
}

/// A request in its parts.
struct Parts {
    path: PathAndQuery,
    headers: HeaderMap,
    body: Bytes,
}

/// Headers about the connection have no place in HTTP/2 (RFC 9113, section 8.2.2), and the host is its authority.
const NOT_IN_HTTP2: [&str; 6] =
    ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

impl Written {
    /// The bytes over HTTP/1.1 of the request with what `draw` says; `due`: when it was, if anybody asked for it.
    pub(super) fn wire(&self, draw: &Draw<'_>, due: Option<Elapsed>) -> Bytes {
        if let Texts::Same { wire, .. } = &self.text
            && !self.differs(due)
        {
            return wire.clone();
        }
        if let Texts::Made { path, headers, body, lines } = &self.text
            && !self.differs(due)
        {
            return self.made(draw, path, headers, body.as_ref(), lines);
        }
        let Parts { path, headers, body } = self.parts(draw, due);
        http1_bytes(&self.method, &path, &headers, &body)
    }

    /// The bytes over HTTP/1.1 of a request of which some is made for it: straight into one buffer, since it is on the path of every
    /// request.
    fn made(
        &self,
        draw: &Draw<'_>,
        path: &Template,
        headers: &[(HeaderName, Template)],
        body: Option<&Template>,
        lines: &Bytes,
    ) -> Bytes {
        let mut wire = String::with_capacity(256 + lines.len());
        wire.push_str(self.method.as_str());
        wire.push(' ');
        path.write(draw, &mut wire);
        wire.push_str(" HTTP/1.1\r\n");
        let mut wire = wire.into_bytes();
        wire.extend_from_slice(lines);
        let mut text = String::new();
        for (name, template) in headers {
            text.clear();
            template.write(draw, &mut text);
            for part in [name.as_str(), ": ", &text, "\r\n"] {
                wire.extend_from_slice(part.as_bytes());
            }
        }
        text.clear();
        if let Some(body) = body {
            body.write(draw, &mut text);
        }
        if body.is_some() || expects_body(&self.method) {
            // Writing to a vector cannot fail.
            let _ = write!(wire, "content-length: {}\r\n", text.len());
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(text.as_bytes());
        Bytes::from(wire)
    }

    /// The same over HTTP/2: the head, and the body.
    pub(super) fn head(&self, draw: &Draw<'_>, due: Option<Elapsed>) -> (Request<()>, Bytes) {
        if let Texts::Same { head, body, .. } = &self.text
            && !self.differs(due)
        {
            return (head.as_ref().clone(), body.clone());
        }
        let Parts { path, headers, body } = self.parts(draw, due);
        (http2_head(&self.method, &self.scheme, &self.authority, path, headers), body)
    }

    /// Whether something is added to each request.
    const fn differs(&self, due: Option<Elapsed>) -> bool {
        self.authorize.is_some() || (self.due.is_some() && due.is_some())
    }

    fn parts(&self, draw: &Draw<'_>, due: Option<Elapsed>) -> Parts {
        let mut headers = self.headers.clone();
        let (path, body) = match &self.text {
            Texts::Same { path, body, .. } => (path.clone(), body.clone()),
            Texts::Made { path, headers: made, body, lines: _ } => {
                let mut text = String::new();
                for (name, template) in made {
                    text.clear();
                    template.write(draw, &mut text);
                    // Every row of the data was tried.
                    if let Ok(value) = HeaderValue::from_str(&text) {
                        headers.insert(name, value);
                    }
                }
                let mut body_text = String::new();
                if let Some(body) = body {
                    body.write(draw, &mut body_text);
                }
                if body.is_some() || expects_body(&self.method) {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(body_text.len()));
                }
                text.clear();
                path.write(draw, &mut text);
                (PathAndQuery::try_from(text).unwrap_or(PathAndQuery::from_static("/")), Bytes::from(body_text))
            }
        };
        if let (Some(name), Some(due)) = (&self.due, due)
            && let Ok(value) = HeaderValue::from_str(&format!("{:020}", due.as_nanos()))
        {
            headers.insert(name, value);
        }
        if let Some(authorize) = &self.authorize {
            let (method, host) = (&self.method, self.authority.as_str());
            let unsigned = Unsigned { method, path: path.as_str(), host, headers: &headers, body: &body };
            for (name, value) in authorize.headers(&unsigned) {
                headers.insert(name, value);
            }
        }
        Parts { path, headers, body }
    }
}

/// A head over HTTP/2: the host header is its authority.
pub(super) fn http2_head(
    method: &Method,
    scheme: &Scheme,
    authority: &Authority,
    path: PathAndQuery,
    mut headers: HeaderMap,
) -> Request<()> {
    let mut uri = http::uri::Parts::default();
    (uri.scheme, uri.authority, uri.path_and_query) = (Some(scheme.clone()), Some(authority.clone()), Some(path));
    for name in NOT_IN_HTTP2 {
        headers.remove(name);
    }
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    // All three parts are there, so it is one.
    *request.uri_mut() = Uri::from_parts(uri).unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    request
}

/// Whether a request of this method says how long its body is although it has none.
pub(super) fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// A request over HTTP/1.1, head and body.
pub(super) fn http1_bytes(method: &Method, path: &PathAndQuery, headers: &HeaderMap, body: &Bytes) -> Bytes {
    let mut wire = BytesMut::with_capacity(512 + body.len());
    wire.put_slice(method.as_str().as_bytes());
    wire.put_u8(b' ');
    wire.put_slice(path.as_str().as_bytes());
    wire.put_slice(b" HTTP/1.1\r\n");
    put_headers(headers, &mut wire);
    wire.put_slice(b"\r\n");
    wire.put_slice(body);
    wire.freeze()
}

/// Headers as they stand in a request over HTTP/1.1.
pub(super) fn header_lines(headers: &HeaderMap) -> Bytes {
    let mut lines = BytesMut::new();
    put_headers(headers, &mut lines);
    lines.freeze()
}

fn put_headers(headers: &HeaderMap, wire: &mut BytesMut) {
    // The host goes first, as RFC 9112 advises.
    let hosts = headers.iter().filter(|(name, _)| *name == HOST);
    for (name, value) in hosts.chain(headers.iter().filter(|(name, _)| *name != HOST)) {
        wire.put_slice(name.as_str().as_bytes());
        wire.put_slice(b": ");
        wire.put_slice(value.as_bytes());
        wire.put_slice(b"\r\n");
    }
}
