//! The generators of a fleet: a row each, and what none of them reported.

use maud::{Markup, html};

use crate::report::ink::ink;
use crate::report::shown;
use crate::report::tables::share;
use crate::session::state::{Generator, Session, fleet_in_words};
use crate::text::{latency, plain, secs, thousands};
use scaletop_units::GeneratorId;

/// More generators than this are left to `summary.json`.
const MOST_GENERATORS: usize = 200;

/// The section; nothing without a fleet.
pub(super) fn section(session: &Session) -> Option<Markup> {
    let fleet = session.fleet()?;
    let sent: u64 = fleet.generators().map(|(_, one)| one.sent).sum();
    let is_over = session.ended().is_some();
    let is_whole = session.totals().unreported().unwrap_or(0) == 0;
    Some(html! {
        section {
            h2 { "The fleet" }
            @if let Some(words) = fleet_in_words(session) {
                p.verdict.good[is_whole].warn[!is_whole] { (words) "." }
            }
            @if let Some(state) = fleet.with_some() {
                p.note {
                    "A change of rate took effect " (latency(fleet.longest_lead())) " after it was asked for at the latest; the clocks were ± "
                    (latency(fleet.widest_clock_error())) " apart at most; all generators together might send " (thousands(state.ceiling.get())) "/s. What was due by the schedule and nobody \
                     of the fleet sent or reported is unreported: the service has not lost it."
                }
            }
            div.wide {
                table.instances {
                    thead {
                        tr {
                            th { "generator" } th.lane { "when it was lost" } th { @if is_over { "state at the end" } @else { "state" } } th { "since" } th { "sent" } th { "share" } th { "OK" }
                            th { "send lag p99" } th { "CPU" } th { "clock ±" } th { "losses" } th { "why it was lost last" }
                        }
                    }
                    tbody { @for (id, one) in fleet.generators().take(MOST_GENERATORS) { (row(session, id, one, sent)) } }
                }
            }
            @if fleet.generators().len() > MOST_GENERATORS {
                p.note { (fleet.generators().len() - MOST_GENERATORS) " more are in " code { "summary.json" } "." }
            }
        }
    })
}

fn row(session: &Session, id: &GeneratorId, one: &Generator, sent: u64) -> Markup {
    let end = session.now().as_secs_f64().max(1.0);
    let last = one.last.as_ref().map(|(_, part)| part);
    let loss = one.last_loss.as_ref();
    let is_there = session.was_there_to_the_end(one);
    let tone = if is_there { "responding" } else { "faint" };
    let state = if is_there && session.ended().is_some() { "there to the end" } else { one.state.label() };
    html! {
        tr {
            td.id { (id) }
            td.lane {
                svg width="200" height="16" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                    rect.rail fill=(ink(tone)) x="0" y="3.5" width="100" height="1" {}
                    @for at in &one.lost_at {
                        rect fill=(ink("bad")) x=(plain(at.as_secs_f64() / end * 100.0)) y="1" width="0.8" height="6" {}
                    }
                }
            }
            td { (state) }
            td { (secs(one.since.as_secs_f64())) }
            td { (thousands(one.sent)) }
            td { (share(one.sent, sent)) }
            td { (share(one.ok, one.sent)) }
            td { (latency(last.and_then(|part| part.lag_p99))) }
            td { (last.and_then(|part| part.cpu_percent).map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.0} %"))) }
            td { (latency(last.and_then(|part| part.clock_error))) }
            td { (one.losses) }
            td { (loss.and_then(|(_, why)| why.as_deref()).map_or_else(|| "–".to_owned(), shown)) }
        }
    }
}
