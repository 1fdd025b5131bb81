//! One chart: a title that is its legend and its current values, a scale in the gutter, areas and curves in a plot.
//!
//! Step and mark lines are drawn first, over all charts at once ([`rules`]); areas let them shine through, curves cover them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::text::{Line, Span};

use crate::chart::Scale;
use crate::tui::axis::{Event, TimeAxis};
use crate::tui::glyphs::{self, Glyphs};
use crate::tui::painter::{DOTS_HIGH, DOTS_WIDE, PARTS_HIGH, Painter, Pen};
use crate::tui::scale;
use crate::tui::series::Points;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};

/// Columns left of every plot: the scale's labels and its line.
pub(crate) const GUTTER: u16 = 8;

/// Marks of values off the scale at one border.
const MOST_MARKS: usize = 3;

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    Solid,
    /// A line with holes.
    Dashed,
    /// Dashes and dots.
    DashDot,
    /// Single dots.
    Dotted,
    /// Everything below it, or between it and another.
    Area,
}

impl Stroke {
    /// How it looks in a legend.
    const fn sample(self) -> &'static str {
        match self {
            Self::Solid => "━",
            Self::Dashed => "╍",
            Self::DashDot => "┅",
            Self::Dotted => "┈",
            Self::Area => "█",
        }
    }

    const fn inks(self, dot: usize) -> bool {
        match self {
            Self::Solid | Self::Area => true,
            Self::Dashed => dot % 6 < 4,
            Self::DashDot => !matches!(dot % 8, 4 | 5 | 7),
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
    /// What lies above this is drawn in the colour of [`Role::Bad`]: one point a dot column.
    pub(crate) alarm: Option<Points>,
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
}

/// Where an area begins, one point a dot column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Floor {
    /// At the bottom.
    Bottom,
    /// On another area, which reaches to this.
    On(Points),
    /// At a line of its own, such as the lower one of a band.
    At(Points),
}

/// An area of a chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) from: Floor,
    /// Where it ends.
    pub(crate) until: Points,
    pub(crate) role: Role,
}

/// What a plot shows, the most important last.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) scale: Scale,
    /// The values that are named beside it.
    pub(crate) ticks: Vec<f64>,
    pub(crate) unit: fn(f64) -> String,
    pub(crate) areas: Vec<Area>,
    pub(crate) curves: Vec<Curve>,
}

/// Draws a curve of dots into a plot of `rows` rows.
fn ink(pen: &mut Pen<'_>, curve: &Curve, scale: Scale, rows: u16) {
    let mut before: Option<usize> = None;
    for (x, point) in curve.points.iter().enumerate() {
        let Some(value) = *point else {
            before = None;
            continue;
        };
        let y = scale::dot(scale, value, rows);
        let role = if curve
            .alarm
            .as_ref()
            .is_some_and(|alarm| alarm.get(x).copied().flatten().is_some_and(|alarm| value > alarm))
        {
            Role::Bad
        } else {
            curve.role
        };
        // A jump is joined by a vertical line in the later column: what was between was not measured, and a slanted
        // line would pretend that it was.
        let dots = match before {
            Some(before) if curve.stroke != Stroke::Dotted && before < y => before + 1..y + 1,
            Some(before) if curve.stroke != Stroke::Dotted && before > y => y..before,
            _ => y..y + 1,
        };
        // A value that has no neighbour is not lost in a hole of its line.
        let is_alone = before.is_none() && curve.points.get(x + 1).is_none_or(Option::is_none);
        if curve.stroke.inks(x) || is_alone {
            dots.for_each(|y| pen.dot(x, y, role));
        }
        before = Some(y);
    }
}

/// The part of each column of cells that an area covers, in eighths of a cell from the bottom: as high as a line of the same
/// value.
fn extents(area: &Area, scale: Scale, rows: u16) -> Vec<(usize, usize)> {
    let height = |value: f64| {
        let full = f64::from(rows) * PARTS_HIGH as f64;
        // A dot is as high as two eighths.
        usize::try_from(text::whole(2.0 + scale.height(value) * (full - 2.0))).unwrap_or(0)
    };
    let floor = |points: &Points, dots: std::ops::Range<usize>| {
        let least = points.get(dots)?.iter().flatten().copied().reduce(f64::min)?;
        Some(if least <= 0.0 { 0 } else { height(least) })
    };
    let extent = |dots: std::ops::Range<usize>| {
        let until = area.until.get(dots.clone())?.iter().flatten().copied().reduce(f64::max)?;
        let from = match &area.from {
            // Nothing is no area.
            Floor::Bottom => return (until > 0.0).then(|| (0, height(until))),
            // What is there at all is seen.
            Floor::On(points) => floor(points, dots).unwrap_or(0),
            Floor::At(points) => floor(points, dots)?.saturating_sub(2),
        };
        Some((from, height(until).max(from + 1)))
    };
    let columns = area.until.len().div_ceil(DOTS_WIDE);
    (0..columns)
        .map(|column| column * DOTS_WIDE..((column + 1) * DOTS_WIDE).min(area.until.len()))
        .map(|dots| extent(dots).unwrap_or_default())
        .collect()
}

/// An entry of a chart's title: how the curve looks, what it is, its current value.
pub(crate) fn legend(theme: Theme, rank: u8, stroke: Stroke, role: Role, name: &str, value: &str) -> Piece {
    swatch(theme, rank, stroke, role)
        .and(format!(" {name} "), theme.style(Role::Label))
        .and(value, theme.style(role).add_modifier(ratatui::style::Modifier::BOLD))
}

/// How a curve or an area looks, at the beginning of its entry.
pub(crate) fn swatch(theme: Theme, rank: u8, stroke: Stroke, role: Role) -> Piece {
    let is_plain = !theme.has_color() || theme.glyphs() == Glyphs::Ascii;
    match stroke {
        Stroke::Area if is_plain => Piece::new(rank, theme.glyphs().shade(role), theme.style(role)),
        Stroke::Area => Piece::new(rank, stroke.sample(), theme.style(role).fg(theme.fill(role))),
        _ if theme.glyphs() == Glyphs::Ascii => Piece::new(rank, glyphs::mark(role), theme.style(role)),
        _ => Piece::new(rank, stroke.sample(), theme.style(role)),
    }
}

/// Draws the title of a chart: its name in the gutter, then what fits of the legend.
pub(crate) fn title(buf: &mut Buffer, area: Rect, theme: Theme, name: &str, pieces: Vec<Piece>) {
    if area.height == 0 {
        return;
    }
    let name = Line::from(Span::styled(name.to_owned(), theme.style(Role::Title)));
    text::put_line(buf, area.x, area.y, &name, usize::from(area.width));
    let left = GUTTER.max(text::columns(&name.to_string()) + 1).min(area.width);
    let width = area.width - left;
    text::put_line(buf, area.x + left, area.y, &text::fit(pieces, usize::from(width), 2), usize::from(width));
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

/// Draws the scale, the areas and the curves below the title, and marks what is off the scale.
pub(crate) fn plot(buf: &mut Buffer, area: Rect, theme: Theme, shown: &Plot) {
    let plot = plot_area(area);
    gutter(buf, plot, theme, shown.scale, &shown.ticks, shown.unit);
    if plot.is_empty() {
        return;
    }
    let mut painter = Painter::new(plot.width, plot.height);
    for area in &shown.areas {
        painter.area(area.role, extents(area, shown.scale, plot.height));
    }
    for curve in &shown.curves {
        ink(&mut painter.line(), curve, shown.scale, plot.height);
    }
    painter.paint(buf, plot, theme);
    off_scale(buf, plot, theme, shown);
}

/// Marks at the borders what is beyond them, with its value: the farthest of each run, as far as there is room.
fn off_scale(buf: &mut Buffer, plot: Rect, theme: Theme, shown: &Plot) {
    let areas = shown.areas.iter().map(|area| (&area.until, area.role));
    let curves = shown.curves.iter().map(|curve| (&curve.points, curve.role));
    let all: Vec<_> = areas.chain(curves).collect();
    let top = shown.scale.top() * 1.000_001;
    let above = peaks(&all, |value| (value > top).then_some(value));
    marks(buf, Rect { height: 1, ..plot }, theme, "▲", shown.unit, above);
    if let Scale::Log { bottom, .. } = shown.scale
        && plot.height > 1
    {
        let below = peaks(&all, |value| (value < bottom * 0.999_999).then_some(-value));
        marks(buf, Rect { y: plot.bottom() - 1, height: 1, ..plot }, theme, "▼", shown.unit, below);
    }
}

/// The cell, the value and the role of the farthest point of each run for which `beyond` has a distance: the farthest first, of
/// equals the newest, then the more important.
fn peaks(all: &[(&Points, Role)], beyond: impl Fn(f64) -> Option<f64>) -> Vec<(usize, f64, Role)> {
    let mut peaks: Vec<(usize, f64, Role)> = Vec::new();
    for &(points, role) in all.iter().rev() {
        let mut peak: Option<(usize, f64)> = None;
        for (x, point) in points.iter().enumerate().chain([(points.len(), &None)]) {
            match point.and_then(&beyond) {
                Some(distance) if peak.is_none_or(|(_, most)| distance > most) => peak = Some((x, distance)),
                Some(_) => {}
                None => peaks.extend(peak.take().map(|(x, distance)| (x / DOTS_WIDE, distance, role))),
            }
        }
    }
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
    peaks
}

/// Writes marks into one row, the first ones first.
fn marks(
    buf: &mut Buffer,
    row: Rect,
    theme: Theme,
    sign: &str,
    unit: fn(f64) -> String,
    peaks: Vec<(usize, f64, Role)>,
) {
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for (cell, value, role) in peaks {
        let label = format!("{sign} {}", unit(value.abs()));
        let width = text::columns(&label);
        let Some(most) = row.width.checked_sub(width) else { continue };
        let left = u16::try_from(cell).unwrap_or(u16::MAX).min(most);
        // Few of them tell the story; a row full of them would hide the plot.
        if taken.len() >= MOST_MARKS || taken.iter().any(|&(from, until)| left < until + 1 && left + width + 1 > from) {
            continue;
        }
        text::put(buf, row.x + left, row.y, &label, width.into(), theme.style(role).bg(Color::Reset));
        taken.push((left, left + width));
    }
}

/// Shades the cells of a plot, by their place across, in which nothing of the service could be measured.
pub(crate) fn shade(buf: &mut Buffer, area: Rect, theme: Theme, cells: &[usize]) {
    let plot = plot_area(area);
    let across = cells.iter().filter_map(|&cell| u16::try_from(cell).ok()).filter(|&cell| cell < plot.width);
    for x in across.map(|cell| plot.x + cell) {
        for y in plot.top()..plot.bottom() {
            if buf[(x, y)].symbol() == " " {
                text::glyph(buf, x, y, "▒", theme.style(Role::Faint));
            }
        }
    }
}

/// Draws the scale's labels. Each stands in the row that holds its value; one that says the same as another, or has no row of its
/// own, is left out.
pub(crate) fn gutter(buf: &mut Buffer, plot: Rect, theme: Theme, scale: Scale, ticks: &[f64], unit: fn(f64) -> String) {
    let width = usize::from(GUTTER - 2);
    let left = plot.x.saturating_sub(GUTTER);
    for row in 0..plot.height {
        text::glyph(buf, plot.x.saturating_sub(1), plot.y + row, "│", theme.style(Role::Faint));
    }
    let mut said: Vec<(u16, String)> = Vec::new();
    for &value in ticks {
        let label = text::shown(&unit(value), width);
        let row = u16::try_from(scale::dot(scale, value, plot.height) / DOTS_HIGH).unwrap_or(0);
        if row < plot.height && said.iter().all(|(taken, known)| *taken != row && *known != label) {
            said.push((row, label.clone()));
            text::put(buf, left, plot.y + row, format!("{label:>width$}"), width, theme.style(Role::Label));
            text::glyph(buf, plot.x.saturating_sub(1), plot.y + row, "┤", theme.style(Role::Faint));
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
            text::glyph(buf, x, y, symbol, theme.style(role));
        }
    }
}

/// Draws what the vertical lines stand for, where there is room, on one line above the charts.
pub(crate) fn rule_labels(buf: &mut Buffer, area: Rect, theme: Theme, events: &[(usize, Event<'_>)]) {
    if area.is_empty() {
        return;
    }
    text::put(buf, area.x, area.y, "steps", usize::from(area.width), theme.style(Role::Label));
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
        text::glyph(buf, x, area.y, symbol, theme.style(symbol_role));
        let wanted = text::columns(&label);
        let before = at.checked_sub(1).map_or(0, |at| events[at].0 + 10);
        if usize::from(wanted) <= room.saturating_sub(usize::from(next.is_some())) {
            text::put(buf, x + 1, area.y, &label, room, theme.style(role));
        } else if next.is_none() && *cell >= before + usize::from(wanted) {
            // At the right edge, where the newest step begins, the label stands on the other side.
            text::put(buf, x - wanted, area.y, &label, wanted.into(), theme.style(role));
        }
    }
}

/// Draws the times under the charts.
pub(crate) fn times(buf: &mut Buffer, area: Rect, theme: Theme, axis: &TimeAxis, window: &str) {
    if area.is_empty() {
        return;
    }
    let plot = plot_area(Rect { height: area.height + 1, y: area.y.saturating_sub(1), ..area });
    text::put(buf, area.x, area.y, window, usize::from(area.width), theme.style(Role::Label));
    for (cell, at) in axis.ticks(10) {
        let Ok(cell) = u16::try_from(cell) else { continue };
        let label = format!("╵{at}");
        if cell + text::columns(&label) <= plot.width {
            text::put(buf, plot.x + cell, area.y, label, usize::from(plot.width - cell), theme.style(Role::Label));
        }
    }
}
