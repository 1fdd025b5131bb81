//! One chart: a title that is its legend and its current values, a scale in the gutter, curves in braille dots.
//!
//! Step and mark lines are drawn first, over all charts at once ([`rules`]); curves cover them.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use ratatui::widgets::canvas::{Canvas, Painter, Shape};

use crate::tui::axis::{Event, TimeAxis};
use crate::tui::series::Points;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};

/// Columns left of every plot: the scale's labels and its line.
pub(crate) const GUTTER: u16 = 8;

/// Dots of a braille cell above each other.
const DOTS_HIGH: u16 = 4;

/// From values to heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From a power of ten to a power of ten.
    Log(f64, f64),
}

impl Scale {
    /// A linear scale with a round end that holds `max`, and at least `least`.
    pub(crate) fn linear(max: f64, least: f64) -> Self {
        let max = if max.is_finite() { max.max(least) } else { least };
        let magnitude = 10_f64.powf(max.log10().floor());
        let round = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
        let factor = round.into_iter().find(|factor| factor * magnitude >= max * 0.999_999).unwrap_or(10.0);
        Self::Linear(factor * magnitude)
    }

    /// A scale for whole numbers that leaves a little air above `max`.
    pub(crate) fn whole(max: f64) -> Self {
        let max = max.max(1.0).ceil();
        // An even end has a whole middle.
        if max < 10.0 { Self::Linear(max + 2.0 - max % 2.0) } else { Self::linear(max * 1.05, 10.0) }
    }

    /// A logarithmic scale whose ends are powers of ten around `min` and `max`.
    pub(crate) fn log(min: f64, max: f64) -> Self {
        let low = min.max(1e-3).log10().floor();
        let high = max.max(1e-3).log10().ceil().max(low + 1.0);
        Self::Log(low, high)
    }

    /// A logarithmic scale from `min` to `max` without rounding, at least half a decade.
    pub(crate) fn fitted_log(min: f64, max: f64) -> Self {
        let low = min.max(1e-3).log10();
        let high = max.max(1e-3).log10();
        let missing = (0.5 - (high - low)).max(0.0);
        Self::Log(low - missing / 2.0, high + missing / 2.0)
    }

    /// Whether a value lies between the ends.
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::Linear(max) => value <= max,
            Self::Log(low, high) => (low..=high).contains(&value.max(1e-9).log10()),
        }
    }

    /// The height of a value, 0 to 1; values beyond the ends lie on them.
    pub(crate) fn height(self, value: f64) -> f64 {
        match self {
            Self::Linear(max) => (value / max).clamp(0.0, 1.0),
            Self::Log(low, high) => ((value.max(1e-9).log10() - low) / (high - low)).clamp(0.0, 1.0),
        }
    }

    /// The value at a height.
    pub(crate) fn value(self, height: f64) -> f64 {
        match self {
            Self::Linear(max) => height * max,
            Self::Log(low, high) => 10_f64.powf(low + height * (high - low)),
        }
    }

    /// The values that are named beside a plot of `rows` rows: equal parts of a linear scale; 1, 2 and 5 of each power of ten
    /// on a logarithmic one, as far as they are two rows apart.
    fn labels(self, rows: u16) -> Vec<f64> {
        let (low, high) = match self {
            Self::Linear(max) => {
                let parts: &[f64] = match rows {
                    0 => &[],
                    1 => &[1.0],
                    2..=4 => &[1.0, 0.0],
                    5..=9 => &[1.0, 0.5, 0.0],
                    _ => &[1.0, 0.75, 0.5, 0.25, 0.0],
                };
                return parts.iter().map(|part| part * max).collect();
            }
            Self::Log(low, high) => (low, high),
        };
        #[expect(clippy::cast_possible_truncation, reason = "exponents of latencies in milliseconds")]
        let powers = low.floor() as i32..=high.ceil() as i32;
        let all: Vec<f64> = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power))).collect();
        let inside = |value: &&f64| (low - 1e-9..=high + 1e-9).contains(&value.log10());
        let mut labels: Vec<(usize, f64)> = Vec::new();
        // Powers of ten first: where there is no room for more, they are what remains.
        let (tens, others): (Vec<f64>, Vec<f64>) =
            all.iter().filter(inside).partition(|value| value.log10().fract().abs() < 1e-9);
        for value in tens.into_iter().chain(others) {
            let row = self.dot(value, rows) / usize::from(DOTS_HIGH);
            if labels.iter().all(|(taken, _)| taken.abs_diff(row) >= 2) {
                labels.push((row, value));
            }
        }
        labels.into_iter().map(|(_, value)| value).collect()
    }

    /// The dot row of a value, counted from the top.
    fn dot(self, value: f64, rows: u16) -> usize {
        let rows = f64::from((rows * DOTS_HIGH).saturating_sub(1));
        usize::try_from(text::whole((1.0 - self.height(value)) * rows)).unwrap_or(0)
    }
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// A line.
    Solid,
    /// A line with holes.
    Dashed,
    /// Single dots.
    Dotted,
    /// Everything below it.
    Area,
}

impl Stroke {
    /// How it looks in a legend.
    const fn sample(self) -> &'static str {
        match self {
            Self::Solid => "━",
            Self::Dashed => "╍",
            Self::Dotted => "┈",
            Self::Area => "▒",
        }
    }

    fn inks(self, dot: usize) -> bool {
        match self {
            Self::Solid | Self::Area => true,
            Self::Dashed => dot % 6 < 4,
            Self::Dotted => dot.is_multiple_of(3),
        }
    }
}

/// A curve of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curve {
    /// One point a dot column.
    pub(crate) points: Points,
    /// How it is drawn.
    pub(crate) stroke: Stroke,
    /// Its colour.
    pub(crate) role: Role,
    /// What lies above this is drawn in the colour of [`Role::Bad`].
    pub(crate) alarm: Option<f64>,
}

impl Curve {
    /// A curve without an alarm.
    pub(crate) fn new(points: Points, stroke: Stroke, role: Role) -> Self {
        Self { points, stroke, role, alarm: None }
    }

    /// A level line across the chart.
    pub(crate) fn level(value: f64, axis: &TimeAxis, role: Role) -> Self {
        Self::new(vec![Some(value); axis.dots()], Stroke::Dotted, role)
    }

    /// The highest point.
    pub(crate) fn max(&self) -> f64 {
        self.points.iter().flatten().copied().fold(0.0, f64::max)
    }
}

/// A curve on its way to the canvas.
struct Ink<'a> {
    curve: &'a Curve,
    scale: Scale,
    rows: u16,
    color: Color,
    alarm: Color,
}

impl Shape for Ink<'_> {
    fn draw(&self, painter: &mut Painter<'_, '_>) {
        let mut before: Option<usize> = None;
        let floor = usize::from(self.rows * DOTS_HIGH);
        for (x, point) in self.curve.points.iter().enumerate() {
            let Some(value) = *point else {
                before = None;
                continue;
            };
            let y = self.scale.dot(value, self.rows);
            let color = if self.curve.alarm.is_some_and(|alarm| value > alarm) { self.alarm } else { self.color };
            // A jump is joined by a vertical line in the later column: what was between was not measured, and a slanted
            // line would pretend that it was.
            let rows = match (self.curve.stroke, before) {
                (Stroke::Area, _) if value > 0.0 => y..floor,
                (Stroke::Area, _) => y..y,
                (Stroke::Solid | Stroke::Dashed, Some(before)) if before < y => before + 1..y + 1,
                (Stroke::Solid | Stroke::Dashed, Some(before)) if before > y => y..before,
                _ => y..y + 1,
            };
            if self.curve.stroke.inks(x) {
                for row in rows {
                    painter.paint(x, row, color);
                }
            }
            before = Some(y);
        }
    }
}

/// An entry of a chart's title: how the curve looks, what it is, its current value.
pub(crate) fn legend(theme: Theme, rank: u8, stroke: Stroke, role: Role, name: &str, value: &str) -> Piece {
    Piece::new(rank, stroke.sample(), theme.style(role))
        .and(format!(" {name} "), theme.style(Role::Label))
        .and(value, theme.style(role).add_modifier(ratatui::style::Modifier::BOLD))
}

/// Draws the title of a chart: its name in the gutter, then what fits of the legend.
pub(crate) fn title(buf: &mut Buffer, area: Rect, theme: Theme, name: &str, pieces: Vec<Piece>) {
    if area.height == 0 {
        return;
    }
    let name = Line::from(Span::styled(name.to_owned(), theme.style(Role::Title)));
    buf.set_line(area.x, area.y, &name, area.width);
    let left = GUTTER.max(text::columns(&name.to_string()) + 1).min(area.width);
    let width = area.width - left;
    buf.set_line(area.x + left, area.y, &text::fit(pieces, usize::from(width), 2), width);
}

/// The plot of a chart whose first row is its title.
pub(crate) fn plot_area(area: Rect) -> Rect {
    let gutter = GUTTER.min(area.width);
    Rect {
        x: area.x + gutter,
        y: area.y + 1.min(area.height),
        width: area.width - gutter,
        height: area.height.saturating_sub(1),
    }
}

/// Draws the scale and the curves below the title; later curves cover earlier ones.
pub(crate) fn plot(
    buf: &mut Buffer,
    area: Rect,
    theme: Theme,
    scale: Scale,
    unit: fn(f64) -> String,
    curves: &[Curve],
) {
    let plot = plot_area(area);
    gutter(buf, plot, theme, scale, unit);
    if plot.is_empty() {
        return;
    }
    let alarm = theme.color(Role::Bad);
    Canvas::default()
        .marker(Marker::Braille)
        .x_bounds([0.0, 1.0])
        .y_bounds([0.0, 1.0])
        .paint(|canvas| {
            for curve in curves {
                canvas.draw(&Ink { curve, scale, rows: plot.height, color: theme.color(curve.role), alarm });
            }
        })
        .render(plot, buf);
}

/// Draws the scale's labels. Each stands in the row that holds its value; an empty one (a count that is not whole) is
/// left out.
pub(crate) fn gutter(buf: &mut Buffer, plot: Rect, theme: Theme, scale: Scale, unit: fn(f64) -> String) {
    let width = usize::from(GUTTER - 2);
    let left = plot.x.saturating_sub(GUTTER);
    for row in 0..plot.height {
        buf.set_string(plot.x.saturating_sub(1), plot.y + row, "│", theme.style(Role::Faint));
    }
    for value in scale.labels(plot.height) {
        let label = text::harmless(&unit(value), width);
        let row = u16::try_from(scale.dot(value, plot.height)).unwrap_or(0) / DOTS_HIGH;
        if !label.is_empty() {
            buf.set_string(left, plot.y + row, format!("{label:>width$}"), theme.style(Role::Label));
            buf.set_string(plot.x.saturating_sub(1), plot.y + row, "┤", theme.style(Role::Faint));
        }
    }
}

/// A latency for the gutter: `500ms`, `2.5s`.
pub(crate) fn millis_label(millis: f64) -> String {
    match millis {
        ms if ms <= 0.0 => "0".to_owned(),
        ms if ms < 1.0 => format!("{ms:.1}ms"),
        ms if ms < 1_000.0 => format!("{ms:.0}ms"),
        ms if ms < 10_000.0 && (ms / 100.0).round() % 10.0 != 0.0 => format!("{:.1}s", ms / 1e3),
        ms => format!("{:.0}s", ms / 1e3),
    }
}

/// A rate for the gutter.
pub(crate) fn rate_label(rate: f64) -> String {
    match rate {
        rate if rate >= 99_999.5 => format!("{:.0}k", rate / 1e3),
        rate if rate < 10.0 && rate.fract() > 0.04 => format!("{rate:.1}"),
        rate => text::count(text::whole(rate)),
    }
}

/// A count for the gutter: only whole ones are.
pub(crate) fn count_label(count: f64) -> String {
    if count.fract().abs() > 0.01 { String::new() } else { text::count(text::whole(count)) }
}

/// Milliseconds of a duration.
pub(crate) fn millis(value: Duration) -> f64 {
    value.as_secs_f64() * 1e3
}

/// Draws the vertical lines of steps and marks over the whole height of the charts.
pub(crate) fn rules(buf: &mut Buffer, area: Rect, theme: Theme, events: &[(usize, Event<'_>)]) {
    let left = area.x + GUTTER;
    for (cell, event) in events {
        let Some(x) = u16::try_from(*cell).ok().map(|cell| left + cell).filter(|&x| x < area.right()) else { continue };
        let (symbol, role) = match event {
            Event::Mark(_) => ("┆", Role::Mark),
            _ => ("┊", Role::Faint),
        };
        for y in area.top()..area.bottom() {
            buf.set_string(x, y, symbol, theme.style(role));
        }
    }
}

/// Draws what the vertical lines stand for, where there is room, on one line above the charts.
pub(crate) fn rule_labels(buf: &mut Buffer, area: Rect, theme: Theme, events: &[(usize, Event<'_>)]) {
    if area.is_empty() {
        return;
    }
    buf.set_string(area.x, area.y, text::harmless("steps", usize::from(area.width)), theme.style(Role::Label));
    for (at, (cell, event)) in events.iter().enumerate() {
        let Some(x) = u16::try_from(*cell).ok().map(|cell| area.x + GUTTER + cell).filter(|&x| x < area.right()) else {
            continue;
        };
        // Of several events in one column the last has the word.
        let next = events[at + 1..].iter().map(|(cell, _)| *cell).next();
        if next == Some(*cell) {
            continue;
        }
        let room = next.map_or(usize::from(area.right() - x), |next| next - cell).saturating_sub(1);
        let (symbol, label, role) = match event {
            Event::Step(rate) if rate.is_paused() => ("▾", "0".to_owned(), Role::Label),
            Event::Step(rate) => ("▾", rate.to_string(), Role::Text),
            Event::Ramp(rate) => ("▾", format!("↗{rate}"), Role::Text),
            Event::Mark(text) => {
                ("◆", text::harmless(text, if next.is_some() { room.min(24) } else { 24 }), Role::Mark)
            }
        };
        let symbol_role = if matches!(event, Event::Mark(_)) { Role::Mark } else { Role::Label };
        buf.set_string(x, area.y, symbol, theme.style(symbol_role));
        let wanted = text::columns(&label);
        let before = at.checked_sub(1).map_or(0, |at| events[at].0 + 10);
        if usize::from(wanted) <= room.saturating_sub(usize::from(next.is_some())) {
            buf.set_string(x + 1, area.y, &label, theme.style(role));
        } else if next.is_none() && *cell >= before + usize::from(wanted) {
            // At the right edge, where the newest step begins, the label stands on the other side.
            buf.set_string(x - wanted, area.y, &label, theme.style(role));
        }
    }
}

/// Draws the times under the charts.
pub(crate) fn times(buf: &mut Buffer, area: Rect, theme: Theme, axis: &TimeAxis, window: &str) {
    if area.is_empty() {
        return;
    }
    let plot = plot_area(Rect { height: area.height + 1, y: area.y.saturating_sub(1), ..area });
    buf.set_stringn(area.x, area.y, window, usize::from(area.width), theme.style(Role::Label));
    for (cell, at) in axis.ticks(10) {
        let Ok(cell) = u16::try_from(cell) else { continue };
        let label = format!("╵{at}");
        if cell + text::columns(&label) <= plot.width {
            buf.set_string(plot.x + cell, area.y, label, theme.style(Role::Label));
        }
    }
}
