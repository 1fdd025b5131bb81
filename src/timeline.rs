//! The session on one time axis: a row a second, twice binned.
//!
//! [`Row`]s bin completions by the second they completed in: the live curve, which never changes once written.
//! [`Cohort`]s bin requests by the second they were *intended* in: what the analysis of steps uses, final once every
//! request of the second is answered or timed out. A second that nobody measured has no row: a gap, not a zero.

use std::collections::VecDeque;
use std::time::Duration;

use crate::load::sample::OutcomeCounts;
use crate::record::latency::Latency;
use crate::record::second::GeneratorHealth;
use crate::units::{ArrivalRate, StepId};

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
}

/// What is kept of one second of arrivals, by the second they were intended in.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohort {
    /// The second.
    pub second: u32,
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
    /// Whether the objective held over the trailing window; `None` while it cannot be known yet or without arrivals.
    pub good: Option<bool>,
    /// Whether every request is answered or timed out, so that nothing changes any more.
    pub is_final: bool,
}

/// Rows and cohorts, the recent past second by second, what is older thinned out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    rows: VecDeque<Row>,
    cohorts: VecDeque<Cohort>,
}

impl Timeline {
    /// The live curve, ascending in time. Seconds that nobody measured are missing.
    pub fn rows(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// The cohorts of the recent past, ascending.
    pub fn cohorts(&self) -> &VecDeque<Cohort> {
        &self.cohorts
    }

    pub(crate) fn push_row(&mut self, row: Row) { self.rows.push_back(row); }

    /// The latest closed second.
    pub fn latest(&self) -> Option<&Row> {
        self.rows.back()
    }
}
