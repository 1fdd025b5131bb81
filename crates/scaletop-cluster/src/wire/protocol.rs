//! From an HTTP request to a call and back: awsJson 1.0 and 1.1, Smithy RPC v2 CBOR, awsQuery.
//!
//! Which protocol a client speaks shows in the request; the answer is written in the same. Nothing here knows what an
//! operation does.

use std::fmt::Write as _;
use std::io::Read as _;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header, request};
use http_body_util::Full;
use serde_json::Value as Json;

use super::value::{Value, json_from_cbor, json_from_form};

/// The services that are answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    AppRunner,
    CloudWatch,
    Ecr,
    Ecs,
    AutoScaling,
}

impl Service {
    const ALL: [Self; 5] = [Self::AppRunner, Self::CloudWatch, Self::Ecr, Self::Ecs, Self::AutoScaling];

    /// What stands before the operation in `X-Amz-Target`.
    const fn target_prefix(self) -> &'static str {
        match self {
            Self::AppRunner => "AppRunner",
            Self::CloudWatch => "GraniteServiceVersion20100801",
            Self::Ecr => "AmazonEC2ContainerRegistry_V20150921",
            Self::Ecs => "AmazonEC2ContainerServiceV20141113",
            Self::AutoScaling => "AnyScaleFrontendService",
        }
    }

    fn by_prefix(prefix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.target_prefix() == prefix)
    }

    /// The Java package of its exceptions, as some services write it before their name.
    pub(crate) const fn namespace(self) -> &'static str {
        match self {
            Self::AppRunner => "com.amazonaws.apprunner",
            Self::CloudWatch => "com.amazonaws.cloudwatch",
            Self::Ecr => "com.amazonaws.ecr",
            Self::Ecs => "com.amazonaws.ecs",
            Self::AutoScaling => "com.amazonaws.applicationautoscaling",
        }
    }
}

/// How a client writes and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Json10,
    Json11,
    Cbor,
    Query,
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) protocol: Protocol,
    pub(crate) input: Json,
    /// The region that the request is signed for.
    pub(crate) region: Option<String>,
}

/// What the platform answers instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WireError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl WireError {
    /// The client's fault.
    pub(crate) fn client(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }
}

/// A request unpacks to at most this; the largest `GetMetricData` request has some 300 KB.
const LONGEST_BODY: u64 = 4 << 20;

/// Understands a request. On failure also says in which protocol to answer.
pub(crate) fn parse(parts: &request::Parts, body: &[u8]) -> Result<Call, (Protocol, WireError)> {
    let headers = &parts.headers;
    let protocol = protocol_of(parts);
    let fail = |error| (protocol, error);
    let body = unpacked(headers, body).map_err(fail)?;
    let (service, operation, input) = match protocol {
        Protocol::Cbor => parse_cbor(parts.uri.path(), &body).map_err(fail)?,
        Protocol::Query => parse_query(&body).map_err(fail)?,
        Protocol::Json10 | Protocol::Json11 => parse_json(headers, &body).map_err(fail)?,
    };
    let region = signed_region(headers).map_err(fail)?;
    Ok(Call { service, operation, protocol, input, region })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn protocol_of(parts: &request::Parts) -> Protocol {
    let content_type = text(&parts.headers, "content-type");
    if content_type.starts_with("application/cbor") || text(&parts.headers, "smithy-protocol") == "rpc-v2-cbor" {
        Protocol::Cbor
    } else if content_type.starts_with("application/x-www-form-urlencoded") {
        Protocol::Query
    } else if content_type.starts_with("application/x-amz-json-1.0") {
        Protocol::Json10
    } else {
        Protocol::Json11
    }
}

fn unpacked(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, WireError> {
    match text(headers, "content-encoding") {
        "gzip" => {
            let mut plain = Vec::new();
            let read = flate2::read::GzDecoder::new(body).take(LONGEST_BODY + 1).read_to_end(&mut plain);
            match read {
                Ok(_) if plain.len() as u64 <= LONGEST_BODY => Ok(plain),
                Ok(_) => Err(WireError::client("RequestEntityTooLargeException", "the unpacked request is too large")),
                Err(error) => Err(WireError::client("SerializationException", format!("bad gzip: {error}"))),
            }
        }
        "" | "identity" => Ok(body.to_vec()),
        other => Err(WireError::client("UnsupportedOperation", format!("content-encoding {other} is not supported"))),
    }
}

fn parse_cbor(path: &str, body: &[u8]) -> Result<(Service, String, Json), WireError> {
    let mut segments = path.trim_matches('/').split('/');
    let (Some("service"), Some(prefix), Some("operation"), Some(operation), None) =
        (segments.next(), segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(unknown_operation(path));
    };
    let service = Service::by_prefix(prefix).ok_or_else(|| unknown_operation(path))?;
    let input = if body.is_empty() {
        Json::Object(serde_json::Map::new())
    } else {
        let value = ciborium::from_reader(body)
            .map_err(|error: ciborium::de::Error<std::io::Error>| serialization(&error.to_string()))?;
        json_from_cbor(value)
    };
    Ok((service, operation.to_owned(), input))
}

fn parse_query(body: &[u8]) -> Result<(Service, String, Json), WireError> {
    let input = json_from_form(body);
    let operation = input["Action"].as_str().unwrap_or_default().to_owned();
    // CloudWatch is the only one of the five that ever spoke this.
    if input["Version"] == "2010-08-01" && !operation.is_empty() {
        Ok((Service::CloudWatch, operation, input))
    } else {
        Err(WireError::client("InvalidAction", "only CloudWatch 2010-08-01 speaks the query protocol"))
    }
}

fn parse_json(headers: &HeaderMap, body: &[u8]) -> Result<(Service, String, Json), WireError> {
    let target = text(headers, "x-amz-target");
    let (prefix, operation) = target.split_once('.').ok_or_else(|| unknown_operation(target))?;
    let service = Service::by_prefix(prefix).ok_or_else(|| unknown_operation(target))?;
    let input: Json = if body.is_empty() {
        Json::Object(serde_json::Map::new())
    } else {
        serde_json::from_slice(body).map_err(|error| serialization(&error.to_string()))?
    };
    if !input.is_object() {
        return Err(serialization("the request is not an object"));
    }
    Ok((service, operation.to_owned(), input))
}

pub(crate) fn unknown_operation(what: &str) -> WireError {
    WireError {
        status: 404,
        code: "UnknownOperationException".to_owned(),
        message: format!("unknown operation {what:?}"),
    }
}

fn serialization(reason: &str) -> WireError {
    WireError::client("SerializationException", reason)
}

/// The region in the credential scope of the signature: `AWS4-HMAC-SHA256 Credential=ID/20261124/eu-west-1/ecs/aws4_request`.
/// The signature itself is not checked: the endpoint is on loopback and guards nothing. An unsigned request is refused, as
/// the cloud does, so that a client that forgets to sign is found out here.
fn signed_region(headers: &HeaderMap) -> Result<Option<String>, WireError> {
    let authorization = text(headers, header::AUTHORIZATION.as_str());
    if authorization.is_empty() {
        return Err(WireError {
            status: 403,
            code: "MissingAuthenticationTokenException".to_owned(),
            message: "Missing Authentication Token".to_owned(),
        });
    }
    let scope = authorization.split_once("Credential=").map(|(_, rest)| rest).unwrap_or_default();
    Ok(scope.split('/').nth(2).filter(|region| !region.is_empty()).map(str::to_owned))
}

/// Writes an answer down.
pub(crate) fn respond(
    protocol: Protocol,
    service: Service,
    operation: &str,
    result: &Result<Value, WireError>,
    request_id: &str,
) -> Response<Full<Bytes>> {
    let status = result.as_ref().map_or_else(|error| error.status, |_| 200);
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header("x-amzn-requestid", request_id);
    let (content_type, body) = match protocol {
        Protocol::Json10 => ("application/x-amz-json-1.0", json_body(service, result)),
        Protocol::Json11 => ("application/x-amz-json-1.1", json_body(service, result)),
        Protocol::Cbor => ("application/cbor", cbor_body(service, result)),
        Protocol::Query => ("text/xml", query_body(operation, result, request_id)),
    };
    if protocol == Protocol::Cbor {
        response = response.header("smithy-protocol", "rpc-v2-cbor");
    }
    if let (Err(error), Service::CloudWatch) = (result, service) {
        let side = if error.status < 500 { "Sender" } else { "Receiver" };
        response = response.header("x-amzn-query-error", format!("{};{side}", error.code));
    }
    response
        .header(header::CONTENT_TYPE, content_type)
        .body(Full::new(body.into()))
        .unwrap_or_else(|_| Response::new(Full::new(Bytes::new())))
}

fn error_members(service: Service, error: &WireError) -> Value {
    // App Runner models `Message`, the others `message`; CloudWatch writes the full shape name.
    let message = if service == Service::AppRunner { "Message" } else { "message" };
    let kind = if service == Service::CloudWatch {
        format!("{}#{}", service.namespace(), error.code)
    } else {
        error.code.clone()
    };
    Value::Map(vec![("__type", kind.into()), (message, error.message.as_str().into())])
}

fn json_body(service: Service, result: &Result<Value, WireError>) -> Vec<u8> {
    let value = result.as_ref().map_or_else(|error| error_members(service, error).to_json(), Value::to_json);
    value.to_string().into_bytes()
}

fn cbor_body(service: Service, result: &Result<Value, WireError>) -> Vec<u8> {
    let value = result.as_ref().map_or_else(|error| error_members(service, error).to_cbor(), Value::to_cbor);
    let mut body = Vec::new();
    // Writing a value that we made to a Vec cannot fail.
    let _ = ciborium::into_writer(&value, &mut body);
    body
}

fn query_body(operation: &str, result: &Result<Value, WireError>, request_id: &str) -> Vec<u8> {
    let mut xml = String::new();
    let namespace = "http://monitoring.amazonaws.com/doc/2010-08-01/";
    // Writing to a String cannot fail.
    match result {
        Ok(value) => {
            let _ = write!(xml, "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
            value.write_xml(&mut xml);
            let _ = write!(
                xml,
                "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
                 </{operation}Response>"
            );
        }
        Err(error) => {
            let side = if error.status < 500 { "Sender" } else { "Receiver" };
            let _ = write!(xml, "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{side}</Type><Code>");
            Value::from(error.code.as_str()).write_xml(&mut xml);
            xml.push_str("</Code><Message>");
            Value::from(error.message.as_str()).write_xml(&mut xml);
            let _ = write!(xml, "</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>");
        }
    }
    xml.into_bytes()
}
