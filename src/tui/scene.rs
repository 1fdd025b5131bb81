//! What every panel draws from: the state, the look, and what is computed once a frame for all charts together.

use std::time::Duration;

use crate::app::state::State;
use crate::session::event::Side;
use crate::session::state::Session;
use crate::timeline::Row;
use crate::tui::axis::{self, Event, TimeAxis};
use crate::tui::series::{self, Columns};
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use ratatui::style::Style;

/// What every panel draws from.
pub(crate) struct Scene<'a> {
    /// What there is to show.
    pub(crate) state: &'a State,
    /// Of two targets the one that it is about.
    pub(crate) side: Side,
    pub(crate) theme: Theme,
    /// The time axis of every chart.
    pub(crate) axis: TimeAxis,
    /// The seconds on it.
    pub(crate) columns: Columns,
    /// The steps and marks on it.
    pub(crate) events: Vec<(usize, Event<'a>)>,
    /// The second that the values in titles speak of.
    pub(crate) row: Option<&'a Row>,
}

impl<'a> Scene<'a> {
    /// The scene for plots of `cells` columns; of two targets that of the first.
    pub(crate) fn new(state: &'a State, theme: Theme, cells: u16) -> Self {
        Self::of(Side::First, state, theme, cells)
    }

    /// The scene of one target. The axis is one for both, and so are the steps and marks on it.
    pub(crate) fn of(side: Side, state: &'a State, theme: Theme, cells: u16) -> Self {
        let axis = TimeAxis::new(state, cells);
        let session = state.halves().get(side);
        let columns = Columns::new(session, &axis);
        let events = axis::events(state, &axis);
        let row = row(session, state, &axis);
        Self { state, side, theme, axis, columns, events, row }
    }

    /// What is known of the target that it is about.
    pub(crate) fn session(&self) -> &'a Session {
        self.state.halves().get(self.side)
    }

    /// The style of a role.
    pub(crate) fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// What stands below the scale's labels: how much time is shown.
    pub(crate) fn window_label(&self) -> String {
        let range = &self.state.ui().range;
        let shown = self.state.shown();
        if range.until.is_some() || range.zoom.is_some() {
            return text::span_label(Duration::from_secs(shown.window.into()));
        }
        match range.window.length() {
            Some(length) if length.as_secs() <= shown.edge.into() => format!("last {}", range.window.label()),
            // There is less than was chosen: all of it is shown.
            _ => "all".to_owned(),
        }
    }
}

/// The second of a target that the values in titles speak of.
pub(crate) fn row<'a>(session: &'a Session, state: &State, axis: &TimeAxis) -> Option<&'a Row> {
    match state.ui().range.cursor {
        Some(cursor) => series::at(session, cursor),
        None => series::current(session, axis),
    }
}
