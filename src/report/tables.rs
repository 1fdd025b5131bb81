//! The tables of the page: steps, instances, the generator, settings.

use maud::{Markup, html};

use crate::analysis::numbers::{self, Kind};
use crate::analysis::waterfall::{Row, Segment, Waterfall};
use crate::analysis::words::objection;
use crate::analysis::{StepReport, Timing, Validity};
use crate::report::data::rates;
use crate::report::ink::ink;
use crate::report::moments::clock;
use crate::report::series::Series;
use crate::report::shown;
use crate::session::state::Session;
use crate::text::{latency, percent, plain, secs, thousands};

/// So many steps stand side by side in one table of all numbers, so that it prints.
const STEPS_ABREAST: usize = 6;

/// More waterfalls than this are left to `summary.json`.
const MOST_WATERFALLS: usize = 20;

/// The numbers of the first table; the second one has them all.
static HEADLINE: [&Kind; 10] = [
    &numbers::T_TRIGGER,
    &numbers::T_FIRST,
    &numbers::T_SERVING,
    &numbers::T_CAPACITY,
    &numbers::T_RECOVER,
    &numbers::BAD_SECONDS,
    &numbers::LOST,
    &numbers::LOST_PERCENT,
    &numbers::SLOW,
    &numbers::PEAK_P99,
];

/// Every step in a sentence.
pub(super) fn words(session: &Session) -> Markup {
    if session.steps().is_empty() {
        return html! { p.none { "The rate was never changed." } };
    }
    html! {
        ol.words {
            @for report in session.steps() {
                li value=(report.step.id) {
                    span.number { (report.step.id) }
                    span.when { (clock(report.step.start.as_secs_f64())) }
                    span.what {
                        (sentence(report))
                        @if let Some(name) = &report.step.name { " " span.stage { (shown(name)) } }
                    }
                }
            }
        }
    }
}

/// The sentence of a step; that the step is invalid stands at its end, once, and stands out.
fn sentence(report: &StepReport) -> Markup {
    let objection = objection(&report.validity).unwrap_or_default();
    let said = report.words.strip_suffix(&objection).unwrap_or(&report.words);
    html! {
        (shown(said))
        @if !objection.is_empty() { span.invalid { (shown(&objection)) } }
    }
}

/// The headline numbers, a row a step.
pub(super) fn headline(session: &Session) -> Markup {
    html! {
        div.wide {
            table.steps {
                thead {
                    tr {
                        th { "step" } th { "at" } th { "rate" }
                        @for kind in &HEADLINE { th title=(kind.meaning) { (kind.label) } }
                    }
                }
                tbody {
                    @for report in session.steps() {
                        tr.doubtful[report.validity != Validity::Valid] {
                            td { (report.step.id) }
                            td { (clock(report.step.start.as_secs_f64())) }
                            td { (rates(&report.step)) }
                            @for kind in &HEADLINE { td data-key=(kind.key) { (kind.say(&report.numbers)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Every number of every step, a column a step.
pub(super) fn all_numbers(session: &Session) -> Markup {
    html! {
        details open[session.steps().len() <= STEPS_ABREAST] {
            summary { "All numbers, and what they mean" }
            @for steps in session.steps().chunks(STEPS_ABREAST) {
                @let columns: Vec<_> = steps.iter().map(numbers::of).collect();
                div.wide {
                    table.numbers {
                        thead {
                            tr {
                                th { "number" }
                                @for report in steps { th.step { "step " (report.step.id) br; small { (rates(&report.step)) } } }
                                th.meaning { "meaning" }
                            }
                        }
                        tbody {
                            @for (at, kind) in numbers::kinds().enumerate() {
                                tr {
                                    th title=(kind.key) { (kind.label) }
                                    @for (report, column) in steps.iter().zip(&columns) {
                                        td data-step=(report.step.id) data-key=(kind.key) data-field=(column[at].value.field()) {
                                            (column[at].say())
                                        }
                                    }
                                    td.meaning { (kind.meaning) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where the time of each scale-out went, and why the other steps up had none; `None` where nobody knows of any.
pub(super) fn waterfalls(session: &Session) -> Option<Markup> {
    let (mut falls, mut others) = (Vec::new(), Vec::new());
    for report in session.steps() {
        match session.scale_outs(report) {
            Some(Ok(all)) => {
                let count = all.len();
                falls.extend((1..).zip(all).map(|(at, fall)| (report, fall, (at, count))));
            }
            Some(Err(why)) => others.push((report, why)),
            None => {}
        }
    }
    (!falls.is_empty()).then(|| {
        html! {
            @for (report, fall, place) in falls.iter().take(MOST_WATERFALLS) { (waterfall(report, fall, *place)) }
            @if falls.len() > MOST_WATERFALLS {
                p.note { (falls.len() - MOST_WATERFALLS) " more are in " code { "summary.json" } "." }
            }
            @for (report, why) in others.iter().take(MOST_WATERFALLS) {
                p.note { "Step " (report.step.id) ", " (rates(&report.step)) ": " (why) "." }
            }
            @if others.len() > MOST_WATERFALLS {
                p.note { "Neither had " (others.len() - MOST_WATERFALLS) " other steps a scale-out." }
            }
        }
    })
}

/// The waterfall of one scale-out, the one `at` of `count` of its step.
fn waterfall(report: &StepReport, fall: &Waterfall, (at, count): (usize, usize)) -> Markup {
    let rows = fall.rows();
    let whole = rows.iter().map(Row::end).fold(0.1, f64::max);
    html! {
        div.wide {
            table.waterfall {
                caption {
                    "step " (report.step.id) ", " (rates(&report.step))
                    @if count > 1 { ", scale-out " (at) " of " (count) }
                }
                tbody {
                    @for row in &rows {
                        @match row {
                            Row::Bar(segment) => { (bar(segment, whole)) }
                            Row::Remark(stage, why) => { tr { th { (stage.label()) } td.remark colspan="2" { (why) } } }
                        }
                    }
                }
            }
        }
        @if let Some(why) = &fall.not_scaled { p.note { "Not scaled: " (shown(why)) } }
        @if let Some(cause) = &fall.cause { p.note { (shown(cause)) } }
        @if fall.is_partial() { p.note { "Of the other stages this platform keeps no record." } }
    }
}

/// A stage that has a time.
fn bar(segment: &Segment, whole: f64) -> Markup {
    let (from, to) = (segment.from / whole * 100.0, segment.to / whole * 100.0);
    html! {
        tr {
            th { (segment.stage.label()) }
            td { (segment.timing) }
            td.lane {
                svg width="200" height="16" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                    rect.rail fill=(ink("faint")) x="0" y="3.5" width="100" height="1" {}
                    @if matches!(segment.timing, Timing::Reached { .. }) {
                        rect.alive fill=(ink("responding")) x=(plain(from.min(99.4))) y="1" width=(plain((to - from).max(0.6))) height="6" {}
                    }
                }
            }
        }
    }
}

/// A part of a whole.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { percent(part as f64 / whole as f64) }
}

/// Whether we were the limit.
pub(super) fn generator(session: &Session, series: &Series) -> Markup {
    let totals = session.totals();
    let lag = |q| latency(totals.send_lag.quantile(q));
    let cpu = series
        .columns
        .iter()
        .filter_map(|column| column.cpu_percent)
        .fold(None, |most: Option<f32>, cpu| Some(most.map_or(cpu, |most| most.max(cpu))));
    let most_in_flight = series.columns.iter().map(|column| column.in_flight).max().unwrap_or(0);
    let health = session.timeline().latest().map(|row| row.generator);
    let is_ours = |report: &&StepReport| matches!(report.validity, Validity::InvalidGenerator(_));
    let invalid: Vec<_> = session.steps().iter().filter(is_ours).collect();
    html! {
        @if session.steps().is_empty() {
        } @else if invalid.is_empty() {
            p.verdict.good { "In no step was the generator the limit: the numbers are the service's." }
        } @else {
            p.verdict.bad {
                "In step " (invalid.iter().map(|report| report.step.id.to_string()).collect::<Vec<_>>().join(", "))
                " the generator was the limit: those numbers say nothing of the service."
            }
        }
        dl.pairs {
            dt { "send lag" } dd { "p50 " (lag(0.5)) ", p99 " (lag(0.99)) ", max " (latency(totals.send_lag.max())) }
            dt { "sent of due" } dd { (share(totals.sent, totals.due)) }
            dt { "dropped by our own delay" } dd { (thousands(totals.dropped_late)) }
            dt { "dropped for want of a connection" } dd { (thousands(totals.dropped_connections)) }
            @if let Some(workers) = health.map(|health| health.workers).filter(|&workers| workers > 0) {
                dt { "workers at the end" } dd { (workers) }
            }
            dt { "most in flight" } dd {
                (thousands(most_in_flight))
                " of " (thousands(session.header().settings.max_in_flight)) " allowed"
            }
            dt { "CPU" } dd {
                (cpu.map_or_else(|| "unknown".to_owned(), |cpu| format!("{cpu:.0} % at most (100 % is one core)")))
                @if let Some(cores) = health.and_then(|health| health.cores) { " of " (cores) " cores" }
            }
            @if let Some((open, allowed)) = health.and_then(|health| health.fds) {
                dt { "file descriptors at the end" } dd { (thousands(open)) " of " (thousands(allowed)) }
            }
            @if let Some(ports) = health.and_then(|health| health.ports_left) {
                dt { "local ports left at the end" } dd { (thousands(ports)) }
            }
        }
    }
}

/// How the measurement was set up, and what the platform says of the service.
pub(super) fn settings(session: &Session) -> Markup {
    let settings = &session.header().settings;
    let limit = |value: Option<u32>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
    html! {
        dl.pairs {
            dt { "target" } dd { (shown(&settings.target)) }
            dt { "request" } dd { (shown(&settings.method)) " " (shown(&settings.url)) }
            @if let Some(plan) = &settings.plan { dt { "plan" } dd { (shown(plan)) } }
            dt { "objective" } dd { (session.objectives()) }
            dt { "arrivals" } dd { (format!("{:?}", settings.arrivals).to_lowercase()) ", open model, seed " (settings.seed) }
            dt { "ceiling" } dd { (thousands(settings.max_rate)) " requests/s, " (thousands(settings.max_in_flight)) " in flight" }
            dt { "timeout" } dd { (secs(settings.timeout.as_secs_f64())) }
            dt { "connections" } dd {
                @match settings.conn_max_age {
                    Some(age) => { "retired after " (secs(age.as_secs_f64())) }
                    None => { "kept for ever" }
                }
            }
            dt { "instance header" } dd { code { (shown(&settings.instance_header)) } }
            @for counted in &settings.counts {
                dt { "counted by " (shown(&counted.source)) } dd {
                    (shown(&counted.of)) ", every " (secs(counted.every.as_secs_f64()))
                    @if !counted.grain.is_zero() { ", of what was scraped every " (secs(counted.grain.as_secs_f64())) }
                }
            }
            @if let Some(capacity) = settings.capacity_per_instance {
                dt { "capacity of an instance" } dd { (plain(capacity)) " requests/s, as given" }
            }
            dt { "scaling limits" } dd {
                "min " (limit(session.limits().min)) ", max " (limit(session.limits().max))
                ", concurrency " (limit(session.limits().concurrency))
            }
            @for fact in session.facts().values().take(40) {
                dt { (shown(fact.label())) } dd { (shown(&fact.worded())) " " small { "at " (clock(fact.as_of.as_secs_f64())) } }
            }
        }
    }
}
