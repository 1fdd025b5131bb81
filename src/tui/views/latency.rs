//! The latency view.

use ratatui::buffer::Buffer;

use crate::app::state::State;
use crate::tui::layout::Screen;
use crate::tui::theme::Theme;

/// Draws it.
pub(crate) fn draw(buf: &mut Buffer, screen: &Screen, state: &State, theme: Theme) {
    super::scene(buf, screen.header, screen.body, state, theme);
}
