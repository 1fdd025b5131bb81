//! Where metrics are pushed to, and as whose: `--otlp`, and the variables that OpenTelemetry has for it
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>, <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use url::Url;

/// What `--otlp` is given where the variables say which receiver.
const FROM_VARIABLES: &str = "env";

/// Where a receiver listens that nobody named.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";

/// What is appended to the endpoint of all signals.
const PATH: &str = "v1/metrics";

/// The pause between pushes: numbers of the last second are only told if each second is.
const INTERVAL: Duration = Duration::from_secs(1);

/// An answer is waited for so long; the specification's default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where metrics are pushed to. Headers may be secrets: nothing of them is shown.
#[derive(Clone)]
pub(crate) struct Receiver {
    url: Url,
    headers: HeaderMap,
    resource: Vec<(String, String)>,
    interval: Duration,
    timeout: Duration,
}

/// Why metrics cannot be pushed.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The receiver has no usable address. It is not repeated: it may hold a password.
    #[error("{0} is no http or https URL; give one such as http://localhost:4318")]
    Url(&'static str),
    /// A variable asks for what is not spoken here.
    #[error(
        "{variable} is {value}: only http/protobuf is spoken here, which receivers take on port 4318; give --otlp its URL"
    )]
    Protocol { variable: &'static str, value: String },
    /// A variable is not what its name promises. Its value is not repeated: it may be a secret.
    #[error("{variable} cannot be understood: {why}")]
    Variable { variable: &'static str, why: String },
}

impl Receiver {
    /// The receiver that `--otlp` names: the URL of its endpoint, or `env`. `variable` reads the environment.
    pub(crate) fn of(given: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, OtlpError> {
        let read = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let url = if given == FROM_VARIABLES { from_variables(&read)? } else { endpoint(given, "--otlp")? };
        let mut headers = HeaderMap::new();
        // A header of metrics alone goes before one of the same name for all signals.
        for name in ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"] {
            for (key, value) in pairs(name, read(name))? {
                let bad = |what: &str| OtlpError::Variable {
                    variable: name,
                    why: format!("it holds no usable {what} of a header"),
                };
                let key =
                    HeaderName::from_bytes(key.to_ascii_lowercase().as_bytes()).ok().ok_or_else(|| bad("name"))?;
                let mut value = HeaderValue::from_str(&value).ok().ok_or_else(|| bad("value"))?;
                value.set_sensitive(true);
                headers.insert(key, value);
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("scaletop/", env!("CARGO_PKG_VERSION"))));
        Ok(Self { url, headers, resource: resource(&read)?, interval: interval(&read)?, timeout: timeout(&read)? })
    }

    /// Where pushes go.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// What goes with each of them.
    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What the numbers are of.
    pub(super) fn resource(&self) -> &[(String, String)] {
        &self.resource
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    /// Scheme, host and port, for people: the rest may be a secret.
    pub(crate) fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(super) fn client(&self) -> Result<reqwest::Client, String> {
        scaletop_load::install_tls_provider();
        let client = reqwest::Client::builder().timeout(self.timeout).redirect(reqwest::redirect::Policy::none());
        client.build().map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("place", &self.place()).finish_non_exhaustive()
    }
}

fn from_variables(read: &impl Fn(&str) -> Option<String>) -> Result<Url, OtlpError> {
    for variable in ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        match read(variable) {
            Some(value) if value == "http/protobuf" => break,
            Some(value) => return Err(OtlpError::Protocol { variable, value: crate::text::clean_to(&value, 40) }),
            None => {}
        }
    }
    // That of metrics alone is taken as it is.
    if let Some(whole) = read("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") {
        return parsed(&whole, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    }
    let base = read("OTEL_EXPORTER_OTLP_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
    endpoint(&base, "OTEL_EXPORTER_OTLP_ENDPOINT")
}

fn parsed(text: &str, what: &'static str) -> Result<Url, OtlpError> {
    let url = Url::parse(text.trim()).ok().ok_or(OtlpError::Url(what))?;
    let is_usable = matches!(url.scheme(), "http" | "https") && url.has_host();
    if is_usable { Ok(url) } else { Err(OtlpError::Url(what)) }
}

/// The place of metrics below the endpoint of all signals. One that names it already is whole.
fn endpoint(text: &str, what: &'static str) -> Result<Url, OtlpError> {
    let mut url = parsed(text, what)?;
    if !url.path().ends_with(PATH) {
        let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Ok(url)
}

/// `key1=value1,key2=value2`, both percent-encoded, as W3C Baggage writes them.
fn pairs(variable: &'static str, text: Option<String>) -> Result<Vec<(String, String)>, OtlpError> {
    let text = text.unwrap_or_default();
    let pair = |pair: &str| {
        let refuse =
            || OtlpError::Variable { variable, why: "it is a list of NAME=VALUE, with commas between".to_owned() };
        let (key, value) = pair.split_once('=').ok_or_else(refuse)?;
        let (key, value) = (decoded(key.trim()).ok_or_else(refuse)?, decoded(value.trim()).ok_or_else(refuse)?);
        if key.is_empty() { Err(refuse()) } else { Ok((key, value)) }
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(pair).collect()
}

/// Text without its percent-encoding; `None` where that is broken.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit()? * 16 + digit()?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

/// What the numbers are of: `OTEL_SERVICE_NAME` goes before a `service.name` of `OTEL_RESOURCE_ATTRIBUTES`, and both before ours.
fn resource(read: &impl Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, OtlpError> {
    // Two sessions at a time are two streams.
    let instance = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let mut attributes = vec![
        ("service.name".to_owned(), "scaletop".to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), instance),
    ];
    let mut given = pairs("OTEL_RESOURCE_ATTRIBUTES", read("OTEL_RESOURCE_ATTRIBUTES"))?;
    given.extend(read("OTEL_SERVICE_NAME").map(|name| ("service.name".to_owned(), name)));
    for (key, value) in given {
        match attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => attributes.push((key, value)),
        }
    }
    Ok(attributes)
}

fn millis(variable: &'static str, read: &impl Fn(&str) -> Option<String>) -> Result<Option<Duration>, OtlpError> {
    let parse = |text: String| {
        let refuse =
            || OtlpError::Variable { variable, why: "it is a whole number of milliseconds, above 0".to_owned() };
        text.parse::<u64>().ok().filter(|millis| *millis > 0).map(Duration::from_millis).ok_or_else(refuse)
    };
    read(variable).map(parse).transpose()
}

/// No shorter than a second: there is nothing new before.
fn interval(read: &impl Fn(&str) -> Option<String>) -> Result<Duration, OtlpError> {
    Ok(millis("OTEL_METRIC_EXPORT_INTERVAL", read)?.map_or(INTERVAL, |interval| interval.max(INTERVAL)))
}

fn timeout(read: &impl Fn(&str) -> Option<String>) -> Result<Duration, OtlpError> {
    let of_metrics = millis("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", read)?;
    Ok(of_metrics.or(millis("OTEL_EXPORTER_OTLP_TIMEOUT", read)?).unwrap_or(TIMEOUT))
}
