//! A session that a fleet drives, for the tests of this and other folders.

use std::time::Duration;

use crate::session::event::{Header, RateCause, RateChange, SessionEvent, Settings};
use crate::session::state::Session;
use scaletop_load::{GeneratorPart, OutcomeKind, RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed, FleetState, GeneratorChange, GeneratorEvent, GeneratorId};

pub(crate) fn id(name: &str) -> GeneratorId {
    name.parse().expect("the name of a generator")
}

/// A fleet of three stands so, with so many that are live.
pub(crate) fn fleet_state(live: u32, held: Option<&str>) -> FleetState {
    FleetState {
        wanted: 3,
        live,
        held: held.map(str::to_owned),
        clock_error: Duration::from_micros(400),
        lead: Duration::from_millis(60),
        ceiling: ArrivalRate::new(60_000),
    }
}

pub(crate) fn change_of(name: &str, change: GeneratorChange, why: Option<&str>) -> SessionEvent {
    SessionEvent::Generator(GeneratorEvent { id: id(name), change, why: why.map(str::to_owned) })
}

pub(crate) fn rate(per_second: u32, cause: RateCause) -> SessionEvent {
    let profile = RateProfile::Constant(ArrivalRate::new(per_second));
    SessionEvent::Rate(RateChange { profile, cause, stage: None, unmet_start: None })
}

/// A second of a fleet: `planned` arrivals, of which each generator reports so many, all of them OK.
pub(crate) fn of_fleet(index: u32, planned: u64, reported: &[(&str, u64)]) -> Second {
    let mut second = Second::new(index, ArrivalRate::new(u32::try_from(planned).expect("a rate")));
    let part = second.part_mut(index);
    part.due = reported.iter().map(|(_, due)| due).sum();
    (part.sent, part.planned) = (part.due, Some(planned));
    for _ in 0..part.due {
        part.outcomes.add(OutcomeKind::Ok);
        part.ok.record(Duration::from_millis(80));
    }
    let of = |&(name, due): &(&str, u64)| GeneratorPart {
        id: id(name),
        due,
        sent: due,
        ok: due,
        lag_p99: Some(Duration::from_micros(300)),
        cpu_percent: Some(20.0),
        in_flight: 4,
        clock_error: Some(Duration::from_micros(400)),
        late_anchor: None,
        numbers: Vec::new(),
    };
    second.generators = reported.iter().map(of).collect();
    second
}

pub(crate) fn closed(second: Second) -> (Elapsed, SessionEvent) {
    (second.end(), SessionEvent::Second(Box::new(second)))
}

/// Three generators at 300/s for 20 seconds. One of them is lost for two seconds, of which 200 arrivals stay unreported, and is there again
/// at the end, as the others are.
pub(crate) fn events() -> Vec<(Elapsed, SessionEvent)> {
    let (at, all) = (Elapsed::from_millis, [("g1", 100), ("g2", 100), ("g3", 100)]);
    let mut events = vec![(Elapsed::ZERO, SessionEvent::Fleet(fleet_state(3, None)))];
    events.extend(all.map(|(name, _)| (at(1), change_of(name, GeneratorChange::Joined, None))));
    events.push((Elapsed::ZERO, rate(300, RateCause::Start)));
    events.extend((0..10).map(|index| closed(of_fleet(index, 300, &all))));
    events.push((at(10_400), change_of("g2", GeneratorChange::Suspected, Some("no beat for 1.0 s"))));
    events.push((at(10_900), change_of("g2", GeneratorChange::Lost, Some("no beat for 1.5 s"))));
    events.push((
        at(10_900),
        SessionEvent::Fleet(FleetState { lead: Duration::from_millis(75), ..fleet_state(2, None) }),
    ));
    events.extend((10..12).map(|index| closed(of_fleet(index, 300, &[all[0], all[2]]))));
    events.push((at(12_100), change_of("g2", GeneratorChange::Returned, None)));
    events.push((at(12_100), SessionEvent::Fleet(fleet_state(3, None))));
    events.extend((12..20).map(|index| closed(of_fleet(index, 300, &all))));
    events.push((at(20_000), rate(0, RateCause::Stop)));
    events.extend(all.map(|(name, _)| (at(20_100), change_of(name, GeneratorChange::Left, None))));
    let nobody = FleetState { clock_error: Duration::ZERO, ceiling: ArrivalRate::PAUSED, ..fleet_state(0, None) };
    events.push((at(20_100), SessionEvent::Fleet(nobody)));
    events
}

/// What comes of events.
pub(crate) fn folded(events: &[(Elapsed, SessionEvent)]) -> Session {
    let mut session = Session::new(Header::new(0, Settings { target: "demo".into(), ..Settings::default() }));
    for (at, event) in events {
        session.apply(*at, event);
    }
    session
}

/// Those of [`events`], to their end.
pub(crate) fn ended() -> Session {
    let mut session = folded(&events());
    session.apply(session.now(), &SessionEvent::Ended { reason: "quit".to_owned() });
    session
}
