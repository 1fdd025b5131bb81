//! Whether the service answers, and whether its answers name their instance. Pure: the answers come in.

use std::time::Duration;

use url::Url;

use super::Check;
use scaletop_load::{Cause, Expected, FailureKind, Outcome, Phase, Reply};

/// An answer slower than this is worth a word: it is one request, on an idle service.
const SLOW: Duration = Duration::from_secs(2);

/// What one request to `url` showed. `header` is the response header that names the instance.
pub(crate) fn checks(url: &Url, expected: Expected, header: &str, reply: &Reply, took: Duration) -> Vec<Check> {
    let reach = reachable(url, expected, reply, took);
    let mut checks = vec![reach];
    if matches!(reply.outcome, Outcome::Status(_)) {
        checks.push(match &reply.served_by {
            Some(id) if id.is_cut() => Check::ok(
                "instance header",
                format!("{header} says {id} (cut, with a digest of the whole in the middle)"),
            ),
            Some(id) => Check::ok("instance header", format!("{header} says {id}")),
            None => Check::warning(
                "instance header",
                format!("the answer has no {header}"),
                "instances cannot be told apart without it: let the service send a random id per process \
                 (docs/measure-your-own-service.md), or name its own header with --instance-header",
            ),
        });
    }
    checks
}

/// Whether the answer came over HTTP/2, where that was asked for.
pub(crate) fn protocol(is_asked: bool, reply: &Reply) -> Option<Check> {
    let is_other = is_asked && !reply.is_http2 && matches!(reply.outcome, Outcome::Status(_));
    is_other.then(|| {
        Check::warning(
            "protocol",
            "the service does not speak HTTP/2 here: it agreed to HTTP/1.1",
            "leave --http2 out, or switch HTTP/2 on at the service or its balancer",
        )
    })
}

/// Whether the answer was one that is expected.
pub(crate) fn reachable(url: &Url, expected: Expected, reply: &Reply, took: Duration) -> Check {
    let name = "reachability";
    let host = url.host_str().unwrap_or("the host");
    let millis = took.as_millis();
    match reply.outcome {
        Outcome::Status(status) if expected.holds(status) && took >= SLOW => Check::warning(
            name,
            format!("{host} answered {status} after {millis} ms"),
            "a cold start or a far region: run doctor again, and measure from near the service",
        ),
        Outcome::Status(status) if expected.holds(status) => {
            Check::ok(name, format!("{host} answered {status} after {millis} ms"))
        }
        Outcome::Status(status @ 100..=299) => Check::failure(
            name,
            format!("{host} answered {status}, expected is {expected}"),
            "name what is OK with --expect",
        ),
        Outcome::Status(304) => Check::failure(
            name,
            format!("{host} answered 304: not modified, so without a body"),
            "leave the header out that asks for changes only (If-None-Match, If-Modified-Since), or --expect 304",
        ),
        Outcome::Status(status @ 300..=399) => Check::failure(
            name,
            match &reply.cause {
                Some(leads) => {
                    format!("{host} answered {status}: a redirect {}, which a load test does not follow", leads.text)
                }
                None => format!("{host} answered {status}: a redirect, which a load test does not follow"),
            },
            "give the URL that it leads to (https:// instead of http://, with or without the last /), or --expect 3xx",
        ),
        Outcome::Status(status @ (401 | 403)) => Check::failure(
            name,
            format!("{host} answered {status}"),
            "send what it wants to see with --header, or test a path that is open",
        ),
        Outcome::Status(404) => Check::failure(
            name,
            format!("{host} answered 404 for {}", url.path()),
            "name a path that the service has with --path",
        ),
        Outcome::Status(status @ 429) => Check::failure(
            name,
            format!("{host} answered {status} to a single request"),
            "it is at its limit already: stop other load, or raise its limits",
        ),
        Outcome::Status(503) if host.ends_with(".awsapprunner.com") => Check::failure(
            name,
            format!("{host} answered 503"),
            "see the service's log; a paused App Runner service answers 503",
        ),
        Outcome::Status(status) => Check::failure(name, format!("{host} answered {status}"), "see the service's log"),
        Outcome::Failed(kind) => {
            let (what, remedy) = failure(kind);
            match &reply.cause {
                // The cause knows better than the kind, and some know what to do.
                Some(cause) => {
                    let (what, own) = cause.text.split_once(": use ").unwrap_or((&cause.text, ""));
                    let remedy = match own {
                        "" => by_phase(url, kind, cause).unwrap_or(remedy).to_owned(),
                        own => format!("use {own}"),
                    };
                    Check::failure(name, format!("{host}, {}: {what}", cause.phase.label()), remedy)
                }
                None => Check::failure(name, format!("{host}: {what}"), remedy),
            }
        }
    }
}

/// What the phase in which it failed makes likely: a port that speaks otherwise than the URL says.
fn by_phase(url: &Url, kind: FailureKind, cause: &Cause) -> Option<&'static str> {
    match (kind, cause.phase) {
        (FailureKind::Timeout, Phase::Tls) => {
            Some("if the port speaks plain http, use http://; else see security groups")
        }
        (_, Phase::Sending) if cause.text.contains("HTTP/2") => Some("leave --http2 out"),
        (FailureKind::Tls, _) if cause.text.contains("it is an authority's") => {
            Some("give the service a certificate that an authority has signed for it, or use --insecure for a test")
        }
        (FailureKind::Tls, _) => by_refusal(&cause.text),
        (_, Phase::Body) if cause.text.contains("close_notify") => {
            Some("let the service say the length of its answers, or end them as HTTP and TLS do")
        }
        (FailureKind::Other, Phase::Answer) if cause.text.contains("is not HTTP: ") => {
            Some("see what listens on this port: it speaks something else, or its answers have a fault")
        }
        (FailureKind::Reset | FailureKind::Other, Phase::Answer) if url.scheme() == "http" => {
            Some("if the port wants https, use https://; else see the service's log, or a proxy between")
        }
        _ => None,
    }
}

/// What helps where TLS was refused: what was wrong with the certificate, or with what both sides speak.
fn by_refusal(cause: &str) -> Option<&'static str> {
    [
        ("has expired", "renew the service's certificate, or use --insecure for a test"),
        ("is not valid", "set the clock of this machine or wait, or use --insecure for a test"),
        ("for another host", "name the host of the certificate in the URL, with --resolve to reach it here"),
        ("not one for servers", "give the service a certificate for servers (extended key usage serverAuth)"),
        ("client certificate", "scaletop sends none: test an address that wants none"),
        ("neither TLS 1.2", "let the service speak TLS 1.2 or 1.3"),
        ("no cipher of TLS", "let the service offer a current cipher: ECDHE with AES-GCM or ChaCha20"),
        ("no version or cipher", "let the service speak TLS 1.2 or 1.3 with a current cipher"),
    ]
    .into_iter()
    .find_map(|(part, remedy)| cause.contains(part).then_some(remedy))
}

const fn failure(kind: FailureKind) -> (&'static str, &'static str) {
    match kind {
        FailureKind::Dns => ("the name is not known", "check the URL and the network's DNS, or use --resolve"),
        FailureKind::Tls => (
            "no trust in its certificate",
            "check the name, or name the authority with --cacert (--insecure for a test)",
        ),
        FailureKind::Connect => ("no connection", "check the port, the service and security groups or firewalls"),
        FailureKind::Timeout => {
            ("no answer in time", "check security groups and the service's log, or raise --timeout")
        }
        _ => ("the connection broke", "see the service's log; a proxy may be between"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;
    use scaletop_units::InstanceId;

    fn check(reply: &Reply, took: Duration) -> Vec<Check> {
        checks(&Url::parse("https://example.com/x").expect("a URL"), Expected::default(), "x-instance-id", reply, took)
    }

    #[test]
    fn a_service_that_answers_and_names_its_instance_is_ok() {
        let reply = Reply { served_by: InstanceId::parse(b"abc"), ..Reply::status(200) };
        let checks = check(&reply, Duration::from_millis(80));
        assert_eq!(checks[0], Check::ok("reachability", "example.com answered 200 after 80 ms"));
        assert_eq!(checks[1], Check::ok("instance header", "x-instance-id says abc"));
    }

    #[test]
    fn an_answer_over_the_older_protocol_is_no_http2() {
        let answer = Reply::status(200);
        assert_eq!(protocol(false, &answer), None);
        assert!(protocol(true, &answer).is_some_and(|check| check.detail.contains("does not speak HTTP/2")));
        assert_eq!(protocol(true, &Reply { is_http2: true, ..Reply::status(200) }), None);
        assert_eq!(protocol(true, &Reply::failed(FailureKind::Tls)), None, "that says nothing of the protocol");
    }

    #[test]
    fn everything_else_says_what_to_do() {
        for (reply, status, part) in [
            (Reply::status(301), Status::Failure, "https:// instead"),
            (Reply::status(403), Status::Failure, "--header"),
            (Reply::status(404), Status::Failure, "--path"),
            (Reply::status(304), Status::Failure, "If-None-Match"),
            (Reply::status(503), Status::Failure, "the service's log"),
            (Reply::failed(FailureKind::Dns), Status::Failure, "DNS"),
            (Reply::failed(FailureKind::Tls), Status::Failure, "--cacert"),
            (Reply::failed(FailureKind::Connect), Status::Failure, "security groups"),
        ] {
            let found = check(&reply, Duration::ZERO);
            assert_eq!(found[0].status, status, "{reply:?}");
            assert!(found[0].remedy.as_deref().unwrap_or_default().contains(part), "{}", found[0]);
        }
        assert!(
            !check(&Reply::status(503), Duration::ZERO)[0].remedy.as_deref().unwrap_or_default().contains("App Runner")
        );
        let paused = Url::parse("https://x.eu-west-1.awsapprunner.com/").expect("a URL");
        let told = reachable(&paused, Expected::default(), &Reply::status(503), Duration::ZERO);
        assert!(told.remedy.as_deref().unwrap_or_default().contains("paused App Runner"), "{told}");
        for (text, part) in [
            ("the certificate has expired (2002-01-01)", "renew"),
            ("the certificate is not one for servers", "serverAuth"),
            ("the service wants a client certificate", "sends none"),
            ("the service speaks neither TLS 1.2 nor TLS 1.3", "let the service speak"),
        ] {
            let told =
                &check(&Reply::failed(FailureKind::Tls).because(Cause::new(Phase::Tls, text)), Duration::ZERO)[0];
            assert!(told.remedy.as_deref().unwrap_or_default().contains(part), "{told}");
        }
        let cause = Cause::new(Phase::Tls, "the service does not speak TLS on this port: use http://");
        let told = &check(&Reply::failed(FailureKind::Tls).because(cause), Duration::ZERO)[0];
        assert!(told.detail.ends_with("shaking hands over TLS: the service does not speak TLS on this port"), "{told}");
        assert_eq!(told.remedy.as_deref(), Some("use http://"));
        for (kind, phase, text, part) in [
            (FailureKind::Timeout, Phase::Tls, "no connection within 10 s", "use http://"),
            (FailureKind::Other, Phase::Sending, "the service does not speak HTTP/2 on this port", "leave --http2 out"),
        ] {
            let told = &check(&Reply::failed(kind).because(Cause::new(phase, text)), Duration::ZERO)[0];
            assert!(told.remedy.as_deref().unwrap_or_default().contains(part), "{told}");
        }
        let cause = Cause::new(Phase::Answer, "the answer is not HTTP: it begins with \"SSH-2.0\"");
        let http = Url::parse("http://example.com/").expect("a URL");
        let told =
            reachable(&http, Expected::default(), &Reply::failed(FailureKind::Other).because(cause), Duration::ZERO);
        assert!(told.remedy.as_deref().unwrap_or_default().contains("what listens"), "{told}");
        let anonymous = check(&Reply::status(200), Duration::ZERO);
        assert_eq!(anonymous[1].status, Status::Warning);
        assert_eq!(check(&Reply::failed(FailureKind::Dns), Duration::ZERO).len(), 1, "no answer, no header");
    }
}
