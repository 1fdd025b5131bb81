//! Finding a service, and what it says of itself.

use super::*;

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
