//! Services that fail: what a run counts it as, says of it, and ends with. The real binary; counts and words, and of times only
//! what a busy machine cannot make shorter.

use serde_json::Value;

use crate::support::faults::{Fault, Service, TlsService};
use crate::support::program::{Ended, Workplace};
use crate::support::turn;

/// Two seconds at 20 a second, judged by `thresholds`.
fn plan(work: &Workplace, thresholds: &str) -> String {
    work.plan(&format!("[[stage]]\nname = \"steady\"\nrate = 20\nduration = \"2s\"\n{thresholds}"))
}

const THRESHOLDS: &str = "[thresholds]\np99 = \"< 30s\"\n\"steady.lost\" = \"< 1\"\n";

/// Runs it against such a service.
fn run(fault: Fault, thresholds: &str, flags: &[&str]) -> (Ended, Value) {
    let (work, service) = (Workplace::new(), Service::start(fault));
    let ended = work.run_valid(&[&["run", &plan(&work, thresholds), &service.url()], flags].concat());
    let summary = std::fs::read_to_string(work.session().join("summary.json")).unwrap();
    (ended, serde_json::from_str(&summary).unwrap())
}

#[test]
fn a_service_that_answers_everything_otherwise_is_not_judged_and_the_run_fails() {
    let _turn = turn();
    for (answer, status) in [
        (&b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"[..], "404 Not Found"),
        (b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "401 Unauthorized"),
    ] {
        let said = format!("not one of 40 requests was answered as expected: 40 × {status}");
        let (ended, summary) = run(Fault::Says(answer), "", &[]);
        ended.assert_code(1);
        assert!(ended.stdout.contains(&format!("not judged: {said}")), "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("verdict: failed: {said}")), "{}", ended.stdout);
        assert!(ended.stderr.contains("asked once before the load: 127.0.0.1 answered 40"), "{}", ended.stderr);
        assert_eq!(summary["response_ms"], Value::Null, "no latency of OK answers");
        let (ended, _) = run(Fault::Says(answer), THRESHOLDS, &["--no-preflight"]);
        ended.assert_code(3);
        for threshold in ["UNDECIDED p99 < 30s", "UNDECIDED steady.lost"] {
            assert!(ended.stdout.contains(threshold), "{threshold}: {}", ended.stdout);
        }
    }
}

#[test]
fn a_service_that_refuses_everything_with_429_or_503_has_lost_everything() {
    let _turn = turn();
    for answer in [
        &b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n"[..],
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
    ] {
        let (ended, summary) = run(Fault::Says(answer), THRESHOLDS, &["--no-preflight"]);
        ended.assert_code(3);
        assert_eq!(
            (&summary["steps"][0]["numbers"]["lost"], &summary["totals"]["ok"]),
            (&40.into(), &0.into()),
            "{summary:#}"
        );
    }
}

#[test]
fn what_is_expected_is_held() {
    let _turn = turn();
    let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let (ended, summary) = run(Fault::Says(answer), THRESHOLDS, &["--expect", "404"]);
    ended.assert_code(0);
    assert_eq!(summary["totals"]["ok"], 40, "{summary:#}");
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
}

#[test]
fn a_redirect_is_not_followed_and_where_it_leads_is_told_once_without_its_query() {
    let _turn = turn();
    let answer = b"HTTP/1.1 302 Found\r\nlocation: https://sso.test/login?ticket=s3cret\r\ncontent-length: 0\r\n\r\n";
    let (ended, summary) = run(Fault::Says(answer), "", &["--no-preflight"]);
    ended.assert_code(1);
    assert_eq!(summary["failures"][0]["cause"], "302 Found, to https://sso.test/login", "{summary:#}");
    assert!(ended.stdout.contains("40 × 302 Found, to https://sso.test/login"), "{}", ended.stdout);
    assert_eq!(ended.stderr.matches("first failure of its kind").count(), 1, "{}", ended.stderr);
    assert!(!format!("{ended:?}{summary}").contains("s3cret"));
}

#[test]
fn refusals_make_no_latency_better() {
    let _turn = turn();
    let (ended, summary) = run(Fault::Flattering, "[thresholds]\np50 = \"< 500ms\"\n", &["--no-preflight"]);
    ended.assert_code(3);
    assert!(ended.stdout.contains("FAILED p50 < 500ms"), "{}", ended.stdout);
    assert!(summary["response_ms"]["p50"].as_f64() >= Some(800.0), "{summary:#}");
    assert_eq!((&summary["totals"]["ok"], &summary["failed_ms"]["count"]), (&4.into(), &36.into()), "{summary:#}");
}

#[test]
fn what_is_wrong_with_an_answer_is_told_with_its_cause() {
    let _turn = turn();
    let cases: [(&'static [u8], &str, &str); 4] = [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n", "body", "not chunked as it says"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok", "other", "no valid content-length"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "other", "the answer is not HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "other", "the service speaks TLS on this port: use https://"),
    ];
    for (answer, kind, cause) in cases {
        let (ended, summary) = run(Fault::Says(answer), "", &["--no-preflight"]);
        ended.assert_code(1);
        let failure = &summary["failures"][0];
        assert_eq!((&failure["kind"], &failure["count"]), (&kind.into(), &40.into()), "{cause}: {summary:#}");
        assert!(failure["cause"].as_str().unwrap().contains(cause), "{failure}");
        assert!(ended.stdout.contains(cause), "{}", ended.stdout);
    }
}

#[test]
fn an_answer_that_breaks_off_is_a_failure_that_says_after_how_much() {
    let _turn = turn();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let (ended, summary) = run(Fault::SaysAndCloses(answer), "", &["--no-preflight"]);
    ended.assert_code(1);
    let cause = summary["failures"][0]["cause"].as_str().unwrap();
    assert_eq!(cause, format!("the service closed the connection after {} bytes of the answer", answer.len()));
    assert_eq!(summary["totals"]["outcomes"]["body"], 40, "{summary:#}");
}

#[test]
fn a_service_that_never_finishes_an_answer_runs_into_the_timeout() {
    let _turn = turn();
    for fault in [Fault::Silent, Fault::Endless] {
        let (ended, summary) = run(fault, "", &["--no-preflight", "--timeout", "1s"]);
        ended.assert_code(1);
        assert_eq!(summary["totals"]["outcomes"]["timeout"], 40, "{fault:?}: {summary:#}");
        assert!(ended.stdout.contains("no full answer within 1 s"), "{}", ended.stdout);
    }
}

#[test]
fn a_slow_head_and_a_slow_body_are_waited_for_and_charged() {
    let _turn = turn();
    let (_, summary) = run(Fault::Slow, "", &["--no-preflight"]);
    assert_eq!(summary["totals"]["ok"], 40, "{summary:#}");
    assert!(summary["response_ms"]["p50"].as_f64() >= Some(600.0), "{summary:#}");
}

#[test]
fn answers_without_a_body_interim_ones_and_old_protocols_are_whole() {
    let _turn = turn();
    let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
        HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let fates = [
        Fault::Says(b"HTTP/1.1 204 No Content\r\n\r\n"),
        Fault::Says(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 200\r\n\r\n"),
        Fault::Says(interim),
        Fault::SaysAndCloses(b"HTTP/1.0 200 OK\r\n\r\nto the end"),
    ];
    for fault in fates {
        let (ended, summary) = run(fault, THRESHOLDS, &["--expect", "2xx,304"]);
        ended.assert_code(0);
        assert_eq!(summary["totals"]["ok"], 40, "{fault:?}: {:#}", summary["failures"]);
    }
}

#[test]
fn a_name_that_cannot_be_resolved_is_said_beforehand_and_nothing_is_held() {
    let _turn = turn();
    let work = Workplace::new();
    let ended = work.run_valid(&["run", &plan(&work, THRESHOLDS), "http://nosuch.invalid/", "--yes"]);
    ended.assert_code(3);
    let cause = "resolving the name: the name cannot be resolved";
    assert!(ended.stderr.contains(&format!("asked once before the load: nosuch.invalid, {cause}")), "{}", ended.stderr);
    assert!(ended.stdout.contains(&format!("40 dns, {cause}")), "{}", ended.stdout);
    assert!(ended.stdout.contains("UNDECIDED p99 < 30s"), "{}", ended.stdout);
}

#[test]
fn no_capacity_is_certified_by_answers_that_were_not_expected() {
    let _turn = turn();
    let (work, service) =
        (Workplace::new(), Service::start(Fault::Says(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")));
    let rates = ["--hold", "2s", "--settle", "1s", "--max-rate", "40"];
    let ended = work.run(&[&["capacity", &service.url()][..], &rates].concat());
    ended.assert_code(1);
    assert_eq!(ended.stdout, "", "no figure");
    assert!(ended.stderr.contains("127.0.0.1 answered 404 for /"), "{}", ended.stderr);
    assert_eq!(service.read(), 1, "asked once, and never loaded");
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_beforehand_and_in_the_result() {
    let _turn = turn();
    for (host, is_expired, knows_it, cause) in [
        ("127.0.0.1", true, true, "the certificate has expired"),
        ("other.test", false, true, "the certificate is for another host"),
        ("127.0.0.1", false, false, "signed by an authority that is not trusted: name it with --cacert"),
        ("127.0.0.1", false, true, ""),
    ] {
        let (work, service) = (Workplace::new(), TlsService::start(host, is_expired));
        std::fs::write(work.path().join("ca.pem"), &service.authority).unwrap();
        let trust = if knows_it { &["--cacert", "ca.pem"][..] } else { &[] };
        let ended = work.run_valid(&[&["run", &plan(&work, THRESHOLDS), &service.url()], trust].concat());
        if cause.is_empty() {
            assert!(ended.assert_code(0).stdout.contains("40 ok"), "{}", ended.stdout);
            continue;
        }
        ended.assert_code(3);
        let beforehand = ended.stderr.lines().find(|line| line.contains("asked once before the load")).unwrap();
        assert!(beforehand.contains(cause), "{beforehand}");
        assert!(
            ended.stdout.contains(&format!("40 tls, shaking hands over TLS: {cause}")) || !knows_it,
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.contains(cause) && ended.stdout.contains("UNDECIDED p99 < 30s"), "{}", ended.stdout);
    }
}
