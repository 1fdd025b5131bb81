//! How an embedded cluster is set up: [`ClusterOptions`], its flags ([`ClusterArgs`]), and what is refused. Pure.

use std::fmt;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Which platform's way of scaling the cluster follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// App Runner: scales on concurrent requests, within seconds, and refuses what finds no room.
    #[default]
    AppRunner,
    /// ECS: requests queue in the tasks; target tracking on CPU, 60 s points, 3 of them to scale out and 15 to scale in.
    Ecs,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AppRunner => "app-runner",
            Self::Ecs => "ecs",
        })
    }
}

/// How an embedded cluster is set up. Check it with [`ClusterOptions::check`]; [`Cluster::assemble`](super::Cluster::assemble)
/// does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClusterOptions {
    /// The most instances that are started, 1 to 25.
    pub max_size: u32,
    /// The least that are kept, 1 to `max_size`.
    pub min_size: u32,
    /// Requests that one instance takes at the same time, 1 to 200 as on App Runner; on ECS those that a task works on at the
    /// same time, while others wait in it.
    pub max_concurrency: u32,
    /// How long an instance takes to answer.
    #[serde(with = "duration_text")]
    pub delay: Duration,
    /// How long a new instance takes until it gets requests. The first `min_size` are warm when the cluster starts.
    #[serde(with = "duration_text")]
    pub cold_start: Duration,
    /// How long fewer instances must have been enough before the surplus is removed.
    #[serde(with = "duration_text")]
    pub scale_in_after: Duration,
    /// Whose way of scaling is followed.
    pub platform: Platform,
    /// Publishes metrics as coarse and as late as the cloud does: see [`ClusterOptions::metric_grain`].
    pub realistic: bool,
    /// The span of one point of ECS' metrics in the platform's time: 60 s, or 20 s for its high-resolution metrics. `None`
    /// means 60 s on ECS, and what `realistic` says on App Runner.
    #[serde(default, with = "duration_text::option", skip_serializing_if = "Option::is_none")]
    pub metric_period: Option<Duration>,
    /// How many times faster the platform's own time runs than ours: divides metric grain, publication delay, the periods
    /// and cooldowns of ECS' target tracking, the interval of its health checks and their grace. What has an option of its
    /// own (delay, cold start, scale-in) is left as it is, and so is how long a health check waits for an answer.
    pub time_scale: f64,
    /// The balancer's port on 127.0.0.1; 0 picks a free one.
    #[serde(rename = "cluster-port")]
    pub port: u16,
    /// Makes the instances' ids and the choice of victims repeatable; drawn when `None`.
    pub seed: Option<u64>,
}

/// More processes than this would only measure how this machine switches between them. App Runner's default quota.
pub(crate) const MAX_INSTANCES: u32 = 25;

/// App Runner's upper bound of `MaxConcurrency`.
pub(crate) const HIGHEST_CONCURRENCY: u32 = 200;

/// The spans that a point of ECS' metrics can have.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/target-tracking-faster-auto-scaling.html>
const HIGH_RESOLUTION: Duration = Duration::from_secs(20);
const STANDARD_RESOLUTION: Duration = Duration::from_mins(1);

/// How long after its end a point of ECS' metrics is published. Not documented, so chosen by the trigger: the time from a load
/// that goes from nothing to full CPU until the decision. A point counts once its *mean* is above the target, so the first of
/// the three may begin up to two fifths of a period before the load. With these delays the trigger takes 306 to 366 s and 77 to
/// 97 s, by the moment at which the load starts; AWS' own benchmark says 363 s and 86 s.
/// Source: <https://aws.amazon.com/about-aws/whats-new/2026/06/amazon-ecs-faster-autoscaling/>
pub(crate) const ECS_DELAY: Duration = Duration::from_secs(150);
const HIGH_RESOLUTION_DELAY: Duration = Duration::from_secs(25);

/// How long after its end a point of App Runner's metrics is published when they are `realistic`. Not documented either.
const APP_RUNNER_DELAY: Duration = Duration::from_mins(2);

/// The bounds of [`ClusterOptions::time_scale`].
const TIME_SCALES: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;

/// The longest cold start and scale-in wait.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            max_size: 5,
            min_size: 1,
            max_concurrency: 10,
            delay: Duration::from_millis(80),
            cold_start: Duration::from_secs(8),
            scale_in_after: Duration::from_secs(30),
            platform: Platform::AppRunner,
            realistic: false,
            metric_period: None,
            time_scale: 1.0,
            port: 0,
            seed: None,
        }
    }
}

impl ClusterOptions {
    /// Refuses what makes no sense, by the name of the flag.
    pub fn check(&self) -> Result<(), OptionsError> {
        let within = |flag, value: u32, highest| match value {
            value if (1..=highest).contains(&value) => Ok(()),
            value => Err(OptionsError::Count { flag, value, highest }),
        };
        within("--max-size", self.max_size, MAX_INSTANCES)?;
        within("--max-concurrency", self.max_concurrency, HIGHEST_CONCURRENCY)?;
        if !(1..=self.max_size).contains(&self.min_size) {
            return Err(OptionsError::MinSize { min: self.min_size, max: self.max_size });
        }
        let delays = Duration::ZERO..=test_app::MAX_DELAY;
        if !delays.contains(&self.delay) || !is_whole_millis(self.delay) {
            return Err(OptionsError::Delay { value: self.delay });
        }
        for (flag, value) in [("--cold-start", self.cold_start), ("--scale-in-after", self.scale_in_after)] {
            if value > LONGEST_WAIT {
                return Err(OptionsError::TooLong { flag, value });
            }
        }
        match self.metric_period {
            None | Some(STANDARD_RESOLUTION) => {}
            Some(HIGH_RESOLUTION) if self.platform == Platform::Ecs => {}
            Some(HIGH_RESOLUTION) => return Err(OptionsError::NoHighResolution),
            Some(value) => return Err(OptionsError::MetricPeriod { value }),
        }
        // A NaN is in no range.
        if !TIME_SCALES.contains(&self.time_scale) {
            return Err(OptionsError::TimeScale { value: self.time_scale });
        }
        Ok(())
    }

    /// A period of the platform's own time, in our time.
    pub fn scaled(&self, period: Duration) -> Duration {
        // Out of range only when the time scale is, and `check` refuses that.
        Duration::try_from_secs_f64(period.as_secs_f64() / self.time_scale).unwrap_or(period)
    }

    /// Whether ECS' high-resolution metrics are tracked.
    pub fn is_high_resolution(&self) -> bool {
        self.metric_period == Some(HIGH_RESOLUTION)
    }

    /// How metrics are published, in the platform's time: the span of a point, and how late it is.
    pub(crate) fn publication(&self) -> (Duration, Duration) {
        let is_coarse = self.realistic || self.metric_period.is_some();
        match self.platform {
            Platform::Ecs if self.is_high_resolution() => (HIGH_RESOLUTION, HIGH_RESOLUTION_DELAY),
            Platform::Ecs => (STANDARD_RESOLUTION, ECS_DELAY),
            Platform::AppRunner if is_coarse => (STANDARD_RESOLUTION, APP_RUNNER_DELAY),
            Platform::AppRunner => (Duration::from_secs(10), Duration::from_secs(12)),
        }
    }

    /// The span that one point of a metric covers, in our time: 60 s of the platform's time as in the cloud when
    /// `realistic` or on ECS (whose alarms count such points; 20 s if [`ClusterOptions::metric_period`] says so), else 10 s.
    pub fn metric_grain(&self) -> Duration {
        self.scaled(self.publication().0)
    }

    /// Requests per second that one instance can do: its concurrency ÷ its delay (Little's law). `None` without a delay.
    pub fn capacity_per_instance(&self) -> Option<f64> {
        let delay = self.delay.as_secs_f64();
        (delay > 0.0).then(|| f64::from(self.max_concurrency) / delay)
    }
}

fn is_whole_millis(delay: Duration) -> bool {
    delay.subsec_nanos().is_multiple_of(1_000_000)
}

/// Options that make no sense: which, and what would.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// A count out of range.
    #[error("{flag} {value} is out of range; choose 1 to {highest}")]
    Count {
        /// The flag.
        flag: &'static str,
        /// What it was.
        value: u32,
        /// The most that is allowed.
        highest: u32,
    },
    /// A minimum outside 1 to the maximum.
    #[error("--min-size {min} does not fit --max-size {max}; choose 1 to {max}, or raise --max-size")]
    MinSize {
        /// The minimum.
        min: u32,
        /// The maximum.
        max: u32,
    },
    /// A delay that the test service does not take.
    #[error("--delay {value:?} is not possible; choose whole milliseconds from 0ms to 60s")]
    Delay {
        /// What it was.
        value: Duration,
    },
    /// A wait that nobody would sit through.
    #[error("{flag} {value:?} is too long; choose at most 1h")]
    TooLong {
        /// The flag.
        flag: &'static str,
        /// What it was.
        value: Duration,
    },
    /// A period that no metric has.
    #[error("--metric-period {value:?} is not possible; choose 60s, or 20s for ECS' high-resolution metrics")]
    MetricPeriod {
        /// What it was.
        value: Duration,
    },
    /// App Runner has no high-resolution metrics.
    #[error("--metric-period 20s needs --platform ecs; App Runner publishes one point a minute")]
    NoHighResolution,
    /// A time scale out of range.
    #[error("--time-scale {value} is out of range; choose {} to {}", TIME_SCALES.start(), TIME_SCALES.end())]
    TimeScale {
        /// What it was.
        value: f64,
    },
}

/// The cluster's flags, for every command whose target can be `demo`. What is not given stays as it is in the options
/// that [`ClusterArgs::over`] starts from.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Embedded cluster (target demo)")]
pub struct ClusterArgs {
    /// Start at most this many instances [default: 5]
    #[arg(long, value_parser = parse_max_size, value_name = "COUNT", env = "SCALETOP_MAX_SIZE")]
    pub max_size: Option<u32>,
    /// Keep at least this many instances [default: 1]
    #[arg(long, value_parser = parse_min_size, value_name = "COUNT", env = "SCALETOP_MIN_SIZE")]
    pub min_size: Option<u32>,
    /// Requests that one instance takes at the same time; on ECS, works on at the same time while others wait in it
    /// [default: 10]
    #[arg(long, value_parser = parse_max_concurrency, value_name = "COUNT", env = "SCALETOP_MAX_CONCURRENCY")]
    pub max_concurrency: Option<u32>,
    /// How long an instance takes to answer; a bare number is milliseconds [default: 80ms]
    #[arg(long, value_name = "TIME", value_parser = parse_delay, env = "SCALETOP_DELAY")]
    pub delay: Option<Duration>,
    /// How long a new instance takes until it gets requests [default: 8s]
    #[arg(long, value_name = "TIME", value_parser = parse_wait, env = "SCALETOP_COLD_START")]
    pub cold_start: Option<Duration>,
    /// Remove instances that have not been needed for this long [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_wait, env = "SCALETOP_SCALE_IN_AFTER")]
    pub scale_in_after: Option<Duration>,
    /// Whose way of balancing and scaling to follow [default: app-runner]
    #[arg(long, value_enum, env = "SCALETOP_PLATFORM")]
    pub platform: Option<Platform>,
    /// Publish metrics as coarse and as late as the cloud does: one point a minute instead of every 10 s
    #[arg(long, value_parser = clap::builder::BoolishValueParser::new(), env = "SCALETOP_REALISTIC")]
    pub realistic: bool,
    /// The span of one metric point: 60s, or with --platform ecs 20s (its high-resolution metrics, which scale out sooner)
    /// [default: 60s on ECS; on App Runner 10s, with --realistic 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_period, env = "SCALETOP_METRIC_PERIOD")]
    pub metric_period: Option<Duration>,
    /// Run the platform's own periods (metric points, alarms, cooldowns, health checks) this many times faster [default: 1]
    #[arg(long, value_parser = parse_time_scale, value_name = "FACTOR", env = "SCALETOP_TIME_SCALE")]
    pub time_scale: Option<f64>,
    /// The balancer's port on 127.0.0.1; 0 picks a free one [default: 0]
    #[arg(long, value_name = "PORT", env = "SCALETOP_CLUSTER_PORT")]
    pub cluster_port: Option<u16>,
    /// Make instance ids and victims repeatable
    #[arg(long, value_name = "NUMBER", env = "SCALETOP_SEED")]
    pub seed: Option<u64>,
}

impl ClusterArgs {
    /// These flags over `base`: what was given wins.
    #[must_use]
    pub fn over(&self, base: &ClusterOptions) -> ClusterOptions {
        ClusterOptions {
            max_size: self.max_size.unwrap_or(base.max_size),
            min_size: self.min_size.unwrap_or(base.min_size),
            max_concurrency: self.max_concurrency.unwrap_or(base.max_concurrency),
            delay: self.delay.unwrap_or(base.delay),
            cold_start: self.cold_start.unwrap_or(base.cold_start),
            scale_in_after: self.scale_in_after.unwrap_or(base.scale_in_after),
            platform: self.platform.unwrap_or(base.platform),
            realistic: self.realistic || base.realistic,
            metric_period: self.metric_period.or(base.metric_period),
            time_scale: self.time_scale.unwrap_or(base.time_scale),
            port: self.cluster_port.unwrap_or(base.port),
            seed: self.seed.or(base.seed),
        }
    }
}

/// Reads `80ms`, `8s`, `1.5s`, `2m` or `1m 30s`. A bare number is refused: whether `80` means seconds is anyone's guess.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.parse::<f64>().is_ok_and(|number| number > 0.0) {
        return Err(format!("a time without a unit: write {text}s for seconds, {text}ms for milliseconds"));
    }
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let duration = parsed.ok().and_then(|signed| Duration::try_from(signed).ok());
    duration.ok_or_else(|| "not a length of time; write for example 80ms, 8s or 2m".to_owned())
}

/// The same for what an instance takes to answer. There a bare number is milliseconds, as it is for the service itself
/// (`test-app --delay 80`, `/api/test?delay=80`).
fn parse_delay(text: &str) -> Result<Duration, String> {
    let delay = match text.trim().parse::<u32>() {
        Ok(millis) => Duration::from_millis(millis.into()),
        Err(_) => parse_duration(text)?,
    };
    possible(delay, ClusterOptions { delay, ..ClusterOptions::default() })
}

/// The most instances.
fn parse_max_size(text: &str) -> Result<u32, String> {
    let max_size = parse_count(text)?;
    possible(max_size, ClusterOptions { max_size, ..ClusterOptions::default() })
}

/// The least instances; whether they fit the most is known once both are.
fn parse_min_size(text: &str) -> Result<u32, String> {
    match parse_count(text)? {
        0 => possible(0, ClusterOptions { min_size: 0, ..ClusterOptions::default() }),
        min_size => Ok(min_size),
    }
}

fn parse_max_concurrency(text: &str) -> Result<u32, String> {
    let max_concurrency = parse_count(text)?;
    possible(max_concurrency, ClusterOptions { max_concurrency, ..ClusterOptions::default() })
}

fn parse_count(text: &str) -> Result<u32, String> {
    let number = text.trim().parse();
    number.map_err(|error: std::num::ParseIntError| format!("{error}; write a whole number in digits, such as 10"))
}

/// A cold start, or a wait before scale-in.
fn parse_wait(text: &str) -> Result<Duration, String> {
    let wait = parse_duration(text)?;
    if wait <= LONGEST_WAIT { Ok(wait) } else { Err("too long; choose at most 1h".to_owned()) }
}

/// The span of a metric point; whether the platform has it is another question.
fn parse_period(text: &str) -> Result<Duration, String> {
    let metric_period = parse_duration(text)?;
    let platform = Platform::Ecs;
    possible(
        metric_period,
        ClusterOptions { metric_period: Some(metric_period), platform, ..ClusterOptions::default() },
    )
}

fn parse_time_scale(text: &str) -> Result<f64, String> {
    let number = text.trim().parse();
    let time_scale =
        number.map_err(|error: std::num::ParseFloatError| format!("{error}; write a number, such as 10"))?;
    possible(time_scale, ClusterOptions { time_scale, ..ClusterOptions::default() })
}

/// `value`, where options that hold it and are the usual ones otherwise make sense.
fn possible<T>(value: T, options: ClusterOptions) -> Result<T, String> {
    options.check().map(|()| value).map_err(|error| error.to_string())
}

/// Durations in files and orders as people write them.
pub(crate) mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{duration:?}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text).map_err(|error| de::Error::custom(format_args!("{text:?}: {error}")))
    }

    /// One that may be left out.
    pub(crate) mod option {
        use std::time::Duration;

        use serde::{Deserializer, Serializer};

        #[expect(clippy::ref_option, reason = "serde asks so")]
        pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

#[cfg(test)]
mod tests;
