//! Trouble: what it is called, and that it passes.

use super::*;

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
