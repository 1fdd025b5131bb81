//! The session on one time axis: a row a second, twice binned.
//!
//! [`Row`]s bin completions by the second they completed in: the live curve, which never changes once written.
//! [`Cohort`]s bin requests by the second they were *intended* in: what the analysis of steps uses, final once every
//! request of the second is answered or timed out. A second that nobody measured has no row: a gap, not a zero.
//!
//! **Memory.** The last hour is kept second by second; what is older becomes one row, one cohort and one heat column a
//! minute, about a kilobyte. Counts of a thinned minute are sums; its percentiles come from the minute's own merged
//! histogram; what is a level (requests in flight, instances, generator) is the highest of the minute. Histograms
//! live only as long as something is added to them: cohorts that wait for answers, and the minute under way.

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_load::GeneratorHealth;
use scaletop_load::Latency;
use scaletop_load::OutcomeCounts;
use scaletop_units::{ArrivalRate, StepId};

pub(crate) mod cohorts;
mod column;
pub(crate) mod connections;
pub(crate) mod heat;
pub(crate) mod objective;
mod objectives;
pub(crate) mod planned;
mod rows;

pub(crate) use cohorts::Cohort;
use cohorts::Cohorts;
pub(crate) use column::{Column, Counts};
pub(crate) use connections::ConnectionRow;
pub(crate) use heat::HeatColumn;
pub(crate) use objective::SecondJudged;
pub(crate) use objectives::Objectives;
pub(crate) use rows::Completed;
use rows::MinuteOfRows;

/// The recent past is kept second by second for this long.
pub(crate) const KEPT_SECS: u32 = 3_600;

/// What is older is kept by the minute.
pub(crate) const THINNED_SPAN: u32 = 60;

/// One line of the live curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// The first second it covers.
    pub second: u32,
    /// How many seconds it covers: 1 for the recent past, 60 for what was thinned out since.
    pub span: u32,
    /// The arrival rate in force at its end.
    pub target: ArrivalRate,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals that the schedule of a fleet makes due, whoever is to send them; `None` without a fleet.
    pub planned: Option<u64>,
    /// Those of them that no generator had reported when the second closed.
    pub unreported: Option<u64>,
    /// How many generators told of it.
    pub generators: Option<u32>,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Requests that completed, by what became of them.
    pub outcomes: OutcomeCounts,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection.
    pub dropped_connections: u64,
    /// Requests without an answer at its end.
    pub in_flight: u64,
    /// The age of the oldest of them.
    pub oldest_in_flight: Option<Duration>,
    /// Response times of the OK answers; `None` when there was none.
    pub ok: Option<Percentiles>,
    /// Response times of what failed; `None` when nothing did.
    pub failed: Option<Percentiles>,
    /// p99 of the service time of the OK answers.
    pub service_p99: Option<Duration>,
    /// p50 of the service time of the OK answers: for Little's law.
    pub service_p50: Option<Duration>,
    /// Arrivals that we turned to late, or gave up because of that.
    pub late: u64,
    /// By how much, at most.
    pub longest_lag: Duration,
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
    /// What its connections did; `None` when nothing is known of them.
    pub connections: Option<ConnectionRow>,
}

impl Row {
    /// Arrivals that were not sent, for whatever reason of ours.
    pub const fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_late + self.dropped_connections
    }

    /// Whether we were too late for its latencies to be the service's.
    pub fn is_late(&self) -> bool {
        objective::is_late(self.late, self.due) && objective::matters(self.longest_lag, self.ok)
    }
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
    pub max: Duration,
}

impl Percentiles {
    /// The percentiles of `latency`; `None` when it is empty.
    pub fn of(latency: &Latency) -> Option<Self> {
        let [p50, p90, p95, p99, p999] = latency.quantiles([0.50, 0.90, 0.95, 0.99, 0.999])?;
        Some(Self { p50, p90, p95, p99, p999, max: latency.max()? })
    }

    /// Each with its quantile.
    pub(crate) fn by_quantile(&self) -> Vec<(&'static str, Duration)> {
        let Self { p50, p90, p95, p99, p999, max } = *self;
        vec![("0.5", p50), ("0.9", p90), ("0.95", p95), ("0.99", p99), ("0.999", p999), ("1", max)]
    }
}

/// Rows and cohorts, the recent past second by second, what is older thinned out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    rows: VecDeque<Row>,
    heat: VecDeque<HeatColumn>,
    cohorts: Cohorts,
    minute: Option<Box<MinuteOfRows>>,
    minutes: VecDeque<(Row, HeatColumn)>,
}

impl Timeline {
    /// The live curve, ascending in time. Seconds that nobody measured are missing.
    pub fn rows(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// How the latencies of each row are spread, one column a row.
    pub fn heat(&self) -> &VecDeque<HeatColumn> {
        &self.heat
    }

    /// The heat columns that overlap the seconds from `from` until before `until`, ascending.
    pub fn heat_between(&self, from: u32, until: u32) -> impl Iterator<Item = &HeatColumn> + '_ {
        let start = self.heat.partition_point(|column| column.second.saturating_add(column.span) <= from);
        let end = self.heat.partition_point(|column| column.second < until).max(start);
        self.heat.range(start..end)
    }

    /// The cohorts, ascending; like the rows, those older than an hour by the minute.
    pub fn cohorts(&self) -> &VecDeque<Cohort> {
        self.cohorts.list()
    }

    /// The latest closed second.
    pub fn latest(&self) -> Option<&Row> {
        self.rows.back()
    }

    /// The row that covers a second.
    pub fn row_at(&self, second: u32) -> Option<&Row> {
        let after = self.rows.partition_point(|row| row.second <= second);
        self.rows.get(after.checked_sub(1)?).filter(|row| second - row.second < row.span)
    }

    pub(crate) const fn kept_cohorts(&self) -> &Cohorts {
        &self.cohorts
    }

    pub(crate) fn cohorts_mut(&mut self) -> &mut Cohorts {
        &mut self.cohorts
    }
}

#[cfg(test)]
mod tests;
