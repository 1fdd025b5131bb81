//! A fleet hears of a change of rate before it is due: every change lies its lead ahead, and is recorded there.

use super::*;
use scaletop_units::{FleetState, GeneratorChange, GeneratorEvent};

const LEAD: Duration = Duration::from_millis(60);

fn fleet(lead: Duration) -> Event {
    Event::Session(SessionEvent::Fleet(FleetState {
        wanted: 3,
        live: 3,
        held: None,
        clock_error: Duration::from_micros(400),
        lead,
        ceiling: ArrivalRate::new(900),
    }))
}

fn with_fleet(live: Live) -> State {
    let mut state = state_of(live);
    update(&mut state, Elapsed::ZERO, fleet(LEAD));
    state
}

/// The anchors of the changes that an update asks for; those that are recorded are the same.
fn anchors(effects: &[Effect]) -> Vec<u64> {
    let set = |effect: &Effect| if let Effect::SetRate { at, .. } = effect { Some(at.as_millis()) } else { None };
    let recorded = |effect: &Effect| match effect {
        Effect::Record(Recorded { at, event: SessionEvent::Rate(_), .. }) => Some(at.as_millis()),
        _ => None,
    };
    let set: Vec<_> = effects.iter().filter_map(set).collect();
    assert_eq!(set, effects.iter().filter_map(recorded).collect::<Vec<_>>(), "recorded where it takes effect");
    set
}

fn pressed(state: &mut State, at_millis: u64, action: Action) -> Vec<u64> {
    anchors(&update(state, Elapsed::from_millis(at_millis), Event::Action(action)))
}

#[test]
fn every_change_by_hand_takes_effect_after_the_lead() {
    let mut state = with_fleet(Live::new(ArrivalRate::new(600)));
    let rate = ArrivalRate::new;
    let script = [
        Action::SetRate(rate(50)),
        Action::RateUp,
        Action::Preset(3),
        Action::Spike,
        Action::Spike,
        Action::Ramp(rate(300), Duration::from_secs(2)),
        Action::RateHalve,
        Action::Undo,
        Action::TogglePause,
        Action::TogglePause,
        Action::Clear,
        Action::SetRate(rate(100)),
        Action::Quit,
    ];
    for (second, action) in (1_u64..).zip(script) {
        let at = second * 1_000;
        assert_eq!(pressed(&mut state, at, action.clone()), [at + 60], "{action:?}");
    }
}

#[test]
fn the_start_of_a_session_takes_effect_after_the_lead() {
    let mut state = with_fleet(Live::new(ArrivalRate::new(600)));
    let SessionEvent::Rate(start) = constant(100, RateCause::Start) else { unreachable!() };
    assert_eq!(anchors(&update(&mut state, Elapsed::from_millis(5), Event::Rate(start))), [65]);
}

#[test]
fn without_a_fleet_a_change_takes_effect_at_once() {
    let mut state = state();
    assert_eq!(pressed(&mut state, 1_000, Action::SetRate(ArrivalRate::new(50))), [1_000]);
}

#[test]
fn a_change_never_takes_effect_before_the_one_before_it() {
    let mut state = with_fleet(Live::new(ArrivalRate::new(600)));
    update(&mut state, Elapsed::from_millis(900), fleet(Duration::from_millis(500)));
    assert_eq!(pressed(&mut state, 1_000, Action::Preset(1)), [1_500]);
    update(&mut state, Elapsed::from_millis(1_050), fleet(LEAD));
    assert_eq!(pressed(&mut state, 1_100, Action::Preset(2)), [1_500], "the lead has become shorter meanwhile");
    assert_eq!(pressed(&mut state, 1_600, Action::Preset(3)), [1_660]);
}

#[test]
fn the_stages_of_a_plan_begin_when_it_says_however_long_the_lead() {
    let plan =
        Plan::parse("[[stage]]\nrate = 10\nduration = \"2s\"\n[[stage]]\nrate = 20\nduration = \"3s\"\n").unwrap();
    for lead in [60, 500] {
        let controller = Some(Controller::Plan(Schedule::new(&plan)));
        let mut state = state_of(Live { controller, ..Live::new(ArrivalRate::new(600)) });
        update(&mut state, Elapsed::ZERO, fleet(Duration::from_millis(lead)));
        let mut told = Vec::new();
        for millis in 1..=8_000 {
            let now = Elapsed::from_millis(millis);
            let is_due = state.deadline().is_some_and(|deadline| deadline <= now);
            if is_due {
                told.extend(anchors(&update(&mut state, now, Event::Tick)).into_iter().map(|at| (at, at - millis)));
            }
        }
        let at: Vec<_> = told.iter().map(|(at, _)| at % 1_000).collect();
        assert_eq!((told.len(), at), (3, vec![0, 0, 0]), "two stages and the end, on whole seconds: {told:?}");
        assert_eq!((told[1].0 - told[0].0, told[2].0 - told[1].0), (2_000, 3_000), "{told:?}");
        assert!(told.iter().all(|(_, ahead)| *ahead >= lead), "each told the lead ahead: {told:?}");
    }
}

#[test]
fn what_the_generators_may_not_send_together_is_refused_with_what_to_do() {
    let mut state = with_fleet(Live::new(ArrivalRate::new(600)));
    assert_eq!(pressed(&mut state, 1_000, Action::SetRate(ArrivalRate::new(950))), [0_u64; 0]);
    let said = state.ui.toast.clone().unwrap().1;
    assert!(said.contains("950/s is above the 900/s") && said.contains("generators"), "{said}");
    assert_eq!(pressed(&mut state, 2_000, Action::SetRate(ArrivalRate::new(900))), [2_060]);
}

#[test]
fn a_generator_is_killed_by_key_where_it_is_ours_and_else_it_is_said_why_not() {
    let killed = |state: &mut State| {
        let effects = update(state, Elapsed::from_secs(1), Event::Action(Action::KillGenerator));
        (effects.contains(&Effect::KillGenerator), state.ui.toast.clone().map(|(_, said)| said).unwrap_or_default())
    };
    let mut alone = state();
    let (is_killed, said) = killed(&mut alone);
    assert!(!is_killed && said.contains("no fleet"), "{said}");
    let mut of_others = with_fleet(Live::new(ArrivalRate::new(600)));
    let (is_killed, said) = killed(&mut of_others);
    assert!(!is_killed && said.contains("only the generators of scaletop fleet demo"), "{said}");
    let mut ours = with_fleet(Live { owns_generators: true, ..Live::new(ArrivalRate::new(600)) });
    assert!(killed(&mut ours).0);
    update(&mut ours, Elapsed::from_secs(2), Event::GeneratorKilled(Ok("g2".to_owned())));
    assert_eq!(ours.ui.toast.clone().unwrap().1, "killed generator g2");
}

#[test]
fn a_loss_is_said_on_the_screen_and_a_joining_in_the_log_alone() {
    let mut state = with_fleet(Live::new(ArrivalRate::new(600)));
    let mut tell = |change, at| {
        let event = GeneratorEvent { id: "g1".parse().unwrap(), change, why: None };
        update(&mut state, Elapsed::from_secs(at), Event::Session(SessionEvent::Generator(event)));
        state.ui.toast.clone().map(|(_, said)| said)
    };
    assert_eq!(tell(GeneratorChange::Joined, 1), None);
    assert_eq!(tell(GeneratorChange::Lost, 2).as_deref(), Some("generator g1 lost"));
}

#[test]
fn the_view_of_generators_is_offered_in_a_fleet_alone() {
    let views = |state: &mut State| {
        let mut seen = Vec::new();
        for _ in 0..12 {
            update(state, Elapsed::from_secs(1), Event::Action(Action::NextView));
            seen.push(state.ui.view);
        }
        seen
    };
    let mut alone = state();
    assert!(!views(&mut alone).contains(&View::Generators));
    update(&mut alone, Elapsed::from_secs(1), Event::Action(Action::Show(View::Generators)));
    assert!(alone.ui.view != View::Generators && alone.ui.toast.clone().unwrap().1.contains("no generators to show"));
    let mut fleet = with_fleet(Live::new(ArrivalRate::new(600)));
    assert!(views(&mut fleet).contains(&View::Generators));
    update(&mut fleet, Elapsed::from_secs(1), Event::Action(Action::Show(View::Overview)));
    update(&mut fleet, Elapsed::from_secs(1), Event::Action(Action::PreviousView));
    assert_eq!(fleet.ui.view, View::Generators, "after the others");
}
