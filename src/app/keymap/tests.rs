//! The table of keys: complete, unambiguous, and the one that docs/screen.md shows.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::app::player::Player;
use crate::app::state::{Live, Prompt, PromptKind, Question, Ui, View};
use crate::session::event::{Header, Settings};
use crate::session::state::Session;
use scaletop_units::{ArrivalRate, Elapsed};

fn header() -> Header {
    Header { writer: "t".into(), ..Header::new(0, Settings::default()) }
}

fn looking(ui: Ui) -> State {
    State::live(header(), Live::new(ArrivalRate::new(600))).showing(Session::new(header()), Elapsed::ZERO, ui)
}

fn normal() -> State {
    looking(Ui::default())
}

fn prompting() -> State {
    looking(Ui { prompt: Some(Prompt::new(PromptKind::Rate)), ..Ui::default() })
}

#[test]
fn no_key_is_bound_twice_in_a_mode() {
    for mode in [Mode::Normal, Mode::Table, Mode::Replay, Mode::Prompt, Mode::Question] {
        let mut seen = HashSet::new();
        for (press, action) in KeyMap::default().bindings(mode).flat_map(|line| line.keys.iter()) {
            assert!(seen.insert(press), "{press:?} is bound twice in {mode:?}, the second time to {action:?}");
        }
    }
}

/// The match has no wildcard: a new action does not compile until it is listed here, and then needs a key.
fn is_listed(action: &Action) -> bool {
    match action {
        Action::RateUp
        | Action::RateDown
        | Action::IncrementLarger
        | Action::IncrementSmaller
        | Action::RateDouble
        | Action::RateHalve
        | Action::Preset(_)
        | Action::AskRate
        | Action::Spike
        | Action::AskRamp
        | Action::AskFilter
        | Action::AskCommand
        | Action::PromptComplete
        | Action::TogglePause
        | Action::Clear
        | Action::Mark
        | Action::Export
        | Action::CycleWindow
        | Action::MoveCursor(_)
        | Action::ToStart
        | Action::ToPresent
        | Action::ZoomIn
        | Action::ZoomOut
        | Action::WholeSession
        | Action::Open
        | Action::SeekBy(_)
        | Action::ToggleLatencyAxis
        | Action::ToggleServiceTime
        | Action::NextView
        | Action::PreviousView
        | Action::SelectNext
        | Action::SelectPrevious
        | Action::KillInstance
        | Action::KillGenerator
        | Action::ToggleHelp
        | Action::Quit
        | Action::AskQuit
        | Action::Undo
        | Action::Confirm
        | Action::Repaint
        | Action::Suspend
        | Action::PromptChar(_)
        | Action::PromptDelete
        | Action::PromptAccept
        | Action::TogglePlay
        | Action::Faster
        | Action::Slower
        | Action::NextStep
        | Action::PreviousStep
        | Action::JumpStart
        | Action::JumpEnd
        | Action::Cancel => true,
        // Reached through a prompt, or a plan: no key of their own. And in a replay every key does the last that has
        // a meaning live only. The mouse, the palette and the screen itself ask for the others.
        Action::LookAt(_)
        | Action::Show(_)
        | Action::SaveScreen
        | Action::UseColors(_)
        | Action::UseCharacters(_)
        | Action::SetWindow(_)
        | Action::ZoomAt { .. }
        | Action::Drag(..)
        | Action::Dropped
        | Action::Columns(_)
        | Action::ScrollHelp(_)
        | Action::HelpScrolls(_)
        | Action::SeekTo(_)
        | Action::SetRate(_)
        | Action::Ramp(_, _)
        | Action::NoShell
        | Action::OnlyLive(_)
        | Action::NoSuchKey
        | Action::HardlySeen(_) => false,
    }
}

#[test]
fn every_action_is_reachable() {
    let mut wanted = vec![
        Action::RateUp,
        Action::RateDown,
        Action::IncrementLarger,
        Action::IncrementSmaller,
        Action::RateDouble,
        Action::RateHalve,
        Action::AskRate,
        Action::Spike,
        Action::AskRamp,
        Action::AskFilter,
        Action::AskCommand,
        Action::PromptComplete,
        Action::TogglePause,
        Action::Clear,
        Action::Mark,
        Action::Export,
        Action::CycleWindow,
        Action::ToStart,
        Action::ToPresent,
        Action::ZoomIn,
        Action::ZoomOut,
        Action::WholeSession,
        Action::Open,
        Action::ToggleLatencyAxis,
        Action::ToggleServiceTime,
        Action::NextView,
        Action::PreviousView,
        Action::SelectNext,
        Action::SelectPrevious,
        Action::KillInstance,
        Action::KillGenerator,
        Action::ToggleHelp,
        Action::Quit,
        Action::AskQuit,
        Action::Undo,
        Action::Confirm,
        Action::Repaint,
        Action::Suspend,
        Action::PromptDelete,
        Action::PromptAccept,
        Action::Cancel,
        Action::TogglePlay,
        Action::Faster,
        Action::Slower,
        Action::NextStep,
        Action::PreviousStep,
        Action::JumpStart,
        Action::JumpEnd,
    ];
    wanted.extend((1..=9).map(Action::Preset));
    wanted.extend([-10, -1, 1, 10].map(Action::MoveCursor));
    wanted.extend([-1, 1].map(Action::SeekBy));
    assert!(
        !is_listed(&Action::SetRate(ArrivalRate::PAUSED))
            && !is_listed(&Action::Ramp(ArrivalRate::PAUSED, Duration::ZERO))
    );
    let bound: Vec<&Action> = TABLE.iter().flat_map(|line| line.keys.iter()).map(|(_, action)| action).collect();
    for action in &wanted {
        assert!(is_listed(action) && bound.contains(&action), "no key does {action:?}");
    }
    for action in bound {
        assert!(wanted.contains(action), "{action:?} is bound, but not in the list of this test");
    }
}

#[test]
fn an_open_prompt_takes_characters_that_are_keys_otherwise() {
    let press = KeyPress::plain(Key::Char('s'));
    assert_eq!(KeyMap::action_for(press, &normal()), Some(Action::Spike));
    assert_eq!(KeyMap::action_for(press, &prompting()), Some(Action::PromptChar('s')));
    assert_eq!(KeyMap::action_for(KeyPress::plain(Key::Up), &prompting()), None);
}

#[test]
fn ctrl_c_quits_even_out_of_a_prompt() {
    let press = KeyPress::ctrl(Key::Char('c'));
    assert_eq!(KeyMap::action_for(press, &normal()), Some(Action::Quit));
    assert_eq!(KeyMap::action_for(press, &prompting()), Some(Action::Quit));
    assert_eq!(KeyMap::action_for(KeyPress::plain(Key::Char('c')), &normal()), Some(Action::Clear));
}

#[test]
fn arrows_change_the_rate_over_charts_and_go_through_the_rows_of_tables() {
    let arrows = |ui: Ui| {
        let state = looking(ui);
        [KeyPress::plain(Key::Up), KeyPress::plain(Key::Char('j')), KeyPress::shift(Key::Up)]
            .map(|press| KeyMap::action_for(press, &state).unwrap())
    };
    for view in [View::Overview, View::Latency] {
        let expected = [Action::RateUp, Action::RateDown, Action::SelectPrevious];
        assert_eq!(arrows(Ui { view, ..Ui::default() }), expected, "{view:?}");
    }
    for view in [View::Instances, View::Steps, View::Log] {
        let expected = [Action::SelectPrevious, Action::SelectNext, Action::RateUp];
        assert_eq!(arrows(Ui { view, ..Ui::default() }), expected, "{view:?}");
        let scrolls = [Action::ScrollHelp(-1), Action::SelectNext, Action::ScrollHelp(-1)];
        assert_eq!(arrows(Ui { view, help: Some(0), ..Ui::default() }), scrolls, "{view:?}");
    }
}

#[test]
fn in_a_replay_too_arrows_go_through_the_rows_of_tables_and_drive_nothing() {
    let replay = |view| replaying().showing(Session::new(header()), Elapsed::ZERO, Ui { view, ..Ui::default() });
    let up = |view| KeyMap::action_for(KeyPress::plain(Key::Up), &replay(view));
    assert_eq!(up(View::Steps), Some(Action::SelectPrevious));
    assert!(matches!(up(View::Overview), Some(Action::OnlyLive(_))));
    let shift = KeyMap::action_for(KeyPress::shift(Key::Up), &replay(View::Steps));
    assert!(!matches!(shift, Some(Action::RateUp)), "{shift:?}");
}

#[test]
fn an_open_question_takes_its_two_answers_and_leaves_the_other_keys_what_they_are() {
    let asked = looking(Ui { question: Some(Question::Quit), ..Ui::default() });
    let press = |key| KeyMap::action_for(KeyPress::plain(key), &asked);
    assert_eq!((press(Key::Enter), press(Key::Escape)), (Some(Action::Confirm), Some(Action::Cancel)));
    assert_eq!((press(Key::Char('q')), press(Key::Up)), (Some(Action::AskQuit), Some(Action::RateUp)));
    assert_eq!(press(Key::Char('й')), Some(Action::AskQuit), "on another layout, too");
}

#[test]
fn keys_work_under_caps_lock() {
    for (shown, meant) in [('S', Action::Spike), ('Q', Action::AskQuit), ('J', Action::RateDown), ('Ы', Action::Spike)]
    {
        assert_eq!(KeyMap::action_for(KeyPress::plain(Key::Char(shown)), &normal()), Some(meant), "{shown}");
    }
    assert_eq!(KeyMap::action_for(KeyPress::plain(Key::Char('E')), &prompting()), Some(Action::PromptChar('E')));
}

fn replaying() -> State {
    State::replay(header(), Player::new(1))
}

#[test]
fn a_key_that_drives_the_load_says_in_a_replay_that_it_does_not() {
    let map = KeyMap::default();
    for line in map.bindings(Mode::Normal).filter(|line| line.group == Group::Load) {
        for (press, _) in line.keys.iter() {
            let action = KeyMap::action_for(*press, &replaying());
            let is_replays_own =
                map.bindings(Mode::Replay).any(|line| line.keys.iter().any(|(bound, _)| bound == press));
            assert!(is_replays_own || action == Some(Action::OnlyLive(line.help)), "{press:?} does {action:?}");
            assert!(
                !matches!(action, Some(Action::RateUp | Action::RateDown | Action::Spike | Action::KillInstance)),
                "{press:?} drives the load"
            );
        }
    }
}

#[test]
fn keys_for_views_do_the_same_in_a_replay_as_live() {
    let map = KeyMap::default();
    for (press, action) in
        map.bindings(Mode::Normal).filter(|line| line.group == Group::Look).flat_map(|line| line.keys.iter())
    {
        if !matches!(press.key, Key::Home | Key::End) {
            assert_eq!(KeyMap::action_for(*press, &replaying()).as_ref(), Some(action), "{press:?}");
        }
    }
}

#[test]
fn the_page_of_the_screen_has_these_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screen.md");
    let Ok(page) = std::fs::read_to_string(path) else { return };
    for (name, mode) in [("keys", Mode::Normal), ("replay-keys", Mode::Replay)] {
        let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
        let (_, rest) = page.split_once(&begin).expect("the page has a place for the table");
        let (table, _) = rest.split_once(&end).expect("a beginning without an end");
        assert_eq!(
            table.trim(),
            KeyMap::default().markdown(mode).trim(),
            "copy the table from here into docs/screen.md"
        );
    }
}
