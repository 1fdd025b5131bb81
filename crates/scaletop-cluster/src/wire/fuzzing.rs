//! A request to the endpoints as one function of its bytes, for `fuzz/` and the test below.

use std::sync::{Arc, Mutex};

use http::{Request, Response, header};
use http_body_util::Full;

use super::protocol::{self, Service};
use super::{CONTROL_PATH, Control, Shared, take_order};
use crate::wire::{CloudPlatform, Publication};

#[path = "../../tests/support/fixed_cloud.rs"]
mod fixed_cloud;

/// How clients write, and what they ask: a content type, and a path or a target.
const FORMS: [(&str, &str, &str); 12] = [
    ("application/x-amz-json-1.0", "/", "AppRunner.DescribeService"),
    ("application/x-amz-json-1.0", "/", "AppRunner.ListServices"),
    ("application/x-amz-json-1.0", "/", "AppRunner.ListOperations"),
    ("application/x-amz-json-1.1", "/", "AmazonEC2ContainerServiceV20141113.DescribeServices"),
    ("application/x-amz-json-1.1", "/", "AmazonEC2ContainerServiceV20141113.DescribeTasks"),
    ("application/x-amz-json-1.1", "/", "AmazonEC2ContainerServiceV20141113.ListTasks"),
    ("application/x-amz-json-1.1", "/", "AmazonEC2ContainerRegistry_V20150921.DescribeImages"),
    ("application/x-amz-json-1.1", "/", "AnyScaleFrontendService.DescribeScalingActivities"),
    ("application/cbor", "/service/GraniteServiceVersion20100801/operation/GetMetricData", ""),
    ("application/x-amz-json-1.0", "/", "GraniteServiceVersion20100801.GetMetricData"),
    ("application/x-www-form-urlencoded", "/", ""),
    ("application/json", CONTROL_PATH, ""),
];

/// Answers the request that the bytes are: the first says how it is written, the others are its body. The answer must be
/// whole, and of the status of an answer.
pub fn request(data: &[u8]) {
    let Some((form, body)) = data.split_first() else { return };
    let (content_type, path, target) = FORMS[usize::from(*form) % FORMS.len()];
    let (platform, is_packed) = (usize::from(*form) / FORMS.len() % 2, usize::from(*form) / FORMS.len() / 2 % 4 == 3);
    let platform = if platform == 0 { CloudPlatform::AppRunner } else { CloudPlatform::Ecs };
    let mut request = Request::post(path)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::AUTHORIZATION, "AWS4-HMAC-SHA256 Credential=ID/20261124/eu-west-1/ecs/aws4_request");
    if !target.is_empty() {
        request = request.header("x-amz-target", target);
    }
    if is_packed {
        request = request.header(header::CONTENT_ENCODING, "gzip");
    }
    let Ok((parts, ())) = request.body(()).map(Request::into_parts) else { return };
    let shared = Shared {
        state: Arc::new(fixed_cloud::FixedCloud::new(platform)),
        publication: Publication::REALISTIC,
        control: Mutex::new(Control::default()),
    };
    let answer: Response<Full<_>> = if path == CONTROL_PATH {
        take_order(&shared, &parts, body)
    } else {
        match protocol::parse(&parts, body) {
            Ok(call) => {
                let result = shared.operate(&call, false);
                protocol::respond(call.protocol, call.service, &call.operation, &result, "id")
            }
            Err((protocol, error)) => protocol::respond(protocol, Service::CloudWatch, "Unknown", &Err(error), "id"),
        }
    };
    let status = answer.status().as_u16();
    assert!(status < 500, "a request of a client is answered with {status}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body for each of [`FORMS`].
    const BODIES: [&[u8]; FORMS.len()] = [
        br#"{"ServiceArn":"arn:aws:apprunner:eu-west-1:000000000000:service/demo/0123456789abcdef0123456789abcdef"}"#,
        br#"{"MaxResults":5,"NextToken":"5"}"#,
        br#"{"ServiceArn":"x","MaxResults":20,"NextToken":"5"}"#,
        br#"{"cluster":"scaletop","services":["demo"],"include":["TAGS"]}"#,
        br#"{"cluster":"scaletop","tasks":["0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"]}"#,
        br#"{"cluster":"scaletop","serviceName":"demo","desiredStatus":"RUNNING","maxResults":3}"#,
        br#"{"repositoryName":"demo","imageIds":[{"imageTag":"latest"}],"maxResults":100,"nextToken":"1"}"#,
        br#"{"ServiceNamespace":"ecs","ResourceId":"service/scaletop/demo","IncludeNotScaledActivities":true}"#,
        b"\xa2\x69StartTime\xc1\x1a\x6b\x09\x5a\x00\x71MetricDataQueries\x81\xa1\x62Id\x61a",
        br#"{"StartTime":1795798500,"EndTime":1795798800,"MetricDataQueries":[{"Id":"a","MetricStat":{"Metric":{"Namespace":"AWS/ECS","MetricName":"CPUUtilization"},"Period":60,"Stat":"Average"}}]}"#,
        b"Action=GetMetricData&Version=2010-08-01&StartTime=2026-11-27T12:00:00Z&MetricDataQueries.member.1.Id=a&MetricDataQueries.member.1.MetricStat.Period=60",
        br#"{"fault":{"fault":"hang","operation":"ListServices","times":2},"status":"PAUSED","push":"v2","skew_secs":-300}"#,
    ];

    /// The same inputs on every machine; more of them with `make fuzz`, which lets coverage choose.
    #[test]
    fn no_request_breaks_the_endpoints() {
        let mut rng = fastrand::Rng::with_seed(1);
        for case in 0..3_000_usize {
            let mut input = vec![rng.u8(..)];
            input.extend(BODIES[usize::from(input[0]) % FORMS.len()]);
            for _ in 0..case % 6 {
                let at = rng.usize(1..=input.len());
                let end = rng.usize(at..=input.len().min(at + 20));
                let new = match rng.u8(..5) {
                    0 => Vec::new(),
                    1 => vec![rng.u8(..)],
                    2 => b"18446744073709551616".to_vec(),
                    3 => b"[{".repeat(200),
                    _ => input[at..end].repeat(2),
                };
                drop(input.splice(at..end, new));
            }
            let tried = std::panic::catch_unwind(|| request(&input));
            assert!(tried.is_ok(), "fails on {:?}", String::from_utf8_lossy(&input));
        }
    }
}
