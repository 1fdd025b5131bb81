//! Signatures against those of AWS' own test suite and of botocore 1.43.11, and how credentials are kept fresh.

use std::cell::{Cell, RefCell};

use super::*;

/// The key of AWS' Signature Version 4 test suite.
fn credentials(token: Option<&str>) -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    Credentials::new("AKIDEXAMPLE", secret, token.map(str::to_owned), None, "test")
}

/// 2015-08-30 12:36:00 UTC, as in the suite.
fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636)
}

struct Case {
    service: &'static str,
    region: &'static str,
    token: Option<&'static str>,
    method: Method,
    host: &'static str,
    path: &'static str,
    content_type: Option<&'static str>,
    body: &'static str,
    signed: &'static str,
    signature: &'static str,
}

const GET: Case = Case {
    service: "service",
    region: "us-east-1",
    token: None,
    method: Method::GET,
    host: "example.amazonaws.com",
    path: "/",
    content_type: None,
    body: "",
    signed: "host;x-amz-date",
    // get-vanilla
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
};

fn cases() -> [Case; 6] {
    [
        GET,
        Case {
            method: Method::POST,
            content_type: Some("application/x-www-form-urlencoded"),
            body: "Param1=value1",
            signed: "content-type;host;x-amz-date",
            // post-x-www-form-urlencoded
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ..GET
        },
        // The rest: botocore's SigV4Auth, and S3SigV4Auth for S3, with the time of the suite.
        Case {
            service: "execute-api",
            region: "eu-west-1",
            token: Some("TOKEN"),
            host: "abc123.execute-api.eu-west-1.amazonaws.com",
            path: "/prod/a%20b/c?b=2&a=1%20x&a=0",
            signed: "host;x-amz-date;x-amz-security-token",
            signature: "867e09ed41e1c24f5aa33c6343ea052a9cadf4de035f39b8f98966761d5151bd",
            ..GET
        },
        Case {
            service: "lambda",
            method: Method::POST,
            host: "id.lambda-url.us-east-1.on.aws",
            content_type: Some("application/json"),
            body: "{\"a\":1}",
            signed: "content-type;host;x-amz-date",
            signature: "5b5916ba94f6541fc5f1d174671baf59ae674fc9a369345c62c37bfcbb9b6aa1",
            ..GET
        },
        Case {
            service: "vpc-lattice-svcs",
            region: "us-west-2",
            token: Some("TOKEN"),
            method: Method::POST,
            host: "svc-1.7d67968.vpc-lattice-svcs.us-west-2.on.aws",
            path: "/x",
            content_type: Some("text/plain"),
            body: "hello",
            signed: "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
            signature: "b7f9f9e30afb08d77b4235673f56169132a5a1f49c3c9779f3bb2dbe5ebcde04",
        },
        Case {
            service: "s3",
            region: "eu-west-1",
            host: "bucket.s3.eu-west-1.amazonaws.com",
            path: "/a%2Fb//c%20d",
            signed: "host;x-amz-content-sha256;x-amz-date",
            signature: "509dfdf89867e903d1f60c0d2b7b5642eea419830d9c3151e57567c531116c1f",
            ..GET
        },
    ]
}

fn headers_of(case: &Case) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static(case.host));
    // None of these takes part: they change on the way, or are replaced.
    for (name, value) in [("user-agent", "a"), ("accept", "*/*"), ("authorization", "Basic x"), ("x-amz-date", "x")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(content_type) = case.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers
}

fn found<'a>(headers: &'a [(HeaderName, HeaderValue)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(one, _)| one == name).and_then(|(_, value)| value.to_str().ok())
}

#[test]
fn signatures_are_those_of_aws_and_of_botocore() {
    for case in cases() {
        let signer = Signer::new(case.service, case.region, credentials(case.token));
        let headers = headers_of(&case);
        let request = ToSign { method: &case.method, path: case.path, headers: &headers, body: case.body.as_bytes() };
        let added = signer.headers(&request, then());
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/{}/{}/aws4_request, SignedHeaders={}, Signature={}",
            case.region, case.service, case.signed, case.signature
        );
        assert_eq!(found(&added, "authorization"), Some(expected.as_str()), "{}", case.service);
        assert_eq!(found(&added, "x-amz-date"), Some("20150830T123600Z"));
        assert_eq!(found(&added, "x-amz-security-token"), case.token);
        let hash = found(&added, "x-amz-content-sha256");
        assert_eq!(hash.is_some(), ["s3", "vpc-lattice-svcs"].contains(&case.service), "{hash:?}");
        assert!(case.service != "vpc-lattice-svcs" || hash == Some("UNSIGNED-PAYLOAD"));
        assert!(added.iter().all(|(_, value)| value.is_sensitive()));
    }
    let signer = Signer::new("lambda", "eu-west-1", credentials(Some("TOKEN")));
    assert!(!format!("{signer:?}").contains("wJalr"));
}

#[test]
fn new_credentials_sign_from_then_on() {
    let signer = Signer::new("service", "us-east-1", Credentials::new("OLD", "x", None, None, "test"));
    *signer.identity.write().unwrap() = credentials(None).into();
    let headers = headers_of(&GET);
    let request = ToSign { method: &GET.method, path: GET.path, headers: &headers, body: b"" };
    assert!(found(&signer.headers(&request, then()), "authorization").unwrap().ends_with(GET.signature));
}

#[test]
fn a_host_of_aws_names_its_service_and_its_region() {
    for (host, expected) in [
        ("abc.execute-api.eu-west-1.amazonaws.com", Some(("execute-api", "eu-west-1"))),
        ("vpce-1.execute-api.us-gov-west-1.vpce.amazonaws.com", Some(("execute-api", "us-gov-west-1"))),
        ("id.lambda-url.us-east-1.on.aws", Some(("lambda", "us-east-1"))),
        ("a-1.7d67968.vpc-lattice-svcs.us-west-2.on.aws", Some(("vpc-lattice-svcs", "us-west-2"))),
        ("b.s3.cn-north-1.amazonaws.com.cn", Some(("s3", "cn-north-1"))),
        ("api.example.com", None),
        ("bucket.s3.amazonaws.com", None),
        ("127.0.0.1", None),
    ] {
        assert_eq!(of_host(host), expected, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_asked_for_before_they_end_and_a_failure_is_told_once() {
    let start = tokio::time::Instant::now();
    let now = || then() + start.elapsed();
    let at = |secs: u64| Fresh::Until(then() + Duration::from_secs(secs));
    let asked = RefCell::new(Vec::new());
    let told = RefCell::new(Vec::new());
    let refresh = || async {
        asked.borrow_mut().push(start.elapsed().as_secs());
        match asked.borrow().len() {
            // Five minutes before the end there is nothing new yet.
            1 => Ok(at(900)),
            2 => Ok(at(3_600)),
            3 | 4 => Err("expired".to_owned()),
            5 => Ok(at(7_200)),
            _ => Ok(Fresh::ForGood),
        }
    };
    keep_fresh(at(900), refresh, now, |failure| told.borrow_mut().push(failure)).await;
    assert_eq!(*asked.borrow(), [600, 630, 3_300, 3_330, 3_360, 6_900]);
    assert_eq!(*told.borrow(), [Some("expired".to_owned()), None]);
}

#[tokio::test(start_paused = true)]
async fn what_never_ends_is_not_asked_for_again_and_what_does_not_say_so_is() {
    let count = Cell::new(0);
    let refresh = || async {
        count.set(count.get() + 1);
        Ok(if count.get() < 3 { Fresh::Unsaid } else { Fresh::ForGood })
    };
    keep_fresh(Fresh::ForGood, refresh, then, |_| ()).await;
    assert_eq!(count.get(), 0);
    let start = tokio::time::Instant::now();
    keep_fresh(Fresh::Unsaid, refresh, then, |_| ()).await;
    assert_eq!((count.get(), start.elapsed()), (3, UNSAID * 3));
    assert_eq!(Fresh::of(&credentials(None)), Fresh::ForGood);
    assert_eq!(Fresh::of(&credentials(Some("t"))), Fresh::Unsaid);
}
