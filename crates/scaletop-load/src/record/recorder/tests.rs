//! Nothing is lost or counted twice, whenever seconds close and however many shards there are.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn shard(start: Elapsed) -> Shard {
    Shard::new(start, Expected::default(), None)
}
use crate::sample::{Cause, FailureKind, Phase};

/// An arrival whose number does not matter.
fn due(at: Elapsed) -> Arrival {
    Arrival { number: 1, due: at }
}

fn sample(intended: Elapsed, completed: Elapsed, outcome: Outcome, instance: Option<&str>) -> Sample {
    Sample {
        arrival: due(intended),
        sent: Some(intended),
        completed,
        outcome,
        bytes: 7,
        served_by: instance.map(|id| InstanceId::from(id.to_owned())),
        remote: Some(([10, 0, 0, 1], 80).into()),
        cause: None,
    }
}

fn ok(intended_ms: u64, completed_ms: u64) -> Sample {
    sample(Elapsed::from_millis(intended_ms), Elapsed::from_millis(completed_ms), Outcome::Status(200), Some("a"))
}

const IDLE: Gauge = Gauge { count: 0, oldest: None, all_workers: 0, waiting: 0, open: 0, connecting: 0 };

fn close_all(shard: &mut Shard, now: Elapsed) -> Vec<Second> {
    std::iter::from_fn(|| shard.close_due(now)).collect()
}

#[test]
fn an_answer_that_may_have_come_while_we_stood_still_is_one_that_we_were_late_for() {
    let mut shard = shard(Elapsed::ZERO);
    let at = Elapsed::from_millis;
    shard.woke(at(900), Duration::from_millis(600));
    let completed = |sent, completed| Sample {
        arrival: due(at(sent)),
        sent: Some(at(sent)),
        completed: at(completed),
        outcome: Outcome::Status(200),
        bytes: 0,
        served_by: None,
        remote: None,
        cause: None,
    };
    shard.completed(&completed(100, 200)); // before
    shard.completed(&completed(290, 903)); // under way when it began
    shard.completed(&completed(902, 910)); // sent since
    shard.completed(&completed(280, 980)); // slow by itself
    let part = shard.finish(at(999), Gauge::default())[0].total();
    assert_eq!((part.late, part.longest_lag, part.ok.count()), (1, Duration::from_millis(600), 4));
}

#[test]
fn a_second_closes_a_tenth_of_a_second_after_its_end_and_not_before() {
    let mut shard = shard(Elapsed::ZERO);
    shard.observe(Elapsed::from_millis(1_099), IDLE);
    assert_eq!(shard.close_due(Elapsed::from_millis(1_099)), None);
    assert_eq!(shard.next_due(), Elapsed::from_millis(1_100));
    assert_eq!(shard.close_due(Elapsed::from_millis(1_100)).map(|second| second.index), Some(0));
    assert_eq!(shard.next_due(), Elapsed::from_millis(2_000));
}

#[test]
fn an_answer_is_filed_under_the_second_it_came_in_as_a_part_of_the_one_it_was_intended_in() {
    let mut shard = shard(Elapsed::ZERO);
    shard.arrived(due(Elapsed::from_millis(900)));
    shard.sent(due(Elapsed::from_millis(900)), Elapsed::from_millis(900));
    shard.completed(&ok(900, 1_050));
    shard.observe(Elapsed::from_millis(2_200), IDLE);
    let closed = close_all(&mut shard, Elapsed::from_millis(2_200));
    assert_eq!((closed[0].parts[0].intended, closed[0].parts[0].sent, closed[0].parts[0].outcomes.total()), (0, 1, 0));
    assert_eq!((closed[1].parts[0].intended, closed[1].parts[0].sent, closed[1].parts[0].outcomes.total()), (0, 0, 1));
    assert_eq!(closed[1].parts[0].ok.max(), Some(Duration::from_millis(150)));
}

#[test]
fn our_own_lateness_is_part_of_the_response_time_and_not_of_the_service_time() {
    let mut shard = shard(Elapsed::ZERO);
    let (intended, sent) = (Elapsed::from_millis(100), Elapsed::from_millis(400));
    shard.accepted(intended, sent, 1);
    shard.completed(&Sample { sent: Some(sent), ..ok(100, 450) });
    let closed = shard.finish(Elapsed::from_millis(500), IDLE);
    let part = &closed[0].parts[0];
    assert_eq!(part.ok.max(), Some(Duration::from_millis(350)));
    assert_eq!(part.service.max(), Some(Duration::from_millis(50)));
    assert_eq!(closed[0].send_lag.max(), Some(Duration::from_millis(300)));
}

#[test]
fn an_arrival_handled_after_its_second_closed_goes_to_the_open_one() {
    let mut shard = shard(Elapsed::ZERO);
    shard.observe(Elapsed::from_millis(1_100), IDLE);
    close_all(&mut shard, Elapsed::from_millis(1_100));
    shard.arrived(due(Elapsed::from_millis(999)));
    shard.dropped(due(Elapsed::from_millis(999)), Dropped::Late);
    shard.observe(Elapsed::from_millis(2_100), IDLE);
    let closed = close_all(&mut shard, Elapsed::from_millis(2_100));
    assert_eq!(closed.len(), 1);
    assert_eq!((closed[0].index, closed[0].parts[0].intended, closed[0].parts[0].dropped_late), (1, 0, 1));
}

#[test]
fn the_age_of_the_oldest_request_is_taken_at_the_end_of_the_second() {
    let mut shard = shard(Elapsed::ZERO);
    let gauge = Gauge { count: 3, oldest: Some(Elapsed::from_millis(250)), all_workers: 5, ..IDLE };
    shard.observe(Elapsed::from_millis(1_004), gauge);
    let closed = shard.close_due(Elapsed::from_millis(1_100)).unwrap();
    assert_eq!((closed.in_flight, closed.oldest_in_flight), (3, Some(Duration::from_millis(750))));
}

#[test]
fn what_is_in_flight_at_the_start_of_a_second_counts_for_its_peak() {
    let mut shard = shard(Elapsed::ZERO);
    shard.peaked(Elapsed::from_millis(500), 9);
    shard.observe(Elapsed::from_millis(1_000), Gauge { count: 4, oldest: None, all_workers: 4, ..IDLE });
    shard.observe(Elapsed::from_millis(2_000), IDLE);
    let peaks: Vec<u64> = close_all(&mut shard, Elapsed::from_millis(2_100))
        .iter()
        .map(|second| second.generator.in_flight_peak)
        .collect();
    assert_eq!(peaks, [9, 4]);
}

#[test]
fn instances_beyond_the_bound_are_counted_without_a_name() {
    let mut shard = shard(Elapsed::ZERO);
    let at = Elapsed::from_millis(10);
    for number in 0..MAX_INSTANCES_PER_SECOND + 5 {
        shard.completed(&sample(at, at, Outcome::Status(200), Some(&format!("i{number}"))));
    }
    shard.completed(&sample(at, at, Outcome::Status(200), None));
    shard.completed(&sample(at, at, Outcome::Failed(FailureKind::Connect), None));
    let closed = shard.finish(at, IDLE);
    assert_eq!((closed[0].served.len(), closed[0].unattributed), (MAX_INSTANCES_PER_SECOND, 6));
}

#[test]
fn the_first_ok_answer_of_an_instance_is_the_one_intended_first() {
    let mut shard = shard(Elapsed::ZERO);
    let (early, late) = (Elapsed::from_millis(100), Elapsed::from_millis(300));
    shard.completed(&sample(late, Elapsed::from_millis(400), Outcome::Status(200), Some("a")));
    shard.completed(&sample(early, Elapsed::from_millis(500), Outcome::Status(200), Some("a")));
    shard.completed(&sample(Elapsed::ZERO, Elapsed::from_millis(500), Outcome::Status(503), Some("a")));
    let closed = shard.finish(Elapsed::from_millis(600), IDLE);
    assert_eq!(
        (closed[0].served[0].first_ok_intended, closed[0].served[0].requests, closed[0].served[0].ok),
        (Some(early), 3, 2)
    );
}

#[test]
fn a_request_that_never_had_a_connection_has_no_service_time_and_its_cause_is_told() {
    let mut shard = shard(Elapsed::ZERO);
    let cause = Cause::new(Phase::Tcp, "connection refused");
    let refused = Outcome::Failed(FailureKind::Connect);
    let (intended, completed) = (Elapsed::from_millis(100), Elapsed::from_millis(101));
    shard.completed(&Sample { sent: None, cause: Some(cause), ..sample(intended, completed, refused, None) });
    let closed = shard.finish(Elapsed::from_millis(500), IDLE);
    assert_eq!((closed[0].parts[0].service.count(), closed[0].parts[0].failed.count()), (0, 1));
    let failure = &closed[0].failures[0];
    assert_eq!((failure.kind, failure.cause.as_ref(), failure.count), (OutcomeKind::Connect, "connection refused", 1));
}

#[test]
fn finishing_delivers_the_partial_second_too() {
    let mut shard = shard(Elapsed::from_millis(3_400));
    shard.completed(&ok(3_500, 4_020));
    let closed = shard.finish(Elapsed::from_millis(4_030), IDLE);
    assert_eq!(closed.iter().map(|second| second.index).collect::<Vec<_>>(), [3, 4]);
}

/// Something that happens to a shard, in order of time.
#[derive(Clone, Debug)]
enum Step {
    Arrived(u64, Option<Dropped>),
    Completed(u64, Outcome, u8),
    Roll,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let fate = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Dropped::AtCap)),
        1 => Just(Some(Dropped::Late)),
        1 => Just(Some(Dropped::NoConnection)),
    ];
    let outcome =
        prop_oneof![Just(Outcome::Status(200)), Just(Outcome::Status(503)), Just(Outcome::Failed(FailureKind::Reset))];
    let step = prop_oneof![
        3 => (0_u64..3_000, fate).prop_map(|(ago, fate)| Step::Arrived(ago, fate)),
        3 => (0_u64..5_000, outcome, 0_u8..5).prop_map(|(ago, outcome, by)| Step::Completed(ago, outcome, by)),
        2 => Just(Step::Roll),
    ];
    // Milliseconds since the step before: mostly small, now and then a stall over several seconds.
    prop::collection::vec((prop_oneof![9 => 0_u64..400, 1 => 0_u64..5_000], step), 0..60)
}

/// Runs `steps` over `shards` shards in turn; returns the seconds of each.
fn run(steps: &[(u64, Step)], shards: usize, roll: bool) -> Vec<Vec<Second>> {
    let mut recorders: Vec<Shard> = (0..shards).map(|_| shard(Elapsed::ZERO)).collect();
    let mut closed: Vec<Vec<Second>> = vec![Vec::new(); shards];
    let mut now = Elapsed::ZERO;
    for (turn, (after, step)) in steps.iter().enumerate() {
        now = now + Duration::from_millis(*after);
        let shard = &mut recorders[turn % shards];
        match step {
            Step::Arrived(ago, fate) => {
                let intended = now - Duration::from_millis(*ago);
                shard.arrived(due(intended));
                if let Some(why) = fate {
                    shard.dropped(due(intended), *why);
                } else {
                    shard.accepted(intended, now, 1);
                    shard.sent(due(intended), now);
                }
            }
            Step::Completed(ago, outcome, by) => {
                let id = format!("instance-{by}");
                shard.completed(&sample(now - Duration::from_millis(*ago), now, *outcome, Some(&id)));
            }
            Step::Roll if roll => {
                for (shard, closed) in recorders.iter_mut().zip(&mut closed) {
                    shard.observe(now, IDLE);
                    closed.extend(std::iter::from_fn(|| shard.close_due(now)));
                }
            }
            Step::Roll => {}
        }
    }
    for (shard, closed) in recorders.iter_mut().zip(&mut closed) {
        closed.extend(shard.finish(now, IDLE));
    }
    closed
}

fn merged(shards: &[Vec<Second>]) -> BTreeMap<u32, Second> {
    let mut seconds: BTreeMap<u32, Second> = BTreeMap::new();
    for second in shards.iter().flatten() {
        seconds.entry(second.index).or_insert_with(|| Second::new(second.index, ArrivalRate::PAUSED)).merge(second);
    }
    seconds
}

proptest! {
    #[test]
    fn no_sample_is_lost_or_counted_twice_across_any_sequence_of_closes(steps in steps(), shards in 1_usize..4) {
        let seconds = run(&steps, shards, true);
        for closed in &seconds {
            let indices: Vec<u32> = closed.iter().map(|second| second.index).collect();
            let expected: Vec<u32> = (0..u32::try_from(indices.len()).unwrap()).collect();
            prop_assert_eq!(indices, expected, "one second after the other, from the first");
        }
        let (mut due, mut sent, mut answers) = (0, 0, 0);
        for (_, step) in &steps {
            match step {
                Step::Arrived(_, fate) => { due += 1; sent += u64::from(fate.is_none()); }
                Step::Completed(..) => answers += 1,
                Step::Roll => {}
            }
        }
        let all: Vec<&Second> = seconds.iter().flatten().collect();
        let totals: Vec<_> = all.iter().map(|second| second.total()).collect();
        prop_assert_eq!(totals.iter().map(|total| total.due).sum::<u64>(), due);
        prop_assert_eq!(totals.iter().map(|total| total.sent).sum::<u64>(), sent);
        prop_assert_eq!(totals.iter().map(|total| total.sent + total.dropped()).sum::<u64>(), due);
        prop_assert_eq!(totals.iter().map(|total| total.outcomes.total()).sum::<u64>(), answers);
        prop_assert_eq!(totals.iter().map(|total| total.response().count()).sum::<u64>(), answers);
        prop_assert_eq!(totals.iter().map(|total| total.service.count() + total.failed_service.count()).sum::<u64>(), answers);
        prop_assert_eq!(all.iter().map(|second| second.send_lag.count()).sum::<u64>(), sent);
        prop_assert_eq!(all.iter().flat_map(|second| &second.served).map(|served| served.requests).sum::<u64>(), answers);
        prop_assert_eq!(all.iter().map(|second| second.bytes_in).sum::<u64>(), answers * 7);
        prop_assert_eq!(all.iter().flat_map(|second| &second.remotes).map(|remote| remote.1).sum::<u64>(), answers);
    }

    #[test]
    fn several_shards_merged_are_one_recorder(steps in steps(), shards in 2_usize..5) {
        prop_assert_eq!(merged(&run(&steps, shards, true)), merged(&run(&steps, 1, true)));
    }

    #[test]
    fn when_seconds_close_changes_only_where_late_arrivals_are_filed(steps in steps()) {
        // By the second of intent, every number is the same however often seconds closed.
        let by_cohort = |seconds: &[Vec<Second>]| {
            let mut cohorts = BTreeMap::new();
            for part in seconds.iter().flatten().flat_map(|second| &second.parts) {
                let into = cohorts.entry(part.intended).or_insert_with(|| crate::record::second::CohortPart::new(part.intended));
                into.merge(part);
            }
            cohorts
        };
        prop_assert_eq!(by_cohort(&run(&steps, 1, true)), by_cohort(&run(&steps, 1, false)));
    }
}

#[test]
fn each_of_several_requests_has_its_arrivals_what_was_sent_of_them_and_what_was_not() {
    let request = |name: &str| crate::mix::RequestSpec {
        name: name.into(),
        weight: 1,
        method: "GET".to_owned(),
        target: "/".to_owned(),
        headers: Vec::new(),
        body: None,
    };
    let spec = crate::mix::MixSpec { seed: 3, requests: vec![request("a"), request("b")], ..Default::default() };
    let mix = Arc::new(Mix::new(spec).unwrap());
    let mut shard = Shard::new(Elapsed::ZERO, Expected::default(), Some(Arc::clone(&mix)));
    let mut expected: BTreeMap<String, (u64, u64, u64)> = BTreeMap::new();
    for number in 1..=100 {
        let arrival = Arrival { number, due: Elapsed::from_millis(number) };
        let sums = expected.entry(mix.name_of(number).to_string()).or_default();
        shard.arrived(arrival);
        sums.0 += 1;
        if number % 3 == 0 {
            shard.dropped(arrival, Dropped::AtCap);
            sums.2 += 1;
        } else {
            shard.sent(arrival, Elapsed::from_millis(200));
            sums.1 += 1;
        }
    }
    let closed = shard.finish(Elapsed::from_millis(900), Gauge::default());
    let seen = closed[0].requests.iter().map(|part| (part.name.to_string(), (part.due, part.sent, part.dropped)));
    assert_eq!(seen.collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(expected.len(), 2);
}
