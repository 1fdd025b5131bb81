//! What a stranger needs in the first seconds: what this is, what was found about the target, and three keys. Gone with the
//! first request.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Padding, Widget as _};

use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::State;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Columns of the card, and of the longest line for which it is made wider.
const WIDTH: u16 = 72;
const WIDEST: usize = 160;

/// Columns of the words at its left.
const NAMES: usize = 11;

/// Whether there is nothing else to see yet: a live session that has sent nothing.
pub(crate) fn is_wanted(state: &State) -> bool {
    state.as_live().is_some() && state.session().totals().due == 0 && state.session().rate().1.last().is_paused()
}

/// Draws the card over the middle of the charts.
pub(crate) fn draw(buf: &mut Buffer, charts: Rect, state: &State, theme: Theme) {
    let wanted = lines(state, theme, WIDEST).iter().map(Line::width).max().unwrap_or(0);
    let width = u16::try_from(wanted + 4).unwrap_or(WIDTH).max(WIDTH).min(charts.width);
    let inside = usize::from(width.saturating_sub(4));
    let lines = lines(state, theme, inside);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(charts.height);
    let area = charts.centered(Constraint::Length(width), Constraint::Length(height));
    Clear.render(area, buf);
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.style(Role::Faint))
        .padding(Padding::horizontal(1));
    let inner = block.inner(area);
    block.render(area, buf);
    for (y, line) in (inner.top()..inner.bottom()).zip(lines) {
        text::put_line(buf, inner.x, y, &line, usize::from(inner.width));
    }
}

fn lines(state: &State, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let row = |name: &str, words: &str| {
        let name = format!("{:<NAMES$}", text::shown(name, NAMES));
        let words = text::shown(words, width.saturating_sub(NAMES));
        let pieces = [(name, Role::Key), (words, Role::Text)].map(|(text, role)| (text, theme.style(role)));
        Line::from_iter(pieces.map(|(text, style)| ratatui::text::Span::styled(text, style)))
    };
    let heading = text::shown("Nothing is sent yet: raise the load and watch the service scale.", width);
    let mut lines = vec![Line::styled(heading, theme.style(Role::Title)), Line::default()];
    for (side, half) in state.halves().each() {
        let settings = &half.header().settings;
        let name = state.halves().second().map_or_else(|| "target".to_owned(), |_| side.letter().to_string());
        lines.push(row(&name, &format!("{} {}", settings.method, settings.url)));
        if let Some(found) = &settings.preflight {
            lines.push(row("found", found));
        }
        let limits = half.limits();
        if let Some(max) = limits.max {
            let min = limits.min.map_or_else(String::new, |min| format!("{min} to "));
            let each = limits.concurrency.map_or_else(String::new, |each| format!(", {each} requests at a time each"));
            lines.push(row("scales", &format!("{min}{max} instances{each}")));
        }
        if let Some(image) = half.facts().get("image") {
            lines.push(row("image", &image.value));
        }
    }
    lines.push(row("judged by", &state.session().objective().to_string()));
    lines.push(Line::default());
    // The keys are those in force; what has none is left out.
    let key = |action: &Action| state.ui().keys.key(KeyMap::mode(state), action);
    if let Some(live) = state.as_live() {
        if let Some(up) = key(&Action::RateUp) {
            let fewer = key(&Action::RateDown).map_or_else(String::new, |down| format!("; {down} fewer"));
            lines.push(row(&up, &format!("sends {}/s more{fewer}", live.increment())));
        }
        if let Some(spike) = key(&Action::Spike) {
            lines.push(row(&spike, &format!("spikes to {}, and back", live.spike_rate)));
        }
    }
    if let Some(help) = key(&Action::ToggleHelp) {
        lines.push(row(&help, "shows every key"));
    }
    lines
}
