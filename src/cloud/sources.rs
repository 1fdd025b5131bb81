//! What counts and describes a service in the cloud: a source each for App Runner, CloudWatch, ECR and ECS, and what starts
//! those that belong to a service.

mod app_runner;
mod cloudwatch;
mod ecr;
mod ecs;
mod ecs_conditions;
mod ecs_scaling;
mod ecs_tasks;
mod last_told;
mod metric_points;
mod newer_image;
mod scaling_conditions;
mod scaling_direction;
mod stopped_task;
mod target_groups;
mod task_health;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Cloud, WatchedService};
use crate::polling;
use crate::session::event::SessionEvent;

pub use self::app_runner::AppRunnerFeed;
pub use self::cloudwatch::CloudWatchFeed;
pub(crate) use self::cloudwatch::PollingCost;
pub(crate) use self::ecr::DeployedImage;
pub use self::ecr::{EcrFeed, ImageOwner};
pub use self::ecs::EcsFeed;
pub use self::ecs_scaling::EcsScalingFeed;
pub use self::ecs_tasks::EcsTasksFeed;
pub(crate) use self::newer_image::{NewerImage, time_text};
pub(crate) use self::target_groups::target_groups;
pub use crate::polling::{PollReport, PolledFeed};

/// The grain of the cloud's own metrics.
pub const CLOUD_GRAIN: Duration = Duration::from_mins(1);

/// Starts every source of `service`, each a task of its own; dropping the set stops them. `grain` is [`CLOUD_GRAIN`], or
/// that of the embedded cluster's metrics.
pub fn start(
    service: &WatchedService,
    cloud: &Cloud,
    grain: Duration,
    events: &mpsc::Sender<SessionEvent>,
) -> JoinSet<()> {
    let clock = cloud.skew().clock();
    let mut tasks = JoinSet::new();
    macro_rules! start {
        ($feed:expr) => {
            tasks.spawn(polling::run($feed, clock, events.clone()));
        };
    }
    start!(CloudWatchFeed::new(cloud.clone(), service, grain));
    start!(EcrFeed::new(cloud.clone(), ImageOwner::from(service)));
    match service {
        WatchedService::AppRunner { arn, .. } => {
            start!(AppRunnerFeed::new(cloud.clone(), arn));
        }
        WatchedService::Ecs { cluster, service, .. } => {
            start!(EcsFeed::new(cloud.clone(), cluster, service));
            start!(EcsScalingFeed::new(cloud.clone(), cluster, service));
            start!(EcsTasksFeed::new(cloud.clone(), cluster, service));
        }
    }
    tasks
}
