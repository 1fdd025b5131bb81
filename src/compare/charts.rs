//! The curves of a step, those of all sessions on one axis that begins where the step began.

use maud::{Markup, html};

use crate::chart::palette::{SESSION_HUES, SESSION_STROKES};
use crate::chart::ticks;
use crate::compare::align::ComparedStep;
use crate::compare::curves::{Curves, StepCurve, Stretch};
use crate::compare::{Contender, letter};
use crate::instances::{Basis, CountSource, count_at};
use crate::report::ink::ink;
use crate::report::moments::{place, time_grid};
use crate::report::plot::{Frame, LEFT, WIDTH};
use crate::report::series::span_for;
use crate::text::{as_millis, exact_millis, plain, thousands};
use scaletop_load::RateProfile;
use scaletop_units::Elapsed;

/// A curve has at most this many points.
const MOST_POINTS: u32 = 600;

/// Repeats of a session that are drawn; the others are counted.
const MOST_REPEATS: usize = 20;

const HEIGHT: f64 = 132.0;
const TOP: f64 = 6.0;
/// Room below the plot for the labels of the time axis.
const AXIS: f64 = 20.0;

/// A session's runs of a step.
struct Runs {
    /// The session's place.
    session: usize,
    curves: Vec<StepCurve>,
    /// Its counts of instances by the basis that is drawn, a list for each curve.
    counts: Vec<Vec<Option<f64>>>,
}

/// How a value of a chart is read: of a curve, its stretch and that stretch's place.
type Read<'a> = &'a dyn Fn(&Runs, usize, usize, &Stretch) -> Option<f64>;

struct Chart<'a> {
    title: &'static str,
    subtitle: String,
    ticks: Vec<(f64, String)>,
    frame: Frame,
    read: Read<'a>,
    is_stairs: bool,
    /// A line that holds for all of them: its class and path.
    common: Option<(&'static str, &'static str, String)>,
    /// A level with its name.
    level: Option<(f64, String)>,
}

/// The charts of a step.
pub(super) fn overlaid(step: &ComparedStep, contenders: &[Contender<'_>], curves: &[Curves]) -> Markup {
    let seconds = step.longest().as_secs_f64().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a step; `as` saturates")]
    let span = span_for(seconds.ceil() as u32, MOST_POINTS);
    let basis = basis(step, contenders);
    let all: Vec<Runs> = (0..contenders.len())
        .filter(|&at| step.repeats[at] > 0)
        .filter_map(|at| Some(runs(step, at, span, curves.get(at)?, contenders[at], basis)))
        .collect();
    let most = |read: Read<'_>| values(&all, read).fold(0.0, f64::max);
    let ok: Read<'_> = &|_, _, _, stretch| stretch.ok;
    let p99: Read<'_> = &|_, _, _, stretch| stretch.p99;
    let count: Read<'_> = &|runs, curve, at, _| runs.counts[curve][at];
    let mut charts = vec![rate(step, seconds, most(ok), ok), latency(contenders, seconds, &all, p99)];
    if values(&all, count).next().is_some() {
        charts.push(instances(basis, seconds, most(count), count, &all));
    }
    let last = charts.len() - 1;
    html! {
        (legend(&all))
        @for (at, chart) in charts.iter().enumerate() { (figure(chart, &all, seconds, at == last)) }
        (note(step, &all, span, values(&all, count).next().is_none()))
    }
}

/// The count of instances that most of the sessions have: of two bases no line could be held against the other.
fn basis(step: &ComparedStep, contenders: &[Contender<'_>]) -> Basis {
    let has = |at: usize, basis: Basis| {
        let known = contenders[at].session.observations().get(&basis);
        known.is_some_and(|all| {
            all.iter().any(|seen| step.spans[at].iter().any(|(from, to)| (*from..*to).contains(&seen.as_of)))
        })
    };
    let having = |basis: Basis| (0..contenders.len()).filter(|&at| has(at, basis)).count();
    // Of equals the first; `max_by_key` takes the last.
    let by_answers = Basis::Responding;
    (Basis::COUNTED.into_iter().rev().chain([by_answers]))
        .max_by_key(|&basis| having(basis))
        .unwrap_or(Basis::Responding)
}

fn runs(
    step: &ComparedStep,
    session: usize,
    span: u32,
    seconds: &Curves,
    contender: Contender<'_>,
    basis: Basis,
) -> Runs {
    let spans = || step.spans[session].iter().take(MOST_REPEATS);
    let curves: Vec<StepCurve> = spans().map(|(start, end)| seconds.step(*start, *end, span)).collect();
    let observed = contender.session.observations().get(&basis).map(Vec::as_slice).unwrap_or_default();
    let count = |start: Elapsed, stretch: &Stretch| match basis {
        Basis::Responding => stretch.responding,
        _ => count_at(observed, second_after(start, stretch.at)).map(f64::from),
    };
    let counts = curves
        .iter()
        .zip(spans())
        .map(|(curve, (start, _))| curve.stretches.iter().map(|stretch| count(*start, stretch)).collect())
        .collect();
    Runs { session, curves, counts }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a session; `as` saturates")]
fn second_after(start: Elapsed, seconds: f64) -> u32 {
    (start.as_secs_f64() + seconds) as u32
}

fn values<'a>(all: &'a [Runs], read: Read<'a>) -> impl Iterator<Item = f64> + 'a {
    all.iter().flat_map(move |runs| {
        runs.curves.iter().enumerate().flat_map(move |(curve, of)| {
            of.stretches.iter().enumerate().filter_map(move |(at, stretch)| read(runs, curve, at, stretch))
        })
    })
}

fn labelled(ticks: Vec<f64>) -> Vec<(f64, String)> {
    ticks.into_iter().map(|tick| (tick, thousands(plain(tick)))).collect()
}

fn rate<'a>(step: &ComparedStep, seconds: f64, most: f64, read: Read<'a>) -> Chart<'a> {
    let profile = step.key.profile;
    let asked = match profile {
        RateProfile::Constant(rate) => [(0.0, rate), (seconds, rate), (seconds, rate)],
        RateProfile::Ramp { from, to, over } => {
            [(0.0, from), (over.as_secs_f64(), to), (seconds.max(over.as_secs_f64()), to)]
        }
    };
    let asked = asked.map(|(at, rate)| (at, f64::from(rate.get())));
    let (scale, ticks) = ticks::linear(asked.iter().map(|(_, rate)| *rate).fold(most, f64::max), false);
    let frame = Frame { seconds, top: TOP, height: HEIGHT, scale };
    // A session whose ramp was cut off is drawn as far as it went.
    let path = frame.line(asked.map(|(at, rate)| (at, Some(rate))), f64::INFINITY);
    Chart {
        title: "Rate answered OK",
        subtitle: "requests per second".to_owned(),
        ticks: labelled(ticks),
        frame,
        read,
        is_stairs: false,
        common: Some(("soft", "asked for", path)),
        level: None,
    }
}

fn latency<'a>(contenders: &[Contender<'_>], seconds: f64, all: &[Runs], read: Read<'a>) -> Chart<'a> {
    let slos: Vec<_> = contenders.iter().map(|contender| contender.session.header().settings.slo).collect();
    // Of objectives that differ none is the one.
    let slo = slos.first().filter(|first| slos.iter().all(|slo| slo == *first));
    let objective = slo.map(|slo| as_millis(slo.latency));
    let start = objective.unwrap_or(f64::INFINITY);
    let least = values(all, read).filter(|&value| value > 0.0).fold(start, f64::min);
    let greatest = values(all, read).fold(objective.unwrap_or(1.0) * 1.5, f64::max);
    let (scale, ticks) = ticks::log(least * 0.9, greatest);
    Chart {
        title: "Response time, p99 of OK answers",
        subtitle: "from the moment a request was due; logarithmic".to_owned(),
        ticks: ticks.into_iter().map(|tick| (tick, exact_millis(tick))).collect(),
        frame: Frame { seconds, top: TOP, height: HEIGHT, scale },
        read,
        is_stairs: false,
        common: None,
        level: objective.zip(slo).map(|(objective, slo)| (objective, format!("objective: {slo}"))),
    }
}

fn instances<'a>(basis: Basis, seconds: f64, most: f64, read: Read<'a>, all: &[Runs]) -> Chart<'a> {
    let (scale, ticks) = ticks::linear(most, true);
    let without: Vec<String> = all
        .iter()
        .filter(|runs| runs.counts.iter().flatten().all(Option::is_none))
        .map(|runs| letter(runs.session))
        .collect();
    let missing = if without.is_empty() { String::new() } else { format!("; not known of {}", without.join(", ")) };
    let what = match basis {
        Basis::Responding => "responding: those that answers name",
        Basis::Active => "active, as the platform counts them",
        Basis::Running | Basis::Desired | Basis::Pending => "running, as the platform counts them",
        Basis::By(CountSource::Command, _) => "running, as the command counts them",
        Basis::By(CountSource::Url, _) => "running, as the URL says",
        Basis::By(CountSource::Prometheus, _) => "running, as Prometheus says",
    };
    Chart {
        title: "Instances",
        subtitle: format!("{what}{missing}"),
        ticks: labelled(ticks),
        frame: Frame { seconds, top: TOP, height: HEIGHT, scale },
        read,
        is_stairs: true,
        common: None,
        level: None,
    }
}

impl Chart<'_> {
    fn path(&self, runs: &Runs, curve: usize) -> String {
        let of = &runs.curves[curve];
        let half = if self.is_stairs { 0.0 } else { of.span / 2.0 };
        let points = of.stretches.iter().enumerate();
        let points = points.map(|(at, stretch)| (stretch.at + half, (self.read)(runs, curve, at, stretch)));
        if self.is_stairs { self.frame.stairs(points, of.span) } else { self.frame.line(points, of.span) }
    }
}

/// The class of a session's curves.
fn hue(session: usize) -> String {
    format!("s{}", session % SESSION_HUES.len())
}

const fn stroke(session: usize) -> &'static str {
    SESSION_STROKES[session % SESSION_STROKES.len()]
}

fn legend(all: &[Runs]) -> Markup {
    html! {
        ul.legend.sessions {
            @for runs in all {
                li class=(hue(runs.session)) {
                    svg.sample width="34" height="10" aria-hidden="true" {
                        line stroke=(ink(&hue(runs.session))) stroke-width="2" stroke-dasharray=(stroke(runs.session)) x1="0" x2="34" y1="5" y2="5" {}
                    }
                    b { (letter(runs.session)) }
                    @if runs.curves.len() > 1 { " ×" (runs.curves.len()) ", a line each" }
                }
            }
        }
    }
}

fn figure(chart: &Chart<'_>, all: &[Runs], seconds: f64, has_axis: bool) -> Markup {
    let bottom = TOP + HEIGHT;
    let height = bottom + if has_axis { AXIS } else { 6.0 };
    html! {
        figure.chart {
            figcaption {
                h3 { (chart.title) " " small { (chart.subtitle) } }
                @if let Some((key, label, _)) = &chart.common {
                    ul.legend { li class=(key) { i {} (label) } }
                }
            }
            svg viewBox={ "0 0 " (WIDTH + 6.0) " " (height) } role="img" aria-label=(chart.title) {
                @for (value, label) in &chart.ticks {
                    @let y = place(chart.frame.y(*value));
                    line.grid stroke=(ink("faint")) x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                    text.tick.y fill=(ink("soft")) font-size="11" text-anchor="end" x=(LEFT - 7.0) y=(y) dy=".35em" { (label) }
                }
                (time_grid(chart.frame, seconds, bottom, has_axis))
                @if let Some((key, _, path)) = &chart.common {
                    path class={ "line thin " (key) } fill="none" stroke=(ink(key)) stroke-width="1" d=(path) {}
                }
                @if let Some((value, label)) = &chart.level {
                    @let y = place(chart.frame.y(*value));
                    line.level stroke=(ink("level")) stroke-dasharray="6 4" x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                    text.tick.levelname fill=(ink("level")) font-size="11" text-anchor="end" x=(WIDTH - 3.0) y=(y) dy="-.35em" { (label) }
                }
                @for runs in all {
                    @for curve in 0..runs.curves.len() {
                        path class={ "line " (hue(runs.session)) @if runs.curves.len() > 1 { " thin" } } fill="none" stroke=(ink(&hue(runs.session))) stroke-width="1.5" stroke-dasharray=(stroke(runs.session)) d=(chart.path(runs, curve)) {}
                    }
                }
            }
        }
    }
}

fn note(step: &ComparedStep, all: &[Runs], span: u32, no_counts: bool) -> Markup {
    let undrawn: usize = all.iter().map(|runs| step.repeats[runs.session] - runs.curves.len()).sum();
    let coarse = all.iter().flat_map(|runs| &runs.curves).map(|curve| curve.span).fold(f64::from(span), f64::max);
    html! {
        p.note {
            "Time counts from the start of the step; a curve ends where its step did."
            @if coarse > 1.0 { " A point covers up to " (plain(coarse)) " s: the mean of rates, the worst second of latencies." }
            @if undrawn > 0 { " " (undrawn) " more repeats are in the numbers, not in the picture." }
            @if no_counts { " No source counted instances, and no answer named its own: there is no curve of them." }
        }
    }
}
