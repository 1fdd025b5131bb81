//! The session as Markdown: for a pipeline's summary page, an issue, a message.

use std::fmt::Write as _;

use crate::analysis::numbers::{self, Kind, row as table};
use crate::session::halves::Halves;
use crate::session::state::{Session, fleet_in_words};
use crate::session::verdict::{ThresholdOutcome, judge};
use crate::text::{latency, markdown_cell as cell, percent};
use scaletop_load::OutcomeKind;

/// The numbers of its table of steps.
static NUMBERS: [&Kind; 6] = [
    &numbers::T_SERVING,
    &numbers::T_CAPACITY,
    &numbers::T_RECOVER,
    &numbers::BAD_SECONDS,
    &numbers::LOST,
    &numbers::PEAK_P99,
];

/// The summary of a session with all its targets as Markdown that ends in a newline: of two one after the other, by name.
pub fn markdown_of(halves: &Halves) -> String {
    if halves.second().is_none() {
        return markdown(halves.first());
    }
    let of = |(side, half)| named(half, &format!("{}: {}", name(half), halves.name(side)));
    halves.each().map(of).collect::<Vec<_>>().join("\n")
}

/// The summary of `session` as Markdown that ends in a newline.
pub fn markdown(session: &Session) -> String {
    named(session, name(session))
}

/// What a session is called: its plan, or its target.
fn name(session: &Session) -> &str {
    let settings = &session.header().settings;
    settings.plan.as_deref().unwrap_or(&settings.target)
}

fn named(session: &Session, name: &str) -> String {
    let (settings, totals) = (&session.header().settings, session.totals());
    let verdict = judge(session);
    let mut out = format!("## scaletop: {}\n\n", cell(name));
    let is_unmet = !verdict.unmet_start.is_empty() || verdict.unmet_end.is_some();
    if !verdict.thresholds.is_empty() || !verdict.invalid.is_empty() || is_unmet {
        let _ = writeln!(out, "**{}**\n", cell(&verdict.headline()));
    }
    let ok = totals.outcomes.get(OutcomeKind::Ok);
    let dropped = totals.dropped();
    let _ = writeln!(
        out,
        "{} for {}; objective {}. {} requests due, {} sent, {ok} ok, {} failed, {dropped} dropped{}.",
        cell(&settings.target),
        session.now(),
        session.objectives(),
        totals.due,
        totals.sent,
        totals.outcomes.failed(),
        totals.unreported_in_words()
    );
    if let Some(words) = fleet_in_words(session) {
        let _ = writeln!(out, "Fleet: {}.", cell(&words));
    }
    if let Some(p) = session.percentiles() {
        let measured = session.measured_p99().map(|measured| format!("; p99 {measured}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "Response time: p50 {}, p99 {}, p99.9 {}, max {}{measured}.",
            latency(p.p50),
            latency(p.p99),
            latency(p.p999),
            latency(p.max)
        );
    }
    if !session.requests().all().is_empty() {
        out.push_str("\n| request | due | OK | errors | p50 | p99 |\n|---|---:|---:|---:|---:|---:|\n");
    }
    for request in session.requests().all() {
        let [p50, p99] = [0.5, 0.99].map(|quantile| latency(request.ok_measured.quantile(quantile)));
        let errors = request.errors().map_or_else(|| "–".to_owned(), percent);
        let (name, ok) = (cell(request.name.as_str()), request.outcomes.get(OutcomeKind::Ok));
        let _ = writeln!(out, "| {name} | {} | {ok} | {errors} | {p50} | {p99} |", request.due);
    }
    if !verdict.thresholds.is_empty() {
        out.push_str("\n| threshold | bound | measured | |\n|---|---|---|---|\n");
        for result in &verdict.thresholds {
            let outcome = match &result.outcome {
                ThresholdOutcome::Passed => "passed".to_owned(),
                ThresholdOutcome::Failed => "**failed**".to_owned(),
                ThresholdOutcome::CannotTell { reason, .. } => format!("**undecided**: {}", cell(reason)),
            };
            let (subject, bound, actual) = (cell(&result.subject()), cell(&result.bound), cell(&result.said()));
            let _ = writeln!(out, "| {subject} | {bound} | {actual} | {outcome} |");
        }
    }
    if !session.steps().is_empty() {
        let _ = writeln!(out, "\n| step | rate |{} |", table(&NUMBERS, |kind| kind.label.to_owned()));
        let _ = writeln!(out, "|---|---|{}|", table(&NUMBERS, |_| "---:".to_owned()).replace(' ', ""));
    }
    for report in session.steps() {
        let step = &report.step;
        let name = step.name.as_deref().map(|name| format!(" {}", cell(name))).unwrap_or_default();
        let invalid = report.invalid_by().map(|what| format!(" (invalid: {what})")).unwrap_or_default();
        let numbers = table(&NUMBERS, |kind| cell(&kind.say(&report.numbers)));
        let (before, last) = (step.before.get(), step.profile.last());
        let _ = writeln!(out, "| {}{name}{invalid} | {before}→{last} |{numbers} |", step.id);
    }
    out
}
