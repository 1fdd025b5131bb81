//! The screen as a picture, from a state: what `:save svg` and the pictures of the documentation are.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::app::state::State;
use crate::text::clean;
use crate::tui::svg::{Paper, svg};
use crate::tui::theme::Theme;

/// The state on a screen of `columns` and `rows`, as SVG; `title` says what it shows, for those who do not see it.
pub fn picture(state: &State, theme: Theme, (columns, rows): (u16, u16), title: &str) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    // Memory takes every frame.
    let Ok(_) = terminal.draw(|frame| super::draw(state, &theme, frame));
    let shown = theme.wished(state.ui().colors, state.ui().characters);
    let paper = if shown.is_light() { Paper::LIGHT } else { Paper::DARK };
    svg(terminal.backend().buffer(), paper, &clean(title))
}
