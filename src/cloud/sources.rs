//! What counts and describes a service in the cloud: a source each for App Runner, CloudWatch, ECR and ECS, and what starts
//! those that belong to a service.

pub mod app_runner;
pub mod cloudwatch;
pub mod ecr;
pub mod ecs;
pub mod ecs_scaling;
pub mod ecs_tasks;
pub mod feed;
pub mod metric_points;
mod said;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::app_runner::AppRunnerFeed;
use self::cloudwatch::CloudWatchFeed;
use self::ecr::{EcrFeed, ImageOwner};
use self::ecs::EcsFeed;
use self::ecs_scaling::EcsScalingFeed;
use self::ecs_tasks::EcsTasksFeed;
use self::feed::run;
use crate::cloud::clients::Cloud;
use crate::cloud::resolve::Service;
use crate::session::event::SessionEvent;

/// The grain of the cloud's own metrics.
pub const CLOUD_GRAIN: Duration = Duration::from_mins(1);

/// Starts every source of `service`, each a task of its own; dropping the set stops them. `grain` is [`CLOUD_GRAIN`], or
/// that of the embedded cluster's metrics.
pub fn start(service: &Service, cloud: &Cloud, grain: Duration, events: &mpsc::Sender<SessionEvent>) -> JoinSet<()> {
    let clock = cloud.skew().clock();
    let mut tasks = JoinSet::new();
    macro_rules! start {
        ($feed:expr) => {
            tasks.spawn(run($feed, clock, events.clone()));
        };
    }
    match service {
        Service::AppRunner { arn, name, id } => {
            start!(AppRunnerFeed::new(cloud.clone(), arn));
            start!(CloudWatchFeed::app_runner(cloud.clone(), name, id, grain));
            start!(EcrFeed::new(cloud.clone(), ImageOwner::AppRunner { arn: arn.clone() }));
        }
        Service::Ecs { cluster, service, .. } => {
            start!(EcsFeed::new(cloud.clone(), cluster, service));
            start!(EcsScalingFeed::new(cloud.clone(), cluster, service));
            start!(EcsTasksFeed::new(cloud.clone(), cluster, service));
            start!(CloudWatchFeed::ecs(cloud.clone(), cluster, service, grain));
            let owner = ImageOwner::Ecs { cluster: cluster.clone(), service: service.clone() };
            start!(EcrFeed::new(cloud.clone(), owner));
        }
    }
    tasks
}
