//! The embedded cluster as its cloud's control plane sees it: truth in, [`CloudState`] out.

mod lives;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use self::lives::Lives;
use super::WireServer;
use super::state::{AlarmView, CloudPlatform, CloudSnapshot, CloudState, MetricSecond, Publication, ScalingActivity};
use crate::autoscaler::{ConcurrencyScaler, Scaler};
use crate::faults::Fault;
use crate::instance::InstanceProgram;
use crate::options::{ClusterOptions, Platform};
use crate::orders::Orders;
use crate::reader::ClusterReader;
use crate::target_tracking::{
    ActivityOutcome, Alarm, AlarmState, TrackingHandle, TrackingScaler, high_alarm_name, low_alarm_name,
};
use crate::truth::SecondCounts;
use crate::{Cluster, ClusterError, ClusterParts};
use scaletop_units::Elapsed;
use scaletop_units::RunClock;

/// The region that the embedded cluster plays to be in.
pub const REGION: &str = "us-east-1";
/// The name of its service.
pub const SERVICE: &str = "demo";

/// What alarms and scaling causes call its service.
pub(super) fn scaling_resource() -> String {
    format!("service/{}/{SERVICE}", super::state::ECS_CLUSTER)
}

/// How a cluster with these options publishes its metrics: as coarse as its grain, and late. In the cloud a 60 s point
/// comes after minutes; a demo with a grain of 10 s is 12 s late, so that one sees it catch up.
pub(super) fn publication(options: &ClusterOptions) -> Publication {
    let delay = options.scaled(options.publication().1);
    Publication { grain: options.metric_grain().as_secs_f64(), delay: delay.as_secs_f64() }
}

/// The embedded cluster with its cloud: what `demo` and `scaletop cluster` start.
#[derive(Debug)]
pub struct EmbeddedPlatform {
    /// The cluster.
    pub cluster: Cluster,
    /// Its AWS endpoints.
    pub endpoints: WireServer,
}

/// Why the platform cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The cluster cannot.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Its endpoints cannot.
    #[error("cannot start the cluster's AWS endpoints: cannot listen on 127.0.0.1: {0}")]
    Endpoints(#[source] io::Error),
}

impl EmbeddedPlatform {
    /// Starts a cluster that scales as its platform does, and the endpoints that tell of it. `program` is what runs as an
    /// instance (`None`: this program). Times count from the start of `clock`; `endpoint_port` 0 picks a free port.
    pub async fn start(
        options: ClusterOptions,
        program: Option<InstanceProgram>,
        clock: RunClock,
        endpoint_port: u16,
    ) -> Result<Self, EmbeddedError> {
        let program = match program {
            Some(program) => program,
            None => InstanceProgram::this_one()
                .map_err(|source| ClusterError::System { what: "cannot tell where this program is", source })?,
        };
        let (scaler, tracking): (Box<dyn Scaler>, _) = match options.platform {
            Platform::AppRunner => (Box::new(ConcurrencyScaler::new(&options)), None),
            Platform::Ecs => {
                let scaler = TrackingScaler::new(&options, scaling_resource());
                let handle = scaler.handle();
                (Box::new(scaler), Some(handle))
            }
        };
        let publication = publication(&options);
        let anchor = clock.instant_at(Elapsed::ZERO);
        let cluster = Cluster::assemble(ClusterParts { options, anchor, program, scaler }).await?;
        let orders = Some(cluster.orders());
        let started = clock.started_unix_micros();
        let cloud = EmbeddedCloud { orders, ..EmbeddedCloud::new(cluster.reader(), cluster.addr(), started, tracking) };
        let endpoints = WireServer::start(Arc::new(cloud), publication, endpoint_port).await;
        Ok(Self { cluster, endpoints: endpoints.map_err(EmbeddedError::Endpoints)? })
    }

    /// What another terminal needs: environment variables for scaletop, the aws CLI, wrk and k6. The keys are made up; the
    /// endpoints check none, but clients insist on having some.
    pub fn exports(&self) -> Vec<(&'static str, String)> {
        let target = match self.cluster.reader().options().platform {
            Platform::AppRunner => format!("apprunner:{SERVICE}"),
            Platform::Ecs => format!("ecs:{}/{SERVICE}", super::state::ECS_CLUSTER),
        };
        vec![
            ("SCALETOP_URL", self.cluster.url()),
            ("SCALETOP_TARGET", target),
            ("AWS_ENDPOINT_URL", self.endpoints.endpoint_url()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", "scaletop".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "embedded".to_owned()),
        ]
    }
}

/// A running cluster as its cloud sees it.
#[derive(Debug)]
pub(super) struct EmbeddedCloud {
    reader: ClusterReader,
    authority: String,
    /// The wall-clock time of [`Elapsed::ZERO`] on the reader's clock.
    zero: f64,
    tracking: Option<TrackingHandle>,
    orders: Option<Orders>,
}

impl EmbeddedCloud {
    /// The cloud of the cluster that `reader` reads and that answers at `balancer`. `started_unix_micros` is the wall-clock
    /// time of the moment that its times count from; `tracking` tells of target tracking, on ECS.
    pub(super) fn new(
        reader: ClusterReader,
        balancer: SocketAddr,
        started_unix_micros: i64,
        tracking: Option<TrackingHandle>,
    ) -> Self {
        Self { reader, authority: balancer.to_string(), zero: started_unix_micros as f64 / 1e6, tracking, orders: None }
    }

    fn unix(&self, at: Elapsed) -> f64 {
        self.zero + at.as_secs_f64()
    }

    fn activities(&self) -> Vec<ScalingActivity> {
        let Some(tracking) = &self.tracking else { return Vec::new() };
        let log = tracking.log();
        let view = |activity: &crate::target_tracking::Activity| ScalingActivity {
            at: self.unix(activity.at),
            description: activity.description.clone(),
            cause: activity.cause.clone(),
            to: match activity.outcome {
                ActivityOutcome::Scaled { to } => Some(to),
                ActivityOutcome::NotScaled { .. } => None,
            },
            not_scaled: match activity.outcome {
                ActivityOutcome::Scaled { .. } => None,
                ActivityOutcome::NotScaled { reason } => Some(reason.code().to_owned()),
            },
            from: activity.from,
        };
        log.activities.iter().map(view).collect()
    }

    fn alarms(&self) -> Vec<AlarmView> {
        let Some(tracking) = &self.tracking else { return Vec::new() };
        let (log, policy, service) = (tracking.log(), tracking.policy(), scaling_resource());
        let view = |alarm: Alarm, is_high: bool| AlarmView {
            name: if is_high { high_alarm_name(&service) } else { low_alarm_name(&service) },
            state: match alarm.state {
                AlarmState::InsufficientData => "INSUFFICIENT_DATA",
                AlarmState::Ok => "OK",
                AlarmState::Alarm => "ALARM",
            },
            since: self.unix(alarm.since),
            is_high,
            threshold: if is_high { policy.target } else { policy.low_threshold() },
            points: if is_high { policy.points_out } else { policy.points_in },
            period: policy.period.as_secs_f64(),
        };
        vec![view(log.high, true), view(log.low, false)]
    }

    fn metrics(&self, second: &SecondCounts) -> MetricSecond {
        let millis = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
        MetricSecond {
            at: self.unix(Elapsed::from_secs(second.index.into())),
            active: second.serving,
            requests: second.requests,
            status_2xx: second.status_2xx,
            status_4xx: second.status_4xx,
            status_5xx: second.status_5xx,
            latency: (millis(second.latency_sum), second.latency_count, millis(second.latency_max)),
            concurrency: second.in_flight_peak,
            cpu_percent: second.cpu_percent,
            memory_percent: None,
        }
    }
}

impl CloudState for EmbeddedCloud {
    fn snapshot(&self) -> CloudSnapshot {
        let (view, options) = (self.reader.view(), self.reader.options());
        let policy = self.tracking.as_ref().map(|tracking| *tracking.policy());
        let lives = Lives::new(&self.reader, view.at, self.zero);
        let (running, pending) = lives.counts(&view);
        CloudSnapshot {
            now: self.unix(view.at),
            created: self.zero,
            platform: match options.platform {
                Platform::AppRunner => CloudPlatform::AppRunner,
                Platform::Ecs => CloudPlatform::Ecs,
            },
            region: REGION.to_owned(),
            name: SERVICE.to_owned(),
            authority: self.authority.clone(),
            min: options.min_size,
            max: options.max_size,
            concurrency: options.max_concurrency,
            desired: view.desired,
            running,
            pending,
            tasks: lives.tasks(),
            has_container_check: false,
            deployments: lives.deployments(view.desired),
            operations: lives.operations(),
            events: lives.events(),
            activities: self.activities(),
            alarms: self.alarms(),
            cpu_target: policy.map_or(60.0, |policy| policy.target),
            is_high_resolution: options.is_high_resolution(),
            cooldowns: policy
                .map_or((0.0, 0.0), |policy| (policy.cooldown_out.as_secs_f64(), policy.cooldown_in.as_secs_f64())),
            neighbours: Vec::new(),
        }
    }

    fn inject(&self, fault: Fault, lasts: Option<Duration>) -> Result<(), String> {
        let Some(orders) = &self.orders else { return Err(ClusterError::Ended.to_string()) };
        orders.inject(fault, lasts).map_err(|error| error.to_string())
    }

    fn heal(&self) {
        if let Some(orders) = &self.orders {
            orders.heal();
        }
    }

    fn seconds(&self, from: f64, to: f64) -> Vec<MetricSecond> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; before the start: 0"
        )]
        let first = (from - self.zero).max(0.0).floor() as u32;
        let seconds = self.reader.seconds_from(first);
        let metrics = seconds.iter().map(|second| self.metrics(second));
        metrics.filter(|second| second.at >= from && second.at < to).collect()
    }
}
