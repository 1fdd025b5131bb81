//! The session as columns to draw: one a second, or one for several when the session is long.
//!
//! A column of several seconds holds what a chart of it has to show: the mean of rates, the sum of counts, the worst of
//! latencies, the latest of states. The values are those of the rows and counts that go into the CSV files.

use std::time::Duration;

use crate::timeline::Row;
use scaletop_load::{OutcomeCounts, OutcomeKind};

/// The most columns that are kept: an hour and its drain, second by second.
pub const MOST_COLUMNS: u32 = 3_900;

/// Lengths of a column, in seconds, that a reader can make sense of.
const SPANS: [u32; 12] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 3_600];

/// The kinds of trouble that the chart of errors stacks, from the bottom.
pub const TROUBLES: [(&str, &str, &[OutcomeKind]); 7] = [
    ("e429", "429", &[OutcomeKind::Http429]),
    ("e5xx", "5xx", &[OutcomeKind::Http5xxCapacity, OutcomeKind::Http5xxApplication]),
    ("econnect", "connect", &[OutcomeKind::Connect]),
    ("etimeout", "timeout", &[OutcomeKind::Timeout]),
    ("ereset", "reset", &[OutcomeKind::Reset]),
    ("e4xx", "4xx", &[OutcomeKind::Http4xx]),
    (
        "eother",
        "other",
        &[OutcomeKind::Dns, OutcomeKind::Tls, OutcomeKind::Body, OutcomeKind::Ports, OutcomeKind::Other],
    ),
];

/// Instance counts that a row does not hold: what the platform says, as true of that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// App Runner's active instances.
    pub active: Option<u32>,
    /// ECS' running tasks.
    pub running: Option<u32>,
    /// ECS' desired tasks.
    pub desired: Option<u32>,
    /// The most that may be started.
    pub max: Option<u32>,
}

/// What happened in one or several neighbouring seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// The first second it covers.
    pub second: u32,
    /// How many of its seconds were measured.
    pub measured: u32,
    /// The arrival rate at its end.
    pub target: u32,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// What completed, by what became of it.
    pub outcomes: OutcomeCounts,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because of our own stall.
    pub dropped_late: u64,
    /// The most requests in flight at the end of a second.
    pub in_flight: u64,
    /// p50 of the response time in the worst second.
    pub p50: Option<Duration>,
    /// p99 of the response time in the worst second.
    pub p99: Option<Duration>,
    /// p99 of the service time in the worst second.
    pub service_p99: Option<Duration>,
    /// The age of the oldest request without an answer.
    pub oldest: Option<Duration>,
    /// p99 of the send lag in the worst second.
    pub send_lag_p99: Option<Duration>,
    /// CPU use of the generator, 100 = one core; the highest.
    pub cpu_percent: Option<f32>,
    /// Instances seen in answers.
    pub responding: Option<u32>,
    /// Instances that the load needs by Little's law.
    pub needed: Option<u32>,
    /// What the platform says.
    pub counts: Counts,
    /// The step in force at its end.
    pub step: Option<u32>,
}

impl Column {
    /// A rate: `sum` over the seconds that were measured.
    pub fn per_second(&self, sum: u64) -> Option<f64> {
        (self.measured > 0).then(|| sum as f64 / f64::from(self.measured))
    }

    /// What completed of these kinds.
    pub fn of_kinds(&self, kinds: &[OutcomeKind]) -> u64 {
        kinds.iter().map(|&kind| self.outcomes.get(kind)).sum()
    }

    fn of(row: &Row, counts: Counts) -> Self {
        Self {
            second: row.second,
            measured: row.span.max(1),
            target: row.target.get(),
            sent: row.sent,
            outcomes: row.outcomes,
            dropped_cap: row.dropped_cap,
            dropped_late: row.dropped_late,
            in_flight: row.in_flight,
            p50: row.response.map(|p| p.p50),
            p99: row.response.map(|p| p.p99),
            service_p99: row.service_p99,
            oldest: row.oldest_in_flight,
            send_lag_p99: row.send_lag_p99,
            cpu_percent: row.generator.cpu_percent,
            responding: row.responding,
            needed: row.needed,
            counts,
            step: row.step.map(|step| step.0),
        }
    }

    /// Takes in a later column: sums of counts, the worst of latencies, the latest of states.
    fn absorb(&mut self, later: &Self) {
        self.measured += later.measured;
        self.target = later.target;
        self.sent += later.sent;
        self.outcomes.merge(&later.outcomes);
        self.dropped_cap += later.dropped_cap;
        self.dropped_late += later.dropped_late;
        self.in_flight = self.in_flight.max(later.in_flight);
        self.p50 = self.p50.max(later.p50);
        self.p99 = self.p99.max(later.p99);
        self.service_p99 = self.service_p99.max(later.service_p99);
        self.oldest = self.oldest.max(later.oldest);
        self.send_lag_p99 = self.send_lag_p99.max(later.send_lag_p99);
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
        };
        self.step = later.step.or(self.step);
    }
}

/// The whole session in columns of the same length, ascending; a span that nobody measured has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// How many seconds a column covers.
    pub span: u32,
    /// The columns.
    pub columns: Vec<Column>,
}

impl Series {
    /// For a session of about `seconds` seconds.
    pub fn for_length(seconds: u32) -> Self {
        Self { span: span_for(seconds, MOST_COLUMNS), columns: Vec::new() }
    }

    /// Adds a second; seconds come in their order.
    pub fn push(&mut self, row: &Row, counts: Counts) {
        self.push_column(&Column::of(row, counts));
    }

    fn push_column(&mut self, column: &Column) {
        let span = self.span.max(1);
        let second = column.second - column.second % span;
        match self.columns.last_mut().filter(|last| last.second == second) {
            Some(last) => last.absorb(column),
            None => self.columns.push(Column { second, ..column.clone() }),
        }
    }

    /// The same in at most `most` columns: what can be told apart on a screen.
    #[must_use]
    pub fn coarser(&self, most: u32) -> Self {
        let mut coarser = Self { span: span_for(self.end(), most).max(self.span), columns: Vec::new() };
        for column in &self.columns {
            coarser.push_column(column);
        }
        coarser
    }

    /// The end of the last column, in seconds since the start.
    pub fn end(&self) -> u32 {
        self.columns.last().map_or(0, |last| last.second + self.span.max(1))
    }
}

/// The shortest sensible length of a column so that `seconds` fit into `most` columns.
pub fn span_for(seconds: u32, most: u32) -> u32 {
    let least = seconds.div_ceil(most.max(1)).max(1);
    SPANS.into_iter().find(|&span| span >= least).unwrap_or_else(|| least.next_multiple_of(3_600))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::ArrivalRate;

    fn row(second: u32, sent: u64, p99: u64) -> Row {
        let at = Duration::from_millis(p99);
        let percentiles = crate::timeline::Percentiles { p50: at, p90: at, p95: at, p99: at, p999: at, max: at };
        let span = 1;
        Row {
            second,
            span,
            target: ArrivalRate::new(600),
            sent,
            response: Some(percentiles),
            ..crate::report::fixtures::row()
        }
    }

    #[test]
    fn an_hour_is_kept_second_by_second_and_a_day_is_not() {
        assert_eq!(span_for(3_600, MOST_COLUMNS), 1);
        assert_eq!(span_for(24 * 3_600, MOST_COLUMNS), 30);
        assert_eq!(span_for(u32::MAX, MOST_COLUMNS) % 3_600, 0);
    }

    #[test]
    fn a_column_of_several_seconds_has_the_mean_rate_and_the_worst_latency() {
        let mut series = Series { span: 10, columns: Vec::new() };
        for (second, sent, p99) in [(20, 100, 80), (21, 300, 900), (29, 200, 90), (40, 5, 80)] {
            series.push(&row(second, sent, p99), Counts::default());
        }
        let first = &series.columns[0];
        assert_eq!((first.second, first.per_second(first.sent)), (20, Some(200.0)));
        assert_eq!(first.p99, Some(Duration::from_millis(900)));
        assert_eq!(series.columns[1].second, 40, "what nobody measured has no column");
    }
}
