//! The four charts of the overview, and the time axis they share.

use std::time::Duration;

use maud::{Markup, html};

use crate::chart::{needed_shown, ticks};
use crate::instances::Basis;
use crate::report::ink::ink;
use crate::report::moments::{moments, place, time_grid};
use crate::report::plot::{Frame, LEFT, WIDTH};
use crate::report::series::{FAILURES, Series};
use crate::session::state::Session;
use crate::text::{as_millis, exact_millis, plain, thousands};
use crate::timeline::{Column, Objectives};

/// Lines and bands are drawn in at most this many columns: about one a pixel.
const DRAWN: u32 = 900;

/// The height of a chart's plot, in the units of its view box.
const HEIGHT: f64 = 132.0;

/// Room above the plot.
const TOP: f64 = 6.0;

/// Room below the plot for the labels of the time axis.
const AXIS: f64 = 20.0;

/// One line or band.
struct Curve {
    /// Its name in the page's data and style sheet.
    key: &'static str,
    /// Its name for people.
    label: &'static str,
    path: String,
    is_band: bool,
}

/// This share of the width has room for the name of a level.
const ROOM_FOR_A_NAME: f64 = 0.25;

/// A level of a chart, from one second to another.
struct Level {
    value: f64,
    from: f64,
    until: f64,
    label: String,
}

struct Chart {
    title: &'static str,
    subtitle: String,
    ticks: Vec<(f64, String)>,
    curves: Vec<Curve>,
    frame: Frame,
    /// Levels that stand for themselves, such as the objective.
    levels: Vec<Level>,
}

/// All of them, on one time axis.
pub(super) fn overview(session: &Session, series: &Series) -> Markup {
    let seconds = f64::from(series.end().max(1));
    let drawn = [series.coarser(DRAWN)];
    let charts = all_of(session, 0, &drawn, seconds);
    let last = charts.len() - 1;
    html! {
        div #charts tabindex="0" aria-label="Charts on one time axis; arrow keys move the crosshair" {
            @for (at, chart) in charts.iter().enumerate() {
                (figure(session, chart, seconds, at == 0, at == last))
            }
        }
    }
}

/// Those of two targets, each beside the same one of the other: on one time axis and one scale.
pub(super) fn overview_of_two(sessions: [&Session; 2], series: [&Series; 2], names: &[String; 2]) -> Markup {
    let seconds = f64::from(series.iter().map(|series| series.end()).max().unwrap_or(0).max(1));
    let drawn = series.map(|series| series.coarser(DRAWN));
    let charts = [0, 1].map(|at| all_of(sessions[at], at, &drawn, seconds));
    let rows = charts.iter().map(Vec::len).max().unwrap_or(0);
    html! {
        div #charts tabindex="0" aria-label="Charts of both targets on one time axis; arrow keys move the crosshair" {
            div.two { @for name in names { h3.half { (name) } } }
            @for row in 0..rows {
                div.two {
                    @for at in [0, 1] {
                        div data-half=(at) {
                            @if let Some(chart) = charts[at].get(row) {
                                (figure(sessions[at], chart, seconds, row == 0, row + 1 == charts[at].len()))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The charts of one of the targets whose series are drawn. The scale of each holds those of all of them.
fn all_of(session: &Session, at: usize, drawn: &[Series], seconds: f64) -> Vec<Chart> {
    let mut charts = vec![
        rates(at, drawn, seconds),
        latencies(session, at, drawn, seconds),
        errors(at, drawn, seconds),
        instances(at, drawn, seconds),
    ];
    charts.extend(connections(at, drawn, seconds));
    charts
}

/// The columns of all series that share a scale.
fn columns(drawn: &[Series]) -> impl Iterator<Item = &Column> {
    drawn.iter().flat_map(|series| &series.columns)
}

/// The heights of the plot with its axis, for the view box.
fn view_box(with_axis: bool) -> String {
    format!("0 0 {} {}", WIDTH + 6.0, TOP + HEIGHT + if with_axis { AXIS } else { 6.0 })
}

fn figure(session: &Session, chart: &Chart, seconds: f64, names_steps: bool, has_axis: bool) -> Markup {
    let bottom = TOP + HEIGHT;
    html! {
        figure.chart {
            figcaption {
                h3 { (chart.title) " " small { (chart.subtitle) } }
                ul.legend {
                    @for curve in &chart.curves {
                        li class=(curve.key) { i { (sample(curve.key)) } (curve.label) " " b data-v=(curve.key) {} }
                    }
                }
            }
            svg viewBox=(view_box(has_axis)) role="img" aria-label=(chart.title) {
                @for (value, label) in &chart.ticks {
                    @let y = place(chart.frame.y(*value));
                    line.grid stroke=(ink("faint")) x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                    text.tick.y fill=(ink("soft")) font-size="11" text-anchor="end" x=(LEFT - 7.0) y=(y) dy=".35em" { (label) }
                }
                (time_grid(chart.frame, seconds, bottom, has_axis))
                @for curve in chart.curves.iter().filter(|curve| !curve.path.is_empty()) {
                    @if curve.is_band {
                        path class={ "band " (curve.key) } fill=(ink(curve.key)) fill-opacity=".85" d=(curve.path) {}
                    } @else {
                        path class={ "line " (curve.key) } fill="none" stroke=(ink(curve.key)) stroke-width="1.5" d=(curve.path) {}
                    }
                }
                @for level in &chart.levels {
                    @let (y, x1, x2) = (place(chart.frame.y(level.value)), place(chart.frame.x(level.from)), place(chart.frame.x(level.until)));
                    line.level stroke=(ink("level")) stroke-dasharray="6 4" x1=(x1) x2=(x2) y1=(y) y2=(y) {}
                    text.tick.levelname fill=(ink("level")) font-size="11" text-anchor="end" x=(place(chart.frame.x(level.until) - 3.0)) y=(y) dy="-.35em" { (level.label) }
                }
                (moments(session, chart.frame, bottom, names_steps))
                line.cross stroke="none" x1="-9" x2="-9" y1=(TOP) y2=(bottom) {}
            }
        }
    }
}

/// How a curve looks, in its legend where the style sheet is blocked.
fn sample(key: &str) -> Markup {
    html! { svg width="13" height="8" aria-hidden="true" { rect width="13" height="8" fill=(ink(key)) {} } }
}

fn ms(duration: Option<Duration>) -> Option<f64> {
    duration.map(as_millis)
}

/// Seconds in the middle of a column, where a line's point belongs.
fn points<'a>(
    series: &'a Series,
    read: impl Fn(&Column) -> Option<f64> + 'a,
) -> impl Iterator<Item = (f64, Option<f64>)> + 'a {
    let half = f64::from(series.span.max(1)) / 2.0;
    series.columns.iter().map(move |column| (f64::from(column.second) + half, read(column)))
}

fn starts<'a>(
    series: &'a Series,
    read: impl Fn(&Column) -> Option<f64> + 'a,
) -> impl Iterator<Item = (f64, Option<f64>)> + 'a {
    series.columns.iter().map(move |column| (f64::from(column.second), read(column)))
}

fn most(values: impl Iterator<Item = Option<f64>>) -> f64 {
    values.flatten().fold(0.0, f64::max)
}

fn labelled(ticks: Vec<f64>) -> Vec<(f64, String)> {
    ticks.into_iter().map(|tick| (tick, thousands(plain(tick)))).collect()
}

fn rates(at: usize, drawn: &[Series], seconds: f64) -> Chart {
    let series = &drawn[at];
    let (target, sent, ok) = (Column::target, Column::sent_rate, Column::ok_rate);
    let all = columns(drawn).flat_map(|column| [target(column), sent(column), ok(column)]);
    let (scale, ticks) = ticks::linear(most(all), false);
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale };
    let span = f64::from(series.span.max(1));
    Chart {
        title: "Rate",
        subtitle: "requests per second".to_owned(),
        ticks: labelled(ticks),
        curves: vec![
            Curve { key: "target", label: "target", path: frame.stairs(starts(series, target), span), is_band: false },
            Curve { key: "sent", label: "sent", path: frame.line(points(series, sent), span), is_band: false },
            Curve { key: "ok", label: "ok", path: frame.line(points(series, ok), span), is_band: false },
        ],
        frame,
        levels: Vec::new(),
    }
}

fn latencies(session: &Session, at: usize, drawn: &[Series], seconds: f64) -> Chart {
    let series = &drawn[at];
    let objectives = session.objectives();
    let millis = || objectives.all().map(|(_, slo)| as_millis(slo.latency));
    let (strictest, loosest) = (millis().fold(f64::INFINITY, f64::min), millis().fold(0.0, f64::max));
    let p50 = |column: &Column| ms(column.p50);
    let p99 = |column: &Column| ms(column.p99);
    let failed = |column: &Column| ms(column.failed_p99);
    let oldest = |column: &Column| ms(column.oldest);
    let all = || columns(drawn).flat_map(|column| [p50(column), p99(column), failed(column)]).flatten();
    let least = all().filter(|&value| value > 0.0).fold(strictest, f64::min);
    // Room above the objective, so that its name fits.
    let greatest = most(columns(drawn).map(oldest)).max(all().fold(loosest * 1.5, f64::max));
    let (scale, ticks) = ticks::log(least * 0.9, greatest);
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale };
    let span = f64::from(series.span.max(1));
    let line = |read: &dyn Fn(&Column) -> Option<f64>| frame.line(points(series, read), span);
    let ticks = ticks.into_iter().map(|tick| (tick, exact_millis(tick))).collect();
    let mut curves = Vec::new();
    if series.columns.iter().any(|column| column.is_late) {
        let ends = |column: &Column| if column.is_late { greatest } else { least * 0.9 };
        let band = series.columns.iter().map(|column| (f64::from(column.second), least * 0.9, ends(column)));
        curves.push(Curve {
            key: "late",
            label: "we were late: not measured",
            path: frame.band(band, span),
            is_band: true,
        });
    }
    curves.push(Curve { key: "oldest", label: "oldest in flight", path: line(&oldest), is_band: false });
    curves.push(Curve { key: "p50", label: "p50 (OK)", path: line(&p50), is_band: false });
    curves.push(Curve { key: "p99", label: "p99 (OK)", path: line(&p99), is_band: false });
    if series.columns.iter().any(|column| column.failed_p99.is_some()) {
        curves.push(Curve { key: "fp99", label: "p99 (failed)", path: line(&failed), is_band: false });
    }
    Chart {
        title: "Response time",
        subtitle: "from the moment a request was due; logarithmic".to_owned(),
        ticks,
        curves,
        frame,
        levels: objective_levels(objectives, seconds),
    }
}

/// The objective, each as far as it held. Of short ones only the last has room for its name.
fn objective_levels(objectives: &Objectives, seconds: f64) -> Vec<Level> {
    let all: Vec<_> = objectives.all().collect();
    let until = |at: usize| all.get(at + 1).map_or(seconds, |(next, _)| f64::from(*next));
    let mut levels = Vec::new();
    for (at, (from, slo)) in all.iter().enumerate() {
        let (from, until) = (f64::from(*from), until(at));
        let has_room = at + 1 == all.len() || (until - from) / seconds.max(1.0) > ROOM_FOR_A_NAME;
        let label = if has_room { format!("objective: {slo}") } else { String::new() };
        levels.push(Level { value: as_millis(slo.latency), from, until, label });
    }
    levels
}

/// A layer of the chart of errors: its name in the style sheet, its name for people, how much of it a column has.
struct Layer {
    key: &'static str,
    label: &'static str,
    read: Box<dyn Fn(&Column) -> u64>,
}

fn layers() -> Vec<Layer> {
    let mut layers: Vec<Layer> = FAILURES
        .iter()
        .map(|&(key, label, kinds)| Layer { key, label, read: Box::new(|column| column.of_kinds(kinds)) })
        .collect();
    layers.push(Layer { key: "dcap", label: "dropped at cap", read: Box::new(|column| column.dropped_cap) });
    layers.push(Layer { key: "dlate", label: "dropped late", read: Box::new(|column| column.dropped_late) });
    let read = Box::new(|column: &Column| column.dropped_connections);
    layers.push(Layer { key: "dconn", label: "dropped for want of a connection", read });
    layers
}

fn errors(at: usize, drawn: &[Series], seconds: f64) -> Chart {
    let series = &drawn[at];
    let mut layers = layers();
    layers.retain(|layer| columns(drawn).any(|column| (layer.read)(column) > 0));
    let height = |column: &Column, upto: usize| {
        let sum = layers[..upto].iter().map(|layer| (layer.read)(column)).sum();
        column.per_second(sum).unwrap_or(0.0)
    };
    let (scale, ticks) = ticks::linear(most(columns(drawn).map(|column| Some(height(column, layers.len())))), false);
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale };
    let span = f64::from(series.span.max(1));
    let curves = layers.iter().enumerate().map(|(at, layer)| {
        let band = series.columns.iter().map(|c| (f64::from(c.second), height(c, at), height(c, at + 1)));
        Curve { key: layer.key, label: layer.label, path: frame.band(band, span), is_band: true }
    });
    let curves: Vec<_> = curves.collect();
    let subtitle = if curves.is_empty() { "none" } else { "per second, stacked" };
    Chart {
        title: "Errors and drops",
        subtitle: subtitle.to_owned(),
        ticks: labelled(ticks),
        curves,
        frame,
        levels: Vec::new(),
    }
}

/// How many connections were open; `None` when nobody says.
fn connections(at: usize, drawn: &[Series], seconds: f64) -> Option<Chart> {
    let series = &drawn[at];
    let open = |column: &Column| column.open.map(|open| open as f64);
    if series.columns.iter().all(|column| column.open.is_none()) {
        return None;
    }
    let (scale, ticks) = ticks::linear(most(columns(drawn).map(open)), true);
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale };
    let path = frame.stairs(starts(series, open), f64::from(series.span.max(1)));
    Some(Chart {
        title: "Connections",
        subtitle: "open at the end of each second: the generator's own".to_owned(),
        ticks: labelled(ticks),
        curves: vec![Curve { key: "open", label: "open", path, is_band: false }],
        frame,
        levels: Vec::new(),
    })
}

fn instances(at: usize, drawn: &[Series], seconds: f64) -> Chart {
    type Read = Box<dyn Fn(&Column) -> Option<u32>>;
    let series = &drawn[at];
    let mut kinds: Vec<(&str, &str, Read)> = vec![
        ("needed", "needed", Box::new(|column| column.needed)),
        ("desired", "desired", Box::new(|column| column.counts.desired)),
        ("active", "active", Box::new(|column| column.counts.active)),
        ("running", "running", Box::new(|column| column.counts.running)),
    ];
    kinds.extend(Basis::NAMED.iter().enumerate().map(|(at, basis)| -> (&str, &str, Read) {
        (basis.key(), basis.label(), Box::new(move |column| column.counts.named[at]))
    }));
    kinds.push(("responding", "responding", Box::new(|column| column.responding)));
    kinds.push(("max", "limit", Box::new(|column| column.counts.max)));
    kinds.retain(|(_, _, read)| columns(drawn).any(|column| read(column).is_some()));
    // What is needed beyond twice the limit is off the scale, as on the screen.
    let shown = |key: &str, column: &Column, count: u32| match key {
        "needed" => needed_shown(f64::from(count), column.counts.max.map(f64::from)),
        _ => f64::from(count),
    };
    let all = columns(drawn)
        .flat_map(|column| kinds.iter().map(move |(key, _, read)| read(column).map(|count| shown(key, column, count))));
    let (scale, ticks) = ticks::linear(most(all), true);
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale };
    let span = f64::from(series.span.max(1));
    // What is counted of the other target alone is no line here.
    let curves = kinds
        .into_iter()
        .filter(|(_, _, read)| series.columns.iter().any(|column| read(column).is_some()))
        .map(|(key, label, read)| {
            let path = frame.stairs(starts(series, |column| read(column).map(f64::from)), span);
            Curve { key, label, path, is_band: false }
        })
        .collect();
    Chart {
        title: "Instances",
        subtitle: "each line counts one thing; they are never mixed".to_owned(),
        ticks: labelled(ticks),
        curves,
        frame,
        levels: Vec::new(),
    }
}
