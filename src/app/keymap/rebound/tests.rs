//! Keys of one's own: what they change, what they leave, and what is refused.

use super::*;
use crate::app::player::Player;
use crate::app::state::{Live, Prompt, PromptKind, Question, State, Ui, View};
use crate::session::event::{Header, Settings};
use crate::session::state::Session;
use scaletop_units::{ArrivalRate, Elapsed};
use std::sync::Arc;

/// The keys with what `(place, action, keys)` say.
fn rebound(wishes: &[(Option<&str>, &str, &[&str])]) -> Result<KeyMap, (usize, RebindError)> {
    let keys: Vec<Vec<String>> =
        wishes.iter().map(|(_, _, keys)| keys.iter().map(ToString::to_string).collect()).collect();
    let wishes: Vec<Wish<'_>> =
        wishes.iter().zip(&keys).map(|((place, action, _), keys)| Wish { place: *place, action, keys }).collect();
    KeyMap::rebound(&wishes)
}

fn refused(wishes: &[(Option<&str>, &str, &[&str])]) -> (usize, String) {
    let (at, error) = rebound(wishes).unwrap_err();
    (at, error.to_string())
}

fn header() -> Header {
    Header::new(0, Settings::default())
}

/// What a key does on a screen with these keys.
fn does(keys: &KeyMap, ui: Ui, press: &str) -> Option<Action> {
    let ui = Ui { keys: Arc::new(keys.clone()), ..ui };
    let state =
        State::live(header(), Live::new(ArrivalRate::new(600))).showing(Session::new(header()), Elapsed::ZERO, ui);
    KeyMap::action_for(KeyPress::read(press).unwrap(), &state)
}

fn over(view: View) -> Ui {
    Ui { view, ..Ui::default() }
}

#[test]
fn without_a_wish_the_keys_are_those_of_the_table() {
    assert_eq!(rebound(&[]), Ok(KeyMap::default()));
}

#[test]
fn an_action_has_the_keys_it_is_given_and_no_others_and_the_rest_stays() {
    let keys = rebound(&[(None, "spike", &["f5", "ctrl-s"]), (None, "mark", &["s"]), (None, "export", &[])]).unwrap();
    for (press, expected) in [
        ("f5", Some(Action::Spike)),
        ("ctrl-s", Some(Action::Spike)),
        ("s", Some(Action::Mark)),
        ("m", Some(Action::NoSuchKey)),
        ("e", Some(Action::NoSuchKey)),
        ("u", Some(Action::Undo)),
    ] {
        for view in [View::Overview, View::Log] {
            assert_eq!(does(&keys, over(view), press), expected, "{press} over {view:?}");
        }
    }
    assert_eq!(keys.key(Mode::Normal, &Action::Spike).as_deref(), Some("F5"));
    assert_eq!(keys.key(Mode::Normal, &Action::Export), None);
    let shown: Vec<&str> = keys.bindings(Mode::Normal).map(|line| &*line.shown).collect();
    assert!(shown.contains(&"F5 Ctrl-S") && !shown.contains(&"e") && shown.contains(&"↑ k  ↓ j"), "{shown:?}");
}

#[test]
fn a_key_can_be_for_one_place_only() {
    let keys =
        rebound(&[(Some("tables"), "rate-up", &["+"]), (Some("tables"), "zoom-in", &["="]), (None, "undo", &["z"])])
            .unwrap();
    assert_eq!(does(&keys, over(View::Steps), "+"), Some(Action::RateUp));
    assert_eq!(does(&keys, over(View::Steps), "shift-up"), None);
    assert_eq!(does(&keys, over(View::Overview), "+"), Some(Action::ZoomIn));
    assert_eq!(does(&keys, over(View::Overview), "up"), Some(Action::RateUp));
    // What is said of one place goes before what is said of all.
    let keys = rebound(&[(Some("tables"), "undo", &["U"]), (None, "undo", &["z"])]).unwrap();
    assert_eq!(does(&keys, over(View::Steps), "U"), Some(Action::Undo));
    assert_eq!(does(&keys, over(View::Overview), "z"), Some(Action::Undo));
}

#[test]
fn other_layouts_and_caps_lock_mean_keys_of_ones_own_too() {
    let keys = rebound(&[(None, "spike", &["y"]), (None, "mark", &["S"])]).unwrap();
    for press in ["y", "Y", "н", "Н"] {
        assert_eq!(does(&keys, Ui::default(), press), Some(Action::Spike), "{press}");
    }
    assert_eq!(does(&keys, Ui::default(), "S"), Some(Action::Mark), "a capital of one's own is one");
}

#[test]
fn in_a_replay_too_another_layout_means_the_key_in_its_place() {
    let state = State::replay(header(), Player::new(1));
    assert_eq!(KeyMap::action_for(KeyPress::read("ц").unwrap(), &state), Some(Action::CycleWindow));
    assert_eq!(KeyMap::action_for(KeyPress::read("Q").unwrap(), &state), Some(Action::AskQuit));
}

#[test]
fn a_prompt_keeps_its_characters_and_a_question_takes_any_key() {
    let keys =
        rebound(&[(None, "cancel", &["x", "f1"]), (None, "kill-instance", &[]), (None, "confirm", &["y"])]).unwrap();
    let prompting = || Ui { prompt: Some(Prompt::new(PromptKind::Rate)), ..Ui::default() };
    let asked = || Ui { question: Some(Question::Quit), ..Ui::default() };
    assert_eq!(does(&keys, prompting(), "x"), Some(Action::PromptChar('x')));
    assert_eq!(does(&keys, prompting(), "f1"), Some(Action::Cancel));
    assert_eq!(does(&keys, asked(), "y"), Some(Action::Confirm));
    assert_eq!(does(&keys, asked(), "н"), Some(Action::Confirm), "on another layout, too");
    assert_eq!(does(&keys, Ui::default(), "x"), Some(Action::Cancel));
    // Nothing but characters: the prompt keeps the key it has.
    let keys = rebound(&[(None, "cancel", &["x"]), (None, "kill-instance", &[])]).unwrap();
    assert_eq!(does(&keys, prompting(), "esc"), Some(Action::Cancel));
    for place in [None, Some("prompt")] {
        assert!(refused(&[(place, "prompt-accept", &["a"])]).1.contains("typed into a prompt"));
    }
}

#[test]
fn ctrl_c_always_quits() {
    assert!(refused(&[(None, "spike", &["ctrl-c"])]).1.contains("ctrl-c always quits"));
    assert!(refused(&[(None, "quit", &[])]).1.contains("ctrl-c always quits"));
    let keys = rebound(&[(None, "quit", &["f10"])]).unwrap();
    for press in ["f10", "ctrl-c"] {
        assert_eq!(does(&keys, Ui::default(), press), Some(Action::Quit));
        let prompting = Ui { prompt: Some(Prompt::new(PromptKind::Rate)), ..Ui::default() };
        assert_eq!(does(&keys, prompting, press), Some(Action::Quit));
    }
}

#[test]
fn keys_with_which_no_prompt_could_be_left_are_refused_with_both_names() {
    for place in [None, Some("prompt")] {
        let (at, error) = refused(&[(place, "prompt-accept", &[]), (None, "undo", &["z"]), (place, "cancel", &[])]);
        assert!(at == 2 && error.contains("`cancel = []`") && error.contains("`prompt-accept = []`"), "{at}: {error}");
        for action in ["cancel", "prompt-accept"] {
            let keys = rebound(&[(place, action, &[])]).unwrap();
            let prompting = Ui { prompt: Some(Prompt::new(PromptKind::Rate)), ..Ui::default() };
            assert_eq!(does(&keys, prompting, "ctrl-c"), Some(Action::Quit), "there is always a way to the end");
        }
    }
    // Characters alone leave a prompt the key that it has.
    assert!(rebound(&[(None, "prompt-accept", &[]), (None, "cancel", &["x"]), (None, "kill-instance", &[])]).is_ok());
}

#[test]
fn a_key_that_would_mean_two_things_is_refused_with_both_and_the_place() {
    let (at, error) = refused(&[(None, "mark", &["f2"]), (None, "spike", &["u"])]);
    assert_eq!(at, 1);
    assert!(["`u`", "`spike`", "`undo`", "charts"].iter().all(|word| error.contains(word)), "{error}");
    // Of two wishes the later one is named.
    let (at, _) = refused(&[(None, "undo", &["f2"]), (None, "mark", &["f2"])]);
    assert_eq!(at, 1);
    let (at, error) = refused(&[(None, "rate-up", &["up"])]);
    assert!(at == 0 && error.contains("`select-previous`") && error.contains("tables"), "{error}");
    // The same key for the same action twice is no conflict.
    assert!(rebound(&[(None, "undo", &["z", "z"])]).is_ok());
}

#[test]
fn what_is_not_known_is_refused() {
    assert_eq!(refused(&[(None, "spikes", &["s"])]), (0, "no key does `spikes`".to_owned()));
    assert!(refused(&[(Some("chart"), "spike", &["s"])]).1.contains("charts, tables, replay, question, prompt"));
    let (_, error) = refused(&[(Some("replay"), "spike", &["s"])]);
    assert!(error.contains("[keys.replay]") && error.contains("charts, tables"), "{error}");
    assert!(refused(&[(None, "spike", &["alt-s"])]).1.contains("belong to the terminal"));
}

#[test]
fn every_key_of_the_table_has_a_name_of_its_own() {
    let mut seen = std::collections::HashSet::new();
    for (name, action, does) in names::ACTIONS {
        assert!(seen.insert(name) && !does.is_empty(), "{name}");
        assert!(!places_of(action).is_empty(), "no key does {name}");
        assert!(name.chars().all(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-'), "{name}");
    }
    for (press, action) in TABLE.iter().flat_map(|line| line.keys.iter()) {
        assert!(!names::name(action).is_empty(), "{press}: {action:?} has no name");
    }
}

#[test]
fn the_presets_are_named_by_their_rates() {
    for (nth, rate) in (1..).zip(crate::app::state::PRESETS) {
        let (_, _, does) = names::ACTIONS.iter().find(|(_, action, _)| *action == Action::Preset(nth)).unwrap();
        assert_eq!(*does, format!("goes to {rate}/s"));
    }
}

/// The table of docs/settings.md.
fn documented() -> String {
    use std::fmt::Write as _;
    let mut table = String::from("| action | does | keys |\n|---|---|---|\n");
    for (name, action, does) in names::ACTIONS {
        let mut keys: Vec<(String, Vec<&str>)> = Vec::new();
        for mode in places_of(action) {
            let of_line = |line: &'static Binding| line.keys.iter().filter(|(_, known)| known == action);
            let lines = TABLE.iter().filter(|line| line.modes.contains(&mode));
            let presses: Vec<String> =
                lines.flat_map(of_line).map(|(press, _)| format!("`{}`", press.written())).collect();
            let presses = presses.join(" ");
            match keys.iter_mut().find(|(known, _)| *known == presses) {
                Some((_, places)) => places.push(names::place(mode)),
                None => keys.push((presses, vec![names::place(mode)])),
            }
        }
        let keys: Vec<String> =
            keys.into_iter().map(|(presses, places)| format!("{}: {presses}", places.join(", "))).collect();
        // A write to a String cannot fail.
        let _ = writeln!(table, "| `{name}` | {does} | {} |", keys.join("; "));
    }
    table
}

#[test]
fn the_documentation_has_every_action_with_its_keys() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let (_, rest) = text.split_once("<!-- actions:begin -->").expect("a place for the table");
    let (table, _) = rest.split_once("<!-- actions:end -->").expect("a beginning without an end");
    assert_eq!(table.trim(), documented().trim(), "copy the table from here into docs/settings.md");
}
