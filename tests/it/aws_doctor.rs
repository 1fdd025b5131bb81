//! `doctor`'s cloud checks through the official SDK crates, against the embedded cluster's endpoints.

use std::time::Duration;

use scaletop::CloudOptions;
use scaletop::{Check, Findings, Status, check_cloud, worst};
use scaletop_cluster::wire::{CloudPlatform, FaultRule, WireFault};
use scaletop_units::RunClock;

use crate::support::cloud::Setup;
use crate::support::fixed_cloud::unix_now;

async fn examine(target: &str, options: &CloudOptions) -> Findings {
    check_cloud(Some(&target.parse().expect(target)), None, options, RunClock::start(), Duration::from_mins(1)).await
}

fn named<'a>(findings: &'a Findings, name: &str) -> &'a Check {
    findings.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name}: {findings:?}"))
}

#[tokio::test]
async fn a_healthy_service_passes_every_check() {
    let Setup { server: _server, options, .. } = Setup::new(CloudPlatform::AppRunner).await;
    let found = examine("apprunner:demo", &options).await;
    assert_eq!(worst(&found.checks), Status::Ok, "{:#?}", found.checks);
    assert_eq!(named(&found, "credentials").detail, "access key …etop from scaletop");
    assert_eq!(named(&found, "service").detail, "RUNNING");
    let limits = named(&found, "permission apprunner:DescribeAutoScalingConfiguration");
    assert_eq!(limits.detail, "min 1, max 5, concurrency 10");
    let cost = &named(&found, "cost of watching").detail;
    let sum = "GetMetricData for 9 metrics every 30 s, 9 × 120 at $0.01 per 1,000; all other calls are free";
    assert_eq!(
        *cost,
        format!(
            "nothing, the calls stay on this machine; in the cloud about $0.0108 an hour while a session runs: {sum}"
        )
    );
    assert!(named(&found, "image in ECR").detail.starts_with("demo:v1, pushed "));
    assert!(found.resolved.is_some());
    let Setup { server: _server, options, .. } = Setup::new(CloudPlatform::Ecs).await;
    let found = examine("ecs:default/demo", &options).await;
    assert_eq!(worst(&found.checks), Status::Ok, "{:#?}", found.checks);
    let cost = &named(&found, "cost of watching").detail;
    assert!(cost.contains("about $0.0024 an hour") && cost.contains("2 metrics every 30 s, 2 × 120"), "{cost}");
    for name in [
        "permission ecs:DescribeTasks",
        "permission application-autoscaling:DescribeScalingActivities",
        "permission cloudwatch:DescribeAlarms",
    ] {
        assert_eq!(named(&found, name).status, Status::Ok);
    }
}

#[tokio::test]
async fn a_service_that_does_not_run_is_a_failure_with_what_mends_it() {
    for (status, words) in [
        ("PAUSED", "resume it: aws apprunner resume-service"),
        ("DELETED", "create it again"),
        ("CREATE_FAILED", "see its event log"),
        ("DELETE_FAILED", "see its event log"),
    ] {
        let Setup { server, options, .. } = Setup::new(CloudPlatform::AppRunner).await;
        server.override_with(|overrides| overrides.status = Some(status.to_owned()));
        let found = examine("apprunner:demo", &options).await;
        let check = named(&found, "service");
        assert!(check.status == Status::Failure && check.to_string().contains(words), "{status}: {check}");
    }
    let Setup { server, options, .. } = Setup::new(CloudPlatform::Ecs).await;
    server.override_with(|overrides| overrides.status = Some("DRAINING".to_owned()));
    assert_eq!(named(&examine("ecs:default/demo", &options).await, "service").status, Status::Failure);
}

#[tokio::test]
async fn each_missing_permission_is_a_line_of_its_own_with_its_name() {
    let Setup { server, options, .. } = Setup::new(CloudPlatform::AppRunner).await;
    for operation in ["GetMetricData", "ListOperations"] {
        server.inject(FaultRule { fault: WireFault::AccessDenied, operation: Some(operation.to_owned()), times: None });
    }
    let found = examine("apprunner:demo", &options).await;
    for permission in ["cloudwatch:GetMetricData", "apprunner:ListOperations"] {
        let check = named(&found, &format!("permission {permission}"));
        assert_eq!(check.status, Status::Warning);
        assert!(
            check.remedy.as_deref().unwrap_or_default().contains(&format!("the role needs {permission}")),
            "{check}"
        );
    }
    assert_eq!(named(&found, "permission apprunner:DescribeAutoScalingConfiguration").status, Status::Ok);
}

#[tokio::test]
async fn the_closure_of_app_runner_and_a_newer_image_and_a_wrong_clock_are_told() {
    let Setup { server, options, .. } = Setup::new(CloudPlatform::AppRunner).await;
    server.override_with(|overrides| overrides.pushed.push(("v2".to_owned(), unix_now())));
    server.skew_clock(-30);
    let found = examine("apprunner:demo", &options).await;
    let image = named(&found, "image in ECR");
    assert_eq!(image.status, Status::Warning);
    assert!(image.detail.contains("v2, pushed"), "{image}");
    let clock = named(&found, "clock");
    assert_eq!(clock.status, Status::Warning);
    assert!(clock.detail.contains("s ahead of the cloud's"), "{clock}");
    server.inject(FaultRule { fault: WireFault::ClosedToNewCustomers, operation: None, times: None });
    let found = examine("apprunner:demo", &options).await;
    let target = named(&found, "target");
    assert_eq!(target.status, Status::Failure);
    assert!(target.detail.contains("closed to new customers since 2026-04-30"), "{target}");
    assert!(found.resolved.is_none());
}
