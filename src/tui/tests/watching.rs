//! The screen of who looks on.

use super::*;
use crate::app::action::Action;
use crate::app::event::Event;
use crate::app::state::update::update;

#[test]
fn who_looks_on_is_told_so_and_sees_no_keys_that_change_the_load() {
    let watched = |silent: u64| {
        let session = state().rate(100).run(10).run_as(|live| live.place = crate::app::state::Place::Watched);
        letters(frame(&session.gap(silent).build(), Theme::DARK, 120, 40).backend().buffer())
    };
    let screen = watched(1);
    let last = screen.last().unwrap();
    assert!(screen[0].contains("WATCHING"), "{}", screen[0]);
    for word in ["rate", "pause", "export"] {
        assert!(!last.contains(word), "{last}");
    }
    assert!(last.contains("quit"), "{last}");
    assert!(watched(6)[0].contains("no news for 6 s"), "{}", watched(6)[0]);
}

#[test]
fn the_help_of_who_looks_on_has_only_keys_that_do_something_and_says_what_they_do_to_him() {
    let mut watched = state().rate(100).run(10).run_as(|live| live.place = crate::app::state::Place::Watched).build();
    let now = watched.now();
    update(&mut watched, now, Event::Action(Action::ToggleHelp));
    let help = letters(frame(&watched, Theme::DARK, 120, 60).backend().buffer()).join("\n");
    for word in ["quit: the session goes on without you", "back to the shell: fg returns", "commands: go, filter"] {
        assert!(help.contains(word), "{word}: {help}");
    }
    for word in ["drain", "pause the load", "spike", "ramp", "mark", "export", "kill"] {
        assert!(!help.contains(word), "{word}: {help}");
    }
    let now = watched.now();
    update(&mut watched, now, Event::Action(Action::AskCommand));
    let offered = letters(frame(&watched, Theme::DARK, 120, 40).backend().buffer()).pop().unwrap();
    assert!(offered.contains("filter") && offered.contains("view"), "{offered}");
    for word in ["clear", "export", "kill", "mark", "pause", "ramp", "rate", "slo", "spike", "undo"] {
        assert!(!offered.contains(word), "{word}: {offered}");
    }
}

#[test]
fn a_window_that_is_too_small_says_of_the_load_what_is_true() {
    let shown = |state: &State| {
        letters(frame(state, Theme::DARK, 58, 10).backend().buffer())
            .iter()
            .map(|line| line.trim())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let watched = |silent: u64| {
        let session = state().rate(100).run(10).run_as(|live| live.place = crate::app::state::Place::Watched);
        shown(&session.gap(silent).build())
    };
    assert!(watched(1).contains("you only look on; the session goes on at 100"), "{}", watched(1));
    assert!(watched(6).contains("you only look on; there is no news for 6 s"), "{}", watched(6));
    let led = shown(&state().rate(100).run(10).build());
    assert!(led.contains("load goes on at 100") && !led.contains("look on"), "{led}");
}
