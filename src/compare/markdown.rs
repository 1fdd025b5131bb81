//! The comparison as Markdown: for a pipeline's summary page.

use std::fmt::Write as _;

use crate::compare::align::{ComparedStep, SessionComparison};
use crate::compare::left_out;
use crate::compare::limits::{Judged, LimitOutcome};
use crate::compare::sentence::{sentences, verdicts};
use crate::compare::{Contender, NOISE_RULE, letter};
use crate::text::{clean_to, markdown_cell as cell};

/// The comparison, ending in a newline; its limits come first, where there are some.
pub(crate) fn markdown(
    contenders: &[Contender<'_>],
    comparison: &SessionComparison,
    judged: Option<&Judged>,
) -> String {
    let mut out = String::from("## scaletop compare\n\n");
    if let Some(judged) = judged {
        let _ = writeln!(out, "**{}**\n", cell(&judged.headline()));
    }
    if contenders.len() > 1 {
        let _ = writeln!(out, "{}\n", cell(&verdicts(contenders)));
        for sentence in sentences(comparison, contenders.len()) {
            let _ = writeln!(out, "{}\n", cell(&sentence));
        }
    }
    if let Some(judged) = judged.filter(|judged| !judged.results.is_empty()) {
        out.push_str("| fail if | step | session | | |\n|---|---|---|---|---|\n");
        for result in &judged.results {
            let word = match result.outcome {
                LimitOutcome::Held | LimitOutcome::NoBaseline => result.outcome.word().to_owned(),
                _ => format!("**{}**", result.outcome.word().to_lowercase()),
            };
            let step = result.step.as_deref().unwrap_or("the whole run");
            let (limit, said) = (cell(&result.limit), cell(&result.said()));
            let _ = writeln!(out, "| {limit} | {} | {} | {word} | {said} |", cell(step), letter(result.session));
        }
        out.push('\n');
    }
    out.push_str("| | session | target |\n|---|---|---|\n");
    for (at, contender) in contenders.iter().enumerate() {
        let target = clean_to(&contender.session.header().settings.target, 200);
        let _ = writeln!(out, "| {} | {} | {} |", letter(at), cell(&clean_to(contender.name, 200)), cell(&target));
    }
    for warning in &comparison.warnings {
        let _ = writeln!(out, "\nNote: {}.", cell(warning));
    }
    for other in 1..contenders.len() {
        for step in comparison.steps.iter().filter(|step| step.repeats[other] > 0) {
            numbers(&mut out, step, other);
        }
    }
    let left_out = left_out::in_words(comparison);
    if !left_out.is_empty() {
        out.push('\n');
        for said in &left_out {
            let _ = writeln!(out, "- {}", cell(said));
        }
    }
    if !comparison.steps.is_empty() {
        let _ = writeln!(out, "\n{NOISE_RULE}");
    }
    out
}

/// Every number of a step, folded up: a pipeline's page is read from its top.
fn numbers(out: &mut String, step: &ComparedStep, other: usize) {
    let side = |at: usize| match step.repeats[at] {
        1 => letter(at),
        n => format!("{} ×{n}", letter(at)),
    };
    let (a, b) = (side(0), side(other));
    let _ = writeln!(out, "\n<details><summary>{}: {b} against {a}</summary>\n", cell(&step.key.to_string()));
    let _ = writeln!(out, "| number | {a} | {b} | Δ | |\n|---|---|---|---|---|");
    for row in &step.rows {
        let difference = &row.differences[other - 1];
        let (a, b) = (row.runs[0].say(row.kind), row.runs[other].say(row.kind));
        let (delta, word) = (difference.say(row.kind), difference.significance.word());
        let _ = writeln!(out, "| {} | {} | {} | {} | {word} |", cell(row.kind.label), cell(&a), cell(&b), cell(&delta));
    }
    out.push_str("\n</details>\n");
}
