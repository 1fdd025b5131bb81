//! What the AWS endpoints are told by the cluster: plain values and the trait that hands them out.
//!
//! Times are Unix seconds, as the APIs write them. The endpoints read; they change nothing but the [`Overrides`] that a
//! user or a test asks for (paused, an operation in progress, a newly pushed image, a task run by hand), and pass orders on to the cluster.

use std::time::Duration;

use crate::faults::Fault;

/// A service of the embedded cluster as the platform's control plane would know it.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudSnapshot {
    /// Now.
    pub now: f64,
    /// When the cluster started.
    pub created: f64,
    /// Which platform it plays.
    pub platform: CloudPlatform,
    /// The region it is in.
    pub region: String,
    /// The service's name, also the repository's; empty: there is none.
    pub name: String,
    /// Where requests go: `127.0.0.1:8123`, without a scheme, as App Runner says it.
    pub authority: String,
    /// The least instances that are kept.
    pub min: u32,
    /// The most instances that are started.
    pub max: u32,
    /// Requests that an instance takes at the same time.
    pub concurrency: u32,
    /// Instances that scaling asks for.
    pub desired: u32,
    /// Instances that run: on ECS the tasks whose status is `RUNNING`.
    pub running: u32,
    /// Instances on their way.
    pub pending: u32,
    /// Living instances and the recently gone ones, oldest first.
    pub tasks: Vec<Task>,
    /// Whether the task definition has a container health check, which is what `healthStatus` tells of. An Express service has
    /// none.
    pub has_container_check: bool,
    /// The deployments that have instances, and the newest, which comes last.
    pub deployments: Vec<DeploymentView>,
    /// Operations on the App Runner service, newest first, but for its creation.
    pub operations: Vec<Operation>,
    /// What the ECS service writes of itself (time and text), oldest first, but for what scaling decided.
    pub events: Vec<(f64, String)>,
    /// What scaling decided, oldest first.
    pub activities: Vec<ScalingActivity>,
    /// The policy's alarms; none on App Runner.
    pub alarms: Vec<AlarmView>,
    /// The CPU target of the scaling policy, percent.
    pub cpu_target: f64,
    /// Whether the scaling policy tracks the 20-second metric.
    pub is_high_resolution: bool,
    /// Cooldowns of the scaling policy (out, in), seconds.
    pub cooldowns: (f64, f64),
    /// Other services of the account, by name: they exist and do nothing.
    pub neighbours: Vec<String>,
}

/// Which platform the cluster plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudPlatform {
    /// App Runner.
    AppRunner,
    /// ECS, an Express service.
    Ecs,
}

/// One instance. What has not happened yet is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: String,
    /// Which deployment it belongs to.
    pub revision: u32,
    /// When its start was ordered.
    pub created: f64,
    /// When it had its network interface.
    pub provisioned: Option<f64>,
    /// When the pull of its image began.
    pub pull_began: Option<f64>,
    /// When the pull of its image ended.
    pub pull_ended: Option<f64>,
    /// When its container ran.
    pub started: Option<f64>,
    /// When it began to take requests. ECS tells only where a container health check is set.
    pub healthy: Option<f64>,
    /// When it was told to stop, or stopped by itself.
    pub stopping: Option<f64>,
    /// When it was deregistered from the target group and its containers were told to end.
    pub deregistered: Option<f64>,
    /// When its containers had ended.
    pub execution_stopped: Option<f64>,
    /// When it was gone.
    pub stopped: Option<f64>,
    /// Why it stops or has stopped.
    pub stop: Option<TaskStop>,
}

impl Task {
    /// Where it is in its life. Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
    pub fn last_status(&self) -> &'static str {
        match self {
            Self { stopped: Some(_), .. } => "STOPPED",
            Self { execution_stopped: Some(_), .. } => "DEPROVISIONING",
            Self { deregistered: Some(_), .. } => "STOPPING",
            Self { stopping: Some(_), .. } => "DEACTIVATING",
            Self { started: Some(_), .. } => "RUNNING",
            Self { pull_began: Some(_), .. } => "ACTIVATING",
            Self { provisioned: Some(_), .. } => "PENDING",
            _ => "PROVISIONING",
        }
    }

    /// Whether it is meant to run.
    pub fn is_meant_to_run(&self) -> bool {
        self.stopping.is_none() && self.stopped.is_none()
    }
}

/// Why a task stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskStop {
    /// `stopCode`.
    pub code: &'static str,
    /// `stoppedReason`.
    pub reason: String,
    /// The exit code of its container.
    pub exit_code: Option<i32>,
}

/// One deployment of the service.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentView {
    /// Its number, from 1: the revision of the task definition.
    pub revision: u32,
    /// The tag of its image.
    pub tag: String,
    /// When it began.
    pub created: f64,
    /// When all tasks were its own.
    pub completed: Option<f64>,
    /// Its tasks that are wanted, that run, and that are on their way.
    pub counts: (u32, u32, u32),
}

/// Something scaling decided.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingActivity {
    /// When.
    pub at: f64,
    /// `Setting desired count to 4.`
    pub description: String,
    /// The alarm that asked.
    pub cause: String,
    /// The new count; `None` when nothing was changed.
    pub to: Option<u32>,
    /// Why nothing was changed: the API's code.
    pub not_scaled: Option<String>,
    /// How many were wanted before.
    pub from: u32,
}

/// One alarm of the scaling policy.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmView {
    /// Its name.
    pub name: String,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: &'static str,
    /// Since when.
    pub since: f64,
    /// Whether it asks for more (above the threshold) or fewer.
    pub is_high: bool,
    /// The threshold, percent.
    pub threshold: f64,
    /// Points in a row that it needs.
    pub points: u32,
    /// The span of a point, seconds.
    pub period: f64,
}

/// One second as the platform's metrics count it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricSecond {
    /// Its start.
    pub at: f64,
    /// Instances with at least one request in flight.
    pub active: u32,
    /// Requests that arrived.
    pub requests: u64,
    /// 2xx answers.
    pub status_2xx: u64,
    /// 4xx answers, the platform's 429 included.
    pub status_4xx: u64,
    /// 5xx answers.
    pub status_5xx: u64,
    /// Latencies in milliseconds: sum, number, largest.
    pub latency: (f64, u64, f64),
    /// The most requests in flight at once.
    pub concurrency: u32,
    /// Mean CPU use over the instances; `None` without one.
    pub cpu_percent: Option<f64>,
    /// Mean memory use over the instances; `None` when nobody measured.
    pub memory_percent: Option<f64>,
}

/// Hands out the cluster's state.
pub trait CloudState: Send + Sync + 'static {
    /// Everything but the metrics.
    fn snapshot(&self) -> CloudSnapshot;

    /// The closed seconds that begin at or after `from` and before `to` (Unix seconds), oldest first.
    fn seconds(&self, from: f64, to: f64) -> Vec<MetricSecond>;

    /// Makes something go wrong in the cluster, for a while or until [`CloudState::heal`]. An error says why not.
    fn inject(&self, fault: Fault, lasts: Option<Duration>) -> Result<(), String> {
        let _ = (fault, lasts);
        Err("there is no cluster behind these endpoints".to_owned())
    }

    /// Ends every lasting fault of the cluster.
    fn heal(&self) {}
}

/// How late, and how coarse, metrics are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Publication {
    /// The span of one point, seconds.
    pub grain: f64,
    /// How long after it was measured a second shows up in a point. A point whose period is not wholly older than this
    /// is there, and grows until it is.
    pub delay: f64,
}

impl Publication {
    /// As App Runner in the cloud: 60 s points, two minutes late.
    pub const REALISTIC: Self = Self { grain: 60.0, delay: 120.0 };

    /// For a demo that one has the patience to watch: 10 s points, 12 s late.
    pub const DEMO: Self = Self { grain: 10.0, delay: 12.0 };
}

/// What a user or a test has asked the control plane to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The service's status, instead of `RUNNING`.
    pub status: Option<String>,
    /// Operations on the service, newest first, in front of its creation.
    pub operations: Vec<Operation>,
    /// Images pushed since, oldest first: tag and time.
    pub pushed: Vec<(String, f64)>,
    /// Task definitions that were registered, oldest first.
    pub definitions: Vec<TaskDefinition>,
    /// Tasks that were run by hand, oldest first.
    pub placed: Vec<PlacedTask>,
    /// The most tasks that there is room for, of those that are run by hand.
    pub room: Option<usize>,
}

/// A task definition that somebody registered.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDefinition {
    /// Its ARN, with the revision.
    pub arn: String,
    /// Its family.
    pub family: String,
    /// Its number within the family, from 1.
    pub revision: usize,
    /// What it was registered with.
    pub document: serde_json::Value,
    /// Whether tasks can be run of it by its family's name.
    pub is_active: bool,
}

/// A task that somebody ran by hand. No process stands behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedTask {
    /// Its id.
    pub id: String,
    /// The ARN of what it was made of.
    pub definition: String,
    /// The name of its first container.
    pub container: String,
    /// Its group.
    pub group: String,
    /// Who says to have started it.
    pub started_by: String,
    /// The client's token: the same one starts nothing again.
    pub token: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// What differs from the definition, as it was asked for.
    pub overrides: serde_json::Value,
    /// Its network, as it was asked for.
    pub network: serde_json::Value,
    /// When it was run.
    pub created: f64,
    /// When it was stopped, and why.
    pub stopped: Option<(f64, String)>,
}

/// One operation on a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its id, a dashed UUID.
    pub id: String,
    /// `UPDATE_SERVICE`, …
    pub kind: String,
    /// `IN_PROGRESS`, `SUCCEEDED`, …
    pub status: String,
    /// When it began.
    pub started: f64,
    /// When it ended.
    pub ended: Option<f64>,
}

/// The made-up account that everything belongs to.
pub(super) const ACCOUNT: &str = "123456789012";
/// The ECS cluster of an Express service.
pub const ECS_CLUSTER: &str = "default";
/// The port that the container listens on.
pub(super) const PORT: u32 = 8080;

impl CloudSnapshot {
    /// The id of the App Runner service called `name`: 32 hexadecimal digits, as real ones have.
    pub fn service_id(name: &str) -> String {
        // FNV-1a over the name, twice: stable, and recognisably no real id.
        let hash =
            |seed: u64| name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        format!("{:016x}{:016x}", hash(0xcbf2_9ce4_8422_2325), hash(0x9ae1_6a3b_2f90_404f))
    }

    /// The ARN of the App Runner service called `name`.
    pub fn app_runner_arn(&self, name: &str) -> String {
        format!("arn:aws:apprunner:{}:{ACCOUNT}:service/{name}/{}", self.region, Self::service_id(name))
    }

    /// The ARN of the scaling configuration.
    pub fn scaling_configuration_arn(&self) -> String {
        format!(
            "arn:aws:apprunner:{}:{ACCOUNT}:autoscalingconfiguration/{}/1/{}",
            self.region,
            self.name,
            Self::service_id(&format!("scaling-{}", self.name))
        )
    }

    /// The ARN of the ECS service called `name`.
    pub fn ecs_arn(&self, name: &str) -> String {
        format!("arn:aws:ecs:{}:{ACCOUNT}:service/{ECS_CLUSTER}/{name}", self.region)
    }

    /// The ARN of the ECS cluster.
    pub fn cluster_arn(&self) -> String {
        format!("arn:aws:ecs:{}:{ACCOUNT}:cluster/{ECS_CLUSTER}", self.region)
    }

    /// The ARN of a task.
    pub fn task_arn(&self, id: &str) -> String {
        format!("arn:aws:ecs:{}:{ACCOUNT}:task/{ECS_CLUSTER}/{id}", self.region)
    }

    /// What Application Auto Scaling calls the service.
    pub fn scaling_resource(&self) -> String {
        format!("service/{ECS_CLUSTER}/{}", self.name)
    }

    /// The repository's URI.
    pub fn repository_uri(&self) -> String {
        format!("{ACCOUNT}.dkr.ecr.{}.amazonaws.com/{}", self.region, self.name)
    }

    /// The tag that a deployment has deployed.
    pub fn tag_of(&self, revision: u32) -> &str {
        let deployment = self.deployments.iter().find(|deployment| deployment.revision == revision);
        deployment.or(self.deployments.last()).map_or("", |deployment| deployment.tag.as_str())
    }

    /// The number of the newest deployment.
    pub fn revision(&self) -> u32 {
        self.deployments.last().map_or(1, |deployment| deployment.revision)
    }

    /// The image that a deployment has deployed.
    pub fn image_of(&self, revision: u32) -> String {
        format!("{}:{}", self.repository_uri(), self.tag_of(revision))
    }

    /// The image that was deployed last.
    pub fn image(&self) -> String {
        self.image_of(self.revision())
    }

    /// The id of a deployment.
    pub fn deployment_id(revision: u32) -> String {
        format!("ecs-svc/{:019}", 123_456_789_012_345_677_u64 + u64::from(revision))
    }

    /// The ARN of the target group that the tasks of the service called `name` are in.
    pub fn target_group_arn(region: &str, name: &str) -> String {
        let id = Self::service_id(&format!("target-group-{name}"));
        format!("arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:targetgroup/{name}/{}", &id[..16])
    }

    /// The names of the services on the platform that is played.
    pub fn service_names(&self) -> Vec<&str> {
        let all = std::iter::once(self.name.as_str()).chain(self.neighbours.iter().map(String::as_str));
        all.filter(|name| !name.is_empty()).collect()
    }
}

/// The digest of the image with this tag: made up, stable, of the right form.
pub(super) fn digest_of(tag: &str) -> String {
    let half = CloudSnapshot::service_id(tag);
    format!("sha256:{half}{}", CloudSnapshot::service_id(&format!("digest-{tag}")))
}
