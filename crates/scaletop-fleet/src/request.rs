//! What a generator is told to send: [`RequestOptions`] that travel.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use scaletop_load::{Mix, MixSpec, RequestOptions};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use url::Url;

use crate::config::FleetError;

/// What to send, and how, as it travels. It holds whatever secrets the headers and the body hold: it goes to generators that were
/// let in, and is stored nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WireRequest {
    url: String,
    method: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    timeout: Duration,
    insecure: bool,
    /// The certificates themselves: the generator has no such file.
    cacert: Option<Vec<u8>>,
    http2: bool,
    keep_alive: bool,
    conn_max_age: Option<Duration>,
    resolve: Vec<(String, SocketAddr)>,
    instance_header: String,
    due_header: Option<String>,
    /// Several requests, as they were written.
    #[serde(default)]
    mix: Option<MixSpec>,
}

impl std::fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WireRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl WireRequest {
    /// Packs `options`; reads the file with certificates if they name one.
    ///
    /// # Errors
    /// When that file cannot be read.
    pub(crate) fn pack(options: &RequestOptions) -> Result<Self, FleetError> {
        if options.authorize.is_some() {
            let why = "headers that change while the load goes on are this machine's, and generators elsewhere have no part in them";
            return Err(FleetError::Request(why.to_owned()));
        }
        let read = |path: &Path| {
            let unreadable = |error| FleetError::Request(format!("cannot read {}: {error}", path.display()));
            std::fs::read(path).map_err(unreadable)
        };
        let header = |(name, value): (&HeaderName, &HeaderValue)| (name.as_str().to_owned(), value.as_bytes().to_vec());
        Ok(Self {
            url: options.url.to_string(),
            method: options.method.to_string(),
            headers: options.headers.iter().map(header).collect(),
            body: options.body.as_ref().map(|body| body.to_vec()),
            timeout: options.timeout,
            insecure: options.insecure,
            cacert: options.cacert.as_deref().map(read).transpose()?,
            http2: options.http2,
            keep_alive: options.keep_alive,
            conn_max_age: options.conn_max_age,
            resolve: options.resolve.clone(),
            instance_header: options.instance_header.to_string(),
            due_header: options.due_header.as_ref().map(ToString::to_string),
            mix: options.mix.as_ref().map(|mix| mix.spec().clone()),
        })
    }

    /// Unpacks it. The certificates are in a file that lives as long as what is returned besides.
    ///
    /// # Errors
    /// When it is no request, or the file cannot be written.
    pub(crate) fn unpack(&self) -> Result<(RequestOptions, Option<NamedTempFile>), FleetError> {
        let wrong = |what: &str, error: &dyn std::fmt::Display| FleetError::Request(format!("{what}: {error}"));
        let name = |text: &str| HeaderName::try_from(text).map_err(|error| wrong("a header's name", &error));
        let mut headers = HeaderMap::new();
        for (key, value) in &self.headers {
            let value = HeaderValue::from_bytes(value).map_err(|error| wrong("a header's value", &error))?;
            headers.append(name(key)?, value);
        }
        let file = self.cacert.as_deref().map(keep).transpose().map_err(|error| wrong("the certificates", &error))?;
        let options = RequestOptions {
            url: Url::parse(&self.url).map_err(|error| wrong("the URL", &error))?,
            method: self.method.parse().map_err(|error| wrong("the method", &error as &http::method::InvalidMethod))?,
            headers,
            body: self.body.clone().map(Bytes::from),
            timeout: self.timeout,
            insecure: self.insecure,
            cacert: file.as_ref().map(|file| file.path().to_owned()),
            http2: self.http2,
            keep_alive: self.keep_alive,
            conn_max_age: self.conn_max_age,
            resolve: self.resolve.clone(),
            instance_header: name(&self.instance_header)?,
            due_header: self.due_header.as_deref().map(name).transpose()?,
            mix: self
                .mix
                .clone()
                .map(Mix::new)
                .transpose()
                .map_err(|error| wrong("several requests", &error))?
                .map(Arc::new),
            // What changes while it is sent does not travel: whoever packs a request has refused that.
            authorize: None,
        };
        Ok((options, file))
    }

    /// Where requests go, without user name, password and query.
    pub(crate) fn shown_target(&self) -> String {
        let Ok(mut url) = Url::parse(&self.url) else { return "a URL that cannot be read".to_owned() };
        // A URL without a host has neither, and is refused elsewhere.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.to_string()
    }

    /// How long a request may take.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Why a generator that may load `allow` does not send this, agreed to for the host `consent`; `None`: it does.
    pub(crate) fn refusal(&self, consent: &str, allow: &[String]) -> Option<String> {
        let is_allowed = |host: &str| allow.iter().any(|one| bare(one).eq_ignore_ascii_case(bare(host)));
        let url = Url::parse(&self.url).ok();
        let Some(host) = url.as_ref().and_then(Url::host_str) else { return Some("its URL names no host".to_owned()) };
        if !bare(host).eq_ignore_ascii_case(bare(consent)) {
            return Some(format!("it goes to {host}, and {consent} is what was agreed to"));
        }
        if !is_allowed(host) {
            return Some(format!("{host} is not among its hosts; see --allow"));
        }
        let elsewhere = self.resolve.iter().map(|(_, at)| at.ip().to_string()).find(|at| !is_allowed(at));
        elsewhere
            .map(|at| format!("its --resolve sends what is meant for {host} to {at}; allow that with --allow {at}"))
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn keep(pem: &[u8]) -> std::io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(pem)?;
    file.flush()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> RequestOptions {
        let mut options = RequestOptions::get(url.parse().unwrap());
        options.headers.append("x-a", HeaderValue::from_static("1"));
        options.headers.append("x-a", HeaderValue::from_bytes(b"\xe4").unwrap());
        options.body = Some(Bytes::from_static(b"body"));
        options.method = http::Method::PUT;
        options.resolve = vec![("shop.example".to_owned(), "10.0.0.1:0".parse().unwrap())];
        options.due_header = Some(HeaderName::from_static("x-due"));
        options
    }

    #[test]
    fn a_request_comes_out_as_it_went_in_with_its_certificates() {
        let mut pem = NamedTempFile::new().unwrap();
        pem.write_all(b"-----BEGIN").unwrap();
        let mut options = options("https://shop.example/a?b=c");
        options.cacert = Some(pem.path().to_owned());
        let wire = WireRequest::pack(&options).unwrap();
        let bytes = crate::message::write(1, 1, &wire);
        let read = crate::message::read::<WireRequest>(&bytes).unwrap().body;
        assert_eq!(read, wire);
        let (back, file) = read.unpack().unwrap();
        assert_eq!(std::fs::read(file.unwrap().path()).unwrap(), b"-----BEGIN");
        let plain = |mut options: RequestOptions| {
            options.cacert = None;
            format!("{options:?}")
        };
        assert_eq!(plain(back), plain(options));
        assert!(!format!("{wire:?}").contains("shop"), "nothing of it is logged");
    }

    #[test]
    fn a_generator_sends_only_where_it_may_and_what_was_agreed_to() {
        let refusal = |url: &str, consent: &str, allow: &[&str]| {
            let allow: Vec<String> = allow.iter().map(|&host| host.to_owned()).collect();
            WireRequest::pack(&options(url)).unwrap().refusal(consent, &allow)
        };
        let both = ["SHOP.example", "10.0.0.1"];
        assert_eq!(refusal("https://shop.example/", "shop.example", &both), None);
        assert!(refusal("https://shop.example/", "other.example", &both).unwrap().contains("agreed"));
        assert!(refusal("https://shop.example/", "shop.example", &["10.0.0.1"]).unwrap().contains("--allow"));
        assert!(refusal("https://shop.example/", "shop.example", &["shop.example"]).unwrap().contains("10.0.0.1"));
        assert!(refusal("https://shop.example/", "shop.example", &[]).is_some());
        assert_eq!(refusal("http://[::1]:80/", "::1", &["::1", "10.0.0.1"]), None);
    }

    #[test]
    fn what_is_shown_of_a_target_holds_no_secret() {
        let wire = WireRequest::pack(&options("https://me:secret@shop.example/a?token=x")).unwrap();
        assert_eq!(wire.shown_target(), "https://shop.example/a");
    }
}
