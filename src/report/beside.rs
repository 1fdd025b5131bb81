//! The page of a session with two targets that got the same arrivals: every chart beside the same one of the other target, on one
//! time axis and one scale, and one table of the steps with the difference. What is of one target alone follows, a part each.

use maud::{Markup, PreEscaped, html};

use crate::analysis::StepReport;
use crate::analysis::beside::Beside;
use crate::analysis::difference::{NOISE_RULE, Significance};
use crate::analysis::numbers::{self, Kind};
use crate::report::moments::clock;
use crate::report::{
    HEADER, ReportInput, SCRIPT, charts, connections, data, heat, instances, method, page, shown, stands, tables,
    tiles, verdict,
};
use crate::session::event::Side;
use crate::session::verdict::judge;
use crate::text::{clean_to, date_and_time};

/// The numbers of the table of steps; those of each step have them all.
static KINDS: [&Kind; 5] =
    [&numbers::T_SERVING, &numbers::T_CAPACITY, &numbers::T_RECOVER, &numbers::LOST, &numbers::PEAK_P99];

/// What the targets are called, the first one first.
fn names(halves: [&ReportInput<'_>; 2]) -> [String; 2] {
    let [first, second] = halves;
    [(Side::First, first), (Side::Second, second)]
        .map(|(side, half)| format!("{} {}", side.letter(), clean_to(&half.session.header().settings.target, 80)))
}

/// What a page of both is called.
pub(super) fn title_of_two(halves: [&ReportInput<'_>; 2]) -> String {
    let [first, second] = names(halves);
    format!("{} and {}", clean_to(&first, 60), clean_to(&second, 60))
}

/// The page of both halves, the first one first.
pub(crate) fn html_of_two(halves: [&ReportInput<'_>; 2]) -> String {
    let [first, second] = halves;
    let (header, main): (Vec<_>, Vec<_>) = parts_of_two(halves).into_iter().partition(|(key, _)| *key == HEADER);
    page(
        &format!("{}: scaletop report", title_of_two(halves)),
        &html! {
            header { p.kicker { "scaletop report" } @for (_, part) in &header { (part) } }
            main { @for (_, part) in &main { (part) } }
            footer { "Written by " (shown(&first.session.header().writer)) ", from " code { "recording.jsonl" } "." }
            p #unscripted { "Scripts are blocked: the charts are whole, but have no crosshair; every second stands in " code { "timeline.csv" } "." }
            script type="application/json" #data { (PreEscaped(data::block(first.session, first.series))) }
            script type="application/json" #data-second { (PreEscaped(data::block(second.session, second.series))) }
            script { (PreEscaped(SCRIPT)) }
        },
    )
    .into_string()
}

/// The parts of the page of both with their names, from the top down.
pub(super) fn parts_of_two(halves: [&ReportInput<'_>; 2]) -> Vec<(&'static str, Markup)> {
    let [first, second] = halves;
    let names = names(halves);
    let sessions = halves.map(|half| half.session);
    let seconds = f64::from(first.series.end().max(second.series.end()).max(1));
    let section = |heading: &str, what: &Markup| html! { section { h2 { (heading) } (what) } };
    // A part of each half, below the name of its target.
    let each = |part: &dyn Fn(&ReportInput<'_>) -> Markup| {
        html! { @for (name, half) in names.iter().zip(halves) { h3.half { (name) } (part(half)) } }
    };
    let falls = sessions.iter().any(|session| tables::waterfalls(session).is_some()).then(|| {
        let of = |half: &ReportInput<'_>| {
            tables::waterfalls(half.session).unwrap_or_else(|| html! { p.none { "No platform tells." } })
        };
        section("Where the time of each scale-out went", &each(&of))
    });
    let generator = |half: &ReportInput<'_>| html! { (tables::generator(half.session, half.series)) (connections::tables(half.session)) };
    vec![
        (HEADER, heading(halves, &names)),
        ("totals", each(&|half| tiles(half.session))),
        ("steps", section("Steps, beside one another", &steps([first.session.steps(), second.session.steps()]))),
        ("charts", section("Both on one time axis", &axis(halves, &names))),
        ("words", section("Steps, in words", &each(&|half| tables::words(half.session)))),
        ("waterfalls", falls.unwrap_or_default()),
        ("heat", section("Where response times lie", &each(&|half| heat::figure(half.session, half.heat, seconds)))),
        ("who-answered", section("Instances", &each(&|half| instances::table(half.session)))),
        ("generator", section("The generator", &each(&generator))),
        ("settings", section("Targets and settings", &each(&|half| tables::settings(half.session)))),
        ("uncertain", section("What was uncertain", &each(&|half| method::uncertain(half)))),
        ("method", section("How it was measured", &method::explained())),
    ]
}

/// What both are, and how each stands, or stood.
fn heading(halves: [&ReportInput<'_>; 2], names: &[String; 2]) -> Markup {
    let [first, second] = halves;
    html! {
        h1 { (names[0]) " and " (names[1]) }
        p.facts {
            span { "the same arrivals for both" }
            span { (date_and_time(first.session.header().started_unix_micros)) }
            span { (first.session.now().max(second.session.now())) }
            span { "objective " (first.session.objectives()) }
        }
        @for (name, half) in names.iter().zip(halves) {
            @let settings = &half.session.header().settings;
            @let url = Some(&settings.url).filter(|url| !url.is_empty() && **url != settings.target);
            p.facts { span { (name) } @if let Some(url) = url { span { (shown(url)) } } }
            (stands(half.session, half.is_live))
            // What a plan promised is judged when it is over.
            @if !half.is_live { (verdict(&judge(half.session))) }
        }
    }
}

fn axis(halves: [&ReportInput<'_>; 2], names: &[String; 2]) -> Markup {
    html! {
        (charts::overview_of_two(halves.map(|half| half.session), halves.map(|half| half.series), names))
        p.readout #readout { "Move over a chart, or use the arrow keys, to read values." }
        p.note {
            "Scales are the same left and right. Every second of " (names[0]) " is in " code { "timeline.csv" } ", of "
            (names[1]) " in " code { "second/timeline.csv" } "."
        }
    }
}

/// A row a step: what a number is worth at each, and the difference.
fn steps([first, second]: [&[StepReport]; 2]) -> Markup {
    let beside = Beside::of(first, second);
    if beside.steps().len() == 0 {
        return html! { p.none { "The rate was never changed." } };
    }
    html! {
        div.wide {
            table.steps.beside {
                thead {
                    tr {
                        th rowspan="2" { "step" } th rowspan="2" { "at" } th rowspan="2" { "rate" }
                        @for kind in &KINDS { th colspan="3" title=(kind.meaning) { (kind.label) } }
                    }
                    tr { @for _ in &KINDS { th { "A" } th { "B" } th { "B − A" } } }
                }
                tbody {
                    @for (a, b) in beside.steps() {
                        tr.doubtful[Beside::objection(a, b).is_some()] {
                            td { (a.step.id) } td { (clock(a.step.start.as_secs_f64())) } td { (data::rates(&a.step)) }
                            @for kind in &KINDS {
                                @let number = beside.number(kind, a, b);
                                td { (number.first.say(kind)) } td { (number.second.say(kind)) }
                                td class=(tone(number.difference.significance)) title=(number.difference.significance.words()) {
                                    (number.difference.say(kind))
                                }
                            }
                        }
                        @if let Some(objection) = Beside::objection(a, b) {
                            tr { td {} td.left colspan=(2 + 3 * KINDS.len()) { span.invalid { (shown(&objection)) } } }
                        }
                    }
                }
            }
        }
        p.note { (NOISE_RULE) " Steps of the same rates are the repeats here." }
        details {
            summary { "All numbers of each step, and what they mean" }
            @for (a, b) in beside.steps() { h3 { "step " (a.step.id) " " (data::rates(&a.step)) } (step(&beside, a, b)) }
        }
    }
}

/// Every number of one step.
fn step(beside: &Beside<'_>, a: &StepReport, b: &StepReport) -> Markup {
    html! {
        div.wide {
            table.numbers {
                thead { tr { th { "number" } th { "A" } th { "B" } th { "B − A" } th { "" } th.meaning { "meaning" } } }
                tbody {
                    @for (kind, number) in beside.numbers(a, b) {
                        @let significance = number.difference.significance;
                        tr {
                            th title=(kind.key) { (kind.label) }
                            td { (number.first.say(kind)) }
                            td { (number.second.say(kind)) }
                            td class=(tone(significance)) { (number.difference.say(kind)) }
                            td class={ "word " (tone(significance)) } title=(significance.words()) { (significance.word()) }
                            td.meaning { (kind.meaning) }
                        }
                    }
                }
            }
        }
    }
}

/// How a difference looks.
pub(crate) const fn tone(significance: Significance) -> &'static str {
    match significance {
        Significance::Better => "better",
        Significance::Worse => "worse",
        Significance::Differs => "differs",
        Significance::WithinNoise | Significance::Same | Significance::OneRun | Significance::Unknown => "same",
    }
}
