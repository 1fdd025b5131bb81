//! The columns of the generator's connections, at the end of a row.

use std::time::Duration;

use crate::export::text::millis;
use crate::text::plain;
use crate::timeline::connections::Took;
use crate::timeline::{ConnectionRow, Row};

/// Recordings that know of no workers know of no connections either.
pub(super) fn dropped_connections(dropped: u64, row: Option<&Row>) -> String {
    let is_known = row.is_none_or(|row| row.generator.workers > 0);
    if is_known || dropped > 0 { dropped.to_string() } else { String::new() }
}

pub(super) fn connections(row: &Row) -> [String; 17] {
    let count = |read: fn(&ConnectionRow) -> u64| {
        row.connections.as_ref().map(|connections| read(connections).to_string()).unwrap_or_default()
    };
    let time = |read: fn(&Took) -> Option<Duration>| {
        millis(row.connections.as_ref().and_then(|connections| read(&connections.took)))
    };
    let workers = row.generator.workers;
    [
        count(|c| c.open),
        count(|c| c.opened),
        count(|c| c.connecting),
        count(|c| c.waiting),
        time(|took| took.connect_p50),
        time(|took| took.connect_p99),
        time(|took| took.dns_p99),
        time(|took| took.tcp_p99),
        time(|took| took.tls_p99),
        time(|took| took.slot_wait_p99),
        count(|c| c.retried_on_close),
        count(|c| c.retried_on_refusal),
        if workers > 0 { workers.to_string() } else { String::new() },
        count(|c| c.closed),
        count(|c| c.failed),
        row.connections.and_then(|connections| connections.requests_each()).map(plain).unwrap_or_default(),
        row.connections
            .and_then(|connections| connections.age())
            .map(|age| plain(age.as_secs_f64()))
            .unwrap_or_default(),
    ]
}
