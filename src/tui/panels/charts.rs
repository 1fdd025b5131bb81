//! The four charts of the overview: rate, latency, errors, instances, on one time axis.

use std::ops::Range;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::chart::steady::{self, Span, Towers};
use crate::chart::{Scale, counts, needed_shown};
use crate::instances::{Basis, CountSource, Counted};
use crate::session::state::Session;
use crate::text::as_millis;
use crate::timeline::{Column, Row};
use crate::tui::chart::{self, Area, Curve, Floor, Plot, Stroke};
use crate::tui::scale;
use crate::tui::scene::Scene;
use crate::tui::series::{self, Points};
use crate::tui::text::{self, Piece};
use crate::tui::theme::Role;
use scaletop_load::{OutcomeCounts, OutcomeKind};
use scaletop_units::Elapsed;

/// What a scale has to hold of a value of each second, with its memory. Two targets have one scale.
fn held(scene: &Scene<'_>, towers: Towers, value: impl Fn(&Row) -> Option<f64>) -> f64 {
    let end = scene.axis.end().second();
    let most = |session: &Session| {
        let rows = session.timeline().rows().iter().take_while(|row| row.second < end);
        let span = |row: &Row| Some(Span { second: row.second, length: row.span.max(1), value: value(row)? });
        let spans: Vec<Span> = rows.filter_map(span).collect();
        steady::most(&spans, scene.axis.window(), towers)
    };
    scene.state.halves().each().map(|(_, half)| most(half)).fold(0.0, f64::max)
}

/// A count of a second as a rate.
fn rate_of(row: &Row, count: u64) -> f64 {
    count as f64 / f64::from(row.span.max(1))
}

/// A linear plot of rates or latencies, with its ticks.
fn linear(area: Rect, most: f64, least: f64) -> (Scale, Vec<f64>) {
    let scale = Scale::linear(most * 1.04, least);
    (scale, scale::labels(scale, chart::plot_area(area).height))
}

/// Target, sent, ok and failed together: what was asked for, what left, how it was answered.
///
/// From the least to the most important: OK as an area, what failed stacked on it, sent, target.
pub(crate) fn rate(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let sent_stroke = apart(scene, Stroke::Dashed);
    let failed = |column: &Column| column.per_second(column.outcomes.failed());
    let ok = scene.columns.points(Column::ok_rate);
    // Where nothing failed there is no area.
    let answered = scene
        .columns
        .points(|column| failed(column).filter(|&n| n > 0.0).and(column.per_second(column.outcomes.total())));
    let areas = vec![
        Area { from: Floor::Bottom, until: ok.clone(), role: Role::Ok },
        Area { from: Floor::On(ok), until: answered, role: Role::Bad },
    ];
    let curves = vec![
        Curve::new(scene.columns.points(Column::sent_rate), sent_stroke, Role::Sent),
        Curve::new(scene.columns.points(Column::target), Stroke::Solid, Role::Target),
    ];
    let theme = scene.theme;
    let now = |count: fn(&Row) -> u64| text::per_second(scene.row.map(|row| rate_of(row, count(row))));
    let target = text::per_second(scene.row.map(|row| f64::from(row.target.get())));
    let failed_now = now(|row| row.outcomes.failed());
    let mut pieces = vec![
        chart::legend(theme, 0, Stroke::Solid, Role::Target, "target", &target),
        chart::legend(theme, 1, sent_stroke, Role::Sent, "sent", &now(|row| row.sent)),
        chart::legend(theme, 0, Stroke::Area, Role::Ok, "ok", &now(|row| row.outcomes.get(OutcomeKind::Ok))),
    ];
    if failed_now != "0" && failed_now != "–" {
        pieces.push(chart::legend(theme, 0, Stroke::Area, Role::Bad, "failed", &failed_now));
    }
    pieces.push(Piece::new(4, "requests/s", theme.style(Role::Label)));
    chart::title(buf, area, theme, "Rate", pieces);
    let most = held(scene, Towers::Marked, |row| {
        let most = row.sent.max(row.outcomes.total());
        Some(rate_of(row, most).max(f64::from(row.target.get())))
    });
    let (scale, ticks) = linear(area, most, 10.0);
    chart::plot(buf, area, theme, &Plot { scale, ticks, unit: scale::rate_label, areas, curves });
}

/// A solid line where colour tells it from its neighbours, else another stroke.
fn apart(scene: &Scene<'_>, otherwise: Stroke) -> Stroke {
    if scene.theme.has_color() { Stroke::Solid } else { otherwise }
}

/// p50 and p99 of OK answers as a band, the latency of failures and the oldest request in flight apart from them, against the
/// objective.
///
/// From the least to the most important: the band, the objective, the oldest, failures, p50, p99.
pub(crate) fn latency(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let (theme, ui) = (scene.theme, scene.state.ui());
    let limits = objectives(scene);
    let points = |pick: fn(&Column) -> Option<Duration>| -> Points {
        scene.columns.points(|column| pick(column).map(as_millis))
    };
    let (p50, p99) = if ui.service_time {
        (points(|column| column.service_p50), points(|column| column.service_p99))
    } else {
        (points(|column| column.p50), points(|column| column.p99))
    };
    let areas = vec![Area { from: Floor::At(p50.clone()), until: p99.clone(), role: Role::P99 }];
    let mut curves = vec![Curve::new(limits.clone(), Stroke::Dotted, Role::Slo)];
    if !ui.service_time {
        curves.push(Curve::new(points(|column| column.oldest), Stroke::Dashed, Role::Oldest));
    }
    let p50_stroke = apart(scene, Stroke::DashDot);
    let failed = if ui.service_time { Points::new() } else { points(|column| column.failed_p99) };
    let has_failures = failed.iter().any(Option::is_some);
    if has_failures {
        curves.push(Curve::new(failed, Stroke::Dotted, Role::OtherErrors));
    }
    curves.push(Curve::new(p50, p50_stroke, Role::P50));
    let shown = || limits.iter().flatten().copied();
    let limits_shown = shown().fold(f64::INFINITY, f64::min)..shown().fold(0.0, f64::max);
    curves.push(Curve { alarm: Some(limits), ..Curve::new(p99, Stroke::Solid, Role::P99) });
    let late: Vec<usize> =
        scene.columns.by_cell().enumerate().filter(|(_, cell)| cell.is_late).map(|(x, _)| x).collect();
    chart::title(buf, area, theme, "Latency", latency_legend(scene, p50_stroke, has_failures, !late.is_empty()));
    let (scale, ticks) = latency_scale(scene, area, &limits_shown);
    chart::plot(buf, area, theme, &Plot { scale, ticks, unit: scale::millis_label, areas, curves });
    chart::shade(buf, area, theme, &late);
}

/// The latencies of a second that the chart shows, in milliseconds.
fn latencies_of(row: &Row, service_time: bool) -> impl Iterator<Item = f64> + use<> {
    let ok = row.ok.filter(|_| !row.is_late());
    let failed = row.failed.filter(|_| !row.is_late());
    let shown = if service_time {
        [row.service_p50, row.service_p99, None, None]
    } else {
        [ok.map(|ok| ok.p50), ok.map(|ok| ok.p99), failed.map(|failed| failed.p99), row.oldest_in_flight]
    };
    shown.into_iter().flatten().map(as_millis).filter(|&ms| ms > 0.0)
}

/// Below this only OK answers stretch a logarithmic scale, in milliseconds.
const FLOOR_MS: f64 = 1.0;

/// The latency of the objective that each dot column is judged by, in milliseconds.
fn objectives(scene: &Scene<'_>) -> Points {
    let objectives = scene.state.session().objectives();
    let mut points: Points = vec![None; scene.axis.dots()];
    for (from, slo) in objectives.all() {
        let second = Elapsed::from_secs(from.into());
        // The first one is the level of the whole chart, of what came before the session, too.
        let first = if from == 0 { 0 } else { scene.axis.dots_of(second, second + Duration::from_secs(1)).start };
        points[first..].fill(Some(as_millis(slo.latency)));
    }
    points
}

/// The scale, with room for the objectives that are shown, `limits`.
fn latency_scale(scene: &Scene<'_>, area: Rect, limits: &Range<f64>) -> (Scale, Vec<f64>) {
    let service_time = scene.state.ui().service_time;
    let most = |row: &Row| latencies_of(row, service_time).reduce(f64::max);
    if scene.state.ui().linear_latency {
        // The objective does not stretch it: where it is off the scale it is marked there.
        return linear(area, held(scene, Towers::Marked, most), 1.0);
    }
    let top = held(scene, Towers::Held, most).max(limits.end);
    // Refusals that come within a millisecond do not press what is answered into the upper rows: they are marked at the border.
    let least = |row: &Row| latencies_of(row, service_time).map(|ms| ms.max(FLOOR_MS)).reduce(f64::min);
    let least_ok = |row: &Row| if service_time { row.service_p50 } else { row.ok.map(|ok| ok.p50) }.map(as_millis);
    let slowness = |least: &dyn Fn(&Row) -> Option<f64>| {
        held(scene, Towers::Held, |row| least(row).filter(|&ms| ms > 0.0).map(f64::recip))
    };
    let fastest = slowness(&least).max(slowness(&least_ok));
    let bottom = if fastest > 0.0 { fastest.recip().min(limits.start) } else { limits.start / 10.0 };
    let scale = Scale::log(bottom, top);
    (scale, scale::labels(scale, chart::plot_area(area).height))
}

fn latency_legend(scene: &Scene<'_>, p50_stroke: Stroke, has_failures: bool, is_late: bool) -> Vec<Piece> {
    let (theme, service_time) = (scene.theme, scene.state.ui().service_time);
    let slo = scene.session().objective_at(scene.past_second());
    let current = |pick: fn(&Row) -> Option<Duration>| scene.row.and_then(pick);
    let (now50, now99) = if service_time {
        (current(|row| row.service_p50), current(|row| row.service_p99))
    } else {
        (current(|row| row.ok.map(|ok| ok.p50)), current(|row| row.ok.map(|ok| ok.p99)))
    };
    let role99 = if now99.is_some_and(|p99| p99 > slo.latency) { Role::Bad } else { Role::P99 };
    let mut pieces = vec![
        chart::legend(theme, 0, Stroke::Solid, role99, "p99", &text::latency(now99)),
        chart::legend(theme, 1, p50_stroke, Role::P50, "p50", &text::latency(now50)),
    ];
    if !service_time {
        let oldest = text::latency(current(|row| row.oldest_in_flight));
        pieces.push(chart::legend(theme, 3, Stroke::Dashed, Role::Oldest, "oldest in flight", &oldest));
    }
    if has_failures {
        let failed = text::latency(current(|row| row.failed.map(|failed| failed.p99)));
        pieces.push(chart::legend(theme, 2, Stroke::Dotted, Role::OtherErrors, "failed p99", &failed));
    }
    if is_late {
        pieces.push(Piece::new(2, "▒", theme.style(Role::Faint)).and(" late: not measured", theme.style(Role::Label)));
    }
    let name = format!("{} ≤", slo.percentile_name());
    pieces.push(chart::legend(theme, 4, Stroke::Dotted, Role::Slo, &name, &text::latency(Some(slo.latency))));
    let kind = if service_time { "service time (sent → OK answer)" } else { "response time (due → OK answer)" };
    let kind = format!("{kind}, {}", if scene.state.ui().linear_latency { "linear" } else { "log" });
    pieces.push(Piece::new(if service_time { 1 } else { 5 }, kind, theme.style(Role::Label)));
    pieces
}

/// What a layer counts of outcomes and dropped arrivals.
type Count = fn(&OutcomeCounts, u64) -> u64;

/// The layers of the chart of errors, from the bottom, as those of the report.
const LAYERS: [(Role, &str, Count); 4] = [
    (Role::Status429, "429", |outcomes, _| outcomes.get(OutcomeKind::Http429)),
    (Role::Status5xx, "5xx", |outcomes, _| server_errors(outcomes)),
    (Role::OtherErrors, "other", |outcomes, _| {
        outcomes.failed() - outcomes.get(OutcomeKind::Http429) - server_errors(outcomes)
    }),
    (Role::Dropped, "dropped", |_, dropped| dropped),
];

/// Answers with a status from 500 on.
fn server_errors(outcomes: &OutcomeCounts) -> u64 {
    outcomes.get(OutcomeKind::Http5xxCapacity) + outcomes.get(OutcomeKind::Http5xxApplication)
}

/// 429, 5xx, other failures and dropped arrivals, stacked.
pub(crate) fn errors(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
    chart::title(buf, area, theme, "Errors", error_legend(scene));
    let mut areas: Vec<Area> = Vec::new();
    let mut below: Option<Points> = None;
    for (at, (role, _, count)) in LAYERS.iter().enumerate() {
        let count = |column: &Column| count(&column.outcomes, column.dropped());
        // A layer of nothing covers nothing and lifts nothing.
        if !scene.columns.any(|column| count(column) > 0) {
            continue;
        }
        let upto =
            |column: &Column| LAYERS[..=at].iter().map(|(_, _, count)| count(&column.outcomes, column.dropped())).sum();
        let until = scene.columns.points(|column| column.per_second(upto(column)).filter(|_| count(column) > 0));
        areas.push(Area { from: below.take().map_or(Floor::Bottom, Floor::On), until, role: *role });
        below = Some(scene.columns.points(|column| column.per_second(upto(column))));
    }
    let most = held(scene, Towers::Marked, |row| Some(rate_of(row, row.outcomes.failed() + row.dropped())));
    let (scale, ticks) = linear(area, most / 1.04, 10.0);
    chart::plot(buf, area, theme, &Plot { scale, ticks, unit: scale::rate_label, areas, curves: Vec::new() });
}

fn error_legend(scene: &Scene<'_>) -> Vec<Piece> {
    let theme = scene.theme;
    let mut pieces: Vec<Piece> = LAYERS
        .iter()
        .map(|(role, name, count)| {
            let value = text::per_second(scene.row.map(|row| rate_of(row, count(&row.outcomes, row.dropped()))));
            // What is zero is not coloured: colour means that something is wrong.
            let of_value = if value == "0" || value == "–" { Role::Label } else { *role };
            let bold = theme.style(of_value).add_modifier(ratatui::style::Modifier::BOLD);
            chart::swatch(theme, u8::from(*role != Role::Status429), Stroke::Area, *role)
                .and(format!(" {name} "), theme.style(Role::Label))
                .and(value, bold)
        })
        .collect();
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
            .map(|&(kind, count)| format!("{} × {}", text::per_second(Some(rate_of(row, count))), kind.label()))
            .collect();
        if !words.is_empty() {
            pieces.push(Piece::new(2, words.join(", "), theme.style(Role::Label)));
        }
    }
    pieces.push(Piece::new(4, "per second", theme.style(Role::Label)));
    pieces
}

/// One step line per basis, what is needed, and the limits.
///
/// From the least to the most important: responding as an area, limits, needed, what the platform counts, responding as a line.
pub(crate) fn instances(buf: &mut Buffer, area: Rect, scene: &Scene<'_>) {
    let theme = scene.theme;
    let session = scene.session();
    let mut curves = Vec::new();
    for limit in [session.limits().max, session.limits().min.filter(|&min| min > 1)].into_iter().flatten() {
        curves.push(Curve::level(f64::from(limit), &scene.axis, Role::Limit));
    }
    curves.push(Curve::new(scene.columns.points(|column| column.needed.map(f64::from)), Stroke::Dashed, Role::Needed));
    for basis in Basis::ALL.into_iter().filter(|&basis| basis != Basis::Responding) {
        let Some(observations) = session.observations().get(&basis).filter(|observations| !observations.is_empty())
        else {
            continue;
        };
        let (role, stroke) = basis_look(basis);
        let counts = series::counts(observations, &scene.axis);
        curves.extend([Curve::new(counts.provisional, Stroke::Dotted, role), Curve::new(counts.settled, stroke, role)]);
    }
    let responding = scene.columns.points(|column| column.responding.map(f64::from));
    curves.push(Curve::new(responding.clone(), Stroke::Solid, Role::Responding));
    chart::title(buf, area, theme, "Instances", instance_legend(scene));
    // Two targets have one scale.
    let limits = scene.state.halves().each().filter_map(|(_, half)| half.limits().max.map(f64::from));
    let limit = limits.reduce(f64::max);
    let most = most_counted(scene).max(limit.unwrap_or(0.0)).max(held(scene, Towers::Held, |row| {
        let needed = row.needed.map(|needed| needed_shown(f64::from(needed), limit));
        [needed, row.responding.map(f64::from)].into_iter().flatten().reduce(f64::max)
    }));
    let (scale, ticks) = counts(most, usize::from(chart::plot_area(area).height.saturating_sub(1) / 2).max(1));
    let areas = vec![Area { from: Floor::Bottom, until: responding, role: Role::Responding }];
    chart::plot(buf, area, theme, &Plot { scale, ticks, unit: scale::count_label, areas, curves });
}

/// How many answer, how many the platform counts, how many are needed, and how many there may be.
pub(crate) fn instance_legend(scene: &Scene<'_>) -> Vec<Piece> {
    let (theme, session) = (scene.theme, scene.session());
    let number = |count: Option<u32>| count.map_or_else(|| "–".to_owned(), |count| text::count(count.into()));
    let responding = number(scene.row.and_then(|row| row.responding));
    let mut pieces =
        vec![chart::legend(theme, 0, Stroke::Area, Role::Responding, Basis::Responding.label(), &responding)];
    let is_counted = |basis: &Basis| session.observations().get(basis).is_some_and(|seen| !seen.is_empty());
    let platforms = Basis::ALL.into_iter().filter(|&basis| basis != Basis::Responding).filter(is_counted);
    pieces.extend(platforms.map(|basis| basis_legend(scene, basis)));
    let needed = number(scene.row.and_then(|row| row.needed));
    pieces.push(chart::legend(theme, 1, Stroke::Dashed, Role::Needed, "needed", &needed));
    if let Some(max) = session.limits().max {
        let range = session.limits().min.map_or_else(|| max.to_string(), |min| format!("{min}–{max}"));
        pieces.push(chart::legend(theme, 2, Stroke::Dotted, Role::Limit, "limits", &range));
    }
    if let Some(concurrency) = session.limits().concurrency {
        pieces.push(Piece::new(4, format!("{concurrency} at a time each"), theme.style(Role::Label)));
    }
    pieces
}

/// The most that a platform counts of what is shown.
fn most_counted(scene: &Scene<'_>) -> f64 {
    let all = scene.state.halves().each().flat_map(|(_, half)| half.observations());
    let counted = all.filter(|(basis, _)| **basis != Basis::Responding).flat_map(|(_, observations)| {
        let counts = series::counts(observations, &scene.axis);
        [counts.settled, counts.provisional]
    });
    counted.flatten().flatten().fold(0.0, f64::max)
}

/// The latest count of a platform's basis, with its age when it is not of this moment.
fn basis_legend(scene: &Scene<'_>, basis: Basis) -> Piece {
    let (role, stroke) = basis_look(basis);
    let observations = &scene.session().observations()[&basis];
    let Some(latest) = series::latest_count(observations, scene.moment()) else {
        return chart::legend(scene.theme, 1, stroke, role, basis.label(), "–");
    };
    let piece = chart::legend(scene.theme, 1, stroke, role, basis.label(), &text::count(latest.count.into()));
    let age = scene.moment().saturating_since(latest.as_of + latest.uncertainty);
    if age > Duration::from_secs(10) {
        return piece.and(format!(" {} ago", text::age(age)), scene.style(Role::Label));
    }
    piece
}

/// The role and the stroke of a basis: those of one platform differ in both, those of a source that the user named have a color
/// each, and the strokes of what they count.
pub(crate) const fn basis_look(basis: Basis) -> (Role, Stroke) {
    match basis {
        Basis::Responding => (Role::Responding, Stroke::Area),
        Basis::Active => (Role::Active, Stroke::Solid),
        Basis::Running => (Role::Running, Stroke::Solid),
        Basis::Desired => (Role::Desired, Stroke::DashDot),
        Basis::Pending => (Role::Pending, Stroke::Dotted),
        Basis::By(source, counted) => {
            let role = match source {
                CountSource::Command => Role::Command,
                CountSource::Url => Role::Url,
                CountSource::Prometheus => Role::Prometheus,
            };
            let stroke = match counted {
                Counted::Running => Stroke::Solid,
                Counted::Desired => Stroke::DashDot,
                Counted::Pending => Stroke::Dotted,
            };
            (role, stroke)
        }
    }
}
