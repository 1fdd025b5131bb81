//! The generator's connections over the whole session.

use std::time::Duration;

use crate::session::event::NoticeLevel;
use crate::session::state::Session;
use crate::text::{latency, thousands};
use scaletop_load::{Connections, Latency, Second};

/// What the generator's connections did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnectionTotals {
    /// Whether anything is known of connections.
    pub is_known: bool,
    /// Opened.
    pub opened: u64,
    /// How many of them speak HTTP/2.
    pub opened_http2: u64,
    /// Closed, by either side.
    pub closed: u64,
    /// Requests that those closed had carried.
    pub closed_requests: u64,
    /// The ages, added up, of those closed.
    pub closed_age: Duration,
    /// The most that were open at the end of a second.
    pub open_peak: u64,
    /// The most arrivals that waited for one at the same time.
    pub waiting_peak: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts given up, since whoever waited was served otherwise.
    pub cancelled: u64,
    /// Requests sent once more, since their connection closed before any byte of an answer.
    pub retried_on_close: u64,
    /// HTTP/2 streams that were refused unprocessed, and sent once more.
    pub retried_on_refusal: u64,
    /// What opening took.
    pub connect: Latency,
    /// Its part for the name.
    pub dns: Latency,
    /// Its part for the TCP connection.
    pub tcp: Latency,
    /// Its part for the TLS handshake.
    pub tls: Latency,
    /// How long arrivals waited that found no connection.
    pub slot_wait: Latency,
}

impl ConnectionTotals {
    /// Adds a second.
    pub(super) fn add(&mut self, second: &Connections) {
        if second.is_unknown() {
            return;
        }
        self.is_known = true;
        self.opened = self.opened.saturating_add(second.opened);
        self.opened_http2 = self.opened_http2.saturating_add(second.opened_http2);
        self.closed = self.closed.saturating_add(second.closed);
        self.closed_requests = self.closed_requests.saturating_add(second.closed_requests);
        self.closed_age = self.closed_age.saturating_add(second.closed_age);
        self.open_peak = self.open_peak.max(second.open);
        self.waiting_peak = self.waiting_peak.max(second.waiting_peak);
        self.failed = self.failed.saturating_add(second.failed);
        self.cancelled = self.cancelled.saturating_add(second.cancelled);
        self.retried_on_close = self.retried_on_close.saturating_add(second.retried_on_close);
        self.retried_on_refusal = self.retried_on_refusal.saturating_add(second.retried_on_refusal);
        self.connect.merge(&second.connect);
        self.dns.merge(&second.dns);
        self.tcp.merge(&second.tcp);
        self.tls.merge(&second.tls);
        self.slot_wait.merge(&second.slot_wait);
    }

    /// What was spoken, in words; `None` while no connection was opened.
    pub(crate) fn protocol(&self) -> Option<&'static str> {
        match (self.opened, self.opened_http2) {
            (0, _) => None,
            (_, 0) => Some("HTTP/1.1"),
            (opened, http2) if http2 >= opened => Some("HTTP/2"),
            _ => Some("HTTP/2 and HTTP/1.1"),
        }
    }
}

impl ConnectionTotals {
    /// Requests that a connection carried in its life, and how old it became in seconds: the means of those closed.
    pub(crate) fn life(&self) -> Option<(f64, f64)> {
        let closed = self.closed as f64;
        (self.closed > 0).then(|| (self.closed_requests as f64 / closed, self.closed_age.as_secs_f64() / closed))
    }

    /// `12 closed (after 340 requests and 29.8 s, on average)`.
    fn closed_in_words(&self) -> String {
        let life =
            self.life().map(|(requests, age)| format!(" (after {requests:.0} requests and {age:.1} s, on average)"));
        format!("{} closed{}", thousands(self.closed), life.unwrap_or_default())
    }

    /// `50 opened (HTTP/1.1), at most 50 open, 12 closed, connect p99 2.1 ms`; `None` when nothing is known of them.
    pub(crate) fn in_words(&self) -> Option<String> {
        if !self.is_known {
            return None;
        }
        let protocol = self.protocol().map(|protocol| format!(" ({protocol})")).unwrap_or_default();
        let mut words = vec![format!("{} opened{protocol}", thousands(self.opened))];
        // Counted at the end of each second: connections that live for one request are gone by then.
        if self.open_peak > 0 {
            words.push(format!("at most {} open", thousands(self.open_peak)));
        }
        words.push(self.closed_in_words());
        let counts = [
            (self.failed, "failed"),
            (self.retried_on_close, "requests sent again on a close"),
            (self.retried_on_refusal, "requests sent again on a refusal"),
        ];
        words.extend(
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{} {what}", thousands(*count))),
        );
        let times = [("connect", &self.connect), ("waiting for one", &self.slot_wait)];
        let times = times.iter().filter(|(_, all)| !all.is_empty());
        words.extend(times.map(|(name, all)| format!("{name} p99 {}", latency(all.quantile(0.99)))));
        Some(words.join(", "))
    }
}

impl Session {
    /// Says what was negotiated when HTTP/2 was asked for, once the first connections are there.
    pub(super) fn tell_protocol(&mut self, second: &Second) {
        let connections = &self.totals.connections;
        let is_first = connections.opened > 0 && connections.opened == second.connections.opened;
        if !self.header.settings.http2 || !is_first {
            return;
        }
        let (level, text) = match connections.opened_http2 {
            0 => (NoticeLevel::Warning, "the service does not agree to HTTP/2: connections speak HTTP/1.1"),
            _ => (NoticeLevel::Info, "connections speak HTTP/2"),
        };
        self.note(second.end(), level, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_is_told_once_a_connection_was_opened() {
        let mut totals = ConnectionTotals::default();
        assert_eq!(totals.protocol(), None);
        totals.add(&Connections { opened: 2, opened_http2: 2, ..Connections::default() });
        assert_eq!(totals.protocol(), Some("HTTP/2"));
        totals.add(&Connections { opened: 1, ..Connections::default() });
        assert_eq!(totals.protocol(), Some("HTTP/2 and HTTP/1.1"));
        let words = |totals: &ConnectionTotals| totals.in_words().unwrap_or_default();
        assert!(!words(&totals).contains(" open,"), "none was kept to the end of a second: {}", words(&totals));
        totals.add(&Connections { open: 3, ..Connections::default() });
        assert!(words(&totals).contains("at most 3 open, "), "{}", words(&totals));
    }
}
