//! The session in a few lines of text: what the terminal keeps when the screen is gone. [`markdown`], [`junit`] and [`json`] say
//! the same to a pipeline.

pub mod json;
pub mod junit;
pub mod markdown;

use crate::analysis::failures::failure_in_words;
use crate::session::state::{Session, fleet_in_words};
use crate::session::verdict::judge;
use crate::text::{Lines, latency, percent, thousands};
use scaletop_load::OutcomeKind;

/// More causes of failures than this are left to `summary.json`.
const MOST_CAUSES: usize = 5;

/// The summary of `session`, a handful of lines that end in a newline.
pub fn text(session: &Session) -> String {
    let totals = session.totals();
    let mut out = Lines::default();
    let settings = &session.header().settings;
    let plan = settings.plan.as_deref().map(|plan| format!(", plan \"{plan}\"")).unwrap_or_default();
    out.line(&format!("scaletop: {} for {}{plan}; objective {}", settings.target, session.now(), session.objectives()));
    let unconnected = match totals.dropped_connections {
        0 => String::new(),
        dropped => format!(", {} for want of a connection", thousands(dropped)),
    };
    out.line(&format!(
        "requests: {} due, {} sent, {} ok, {} failed, {} dropped ({} at the in-flight cap, {} by our own delay{unconnected}){}",
        thousands(totals.due),
        thousands(totals.sent),
        thousands(totals.outcomes.get(OutcomeKind::Ok)),
        thousands(totals.outcomes.failed()),
        thousands(totals.dropped()),
        thousands(totals.dropped_cap),
        thousands(totals.dropped_late),
        totals.unreported_in_words()
    ));
    if let Some(words) = fleet_in_words(session) {
        out.line(&format!("fleet: {words}"));
    }
    let failures: Vec<_> = OutcomeKind::ALL
        .into_iter()
        .filter(|&kind| kind != OutcomeKind::Ok && totals.outcomes.get(kind) > 0)
        .map(|kind| format!("{} {}", thousands(totals.outcomes.get(kind)), kind.label()))
        .collect();
    if !failures.is_empty() {
        out.line(&format!("failures: {}", failures.join(", ")));
    }
    for failure in totals.failures.by_count().into_iter().take(MOST_CAUSES) {
        out.line(&format!("  {}", failure_in_words(failure)));
    }
    if let Some(connections) = totals.connections.in_words() {
        out.line(&format!("connections: {connections}"));
    }
    if let Some(p) = session.percentiles() {
        let [p50, p90, p99, p999, max] = [p.p50, p.p90, p.p99, p.p999, p.max].map(latency);
        let measured = session.measured_p99().map(|measured| format!("; p99 {measured}")).unwrap_or_default();
        out.line(&format!("response time: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}{measured}"));
    }
    for request in session.requests().all() {
        let [p50, p99] = [0.5, 0.99].map(|quantile| latency(request.ok_measured.quantile(quantile)));
        out.line(&format!(
            "request {}: {} due, {} sent, {} ok, {} failed ({}); p50 {p50}, p99 {p99}",
            request.name,
            thousands(request.due),
            thousands(request.sent),
            thousands(request.outcomes.get(OutcomeKind::Ok)),
            thousands(request.outcomes.failed()),
            request.errors().map_or_else(|| "no answer".to_owned(), percent),
        ));
    }
    if !session.tracks().is_empty() {
        out.line(&format!("instances seen: {}", session.tracks().len()));
    }
    for report in session.steps() {
        out.line(&format!("step {}: {}", report.step.id, report.words));
    }
    let verdict = judge(session);
    for result in &verdict.thresholds {
        out.line(&format!("threshold: {}", result.line()));
    }
    if !verdict.is_silent() {
        out.line(&format!("verdict: {}", verdict.headline()));
    }
    out.finish()
}

#[cfg(test)]
mod tests;
