//! A short message: over the end of the body, so that the bottom line keeps its keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use crate::app::state::State;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Lines that a message takes at most; those of today need two on the smallest screen, unless a path is in it.
const MOST_LINES: usize = 3;

/// What stands before a message.
const MARK: &str = "» ";

/// Draws the message over the last lines of `body`, at the right, in whole words. What is wrong with an open prompt has those lines
/// first.
pub(crate) fn draw(buf: &mut Buffer, body: Rect, state: &State, theme: Theme) {
    let ui = state.ui();
    let Some((_, message)) = ui.toast.as_ref().filter(|_| ui.prompt.as_ref().is_none_or(|open| open.error.is_none()))
    else {
        return;
    };
    // A column left of it keeps it apart from what it covers.
    let indent = text::columns(MARK) + 1;
    let room = usize::from(body.width.saturating_sub(indent));
    let lines = text::wrap_whole(&crate::text::clean(message), room, MOST_LINES.min(body.height.into()));
    let widest = lines.iter().map(|line| text::columns(line)).max().unwrap_or(0);
    let (width, height) = ((widest + indent).min(body.width), u16::try_from(lines.len()).unwrap_or(0));
    let area = Rect { x: body.right() - width, y: body.bottom() - height, width, height };
    Clear.render(area, buf);
    for (at, (y, line)) in (area.top()..area.bottom()).zip(lines).enumerate() {
        let mark = if at == 0 { MARK } else { "  " };
        let line =
            Line::from(vec![Span::styled(mark, theme.style(Role::Key)), Span::styled(line, theme.style(Role::Text))]);
        text::put_line(buf, area.x + 1, y, &line, usize::from(width.saturating_sub(1)));
    }
}
