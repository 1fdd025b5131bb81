//! The session as Markdown: for a pipeline's summary page, an issue, a message.

use std::fmt::Write as _;

use crate::analysis::{Timing, Validity};
use crate::session::state::Session;
use crate::session::verdict::{ThresholdOutcome, judge};
use scaletop_load::OutcomeKind;

/// The summary of `session` as Markdown that ends in a newline.
pub fn markdown(session: &Session) -> String {
    let (settings, totals) = (&session.header().settings, session.totals());
    let verdict = judge(session);
    let mut out = format!("## scaletop: {}\n\n", cell(settings.plan.as_deref().unwrap_or(&settings.target)));
    if !verdict.thresholds.is_empty() || !verdict.invalid.is_empty() {
        let _ = writeln!(out, "**{}**\n", cell(&verdict.headline()));
    }
    let ok = totals.outcomes.get(OutcomeKind::Ok);
    let dropped = totals.dropped_cap + totals.dropped_late;
    let _ = writeln!(
        out,
        "{} for {}; objective {}. {} requests due, {} sent, {ok} ok, {} failed, {dropped} dropped.",
        cell(&settings.target),
        session.now(),
        settings.slo,
        totals.due,
        totals.sent,
        totals.outcomes.failed()
    );
    if let Some(p) = session.percentiles() {
        let _ = writeln!(
            out,
            "Response time: p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, max {:.1?}.",
            p.p50, p.p99, p.p999, p.max
        );
    }
    if !verdict.thresholds.is_empty() {
        out.push_str("\n| threshold | bound | measured | |\n|---|---|---|---|\n");
        for result in &verdict.thresholds {
            let outcome = match &result.outcome {
                ThresholdOutcome::Passed => "passed".to_owned(),
                ThresholdOutcome::Failed => "**failed**".to_owned(),
                ThresholdOutcome::CannotTell { reason, .. } => format!("**undecided**: {}", cell(reason)),
            };
            let (subject, bound, actual) = (cell(&result.subject()), cell(&result.bound), cell(&result.actual));
            let _ = writeln!(out, "| {subject} | {bound} | {actual} | {outcome} |");
        }
    }
    if !session.steps().is_empty() {
        out.push_str("\n| step | rate | T_serving | T_capacity | T_recover | bad | lost | peak p99 |\n");
        out.push_str("|---|---|---:|---:|---:|---:|---:|---:|\n");
    }
    for report in session.steps() {
        let (step, numbers) = (&report.step, &report.numbers);
        let name = step.name.as_deref().map(|name| format!(" {}", cell(name))).unwrap_or_default();
        let invalid = if report.validity == Validity::Valid { "" } else { " (invalid: generator)" };
        let _ = writeln!(
            out,
            "| {}{name}{invalid} | {}→{} | {} | {} | {} | {} s | {} | {} |",
            step.id,
            step.before.get(),
            step.profile.last(),
            timing(numbers.serving),
            timing(numbers.capacity),
            timing(numbers.recover),
            numbers.bad_seconds,
            numbers.lost,
            numbers.peak_p99.map_or_else(|| "–".to_owned(), |p99| format!("{p99:.1?}"))
        );
    }
    out
}

fn timing(timing: Timing) -> String {
    cell(&timing.to_string())
}

/// Text that can do no harm in a Markdown table: no new line, cell, tag, link or emphasis.
pub fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '[' | ']' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_stays_in_its_cell() {
        assert_eq!(cell("a|b\n<script>![x](y) *b*"), "a\\|b?&lt;script&gt;\\!\\[x\\](y) \\*b\\*");
        assert_eq!(cell("spike.t_recover < 60s"), "spike.t_recover &lt; 60s");
    }
}
