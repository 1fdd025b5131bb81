//! Another objective in the middle of a session: each second is judged by its own.

use std::time::Duration;

use crate::analysis::Timing;
use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use crate::session::standing::standing;
use crate::session::state::Session;
use crate::slo::Slo;
use crate::timeline::SecondJudged;
use scaletop_load::{OutcomeKind, RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed};

/// A session at 20/s from its beginning, whose answers take what `millis` says of their second. At each of `changes`, in seconds,
/// the percentile may take so many milliseconds.
fn session(seconds: u32, millis: impl Fn(u32) -> u64, changes: &[(u32, u64)]) -> Session {
    let mut session = Session::new(Header::new(0, Settings::default()));
    let rate = ArrivalRate::new(20);
    let change =
        RateChange { profile: RateProfile::Constant(rate), cause: RateCause::Set, stage: None, unmet_start: None };
    session.apply(Elapsed::ZERO, &SessionEvent::Rate(change));
    for index in 0..seconds {
        for (_, millis) in changes.iter().filter(|(at, _)| *at == index) {
            let slo = Slo { latency: Duration::from_millis(*millis), ..Slo::default() };
            session.apply(Elapsed::from_secs(index.into()), &SessionEvent::Objective(slo));
        }
        let mut second = Second::new(index, rate);
        let part = second.part_mut(index);
        (part.due, part.sent) = (20, 20);
        for _ in 0..20 {
            part.outcomes.add(OutcomeKind::Ok);
            part.ok.record(Duration::from_millis(millis(index)));
        }
        session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    }
    session
}

fn judged(session: &Session, second: u32) -> SecondJudged {
    session.timeline().kept_cohorts().get(second).unwrap().judged
}

#[test]
fn seconds_before_a_change_keep_the_old_objective_and_later_ones_have_the_new() {
    let session = session(40, |_| 400, &[(20, 300)]);
    let [old, new] = [19, 20].map(|second| judged(&session, second));
    assert_eq!((old, new), (SecondJudged::Good, SecondJudged::Bad));
    let report = &session.steps()[0];
    let numbers = &report.numbers;
    assert_eq!((numbers.bad_seconds, numbers.judged_seconds, numbers.slow), (20, 40, 400));
    assert_eq!(numbers.recover, Timing::NotWithin { secs: 40.0, open: true });
    assert!(
        report.words.ends_with(
            "objective not held again yet; no requests lost so far, 400 slower than the objective; \
             the objective changed to p99 ≤ 300 ms, errors ≤ 1 % after 20 s"
        ),
        "{}",
        report.words
    );
    assert!(standing(&session, session.now()).words(session.now()).starts_with("MISSED 20 s: p99 400 ms over 300 ms"));
    assert_eq!(standing(&session, Elapsed::from_secs(15)).label(), "held", "the past is judged by its own");
    let (at, notice) = session.log().last().unwrap();
    assert_eq!(*at, Elapsed::from_secs(20));
    assert!(notice.text.contains("objective from now on: p99 ≤ 300 ms") && notice.text.contains("p99 ≤ 500 ms"));
    assert_eq!(session.header().settings.slo, Slo::default(), "the header has the first");
}

#[test]
fn what_was_missed_before_a_change_is_not_held_against_the_seconds_after_it() {
    let session = session(40, |_| 900, &[(20, 1_000)]);
    assert_eq!([19, 20].map(|second| judged(&session, second)), [SecondJudged::Bad, SecondJudged::Good]);
    let numbers = &session.steps()[0].numbers;
    assert_eq!(numbers.recover, Timing::Reached { secs: 20.0, plus_minus: 0.0 });
    assert_eq!((numbers.bad_seconds, numbers.slow), (20, 400));
}

#[test]
fn the_budget_is_the_sum_of_what_each_second_allows() {
    let mut session = session(20, |_| 900, &[]);
    let burnt = |session: &Session| session.steps()[0].numbers.budget.unwrap().burn_rate;
    assert!((burnt(&session) - 100.0).abs() < 1e-9, "all of them bad, where 1 % may be");
    session.apply(session.now(), &SessionEvent::Objective(Slo { errors: 0.03, ..Slo::default() }));
    let mut second = Second::new(20, ArrivalRate::new(20));
    let part = second.part_mut(20);
    (part.due, part.sent, part.dropped_cap) = (400, 0, 400);
    session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
    assert!((burnt(&session) - 50.0).abs() < 1e-9, "half of them at 1 %, half at 3 %: {}", burnt(&session));
}

#[test]
fn a_step_that_begins_with_a_change_has_one_objective() {
    let mut session = session(20, |_| 80, &[]);
    let slo = Slo { latency: Duration::from_millis(300), ..Slo::default() };
    session.apply(session.now(), &SessionEvent::Objective(slo));
    let profile = RateProfile::Constant(ArrivalRate::new(40));
    let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
    session.apply(session.now(), &SessionEvent::Rate(change));
    assert!(session.steps().iter().all(|report| !report.words.contains("changed")), "{:?}", session.steps());
}
