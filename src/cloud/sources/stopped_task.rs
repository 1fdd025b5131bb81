//! Why a task stopped, or does not do its work, in ECS' words. Pure.

use aws_sdk_ecs::types::{Container, HealthStatus, Task, TaskStopCode};

/// `TaskFailedToStart: CannotPullContainerError: …; Main: exit code 137, OutOfMemoryError: …`; empty when nothing is said.
pub(super) fn why(task: &Task) -> String {
    let code = task.stop_code().map(TaskStopCode::as_str);
    let reason = task.stopped_reason();
    let mut said: Vec<String> = match (code, reason) {
        (Some(code), Some(reason)) => vec![format!("{code}: {reason}")],
        (one, other) => one.or(other).map(str::to_owned).into_iter().collect(),
    };
    said.extend(task.containers().iter().filter_map(container));
    said.join("; ")
}

/// Whether it stopped by itself, and nobody wanted that: a scale-in and a user's wish are no trouble.
pub(super) fn is_trouble(task: &Task) -> bool {
    let is_wanted =
        matches!(task.stop_code(), Some(TaskStopCode::ServiceSchedulerInitiated | TaskStopCode::UserInitiated));
    // The scheduler also stops what failed its health checks, and says so in words only.
    let is_unhealthy = task.stopped_reason().is_some_and(|reason| reason.contains("health check"));
    task.stopped_at().is_some() && (is_unhealthy || (!is_wanted && !why(task).is_empty()))
}

/// What its containers say while it runs and is not healthy.
pub(super) fn unhealthy(task: &Task) -> Option<String> {
    let is_meant_to_run = task.desired_status() == Some("RUNNING");
    (is_meant_to_run && task.health_status() == Some(&HealthStatus::Unhealthy)).then(|| {
        let of = |container: &Container| container.health_status() == Some(&HealthStatus::Unhealthy);
        let names: Vec<&str> = task.containers().iter().filter(|one| of(one)).filter_map(Container::name).collect();
        let which = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        format!("fails its health check{which}")
    })
}

/// A container that ended with an error, or never began.
fn container(container: &Container) -> Option<String> {
    let code = container.exit_code().filter(|code| *code != 0).map(|code| format!("exit code {code}"));
    let said: Vec<String> = code.into_iter().chain(container.reason().map(str::to_owned)).collect();
    (!said.is_empty()).then(|| format!("{}: {}", container.name().unwrap_or("a container"), said.join(", ")))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;

    fn stopped(code: TaskStopCode, reason: &str) -> Task {
        Task::builder().stopped_at(DateTime::from_secs(1)).stop_code(code).stopped_reason(reason).build()
    }

    #[test]
    fn code_reason_and_what_the_containers_say_are_one_line() {
        let main =
            Container::builder().name("Main").exit_code(137).reason("OutOfMemoryError: Container killed").build();
        let quiet = Container::builder().name("sidecar").exit_code(0).build();
        let task = Task::builder()
            .stop_code(TaskStopCode::EssentialContainerExited)
            .stopped_reason("Essential container in task exited")
            .containers(main)
            .containers(quiet)
            .build();
        assert_eq!(
            why(&task),
            "EssentialContainerExited: Essential container in task exited; Main: exit code 137, OutOfMemoryError: Container killed"
        );
        assert_eq!(why(&Task::builder().build()), "");
    }

    #[test]
    fn a_scale_in_is_no_trouble_and_a_failed_pull_or_health_check_is() {
        assert!(is_trouble(&stopped(TaskStopCode::TaskFailedToStart, "CannotPullContainerError: not found")));
        assert!(is_trouble(&stopped(TaskStopCode::SpotInterruption, "Your Spot Task was interrupted.")));
        let scaled_in = "Scaling activity initiated by (deployment ecs-svc/1)";
        assert!(!is_trouble(&stopped(TaskStopCode::ServiceSchedulerInitiated, scaled_in)));
        let sick = "Task failed ELB health checks in (target-group x)";
        assert!(is_trouble(&stopped(TaskStopCode::ServiceSchedulerInitiated, sick)));
        assert!(!is_trouble(&Task::builder().build()), "it runs");
    }

    #[test]
    fn an_unhealthy_task_names_its_container() {
        let main = Container::builder().name("Main").health_status(HealthStatus::Unhealthy).build();
        let task = Task::builder().desired_status("RUNNING").health_status(HealthStatus::Unhealthy).containers(main);
        assert_eq!(unhealthy(&task.clone().build()).as_deref(), Some("fails its health check (Main)"));
        assert_eq!(unhealthy(&task.health_status(HealthStatus::Healthy).build()), None);
    }
}
