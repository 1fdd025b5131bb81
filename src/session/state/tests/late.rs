//! Seconds in which we were late, and what is said of them.

use super::*;
use crate::session::event::NoticeLevel;
use crate::session::standing::held_since;

/// A second of 100 requests that take 80 ms, for all of which we were 300 ms late.
fn late(index: u32) -> Second {
    let mut second = second(index, 100, 100, &[]);
    let part = second.part_mut(index);
    (part.late, part.longest_lag, part.ok) = (100, Duration::from_millis(300), Latency::new());
    (0..100).for_each(|_| part.ok.record(Duration::from_millis(380)));
    second
}

#[test]
fn the_p99_that_thresholds_see_is_said_where_it_is_another_one() {
    let mut session = session();
    set(&mut session, 0, 100);
    (0..10).for_each(|index| feed(&mut session, second(index, 100, 100, &[])));
    assert_eq!(session.measured_p99(), None, "we were late in none");
    feed(&mut session, late(10));
    let told = Some("80.0 ms without 1 second in which we were late");
    assert_eq!(session.measured_p99().as_deref(), told, "nor do thresholds see one that is not settled");
    (11..30).for_each(|index| feed(&mut session, second(index, 100, 100, &[])));
    assert_eq!((session.late_seconds(), session.measured_p99().as_deref()), (1, told), "once, settled or not");
    feed(&mut session, late(30));
    (31..60).for_each(|index| feed(&mut session, second(index, 100, 100, &[])));
    assert_eq!(session.measured_p99().as_deref(), Some("80.0 ms without 2 seconds in which we were late"));
}

#[test]
fn a_step_that_says_nothing_of_the_service_is_warned_of_once_and_not_by_its_first_seconds() {
    let starved = |index: u32| {
        let mut second = second(index, 100, 50, &[]);
        let part = second.part_mut(index);
        (part.sent, part.dropped_late) = (50, 50);
        (part.failed, part.failed_service) = (Latency::new(), Latency::new());
        part.outcomes = scaletop_load::OutcomeCounts::default();
        (0..50).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
        second
    };
    let said = |session: &Session| {
        let about = |(_, notice): &&(Elapsed, crate::session::event::Notice)| notice.text.contains("says nothing of");
        session.log().iter().filter(about).map(|(at, notice)| (at.second(), notice.clone())).collect::<Vec<_>>()
    };
    let mut session = session();
    set(&mut session, 0, 100);
    (0..9).for_each(|index| feed(&mut session, starved(index)));
    assert_eq!(said(&session), [], "its first seconds may be an exception");
    (9..20).for_each(|index| feed(&mut session, starved(index)));
    let [(10, notice)] = &said(&session)[..] else { panic!("{:?}", said(&session)) };
    assert_eq!(notice.level, NoticeLevel::Warning);
    assert_eq!(notice.text, "step 1 says nothing of the service so far: 50.0 % of arrivals dropped late");
    // One that is over is said at once, and nothing more is said of the other.
    set(&mut session, 20_000, 200);
    (20..23).for_each(|index| feed(&mut session, starved(index)));
    set(&mut session, 23_000, 400);
    (23..26).for_each(|index| feed(&mut session, second(index, 400, 400, &[])));
    let told: Vec<_> = said(&session).into_iter().map(|(_, notice)| notice.text).collect();
    assert_eq!(told[1..], ["step 2 says nothing of the service: 50.0 % of arrivals dropped late"]);
}

#[test]
fn our_own_stall_begins_no_new_row_of_good_seconds_and_one_of_the_service_does() {
    let since = |stalled: Second| {
        let mut session = session();
        set(&mut session, 0, 100);
        (0..10).for_each(|index| feed(&mut session, second(index, 100, 100, &[])));
        feed(&mut session, stalled);
        (11..30).for_each(|index| feed(&mut session, second(index, 100, 100, &[])));
        held_since(&session, Elapsed::from_secs(30))
    };
    // 700 ms miss the objective; without a lag of 300 ms they might not have.
    let slow = |is_late: bool| {
        let mut second = second(10, 100, 100, &[]);
        let part = second.part_mut(10);
        part.ok = Latency::new();
        (0..100).for_each(|_| part.ok.record(Duration::from_millis(700)));
        if is_late {
            (part.late, part.longest_lag) = (100, Duration::from_millis(300));
        }
        second
    };
    assert_eq!(since(slow(true)), Some(Elapsed::ZERO));
    assert_eq!(since(slow(false)), Some(Elapsed::from_secs(15)), "the window of five seconds is past it");
}

/// The numbers of a step of 30 s with one second of 100 answers after `millis`, for which we were 300 ms late.
fn with_a_late_second(millis: u64) -> crate::analysis::StepNumbers {
    let mut session = session();
    set(&mut session, 0, 100);
    for index in 0..30 {
        let mut second = second(index, 100, 100, &[]);
        if index == 10 {
            let part = second.part_mut(index);
            (part.late, part.longest_lag, part.ok) = (100, Duration::from_millis(300), Latency::new());
            (0..100).for_each(|_| part.ok.record(Duration::from_millis(millis)));
        }
        feed(&mut session, second);
    }
    session.steps()[0].numbers.clone()
}

#[test]
fn at_worst_every_second_that_we_did_not_measure_is_bad_and_every_answer_counts() {
    let slow = with_a_late_second(700);
    assert_eq!((slow.slow, slow.not_measured, slow.bad_seconds), (0, 5, 0));
    assert_eq!(slow.recover, crate::analysis::Timing::Absorbed);
    let worst = slow.at_worst.unwrap();
    // Five seconds look back on it; ten good ones follow.
    assert_eq!(worst.recover, crate::analysis::Timing::Reached { secs: 15.0, plus_minus: 0.0 });
    assert_eq!(worst.slow, 100);
    let [p99, peak] = [worst.p99, worst.peak_p99].map(|found| found.unwrap().as_millis());
    assert!(p99 >= 700 && peak >= 700, "{p99} {peak}");
    assert!(slow.p99.unwrap().as_millis() < 90);
    let [burns, burns_at_worst] = [slow.budget, worst.budget].map(|budget| budget.unwrap().burn_rate);
    assert!(burns.abs() < 1e-9 && (burns_at_worst - 100.0 / 3_000.0 / 0.01).abs() < 1e-9, "{burns} {burns_at_worst}");
    // Where none of them is too slow there is still another percentile.
    let quick = with_a_late_second(380);
    assert_eq!((quick.slow, quick.not_measured), (0, 0));
    assert!(quick.p99.unwrap().as_millis() < 90 && quick.at_worst.unwrap().p99.unwrap().as_millis() >= 380);
}

#[test]
fn a_cap_that_the_limit_on_descriptors_leaves_is_ours_whatever_the_service_does() {
    let validity = |capped_by_descriptors| {
        let settings = Settings { capped_by_descriptors, max_in_flight: 50, ..Settings::default() };
        let mut session = Session::new(Header::new(0, settings));
        set(&mut session, 0, 100);
        for index in 0..10 {
            let mut second = second(index, 100, 50, &[]);
            let part = second.part_mut(index);
            (part.sent, part.dropped_cap, part.outcomes) = (50, 50, scaletop_load::OutcomeCounts::default());
            (0..50).for_each(|_| part.outcomes.add(OutcomeKind::Ok));
            feed(&mut session, second);
        }
        session.steps()[0].validity.clone()
    };
    assert_eq!(validity(false), crate::analysis::Validity::Valid, "80 ms do not fill a cap of 50");
    let crate::analysis::Validity::InvalidGenerator(why) = validity(true) else { panic!("must be invalid") };
    assert!(why.starts_with("50.0 % of arrivals dropped at the cap that the limit on file descriptors sets"), "{why}");
}
