//! Latency in full: a heat map of the whole distribution over time, and percentiles in a table.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::State;
use crate::session::state::Session;
use crate::timeline::Percentiles;
use crate::timeline::heat::HeatColumn;
use crate::tui::chart;
use crate::tui::glyphs::EIGHTHS;
use crate::tui::heat::Heat;
use crate::tui::layout::Frame;
use crate::tui::panels::charts;
use crate::tui::scene::Scene;
use crate::tui::series::Columns;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{HEAT_LEVELS, Role, Theme};
use crate::tui::views::Charts;
use scaletop_load::{Latency, OutcomeKind};
use scaletop_units::Elapsed;

/// Columns of the names of the table's rows, at least.
const NAME_WIDTH: u16 = 12;

/// Columns of what the names mean, where there is room.
const MEANING_WIDTH: u16 = 26;

/// Columns of a number.
const NUMBER_WIDTH: u16 = 9;

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let body = screen.body;
    let scene = super::scene(buf, screen.header, body, state, theme);
    let rows = table_rows(&scene, body.height > 24);
    let charts_area = charts_area(body, rows.len());
    charts(buf, charts_area, &scene);
    table_below(buf, body, theme, &rows, state);
    super::look(buf, charts_area, &scene)
}

/// The place of the charts above a table of so many rows. The steps are named in the line above them, the times stand below.
pub(crate) fn charts_area(body: Rect, rows: usize) -> Rect {
    let air = u16::from(body.height > 24);
    Rect { y: body.y + 1, height: body.height.saturating_sub(table_height(rows) + 2 + air), ..body }
}

fn table_height(rows: usize) -> u16 {
    u16::try_from(rows + 1).unwrap_or(0)
}

/// Draws the curves and the map of one target.
pub(crate) fn charts(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
    // On a small screen the map alone: the overview has the curves.
    let curves_height = if area.height < 10 { 0 } else { area.height * 2 / 5 };
    let curves = Rect { height: curves_height, ..area };
    let map = Rect { y: curves.bottom(), height: area.height - curves_height, ..area };
    chart::rule_labels(buf, Rect { y: area.y.saturating_sub(1), height: 1, ..area }, theme, &scene.events);
    chart::rules(buf, area, theme, &scene.events);
    if curves_height > 0 {
        charts::latency(buf, curves, scene);
    }
    heat_map(buf, map, scene);
    chart::times(buf, Rect { y: map.bottom(), height: 1, ..area }, theme, &scene.axis, &scene.window_label());
}

/// Draws the table at the bottom of the body.
pub(crate) fn table_below(buf: &mut Buffer, body: Rect, theme: Theme, rows: &[TableRow], state: &State) {
    let height = table_height(rows.len());
    let area = Rect { y: body.bottom().saturating_sub(height), height, ..body };
    table(buf, area, theme, rows, state.session().objective().latency);
}

/// The rows of two targets, each beside the same one of the other; fewer of them where there is no room for twice as many.
pub(crate) fn rows_of_two(scenes: &[Scene<'_>; 2], is_roomy: bool) -> Vec<TableRow> {
    let told: &[&str] =
        if is_roomy { &["last second", "response", "failed", "service", "waiting"] } else { &["response", "service"] };
    let all = scenes.each_ref().map(|scene| (scene.side, table_rows(scene, is_roomy)));
    let mut rows = Vec::new();
    for name in told {
        for (side, of_side) in &all {
            let found = of_side.iter().find(|row| row.kind == *name);
            rows.extend(found.map(|row| TableRow { name: format!("{} {}", side.letter(), row.name), ..row.clone() }));
        }
    }
    rows
}

fn heat_map<'a>(buf: &mut Buffer, area: Rect, scene: &Scene<'a>) {
    let theme = scene.theme;
    let label = theme.style(Role::Label);
    let mut scale = Piece::new(1, "few ", label);
    for level in 0..HEAT_LEVELS {
        let symbol =
            if theme.has_color() { "█" } else { ["·", "░", "░", "▒", "▒", "▓", "▓", "█"][level] };
        scale = scale.and(symbol, theme.heat(level));
    }
    let slo = scene.session().objective().latency;
    let pieces = vec![
        Piece::new(0, "response times of OK answers", label),
        scale.and(" many", label),
        Piece::new(2, "▶ ", theme.style(Role::Slo)).and(format!("objective {}", text::latency(Some(slo))), label),
    ];
    chart::title(buf, area, theme, "Spread", pieces);
    let mut plot = chart::plot_area(area);
    if plot.is_empty() {
        return;
    }
    if failures_row(buf, plot, scene) {
        plot.height -= 1;
    }
    let columns_of = |session: &'a Session| -> Vec<&'a HeatColumn> {
        session.timeline().heat_between(scene.axis.first_second(), scene.axis.end().second()).collect()
    };
    let columns = columns_of(scene.session());
    // Two targets have one scale.
    let all: Vec<&HeatColumn> = scene.state.halves().each().flat_map(|(_, half)| columns_of(half)).collect();
    let extremes = all.iter().filter_map(|column| {
        let ((shortest, ..), (_, longest, _)) = (column.buckets().next()?, column.buckets().next_back()?);
        Some((shortest, longest))
    });
    let Some((shortest, longest)) = extremes.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        let words = "no answer in this time";
        text::put(buf, plot.x + 2, plot.y + plot.height / 2, words, usize::from(plot.width.saturating_sub(2)), label);
        return;
    };
    let mut heat = Heat::new(plot, shortest, longest.max(slo));
    for column in columns {
        let from = Elapsed::from_secs(u64::from(column.second));
        let dots = scene.axis.dots_of(from, from + Duration::from_secs(u64::from(column.span)));
        heat.cover(&dots, column.span);
        for (shortest, longest, count) in column.buckets() {
            heat.add(&dots, shortest, longest, count);
        }
    }
    heat.draw(buf, plot, theme, slo);
}

/// What failed, in a row of its own under the map: how fast a refusal came says nothing of the service's speed. Whether there is
/// such a row.
fn failures_row(buf: &mut Buffer, plot: Rect, scene: &Scene<'_>) -> bool {
    let failed = |columns: &Columns| -> Vec<(u64, u32)> {
        columns.by_cell().map(|column| (column.outcomes.failed(), column.measured)).collect()
    };
    let per_second = |&(count, secs): &(u64, u32)| count as f64 / f64::from(secs.max(1));
    // Two targets have one scale, and the row where one of them has.
    let all = scene.state.halves().each().flat_map(|(_, half)| failed(&Columns::new(half, &scene.axis)));
    let most = all.map(|cell| per_second(&cell)).fold(0.0, f64::max);
    let failed = failed(&scene.columns);
    if most <= 0.0 || plot.height < 3 {
        return false;
    }
    let theme = scene.theme;
    let y = plot.bottom() - 1;
    let left = plot.x.saturating_sub(chart::GUTTER);
    text::put(buf, left, y, "failed", usize::from(chart::GUTTER - 2), theme.style(Role::Bad));
    text::put(buf, plot.x.saturating_sub(1), y, "│", 1, theme.style(Role::Faint));
    for (x, &(count, secs)) in (plot.left()..plot.right()).zip(&failed) {
        if let Some(level) = Heat::level_of(count, secs, most) {
            // As high as it is much: a row has one colour only.
            let eighths = (level * 7).div_ceil(HEAT_LEVELS - 1).clamp(1, 7);
            text::put(buf, x, y, EIGHTHS[eighths], 1, theme.style(Role::Bad));
        }
    }
    true
}

/// A row of the table.
#[derive(Clone)]
pub(crate) struct TableRow {
    /// What it is of.
    kind: &'static str,
    /// How it is called here.
    name: String,
    meaning: &'static str,
    count: u64,
    values: Option<Percentiles>,
}

/// The rows; what connections took is among them once it is known, in full where there `is_roomy`.
fn table_rows(scene: &Scene<'_>, is_roomy: bool) -> Vec<TableRow> {
    let totals = scene.session().totals();
    // Of the past a second is known, of the session what it has come to by now.
    let of = |kind: &'static str, meaning, latency: &Latency| TableRow {
        kind,
        name: format!("{kind}{}", scene.if_past(" now")),
        meaning,
        count: latency.count(),
        values: Percentiles::of(latency),
    };
    let last = scene.row.map_or(0, |row| row.outcomes.get(OutcomeKind::Ok));
    let mut rows = vec![
        TableRow {
            kind: "last second",
            name: scene.past().map_or("last second", |_| "this second").to_owned(),
            meaning: "due → OK answer",
            count: last,
            values: scene.row.and_then(|row| row.ok),
        },
        of("response", "due → OK, session", &totals.ok),
        of("failed", "due → failure, session", &totals.failed),
        of("service", "sent → OK, session", &totals.service),
        of("send lag", "due → our turn, session", &totals.send_lag),
    ];
    rows.retain(|row| row.kind != "failed" || row.count > 0);
    let connections = &totals.connections;
    let of_connections = [
        of("waiting", "due → a connection", &connections.slot_wait),
        of("connect", "name, TCP and TLS", &connections.connect),
        of("  dns", "its part for the name", &connections.dns),
        of("  tcp", "its part for TCP", &connections.tcp),
        of("  tls", "its part for TLS", &connections.tls),
    ];
    // On a small screen the curves need the room more than the parts do.
    let most = if is_roomy { of_connections.len() } else { 2 };
    rows.extend(of_connections.into_iter().take(most).filter(|row| row.count > 0));
    rows
}

/// Draws the table of percentiles.
fn table(buf: &mut Buffer, area: Rect, theme: Theme, rows: &[TableRow], objective: Duration) {
    const NAMES: [&str; 6] = ["p50", "p90", "p95", "p99", "p99.9", "max"];
    let label = theme.style(Role::Label);
    let longest = rows.iter().map(|row| text::columns(&row.name) + 1).max().unwrap_or(0);
    let name_width = longest.max(NAME_WIDTH);
    let meaning_width = if area.width >= 105 { MEANING_WIDTH } else { 0 };
    let mut put = |x: u16, y: u16, width: u16, words: &str, style| {
        let x = area.x + x;
        if x < area.right() && y < area.bottom() {
            text::put(buf, x, y, words, usize::from(width.min(area.right() - x)), style);
        }
    };
    put(0, area.y, name_width, "Percentiles", theme.style(Role::Title));
    let column = |at: usize| name_width + meaning_width + u16::try_from(at).unwrap_or(0) * NUMBER_WIDTH;
    for (at, name) in NAMES.into_iter().enumerate() {
        put(column(at), area.y, NUMBER_WIDTH, name, label);
    }
    put(column(NAMES.len()), area.y, NUMBER_WIDTH, "count", label);
    for (y, row) in (area.y + 1..).zip(rows) {
        put(0, y, name_width, &row.name, theme.style(Role::Text));
        put(name_width, y, meaning_width, row.meaning, label);
        let values = row.values.map(|v| [v.p50, v.p90, v.p95, v.p99, v.p999, v.max]);
        for at in 0..NAMES.len() {
            let value = values.map(|values| values[at]);
            let role = if value.is_some_and(|value| value > objective) { Role::Bad } else { Role::Text };
            put(column(at), y, NUMBER_WIDTH, &text::latency(value), theme.style(role));
        }
        put(column(NAMES.len()), y, NUMBER_WIDTH, &text::count(row.count), label);
    }
}
