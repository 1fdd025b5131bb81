//! Documents that are fetched beside the load: whole answers, bounded in size, with the same certificates, name resolution and
//! manners as the load has.

use std::error::Error as StdError;
use std::fmt;

use http::header::{AUTHORIZATION, DATE, HeaderValue, LOCATION};
use reqwest::{Client, Request};

use crate::http::{RequestOptions, TransportError};
use crate::reqwest_transport::{ClientSettings, failure_kind, install_tls_provider, template};
use crate::sample::FailureKind;

/// Fetches one document again and again. Follows no redirect and no proxy; keeps its connection for the next time.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    request: std::sync::Arc<Request>,
}

/// An answer with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
    /// When it was made by the server's clock, as its `Date` says: untrusted text.
    pub date: Option<String>,
    /// Where it leads to, when it is a redirect: untrusted text.
    pub location: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// It failed, for this reason, which is free of what the URL holds.
    Failed(FailureKind, String),
    /// The body is longer than this many bytes.
    TooLong(usize),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(_, why) => f.write_str(why),
            Self::TooLong(most) => write!(f, "the answer is longer than {} KiB", most / 1024),
        }
    }
}

impl StdError for FetchError {}

impl Fetcher {
    /// Opens no connection yet. A user and a password in the URL are sent as basic authentication.
    ///
    /// # Errors
    /// When the URL, the certificates or the headers cannot be used; the message says what to change.
    pub fn new(options: &RequestOptions) -> Result<Self, TransportError> {
        install_tls_provider();
        let client = ClientSettings::new(options, None)?.client()?;
        let request = std::sync::Arc::new(template(&client, options)?);
        Ok(Self { client, request })
    }

    /// Fetches it once, with a body of at most `most` bytes. `bearer` is sent as a token, in place of a user of the URL.
    ///
    /// # Errors
    /// When there is no whole answer in time.
    pub async fn fetch(&self, bearer: Option<HeaderValue>, most: usize) -> Result<Fetched, FetchError> {
        let url = self.request.url().clone();
        let mut request = self.request.try_clone().unwrap_or_else(|| Request::new(self.request.method().clone(), url));
        if let Some(bearer) = bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        let mut response = self.client.execute(request).await.map_err(failed)?;
        let text =
            |name| response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (date, location) = (text(DATE), text(LOCATION).filter(|_| response.status().is_redirection()));
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > most {
                return Err(FetchError::TooLong(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { status, body, date, location })
    }
}

/// What is at the bottom of an error says what happened; what is at its top repeats the URL.
fn failed(error: reqwest::Error) -> FetchError {
    let kind = if error.is_body() && !error.is_timeout() { FailureKind::Body } else { failure_kind(&error) };
    let error = error.without_url();
    let mut cause: &dyn StdError = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let why = match kind {
        FailureKind::Timeout => "no answer in time".to_owned(),
        _ => cause.to_string(),
    };
    FetchError::Failed(kind, why)
}
