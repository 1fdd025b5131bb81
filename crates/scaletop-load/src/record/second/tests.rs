//! Seconds add up, and survive storage, packed and whole.

use super::*;
use crate::sample::{OutcomeKind, Phase};

fn second_with(intended: u32, sent: u64, id: &str) -> Second {
    let mut second = Second::new(9, ArrivalRate::new(10));
    let part = second.part_mut(intended);
    part.due = sent;
    part.sent = sent;
    for _ in 0..sent {
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_millis(80));
    }
    second.served.push(Served {
        id: InstanceId::from(id.to_owned()),
        requests: sent,
        ok: sent,
        first_ok_intended: Some(Elapsed::from_secs(u64::from(intended))),
        response: Latency::new(),
    });
    second
}

#[test]
fn merging_workers_keeps_cohorts_apart_and_counts_everything_once() {
    let mut merged = second_with(9, 3, "a");
    merged.merge(&second_with(8, 2, "b"));
    merged.merge(&second_with(9, 4, "a"));
    assert_eq!(merged.parts.iter().map(|p| (p.intended, p.sent)).collect::<Vec<_>>(), [(8, 2), (9, 7)]);
    assert_eq!(merged.total().sent, 9);
    assert_eq!(merged.total().ok.count(), 9);
    assert_eq!(merged.served.iter().map(|s| (s.id.as_str(), s.requests)).collect::<Vec<_>>(), [("a", 7), ("b", 2)]);
}

#[test]
fn merging_workers_adds_up_each_request_by_name_and_intended_second() {
    let of = |name: &str, intended, due| {
        let mut second = second_with(9, 1, "a");
        second.request_mut(&RequestName::from(name), intended).due = due;
        second
    };
    let mut merged = of("search", 9, 1);
    for other in [of("cart", 9, 2), of("search", 8, 4), of("search", 9, 8)] {
        merged.merge(&other);
    }
    let seen: Vec<_> = merged.requests.iter().map(|part| (part.name.as_str(), part.intended, part.due)).collect();
    assert_eq!(seen, [("cart", 9, 2), ("search", 8, 4), ("search", 9, 9)]);
}

#[test]
fn what_is_merged_packed_is_what_is_merged_whole_of_each_request_too() {
    let with = |name: &str, intended: u32, millis: u64| {
        let mut second = second_with(9, 1, "a");
        let part = second.request_mut(&RequestName::from(name), intended);
        part.ok.record(Duration::from_millis(millis));
        part.failed.record(Duration::from_millis(10 * millis));
        second
    };
    let seconds = [with("search", 9, 3), with("cart", 8, 5), with("search", 9, 7), with("search", 8, 1)];
    let mut whole = Second::new(9, ArrivalRate::PAUSED);
    let mut merged = whole.clone();
    for second in &seconds {
        whole.merge(second);
        let text = serde_json::to_string(second).unwrap();
        let packed: crate::PackedSecond = serde_json::from_str(&text).unwrap();
        let mut room = crate::record::bundle::Unpacker::default();
        packed.unpack(&mut room).unwrap().merge_into(&mut merged);
    }
    assert_eq!(merged.requests, whole.requests);
}

#[test]
fn a_second_survives_storage() {
    let mut second = second_with(8, 3, "a");
    second.merge(&second_with(9, 2, "b"));
    second.part_mut(8).failed.record(Duration::from_secs(700));
    second.part_mut(9).outcomes.add(OutcomeKind::Other);
    second.part_mut(9).dropped_cap = 7;
    (second.part_mut(9).late, second.part_mut(9).longest_lag) = (3, Duration::from_millis(70));
    second.part_mut(8).failed_service.record(Duration::from_millis(2));
    second.part_mut(9).outcomes.add(OutcomeKind::Http2xx);
    second.send_lag.record(Duration::from_micros(120));
    second.oldest_in_flight = Some(Duration::from_nanos(81_234_567));
    second.served[0].response.record(Duration::from_millis(80));
    second.served[1].first_ok_intended = Some(Elapsed::from_nanos(8_123_456_789));
    second.unattributed = 4;
    second.remotes = vec![([127, 0, 0, 1].into(), 5)];
    second.generator = GeneratorHealth { cpu_percent: Some(12.5), fds: Some((9, 1_024)), ..GeneratorHealth::default() };
    second.part_mut(9).dropped_connections = 2;
    second.generator.workers = 2;
    second.generator.longest_turn = Some(Duration::from_micros(730));
    second.connections =
        Connections { opened: 3, open: 40, closed_age: Duration::from_nanos(7), ..Connections::default() };
    second.connections.tls.record(Duration::from_millis(2));
    second.failures = vec![Failure {
        kind: OutcomeKind::Tls,
        phase: Some(Phase::Tls),
        cause: "the certificate has expired".into(),
        count: 9,
    }];
    let slow = second.request_mut(&RequestName::from("search"), 8);
    (slow.due, slow.sent, slow.dropped) = (3, 2, 1);
    slow.failed.record(Duration::from_millis(700));
    slow.outcomes.add(OutcomeKind::Timeout);
    second.request_mut(&RequestName::from("checkout"), 9).ok.record(Duration::from_millis(3));
    let text = serde_json::to_string(&second).unwrap();
    assert_eq!(serde_json::from_str::<Second>(&text).unwrap(), second);
    let empty = Second::new(3, ArrivalRate::PAUSED);
    let text = serde_json::to_string(&empty).unwrap();
    assert_eq!(serde_json::from_str::<Second>(&text).unwrap(), empty);
    assert!(text.len() < 80, "nothing takes no room: {text}");
}

#[test]
fn a_second_of_the_first_recordings_is_still_read() {
    // As written before connections were known: a second of 2 requests at 10/s.
    let old = r#"{"index":9,"target":10,"parts":[[9,2,2,0,0,[2]]],"in_flight":1,"oldest_nanos":5,"bytes_in":4,"generator":[12.5,2,[9,1024],null,100,1]}"#;
    let second = serde_json::from_str::<Second>(old).unwrap();
    assert_eq!((second.total().sent, second.in_flight, second.generator.cores), (2, 1, Some(2)));
    assert!(second.connections.is_unknown() && second.failures.is_empty() && second.generator.workers == 0);
}

#[test]
fn a_second_whose_histograms_are_missing_is_damaged() {
    let text = serde_json::to_string(&second_with(9, 3, "a")).unwrap();
    let start = text.find("\"latencies\":\"").unwrap() + 13;
    let damaged = format!("{}\"eJwDAAAAAAE\"}}", &text[..start]);
    assert!(serde_json::from_str::<Second>(&damaged).is_err());
}
