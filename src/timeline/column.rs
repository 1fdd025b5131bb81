//! Neighbouring seconds as one: what a chart draws where it has no room for each.
//!
//! A column holds what a chart of it has to show: the mean of rates, the sum of counts, the worst of latencies, the latest of
//! states. A column that nobody measured is a gap.

use std::time::Duration;

use crate::timeline::Row;
use scaletop_load::{OutcomeCounts, OutcomeKind};

/// Instance counts that a row does not hold: what the platform says, as true of that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// App Runner's active instances.
    pub active: Option<u32>,
    /// ECS' running tasks.
    pub running: Option<u32>,
    /// ECS' desired tasks.
    pub desired: Option<u32>,
    /// The most that may be started.
    pub max: Option<u32>,
    /// What the sources count that the user has named: running, desired and pending of each, in the order of their columns.
    pub named: [Option<u32>; 9],
}

/// What happened in one or several neighbouring seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Column {
    /// The first second it covers.
    pub second: u32,
    /// How many of its seconds were measured; 0 is a gap.
    pub measured: u32,
    /// The sum of the arrival rates over the measured seconds.
    targets: u64,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// What completed, by what became of it.
    pub outcomes: OutcomeCounts,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because of our own stall.
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection.
    pub dropped_connections: u64,
    /// The most requests in flight at the end of a second.
    pub in_flight: u64,
    /// p50 of the response time of OK answers in the worst second.
    pub p50: Option<Duration>,
    /// p99 of the response time of OK answers in the worst second.
    pub p99: Option<Duration>,
    /// p99 of the response time of what failed in the worst second.
    pub failed_p99: Option<Duration>,
    /// Whether we were too late in one of its seconds for its latencies to be the service's: those seconds have none here.
    pub is_late: bool,
    /// p50 of the service time in the worst second.
    pub service_p50: Option<Duration>,
    /// p99 of the service time in the worst second.
    pub service_p99: Option<Duration>,
    /// The age of the oldest request without an answer.
    pub oldest: Option<Duration>,
    /// CPU use of the generator, 100 = one core; the highest.
    pub cpu_percent: Option<f32>,
    /// Connections open at the end of a second; the most.
    pub open: Option<u64>,
    /// p99 of what opening a connection took, in the worst second.
    pub connect_p99: Option<Duration>,
    /// Instances seen in answers.
    pub responding: Option<u32>,
    /// Instances that the load needs by Little's law.
    pub needed: Option<u32>,
    /// What the platform says, where the chart draws it from columns.
    pub counts: Counts,
}

impl Column {
    /// A row of the timeline as a column.
    pub(crate) fn of(row: &Row, counts: Counts) -> Self {
        let measured = row.span.max(1);
        Self {
            second: row.second,
            measured,
            targets: u64::from(row.target.get()) * u64::from(measured),
            sent: row.sent,
            outcomes: row.outcomes,
            dropped_cap: row.dropped_cap,
            dropped_late: row.dropped_late,
            dropped_connections: row.dropped_connections,
            in_flight: row.in_flight,
            p50: row.ok.filter(|_| !row.is_late()).map(|p| p.p50),
            p99: row.ok.filter(|_| !row.is_late()).map(|p| p.p99),
            failed_p99: row.failed.filter(|_| !row.is_late()).map(|p| p.p99),
            is_late: row.is_late(),
            service_p50: row.service_p50,
            service_p99: row.service_p99,
            oldest: row.oldest_in_flight,
            cpu_percent: row.generator.cpu_percent,
            open: row.connections.map(|connections| connections.open),
            connect_p99: row.connections.and_then(|connections| connections.took.connect_p99),
            responding: row.responding,
            needed: row.needed,
            counts,
        }
    }

    /// The same, as one that begins at `second`.
    #[must_use]
    pub(crate) fn beginning_at(self, second: u32) -> Self {
        Self { second, ..self }
    }

    /// Takes in a later column.
    pub(crate) fn absorb(&mut self, later: &Self) {
        self.measured += later.measured;
        self.targets += later.targets;
        self.sent += later.sent;
        self.outcomes.merge(&later.outcomes);
        self.dropped_cap += later.dropped_cap;
        self.dropped_late += later.dropped_late;
        self.dropped_connections += later.dropped_connections;
        self.in_flight = self.in_flight.max(later.in_flight);
        self.p50 = self.p50.max(later.p50);
        self.p99 = self.p99.max(later.p99);
        self.failed_p99 = self.failed_p99.max(later.failed_p99);
        self.is_late |= later.is_late;
        self.service_p50 = self.service_p50.max(later.service_p50);
        self.service_p99 = self.service_p99.max(later.service_p99);
        self.oldest = self.oldest.max(later.oldest);
        self.open = self.open.max(later.open);
        self.connect_p99 = self.connect_p99.max(later.connect_p99);
        self.cpu_percent = match (self.cpu_percent, later.cpu_percent) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.responding = later.responding.or(self.responding);
        self.needed = later.needed.or(self.needed);
        self.counts = Counts {
            active: later.counts.active.or(self.counts.active),
            running: later.counts.running.or(self.counts.running),
            desired: later.counts.desired.or(self.counts.desired),
            max: later.counts.max.or(self.counts.max),
            named: std::array::from_fn(|at| later.counts.named[at].or(self.counts.named[at])),
        };
    }

    /// A rate: `sum` over the seconds that were measured.
    pub(crate) fn per_second(&self, sum: u64) -> Option<f64> {
        (self.measured > 0).then(|| sum as f64 / f64::from(self.measured))
    }

    /// The mean arrival rate.
    pub(crate) fn target(&self) -> Option<f64> {
        self.per_second(self.targets)
    }

    /// Requests sent a second.
    pub(crate) fn sent_rate(&self) -> Option<f64> {
        self.per_second(self.sent)
    }

    /// OK answers a second.
    pub(crate) fn ok_rate(&self) -> Option<f64> {
        self.per_second(self.outcomes.get(OutcomeKind::Ok))
    }

    /// Dropped arrivals, for whichever reason.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_late + self.dropped_connections
    }

    /// What completed of these kinds.
    pub(crate) fn of_kinds(&self, kinds: &[OutcomeKind]) -> u64 {
        kinds.iter().map(|&kind| self.outcomes.get(kind)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_columns_together_have_the_mean_of_rates_the_worst_of_latencies_and_the_latest_of_states() {
        let column = |targets, sent, millis, responding| Column {
            measured: 1,
            targets,
            sent,
            p99: Some(Duration::from_millis(millis)),
            responding,
            ..Column::default()
        };
        let mut all = column(100, 90, 900, Some(5));
        all.absorb(&column(300, 270, 80, Some(3)));
        all.absorb(&Column::default());
        assert_eq!((all.target(), all.sent_rate()), (Some(200.0), Some(180.0)));
        assert_eq!((all.p99, all.responding), (Some(Duration::from_millis(900)), Some(3)));
        assert_eq!(Column::default().target(), None, "a gap is no zero");
    }
}
