//! The lives of a service's tasks: created, image pulled, started, healthy, stopped, as ECS times them.
//!
//! Milestones only; the counts are [`super::ecs`]'. A task is told of from the session's start on. Whether it is healthy is
//! looked at until it is ([`super::task_health`]): the load balancer is asked only while a task waits for that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecs::types::{DesiredStatus, Task};
use jiff::Timestamp;

use super::last_told::LastTold;
use super::stopped_task;
use super::target_groups::TargetGroups;
use super::task_health::{Health, Targets, health};
use crate::cloud::clients::{Cloud, timestamp};
use crate::cloud::failure::Api;
use crate::cloud::listing::{Listing, at_most};
use crate::instances::SourceError;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::polling::Condition;
use crate::polling::{PollReport, PolledFeed};
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// Most times come from ECS; only "healthy" is what we see change.
const INTERVAL: Duration = Duration::from_secs(3);
/// `DescribeTasks` takes at most this many.
const MOST_DESCRIBED: usize = 100;
/// Of a service with more tasks than this, so many are watched: ten calls a poll, far below the API's limits.
const MOST_TASKS: usize = 500;
/// Tasks that stopped by themselves: so many lines a poll at most.
const MOST_STOPPED_TOLD: usize = 10;

/// The tasks of a service that are meant to run, or those that have stopped within the hour, through all pages.
async fn task_arns(
    cloud: &Cloud,
    cluster: &str,
    service: &str,
    status: DesiredStatus,
) -> Result<Listing<String>, SourceError> {
    let ask = cloud.ecs.list_tasks().cluster(cluster).service_name(service).desired_status(status);
    let listed = at_most(ask.into_paginator().items().send(), MOST_TASKS).await;
    listed.map_err(|error| cloud.error(Api::ECS_LIST_TASKS, &error))
}

/// Describes these tasks, a hundred a call.
async fn describe(cloud: &Cloud, cluster: &str, arns: &[String]) -> Result<Vec<Task>, SourceError> {
    let mut tasks = Vec::new();
    for some in arns.chunks(MOST_DESCRIBED) {
        let asked = cloud.ecs.describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec())).send().await;
        let answer = asked.map_err(|error| cloud.error(Api::ECS_TASKS, &error))?;
        tasks.extend(answer.tasks.unwrap_or_default());
    }
    Ok(tasks)
}

/// The task of a service that was created last, of those that are meant to run. No order of a listing is promised.
pub(crate) async fn newest_task(cloud: &Cloud, cluster: &str, service: &str) -> Result<Option<Task>, SourceError> {
    let arns = task_arns(cloud, cluster, service, DesiredStatus::Running).await?;
    let tasks = describe(cloud, cluster, &arns.items).await?;
    Ok(tasks.into_iter().max_by_key(|task| task.created_at().and_then(timestamp)))
}

/// A task's id: the end of its ARN.
fn id(task: &Task) -> Option<&str> {
    task.task_arn().and_then(|arn| arn.rsplit('/').next())
}

/// Watches the tasks of one service.
#[derive(Debug)]
pub struct EcsTasksFeed {
    cloud: Cloud,
    cluster: String,
    service: String,
    told: BTreeMap<String, BTreeSet<MilestoneKind>>,
    /// The tasks that had stopped when they were described last, by their ARN: they change no more.
    ended: BTreeSet<String>,
    /// When and why a task last stopped before it had started.
    failed_start: Option<(Timestamp, String)>,
    last_told: LastTold,
    target_groups: TargetGroups,
    /// When health was looked at last: what is healthy now was not so then.
    looked: Option<Elapsed>,
}

impl EcsTasksFeed {
    /// Watches the tasks of `service` on `cluster`.
    pub fn new(cloud: Cloud, cluster: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            cloud,
            cluster: cluster.into(),
            service: service.into(),
            told: BTreeMap::new(),
            ended: BTreeSet::new(),
            failed_start: None,
            last_told: LastTold::default(),
            target_groups: TargetGroups::default(),
            looked: None,
        }
    }

    /// The times that ECS says of a task, each once.
    fn tell(&mut self, report: &mut PollReport, task: &Task) {
        let Some(id) = id(task) else { return };
        let (told, skew) = (self.told.entry(id.to_owned()).or_default(), self.cloud.skew());
        let elapsed = |at: Option<&aws_smithy_types::DateTime>| skew.elapsed(timestamp(at?)?);
        let times = [
            (MilestoneKind::TaskCreated, elapsed(task.created_at())),
            (MilestoneKind::ImagePulled, elapsed(task.pull_stopped_at())),
            (MilestoneKind::TaskStarted, elapsed(task.started_at())),
            (MilestoneKind::TaskStopped, elapsed(task.stopped_at())),
        ];
        for (kind, at) in times {
            let Some(as_of) = at else { continue };
            if told.insert(kind) {
                let detail = match kind {
                    MilestoneKind::TaskStopped => stopped_task::why(task),
                    // On Fargate the tasks of one service may be of several kinds; which one explains a slow start.
                    MilestoneKind::TaskCreated => task.capacity_provider_name().unwrap_or_default().to_owned(),
                    _ => String::new(),
                };
                let (subject, uncertainty, clock_error) = (id.to_owned(), Duration::ZERO, skew.error());
                let milestone = Milestone { kind, subject, detail, as_of, uncertainty, clock_error };
                report.events.push(SessionEvent::Milestone(milestone));
            }
        }
    }

    /// Whether a task is not known to have been healthy.
    fn awaits_health(&self, task: &Task) -> bool {
        let was = |kind| id(task).is_some_and(|id| self.told.get(id).is_some_and(|told| told.contains(&kind)));
        task.stopped_at().is_none() && !was(MilestoneKind::TaskHealthy)
    }

    /// What became of the health of the tasks that were waited for: that one is healthy, or not, or that nothing tells.
    fn tell_health(&mut self, report: &mut PollReport, running: &[Task], targets: &Targets, now: Elapsed) {
        for task in running.iter().filter(|task| self.awaits_health(task)).collect::<Vec<_>>() {
            let Some(id) = id(task) else { continue };
            let (kind, detail) = match health(task, targets) {
                Health::Healthy => (MilestoneKind::TaskHealthy, String::new()),
                Health::Unhealthy(why) => (MilestoneKind::TaskUnhealthy, format!("the task {id} {why}")),
                Health::Unknown(why) if task.started_at().is_some() => (MilestoneKind::HealthUnknown, why),
                Health::Unknown(_) | Health::NotYet | Health::NotAsked => continue,
            };
            let is_news = self.told.entry(id.to_owned()).or_default().insert(kind);
            // Of a task that was healthy when we first looked, nobody knows since when.
            let is_old = kind == MilestoneKind::TaskHealthy && self.looked.is_none();
            if is_news && !is_old {
                report.events.push(SessionEvent::Milestone(Milestone {
                    kind,
                    subject: id.to_owned(),
                    detail,
                    as_of: now,
                    uncertainty: self.looked.map_or(INTERVAL, |looked| now.saturating_since(looked)),
                    clock_error: Duration::ZERO,
                }));
            }
        }
    }

    /// What the tasks say of trouble: those that stopped by themselves, and those that run and are not healthy.
    fn judge(&mut self, report: &mut PollReport, running: &[Task], stopped: &[Task], targets: &Targets, now: Elapsed) {
        let id = |task: &Task| id(task).unwrap_or("?").to_owned();
        let why = |task: &Task| match health(task, targets) {
            Health::Unhealthy(why) if task.started_at().is_some() => Some(why),
            _ => stopped_task::unhealthy(task),
        };
        let sick: Vec<_> = running.iter().filter_map(|task| Some((id(task), why(task)?))).collect();
        let unhealthy = sick.first().map(|(id, why)| {
            let others = if sick.len() > 1 { format!(" ({} tasks do)", sick.len()) } else { String::new() };
            let remedy = "ECS replaces what stays unhealthy: see the container's log and its health check";
            Condition::new("health", format!("the task {id} {why}{others}"), remedy)
        });
        self.last_told.condition(report, "ECS", "health", unhealthy, now);
        let trouble = || stopped.iter().filter(|task| stopped_task::is_trouble(task));
        // Those that never started are told as a condition: each retry would be a line.
        for task in trouble().filter(|task| task.started_at().is_some()).take(MOST_STOPPED_TOLD) {
            let at = task.stopped_at().and_then(timestamp).and_then(|at| self.cloud.skew().elapsed(at));
            if let Some(at) = at {
                let text = format!("ECS at {at}: the task {} stopped: {}", id(task), stopped_task::why(task));
                report.events.push(SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text }));
            }
        }
        let failed = trouble().filter(|task| task.started_at().is_none());
        let failed = failed.filter_map(|task| Some((task.stopped_at().and_then(timestamp)?, stopped_task::why(task))));
        self.failed_start = failed.chain(self.failed_start.take()).max_by_key(|(at, _)| *at);
        // The newest word decides, as with the events of the service: what has started since got over it.
        let started = running.iter().filter_map(|task| timestamp(task.started_at()?)).max();
        let stands = self.failed_start.as_ref().filter(|(at, _)| started.is_none_or(|started| *at > started));
        let failing = stands.map(|(_, why)| {
            let remedy = "no new task comes until that is mended";
            Condition::hindrance("starting", format!("a new task did not start: {why}"), remedy)
        });
        self.last_told.condition(report, "ECS", "starting", failing, now);
    }
}

impl PolledFeed for EcsTasksFeed {
    fn name(&self) -> &'static str {
        "tasks"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let sent = self.cloud.skew().clock().now();
        let asked = async {
            let running = task_arns(&self.cloud, &self.cluster, &self.service, DesiredStatus::Running).await?;
            let mut stopped = task_arns(&self.cloud, &self.cluster, &self.service, DesiredStatus::Stopped).await?;
            stopped.items.retain(|arn| !self.ended.contains(arn));
            let tasks = describe(&self.cloud, &self.cluster, &running.items).await?;
            Ok((running.is_cut, tasks, describe(&self.cloud, &self.cluster, &stopped.items).await?))
        };
        let (is_cut, running, stopped) = match asked.await {
            Ok(found) => found,
            Err(error) => {
                report.problem(error);
                return report;
            }
        };
        let too_many = if is_cut {
            format!("ECS runs more than {MOST_TASKS} tasks of {}: the lives of {MOST_TASKS} are told", self.service)
        } else {
            String::new()
        };
        self.last_told.notice(&mut report, "tasks", NoticeLevel::Warning, too_many);
        let waits = |task: &Task| task.started_at().is_some() && self.awaits_health(task);
        let targets = if running.iter().any(waits) {
            let (groups, told) = (&mut self.target_groups, &mut self.last_told);
            groups.targets(&self.cloud, (&self.cluster, &self.service), &mut report, told, sent).await
        } else {
            Targets::None
        };
        let now = self.cloud.skew().clock().now();
        running.iter().chain(&stopped).for_each(|task| self.tell(&mut report, task));
        self.tell_health(&mut report, &running, &targets, now);
        self.judge(&mut report, &running, &stopped, &targets, now);
        let ended = stopped.iter().filter(|task| task.stopped_at().is_some()).filter_map(Task::task_arn);
        self.ended.extend(ended.map(str::to_owned));
        if targets != Targets::NotAsked {
            self.looked = Some(sent);
        }
        report
    }
}
