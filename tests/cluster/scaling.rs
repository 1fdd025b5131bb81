//! Instances come with the demand and go without it, and the truth says when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scaletop::cluster::truth::EndCause;
use scaletop::cluster::{Cluster, ClusterOptions};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::{start, start_fixed, wait_for};

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
    let sum = |count: fn(&scaletop::cluster::truth::SecondCounts) -> u64| truth.seconds.iter().map(count).sum::<u64>();
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
