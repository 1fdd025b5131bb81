//! What our own connections did, and why requests failed, in tables.

use maud::{Markup, html};

use crate::report::shown;
use crate::session::state::Session;
use crate::text::{latency, thousands};
use scaletop_load::Phase;

/// What our connections did, and why requests failed.
pub(super) fn tables(session: &Session) -> Markup {
    let totals = session.totals();
    let took = [
        ("opening one", &totals.connections.connect),
        ("its part for the name", &totals.connections.dns),
        ("its part for TCP", &totals.connections.tcp),
        ("its part for TLS", &totals.connections.tls),
        ("waiting for one", &totals.connections.slot_wait),
    ];
    let failures = totals.failures.by_count();
    html! {
        @match totals.connections.in_words() {
            Some(words) => p { "Connections: " (words) "." },
            None => p.none { "Nothing is known of connections: this recording or this transport does not tell." }
        }
        @if took.iter().any(|(_, latency)| !latency.is_empty()) {
            div.wide {
                table {
                    thead { tr { th { "connections" } th { "count" } th { "p50" } th { "p90" } th { "p99" } th { "max" } } }
                    tbody {
                        @for (name, all) in took.iter().filter(|(_, all)| !all.is_empty()) {
                            tr {
                                th { (name) }
                                td { (thousands(all.count())) }
                                @for quantile in [0.5, 0.9, 0.99] { td { (latency(all.quantile(quantile))) } }
                                td { (latency(all.max())) }
                            }
                        }
                    }
                }
            }
        }
        @if !failures.is_empty() {
            div.wide {
                table {
                    thead { tr { th { "failures" } th { "counted as" } th { "while" } th { "cause" } } }
                    tbody {
                        @for failure in failures {
                            tr {
                                td { (thousands(failure.count)) }
                                td { (failure.kind.label()) }
                                td { (failure.phase.map_or("–", Phase::label)) }
                                td { (shown(&failure.cause)) }
                            }
                        }
                    }
                }
            }
        }
        @if totals.failures.beyond() > 0 { p.note { (thousands(totals.failures.beyond())) " more of other causes." } }
    }
}
