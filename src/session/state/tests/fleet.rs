//! A fleet in the fold: who is in it, what nobody reported, and when the load stood still.

use super::*;
use crate::session::event::{Recorded, SessionEvent};
use crate::session::fixtures::{change_of, ended, events, fleet_state, folded, id, of_fleet, rate};
use crate::session::recording::{RecordingReader, RecordingWriter};
use crate::session::standing::standing;
use scaletop_load::{GeneratorHealth, Latency};
use scaletop_units::{GeneratorChange, GeneratorEvent};

fn hear(session: &mut Session, at_millis: u64, name: &str, change: GeneratorChange, why: Option<&str>) {
    session.apply(Elapsed::from_millis(at_millis), &change_of(name, change, why));
}

fn log(session: &Session) -> Vec<&str> {
    session.log().iter().map(|(_, notice)| notice.text.as_str()).collect()
}

fn close(session: &mut Session, second: Second) {
    session.apply(second.end(), &SessionEvent::Second(Box::new(second)));
}

#[test]
fn without_a_fleet_there_is_none_and_nothing_is_unreported() {
    let mut session = session();
    set(&mut session, 0, 100);
    close(&mut session, second(0, 100, 100, &["i-1"]));
    assert!(session.fleet().is_none());
    assert_eq!((session.totals().planned, session.totals().unreported()), (None, None));
    let row = session.timeline().latest().unwrap();
    assert_eq!((row.unreported, row.generators, session.steps()[0].numbers.unreported()), (None, None, None));
}

#[test]
fn the_roster_knows_who_is_how_since_when_and_why() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(2, None)));
    for name in ["g1", "g2"] {
        hear(&mut session, 10, name, GeneratorChange::Joined, None);
    }
    hear(&mut session, 5_000, "g2", GeneratorChange::Suspected, Some("no beat for 1.0 s"));
    let of = |session: &Session, name: &str| {
        session.fleet().unwrap().generators().find(|(is, _)| **is == id(name)).unwrap().1.clone()
    };
    assert_eq!(of(&session, "g2").state, GeneratorState::Suspect);
    hear(&mut session, 5_500, "g2", GeneratorChange::Lost, Some("no beat for 1.5 s"));
    hear(&mut session, 5_550, "g2", GeneratorChange::TakenOver, None);
    let lost = of(&session, "g2");
    assert_eq!((lost.state, lost.since, lost.losses), (GeneratorState::TakenOver, Elapsed::from_millis(5_550), 1));
    assert_eq!(lost.last_loss, Some((Elapsed::from_millis(5_500), Some("no beat for 1.5 s".to_owned()))));
    hear(&mut session, 9_000, "g2", GeneratorChange::Returned, None);
    hear(&mut session, 9_500, "g1", GeneratorChange::Left, Some("it was asked to"));
    assert_eq!((of(&session, "g2").state, of(&session, "g2").losses), (GeneratorState::Live, 1));
    assert_eq!((of(&session, "g1").state, session.fleet().unwrap().losses()), (GeneratorState::Left, 1));
    let log = log(&session);
    for line in [
        "generator g1 joined",
        "generator g2 suspected: no beat for 1.0 s",
        "generator g2 lost: no beat for 1.5 s",
        "the share of generator g2 is taken over",
        "generator g2 returned",
        "generator g1 left: it was asked to",
    ] {
        assert!(log.contains(&line), "{line}: {log:?}");
    }
}

#[test]
fn what_nobody_reports_is_counted_until_it_is_reported_and_never_lost_by_the_service() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(3, None)));
    set(&mut session, 0, 300);
    let all = [("g1", 100), ("g2", 100), ("g3", 100)];
    (0..10).for_each(|index| close(&mut session, of_fleet(index, 300, &all)));
    close(&mut session, of_fleet(10, 300, &all[..2]));
    assert_eq!((session.totals().planned, session.totals().unreported()), (Some(3_300), Some(100)));
    let row = session.timeline().latest().unwrap();
    assert_eq!((row.due, row.unreported, row.generators), (200, Some(100), Some(2)));
    let numbers = &session.steps()[0].numbers;
    assert_eq!((numbers.unreported(), numbers.lost, numbers.generators), (Some(100), 0, Some(2)));
    let Validity::InvalidGenerator(why) = &session.steps()[0].validity else { panic!("3 % are not known") };
    assert!(why.starts_with("3.0 % of arrivals (100) unreported"), "{why}");
    assert!(standing(&session, session.now()).words(session.now()).contains("100 arrivals unreported"), "said at once");

    // Its second comes after all, in the one that is open then.
    let mut late = of_fleet(11, 300, &all);
    let mut part = CohortPart::new(10);
    (part.due, part.sent) = (100, 100);
    for _ in 0..100 {
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_millis(80));
    }
    late.parts.insert(0, part);
    close(&mut session, late);
    (12..16).for_each(|index| close(&mut session, of_fleet(index, 300, &all)));
    assert_eq!((session.totals().planned, session.totals().unreported()), (Some(4_800), Some(0)));
    assert_eq!(session.timeline().kept_cohorts().get(10).unwrap().unreported(), Some(0));
    assert_eq!(session.steps()[0].numbers.unreported(), Some(0));
    assert_eq!(session.steps()[0].validity, Validity::Valid);
    let rows = session.timeline().rows();
    assert_eq!(rows[10].unreported, Some(100), "a second that has closed stays as it was");
}

#[test]
fn what_is_sent_while_nobody_leads_does_not_hide_what_is_missing() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(3, None)));
    set(&mut session, 0, 300);
    (0..6).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 300)])));
    let mut unled = of_fleet(6, 0, &[("g1", 200)]);
    unled.part_mut(6).planned = None;
    close(&mut session, unled);
    let mut late = of_fleet(7, 0, &[("g1", 0)]);
    (late.part_mut(6).due, late.part_mut(7).planned) = (9, None);
    close(&mut session, late);
    (8..10).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 240)])));
    let totals = session.totals();
    assert_eq!((totals.planned, totals.unled, totals.unreported()), (Some(2_400), 209, Some(120)));
    assert_eq!(totals.ok_measured.count(), totals.ok.count(), "none of it was left out as late");
}

#[test]
fn what_is_sent_while_nobody_leads_is_no_step_s_and_what_the_machines_do_meanwhile_judges_none() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(3, None)));
    set(&mut session, 0, 300);
    (0..12).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 300)])));
    let before = session.steps()[0].numbers.clone();
    nudge(&mut session, 12_000, 0, RateCause::Stop);
    for index in 12..60 {
        let due = if index == 12 { 300 } else { 0 };
        let mut unled = of_fleet(index, 0, &[("g1", due)]);
        unled.part_mut(index).planned = None;
        unled.generator = GeneratorHealth { cpu_percent: Some(190.0), cores: Some(2), ..unled.generator };
        // The slowest answer of all: were the second the step's when it is settled, it would be its peak.
        unled.part_mut(index).ok = Latency::new();
        (0..due).for_each(|_| unled.part_mut(index).ok.record(Duration::from_secs(9)));
        close(&mut session, unled);
    }
    set(&mut session, 60_000, 300);
    (60..70).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 300)])));
    let [first, second] = session.steps() else { panic!("two steps") };
    assert_eq!((first.numbers.due, first.numbers.bad_seconds), (before.due, before.bad_seconds));
    assert_eq!(first.numbers.peak_p99, before.peak_p99);
    assert!(before.peak_p99.is_some_and(|peak| peak < Duration::from_millis(100)), "{:?}", before.peak_p99);
    assert_eq!((&first.validity, second.numbers.due), (&Validity::Valid, 3_000));
    assert_eq!(session.totals().due, 3_600 + 300 + 3_000);
}

#[test]
fn seconds_that_nobody_reports_are_not_judged() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(3, None)));
    set(&mut session, 0, 300);
    (0..6).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 300)])));
    (6..12).for_each(|index| close(&mut session, of_fleet(index, 300, &[])));
    let judged = |second| session.timeline().kept_cohorts().get(second).unwrap().judged;
    assert_eq!(judged(3), crate::timeline::SecondJudged::Good);
    assert_eq!(judged(11), crate::timeline::SecondJudged::NotMeasured, "neither good nor bad");
}

#[test]
fn a_load_that_is_held_is_said_with_its_reason_while_it_is() {
    let mut session = session();
    session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(3, None)));
    set(&mut session, 0, 300);
    (0..5).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 300)])));
    let held = fleet_state(1, Some("1 of 3 generators is there, 2 are needed"));
    session.apply(Elapsed::from_secs(5), &SessionEvent::Fleet(held));
    let words = |session: &Session, at| standing(session, Elapsed::from_secs(at)).words(Elapsed::from_secs(at));
    assert_eq!(words(&session, 6), "the load is held: 1 of 3 generators is there, 2 are needed");
    assert_eq!(standing(&session, Elapsed::from_secs(6)).label(), "load_held");
    session.apply(Elapsed::from_secs(8), &SessionEvent::Fleet(fleet_state(2, None)));
    (5..10).for_each(|index| close(&mut session, of_fleet(index, 300, &[("g1", 300)])));
    assert!(!words(&session, 10).contains("is held"));
    assert!(words(&session, 7).starts_with("the load is held"), "the past stays what it was");
    assert_eq!(session.fleet().unwrap().held_for(session.now()), Duration::from_secs(3));
    let goes_on = log(&session).iter().filter(|line| **line == "the load goes on").count();
    assert_eq!(goes_on, 1, "once: {:?}", log(&session));
}

#[test]
fn a_load_that_is_over_when_it_is_not_held_any_more_does_not_go_on() {
    for stopped_by in [RateCause::Stop, RateCause::Pause] {
        let mut session = session();
        session.apply(Elapsed::ZERO, &SessionEvent::Fleet(fleet_state(3, None)));
        session.apply(Elapsed::ZERO, &rate(300, RateCause::Start));
        session.apply(Elapsed::from_secs(5), &SessionEvent::Fleet(fleet_state(1, Some("2 are needed"))));
        session.apply(Elapsed::from_secs(7), &rate(0, stopped_by));
        session.apply(Elapsed::from_secs(8), &SessionEvent::Fleet(fleet_state(3, None)));
        assert_eq!(session.fleet().unwrap().held_at(Elapsed::from_secs(9)), None);
        let log = log(&session);
        assert!(log.contains(&"the load is held: 2 are needed") && !log.contains(&"the load goes on"), "{log:?}");
    }
}

#[test]
fn who_left_when_there_was_no_load_any_more_was_there_to_the_end() {
    let session = ended();
    assert_eq!(session.there_to_the_end(), Some(3), "all left, since it was over");
    let words = "3 of 3 generators there to the end, one was lost once; 200 of 6,000 planned arrivals unreported";
    assert_eq!(fleet_in_words(&session).as_deref(), Some(words));
    let mut early = folded(&events()[..20]);
    assert_eq!(fleet_in_words(&early).unwrap().split(',').next(), Some("2 of 3 generators there now"));
    hear(&mut early, 12_500, "g1", GeneratorChange::Left, None);
    early.apply(Elapsed::from_secs(13), &rate(0, RateCause::Stop));
    hear(&mut early, 13_100, "g3", GeneratorChange::Left, None);
    assert_eq!(early.there_to_the_end(), Some(1), "one is lost, and one left while there was load");
}

#[test]
fn of_a_fleet_of_which_nobody_is_left_no_clocks_are_told_and_what_was_is_kept() {
    let session = ended();
    let fleet = session.fleet().unwrap();
    assert_eq!((fleet.clock_error(), fleet.ceiling()), (None, None));
    assert_eq!(fleet.with_some().map(|state| state.ceiling.get()), Some(60_000));
    let widest = (fleet.widest_clock_error(), fleet.longest_lead());
    assert_eq!(widest, (Duration::from_micros(400), Duration::from_millis(75)));
}

#[test]
fn a_replay_knows_of_a_fleet_what_the_live_session_knew() {
    let folder = tempfile::tempdir().unwrap();
    let live = folded(&events());
    let mut writer = RecordingWriter::create(folder.path(), live.header()).unwrap();
    for (at, event) in events() {
        writer.append(&Recorded::new(at, event)).unwrap();
    }
    drop(writer);
    let mut replayed = Session::new(live.header().clone());
    for (number, recorded) in RecordingReader::open(folder.path()).unwrap().enumerate() {
        let Recorded { at, event, .. } = recorded.unwrap();
        replayed.apply(at, &event);
        let known = folded(&events()[..=number]);
        assert_eq!(replayed.fleet(), known.fleet(), "after event {number}");
        assert_eq!(replayed.steps(), known.steps(), "after event {number}");
        assert_eq!((replayed.totals(), log(&replayed)), (known.totals(), log(&known)), "after event {number}");
    }
    assert_eq!(replayed.now(), live.now());
}

#[test]
fn what_is_kept_of_generators_is_bounded() {
    let mut session = session();
    for n in 0..1_200 {
        hear(&mut session, 10, &format!("g{n}"), GeneratorChange::Joined, None);
    }
    assert_eq!(session.fleet().unwrap().generators().len(), 1_000);
    (0..400).for_each(|index| close(&mut session, of_fleet(index, 1, &[("g1", 1)])));
    let kept = session.fleet().unwrap().generators().map(|(_, one)| one.recent.len()).max().unwrap();
    assert!(kept <= 301, "{kept}");
    (0..60).for_each(|n| hear(&mut session, 400_000 + n, "g1", GeneratorChange::Lost, None));
    let one = session.fleet().unwrap().generators().find(|(is, _)| **is == id("g1")).unwrap().1.clone();
    assert_eq!((one.losses, one.lost_at.len()), (60, 50));
    assert_eq!(one.lost_at.back(), Some(&Elapsed::from_millis(400_059)), "the latest are kept");
}

#[test]
fn the_events_are_written_and_read() {
    let event = SessionEvent::Generator(GeneratorEvent {
        id: id("g1"),
        change: GeneratorChange::TakenOver,
        why: Some("g2 and g3 have it".to_owned()),
    });
    for event in [event, SessionEvent::Fleet(fleet_state(2, Some("NATS is out of reach")))] {
        let recorded = Recorded::new(Elapsed::from_secs(1), event);
        let text = serde_json::to_string(&recorded).unwrap();
        assert_eq!(serde_json::from_str::<Recorded>(&text).unwrap(), recorded, "{text}");
    }
}
