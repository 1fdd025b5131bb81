//! What a threshold's name and bound mean, and what is said of those that mean nothing.

use std::time::Duration;

use super::*;

#[test]
fn a_name_says_what_it_is_about() {
    let scope = |name, bound| Threshold::parse(name, bound).unwrap().scope;
    assert_eq!(scope("achieved", "> 99%"), Scope::Run);
    assert_eq!(scope("p99.9", "< 2s"), Scope::Run);
    assert_eq!(scope("t_recover", "< 60s"), Scope::EveryStep);
    assert_eq!(scope("*.lost", "< 10"), Scope::EveryStep);
    assert_eq!(scope("spike.t_recover", "< 60s"), Scope::Stage("spike".into()));
    assert_eq!(scope("v1.2.p99", "< 1s"), Scope::Stage("v1.2".into()));
}

#[test]
fn bounds_are_read_in_the_units_of_the_number() {
    let bound = |name, bound| Threshold::parse(name, bound).unwrap().bound;
    assert_eq!(bound("lost", "< 0.5%"), Bound::Share(0.005));
    assert_eq!(bound("lost", "<10"), Bound::Count(10.0));
    assert_eq!(bound("bad_seconds", "<= 10s"), Bound::Time(Duration::from_secs(10)));
    assert_eq!(bound("bad_seconds", "== 0"), Bound::Count(0.0));
    assert_eq!(bound("max", "<= 1500ms"), Bound::Time(Duration::from_millis(1500)));
    for (name, text) in [
        ("achieved", "99%"),
        ("achieved", "> 99"),
        ("achieved", "> 101%"),
        ("t_recover", "< 60"),
        ("t_recover", "< 1%"),
        ("lost", "< -1"),
        ("lost", "< NaN"),
        ("lost", "=< 1"),
        ("lost", ""),
    ] {
        let error = Threshold::parse(name, text).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("such as"), "{name} {text}: {error}");
    }
}

#[test]
fn an_unknown_number_or_stage_is_named_with_the_allowed_ones() {
    let error = Threshold::parse("spike.t_recoverr", "< 1s").unwrap_err().to_string();
    assert!(error.contains("`t_recoverr`") && error.contains("t_recover,") && error.contains("or p99"), "{error}");
    let error = Threshold::parse("latency", "< 1s").unwrap_err().to_string();
    assert!(error.contains("`latency`") && error.contains("achieved,"), "{error}");
    let refused = |name: &str, requests: &[&str]| {
        let stages = ["warm-up", "spike", "spike (2)"].into_iter();
        Threshold::parse(name, "< 1s").unwrap().resolve(stages, requests).unwrap_err().to_string()
    };
    let error = refused("spike.p50", &[]);
    assert!(error.contains("`p50`"), "a step has no histogram but its p99: {error}");
    let error = refused("spkie.p99", &[]);
    assert!(error.contains("`spkie`") && error.contains("warm-up, spike, or"), "{error}");
    let error = refused("shearch.p99", &["search", "cart"]);
    assert!(
        error.contains("no stage and no request `shearch`; the stages are warm-up, spike, the requests search, cart")
    );
    let error = refused("cart.t_recover", &["search", "cart"]);
    assert!(error.contains("`t_recover` is not a number that can be judged here; give achieved, errors"), "{error}");
    assert!(refused("spike.p99", &["spike"]).contains("`spike` is a stage and a request"));
}

#[test]
fn what_stands_before_a_number_may_be_a_request() {
    let resolved = |name: &str| {
        let mut threshold = Threshold::parse(name, "< 1s").unwrap();
        threshold.resolve(["spike"].into_iter(), &["checkout", "GET /v1.2/a"]).unwrap();
        threshold
    };
    for (name, request) in [
        ("checkout.p99", "checkout"),
        ("checkout.p95", "checkout"),
        ("checkout.failed.p99", "checkout"),
        ("checkout.all.p50", "checkout"),
        ("GET /v1.2/a.p99", "GET /v1.2/a"),
    ] {
        let threshold = resolved(name);
        assert_eq!(threshold.scope, Scope::Request(request.to_owned()), "{name}");
        let text = serde_json::to_string(&threshold).unwrap();
        assert_eq!(serde_json::from_str::<Threshold>(&text).unwrap(), threshold, "{text}");
    }
    assert_eq!(resolved("spike.p99").scope, Scope::Stage("spike".to_owned()));
    assert_eq!(resolved("p99").scope, Scope::Run);
}

#[test]
fn a_stage_means_its_repeats_too_and_nothing_else() {
    let threshold = Threshold::parse("spike.lost", "< 1%").unwrap();
    assert!(threshold.covers(Some("spike")) && threshold.covers(Some("spike (12)")));
    assert!(!threshold.covers(Some("spike (b)")) && !threshold.covers(Some("spikes")) && !threshold.covers(None));
    let second = Threshold::parse("spike (2).lost", "< 1%").unwrap();
    assert!(second.covers(Some("spike (2)")) && !second.covers(Some("spike")));
}

#[test]
fn a_threshold_survives_storage() {
    let threshold = Threshold::parse("spike.t_recover", " < 60s").unwrap();
    let text = serde_json::to_string(&threshold).unwrap();
    assert_eq!(text, r#"{"name":"spike.t_recover","bound":"< 60s"}"#);
    assert_eq!(serde_json::from_str::<Threshold>(&text).unwrap(), threshold);
}
