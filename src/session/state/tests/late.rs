//! Seconds in which we were late, and what is said of them.

use super::*;
use crate::session::event::NoticeLevel;

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
