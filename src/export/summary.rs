//! The session in a few lines of text: what the terminal keeps when the screen is gone. [`markdown`], [`junit`] and [`json`] say
//! the same to a pipeline.

pub mod json;
pub mod junit;
pub mod markdown;

use crate::session::state::Session;
use crate::session::verdict::judge;
use crate::text::{Lines, latency};
use scaletop_load::OutcomeKind;

/// The summary of `session`, a handful of lines that end in a newline.
pub fn text(session: &Session) -> String {
    let totals = session.totals();
    let mut out = Lines::default();
    let settings = &session.header().settings;
    let plan = settings.plan.as_deref().map(|plan| format!(", plan \"{plan}\"")).unwrap_or_default();
    out.line(&format!("scaletop: {} for {}{plan}; objective {}", settings.target, session.now(), settings.slo));
    out.line(&format!(
        "requests: {} due, {} sent, {} ok, {} failed, {} dropped ({} at the in-flight cap, {} by our own delay)",
        totals.due,
        totals.sent,
        totals.outcomes.get(OutcomeKind::Ok),
        totals.outcomes.failed(),
        totals.dropped_cap + totals.dropped_late,
        totals.dropped_cap,
        totals.dropped_late
    ));
    let failures: Vec<_> = OutcomeKind::ALL
        .into_iter()
        .filter(|&kind| kind != OutcomeKind::Ok && totals.outcomes.get(kind) > 0)
        .map(|kind| format!("{} {}", totals.outcomes.get(kind), kind.label()))
        .collect();
    if !failures.is_empty() {
        out.line(&format!("failures: {}", failures.join(", ")));
    }
    if let Some(p) = session.percentiles() {
        let [p50, p90, p99, p999, max] = [p.p50, p.p90, p.p99, p.p999, p.max].map(latency);
        out.line(&format!("response time: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}"));
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
