//! Writing the live curve: one row a second, and the minute that will stand in for it when it is old.

use crate::timeline::connections::{ConnectionRow, Took};
use crate::timeline::{HeatColumn, KEPT_SECS, Percentiles, Row, THINNED_SPAN, Timeline, planned};
use scaletop_load::{Connections, Latency, Second};

/// The minute under way: its row so far, and the histograms its percentiles will come from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MinuteOfRows {
    row: Row,
    heat: HeatColumn,
    ok: Latency,
    failed: Latency,
    service: Latency,
    send_lag: Latency,
    connections: Connections,
}

/// The latencies of what completed in one second, over all cohorts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Completed {
    /// Response times of the OK answers.
    pub(crate) ok: Latency,
    /// Response times of what failed.
    pub(crate) failed: Latency,
    /// Service times of the OK answers.
    pub(crate) service: Latency,
    /// Service times of what failed.
    pub(crate) failed_service: Latency,
}

impl Completed {
    /// Merges what a second holds.
    pub(crate) fn of(second: &Second) -> Self {
        let mut all = Self::default();
        for part in &second.parts {
            all.ok.merge(&part.ok);
            all.failed.merge(&part.failed);
            all.service.merge(&part.service);
            all.failed_service.merge(&part.failed_service);
        }
        all
    }
}

impl Row {
    /// The row of a second; instance counts and the step are for the session to say.
    pub(crate) fn of(second: &Second, completed: &Completed) -> Self {
        let mut row = Self {
            second: second.index,
            span: 1,
            target: second.target,
            in_flight: second.in_flight,
            oldest_in_flight: second.oldest_in_flight,
            ok: Percentiles::of(&completed.ok),
            failed: Percentiles::of(&completed.failed),
            send_lag_p99: second.send_lag.quantile(0.99),
            bytes_in: second.bytes_in,
            generator: second.generator,
            connections: ConnectionRow::of(&second.connections),
            planned: planned::of(&second.parts),
            ..Self::default()
        };
        if let Some([p50, p99]) = completed.service.quantiles([0.5, 0.99]) {
            (row.service_p50, row.service_p99) = (Some(p50), Some(p99));
        }
        for part in &second.parts {
            row.due = row.due.saturating_add(part.due);
            row.unreported = planned::sum(row.unreported, part.planned.map(|_| part.unreported()));
            row.sent = row.sent.saturating_add(part.sent);
            row.dropped_cap = row.dropped_cap.saturating_add(part.dropped_cap);
            row.dropped_late = row.dropped_late.saturating_add(part.dropped_late);
            row.dropped_connections = row.dropped_connections.saturating_add(part.dropped_connections);
            row.late = row.late.saturating_add(part.late);
            row.longest_lag = row.longest_lag.max(part.longest_lag);
            row.outcomes.merge(&part.outcomes);
        }
        row.generators = planned::generators(second);
        row
    }

    /// Adds a later row of the same minute: sums of counts, the highest of levels, the last of what is in force.
    fn absorb(&mut self, later: &Self) {
        self.span = self.span.saturating_add(later.span);
        self.target = later.target;
        self.due = self.due.saturating_add(later.due);
        self.sent = self.sent.saturating_add(later.sent);
        self.planned = planned::sum(self.planned, later.planned);
        self.unreported = planned::sum(self.unreported, later.unreported);
        self.generators = self.generators.max(later.generators);
        self.dropped_cap = self.dropped_cap.saturating_add(later.dropped_cap);
        self.dropped_late = self.dropped_late.saturating_add(later.dropped_late);
        self.dropped_connections = self.dropped_connections.saturating_add(later.dropped_connections);
        self.late = self.late.saturating_add(later.late);
        self.longest_lag = self.longest_lag.max(later.longest_lag);
        self.outcomes.merge(&later.outcomes);
        self.in_flight = self.in_flight.max(later.in_flight);
        self.oldest_in_flight = self.oldest_in_flight.max(later.oldest_in_flight);
        self.bytes_in = self.bytes_in.saturating_add(later.bytes_in);
        self.responding = self.responding.max(later.responding);
        self.needed = self.needed.max(later.needed);
        self.step = later.step.or(self.step);
        match (&mut self.connections, &later.connections) {
            (Some(mine), Some(theirs)) => mine.absorb(theirs),
            (mine, theirs) => *mine = mine.or(*theirs),
        }
        let (mine, theirs) = (&mut self.generator, &later.generator);
        mine.cpu_percent = higher(mine.cpu_percent, theirs.cpu_percent);
        mine.busiest_percent = higher(mine.busiest_percent, theirs.busiest_percent);
        mine.others_percent = higher(mine.others_percent, theirs.others_percent);
        mine.workers = mine.workers.max(theirs.workers);
        mine.longest_turn = mine.longest_turn.max(theirs.longest_turn);
        mine.throttled = mine.throttled.max(theirs.throttled);
        mine.cpu_quota = theirs.cpu_quota.or(mine.cpu_quota);
        mine.cores = theirs.cores.or(mine.cores);
        mine.fds = mine.fds.max(theirs.fds);
        mine.ports_left = match (mine.ports_left, theirs.ports_left) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        mine.in_flight_cap = theirs.in_flight_cap;
        mine.in_flight_peak = mine.in_flight_peak.max(theirs.in_flight_peak);
    }
}

/// The higher of two levels that may be unknown.
fn higher(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

impl MinuteOfRows {
    fn new(second: u32) -> Self {
        Self {
            row: Row { second, ..Row::default() },
            heat: HeatColumn::new(second),
            ok: Latency::new(),
            failed: Latency::new(),
            service: Latency::new(),
            send_lag: Latency::new(),
            connections: Connections::default(),
        }
    }

    /// Whether a row can become part of it: of the same minute, and without a gap, which must not be smeared over.
    const fn continues_with(&self, second: u32) -> bool {
        second == self.row.second.saturating_add(self.row.span) && !second.is_multiple_of(THINNED_SPAN)
    }

    fn close(mut self) -> (Row, HeatColumn) {
        self.heat.span = self.row.span;
        self.row.ok = Percentiles::of(&self.ok);
        self.row.failed = Percentiles::of(&self.failed);
        self.row.service_p50 = self.service.quantile(0.5);
        self.row.service_p99 = self.service.quantile(0.99);
        self.row.send_lag_p99 = self.send_lag.quantile(0.99);
        if let Some(connections) = &mut self.row.connections {
            connections.took = Took::of(&self.connections);
        }
        (self.row, self.heat)
    }
}

impl Timeline {
    /// Appends a row, later than any before it, and thins out what is older than an hour.
    pub(crate) fn push(&mut self, row: Row, completed: &Completed, second: &Second) {
        let now = row.second;
        let mut heat = HeatColumn::new(now);
        heat.add(&completed.ok);
        if self.minute.as_ref().is_some_and(|minute| !minute.continues_with(now)) {
            self.minutes.extend(self.minute.take().map(|minute| minute.close()));
        }
        let minute = self.minute.get_or_insert_with(|| Box::new(MinuteOfRows::new(now)));
        minute.row.absorb(&row);
        minute.heat.merge(&heat);
        minute.ok.merge(&completed.ok);
        minute.failed.merge(&completed.failed);
        minute.service.merge(&completed.service);
        minute.send_lag.merge(&second.send_lag);
        minute.connections.merge(&second.connections);
        self.rows.push_back(row);
        self.heat.push_back(heat);
        let is_old = |(row, _): &mut (Row, HeatColumn)| now - row.second >= KEPT_SECS + row.span;
        while let Some((row, heat)) = self.minutes.pop_front_if(is_old) {
            let (from, until) = (row.second, row.second.saturating_add(row.span));
            let first = self.rows.partition_point(|kept| kept.second < from);
            let end = self.rows.partition_point(|kept| kept.second < until);
            // Rows and heat columns are pushed and thinned together.
            self.rows.drain(first..end);
            self.heat.drain(first..end);
            self.rows.insert(first, row);
            self.heat.insert(first, heat);
        }
    }
}
