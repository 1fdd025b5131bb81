//! A heat map: time across, latency upwards on a logarithmic scale, the number of requests as colour.
//!
//! A percentile is one line; here the whole distribution is seen: two modes, a slow tail, a stall that drains.

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::chart::Scale;
use crate::text::as_millis;
use crate::tui::chart;
use crate::tui::painter::DOTS_WIDE;
use crate::tui::scale;
use crate::tui::text;
use crate::tui::theme::{HEAT_LEVELS, Role, Theme};

/// What is shorter than this is not told apart, in milliseconds: the buckets below have no width on a scale of ratios.
const FLOOR_MS: f64 = 1.0;

/// Half cells above each other in a cell of the terminal.
const HALVES: usize = 2;

/// Requests by time and latency.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heat {
    /// Columns of the terminal.
    columns: usize,
    /// Half rows, from the shortest latency up.
    rows: usize,
    /// From powers of ten to powers of ten, in milliseconds.
    scale: Scale,
    /// Requests by half row and column.
    counts: Vec<u64>,
    /// Seconds by column: what is drawn is requests a second, lest columns of two seconds look hotter than those of one.
    seconds: Vec<u32>,
}

impl Heat {
    /// An empty map over `plot` for latencies from `shortest` to `longest`.
    pub(crate) fn new(plot: Rect, shortest: Duration, longest: Duration) -> Self {
        let (columns, rows) = (usize::from(plot.width), usize::from(plot.height) * HALVES);
        let floor = as_millis(shortest).max(FLOOR_MS);
        let scale = Scale::fitted_log(floor, as_millis(longest).max(floor));
        Self { columns, rows, scale, counts: vec![0; columns * rows], seconds: vec![0; columns] }
    }

    /// Says that the columns of `dots` hold `secs` more seconds.
    pub(crate) fn cover(&mut self, dots: &Range<usize>, secs: u32) {
        let cells = self.cells(dots);
        for seconds in &mut self.seconds[cells] {
            *seconds += secs;
        }
    }

    /// The terminal's columns of a range of dots.
    fn cells(&self, dots: &Range<usize>) -> Range<usize> {
        let end = dots.end.div_ceil(DOTS_WIDE).min(self.columns);
        (dots.start / DOTS_WIDE).min(end)..end
    }

    /// Adds `count` requests between two latencies in the columns of `dots`. A bucket that is taller than a half row fills
    /// all that it covers, so that no stripes appear which are not in the data.
    pub(crate) fn add(&mut self, dots: &Range<usize>, from: Duration, to: Duration, count: u64) {
        if self.rows == 0 || dots.is_empty() {
            return;
        }
        let first = self.row(as_millis(from));
        let last = self.row(as_millis(to)).saturating_sub(1).max(first);
        for row in first..=last {
            for column in self.cells(dots) {
                self.counts[row * self.columns + column] += count;
            }
        }
    }

    fn row(&self, millis: f64) -> usize {
        let row = text::whole((self.scale.height(millis) * self.rows as f64).floor());
        usize::try_from(row).unwrap_or(0).min(self.rows - 1)
    }

    /// Requests a second in a half cell.
    fn density(&self, column: usize, row: usize) -> f64 {
        self.counts[row * self.columns + column] as f64 / f64::from(self.seconds[column].max(1))
    }

    /// From 0 (hardly any) to the last level (the fullest cell), on a logarithmic scale: a single outlier is seen beside
    /// thousands.
    fn level(density: f64, fullest: f64) -> Option<usize> {
        let share = density.ln_1p() / fullest.ln_1p();
        let level = usize::try_from(text::whole(share * (HEAT_LEVELS - 1) as f64)).unwrap_or(0);
        (density > 0.0).then(|| level.min(HEAT_LEVELS - 1))
    }

    /// The densest of it on the scale from `few` to `many`, of another count a second; `None` for none.
    pub(crate) fn level_of(count: u64, secs: u32, most: f64) -> Option<usize> {
        Self::level(count as f64 / f64::from(secs.max(1)), most.max(f64::MIN_POSITIVE))
    }

    /// Draws it, with its scale in the gutter and the objective marked there.
    pub(crate) fn draw(&self, buf: &mut Buffer, plot: Rect, theme: Theme, objective: Duration) {
        let labels = scale::labels(self.scale, plot.height);
        chart::gutter(buf, plot, theme, self.scale, &labels, scale::millis_label);
        let objective = as_millis(objective);
        if self.rows > 0 && self.scale.holds(objective) {
            let row = u16::try_from(self.row(objective) / HALVES).unwrap_or(0);
            let y = plot.bottom().saturating_sub(1 + row);
            text::glyph(buf, plot.x.saturating_sub(1), y, "▶", theme.style(Role::Slo));
            for x in (plot.left()..plot.right()).step_by(3) {
                text::glyph(buf, x, y, "╌", theme.style(Role::Slo));
            }
        }
        let all = (0..self.rows).flat_map(|row| (0..self.columns).map(move |column| (column, row)));
        let fullest = all.map(|(column, row)| self.density(column, row)).fold(f64::MIN_POSITIVE, f64::max);
        let half = |x: u16, row: usize| Self::level(self.density(usize::from(x), row), fullest);
        for (row, y) in (plot.top()..plot.bottom()).rev().enumerate() {
            for x in 0..plot.width {
                let (below, above) = (half(x, row * HALVES), half(x, row * HALVES + 1));
                cell(buf, (plot.x + x, y), theme, below, above);
            }
        }
    }
}

/// Two half cells in one of the terminal: the upper one is the foreground.
fn cell(buf: &mut Buffer, at: (u16, u16), theme: Theme, below: Option<usize>, above: Option<usize>) {
    let Some(most) = below.max(above) else { return };
    if !theme.has_color() {
        let symbol = ["·", "░", "░", "▒", "▒", "▓", "▓", "█"][most.min(HEAT_LEVELS - 1)];
        text::glyph(buf, at.0, at.1, symbol, theme.heat(most));
        return;
    }
    let (symbol, style) = match (below, above) {
        (Some(below), Some(above)) => {
            let mut style = theme.heat(above);
            style.bg = theme.heat(below).fg;
            ("▀", style)
        }
        (Some(below), None) => ("▄", theme.heat(below)),
        (None, above) => ("▀", theme.heat(above.unwrap_or(0))),
    };
    text::glyph(buf, at.0, at.1, symbol, style);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat() -> (Heat, Rect) {
        let plot = Rect::new(8, 0, 4, 2);
        (Heat::new(plot, Duration::from_millis(10), Duration::from_millis(900)), plot)
    }

    #[test]
    fn a_request_lies_in_the_column_of_its_second_and_the_row_of_its_latency() {
        let (mut heat, _) = heat();
        heat.add(&(2..4), Duration::from_millis(11), Duration::from_millis(12), 5);
        heat.add(&(6..8), Duration::from_millis(899), Duration::from_millis(900), 1);
        assert_eq!(heat.counts[1], 5, "the lowest row, second column");
        assert_eq!(heat.counts[(heat.rows - 1) * heat.columns + 3], 1, "the highest row, last column");
        assert_eq!(heat.counts.iter().sum::<u64>(), 6);
    }

    #[test]
    fn a_single_outlier_is_seen_beside_thousands() {
        let (mut heat, plot) = heat();
        heat.add(&(0..2), Duration::from_millis(11), Duration::from_millis(12), 10_000);
        heat.add(&(0..2), Duration::from_millis(899), Duration::from_millis(900), 1);
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 2));
        heat.draw(&mut buf, plot, Theme::MONO, Duration::from_mins(1));
        assert_ne!(buf[(8, 0)].symbol(), " ", "the outlier");
        assert_eq!(buf[(8, 1)].symbol(), "█", "the crowd");
    }
}
