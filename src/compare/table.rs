//! The comparison for a terminal of 80 columns.

use crate::compare::align::{ComparedStep, SessionComparison};
use crate::compare::left_out;
use crate::compare::limits::Judged;
use crate::compare::sentence::{sentences, verdicts};
use crate::compare::{Contender, NOISE_RULE, letter};
use crate::session::verdict::in_words;
use crate::text::{Lines, clean, clean_to, columns, cut, wrap};

/// No line is longer.
const WIDTH: usize = 80;

/// Before what is said of a session below its name.
const INDENT: &str = "   ";

const NUMBER: usize = 18;
const VALUE: usize = 20;
const DELTA: usize = 12;

/// The comparison as text: what it says in a sentence, then each of the other sessions against the first.
pub fn table(contenders: &[Contender<'_>], comparison: &SessionComparison) -> String {
    let mut out = Lines::default();
    if contenders.len() > 1 {
        wrapped(&mut out, &clean(&verdicts(contenders)));
        for sentence in sentences(comparison, contenders.len()) {
            wrapped(&mut out, &sentence);
        }
        out.line("");
    }
    for (at, contender) in contenders.iter().enumerate() {
        let settings = &contender.session.header().settings;
        let plan = settings.plan.as_deref().map(|plan| format!(", plan {}", clean_to(plan, 60))).unwrap_or_default();
        let (name, target) = (clean_to(contender.name, 200), clean_to(&settings.target, 60));
        out.line(&cut(&format!("{}  {name}  (target {target}{plan})", letter(at)), WIDTH));
        for line in wrap(&format!("verdict: {}", clean(&in_words(contender.session))), WIDTH - INDENT.len()) {
            out.line(&format!("{INDENT}{line}"));
        }
    }
    for warning in &comparison.warnings {
        wrapped(&mut out, &format!("note: {warning}"));
    }
    for other in 1..contenders.len() {
        for step in comparison.steps.iter().filter(|step| step.repeats[other] > 0) {
            block(&mut out, step, other);
        }
    }
    let left_out = left_out::in_words(comparison);
    if !left_out.is_empty() {
        out.line("");
        for said in &left_out {
            wrapped(&mut out, said);
        }
    }
    if !comparison.steps.is_empty() {
        out.line("");
        wrapped(&mut out, NOISE_RULE);
    }
    out.finish()
}

/// What became of the limits, as text that goes before the table.
pub(crate) fn limits(judged: &Judged) -> String {
    let mut out = Lines::default();
    wrapped(&mut out, &format!("verdict: {}", clean(&judged.headline())));
    for result in &judged.results {
        wrapped(&mut out, &format!("limit: {}", clean(&result.line())));
    }
    out.line("");
    out.finish()
}

fn block(out: &mut Lines, step: &ComparedStep, other: usize) {
    let runs = |at: usize| match step.repeats[at] {
        1 => letter(at),
        n => format!("{} ×{n}", letter(at)),
    };
    out.line("");
    line(out, [&step.key.to_string(), &runs(0), &runs(other), "Δ", ""]);
    for row in &step.rows {
        let difference = &row.differences[other - 1];
        let (a, b) = (row.runs[0].say(row.kind), row.runs[other].say(row.kind));
        line(out, [row.kind.label, &a, &b, &difference.say(row.kind), difference.significance.word()]);
    }
}

fn line(out: &mut Lines, [number, a, b, delta, verdict]: [&str; 5]) {
    let text =
        format!("{}{}{}{} {verdict}", left(number, NUMBER), right(a, VALUE), right(b, VALUE), right(delta, DELTA));
    out.line(&cut(text.trim_end(), WIDTH));
}

fn left(text: &str, width: usize) -> String {
    let text = cut(&clean(text), width);
    let fill = width.saturating_sub(columns(&text));
    format!("{text}{}", " ".repeat(fill))
}

fn right(text: &str, width: usize) -> String {
    let text = cut(&clean(text), width - 1);
    let fill = width.saturating_sub(columns(&text));
    format!("{}{text}", " ".repeat(fill))
}

fn wrapped(out: &mut Lines, text: &str) {
    for line in wrap(text, WIDTH) {
        out.line(&line);
    }
}
