//! AWS Signature Version 4 for the requests of a load, with the credentials that the aws CLI would use
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningError, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use http::Method;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};

use super::{Cloud, CloudOptions};
use crate::instances::SourceError;
use scaletop_units::RunClock;

/// New credentials are asked for so long before the old ones end. An instance or a task has new ones by then
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>).
const AHEAD: Duration = Duration::from_mins(5);

/// Temporary credentials that do not say when they end are looked for again so often.
const UNSAID: Duration = Duration::from_mins(5);

/// After a failure, and when what came ends as soon as what there was, they are asked for again so soon.
const AGAIN: Duration = Duration::from_secs(30);

/// Why requests cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Neither the option nor the host says for which service.
    #[error(
        "which service is it? the host does not say: --sigv4 SERVICE, such as execute-api, lambda or vpc-lattice-svcs"
    )]
    NoService,
    /// Nobody says for which region.
    #[error("which region is it? neither the host nor the configuration says: --sigv4 {0}:REGION, or --region")]
    NoRegion(String),
    #[error("no credentials to sign with: {}; {}", .0.message, .0.remedy)]
    Credentials(SourceError),
}

impl SignError {
    /// Whether the words of the command were wrong.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self, Self::NoService | Self::NoRegion(_))
    }
}

/// A request to sign.
#[derive(Clone, Copy, Debug)]
pub struct ToSign<'a> {
    pub method: &'a Method,
    /// With its query, as it is sent.
    pub path: &'a str,
    /// With the host.
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Until when credentials are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fresh {
    Until(SystemTime),
    /// They end, and nobody says when.
    Unsaid,
    ForGood,
}

impl Fresh {
    fn of(credentials: &Credentials) -> Self {
        match (credentials.expiry(), credentials.session_token()) {
            (Some(end), _) => Self::Until(end),
            (None, Some(_)) => Self::Unsaid,
            (None, None) => Self::ForGood,
        }
    }

    /// How long to wait before new ones are asked for; `None`: for ever.
    fn wait(self, now: SystemTime) -> Option<Duration> {
        match self {
            Self::Until(end) => {
                let left = end.duration_since(now).unwrap_or_default();
                Some(left.saturating_sub(AHEAD).max(AGAIN))
            }
            Self::Unsaid => Some(UNSAID),
            Self::ForGood => None,
        }
    }
}

/// Signs for one service in one region.
pub struct Signer {
    service: String,
    region: String,
    settings: SigningSettings,
    /// Whether the body takes part.
    signs_body: bool,
    identity: RwLock<Identity>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("service", &self.service).field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// Finds out for whom, and asks for credentials.
    pub(crate) async fn connect(
        service: Option<&str>,
        region: Option<&str>,
        host: &str,
        options: &CloudOptions,
        clock: RunClock,
    ) -> Result<(Self, Fresh), SignError> {
        let of_host = of_host(host);
        let service = service.or(of_host.map(|(service, _)| service)).ok_or(SignError::NoService)?;
        let cloud = Cloud::connect(options, clock).await;
        let region = region.or(of_host.map(|(_, region)| region)).or(cloud.region());
        let region = region.ok_or_else(|| SignError::NoRegion(service.to_owned()))?;
        let credentials = cloud.whole_credentials().await.map_err(SignError::Credentials)?;
        let fresh = Fresh::of(&credentials);
        Ok((Self::new(service, region, credentials), fresh))
    }

    /// With a key of one's own.
    pub fn of_key(service: &str, region: &str, id: &str, secret: &str) -> Self {
        Self::new(service, region, Credentials::new(id, secret, None, None, "key"))
    }

    fn new(service: &str, region: &str, credentials: Credentials) -> Self {
        let mut settings = SigningSettings::default();
        // S3 takes the path as it stands, and wants the hash of the body as a header.
        let is_s3 = matches!(service, "s3" | "s3-outposts" | "s3-object-lambda");
        if is_s3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        // VPC Lattice takes no signature of a body, and wants the header that says so
        // (https://docs.aws.amazon.com/vpc-lattice/latest/ug/sigv4-authenticated-requests.html).
        let is_lattice = service == "vpc-lattice-svcs";
        if is_s3 || is_lattice {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        Self {
            service: service.to_owned(),
            region: region.to_owned(),
            settings,
            signs_body: !is_lattice,
            identity: RwLock::new(credentials.into()),
        }
    }

    /// Asks for credentials anew, as a new program would: files may have changed.
    pub(crate) async fn refresh(&self, options: &CloudOptions, clock: RunClock) -> Result<Fresh, String> {
        let credentials = Cloud::connect(options, clock).await.whole_credentials().await;
        let credentials = credentials.map_err(|error| format!("{}; {}", error.message, error.remedy))?;
        let fresh = Fresh::of(&credentials);
        *self.identity.write().unwrap_or_else(PoisonError::into_inner) = credentials.into();
        Ok(fresh)
    }

    /// The headers that sign `request` at `now`; none for what cannot be signed, which the service then refuses.
    ///
    /// The host, the type of the body and what is AWS' own take part, as AWS asks for; other headers may change on the way.
    pub fn headers(&self, request: &ToSign<'_>, now: SystemTime) -> Vec<(HeaderName, HeaderValue)> {
        self.signed(request, now).unwrap_or_default()
    }

    fn signed(&self, request: &ToSign<'_>, now: SystemTime) -> Result<Vec<(HeaderName, HeaderValue)>, SigningError> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner).clone();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(self.settings.clone())
            .build();
        // All of them are there.
        let Ok(params) = params else { return Ok(Vec::new()) };
        let params = params.into();
        let takes_part = |name: &HeaderName| {
            let is_ours = name.as_str().starts_with("x-amz-") && name != "x-amz-date";
            name == HOST || name == CONTENT_TYPE || is_ours
        };
        let headers = request.headers.iter().filter(|(name, _)| takes_part(name));
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = if self.signs_body { SignableBody::Bytes(request.body) } else { SignableBody::UnsignedPayload };
        let request = SignableRequest::new(request.method.as_str(), request.path, headers, body)?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        let (headers, _) = instructions.into_parts();
        let headers = headers.into_iter().filter_map(|header| {
            let mut value = HeaderValue::from_str(header.value()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_static(header.name()), value))
        });
        Ok(headers.collect())
    }
}

/// The service and the region that a host of AWS names: `….execute-api.eu-west-1.amazonaws.com`, `….lambda-url.eu-west-1.on.aws`.
fn of_host(host: &str) -> Option<(&str, &str)> {
    let suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".api.aws"];
    let rest = suffixes.into_iter().find_map(|suffix| host.strip_suffix(suffix))?;
    let rest = rest.strip_suffix(".vpce").unwrap_or(rest);
    let (rest, region) = rest.rsplit_once('.')?;
    let service = rest.rsplit('.').next()?;
    let is_region = region.matches('-').count() >= 2 && region.ends_with(|last: char| last.is_ascii_digit());
    let service = if service == "lambda-url" { "lambda" } else { service };
    is_region.then_some((service, region))
}

/// Gets credentials by `refresh` before the ones before them end, without end. The first of several failures is told as `Some`, with
/// the reason; that there are credentials again as `None`.
pub(crate) async fn keep_fresh<F: Future<Output = Result<Fresh, String>>>(
    mut fresh: Fresh,
    refresh: impl Fn() -> F,
    now: impl Fn() -> SystemTime,
    tell: impl Fn(Option<String>),
) {
    let mut is_failing = false;
    while let Some(wait) = if is_failing { Some(AGAIN) } else { fresh.wait(now()) } {
        tokio::time::sleep(wait).await;
        match refresh().await {
            Ok(found) => {
                fresh = found;
                if std::mem::take(&mut is_failing) {
                    tell(None);
                }
            }
            Err(why) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tell(Some(why));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
