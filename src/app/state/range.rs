//! Which part of the session the charts show, and the moment that is looked at: one range and one cursor for all of them.
//! Pure: the present comes in as an argument.

use std::time::Duration;

use crate::app::state::Window;
use crate::session::halves::Halves;
use crate::session::state::Session;
use scaletop_units::{Elapsed, NANOS_PER_SEC};

/// How far behind the present the last closed second may be before the chart shows the silence as a gap, in seconds: a
/// second closes a moment after its end.
pub(crate) const CLOSING_SECS: u32 = 2;

/// Windows that the growing "all" (and a session younger than its window) passes through, in seconds; then longer by a third
/// each time.
const GROWTH: [u32; 12] = [60, 75, 90, 120, 150, 180, 240, 300, 360, 450, 600, 720];

/// The shortest range that can be zoomed to, in seconds.
const SHORTEST: u32 = 10;

/// Columns of a chart that nobody has drawn yet.
const SOME_COLUMNS: u16 = 70;

/// What the charts show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    /// How much, as the window key chose it.
    pub window: Window,
    /// How much instead, in seconds, once somebody has zoomed.
    pub zoom: Option<u32>,
    /// The right edge; `None` follows the present.
    pub until: Option<Elapsed>,
    /// The moment that is looked at; `None`: the right edge.
    pub cursor: Option<Elapsed>,
    /// Where a drag of the mouse began, and where it is.
    pub dragged: Option<(Elapsed, Elapsed)>,
    /// Columns of the charts, as they were last drawn.
    pub columns: u16,
}

impl Default for TimeRange {
    fn default() -> Self {
        Self { window: Window::default(), zoom: None, until: None, cursor: None, dragged: None, columns: SOME_COLUMNS }
    }
}

/// A range in whole seconds since the start. It never begins before the start: a session that is younger than its window begins at
/// the left edge and grows towards the right one, which has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its length.
    pub window: u32,
    /// Its right edge, at least `window`.
    pub edge: u32,
    /// Where what there is to see of the session ends: at the edge, or before it.
    pub end: u32,
}

impl Shown {
    fn window_nanos(self) -> u64 {
        u64::from(self.window) * NANOS_PER_SEC
    }

    fn edge_nanos(self) -> u64 {
        u64::from(self.edge) * NANOS_PER_SEC
    }
}

/// The end of what there is to show of each target, in seconds since the start; `now` is the latest time that anybody has heard
/// of. Of two targets the one whose second closes later counts, so that no half ends in a gap for a moment.
pub(crate) fn present(halves: &Halves, now: Elapsed) -> u32 {
    halves.each().map(|(_, half)| present_of(half, now)).min().unwrap_or(1)
}

fn present_of(session: &Session, now: Elapsed) -> u32 {
    let newest = session.timeline().latest().map_or(0, |row| row.second.saturating_add(row.span));
    newest.max(now.max(session.now()).second().saturating_sub(CLOSING_SECS)).max(1)
}

impl TimeRange {
    /// What is shown when `present` is the end of what there is.
    pub(crate) fn shown(&self, present: u32) -> Shown {
        let longest = grown(present);
        let chosen = self.window.length().map_or(longest, secs);
        let window = self.zoom.unwrap_or(chosen).clamp(1, longest);
        let edge = self.until.map_or(present, |until| until.second().min(present)).max(1);
        // A cursor that the present has left behind keeps its place at the left.
        let edge = match self.cursor {
            Some(cursor) if edge > window => edge.min(cursor.second().saturating_add(window)).max(1),
            _ => edge,
        };
        let edge = edge.max(window);
        // Nor is one out of sight that lay right of where another window ended.
        let edge = self.cursor.map_or(edge, |cursor| edge.max(cursor.second().saturating_add(1).min(present)));
        Shown { window, edge, end: edge.min(present) }
    }

    /// Whether what is shown is not the present.
    pub(crate) const fn is_past(&self) -> bool {
        self.until.is_some() || self.cursor.is_some()
    }

    /// A moment within the second that is looked at; `None` while that is the present. Without a cursor it is the last that is shown.
    pub(crate) fn looked_at(&self, present: u32) -> Option<Elapsed> {
        let end = || Elapsed::from_nanos((u64::from(self.shown(present).end) * NANOS_PER_SEC).saturating_sub(1));
        self.is_past().then(|| self.cursor.unwrap_or_else(end))
    }

    /// The next window of the window key.
    pub(super) fn cycle(&mut self) {
        self.window = if self.zoom.take().is_some() { self.window } else { self.window.next() };
    }

    /// The whole session.
    pub(super) fn whole(&mut self) {
        (self.window, self.zoom, self.until) = (Window::All, None, None);
    }

    /// Follows the present again, and lets go of the cursor. What was zoomed to stays as long.
    pub(super) fn follow(&mut self) {
        (self.until, self.cursor, self.dragged) = (None, None, None);
    }

    /// The beginning of the session at the left edge, and the cursor on it.
    pub(super) fn go_to_start(&mut self, present: u32) {
        let shown = self.shown(present);
        self.until = Some(Elapsed::from_secs(shown.window.into())).filter(|until| until.second() < present);
        self.cursor = Some(self.centre(0, shown).min(last_second(present)));
    }

    /// Moves the cursor by so many columns, and the range with it.
    pub(super) fn move_cursor(&mut self, columns: i64, present: u32) {
        let shown = self.shown(present);
        let column = self.column_nanos(shown);
        // The last column whose middle has happened.
        let last = (u64::from(present) * NANOS_PER_SEC).saturating_sub(column.div_ceil(2)) / column;
        let from = self.cursor.map_or(last.saturating_add(u64::from(columns < 0)), |at| at.as_nanos() / column);
        let to = from.saturating_add_signed(columns).min(last);
        self.look_at(self.centre(to, shown), present);
    }

    /// Puts the cursor on a moment, and the moment into the range.
    pub(super) fn look_at(&mut self, at: Elapsed, present: u32) {
        // What has not come yet cannot be looked at: the last second can.
        let at = if at.second() < present { at } else { last_second(present) };
        let before = self.shown(present);
        self.cursor = Some(at);
        let half = self.column_nanos(before) / 2;
        let left = before.edge_nanos().saturating_sub(before.window_nanos());
        if at.as_nanos() > before.edge_nanos() {
            self.end_at(at.as_nanos().saturating_add(half), present);
        } else if at.as_nanos() < left {
            self.end_at(at.as_nanos().saturating_sub(half).saturating_add(before.window_nanos()), present);
        } else if self.until.is_none() {
            // Whoever looks at a moment wants it to stay where it is.
            self.until = (before.end < present).then(|| Elapsed::from_secs(before.edge.into()));
        }
    }

    /// Half as much, or twice, around the cursor, which keeps its column.
    pub(super) fn zoom(&mut self, closer: bool, present: u32) {
        let shown = self.shown(present);
        let longest = grown(present);
        let window = if closer { shown.window / 2 } else { shown.window.saturating_mul(2) };
        let window = window.clamp(SHORTEST.min(longest), longest);
        let focus = self.cursor.map_or(u64::from(shown.end) * NANOS_PER_SEC, Elapsed::as_nanos);
        let right_of_it = u128::from(shown.edge_nanos().saturating_sub(focus));
        let right_of_it = right_of_it * u128::from(window) / u128::from(shown.window);
        self.zoom = Some(window);
        self.end_at(focus.saturating_add(u64::try_from(right_of_it).unwrap_or(u64::MAX)), present);
    }

    /// Shows a span and a little around it, and nothing but that.
    pub(super) fn frame(&mut self, from: Elapsed, until: Elapsed, present: u32) {
        let length = u32::try_from(until.saturating_since(from).as_secs()).unwrap_or(u32::MAX);
        let air = (length / 10).max(1);
        let window = length.saturating_add(air.saturating_mul(2)).clamp(SHORTEST, grown(present));
        self.zoom = Some(window);
        let middle = (from.as_nanos() / 2).saturating_add(until.as_nanos() / 2);
        self.cursor = None;
        self.end_at(middle.saturating_add(u64::from(window) * NANOS_PER_SEC / 2), present);
    }

    /// Keeps the cursor where it was, if that is from `from` to before `until`; else puts it at the end of that time, in its last second.
    /// What goes on at the present needs none.
    pub(super) fn keep_within(&mut self, cursor: Option<Elapsed>, (from, until): (Elapsed, Elapsed), present: u32) {
        let within = cursor.filter(|cursor| (from..until).contains(cursor));
        let last = Elapsed::from_nanos(until.as_nanos().saturating_sub(NANOS_PER_SEC / 2)).max(from);
        let is_over = until.as_nanos() < u64::from(present) * NANOS_PER_SEC;
        self.cursor = within.or(is_over.then_some(last));
    }

    /// Puts the right edge at a moment; one that has not come follows the present.
    fn end_at(&mut self, nanos: u64, present: u32) {
        let secs = nanos.div_ceil(NANOS_PER_SEC);
        self.until = (secs < u64::from(present)).then(|| Elapsed::from_secs(secs));
    }

    /// How long a column is.
    fn column_nanos(&self, shown: Shown) -> u64 {
        (shown.window_nanos() / u64::from(self.columns.max(1))).max(1)
    }

    fn centre(&self, column: u64, shown: Shown) -> Elapsed {
        let length = self.column_nanos(shown);
        Elapsed::from_nanos(column.saturating_mul(length).saturating_add(length / 2))
    }
}

/// The middle of the last second that there is.
fn last_second(present: u32) -> Elapsed {
    Elapsed::from_nanos((u64::from(present) * NANOS_PER_SEC).saturating_sub(NANOS_PER_SEC / 2))
}

fn secs(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// The smallest comfortable window that holds a session of `secs` seconds.
pub(crate) fn grown(secs: u32) -> u32 {
    if let Some(window) = GROWTH.into_iter().find(|&window| window >= secs) {
        return window;
    }
    let mut window = 900_u32;
    while window < secs {
        window = window.saturating_add(window / 3 / 300 * 300);
    }
    window
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(columns: u16) -> TimeRange {
        TimeRange { columns, ..TimeRange::default() }
    }

    fn at(secs: u64) -> Elapsed {
        Elapsed::from_secs(secs)
    }

    #[test]
    fn the_cursor_moves_by_columns_from_the_present_and_takes_the_range_along() {
        let mut range = range(60);
        // 300 s in 60 columns: five seconds each.
        range.move_cursor(-1, 1_000);
        assert_eq!(range.cursor, Some(Elapsed::from_millis(997_500)));
        range.move_cursor(-10, 1_000);
        assert_eq!(range.cursor, Some(Elapsed::from_millis(947_500)));
        range.move_cursor(1, 1_000);
        assert_eq!((range.cursor, range.until), (Some(Elapsed::from_millis(952_500)), None));
        range.move_cursor(-100, 1_000);
        assert_eq!((range.cursor, range.until), (Some(Elapsed::from_millis(452_500)), Some(at(750))));
        range.move_cursor(1_000, 1_000);
        assert_eq!((range.cursor, range.until), (Some(Elapsed::from_millis(997_500)), None), "not into the future");
        range.follow();
        assert!(!range.is_past());
    }

    #[test]
    fn zooming_keeps_the_cursor_in_its_column_and_stops_at_both_ends() {
        let mut range = range(60);
        range.look_at(at(900), 1_000);
        range.zoom(true, 1_000);
        assert_eq!((range.zoom, range.until), (Some(150), Some(at(950))), "a third of the range is right of it");
        range.zoom(false, 1_000);
        assert_eq!((range.zoom, range.until), (Some(300), None));
        for _ in 0..20 {
            range.zoom(true, 1_000);
        }
        assert_eq!(range.shown(1_000).window, SHORTEST);
        for _ in 0..20 {
            range.zoom(false, 1_000);
        }
        assert_eq!(range.shown(1_000), Shown { window: grown(1_000), edge: grown(1_000), end: 1_000 });
        range.cycle();
        assert_eq!((range.zoom, range.window), (None, Window::FiveMinutes), "the window key ends the zoom");
    }

    #[test]
    fn a_cursor_that_the_present_leaves_behind_stays_in_sight() {
        let mut range = range(60);
        range.look_at(at(900), 1_000);
        assert_eq!(range.shown(1_100).edge, 1_100);
        assert_eq!(range.shown(2_000).edge, 1_200, "at the left edge");
    }

    #[test]
    fn what_has_not_come_yet_is_not_looked_at_and_zooming_stays_with_what_there_is() {
        let mut range = range(60);
        range.look_at(at(50), 20);
        assert_eq!(range.cursor, Some(Elapsed::from_millis(19_500)), "the last second");
        range.follow();
        range.zoom(true, 20);
        assert_eq!(range.shown(20), Shown { window: 30, edge: 30, end: 20 });
        range.zoom(true, 20);
        assert_eq!(range.shown(20), Shown { window: 15, edge: 20, end: 20 });
        range.move_cursor(-1, 20);
        range.cycle();
        let Shown { edge, end, .. } = range.shown(20);
        assert_eq!((edge, end), (60, 20));
    }

    #[test]
    fn a_step_is_framed_with_a_little_around_it() {
        let mut range = range(60);
        range.frame(at(100), at(200), 1_000);
        assert_eq!(range.shown(1_000), Shown { window: 120, edge: 210, end: 210 });
        range.frame(at(990), at(1_000), 1_000);
        assert_eq!(range.until, None, "what goes on is followed");
        range.whole();
        assert_eq!(range.shown(1_000).window, grown(1_000));
    }

    #[test]
    fn a_young_session_begins_at_the_left_edge_and_grows_until_its_window_is_full() {
        for window in [Window::Minute, Window::FiveMinutes, Window::FifteenMinutes, Window::All] {
            let range = TimeRange { window, ..range(112) };
            let chosen = window.length().map_or(u32::MAX, secs);
            for present in 1..2_000 {
                let Shown { window, edge, end } = range.shown(present);
                assert_eq!(end, present, "the present is shown");
                if present <= chosen {
                    assert_eq!((window, edge), (grown(present).min(chosen), window), "{present}: from 0:00");
                } else {
                    assert_eq!((window, edge), (chosen, present), "{present}: it slides, a second a second");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_done_the_cursor_is_in_the_range_and_the_range_in_the_session(
            deeds in prop::collection::vec((0_u8..8, -40_i64..40, 0_u64..5_000), 0..40), columns in 1_u16..300, present in 1_u32..5_000
        ) {
            let mut range = range(columns);
            for (deed, by, secs) in deeds {
                match deed {
                    0 => range.move_cursor(by, present),
                    1 => range.zoom(by > 0, present),
                    2 => range.look_at(at(secs), present),
                    3 => range.frame(at(secs), at(secs + by.unsigned_abs()), present),
                    4 => range.cycle(),
                    5 => range.go_to_start(present),
                    6 => range.whole(),
                    _ => range.follow(),
                }
                let shown = range.shown(present);
                prop_assert!(shown.end <= present && shown.window >= 1 && shown.window <= grown(present));
                prop_assert!(shown.window <= shown.edge && shown.end <= shown.edge && shown.edge <= grown(present));
                prop_assert!(shown.end == shown.edge || shown.end == present, "{shown:?}: what there is, is shown");
                if let Some(cursor) = range.cursor {
                    let nanos = cursor.as_nanos();
                    prop_assert!(nanos <= u64::from(present) * NANOS_PER_SEC);
                    prop_assert!(nanos <= shown.edge_nanos() + NANOS_PER_SEC, "{range:?} {shown:?}");
                    prop_assert!(nanos + NANOS_PER_SEC >= shown.edge_nanos().saturating_sub(shown.window_nanos()), "{range:?} {shown:?}");
                }
            }
        }
    }
}
