//! Faults on request.

use std::time::Duration;

use scaletop_cluster::{Cluster, ClusterOptions, Fault};
use scaletop_units::InstanceId;
use tokio::time::Instant;

use crate::client::{Client, get};
use crate::{start, start_fixed, wait_for};

const DELAY: Duration = Duration::from_millis(5);

/// Two instances and the id of the first.
async fn two() -> (Cluster, InstanceId) {
    let cluster = start_fixed(2, 10, DELAY).await;
    let first = cluster.view().instances[0].id.clone();
    (cluster, first)
}

#[tokio::test]
async fn a_kill_by_name_hits_that_instance_and_ends_its_requests_in_502() {
    let options = ClusterOptions { min_size: 2, delay: Duration::from_secs(30), ..ClusterOptions::default() };
    let cluster = start(options).await;
    let victim = cluster.view().instances[1].id.clone();
    let addr = cluster.addr();
    let waiting: Vec<_> = (0..2).map(|_| tokio::spawn(get(addr))).collect();
    wait_for("both at work", || cluster.view().instances.iter().all(|it| it.in_flight == 1).then_some(())).await;
    cluster.inject(Fault::Kill { instance: Some(victim.clone()) }, None).unwrap();
    let finished = wait_for("one answer", || waiting.iter().position(tokio::task::JoinHandle::is_finished)).await;
    let mut waiting = waiting;
    let reply = waiting.remove(finished).await.unwrap();
    assert!(reply.status == 502 && reply.body.contains(victim.as_str()), "{reply:?}");
    assert!(!waiting[0].is_finished(), "the other instance works on");
    let error = cluster.inject(Fault::Kill { instance: Some(victim.clone()) }, None).unwrap_err().to_string();
    assert!(error.contains(&format!("no instance is called {victim}; the living ones are: i-")), "{error}");
    waiting[0].abort();
    cluster.shutdown().await;
}

#[tokio::test]
async fn slow_instances_answer_later_until_healed() {
    let (cluster, first) = two().await;
    let extra = Duration::from_millis(400);
    cluster.inject(Fault::Slow { instance: Some(first.clone()), extra }, None).unwrap();
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    for _ in 0..4 {
        let begun = Instant::now();
        let reply = client.get().await.unwrap();
        if reply.instance.as_deref() == Some(first.as_str()) {
            assert!(begun.elapsed() >= DELAY + extra, "{:?}", begun.elapsed());
        }
    }
    let truth = cluster.truth();
    let slowest = |id: &InstanceId| truth.instance(id).unwrap().admitted;
    assert_eq!(slowest(&first), 2, "the slow one gets its share of an idle service's requests");
    assert_eq!(cluster.faults(), [Fault::Slow { instance: Some(first), extra }]);
    cluster.heal();
    assert_eq!(cluster.faults(), []);
    cluster.shutdown().await;
}

#[tokio::test]
async fn hanging_requests_are_taken_and_answered_only_when_healed() {
    let cluster = start_fixed(1, 2, DELAY).await;
    cluster.inject(Fault::Hang { instance: None }, None).unwrap();
    let addr = cluster.addr();
    let hanging: Vec<_> = (0..2).map(|_| tokio::spawn(get(addr))).collect();
    wait_for("both taken", || (cluster.view().in_flight == 2).then_some(())).await;
    assert_eq!(get(addr).await.status, 429, "hanging requests take places");
    assert!(hanging.iter().all(|request| !request.is_finished()));
    cluster.heal();
    for request in hanging {
        assert_eq!(request.await.unwrap().status, 200);
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn refused_connections_are_refused_and_open_ones_closed_until_the_time_is_over() {
    let cluster = start_fixed(1, 10, DELAY).await;
    let mut open = Client::connect(cluster.addr()).await.unwrap();
    open.get().await.unwrap();
    cluster.inject(Fault::Refuse, Some(Duration::from_secs(2))).unwrap();
    let error = open.get().await.unwrap_err();
    assert!(error.is_incomplete_message() || error.is_closed() || error.is_canceled(), "{error:?}");
    // The listener closes a moment later than the fault begins.
    let mut refused = false;
    let deadline = Instant::now() + Duration::from_secs(2);
    while !refused && Instant::now() < deadline {
        let outcome = Client::connect(cluster.addr()).await;
        refused = outcome.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
    }
    assert!(refused);
    let mut reply = None;
    while reply.is_none() {
        assert!(Instant::now() < deadline + crate::DEADLINE);
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Ok(mut client) = Client::connect(cluster.addr()).await {
            reply = client.get().await.ok();
        }
    }
    assert_eq!(reply.unwrap().status, 200, "the same port answers again");
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_share_of_answers_is_503() {
    let (cluster, _) = two().await;
    cluster.inject(Fault::Unavailable { share: 0.5 }, None).unwrap();
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    let mut unavailable = 0;
    for _ in 0..200 {
        let reply = client.get().await.unwrap();
        assert!(reply.status == 200 || (reply.status == 503 && reply.instance.is_none()), "{reply:?}");
        unavailable += u32::from(reply.status == 503);
    }
    // Six standard deviations: one run in a billion fails by chance.
    assert!((58..=142).contains(&unavailable), "{unavailable} of 200");
    let wrong = cluster.inject(Fault::Unavailable { share: f64::NAN }, None).unwrap_err().to_string();
    assert!(wrong.contains("choose 0 to 1"), "{wrong}");
    cluster.shutdown().await;
}
