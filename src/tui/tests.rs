//! Frames of fixed states: as text, as colours where colour carries meaning, and at every size without a panic.

mod colors;
mod cost;
mod frames;
mod gallery;
mod halves;
mod header;
mod keys;
mod lanes;
mod painting;
mod planes;
mod situations;
mod sizes;
mod watching;

use std::fmt::Write as _;
use std::sync::LazyLock;

use insta::Settings;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use self::planes::{colours, letters};
use self::situations::all_situations;
use super::*;
use crate::app::state::Window;
use crate::instances::milestone::MilestoneKind;
use crate::tui::chart::GUTTER;
use crate::tui::fixtures::{Builder, looked_at, spike, state};
use crate::tui::glyphs::Glyphs;
use scaletop_units::Elapsed;

/// The frame of a state.
fn frame(state: &State, theme: Theme, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(state, &theme, frame)).unwrap();
    terminal
}

/// Compares the frames of a state with the stored ones: as text at the sizes that most people have; then what colours each cell
/// has, and the same in ASCII and in 16 colours.
fn snapshots(name: &str, state: &State, sizes: &[(u16, u16)]) {
    let mut text = String::new();
    let mut part = |title: String, lines: &[String]| {
        let _ = write!(text, "── {title}\n{}\n", lines.join("\n"));
    };
    for &(columns, rows) in sizes {
        part(format!("{columns}×{rows}"), &letters(frame(state, Theme::DARK, columns, rows).backend().buffer()));
    }
    if let Some(&(columns, rows)) = sizes.first() {
        let ascii = Theme::DARK.with(Glyphs::Ascii);
        part(format!("{columns}×{rows} in ASCII"), &letters(frame(state, ascii, columns, rows).backend().buffer()));
        for (look, theme) in [("dark", Theme::DARK), ("16 colours", Theme::ANSI)] {
            let terminal = frame(state, theme, columns, rows);
            let [front, back] = colours(terminal.backend().buffer(), theme);
            part(format!("{columns}×{rows} {look}: foregrounds"), &front);
            part(format!("{columns}×{rows} {look}: backgrounds"), &back);
        }
    }
    compare(name, &text);
}

/// Compares a text with the stored one.
fn compare(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Every situation, built once: it takes thousands of histogram entries.
static BUILT: LazyLock<Vec<(&'static str, State)>> =
    LazyLock::new(|| all_situations().into_iter().map(|(name, builder)| (name, builder().build())).collect());

fn built(name: &str) -> &'static State {
    let (_, state) = BUILT.iter().find(|(known, _)| *known == name).expect("a situation of the list above");
    state
}
