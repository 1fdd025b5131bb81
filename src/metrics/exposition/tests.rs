//! What the page says of a session, and that Prometheus can read it.

mod grafana;

use std::collections::BTreeMap;

use super::*;
use crate::instances::{InstanceObservation, Limits};
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop_load::RateProfile;
use scaletop_load::Second;
use scaletop_units::{ArrivalRate, Elapsed};

pub(in crate::metrics) fn session() -> Session {
    let settings = Settings { target: "a\"b\\c\nd".into(), plan: Some("spike".into()), ..Settings::default() };
    let header = Header::new(0, settings);
    let mut session = Session::new(header);
    let profile = RateProfile::Constant(ArrivalRate::new(600));
    let change = RateChange { profile, cause: RateCause::Plan, stage: Some("spike".into()), unmet_start: None };
    session.apply(Elapsed::ZERO, &SessionEvent::Rate(change));
    for index in 0..5 {
        let mut second = Second::new(index, ArrivalRate::new(600));
        let part = second.part_mut(index);
        (part.due, part.sent, part.dropped_cap) = (600, 590, 10);
        for n in 0..590 {
            let kind = if n < 90 { OutcomeKind::Http429 } else { OutcomeKind::Ok };
            part.outcomes.add(kind);
            part.ok.record(Duration::from_millis(80));
        }
        second.in_flight = 48;
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    let seen = InstanceObservation {
        basis: Basis::Running,
        count: 3,
        as_of: Elapsed::from_secs(4),
        uncertainty: Duration::from_secs(2),
        provisional: false,
    };
    session.observations_mut().insert(Basis::Running, vec![seen]);
    let limits = Limits { max: Some(5), ..session.limits() };
    session.apply(session.now(), &SessionEvent::Limits(limits));
    session
}

/// Reads a page as a scraper does; panics where it breaks the format.
pub(in crate::metrics) fn parse(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut typed: Vec<&str> = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["gauge", "counter"].contains(&kind), "{line}");
            assert!(!typed.contains(&name), "{name} has two families");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            typed.push(name);
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        assert_eq!(typed.last(), Some(&name), "{line} stands outside its family");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
        if let Some(labels) = series.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')) {
            let labels = labels.strip_suffix("\"}").unwrap_or_else(|| panic!("{line}"));
            assert!(labels.contains("=\""), "{line}");
        }
        assert!(samples.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line} twice");
    }
    samples
}

#[test]
fn the_page_is_in_the_format_and_tells_the_sessions_own_numbers() {
    let session = session();
    let text = page(&Halves::of(session.clone(), None));
    assert!(text.ends_with('\n'));
    let samples = parse(&text);
    let version = env!("CARGO_PKG_VERSION");
    let info = format!(r#"scaletop_info{{target="a\"b\\c�d",plan="spike",version="{version}"}}"#);
    assert!(samples[&info] > 0.0);
    let exactly = [
        ("scaletop_requests_due_total", session.totals().due),
        ("scaletop_requests_sent_total", session.totals().sent),
        (r#"scaletop_requests_dropped_total{reason="in_flight_cap"}"#, 50),
        ("scaletop_target_rate", 600),
        ("scaletop_in_flight", 48),
        (r#"scaletop_instances{basis="running"}"#, 3),
        (r#"scaletop_instances_limit{bound="max"}"#, 5),
        ("scaletop_step", 1),
    ];
    for (series, value) in exactly {
        assert!((samples[series] - value as f64).abs() < 1e-9, "{series}: {}", samples[series]);
    }
    let completed: f64 =
        samples.iter().filter(|(s, _)| s.starts_with("scaletop_requests_completed_total")).map(|(_, v)| v).sum();
    assert!((completed - session.totals().outcomes.total() as f64).abs() < 1e-9);
    let p99 = session.timeline().latest().unwrap().ok.unwrap().p99.as_secs_f64();
    assert!((samples[r#"scaletop_response_seconds{quantile="0.99"}"#] - p99).abs() < 1e-9);
}

#[test]
fn of_two_targets_each_sample_says_of_which() {
    let halves = Halves::of(session(), Some(session()));
    let samples = parse(&page(&halves));
    let due = |side: &str| samples[&format!("scaletop_requests_due_total{{side=\"{side}\"}}")];
    assert!((due("A") - due("B")).abs() < 1e-9 && due("A") > 0.0);
    assert!(samples.contains_key(r#"scaletop_instances{side="B",basis="running"}"#), "{samples:?}");
}

#[test]
fn of_a_fleet_of_which_nobody_is_left_there_are_no_clocks_and_no_ceiling() {
    use crate::session::fixtures::{ended, events, folded};
    let there = parse(&page(&Halves::of(folded(&events()[..18]), None)));
    let close = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
    assert!(close(there["scaletop_fleet_clock_error_seconds"], 0.0004));
    assert!(close(there["scaletop_fleet_ceiling_rate"], 60_000.0));
    let gone = parse(&page(&Halves::of(ended(), None)));
    for series in ["scaletop_fleet_clock_error_seconds", "scaletop_fleet_ceiling_rate"] {
        assert!(!gone.contains_key(series), "{series}: {gone:?}");
    }
    assert!(close(gone[r#"scaletop_generators{state="left"}"#], 3.0) && close(gone["scaletop_unreported"], 200.0));
}

#[test]
fn what_is_unknown_is_left_out() {
    let header = Header::new(0, Settings::default());
    let samples = parse(&page(&Halves::new(&header)));
    assert!(!samples.keys().any(|series| series.starts_with("scaletop_instances")), "{samples:?}");
    assert!(!samples.contains_key("scaletop_in_flight"));
}

#[test]
fn the_documentation_names_every_metric_and_no_other() {
    let docs = include_str!("../../../docs/metrics.md");
    for (name, kind, _) in FAMILIES {
        assert!(docs.contains(&format!("| `{name}` | {kind} |")), "{name} ({kind}) is missing in docs/metrics.md");
    }
    assert_eq!(docs.matches("| `scaletop_").count(), FAMILIES.len());
}
