//! What is written down is what happened.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Elapsed {
    Elapsed::from_millis(millis)
}

/// A cluster with `count` active instances of concurrency 10 and a delay of 80 ms, at 0.
fn with_active(count: usize) -> (Ledger, Vec<InstanceKey>) {
    let mut ledger = Ledger::new(Elapsed::ZERO, 10, 1, Duration::from_millis(80));
    let keys = (0..count)
        .map(|number| {
            let key = ledger.starting(Elapsed::ZERO, InstanceId::from(format!("i-{number}")));
            ledger.listening(Elapsed::ZERO, key);
            ledger.active(Elapsed::ZERO, key);
            key
        })
        .collect();
    (ledger, keys)
}

#[test]
fn time_in_flight_is_charged_to_the_seconds_it_was_spent_in() {
    let (mut ledger, keys) = with_active(1);
    ledger.admitted(at(700), keys[0]);
    ledger.begun(at(700));
    ledger.worked(at(2_200));
    ledger.served(at(2_200), keys[0], Served::Answered(200), Duration::from_millis(1_500));
    let seconds = ledger.truth(at(3_000)).seconds;
    let busy: Vec<_> = seconds.iter().map(|second| second.busy.as_millis()).collect();
    assert_eq!(busy, [300, 1_000, 200]);
    assert_eq!(seconds.iter().map(|second| second.serving).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(seconds.iter().map(|second| second.requests).collect::<Vec<_>>(), [1, 0, 0]);
    assert_eq!(seconds.iter().map(|second| second.status_2xx).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(seconds[1].cpu_percent, Some(10.0), "one of ten slots for the whole second");
    assert_eq!(seconds[2].latency_mean(), Some(Duration::from_millis(1_500)));
    assert_eq!(seconds[1].latency_mean(), None, "nothing was answered: unknown, not zero");
}

#[test]
fn the_life_of_an_instance_is_dated() {
    let mut ledger = Ledger::new(Elapsed::ZERO, 10, 1, Duration::ZERO);
    let key = ledger.starting(at(100), InstanceId::from("i-1".to_owned()));
    ledger.has_process(key, Some(42));
    ledger.listening(at(150), key);
    assert_eq!((ledger.view(at(200)).starting, ledger.view(at(200)).active), (1, 0));
    ledger.active(at(8_100), key);
    ledger.admitted(at(8_200), key);
    ledger.admitted(at(8_210), key);
    ledger.served(at(8_280), key, Served::Answered(200), Duration::from_millis(80));
    ledger.draining(at(9_000), key, EndCause::ScaledIn);
    assert_eq!((ledger.view(at(9_000)).active, ledger.view(at(9_000)).draining), (0, 1));
    ledger.ended(at(9_100), key, EndCause::ScaledIn);
    ledger.ended(at(9_900), key, EndCause::Died);
    let truth = ledger.truth(at(10_000));
    let instance = &truth.instances[0];
    assert_eq!((instance.started, instance.listening, instance.active), (at(100), Some(at(150)), Some(at(8_100))));
    assert_eq!((instance.first_admitted, instance.first_answered), (Some(at(8_200)), Some(at(8_280))));
    assert_eq!(instance.ended, Some(Ended { at: at(9_100), cause: EndCause::ScaledIn }), "only the first cause counts");
    assert_eq!((instance.admitted, instance.answered, instance.in_flight_peak), (2, 1, 2));
    assert_eq!((instance.pid, instance.phase()), (Some(42), InstancePhase::Gone));
    assert_eq!(ledger.view(at(10_000)).instances, []);
}

#[test]
fn a_spell_of_rejections_ends_with_a_second_of_quiet() {
    let (mut ledger, _) = with_active(1);
    for millis in [500, 900, 1_800, 4_000] {
        ledger.turned_away(at(millis), TurnedAway::Full);
    }
    let spells = ledger.truth(at(4_500)).rejections;
    let first = Rejections { began: at(500), last: at(1_800), count: 3, over: true };
    assert_eq!(spells, [first, Rejections { began: at(4_000), last: at(4_000), count: 1, over: false }]);
    assert!(ledger.truth(at(5_001)).rejections[1].over);
}

#[test]
fn a_look_covers_the_time_since_the_one_before() {
    let (mut ledger, keys) = with_active(2);
    ledger.look(at(1_000));
    for _ in 0..5 {
        ledger.admitted(at(1_000), keys[0]);
        ledger.begun(at(1_000));
    }
    ledger.turned_away(at(1_050), TurnedAway::Full);
    ledger.turned_away(at(1_060), TurnedAway::NoInstance);
    let demand = ledger.look(at(1_100));
    assert_eq!((demand.span, demand.admitted, demand.rejected), (Duration::from_millis(100), 5, 2));
    assert_eq!((demand.in_flight, demand.active, demand.busy), (5, 2, Duration::from_millis(500)));
    assert_eq!(demand.cpu_percent, Some(25.0));
    assert_eq!(
        demand.wanted(),
        Duration::from_millis(500 + 2 * 80),
        "what was turned away would have taken 80 ms each"
    );
    let idle = ledger.look(at(1_200));
    assert_eq!((idle.admitted, idle.rejected, idle.busy), (0, 0, Duration::from_millis(500)));
}

#[test]
fn what_waits_in_a_task_is_in_flight_and_takes_no_cpu() {
    let (mut ledger, keys) = with_active(1);
    for _ in 0..30 {
        ledger.admitted(at(0), keys[0]);
    }
    (0..10).for_each(|_| ledger.begun(at(500)));
    let demand = ledger.look(at(1_000));
    assert_eq!((demand.in_flight, demand.busy), (30, Duration::from_secs(30)));
    assert_eq!(demand.cpu_percent, Some(50.0), "all ten places for half a second");
    ledger.given_up(at(1_100), 504);
    ledger.served(at(1_200), keys[0], Served::Late, SECOND);
    ledger.turned_away(at(1_300), TurnedAway::Overrun);
    let second = &ledger.truth(at(2_000)).seconds[1];
    assert_eq!((second.status_5xx, second.overrun, second.unanswered, second.latency_count), (2, 1, 0, 0));
}

#[test]
fn seconds_have_no_holes_and_are_bounded() {
    let (mut ledger, keys) = with_active(1);
    ledger.admitted(at(500), keys[0]);
    let last = u32::try_from(SECONDS_KEPT).unwrap() + 10;
    let seconds = ledger.truth(Elapsed::from_secs(u64::from(last))).seconds;
    assert_eq!(seconds.len(), SECONDS_KEPT);
    assert!(seconds.windows(2).all(|pair| pair[0].index + 1 == pair[1].index));
    assert_eq!(seconds.last().map(|second| second.index), Some(last - 1));
    assert!(seconds.iter().all(|second| second.busy == SECOND), "one request has been in flight all along");
    let after_sleep = ledger.truth(Elapsed::from_secs(10_000_000)).seconds;
    assert_eq!(after_sleep.len(), SECONDS_KEPT);
    assert_eq!(after_sleep.last().map(|second| second.index), Some(9_999_999));
}

#[test]
fn gone_instances_are_forgotten_oldest_first_and_living_ones_never() {
    let (mut ledger, _) = with_active(1);
    for number in 0..GONE_INSTANCES_KEPT + 5 {
        let key = ledger.starting(at(1), InstanceId::from(format!("gone-{number}")));
        ledger.ended(at(2), key, EndCause::Died);
    }
    let instances = ledger.truth(at(3)).instances;
    assert_eq!(instances.len(), GONE_INSTANCES_KEPT + 1);
    assert_eq!((instances[0].id.as_str(), instances[1].id.as_str()), ("i-0", "gone-5"));
}

#[test]
fn a_request_of_a_forgotten_instance_harms_no_count() {
    let (mut ledger, keys) = with_active(1);
    ledger.admitted(at(10), keys[0]);
    ledger.ended(at(20), keys[0], EndCause::Killed);
    ledger.served(at(21), keys[0], Served::Failed(502), Duration::from_millis(11));
    ledger.served(at(22), InstanceKey(99), Served::Unanswered, Duration::ZERO);
    let view = ledger.view(at(30));
    assert_eq!((view.in_flight, view.active), (0, 0));
    let second = &ledger.truth(at(1_000)).seconds[0];
    assert_eq!((second.status_5xx, second.unanswered, second.latency_count), (1, 1, 0));
}
