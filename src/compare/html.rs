//! The comparison as a page that needs nothing else.

use maud::{Markup, html};

use crate::compare::align::{ComparedStep, SessionComparison};
use crate::compare::charts::overlaid;
use crate::compare::curves::Curves;
use crate::compare::difference::Significance;
use crate::compare::left_out;
use crate::compare::limits::{Judged, LimitOutcome};
use crate::compare::sentence::{sentences, verdicts};
use crate::compare::{Contender, NOISE_RULE, letter};
use crate::report::{page, shown, tone};
use crate::session::verdict::in_words;
use crate::text::{date_and_time, thousands};

/// The page; `curves` are those of the contenders, in their order.
pub(crate) fn html(
    contenders: &[Contender<'_>],
    comparison: &SessionComparison,
    curves: &[Curves],
    judged: Option<&Judged>,
) -> String {
    let left_out = left_out::in_words(comparison);
    page(
        "scaletop compare",
        &html! {
            header {
                p.kicker { "scaletop compare" }
                h1 { (contenders.len()) " sessions, step by step" }
                p.verdicts { (shown(&verdicts(contenders))) }
                @for sentence in sentences(comparison, contenders.len()) { p.summary { (shown(&sentence)) } }
            }
            main {
                @if let Some(judged) = judged { (limits(judged)) }
                (sessions(contenders))
                @if !comparison.warnings.is_empty() {
                    ul.doubts { @for warning in &comparison.warnings { li { (shown(warning)) } } }
                }
                @for compared in &comparison.steps {
                    section { h2 { (compared.key) } (overlaid(compared, contenders, curves)) (step(compared)) }
                }
                @if !comparison.steps.is_empty() { p.note { (NOISE_RULE) } }
                section {
                    h2 { "What was left out" }
                    @if left_out.is_empty() { p.none { "Nothing: every step took part, and every number was told." } }
                    ul.doubts { @for said in &left_out { li { (shown(said)) } } }
                }
            }
            footer { "Steps are aligned by their rates, not by the wall clock." }
        },
    )
    .into_string()
}

/// What became of the limits.
fn limits(judged: &Judged) -> Markup {
    let tone = |outcome: &LimitOutcome| match outcome {
        LimitOutcome::Held => tone(Significance::Better),
        LimitOutcome::Exceeded => tone(Significance::Worse),
        LimitOutcome::NoBaseline | LimitOutcome::CannotTell { .. } => tone(Significance::Unknown),
    };
    html! {
        section {
            h2 { (shown(&judged.headline())) }
            div.wide {
                table.sessions {
                    thead { tr { th.left { "fail if" } th.left { "step" } th { "session" } th { "" } th.left { "" } } }
                    tbody {
                        @for result in &judged.results {
                            tr {
                                td.left { (shown(&result.limit)) }
                                td.left { (result.step.as_deref().unwrap_or("the whole run")) }
                                td { (letter(result.session)) }
                                td class={ "word " (tone(&result.outcome)) } { (result.outcome.word().to_lowercase()) }
                                td.left { (shown(&result.said())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn sessions(contenders: &[Contender<'_>]) -> Markup {
    html! {
        div.wide {
            table.sessions {
                thead { tr { th { "" } th.left { "session" } th.left { "target" } th.left { "plan" } th.left { "verdict" } th { "started" } th { "lasted" } th { "requests due" } } }
                tbody {
                    @for (at, contender) in contenders.iter().enumerate() {
                        @let header = contender.session.header();
                        tr {
                            th { (letter(at)) }
                            td.left { (shown(contender.name)) }
                            td.left { (shown(&header.settings.target)) }
                            td.left { (header.settings.plan.as_deref().map_or_else(|| "–".to_owned(), shown)) }
                            td.left { (shown(&in_words(contender.session))) }
                            td { (date_and_time(header.started_unix_micros)) }
                            td { (contender.session.now()) }
                            td { (thousands(contender.session.totals().due)) }
                        }
                    }
                }
            }
        }
    }
}

fn step(compared: &ComparedStep) -> Markup {
    let others: Vec<usize> = (1..compared.repeats.len()).filter(|&at| compared.repeats[at] > 0).collect();
    let head = |at: usize| match compared.repeats[at] {
        1 => letter(at),
        n => format!("{} ×{n}", letter(at)),
    };
    html! {
        div.wide {
            table.numbers {
                thead {
                    tr {
                        th { "number" } th { (head(0)) }
                        @for &at in &others { th { (head(at)) } th { "Δ" } th { "" } }
                        th.meaning { "meaning" }
                    }
                }
                tbody {
                    @for row in &compared.rows {
                        tr {
                            th { (row.kind.label) }
                            td { (row.runs[0].say(row.kind)) }
                            @for &at in &others {
                                @let difference = &row.differences[at - 1];
                                td { (row.runs[at].say(row.kind)) }
                                td class=(tone(difference.significance)) {
                                    (difference.say(row.kind))
                                    @if let Some(percent) = difference.percent(&row.runs[0]) { " " small { (percent) } }
                                }
                                td class={ "word " (tone(difference.significance)) } title=(difference.significance.words()) {
                                    (difference.significance.word())
                                }
                            }
                            td.meaning { (row.kind.meaning) }
                        }
                    }
                }
            }
        }
    }
}
