//! The screen of who looks on.

use super::*;

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
