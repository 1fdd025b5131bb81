//! Whether a task is healthy: by the load balancer's word where it can be had, else by its containers' own check. Pure.
//!
//! ECS' own `healthStatus` knows only the health check of the task definition; without one it is `UNKNOWN` for ever, as it is
//! while the first check has not ended
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html>). Express services and most others are checked
//! by the load balancer instead.

use aws_sdk_ecs::types::{Attachment, Container, HealthStatus, Task};

use super::stopped_task;
use crate::cloud::target_health::TargetHealth;

/// What the load balancer said of its targets at one poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Targets {
    Known(Vec<TargetHealth>),
    /// There is no load balancer.
    None,
    /// It may not be asked: says why.
    Refused(String),
    /// It was not asked, or did not answer: the next poll may know more.
    NotAsked,
}

/// What is known of a task's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Healthy,
    /// Says why.
    Unhealthy(String),
    /// A check has not passed yet.
    NotYet,
    /// Nothing tells; says why.
    Unknown(String),
    /// It was not looked at.
    NotAsked,
}

/// The health of a task that runs.
pub(super) fn health(task: &Task, targets: &Targets) -> Health {
    match targets {
        Targets::NotAsked => return Health::NotAsked,
        Targets::Known(targets) => {
            if let Some(health) = by_targets(task, targets) {
                return health;
            }
        }
        Targets::None | Targets::Refused(_) => {}
    }
    match task.health_status() {
        Some(HealthStatus::Healthy) => Health::Healthy,
        Some(HealthStatus::Unhealthy) => {
            Health::Unhealthy(stopped_task::unhealthy(task).unwrap_or_else(|| "fails its health check".to_owned()))
        }
        _ => Health::Unknown(match targets {
            Targets::Refused(why) => format!("its containers have no health check; {why}"),
            _ => "its containers have no health check, or it has not ended".to_owned(),
        }),
    }
}

/// By the load balancer; `None` where it does not speak of this task's kind.
fn by_targets(task: &Task, targets: &[TargetHealth]) -> Option<Health> {
    // A group that no listener forwards to checks nothing, as the idle one of a blue/green deployment.
    let used: Vec<&TargetHealth> = targets.iter().filter(|target| target.state != "unused").collect();
    let addresses = addresses(task);
    // Targets by instance, and groups that check nothing, say nothing of a task.
    let is_silent = |target: &&TargetHealth| target.id.starts_with("i-") || target.state == "unavailable";
    if addresses.is_empty() || used.iter().any(is_silent) || (used.is_empty() && !targets.is_empty()) {
        return None;
    }
    let own: Vec<_> = used.into_iter().filter(|target| addresses.contains(&target.id.as_str())).collect();
    if own.iter().any(|target| target.state == "healthy") {
        return Some(Health::Healthy);
    }
    let sick = own.iter().find(|target| target.state.starts_with("unhealthy"));
    Some(sick.map_or(Health::NotYet, |target| {
        Health::Unhealthy(format!("is unhealthy for the load balancer ({})", target.reason))
    }))
}

/// The addresses of a task's network interfaces.
fn addresses(task: &Task) -> Vec<&str> {
    let interfaces = task.containers().iter().flat_map(Container::network_interfaces);
    let of_containers =
        interfaces.flat_map(|interface| [interface.private_ipv4_address(), interface.ipv6_address()]).flatten();
    let details = task.attachments().iter().flat_map(Attachment::details);
    let is_address = |name: Option<&str>| matches!(name, Some("privateIPv4Address" | "ipv6Address"));
    let of_attachments = details.filter(|detail| is_address(detail.name())).filter_map(|detail| detail.value());
    of_containers.chain(of_attachments).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{KeyValuePair, NetworkInterface};

    use super::*;

    fn task(status: HealthStatus) -> Task {
        let interface = NetworkInterface::builder().private_ipv4_address("10.0.1.7").build();
        let container = Container::builder().name("Main").health_status(status.clone()).network_interfaces(interface);
        Task::builder().desired_status("RUNNING").health_status(status).containers(container.build()).build()
    }

    fn target(id: &str, state: &str, reason: &str) -> TargetHealth {
        TargetHealth { id: id.to_owned(), state: state.to_owned(), reason: reason.to_owned() }
    }

    #[test]
    fn the_load_balancers_word_comes_first_and_without_it_that_of_the_containers() {
        let unknown = task(HealthStatus::from("UNKNOWN"));
        let known = |targets: &[TargetHealth]| Targets::Known(targets.to_vec());
        for (targets, is) in [
            (known(&[target("10.0.1.7", "healthy", "")]), Health::Healthy),
            // Of two groups, the one that listeners forward to.
            (
                known(&[target("10.0.1.7", "unused", "Target.NotInUse"), target("10.0.1.7", "healthy", "")]),
                Health::Healthy,
            ),
            (known(&[target("10.0.1.7", "initial", "Elb.InitialHealthChecking")]), Health::NotYet),
            (known(&[target("10.0.9.9", "healthy", "")]), Health::NotYet),
            (known(&[]), Health::NotYet),
            (
                known(&[target("10.0.1.7", "unhealthy", "Target.Timeout: Request timed out")]),
                Health::Unhealthy("is unhealthy for the load balancer (Target.Timeout: Request timed out)".to_owned()),
            ),
            (Targets::NotAsked, Health::NotAsked),
        ] {
            assert_eq!(health(&unknown, &targets), is, "{targets:?}");
        }
        let none = "its containers have no health check, or it has not ended";
        for silent in [
            Targets::None,
            known(&[target("i-0123456789abcdef0", "healthy", "")]),
            known(&[target("10.0.1.7", "unavailable", "Target.HealthCheckDisabled")]),
            known(&[target("10.0.1.7", "unused", "Target.NotInUse")]),
        ] {
            assert_eq!(health(&unknown, &silent), Health::Unknown(none.to_owned()), "{silent:?}");
            assert_eq!(health(&task(HealthStatus::Healthy), &silent), Health::Healthy);
        }
        let refused = Targets::Refused("the role needs more".to_owned());
        let why = "its containers have no health check; the role needs more";
        assert_eq!(health(&unknown, &refused), Health::Unknown(why.to_owned()));
        let sick = Health::Unhealthy("fails its health check (Main)".to_owned());
        assert_eq!(health(&task(HealthStatus::Unhealthy), &refused), sick);
    }

    #[test]
    fn the_address_may_stand_at_the_attachment_alone() {
        let detail = KeyValuePair::builder().name("privateIPv4Address").value("10.0.1.8").build();
        let attachment = Attachment::builder().r#type("ElasticNetworkInterface").details(detail).build();
        let task = Task::builder().health_status(HealthStatus::from("UNKNOWN")).attachments(attachment).build();
        assert_eq!(health(&task, &Targets::Known(vec![target("10.0.1.8", "healthy", "")])), Health::Healthy);
        let bridge = Task::builder().health_status(HealthStatus::from("UNKNOWN")).build();
        assert!(
            matches!(health(&bridge, &Targets::Known(Vec::new())), Health::Unknown(_)),
            "it has no address of its own"
        );
    }
}
