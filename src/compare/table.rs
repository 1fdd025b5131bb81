//! The comparison for a terminal of 80 columns.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use crate::compare::align::{ComparedStep, SessionComparison};
use crate::compare::{Contender, NOISE_RULE, letter};
use crate::text::harmless;

/// No line is longer.
const WIDTH: usize = 80;

const NUMBER: usize = 18;
const VALUE: usize = 20;
const DELTA: usize = 12;

/// The comparison as text: each of the other sessions against the first.
pub fn table(contenders: &[Contender<'_>], comparison: &SessionComparison) -> String {
    let mut out = String::new();
    for (at, contender) in contenders.iter().enumerate() {
        let settings = &contender.session.header().settings;
        let what = settings.plan.as_deref().unwrap_or(&settings.target);
        let line = format!("{}  {}  ({})", letter(at), harmless(contender.name, 200), harmless(what, 60));
        let _ = writeln!(out, "{}", cut(&line, WIDTH));
    }
    for warning in &comparison.warnings {
        wrapped(&mut out, &format!("note: {warning}"));
    }
    if comparison.steps.is_empty() {
        wrapped(&mut out, "No step of A has the same rates as a step of another session: there is nothing to compare.");
    }
    for other in 1..contenders.len() {
        for step in comparison.steps.iter().filter(|step| step.repeats[other] > 0) {
            block(&mut out, step, other);
        }
    }
    if !comparison.alone.is_empty() {
        let alone: Vec<_> = comparison.alone.iter().map(|(at, key)| format!("{key} ({})", letter(*at))).collect();
        out.push('\n');
        wrapped(&mut out, &format!("Without a counterpart: {}", alone.join(", ")));
    }
    out.push('\n');
    wrapped(&mut out, NOISE_RULE);
    out
}

fn block(out: &mut String, step: &ComparedStep, other: usize) {
    let runs = |at: usize| match step.repeats[at] {
        1 => letter(at),
        n => format!("{} ×{n}", letter(at)),
    };
    out.push('\n');
    line(out, [&step.key.to_string(), &runs(0), &runs(other), "Δ", ""]);
    for row in &step.rows {
        let difference = &row.differences[other - 1];
        let (a, b) = (row.runs[0].say(row.kind), row.runs[other].say(row.kind));
        line(out, [row.kind.label, &a, &b, &difference.say(row.kind), difference.significance.word()]);
    }
}

fn line(out: &mut String, [number, a, b, delta, significance]: [&str; 5]) {
    let text =
        format!("{}{}{}{} {significance}", left(number, NUMBER), right(a, VALUE), right(b, VALUE), right(delta, DELTA));
    let _ = writeln!(out, "{}", cut(text.trim_end(), WIDTH));
}

fn left(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let fill = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(fill))
}

fn right(text: &str, width: usize) -> String {
    let text = cut(text, width - 1);
    let fill = width.saturating_sub(text.width());
    format!("{}{text}", " ".repeat(fill))
}

/// `text` in at most `width` columns.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        let mut longer = short.clone();
        longer.push(c);
        if longer.width() >= width {
            break;
        }
        short = longer;
    }
    short.push('…');
    short
}

fn wrapped(out: &mut String, text: &str) {
    let mut column = 0;
    for word in text.split_whitespace() {
        let word = cut(word, WIDTH);
        let width = word.width();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word);
        column += width;
    }
    out.push('\n');
}
