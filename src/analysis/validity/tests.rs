//! What makes a step invalid, and what does not.

use super::*;
use scaletop_load::GeneratorHealth;

#[test]
fn limits_themselves_are_still_valid() {
    let record = GeneratorRecord {
        send_lag_p99: Some(SEND_LAG_LIMIT),
        due: 1000,
        dropped_late: 10,
        dropped_connections: 10,
        strain: Strain { busy_seconds: 1, seconds: 5, ..Strain::default() },
        ..GeneratorRecord::default()
    };
    assert_eq!(record.verdict(), Validity::Valid);
}

#[test]
fn a_thousandth_of_what_was_planned_may_be_unreported_and_not_one_arrival_more() {
    let of = |unreported| GeneratorRecord {
        planned: Some(10_000),
        unreported: Some(unreported),
        due: 10_000 - unreported,
        ..GeneratorRecord::default()
    };
    assert_eq!(of(10).verdict(), Validity::Valid);
    let why = "0.1 % of arrivals (11) unreported: nobody of the fleet sent or reported them";
    assert_eq!(of(11).verdict(), Validity::InvalidGenerator(why.to_owned()));
}

#[test]
fn every_reason_is_named() {
    let record = GeneratorRecord {
        send_lag_p99: Some(Duration::from_millis(34)),
        due: 1000,
        planned: Some(1000),
        unreported: Some(0),
        dropped_late: 21,
        dropped_connections: 500,
        dropped_at_descriptors: 36,
        capped: None,
        slot_wait_p99: Some(Duration::from_millis(800)),
        cramped: None,
        starved: 3,
        tells_lateness: true,
        judged_seconds: 50,
        not_measured: 10,
        due_late: 0,
        late: 0,
        ok: 900,
        p99: None,
        strain: Strain { busy_seconds: 12, seconds: 60, ..Strain::default() },
    };
    let Validity::InvalidGenerator(why) = record.verdict() else { panic!("must be invalid") };
    assert_eq!(
        why,
        "3 requests found no free port or file descriptor, 3.6 % of arrivals dropped at the cap that the limit on file \
         descriptors sets (ulimit -n), 50.0 % of arrivals dropped for want of a connection (waiting \
         p99 800 ms), 2.1 % of arrivals dropped late, p99 send lag 34 ms endangers T_recover and bad seconds, CPU over 90 % of all cores for 12 s"
    );
}

#[test]
fn lag_counts_where_it_could_have_changed_a_number() {
    let calm = GeneratorRecord {
        send_lag_p99: Some(Duration::from_millis(15)),
        due: 80,
        due_late: 5,
        ok: 80,
        tells_lateness: true,
        judged_seconds: 20,
        p99: Some(Duration::from_millis(82)),
        ..GeneratorRecord::default()
    };
    assert_eq!(calm.verdict(), Validity::Valid, "one late request of eighty, in a second of five");
    let of_twenty = GeneratorRecord { due_late: 20, late: 1, ..calm };
    assert_eq!(of_twenty.verdict(), Validity::Valid, "one late request of eighty, in a second of twenty");
    let endangered = |record: GeneratorRecord| record.endangered();
    assert_eq!(endangered(GeneratorRecord { due_late: 9, late: 9, ..calm }), Some("the percentiles"));
    let slow = Some(Duration::from_millis(800));
    assert_eq!(endangered(GeneratorRecord { due_late: 9, late: 9, p99: slow, ..calm }), None, "15 ms of 800");
    let refused = GeneratorRecord { due_late: 80, late: 80, ok: 0, p99: None, ..calm };
    assert_eq!(endangered(refused), None, "lag refuses nothing");
    let blind = GeneratorRecord { not_measured: 3, ..calm };
    assert_eq!(endangered(blind), Some("T_recover and bad seconds"));
    let old = GeneratorRecord { tells_lateness: false, ..calm };
    assert_eq!(endangered(old), Some("its numbers"), "any lag, where nothing more is known");
    let quick = Some(Duration::from_millis(10));
    assert_eq!(endangered(GeneratorRecord { send_lag_p99: quick, due_late: 80, late: 80, ..blind }), None);
}

#[test]
fn a_limit_on_connections_that_the_load_would_need_more_of_is_in_the_latencies() {
    let cramped = Cramped { most: 10, seconds: 9, waited: 90, busy: 16.0 };
    let record = GeneratorRecord {
        due: 100,
        ok: 100,
        slot_wait_p99: Some(Duration::from_millis(800)),
        p99: Some(Duration::from_millis(880)),
        cramped: Some(cramped),
        strain: Strain { seconds: 10, ..Strain::default() },
        ..GeneratorRecord::default()
    };
    let Validity::InvalidGenerator(why) = record.verdict() else { panic!("must be invalid") };
    let expected =
        "waiting for one of 10 connections, the most that may be open (p99 800 ms), endangers the percentiles";
    assert_eq!(why, expected);
    let verdict = |cramped| GeneratorRecord { cramped: Some(cramped), ..record }.verdict();
    assert_eq!(verdict(Cramped { busy: 8.0, ..cramped }), Validity::Valid, "the service stood still for a while");
    assert_eq!(verdict(Cramped { seconds: 5, ..cramped }), Validity::Valid, "half of the time");
    assert_eq!(verdict(Cramped { waited: 10, ..cramped }), Validity::Valid, "one in ten waited");
    let slow = GeneratorRecord { p99: Some(Duration::from_secs(8)), ..record };
    assert_eq!(slow.verdict(), Validity::Valid, "a tenth of what an answer takes");
    assert_eq!(GeneratorRecord { ok: 0, p99: None, ..record }.verdict(), Validity::Valid, "nothing to endanger");
}

#[test]
fn the_cap_on_requests_in_flight_is_the_limit_only_where_the_service_answers_as_before() {
    let second = Some(Duration::from_secs(1));
    let capped = Capped { most: 50, dropped: 500, failed: 0, busy: 100.0, service: second, usual: second };
    let record = |capped| GeneratorRecord { due: 1000, ok: 500, capped: Some(capped), ..GeneratorRecord::default() };
    let Validity::InvalidGenerator(why) = record(capped).verdict() else { panic!("must be invalid") };
    let expected = "50.0 % of arrivals dropped at the cap of 50 requests in flight (--max-in-flight), while the service \
                    answered as before";
    assert_eq!(why, expected);
    let is_valid = |capped| record(capped).verdict() == Validity::Valid;
    assert!(is_valid(Capped { usual: Some(Duration::from_millis(20)), ..capped }), "it grew: the service is full");
    assert!(is_valid(Capped { busy: 2.0, ..capped }), "it stood still for a while");
    assert!(is_valid(Capped { failed: 11, ..capped }), "it fails");
    assert!(is_valid(Capped { dropped: 10, ..capped }), "one in a hundred");
    assert!(is_valid(Capped { usual: None, service: None, ..capped }), "no answer says anything");
}

#[test]
fn no_work_of_others_explains_a_limit_that_was_set() {
    let crowd = GeneratorHealth { others_percent: Some(185.0), cores: Some(2), ..GeneratorHealth::default() };
    let mut strain = Strain::default();
    strain.note(&crowd);
    let capped = GeneratorRecord { due: 100, dropped_at_descriptors: 90, strain, ..GeneratorRecord::default() };
    let Validity::InvalidGenerator(why) = capped.verdict() else { panic!("must be invalid") };
    assert!(why.starts_with("90.0 % of arrivals dropped at the cap that the limit"), "{why}");
}

#[test]
fn the_cause_is_named_before_how_it_showed() {
    let health = GeneratorHealth {
        cpu_quota: Some(0.04),
        throttled: Some(Duration::from_millis(600)),
        longest_turn: Some(Duration::from_millis(96)),
        ..GeneratorHealth::default()
    };
    let mut strain = Strain::default();
    (0..8).for_each(|_| strain.note(&health));
    let slow = GeneratorRecord { due: 9, strain, ..GeneratorRecord::default() };
    assert_eq!(slow.verdict(), Validity::Valid, "nothing of it showed");
    let late = GeneratorRecord {
        send_lag_p99: Some(Duration::from_millis(79)),
        due_late: 9,
        late: 9,
        ok: 9,
        tells_lateness: true,
        ..slow
    };
    let Validity::InvalidGenerator(why) = late.verdict() else { panic!("must be invalid") };
    let expected = "throttled by the container's CPU quota (0.04 cores): p99 send lag 79 ms (longest turn 96 ms) \
                    endangers the percentiles";
    assert_eq!(why, expected);
    let crowd = GeneratorHealth { others_percent: Some(185.0), cores: Some(2), ..GeneratorHealth::default() };
    let mut strain = Strain::default();
    strain.note(&crowd);
    let Validity::InvalidGenerator(why) = (GeneratorRecord { strain, ..late }).verdict() else { panic!() };
    assert_eq!(why, "cores busy with other work for 1 s: p99 send lag 79 ms endangers the percentiles");
}
