//! `report.html`: the session as one page that needs nothing else. Pure: values in, text out.
//!
//! Everything foreign (targets, marks, instance ids, what a platform says) goes through maud's escaping; the only text that
//! is put into the page as it is are this program's own style sheet and script, and a block of JSON in which `<` cannot
//! occur. A content security policy keeps the page from loading anything, whatever is in it.

mod beside;
mod charts;
mod connections;
mod data;
#[cfg(test)]
pub(crate) mod fixtures;
mod fleet;
mod heat;
pub(crate) mod ink;
mod instances;
pub(crate) mod live;
mod method;
pub(crate) mod moments;
pub(crate) mod plot;
mod requests;
pub(crate) mod series;
mod tables;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::session::recording::Damage;
use crate::session::standing::{Standing, standing, standing_under_load};
use crate::session::state::{Session, Totals};
use crate::session::verdict::{Verdict, judge};
use crate::text::{clean_to, date_and_time, latency, percent, thousands};
use scaletop_load::OutcomeKind;

pub(crate) use beside::{html_of_two, tone};
pub(crate) use heat::HeatMap;
pub(crate) use series::Series;

const STYLE: &str = include_str!("report/page.css");
const SCRIPT: &str = include_str!("report/page.js");

/// What the page may load: nothing. Its own style and script are in it.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// Everything the page is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportInput<'a> {
    pub session: &'a Session,
    pub series: &'a Series,
    /// The spread of its response times.
    pub heat: &'a HeatMap,
    /// What of the recording could not be read.
    pub damage: Damage,
    /// Whether the session goes on: what is not known yet is no doubt then.
    pub is_live: bool,
}

pub(crate) fn html(evidence: &ReportInput<'_>) -> String {
    let session = evidence.session;
    let (header, main): (Vec<_>, Vec<_>) = parts(evidence).into_iter().partition(|(key, _)| *key == HEADER);
    page(
        &format!("{}: scaletop report", clean_to(title(session), 60)),
        &html! {
            header { p.kicker { "scaletop report" } @for (_, part) in &header { (part) } }
            main { @for (_, part) in &main { (part) } }
            footer { "Written by " (shown(&session.header().writer)) ", from " code { "recording.jsonl" } "." }
            p #unscripted { "Scripts are blocked: the charts are whole, but have no crosshair; every second stands in " code { "timeline.csv" } "." }
            script type="application/json" #data { (PreEscaped(data::block(session, evidence.series))) }
            script { (PreEscaped(SCRIPT)) }
        },
    )
    .into_string()
}

/// What the session is called: its plan, or its target.
fn title(session: &Session) -> &str {
    let settings = &session.header().settings;
    settings.plan.as_deref().unwrap_or(&settings.target)
}

/// The part that stands above all others.
const HEADER: &str = "header";

/// The parts of the page with their names, from the top down.
fn parts(evidence: &ReportInput<'_>) -> Vec<(&'static str, Markup)> {
    let session = evidence.session;
    let section = |heading: &str, what: &Markup| html! { section { h2 { (heading) } (what) } };
    let seconds = f64::from(evidence.series.end().max(1));
    let falls = tables::waterfalls(session).map(|falls| section("Where the time of each scale-out went", &falls));
    vec![
        (HEADER, heading(evidence)),
        ("totals", tiles(session)),
        ("words", section("Steps, in words", &tables::words(session))),
        ("charts", section("The session on one time axis", &axis(evidence))),
        (
            "numbers",
            section("Steps, in numbers", &html! { (tables::headline(session)) (tables::all_numbers(session)) }),
        ),
        ("waterfalls", falls.unwrap_or_default()),
        ("heat", section("Where response times lie", &heat::figure(session, evidence.heat, seconds))),
        ("instances", section("Instances", &instances::table(session))),
        (
            "generator",
            section(
                "The generator",
                &html! { (tables::generator(session, evidence.series)) (connections::tables(session)) },
            ),
        ),
        ("requests", requests::section(session).unwrap_or_default()),
        ("fleet", fleet::section(session).unwrap_or_default()),
        ("settings", section("Target and settings", &tables::settings(session))),
        ("uncertain", section("What was uncertain", &method::uncertain(evidence))),
        ("method", section("How it was measured", &method::explained())),
    ]
}

fn heading(evidence: &ReportInput<'_>) -> Markup {
    let session = evidence.session;
    let settings = &session.header().settings;
    html! {
        h1 { (shown(title(session))) }
        p.facts {
            span { (shown(&settings.target)) }
            @if !settings.url.is_empty() && settings.url != settings.target { span { (shown(&settings.url)) } }
            span { (date_and_time(session.header().started_unix_micros)) }
            span { (session.now()) }
            span { "objective " (session.objectives()) }
        }
        (stands(session, evidence.is_live))
        // What a plan promised is judged when it is over.
        @if !evidence.is_live { (verdict(&judge(session))) }
    }
}

/// How it stands, or stood at the end, in the words of the screen.
fn stands(session: &Session, is_live: bool) -> Markup {
    let at = session.now();
    let now = standing(session, at);
    let before = (now == Standing::NoLoad).then(|| standing_under_load(session)).flatten();
    html! {
        p class={ "verdict standing " (standing_tone(&now)) } {
            @if !is_live { "at the end: " }
            (shown(&now.words(at)))
        }
        @if let Some((at, before)) = before {
            " "
            p class={ "verdict standing " (standing_tone(&before)) } { "under load last, at " (at) ": " (shown(&before.words(at))) }
        }
    }
}

const fn standing_tone(standing: &Standing) -> &'static str {
    match standing {
        Standing::NothingSent | Standing::NoLoad | Standing::Open { .. } => "neutral",
        Standing::Held => "good",
        Standing::Missed { .. } | Standing::NoneOk { .. } => "bad",
        Standing::Generator { .. } | Standing::LoadHeld { .. } => "warn",
    }
}

fn axis(evidence: &ReportInput<'_>) -> Markup {
    html! {
        (charts::overview(evidence.session, evidence.series))
        p.readout #readout { "Move over a chart, or use the arrow keys, to read values." }
        p.note {
            @if evidence.series.span == 1 {
                "A point is a second; values are those of " code { "timeline.csv" } "."
            } @else {
                "A point covers " (evidence.series.span) " s: the mean of rates, the worst second of latencies, the "
                "latest of counts. " code { "timeline.csv" } " has every second."
            }
        }
    }
}

/// A page around `body`, with our style; it loads nothing.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    let policy = html! { meta http-equiv="Content-Security-Policy" content=(POLICY); };
    document(title, &policy, None, body)
}

/// A page around `body`; `policy` says what it may load, or nothing where whoever serves it says so. Styles and scripts have
/// the `nonce` that the policy asks for.
fn document(title: &str, policy: &Markup, nonce: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                (policy)
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) }
                style nonce=[nonce] { (PreEscaped(STYLE)) }
            }
            body {
                p.blocked {
                    "The style of this page is blocked, most likely by the policy of whoever serves it: what you see is complete, but \
                     plain. Open the file itself, or allow "
                    code { "style-src 'unsafe-inline'; script-src 'unsafe-inline'" } "."
                }
                (body)
            }
        }
    }
}

fn verdict(verdict: &Verdict) -> Markup {
    let is_good = verdict.exit_code() == 0;
    html! {
        @if !verdict.is_silent() {
            p.verdict.good[is_good].bad[!is_good] { (shown(&verdict.headline())) }
        }
        @if !verdict.thresholds.is_empty() {
            table.thresholds {
                thead { tr { th { "threshold" } th { "bound" } th { "measured" } th { "" } } }
                tbody {
                    @for held in &verdict.thresholds {
                        tr {
                            td { (shown(&held.subject())) }
                            td { (shown(&held.bound)) }
                            td { (shown(&held.said())) }
                            td { (held.outcome.words()) @if let Some(reason) = held.outcome.reason() { ": " (shown(reason)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The session in six figures.
fn tiles(session: &Session) -> Markup {
    let totals = session.totals();
    let ok = totals.outcomes.get(OutcomeKind::Ok);
    let share = |part: u64| {
        if totals.due == 0 { String::new() } else { percent(part as f64 / totals.due as f64) + " of due" }
    };
    let dropped = totals.dropped();
    let percentiles = session.percentiles();
    let response =
        |read: fn(&crate::timeline::Percentiles) -> std::time::Duration| latency(percentiles.as_ref().map(read));
    let measured = session.measured_p99().map(|measured| format!("{measured}; ")).unwrap_or_default();
    let failures: Vec<_> = OutcomeKind::ALL
        .into_iter()
        .filter(|&kind| kind != OutcomeKind::Ok && totals.outcomes.get(kind) > 0)
        .map(|kind| format!("{} {}", thousands(totals.outcomes.get(kind)), kind.label()))
        .collect();
    let tile = |name: &str, value: String, more: String| {
        html! { div.tile { p.name { (name) } p.value { (value) } p.more { (more) } } }
    };
    html! {
        div.tiles {
            (tile("requests due", thousands(totals.due), format!("{} sent{}", thousands(totals.sent), totals.unreported_in_words())))
            (tile("answered OK", thousands(ok), share(ok)))
            (tile("failed", thousands(totals.outcomes.failed()), failures.join(", ")))
            (tile("dropped", thousands(dropped), dropped_in_words(totals)))
            (tile("response time p99", response(|p| p.p99), measured + &format!("p50 {}, max {}", response(|p| p.p50), response(|p| p.max))))
            (tile("instances seen", session.tracks().len().to_string(), session.limits().max.map(|max| format!("limit {max}")).unwrap_or_default()))
        }
    }
}

/// `3 at the cap, 0 by our own delay`.
fn dropped_in_words(totals: &Totals) -> String {
    let unconnected = match totals.dropped_connections {
        0 => String::new(),
        dropped => format!(", {} for want of a connection", thousands(dropped)),
    };
    let (cap, late) = (thousands(totals.dropped_cap), thousands(totals.dropped_late));
    format!("{cap} at the cap, {late} by our own delay{unconnected}")
}

/// Foreign text on its way into the page, no longer than a paragraph. Escaping is maud's.
pub(crate) fn shown(text: &str) -> String {
    clean_to(text, 600)
}

#[cfg(test)]
mod tests;
