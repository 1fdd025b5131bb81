//! What is written is documented, and the other way round.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::plan::Plan;
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop_load::{Connections, GeneratorPart, OutcomeKind, Phase, RateProfile};
use scaletop_load::{Second, Served};
use scaletop_units::{ArrivalRate, FleetState, GeneratorChange, GeneratorEvent, InstanceId};

#[test]
fn a_censored_time_is_an_object_and_never_a_number() {
    let not_within = Worth::Timing(Timing::NotWithin { secs: 42.0, open: false });
    assert_eq!(worth(&not_within), json!({ "not_within_s": 42, "open": false }));
    assert_eq!(worth(&Worth::Timing(Timing::Absorbed)), json!({ "s": 0, "absorbed": true }));
    assert_eq!(worth(&Worth::Timing(Timing::NotApplicable("no source"))), Value::Null);
    assert_eq!(worth(&Worth::Known(f64::INFINITY)), Value::Null);
}

/// The paths of all values that are no objects or lists; a time is one value, and so is a pinning.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if !is_one(path) => map.iter().for_each(|(key, value)| {
            paths(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
        }),
        Value::Array(list) if !is_one(path) => list.iter().for_each(|value| paths(value, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// Objects that are one value.
fn is_one(path: &str) -> bool {
    path.contains(".numbers.t_")
        || path.contains(".scale_out.t_")
        || path.ends_with(".pinned")
        || path.ends_with(".scale_out_remarks")
        || path.ends_with(".scale_outs")
}

/// A session in which every field has a value or is `null` by itself.
fn full() -> Value {
    let thresholds =
        Plan::parse("[[stage]]\nrate = 5\nduration = \"1s\"\n[thresholds]\np99 = \"< 1s\"").unwrap().thresholds;
    let mut session = Session::new(Header {
        writer: "scaletop test".into(),
        ..Header::new(0, Settings { thresholds, counts: vec![CountSettings::default()], ..Settings::default() })
    });
    let profile = RateProfile::Constant(ArrivalRate::new(5));
    let change = RateChange { profile, cause: RateCause::Set, stage: Some("spike".into()), unmet_start: None };
    session.apply(Elapsed::ZERO, &SessionEvent::Rate(change));
    let mut second = Second::new(0, ArrivalRate::new(5));
    let part = second.part_mut(0);
    (part.due, part.sent) = (1, 1);
    part.outcomes.add(OutcomeKind::Ok);
    part.ok.record(Duration::from_millis(80));
    part.service.record(Duration::from_millis(80));
    part.failed.record(Duration::from_millis(3));
    part.failed_service.record(Duration::from_millis(3));
    second.send_lag.record(Duration::from_micros(90));
    second.connections = Connections { opened: 1, open: 1, ..Connections::default() };
    for latency in [
        &mut second.connections.connect,
        &mut second.connections.dns,
        &mut second.connections.tcp,
        &mut second.connections.tls,
        &mut second.connections.slot_wait,
    ] {
        latency.record(Duration::from_millis(2));
    }
    second.failures = vec![Failure {
        kind: OutcomeKind::Tls,
        phase: Some(Phase::Tls),
        cause: "the certificate has expired".into(),
        count: 1,
    }];
    second.served.push(Served {
        id: InstanceId::from("a".to_owned()),
        requests: 1,
        ok: 1,
        first_ok_intended: Some(Elapsed::ZERO),
        response: part_response(),
    });
    second.parts[0].planned = Some(second.parts[0].due + 1);
    let request = second.request_mut(&scaletop_load::RequestName::from("search"), 0);
    (request.ok, request.failed) = (part_response(), part_response());
    second.generators = vec![GeneratorPart {
        id: "g1".parse().unwrap(),
        due: 1,
        sent: 1,
        ok: 1,
        lag_p99: None,
        cpu_percent: None,
        in_flight: 0,
        clock_error: None,
        late_anchor: None,
        numbers: Vec::new(),
    }];
    let (id, why) = ("g1".parse().unwrap(), Some("no beat for 1.5 s".to_owned()));
    session.apply(Elapsed::ZERO, &SessionEvent::Generator(GeneratorEvent { id, change: GeneratorChange::Lost, why }));
    session.apply(
        Elapsed::ZERO,
        &SessionEvent::Fleet(FleetState {
            wanted: 2,
            live: 1,
            held: None,
            clock_error: Duration::from_micros(400),
            lead: Duration::from_millis(60),
            ceiling: ArrivalRate::new(20_000),
        }),
    );
    session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    session.steps_mut()[0].validity = Validity::InvalidGenerator("send lag".into());
    session.steps_mut()[0].step.unmet_start = Some("rest: settled was not reached within 900s".into());
    value(&session, Damage::default())
}

fn part_response() -> Latency {
    let mut latency = Latency::new();
    latency.record(Duration::from_millis(80));
    latency
}

#[test]
fn every_field_is_documented_and_every_documented_field_exists() {
    let mut written = BTreeSet::new();
    paths(&full(), "", &mut written);
    let page = include_str!("../../../../docs/summary-json.md");
    let documented: BTreeSet<String> = page
        .lines()
        .skip_while(|line| *line != "## Fields")
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(path, _)| path.to_owned()))
        .collect();
    let missing: Vec<_> = written.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&written).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not documented: {missing:?}; documented, but not there: {gone:?}");
    assert!(page.contains(&format!("Version {VERSION}.")));
}

#[test]
fn a_step_says_when_few_instances_had_got_most_of_its_load() {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let profile = RateProfile::Constant(ArrivalRate::new(100));
    let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
    session.apply(Elapsed::ZERO, &SessionEvent::Rate(change));
    for index in 0..30 {
        let mut second = Second::new(index, ArrivalRate::new(100));
        second.served = [("i-busy", 96), ("i-idle", 4)]
            .map(|(id, requests)| Served {
                id: InstanceId::parse(id.as_bytes()).unwrap(),
                requests,
                ok: requests,
                first_ok_intended: None,
                response: Latency::new(),
            })
            .into();
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        let pinned = &value(&session, Damage::default())["steps"][0]["pinned"];
        // An instance counts once it was there before the last ten seconds began.
        let expected = json!({ "instances": 1, "of": 2, "share_percent": 96 });
        assert_eq!(*pinned, if index < 10 { Value::Null } else { expected }, "second {index}");
    }
}
