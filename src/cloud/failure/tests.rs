//! What each failure is told as.

use super::*;

fn refused(api: Api, code: &str, message: &str) -> SourceError {
    let failure = Failure::Refused { code: code.to_owned(), message: message.to_owned(), status: 400 };
    explain(api, &failure, &CallContext { region: Some("eu-west-1".to_owned()), ..CallContext::default() })
}

#[test]
fn a_missing_permission_is_named() {
    let error = refused(
        Api::METRICS,
        "AccessDenied",
        "User: arn:aws:iam::1:user/x is not authorized to perform: cloudwatch:GetMetricData",
    );
    assert_eq!(error.kind, SourceErrorKind::AccessDenied);
    assert!(error.remedy.contains("cloudwatch:GetMetricData"), "{error}");
}

#[test]
fn app_runners_closure_is_named_where_it_may_be_the_cause() {
    let error = refused(Api::APP_RUNNER_LIST, "AccessDeniedException", "Your account is not subscribed.");
    assert_eq!(error.kind, SourceErrorKind::Unavailable);
    assert!(error.remedy.contains("2026-04-30") && error.remedy.contains("apprunner:ListServices"), "{error}");
    let denied = refused(
        Api::APP_RUNNER_LIST,
        "AccessDeniedException",
        "User: x is not authorized to perform: apprunner:ListServices",
    );
    assert_eq!(denied.kind, SourceErrorKind::AccessDenied);
    assert!(!denied.remedy.contains("closed"), "{denied}");
    assert_eq!(refused(Api::ECS_SERVICES, "OptInRequired", "").kind, SourceErrorKind::Unavailable);
}

#[test]
fn every_code_has_its_kind() {
    for (code, kind) in [
        ("ThrottlingException", SourceErrorKind::Throttled),
        ("Throttling", SourceErrorKind::Throttled),
        ("ExpiredTokenException", SourceErrorKind::Credentials),
        ("InvalidClientTokenId", SourceErrorKind::Credentials),
        ("com.amazonaws.apprunner#ResourceNotFoundException", SourceErrorKind::NotFound),
        ("ClusterNotFoundException", SourceErrorKind::NotFound),
        ("UnknownOperationException", SourceErrorKind::Unavailable),
        ("SomethingNew", SourceErrorKind::BadAnswer),
    ] {
        assert_eq!(refused(Api::ECS_SERVICES, code, "x").kind, kind, "{code}");
    }
}

#[test]
fn a_code_less_answer_is_judged_by_its_status() {
    for (status, kind) in
        [(429, SourceErrorKind::Throttled), (403, SourceErrorKind::AccessDenied), (503, SourceErrorKind::Unreachable)]
    {
        let failure = Failure::Refused { code: String::new(), message: String::new(), status };
        let error = explain(Api::METRICS, &failure, &CallContext::default());
        assert_eq!(error.kind, kind);
        assert!(error.message.contains(&format!("HTTP {status}")), "{error}");
    }
}

#[test]
fn a_clock_that_is_off_is_said_to_be_before_credentials_are_blamed() {
    let context = CallContext { skew_secs: Some(900.0), ..CallContext::default() };
    for code in ["RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"] {
        let failure = Failure::Refused { code: code.to_owned(), message: "old".to_owned(), status: 403 };
        let error = explain(Api::METRICS, &failure, &context);
        assert!(error.remedy.contains("900 s behind the cloud's"), "{error}");
    }
}

#[test]
fn where_nothing_answers_the_place_is_named() {
    let region = CallContext { region: Some("eu-north-1".to_owned()), ..CallContext::default() };
    assert!(explain(Api::ECS_SERVICES, &Failure::Timeout, &region).remedy.contains("eu-north-1"));
    let endpoint = CallContext { endpoint: Some("http://127.0.0.1:9".to_owned()), ..region };
    assert!(explain(Api::ECS_SERVICES, &Failure::Timeout, &endpoint).remedy.contains("http://127.0.0.1:9"));
    let login = CallContext { profile: Some("work".to_owned()), ..CallContext::default() };
    let error = explain(Api::ECS_SERVICES, &Failure::NoCredentials, &login);
    assert!(error.remedy.contains("aws sso login --profile work"), "{error}");
    assert!(error.message.starts_with("cannot call ECS DescribeServices: no credentials"), "{error}");
    let session = explain(Api::ECS_SERVICES, &Failure::LoginSession, &login);
    assert!(session.message.ends_with("profiles with login_session (`aws login`) are not read"), "{session}");
    assert!(session.remedy.contains("aws configure export-credentials --profile work --format env"), "{session}");
    assert!(!session.to_string().contains("sso login"), "{session}");
    let behind = CallContext { proxy: Some("http://proxy:3128/ (HTTPS_PROXY)".to_owned()), ..CallContext::default() };
    let refused = Failure::Unreachable { detail: "tunnel error".to_owned() };
    let error = explain(Api::ECS_SERVICES, &refused, &behind);
    assert!(error.remedy.contains("check the proxy http://proxy:3128/ (HTTPS_PROXY)"), "{error}");
    // The chain itself is no call.
    let chain = Api { service: "the credential chain", operation: "", permission: "" };
    let bad = Failure::BadCredentials { detail: "the helper\n  ended with 1".to_owned() };
    let error = explain(chain, &bad, &login);
    assert_eq!(error.message, "the credentials could not be had: the helper ended with 1");
}
