//! The clients of the official SDK crates, set up once: TLS by ring, short timeouts, few attempts, and an eye on the clock.
//!
//! Region and credentials come from the standard chain (flags, environment, profile, SSO, container and instance metadata).
//! Every failure leaves here as a [`SourceError`] with its remedy.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_apprunner::config::{RuntimeComponents, SharedHttpClient};
use aws_sdk_apprunner::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::failure::{Api, CallContext, Failure, explain};
use super::proxy::{BadProxy, Proxy};
use super::skew::{ClockSkew, SkewProbe};
use super::target_health::{self, TargetHealth};
use crate::instances::SourceError;
use crate::target::is_loopback;
use scaletop_units::RunClock;

/// No connection after this long is a failure.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A call with its attempts, unless the options say otherwise: a source that hangs is told of after this long.
const PATIENCE: Duration = Duration::from_secs(9);
/// Attempts of a call; the sources ask again anyway.
const ATTEMPTS: u32 = 2;

/// What the user may say about the cloud; the rest comes from the standard chain.
#[derive(Clone, Default)]
pub struct CloudOptions {
    /// `--region`, or the one that the target names.
    pub region: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--endpoint-url`: one endpoint for every service.
    pub endpoint_url: Option<String>,
    /// Access key and secret key, for an endpoint that checks neither.
    pub keys: Option<(String, String)>,
    /// How long a call may take, its second attempt included; `None`: 9 s.
    pub patience: Option<Duration>,
}

impl fmt::Debug for CloudOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, profile, endpoint_url, keys, patience } = self;
        f.debug_struct("CloudOptions")
            .field("region", region)
            .field("profile", profile)
            .field("endpoint_url", endpoint_url)
            .field("has_keys", &keys.is_some())
            .field("patience", patience)
            .finish()
    }
}

/// What the first of several places says. A variable that is set to nothing, as pipelines do, is unset: the SDK would take it
/// for a region, or a profile, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    This(String),
    /// Nothing but space, in one place at least.
    Blank,
    Nothing,
}

impl Said {
    fn of<const N: usize>(places: [Option<String>; N]) -> Self {
        let is_blank = places.iter().any(Option::is_some);
        let first = places.into_iter().flatten().map(|text| text.trim().to_owned()).find(|text| !text.is_empty());
        match first {
            Some(text) => Self::This(text),
            None if is_blank => Self::Blank,
            None => Self::Nothing,
        }
    }
}

/// Where the SDK looks for another endpoint than the cloud's own; with the name of a service behind it, for that service's.
pub(crate) const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cloud {
    config: SdkConfig,
    /// Whether an endpoint was named by hand.
    has_endpoint: bool,
    skew: ClockSkew,
    profile: Option<String>,
    /// The proxy that calls go through; what the environment names instead, if it cannot be used.
    proxy: Arc<Result<Option<Proxy>, BadProxy>>,
    pub app_runner: aws_sdk_apprunner::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// ECR, in the configured region.
    pub ecr: aws_sdk_ecr::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    pub scaling: aws_sdk_applicationautoscaling::Client,
}

impl Cloud {
    /// Sets the clients up. Reads files and environment, and may ask the instance metadata service for the region; calls no
    /// API yet.
    pub async fn connect(options: &CloudOptions, clock: RunClock) -> Self {
        let proxy = Proxy::from_variables(|name| std::env::var(name).ok());
        let proxy = proxy.and_then(|proxy| proxy.map(|proxy| Ok((proxy.config()?, proxy))).transpose());
        let (http, proxy) = match proxy {
            Ok(Some((config, proxy))) => (http_client_through(config), Ok(Some(proxy))),
            Ok(None) => (http_client(), Ok(None)),
            Err(bad) => (http_client(), Err(bad)),
        };
        let patience = options.patience.unwrap_or(PATIENCE);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(patience))
            .operation_attempt_timeout(patience.mul_f64(0.55))
            .operation_timeout(patience)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS));
        let variable = |name: &str| std::env::var(name).ok();
        let profile = match Said::of([options.profile.clone(), variable("AWS_PROFILE")]) {
            Said::This(profile) => Some(profile),
            Said::Blank => Some("default".to_owned()),
            Said::Nothing => None,
        };
        match Said::of([options.region.clone(), variable("AWS_REGION"), variable("AWS_DEFAULT_REGION")]) {
            Said::This(region) => loader = loader.region(Region::new(region)),
            Said::Blank => {
                let provider = ProfileFileRegionProvider::builder();
                loader = loader.region(provider.profile_name(profile.as_deref().unwrap_or("default")).build());
            }
            Said::Nothing => {}
        }
        if let Some(profile) = &profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &options.endpoint_url {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some((id, secret)) = &options.keys {
            loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "scaletop"));
        }
        let has_endpoint = options.endpoint_url.is_some();
        Self::new(loader.load().await, has_endpoint, options.profile.clone(), Arc::new(proxy), clock)
    }

    fn new(
        config: SdkConfig,
        has_endpoint: bool,
        profile: Option<String>,
        proxy: Arc<Result<Option<Proxy>, BadProxy>>,
        clock: RunClock,
    ) -> Self {
        let skew = ClockSkew::new(clock);
        macro_rules! client {
            ($sdk:ident, $service:literal) => {{
                let mut builder = $sdk::config::Builder::from(&config).interceptor(SkewProbe(skew.clone()));
                match endpoint_of($service) {
                    _ if has_endpoint => {}
                    Said::This(url) => drop(builder.set_endpoint_url(Some(url))),
                    Said::Blank => drop(builder.set_endpoint_url(None)),
                    Said::Nothing => {}
                }
                $sdk::Client::from_conf(builder.build())
            }};
        }
        Self {
            app_runner: client!(aws_sdk_apprunner, "APPRUNNER"),
            cloudwatch: client!(aws_sdk_cloudwatch, "CLOUDWATCH"),
            ecr: client!(aws_sdk_ecr, "ECR"),
            ecs: client!(aws_sdk_ecs, "ECS"),
            scaling: client!(aws_sdk_applicationautoscaling, "APPLICATION_AUTO_SCALING"),
            config,
            has_endpoint,
            skew,
            profile,
            proxy,
        }
    }

    /// The region in use, if any is configured.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(Region::as_ref)
    }

    /// The same clients in another region. The endpoint, if one was named, stays.
    #[must_use]
    pub(crate) fn in_region(&self, region: &str) -> Self {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        let (profile, proxy) = (self.profile.clone(), Arc::clone(&self.proxy));
        let other = Self::new(config, self.has_endpoint, profile, proxy, self.skew.clock());
        Self { skew: self.skew.clone(), ..other }
    }

    /// Whether calls are answered on this machine: by the embedded cluster, or by whatever else stands in for the cloud.
    pub(crate) fn is_at_home(&self) -> bool {
        self.config.endpoint_url().and_then(|url| url.parse().ok()).is_some_and(|url| is_loopback(&url))
    }

    /// What is known of where calls go.
    pub(crate) fn call_context(&self) -> CallContext {
        CallContext {
            region: self.region().map(str::to_owned),
            endpoint: self.config.endpoint_url().map(str::to_owned),
            profile: self.profile.clone(),
            proxy: self.proxy().ok().flatten().map(Proxy::to_string),
            skew_secs: self.skew.secs(),
        }
    }

    /// The proxy that calls go through, if the environment names one; or why it is not used.
    pub(crate) fn proxy(&self) -> Result<Option<&Proxy>, &BadProxy> {
        self.proxy.as_ref().as_ref().map(Option::as_ref)
    }

    /// The cloud's clock against ours.
    pub const fn skew(&self) -> &ClockSkew {
        &self.skew
    }

    /// What the load balancer says of the targets of a group.
    pub(crate) async fn target_health(&self, group: &str) -> Result<Vec<TargetHealth>, SourceError> {
        let own = if self.has_endpoint { Said::Nothing } else { endpoint_of("ELASTIC_LOAD_BALANCING_V2") };
        let endpoint = match &own {
            Said::This(url) => Some(url.as_str()),
            Said::Blank => None,
            Said::Nothing => self.config.endpoint_url(),
        };
        let asked = target_health::describe(&self.config, endpoint, SkewProbe(self.skew.clone()), group).await;
        asked.map_err(|error| self.error(Api::TARGET_HEALTH, &error))
    }

    /// Who the credentials are for: the access key id and where it comes from. Asks the chain, not the API.
    pub(crate) async fn credentials(&self) -> Result<(String, String), SourceError> {
        let found = self.whole_credentials().await?;
        Ok((found.access_key_id().to_owned(), provider_name(&found)))
    }

    /// The credentials themselves.
    pub(super) async fn whole_credentials(&self) -> Result<Credentials, SourceError> {
        let api = Api { service: "the credential chain", operation: "", permission: "" };
        let Some(provider) = self.config.credentials_provider() else {
            return Err(explain(api, &Failure::NoCredentials, &self.call_context()));
        };
        let asked = provider.provide_credentials().await;
        asked.map_err(|error| explain(api, &credentials_failure(&error), &self.call_context()))
    }

    /// What a failed call means.
    pub(crate) fn error<E, R>(&self, api: Api, error: &SdkError<E, R>) -> SourceError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: HttpStatus + fmt::Debug + 'static,
    {
        explain(api, &failure_of(error), &self.call_context())
    }
}

/// The endpoint that the environment names for a service. A variable that is set to nothing is unset; the SDK would take it for
/// a URL, and panic.
fn endpoint_of(service: &str) -> Said {
    let of_service = std::env::var(format!("{ENDPOINT_VARIABLE}_{service}")).ok();
    Said::of([of_service, std::env::var(ENDPOINT_VARIABLE).ok()])
}

/// Calls AWS directly.
fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Calls AWS through a proxy.
fn http_client_through(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector =
            Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// `Environment`, `Profile`, …: how the credentials print their source.
fn provider_name(credentials: &Credentials) -> String {
    // The only public way to the name is the debug text: `Credentials { provider_name: "Environment", … }`.
    let text = format!("{credentials:?}");
    let name = text.split_once("provider_name: \"").and_then(|(_, rest)| rest.split_once('"'));
    name.map_or_else(|| "the credential chain".to_owned(), |(name, _)| name.to_owned())
}

/// The HTTP status of a raw answer.
pub(crate) trait HttpStatus {
    fn code(&self) -> u16;
}

impl HttpStatus for aws_sdk_apprunner::config::http::HttpResponse {
    fn code(&self) -> u16 {
        self.status().as_u16()
    }
}

fn credentials_failure(error: &CredentialsError) -> Failure {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return Failure::NoCredentials;
    }
    let detail = with_causes(error);
    // Kinds of profile that this build of the SDK leaves out: `login_session` (the feature credentials-login).
    if detail.contains("login_session") || detail.contains("credentials-login") {
        Failure::LoginSession
    } else {
        Failure::BadCredentials { detail }
    }
}

fn failure_of<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
    R: HttpStatus + fmt::Debug + 'static,
{
    if let Some(credentials) = cause::<CredentialsError>(error) {
        return credentials_failure(credentials);
    }
    let detail = || with_causes(error);
    match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().code();
            let inner = refused.err();
            match (inner.code(), status) {
                // No error code in a 2xx or an HTML page: whoever answered does not speak the protocol.
                (None, 200..400) => Failure::BadAnswer { detail: detail() },
                (code, status) => Failure::Refused {
                    code: code.unwrap_or_default().to_owned(),
                    message: inner.message().unwrap_or_default().to_owned(),
                    status,
                },
            }
        }
        SdkError::TimeoutError(_) => Failure::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Failure::Timeout,
        SdkError::ConstructionFailure(_) if detail().to_ascii_lowercase().contains("region") => Failure::NoRegion,
        SdkError::ResponseError(_) => Failure::BadAnswer { detail: detail() },
        _ => Failure::Unreachable { detail: detail() },
    }
}

/// The error and its causes, each said once.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string) {
        if !said.last().is_some_and(|before| before.contains(&cause)) {
            said.push(cause);
        }
    }
    said.join(": ")
}

/// The first cause of a kind in an error's chain.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// A time of the SDK; `None` for one that no calendar has.
pub(crate) fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

/// A time as the SDK wants it.
pub(crate) fn sdk_time(at: Timestamp) -> DateTime {
    // Only times before the year -280 are none of the SDK's.
    DateTime::from_nanos(at.as_nanosecond()).unwrap_or_else(|_| DateTime::from_secs(at.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_set_to_nothing_is_unset() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(Said::of([None, text(""), text(" eu-west-1 ")]), Said::This("eu-west-1".to_owned()));
        assert_eq!(Said::of([None, text(" "), None]), Said::Blank);
        assert_eq!(Said::of([None, None]), Said::Nothing);
    }
}
