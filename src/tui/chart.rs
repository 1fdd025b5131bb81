//! One chart: a title that is its legend and its current values, a scale in the gutter, curves in braille dots.
//!
//! Step and mark lines are drawn first, over all charts at once ([`rules`]); curves cover them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;
use ratatui::widgets::canvas::{Canvas, Painter, Shape};

use crate::chart::Scale;
use crate::tui::axis::{Event, TimeAxis};
use crate::tui::scale::{self, DOTS_HIGH};
use crate::tui::series::Points;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};

/// Columns left of every plot: the scale's labels and its line.
pub(crate) const GUTTER: u16 = 8;

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
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
            let y = scale::dot(self.scale, value, self.rows);
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

/// Shades the cells of a plot, by their place across, in which nothing of the service could be measured.
pub(crate) fn shade(buf: &mut Buffer, area: Rect, theme: Theme, cells: &[usize]) {
    let plot = plot_area(area);
    let across = cells.iter().filter_map(|&cell| u16::try_from(cell).ok()).filter(|&cell| cell < plot.width);
    for x in across.map(|cell| plot.x + cell) {
        for y in plot.top()..plot.bottom() {
            if buf[(x, y)].symbol() == " " {
                buf.set_string(x, y, "▒", theme.style(Role::Faint));
            }
        }
    }
}

/// Draws the scale's labels. Each stands in the row that holds its value; an empty one (a count that is not whole) is
/// left out.
pub(crate) fn gutter(buf: &mut Buffer, plot: Rect, theme: Theme, scale: Scale, unit: fn(f64) -> String) {
    let width = usize::from(GUTTER - 2);
    let left = plot.x.saturating_sub(GUTTER);
    for row in 0..plot.height {
        buf.set_string(plot.x.saturating_sub(1), plot.y + row, "│", theme.style(Role::Faint));
    }
    for value in scale::labels(scale, plot.height) {
        let label = text::shown(&unit(value), width);
        let row = u16::try_from(scale::dot(scale, value, plot.height)).unwrap_or(0) / DOTS_HIGH;
        if !label.is_empty() {
            buf.set_string(left, plot.y + row, format!("{label:>width$}"), theme.style(Role::Label));
            buf.set_string(plot.x.saturating_sub(1), plot.y + row, "┤", theme.style(Role::Faint));
        }
    }
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
    buf.set_string(area.x, area.y, text::shown("steps", usize::from(area.width)), theme.style(Role::Label));
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
            Event::Mark(text) => ("◆", text::shown(text, if next.is_some() { room.min(24) } else { 24 }), Role::Mark),
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
