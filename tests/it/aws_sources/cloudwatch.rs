//! CloudWatch: points, gaps and remarks.

use super::*;

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
