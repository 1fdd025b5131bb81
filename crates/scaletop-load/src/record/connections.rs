//! What our own connections did in one second: how many there are, what opening them took, who waited for one.
//!
//! Connections belong to the generator, not to the service. Whatever they cost stands here, apart from service time.

use std::time::Duration;

use crate::record::latency::Latency;

/// The connections of one second, over all workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connections {
    /// Open when the second ended, in use or idle.
    pub open: u64,
    /// Being opened when the second ended.
    pub connecting: u64,
    /// Arrivals that had no connection yet when the second ended; a part of [`Second::in_flight`](super::second::Second::in_flight).
    pub waiting: u64,
    /// The most arrivals that had no connection at any moment of the second.
    pub waiting_peak: u64,
    /// Opened in the second.
    pub opened: u64,
    /// How many of them speak HTTP/2.
    pub opened_http2: u64,
    /// Closed in the second, by either side.
    pub closed: u64,
    /// Attempts that failed in the second.
    pub failed: u64,
    /// Attempts given up in the second, since whoever waited was served otherwise.
    pub cancelled: u64,
    /// Requests that the connections closed in the second had carried.
    pub closed_requests: u64,
    /// The ages, added up, of the connections closed in the second.
    pub closed_age: Duration,
    /// Requests that met a connection closing under them before any byte of an answer, and were sent once more.
    pub retried_on_close: u64,
    /// HTTP/2 streams that the service refused unprocessed, and that were sent once more.
    pub retried_on_refusal: u64,
    /// What opening took from the name to the connection that can be used.
    pub connect: Latency,
    /// Its part for the name; next to nothing while an answer is remembered.
    pub dns: Latency,
    /// Its part for the TCP connection.
    pub tcp: Latency,
    /// Its part for the TLS handshake; nothing over plain HTTP.
    pub tls: Latency,
    /// How long arrivals that waited had to, counted from when they were due, until they had a connection or one was being
    /// opened for them: ours, not the service's. An arrival that found a connection at once is not in it.
    pub slot_wait: Latency,
}

impl Connections {
    /// Whether nothing is known of any connection: a recording of an older make, a transport that does not say.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// Requests that a connection carried in its life, as the mean of those closed in the second.
    pub fn requests_per_connection(&self) -> Option<f64> {
        (self.closed > 0).then(|| self.closed_requests as f64 / self.closed as f64)
    }

    /// The histograms, in the order in which they are stored.
    pub(super) const fn latencies(&self) -> [&Latency; 5] {
        [&self.connect, &self.dns, &self.tcp, &self.tls, &self.slot_wait]
    }

    /// The histograms in the order of [`Connections::latencies`], to be filled.
    pub(super) const fn latencies_mut(&mut self) -> [&mut Latency; 5] {
        [&mut self.connect, &mut self.dns, &mut self.tcp, &mut self.tls, &mut self.slot_wait]
    }

    /// Adds what another worker's connections did.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts_mut().into_iter().zip(other.counts()) {
            *mine += theirs;
        }
        self.closed_age += other.closed_age;
        for (mine, theirs) in self.latencies_mut().into_iter().zip(other.latencies()) {
            mine.merge(theirs);
        }
    }

    /// The numbers, in the order in which they are stored. New ones go to the end.
    pub(super) const fn counts(&self) -> [u64; 12] {
        [
            self.open,
            self.connecting,
            self.waiting,
            self.waiting_peak,
            self.opened,
            self.opened_http2,
            self.closed,
            self.failed,
            self.cancelled,
            self.closed_requests,
            self.retried_on_close,
            self.retried_on_refusal,
        ]
    }

    /// The numbers in the order of [`Connections::counts`], to be written.
    pub(super) const fn counts_mut(&mut self) -> [&mut u64; 12] {
        [
            &mut self.open,
            &mut self.connecting,
            &mut self.waiting,
            &mut self.waiting_peak,
            &mut self.opened,
            &mut self.opened_http2,
            &mut self.closed,
            &mut self.failed,
            &mut self.cancelled,
            &mut self.closed_requests,
            &mut self.retried_on_close,
            &mut self.retried_on_refusal,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workers_connections_add_up() {
        let mut mine = Connections { open: 3, opened: 2, closed: 1, closed_requests: 40, ..Connections::default() };
        mine.connect.record(Duration::from_millis(2));
        let mut theirs = Connections { open: 4, closed: 1, closed_requests: 20, ..Connections::default() };
        theirs.slot_wait.record(Duration::from_millis(5));
        mine.merge(&theirs);
        assert_eq!((mine.open, mine.opened, mine.requests_per_connection()), (7, 2, Some(30.0)));
        assert_eq!((mine.connect.count(), mine.slot_wait.count()), (1, 1));
    }

    #[test]
    fn the_numbers_are_read_in_the_order_in_which_they_are_written() {
        let mut all = Connections::default();
        for (number, count) in (1..).zip(all.counts_mut()) {
            *count = number;
        }
        assert_eq!(all.counts(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    }
}
