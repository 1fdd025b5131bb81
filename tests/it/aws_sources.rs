//! The sources through the official SDK crates, against the embedded cluster's endpoints over a cloud of fixed numbers
//! (`support/cloud.rs`) and against recorded bytes. The crates swallow wrong answers: every assertion is on values.
#![expect(clippy::float_cmp, reason = "the values are exact")]

use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use scaletop::SessionEvent;
use scaletop::demo_cloud;
use scaletop::{Basis, InstanceObservation, Limits, SourceErrorKind};
use scaletop::{Cloud, CloudOptions, WatchedService, resolve};
use scaletop::{Milestone, MilestoneKind};
use scaletop::{
    sources::AppRunnerFeed, sources::CloudFeed, sources::CloudWatchFeed, sources::EcrFeed, sources::EcsFeed,
    sources::EcsScalingFeed, sources::EcsTasksFeed, sources::ImageOwner, sources::PollReport,
};
use scaletop_cluster::wire::{CloudPlatform, FaultRule, Task, WireFault};
use scaletop_units::{Elapsed, RunClock};
use tokio::time::Instant;

use crate::support::canned;
use crate::support::cloud::{Setup, session};
use crate::support::fixed_cloud::{REGION, unix_now};

const MINUTE: Duration = Duration::from_mins(1);

/// The App Runner service `demo`, with this id.
fn demo(id: impl Into<String>) -> WatchedService {
    WatchedService::AppRunner { arn: String::new(), name: "demo".to_owned(), id: id.into() }
}

fn observed(report: &PollReport) -> Vec<InstanceObservation> {
    let seen = |event: &SessionEvent| if let SessionEvent::Observed(seen) = event { Some(*seen) } else { None };
    report.events.iter().filter_map(seen).collect()
}

fn milestones(report: &PollReport) -> Vec<Milestone> {
    let seen = |event: &SessionEvent| if let SessionEvent::Milestone(seen) = event { Some(seen.clone()) } else { None };
    report.events.iter().filter_map(seen).collect()
}

fn kind(report: &PollReport) -> Option<SourceErrorKind> {
    report.problem.as_ref().map(|problem| problem.kind)
}

// Targets

#[tokio::test]
async fn a_name_is_found_on_whichever_page_it_stands() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let demo = setup.resolve("apprunner:demo").await.expect("the first");
    assert_eq!(demo.url.as_str(), "http://127.0.0.1:8123/");
    assert!(
        matches!(demo.service, Some(WatchedService::AppRunner { ref name, ref id, .. }) if name == "demo" && id.len() == 32)
    );
    let last = setup.resolve("apprunner:other-23").await.expect("the last of 25, on the second page");
    assert_eq!(last.url.as_str(), format!("https://other-23.{REGION}.awsapprunner.com/"));
    assert_eq!(setup.server.calls("ListServices"), 3);
    let by_arn = setup.app_runner().await.1;
    assert_eq!(setup.resolve(&by_arn).await.expect("by ARN").url, demo.url);
}

#[tokio::test]
async fn a_name_beyond_the_bound_of_the_listing_is_said_to_be_one() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    setup.cloud.snapshot.lock().unwrap().neighbours = (0..1_200).map(|n| format!("other-{n:04}")).collect();
    assert!(setup.resolve("apprunner:other-0980").await.is_ok(), "on the fiftieth page");
    let error = setup.resolve("apprunner:other-1100").await.expect_err("too far").to_string();
    assert!(error.contains("more than 1000 services in eu-west-1") && error.contains("by its ARN"), "{error}");
    assert!(setup.server.calls("ListServices") <= 50 + 51, "it stops");
}

#[tokio::test]
async fn a_name_that_is_not_there_is_answered_with_those_that_are() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let error = setup.resolve("apprunner:nope").await.expect_err("not there").to_string();
    assert!(error.contains("no service nope in eu-west-1 (it has demo, other-00,"), "{error}");
    let elsewhere = CloudOptions { region: Some("us-west-2".to_owned()), ..setup.options.clone() };
    let error =
        resolve(&"apprunner:demo".parse().unwrap(), None, &elsewhere, setup.clock).await.expect_err("elsewhere");
    assert!(error.to_string().contains("in us-west-2 (it has none there)"), "{error}");
}

#[tokio::test]
async fn an_express_service_says_its_url() {
    let setup = Setup::new(CloudPlatform::Ecs).await;
    let found = setup.resolve("ecs:default/demo").await.expect("it is there");
    assert_eq!(found.url.as_str(), "http://127.0.0.1:8123/");
    assert!(matches!(found.service, Some(WatchedService::Ecs { is_express: true, .. })));
    let absent = setup.resolve("ecs:default/absent").await.expect_err("not there").to_string();
    assert!(absent.contains("it has demo, other-00"), "{absent}");
    let cluster = setup.resolve("ecs:elsewhere/demo").await.expect_err("no such cluster").to_string();
    assert!(cluster.contains("ClusterNotFoundException"), "{cluster}");
}

// App Runner

#[tokio::test]
async fn app_runner_tells_status_size_and_limits() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, _) = setup.app_runner().await;
    let mut feed = AppRunnerFeed::new(cloud, arn);
    let report = feed.poll().await;
    assert_eq!(report.problem, None);
    assert_eq!(report.limits(), Some(Limits { min: Some(1), max: Some(5), concurrency: Some(10) }));
    assert_eq!(report.fact("status"), Some("RUNNING"));
    assert_eq!(report.fact("instance_size"), Some("256 CPU, 512 MB"));
    assert_eq!(report.fact("operation"), Some("CREATE_SERVICE SUCCEEDED"));
    assert_eq!(feed.poll().await, PollReport::default(), "what has not changed is not told again");
    assert_eq!(setup.server.calls("DescribeAutoScalingConfiguration"), 1, "limits are asked for once a minute");
}

#[tokio::test]
async fn a_paused_service_an_operation_and_an_unknown_status_are_problems_that_pass() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, _) = setup.app_runner().await;
    let mut feed = AppRunnerFeed::new(cloud, arn.clone());
    for (status, kind, part) in [
        ("PAUSED", SourceErrorKind::NotFound, format!("aws apprunner resume-service --service-arn {arn}")),
        ("DELETED", SourceErrorKind::NotFound, "has been deleted".to_owned()),
        ("OPERATION_IN_PROGRESS", SourceErrorKind::Unavailable, "instances may be doubled".to_owned()),
        ("FROZEN", SourceErrorKind::BadAnswer, "the status FROZEN".to_owned()),
    ] {
        setup.server.override_with(|overrides| overrides.status = Some(status.to_owned()));
        let report = feed.poll().await;
        let problem = report.problem.clone().expect(status);
        assert_eq!(problem.kind, kind, "{status}");
        assert!(problem.to_string().contains(&part), "{problem}");
        assert_eq!(report.fact("status"), Some(status));
    }
    setup.server.clear();
    assert_eq!(feed.poll().await.problem, None);
}

// CloudWatch

#[tokio::test]
async fn every_point_has_the_value_of_its_minute_at_its_own_time() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, _, id) = setup.app_runner().await;
    let started = setup.clock.started_unix_micros() as f64 / 1e6;
    let mut feed = CloudWatchFeed::new(cloud, &demo(id), MINUTE);
    let report = feed.poll().await;
    assert_eq!(report.problem, None);
    let seen = observed(&report);
    // Ten minutes are read, the last two are not published, the one before them is growing.
    assert!((7..=9).contains(&seen.len()), "{seen:?}");
    for one in &seen {
        let minute = ((started + one.as_of.as_secs_f64()) / 60.0).round();
        assert!(((started + one.as_of.as_secs_f64()) - minute * 60.0).abs() < 3.0, "on the minute: {one:?}");
        assert_eq!(f64::from(one.count), minute % 5.0 + 1.0);
        assert_eq!((one.basis, one.uncertainty), (Basis::Active, MINUTE));
    }
    let provisional: Vec<bool> = seen.iter().map(|one| one.provisional).collect();
    assert!(provisional.last().is_some_and(|last| *last) && !provisional[0], "{provisional:?}");
    assert_eq!(report.fact("platform_requests_per_s"), Some("20.0"));
    assert_eq!(report.fact("platform_2xx_per_s"), Some("18.0"));
    assert_eq!(report.fact("platform_4xx_per_s"), Some("1.0"));
    assert_eq!(report.fact("platform_5xx_per_s"), Some("1.0"));
    assert_eq!(report.fact("platform_latency_ms"), Some("80.0"));
    assert_eq!(report.fact("platform_concurrency"), Some("7.0"));
    assert_eq!(report.fact("memory_percent"), None, "a gap, not a zero");
    assert_eq!(setup.server.calls("GetMetricData"), 1, "one call for all");
    let again = observed(&feed.poll().await);
    assert!(again.len() <= 2, "only what changed is told again: {again:?}");
}

#[tokio::test]
async fn points_that_come_in_pages_are_the_same_points() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, _, id) = setup.app_runner().await;
    setup.fault(WireFault::Partial, "GetMetricData");
    let paged = CloudWatchFeed::new(cloud.clone(), &demo(&*id), MINUTE).poll().await;
    assert!(setup.server.calls("GetMetricData") >= 2);
    setup.server.clear();
    let whole = CloudWatchFeed::new(cloud, &demo(id), MINUTE).poll().await;
    assert_eq!(kind(&paged), None);
    // The newest point may have grown meanwhile.
    let settled = |report: &PollReport| {
        observed(report)
            .into_iter()
            .filter(|one| !one.provisional)
            .map(|one| (one.as_of.second() / 60, one.count))
            .collect::<Vec<_>>()
    };
    assert_eq!(settled(&paged), settled(&whole));
    assert!(settled(&whole).len() >= 4);
}

#[tokio::test]
async fn empty_series_are_gaps_and_no_error() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let cloud = setup.clients().await;
    let report = CloudWatchFeed::new(cloud, &demo("0".repeat(32)), MINUTE).poll().await;
    assert_eq!(report.problem, None);
    assert_eq!(observed(&report), []);
    // After 20 minutes without a point, the log says what may be wrong, once.
    assert!(matches!(&report.events[..], [SessionEvent::Notice(notice)] if notice.text.contains("ServiceName=demo")));
}

#[tokio::test]
async fn a_recorded_answer_is_read_to_the_number() {
    let body = concat!(
        "a2714d657472696344617461526573756c747381a5624964626d30654c6162656c6f416374697665496e7374616e6365736a54696d657374616d707382",
        "c11a6955b900c1fb41da556e4f0000006656616c75657382fb3ff0000000000000fb40080000000000006a537461747573436f646568436f6d706c657465684d6573736167657380",
    );
    let body = (0..body.len()).step_by(2).map(|at| u8::from_str_radix(&body[at..at + 2], 16).expect("hex")).collect();
    let (address, server) = canned::serve("200 OK", "content-type: application/cbor\r\n", body).await;
    // A minute before the first of the two points.
    let clock = RunClock::anchored(Instant::now(), (1_767_225_600 - 60) * 1_000_000);
    let cloud = Cloud::connect(&demo_cloud(format!("http://{address}")), clock).await;
    let report = CloudWatchFeed::new(cloud, &demo("0".repeat(32)), MINUTE).poll().await;
    server.abort();
    assert_eq!(report.problem, None);
    let point = |count, secs| InstanceObservation {
        basis: Basis::Active,
        count,
        as_of: Elapsed::from_secs(secs),
        uncertainty: MINUTE,
        provisional: true,
    };
    assert_eq!(observed(&report), [point(1, 60), point(3, 120)]);
}

#[tokio::test]
async fn a_status_code_and_the_remarks_of_cloudwatch_are_told_and_points_are_kept() {
    use ciborium::Value;
    let text = |text: &str| Value::Text(text.to_owned());
    let remark = |code: &str, value: &str| Value::Map(vec![(text("Code"), text(code)), (text("Value"), text(value))]);
    let time = Value::Tag(1, Box::new(Value::Integer(1_767_225_600.into())));
    let result = Value::Map(vec![
        (text("Id"), text("m0")),
        (text("Label"), text("ActiveInstances")),
        (text("Timestamps"), Value::Array(vec![time])),
        (text("Values"), Value::Array(vec![Value::Float(2.0)])),
        (text("StatusCode"), text("Lukewarm")),
        (text("Messages"), Value::Array(vec![remark("ArithmeticError", "One or more data-points have been dropped")])),
    ]);
    let mut body = Vec::new();
    let answer = Value::Map(vec![
        (text("MetricDataResults"), Value::Array(vec![result])),
        (text("Messages"), Value::Array(vec![remark("MaxMetricsExceeded", "only the first 500 were read")])),
    ]);
    ciborium::into_writer(&answer, &mut body).unwrap();
    let (address, server) = canned::serve("200 OK", "content-type: application/cbor\r\n", body).await;
    let clock = RunClock::anchored(Instant::now(), 1_767_225_600 * 1_000_000);
    let cloud = Cloud::connect(&demo_cloud(format!("http://{address}")), clock).await;
    let report = CloudWatchFeed::new(cloud, &demo("0".repeat(32)), MINUTE).poll().await;
    server.abort();
    assert_eq!(kind(&report), Some(SourceErrorKind::BadAnswer));
    let problem = &report.problem.as_ref().unwrap().message;
    assert!(problem.contains("Lukewarm for ActiveInstances (ArithmeticError: One or more"), "{problem}");
    let remarks = report.events.iter().find_map(|event| match event {
        SessionEvent::Notice(notice) if notice.text.starts_with("CloudWatch remarks: ") => Some(notice.text.as_str()),
        _ => None,
    });
    let remarks = remarks.expect("told");
    assert!(remarks.contains("MaxMetricsExceeded: only the first 500"), "{remarks}");
    assert_eq!(observed(&report).iter().map(|one| one.count).collect::<Vec<_>>(), [2]);
}

// ECS

#[tokio::test]
async fn ecs_counts_what_runs_waits_and_is_wanted_and_tells_changes() {
    let setup = Setup::new(CloudPlatform::Ecs).await;
    let mut feed = EcsFeed::new(setup.clients().await, "default", "demo");
    let counts = |report: &PollReport| observed(report).iter().map(|one| (one.basis, one.count)).collect::<Vec<_>>();
    let first = feed.poll().await;
    assert_eq!(first.problem, None);
    assert_eq!(counts(&first), [(Basis::Desired, 3), (Basis::Running, 2), (Basis::Pending, 1)]);
    assert_eq!(first.fact("deployment"), Some("COMPLETED"));
    let told: Vec<_> = first.events.iter().filter(|event| matches!(event, SessionEvent::Notice(_))).collect();
    assert_eq!(told.len(), 1, "the event of this session, not the older one: {told:?}");
    assert_eq!(counts(&feed.poll().await), []);
    {
        let mut snapshot = setup.cloud.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        (snapshot.running, snapshot.pending) = (3, 0);
    }
    assert_eq!(counts(&feed.poll().await), [(Basis::Running, 3), (Basis::Pending, 0)]);
    setup.server.override_with(|overrides| overrides.status = Some("INACTIVE".to_owned()));
    assert_eq!(kind(&feed.poll().await), Some(SourceErrorKind::NotFound));
    let missing = EcsFeed::new(setup.clients().await, "default", "absent").poll().await;
    assert!(
        missing.problem.expect("missing").to_string().contains("no service absent on the cluster default (MISSING)")
    );
}

#[tokio::test]
async fn ecs_tells_limits_policy_alarms_and_decisions_with_their_causes() {
    let mut setup = Setup::new(CloudPlatform::Ecs).await;
    // Created an hour ago: the alarm after 900 s, decisions after 901 and 3,594 s, a change not made after 1,800 s.
    setup.clock = session(55 * MINUTE);
    let created = setup.cloud.snapshot.lock().unwrap().created;
    let mut feed = EcsScalingFeed::new(setup.clients().await, "default", "demo");
    let report = feed.poll().await;
    assert_eq!(report.problem, None);
    assert_eq!(report.limits(), Some(Limits { min: Some(1), max: Some(5), concurrency: None }));
    let policy = report.fact("scaling_policy").expect("a policy");
    assert_eq!(policy, "ECSServiceAverageCPUUtilization at 60, cooldown 300 s out, 300 s in");
    let started = setup.clock.started_unix_micros() as f64 / 1e6;
    let mut seen = milestones(&report);
    seen.sort_by_key(|milestone| milestone.as_of);
    let found: Vec<_> = seen
        .iter()
        .map(|milestone| (milestone.kind, (started + milestone.as_of.as_secs_f64() - created).round()))
        .collect();
    // The skew is known to a second or two at best, and taken for zero below that.
    let expected = [
        (MilestoneKind::Alarm, 900.0),
        (MilestoneKind::Decision, 901.0),
        (MilestoneKind::NotScaled, 1_800.0),
        (MilestoneKind::Decision, 3_594.0),
    ];
    assert_eq!(found, expected);
    assert!(seen[1].detail.contains("Setting desired count to 2. monitor alarm demo-AlarmHigh in state ALARM"));
    assert!(seen[2].detail.contains("AlreadyAtMaxCapacity (2, least 1, most 5)"), "{}", seen[2].detail);
    assert_eq!(seen[0].subject, "demo-AlarmHigh");
    assert_eq!(milestones(&feed.poll().await), [], "told once");
}

#[tokio::test]
async fn ecs_tells_the_lives_of_tasks_as_it_times_them() {
    let mut setup = Setup::new(CloudPlatform::Ecs).await;
    setup.clock = session(50 * MINUTE);
    let created = setup.cloud.snapshot.lock().unwrap().created;
    let mut feed = EcsTasksFeed::new(setup.clients().await, "default", "demo");
    let started = setup.clock.started_unix_micros() as f64 / 1e6;
    let first = feed.poll().await;
    assert_eq!(first.problem, None);
    // Seconds after the start of the emulated cluster; none for what is told at the moment of asking.
    let times = |report: &PollReport| {
        milestones(report)
            .into_iter()
            .map(|seen| {
                let timed = seen.kind != MilestoneKind::HealthUnknown;
                let secs = timed.then(|| (started + seen.as_of.as_secs_f64() - created).round());
                (seen.kind, seen.subject[..2].to_owned(), secs)
            })
            .collect::<Vec<_>>()
    };
    let at = |kind, task: &str, secs| (kind, task.to_owned(), secs);
    let expected = [
        at(MilestoneKind::TaskCreated, "0b", Some(905.0)),
        at(MilestoneKind::ImagePulled, "0b", Some(913.0)),
        at(MilestoneKind::TaskStarted, "0b", Some(913.0)),
        at(MilestoneKind::TaskCreated, "0c", Some(3_595.0)),
        // No container has a health check: nobody knows of those that run.
        at(MilestoneKind::HealthUnknown, "0a", None),
        at(MilestoneKind::HealthUnknown, "0b", None),
    ];
    assert_eq!(times(&first), expected, "of the task from before the session only that its health is not known");
    setup.cloud.snapshot.lock().unwrap().tasks[2].healthy = Some(unix_now());
    assert_eq!(milestones(&feed.poll().await), [], "without a container health check ECS knows no health");
}

#[tokio::test]
async fn ecs_tells_of_health_where_the_container_is_checked() {
    let mut setup = Setup::new(CloudPlatform::Ecs).await;
    setup.clock = session(50 * MINUTE);
    setup.cloud.snapshot.lock().unwrap().has_container_check = true;
    let mut feed = EcsTasksFeed::new(setup.clients().await, "default", "demo");
    let first: Vec<_> = milestones(&feed.poll().await).iter().map(|seen| seen.kind).collect();
    assert!(!first.contains(&MilestoneKind::TaskHealthy), "since when is not known: {first:?}");
    setup.cloud.snapshot.lock().unwrap().tasks[2].healthy = Some(unix_now());
    let kinds: Vec<_> = milestones(&feed.poll().await).iter().map(|seen| seen.kind).collect();
    assert_eq!(kinds, [MilestoneKind::TaskHealthy]);
}

#[tokio::test]
async fn tasks_on_every_page_are_told_of_up_to_a_bound_that_is_said() {
    let mut setup = Setup::new(CloudPlatform::Ecs).await;
    setup.clock = session(50 * MINUTE);
    let with_tasks = |count: usize| {
        let mut snapshot = setup.cloud.snapshot.lock().unwrap();
        let one = snapshot.tasks[1].clone();
        snapshot.tasks = (0..count).map(|n| Task { id: format!("{n:032x}"), ..one.clone() }).collect();
    };
    let created =
        |report: &PollReport| milestones(report).iter().filter(|seen| seen.kind == MilestoneKind::TaskCreated).count();
    let notices = |report: &PollReport| {
        report.events.iter().filter(|event| matches!(event, SessionEvent::Notice(_))).cloned().collect::<Vec<_>>()
    };
    with_tasks(130);
    let mut feed = EcsTasksFeed::new(setup.clients().await, "default", "demo");
    let report = feed.poll().await;
    assert_eq!((created(&report), report.problem.clone(), notices(&report)), (130, None, Vec::new()));
    // Two pages of those that run, one of those that have stopped.
    assert_eq!((setup.server.calls("ListTasks"), setup.server.calls("DescribeTasks")), (3, 2));
    with_tasks(620);
    let report = feed.poll().await;
    assert_eq!(created(&report), 500 - 130);
    assert!(matches!(&notices(&report)[..], [SessionEvent::Notice(said)] if said.text.contains("more than 500 tasks")));
    assert_eq!(notices(&feed.poll().await), [], "once");
    // The image of the newest task, on the last page.
    let owner = ImageOwner::Ecs { cluster: "default".to_owned(), service: "demo".to_owned() };
    let report = EcrFeed::new(setup.clients().await, owner).poll().await;
    assert_eq!(report.fact("image"), Some("demo:v1"));
}

// ECR

#[tokio::test]
async fn the_deployed_image_is_told_and_a_newer_one_that_waits() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, _) = setup.app_runner().await;
    let mut feed = EcrFeed::new(cloud, ImageOwner::AppRunner { arn });
    let first = feed.poll().await;
    assert_eq!(first.problem, None);
    assert_eq!(first.fact("image"), Some("demo:v1"));
    assert_eq!(first.fact("image_digest").map(str::len), Some("sha256:".len() + 12));
    assert!(first.fact("image_pushed").expect("a time").ends_with(" UTC"));
    assert_eq!(first.fact("image_newer"), Some("none"));
    setup.server.override_with(|overrides| overrides.pushed.push(("v2".to_owned(), unix_now())));
    let news = feed.poll().await;
    let newer = news.fact("image_newer").expect("news");
    assert!(newer.starts_with("v2, pushed ") && newer.ends_with(" waits to be deployed"), "{newer}");
    // More images than a page of 100 holds; the newest comes last.
    let now = unix_now();
    let more = (0..150).map(|n| (format!("v{}", n + 3), now + f64::from(n)));
    setup.server.override_with(|overrides| overrides.pushed.extend(more));
    let news = feed.poll().await;
    let newer = news.fact("image_newer").expect("news");
    assert!(newer.starts_with("v152, pushed "), "{newer}");
    let ecs = Setup::new(CloudPlatform::Ecs).await;
    let owner = ImageOwner::Ecs { cluster: "default".to_owned(), service: "demo".to_owned() };
    let report = EcrFeed::new(ecs.clients().await, owner).poll().await;
    assert_eq!((report.problem.clone(), report.fact("image")), (None, Some("demo:v1")));
    let public = ImageOwner::Image { name: "public.ecr.aws/x/hello:latest".to_owned() };
    let report = EcrFeed::new(ecs.clients().await, public).poll().await;
    assert!(report.fact("image_newer").expect("said").starts_with("unknown"));
}

// Trouble

#[tokio::test]
async fn every_kind_of_trouble_has_its_reason_and_remedy_and_passes() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, id) = setup.app_runner().await;
    for (fault, kind, part) in [
        (WireFault::Throttle, SourceErrorKind::Throttled, "backing off"),
        (WireFault::ExpiredToken, SourceErrorKind::Credentials, "sign in again"),
        (WireFault::UnknownKey, SourceErrorKind::Credentials, "sign in again"),
        (WireFault::AccessDenied, SourceErrorKind::AccessDenied, "the role needs "),
        (WireFault::ServerError, SourceErrorKind::Unreachable, "asking again"),
        (WireFault::Garbage, SourceErrorKind::BadAnswer, "speaks for AWS"),
    ] {
        setup.server.inject(FaultRule { fault, operation: None, times: None });
        let metrics = CloudWatchFeed::new(cloud.clone(), &demo(&*id), MINUTE).poll().await;
        let status = AppRunnerFeed::new(cloud.clone(), &arn).poll().await;
        let image = EcrFeed::new(cloud.clone(), ImageOwner::AppRunner { arn: arn.clone() }).poll().await;
        let ecs = EcsFeed::new(cloud.clone(), "default", "demo").poll().await;
        for (source, report) in [("metrics", metrics), ("status", status), ("image", image), ("ecs", ecs)] {
            let problem = report.problem.unwrap_or_else(|| panic!("{source}: {fault:?} went unnoticed"));
            assert_eq!(problem.kind, kind, "{source}: {problem}");
            assert!(problem.remedy.contains(part), "{source}: {problem}");
            assert_eq!(report.events, [], "{source}: nothing is made up");
        }
        setup.server.clear();
    }
    assert_eq!(AppRunnerFeed::new(cloud, arn).poll().await.problem, None);
}

#[tokio::test]
async fn the_missing_permission_is_named_and_what_is_allowed_still_comes() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, _) = setup.app_runner().await;
    setup.fault(WireFault::AccessDenied, "ListOperations");
    let report = AppRunnerFeed::new(cloud, arn).poll().await;
    let problem = report.problem.clone().expect("denied");
    assert!(problem.remedy.contains("the role needs apprunner:ListOperations"), "{problem}");
    assert!(report.limits().is_some(), "the limits are allowed");
    setup.server.clear();
    setup.fault(WireFault::ClosedToNewCustomers, "ListServices");
    let closed = setup.resolve("apprunner:demo").await.expect_err("closed").to_string();
    assert!(closed.contains("closed to new customers since 2026-04-30"), "{closed}");
}

#[tokio::test]
async fn an_endpoint_that_hangs_or_is_not_there_is_unreachable() {
    let mut setup = Setup::new(CloudPlatform::AppRunner).await;
    let (_, arn, _) = setup.app_runner().await;
    setup.fault(WireFault::Hang, "DescribeService");
    setup.options.patience = Some(Duration::from_millis(300));
    let report = AppRunnerFeed::new(setup.clients().await, &arn).poll().await;
    assert_eq!(kind(&report), Some(SourceErrorKind::Unreachable));
    assert!(report.problem.unwrap().message.contains("did not answer in time"));
    let endpoint = setup.server.endpoint_url();
    drop(setup.server);
    let options = CloudOptions { patience: Some(Duration::from_secs(5)), ..demo_cloud(endpoint.clone()) };
    // The port was released a moment ago: wait for the refusal, whatever the machine is doing.
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let report = AppRunnerFeed::new(Cloud::connect(&options, setup.clock).await, &arn).poll().await;
        let problem = report.problem.expect("nobody is there");
        if problem.message.contains("cannot reach") {
            assert!(problem.remedy.contains(&endpoint), "{problem}");
            break;
        }
        assert!(Instant::now() < deadline, "{problem}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_seen_corrected_and_named() {
    let setup = Setup::new(CloudPlatform::AppRunner).await;
    let (cloud, arn, _) = setup.app_runner().await;
    assert_eq!(cloud.skew().secs(), Some(0.0), "whole seconds tell no difference");
    setup.server.skew_clock(900);
    assert_eq!(AppRunnerFeed::new(cloud.clone(), &arn).poll().await.problem, None);
    let skew = cloud.skew().secs().expect("known");
    assert!((skew - 900.0).abs() < 2.0, "{skew}");
    // What the cloud says happened now by its clock happened now by ours.
    let at = |unix: f64| Timestamp::from_duration(SignedDuration::from_secs_f64(unix)).expect("a time");
    let now = cloud.skew().elapsed(at(unix_now() + skew)).expect("in the session");
    assert!((now.as_secs_f64() - setup.clock.now().as_secs_f64()).abs() < 1.0);
    assert_eq!(cloud.skew().elapsed(at(unix_now() + skew - 21.0 * 60.0)), None, "before the session");
    setup.fault(WireFault::UnknownKey, "DescribeService");
    let problem = AppRunnerFeed::new(cloud, arn).poll().await.problem.expect("refused");
    assert!(problem.remedy.contains("set this machine's clock"), "{problem}");
}

#[tokio::test]
async fn without_a_region_the_remedy_is_to_name_one() {
    // An empty profile file and no environment: the chain finds nothing. Run in a process of its own would be purer; the
    // options alone decide here, since a named region wins over everything.
    let options = CloudOptions { keys: Some(("a".to_owned(), "b".to_owned())), ..CloudOptions::default() };
    let cloud = Cloud::connect(&options, session(MINUTE)).await;
    if cloud.region().is_none() {
        let problem = EcsFeed::new(cloud, "default", "demo").poll().await.problem.expect("no region");
        assert!(problem.remedy.contains("--region"), "{problem}");
    }
}
