//! What our own connections do is never the service's fault: inputs from the field, the real binary, counts and no times.

use std::time::Duration;

use serde_json::Value;

use crate::support::faults::{Fault, Http2Service, Service};
use crate::support::program::{Ended, Workplace};
use crate::support::turn;

fn plan(work: &Workplace, rate: u32, secs: u32) -> String {
    work.plan(&format!("[[stage]]\nrate = {rate}\nduration = \"{secs}s\"\n"))
}

/// What a run came to; whether this machine was quick enough is not asked.
fn summary(work: &Workplace, ended: &Ended) -> Value {
    assert!([0, 4].contains(&ended.code), "{ended:?}");
    written(work)
}

fn written(work: &Workplace) -> Value {
    serde_json::from_str(&std::fs::read_to_string(work.session().join("summary.json")).unwrap()).unwrap()
}

#[track_caller]
fn assert_all_ok(summary: &Value) {
    let totals = &summary["totals"];
    assert!(totals["sent"].as_u64() > Some(0), "{totals:#}");
    assert_eq!(totals["ok"], totals["sent"], "{totals:#} {:#}", summary["failures"]);
    assert_eq!(totals["dropped_connections"], 0, "{totals:#}");
}

#[test]
fn waiting_for_a_stream_makes_as_many_connections_as_it_takes() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Http2Service::start(10, Duration::from_millis(500), None));
    let ended = work.run(&["run", &plan(&work, 50, 3), &service.url(), "--http2", "--conn-max-age", "0"]);
    let summary = summary(&work, &ended);
    assert_all_ok(&summary);
    assert!(summary["connections"]["opened"].as_u64() >= Some(3), "{:#}", summary["connections"]);
    assert_eq!(summary["connections"]["protocol"], "HTTP/2");
}

#[test]
fn a_stream_that_is_refused_unprocessed_is_sent_again_and_counted_apart() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Http2Service::start(100, Duration::from_millis(20), Some(20)));
    let ended = work.run(&["run", &plan(&work, 100, 2), &service.url(), "--http2"]);
    let summary = summary(&work, &ended);
    assert_all_ok(&summary);
    assert!(summary["connections"]["retried_on_refusal"].as_u64() > Some(0), "{:#}", summary["connections"]);
}

#[test]
fn over_http2_a_host_header_is_the_authority_and_nothing_stands_beside_it() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Http2Service::start(100, Duration::ZERO, None));
    let ended = work.run(&["run", &plan(&work, 10, 2), &service.url(), "--http2", "-H", "host: a.test"]);
    assert_all_ok(&summary(&work, &ended));
    let names = service.names.lock().unwrap();
    assert!(!names.is_empty() && names.iter().all(|name| *name == ("a.test".to_owned(), None)), "{names:?}");
}

#[test]
fn a_service_that_serves_one_connection_at_a_time_is_not_starved_by_idle_ones() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Service::start(Fault::OneAtATime));
    let ended = work.run(&["run", &plan(&work, 2, 4), &service.url()]);
    assert_all_ok(&summary(&work, &ended));
}

#[test]
fn a_request_that_meets_the_close_of_its_connection_is_sent_again_and_counted_apart() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Service::start(Fault::ClosesOnTheFourth));
    let ended = work.run(&["run", &plan(&work, 20, 3), &service.url()]);
    let summary = summary(&work, &ended);
    assert_all_ok(&summary);
    assert!(summary["connections"]["retried_on_close"].as_u64() > Some(0), "{:#}", summary["connections"]);
    assert!(ended.stdout.contains("requests sent again on a close"), "{}", ended.stdout);
}

#[test]
fn an_answer_is_taken_though_the_body_could_not_be_sent_to_its_end() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Service::start(Fault::EarlyRefusal));
    std::fs::write(work.path().join("big"), vec![0; 5_000_000]).unwrap();
    let ended = work.run(&["run", &plan(&work, 2, 3), &service.url(), "--method", "POST", "--body-file", "big"]);
    // What came is taken, and is not what was expected.
    assert!([1, 4].contains(&ended.code), "{ended:?}");
    let summary = written(&work);
    assert_eq!(summary["totals"]["outcomes"]["http_4xx_other"], summary["totals"]["sent"], "{summary:#}");
}

#[test]
fn warming_opens_connections_and_sends_nothing() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Service::start(Fault::None));
    let warm = ["--method", "POST", "--body", "x", "--warm", "50"];
    let ended = work.run(&[&["run", &plan(&work, 20, 2), &service.url()], &warm[..]].concat());
    let summary = summary(&work, &ended);
    assert_all_ok(&summary);
    assert_eq!(summary["totals"]["sent"], service.read());
}

#[test]
fn an_address_is_given_for_a_host_and_a_port_or_refused() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Service::start(Fault::None));
    let (plan, port) = (plan(&work, 4, 2), service.port());
    let url = format!("http://h.test:{port}/");
    let (right, other) = (format!("h.test:{port}:127.0.0.1"), "h.test:9:127.0.0.9");
    work.run(&["run", &plan, &url, "--yes", "--resolve", other]).assert_code(2);
    assert!(!work.path().join("scaletop-sessions").exists(), "nothing was begun");
    let ended = work.run(&["run", &plan, &url, "--yes", "--resolve", &right, "--resolve", other]);
    assert_all_ok(&summary(&work, &ended));
}

#[test]
fn a_url_that_is_too_long_is_refused_before_the_first_request() {
    let (work, service) = (Workplace::new(), Service::start(Fault::None));
    let url = format!("{}{}", service.url(), "a".repeat(70_000));
    let ended = work.run(&["run", &plan(&work, 4, 2), &url]);
    let error = &ended.assert_code(2).stderr;
    assert!(error.contains("70001") && error.contains("65534"), "{error}");
    work.run(&["doctor", &url]).assert_code(2);
    assert_eq!(service.read(), 0);
}

#[test]
fn either_client_drives_the_same_requests() {
    let _turn = turn();
    let service = Service::start(Fault::None);
    for transport in ["own", "reqwest"] {
        let work = Workplace::new();
        let before = service.read();
        let ended = work.run(&[
            "run",
            &plan(&work, 20, 2),
            &service.url(),
            "--transport",
            transport,
            "--workers",
            "2",
            "--no-preflight",
        ]);
        let summary = summary(&work, &ended);
        assert_all_ok(&summary);
        assert_eq!(summary["totals"]["sent"], service.read() - before, "{transport}");
        assert_eq!(summary["connections"].is_null(), transport == "reqwest");
    }
}
