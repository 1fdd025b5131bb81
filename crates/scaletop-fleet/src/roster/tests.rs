//! Who is in a fleet, and who is trusted with a share.

use super::*;
use crate::message::Known;
use crate::slots::tests::id;

const LEASE: Duration = Duration::from_millis(1_500);

const fn ms(millis: u64) -> Elapsed {
    Elapsed::from_millis(millis)
}

pub(crate) fn hello(number: usize, process: u64) -> Hello {
    Hello {
        version: "1".to_owned(),
        id: id(number),
        process,
        threads: 1,
        max_rate: ArrivalRate::new(1_000),
        cores: None,
        open_files: None,
        ports: None,
        labels: Vec::new(),
        known: None,
        declines: None,
    }
}

fn beat(process: u64, session: Elapsed, standing: Standing) -> Beat {
    Beat {
        process,
        sent: 0,
        session: Some(session),
        answered: session,
        lease: session + LEASE,
        standing,
        known: 0,
        in_flight: 0,
        clock_error: None,
        round_trip: None,
        given_up: 0,
    }
}

fn driving() -> Roster {
    let mut roster = Roster::new(LEASE, 1);
    assert_eq!(roster.greet(ms(0), &hello(1, 5)), Greeted::In(0));
    assert_eq!(roster.beat(ms(100), &id(1), &beat(5, ms(90), Standing::Ready)), Verdict::Granted);
    assert_eq!(roster.get(&id(1)).unwrap().state, State::Ready);
    roster.all.get_mut(&id(1)).unwrap().state = State::Driving;
    roster
}

fn beats(roster: &mut Roster, millis: std::ops::Range<u64>) -> Vec<Verdict> {
    millis.step_by(200).map(|at| roster.beat(ms(at), &id(1), &beat(5, ms(at), Standing::Ready))).collect()
}

#[test]
fn a_silent_generator_is_suspect_then_lost_when_its_lease_is_over_whatever_it_says_meanwhile() {
    let mut roster = driving();
    assert!(roster.tick(ms(1_100), false).is_empty());
    assert_eq!(roster.tick(ms(1_101), false), [Turn::Suspected(id(1))]);
    let late = Beat { answered: ms(90), lease: ms(1_590), ..beat(5, ms(1_190), Standing::Ready) };
    assert_eq!(roster.beat(ms(1_200), &id(1), &late), Verdict::Fenced);
    assert!(roster.tick(ms(1_639), false).is_empty(), "lease until 1,590 ms, and 50 ms");
    assert_eq!(roster.tick(ms(1_640), false), [Turn::Lost(id(1))]);
}

#[test]
fn who_was_lost_is_trusted_again_after_steady_beats_and_a_hold_off_that_doubles() {
    let mut roster = driving();
    for hold_off in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
        let from = roster.get(&id(1)).unwrap().heard.as_millis();
        roster.tick(ms(from + 1_100), false);
        let lost = from + 1_700;
        assert_eq!(roster.tick(ms(lost), false), [Turn::Lost(id(1))]);
        let verdicts = beats(&mut roster, lost + 1..lost + hold_off);
        assert!(verdicts.iter().all(|&verdict| verdict == Verdict::Fenced));
        let back = beats(&mut roster, lost + hold_off + 10..lost + hold_off + 1_000);
        assert_eq!(back.last(), Some(&Verdict::Granted), "after {hold_off}");
        roster.all.get_mut(&id(1)).unwrap().state = State::Driving;
    }
}

#[test]
fn beats_that_are_not_steady_earn_no_trust_nor_do_those_that_do_not_know_who_has_their_share() {
    let mut roster = driving();
    roster.tick(ms(1_101), false);
    roster.tick(ms(1_700), false);
    for at in (2_000..9_000).step_by(1_100) {
        assert_eq!(roster.beat(ms(at), &id(1), &beat(5, ms(at), Standing::Ready)), Verdict::Fenced);
    }
    roster.all.get_mut(&id(1)).unwrap().fenced_by = 7;
    assert!(beats(&mut roster, 9_000..13_000).iter().all(|&verdict| verdict == Verdict::Fenced));
    let knowing = Beat { known: 7, ..beat(5, ms(13_000), Standing::Ready) };
    assert_eq!(roster.beat(ms(13_000), &id(1), &knowing), Verdict::Granted);
}

#[test]
fn who_hears_nothing_is_lost_although_it_is_heard_and_only_when_no_grant_can_reach_it_any_more() {
    let mut roster = driving();
    let deaf = |at: u64| Beat { answered: ms(200), lease: ms(1_700), ..beat(5, ms(at), Standing::Ready) };
    let mut verdicts = Vec::new();
    for at in (300..1_300).step_by(200) {
        verdicts.push(roster.beat(ms(at), &id(1), &deaf(at)));
        assert_eq!(roster.tick(ms(at), false), []);
    }
    let granted = verdicts.iter().take_while(|&&verdict| verdict == Verdict::Granted).count();
    assert_eq!((granted, verdicts.len(), verdicts[4]), (3, 5, Verdict::Fenced));
    roster.beat(ms(1_300), &id(1), &deaf(1_300));
    assert_eq!(roster.tick(ms(1_300), false), [Turn::Suspected(id(1))]);
    assert_eq!(roster.get(&id(1)).unwrap().lease_end, ms(1_700), "as it says itself");
    assert_eq!(roster.tick(ms(1_750), false), [Turn::Lost(id(1))]);
}

#[test]
fn one_name_is_one_process_and_its_seconds_have_numbers_of_their_own() {
    let mut roster = driving();
    assert_eq!(roster.greet(ms(200), &hello(1, 5)), Greeted::In(0), "its answer was lost");
    assert!(matches!(roster.greet(ms(300), &hello(1, 6)), Greeted::Refused(_)));
    assert_eq!(roster.greet(ms(900), &hello(1, 6)), Greeted::NotYet);
    assert_eq!(roster.beat(ms(910), &id(1), &beat(6, ms(910), Standing::Ready)), Verdict::Unknown);
    roster.tick(ms(1_200), false);
    roster.tick(ms(1_700), false);
    assert_eq!(roster.greet(ms(1_800), &hello(1, 6)), Greeted::In(1 << 32));
    assert!(matches!(Roster::new(LEASE, 3).greet(ms(0), &hello(1, 6)), Greeted::In(number) if number == 2 << 48));
    let known = Known { first_number: 5 << 32, document: Vec::new(), signature: Vec::new() };
    let of_a_session = Hello { known: Some(known), ..hello(1, 6) };
    assert_eq!(Roster::new(LEASE, 3).greet(ms(0), &of_a_session), Greeted::In(5 << 32), "its seconds are numbered on");
}

#[test]
fn who_declines_is_waited_for_no_longer_and_its_silence_is_no_news() {
    let mut roster = Roster::new(LEASE, 1);
    assert_eq!(roster.greet(ms(0), &hello(1, 5)), Greeted::In(0));
    let declining = |process| Hello { declines: Some("refuses this run: x".to_owned()), ..hello(1, process) };
    assert_eq!(roster.greet(ms(10), &declining(6)), Greeted::NotYet);
    assert!(roster.get(&id(1)).is_some(), "another process of its name has no say");
    assert_eq!(roster.greet(ms(10), &declining(5)), Greeted::NotYet);
    assert!(roster.get(&id(1)).is_none());
    assert!(roster.tick(ms(20_000), false).is_empty());
    let mut roster = driving();
    roster.greet(ms(200), &declining(5));
    assert_eq!(roster.get(&id(1)).unwrap().state, State::Driving, "its share is taken when its lease is over");
}

#[test]
fn a_generator_that_cannot_send_is_refused() {
    let mut roster = Roster::new(LEASE, 1);
    for wrong in [Hello { threads: 0, ..hello(1, 1) }, Hello { max_rate: ArrivalRate::PAUSED, ..hello(1, 1) }] {
        assert!(matches!(roster.greet(ms(0), &wrong), Greeted::Refused(_)));
    }
}

#[test]
fn who_leaves_keeps_its_lease_until_it_is_gone() {
    let mut roster = driving();
    assert_eq!(roster.beat(ms(200), &id(1), &beat(5, ms(200), Standing::Leaving)), Verdict::Granted);
    assert!(!roster.get(&id(1)).unwrap().is_present());
    assert_eq!(roster.beat(ms(300), &id(1), &beat(5, ms(300), Standing::Gone(9))), Verdict::Leave);
    assert_eq!(roster.get(&id(1)).unwrap().stored, Some(9));
    assert!(roster.tick(ms(9_000), false).is_empty());
}
