//! The session on one time axis: a row a second, twice binned.
//!
//! [`Row`]s bin completions by the second they completed in: the live curve, which never changes once written.
//! [`Cohort`]s bin requests by the second they were *intended* in: what the analysis of steps uses, final once every
//! request of the second is answered or timed out. A second that nobody measured has no row: a gap, not a zero.

use std::collections::VecDeque;
use std::time::Duration;

use crate::load::sample::OutcomeCounts;
use crate::record::latency::Latency;
use crate::record::second::{GeneratorHealth, Second};
use crate::slo::Slo;
use crate::timeline::cohorts::OpenCohorts;
use crate::units::{ArrivalRate, StepId};

mod cohorts;
pub mod heat;

/// One line of the live curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The first second it covers.
    pub second: u32,
    /// How many seconds it covers: 1 for the recent past, 60 for what was thinned out since.
    pub span: u32,
    /// The arrival rate in force at its end.
    pub target: ArrivalRate,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Requests that completed, by what became of them.
    pub outcomes: OutcomeCounts,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// Requests without an answer at its end.
    pub in_flight: u64,
    /// The age of the oldest of them.
    pub oldest_in_flight: Option<Duration>,
    /// Response times of what completed; `None` when nothing did.
    pub response: Option<Percentiles>,
    /// p99 of the service time.
    pub service_p99: Option<Duration>,
    /// p50 of the service time of what completed: for Little's law.
    pub service_p50: Option<Duration>,
    /// p99 of the send lag.
    pub send_lag_p99: Option<Duration>,
    /// Bytes of response bodies.
    pub bytes_in: u64,
    /// Instances seen in answers over the last seconds.
    pub responding: Option<u32>,
    /// Instances that the load needs by Little's law.
    pub needed: Option<u32>,
    /// The step in force.
    pub step: Option<StepId>,
    /// How the generator was doing.
    pub generator: GeneratorHealth,
}

/// The percentiles that are shown and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of the requests were at most this slow.
    pub p50: Duration,
    /// 90 %.
    pub p90: Duration,
    /// 95 %.
    pub p95: Duration,
    /// 99 %.
    pub p99: Duration,
    /// 99.9 %.
    pub p999: Duration,
    /// The slowest.
    pub max: Duration,
}

/// What is kept of one second of arrivals, by the second they were intended in.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// The second.
    pub second: u32,
    /// How many seconds it covers: always 1.
    pub span: u32,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// What became of the requests so far.
    pub outcomes: OutcomeCounts,
    /// Response times of what completed so far.
    pub response: Option<Percentiles>,
    /// p99 of the service time.
    pub service_p99: Option<Duration>,
    /// OK answers slower than the objective.
    pub slow: u64,
    /// Answers of any kind slower than the objective.
    pub above: u64,
    /// Whether the objective held over the trailing window; `None` while it cannot be known yet or without arrivals.
    pub good: Option<bool>,
    /// Whether every request is answered or timed out, so that nothing changes any more.
    pub is_final: bool,
}

impl Cohort {
    /// Nothing yet of the arrivals of `second`.
    pub const fn new(second: u32) -> Self {
        Self {
            second,
            span: 1,
            due: 0,
            sent: 0,
            dropped_cap: 0,
            dropped_late: 0,
            outcomes: OutcomeCounts::NONE,
            response: None,
            service_p99: None,
            slow: 0,
            above: 0,
            good: None,
            is_final: false,
        }
    }
}

/// Seconds that are kept one by one; what is older is thinned out to minutes.
pub const SECONDS_KEPT: usize = 3_600;

/// How many seconds a thinned row covers.
const THINNED_SPAN: u32 = 60;

/// Rows and cohorts, the recent past second by second, what is older thinned out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    rows: VecDeque<Row>,
    /// How many of the rows are thinned.
    thinned: usize,
    cohorts: VecDeque<Cohort>,
    /// The arrivals of the seconds that are not final yet.
    open: OpenCohorts,
    /// The distribution of response times.
    heat: heat::Heat,
}

impl Timeline {
    /// The live curve, ascending in time: minutes first, then seconds. Seconds that nobody measured are missing.
    pub const fn rows(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// The cohorts of the recent past, ascending, one for each second.
    pub const fn cohorts(&self) -> &VecDeque<Cohort> {
        &self.cohorts
    }

    /// The distribution of response times over time.
    pub const fn heat(&self) -> &heat::Heat {
        &self.heat
    }

    /// The latest closed second.
    pub fn latest(&self) -> Option<&Row> {
        self.rows.back()
    }

    /// The row that covers `second`.
    pub fn row_at(&self, second: u32) -> Option<&Row> {
        let after = self.rows.partition_point(|row| row.second <= second);
        self.rows.get(after.checked_sub(1)?).filter(|row| second - row.second < row.span)
    }

    /// The cohort of `second`, while it is kept.
    pub fn cohort_at(&self, second: u32) -> Option<&Cohort> {
        let first = self.cohorts.front()?.second;
        self.cohorts.get(usize::try_from(second.checked_sub(first)?).ok()?)
    }

    /// Adds a row, later than every other one.
    pub(crate) fn push_row(&mut self, row: Row) {
        self.rows.push_back(row);
        let span = THINNED_SPAN as usize;
        // A whole minute is thinned at a time, so that a thinned row is never touched again.
        if self.rows.len() - self.thinned >= SECONDS_KEPT + span {
            let minute: Vec<_> = self.rows.drain(self.thinned..self.thinned + span).collect();
            for row in thin(minute) {
                self.rows.insert(self.thinned, row);
                self.thinned += 1;
            }
        }
    }

    /// Adds the response times of what completed in `second`, later than every other one.
    pub(crate) fn push_heat(&mut self, second: u32, response: &Latency) {
        self.heat.push(second, response);
    }

    /// Files what `second` holds of the arrivals of this and earlier seconds; cohorts that can still change are judged
    /// again.
    pub(crate) fn push_cohorts(&mut self, second: &Second, slo: &Slo, timeout: Duration) {
        self.open.file(second);
        self.open.judge(second.end(), slo, timeout, &mut self.cohorts);
        while self.cohorts.len() > SECONDS_KEPT && self.cohorts.front().is_some_and(|cohort| cohort.is_final) {
            self.cohorts.pop_front();
        }
    }
}

/// Rows of neighbouring seconds as one: sums of counts, the latest of states, the worst of latencies. (Percentiles of a
/// minute would need its histogram; the worst second is what a chart of latency shows of it anyway.)
fn thin(rows: Vec<Row>) -> Vec<Row> {
    let mut thinned: Vec<Row> = Vec::with_capacity(1);
    for row in rows {
        match thinned.last_mut() {
            // A gap or another step begins a row of its own, so that neither is smeared.
            Some(last) if last.second + last.span == row.second && last.step == row.step => last.absorb(&row),
            _ => thinned.push(row),
        }
    }
    thinned
}

impl Row {
    fn absorb(&mut self, later: &Self) {
        self.span += later.span;
        self.target = later.target;
        self.due += later.due;
        self.sent += later.sent;
        self.outcomes.merge(&later.outcomes);
        self.dropped_cap += later.dropped_cap;
        self.dropped_late += later.dropped_late;
        self.in_flight = later.in_flight;
        self.oldest_in_flight = self.oldest_in_flight.max(later.oldest_in_flight);
        self.response = match (self.response, later.response) {
            (Some(mine), Some(theirs)) => Some(mine.worst(&theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.service_p99 = self.service_p99.max(later.service_p99);
        self.service_p50 = self.service_p50.max(later.service_p50);
        self.send_lag_p99 = self.send_lag_p99.max(later.send_lag_p99);
        self.bytes_in += later.bytes_in;
        self.responding = later.responding.or(self.responding);
        self.needed = later.needed.or(self.needed);
        self.generator = later.generator;
    }
}

impl Percentiles {
    /// The percentiles of `latency`; `None` when it is empty.
    pub fn of(latency: &Latency) -> Option<Self> {
        Some(Self {
            p50: latency.quantile(0.50)?,
            p90: latency.quantile(0.90)?,
            p95: latency.quantile(0.95)?,
            p99: latency.quantile(0.99)?,
            p999: latency.quantile(0.999)?,
            max: latency.max()?,
        })
    }

    fn worst(&self, other: &Self) -> Self {
        Self {
            p50: self.p50.max(other.p50),
            p90: self.p90.max(other.p90),
            p95: self.p95.max(other.p95),
            p99: self.p99.max(other.p99),
            p999: self.p999.max(other.p999),
            max: self.max.max(other.max),
        }
    }
}

#[cfg(test)]
mod tests;
