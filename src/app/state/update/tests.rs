//! The reducer: values in, values out.

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

#[test]
fn for_what_the_end_waits_is_said_once_with_how_long_it_can_take() {
    let mut state = state();
    update(&mut state, Elapsed::from_secs(1), Event::Action(Action::Quit));
    let mut heard = |index: u32, in_flight: u64| -> Vec<String> {
        let mut second = Second::new(index, ArrivalRate::PAUSED);
        second.in_flight = in_flight;
        let at = second.end();
        let effects = update(&mut state, at, Event::Session(SessionEvent::Second(Box::new(second))));
        let notices = effects.into_iter().filter_map(|effect| match effect {
            Effect::Record(Recorded { event: SessionEvent::Notice(notice), .. }) => Some(notice.text),
            _ => None,
        });
        notices.collect()
    };
    assert_eq!(heard(1, 0), [""; 0]);
    assert_eq!(heard(2, 5), ["waiting up to 11 s for 5 answers; Ctrl-C again ends at once"]);
    assert_eq!(heard(3, 4), [""; 0], "once is enough");
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

fn typed(state: &mut State, open: Action, text: &str) -> Vec<Effect> {
    let at = Elapsed::from_secs(1);
    update(state, at, Event::Action(open));
    for c in text.chars() {
        update(state, at, Event::Action(Action::PromptChar(c)));
    }
    update(state, at, Event::Action(Action::PromptAccept))
}

#[test]
fn a_typed_rate_is_set_and_a_typed_ramp_ramps() {
    let mut state = state();
    let effects = typed(&mut state, Action::AskRate, "450");
    assert_eq!(effects[0], set_rate(Elapsed::from_secs(1), RateProfile::Constant(ArrivalRate::new(450))));
    let effects = typed(&mut state, Action::AskRamp, "900 1m");
    let ramp =
        RateProfile::Ramp { from: ArrivalRate::new(450), to: ArrivalRate::new(900), over: Duration::from_mins(1) };
    assert_eq!(effects[0], set_rate(Elapsed::from_secs(1), ramp));
    assert_eq!(state.ui.prompt, None);
}

#[test]
fn another_objective_is_recorded_and_judges_from_now_on() {
    let mut state = state();
    let effects = typed(&mut state, Action::AskCommand, "slo p99=300ms");
    let slo = Slo { latency: Duration::from_millis(300), ..Slo::default() };
    assert_eq!(effects, [recorded(Elapsed::from_secs(1), SessionEvent::Objective(slo))]);
    assert_eq!(*state.session().objective(), slo);
    typed(&mut state, Action::AskCommand, "slo errors=0.5%");
    assert_eq!(*state.session().objective(), Slo { errors: 0.005, ..slo }, "what is not named stays");
}

#[test]
fn an_objective_is_refused_where_it_cannot_be_another() {
    let error = |state: &State| state.ui().prompt.as_ref().unwrap().error.clone().unwrap();
    let mut live = state();
    assert_eq!(typed(&mut live, Action::AskCommand, "slo p99=500ms"), []);
    assert_eq!(error(&live), "it is p99 ≤ 500ms, errors ≤ 1% already");
    let settings = Settings { plan: Some("spike".to_owned()), ..Settings::default() };
    let mut planned = State::live(Header::new(0, settings), Live::new(ArrivalRate::new(600)));
    assert_eq!(typed(&mut planned, Action::AskCommand, "slo p99=300ms"), []);
    assert!(error(&planned).starts_with("a plan drives this session"), "{}", error(&planned));
}

#[test]
fn a_text_that_is_pasted_is_typed_into_an_open_prompt_and_accepted_by_nobody() {
    let at = Elapsed::from_secs(1);
    let pasted = |open: Option<Action>, text: &str| {
        let mut state = state();
        if let Some(open) = open {
            update(&mut state, at, Event::Action(open));
        }
        let effects = update(&mut state, at, Event::Pasted(text.to_owned()));
        assert_eq!(effects, [], "{text:?} drives nothing");
        state
    };
    for (open, text, typed) in [
        (Action::AskRate, "600\n", "600"),
        (Action::AskRamp, "600\t30s\r\n", "600 30s"),
        (Action::AskCommand, "rate 900\r\nspike\n", "rate 900 spike"),
        (Action::AskFilter, "\x1b[31mdeploy\x07", "[31mdeploy"),
    ] {
        let state = pasted(Some(open.clone()), text);
        assert_eq!(state.ui.prompt.as_ref().map(|prompt| prompt.text.as_str()), Some(typed), "{open:?}");
        let filter = (open == Action::AskFilter).then(|| typed.to_owned());
        assert_eq!(state.ui.filter, filter, "what is filtered by is seen at once");
    }
    let long = pasted(Some(Action::AskCommand), &"x".repeat(200));
    let prompt = long.ui.prompt.as_ref().unwrap();
    assert_eq!(prompt.text, "", "half of it is not taken");
    assert!(prompt.error.as_ref().unwrap().contains("200 characters: 120 fit"), "{prompt:?}");
    let elsewhere = pasted(None, "sss\n");
    assert_eq!(elsewhere.ui.toast.as_ref().unwrap().1, "pasting does nothing here: press the keys");
}

#[test]
fn a_text_that_is_pasted_is_no_answer_to_a_question() {
    let mut state = elsewhere();
    update(&mut state, Elapsed::from_secs(1), Event::Action(Action::Preset(1)));
    update(&mut state, Elapsed::from_secs(2), Event::Action(Action::Preset(9)));
    let question = state.ui.question.clone();
    assert!(question.is_some(), "a jump is asked for");
    assert_eq!(update(&mut state, Elapsed::from_secs(3), Event::Pasted("\n".to_owned())), []);
    assert_eq!(state.ui.question, question);
}

#[test]
fn a_moment_that_the_session_has_not_is_refused_with_those_that_it_has() {
    let error = |text: &str| {
        let mut state = state();
        state.now = Elapsed::from_secs(274);
        update(&mut state, Elapsed::from_secs(274), Event::Action(Action::AskCommand));
        update(&mut state, Elapsed::from_secs(274), Event::Pasted(text.to_owned()));
        assert_eq!(update(&mut state, Elapsed::from_secs(274), Event::Action(Action::PromptAccept)), []);
        (state.ui.prompt.and_then(|prompt| prompt.error), state.ui.range.cursor)
    };
    let (refused, cursor) = error("go 9:59");
    assert_eq!(refused.as_deref(), Some("9:59 is not within the session, which goes from 0:00 to 4:32"));
    assert_eq!(cursor, None, "nothing moves");
    assert_eq!(error("go -5s").0.as_deref(), Some("that is before the session, which goes from 0:00 to 4:32"));
    assert_eq!(error("go 4:31"), (None, Some(Elapsed::from_secs(271))));
}

#[test]
fn a_prompt_that_makes_no_sense_stays_open_and_says_why() {
    for (open, text) in [
        (Action::AskRate, "-5"),
        (Action::AskRate, "NaN"),
        (Action::AskRate, ""),
        (Action::AskRate, "5 6"),
        (Action::AskRamp, "600 fast"),
        (Action::AskRamp, "600"),
    ] {
        let mut state = state();
        assert_eq!(typed(&mut state, open, text), [], "{text}");
        assert!(state.ui.prompt.unwrap().error.is_some(), "{text}");
    }
}

#[test]
fn looking_at_the_past_ends_with_escape_once_the_help_is_closed() {
    let mut state = state();
    state.now = Elapsed::from_secs(1_002);
    let press = |state: &mut State, action: Action| {
        assert_eq!(update(state, Elapsed::from_secs(1_002), Event::Action(action)), []);
        state.ui.range.cursor.map(Elapsed::second)
    };
    press(&mut state, Action::Columns(60));
    assert_eq!(press(&mut state, Action::MoveCursor(-1)), Some(997));
    assert_eq!(press(&mut state, Action::LookAt(Elapsed::from_secs(800))), Some(800));
    press(&mut state, Action::ToggleHelp);
    assert_eq!(press(&mut state, Action::Cancel), Some(800), "that closed the help");
    assert_eq!(press(&mut state, Action::Cancel), None);
    press(&mut state, Action::Drag(Elapsed::from_secs(700), Elapsed::from_secs(600)));
    press(&mut state, Action::Dropped);
    assert_eq!((state.ui.range.zoom, state.ui.range.until), (Some(120), Some(Elapsed::from_secs(710))));
}

#[test]
fn the_mouse_beyond_the_present_means_the_present() {
    let mut state = state();
    let mut mouse = |action: Action| {
        assert_eq!(update(&mut state, Elapsed::from_secs(22), Event::Action(action)), []);
        state.ui.range
    };
    let secs = Elapsed::from_secs;
    mouse(Action::Drag(secs(40), secs(50)));
    assert_eq!(mouse(Action::Dropped).zoom, None, "nothing was dragged over");
    mouse(Action::Drag(secs(5), secs(50)));
    let range = mouse(Action::Dropped);
    assert_eq!((range.zoom, range.until), (Some(17), None), "from the fifth second to the last, with air");
    assert_eq!(mouse(Action::LookAt(secs(50))).cursor, Some(Elapsed::from_millis(19_500)));
}

#[test]
fn enter_frames_a_step_and_takes_an_entry_of_the_log_to_the_charts() {
    let mut state = state();
    rates(&mut state, &[Action::Preset(1)]);
    for at in [100, 200] {
        let profile = RateProfile::Constant(ArrivalRate::new(at));
        let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
        update(&mut state, Elapsed::from_secs(at.into()), Event::Rate(change));
    }
    update(&mut state, Elapsed::from_secs(400), Event::Action(Action::Mark));
    update(&mut state, Elapsed::from_secs(1_002), Event::Tick);
    let mut press = |action: Action| {
        update(&mut state, Elapsed::from_secs(1_002), Event::Action(action));
        (state.ui.view, state.ui.range)
    };
    press(Action::LookAt(Elapsed::from_secs(150)));
    let (_, range) = press(Action::Open);
    assert_eq!((range.zoom, range.until), (Some(120), Some(Elapsed::from_secs(210))));
    for _ in 0..4 {
        press(Action::NextView);
    }
    let (view, range) = press(Action::Open);
    assert_eq!((view, range.cursor), (View::Overview, Some(Elapsed::from_secs(400))));
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

#[test]
fn escape_goes_back_to_live_first_and_clears_the_filter_in_the_log_only() {
    let mut state = state();
    update(&mut state, Elapsed::from_secs(100), Event::Tick);
    let mut press = |action: Action| {
        update(&mut state, Elapsed::from_secs(100), Event::Action(action));
        (state.ui.range.is_past(), state.ui.filter.is_some())
    };
    press(Action::AskFilter);
    press(Action::PromptChar('x'));
    press(Action::PromptAccept);
    press(Action::Show(View::Overview));
    assert_eq!(press(Action::MoveCursor(-1)), (true, true));
    assert_eq!(press(Action::Cancel), (false, true));
    assert_eq!(press(Action::Cancel), (false, true), "the overview shows no filter");
    press(Action::Show(View::Log));
    assert_eq!(press(Action::Cancel), (false, false));
}

#[test]
fn the_keys_that_scroll_the_help_drive_no_load() {
    use crate::app::keymap::{Key, KeyPress};

    let mut state = state();
    rates(&mut state, &[Action::Preset(1)]);
    let now = state.now;
    update(&mut state, now, Event::Action(Action::ToggleHelp));
    for key in [Key::Down, Key::Up, Key::PageDown, Key::PageUp, Key::End, Key::Home, Key::Down] {
        for press in [KeyPress::plain(key), KeyPress::shift(key)] {
            let action = KeyMap::action_for(press, &state).expect("it scrolls");
            assert_eq!(update(&mut state, now, Event::Action(action)), [], "{key:?}");
        }
    }
    assert_eq!((state.session().rate().1.last().get(), state.ui.help_from), (50, 2));
    let letter = KeyMap::action_for(KeyPress::plain(Key::Char('k')), &state);
    assert_eq!(letter, Some(Action::RateUp), "letters keep driving it");
}

#[test]
fn the_selected_step_follows_the_cursor_and_framing_it_stays_within_it() {
    let mut state = state();
    for at in [100, 200, 300] {
        let profile = RateProfile::Constant(ArrivalRate::new(at));
        let change = RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None };
        update(&mut state, Elapsed::from_secs(at.into()), Event::Rate(change));
    }
    update(&mut state, Elapsed::from_secs(402), Event::Tick);
    let selected = |state: &State| state.selected_step(state.session().steps().iter().map(|report| report.step.start));
    let press = |state: &mut State, action: Action| {
        update(state, Elapsed::from_secs(402), Event::Action(action));
        selected(state)
    };
    assert_eq!(selected(&state), Some(0));
    assert_eq!(press(&mut state, Action::LookAt(Elapsed::from_secs(150))), Some(2), "the first of three");
    assert_eq!(press(&mut state, Action::Open), Some(2));
    assert_eq!(state.ui.range.cursor, Some(Elapsed::from_secs(150)), "within the step already");
    assert_eq!(press(&mut state, Action::SelectPrevious), Some(1), "picked by hand");
    assert_eq!(press(&mut state, Action::Open), Some(1), "the end of that step");
    assert_eq!(state.ui.range.cursor, Some(Elapsed::from_millis(299_500)));
    assert_eq!(press(&mut state, Action::LookAt(Elapsed::from_secs(50))), None, "before the first");
    assert_eq!(press(&mut state, Action::Cancel), Some(0));
}
