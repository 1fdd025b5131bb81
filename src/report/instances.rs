//! Who answered: a row an instance, and whether few of them got most of the load.

use maud::{Markup, html};

use crate::report::ink::ink;
use crate::report::shown;
use crate::report::tables::share;
use crate::session::state::Session;
use crate::text::{latency, plain, secs, thousands};

/// More instances than this are left to `instances.csv`.
const MOST_INSTANCES: usize = 200;

/// Every instance that answered.
pub(super) fn table(session: &Session) -> Markup {
    if session.tracks().is_empty() {
        let header = &session.header().settings.instance_header;
        return html! { p.none { "No answer named its instance (header " code { (shown(header)) } ")." } };
    }
    let end = session.now().as_secs_f64().max(1.0);
    let came = session.came(session.tracks());
    let answers: u64 = session.tracks().iter().map(|track| track.requests).sum();
    html! {
        (pinned(session))
        div.wide {
            table.instances {
                thead {
                    tr {
                        th { "instance" } th.lane { "when it answered" } th { "first OK" } th { "last" } th { "answers" } th { "share" }
                        th { "OK" } th { "p50" } th { "p99" } th { "extra latency of its first answers" } th { "what it came after, and how long" }
                    }
                }
                tbody {
                    @for (track, came) in session.tracks().iter().zip(&came).take(MOST_INSTANCES) {
                        @let (from, to) = (track.first.as_secs_f64() / end * 100.0, track.last.as_secs_f64() / end * 100.0);
                        tr {
                            td.id { (shown(track.id.as_str())) }
                            td.lane {
                                svg width="200" height="16" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                                    rect.rail fill=(ink("faint")) x="0" y="3.5" width="100" height="1" {}
                                    rect.alive fill=(ink("responding")) x=(plain(from)) y="1" width=(plain((to - from).max(0.6))) height="6" {}
                                }
                            }
                            td { (track.first_ok.map_or_else(|| "–".to_owned(), |at| secs(at.as_secs_f64()))) }
                            td { (secs(track.last.as_secs_f64())) }
                            td { (thousands(track.requests)) }
                            td { (share(track.requests, answers)) }
                            td { (share(track.ok, track.requests)) }
                            td { (latency(track.response.quantile(0.5))) }
                            td { (latency(track.response.quantile(0.99))) }
                            td { (track.cold_start.map_or_else(|| "–".to_owned(), |by| format!("+{}", latency(Some(by))))) }
                            td { (came.map_or_else(|| "–".to_owned(), |came| came.words())) }
                        }
                    }
                }
            }
        }
        @if came.iter().any(Option::is_some) {
            p.note {
                "How long is counted to when the first request that it answered OK was due: from the platform's decision that asked for \
                 it; from the start of the step where no platform tells of decisions; of one that replaces another, from that one's \
                 last answer."
            }
        }
        @if session.tracks().len() > MOST_INSTANCES {
            p.note { (session.tracks().len() - MOST_INSTANCES) " more are in " code { "instances.csv" } "." }
        }
    }
}

/// The steps at whose end few instances got most of the load.
fn pinned(session: &Session) -> Markup {
    html! {
        @for (step, pinned) in session.steps().iter().filter_map(|report| Some((report.step.id, report.pinned?))) {
            p.verdict.bad {
                "At the end of step " (step) " the load was pinned: " (pinned)
                ". Kept connections stay where they are, or the balancer prefers some."
            }
        }
    }
}
