//! Sessions that another program led, or leads.

use super::*;
use crate::app::event::ReplayEvent;

/// What is recorded of a session at 300/s: its rate, and a few seconds.
fn so_far() -> Vec<Recorded> {
    let rate = RateProfile::Constant(ArrivalRate::new(300));
    let change = RateChange { profile: rate, cause: RateCause::Set, stage: None, unmet_start: None };
    let mut events = vec![Recorded::new(Elapsed::ZERO, SessionEvent::Rate(change))];
    for index in 0..4 {
        let mut second = Second::new(index, ArrivalRate::new(300));
        (second.part_mut(index).due, second.part_mut(index).sent) = (300, 300);
        events.push(Recorded::new(second.end(), SessionEvent::Second(Box::new(second))));
    }
    events
}

fn again() -> (State, Vec<Effect>) {
    let mut state = state().after(so_far());
    assert_eq!(state.now(), Elapsed::from_secs(4));
    let resumed =
        Event::Resumed { at: Elapsed::from_secs(4), text: "controller 2 goes on".to_owned(), finishes: false };
    let effects = update(&mut state, Elapsed::from_secs(20), resumed);
    (state, effects)
}

#[test]
fn a_session_that_goes_on_sends_nothing_and_space_goes_back_to_the_rate_before() {
    let (mut state, effects) = again();
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::SetRate { .. })), "nobody sends anything yet");
    let pause = RateChange { profile: RateProfile::PAUSED, cause: RateCause::Stop, stage: None, unmet_start: None };
    assert_eq!(effects[0], recorded(Elapsed::from_secs(4), SessionEvent::Rate(pause)), "from when nobody led it on");
    assert!(matches!(&effects[1], Effect::Record(said) if said.at == Elapsed::from_secs(20)), "{effects:?}");
    assert!(state.is_paused() && state.session().log().iter().any(|(_, notice)| notice.text == "controller 2 goes on"));
    assert_eq!(rates(&mut state, &[Action::TogglePause]), [300]);
}

#[test]
fn a_session_that_had_no_load_goes_on_without_one() {
    let mut state = state().after(so_far().into_iter().skip(1));
    let effects = update(
        &mut state,
        Elapsed::from_secs(20),
        Event::Resumed { at: Elapsed::from_secs(4), text: String::new(), finishes: false },
    );
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Record(line) if matches!(line.event, SessionEvent::Rate(_))))
    );
    assert!(!state.is_paused());
}

#[test]
fn what_was_highest_before_is_no_jump_after() {
    let live = Live { place: Place::Elsewhere, ..Live::new(ArrivalRate::new(600)) };
    let mut state = state_of(live).after(so_far());
    update(
        &mut state,
        Elapsed::from_secs(20),
        Event::Resumed { at: Elapsed::from_secs(4), text: String::new(), finishes: false },
    );
    assert_eq!(rates(&mut state, &[Action::SetRate(ArrivalRate::new(900))]), [900], "300/s were sent there before");
}

#[test]
fn who_looks_on_sees_what_is_recorded_and_changes_nothing() {
    let mut state = state_of(Live { place: Place::Watched, ..Live::new(ArrivalRate::new(600)) }).after(so_far());
    let mut second = Second::new(4, ArrivalRate::new(300));
    second.part_mut(4).due = 300;
    let next = Recorded::new(second.end(), SessionEvent::Second(Box::new(second)));
    assert_eq!(update(&mut state, Elapsed::from_secs(4), Event::Replay(ReplayEvent::Next(Box::new(next)))), []);
    assert_eq!(
        (state.session().timeline().latest().map(|row| row.second), state.now()),
        (Some(4), Elapsed::from_secs(5))
    );
    let before = state.session().clone();
    let changes = [
        Action::RateUp,
        Action::RateDown,
        Action::Preset(3),
        Action::Spike,
        Action::TogglePause,
        Action::Clear,
        Action::Undo,
        Action::Ramp(ArrivalRate::new(9), Duration::from_secs(1)),
        Action::Mark,
        Action::Export,
        Action::KillInstance,
        Action::KillGenerator,
        Action::AskRate,
        Action::AskRamp,
    ];
    for action in changes {
        let effects = update(&mut state, Elapsed::from_secs(6), Event::Action(action.clone()));
        assert!(effects.is_empty() && state.ui().prompt.is_none(), "{action:?} does {effects:?}");
        assert!(state.ui.toast.take().is_some(), "{action:?} says nothing");
    }
    for command in ["rate 100", "spike", "mark x", "slo p99=1s", "pause"] {
        assert_eq!(typed(&mut state, Action::AskCommand, command), [], "{command}");
    }
    assert_eq!(*state.session(), before);
    update(&mut state, Elapsed::from_secs(6), Event::Action(Action::Show(View::Latency)));
    assert_eq!(state.ui().view, View::Latency, "it may look at what it likes");
    let effects = update(&mut state, Elapsed::from_secs(6), Event::Action(Action::AskQuit));
    assert_eq!(effects, [Effect::Exit { at_once: true }], "it waits for nobody's answers");
}

/// A session of four seconds in which the rate went that way, and what it is once somebody goes on with it.
fn after_a_ramp(from: u32, to: u32, over: u64) -> State {
    let profile =
        RateProfile::Ramp { from: ArrivalRate::new(from), to: ArrivalRate::new(to), over: Duration::from_secs(over) };
    let mut events = so_far();
    let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
    events[0] = Recorded::new(Elapsed::ZERO, SessionEvent::Rate(change));
    let live = Live { place: Place::Elsewhere, ..Live::new(ArrivalRate::new(600)) };
    let mut state = state_of(live).after(events);
    update(
        &mut state,
        Elapsed::from_secs(20),
        Event::Resumed { at: Elapsed::from_secs(4), text: String::new(), finishes: false },
    );
    state
}

#[test]
fn of_a_ramp_the_rate_at_the_end_of_the_recording_comes_back_and_its_highest_is_no_jump() {
    assert_eq!(rates(&mut after_a_ramp(100, 300, 8), &[Action::TogglePause]), [200], "half of it was over");
    assert!(!after_a_ramp(300, 0, 2).is_paused(), "it was over, and there is no rate to go back to");
    for (from, to) in [(10, 300), (300, 10)] {
        let nine_hundred = [Action::SetRate(ArrivalRate::new(900))];
        assert_eq!(rates(&mut after_a_ramp(from, to, 2), &nine_hundred), [900], "{from} to {to}");
    }
}

#[test]
fn what_another_program_records_is_not_read_where_one_records_oneself() {
    let mut state = state().after(so_far());
    let before = state.session().clone();
    let mark = Recorded::new(Elapsed::from_secs(5), SessionEvent::Mark { text: "theirs".to_owned() });
    assert_eq!(update(&mut state, Elapsed::from_secs(5), Event::Replay(ReplayEvent::Next(Box::new(mark)))), []);
    assert_eq!(*state.session(), before);
}

#[test]
fn who_looks_on_pauses_nothing_when_it_goes_to_the_background() {
    let mut state = state_of(Live { place: Place::Watched, ..Live::new(ArrivalRate::new(600)) }).after(so_far());
    let effects = update(&mut state, Elapsed::from_secs(6), Event::Action(Action::Suspend));
    assert_eq!(effects, [Effect::Suspend]);
}

#[test]
fn what_the_log_was_told_before_is_not_told_again() {
    let failing = |index: u32| {
        let mut second = Second::new(index, ArrivalRate::new(300));
        let part = second.part_mut(index);
        (part.due, part.sent) = (300, 300);
        (0..300).for_each(|_| part.outcomes.add(scaletop_load::OutcomeKind::Http4xx));
        second
    };
    let mut so_far = so_far();
    so_far.truncate(1);
    let told = |state: &mut State, seconds: std::ops::Range<u32>| {
        let mut notices = Vec::new();
        for index in seconds {
            let second = failing(index);
            let effects = update(state, second.end(), Event::Session(SessionEvent::Second(Box::new(second))));
            notices.extend(effects.into_iter().filter_map(|effect| match effect {
                Effect::Record(Recorded { event: SessionEvent::Notice(notice), .. }) => Some(notice.text),
                _ => None,
            }));
        }
        notices
    };
    let mut first = state().after(so_far.clone());
    assert_eq!(told(&mut first, 0..20).len(), 1, "that the objective does not hold");
    so_far
        .extend((0..20).map(failing).map(|second| Recorded::new(second.end(), SessionEvent::Second(Box::new(second)))));
    let mut next = state().after(so_far);
    assert_eq!(told(&mut next, 20..24), [""; 0], "it was told by whoever led the session then");
}

#[test]
fn a_session_that_is_over_grows_no_older_for_who_looks_on() {
    let mut state = state_of(Live { place: Place::Watched, ..Live::new(ArrivalRate::new(600)) }).after(so_far());
    let ended = Recorded::new(Elapsed::from_secs(5), SessionEvent::Ended { reason: "the plan is over".to_owned() });
    update(&mut state, Elapsed::from_secs(5), Event::Replay(ReplayEvent::Next(Box::new(ended))));
    update(&mut state, Elapsed::from_secs(90), Event::Tick);
    assert_eq!(state.now(), Elapsed::from_secs(5));
}

#[test]
fn a_session_that_is_only_completed_ends_with_its_own_reason() {
    let mut state = state().after(so_far());
    let resumed = Event::Resumed { at: Elapsed::from_secs(4), text: String::new(), finishes: true };
    let effects = update(&mut state, Elapsed::from_secs(20), resumed);
    assert!(effects.contains(&Effect::Drain), "{effects:?}");
    let effects = update(&mut state, Elapsed::from_secs(21), Event::Drained { abandoned: 0 });
    let is_ended = |effect: &Effect| matches!(effect, Effect::Record(line) if line.event == SessionEvent::Ended { reason: "completed after its controller was gone".to_owned() });
    assert!(effects.iter().any(is_ended), "{effects:?}");
}
