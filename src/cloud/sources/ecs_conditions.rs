//! What `DescribeServices` says of a service that changes or hinders a measurement: deployments of every controller, a
//! service that cannot scale, tasks that find no place. Pure.

use aws_sdk_ecs::types::{
    Deployment, DeploymentRolloutState, SchedulingStrategy, Service, ServiceCurrentRevisionSummary, ServiceEvent,
    TaskSet,
};

use crate::polling::Condition;

const DO_NOT_TEST: &str = "do not load-test through it: its tasks count too, and an Express service rolls back when more \
                           than 1 % of the answers are errors";

/// What stands of the deployments of `service`, whoever controls them: ECS, `CodeDeploy` or another.
pub(super) fn deployment(service: &Service) -> Option<Condition> {
    let deployments = service.deployments();
    let is = |state: DeploymentRolloutState| move |deployment: &&Deployment| deployment.rollout_state() == Some(&state);
    let rolls = deployments.iter().find(is(DeploymentRolloutState::InProgress));
    let has_two = live(deployments, |one| [one.desired_count(), one.running_count(), one.pending_count()]) > 1
        || live(service.task_sets(), |one| [one.computed_desired_count(), one.running_count(), one.pending_count()])
            > 1
        || live(service.current_service_revisions(), revision_counts) > 1;
    if rolls.is_some() || has_two {
        let text = ["a deployment is in progress".to_owned() + &controlled_by(service)]
            .into_iter()
            .chain(rolls.and_then(Deployment::rollout_state_reason).map(str::to_owned))
            .chain(failed_tasks(deployments))
            .chain(task_sets(service.task_sets()))
            .chain(breaker(service));
        return Some(Condition::new("deployment", text.collect::<Vec<_>>().join("; "), DO_NOT_TEST));
    }
    let failed = deployments.iter().find(is(DeploymentRolloutState::Failed))?;
    let text = ["the last deployment failed".to_owned() + &controlled_by(service)]
        .into_iter()
        .chain(failed.rollout_state_reason().map(str::to_owned))
        .chain(failed_tasks(deployments));
    let remedy = "what runs is what was there before; see why its tasks stopped, and deploy again";
    Some(Condition::new("deployment", text.collect::<Vec<_>>().join("; "), remedy))
}

/// The fact `deployment`: `COMPLETED`, `IN_PROGRESS (1 of 3 tasks run, 2 failed)`.
pub(super) fn deployment_fact(service: &Service) -> Option<String> {
    let deployments = service.deployments();
    let primary = deployments.iter().find(|deployment| deployment.status() == Some("PRIMARY"));
    let Some(primary) = primary else {
        let sets: Vec<String> = task_sets(service.task_sets()).collect();
        return (!sets.is_empty()).then(|| sets.join(", "));
    };
    let state = primary.rollout_state().map_or("PRIMARY", DeploymentRolloutState::as_str);
    if state == DeploymentRolloutState::Completed.as_str() {
        return Some(state.to_owned());
    }
    let failed = failed_tasks(std::slice::from_ref(primary)).map(|failed| format!(", {failed}")).unwrap_or_default();
    Some(format!("{state} ({} of {} tasks run{failed})", primary.running_count(), primary.desired_count()))
}

/// How many have tasks, or want some.
fn live<T>(all: &[T], counts: impl Fn(&T) -> [i32; 3]) -> usize {
    all.iter().filter(|one| counts(one).iter().any(|count| *count > 0)).count()
}

fn revision_counts(revision: &ServiceCurrentRevisionSummary) -> [i32; 3] {
    [revision.requested_task_count(), revision.running_task_count(), revision.pending_task_count()]
}

/// Nothing for ECS' own controller, which is the usual one.
fn controlled_by(service: &Service) -> String {
    match service.deployment_controller().map(|controller| controller.r#type().as_str()) {
        None | Some("ECS") => String::new(),
        Some("CODE_DEPLOY") => " (by CodeDeploy)".to_owned(),
        Some("EXTERNAL") => " (by a controller outside AWS)".to_owned(),
        Some(other) => format!(" (by {other})"),
    }
}

fn failed_tasks(deployments: &[Deployment]) -> Option<String> {
    let failed: i32 = deployments.iter().map(Deployment::failed_tasks).sum();
    (failed > 0).then(|| format!("{failed} of its tasks failed to start"))
}

/// `ACTIVE task set, 50 %`: those of `CodeDeploy` and of controllers outside AWS, where there is more than one.
fn task_sets(sets: &[TaskSet]) -> impl Iterator<Item = String> {
    let words = |set: &TaskSet| {
        let share = set.scale().map(|scale| format!(", {:.0} %", scale.value())).unwrap_or_default();
        let state = set.stability_status().map(|state| format!(", {}", state.as_str())).unwrap_or_default();
        format!("task set {}{share}{state}", set.status().unwrap_or("UNKNOWN"))
    };
    sets.iter().map(words).filter(|_| sets.len() > 1)
}

fn breaker(service: &Service) -> Option<String> {
    let breaker = service.deployment_configuration()?.deployment_circuit_breaker()?;
    let then = if breaker.rollback() { "rolls back" } else { "stops it" };
    breaker.enable().then(|| format!("its circuit breaker {then} when too many tasks fail"))
}

/// What of the service itself keeps its count as it is.
pub(super) fn fixed_count(service: &Service) -> Option<Condition> {
    if service.scheduling_strategy() == Some(&SchedulingStrategy::Daemon) {
        let text =
            "the service runs one task on each container instance (DAEMON): its count follows the cluster's size";
        return Some(Condition::hindrance("count", text, "measure what scales the cluster, or a REPLICA service"));
    }
    (service.desired_count() == 0).then(|| {
        let remedy = "ask for tasks first: aws ecs update-service --desired-count 1";
        Condition::hindrance("count", "the service is asked for no task at all (desired count 0)", remedy)
    })
}

/// What the events say last of finding room and starting tasks, when it is trouble.
pub(super) fn placement(service: &Service) -> Option<Condition> {
    let decisive = service.events().iter().filter(|event| is_start_failure(said(event)) || is_relief(said(event)));
    let newest = decisive.max_by_key(|event| event.created_at().map(|at| (at.secs(), at.subsec_nanos())))?;
    let remedy = "new tasks do not start until that is mended";
    is_start_failure(said(newest)).then(|| Condition::hindrance("new tasks", said(newest), remedy))
}

fn said(event: &ServiceEvent) -> &str {
    event.message().unwrap_or_default()
}

/// Whether an event tells of trouble. ECS' events are sentences for people: there is nothing else to go by.
pub(super) fn is_trouble(event: &str) -> bool {
    is_start_failure(event)
        || ["unhealthy", "failed", "rolling back", "rolled back"].iter().any(|word| event.contains(word))
}

/// No room, no address, no image, no permission, throttled: no new task starts.
fn is_start_failure(event: &str) -> bool {
    ["unable to", "failed to launch", "failed to start", "throttled", "cannot be placed"]
        .iter()
        .any(|words| event.contains(words))
}

fn is_relief(event: &str) -> bool {
    event.contains("steady state") || (event.contains("has started") && event.contains("task"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{
        DeploymentCircuitBreaker, DeploymentConfiguration, DeploymentController, DeploymentControllerType, Scale,
        ScaleUnit,
    };
    use aws_smithy_types::DateTime;

    use super::*;

    fn rolling(state: DeploymentRolloutState, reason: &str) -> Deployment {
        Deployment::builder()
            .status("PRIMARY")
            .desired_count(3)
            .rollout_state(state)
            .rollout_state_reason(reason)
            .build()
    }

    fn text(service: &Service) -> String {
        deployment(service).expect("something stands").text
    }

    #[test]
    fn a_rolling_deployment_is_told_with_its_reason_its_failures_and_what_its_breaker_does() {
        let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(true).build();
        let service = Service::builder()
            .desired_count(3)
            .deployments(rolling(DeploymentRolloutState::InProgress, "ECS deployment ecs-svc/1 in progress."))
            .deployments(Deployment::builder().status("ACTIVE").running_count(3).failed_tasks(2).build())
            .deployment_configuration(DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build())
            .build();
        assert_eq!(
            text(&service),
            "a deployment is in progress; ECS deployment ecs-svc/1 in progress.; 2 of its tasks failed to start; its circuit \
             breaker rolls back when too many tasks fail"
        );
        assert_eq!(deployment_fact(&service).as_deref(), Some("IN_PROGRESS (0 of 3 tasks run)"));
        let done = Service::builder().deployments(rolling(DeploymentRolloutState::Completed, "completed.")).build();
        assert_eq!((deployment(&done), deployment_fact(&done).as_deref()), (None, Some("COMPLETED")));
    }

    #[test]
    fn a_deployment_that_failed_stays_told_until_another_one() {
        let reason = "tasks failed to start.";
        let service = Service::builder().deployments(rolling(DeploymentRolloutState::Failed, reason)).build();
        assert_eq!(text(&service), "the last deployment failed; tasks failed to start.");
    }

    #[test]
    fn deployments_of_other_controllers_and_of_revisions_are_seen_without_a_rollout_state() {
        let set = |status: &str, share| {
            let scale = Scale::builder().value(share).unit(ScaleUnit::Percent).build();
            TaskSet::builder().status(status).computed_desired_count(1).running_count(1).scale(scale).build()
        };
        for (kind, words) in [
            (DeploymentControllerType::CodeDeploy, "(by CodeDeploy)"),
            (DeploymentControllerType::External, "(by a controller outside AWS)"),
        ] {
            let controller = DeploymentController::builder().r#type(kind).build().expect("a controller");
            let service = Service::builder().deployment_controller(controller).task_sets(set("PRIMARY", 100.0));
            let alone = service.clone().build();
            assert_eq!(deployment(&alone), None, "one set is no deployment");
            let text = text(&service.task_sets(set("ACTIVE", 50.0)).build());
            assert!(text.contains(words) && text.contains("task set ACTIVE, 50 %"), "{text}");
        }
        let revision = || ServiceCurrentRevisionSummary::builder().running_task_count(1).build();
        let service = Service::builder().current_service_revisions(revision()).current_service_revisions(revision());
        assert!(text(&service.build()).starts_with("a deployment is in progress"));
    }

    #[test]
    fn a_service_that_cannot_scale_says_why() {
        let daemon = Service::builder().desired_count(2).scheduling_strategy(SchedulingStrategy::Daemon).build();
        assert!(fixed_count(&daemon).expect("a daemon").text.contains("DAEMON"));
        assert!(fixed_count(&Service::builder().build()).expect("none").text.contains("desired count 0"));
        assert_eq!(fixed_count(&Service::builder().desired_count(1).build()), None);
    }

    #[test]
    fn the_newest_event_decides_whether_tasks_find_room_whatever_the_order() {
        let event =
            |at, message: &str| ServiceEvent::builder().created_at(DateTime::from_secs(at)).message(message).build();
        let full =
            "(service demo) was unable to place a task because no container instance met all of its requirements.";
        let steady = "(service demo) has reached a steady state.";
        let service = |events: &[(i64, &str)]| {
            let all = events.iter().map(|&(at, message)| event(at, message)).collect();
            Service::builder().set_events(Some(all)).build()
        };
        let found = placement(&service(&[(10, steady), (20, full), (15, steady)])).expect("no room");
        assert_eq!((found.text.as_str(), found.hinders), (full, true));
        assert_eq!(placement(&service(&[(20, full), (30, steady)])), None);
        assert_eq!(placement(&service(&[(20, "(service demo) has begun draining connections on 1 tasks.")])), None);
        assert!(is_trouble("(service demo) (port 80) is unhealthy in (target-group x) due to (reason Timeout)."));
        assert!(!is_trouble(steady));
    }
}
