//! Drawing: a pure function of the state and a [`theme::Theme`]. Nothing here changes the state, reads a clock or waits.
//!
//! Two edges live beside it: [`terminal`] owns the real screen, [`input`] turns its events into key presses.

pub(crate) mod frames;
pub(crate) mod front;
pub(crate) mod input;
pub(crate) mod terminal;
pub(crate) mod theme;

mod asking;
mod axis;
mod chart;
mod encode;
pub(crate) mod glyphs;
mod heat;
mod ids;
mod layout;
mod line;
mod mouse;
mod painter;
mod panels;
mod partly;
pub(crate) mod picture;
mod scale;
mod scene;
mod series;
mod svg;
mod text;
mod views;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::{State, View};
use crate::tui::axis::TimeAxis;
use crate::tui::layout::SMALLEST;
use crate::tui::theme::{Role, Theme};
use scaletop_units::Elapsed;

/// Draws the whole screen.
pub fn draw(state: &State, theme: &Theme, frame: &mut Frame<'_>) {
    paint(state, *theme, frame);
}

/// What lies where on the screen, for the mouse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Places {
    /// The columns of the charts, and which time they are.
    pub(crate) charts: Option<(Rect, TimeAxis)>,
    /// The columns of the charts of a second target, where they stand right of the first's: the same times.
    pub(crate) beside: Option<Rect>,
    /// The bar of a replay.
    pub(crate) bar: Option<Rect>,
    /// The last line that the open help can begin with.
    pub(crate) help: Option<u16>,
}

impl Places {
    /// The moment under a cell of the screen; `beyond`: also beside and above the charts.
    pub(crate) fn moment(&self, column: u16, row: u16, beyond: bool) -> Option<Elapsed> {
        let (area, axis) = self.charts.filter(|(area, _)| area.width > 0)?;
        let column = match self.beside {
            Some(beside) if column >= beside.left() => column - beside.left() + area.left(),
            _ => column,
        };
        if !beyond && !area.contains((column, row).into()) {
            return None;
        }
        Some(axis.moment(usize::from(column.clamp(area.left(), area.right() - 1) - area.left())))
    }
}

/// Draws the whole screen, and says what lies where.
pub(crate) fn paint(state: &State, theme: Theme, frame: &mut Frame<'_>) -> Places {
    let theme = theme.wished(state.ui().colors, state.ui().characters);
    text::in_glyphs(theme.glyphs(), || paint_in(state, theme, frame.area(), frame.buffer_mut()))
}

fn paint_in(state: &State, theme: Theme, area: Rect, buf: &mut Buffer) -> Places {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(buf, area, state, theme);
        glyphs::translate(buf, theme.glyphs());
        return Places::default();
    }
    let parts = layout::screen(
        area,
        state.player().is_some(),
        state.halves().second().is_some() || state.session().fleet().is_some(),
    );
    let mut beside = None;
    let charts = match state.ui().view {
        view if state.halves().second().is_some() => {
            let drawn = views::two::draw(buf, &parts, state, theme, view);
            beside = drawn.as_ref().and_then(|drawn| drawn.beside);
            drawn.map(|drawn| drawn.charts)
        }
        View::Overview => Some(views::overview::draw(buf, &parts, state, theme)),
        View::Latency => Some(views::latency::draw(buf, &parts, state, theme)),
        View::Instances => Some(views::instances::draw(buf, &parts, state, theme)),
        View::Generators => Some(views::generators::draw(buf, &parts, state, theme)),
        View::Steps => {
            views::steps::draw(buf, &parts, state, theme);
            None
        }
        View::Requests => {
            views::requests::draw(buf, &parts, state, theme);
            None
        }
        View::Log => {
            views::log::draw(buf, &parts, state, theme);
            None
        }
    };
    let help = state.ui().help.map(|_| panels::help::draw(buf, parts.header.union(parts.body), state, theme));
    panels::bar::draw(buf, parts.bar, state, theme);
    panels::footer::draw(buf, parts.footer, state, theme);
    panels::toast::draw(buf, parts.body, state, theme);
    glyphs::translate(buf, theme.glyphs());
    Places { charts, beside, bar: (!parts.bar.is_empty()).then_some(parts.bar), help }
}

/// What goes on while the window is too small to show it.
fn meanwhile(state: &State) -> String {
    if let Some(player) = state.player() {
        return if player.is_playing() { "the replay goes on" } else { "the replay stands still" }.to_owned();
    }
    let (session, rate) = (state.session(), state.session().rate().1.last());
    if session.ended().is_some() {
        return "the session is over".to_owned();
    }
    if state.is_ending() {
        return "the load has ended, answers are waited for".to_owned();
    }
    let looks_on = if state.is_watched() { "you only look on; " } else { "" };
    if let Some(silent) = state.silent_for() {
        return format!("{looks_on}there is no news for {} s", silent.as_secs());
    }
    if session.fleet().is_some_and(|fleet| fleet.held_at(session.now()).is_some()) {
        return format!("{looks_on}the load is held");
    }
    match (rate.get(), state.is_watched()) {
        (0, _) => format!("{looks_on}the rate is {rate}"),
        (_, true) => format!("{looks_on}the session goes on at {rate}"),
        (_, false) => format!("load goes on at {rate}"),
    }
}

/// What a window says that is too small for charts: how large it should be, and what goes on.
fn too_small(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) {
    let meanwhile = meanwhile(state);
    let quits = state.ui().keys.either(KeyMap::mode(state), &[Action::AskQuit]);
    let words = format!(
        "this window is {} × {}; scaletop needs {} × {}. {meanwhile}; {} quits",
        area.width,
        area.height,
        SMALLEST.0,
        SMALLEST.1,
        quits.as_deref().unwrap_or("Ctrl-C"),
    );
    let lines = text::wrap(&words, usize::from(area.width), usize::from(area.height));
    let top = area.y + area.height.saturating_sub(u16::try_from(lines.len()).unwrap_or(0)) / 2;
    for (y, line) in (top..area.bottom()).zip(lines) {
        let left = area.x + area.width.saturating_sub(text::columns(&line)) / 2;
        text::put(buf, left, y, line, usize::from(area.width), theme.style(Role::Warn));
    }
}
