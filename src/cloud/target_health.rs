//! Which targets the load balancer sends requests to: the one call to Elastic Load Balancing, `DescribeTargetHealth`.
//!
//! Its SDK crate would be the largest of all for this one call, so it is made with what the others stand on: the same
//! connections, credentials, signature, timeouts and attempts. The protocol is AWS' query protocol: a form out, XML back
//! (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>).

use std::error::Error;
use std::fmt;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_sdk_apprunner::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use aws_types::SigningName;
use aws_types::region::SigningRegion;

use super::partition::Partition;
use super::skew::SkewProbe;

/// The version of the API.
const VERSION: &str = "2015-12-01";

/// What a load balancer says of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TargetHealth {
    /// An IP address, or an instance's id.
    pub(crate) id: String,
    /// `initial`, `healthy`, `unhealthy`, `unused`, `draining`, `unavailable`.
    pub(crate) state: String,
    /// `Target.ResponseCodeMismatch: Health checks failed with these codes: [404]`; empty for one that is healthy.
    pub(crate) reason: String,
}

/// What the API refused with.
#[derive(Debug)]
pub(crate) struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// Asks for the health of every target of a group. `endpoint` stands in for the region's own.
pub(super) async fn describe(
    config: &SdkConfig,
    endpoint: Option<&str>,
    probe: SkewProbe,
    group: &str,
) -> Result<Vec<TargetHealth>, SdkError<Refusal, HttpResponse>> {
    let no_region = || SdkError::construction_failure("no region is set");
    let region = config.region().ok_or_else(no_region)?.clone();
    let default = || {
        let suffix = Partition::of_region(region.as_ref()).dns_suffix;
        format!("https://elasticloadbalancing.{region}.{suffix}")
    };
    let endpoint = endpoint.map_or_else(default, str::to_owned);
    let client = config.http_client().ok_or_else(|| SdkError::construction_failure("no HTTP client is set"))?;
    let retry = config.retry_config().cloned().unwrap_or_else(RetryConfig::disabled);
    let mut operation = Operation::builder()
        .service_name("elasticloadbalancing")
        .operation_name("DescribeTargetHealth")
        .http_client(client)
        .endpoint_url(&endpoint)
        .standard_retry(&retry)
        .interceptor(probe)
        .runtime_plugin(signature(config, SigningRegion::from(region)));
    if let Some(timeouts) = config.timeout_config() {
        operation = operation.timeout_config(timeouts.clone());
    }
    if let Some(sleep) = config.sleep_impl() {
        operation = operation.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        operation = operation.time_source(time);
    }
    let operation = operation.serializer(|group: String| request(&group)).deserializer(answer).build();
    operation.invoke(group.to_owned()).await
}

/// Signs as the SDK's clients do.
fn signature(config: &SdkConfig, region: SigningRegion) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signature");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig::default());
    layer.store_put(SigningName::from_static("elasticloadbalancing"));
    layer.store_put(region);
    let mut components = RuntimeComponentsBuilder::new("signature")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_identity_cache(config.identity_cache());
    if let Some(credentials) = config.credentials_provider() {
        components = components.with_identity_resolver(SCHEME_ID, credentials);
    }
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

/// The signature needs the body's bytes, and the serializer fails only where the parts of a request are none.
fn request(group: &str) -> Result<HttpRequest, aws_sdk_apprunner::error::BoxError> {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "DescribeTargetHealth")
        .append_pair("Version", VERSION)
        .append_pair("TargetGroupArn", group)
        .finish();
    let mut request = HttpRequest::new(SdkBody::from(form.as_str()));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded");
    request.headers_mut().insert("content-length", form.len().to_string());
    Ok(request)
}

fn answer(answer: &HttpResponse) -> Result<Vec<TargetHealth>, OrchestratorError<Refusal>> {
    let body = answer.body().bytes().unwrap_or_default();
    if answer.status().is_success() {
        return targets(body).map_err(OrchestratorError::other);
    }
    Err(OrchestratorError::operation(Refusal(refusal(body).unwrap_or_default())))
}

/// Reads `<DescribeTargetHealthResponse>`.
fn targets(xml: &[u8]) -> Result<Vec<TargetHealth>, XmlDecodeError> {
    let mut document = Document::try_from(xml)?;
    let mut root = document.root_element()?;
    if root.start_el().local() != "DescribeTargetHealthResponse" {
        return Err(XmlDecodeError::custom(format!(
            "<{}> is no DescribeTargetHealthResponse",
            root.start_el().local()
        )));
    }
    let mut found = Vec::new();
    while let Some(mut result) = root.next_tag() {
        while let Some(mut list) = result.next_tag() {
            while let Some(mut member) = list.next_tag() {
                found.push(target(&mut member)?);
            }
        }
    }
    Ok(found)
}

/// One `<member>` of `<TargetHealthDescriptions>`.
fn target(member: &mut ScopedDecoder<'_, '_>) -> Result<TargetHealth, XmlDecodeError> {
    let mut found = TargetHealth::default();
    let (mut code, mut description) = (String::new(), String::new());
    while let Some(mut part) = member.next_tag() {
        if !matches!(part.start_el().local(), "Target" | "TargetHealth") {
            continue;
        }
        while let Some(mut leaf) = part.next_tag() {
            let name = leaf.start_el().local().to_owned();
            let into = match name.as_str() {
                "Id" => &mut found.id,
                "State" => &mut found.state,
                "Reason" => &mut code,
                "Description" => &mut description,
                _ => continue,
            };
            *into = try_data(&mut leaf)?.into_owned();
        }
    }
    found.reason = [code, description].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    Ok(found)
}

/// Reads `<ErrorResponse><Error><Code>…`.
fn refusal(xml: &[u8]) -> Result<ErrorMetadata, XmlDecodeError> {
    let mut document = Document::try_from(xml)?;
    let mut root = document.root_element()?;
    let mut found = ErrorMetadata::builder();
    while let Some(mut error) = root.next_tag() {
        if error.start_el().local() != "Error" {
            continue;
        }
        while let Some(mut leaf) = error.next_tag() {
            match leaf.start_el().local() {
                "Code" => found = found.code(try_data(&mut leaf)?.into_owned()),
                "Message" => found = found.message(try_data(&mut leaf)?.into_owned()),
                _ => {}
            }
        }
    }
    Ok(found.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the API's reference shows it.
    const ANSWER: &str = r#"<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
  <DescribeTargetHealthResult>
    <TargetHealthDescriptions>
      <member>
        <HealthCheckPort>8080</HealthCheckPort>
        <TargetHealth><State>healthy</State></TargetHealth>
        <Target><Port>8080</Port><Id>10.0.1.7</Id><AvailabilityZone>eu-west-1a</AvailabilityZone></Target>
      </member>
      <member>
        <HealthCheckPort>8080</HealthCheckPort>
        <TargetHealth>
          <State>unhealthy</State>
          <Reason>Target.ResponseCodeMismatch</Reason>
          <Description>Health checks failed with these codes: [404] &amp; more</Description>
        </TargetHealth>
        <Target><Port>8080</Port><Id>10.0.2.9</Id></Target>
      </member>
    </TargetHealthDescriptions>
  </DescribeTargetHealthResult>
  <ResponseMetadata><RequestId>c534f810-f389-11e5-9192-3fff33344cfa</RequestId></ResponseMetadata>
</DescribeTargetHealthResponse>"#;

    #[test]
    fn the_health_of_every_target_is_read_with_its_reason() {
        let of = |id: &str, state: &str, reason: &str| TargetHealth {
            id: id.to_owned(),
            state: state.to_owned(),
            reason: reason.to_owned(),
        };
        let found = targets(ANSWER.as_bytes()).expect("an answer");
        let sick = "Target.ResponseCodeMismatch: Health checks failed with these codes: [404] & more";
        assert_eq!(found, [of("10.0.1.7", "healthy", ""), of("10.0.2.9", "unhealthy", sick)]);
        let none = "<DescribeTargetHealthResponse><DescribeTargetHealthResult><TargetHealthDescriptions/></DescribeTargetHealthResult></DescribeTargetHealthResponse>";
        assert_eq!(targets(none.as_bytes()).expect("an answer"), []);
        for wrong in ["", "<html><body/></html>", "{}", "<DescribeTargetHealthResponse", "\u{fffd}"] {
            assert!(targets(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_refusal_says_its_code_and_message() {
        let xml = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not authorized</Message></Error><RequestId>1</RequestId></ErrorResponse>";
        let found = refusal(xml).expect("an error");
        assert_eq!((found.code(), found.message()), (Some("AccessDenied"), Some("User: x is not authorized")));
        assert!(refusal(b"gateway timeout").is_err());
    }
}
