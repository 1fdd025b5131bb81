//! Instances come with the demand and go without it, and the truth says when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use scaletop_cluster::EndCause;
use scaletop_cluster::{Cluster, ClusterOptions, ClusterParts};
use scaletop_cluster::{ObservedLoad, Scaler};
use scaletop_units::Elapsed;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::Client;
use crate::{program, start, start_fixed, wait_for};

/// Wants what it is told to want.
struct Told(Arc<AtomicU32>);

impl Scaler for Told {
    fn tick(&mut self, _now: Elapsed, _demand: &ObservedLoad) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn cause(&self) -> String {
        "told so".to_owned()
    }
}

/// Clients that ask again as soon as they are answered (after a breath when turned away) until told to stop.
struct Crowd {
    enough: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Crowd {
    fn of(count: usize, cluster: &Cluster) -> Self {
        let (addr, enough) = (cluster.addr(), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for _ in 0..count {
            let enough = Arc::clone(&enough);
            clients.spawn(async move {
                let mut client = Client::connect(addr).await.unwrap();
                while !enough.load(Ordering::Relaxed) {
                    if client.get().await.unwrap().status != 200 {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            });
        }
        Self { enough, clients }
    }

    async fn leave(self) {
        self.enough.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
    }
}

#[tokio::test]
async fn a_spike_brings_every_instance_and_silence_takes_them_away() {
    let cold_start = Duration::from_secs(1);
    let scale_in_after = Duration::from_secs(2);
    let cluster = start(ClusterOptions { cold_start, scale_in_after, ..ClusterOptions::default() }).await;
    let crowd = Crowd::of(60, &cluster);
    wait_for("five instances at work", || {
        let at_work = cluster.truth().instances.iter().filter(|it| it.first_answered.is_some()).count();
        (at_work == 5).then_some(())
    })
    .await;
    let view = cluster.view();
    assert_eq!((view.active, view.desired, view.running()), (5, 5, 5));
    crowd.leave().await;
    wait_for("one instance", || (cluster.view().running() == 1).then_some(())).await;

    let truth = cluster.truth();
    assert_eq!(truth.instances.len(), 5, "never more than the maximum, none replaced");
    for instance in &truth.instances[1..] {
        assert!(instance.active.unwrap() >= instance.started + cold_start, "no requests during the cold start");
        assert!(instance.first_admitted.unwrap() >= instance.active.unwrap());
        assert_eq!(instance.ended.unwrap().cause, EndCause::ScaledIn);
        assert_eq!(instance.admitted, instance.answered, "scaling in loses nothing");
        assert!(instance.in_flight_peak <= 10);
    }
    assert_eq!(truth.instances[0].ended, None, "the oldest stays");
    let last_start = truth.instances[4].started;
    assert!(last_start < truth.instances[1].active.unwrap() + Duration::from_secs(2), "they start in parallel");
    let first_rejection = truth.rejections[0].began;
    assert!(truth.decisions[0].at >= first_rejection && truth.decisions[0].from == 1, "{:?}", truth.decisions);
    assert!(truth.decisions[0].cause.contains("concurrent requests wanted"), "{:?}", truth.decisions);
    assert!(truth.rejections.iter().all(|spell| spell.over));
    assert_eq!(truth.peak_active(), 5);
    let sum = |count: fn(&scaletop_cluster::SecondCounts) -> u64| truth.seconds.iter().map(count).sum::<u64>();
    assert_eq!((sum(|s| s.status_5xx), sum(|s| s.unanswered)), (0, 0));
    assert_eq!(sum(|s| s.requests), sum(|s| s.admitted + s.rejected));
    assert_eq!(sum(|s| s.status_2xx), truth.instances.iter().map(|it| it.answered).sum::<u64>());
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_killed_instance_is_replaced_after_a_cold_start() {
    let cold_start = Duration::from_millis(300);
    let cluster = start(ClusterOptions { cold_start, ..ClusterOptions::default() }).await;
    let killed = cluster.kill_one().unwrap();
    assert_eq!(cluster.view().active, 0);
    let refused = crate::client::get(cluster.addr()).await;
    assert_eq!((refused.status, refused.instance), (503, None), "nobody is there");
    assert!(cluster.kill_one().unwrap_err().to_string().contains("no instance is active"));
    wait_for("a replacement", || (cluster.view().active == 1).then_some(())).await;
    let truth = cluster.truth();
    let (old, new) = (&truth.instances[0], &truth.instances[1]);
    assert_eq!((&old.id, old.ended.unwrap().cause), (&killed, EndCause::Killed));
    assert!(new.active.unwrap() >= old.ended.unwrap().at + cold_start);
    assert_eq!(crate::client::get(cluster.addr()).await.instance.as_deref(), Some(new.id.as_str()));
    cluster.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn an_instance_that_dies_by_itself_is_noticed_and_replaced() {
    let cold_start = Duration::ZERO;
    let cluster = start(ClusterOptions { cold_start, ..ClusterOptions::default() }).await;
    let pid = cluster.view().instances[0].pid.unwrap();
    crate::children::kill(pid);
    wait_for("its replacement", || {
        let view = cluster.view();
        (view.active == 1 && view.instances[0].pid != Some(pid)).then_some(())
    })
    .await;
    assert_eq!(cluster.truth().instances[0].ended.unwrap().cause, EndCause::Died);
    assert_eq!(crate::client::get(cluster.addr()).await.status, 200);
    cluster.shutdown().await;
}

#[tokio::test]
async fn enough_instances_stay_as_they_are() {
    let cluster = start_fixed(2, 10, Duration::from_millis(20)).await;
    let crowd = Crowd::of(20, &cluster);
    wait_for("three busy seconds", || {
        let busy = cluster.truth().seconds.iter().filter(|second| second.status_2xx > 0).count();
        (busy >= 3).then_some(())
    })
    .await;
    crowd.leave().await;
    let truth = cluster.truth();
    assert_eq!((truth.decisions.len(), truth.rejections.len(), truth.instances.len()), (0, 0, 2));
    let full = &truth.seconds[truth.seconds.len() - 2];
    assert!(full.cpu_percent.unwrap() > 50.0 && full.serving == 2, "{full:?}");
    cluster.shutdown().await;
}

#[tokio::test]
async fn an_instance_that_is_not_needed_finishes_what_it_has() {
    let wanted = Arc::new(AtomicU32::new(99));
    let options = ClusterOptions { max_size: 2, cold_start: Duration::ZERO, ..ClusterOptions::default() };
    let scaler = Box::new(Told(Arc::clone(&wanted)));
    let parts = ClusterParts { options, anchor: Instant::now(), program: program(), scaler };
    let cluster = Cluster::assemble(parts).await.unwrap();
    wait_for("as many as there may be", || (cluster.view().active == 2).then_some(())).await;
    let addr = cluster.addr();
    let mut long = JoinSet::new();
    for _ in 0..2 {
        long.spawn(async move {
            let request = Request::get("/api/test?delay=3s").body(Full::<Bytes>::default()).unwrap();
            Client::connect(addr).await.unwrap().send(request).await.unwrap().status
        });
    }
    wait_for("both at work", || cluster.view().instances.iter().all(|it| it.in_flight == 1).then_some(())).await;
    wanted.store(0, Ordering::Relaxed);
    wait_for("one that drains", || (cluster.view().draining == 1).then_some(())).await;
    assert_eq!(crate::client::get(addr).await.instance.as_deref(), Some(cluster.view().instances[0].id.as_str()));
    assert_eq!(long.join_all().await, [200, 200]);
    wait_for("its end", || (cluster.view().running() == 1).then_some(())).await;
    let truth = cluster.truth();
    let (oldest, newest) = (&truth.instances[0], &truth.instances[1]);
    assert_eq!((oldest.ended, newest.ended.unwrap().cause, newest.answered), (None, EndCause::ScaledIn, 1));
    let decisions: Vec<_> = truth.decisions.iter().map(|it| (it.from, it.to, it.cause.as_str())).collect();
    assert_eq!(decisions, [(1, 2, "told so"), (2, 1, "told so")], "clamped to the bounds");
    cluster.shutdown().await;
}
