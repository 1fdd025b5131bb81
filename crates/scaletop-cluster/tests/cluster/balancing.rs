//! Who gets a request, and who is turned away.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use scaletop_cluster::ClusterOptions;
use scaletop_cluster::InstanceProgram;
use tokio::task::JoinSet;

use crate::client::{Client, get};
use crate::{program, start, start_fixed, try_start, wait_for};

#[tokio::test]
async fn the_first_instance_is_warm_and_says_who_it_is() {
    let cluster = start(ClusterOptions { seed: Some(7), ..ClusterOptions::default() }).await;
    let view = cluster.view();
    assert_eq!((view.active, view.starting, view.desired), (1, 0, 1));
    let reply = get(cluster.addr()).await;
    assert_eq!((reply.status, reply.instance.as_deref()), (200, Some(view.instances[0].id.as_str())));
    let truth = cluster.truth();
    let instance = &truth.instances[0];
    assert!(instance.started <= instance.listening.unwrap());
    assert!(instance.listening <= instance.active && instance.active <= instance.first_admitted);
    assert!(instance.first_answered.unwrap() >= instance.first_admitted.unwrap() + Duration::from_millis(80));
    assert_eq!(cluster.url(), format!("http://{}/api/test", cluster.addr()));
    cluster.shutdown().await;
}

#[tokio::test]
async fn what_finds_no_room_is_turned_away_at_once() {
    let cluster = start_fixed(2, 3, Duration::from_secs(2)).await;
    let addr = cluster.addr();
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(Client::connect(addr).await.unwrap());
    }
    let mut replies = JoinSet::new();
    for mut client in clients {
        replies.spawn(async move { client.get().await.unwrap() });
    }
    let mut in_order = Vec::new();
    while let Some(reply) = replies.join_next().await {
        in_order.push(reply.unwrap());
    }
    let statuses: Vec<_> = in_order.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [429, 429, 429, 429, 200, 200, 200, 200, 200, 200], "nobody waits for a place");
    assert!(in_order[0].instance.is_none(), "a 429 is not an instance's");
    let mut shares = BTreeMap::new();
    in_order.iter().filter_map(|reply| reply.instance.clone()).for_each(|id| *shares.entry(id).or_insert(0) += 1);
    assert_eq!(shares.into_values().collect::<Vec<_>>(), [3, 3]);
    let truth = cluster.truth();
    assert_eq!((truth.rejections.len(), truth.rejections[0].count), (1, 4));
    assert!(truth.instances.iter().all(|instance| instance.in_flight_peak == 3 && instance.answered == 3));
    cluster.shutdown().await;
}

#[tokio::test]
async fn one_client_reaches_every_instance_over_one_connection() {
    let cluster = start_fixed(3, 10, Duration::from_millis(1)).await;
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    let mut shares = BTreeMap::new();
    for _ in 0..9 {
        *shares.entry(client.get().await.unwrap().instance).or_insert(0) += 1;
    }
    assert_eq!(shares.into_values().collect::<Vec<_>>(), [3, 3, 3]);
    cluster.shutdown().await;
}

#[tokio::test]
async fn bodies_paths_and_errors_pass_and_connection_headers_do_not() {
    let cluster = start_fixed(1, 10, Duration::from_millis(1)).await;
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    let post = Request::post("/api/test?delay=3").body(Full::new(Bytes::from(vec![b'x'; 100_000]))).unwrap();
    let reply = client.send(post).await.unwrap();
    assert_eq!((reply.status, reply.body.trim_end()), (200, "ok after 3 ms"));
    let missing = Request::get("/nowhere").header("connection", "x-private").header("x-private", "1");
    assert_eq!(client.send(missing.body(Full::default()).unwrap()).await.unwrap().status, 404);
    let last = Request::get("/api/test").header("connection", "close").body(Full::default()).unwrap();
    assert_eq!(client.send(last).await.unwrap().status, 200);
    assert!(client.get().await.is_err(), "the client's wish to close is the balancer's to grant");
    assert_eq!(get(cluster.addr()).await.status, 200);
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    let cluster = start_fixed(1, 1, Duration::from_secs(30)).await;
    let mut client = Client::connect(cluster.addr()).await.unwrap();
    let waiting = tokio::spawn(async move { client.get().await });
    wait_for("the request", || (cluster.view().in_flight == 1).then_some(())).await;
    waiting.abort();
    wait_for("the place", || (cluster.view().in_flight == 0).then_some(())).await;
    let mut next = Client::connect(cluster.addr()).await.unwrap();
    let quick = Request::get("/api/test?delay=0").body(Full::default()).unwrap();
    assert_eq!(next.send(quick).await.unwrap().status, 200, "the only place there is");
    wait_for("its second", || cluster.truth().seconds.iter().any(|second| second.unanswered == 1).then_some(())).await;
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_port_in_use_is_named_and_so_is_a_program_that_cannot_be_an_instance() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = ClusterOptions { port, ..ClusterOptions::default() };
    let error = try_start(options, program()).await.unwrap_err().to_string();
    assert!(error.contains(&format!("port {port} on 127.0.0.1 is in use; choose another --cluster-port")), "{error}");

    let nowhere = InstanceProgram::new("/nowhere/scaletop", []);
    let error = try_start(ClusterOptions::default(), nowhere).await.unwrap_err().to_string();
    assert!(error.contains("cannot start an instance with `/nowhere/scaletop`"), "{error}");

    let options = ClusterOptions { min_size: 9, ..ClusterOptions::default() };
    let error = try_start(options, program()).await.unwrap_err().to_string();
    assert!(error.contains("--min-size 9 does not fit --max-size 5"), "{error}");
}
