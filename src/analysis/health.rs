//! What speaks against the generator in a second: whether it, not the service, is the limit.

use crate::analysis::validity;
use crate::text::{count, latency};
use crate::timeline::Row;
use scaletop_load::OutcomeKind;

/// Beyond this share of a limit (cap, descriptors, CPU) it is about to bind.
const NEARLY: f64 = 0.9;

/// Fewer local ports than this are soon used up by a spike.
const FEW_PORTS: u32 = 1_000;

/// What speaks against the generator in a second, most telling first; empty when nothing does.
pub(crate) fn complaints(row: &Row) -> Vec<String> {
    let health = &row.generator;
    let mut complaints = Vec::new();
    if validity::is_throttled(health) {
        complaints.push(format!("throttled by the CPU quota ({})", validity::quota_in_words(health.cpu_quota)));
    } else if validity::is_crowded(health) {
        complaints.push("cores busy with other work".to_owned());
    }
    if let Some(unreported) = row.unreported.filter(|&unreported| unreported > 0) {
        complaints.push(format!("{} arrivals unreported", count(unreported)));
    }
    if row.dropped_late > 0 {
        complaints.push(format!("{} arrivals too late", count(row.dropped_late)));
    }
    if row.dropped_connections > 0 {
        complaints.push(format!("no connection for {}", count(row.dropped_connections)));
    }
    let ports = row.outcomes.get(OutcomeKind::Ports);
    if ports > 0 {
        complaints.push(format!("no port or fd for {}", count(ports)));
    }
    if row.send_lag_p99.is_some_and(|lag| lag > validity::SEND_LAG_LIMIT) {
        complaints.push(format!("send lag {}", latency(row.send_lag_p99)));
    }
    // What the cap drops is lost to a slow service, not to us; but whoever reads the rate should know that it binds.
    if row.dropped_cap > 0 {
        complaints.push("in-flight cap reached".to_owned());
    } else if cap_use(row).is_some_and(|share| share > NEARLY) {
        complaints.push("in-flight cap nearly reached".to_owned());
    }
    if let Some(cpu) =
        health.cpu_percent.filter(|&cpu| f64::from(cpu) > 100.0 * NEARLY * f64::from(health.cores.unwrap_or(1)))
    {
        complaints.push(format!("CPU {cpu:.0} %"));
    }
    if let Some((open, allowed)) = health.fds.filter(|&(open, allowed)| open as f64 > NEARLY * allowed as f64) {
        complaints.push(format!("{} of {} file descriptors", count(open), count(allowed)));
    }
    if let Some(ports) = health.ports_left.filter(|&ports| ports < FEW_PORTS) {
        complaints.push(format!("{ports} local ports left"));
    }
    complaints
}

/// How much of the in-flight cap was used at most.
pub(crate) fn cap_use(row: &Row) -> Option<f64> {
    let cap = row.generator.in_flight_cap;
    (cap > 0).then(|| row.generator.in_flight_peak.max(row.in_flight) as f64 / cap as f64)
}
