//! The one request before the load: what cannot work is said beforehand, and nothing is changed unasked.

use serde_json::Value;

use crate::support::faults::{Fault, Service};
use crate::support::program::Workplace;
use crate::support::turn;

fn summary(work: &Workplace) -> Value {
    serde_json::from_str(&std::fs::read_to_string(work.session().join("summary.json")).unwrap()).unwrap()
}

const PLAN: &str = "[[stage]]\nrate = 10\nduration = \"2s\"\n";

#[test]
fn the_service_is_asked_once_before_the_load_and_the_record_says_so() {
    let _turn = turn();
    let (work, service) = (Workplace::new(), Service::start(Fault::None));
    let ended = work.run(&["run", &work.plan(PLAN), &service.url()]);
    assert!([0, 4].contains(&ended.code), "{ended:?}");
    let summary = summary(&work);
    assert_eq!(summary["totals"]["sent"].as_u64().map(|sent| sent + 1), Some(service.read()), "{summary:#}");
    assert!(summary["settings"]["preflight"].as_str().is_some_and(|told| told.starts_with("200 after")), "{summary:#}");
}

#[test]
fn what_may_change_something_is_not_sent_unasked_and_nothing_with_no_preflight() {
    let _turn = turn();
    for options in [&["--method", "POST", "--body", "x"][..], &["--no-preflight"]] {
        let (work, service) = (Workplace::new(), Service::start(Fault::None));
        let ended = work.run(&[&["run", &work.plan(PLAN), &service.url()], options].concat());
        assert!([0, 4].contains(&ended.code), "{ended:?}");
        let summary = summary(&work);
        assert_eq!(summary["totals"]["sent"], service.read(), "{options:?}");
        assert!(summary["settings"]["preflight"].is_null(), "{options:?}");
    }
}

#[test]
fn what_cannot_work_is_said_before_the_first_second_and_a_search_does_not_begin() {
    let _turn = turn();
    let work = Workplace::new();
    // A port that was free a moment ago: nobody listens.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/");
    let ended = work.run(&["run", &work.plan(PLAN), &url]);
    assert_eq!(ended.code, 1, "not one request was answered: {ended:?}");
    let before = ended.stderr.split("0:01").next().unwrap_or_default();
    assert!(before.contains("connection refused"), "{}", ended.stderr);
    let searched = work.run(&["capacity", &url, "--max-rate", "20"]);
    assert_eq!(searched.code, 1, "{searched:?}");
    assert!(searched.stderr.contains("connection refused") && !searched.stdout.contains("holds"), "{searched:?}");
}
