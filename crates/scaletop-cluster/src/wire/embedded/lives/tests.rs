//! What ECS would say of the instances' lives.

use scaletop_units::InstanceId;

use super::*;
use crate::truth::Ended;

fn at(secs: u64) -> Elapsed {
    Elapsed::from_secs(secs)
}

/// An instance that was ordered at 100 s, listened at once, and takes requests after a cold start of 10 s.
fn instance() -> InstanceTruth {
    InstanceTruth {
        id: InstanceId::from("i-1".to_owned()),
        revision: 1,
        pid: Some(1),
        started: at(100),
        listening: Some(at(100)),
        active: Some(at(110)),
        first_admitted: None,
        first_answered: None,
        unhealthy: None,
        draining: None,
        ended: None,
        admitted: 0,
        answered: 0,
        in_flight: 0,
        in_flight_peak: 0,
    }
}

fn deployment(revision: u32, began: u64, completed: Option<u64>) -> Deployment {
    Deployment { revision, tag: format!("v{revision}"), began: at(began), completed: completed.map(at) }
}

fn lives(instances: Vec<InstanceTruth>, now: Elapsed) -> Lives {
    let cold_start = Duration::from_secs(10);
    let options = ClusterOptions { platform: Platform::Ecs, cold_start, ..ClusterOptions::default() };
    let deployments = vec![deployment(1, 0, Some(0))];
    Lives { instances, deployments, health_changes: Vec::new(), options, now, zero: 1_000.0 }
}

fn status(instance: &InstanceTruth, now: Elapsed) -> &'static str {
    lives(vec![instance.clone()], now).tasks()[0].last_status()
}

#[test]
fn a_task_goes_through_every_stage_of_its_life() {
    let starting = InstanceTruth { active: None, ..instance() };
    let stages = [(101, "PROVISIONING"), (103, "PENDING"), (104, "ACTIVATING"), (108, "ACTIVATING"), (109, "RUNNING")];
    for (secs, wanted) in stages {
        assert_eq!(status(&starting, at(secs)), wanted, "{secs}");
        assert_eq!(status(&InstanceTruth { listening: None, ..starting.clone() }, at(101)), "PROVISIONING");
    }
    assert_eq!(status(&InstanceTruth { listening: None, ..starting }, at(200)), "ACTIVATING", "no process runs");
    assert_eq!(status(&instance(), at(150)), "RUNNING");
    let draining = InstanceTruth { draining: Some(at(200)), ..instance() };
    assert_eq!(status(&draining, at(201)), "DEACTIVATING");
    let ended = Some(Ended { at: at(205), cause: EndCause::ScaledIn });
    let gone = InstanceTruth { ended, ..draining };
    for (secs, wanted) in [(206, "STOPPING"), (207, "DEPROVISIONING"), (216, "DEPROVISIONING"), (217, "STOPPED")] {
        assert_eq!(status(&gone, at(secs)), wanted, "{secs}");
    }
    let task = &lives(vec![gone], at(300)).tasks()[0];
    let times = [task.provisioned, task.pull_began, task.pull_ended, task.started, task.healthy];
    assert_eq!(times, [1_103.0, 1_104.0, 1_108.0, 1_109.0, 1_110.0].map(Some));
    assert_eq!((task.stopping, task.stopped), (Some(1_200.0), Some(1_217.0)));
    assert!(!task.is_meant_to_run());
}

#[test]
fn running_and_pending_are_counted_by_status() {
    let starting = InstanceTruth { active: None, ..instance() };
    let draining = InstanceTruth { draining: Some(at(150)), ..instance() };
    let late = InstanceTruth { started: at(155), listening: Some(at(155)), active: None, ..instance() };
    let lives = lives(vec![instance(), instance(), starting, draining, late], at(160));
    assert_eq!(count(&lives.tasks()), (3, 1), "one that starts has run since 109 s: running is not yet serving");
}

#[test]
fn a_stopped_task_says_why() {
    let ends = [
        (
            EndCause::ScaledIn,
            "ServiceSchedulerInitiated",
            "Scaling activity initiated by (deployment ecs-svc/",
            Some(0),
        ),
        (
            EndCause::Replaced,
            "ServiceSchedulerInitiated",
            "Scaling activity initiated by (deployment ecs-svc/",
            Some(0),
        ),
        (
            EndCause::Unhealthy,
            "ServiceSchedulerInitiated",
            "Task failed ELB health checks in (target-group arn:",
            Some(0),
        ),
        (EndCause::Killed, "EssentialContainerExited", "Essential container in task exited", Some(137)),
        (EndCause::Died, "EssentialContainerExited", "Essential container in task exited", None),
        (EndCause::FailedToStart, "TaskFailedToStart", "CannotStartContainerError", None),
    ];
    for (cause, code, reason, exit_code) in ends {
        let gone = InstanceTruth { ended: Some(Ended { at: at(200), cause }), ..instance() };
        let stop = lives(vec![gone], at(300)).tasks()[0].stop.clone().unwrap();
        assert_eq!((stop.code, stop.exit_code), (code, exit_code));
        assert!(stop.reason.starts_with(reason), "{}", stop.reason);
    }
    assert_eq!(lives(vec![instance()], at(300)).tasks()[0].stop, None);
}

#[test]
fn while_a_deployment_rolls_both_revisions_are_there() {
    let new = InstanceTruth { revision: 2, started: at(200), listening: Some(at(200)), active: None, ..instance() };
    let mut rolling = lives(vec![instance(), new], at(205));
    rolling.deployments.push(deployment(2, 200, None));
    let views = rolling.deployments(1);
    let told: Vec<_> = views.iter().map(|it| (it.tag.as_str(), it.counts, it.completed)).collect();
    assert_eq!(told, [("v1", (1, 1, 0), Some(1_000.0)), ("v2", (1, 0, 1), None)]);
    assert_eq!(rolling.operations()[0].status, "IN_PROGRESS");

    let old = InstanceTruth {
        draining: Some(at(210)),
        ended: Some(Ended { at: at(211), cause: EndCause::Replaced }),
        ..instance()
    };
    let new =
        InstanceTruth { revision: 2, started: at(200), listening: Some(at(200)), active: Some(at(210)), ..instance() };
    let mut done = lives(vec![old, new], at(300));
    done.deployments.push(deployment(2, 200, Some(211)));
    assert_eq!(
        done.deployments(1).iter().map(|it| it.revision).collect::<Vec<_>>(),
        [2],
        "the old one has no task left"
    );
    assert_eq!((done.operations().len(), done.operations()[0].status.as_str()), (1, "SUCCEEDED"));
    let last = done.events().pop().unwrap();
    assert_eq!(
        last,
        (1_211.0, "(service demo) (deployment ecs-svc/0123456789012345679) deployment completed.".to_owned())
    );
}

#[test]
fn the_service_writes_down_what_happens_to_its_tasks() {
    let gone = InstanceTruth {
        draining: Some(at(200)),
        ended: Some(Ended { at: at(203), cause: EndCause::Unhealthy }),
        ..instance()
    };
    let mut lives = lives(vec![gone], at(300));
    let failure = Some("Request timed out".to_owned());
    lives.health_changes.push(HealthChange { at: at(165), instance: InstanceId::from("i-1".to_owned()), failure });
    let group = CloudSnapshot::target_group_arn(REGION, SERVICE);
    let events = lives.events();
    let texts: Vec<&str> = events.iter().filter_map(|(_, text)| text.strip_prefix("(service demo) ")).collect();
    assert_eq!(
        texts,
        [
            "has started 1 tasks: (task i-1).".to_owned(),
            format!("registered 1 targets in (target-group {group})"),
            format!("(task i-1) (port 8080) is unhealthy in (target-group {group}) due to (reason Request timed out)"),
            format!("deregistered 1 targets in (target-group {group})"),
            "has stopped 1 running tasks: (task i-1).".to_owned(),
        ]
    );
}
