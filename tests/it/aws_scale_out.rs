//! What the sources tell of a scale-out, and what they do not, as AWS documents its answers: activities and alarms, health by
//! ECS and by the load balancer, stopped tasks, images of other accounts.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scaletop::{Basis, Milestone, MilestoneKind, NoticeLevel, SessionEvent, SourceErrorKind, Status, WatchedService};
use scaletop::{
    sources::CloudWatchFeed, sources::EcrFeed, sources::EcsFeed, sources::EcsScalingFeed, sources::EcsTasksFeed,
    sources::ImageOwner, sources::PolledFeed,
};
use scaletop_cluster::wire::{CloudPlatform, WireFault};
use scaletop_units::Elapsed;
use serde_json::{Value, json};

use crate::aws_field::{Field, milestones, named, notices};
use crate::support::cloud::{Setup, session};
use crate::support::fixed_cloud::unix_now;

const HIGH: &str = "TargetTracking-service/default/demo-AlarmHigh-22c1fbb2";
const LOW: &str = "TargetTracking-service/default/demo-AlarmLow-8e0a51f4";

/// An activity, as the guide of Application Auto Scaling shows it.
fn activity(id: u32, ago: f64, description: &str, cause: &str, status: &str) -> Value {
    json!({
        "ActivityId": format!("{id:08x}-a31f-4d0c-8468-504c56e2eecf"), "ServiceNamespace": "ecs",
        "ResourceId": "service/default/demo", "ScalableDimension": "ecs:service:DesiredCount",
        "Description": description, "Cause": cause, "StartTime": unix_now() - ago, "StatusCode": status,
    })
}

fn alarm_cause(alarm: &str) -> String {
    format!("monitor alarm {alarm} in state ALARM triggered policy cpu")
}

fn refused(mut activity: Value, code: &str) -> Value {
    activity["NotScaledReasons"] = json!([{"Code": code, "MaxCapacity": 5, "MinCapacity": 1, "CurrentCapacity": 1}]);
    activity
}

#[tokio::test]
async fn each_documented_activity_is_told_as_what_it_is_and_a_service_at_rest_says_nothing() {
    let attempt = "Attempting to scale due to alarm triggered";
    let (high, low) = (alarm_cause(HIGH), alarm_cause(LOW));
    let all = json!([
        refused(activity(1, 10.0, attempt, &low, "Failed"), "AlreadyAtMinCapacity"),
        refused(activity(2, 20.0, attempt, &low, "Failed"), "AutoScalingAnticipatedFlapping"),
        refused(activity(3, 30.0, attempt, &low, "Failed"), "AlreadyAtDesiredCapacity"),
        refused(activity(4, 40.0, attempt, &high, "Failed"), "AlreadyAtMaxCapacity"),
        activity(5, 50.0, attempt, &high, "Failed"),
        activity(6, 60.0, "Setting desired count to 3.", &high, "InProgress"),
        activity(7, 70.0, "Setting desired count to 2.", "minimum capacity was set to 2", "Successful"),
        activity(8, 80.0, "Setting desired count to 1.", &low, "Successful"),
    ]);
    let field = Field::new(CloudPlatform::Ecs, move |operation, _, said| match operation {
        "DescribeScalingActivities" => said["ScalingActivities"] = all.clone(),
        "DescribeScalingPolicies" => {
            let alarm = |name| json!({"AlarmName": name, "AlarmARN": "arn"});
            said["ScalingPolicies"][0]["Alarms"] = json!([alarm(HIGH), alarm(LOW)]);
        }
        _ => {}
    })
    .await;
    let report = EcsScalingFeed::new(field.clients().await, "default", "demo").poll().await;
    let told = |kind| milestones(&report, kind).iter().map(|seen| seen.detail.clone()).collect::<Vec<_>>();
    assert_eq!(
        told(MilestoneKind::NotScaled),
        [
            format!("not scaled: Failed; {high}"),
            format!("not scaled: AlreadyAtMaxCapacity (1, least 1, most 5); {high}")
        ],
        "the oldest first, and of the low alarm's nothing"
    );
    assert_eq!(
        told(MilestoneKind::Decision),
        [
            format!("Setting desired count to 1. {low}"),
            "Setting desired count to 2. minimum capacity was set to 2".to_owned(),
            format!("Setting desired count to 3. {high}"),
        ]
    );
    let decisions = milestones(&report, MilestoneKind::Decision);
    assert!(decisions.iter().all(|seen| seen.clock_error > Duration::ZERO), "timed by another clock: {decisions:?}");
}

#[tokio::test]
async fn an_alarm_is_told_when_it_goes_off_and_when_it_is_over_and_as_of_the_start_when_it_was_on_before() {
    let state = Arc::new(Mutex::new(("ALARM", unix_now() - 7_200.0)));
    let shown = Arc::clone(&state);
    let field = Field::new(CloudPlatform::Ecs, move |operation, _, said| {
        if operation == "DescribeScalingPolicies" {
            // A step policy that takes away, with an alarm of any name, beside the one that adds.
            let mut steps = said["ScalingPolicies"][0].clone();
            steps["PolicyType"] = "StepScaling".into();
            steps["StepScalingPolicyConfiguration"] = json!({"AdjustmentType": "ChangeInCapacity",
                "StepAdjustments": [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -1}]});
            steps.as_object_mut().unwrap().remove("TargetTrackingScalingPolicyConfiguration");
            steps["Alarms"] = json!([{"AlarmName": "demo-AlarmHigh-no-more", "AlarmARN": "arn"}]);
            said["ScalingPolicies"].as_array_mut().unwrap().push(steps);
        }
    })
    .await;
    let set = |(name, since): (&'static str, f64)| {
        *shown.lock().unwrap() = (name, since);
        let mut snapshot = field.setup.cloud.snapshot.lock().unwrap();
        for alarm in &mut snapshot.alarms {
            if alarm.is_high {
                (alarm.state, alarm.since) = (name, since);
            }
        }
    };
    let first = *state.lock().unwrap();
    set(first);
    let mut feed = EcsScalingFeed::new(field.clients().await, "default", "demo");
    let told = |report: &scaletop::sources::PollReport| -> Vec<(MilestoneKind, String, Elapsed)> {
        let seen = |event: &SessionEvent| match event {
            SessionEvent::Milestone(Milestone { kind, subject, as_of, .. })
                if matches!(kind, MilestoneKind::Alarm | MilestoneKind::AlarmOver) =>
            {
                Some((*kind, subject.clone(), *as_of))
            }
            _ => None,
        };
        report.events.iter().filter_map(seen).collect()
    };
    let name = || "demo-AlarmHigh".to_owned();
    let report = feed.poll().await;
    assert_eq!(report.problem, None);
    assert_eq!(told(&report), [(MilestoneKind::Alarm, name(), Elapsed::ZERO)]);
    assert_eq!(told(&feed.poll().await), [], "once");
    set(("OK", unix_now() - 60.0));
    let over = told(&feed.poll().await);
    assert!(
        matches!(&over[..], [(MilestoneKind::AlarmOver, one, at)] if *one == name() && *at > Elapsed::ZERO),
        "{over:?}"
    );
    assert_eq!(told(&feed.poll().await), [], "once");
    set(("ALARM", unix_now() - 10.0));
    let again = told(&feed.poll().await);
    assert!(matches!(&again[..], [(MilestoneKind::Alarm, one, at)] if *one == name() && *at > over[0].2), "{again:?}");
}

const GROUP: &str = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/demo/0123456789abcdef";

/// What an Express service's answers say of health: `UNKNOWN`, and addresses; the target groups are its revision's.
fn express(operation: &str, said: &mut Value) {
    match operation {
        "DescribeServices" => {
            let revision = "arn:aws:ecs:eu-west-1:123456789012:service-revision/default/demo/1";
            said["services"][0]["currentServiceRevisions"] = json!([{"arn": revision, "runningTaskCount": 2}]);
        }
        "DescribeServiceRevisions" => {
            *said = json!({"serviceRevisions": [{"ecsManagedResources": {"ingressPaths": [
                {"accessType": "PUBLIC", "endpoint": "demo", "targetGroups": [{"arn": GROUP, "status": "ACTIVE"}]}
            ]}}], "failures": []});
        }
        "DescribeTasks" => {
            for (n, task) in said["tasks"].as_array_mut().unwrap().iter_mut().enumerate() {
                task["healthStatus"] = "UNKNOWN".into();
                task["containers"][0]["healthStatus"] = "UNKNOWN".into();
                task["containers"][0]["networkInterfaces"] =
                    json!([{"attachmentId": "1", "privateIpv4Address": format!("10.0.0.{n}")}]);
            }
        }
        _ => {}
    }
}

fn target(ip: &str, state: &str) -> String {
    let reason = if state == "unhealthy" {
        "<Reason>Target.ResponseCodeMismatch</Reason><Description>Health checks failed with these codes: [404]</Description>"
    } else {
        ""
    };
    format!(
        "<member><TargetHealth><State>{state}</State>{reason}</TargetHealth><Target><Id>{ip}</Id><Port>8080</Port></Target></member>"
    )
}

fn targets(members: &[String]) -> String {
    format!(
        "<DescribeTargetHealthResponse xmlns=\"http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/\">\
         <DescribeTargetHealthResult><TargetHealthDescriptions>{}</TargetHealthDescriptions></DescribeTargetHealthResult>\
         </DescribeTargetHealthResponse>",
        members.concat()
    )
}

#[tokio::test]
async fn a_task_behind_a_load_balancer_is_healthy_when_the_load_balancer_says_so() {
    let (state, asked) = (Arc::new(Mutex::new("initial")), Arc::new(AtomicU32::new(0)));
    let (shown, counted) = (Arc::clone(&state), Arc::clone(&asked));
    let field = Field::with_queries(
        CloudPlatform::Ecs,
        |operation, _, said| express(operation, said),
        move |head, form| {
            counted.fetch_add(1, Ordering::Relaxed);
            assert!(
                form.contains("Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn%3Aaws%3A"),
                "{form}"
            );
            let scope = "/eu-west-1/elasticloadbalancing/aws4_request";
            assert!(head.to_ascii_lowercase().contains("authorization: aws4-hmac-sha256 credential="), "{head}");
            assert!(head.contains(scope), "signed for this service: {head}");
            let second = *shown.lock().unwrap();
            (200, targets(&[target("10.0.0.0", "healthy"), target("10.0.0.1", second)]))
        },
    )
    .await;
    let mut feed = EcsTasksFeed::new(field.clients().await, "default", "demo");
    let report = feed.poll().await;
    assert_eq!(report.problem, None);
    let health = |report: &scaletop::sources::PollReport| {
        [MilestoneKind::TaskHealthy, MilestoneKind::TaskUnhealthy, MilestoneKind::HealthUnknown]
            .into_iter()
            .flat_map(|kind| milestones(report, kind).into_iter().cloned().collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    assert_eq!(health(&report), [], "one was healthy before we looked, the other waits for its first check");
    *state.lock().unwrap() = "unhealthy";
    let sick = health(&feed.poll().await);
    let [sick] = &sick[..] else { panic!("{sick:?}") };
    assert_eq!((sick.kind, &sick.subject[..2]), (MilestoneKind::TaskUnhealthy, "0b"));
    assert!(sick.detail.contains("is unhealthy for the load balancer (Target.ResponseCodeMismatch: "), "{sick:?}");
    *state.lock().unwrap() = "healthy";
    let well = health(&feed.poll().await);
    let [well] = &well[..] else { panic!("{well:?}") };
    assert_eq!((well.kind, &well.subject[..2]), (MilestoneKind::TaskHealthy, "0b"));
    assert!(well.uncertainty > Duration::ZERO && well.clock_error == Duration::ZERO, "since the look before: {well:?}");
    // Nobody waits any more: nobody asks.
    let so_far = asked.load(Ordering::Relaxed);
    assert_eq!(health(&feed.poll().await), []);
    assert_eq!(asked.load(Ordering::Relaxed), so_far);
    let found = field.examine("ecs:default/demo").await;
    assert_eq!(named(&found, "permission elasticloadbalancing:DescribeTargetHealth").status, Status::Ok);
}

#[tokio::test]
async fn health_that_may_not_be_asked_is_said_to_be_unknown_once_with_what_to_allow() {
    let allowed = Arc::new(AtomicBool::new(false));
    let is_allowed = Arc::clone(&allowed);
    let field = Field::with_queries(
        CloudPlatform::Ecs,
        |operation, _, said| express(operation, said),
        move |_, _| {
            if is_allowed.load(Ordering::Relaxed) {
                return (200, targets(&[]));
            }
            let message = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: elasticloadbalancing:DescribeTargetHealth";
            (403, format!("<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"))
        },
    )
    .await;
    let mut feed = EcsTasksFeed::new(field.clients().await, "default", "demo");
    let report = feed.poll().await;
    assert_eq!(report.problem, None, "the lives of tasks are told all the same");
    let action = "the role needs elasticloadbalancing:DescribeTargetHealth";
    assert_eq!(notices(&report).iter().filter(|said| said.contains(action)).count(), 1, "{report:#?}");
    let unknown = milestones(&report, MilestoneKind::HealthUnknown);
    assert!(unknown.len() == 2 && unknown.iter().all(|seen| seen.detail.contains(action)), "{unknown:?}");
    assert_eq!(milestones(&report, MilestoneKind::TaskHealthy).len(), 0);
    let report = feed.poll().await;
    assert_eq!((notices(&report), milestones(&report, MilestoneKind::HealthUnknown).len()), (Vec::new(), 0), "once");
    let check =
        named(&field.examine("ecs:default/demo").await, "permission elasticloadbalancing:DescribeTargetHealth").clone();
    assert!(check.status == Status::Warning && check.to_string().contains(action), "{check}");
}

#[tokio::test]
async fn without_a_load_balancer_and_a_check_health_is_unknown_and_a_check_that_passes_later_counts() {
    let field = Field::new(CloudPlatform::Ecs, |_, _, _| {}).await;
    {
        let mut snapshot = field.setup.cloud.snapshot.lock().unwrap();
        snapshot.has_container_check = true;
        snapshot.tasks[1].healthy = None;
    }
    let mut feed = EcsTasksFeed::new(field.clients().await, "default", "demo");
    let report = feed.poll().await;
    let unknown = milestones(&report, MilestoneKind::HealthUnknown);
    assert!(matches!(&unknown[..], [one] if one.subject.starts_with("0b")), "{unknown:?}");
    field.setup.cloud.snapshot.lock().unwrap().tasks[1].healthy = Some(unix_now());
    assert_eq!(milestones(&feed.poll().await, MilestoneKind::TaskHealthy).len(), 1);
}

#[tokio::test]
async fn every_kind_of_stopped_task_is_told_with_code_reason_and_containers() {
    let fail = json!({
        "0a": {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
        "0b": {"stopCode": "ServiceSchedulerInitiated",
            "stoppedReason": format!("Task failed ELB health checks in (target-group {GROUP})")},
        "0c": {"stopCode": "TaskFailedToStart",
            "stoppedReason": "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"},
    });
    let field = Field::new(CloudPlatform::Ecs, move |operation, _, said| {
        if operation == "DescribeTasks" {
            for task in said["tasks"].as_array_mut().unwrap() {
                let arn = task["taskArn"].as_str().unwrap().to_owned();
                let how = &fail[&arn[arn.len() - 32..][..2]];
                task["stopCode"] = how["stopCode"].clone();
                task["stoppedReason"] = how["stoppedReason"].clone();
                if let Some(reason) = how.get("reason") {
                    task["containers"][0]["reason"] = reason.clone();
                    task["containers"][0]["exitCode"] = how["exitCode"].clone();
                }
            }
        }
    })
    .await;
    {
        let mut snapshot = field.setup.cloud.snapshot.lock().unwrap();
        let now = unix_now();
        snapshot.tasks.iter_mut().for_each(|task| (task.stopping, task.stopped) = (Some(now), Some(now)));
    }
    let report = EcsTasksFeed::new(field.clients().await, "default", "demo").poll().await;
    let stopped = milestones(&report, MilestoneKind::TaskStopped);
    assert_eq!(stopped.len(), 3, "{stopped:#?}");
    for words in [
        "EssentialContainerExited: Essential container in task exited; Main: exit code 137, OutOfMemoryError: Container killed",
        "ServiceSchedulerInitiated: Task failed ELB health checks in (target-group ",
        "TaskFailedToStart: CannotPullContainerError: pull image manifest",
    ] {
        assert!(stopped.iter().any(|seen| seen.detail.starts_with(words)), "{words}: {stopped:#?}");
        assert!(notices(&report).iter().any(|said| said.contains(words)), "{words}: {:#?}", notices(&report));
    }
    assert_eq!(field.setup.server.calls("ListTasks"), 2, "those that run and those that have stopped");
}

#[tokio::test]
async fn an_event_of_an_unhealthy_task_is_a_warning_and_a_steady_state_is_none() {
    let at = unix_now();
    let sick = "(service demo) (task 0b0b) (port 8080) is unhealthy in (target-group demo) due to (reason Health checks failed with these codes: [502]).";
    let steady = "(service demo) has reached a steady state.";
    let field = Field::new(CloudPlatform::Ecs, move |operation, _, said| {
        if operation == "DescribeServices" {
            said["services"][0]["events"] = json!([
                {"id": "2", "createdAt": at, "message": sick}, {"id": "1", "createdAt": at - 1.0, "message": steady}
            ]);
        }
    })
    .await;
    let report = EcsFeed::new(field.clients().await, "default", "demo").poll().await;
    let level = |words: &str| {
        report.events.iter().find_map(|event| match event {
            SessionEvent::Notice(notice) if notice.text.contains(words) => Some(notice.level),
            _ => None,
        })
    };
    assert_eq!((level(sick), level(steady)), (Some(NoticeLevel::Warning), Some(NoticeLevel::Info)));
}

#[tokio::test]
async fn an_image_of_another_account_and_region_is_asked_for_there_and_a_refusal_names_whose_it_is() {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let image = "210987654321.dkr.ecr.us-east-1.amazonaws.com/team/demo:v3";
    let field = Field::new(CloudPlatform::Ecs, move |operation, request, said| match operation {
        "DescribeTasks" => {
            for task in said["tasks"].as_array_mut().unwrap() {
                task["containers"][0]["image"] = image.into();
            }
        }
        "DescribeImages" => heard.lock().unwrap().push(request.clone()),
        _ => {}
    })
    .await;
    let owner = || ImageOwner::Ecs { cluster: "default".to_owned(), service: "demo".to_owned() };
    let report = EcrFeed::new(field.clients().await, owner()).poll().await;
    let first = asked.lock().unwrap()[0].clone();
    assert_eq!((&first["registryId"], &first["repositoryName"]), (&"210987654321".into(), &"team/demo".into()));
    assert_eq!(report.fact("image"), Some("team/demo:v3"));
    field.setup.fault(WireFault::AccessDenied, "DescribeImages");
    let problem = EcrFeed::new(field.clients().await, owner()).poll().await.problem.expect("denied");
    assert_eq!(problem.kind, SourceErrorKind::AccessDenied);
    let words = "the repository team/demo is the account 210987654321's in us-east-1";
    assert!(
        problem.remedy.contains(words) && problem.remedy.contains("its repository policy must allow it"),
        "{problem}"
    );
}

#[tokio::test]
async fn only_tagged_images_are_looked_through_for_a_newer_one() {
    let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let field = Field::new(CloudPlatform::Ecs, move |operation, request, _| {
        if operation == "DescribeImages" {
            heard.lock().unwrap().push(request.clone());
        }
    })
    .await;
    let owner = ImageOwner::Ecs { cluster: "default".to_owned(), service: "demo".to_owned() };
    assert_eq!(EcrFeed::new(field.clients().await, owner).poll().await.problem, None);
    let asked = asked.lock().unwrap();
    let [deployed, all] = &asked[..] else { panic!("{asked:?}") };
    assert!(deployed.get("imageIds").is_some() && deployed.get("filter").is_none(), "{deployed}");
    assert_eq!(all["filter"], json!({"tagStatus": "TAGGED"}));
}

#[tokio::test]
async fn a_period_that_began_before_the_session_speaks_of_its_rest_only() {
    let mut setup = Setup::new(CloudPlatform::AppRunner).await;
    let (_, _, id) = setup.app_runner().await;
    setup.clock = session(Duration::from_mins(5));
    let service = WatchedService::AppRunner { arn: "arn".to_owned(), name: "demo".to_owned(), id };
    let report = CloudWatchFeed::new(setup.clients().await, &service, Duration::from_mins(1)).poll().await;
    let active = report.events.iter().filter_map(|event| match event {
        SessionEvent::Observed(seen) if seen.basis == Basis::Active => Some(*seen),
        _ => None,
    });
    let active: Vec<_> = active.collect();
    assert_eq!(active[0].as_of, Elapsed::ZERO);
    assert_eq!(active[0].as_of + active[0].uncertainty, active[1].as_of, "it ends where the next one begins");
    assert!(active[0].uncertainty < Duration::from_mins(1) || active[1].as_of == Elapsed::from_secs(60), "{active:?}");
    assert!(active[1..].iter().all(|seen| seen.uncertainty == Duration::from_mins(1)), "{active:?}");
}
