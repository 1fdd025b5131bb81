//! What is looked at: the cursor, the range, the help, the selected step.

use super::*;

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
    assert_eq!((state.session().rate().1.last().get(), state.ui.help), (50, Some(2)));
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
