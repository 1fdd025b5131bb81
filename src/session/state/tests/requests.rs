//! Several requests, told apart by name.

use super::*;
use scaletop_load::RequestName;

/// A second of 100 requests, of which one in ten is `checkout`; it takes 200 ms, and fails as often as `failing` says of ten.
fn mixed(index: u32, failing: u64) -> Second {
    let mut second = second(index, 100, 100 - failing, &[]);
    for (name, due, bad, took) in [("search", 90, 0, 80), ("checkout", 10, failing, 200)] {
        let part = second.request_mut(&RequestName::from(name), index);
        (part.due, part.sent) = (due, due);
        for n in 0..due {
            let is_ok = n >= bad;
            part.outcomes.add(if is_ok { OutcomeKind::Ok } else { OutcomeKind::Http429 });
            let latency = if is_ok { &mut part.ok } else { &mut part.failed };
            latency.record(Duration::from_millis(took));
        }
    }
    second
}

fn of_two() -> Session {
    let requests = vec![RequestName::from("search"), RequestName::from("checkout")];
    let mut session = Session::new(Header::new(0, Settings { requests, ..Settings::default() }));
    set(&mut session, 0, 100);
    session
}

#[test]
fn each_is_added_up_in_the_order_in_which_they_were_written() {
    let mut session = of_two();
    (0..20).for_each(|index| feed(&mut session, mixed(index, 3)));
    let seen: Vec<_> = session
        .requests()
        .all()
        .iter()
        .map(|request| (request.name.as_str(), request.due, request.errors(), request.ok.quantile(0.99)))
        .collect();
    let at_most = |latency: Option<Duration>, millis| {
        latency.is_some_and(|at| at.abs_diff(Duration::from_millis(millis)) < Duration::from_millis(1))
    };
    let [search, checkout] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(
        ((search.0, search.1, search.2), (checkout.0, checkout.1, checkout.2)),
        (("search", 1_800, Some(0.0)), ("checkout", 200, Some(0.3)))
    );
    assert!(at_most(search.3, 80) && at_most(checkout.3, 200), "{seen:?}");
    let due: u64 = session.requests().all().iter().map(|request| request.due).sum();
    assert_eq!(due, session.totals().due);
}

#[test]
fn what_they_do_now_is_of_the_last_ten_seconds() {
    let mut session = of_two();
    (0..10).for_each(|index| feed(&mut session, mixed(index, 10)));
    (10..15).for_each(|index| feed(&mut session, mixed(index, 0)));
    let recent = session.requests().recent(&RequestName::from("checkout"));
    assert_eq!((recent.rate, recent.errors()), (10.0, Some(0.5)));
    // Seconds in which none is sent make it less.
    (15..30).for_each(|index| feed(&mut session, second(index, 0, 0, &[])));
    let recent = session.requests().recent(&RequestName::from("checkout"));
    assert_eq!((recent.rate, recent.errors()), (0.0, None));
}

#[test]
fn latencies_of_seconds_in_which_we_were_late_are_left_out_as_of_all() {
    let mut session = of_two();
    (0..10).for_each(|index| feed(&mut session, mixed(index, 0)));
    let mut late = mixed(10, 0);
    let part = late.part_mut(10);
    (part.late, part.longest_lag, part.ok) = (100, Duration::from_millis(300), Latency::new());
    (0..100).for_each(|_| part.ok.record(Duration::from_millis(380)));
    late.request_mut(&RequestName::from("checkout"), 10).ok.record(Duration::from_secs(3));
    feed(&mut session, late);
    let measured = |session: &Session| session.requests().of("checkout").unwrap().ok_measured.count();
    assert_eq!(measured(&session), 100, "what is not settled waits");
    (11..30).for_each(|index| feed(&mut session, mixed(index, 0)));
    assert_eq!(measured(&session), 290, "nothing of the second in which we were late");
    assert_eq!(session.requests().of("checkout").unwrap().ok.count(), 301);
}

#[test]
fn that_not_one_of_a_name_was_ok_is_no_success() {
    use crate::session::verdict::judge;
    let mut session = of_two();
    (0..20).for_each(|index| feed(&mut session, mixed(index, 10)));
    let verdict = judge(&session);
    assert_eq!(verdict.none_ok.as_deref(), Some("not one of 200 requests checkout was answered as expected"));
    assert_eq!(verdict.exit_code(), 1);
    let mut session = of_two();
    (0..20).for_each(|index| feed(&mut session, mixed(index, 9)));
    assert_eq!((judge(&session).none_ok, judge(&session).exit_code()), (None, 0));
}

#[test]
fn a_threshold_may_be_about_one_of_them() {
    use crate::plan::Plan;
    use crate::session::verdict::{ThresholdOutcome, judge};
    let plan = "[[stage]]\nrate = 100\nduration = \"20s\"\n[thresholds]\n\"checkout.p99\" = \"< 150ms\"\n\"search.p50\" = \"< 150ms\"\n\
                \"checkout.errors\" = \"< 10%\"\n\"checkout.failed.p99\" = \"< 1s\"\n\"search.failed.max\" = \"< 1ms\"\n";
    let plan = Plan::read(plan).unwrap().resolve(&["search", "checkout"]).unwrap();
    let requests = vec![RequestName::from("search"), RequestName::from("checkout")];
    let settings = Settings { requests, thresholds: plan.thresholds, ..Settings::default() };
    let mut session = Session::new(Header::new(0, settings));
    set(&mut session, 0, 100);
    (0..20).for_each(|index| feed(&mut session, mixed(index, 3)));
    let verdict = judge(&session);
    let outcomes: Vec<_> = verdict
        .thresholds
        .iter()
        .map(|result| (result.name.as_str(), result.outcome == ThresholdOutcome::Passed))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("checkout.p99", false),
            ("search.p50", true),
            ("checkout.errors", false),
            ("checkout.failed.p99", true),
            ("search.failed.max", true),
        ]
    );
    assert_eq!(verdict.exit_code(), 3);
}

#[test]
fn of_a_request_that_never_came_due_nothing_can_be_told() {
    use crate::plan::Plan;
    use crate::session::verdict::{ThresholdOutcome, judge};
    let plan = "[[stage]]\nrate = 100\nduration = \"20s\"\n[thresholds]\n\"rare.p99\" = \"< 1s\"\n\"rare.failed.p99\" = \"< 1s\"\n";
    let plan = Plan::read(plan).unwrap().resolve(&["search", "rare"]).unwrap();
    let requests = vec![RequestName::from("search"), RequestName::from("rare")];
    let mut session =
        Session::new(Header::new(0, Settings { requests, thresholds: plan.thresholds, ..Settings::default() }));
    set(&mut session, 0, 100);
    (0..20).for_each(|index| feed(&mut session, mixed(index, 0)));
    for result in judge(&session).thresholds {
        let ThresholdOutcome::CannotTell { reason, .. } = &result.outcome else { panic!("{result:?}") };
        assert_eq!(reason, "no request rare came due");
    }
}
