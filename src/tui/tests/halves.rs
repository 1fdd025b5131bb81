//! Two targets side by side.

use super::*;
use crate::session::event::Side;
use crate::tui::panels::both;

#[test]
fn the_halves_of_two_targets_have_the_same_scales() {
    for name in ["two__scale_out", "two__latency"] {
        for (columns, rows) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
            let terminal = frame(built(name), Theme::DARK, columns, rows);
            let buffer = terminal.backend().buffer();
            // On a wide screen the facts stand right of the charts of the overview.
            let charts = match name {
                "two__scale_out" => {
                    layout::overview_of_two(layout::screen(buffer.area, false, true).body, None, both::WIDTH).times
                }
                _ => buffer.area,
            };
            let right = layout::half(charts, Side::Second).x;
            let text =
                |from: u16, y: u16| -> String { (from..from + GUTTER).map(|x| buffer[(x, y)].symbol()).collect() };
            let labels = (0..rows).map(|y| (text(0, y), text(right, y))).filter(|(left, _)| left.ends_with('┤'));
            let labels: Vec<_> = labels.collect();
            assert!(labels.len() >= 2, "{name} at {columns}×{rows}: {labels:?}");
            assert!(labels.iter().all(|(left, right)| left == right), "{name} at {columns}×{rows}: {labels:?}");
        }
    }
}

#[test]
fn a_column_of_either_half_is_the_same_moment_for_the_mouse() {
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let mut places = Places::default();
    terminal.draw(|frame| places = paint(built("two__scale_out"), Theme::DARK, frame)).unwrap();
    let right = layout::half(ratatui::layout::Rect::new(0, 0, 120, 40), Side::Second).x;
    for column in [GUTTER, GUTTER + 17, right - 4] {
        let moment = places.moment(column, 12, false);
        assert_eq!(moment, places.moment(column + right, 12, false), "{column}");
        assert!(moment.is_some(), "{column}");
    }
}
