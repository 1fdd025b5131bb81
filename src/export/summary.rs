//! The session in a few lines of text: what the terminal keeps when the screen is gone. [`markdown`], [`junit`] and [`json`] say
//! the same to a pipeline.

pub mod json;
pub mod junit;
pub mod markdown;

use std::fmt::Write as _;

use crate::session::state::Session;
use crate::session::verdict::judge;
use scaletop_load::OutcomeKind;

/// The summary of `session`, a handful of lines that end in a newline.
pub fn text(session: &Session) -> String {
    let totals = session.totals();
    let mut out = String::new();
    let settings = &session.header().settings;
    let plan = settings.plan.as_deref().map(|plan| format!(", plan \"{plan}\"")).unwrap_or_default();
    let _ = writeln!(out, "scaletop: {} for {}{plan}; objective {}", settings.target, session.now(), settings.slo);
    let _ = writeln!(
        out,
        "requests: {} due, {} sent, {} ok, {} failed, {} dropped ({} at the in-flight cap, {} by our own delay)",
        totals.due,
        totals.sent,
        totals.outcomes.get(OutcomeKind::Ok),
        totals.outcomes.failed(),
        totals.dropped_cap + totals.dropped_late,
        totals.dropped_cap,
        totals.dropped_late
    );
    let failures: Vec<_> = OutcomeKind::ALL
        .into_iter()
        .filter(|&kind| kind != OutcomeKind::Ok && totals.outcomes.get(kind) > 0)
        .map(|kind| format!("{} {}", totals.outcomes.get(kind), kind.label()))
        .collect();
    if !failures.is_empty() {
        let _ = writeln!(out, "failures: {}", failures.join(", "));
    }
    if let Some(p) = session.percentiles() {
        let _ = writeln!(
            out,
            "response time: p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, max {:.1?}",
            p.p50, p.p90, p.p99, p.p999, p.max
        );
    }
    if !session.tracks().is_empty() {
        let _ = writeln!(out, "instances seen: {}", session.tracks().len());
    }
    for report in session.steps() {
        let _ = writeln!(out, "step {}: {}", report.step.id, report.words);
    }
    let verdict = judge(session);
    for result in &verdict.thresholds {
        let _ = writeln!(out, "threshold: {}", result.line());
    }
    if !verdict.is_silent() {
        let _ = writeln!(out, "verdict: {}", verdict.headline());
    }
    out
}
