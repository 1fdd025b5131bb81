//! The lives of a service's tasks: created, image pulled, started, healthy, stopped, as ECS times them.
//!
//! Milestones only; the counts are [`super::ecs`]'. A task is told of from the session's start on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecs::types::Task;

use super::feed::{CloudFeed, PollReport};
use super::last_told::LastTold;
use crate::cloud::clients::{Cloud, unix_secs};
use crate::cloud::failure::Api;
use crate::cloud::listing::{Listing, at_most};
use crate::instances::SourceError;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::session::event::{NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// Most times come from ECS; only "healthy" is what we see change.
const INTERVAL: Duration = Duration::from_secs(3);
/// `DescribeTasks` takes at most this many.
const MOST_DESCRIBED: usize = 100;
/// Of a service with more tasks than this, so many are watched: ten calls a poll, far below the API's limits.
const MOST_TASKS: usize = 500;

/// The tasks of a service that are meant to run, through all pages.
pub(crate) async fn task_arns(cloud: &Cloud, cluster: &str, service: &str) -> Result<Listing<String>, SourceError> {
    let ask = cloud.ecs.list_tasks().cluster(cluster).service_name(service);
    let listed = at_most(ask.into_paginator().items().send(), MOST_TASKS).await;
    listed.map_err(|error| cloud.error(Api::ECS_LIST_TASKS, &error))
}

/// Watches the tasks of one service.
#[derive(Debug)]
pub struct EcsTasksFeed {
    cloud: Cloud,
    cluster: String,
    service: String,
    told: BTreeMap<String, BTreeSet<MilestoneKind>>,
    last_told: LastTold,
    polled: Option<Elapsed>,
}

impl EcsTasksFeed {
    /// Watches the tasks of `service` on `cluster`.
    pub fn new(cloud: Cloud, cluster: impl Into<String>, service: impl Into<String>) -> Self {
        let (told, last_told) = (BTreeMap::new(), LastTold::default());
        Self { cloud, cluster: cluster.into(), service: service.into(), told, last_told, polled: None }
    }

    fn tell(&mut self, report: &mut PollReport, task: &Task, now: Elapsed) {
        let Some(id) = task.task_arn().and_then(|arn| arn.rsplit('/').next()) else { return };
        let told = self.told.entry(id.to_owned()).or_default();
        let elapsed =
            |at: Option<&aws_smithy_types::DateTime>| at.and_then(|at| self.cloud.skew().elapsed(unix_secs(at)));
        let since_last = self.polled.map_or(INTERVAL, |polled| now.saturating_since(polled));
        let is_healthy = task.health_status().is_some_and(|health| health.as_str() == "HEALTHY");
        // Of a task that was healthy when we first looked, nobody knows since when.
        let healthy = (is_healthy && self.polled.is_some()).then_some(now);
        if is_healthy && self.polled.is_none() {
            told.insert(MilestoneKind::TaskHealthy);
        }
        let times = [
            (MilestoneKind::TaskCreated, elapsed(task.created_at()), Duration::ZERO),
            (MilestoneKind::ImagePulled, elapsed(task.pull_stopped_at()), Duration::ZERO),
            (MilestoneKind::TaskStarted, elapsed(task.started_at()), Duration::ZERO),
            (MilestoneKind::TaskHealthy, healthy, since_last),
            (MilestoneKind::TaskStopped, elapsed(task.stopped_at()), Duration::ZERO),
        ];
        for (kind, at, uncertainty) in times {
            let Some(as_of) = at else { continue };
            if told.insert(kind) {
                let detail = match kind {
                    MilestoneKind::TaskStopped => task.stopped_reason().unwrap_or_default().to_owned(),
                    _ => String::new(),
                };
                let milestone = Milestone { kind, subject: id.to_owned(), detail, as_of, uncertainty };
                report.events.push(SessionEvent::Milestone(milestone));
            }
        }
    }
}

impl CloudFeed for EcsTasksFeed {
    fn name(&self) -> &'static str {
        "tasks"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let tasks = match task_arns(&self.cloud, &self.cluster, &self.service).await {
            Ok(tasks) => tasks,
            Err(error) => {
                report.problem(error);
                return report;
            }
        };
        let too_many = if tasks.is_cut {
            format!("ECS runs more than {MOST_TASKS} tasks of {}: the lives of {MOST_TASKS} are told", self.service)
        } else {
            String::new()
        };
        self.last_told.notice(&mut report, "tasks", NoticeLevel::Warning, too_many);
        for arns in tasks.items.chunks(MOST_DESCRIBED) {
            let asked =
                self.cloud.ecs.describe_tasks().cluster(&self.cluster).set_tasks(Some(arns.to_vec())).send().await;
            let now = self.cloud.skew().clock().now();
            match asked {
                Ok(answer) => answer.tasks().iter().for_each(|task| self.tell(&mut report, task, now)),
                Err(error) => {
                    report.problem(self.cloud.error(Api::ECS_TASKS, &error));
                    return report;
                }
            }
        }
        self.polled = Some(self.cloud.skew().clock().now());
        report
    }
}
