//! CloudWatch's metrics of a service, one `GetMetricData` call for all of them.
//!
//! The trailing window is read again at each poll and points are replaced by their time, since the newest ones still grow.
//! Each point stands at its own time, minutes before it was received. Instance counts become observations (basis Active);
//! the rest become facts once two reads agree on them: `platform_requests_per_s`, `platform_2xx_per_s`,
//! `platform_4xx_per_s`, `platform_5xx_per_s`, `platform_latency_ms`, `platform_concurrency`, `cpu_percent`,
//! `memory_percent`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::types::{
    Dimension, MessageData, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy,
};
use jiff::Timestamp;

use super::last_told::LastTold;
use super::metric_points::{MetricPoints, Point};
use crate::cloud::WatchedService;
use crate::cloud::clients::{Cloud, sdk_time, timestamp};
use crate::cloud::failure::{Api, Failure, explain};
use crate::cloud::listing::at_most;
use crate::instances::{Basis, InstanceObservation, SourceError, SourceErrorKind};
use crate::polling::{PollReport, PolledFeed};
use crate::session::event::{Fact, Notice, NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// What one metric costs, each time it is asked for: $0.01 per 1,000, outside the free tier.
const DOLLARS_PER_METRIC: f64 = 0.01 / 1_000.0;

/// Points of this many periods are read again at each poll.
const PERIODS_REREAD: u32 = 10;
/// After a failure, at most this much is caught up on.
const LONGEST_CATCH_UP: Duration = Duration::from_hours(3);
/// More pages than this of one window are not read: 9 series of 3 hours fit in one.
const MOST_PAGES: usize = 20;
/// Without any point for this long, the log says what may be wrong.
const SILENCE_THAT_IS_ODD: Duration = Duration::from_mins(6);

/// How often to ask, given the grain of the metrics: twice a period, but not more often than every 5 s and at least every
/// 30 s. Faster buys nothing and costs money.
fn poll_interval(grain: Duration) -> Duration {
    (grain / 2).clamp(Duration::from_secs(5), Duration::from_secs(30))
}

/// What it costs to watch a service. Of all calls that the sources make, `GetMetricData` alone is paid for, by the metric
/// (<https://aws.amazon.com/cloudwatch/pricing/>); describing alarms, services, tasks, images and scaling is free.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PollingCost {
    /// Metrics that a poll asks for.
    pub(crate) metrics: usize,
    /// The time between two polls.
    pub(crate) interval: Duration,
}

impl PollingCost {
    /// How often it asks within an hour.
    pub(crate) fn polls_per_hour(self) -> f64 {
        3_600.0 / self.interval.as_secs_f64()
    }

    /// Dollars an hour.
    pub(crate) fn dollars_per_hour(self) -> f64 {
        self.metrics as f64 * DOLLARS_PER_METRIC * self.polls_per_hour()
    }
}

/// What becomes of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Use {
    Active,
    /// A fact, the value as it is.
    Gauge(&'static str),
    /// A fact, the sum of a period as a rate.
    Rate(&'static str),
}

/// One metric that is asked for.
type Series = (&'static str, &'static str, Use);

const APP_RUNNER: &[Series] = &[
    ("ActiveInstances", "Maximum", Use::Active),
    ("Requests", "Sum", Use::Rate("platform_requests_per_s")),
    ("2xxStatusResponses", "Sum", Use::Rate("platform_2xx_per_s")),
    ("4xxStatusResponses", "Sum", Use::Rate("platform_4xx_per_s")),
    ("5xxStatusResponses", "Sum", Use::Rate("platform_5xx_per_s")),
    ("RequestLatency", "Average", Use::Gauge("platform_latency_ms")),
    ("Concurrency", "Maximum", Use::Gauge("platform_concurrency")),
    ("CPUUtilization", "Average", Use::Gauge("cpu_percent")),
    ("MemoryUtilization", "Average", Use::Gauge("memory_percent")),
];

const ECS: &[Series] = &[
    ("CPUUtilization", "Average", Use::Gauge("cpu_percent")),
    ("MemoryUtilization", "Average", Use::Gauge("memory_percent")),
];

/// Reads the metrics of one service.
#[derive(Debug)]
pub struct CloudWatchFeed {
    cloud: Cloud,
    namespace: &'static str,
    dimensions: Vec<(&'static str, String)>,
    series: &'static [Series],
    grain: Duration,
    state: Vec<SeriesState>,
    read_until: Option<Timestamp>,
    last_told: LastTold,
    has_noted_silence: bool,
}

#[derive(Clone, Debug, Default)]
struct SeriesState {
    points: MetricPoints,
    /// The start and value of the fact that was told last.
    told: Option<(Timestamp, f64)>,
}

impl CloudWatchFeed {
    /// Reads the metrics of `service`, whose grain is this. All of the dimensions are needed: without one, series are
    /// silently empty.
    pub fn new(cloud: Cloud, service: &WatchedService, grain: Duration) -> Self {
        let (namespace, dimensions, series) = match service {
            WatchedService::AppRunner { name, id, .. } => {
                ("AWS/AppRunner", vec![("ServiceName", name.clone()), ("ServiceID", id.clone())], APP_RUNNER)
            }
            WatchedService::Ecs { cluster, service, .. } => {
                ("AWS/ECS", vec![("ClusterName", cluster.clone()), ("ServiceName", service.clone())], ECS)
            }
        };
        let state = vec![SeriesState::default(); series.len()];
        let last_told = LastTold::default();
        Self {
            cloud,
            namespace,
            dimensions,
            series,
            grain,
            state,
            read_until: None,
            last_told,
            has_noted_silence: false,
        }
    }

    pub(crate) fn cost(&self) -> PollingCost {
        PollingCost { metrics: self.series.len(), interval: poll_interval(self.grain) }
    }

    fn period(&self) -> Duration {
        // To the second, as the API wants it.
        Duration::from_secs((self.grain + Duration::from_millis(500)).as_secs().max(1))
    }

    fn queries(&self) -> Vec<MetricDataQuery> {
        let dimensions: Vec<_> =
            self.dimensions.iter().map(|(name, value)| Dimension::builder().name(*name).value(value).build()).collect();
        let period = i32::try_from(self.period().as_secs()).unwrap_or(i32::MAX);
        let query = |(index, (metric, statistic, _)): (usize, &Series)| {
            let metric = Metric::builder()
                .namespace(self.namespace)
                .metric_name(*metric)
                .set_dimensions(Some(dimensions.clone()))
                .build();
            // No unit: one that does not match gives an empty series.
            let stat = MetricStat::builder().metric(metric).period(period).stat(*statistic).build();
            MetricDataQuery::builder().id(format!("m{index}")).metric_stat(stat).return_data(true).build()
        };
        self.series.iter().enumerate().map(query).collect()
    }

    /// Reads a window, all pages of it: points by series.
    async fn read(
        &mut self,
        (from, to): (Timestamp, Timestamp),
        report: &mut PollReport,
    ) -> Option<BTreeMap<usize, Vec<(Timestamp, f64)>>> {
        let ask = self.cloud.cloudwatch.get_metric_data().set_metric_data_queries(Some(self.queries()));
        let ask = ask.start_time(sdk_time(from)).end_time(sdk_time(to)).scan_by(ScanBy::TimestampAscending);
        let pages = match at_most(ask.into_paginator().send(), MOST_PAGES).await {
            Ok(pages) => pages,
            Err(error) => {
                report.problem(self.cloud.error(Api::METRICS, &error));
                return None;
            }
        };
        let too_many = if pages.is_cut {
            format!("CloudWatch has more than {MOST_PAGES} pages of points: the newest are read at the next poll")
        } else {
            String::new()
        };
        self.last_told.notice(report, "pages", NoticeLevel::Warning, too_many);
        let mut remarks: BTreeSet<String> =
            pages.items.iter().flat_map(GetMetricDataOutput::messages).map(remark).collect();
        let mut points: BTreeMap<usize, Vec<(Timestamp, f64)>> = BTreeMap::new();
        for result in pages.items.iter().flat_map(GetMetricDataOutput::metric_data_results) {
            self.judge(result, report);
            let metric = result.label().unwrap_or("a metric");
            remarks.extend(result.messages().iter().map(|message| format!("{metric}: {}", remark(message))));
            let index = result.id().and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            let Some(index) = index.filter(|index| *index < self.series.len()) else { continue };
            let pairs = result.timestamps().iter().map(timestamp).zip(result.values().iter().copied());
            points.entry(index).or_default().extend(pairs.filter_map(|(at, value)| Some((at?, value))));
        }
        // Why points are missing, in CloudWatch's own words.
        let said = if remarks.is_empty() {
            String::new()
        } else {
            format!("CloudWatch remarks: {}", remarks.into_iter().collect::<Vec<_>>().join("; "))
        };
        self.last_told.notice(report, "remarks", NoticeLevel::Warning, said);
        Some(points)
    }

    /// `Complete` and `PartialData` (more pages, or more to come) are fine; the rest is not.
    fn judge(&self, result: &MetricDataResult, report: &mut PollReport) {
        let metric = result.label().unwrap_or("a metric");
        match result.status_code().map(aws_sdk_cloudwatch::types::StatusCode::as_str) {
            None | Some("Complete" | "PartialData") => {}
            Some("Forbidden") => {
                let message = format!("reading {metric} is forbidden");
                let failure = Failure::Refused { code: "AccessDenied".to_owned(), message, status: 403 };
                report.problem(explain(Api::METRICS, &failure, &self.cloud.call_context()));
            }
            Some(other) => {
                let reasons: Vec<String> = result.messages().iter().map(remark).collect();
                let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
                report.problem(SourceError {
                    kind: SourceErrorKind::BadAnswer,
                    message: format!("CloudWatch answered {other} for {metric}{why}"),
                    remedy: "asking again".to_owned(),
                });
            }
        }
    }

    fn take(&mut self, index: usize, read: &[Point], report: &mut PollReport) {
        let period = self.period();
        let (_, _, wanted) = self.series[index];
        let state = &mut self.state[index];
        let news = state.points.merge(read);
        match wanted {
            Use::Active => {
                for point in news {
                    if let Some(seen) = observation(&self.cloud, point, period) {
                        report.events.push(SessionEvent::Observed(seen));
                    }
                }
            }
            Use::Gauge(name) | Use::Rate(name) => {
                // Two reads agree, or it is old enough: half a period's sum would look like a dip. News are ascending, and
                // the current value of a fact is the newest.
                let is_news = |start: Timestamp| news.iter().any(|point| point.start == start);
                let agreed = |point: &&Point| !point.provisional || !is_news(point.start);
                let newest = read.iter().filter(agreed).max_by_key(|point| point.start);
                let Some(point) = newest.filter(|point| {
                    state.told.is_none_or(|(start, value)| {
                        point.start > start || (point.start == start && (point.value - value).abs() > 0.0)
                    })
                }) else {
                    return;
                };
                let Some(as_of) = as_of(&self.cloud, point.start, period) else { return };
                state.told = Some((point.start, point.value));
                let value =
                    if matches!(wanted, Use::Rate(_)) { point.value / period.as_secs_f64() } else { point.value };
                let fact = Fact { name: name.to_owned(), value: format!("{value:.1}"), as_of };
                report.events.push(SessionEvent::Fact(fact));
            }
        }
    }

    /// An empty series is no error for CloudWatch, whatever its reason.
    fn note_silence(&mut self, report: &mut PollReport, now: Elapsed) {
        let is_silent = self.state.iter().all(|state| state.points.is_empty());
        if is_silent && !self.has_noted_silence && now.saturating_since(Elapsed::ZERO) >= SILENCE_THAT_IS_ODD {
            self.has_noted_silence = true;
            let dimensions: Vec<_> = self.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let text = format!(
                "CloudWatch has no points of {} ({}) yet: they come 2 to 3 minutes after the first requests; \
                 if requests have been answered for longer, the service or the region is another",
                self.namespace,
                dimensions.join(", ")
            );
            report.events.push(SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text }));
        }
    }
}

/// The start of a point on the session's clock; `None` when its whole period was before the session. A period that began
/// before and reaches into it stands at the start.
fn as_of(cloud: &Cloud, start: Timestamp, period: Duration) -> Option<Elapsed> {
    cloud.skew().elapsed(start).or_else(|| cloud.skew().elapsed(start.checked_add(period).ok()?).map(|_| Elapsed::ZERO))
}

/// What CloudWatch remarks: `MaxMetricsExceeded: …`.
fn remark(message: &MessageData) -> String {
    format!("{}: {}", message.code().unwrap_or("remark"), message.value().unwrap_or("no reason given"))
}

/// The last moment before `at` that is a multiple of `period`.
fn floor(at: Timestamp, period: Duration) -> Timestamp {
    let secs = i64::try_from(period.as_secs()).unwrap_or(1).max(1);
    Timestamp::from_second(at.as_second().div_euclid(secs) * secs).unwrap_or(at)
}

/// The count of a point. It speaks of its period, or of what of it lies in the session.
fn observation(cloud: &Cloud, point: Point, period: Duration) -> Option<InstanceObservation> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; `as` saturates")]
    let count = point.value.round().max(0.0) as u32;
    let skew = cloud.skew();
    let (as_of, uncertainty) = if let Some(start) = skew.elapsed(point.start) {
        (start, period)
    } else {
        let end = skew.elapsed(point.start.checked_add(period).ok()?)?;
        (Elapsed::ZERO, end.saturating_since(Elapsed::ZERO))
    };
    Some(InstanceObservation { basis: Basis::Active, count, as_of, uncertainty, provisional: point.provisional })
}

impl PolledFeed for CloudWatchFeed {
    fn name(&self) -> &'static str {
        "cloudwatch"
    }

    fn interval(&self) -> Duration {
        poll_interval(self.grain)
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let (now, period) = (self.cloud.skew().cloud_now(), self.period());
        let since = self.read_until.unwrap_or(now).max(now - LONGEST_CATCH_UP);
        // The session's start is a lower bound: nothing before it is drawn.
        let started = now - self.cloud.skew().clock().now().saturating_since(Elapsed::ZERO);
        let from = floor((since - period * PERIODS_REREAD).max(started), period);
        let to = floor(now, period) + period;
        let Some(mut points) = self.read((from, to), &mut report).await else { return report };
        for index in 0..self.series.len() {
            let read = points.remove(&index).unwrap_or_default().into_iter();
            let mut read: Vec<Point> = read.map(|(start, value)| Point::read(start, value, now, period)).collect();
            read.sort_by_key(|point| point.start);
            self.take(index, &read, &mut report);
        }
        self.read_until = Some(now);
        let session_now = self.cloud.skew().clock().now();
        self.note_silence(&mut report, session_now);
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_is_as_fast_as_the_grain_justifies_and_its_price_is_known() {
        assert_eq!(poll_interval(Duration::from_mins(1)), Duration::from_secs(30));
        assert_eq!(poll_interval(Duration::from_secs(10)), Duration::from_secs(5));
        assert_eq!(poll_interval(Duration::from_secs(1)), Duration::from_secs(5));
        for (series, dollars) in [(APP_RUNNER, 0.0108), (ECS, 0.0024)] {
            let cost = PollingCost { metrics: series.len(), interval: poll_interval(Duration::from_mins(1)) };
            assert!((cost.dollars_per_hour() - dollars).abs() < 1e-9, "{cost:?}: {}", cost.dollars_per_hour());
        }
    }
}
