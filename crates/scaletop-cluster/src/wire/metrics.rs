//! From seconds to the points that CloudWatch would publish: by period, by statistic, late, and still growing at the end.
//!
//! A second shows up once it is [`Publication::delay`] old. The newest point is therefore made of part of its period only,
//! and changes when it is read again, as in the cloud. Pure.

use super::state::{MetricSecond, Publication};

/// What is measured: the metrics of `AWS/AppRunner`, and of `AWS/ECS` as far as both have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    ActiveInstances,
    Requests,
    Status2xx,
    Status4xx,
    Status5xx,
    RequestLatency,
    Concurrency,
    Cpu,
    Memory,
}

impl Metric {
    /// The metric of App Runner with this name.
    pub(crate) fn app_runner(name: &str) -> Option<Self> {
        Some(match name {
            "ActiveInstances" => Self::ActiveInstances,
            "Requests" => Self::Requests,
            "2xxStatusResponses" => Self::Status2xx,
            "4xxStatusResponses" => Self::Status4xx,
            "5xxStatusResponses" => Self::Status5xx,
            "RequestLatency" => Self::RequestLatency,
            "Concurrency" => Self::Concurrency,
            _ => return Self::ecs(name),
        })
    }

    /// The metric of ECS with this name.
    pub(crate) fn ecs(name: &str) -> Option<Self> {
        match name {
            "CPUUtilization" => Some(Self::Cpu),
            "MemoryUtilization" => Some(Self::Memory),
            _ => None,
        }
    }

    /// What one second adds to a period; `None` where the platform publishes nothing: an idle second has no requests to
    /// count and no latency, but it has a number of active instances.
    fn sample(self, second: &MetricSecond) -> Option<Samples> {
        #[expect(clippy::cast_precision_loss, reason = "requests of a second")]
        let count = |count: u64| (second.requests > 0 || count > 0).then(|| Samples::one(count as f64));
        match self {
            Self::ActiveInstances => Some(Samples::one(second.active.into())),
            Self::Requests => count(second.requests),
            Self::Status2xx => count(second.status_2xx),
            Self::Status4xx => count(second.status_4xx),
            Self::Status5xx => count(second.status_5xx),
            Self::RequestLatency => {
                let (sum, count, max) = second.latency;
                (count > 0).then_some(Samples { sum, count, min: None, max })
            }
            Self::Concurrency => count(second.concurrency.into()),
            Self::Cpu => second.cpu_percent.map(Samples::one),
            Self::Memory => second.memory_percent.map(Samples::one),
        }
    }
}

/// A CloudWatch statistic set.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Samples {
    sum: f64,
    count: u64,
    min: Option<f64>,
    max: f64,
}

impl Samples {
    const fn one(value: f64) -> Self {
        Self { sum: value, count: 1, min: Some(value), max: value }
    }

    fn merge(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            count: self.count + other.count,
            min: self.min.zip(other.min).map(|(a, b)| a.min(b)),
            max: self.max.max(other.max),
        }
    }

    fn value(&self, statistic: Statistic) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "samples of a period")]
        let count = self.count as f64;
        match statistic {
            Statistic::SampleCount => Some(count),
            Statistic::Sum => Some(self.sum),
            Statistic::Average => Some(self.sum / count),
            Statistic::Minimum => self.min,
            Statistic::Maximum => Some(self.max),
            // The balancer keeps no distribution; a client falls back to Average and Maximum.
            Statistic::Percentile => None,
        }
    }
}

/// How the samples of a period become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    Percentile,
}

impl Statistic {
    /// As the API writes it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "SampleCount" => Some(Self::SampleCount),
            "Sum" => Some(Self::Sum),
            "Average" => Some(Self::Average),
            "Minimum" => Some(Self::Minimum),
            "Maximum" => Some(Self::Maximum),
            _ => {
                let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
                (0.0..=100.0).contains(&percent).then_some(Self::Percentile)
            }
        }
    }
}

/// A window on a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// The span of a point, seconds; a multiple of the grain, else there are no points.
    pub(crate) period: f64,
    /// The start of the first period, a multiple of `period`.
    pub(crate) from: f64,
    /// Periods that start here or later are left out.
    pub(crate) to: f64,
    /// Now.
    pub(crate) now: f64,
}

/// The published points of a window, ascending: the start of the period and the value.
pub(crate) fn points(
    seconds: &[MetricSecond],
    (metric, statistic): (Metric, Statistic),
    window: Window,
    publication: Publication,
) -> Vec<(f64, f64)> {
    let grains = window.period / publication.grain;
    if grains < 0.999 || (grains - grains.round()).abs() > 1e-6 {
        return Vec::new();
    }
    let published_until = window.now - publication.delay;
    let mut periods: Vec<(f64, Samples)> = Vec::new();
    for second in seconds.iter().filter(|second| second.at + 1.0 <= published_until) {
        let start = floor_to(second.at, window.period);
        if start < window.from || start >= window.to {
            continue;
        }
        let Some(samples) = metric.sample(second) else { continue };
        match periods.last_mut() {
            // Starts are multiples of the period, computed the same way: equal ones are equal to the bit.
            Some((last, merged)) if (*last - start).abs() < 1e-9 => *merged = merged.merge(samples),
            _ => periods.push((start, samples)),
        }
    }
    periods.into_iter().filter_map(|(start, samples)| Some((start, samples.value(statistic)?))).collect()
}

/// The start of the period that `at` lies in.
pub(crate) fn floor_to(at: f64, period: f64) -> f64 {
    (at / period).floor() * period
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Second n has n requests and n active instances; 120 seconds from the start of a minute.
    fn seconds() -> Vec<MetricSecond> {
        (0..120_u32)
            .map(|n| MetricSecond {
                at: 600.0 + f64::from(n),
                active: n,
                requests: n.into(),
                latency: (f64::from(n), 1, f64::from(n)),
                cpu_percent: (n < 60).then_some(50.0),
                ..MetricSecond::default()
            })
            .collect()
    }

    fn read(metric: Metric, statistic: Statistic, now: f64, period: f64) -> Vec<(f64, f64)> {
        let window = Window { period, from: 600.0, to: 720.0, now };
        points(&seconds(), (metric, statistic), window, Publication::REALISTIC)
    }

    #[test]
    fn a_point_grows_until_its_whole_period_is_published_and_then_stays() {
        assert_eq!(read(Metric::Requests, Statistic::Sum, 720.0, 60.0), [], "nothing is two minutes old");
        assert_eq!(read(Metric::Requests, Statistic::Sum, 731.0, 60.0), [(600.0, 55.0)], "0 + … + 10");
        let whole = (0..60).sum::<i32>().into();
        assert_eq!(read(Metric::Requests, Statistic::Sum, 780.0, 60.0), [(600.0, whole)]);
        assert_eq!(read(Metric::Requests, Statistic::Sum, 2_000.0, 60.0)[0], (600.0, whole));
    }

    #[test]
    fn statistics_are_those_of_the_samples() {
        let late = 2_000.0;
        assert_eq!(read(Metric::ActiveInstances, Statistic::Maximum, late, 60.0), [(600.0, 59.0), (660.0, 119.0)]);
        assert_eq!(read(Metric::ActiveInstances, Statistic::Minimum, late, 60.0), [(600.0, 0.0), (660.0, 60.0)]);
        assert_eq!(read(Metric::RequestLatency, Statistic::Average, late, 120.0), [(600.0, 59.5)]);
        assert_eq!(read(Metric::RequestLatency, Statistic::SampleCount, late, 120.0), [(600.0, 120.0)]);
        assert_eq!(read(Metric::RequestLatency, Statistic::Percentile, late, 60.0), []);
    }

    #[test]
    fn what_nobody_measured_is_a_gap() {
        assert_eq!(read(Metric::Cpu, Statistic::Average, 2_000.0, 60.0), [(600.0, 50.0)]);
        assert_eq!(read(Metric::Memory, Statistic::Average, 2_000.0, 60.0), []);
        let idle = [MetricSecond { at: 600.0, ..MetricSecond::default() }];
        let window = Window { period: 60.0, from: 600.0, to: 660.0, now: 2_000.0 };
        let read = |metric| points(&idle, (metric, Statistic::Maximum), window, Publication::REALISTIC);
        assert_eq!(read(Metric::Requests), []);
        assert_eq!(read(Metric::ActiveInstances), [(600.0, 0.0)], "an idle service has 0 active instances");
    }

    #[test]
    fn periods_finer_than_the_grain_have_no_points() {
        for period in [1.0, 30.0, 90.0] {
            assert_eq!(read(Metric::Requests, Statistic::Sum, 2_000.0, period), [], "{period}");
        }
    }
}
