//! The reducer: values in, values out.

mod again;
mod fleet;
mod looking;
mod prompts;

use proptest::prelude::*;

use super::*;
use crate::app::action::Action;
use crate::app::controller::Controller;
use crate::app::keymap::KeyMap;
use crate::app::state::{Live, Place, Question, View};
use crate::plan::Plan;
use crate::plan::schedule::Schedule;
use crate::session::event::{Header, NoticeLevel, RateCause, RateChange, Recorded, SessionEvent, Settings};
use crate::session::writer::WriteStatus;
use crate::slo::Slo;
use scaletop_load::{RateProfile, Second};
use scaletop_units::ArrivalRate;

fn state() -> State {
    state_of(Live::new(ArrivalRate::new(600)))
}

fn state_of(live: Live) -> State {
    let header = Header {
        writer: "scaletop test".into(),
        ..Header::new(0, Settings { max_rate: 1_000, ..Settings::default() })
    };
    State::live(header, live)
}

/// Presses `actions` a second apart and returns the rates that were set.
fn rates(state: &mut State, actions: &[Action]) -> Vec<u32> {
    let mut rates = Vec::new();
    for (second, action) in actions.iter().enumerate() {
        let at = state.now + Duration::from_secs(1 + second as u64);
        for effect in update(state, at, Event::Action(action.clone())) {
            if let Effect::SetRate { profile, .. } = effect {
                rates.push(profile.last().get());
            }
        }
    }
    rates
}

const fn set_rate(at: Elapsed, profile: RateProfile) -> Effect {
    Effect::SetRate { at, profile }
}

const fn recorded(at: Elapsed, event: SessionEvent) -> Effect {
    Effect::Record(Recorded::new(at, event))
}

fn typed(state: &mut State, open: Action, text: &str) -> Vec<Effect> {
    let at = Elapsed::from_secs(1);
    update(state, at, Event::Action(open));
    for c in text.chars() {
        update(state, at, Event::Action(Action::PromptChar(c)));
    }
    update(state, at, Event::Action(Action::PromptAccept))
}

fn constant(rate: u32, cause: RateCause) -> SessionEvent {
    let profile = RateProfile::Constant(ArrivalRate::new(rate));
    SessionEvent::Rate(RateChange { profile, cause, stage: None, unmet_start: None })
}

#[test]
fn keys_move_the_rate_by_the_increment_and_never_below_zero() {
    let mut state = state();
    let up = [Action::RateUp, Action::RateUp, Action::RateDown, Action::RateDown, Action::RateDown];
    assert_eq!(rates(&mut state, &up), [50, 100, 50, 0], "the last press changes nothing: the rate is 0 already");
    let mut other = self::state();
    let larger = [Action::IncrementLarger, Action::RateUp, Action::IncrementSmaller, Action::RateUp];
    assert_eq!(rates(&mut other, &larger), [100, 150]);
}

#[test]
fn a_spike_jumps_and_falls_back_to_where_it_came_from() {
    let mut state = state();
    assert_eq!(rates(&mut state, &[Action::Preset(1), Action::Spike, Action::Spike]), [50, 600, 50]);
}

#[test]
fn a_nudge_during_a_spike_keeps_the_way_back() {
    let mut state = state();
    let keys = [Action::Preset(1), Action::Spike, Action::RateUp, Action::Spike];
    assert_eq!(rates(&mut state, &keys), [50, 600, 650, 50]);
}

#[test]
fn pausing_goes_to_zero_and_back() {
    let mut state = state();
    assert_eq!(rates(&mut state, &[Action::Preset(2), Action::TogglePause, Action::TogglePause]), [100, 0, 100]);
}

#[test]
fn what_is_above_the_ceiling_is_refused_and_never_cut() {
    let above = ArrivalRate::new(1_001);
    let ramp = Action::Ramp(above, Duration::from_secs(30));
    for action in [Action::RateUp, Action::RateDouble, Action::SetRate(above), ramp] {
        let mut state = state();
        rates(&mut state, &[Action::Preset(9), Action::IncrementLarger, Action::RateUp]);
        assert_eq!(rates(&mut state, std::slice::from_ref(&action)), [0_u32; 0], "{action:?}");
        let said = state.ui.toast.unwrap().1;
        assert!(said.contains("above the ceiling of 1000/s") && said.contains("--max-rate"), "{said}");
    }
    let mut spike = state_of(Live::new(above));
    assert_eq!(rates(&mut spike, &[Action::Spike, Action::Preset(1), Action::Spike]), [50]);
    let mut state = state();
    assert_eq!(typed(&mut state, Action::AskRate, "99999"), []);
    let prompt = state.ui.prompt.unwrap();
    assert_eq!(prompt.text, "99999", "what was typed stays");
    assert!(prompt.error.unwrap().contains("ceiling of 1000/s"));
}

#[test]
fn undoing_goes_back_a_change_at_a_time_and_a_held_key_is_one() {
    let mut state = state();
    rates(&mut state, &[Action::Preset(1)]);
    for tenths in 20..23 {
        update(&mut state, Elapsed::from_millis(tenths * 100), Event::Action(Action::RateUp));
    }
    let mut keys = vec![Action::Spike, Action::TogglePause];
    keys.extend([Action::Undo, Action::Undo, Action::Undo, Action::Undo, Action::Undo]);
    assert_eq!(rates(&mut state, &keys), [600, 0, 600, 200, 50, 0]);
    assert_eq!(state.ui.toast.as_ref().unwrap().1, "no change of rate to undo");
    let ramp = Action::Ramp(ArrivalRate::new(900), Duration::from_mins(1));
    assert_eq!(
        rates(&mut state, &[Action::Preset(2), ramp, Action::Undo]),
        [100, 900, 100],
        "from the middle of a ramp"
    );
    assert_eq!(rates(&mut state, &[Action::Clear, Action::Undo]), [0, 100]);
}

/// Load that leaves this machine.
fn elsewhere() -> State {
    state_of(Live { place: Place::Elsewhere, ..Live::new(ArrivalRate::new(600)) })
}

#[test]
fn elsewhere_a_jump_far_above_the_highest_rate_so_far_waits_for_enter() {
    let mut state = elsewhere();
    assert_eq!(rates(&mut state, &[Action::Preset(2)]), [100], "the first steps are no jump");
    assert_eq!(rates(&mut state, &[Action::Preset(4)]), [300]);
    let jump = Action::SetRate(ArrivalRate::new(1_000));
    assert_eq!(
        rates(&mut state, &[Action::Preset(1), jump.clone()]),
        [50, 1_000],
        "300 so far, 1,000 is not 4 times that"
    );
    let mut state = elsewhere();
    for open in [Action::Spike, jump, Action::Ramp(ArrivalRate::new(500), Duration::from_mins(1))] {
        rates(&mut state, &[Action::Preset(2)]);
        assert_eq!(rates(&mut state, std::slice::from_ref(&open)), [0_u32; 0], "{open:?}");
        assert!(state.ui.question.is_some());
        assert_eq!(rates(&mut state, &[Action::Cancel]), [0_u32; 0]);
        assert_eq!(rates(&mut state, &[Action::Confirm]), [0_u32; 0], "nothing is open any more");
        assert_eq!(rates(&mut state, &[open, Action::NextView, Action::Confirm]), [0_u32; 0], "another key is a no");
    }
    assert_eq!(
        rates(&mut state, &[Action::Spike, Action::Confirm, Action::Spike]),
        [600, 100],
        "and back without a question"
    );
    assert_eq!(rates(&mut self::state(), &[Action::Spike]), [600], "on this machine nobody is asked");
}

#[test]
fn q_asks_once_in_a_session_that_has_gone_on_for_a_while() {
    let press =
        |state: &mut State, secs: u64, action: Action| update(state, Elapsed::from_secs(secs), Event::Action(action));
    let mut state = state();
    assert_eq!(press(&mut state, 121, Action::AskQuit), []);
    assert_eq!(state.ui.question, Some(Question::Quit));
    press(&mut state, 121, Action::Columns(90));
    assert_eq!(state.ui.question, Some(Question::Quit), "another size of the window is no answer");
    assert_eq!(press(&mut state, 122, Action::Mark).len(), 1, "another key is a no, and does what it does");
    assert_eq!(state.ui.question, None);
    assert_eq!(press(&mut state, 123, Action::AskQuit), []);
    assert_eq!(press(&mut state, 124, Action::AskQuit), [Effect::Drain], "again: the end");
    assert!(matches!(press(&mut state, 125, Action::AskQuit).last(), Some(Effect::Exit { at_once: true })));
    let mut enter = self::state();
    press(&mut enter, 121, Action::AskQuit);
    assert_eq!(press(&mut enter, 122, Action::Confirm), [Effect::Drain]);
    assert_eq!(press(&mut self::state(), 120, Action::AskQuit), [Effect::Drain], "a young one is not worth a question");
    assert_eq!(press(&mut self::state(), 900, Action::Quit), [Effect::Drain], "a signal and Ctrl-C are not asked");
}

#[test]
fn what_is_applied_is_what_is_recorded_and_driven() {
    let mut state = state();
    let at = Elapsed::from_secs(3);
    let effects = update(&mut state, at, Event::Action(Action::Preset(7)));
    let profile = RateProfile::Constant(ArrivalRate::new(600));
    assert_eq!(effects, [set_rate(at, profile), recorded(at, constant(600, RateCause::Set))]);
    assert_eq!(state.session().rate(), (at, profile));
}

#[test]
fn quitting_pauses_arrivals_before_draining_and_exits_once_drained() {
    let mut state = state();
    rates(&mut state, &[Action::Preset(1)]);
    let at = Elapsed::from_secs(9);
    let effects = update(&mut state, at, Event::Action(Action::Quit));
    assert_eq!(effects, [set_rate(at, RateProfile::PAUSED), recorded(at, constant(0, RateCause::Stop)), Effect::Drain]);
    assert_eq!(rates(&mut state, &[Action::Spike]), [0_u32; 0], "no key restarts the load while it drains");
    let at = Elapsed::from_secs(10);
    let effects = update(&mut state, at, Event::Drained { abandoned: 0 });
    let ended = SessionEvent::Ended { reason: "the user quit".into() };
    assert_eq!(effects, [recorded(at, ended), Effect::Exit { at_once: false }]);
}

#[test]
fn quitting_twice_exits_at_once() {
    let mut state = state();
    update(&mut state, Elapsed::from_secs(1), Event::Action(Action::Quit));
    let effects = update(&mut state, Elapsed::from_secs(2), Event::Action(Action::Quit));
    assert_eq!(effects.last(), Some(&Effect::Exit { at_once: true }));
}

/// What is told of a second without arrivals at whose end so many are in flight.
fn heard(state: &mut State, index: u32, in_flight: u64) -> Vec<String> {
    let mut second = Second::new(index, ArrivalRate::PAUSED);
    second.in_flight = in_flight;
    let at = second.end();
    let effects = update(state, at, Event::Session(SessionEvent::Second(Box::new(second))));
    let notices = effects.into_iter().filter_map(|effect| match effect {
        Effect::Record(Recorded { event: SessionEvent::Notice(notice), .. }) => Some(notice.text),
        _ => None,
    });
    notices.collect()
}

#[test]
fn for_what_the_end_waits_is_said_once_with_how_long_it_can_take() {
    let mut state = state();
    update(&mut state, Elapsed::from_secs(1), Event::Action(Action::Quit));
    assert_eq!(heard(&mut state, 1, 0), [""; 0]);
    assert_eq!(heard(&mut state, 2, 5), ["waiting up to 11 s for 5 answers; Ctrl-C again ends at once"]);
    assert_eq!(heard(&mut state, 3, 4), [""; 0], "once is enough");
    // Who has not pressed it yet is not told to do it again.
    let mut over = playing();
    for millis in [0, 1_900, 2_000] {
        update(&mut over, Elapsed::from_millis(millis), Event::Tick);
    }
    assert_eq!(heard(&mut over, 2, 5), ["waiting up to 11 s for 5 answers; Ctrl-C ends at once"]);
}

#[test]
fn a_folder_that_went_away_is_told_and_the_new_one_is_the_sessions() {
    let mut state = state();
    let effects = update(&mut state, Elapsed::ZERO, Event::RecordingStatus(WriteStatus::Moved("b".into())));
    assert_eq!(state.folder(), Some(std::path::Path::new("b")));
    assert!(
        matches!(&effects[0], Effect::Record(Recorded { event: SessionEvent::Notice(n), .. }) if n.text.contains("whole, in b"))
    );
}

#[test]
fn requests_that_were_given_up_are_said() {
    let mut state = state();
    update(&mut state, Elapsed::from_secs(1), Event::Action(Action::Quit));
    let effects = update(&mut state, Elapsed::from_secs(2), Event::Drained { abandoned: 3 });
    assert!(
        matches!(&effects[0], Effect::Record(Recorded { event: SessionEvent::Notice(n), .. }) if n.text.contains("3 requests"))
    );
}

#[test]
fn only_the_demo_kills() {
    let mut state = state();
    assert_eq!(update(&mut state, Elapsed::ZERO, Event::Action(Action::KillInstance)), []);
    let mut state = state_of(Live { place: Place::Demo, ..Live::new(ArrivalRate::PAUSED) });
    assert_eq!(update(&mut state, Elapsed::ZERO, Event::Action(Action::KillInstance)), [Effect::KillInstance]);
}

#[test]
fn a_failing_disk_is_said_and_so_is_that_it_works_again() {
    let mut state = state();
    update(&mut state, Elapsed::ZERO, Event::RecordingStatus(WriteStatus::Failing("no space left".into())));
    assert_eq!(state.ui().toast.as_ref().unwrap().1, "not recording: no space left");
    update(&mut state, Elapsed::from_secs(1), Event::RecordingStatus(WriteStatus::Working));
    let (_, again) = state.session().log().last().unwrap();
    assert_eq!((again.level, again.text.as_str()), (NoticeLevel::Info, "recording again"));
}

/// A state that plays 5/s for 2 s.
fn playing() -> State {
    let plan = Plan::parse("[[stage]]\nrate = 5\nduration = \"2s\"\n").unwrap();
    let controller = Some(Controller::Plan(Schedule::new(&plan)));
    state_of(Live { controller, ..Live::new(ArrivalRate::PAUSED) })
}

#[test]
fn the_end_of_a_plans_load_is_driven_and_recorded_ahead_of_its_time_and_only_once() {
    let mut state = playing();
    assert_eq!(state.deadline(), Some(Elapsed::ZERO));
    let profile = RateProfile::Constant(ArrivalRate::new(5));
    let begun = RateChange { profile, cause: RateCause::Plan, stage: Some("stage 1".to_owned()), unmet_start: None };
    let effects = update(&mut state, Elapsed::ZERO, Event::Tick);
    assert_eq!(effects, [set_rate(Elapsed::ZERO, profile), recorded(Elapsed::ZERO, SessionEvent::Rate(begun))]);

    let (ahead, end) = (state.deadline().unwrap(), Elapsed::from_secs(2));
    assert!(ahead < end);
    let effects = update(&mut state, ahead, Event::Tick);
    assert_eq!(effects, [set_rate(end, RateProfile::PAUSED), recorded(end, constant(0, RateCause::Stop))]);
    assert_eq!(state.session().rate(), (end, RateProfile::PAUSED), "what is driven is what is known");

    assert_eq!(update(&mut state, end, Event::Tick), [Effect::Drain]);
    assert_eq!(state.deadline(), None);
    let effects = update(&mut state, end, Event::Drained { abandoned: 0 });
    assert_eq!(effects[0], recorded(end, SessionEvent::Ended { reason: "the plan is over".into() }));
}

#[test]
fn on_two_targets_a_stage_begins_and_ends_when_the_plan_says_though_the_timer_fired_late() {
    let plan = Plan::parse("[[stage]]\nrate = 20\nduration = \"2s\"\n").unwrap();
    let controller = Some(Controller::Plan(Schedule::new(&plan)));
    let settings = || Settings { max_rate: 1_000, ..Settings::default() };
    let header = Header::new(0, settings()).beside(settings());
    let mut state = State::live(header, Live { controller, ..Live::new(ArrivalRate::PAUSED) });
    let set = |state: &mut State, at: u64| {
        let effects = update(state, Elapsed::from_millis(at), Event::Tick);
        effects.into_iter().find_map(|effect| if let Effect::SetRate { at, .. } = effect { Some(at) } else { None })
    };
    assert_eq!(set(&mut state, 30), None, "the first stage begins with a second");
    assert_eq!(set(&mut state, 913), Some(Elapsed::from_secs(1)));
    assert_eq!(set(&mut state, 2_921), Some(Elapsed::from_secs(3)));
}

#[test]
fn whoever_quits_takes_the_rate_out_of_the_plans_hands() {
    let mut state = playing();
    update(&mut state, Elapsed::ZERO, Event::Tick);
    let at = Elapsed::from_secs(1);
    let effects = update(&mut state, at, Event::Action(Action::Quit));
    assert_eq!(effects, [set_rate(at, RateProfile::PAUSED), recorded(at, constant(0, RateCause::Stop)), Effect::Drain]);
    assert_eq!((state.deadline(), update(&mut state, Elapsed::from_secs(9), Event::Tick)), (None, Vec::new()));
}

#[test]
fn a_second_is_of_its_end_however_late_it_is_heard_of() {
    let mut state = state();
    let second = Second::new(0, ArrivalRate::PAUSED);
    let event = SessionEvent::Second(Box::new(second));
    let effects = update(&mut state, Elapsed::from_millis(1_130), Event::Session(event.clone()));
    assert_eq!(effects, [recorded(Elapsed::from_secs(1), event)]);
    assert_eq!((state.now(), state.session().now()), (Elapsed::from_millis(1_130), Elapsed::from_secs(1)));
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::RateUp),
        Just(Action::RateDown),
        Just(Action::RateDouble),
        Just(Action::RateHalve),
        (0_u8..12).prop_map(Action::Preset),
        (0_u32..2_000_000).prop_map(|rate| Action::SetRate(ArrivalRate::new(rate))),
        Just(Action::Spike),
        (0_u32..5_000, 0_u64..90).prop_map(|(to, s)| Action::Ramp(ArrivalRate::new(to), Duration::from_secs(s))),
        Just(Action::TogglePause),
        Just(Action::Clear),
        Just(Action::Undo),
        Just(Action::Confirm),
        Just(Action::AskQuit),
        Just(Action::Mark),
        Just(Action::CycleWindow),
        (-12_i8..12).prop_map(Action::MoveCursor),
        Just(Action::ToStart),
        Just(Action::ZoomIn),
        Just(Action::Open),
        Just(Action::NextView),
        Just(Action::SelectNext),
        Just(Action::IncrementLarger),
        Just(Action::AskRamp),
        any::<char>().prop_map(Action::PromptChar),
        Just(Action::PromptAccept),
        Just(Action::Cancel),
        Just(Action::Quit),
    ]
}

proptest! {
    #[test]
    fn whatever_is_pressed_the_rate_stays_within_its_limits_and_it_drains_at_most_once(
        actions in prop::collection::vec((any_action(), 0_u64..5_000), 0..80), is_elsewhere in any::<bool>()
    ) {
        let mut state = if is_elsewhere { elsewhere() } else { state() };
        let (mut at, mut drains) = (Elapsed::ZERO, 0);
        for (action, millis) in actions {
            at = at + Duration::from_millis(millis);
            for effect in update(&mut state, at, Event::Action(action)) {
                match effect {
                    Effect::SetRate { profile, .. } => prop_assert!(profile.first().get().max(profile.last().get()) <= 1_000),
                    Effect::Drain => drains += 1,
                    _ => {}
                }
            }
            prop_assert!(state.session().rate().1.last().get() <= 1_000);
        }
        prop_assert!(drains <= 1);
    }
}
