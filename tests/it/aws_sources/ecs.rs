//! ECS: counts, changes, limits and the lives of tasks.

use super::*;

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
