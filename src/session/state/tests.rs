//! The fold: events in, what is known out.

mod agreement;
mod fleet;
mod fold;
mod late;
mod objective;
mod requests;
mod scale_out;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::analysis::{Timing, Validity};
use crate::instances::{Basis, InstanceObservation, Limits};
use crate::session::event::{RateCause, RateChange, Settings};
use scaletop_load::Latency;
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_load::{CohortPart, Second, Served};
use scaletop_units::{ArrivalRate, InstanceId};

fn session() -> Session {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let limits = Limits { min: Some(1), max: Some(5), concurrency: Some(10) };
    session.apply(Elapsed::ZERO, &SessionEvent::Limits(limits));
    session
}

fn set(session: &mut Session, at_millis: u64, rate: u32) {
    nudge(session, at_millis, rate, RateCause::Set);
}

fn nudge(session: &mut Session, at_millis: u64, rate: u32, cause: RateCause) {
    let profile = RateProfile::Constant(ArrivalRate::new(rate));
    let change = RateChange { profile, cause, stage: None, unmet_start: None };
    session.apply(Elapsed::from_millis(at_millis), &SessionEvent::Rate(change));
}

/// A second of `rate` requests: `ok` of them answered in 80 ms by `ids` in turn, the others refused with 429.
fn second(index: u32, rate: u64, ok: u64, ids: &[&str]) -> Second {
    let mut second = Second::new(index, ArrivalRate::new(u32::try_from(rate).unwrap()));
    let mut part = CohortPart::new(index);
    (part.due, part.sent) = (rate, rate);
    for n in 0..rate {
        let is_ok = n < ok;
        part.outcomes.add(if is_ok { OutcomeKind::Ok } else { OutcomeKind::Http429 });
        let took = Duration::from_millis(if is_ok { 80 } else { 1 });
        let (response, service) =
            if is_ok { (&mut part.ok, &mut part.service) } else { (&mut part.failed, &mut part.failed_service) };
        response.record(took);
        service.record(took);
    }
    second.parts = vec![part];
    for id in ids {
        let mut response = Latency::new();
        response.record(Duration::from_millis(80));
        let requests = ok / ids.len() as u64;
        let first_ok_intended = Some(Elapsed::from_millis(u64::from(index) * 1_000 + 100));
        second.served.push(Served {
            id: InstanceId::from((*id).to_owned()),
            requests,
            ok: requests,
            first_ok_intended,
            response,
        });
    }
    second
}

fn feed(session: &mut Session, second: Second) {
    session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
}

/// The demo spike in small: one instance holds 125/s; four are needed for 400/s and come at 18 s.
fn spike() -> Session {
    let mut session = session();
    set(&mut session, 0, 100);
    (0..10).for_each(|index| feed(&mut session, second(index, 100, 100, &["a"])));
    set(&mut session, 10_000, 400);
    (10..18).for_each(|index| feed(&mut session, second(index, 400, 125, &["a"])));
    (18..50).for_each(|index| feed(&mut session, second(index, 400, 400, &["a", "b", "c", "d"])));
    session
}

#[test]
fn a_spike_is_told_as_it_happened() {
    let session = spike();
    let report = &session.steps[1];
    let reached = |secs| Timing::Reached { secs, plus_minus: 0.0 };
    assert_eq!(report.numbers.serving, reached(8.1), "the first answer of a new instance was asked for at 18.1 s");
    assert_eq!(report.numbers.first, reached(8.1), "what answers show is exact");
    assert_eq!(report.numbers.target, Some(4), "400/s × 80 ms ÷ 10");
    assert_eq!(report.numbers.capacity, reached(8.1));
    // 275 of 400 refused until 18 s: they leave the five-second window at 23 s (12 s would be 1 % of 1,200).
    assert_eq!(report.numbers.recover, reached(12.0));
    assert_eq!(report.numbers.lost, 8 * 275);
    assert_eq!(report.validity, Validity::Valid);
    assert!(
        report.words.starts_with("100→400/s: first new instance after 8.1 s, 4 instances responding after 8.1 s"),
        "{}",
        report.words
    );
}

#[test]
fn presses_within_two_seconds_are_one_step() {
    let mut session = session();
    for (at, rate) in [(0, 50), (1_900, 100), (3_700, 150), (5_800, 200)] {
        nudge(&mut session, at, rate, RateCause::Nudge);
    }
    let steps: Vec<_> = session.steps.iter().map(|r| (r.step.start.as_millis(), r.step.profile.last().get())).collect();
    assert_eq!(steps, [(0, 150), (5_800, 200)]);
    assert_eq!(session.steps[0].step.end, Some(Elapsed::from_millis(5_800)));
}

#[test]
fn presses_the_other_way_are_a_step_of_their_own_and_no_peak_is_hidden() {
    let steps = |changes: &[(u64, u32)]| {
        let mut session = session();
        for &(at, rate) in changes {
            set(&mut session, at, rate);
        }
        let steps = session.steps().iter().map(|report| &report.step);
        let told = steps.map(|step| (step.start.as_nanos() / 1_000_000, step.before.get(), step.profile.last().get()));
        told.collect::<Vec<_>>()
    };
    let peak = steps(&[(0, 300), (10_000, 5_000), (11_500, 400)]);
    assert_eq!(peak, [(0, 0, 300), (10_000, 300, 5_000), (11_500, 5_000, 400)]);
    let down_then_up = [(0, 100), (10_000, 90), (10_500, 80), (11_000, 130), (11_500, 600)];
    assert_eq!(steps(&down_then_up), [(0, 0, 100), (10_000, 100, 80), (11_000, 80, 600)]);
}

#[test]
fn a_change_of_less_than_a_twentieth_is_no_step() {
    let mut session = session();
    set(&mut session, 0, 100);
    set(&mut session, 5_000, 104);
    assert_eq!(session.steps.len(), 1);
    set(&mut session, 10_000, 120);
    assert_eq!(session.steps.len(), 2);
    assert_eq!(session.steps[1].step.before, ArrivalRate::new(100), "what the step before settled at");
}

#[test]
fn the_end_of_a_session_ends_its_last_step_and_begins_none() {
    let mut session = spike();
    nudge(&mut session, 50_000, 0, RateCause::Stop);
    session.apply(Elapsed::from_secs(51), &SessionEvent::Ended { reason: "done".into() });
    assert_eq!(session.steps.len(), 2);
    assert_eq!(session.steps[1].step.end, Some(Elapsed::from_secs(50)));
    assert_eq!(session.rate.1, RateProfile::PAUSED);
}

#[test]
fn a_session_that_goes_on_after_its_load_ended_begins_a_step_from_nothing() {
    let mut session = spike();
    nudge(&mut session, 50_000, 0, RateCause::Stop);
    let before = session.steps.last().unwrap().step.profile.last();
    set(&mut session, 70_000, before.get());
    let last = &session.steps.last().unwrap().step;
    assert_eq!((session.steps.len(), last.before, last.start), (3, ArrivalRate::PAUSED, Elapsed::from_secs(70)));
    assert_eq!(session.steps[1].step.end, Some(Elapsed::from_secs(50)), "what it came from has ended");
}

#[test]
fn every_request_belongs_to_exactly_one_step() {
    let mut session = spike();
    set(&mut session, 50_400, 20);
    // Half of what was due in second 49 is answered only now: it still counts with the spike.
    let mut straggling = second(50, 20, 20, &["a"]);
    straggling.parts.insert(0, second(49, 10, 10, &[]).parts.remove(0));
    feed(&mut session, straggling);
    let due: u64 = session.steps.iter().map(|report| report.numbers.due).sum();
    assert_eq!(due, session.totals.due);
    assert_eq!(session.steps[1].numbers.due, 40 * 400 + 10);
}

#[test]
fn the_count_looks_back_only_as_far_as_it_must() {
    let mut session = session();
    set(&mut session, 0, 100);
    (0..5).for_each(|index| feed(&mut session, second(index, 100, 100, &["a", "b"])));
    assert_eq!(session.timeline.latest().unwrap().responding, Some(2));
    feed(&mut session, second(5, 100, 100, &["a"]));
    assert_eq!(
        session.timeline.latest().unwrap().responding,
        Some(1),
        "100 answers of one instance are enough to tell"
    );
    (6..30).for_each(|index| feed(&mut session, second(index, 0, 0, &[])));
    assert_eq!(session.timeline.latest().unwrap().responding, None, "nobody answered: unknown, not zero");
}

#[test]
fn a_header_that_names_requests_is_said_once_and_counts_nobody() {
    let mut session = session();
    set(&mut session, 0, 10);
    let ids_of = |index: u32| (0..10).map(|n| format!("r-{index}-{n}")).collect::<Vec<_>>();
    for index in 0..20 {
        let ids = ids_of(index);
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut session, second(index, 10, 10, &ids));
    }
    assert!(session.names_requests() && session.tracks().is_empty());
    assert_eq!(session.timeline.latest().unwrap().responding, None);
    assert!(!session.observations().contains_key(&Basis::Responding));
    let said = |session: &Session| {
        session.log.iter().filter(|(_, notice)| notice.text.contains("names requests, not instances")).count()
    };
    assert_eq!(said(&session), 1);
    // A fleet of many at a low rate looks the same at first; its instances answer again.
    for index in 20..60 {
        let ids = ids_of(index % 20);
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut session, second(index, 10, 10, &ids));
    }
    assert!(!session.names_requests() && said(&session) == 1);
    assert_eq!(session.tracks().len(), 200);
}

#[test]
fn ids_that_change_with_every_third_answer_name_requests_and_a_large_fleet_at_a_low_rate_does_not() {
    let mut mixed = session();
    set(&mut mixed, 0, 12);
    for index in 0..20 {
        let mut ids: Vec<_> = (0..4).map(|n| format!("r-{index}-{n}")).collect();
        ids.extend((0..8).map(|_| "one".to_owned()));
        ids.dedup();
        let served = |id: &String| (id.clone(), if id == "one" { 8 } else { 1 });
        let mut second = second(index, 12, 12, &[]);
        let of = |(id, requests): (String, u64)| scaletop_load::Served {
            id: id.into(),
            requests,
            ok: requests,
            first_ok_intended: Some(Elapsed::from_secs(index.into())),
            response: Latency::new(),
        };
        second.served = ids.iter().map(served).map(of).collect();
        feed(&mut mixed, second);
    }
    assert!(mixed.names_requests() && mixed.tracks().is_empty());
    assert!(
        mixed
            .log
            .iter()
            .any(|(_, notice)| notice.text.contains("of ") && notice.text.contains(" answers: the header names"))
    );

    let mut passing = session();
    set(&mut passing, 0, 12);
    for index in 0..20 {
        let ids: Vec<_> = (0..12).map(|n| format!("r-{:04}", (index * 12 + n) / 3)).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut passing, second(index, 12, 12, &ids));
    }
    assert!(passing.names_requests(), "one that changes with every third answer");

    // What was said is not taken back for some that come again beside them.
    for index in 20..40 {
        let mut ids: Vec<_> = (0..10).map(|n| format!("q-{:04}", (index * 10 + n) / 3)).collect();
        ids.extend((0..2).map(|n| format!("s-{}", (index * 2 + n) % 20)));
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut passing, second(index, 12, 12, &ids));
    }
    assert!(passing.names_requests(), "most of them go");

    // Ten instances, and one answer in twenty with an id of its own.
    let mut few = session();
    set(&mut few, 0, 20);
    for index in 0..180 {
        let own = if index < 60 { format!("r-{index}") } else { "i-9".to_owned() };
        let ids: Vec<_> = (0..19).map(|n| format!("i-{}", (index + n) % 10)).chain([own]).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut few, second(index, 20, 20, &ids));
        assert!(index < 59 || few.names_requests(), "nor is it taken back when they come no more, in second {index}");
    }

    // Twenty instances that a deployment replaces, and replaces again.
    let mut deployed = session();
    set(&mut deployed, 0, 20);
    for index in 0..30 {
        let ids: Vec<_> = (0..20).map(|n| format!("i-{}-{n:02}", index / 10)).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut deployed, second(index, 20, 20, &ids));
        assert!(!deployed.names_requests(), "in second {index}");
    }

    let mut fleet = session();
    set(&mut fleet, 0, 10);
    // A thousand instances, one of which is asked again now and then.
    let mut state = 7_u64;
    for index in 0..120 {
        let ids: Vec<_> = (0..10)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("i-{}", (state >> 33) % 900)
            })
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut fleet, second(index, ids.len() as u64, ids.len() as u64, &ids));
    }
    assert!(!fleet.names_requests(), "{} instances", fleet.tracks().len());
}

#[test]
fn a_hostile_number_of_instances_fills_no_memory() {
    let mut session = session();
    for index in 0..20 {
        let ids: Vec<_> = (0..100).map(|n| format!("i-{index}-{n}")).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        feed(&mut session, second(index, 100, 100, &ids));
    }
    assert_eq!(session.instances.len(), 1_000);
}

#[test]
fn needed_instances_follow_littles_law() {
    let session = spike();
    assert_eq!(session.timeline.row_at(5).unwrap().needed, Some(1));
    assert_eq!(session.timeline.row_at(12).unwrap().needed, Some(4), "refusals, which are quick, do not count");
}

#[test]
fn an_observation_of_the_same_moment_replaces_the_earlier_one() {
    let mut session = session();
    let seen = |count, provisional| InstanceObservation {
        basis: Basis::Active,
        count,
        as_of: Elapsed::from_secs(60),
        uncertainty: Duration::from_mins(1),
        provisional,
    };
    session.apply(Elapsed::from_secs(120), &SessionEvent::Observed(seen(2, true)));
    session.apply(Elapsed::from_secs(180), &SessionEvent::Observed(seen(5, false)));
    assert_eq!(session.observations[&Basis::Active], [seen(5, false)]);
}

fn any_second() -> impl Strategy<Value = (u64, u64, u64)> {
    (0_u64..40, 0_u64..40, 0_u64..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_steps_add_up_to_the_totals(
        seconds in prop::collection::vec(any_second(), 1..60), changes in prop::collection::vec((0_u64..60_000, 0_u32..300), 0..8)
    ) {
        let mut session = session();
        set(&mut session, 0, 10);
        let mut changes = changes;
        changes.sort_unstable();
        let mut changes = changes.into_iter().peekable();
        for (index, (due, ok, late)) in seconds.iter().enumerate() {
            let index = u32::try_from(index).unwrap();
            while let Some((at, rate)) = changes.next_if(|(at, _)| *at < u64::from(index + 1) * 1_000) {
                set(&mut session, at, rate);
            }
            let mut closed = second(index, *due, (*ok).min(*due), &["a"]);
            if *late > 0 && index > 0 {
                closed.parts.insert(0, second(index - 1, *late, *late, &[]).parts.remove(0));
            }
            feed(&mut session, closed);
        }
        let sum = |pick: fn(&StepReport) -> u64| session.steps.iter().map(pick).sum::<u64>();
        prop_assert_eq!(sum(|r| r.numbers.due), session.totals.due);
        prop_assert_eq!(sum(|r| r.numbers.ok), session.totals.outcomes.get(OutcomeKind::Ok));
        prop_assert_eq!(session.timeline.rows().iter().map(|row| row.due).sum::<u64>(), session.totals.due);
        prop_assert_eq!(session.timeline.cohorts().iter().map(|c| c.due).sum::<u64>(), session.totals.due);
    }
}

#[test]
fn a_stage_of_one_second_is_a_step_of_its_own() {
    let mut session = session();
    for (at, rate, name) in [(0, 20, "a"), (3_000, 100, "blip"), (4_000, 20, "b")] {
        let profile = RateProfile::Constant(ArrivalRate::new(rate));
        let change = RateChange { profile, cause: RateCause::Plan, stage: Some(name.to_owned()), unmet_start: None };
        session.apply(Elapsed::from_millis(at), &SessionEvent::Rate(change));
    }
    let names: Vec<_> = session.steps.iter().map(|report| report.step.name.as_deref().unwrap_or_default()).collect();
    assert_eq!(names, ["a", "blip", "b"]);
}
