//! The one time axis of every chart: which moment is in which column, ticks, steps and marks.
//!
//! Columns are aligned to absolute time (column *n* covers `[n·w, (n+1)·w)`), so that a bucket keeps its seconds while the
//! window slides: curves move, they do not shimmer.

use std::time::Duration;

use crate::app::state::{CLOSING_SECS, Shown, State};
use crate::chart::ticks;
use crate::tui::painter::DOTS_WIDE;
use scaletop_units::{ArrivalRate, Elapsed, NANOS_PER_SEC};

/// The time axis of a chart that is `cells` columns wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeAxis {
    /// Index of the first dot column, counted in columns of `window / dots` seconds since the start; negative before it.
    first: i64,
    /// Dot columns.
    dots: u32,
    /// Seconds that all columns cover.
    window: u32,
    /// Where what there is to see ends, in whole seconds since the start: at the right edge, or before it while the session is
    /// younger than the window.
    end: u32,
}

impl TimeAxis {
    /// The axis for what the user looks at, over `cells` columns of the terminal.
    pub(crate) fn new(state: &State, cells: u16) -> Self {
        let Shown { window, edge, end } = state.shown();
        let dots = u32::from(cells.max(1)) * 2;
        // The last column is the last that the last second lies on (see `dots_of`): one that merely began has nothing to
        // show yet and would blink.
        let last = if window >= dots {
            u64::from(edge - 1) * u64::from(dots) / u64::from(window) + 1
        } else {
            (u64::from(edge) * u64::from(dots)).div_ceil(u64::from(window))
        };
        // In whole columns of the terminal: what has not moved a column is not drawn anew, whatever its dots are.
        let last = last.next_multiple_of(DOTS_WIDE as u64);
        let last = i64::try_from(last).unwrap_or(i64::MAX - 1);
        Self { first: last - i64::from(dots), dots, window, end }
    }

    /// Dot columns.
    pub(crate) fn dots(&self) -> usize {
        self.dots as usize
    }

    /// Columns of the terminal.
    pub(crate) fn cells(&self) -> usize {
        self.dots() / DOTS_WIDE
    }

    /// Seconds that all columns cover.
    pub(crate) const fn window(&self) -> u32 {
        self.window
    }

    /// Where what there is to see ends.
    pub(crate) fn end(&self) -> Elapsed {
        Elapsed::from_secs(u64::from(self.end))
    }

    /// The first second that may be on the axis.
    pub(crate) fn first_second(&self) -> u32 {
        let nanos = i128::from(self.first) * i128::from(self.window) / i128::from(self.dots);
        u32::try_from(nanos.max(0)).unwrap_or(u32::MAX)
    }

    /// The dot column of a moment, which may lie outside.
    fn index(&self, at: Elapsed) -> i64 {
        let wide =
            u128::from(at.as_nanos()) * u128::from(self.dots) / (u128::from(self.window) * u128::from(NANOS_PER_SEC));
        i64::try_from(wide).unwrap_or(i64::MAX).saturating_sub(self.first)
    }

    /// The terminal column of a moment; `None` outside. What happened within the second that is still open lies on the
    /// last column: a key press shows at once.
    pub(crate) fn cell(&self, at: Elapsed) -> Option<usize> {
        let index = self.index(at);
        let still_open = at.second() < self.end.saturating_add(CLOSING_SECS + 1);
        let index = if index >= i64::from(self.dots) && still_open { i64::from(self.dots) - 1 } else { index };
        usize::try_from(index).ok().filter(|&index| index < self.dots()).map(|index| index / DOTS_WIDE)
    }

    /// The moment in the middle of a terminal column.
    pub(crate) fn moment(&self, cell: usize) -> Elapsed {
        let half_cells = i128::from(self.first) + i128::try_from(cell * DOTS_WIDE + 1).unwrap_or(0);
        let nanos = half_cells * i128::from(self.window) * i128::from(NANOS_PER_SEC) / i128::from(self.dots);
        Elapsed::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// The terminal column where the second of a moment begins to be drawn: a step's line stands where its curves change.
    fn cell_of_second(&self, at: Elapsed) -> Option<usize> {
        let start = Elapsed::from_secs(u64::from(at.second()));
        let dots = self.dots_of(start, start + Duration::from_secs(1));
        if dots.is_empty() { self.cell(at) } else { Some(dots.start / DOTS_WIDE) }
    }

    /// The dot columns of the span `[from, until)`, cut to the axis.
    ///
    /// A span that is not longer than a column lies in the one that holds its start; a longer one covers the columns that
    /// start within it, so that neighbouring spans never share a column.
    pub(crate) fn dots_of(&self, from: Elapsed, until: Elapsed) -> std::ops::Range<usize> {
        let length = until.saturating_since(from).as_nanos() * u128::from(self.dots);
        let column = u128::from(self.window) * u128::from(NANOS_PER_SEC);
        let (first, end) = if length <= column {
            let first = self.index(from);
            (first, first.saturating_add(1))
        } else {
            (self.ceil_index(from), self.ceil_index(until))
        };
        let clamp = |index: i64| usize::try_from(index.clamp(0, i64::from(self.dots))).unwrap_or(0);
        clamp(first)..clamp(end)
    }

    fn ceil_index(&self, at: Elapsed) -> i64 {
        let column = u128::from(self.window) * u128::from(NANOS_PER_SEC);
        let wide = (u128::from(at.as_nanos()) * u128::from(self.dots)).div_ceil(column);
        i64::try_from(wide).unwrap_or(i64::MAX).saturating_sub(self.first)
    }

    /// Ticks at round times, at least `spacing` terminal columns apart: column and time.
    pub(crate) fn ticks(&self, spacing: usize) -> Vec<(usize, Elapsed)> {
        let every = ticks::length(u64::from(self.window) * spacing as u64 / self.cells().max(1) as u64);
        let end = u64::from(self.window) * NANOS_PER_SEC;
        let end = i128::from(self.first + i64::from(self.dots)) * i128::from(end) / i128::from(self.dots);
        let last = Elapsed::from_nanos(u64::try_from(end).unwrap_or(0)).second() / every;
        (self.first_second().div_ceil(every)..=last)
            .map(|n| Elapsed::from_secs(u64::from(n) * u64::from(every)))
            .filter_map(|at| self.cell(at).map(|cell| (cell, at)))
            .collect()
    }
}

/// What a vertical line of every chart stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event<'a> {
    /// A step began: the rate it goes to.
    Step(ArrivalRate),
    /// A ramp began: where it goes.
    Ramp(ArrivalRate),
    /// The user marked the moment.
    Mark(&'a str),
}

/// Steps and marks on the axis, ascending in columns.
pub(crate) fn events<'a>(state: &'a State, axis: &TimeAxis) -> Vec<(usize, Event<'a>)> {
    let steps = state.session().steps().iter().filter_map(|report| {
        let cell = axis.cell_of_second(report.step.start)?;
        let profile = report.step.profile;
        let is_ramp = profile.ramp_duration() > Duration::ZERO;
        Some((cell, if is_ramp { Event::Ramp(profile.last()) } else { Event::Step(profile.last()) }))
    });
    let marks =
        state.session().marks().iter().filter_map(|(at, text)| Some((axis.cell_of_second(*at)?, Event::Mark(text))));
    let mut events: Vec<_> = steps.chain(marks).collect();
    events.sort_by_key(|(cell, _)| *cell);
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::app::state::Window;
    use crate::tui::fixtures::state;

    fn axis(secs: u64, window: Window, cells: u16) -> TimeAxis {
        TimeAxis::new(&state().at(secs).ui(|ui| ui.range.window = window).build(), cells)
    }

    const WINDOWS: [Window; 4] = [Window::Minute, Window::FiveMinutes, Window::FifteenMinutes, Window::All];

    fn dots_of(axis: &TimeAxis, second: u64) -> std::ops::Range<usize> {
        axis.dots_of(Elapsed::from_secs(second), Elapsed::from_secs(second + 1))
    }

    #[test]
    fn a_young_session_grows_from_the_left_over_a_minute_and_then_over_its_window() {
        for (secs, newest) in [(1, 1), (3, 3), (30, 35), (60, 70), (61, 57), (75, 70), (300, 70), (301, 70)] {
            // The present is what is closed for sure.
            let axis = axis(secs + u64::from(CLOSING_SECS), Window::FiveMinutes, 70);
            assert_eq!(axis.end, u32::try_from(secs).unwrap());
            let last = dots_of(&axis, secs - 1).end.div_ceil(DOTS_WIDE);
            assert!(last.abs_diff(newest) <= 1, "{secs} s end in column {last}");
            assert_eq!(axis.first == 0, secs <= 300, "{secs}");
        }
    }

    #[test]
    fn a_young_session_is_not_squeezed_into_a_corner() {
        assert_eq!(axis(20, Window::FiveMinutes, 70).window, 60);
        assert_eq!(axis(200, Window::FiveMinutes, 70).window, 240);
        assert_eq!(axis(4_000, Window::FiveMinutes, 70).window, 300);
    }

    #[test]
    fn everything_is_on_the_axis_of_all() {
        for secs in [1, 59, 61, 1_000, 5_000, 90_000] {
            let axis = axis(secs, Window::All, 70);
            assert_eq!(axis.first_second(), 0, "{secs}");
        }
    }

    #[test]
    fn a_key_press_of_this_very_second_is_on_the_last_column() {
        let axis = axis(100, Window::Minute, 70);
        assert_eq!(axis.cell(Elapsed::from_millis(100_100)), Some(69));
        assert_eq!(axis.cell(Elapsed::from_secs(10)), None, "long before the window");
    }

    #[test]
    fn a_column_and_its_moment_name_each_other() {
        let axis = axis(400, Window::FiveMinutes, 70);
        for cell in 0..70 {
            assert_eq!(axis.cell(axis.moment(cell)), Some(cell));
        }
    }

    #[test]
    fn a_step_within_a_second_has_its_line_where_the_second_begins() {
        let axis = axis(100, Window::Minute, 70);
        let (start, within) = (Elapsed::from_secs(80), Elapsed::from_millis(80_900));
        assert_ne!(axis.cell(start), axis.cell(within), "a second is wider than a column here");
        assert_eq!(axis.cell_of_second(within), axis.cell_of_second(start));
    }

    proptest! {
        #[test]
        fn neighbouring_seconds_never_share_a_column_unless_columns_are_longer(secs in 1_u64..8_000, cells in 30_u16..240, window in 0_usize..4) {
            let axis = axis(secs, WINDOWS[window], cells);
            let mut covered = vec![0_u32; axis.dots()];
            for second in 0..u64::from(axis.end) {
                for dot in dots_of(&axis, second) {
                    covered[dot] += 1;
                }
            }
            let newest = dots_of(&axis, u64::from(axis.end) - 1);
            prop_assert!(!newest.is_empty(), "the newest second is drawn");
            prop_assert!(covered[..newest.end].iter().all(|&seconds| seconds >= 1), "a hole without a gap: {covered:?}");
            prop_assert!(covered[newest.end..].iter().all(|&seconds| seconds == 0), "{covered:?}");
            if axis.end >= axis.window {
                prop_assert!(axis.dots() - newest.end < DOTS_WIDE, "the newest second is in the last column");
            }
            if axis.window <= axis.dots {
                prop_assert!(covered.iter().all(|&seconds| seconds <= 1), "two seconds in one column: {covered:?}");
            }
        }

        #[test]
        fn the_second_under_a_column_is_drawn_in_it_and_the_other_way_round(secs in 1_u64..8_000, cells in 30_u16..240, window in 0_usize..4) {
            let axis = axis(secs, WINDOWS[window], cells);
            let newest = dots_of(&axis, u64::from(axis.end) - 1);
            for cell in 0..newest.end.div_ceil(DOTS_WIDE) {
                let moment = axis.moment(cell);
                prop_assert_eq!(axis.cell(moment), Some(cell));
                if moment < axis.end() {
                    let drawn = dots_of(&axis, moment.second().into());
                    let here = cell * DOTS_WIDE..(cell + 1) * DOTS_WIDE;
                    prop_assert!(drawn.start < here.end && here.start < drawn.end, "{moment} in {cell}: {drawn:?}");
                }
            }
        }

        #[test]
        fn a_second_more_moves_the_axis_by_no_more_than_a_second_in_whole_columns(secs in 1_u64..3_000, cells in 30_u16..240, window in 0_usize..4) {
            let (now, later) = (axis(secs, WINDOWS[window], cells), axis(secs + 1, WINDOWS[window], cells));
            prop_assert!(now.first % 2 == 0 && now.first >= 0, "{}", now.first);
            if now.window == later.window {
                let second = i64::from(now.dots.div_ceil(now.window));
                let most = (second + 1).div_euclid(2) * 2 + 2;
                prop_assert!((0..=most).contains(&(later.first - now.first)), "{} to {}", now.first, later.first);
            } else {
                prop_assert_eq!((now.first, later.first), (0, 0), "it grows, and begins at 0:00");
            }
        }

        #[test]
        fn a_second_keeps_its_neighbours_while_the_window_slides(secs in 400_u64..2_000, cells in 30_u16..240) {
            let (now, later) = (axis(secs, Window::FiveMinutes, cells), axis(secs + 1, Window::FiveMinutes, cells));
            let together = |axis: &TimeAxis, a: u64, b: u64| {
                axis.dots_of(Elapsed::from_secs(a), Elapsed::from_secs(a + 1)) == axis.dots_of(Elapsed::from_secs(b), Elapsed::from_secs(b + 1))
            };
            for second in secs - 250..secs - 5 {
                prop_assert_eq!(together(&now, second, second + 1), together(&later, second, second + 1));
            }
        }
    }
}
