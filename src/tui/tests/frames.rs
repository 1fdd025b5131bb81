//! What holds for every frame: no size and no moment breaks it, and nothing in it acts on the terminal.

use proptest::prelude::*;

use super::*;
use crate::app::state::{TimeRange, Ui};

#[test]
fn no_control_character_reaches_the_terminal() {
    for (name, state) in BUILT.iter() {
        for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
            for view in View::ALL {
                let state = looked_at(state, |ui| ui.view = view);
                let terminal = frame(&state, Theme::DARK, columns, rows);
                let cells = &terminal.backend().buffer().content;
                let hostile =
                    cells.iter().find(|cell| cell.symbol().chars().any(|ch| ch.is_control() || ch == '\u{202e}'));
                assert_eq!(hostile, None, "{name} in {view:?} at {columns}×{rows}");
            }
        }
    }
}

#[test]
fn drawing_twice_writes_nothing_the_second_time() {
    let state = built("overview__scale_out");
    let mut terminal = frame(state, Theme::DARK, 120, 40);
    let before = terminal.backend().buffer().clone();
    terminal.draw(|frame| draw(state, &Theme::DARK, frame)).unwrap();
    assert_eq!(terminal.backend().buffer(), &before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]
    #[test]
    fn no_size_and_no_moment_panics(
        columns in 1_u16..=250, rows in 1_u16..=80, view in 0_usize..5, which in 0_usize..1000, help: bool, selected in 0_usize..40,
        scrolled in proptest::option::of(0_u64..4_000), window in 0_usize..4,
        looked_at_from in proptest::option::of(0_u64..4_000), zoom in proptest::option::of(1_u32..4_000)
    ) {
        let windows = [Window::Minute, Window::FiveMinutes, Window::FifteenMinutes, Window::All];
        let (_, state) = &BUILT[which % BUILT.len()];
        let state = looked_at(state, |ui| {
            let until = scrolled.map(Elapsed::from_secs);
            let cursor = looked_at_from.map(Elapsed::from_secs);
            let range = TimeRange { window: windows[window], until, cursor, zoom, ..TimeRange::default() };
            *ui = Ui { view: View::ALL[view], help: help.then_some(0), selected, range, ..ui.clone() };
        });
        frame(&state, Theme::DARK, columns, rows);
    }
}
