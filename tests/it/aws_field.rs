//! What the cloud said to accounts in the field, as its answers say it: each is read, and told where a user needs it.

use std::time::Duration;

use scaletop::CloudOptions;
use scaletop::{Check, Cloud, Findings, SessionEvent, Status, check_cloud};
use scaletop::{Milestone, MilestoneKind};
use scaletop::{
    sources::AppRunnerFeed, sources::EcrFeed, sources::EcsFeed, sources::EcsScalingFeed, sources::EcsTasksFeed,
    sources::ImageOwner, sources::PollReport, sources::PolledFeed,
};
use scaletop_cluster::wire::{CloudPlatform, Operation, Task};
use scaletop_units::RunClock;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::between;
use crate::support::cloud::{Setup, session};
use crate::support::fixed_cloud::unix_now;

/// A cloud whose answers are changed on the way.
pub(crate) struct Field {
    pub(crate) setup: Setup,
    options: CloudOptions,
    between: JoinHandle<()>,
}

impl Drop for Field {
    fn drop(&mut self) {
        self.between.abort();
    }
}

impl Field {
    pub(crate) async fn new(
        platform: CloudPlatform,
        edit: impl Fn(&str, &Value, &mut Value) + Send + Sync + 'static,
    ) -> Self {
        Self::with_queries(platform, edit, |_, form| panic!("nobody answers {form}")).await
    }

    /// With somebody who answers forms of the query protocol.
    pub(crate) async fn with_queries(
        platform: CloudPlatform,
        edit: impl Fn(&str, &Value, &mut Value) + Send + Sync + 'static,
        query: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let mut setup = Setup::new(platform).await;
        setup.clock = session(Duration::from_mins(50));
        let (url, between) = between::serve(&setup.server.endpoint_url(), edit, query).await;
        let options = CloudOptions { endpoint_url: Some(url), ..setup.options.clone() };
        Self { setup, options, between }
    }

    pub(crate) async fn clients(&self) -> Cloud {
        Cloud::connect(&self.options, self.setup.clock).await
    }

    pub(crate) async fn examine(&self, target: &str) -> Findings {
        let target = target.parse().expect(target);
        check_cloud(Some(&target), None, &self.options, RunClock::start(), Duration::from_mins(1)).await
    }
}

pub(crate) fn named<'a>(findings: &'a Findings, name: &str) -> &'a Check {
    findings.checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no {name}: {findings:#?}"))
}

pub(crate) fn notices(report: &PollReport) -> Vec<&str> {
    fn said(event: &SessionEvent) -> Option<&str> {
        if let SessionEvent::Notice(notice) = event { Some(&notice.text) } else { None }
    }
    report.events.iter().filter_map(said).collect()
}

pub(crate) fn milestones(report: &PollReport, kind: MilestoneKind) -> Vec<&Milestone> {
    fn said(event: &SessionEvent) -> Option<&Milestone> {
        if let SessionEvent::Milestone(seen) = event { Some(seen) } else { None }
    }
    report.events.iter().filter_map(said).filter(|seen| seen.kind == kind).collect()
}

#[tokio::test]
async fn suspended_scaling_is_a_warning_of_doctor_and_a_hindrance_of_the_session() {
    let field = Field::new(CloudPlatform::Ecs, |operation, _, said| {
        if operation == "DescribeScalableTargets" {
            said["ScalableTargets"][0]["SuspendedState"] = json!({"DynamicScalingOutSuspended": true});
        }
    })
    .await;
    let words = "scaling out is suspended (DynamicScalingOutSuspended)";
    let found = field.examine("ecs:default/demo").await;
    let check = named(&found, "suspension");
    assert_eq!((check.status, check.detail.as_str()), (Status::Warning, words));
    assert!(check.remedy.as_deref().unwrap_or_default().contains("--suspended-state DynamicScalingOutSuspended=false"));
    let mut feed = EcsScalingFeed::new(field.clients().await, "default", "demo");
    let report = feed.poll().await;
    assert!(notices(&report).iter().any(|said| said.contains(words)), "{report:#?}");
    let hindrances = milestones(&report, MilestoneKind::Hindrance);
    assert!(matches!(&hindrances[..], [one] if one.detail == words && one.subject == "suspension"), "{hindrances:?}");
    assert_eq!(notices(&feed.poll().await), Vec::<&str>::new(), "told once");
}

#[tokio::test]
async fn doctor_warns_of_a_deployment_as_the_session_does_whoever_controls_it() {
    let revision = |running: u32| json!({"arn": "arn", "requestedTaskCount": running, "runningTaskCount": running});
    let set = |status: &str| json!({"status": status, "computedDesiredCount": 1, "runningCount": 1});
    for (part, words) in [
        (
            json!({"deployments": [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "ECS deployment in progress.", "failedTasks": 2}]}),
            "2 of its tasks failed to start",
        ),
        (
            json!({"deployments": [{"status": "PRIMARY", "rolloutState": "FAILED",
            "rolloutStateReason": "tasks failed to start."}]}),
            "the last deployment failed; tasks failed to start.",
        ),
        (
            json!({"deploymentController": {"type": "CODE_DEPLOY"}, "deployments": [],
            "taskSets": [set("PRIMARY"), set("ACTIVE")]}),
            "a deployment is in progress (by CodeDeploy)",
        ),
        (
            json!({"deploymentController": {"type": "EXTERNAL"}, "deployments": [],
            "taskSets": [set("PRIMARY"), set("ACTIVE")]}),
            "(by a controller outside AWS)",
        ),
        (json!({"currentServiceRevisions": [revision(3), revision(1)]}), "a deployment is in progress"),
    ] {
        let part = part.clone();
        let field = Field::new(CloudPlatform::Ecs, move |operation, _, said| {
            if operation == "DescribeServices" {
                for (name, value) in part.as_object().expect("members") {
                    said["services"][0][name] = value.clone();
                }
            }
        })
        .await;
        let found = field.examine("ecs:default/demo").await;
        let check = named(&found, "deployment");
        assert!(check.status == Status::Warning && check.detail.contains(words), "{check}");
        let report = EcsFeed::new(field.clients().await, "default", "demo").poll().await;
        assert!(notices(&report).iter().any(|said| said.contains(&check.detail)), "the same words: {report:#?}");
        assert_eq!(named(&found, "service").detail, "ACTIVE");
    }
}

#[tokio::test]
async fn tasks_that_find_no_room_are_a_hindrance_until_one_has_started() {
    let full = "(service demo) was unable to place a task because no container instance met all of its requirements.";
    let at = unix_now();
    let field = Field::new(CloudPlatform::Ecs, move |operation, _, said| {
        if operation == "DescribeServices" {
            said["services"][0]["events"] = json!([{"id": "1", "createdAt": at, "message": full}]);
        }
    })
    .await;
    let report = EcsFeed::new(field.clients().await, "default", "demo").poll().await;
    assert_eq!(milestones(&report, MilestoneKind::Hindrance).first().map(|one| one.detail.as_str()), Some(full));
    assert_eq!(notices(&report).iter().filter(|said| said.contains(full)).count(), 1, "told once: {report:#?}");
    assert_eq!(named(&field.examine("ecs:default/demo").await, "new tasks").detail, full);
}

#[tokio::test]
async fn a_task_that_stops_says_why_and_one_that_never_started_hinders() {
    let field = Field::new(CloudPlatform::Ecs, |operation, _, said| {
        if operation == "DescribeTasks" {
            for task in said["tasks"].as_array_mut().expect("tasks") {
                if task["lastStatus"] == "STOPPED" {
                    task["stopCode"] = "TaskFailedToStart".into();
                    task["stoppedReason"] = "CannotPullContainerError: demo:v3: not found".into();
                }
            }
        }
    })
    .await;
    {
        let mut snapshot = field.setup.cloud.snapshot.lock().unwrap();
        let now = unix_now();
        let task = &mut snapshot.tasks[2];
        (task.stopping, task.stopped) = (Some(now), Some(now));
    }
    let mut feed = EcsTasksFeed::new(field.clients().await, "default", "demo");
    let report = feed.poll().await;
    let why = "TaskFailedToStart: CannotPullContainerError: demo:v3: not found";
    assert_eq!(milestones(&report, MilestoneKind::TaskStopped).first().map(|one| one.detail.as_str()), Some(why));
    let hindrance = milestones(&report, MilestoneKind::Hindrance);
    assert_eq!(hindrance.first().map(|one| one.detail.clone()), Some(format!("a new task did not start: {why}")));
    assert_eq!(named(&field.examine("ecs:default/demo").await, "starting").status, Status::Warning);
    field.setup.cloud.snapshot.lock().unwrap().tasks[1].started = Some(unix_now() + 1.0);
    assert_eq!(milestones(&feed.poll().await, MilestoneKind::HindranceOver).len(), 1, "one has started since");
}

/// A hundred tasks that run since yesterday fill the first page, in front of those of the service's new deployment.
#[tokio::test]
async fn the_tasks_of_the_second_page_have_their_milestones_and_the_image_is_the_newest_tasks() {
    let field = Field::new(CloudPlatform::Ecs, |operation, _, said| {
        if operation == "DescribeTasks" {
            for task in said["tasks"].as_array_mut().expect("tasks") {
                if task["taskArn"].as_str().expect("an ARN").contains("/old") {
                    task["containers"][0]["image"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/demo:v0".into();
                }
            }
        }
    })
    .await;
    {
        let mut snapshot = field.setup.cloud.snapshot.lock().unwrap();
        let yesterday = |n: usize| Task {
            id: format!("old{n:029x}"),
            created: unix_now() - 86_400.0,
            started: Some(unix_now() - 86_370.0),
            ..snapshot.tasks[0].clone()
        };
        let old: Vec<Task> = (0..100).map(yesterday).collect();
        snapshot.tasks.splice(0..0, old);
    }
    let report = EcsTasksFeed::new(field.clients().await, "default", "demo").poll().await;
    let of = |kind| milestones(&report, kind).iter().map(|seen| seen.subject[..2].to_owned()).collect::<Vec<_>>();
    assert_eq!(of(MilestoneKind::TaskCreated), ["0b", "0c"]);
    assert_eq!(of(MilestoneKind::TaskStarted), ["0b"]);
    // No order of a listing is promised.
    for first in [0, 100] {
        field.setup.cloud.snapshot.lock().unwrap().tasks.rotate_left(first);
        let owner = ImageOwner::Ecs { cluster: "default".to_owned(), service: "demo".to_owned() };
        let report = EcrFeed::new(field.clients().await, owner).poll().await;
        assert_eq!((report.problem.clone(), report.fact("image")), (None, Some("demo:v1")));
    }
}

#[tokio::test]
async fn a_newer_image_waits_only_where_that_can_be_true() {
    for (image, says, waits) in [
        (json!({"artifactMediaType": "application/vnd.in-toto+json"}), "none", false),
        (
            json!({"imageTags": ["buildcache"], "artifactMediaType": "application/vnd.buildkit.cacheconfig.v0"}),
            "none",
            false,
        ),
        (json!({"imageTags": ["develop-17"]}), "newest push: develop-17, ", false),
        (json!({"imageTags": ["v2"]}), "v2, pushed ", true),
    ] {
        let image = image.clone();
        let field = Field::new(CloudPlatform::Ecs, move |operation, asked, said| {
            if operation == "DescribeImages" && asked.get("imageIds").is_none() {
                let mut new = json!({"registryId": "123456789012", "repositoryName": "demo",
                    "imageDigest": format!("sha256:{}", "a".repeat(64)), "imagePushedAt": unix_now() - 60.0});
                new.as_object_mut().unwrap().extend(image.as_object().unwrap().clone());
                said["imageDetails"].as_array_mut().unwrap().push(new);
            }
        })
        .await;
        let owner = ImageOwner::Ecs { cluster: "default".to_owned(), service: "demo".to_owned() };
        let report = EcrFeed::new(field.clients().await, owner).poll().await;
        let newer = report.fact("image_newer").expect("told");
        assert!(newer.starts_with(says) && newer.contains("waits") == waits, "{newer}");
        let check = named(&field.examine("ecs:default/demo").await, "image in ECR").clone();
        assert_eq!(check.status == Status::Warning, waits, "{check}");
    }
}

#[tokio::test]
async fn an_app_runner_operation_that_failed_or_is_rolled_back_is_told() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, _) = setup.app_runner().await;
    for (status, service, words) in [
        ("FAILED", "RUNNING", "the last operation, UPDATE_SERVICE, failed at "),
        ("ROLLBACK_SUCCEEDED", "RUNNING", "the last operation, UPDATE_SERVICE, failed and was rolled back"),
        ("ROLLBACK_FAILED", "RUNNING", "rolling it back failed too"),
        ("ROLLBACK_IN_PROGRESS", "OPERATION_IN_PROGRESS", "UPDATE_SERVICE failed and is being rolled back"),
        ("IN_PROGRESS", "OPERATION_IN_PROGRESS", "UPDATE_SERVICE began on demo"),
        ("PENDING", "OPERATION_IN_PROGRESS", "UPDATE_SERVICE began on demo"),
    ] {
        setup.server.override_with(|overrides| {
            let ended = (service == "RUNNING").then(unix_now);
            overrides.status = Some(service.to_owned());
            overrides.operations = vec![Operation {
                id: "0".to_owned(),
                kind: "UPDATE_SERVICE".to_owned(),
                status: status.to_owned(),
                started: unix_now() - 30.0,
                ended,
            }];
        });
        let report = AppRunnerFeed::new(cloud.clone(), &arn).poll().await;
        assert!(notices(&report).iter().any(|said| said.contains(words)), "{status}: {report:#?}");
        assert_eq!(report.fact("operation"), Some(format!("UPDATE_SERVICE {status}").as_str()));
        let target = "apprunner:demo".parse().expect("a target");
        let found = check_cloud(Some(&target), None, &setup.options, RunClock::start(), Duration::from_mins(1)).await;
        assert!(
            found.checks.iter().any(|check| check.status == Status::Warning && check.detail.contains("UPDATE_SERVICE")),
            "{status}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn what_leaves_nothing_to_scale_is_told_before_anybody_waits_for_it() {
    let field = Field::new(CloudPlatform::Ecs, |operation, _, said| match operation {
        "DescribeScalingPolicies" => said["ScalingPolicies"] = json!([]),
        "DescribeScalingActivities" => {
            said["ScalingActivities"][0]["StatusCode"] = "Failed".into();
            said["ScalingActivities"][0]["StatusMessage"] = "Failed to set desired count: access denied.".into();
        }
        _ => {}
    })
    .await;
    let found = field.examine("ecs:default/demo").await;
    assert!(named(&found, "scaling").detail.contains("no scaling policy"));
    assert!(named(&found, "activity").detail.contains("Failed: Failed to set desired count: access denied."));
}
