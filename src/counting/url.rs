//! Counts by a document: it is fetched, and a number stands in it.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use url::Url;

use crate::counting::feed::ReadCounts;
use crate::counting::reading::{at, number};
use crate::counting::{CountSource, MOST_BYTES, Reading};
use crate::files;
use crate::instances::{SourceError, SourceErrorKind};
use crate::target::{hide_secrets, without_secrets};
use crate::text::clean_to;
use crate::values::count::Named;
use scaletop_load::{FailureKind, FetchError, Fetched, Fetcher};

/// How much of an answer that is none is told.
const SHOWN: usize = 120;

/// The longest token that is read.
const LONGEST_TOKEN: u64 = 64 * 1024;

/// A document that is fetched.
#[derive(Clone, Debug)]
pub(crate) struct UrlReader {
    document: Document,
    /// Where the counts stand; none: it is a number by itself.
    places: Vec<Named>,
}

/// What is fetched, and how it is allowed to be.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    fetcher: Fetcher,
    /// Without what may be a secret.
    shown: Url,
    /// A file with a token, read each time.
    token: Option<PathBuf>,
}

impl UrlReader {
    pub(crate) const fn new(document: Document, places: Vec<Named>) -> Self {
        Self { document, places }
    }

    pub(crate) fn described(&self) -> String {
        self.document.shown.to_string()
    }

    async fn counts(&self) -> Result<Reading, SourceError> {
        let answer = self.document.fetch().await?;
        let body = String::from_utf8_lossy(&answer.body);
        if !(200..300).contains(&answer.status) {
            return Err(self.document.refused(&answer, &body));
        }
        let wrong = |message: String, remedy: &str| SourceError {
            kind: SourceErrorKind::BadAnswer,
            message: format!("{}: {message}", self.document.shown),
            remedy: remedy.to_owned(),
        };
        if self.places.is_empty() {
            let count = number(&body).map_err(|why| {
                wrong(format!("the answer is no count: {why}"), "say where in it the count stands with --count-pointer")
            })?;
            return Ok(Reading {
                counts: vec![(crate::instances::Counted::Running, count, Duration::ZERO)],
                ..Reading::default()
            });
        }
        let document: serde_json::Value = serde_json::from_str(&body).map_err(|error| {
            let begins = clean_to(body.trim_start(), SHOWN);
            wrong(format!("the answer is no JSON ({error}): {begins}"), "give the URL of a JSON document")
        })?;
        let mut reading = Reading::default();
        for Named { counted, text } in &self.places {
            match at(&document, text) {
                Ok(count) => reading.counts.push((*counted, count, Duration::ZERO)),
                Err(why) => {
                    let remedy = "give --count-pointer the place of a number, a list or an object";
                    reading.problem.get_or_insert_with(|| wrong(why, remedy));
                }
            }
        }
        Ok(reading)
    }
}

impl ReadCounts for UrlReader {
    const SOURCE: CountSource = CountSource::Url;

    async fn read(&mut self) -> Reading {
        self.counts().await.unwrap_or_else(|problem| Reading { problem: Some(problem), ..Reading::default() })
    }
}

impl Document {
    pub(crate) fn new(fetcher: Fetcher, url: &Url, token: Option<PathBuf>) -> Self {
        Self { fetcher, shown: without_secrets(url), token }
    }

    /// Where it is, without what may be a secret.
    pub(super) const fn shown(&self) -> &Url {
        &self.shown
    }

    /// Fetches it. An answer of any status is one.
    pub(super) async fn fetch(&self) -> Result<Fetched, SourceError> {
        let bearer = self.bearer()?;
        self.fetcher.fetch(bearer, MOST_BYTES).await.map_err(|error| {
            let (kind, remedy) = match &error {
                FetchError::TooLong(_) => (SourceErrorKind::BadAnswer, "give the URL of a smaller document"),
                FetchError::Failed(FailureKind::Tls, _) => {
                    (SourceErrorKind::Unreachable, "trust its certificate with --cacert, or check none with --insecure")
                }
                FetchError::Failed(..) => {
                    (SourceErrorKind::Unreachable, "check that it is up and reached from here (curl)")
                }
            };
            SourceError { kind, message: format!("{}: {error}", self.shown), remedy: remedy.to_owned() }
        })
    }

    /// The token in its file, as a header. It may be another one each time.
    fn bearer(&self) -> Result<Option<HeaderValue>, SourceError> {
        let Some(path) = &self.token else { return Ok(None) };
        let refuse = |message: String| SourceError {
            kind: SourceErrorKind::Credentials,
            message,
            remedy: "--count-token takes a file that holds the token alone".to_owned(),
        };
        let text = files::read_text(path, LONGEST_TOKEN)
            .map_err(|error| refuse(format!("cannot read the token in {}: {error}", path.display())))?;
        let value = HeaderValue::from_str(&format!("Bearer {}", text.trim()));
        let value = value.ok().filter(|_| !text.trim().is_empty());
        let mut value = value.ok_or_else(|| refuse(format!("{} holds no token", path.display())))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// What an answer means that is not the document.
    pub(super) fn refused(&self, answer: &Fetched, body: &str) -> SourceError {
        let (kind, remedy) = match answer.status {
            401 => (SourceErrorKind::Credentials, "put user:password@ into the URL, or give --count-token"),
            403 => (SourceErrorKind::AccessDenied, "use a user or a token that may read it"),
            404 => (SourceErrorKind::NotFound, "check the path of the URL"),
            429 => (SourceErrorKind::Throttled, "ask less often: --count-interval 10s"),
            300..=399 => (SourceErrorKind::BadAnswer, "redirects are not followed: give the URL that it leads to"),
            _ => (SourceErrorKind::BadAnswer, "see what it answers by hand (curl)"),
        };
        let leads =
            answer.location.as_deref().map(|to| format!(", which leads to {}", clean_to(&hide_secrets(to), SHOWN)));
        let said = || {
            body.lines().map(str::trim).find(|line| !line.is_empty()).map(|line| format!(": {}", clean_to(line, SHOWN)))
        };
        let more = leads.or_else(said).unwrap_or_default();
        let message = format!("{} answered {}{more}", self.shown, answer.status);
        SourceError { kind, message, remedy: remedy.to_owned() }
    }
}
