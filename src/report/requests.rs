//! Several requests: a row each, over the whole session.

use maud::{Markup, html};

use crate::report::shown;
use crate::report::tables::share;
use crate::session::state::Session;
use crate::text::{latency, percent, thousands};
use scaletop_load::OutcomeKind;

/// The section; nothing where there is one request.
pub(super) fn section(session: &Session) -> Option<Markup> {
    let all = session.requests().all();
    if all.is_empty() {
        return None;
    }
    let due: u64 = all.iter().map(|request| request.due).sum();
    Some(html! {
        section {
            h2 { "Requests, by name" }
            div.wide {
                table.instances {
                    thead {
                        tr {
                            th { "request" } th { "due" } th { "share" } th { "sent" } th { "OK" } th { "failed" } th { "errors" }
                            th { "p50" } th { "p90" } th { "p99" } th { "max" } th { "p99 failed" }
                        }
                    }
                    tbody {
                        @for request in all {
                            @let ok = &request.ok_measured;
                            tr {
                                td.id { (shown(request.name.as_str())) }
                                td { (thousands(request.due)) }
                                td { (share(request.due, due)) }
                                td { (thousands(request.sent)) }
                                td { (thousands(request.outcomes.get(OutcomeKind::Ok))) }
                                td { (thousands(request.outcomes.failed())) }
                                td { (request.errors().map_or_else(|| "–".to_owned(), percent)) }
                                @for quantile in [0.5, 0.9, 0.99] { td { (latency(ok.quantile(quantile))) } }
                                td { (latency(ok.max())) }
                                td { (latency(request.failed.quantile(0.99))) }
                            }
                        }
                    }
                }
            }
            p.note {
                "Response times of OK answers, without those of seconds in which the generator was late. " code { "requests.csv" } " has every second."
            }
        }
    })
}
