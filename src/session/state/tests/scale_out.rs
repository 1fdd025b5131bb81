//! Every step up has a scale-out that is told, or a reason why there is none.

use std::time::Duration;

use crate::analysis::Timing;
use crate::analysis::births::{Came, CameAfter};
use crate::analysis::waterfall::ScaleOutStage;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Basis, CountSource, Counted, InstanceObservation, Limits};
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use crate::session::state::Session;
use scaletop_load::{Latency, OutcomeKind, RateProfile, Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

struct Played(Session);

impl Played {
    fn new(settings: Settings) -> Self {
        Self(Session::new(Header::new(0, settings)))
    }

    fn rate(&mut self, at: u32, per_sec: u32) {
        let profile = RateProfile::Constant(ArrivalRate::new(per_sec));
        let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
        self.0.apply(Elapsed::from_secs(at.into()), &SessionEvent::Rate(change));
    }

    /// Seconds in which each of `ids` answers ten requests OK after 80 ms; the first of each is due after `first_millis` of it.
    fn seconds(&mut self, seconds: std::ops::Range<u32>, ids: &[&str], first_millis: u64) {
        for index in seconds {
            let ok = 10 * ids.len() as u64;
            let mut second = Second::new(index, ArrivalRate::new(u32::try_from(ok).unwrap()));
            let part = second.part_mut(index);
            let latencies = |count| {
                let mut latency = Latency::new();
                (0..count).for_each(|_| latency.record(Duration::from_millis(80)));
                latency
            };
            (part.due, part.sent, part.ok, part.service) = (ok, ok, latencies(ok), latencies(ok));
            (0..ok).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
            for id in ids {
                let first_ok_intended = Some(second.start() + Duration::from_millis(first_millis));
                let id = InstanceId::parse(id.as_bytes()).unwrap();
                second.served.push(Served { id, requests: 10, ok: 10, response: latencies(10), first_ok_intended });
            }
            self.0.apply(second.end(), &SessionEvent::Second(Box::new(second)));
        }
    }

    fn told(&self, step: usize) -> Result<String, String> {
        let falls = self.0.scale_outs(&self.0.steps()[step]).expect("a step up")?;
        Ok(falls.iter().map(crate::analysis::waterfall::Waterfall::words).collect::<Vec<_>>().join(" | "))
    }
}

/// 10/s from the beginning, 20/s from second 10 on, for which one more instance comes after 4.4 s.
fn with_a_birth() -> Played {
    let mut played = Played::new(Settings::default());
    played.rate(0, 10);
    played.seconds(0..10, &["a"], 0);
    played.rate(10, 20);
    played.seconds(10..14, &["a"], 0);
    played.seconds(14..40, &["a", "b"], 400);
    played
}

#[test]
fn a_birth_is_a_scale_out_where_no_platform_tells_of_it() {
    let played = with_a_birth();
    assert_eq!(played.told(1).unwrap(), "counted: no source counts instances, first response after 4.4 s");
    let none = played.told(0).unwrap_err();
    assert_eq!(none, "no instance was added: the objective held without");
    let came = played.0.came(played.0.tracks());
    let of_step =
        Came { after: CameAfter::Step, since: Some(Elapsed::from_secs(10)), at: Elapsed::from_millis(14_400) };
    assert_eq!(came, [None, Some(of_step)], "the first was there from the beginning");
}

#[test]
fn a_step_that_needed_no_more_says_so() {
    let mut played = Played::new(Settings { capacity_per_instance: Some(100.0), ..Settings::default() });
    played.rate(0, 10);
    played.seconds(0..10, &["a"], 0);
    played.rate(10, 20);
    played.seconds(10..30, &["a"], 0);
    assert_eq!(played.told(1).unwrap_err(), "no instance was added yet: 1 reckoned to be needed, 1 there before");
    played.rate(30, 0);
    assert!(played.0.scale_outs(&played.0.steps()[2]).is_none(), "the rate went down");
}

#[test]
fn a_birth_is_told_from_the_decision_where_the_platform_tells_of_one() {
    let mut played = with_a_birth();
    let decision = Milestone {
        kind: MilestoneKind::Decision,
        as_of: Elapsed::from_secs(12),
        uncertainty: Duration::ZERO,
        clock_error: Duration::ZERO,
        subject: "demo".to_owned(),
        detail: "Setting desired count to 2.".to_owned(),
    };
    played.0.apply(Elapsed::from_secs(40), &SessionEvent::Milestone(decision));
    let fall = played.0.waterfall(&played.0.steps()[1]).unwrap();
    assert_eq!(fall.timing(ScaleOutStage::Decision), Some(Timing::Reached { secs: 2.0, plus_minus: 0.0 }));
    let of_decision =
        Came { after: CameAfter::Decision, since: Some(Elapsed::from_secs(12)), at: Elapsed::from_millis(14_400) };
    assert_eq!(played.0.came(played.0.tracks())[1], Some(of_decision));
}

fn milestone(kind: MilestoneKind, subject: &str, at: u64, detail: &str) -> Milestone {
    Milestone {
        kind,
        as_of: Elapsed::from_secs(at),
        uncertainty: Duration::ZERO,
        clock_error: Duration::ZERO,
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    }
}

/// A step up at 10 s in which more were asked for twice, for one each; then one dies and is replaced.
fn with_two_decisions_and_a_death() -> Session {
    let mut played = Played::new(Settings::default());
    played.rate(0, 10);
    played.seconds(0..10, &["a"], 0);
    played.rate(10, 40);
    played.seconds(10..14, &["a"], 0);
    played.seconds(14..33, &["a", "b"], 400);
    played.seconds(33..50, &["a", "b", "c"], 400);
    played.seconds(50..58, &["a", "c"], 0);
    played.seconds(58..80, &["a", "c", "d"], 400);
    let desired = |at, count| {
        let as_of = Elapsed::from_secs(at);
        SessionEvent::Observed(InstanceObservation {
            basis: Basis::Desired,
            count,
            as_of,
            uncertainty: Duration::from_secs(2),
            provisional: false,
        })
    };
    let high = |count| {
        format!("Setting desired count to {count}. monitor alarm demo-AlarmHigh in state ALARM triggered policy cpu")
    };
    let now = Elapsed::from_secs(80);
    for (at, count) in [(8, 1), (16, 2), (32, 3)] {
        played.0.apply(now, &desired(at, count));
    }
    for one in [
        milestone(MilestoneKind::Decision, "Successful", 12, &high(2)),
        milestone(MilestoneKind::TaskCreated, "t1", 13, ""),
        milestone(MilestoneKind::Decision, "Successful", 30, &high(3)),
        milestone(MilestoneKind::TaskCreated, "t2", 31, ""),
        milestone(MilestoneKind::TaskCreated, "t3", 52, ""),
    ] {
        played.0.apply(now, &SessionEvent::Milestone(one));
    }
    played.0
}

#[test]
fn each_decision_has_its_waterfall_and_each_instance_counts_from_its_own() {
    let session = with_two_decisions_and_a_death();
    let falls = session.scale_outs(&session.steps()[1]).unwrap().unwrap();
    let secs = |fall: &crate::analysis::waterfall::Waterfall, stage| fall.timing(stage).unwrap().secs();
    let told: Vec<_> = falls
        .iter()
        .map(|fall| {
            [ScaleOutStage::Decision, ScaleOutStage::TaskCreated, ScaleOutStage::FirstResponse].map(|at| secs(fall, at))
        })
        .collect();
    let near = |told: Option<f64>, expected: f64| told.is_some_and(|told| (told - expected).abs() < 1e-9);
    assert_eq!(told.len(), 2, "{told:?}");
    for (told, expected) in told.iter().zip([[2.0, 3.0, 4.4], [20.0, 21.0, 23.4]]) {
        assert!(told.iter().zip(expected).all(|(told, expected)| near(*told, expected)), "{told:?}");
    }
    assert!(falls[1].cause.as_deref().is_some_and(|cause| cause.starts_with("Setting desired count to 3")));
    let came: Vec<_> = session.came(session.tracks()).iter().map(|came| came.map(|came| came.words())).collect();
    let words = |words: &str| Some(words.to_owned());
    assert_eq!(came, [None, words("decision +2.4 s"), words("decision +3.4 s"), words("replaces +8.4 s")]);
}

#[test]
fn one_that_replaces_another_counts_from_its_end_whoever_tells() {
    let session = with_two_decisions_and_a_death();
    let last = session.came(session.tracks())[3].unwrap();
    assert_eq!((last.after.label(), last.since), ("replacement", Some(Elapsed::from_secs(50))));
    // Where no platform tells of decisions, the death is seen all the same.
    let mut alone = with_a_birth();
    alone.seconds(40..48, &["a"], 0);
    alone.seconds(48..60, &["a", "c"], 400);
    let came: Vec<_> = alone.0.came(alone.0.tracks()).iter().map(|came| came.map(|came| came.words())).collect();
    assert_eq!(came, [None, Some("step +4.4 s".to_owned()), Some("replaces +8.4 s".to_owned())]);
}

/// At rest until 20 s, then a step up. One instance answers at once, and another one after 1.4 s.
fn from_rest(before: &[(Basis, u32)], limits: Limits) -> Played {
    let mut played = Played::new(Settings::default());
    played.0.apply(Elapsed::ZERO, &SessionEvent::Limits(limits));
    for &(basis, count) in before {
        let (as_of, uncertainty) = (Elapsed::from_secs(10), Duration::from_secs(10));
        let seen = InstanceObservation { basis, count, as_of, uncertainty, provisional: false };
        played.0.apply(Elapsed::from_secs(20), &SessionEvent::Observed(seen));
    }
    played.rate(20, 20);
    played.seconds(20..21, &["a"], 100);
    played.seconds(21..40, &["a", "b"], 400);
    played
}

#[test]
fn who_comes_in_the_first_seconds_after_a_rest_is_a_birth_where_the_platform_counted_fewer() {
    let provisioned = |min| Limits { min: Some(min), ..Limits::default() };
    let first_response = |before: &[(Basis, u32)], min| {
        let played = from_rest(before, provisioned(min));
        let fall = played.0.waterfall(&played.0.steps()[0]);
        fall.map(|fall| fall.timing(ScaleOutStage::FirstResponse).unwrap().to_string())
    };
    let born = Some("1.4 s".to_owned());
    assert_eq!(first_response(&[(Basis::Active, 0)], 1), born, "none was active, and one is provisioned");
    assert_eq!(first_response(&[(Basis::Active, 0)], 2), None, "both were provisioned");
    assert_eq!(first_response(&[(Basis::Active, 2)], 1), None, "others had load on both");
    assert_eq!(first_response(&[(Basis::Running, 1)], 2), born, "a task ran");
    let by_command = Basis::By(CountSource::Command, Counted::Running);
    assert_eq!(first_response(&[(by_command, 1)], 2), born, "a command counted one");
    assert_eq!(first_response(&[], 1), None, "nobody counted: both may have been there");
}

#[test]
fn a_step_is_judged_by_what_a_command_says_runs_and_was_asked_for_and_not_by_a_mixture() {
    let mut played = Played::new(Settings::default());
    played.rate(0, 10);
    played.seconds(0..10, &["a"], 0);
    played.rate(10, 40);
    played.seconds(10..40, &["a", "b"], 400);
    let command = |counted| Basis::By(CountSource::Command, counted);
    let (running, desired) = (command(Counted::Running), command(Counted::Desired));
    let prometheus = Basis::By(CountSource::Prometheus, Counted::Running);
    for (at, basis, count) in [
        (8, running, 1),
        (8, desired, 1),
        (8, prometheus, 1),
        (12, prometheus, 5),
        (14, desired, 3),
        (18, running, 2),
        (22, running, 3),
    ] {
        let (as_of, uncertainty) = (Elapsed::from_secs(at), Duration::from_secs(2));
        let seen = InstanceObservation { basis, count, as_of, uncertainty, provisional: false };
        played.0.apply(Elapsed::from_secs(40), &SessionEvent::Observed(seen));
    }
    let numbers = &played.0.steps()[1].numbers;
    assert_eq!(numbers.basis, Some(running), "before the ids in answers, and before what Prometheus says");
    assert_eq!(numbers.trigger.to_string(), "3 ± 1 s");
    assert_eq!(numbers.first.to_string(), "7 ± 1 s");
    assert_eq!(numbers.instances.map(|span| (span.before, span.peak)), Some((Some(1), 3)));
}
