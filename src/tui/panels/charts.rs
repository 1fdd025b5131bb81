//! The four charts of the overview: rate, latency, errors, instances, on one time axis.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::chart::Scale;
use crate::instances::Basis;
use crate::text::as_millis;
use crate::timeline::{Column, Row};
use crate::tui::chart::{self, Curve, Stroke};
use crate::tui::scale;
use crate::tui::scene::Scene;
use crate::tui::series::{self, Points};
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;
use scaletop_load::{OutcomeClass, OutcomeKind};

/// Eighths of a cell, from below.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Target, sent and ok together: what was asked for, what left, what was answered well.
pub(crate) fn rate(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let sent_stroke = apart(scene, Stroke::Dashed);
    let curves = [
        Curve::new(scene.columns.points(Column::ok_rate), Stroke::Area, Role::Ok),
        Curve::new(scene.columns.points(Column::sent_rate), sent_stroke, Role::Sent),
        Curve::new(scene.columns.points(Column::target), Stroke::Solid, Role::Target),
    ];
    let now =
        |count: fn(&Row) -> u64| text::per_second(scene.row.map(|row| count(row) as f64 / f64::from(row.span.max(1))));
    let theme = scene.theme;
    let target = text::per_second(scene.row.map(|row| f64::from(row.target.get())));
    let pieces = vec![
        chart::legend(theme, 0, Stroke::Solid, Role::Target, "target", &target),
        chart::legend(theme, 1, sent_stroke, Role::Sent, "sent", &now(|row| row.sent)),
        Piece::new(3, "done ", theme.style(Role::Label)).and(now(|row| row.outcomes.total()), theme.style(Role::Text)),
        chart::legend(theme, 0, Stroke::Area, Role::Ok, "ok", &now(|row| row.outcomes.get(OutcomeKind::Ok))),
        Piece::new(4, "requests/s", theme.style(Role::Label)),
    ];
    chart::title(buf, area, theme, "Rate", pieces);
    let max = curves.iter().map(Curve::max).fold(0.0, f64::max);
    chart::plot(buf, area, theme, Scale::linear(max * 1.04, 10.0), scale::rate_label, &curves);
}

/// A solid line where colour tells it from its neighbours, else another stroke.
fn apart(scene: &Scene<'_>, otherwise: Stroke) -> Stroke {
    if scene.theme.has_color() { Stroke::Solid } else { otherwise }
}

/// p50, p99 and the oldest request in flight against the objective.
pub(crate) fn latency(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let (theme, ui) = (scene.theme, scene.state.ui());
    let slo = scene.state.session().header().settings.slo;
    let limit = as_millis(slo.latency);
    let points = |pick: fn(&Column) -> Option<Duration>| -> Points {
        scene.columns.points(|column| pick(column).map(as_millis))
    };
    let (p50, p99) = if ui.service_time {
        (points(|column| column.service_p50), points(|column| column.service_p99))
    } else {
        (points(|column| column.p50), points(|column| column.p99))
    };
    let oldest = points(|column| column.oldest);
    let mut curves = vec![Curve::level(limit, &scene.axis, Role::Slo)];
    if !ui.service_time {
        curves.push(Curve::new(oldest, Stroke::Dashed, Role::Oldest));
    }
    let p50_stroke = apart(scene, Stroke::Dotted);
    let failed = if ui.service_time { Points::new() } else { points(|column| column.failed_p99) };
    let has_failures = failed.iter().any(Option::is_some);
    if has_failures {
        curves.push(Curve::new(failed, Stroke::Dotted, Role::OtherErrors));
    }
    curves.push(Curve::new(p50, p50_stroke, Role::P50));
    curves.push(Curve { alarm: Some(limit), ..Curve::new(p99, Stroke::Solid, Role::P99) });
    let current = |pick: fn(&Row) -> Option<Duration>| scene.row.and_then(pick);
    let (now50, now99) = if ui.service_time {
        (current(|row| row.service_p50), current(|row| row.service_p99))
    } else {
        (current(|row| row.ok.map(|ok| ok.p50)), current(|row| row.ok.map(|ok| ok.p99)))
    };
    let role99 = if now99.is_some_and(|p99| p99 > slo.latency) { Role::Bad } else { Role::P99 };
    let mut pieces = vec![
        chart::legend(theme, 0, Stroke::Solid, role99, "p99", &text::latency(now99)),
        chart::legend(theme, 1, p50_stroke, Role::P50, "p50", &text::latency(now50)),
    ];
    if !ui.service_time {
        let oldest = text::latency(current(|row| row.oldest_in_flight));
        pieces.push(chart::legend(theme, 3, Stroke::Dashed, Role::Oldest, "oldest in flight", &oldest));
    }
    if has_failures {
        let failed = text::latency(current(|row| row.failed.map(|failed| failed.p99)));
        pieces.push(chart::legend(theme, 2, Stroke::Dotted, Role::OtherErrors, "failed p99", &failed));
    }
    let late: Vec<usize> =
        scene.columns.by_cell().enumerate().filter(|(_, cell)| cell.is_late).map(|(x, _)| x).collect();
    if !late.is_empty() {
        pieces.push(Piece::new(2, "▒", theme.style(Role::Warn)).and(" late: not measured", theme.style(Role::Label)));
    }
    let name = format!("{} ≤", slo.percentile_name());
    pieces.push(chart::legend(theme, 4, Stroke::Dotted, Role::Slo, &name, &text::latency(Some(slo.latency))));
    let kind = if ui.service_time { "service time (sent → OK answer)" } else { "response time (due → OK answer)" };
    pieces.push(Piece::new(if ui.service_time { 1 } else { 5 }, kind, theme.style(Role::Label)));
    chart::title(buf, area, theme, "Latency", pieces);
    let max = curves.iter().map(Curve::max).fold(0.0, f64::max);
    let scale = if ui.log_latency {
        let lowest = curves.iter().flat_map(|curve| curve.points.iter().flatten().copied()).filter(|&ms| ms > 0.0);
        Scale::log(lowest.fold(limit, f64::min), max)
    } else {
        Scale::linear(max * 1.04, 1.0)
    };
    chart::plot(buf, area, theme, scale, scale::millis_label, &curves);
    chart::shade(buf, area, theme, &late);
}

/// Capacity errors, other errors and dropped arrivals, stacked.
pub(crate) fn errors(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
    let columns: Vec<Column> = scene.columns.by_cell().collect();
    let total =
        |column: &Column| Some(column.capacity_error_rate()? + column.other_error_rate()? + column.dropped_rate()?);
    let max = columns.iter().filter_map(total).fold(0.0, f64::max);
    chart::title(buf, area, theme, "Errors", error_legend(scene));
    let scale = Scale::linear(max, 10.0);
    let plot = chart::plot_area(area);
    chart::gutter(buf, plot, theme, scale, scale::rate_label);
    for (x, column) in (plot.left()..plot.right()).zip(&columns) {
        let parts = [
            (column.capacity_error_rate(), Role::Capacity),
            (column.other_error_rate(), Role::OtherErrors),
            (column.dropped_rate(), Role::Dropped),
        ];
        bar(buf, plot, x, scale.top(), parts, scene);
    }
}

/// One stacked bar. What is there at all is at least an eighth high: a single error in a minute is seen.
fn bar(buf: &mut Buffer, plot: Rect, x: u16, max: f64, parts: [(Option<f64>, Role); 3], scene: &Scene<'_>) {
    let full = u64::from(plot.height) * 8;
    let mut sum = 0.0;
    let mut edges: Vec<(u64, Role)> = Vec::new();
    for (value, role) in parts {
        let value = value.unwrap_or(0.0);
        if value > 0.0 {
            sum += value;
            let below = edges.last().map_or(0, |(edge, _)| *edge);
            edges.push((text::whole(sum / max * full as f64).clamp(below + 1, full.max(below + 1)), role));
        }
    }
    for row in 0..plot.height {
        let (from, to) = (u64::from(row) * 8, u64::from(row) * 8 + 8);
        // The part that reaches into this row from below, and the one above it in the same row.
        let mut inside = edges.iter().filter(|(edge, _)| *edge > from);
        let Some(&(edge, role)) = inside.next() else { break };
        let y = plot.bottom() - 1 - row;
        let eighths = usize::try_from(edge.min(to) - from).unwrap_or(8);
        let mut style = scene.style(role);
        if let (Some(&(_, above)), true) = (inside.next(), edge < to && scene.theme.has_color()) {
            style = style.bg(scene.theme.color(above));
        }
        let symbol = match (scene.theme.has_color(), role) {
            (false, Role::OtherErrors) => "▒",
            (false, Role::Dropped) => "░",
            _ => EIGHTHS[eighths],
        };
        buf.set_string(x, y, symbol, style);
    }
}

fn error_legend(scene: &Scene<'_>) -> Vec<Piece> {
    let theme = scene.theme;
    let span = |row: &Row| f64::from(row.span.max(1));
    let now = |count: &dyn Fn(&Row) -> u64| text::per_second(scene.row.map(|row| count(row) as f64 / span(row)));
    let capacity = now(&|row| row.outcomes.of_class(OutcomeClass::Capacity));
    let other = now(&|row| row.outcomes.failed() - row.outcomes.of_class(OutcomeClass::Capacity));
    let dropped = now(&|row| row.dropped());
    let swatch = |rank, role, symbol: &str, name: &str, value: &str| {
        // What is zero is not coloured: colour means that something is wrong.
        let role_of_value = if value == "0" || value == "–" { Role::Label } else { role };
        Piece::new(rank, symbol, theme.style(role))
            .and(format!(" {name} "), theme.style(Role::Label))
            .and(value, theme.style(role_of_value).add_modifier(ratatui::style::Modifier::BOLD))
    };
    let symbols = if theme.has_color() { ["■", "■", "■"] } else { ["█", "▒", "░"] };
    let mut pieces = vec![
        swatch(0, Role::Capacity, symbols[0], "capacity", &capacity),
        swatch(1, Role::OtherErrors, symbols[1], "other", &other),
        swatch(1, Role::Dropped, symbols[2], "dropped", &dropped),
    ];
    if let Some(row) = scene.row {
        let mut kinds: Vec<(OutcomeKind, u64)> = OutcomeKind::ALL
            .into_iter()
            .filter(|&kind| kind != OutcomeKind::Ok)
            .map(|kind| (kind, row.outcomes.get(kind)))
            .filter(|&(_, count)| count > 0)
            .collect();
        kinds.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let words: Vec<String> = kinds
            .iter()
            .take(3)
            .map(|&(kind, count)| format!("{} × {}", text::per_second(Some(count as f64 / span(row))), kind.label()))
            .collect();
        if !words.is_empty() {
            pieces.push(Piece::new(2, words.join(", "), theme.style(Role::Label)));
        }
    }
    pieces.push(Piece::new(4, "per second", theme.style(Role::Label)));
    pieces
}

/// One step line per basis, what is needed, and the limits.
pub(crate) fn instances(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
    let session = &scene.state.session();
    let number = |count: Option<u32>| count.map_or_else(|| "–".to_owned(), |count| count.to_string());
    let mut curves = Vec::new();
    let mut pieces = Vec::new();
    let needed = scene.row.and_then(|row| row.needed);
    let responding = scene.row.and_then(|row| row.responding);
    pieces.push(chart::legend(
        theme,
        0,
        Stroke::Solid,
        Role::Responding,
        Basis::Responding.label(),
        &number(responding),
    ));
    for limit in [session.limits().max, session.limits().min.filter(|&min| min > 1)].into_iter().flatten() {
        curves.push(Curve::level(f64::from(limit), &scene.axis, Role::Limit));
    }
    let needs = scene.columns.points(|column| column.needed.map(f64::from));
    let shown_needs = clipped(&needs, session.limits().max);
    curves.push(Curve::new(shown_needs, Stroke::Dashed, Role::Needed));
    for basis in Basis::ALL.into_iter().filter(|&basis| basis != Basis::Responding) {
        let Some(observations) = session.observations().get(&basis).filter(|observations| !observations.is_empty())
        else {
            continue;
        };
        let role = basis_role(basis);
        let counts = series::counts(observations, &scene.axis);
        curves.push(Curve::new(counts.provisional, Stroke::Dotted, role));
        curves.push(Curve::new(counts.settled, Stroke::Solid, role));
        pieces.push(basis_legend(scene, basis, role));
    }
    curves.push(Curve::new(
        scene.columns.points(|column| column.responding.map(f64::from)),
        Stroke::Solid,
        Role::Responding,
    ));
    pieces.push(chart::legend(theme, 1, Stroke::Dashed, Role::Needed, "needed", &number(needed)));
    if let Some(max) = session.limits().max {
        let range = session.limits().min.map_or_else(|| max.to_string(), |min| format!("{min}–{max}"));
        pieces.push(chart::legend(theme, 2, Stroke::Dotted, Role::Limit, "limits", &range));
    }
    if let Some(concurrency) = session.limits().concurrency {
        pieces.push(Piece::new(4, format!("{concurrency} at a time each"), theme.style(Role::Label)));
    }
    chart::title(buf, area, theme, "Instances", pieces);
    let max = curves.iter().map(Curve::max).fold(0.0, f64::max);
    chart::plot(buf, area, theme, Scale::whole(max), scale::count_label, &curves);
}

/// The latest count of a platform's basis, with its age when it is not of this moment.
fn basis_legend(scene: &Scene<'_>, basis: Basis, role: Role) -> Piece {
    let observations = &scene.state.session().observations()[&basis];
    let Some(latest) = series::latest_count(observations, &scene.axis) else {
        return chart::legend(scene.theme, 1, Stroke::Solid, role, basis.label(), "–");
    };
    let piece = chart::legend(scene.theme, 1, Stroke::Solid, role, basis.label(), &latest.count.to_string());
    let age = scene.axis.end().saturating_since(latest.as_of + latest.uncertainty);
    if age > Duration::from_secs(10) {
        return piece.and(format!(" {} ago", text::age(age)), scene.style(Role::Label));
    }
    piece
}

/// Little's law may ask for hundreds when the service stalls; beyond twice the limit only that it is beyond matters.
fn clipped(needs: &Points, max: Option<u32>) -> Points {
    let Some(max) = max else { return needs.clone() };
    let most = f64::from(max) * 2.0;
    needs.iter().map(|need| need.map(|need| need.min(most))).collect()
}

/// The role of a basis.
pub(crate) const fn basis_role(basis: Basis) -> Role {
    match basis {
        Basis::Responding => Role::Responding,
        Basis::Active => Role::Active,
        Basis::Running => Role::Running,
        Basis::Desired => Role::Desired,
        Basis::Pending => Role::Pending,
    }
}
