//! The lives of the cluster's instances as ECS tells them: tasks with their stages, deployments, and the service's events.

use std::time::Duration;

use super::super::app_runner::operation_id;
use super::super::state::{CloudSnapshot, DeploymentView, Operation, PORT, Task, TaskStop};
use super::{REGION, SERVICE};
use crate::options::{ClusterOptions, Platform};
use crate::reader::ClusterReader;
use crate::truth::{ClusterView, Deployment, EndCause, HealthChange, InstanceTruth};
use scaletop_units::Elapsed;

/// What share of its cold start a task is at the end of each stage: it has its network interface, its image is being pulled,
/// its image is there, its container runs. The rest is the first health check of its target group. Ours: AWS documents the
/// stages and no times, and the cluster's instances need only the last one.
const STAGES: [f64; 4] = [0.3, 0.4, 0.8, 0.9];
/// How long a stopped task's containers take to end, and how long its network interface is then given back, in the
/// platform's time. Ours too.
const STOPPING: Duration = Duration::from_secs(2);
const DEPROVISIONING: Duration = Duration::from_secs(10);

/// Instances, deployments and changes of health at one moment.
pub(super) struct Lives {
    instances: Vec<InstanceTruth>,
    deployments: Vec<Deployment>,
    health_changes: Vec<HealthChange>,
    options: ClusterOptions,
    now: Elapsed,
    /// The wall-clock time of [`Elapsed::ZERO`].
    zero: f64,
}

impl Lives {
    pub(super) fn new(reader: &ClusterReader, now: Elapsed, zero: f64) -> Self {
        let (instances, deployments) = (reader.instances(), reader.deployments());
        let (health_changes, options) = (reader.health_changes(), *reader.options());
        Self { instances, deployments, health_changes, options, now, zero }
    }

    fn unix(&self, at: Elapsed) -> f64 {
        self.zero + at.as_secs_f64()
    }

    /// A moment that has come.
    fn past(&self, at: Elapsed) -> Option<f64> {
        (at <= self.now).then(|| self.unix(at))
    }

    /// Running and pending: on App Runner what takes requests and what starts; on ECS by the status of the tasks.
    pub(super) fn counts(&self, view: &ClusterView) -> (u32, u32) {
        match self.options.platform {
            Platform::AppRunner => (view.active + view.draining, view.starting),
            Platform::Ecs => count(&self.tasks()),
        }
    }

    pub(super) fn tasks(&self) -> Vec<Task> {
        self.instances.iter().map(|instance| self.task(instance)).collect()
    }

    fn task(&self, instance: &InstanceTruth) -> Task {
        let [provisioned, pull_began, pull_ended, started] = self.stages(instance);
        let ended = instance.ended.map(|ended| ended.at);
        let execution_stopped = ended.map(|at| at + self.options.scaled(STOPPING));
        let stopped = execution_stopped.map(|at| at + self.options.scaled(DEPROVISIONING));
        // What never ran has no container to end and no target to deregister.
        let was_up = instance.listening.is_some();
        Task {
            id: instance.id.to_string(),
            revision: instance.revision,
            created: self.unix(instance.started),
            provisioned,
            pull_began,
            pull_ended,
            started,
            healthy: instance.active.map(|at| self.unix(at)),
            stopping: instance.draining.or(ended).map(|at| self.unix(at)),
            deregistered: ended.filter(|_| was_up).map(|at| self.unix(at)),
            execution_stopped: execution_stopped.and_then(|at| self.past(at)),
            stopped: stopped.and_then(|at| self.past(at)),
            stop: stop(instance),
        }
    }

    /// When each of the [`STAGES`] of a start was over.
    fn stages(&self, instance: &InstanceTruth) -> [Option<f64>; 4] {
        let took = instance.active.map(|active| active.saturating_since(instance.started));
        // The first instances are warm: their start took less than a cold one.
        let span = took.map_or(self.options.cold_start, |took| took.min(self.options.cold_start));
        let until = instance.ended.map_or(self.now, |ended| ended.at.min(self.now));
        let at = |share: f64| instance.started + span.mul_f64(share);
        let [provisioned, pull_began, pull_ended, started] = STAGES.map(at);
        // Nothing runs before its process does.
        let started = instance.listening.map(|listening| started.max(listening));
        let come = |at: Elapsed| (at <= until).then(|| self.unix(at));
        [come(provisioned), come(pull_began), come(pull_ended), started.and_then(come)]
    }

    /// The deployments that have tasks, and the newest, which comes last.
    pub(super) fn deployments(&self, desired: u32) -> Vec<DeploymentView> {
        let tasks = self.tasks();
        let newest = self.deployments.last().map_or(1, |deployment| deployment.revision);
        let view = |deployment: &Deployment| {
            let own: Vec<Task> = tasks.iter().filter(|task| task.revision == deployment.revision).cloned().collect();
            let (running, pending) = count(&own);
            let is_newest = deployment.revision == newest;
            let is_alive = own.iter().any(|task| task.stopped.is_none());
            (is_newest || is_alive).then(|| DeploymentView {
                revision: deployment.revision,
                tag: deployment.tag.clone(),
                created: self.unix(deployment.began),
                completed: deployment.completed.map(|at| self.unix(at)),
                counts: (if is_newest { desired } else { running }, running, pending),
            })
        };
        self.deployments.iter().filter_map(view).collect()
    }

    /// The deployments as App Runner's operations, newest first.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let after_the_first = self.deployments.iter().filter(|deployment| deployment.revision > 1).rev();
        let newest = self.deployments.last().map_or(1, |deployment| deployment.revision);
        let operation = |deployment: &Deployment| {
            // One that a newer came before the end of is over with its beginning.
            let is_overtaken = deployment.revision != newest && deployment.completed.is_none();
            let ended = deployment.completed.or(is_overtaken.then_some(deployment.began));
            Operation {
                id: operation_id(&format!("deployment-{}", deployment.revision)),
                kind: "UPDATE_SERVICE".to_owned(),
                status: if ended.is_some() { "SUCCEEDED" } else { "IN_PROGRESS" }.to_owned(),
                started: self.unix(deployment.began),
                ended: ended.map(|at| self.unix(at)),
            }
        };
        after_the_first.map(operation).collect()
    }

    /// What the service writes of itself, oldest first.
    /// Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-event-messages-list.html> and
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-unhealthy-event-messages.html>
    pub(super) fn events(&self) -> Vec<(f64, String)> {
        let group = target_group();
        let mut events: Vec<(Elapsed, String)> = Vec::new();
        for instance in &self.instances {
            let id = &instance.id;
            events.push((instance.started, format!("has started 1 tasks: (task {id}).")));
            if let Some(active) = instance.active {
                events.push((active, format!("registered 1 targets in (target-group {group})")));
            }
            if let Some(draining) = instance.draining {
                events.push((draining, format!("deregistered 1 targets in (target-group {group})")));
            }
            let stopped = instance.ended.filter(|_| instance.draining.is_some());
            events.extend(stopped.map(|ended| (ended.at, format!("has stopped 1 running tasks: (task {id})."))));
        }
        events.extend(self.health_changes.iter().filter_map(|change| {
            let (id, reason) = (&change.instance, change.failure.as_ref()?);
            let text =
                format!("(task {id}) (port {PORT}) is unhealthy in (target-group {group}) due to (reason {reason})");
            Some((change.at, text))
        }));
        events.extend(self.deployments.iter().filter(|deployment| deployment.revision > 1).filter_map(|deployment| {
            let id = CloudSnapshot::deployment_id(deployment.revision);
            Some((deployment.completed?, format!("(deployment {id}) deployment completed.")))
        }));
        events.sort_by_key(|(at, _)| *at);
        events.into_iter().map(|(at, text)| (self.unix(at), format!("(service {SERVICE}) {text}"))).collect()
    }
}

/// Why an instance stops: `stopCode`, `stoppedReason`.
/// Sources: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html> and
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
fn stop(instance: &InstanceTruth) -> Option<TaskStop> {
    let deployment = CloudSnapshot::deployment_id(instance.revision);
    let scheduled = |reason: String| TaskStop { code: "ServiceSchedulerInitiated", reason, exit_code: Some(0) };
    let by_deployment = || scheduled(format!("Scaling activity initiated by (deployment {deployment})"));
    let exited = |exit_code| TaskStop {
        code: "EssentialContainerExited",
        reason: "Essential container in task exited".to_owned(),
        exit_code,
    };
    let cause = match (instance.ended, instance.draining) {
        (Some(ended), _) => ended.cause,
        // Why it drains shows with its end.
        (None, Some(_)) => return Some(by_deployment()),
        (None, None) => return None,
    };
    Some(match cause {
        EndCause::ScaledIn | EndCause::Replaced => by_deployment(),
        EndCause::Unhealthy => scheduled(format!("Task failed ELB health checks in (target-group {})", target_group())),
        // The signal that ended it, plus 128.
        EndCause::Killed => exited(Some(137)),
        EndCause::Died => exited(None),
        EndCause::FailedToStart => TaskStop {
            code: "TaskFailedToStart",
            reason: "CannotStartContainerError: the instance did not come up".to_owned(),
            exit_code: None,
        },
        EndCause::Shutdown => {
            TaskStop { code: "UserInitiated", reason: "Task stopped by user".to_owned(), exit_code: Some(137) }
        }
    })
}

fn target_group() -> String {
    CloudSnapshot::target_group_arn(REGION, SERVICE)
}

/// How many tasks run, and how many are on their way.
fn count(tasks: &[Task]) -> (u32, u32) {
    let of = |statuses: &[&str]| {
        let tasks = tasks.iter().filter(|task| statuses.contains(&task.last_status()));
        u32::try_from(tasks.count()).unwrap_or(u32::MAX)
    };
    (of(&["RUNNING"]), of(&["PROVISIONING", "PENDING", "ACTIVATING"]))
}

#[cfg(test)]
mod tests;
