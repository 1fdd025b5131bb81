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
use scaletop_units::Elapsed;

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

    /// The moment that is looked at, when that is not the present.
    pub(crate) fn past(&self) -> Option<Elapsed> {
        let range = &self.state.ui().range;
        range.is_past().then(|| range.cursor.unwrap_or(self.axis.end()))
    }

    /// A moment within the second that is looked at, when that is not the present: the end itself is of the next second.
    pub(crate) fn past_second(&self) -> Option<Elapsed> {
        self.past().map(|at| at.min(Elapsed::from_nanos(self.axis.end().as_nanos().saturating_sub(1))))
    }

    /// The moment that what is said of one speaks of: of the past, or the end of what there is.
    pub(crate) fn moment(&self) -> Elapsed {
        self.past().unwrap_or(self.axis.end())
    }

    /// Arrivals of a target that were not sent, up to that moment.
    pub(crate) fn dropped(&self, session: &Session) -> u64 {
        self.past_second().map_or_else(|| session.totals().dropped(), |at| series::dropped_until(session, at))
    }

    /// What stands behind a word that is only known of the present, when that is not looked at.
    pub(crate) fn if_past(&self, words: &'static str) -> &'static str {
        self.past().map_or("", |_| words)
    }

    /// What stands below the scale's labels: how much time is shown.
    pub(crate) fn window_label(&self) -> String {
        let range = &self.state.ui().range;
        let shown = self.state.shown();
        if range.until.is_some() || range.zoom.is_some() {
            return text::span_label(Duration::from_secs(shown.window.into()));
        }
        match range.window.length() {
            Some(length) if length.as_secs() <= shown.end.into() => format!("last {}", range.window.label()),
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
