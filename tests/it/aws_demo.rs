//! The demo's way to its numbers, whole: a real cluster, its AWS endpoints, the official SDK crates, the sources; held
//! against the cluster's truth.
//!
//! Real time and real processes: every wait is for a condition, with a deadline that only a broken cluster meets. The load is
//! a dozen connections for a few seconds, to loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scaletop::SessionEvent;
use scaletop::{Basis, Feed, InstanceObservation, Limits};
use scaletop::{CloudOptions, resolve, sources};
use scaletop::{Milestone, MilestoneKind};
use scaletop::{demo_cloud, demo_target};
use scaletop_cluster::InstanceProgram;
use scaletop_cluster::wire::EmbeddedPlatform;
use scaletop_cluster::{ClusterOptions, Platform};
use scaletop_units::{Elapsed, RunClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::turn;

const DEADLINE: Duration = Duration::from_mins(1);

struct Demo {
    platform: EmbeddedPlatform,
    events: mpsc::Receiver<SessionEvent>,
    _feeds: JoinSet<()>,
    load: JoinSet<()>,
    goes_on: Arc<AtomicBool>,
}

impl Demo {
    async fn start(options: ClusterOptions) -> Self {
        let clock = RunClock::start();
        let grain = options.metric_grain();
        let target = demo_target(options.platform);
        let program = InstanceProgram::at(env!("CARGO_BIN_EXE_scaletop"));
        let platform = EmbeddedPlatform::start(options, Some(program), clock, 0).await.expect("it starts");
        let embedded = demo_cloud(platform.endpoints.endpoint_url());
        let found = resolve(&target, None, &embedded, clock).await.expect("the demo is there");
        assert_eq!(found.url.port(), Some(platform.cluster.addr().port()), "requests go to the balancer");
        let (tx, events) = mpsc::channel(1_024);
        let feeds = sources::start(&found.service.expect("a service"), &found.cloud.expect("clients"), grain, &tx);
        Self { platform, events, _feeds: feeds, load: JoinSet::new(), goes_on: Arc::new(AtomicBool::new(true)) }
    }

    /// `connections` clients that ask, wait for the answer and ask again.
    fn load(&mut self, connections: usize) {
        for _ in 0..connections {
            let (address, goes_on) = (self.platform.cluster.addr(), Arc::clone(&self.goes_on));
            self.load.spawn(async move {
                while goes_on.load(Ordering::Relaxed) {
                    let Ok(mut stream) = TcpStream::connect(address).await else { return };
                    let request = "GET /api/test HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n";
                    let mut answer = Vec::new();
                    let _ = stream.write_all(request.as_bytes()).await;
                    let _ = stream.read_to_end(&mut answer).await;
                }
            });
        }
    }

    /// The first thing that `wanted` makes something of.
    async fn wait_for<T>(&mut self, what: &str, mut wanted: impl FnMut(&SessionEvent) -> Option<T>) -> T {
        let found = timeout(DEADLINE, async {
            loop {
                let event = self.events.recv().await.expect("the sources go on");
                if let SessionEvent::Feed { feed: Feed::Failed { error } | Feed::Stale { error, .. }, source } = &event
                {
                    panic!("{source}: {error}");
                }
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {what} within {DEADLINE:?}"))
    }

    async fn stop(mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        self.load.shutdown().await;
        self.platform.cluster.shutdown().await;
    }
}

fn settled_active(event: &SessionEvent) -> Option<InstanceObservation> {
    match event {
        // A period that began before the session speaks of its rest only: one that lies in it whole is wanted.
        SessionEvent::Observed(seen)
            if seen.basis == Basis::Active && !seen.provisional && seen.count > 1 && seen.as_of > Elapsed::ZERO =>
        {
            Some(*seen)
        }
        _ => None,
    }
}

#[tokio::test]
async fn the_demos_active_count_comes_through_cloudwatch_late_and_right() {
    let _turn = turn();
    let options = ClusterOptions {
        time_scale: 10.0,
        max_size: 3,
        max_concurrency: 4,
        cold_start: Duration::from_millis(300),
        ..ClusterOptions::default()
    };
    let mut demo = Demo::start(options).await;
    let limits = demo.wait_for("limits", |event| match event {
        SessionEvent::Limits(limits) => Some(*limits),
        _ => None,
    });
    assert_eq!(limits.await, Limits { min: Some(1), max: Some(3), concurrency: Some(4) });
    demo.load(10);
    let seen = demo.wait_for("settled count of more than one", settled_active).await;
    // The point of one second, as the balancer knows it.
    let seconds = demo.platform.cluster.truth().seconds;
    let near = |second: u32| seconds.iter().find(|known| known.index == second).map(|known| known.serving);
    let second = seen.as_of.second();
    // The unix second of a point and the session's second begin at different moments: it covers parts of two.
    let known: Vec<u32> = [second, second + 1].into_iter().filter_map(near).collect();
    assert!(known.contains(&seen.count), "{seen:?} against {known:?}");
    assert_eq!(seen.uncertainty, Duration::from_secs(1));
    demo.stop().await;
}

#[tokio::test]
async fn on_ecs_a_scale_out_leaves_its_alarm_its_decision_and_its_tasks() {
    let _turn = turn();
    let options = ClusterOptions {
        platform: Platform::Ecs,
        time_scale: 60.0,
        max_size: 3,
        max_concurrency: 4,
        cold_start: Duration::from_millis(300),
        ..ClusterOptions::default()
    };
    let first = |seen: &[Milestone], kind| {
        let of_kind = seen.iter().filter(|milestone| milestone.kind == kind);
        of_kind.min_by_key(|milestone| milestone.as_of).cloned()
    };
    let complete = |seen: &[Milestone]| {
        let started = seen.iter().filter(|milestone| milestone.kind == MilestoneKind::TaskStarted).count();
        // More than the first task: the life of one that the decision started.
        started > 1 && [MilestoneKind::Alarm, MilestoneKind::Decision].iter().all(|kind| first(seen, *kind).is_some())
    };
    // Alarms are asked for every ten seconds, and have a clock that runs sixty times as fast: one that has gone off twice
    // meanwhile is told of with its later time, and their order is looked at in another session.
    let mut again = 2;
    let (mut demo, decision) = loop {
        let mut demo = Demo::start(options).await;
        demo.load(8);
        let mut seen: Vec<Milestone> = Vec::new();
        demo.wait_for("complete scale-out", |event| {
            if let SessionEvent::Milestone(milestone) = event {
                seen.push(milestone.clone());
            }
            complete(&seen).then_some(())
        })
        .await;
        let alarm = first(&seen, MilestoneKind::Alarm).expect("complete");
        let decision = first(&seen, MilestoneKind::Decision).expect("complete");
        if alarm.as_of <= decision.as_of {
            break (demo, decision);
        }
        assert!(again > 0, "never in order: {alarm:?} {decision:?}");
        again -= 1;
        demo.stop().await;
    };
    assert!(decision.detail.contains("AlarmHigh in state ALARM triggered policy cpu-target-tracking"), "{decision:?}");
    // What the API says is what the cluster did, to the tenth of a second between two looks of the scaler.
    let truth = demo.platform.cluster.truth();
    let known = truth.decisions.iter().map(|known| known.at.as_secs_f64());
    let nearest = known.map(|at| (at - decision.as_of.as_secs_f64()).abs()).fold(f64::INFINITY, f64::min);
    assert!(nearest < 0.6, "{nearest} s from the cluster's own decision");
    let running = demo.wait_for("more than one running", |event| match event {
        SessionEvent::Observed(seen) if seen.basis == Basis::Running && seen.count > 1 => Some(seen.count),
        _ => None,
    });
    assert!(running.await <= 3);
    demo.stop().await;
}

#[tokio::test]
async fn the_exports_are_what_another_terminal_needs() {
    let program = InstanceProgram::at(env!("CARGO_BIN_EXE_scaletop"));
    let clock = RunClock::start();
    let platform =
        EmbeddedPlatform::start(ClusterOptions::default(), Some(program), clock, 0).await.expect("it starts");
    let exports: std::collections::BTreeMap<_, _> = platform.exports().into_iter().collect();
    assert_eq!(exports["SCALETOP_TARGET"], "apprunner:demo");
    assert_eq!(exports["SCALETOP_URL"], platform.cluster.url());
    let options = CloudOptions {
        region: Some(exports["AWS_REGION"].clone()),
        endpoint_url: Some(exports["AWS_ENDPOINT_URL"].clone()),
        keys: Some((exports["AWS_ACCESS_KEY_ID"].clone(), exports["AWS_SECRET_ACCESS_KEY"].clone())),
        ..CloudOptions::default()
    };
    let target = exports["SCALETOP_TARGET"].parse().expect("a target");
    let found = resolve(&target, None, &options, clock).await.expect("resolved");
    assert_eq!(found.url.port(), Some(platform.cluster.addr().port()));
    platform.cluster.shutdown().await;
}
