//! What the generator's own connections did in a second, or a minute: as charts and files tell it.

use std::time::Duration;

use scaletop_load::Connections;

/// The connections of a row. Levels of a thinned minute are its highest, counts are sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Open at its end.
    pub open: u64,
    /// Being opened at its end.
    pub connecting: u64,
    /// Arrivals that had no connection yet at its end.
    pub waiting: u64,
    /// Opened in it.
    pub opened: u64,
    /// Closed in it, by either side.
    pub closed: u64,
    /// Requests that those had carried.
    pub closed_requests: u64,
    /// Their ages, added up.
    pub closed_age: Duration,
    /// Attempts that failed.
    pub failed: u64,
    /// Requests sent once more, since their connection closed before any byte of an answer.
    pub retried_on_close: u64,
    /// HTTP/2 streams that were refused unprocessed, and sent once more.
    pub retried_on_refusal: u64,
    /// What opening took; `None` when none was opened.
    pub took: Took,
}

/// Percentiles of what opening connections took, and of waiting for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// From the name to the connection that can be used: half of them at most this long.
    pub connect_p50: Option<Duration>,
    /// The same for 99 %.
    pub connect_p99: Option<Duration>,
    /// The part for the name.
    pub dns_p99: Option<Duration>,
    /// The part for the TCP connection.
    pub tcp_p99: Option<Duration>,
    /// The part for the TLS handshake.
    pub tls_p99: Option<Duration>,
    /// How long arrivals waited that found no connection.
    pub slot_wait_p99: Option<Duration>,
}

impl ConnectionRow {
    /// The row of what a second says; `None` when nothing is known of connections.
    pub(super) fn of(connections: &Connections) -> Option<Self> {
        (!connections.is_unknown()).then(|| Self {
            open: connections.open,
            connecting: connections.connecting,
            waiting: connections.waiting,
            opened: connections.opened,
            closed: connections.closed,
            closed_requests: connections.closed_requests,
            closed_age: connections.closed_age,
            failed: connections.failed,
            retried_on_close: connections.retried_on_close,
            retried_on_refusal: connections.retried_on_refusal,
            took: Took::of(connections),
        })
    }

    /// Adds a later row of the same minute; what opening took is for [`Took::of`] the merged histograms.
    pub(super) fn absorb(&mut self, later: &Self) {
        self.open = self.open.max(later.open);
        self.connecting = self.connecting.max(later.connecting);
        self.waiting = self.waiting.max(later.waiting);
        self.opened = self.opened.saturating_add(later.opened);
        self.closed = self.closed.saturating_add(later.closed);
        self.closed_requests = self.closed_requests.saturating_add(later.closed_requests);
        self.closed_age = self.closed_age.saturating_add(later.closed_age);
        self.failed = self.failed.saturating_add(later.failed);
        self.retried_on_close = self.retried_on_close.saturating_add(later.retried_on_close);
        self.retried_on_refusal = self.retried_on_refusal.saturating_add(later.retried_on_refusal);
    }
}

impl ConnectionRow {
    /// Requests that a connection carried in its life: the mean of those closed.
    pub(crate) fn requests_each(&self) -> Option<f64> {
        (self.closed > 0).then(|| self.closed_requests as f64 / self.closed as f64)
    }

    /// How old a connection became: the mean of those closed.
    pub(crate) fn age(&self) -> Option<Duration> {
        (self.closed > 0).then(|| self.closed_age.div_f64(self.closed as f64))
    }
}

impl Took {
    /// Percentiles of the histograms of `connections`.
    pub(super) fn of(connections: &Connections) -> Self {
        Self {
            connect_p50: connections.connect.quantile(0.5),
            connect_p99: connections.connect.quantile(0.99),
            dns_p99: connections.dns.quantile(0.99),
            tcp_p99: connections.tcp.quantile(0.99),
            tls_p99: connections.tls.quantile(0.99),
            slot_wait_p99: connections.slot_wait.quantile(0.99),
        }
    }
}
