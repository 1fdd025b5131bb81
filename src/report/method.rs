//! What the page says of itself: how things are measured, and what is uncertain in this session.

use maud::{Markup, html};

use crate::analysis::numbers::{self, Value};
use crate::analysis::{Timing, Validity};
use crate::instances::Feed;
use crate::report::{ReportInput, shown};
use crate::session::event::NoticeLevel;
use crate::text::{secs, thousands};

/// More notices than this are left to `events.csv`.
const MOST_NOTICES: usize = 40;

/// What a careful reader has to know before believing a number.
pub(super) fn uncertain(evidence: &ReportInput<'_>) -> Markup {
    let doubts = doubts(evidence);
    let session = evidence.session;
    let notices: Vec<_> = session.log().iter().filter(|(_, notice)| notice.level >= NoticeLevel::Warning).collect();
    html! {
        @if doubts.is_empty() && notices.is_empty() {
            p.none { "Nothing: every time was seen by ourselves, no second is missing, every source answered." }
        }
        @if !doubts.is_empty() {
            ul.doubts { @for doubt in &doubts { li { (doubt) } } }
        }
        @if !notices.is_empty() {
            ul.doubts {
                @for (at, notice) in notices.iter().take(MOST_NOTICES) {
                    li { span.when { (at) } " " (shown(&notice.text)) }
                }
            }
        }
    }
}

fn doubts(evidence: &ReportInput<'_>) -> Vec<String> {
    let (session, series) = (evidence.session, evidence.series);
    let mut doubts = Vec::new();
    if let Some(damage) = evidence.damage.describe() {
        doubts.push(format!("The recording is damaged: {damage}."));
    }
    if session.ended().is_none() && !evidence.is_live {
        doubts.push("The recording does not say how the session ended: it was still running, or it was killed; up to two seconds may be missing.".to_owned());
    }
    let measured: u64 = series.columns.iter().map(|column| u64::from(column.measured)).sum();
    let expected = u64::from(series.end()).min(u64::from(session.now().second()));
    if measured < expected {
        doubts.push(format!("{} of {expected} seconds were not measured: gaps in the charts.", expected - measured));
    }
    if session.totals().dropped_late > 0 {
        let late = thousands(session.totals().dropped_late);
        doubts.push(format!("{late} requests were never sent because the generator itself was late."));
    }
    if let Some(unreported) = session.totals().unreported().filter(|&unreported| unreported > 0) {
        let unreported = thousands(unreported);
        doubts.push(format!("{unreported} arrivals that the fleet's schedule made due are unreported: nobody of the fleet sent or reported them."));
    }
    if session.totals().dropped_connections > 0 {
        let dropped = thousands(session.totals().dropped_connections);
        doubts.push(format!("{dropped} requests were never sent because every connection that is allowed was busy."));
    }
    let unanswered = session.totals().sent.saturating_sub(session.totals().outcomes.total());
    if unanswered > 0 && !evidence.is_live {
        let unanswered = thousands(unanswered);
        doubts
            .push(format!("{unanswered} requests had no answer when the recording ended; they are in no percentile."));
    }
    for report in session.steps() {
        let id = report.step.id;
        match &report.validity {
            Validity::Valid => {}
            Validity::InvalidGenerator(reason) => {
                doubts.push(format!("Step {id} is invalid, the generator was the limit: {}.", shown(reason)));
            }
            Validity::InvalidStart(reason) => {
                doubts.push(format!("Step {id} is invalid, its start condition was not met: {}.", shown(reason)));
            }
        }
        for number in numbers::of(report) {
            let (label, say) = (number.kind.label, number.say());
            match number.value {
                Value::Timing(Timing::NotWithin { open: false, .. }) => {
                    doubts.push(format!("Step {id}: {label} {say}; it was not seen before the step ended."));
                }
                Value::Timing(Timing::NotWithin { open: true, .. }) => {
                    doubts.push(format!("Step {id}: {label} {say}; the step was still open."));
                }
                Value::Timing(Timing::Reached { secs: at, plus_minus }) if plus_minus >= 0.5 => {
                    let (from, to) = (secs((at - plus_minus).max(0.0)), crate::text::secs(at + plus_minus));
                    // When the objective held again is seen in our own requests, which nobody polls.
                    let why = if *number.kind == numbers::T_RECOVER {
                        "seconds in between were not measured"
                    } else {
                        "its source is polled"
                    };
                    doubts.push(format!("Step {id}: {label} lies between {from} and {to}: {why}."));
                }
                Value::Timing(Timing::AlreadyViolated) => {
                    doubts
                        .push(format!("Step {id}: the objective was missed before it began; {label} cannot be told."));
                }
                _ => {}
            }
        }
    }
    for (source, feed) in session.feeds() {
        match feed {
            Feed::Stale { heard, error } => {
                doubts.push(format!("{} last answered at {heard}: {}.", shown(source), shown(&error.to_string())));
            }
            Feed::Failed { error } => {
                doubts.push(format!("{} never answered: {}.", shown(source), shown(&error.to_string())));
            }
            Feed::Waiting | Feed::Live { .. } => {}
        }
    }
    let provisional: usize =
        session.observations().values().flatten().filter(|observation| observation.provisional).count();
    if provisional > 0 {
        doubts
            .push(format!("{provisional} instance counts were provisional: the platform may have revised them since."));
    }
    doubts
}

/// How things are measured: the same words for every session.
pub(super) fn explained() -> Markup {
    html! {
        dl.method {
            dt { "Open model" } dd {
                "Requests are due at the rate that was asked for, whether or not the service answers. Response time counts from "
                "the moment a request was due, service time from the moment it was sent; the difference is our send lag."
            }
            dt { "Which second" } dd {
                "The charts and " code { "timeline.csv" } " count a request in the second it completed in; the numbers of steps "
                "and " code { "cohorts.csv" } " in the second it was due in."
            }
            dt { "Percentiles" } dd {
                "From merged HDR histograms, within 0.1 % of the true value; never averaged. "
                code { "latency.hlog" } " holds the histograms of every second."
            }
            dt { "Lost, slow, bad seconds" } dd {
                "Lost: 429, 502, 503, 504, connect, reset, timeout, other 5xx, and what was dropped at the in-flight cap. Slow: "
                "OK, but over the objective. A second is bad when the objective was missed over the five seconds up to it. "
                "Client errors (other 4xx) and what our own ports or stalls cost are listed apart."
            }
            dt { "Times" } dd {
                "In seconds after the start of the step. A state counts as reached once it has lasted for 10 s. What was not seen before the step "
                "ended reads > N s, never 0. A count that is polled may have changed at any time since the poll before: "
                "the middle is given, ± half the interval."
            }
            dt { "Instances" } dd {
                "Responding: distinct ids in answers over the last seconds. Active (App Runner, through CloudWatch) and running, "
                "desired (ECS) are what the platform says, each at its own time. With a source in parentheses: what a command, a URL or "
                "Prometheus said that the user named. Needed: ⌈rate × service time ÷ concurrency⌉."
            }
            dt { "Invalid: generator" } dd {
                "A step in which the generator was the limit (send lag, drops by our own delay or for want of a connection, ports or "
                "file descriptors, CPU) says "
                "nothing of the service."
            }
        }
    }
}
