//! How it stands, at moments of made-up sessions.

use super::*;
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use scaletop_load::{Failure, Phase, RateProfile, Second};
use scaletop_units::ArrivalRate;

/// A session at 100/s from the first second on; what each second holds is said by `of`, from `second.part_mut(index)` with
/// 100 sent on.
fn session(seconds: u32, of: impl Fn(&mut Second)) -> Session {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let rate = ArrivalRate::new(100);
    let change =
        RateChange { profile: RateProfile::Constant(rate), cause: RateCause::Set, stage: None, unmet_start: None };
    session.apply(Elapsed::ZERO, &SessionEvent::Rate(change));
    for index in 0..seconds {
        let mut second = Second::new(index, rate);
        let part = second.part_mut(index);
        (part.due, part.sent) = (100, 100);
        of(&mut second);
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    session
}

/// Answers `count` of a second's requests so.
fn answer(second: &mut Second, kind: OutcomeKind, count: u64, millis: u64) {
    let part = second.part_mut(second.index);
    for _ in 0..count {
        part.outcomes.add(kind);
        let latency = if kind == OutcomeKind::Ok { &mut part.ok } else { &mut part.failed };
        latency.record(Duration::from_millis(millis));
    }
}

fn words(session: &Session) -> String {
    standing(session, session.now()).words(session.now())
}

#[test]
fn what_is_good_is_held_and_before_anything_was_sent_it_says_so() {
    assert_eq!(words(&Session::new(Header::new(0, Settings::default()))), "nothing sent yet");
    assert_eq!(words(&session(3, |second| answer(second, OutcomeKind::Ok, 100, 80))), "held");
    let idle = session(3, |second| {
        let part = second.part_mut(second.index);
        (part.due, part.sent) = (0, 0);
    });
    assert_eq!(words(&idle), "nothing sent yet");
}

#[test]
fn a_refused_target_is_named_after_its_first_second_with_the_remedy() {
    let refused = session(1, |second| {
        answer(second, OutcomeKind::Connect, 100, 0);
        let cause = "connection refused".into();
        second.failures.push(Failure { kind: OutcomeKind::Connect, phase: Some(Phase::Tcp), cause, count: 100 });
    });
    assert_eq!(words(&refused), "NOT ONE OK for 1 s: connection refused; is it started, and is the port right?");
    let missing = session(4, |second| answer(second, OutcomeKind::Http4xx, 100, 3));
    assert_eq!(words(&missing), "NOT ONE OK for 4 s: 100 % answer 4xx; is the path right, or --expect it");
}

#[test]
fn why_it_is_missed_and_since_when_is_said() {
    let refusing = session(20, |second| {
        let refused = if second.index < 10 { 0 } else { 80 };
        answer(second, OutcomeKind::Http429, refused, 1);
        answer(second, OutcomeKind::Ok, 100 - refused, 80);
    });
    assert_eq!(words(&refusing), "MISSED 10 s: 80 % answer 429");
    let slow = session(20, |second| answer(second, OutcomeKind::Ok, 100, if second.index < 12 { 80 } else { 900 }));
    assert_eq!(words(&slow), "MISSED 8 s: p99 900 ms over 500 ms");
    let full = session(20, |second| {
        answer(second, OutcomeKind::Ok, 60, 80);
        let part = second.part_mut(second.index);
        (part.sent, part.dropped_cap) = (60, 40);
    });
    assert!(words(&full).ends_with("40 % found all places in flight taken"), "{}", words(&full));
    let hanging = session(9, |second| {
        second.in_flight = 100 * u64::from(second.index + 1);
        second.oldest_in_flight = Some(Duration::from_secs((second.index + 1).into()));
    });
    assert!(words(&hanging).contains("no answer for up to"), "{}", words(&hanging));
}

#[test]
fn one_outage_has_one_beginning_whatever_its_reason() {
    // Held, then slow from 10 s on, refused from 14 s on, partly refused from 22 s on.
    let play = |seconds| {
        session(seconds, |second| match second.index {
            0..10 => answer(second, OutcomeKind::Ok, 100, 80),
            10..14 => answer(second, OutcomeKind::Ok, 100, 900),
            14..22 => answer(second, OutcomeKind::Http429, 100, 1),
            _ => {
                answer(second, OutcomeKind::Http429, 50, 1);
                answer(second, OutcomeKind::Ok, 50, 80);
            }
        })
    };
    assert_eq!(words(&play(13)), "MISSED 3 s: p99 900 ms over 500 ms");
    assert_eq!(words(&play(20)), "MISSED 10 s, NOT ONE OK for 6 s: 100 % answer 429");
    assert!(words(&play(30)).starts_with("MISSED 20 s: "), "{}", words(&play(30)));
    let since = |seconds| standing(&play(seconds), Elapsed::from_secs(seconds.into())).lost_since();
    assert!((12..30).all(|seconds| since(seconds) == Some(Elapsed::from_secs(10))));
}

#[test]
fn a_pause_ends_an_outage_and_a_second_that_nobody_can_judge_does_not() {
    let paused = session(40, |second| match second.index {
        5..10 | 30.. => answer(second, OutcomeKind::Http429, 100, 1),
        10..30 => {
            let part = second.part_mut(second.index);
            (part.due, part.sent) = (0, 0);
        }
        _ => answer(second, OutcomeKind::Ok, 100, 80),
    });
    assert_eq!(words(&paused), "NOT ONE OK for 10 s: 100 % answer 429");
    let unjudged = session(20, |second| match second.index {
        // We send half of it.
        12 | 13 => {
            answer(second, OutcomeKind::Http429, 50, 1);
            let part = second.part_mut(second.index);
            (part.sent, part.dropped_late) = (50, 50);
        }
        8.. => answer(second, OutcomeKind::Http429, 100, 1),
        _ => answer(second, OutcomeKind::Ok, 100, 80),
    });
    assert_eq!(standing(&unjudged, unjudged.now()).lost_since(), Some(Elapsed::from_secs(8)));
}

#[test]
fn what_we_could_not_send_is_ours() {
    let ours = session(9, |second| {
        answer(second, OutcomeKind::Ok, 60, 80);
        let part = second.part_mut(second.index);
        (part.sent, part.dropped_connections) = (60, 40);
    });
    assert_eq!(words(&ours), "NOT MEASURED: no connection for 40");
}

#[test]
fn the_lag_that_is_told_is_that_of_the_window_and_what_breaks_is_no_fault_of_it() {
    let late = |kind: OutcomeKind| {
        session(9, move |second| {
            let is_burst = second.index == 7;
            answer(second, kind, if is_burst { 10 } else { 0 }, 1);
            answer(second, OutcomeKind::Ok, if is_burst { 90 } else { 100 }, 80);
            if is_burst {
                let part = second.part_mut(second.index);
                (part.late, part.longest_lag) = (20, Duration::from_millis(20));
            }
        })
    };
    assert_eq!(words(&late(OutcomeKind::Http429)), "NOT MEASURED: we sent up to 20.0 ms late");
    assert!(words(&late(OutcomeKind::Http5xxApplication)).starts_with("MISSED 2 s"));
}

#[test]
fn without_a_lag_nobody_is_said_to_have_been_late() {
    use crate::session::fixtures::{closed, folded, of_fleet, rate};
    let all = [("g1", 100), ("g2", 100), ("g3", 100)];
    // A tenth of each second's answers comes in the next one, so that a second is judged when the next has closed.
    let second_of = |index: u32, reported: &[(&str, u64)]| {
        let mut second = of_fleet(index, 300, reported);
        let held_back = second.part_mut(index).due / 10;
        let part = second.part_mut(index);
        (part.outcomes, part.ok) = Default::default();
        let answered = part.due - held_back;
        answer(&mut second, OutcomeKind::Ok, answered, 80);
        second.in_flight = held_back;
        if let Some(before) = index.checked_sub(1) {
            let part = second.part_mut(before);
            (0..30).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
        }
        closed(second)
    };
    let mut events = vec![(Elapsed::ZERO, rate(300, RateCause::Start))];
    events.extend((0..10).map(|index| second_of(index, &all)));
    events.push(second_of(10, &all[..2]));
    let mut said = Vec::new();
    for index in 11..19 {
        events.push(second_of(index, &all));
        said.push(words(&folded(&events)));
    }
    // At 15 its second has left the last five, and of those that are judged the last one is 14, whose five it is in.
    assert_eq!(said[..5], ["NOT MEASURED: 100 arrivals unreported"; 5], "{said:?}");
    assert_eq!(said[7], "held");
    assert!(said.iter().all(|words| !words.contains("late")), "{said:?}");
}

#[test]
fn a_session_that_came_to_rest_still_says_how_it_stood_under_load() {
    let rested = session(30, |second| {
        if second.index < 10 {
            answer(second, OutcomeKind::Ok, 100, 80);
        } else {
            let part = second.part_mut(second.index);
            (part.due, part.sent) = (0, 0);
        }
    });
    assert_eq!(standing(&rested, rested.now()), Standing::NoLoad);
    assert_eq!(standing_under_load(&rested), Some((Elapsed::from_secs(10), Standing::Held)));
    assert_eq!(standing_under_load(&Session::new(Header::new(0, Settings::default()))), None);
}

#[test]
fn a_moment_of_the_past_is_judged_by_what_was_known_of_it_then_and_since() {
    let slow = session(30, |second| answer(second, OutcomeKind::Ok, 100, if second.index < 12 { 80 } else { 900 }));
    assert_eq!(standing(&slow, Elapsed::from_secs(10)), Standing::Held);
    assert_eq!(
        standing(&slow, Elapsed::from_secs(14)).words(Elapsed::from_secs(14)),
        "MISSED 2 s: p99 900 ms over 500 ms"
    );
}

#[test]
fn answers_that_cannot_be_judged_yet_are_not_called_none() {
    let hanging = session(1, |second| second.in_flight = 100);
    assert_eq!(words(&hanging), "no answer yet");
    let begun = session(1, |second| {
        answer(second, OutcomeKind::Ok, 6, 80);
        second.in_flight = 94;
    });
    assert_eq!(words(&begun), "not judged yet");
}
