//! The session in a few lines of text: what the terminal keeps when the screen is gone. [`markdown`], [`junit`] and [`json`] say
//! the same to a pipeline.

pub mod json;
pub mod junit;
pub mod markdown;

use std::time::Duration;

use crate::analysis::failures::failure_in_words;
use crate::session::state::{Session, fleet_in_words};
use crate::session::verdict::judge;
use crate::text::{Lines, latency, thousands};
use scaletop_load::OutcomeKind;

/// More causes of failures than this are left to `summary.json`.
const MOST_CAUSES: usize = 5;

/// What thresholds see as p99, where that is not the one of all OK answers; and why.
fn measured_p99(session: &Session, all: Duration) -> String {
    let totals = session.totals();
    let measured = totals.ok_measured.quantile(0.99);
    if totals.late_seconds == 0 || measured == Some(all) {
        return String::new();
    }
    let seconds = if totals.late_seconds == 1 {
        "1 second".to_owned()
    } else {
        format!("{} seconds", thousands(totals.late_seconds))
    };
    format!("; p99 {} without {seconds} in which we were late", latency(measured))
}

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
        let measured = measured_p99(session, p.p99);
        out.line(&format!("response time: p50 {p50}, p90 {p90}, p99 {p99}, p99.9 {p999}, max {max}{measured}"));
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
mod tests {
    use super::markdown::markdown;
    use super::*;
    use crate::session::event::{Header, Settings};
    use crate::session::fixtures::ended;

    #[test]
    fn of_a_fleet_every_sum_of_requests_says_what_is_unreported() {
        let fleet = "3 of 3 generators there to the end, one was lost once; 200 of 6,000 planned arrivals unreported";
        let told = text(&ended()).replace("\n  ", " ");
        let requests = "requests: 5,800 due, 5,800 sent, 5,800 ok, 0 failed, 0 dropped (0 at the in-flight cap, 0 by our own delay); \
                        200 unreported\n";
        assert!(told.contains(requests) && told.contains(&format!("fleet: {fleet}\n")), "{told}");
        let step = "step 1: 0→300/s: invalid: generator (3.3 % of arrivals (200) unreported";
        assert!(told.contains(step) && !told.contains("absorbed"), "{told}");
        let told = markdown(&ended());
        let requests = "5800 requests due, 5800 sent, 5800 ok, 0 failed, 0 dropped; 200 unreported.\n";
        assert!(told.contains(requests) && told.contains(&format!("Fleet: {fleet}.\n")), "{told}");
    }

    #[test]
    fn without_a_fleet_nothing_is_said_of_one() {
        let session = Session::new(Header::new(0, Settings::default()));
        for told in [text(&session), markdown(&session)] {
            assert!(!told.to_lowercase().contains("fleet") && !told.contains("unreported"), "{told}");
        }
    }
}
