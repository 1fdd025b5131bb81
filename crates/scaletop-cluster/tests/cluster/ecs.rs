//! The cluster as ECS: tasks with queues behind a load balancer, their health, and deployments.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use scaletop_cluster::wire::EmbeddedPlatform;
use scaletop_cluster::{Cluster, ClusterOptions, EndCause, Fault, Platform, SecondCounts};
use scaletop_units::RunClock;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, get};
use crate::{program, start, wait_for};

/// `count` tasks that do not scale.
async fn tasks(count: u32, at_a_time: u32, delay: Duration, time_scale: f64) -> Cluster {
    start(ClusterOptions {
        platform: Platform::Ecs,
        min_size: count,
        max_size: count,
        max_concurrency: at_a_time,
        delay,
        cold_start: Duration::ZERO,
        time_scale,
        ..ClusterOptions::default()
    })
    .await
}

fn sum(cluster: &Cluster, count: fn(&SecondCounts) -> u64) -> u64 {
    cluster.truth().seconds.iter().map(count).sum()
}

#[tokio::test]
async fn a_task_with_too_much_to_do_is_slow_and_refuses_nothing() {
    let delay = Duration::from_millis(150);
    let cluster = tasks(1, 2, delay, 1.0).await;
    let (addr, begun) = (cluster.addr(), Instant::now());
    let requests: Vec<_> = (0..10).map(|_| tokio::spawn(get(addr))).collect();
    for request in requests {
        assert_eq!(request.await.unwrap().status, 200);
    }
    assert!(begun.elapsed() >= delay * 5, "two at a time: {:?}", begun.elapsed());
    let task = &cluster.truth().instances[0];
    assert!(task.in_flight_peak > 2 && task.answered == 10, "{task:?}");
    wait_for("its second", || (sum(&cluster, |second| second.status_2xx) == 10).then_some(())).await;
    assert_eq!(sum(&cluster, |second| second.status_4xx + second.status_5xx), 0, "no 429");
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_task_works_on_what_a_client_no_longer_waits_for() {
    let cluster = tasks(1, 1, Duration::from_millis(400), 1.0).await;
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    let waiting = tokio::spawn(async move { client.get().await });
    wait_for("the request", || (cluster.view().in_flight == 1).then_some(())).await;
    waiting.abort();
    let next = get(cluster.addr()).await;
    assert_eq!(next.status, 200);
    let task = &cluster.truth().instances[0];
    assert_eq!(
        (task.admitted, task.in_flight_peak),
        (2, 2),
        "the second waited for the first, which nobody wanted any more"
    );
    wait_for("both seconds", || (sum(&cluster, |second| second.unanswered) == 1).then_some(())).await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_task_that_fails_its_checks_is_left_out_and_replaced() {
    // Checks every 30 ms, each with the patience of 5 s: two of them fail within ten.
    let cluster = tasks(2, 10, Duration::from_millis(5), 1_000.0).await;
    let sick = cluster.view().instances[0].id.clone();
    cluster.inject(Fault::Hang { instance: Some(sick.clone()) }, None).unwrap();
    let replaced = wait_for("the end of the sick task", || cluster.truth().instance(&sick)?.ended).await;
    assert_eq!(replaced.cause, EndCause::Unhealthy);
    let truth = cluster.truth();
    let change = &truth.health_changes[0];
    assert_eq!((&change.instance, change.failure.as_deref()), (&sick, Some("Request timed out")));
    let gone = truth.instance(&sick).unwrap();
    let heir = &truth.instances[2];
    assert!(heir.active.unwrap() <= gone.draining.unwrap(), "its heir serves before it goes: {gone:?} {heir:?}");
    for _ in 0..4 {
        assert_eq!(get(cluster.addr()).await.status, 200);
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_deployment_replaces_every_task_and_loses_nothing() {
    let cluster = tasks(2, 10, Duration::from_millis(5), 1.0).await;
    let error = cluster.inject(Fault::Deploy { tag: "v 2".to_owned() }, None).unwrap_err().to_string();
    assert!(error.contains("\"v 2\" is no image tag; choose"), "{error}");
    cluster.inject(Fault::Deploy { tag: "v2".to_owned() }, None).unwrap();
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    let deadline = Instant::now() + crate::DEADLINE;
    while cluster.truth().deployments.last().unwrap().completed.is_none() {
        assert_eq!(client.get().await.unwrap().status, 200);
        assert!(Instant::now() < deadline, "the deployment does not end");
    }
    let truth = cluster.truth();
    let lives: Vec<_> = truth.instances.iter().map(|it| (it.revision, it.ended.map(|ended| ended.cause))).collect();
    let (old, new) = ((1, Some(EndCause::Replaced)), (2, None));
    assert_eq!(lives, [old, old, new, new]);
    assert!(truth.instances[2].active.unwrap() <= truth.instances[1].draining.unwrap(), "never fewer than two");
    assert_eq!(truth.deployments[1].tag, "v2");
    cluster.shutdown().await;
}

/// What ECS' endpoint answers.
async fn ask(client: &mut Client, operation: &str, input: Value) -> Value {
    let (status, answer) = try_ask(client, operation, input).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn try_ask(client: &mut Client, operation: &str, input: Value) -> (u16, Value) {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=scaletop/20260101/us-east-1/ecs/aws4_request")
        .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
        .body(Full::new(Bytes::from(input.to_string())));
    let reply = client.send(request.unwrap()).await.unwrap();
    (reply.status, serde_json::from_str(&reply.body).unwrap())
}

#[tokio::test]
async fn what_the_page_on_the_cluster_says_is_missing_is_refused_or_left_out() {
    let page = include_str!("../../../../docs/embedded-cluster.md");
    let options = ClusterOptions { platform: Platform::Ecs, max_size: 1, ..ClusterOptions::default() };
    let platform = EmbeddedPlatform::start(options, Some(program()), RunClock::start(), 0).await.unwrap();
    let endpoint = platform.endpoints.endpoint_url();
    let mut client = Client::connect(endpoint.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let service = &ask(&mut client, "DescribeServices", json!({"services": ["demo"]})).await["services"][0];
    for field in ["loadBalancers", "currentServiceRevisions"] {
        assert!(service["deployments"].is_array() && service.get(field).is_none(), "{service}");
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
    for operation in ["DescribeServiceRevisions", "ListServiceDeployments", "DescribeServiceDeployments"] {
        let (status, answer) = try_ask(&mut client, operation, json!({"service": "demo"})).await;
        assert!(status == 404 && answer.to_string().contains("UnknownOperation"), "{operation}: {status} {answer}");
        assert!(page.contains(&format!("`{operation}`")), "{operation}");
    }
    let form = "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn";
    let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
    let reply = client.send(request.body(Full::from(form)).unwrap()).await.unwrap();
    assert!(reply.status == 400 && reply.body.contains("InvalidAction"), "{reply:?}");
    assert!(page.contains("`DescribeTargetHealth`"));
    platform.cluster.shutdown().await;
}

/// The status, rollout state and task definition's revision of each deployment of the service.
async fn deployments(client: &mut Client) -> Vec<[String; 2]> {
    let answer = ask(client, "DescribeServices", json!({"services": ["demo"]})).await;
    let deployments = answer["services"][0]["deployments"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    deployments.iter().map(|one| [text(&one["status"]), text(&one["rolloutState"])]).collect()
}

#[tokio::test]
async fn a_deployment_that_was_ordered_by_http_shows_two_revisions_and_then_stopped_tasks() {
    let options = ClusterOptions {
        platform: Platform::Ecs,
        max_size: 1,
        delay: Duration::from_millis(5),
        cold_start: Duration::from_secs(1),
        // A stopped task gives its network interface back in 12 ms.
        time_scale: 1_000.0,
        ..ClusterOptions::default()
    };
    let platform = EmbeddedPlatform::start(options, Some(program()), RunClock::start(), 0).await.unwrap();
    let endpoint = platform.endpoints.endpoint_url();
    let mut client = Client::connect(endpoint.trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let completed = |status: &str| [status.to_owned(), "COMPLETED".to_owned()];
    assert_eq!(deployments(&mut client).await, [completed("PRIMARY")]);
    let order = |text: &'static str| {
        Request::post("/_scaletop/control").header("content-type", "application/json").body(Full::from(text)).unwrap()
    };
    let reply = client.send(order(r#"{"cluster": {"fault": "deploy", "tag": "no tag"}}"#)).await.unwrap();
    assert!(reply.status == 409 && reply.body.contains("\"no tag\" is no image tag"), "{reply:?}");
    let reply = client.send(order(r#"{"cluster": {"fault": "deploy", "tag": "v2"}}"#)).await.unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, "done\n"));
    let rolling = [["PRIMARY".to_owned(), "IN_PROGRESS".to_owned()], completed("ACTIVE")];
    assert_eq!(deployments(&mut client).await, rolling, "its tasks need a second");
    let deadline = Instant::now() + crate::DEADLINE;
    while deployments(&mut client).await != [completed("PRIMARY")] {
        assert!(Instant::now() < deadline, "the deployment does not end");
    }

    let stopped = ask(&mut client, "ListTasks", json!({"serviceName": "demo", "desiredStatus": "STOPPED"})).await;
    let running = ask(&mut client, "ListTasks", json!({"serviceName": "demo"})).await;
    let tasks = json!([stopped["taskArns"][0], running["taskArns"][0]]);
    let described = ask(&mut client, "DescribeTasks", json!({"tasks": tasks})).await;
    let [old, new] = [&described["tasks"][0], &described["tasks"][1]];
    assert_eq!((&old["lastStatus"], &new["lastStatus"]), (&json!("STOPPED"), &json!("RUNNING")));
    assert_eq!(old["stopCode"], "ServiceSchedulerInitiated");
    let reason = old["stoppedReason"].as_str().unwrap();
    assert!(reason.starts_with("Scaling activity initiated by (deployment ecs-svc/"), "{reason}");
    assert_eq!(new["healthStatus"], "UNKNOWN", "no container health check is set");
    assert!(new["taskDefinitionArn"].as_str().unwrap().ends_with("/demo:2"), "{new}");
    assert!(new["containers"][0]["image"].as_str().unwrap().ends_with("/demo:v2"), "{new}");
    platform.cluster.shutdown().await;
}
