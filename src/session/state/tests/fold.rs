//! What the fold keeps, counts and lets go of, and the laws that hold whatever happens.

use std::time::Duration;

use proptest::prelude::*;

use crate::analysis::{StepReport, Timing};
use crate::instances::{Basis, Feed, InstanceObservation, Limits, SourceError, SourceErrorKind};
use crate::session::event::{Header, Notice, NoticeLevel, RateCause, RateChange, SessionEvent, Settings};
use crate::session::state::instance_table::MAX_INSTANCES;
use crate::session::state::{MAX_LINES, MAX_TEXT, Session};
use scaletop_load::Latency;
use scaletop_load::OutcomeKind;
use scaletop_load::RateProfile;
use scaletop_load::{Second, Served};
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

fn session() -> Session {
    session_with(Settings::default())
}

fn session_with(settings: Settings) -> Session {
    Session::new(Header::new(0, settings))
}

fn rate(per_sec: u32) -> SessionEvent {
    let profile = RateProfile::Constant(ArrivalRate::new(per_sec));
    SessionEvent::Rate(RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None })
}

fn latencies(count: u64, millis: u64) -> Latency {
    let mut latency = Latency::new();
    (0..count).for_each(|_| latency.record(Duration::from_millis(millis)));
    latency
}

/// A second in which each of `ids` answers so many requests OK after 80 ms.
fn second(index: u32, each: u64, ids: &[&str]) -> Second {
    let ok = each * ids.len() as u64;
    let mut second = Second::new(index, ArrivalRate::new(u32::try_from(ok).unwrap()));
    let part = second.part_mut(index);
    (part.due, part.sent, part.ok, part.service) = (ok, ok, latencies(ok, 80), latencies(ok, 80));
    (0..ok).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
    for id in ids {
        let first_ok_intended = Some(second.start());
        let id = InstanceId::from((*id).to_owned());
        second.served.push(Served { id, requests: each, ok: each, first_ok_intended, response: latencies(each, 80) });
    }
    second
}

fn close(session: &mut Session, second: Second) {
    session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
}

fn responding(session: &Session) -> Option<u32> {
    session.timeline.latest().unwrap().responding
}

#[test]
fn many_answers_show_at_once_who_is_there_and_who_has_gone() {
    let mut session = session();
    close(&mut session, second(0, 100, &["a"]));
    close(&mut session, second(1, 100, &["a", "b", "c"]));
    assert_eq!(responding(&session), Some(3));
    close(&mut session, second(2, 100, &["a", "c"]));
    assert_eq!(responding(&session), Some(2), "a hundred answers without b: it is not there");
}

#[test]
fn few_answers_are_gathered_for_longer_but_not_for_ever() {
    let mut session = session();
    for index in 0..8 {
        close(&mut session, second(index, 5, if index % 2 == 0 { &["a"] } else { &["b"] }));
    }
    assert_eq!(responding(&session), Some(2), "five answers a second take eight seconds for two instances");
    for index in 8..18 {
        close(&mut session, second(index, 1, &["a"]));
    }
    assert_eq!(responding(&session), Some(1), "b has not answered for ten seconds");
}

#[test]
fn nobody_answering_is_a_gap_not_a_zero() {
    let mut session = session();
    close(&mut session, second(0, 100, &["a"]));
    for index in 1..10 {
        close(&mut session, second(index, 0, &[]));
    }
    assert_eq!(responding(&session), Some(1), "it may just not have been asked");
    close(&mut session, second(10, 0, &[]));
    assert_eq!(responding(&session), None);
    assert_eq!(session.observations[&Basis::Responding].last().unwrap().as_of, Elapsed::from_secs(9));
}

#[test]
fn the_needed_line_follows_littles_law_and_is_a_gap_without_answers_or_limits() {
    let mut session = session();
    close(&mut session, second(0, 600, &["a"]));
    assert_eq!(session.timeline.latest().unwrap().needed, None, "the concurrency is not known");
    let limits = Limits { min: Some(1), max: Some(5), concurrency: Some(10) };
    session.apply(Elapsed::from_secs(1), &SessionEvent::Limits(limits));
    close(&mut session, second(1, 600, &["a"]));
    assert_eq!(session.timeline.latest().unwrap().needed, Some(5), "600/s x 80 ms / 10");
    close(&mut session, second(20, 0, &[]));
    assert_eq!(session.timeline.latest().unwrap().needed, None, "no answer in five seconds");
}

#[test]
fn a_second_that_comes_again_is_not_counted_twice() {
    let mut session = session();
    close(&mut session, second(5, 10, &["a"]));
    close(&mut session, second(5, 10, &["a"]));
    close(&mut session, second(4, 10, &["a"]));
    assert_eq!((session.totals.due, session.timeline.rows().len(), session.log.len()), (10, 1, 2));
}

#[test]
fn instances_beyond_the_bound_are_counted_not_tracked() {
    let mut session = session();
    let names: Vec<String> = (0..MAX_INSTANCES + 50).map(|n| format!("i{n:05}")).collect();
    for (index, chunk) in (0..).zip(names.chunks(50)) {
        let ids: Vec<&str> = chunk.iter().map(String::as_str).collect();
        close(&mut session, second(index, 2, &ids));
    }
    assert_eq!(session.instances.len(), MAX_INSTANCES);
    assert_eq!(session.answers_beyond, 100);
    assert_eq!(session.instances.iter().map(|track| track.requests).sum::<u64>(), 2 * MAX_INSTANCES as u64);
}

#[test]
fn a_cold_start_is_how_much_slower_the_first_answers_were() {
    let mut session = session();
    let mut first = second(0, 10, &["a"]);
    first.served[0].response = latencies(10, 1_080);
    close(&mut session, first);
    for index in 1..30 {
        close(&mut session, second(index, 10, &["a"]));
    }
    let cold_start = session.instances[0].cold_start.unwrap();
    assert!((995..=1_005).contains(&cold_start.as_millis()), "{cold_start:?}");
}

#[test]
fn old_counts_keep_their_changes_and_let_the_rest_go() {
    let mut session = session();
    for index in 0..4_000_u32 {
        let ids: &[&str] = if (100..200).contains(&index) { &["a", "b"] } else { &["a"] };
        close(&mut session, second(index, 20, ids));
    }
    let counts: Vec<_> = session.observations[&Basis::Responding].iter().map(|s| (s.as_of.second(), s.count)).collect();
    let kept = [(0, 1), (60, 1), (100, 2), (160, 2), (200, 1), (260, 1)];
    assert_eq!(counts[..6], kept, "what is old is kept where it changed, and once a minute, so that it holds on");
    assert!(counts.len() < 3_750, "{}", counts.len());
}

#[test]
fn the_log_keeps_its_latest_lines_and_cuts_long_ones() {
    let mut session = session();
    for n in 0..3 * MAX_LINES {
        let notice = Notice { level: NoticeLevel::Info, text: format!("{n} {}", "x".repeat(2_000)) };
        session.apply(Elapsed::ZERO, &SessionEvent::Notice(notice));
    }
    assert!(session.log.len() <= MAX_LINES);
    assert!(session.log.last().unwrap().1.text.starts_with(&format!("{} ", 3 * MAX_LINES - 1)));
    assert!(session.log.iter().all(|(_, notice)| notice.text.chars().count() <= MAX_TEXT));
}

#[test]
fn a_source_is_logged_when_it_fails_and_when_it_answers_again() {
    let mut session = session();
    let error = SourceError {
        kind: SourceErrorKind::Throttled,
        message: "asked too often".to_owned(),
        remedy: "polling backs off".to_owned(),
    };
    let heard = Elapsed::ZERO;
    let feeds = [
        Feed::Live { heard },
        Feed::Live { heard: Elapsed::from_secs(2) },
        Feed::Stale { heard, error: error.clone() },
        Feed::Stale { heard, error },
        Feed::Live { heard },
    ];
    for feed in feeds {
        session.apply(Elapsed::ZERO, &SessionEvent::Feed { source: "cloudwatch".to_owned(), feed });
    }
    let lines: Vec<_> = session.log.iter().map(|(_, notice)| notice.text.as_str()).collect();
    assert_eq!(
        lines,
        ["cloudwatch answers", "cloudwatch: asked too often; polling backs off", "cloudwatch answers again"]
    );
}

#[test]
fn an_answer_later_than_it_could_be_still_counts_with_its_step() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &rate(10));
    let mut lost = second(0, 0, &[]);
    let part = lost.part_mut(0);
    (part.due, part.sent) = (10, 10);
    close(&mut session, lost);
    (1..20).for_each(|index| close(&mut session, second(index, 10, &["a"])));
    session.apply(Elapsed::from_secs(20), &rate(100));
    (20..60).for_each(|index| close(&mut session, second(index, 100, &["a"])));
    let mut late = second(60, 100, &["a"]);
    let part = late.part_mut(0);
    (0..10).for_each(|_| part.outcomes.add(OutcomeKind::Timeout));
    part.failed = latencies(10, 60_000);
    close(&mut session, late);
    assert_eq!(session.steps[0].numbers.lost, 10);
    assert!(session.steps[0].words.contains("10 requests lost"), "{}", session.steps[0].words);
}

#[test]
fn the_last_step_ends_with_the_session_and_nothing_stays_open() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &rate(10));
    (0..30).for_each(|index| close(&mut session, second(index, 10, &["a"])));
    session.apply(Elapsed::from_secs(30), &SessionEvent::Ended { reason: "quit".to_owned() });
    let report = &session.steps[0];
    assert_eq!(report.step.end, Some(Elapsed::from_secs(30)));
    assert_eq!(report.numbers.recover, Timing::Absorbed);
    assert!(session.timeline.cohorts().iter().all(|cohort| cohort.is_final));
    assert!(session.fold.gathered.iter().all(|gathered| gathered.tally.is_none()), "memory is let go of");
}

#[test]
fn a_recording_folds_into_the_state_that_the_live_run_had() {
    let events: Vec<(Elapsed, SessionEvent)> = std::iter::once((Elapsed::ZERO, rate(200)))
        .chain((0..40_u32).map(|index| {
            let second = second(index, 100, if index < 20 { &["a", "b"] } else { &["b", "c"] });
            (second.end(), SessionEvent::Second(Box::new(second)))
        }))
        .collect();
    let (mut live, mut replayed) = (session(), session());
    for (at, event) in &events {
        live.apply(*at, event);
        let stored = serde_json::to_string(event).unwrap();
        replayed.apply(*at, &serde_json::from_str(&stored).unwrap());
    }
    assert!(live == replayed);
}

/// Any event, at any time.
fn any_event() -> impl Strategy<Value = (u64, SessionEvent)> {
    let rates = (0_u32..2_000, 0_u32..2_000, 0_u64..30, any::<bool>()).prop_map(|(from, to, over, is_ramp)| {
        let (from, to) = (ArrivalRate::new(from), ArrivalRate::new(to));
        let ramp = RateProfile::Ramp { from, to, over: Duration::from_secs(over) };
        let profile = if is_ramp { ramp } else { RateProfile::Constant(to) };
        SessionEvent::Rate(RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None })
    });
    let part = (0_u32..15, 0_u64..300, 0_u64..100, 0_u64..100, 0_u64..9, 1_u64..2_000);
    let seconds = (0_u32..5, 0_u32..2_000, prop::collection::vec(part, 0..4), 0_usize..6).prop_map(
        |(skip, target, parts, instances)| {
            let mut second = Second::new(skip, ArrivalRate::new(target));
            for (back, due, ok, failed, dropped, millis) in parts {
                let part = second.part_mut(back);
                part.due += due + dropped;
                part.sent += due;
                part.dropped_cap += dropped;
                (0..ok).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
                (0..failed).for_each(|_| part.outcomes.add(OutcomeKind::Http429));
                part.ok.merge(&latencies(ok.min(3), millis));
                part.failed.merge(&latencies(failed.min(3), millis));
            }
            for id in ["a", "b", "c", "d", "e"].into_iter().take(instances) {
                let id = InstanceId::from(id.to_owned());
                let first_ok_intended = Some(Elapsed::from_millis(u64::from(target)));
                second.served.push(Served { id, requests: 9, ok: 9, first_ok_intended, response: Latency::new() });
            }
            SessionEvent::Second(Box::new(second))
        },
    );
    let counts = (0_usize..5, 0_u32..9, 0_u64..400, 0_u64..90).prop_map(|(basis, count, as_of, grain)| {
        let (as_of, uncertainty) = (Elapsed::from_secs(as_of), Duration::from_secs(grain));
        let basis = Basis::ALL[basis];
        SessionEvent::Observed(InstanceObservation { basis, count, as_of, uncertainty, provisional: false })
    });
    let limits = (0_u32..3, 0_u32..9, 0_u32..20).prop_map(|(min, max, concurrency)| {
        SessionEvent::Limits(Limits { min: Some(min), max: Some(max), concurrency: Some(concurrency) })
    });
    let event = prop_oneof![
        3 => rates,
        9 => seconds,
        3 => counts,
        1 => limits,
        1 => Just(SessionEvent::Mark { text: "here".to_owned() }),
        1 => Just(SessionEvent::Ended { reason: "over".to_owned() }),
    ];
    (0_u64..4_000, event)
}

/// The session after events in the order of their times, seconds one after the other with the gaps they name.
fn folded(events: Vec<(u64, SessionEvent)>, settings: Settings) -> Session {
    let mut session = session_with(settings);
    session.apply(Elapsed::ZERO, &rate(10));
    let (mut now, mut next) = (0, 0_u32);
    for (later, mut event) in events {
        now += later;
        if let SessionEvent::Second(second) = &mut event {
            second.index += next;
            next = second.index + 1;
            let index = second.index;
            // Parts name how far back they were intended.
            let mut parts = std::mem::take(&mut second.parts);
            parts.reverse();
            for part in &mut parts {
                part.intended = index.saturating_sub(part.intended);
            }
            parts.dedup_by_key(|part| part.intended);
            second.parts = parts;
            now = now.max(second.end().as_millis());
        }
        session.apply(Elapsed::from_millis(now), &event);
    }
    session
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_sums_over_steps_are_the_totals(events in prop::collection::vec(any_event(), 0..60)) {
        let session = folded(events, Settings::default());
        let sum = |of: fn(&StepReport) -> u64| session.steps.iter().map(of).sum::<u64>();
        let (totals, rows) = (&session.totals, session.timeline.rows());
        prop_assert_eq!(sum(|report| report.numbers.due), totals.due);
        prop_assert_eq!(sum(|report| report.numbers.sent), totals.sent);
        prop_assert_eq!(sum(|report| report.numbers.dropped_cap), totals.dropped_cap);
        prop_assert_eq!(sum(|report| report.numbers.outcomes.total()), totals.outcomes.total());
        prop_assert_eq!(rows.iter().map(|row| row.due).sum::<u64>(), totals.due);
        prop_assert_eq!(session.timeline.cohorts().iter().map(|cohort| cohort.due).sum::<u64>(), totals.due);
        prop_assert!(session.steps.windows(2).all(|p| p[0].step.end.is_some_and(|end| end <= p[1].step.start)));
        prop_assert!(session.steps.iter().all(|report| !report.words.is_empty()));
    }

    #[test]
    fn shares_of_time_stay_within_a_hundred_percent(
        events in prop::collection::vec(any_event(), 0..60), capacity in 1.0..500.0_f64
    ) {
        let settings = Settings { capacity_per_instance: Some(capacity), ..Settings::default() };
        for report in &folded(events, settings).steps {
            let Some(e) = report.numbers.elasticity else { continue };
            let percent = -1e-9..=100.0 + 1e-9;
            prop_assert!(percent.contains(&e.theta_under) && percent.contains(&(e.tau_under + e.tau_over)), "{e:?}");
            prop_assert!(e.theta_over >= 0.0 && e.tau_under >= 0.0 && e.tau_over >= 0.0, "{e:?}");
        }
    }

    #[test]
    fn a_service_that_scales_at_once_scores_zero(before in 1_u32..500, by in 30_u32..2_000, capacity in 10.0..200.0_f64) {
        let settings = Settings { capacity_per_instance: Some(capacity), ..Settings::default() };
        let mut session = session_with(settings);
        let needs = |rate: u32| (f64::from(rate) / capacity - 1e-9).ceil();
        let observed = |at: u64, rate: u32| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 250")]
            let count = needs(rate) as u32;
            let (as_of, uncertainty) = (Elapsed::from_secs(at), Duration::ZERO);
            SessionEvent::Observed(InstanceObservation { basis: Basis::Running, count, as_of, uncertainty, provisional: false })
        };
        session.apply(Elapsed::ZERO, &rate(before));
        session.apply(Elapsed::from_secs(1), &observed(1, before));
        session.apply(Elapsed::from_secs(20), &rate(before + by));
        session.apply(Elapsed::from_secs(20), &observed(20, before + by));
        session.apply(Elapsed::from_secs(80), &SessionEvent::Ended { reason: "over".to_owned() });
        let numbers = &session.steps[1].numbers;
        let e = numbers.elasticity.unwrap();
        prop_assert_eq!((e.theta_under, e.theta_over, e.tau_under, e.tau_over), (0.0, 0.0, 0.0, 0.0));
        prop_assert_eq!((numbers.waste, numbers.overshoot), (Some(0.0), Some(0.0)));
        prop_assert_eq!(numbers.capacity, Timing::Reached { secs: 0.0, plus_minus: 0.0 });
    }
}
