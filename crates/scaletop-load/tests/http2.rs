//! HTTP/2 against services with few streams, that refuse streams and that go away; real sockets, counts only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::{Builder, SendResponse};
use http::Response;
use scaletop_load::{
    CohortPart, Connections, HttpFactory, LoadConfig, OutcomeKind, Prepared, RateProfile, RequestOptions, Second,
};
use scaletop_units::{ArrivalRate, RunClock};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How a service treats its streams.
#[derive(Clone, Copy)]
struct Manner {
    /// Streams that it allows at a time.
    streams: u32,
    /// How long each takes.
    delay: Duration,
    /// Every so many-th stream is refused.
    refuses: Option<usize>,
    /// After so many streams a connection goes away.
    leaves: Option<usize>,
}

const PLAIN: Manner = Manner { streams: 100, delay: Duration::from_millis(5), refuses: None, leaves: None };

/// A service on a free port; dropping it closes everything.
struct Service {
    address: SocketAddr,
    answered: Arc<AtomicUsize>,
    /// The most streams at a time on any connection.
    most: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Service {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (answered, most, seen) = (Arc::default(), Arc::default(), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&answered), Arc::clone(&most));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answered, most) = counts.clone();
                connections.spawn(serve(stream, manner, answered, most, Arc::clone(&seen)));
            }
        });
        Self { address, answered, most, _tasks: tasks }
    }

    fn options(&self) -> RequestOptions {
        let url = format!("http://{}/", self.address).parse().expect("a URL");
        RequestOptions { http2: true, ..RequestOptions::get(url) }
    }
}

async fn serve(
    stream: TcpStream,
    manner: Manner,
    answered: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    seen: Arc<AtomicUsize>,
) {
    let Ok(mut connection) = Builder::new().max_concurrent_streams(manner.streams).handshake::<_, Bytes>(stream).await
    else {
        return;
    };
    let (mut mine, busy) = (0, Arc::new(AtomicUsize::new(0)));
    let mut streams = JoinSet::new();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        mine += 1;
        let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
        if manner.refuses.is_some_and(|every| number.is_multiple_of(every)) {
            respond.send_reset(Reason::REFUSED_STREAM);
            continue;
        }
        most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        streams.spawn(answer(respond, manner.delay, Arc::clone(&answered), Arc::clone(&busy)));
        if manner.leaves == Some(mine) {
            connection.graceful_shutdown();
        }
    }
}

async fn answer(mut respond: SendResponse<Bytes>, delay: Duration, answered: Arc<AtomicUsize>, busy: Arc<AtomicUsize>) {
    tokio::time::sleep(delay).await;
    busy.fetch_sub(1, Ordering::SeqCst);
    if let Ok(mut body) = respond.send_response(Response::new(()), false)
        && body.send_data(Bytes::from_static(b"ok"), true).is_ok()
    {
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Drives `rate` a second for `secs` seconds: what was counted, and what the connections did.
async fn drive(service: &Service, rate: u32, secs: u64) -> (CohortPart, Connections) {
    drive_with(&service.options(), rate, secs).await
}

async fn drive_with(options: &RequestOptions, rate: u32, secs: u64) -> (CohortPart, Connections) {
    let factory = HttpFactory::new(options).expect("usable options");
    let clock = RunClock::start();
    let prepared = Prepared::new(LoadConfig::default(), vec![factory]).await.expect("threads");
    let mut running = prepared.start(clock).expect("threads");
    let (start, span) = (clock.now(), Duration::from_secs(secs));
    running.handle.set(start, RateProfile::Constant(ArrivalRate::new(rate)));
    running.handle.set(start + span, RateProfile::PAUSED);
    let mut all = Second::new(0, ArrivalRate::PAUSED);
    let mut end = start;
    while end <= start + span {
        let second = running.seconds.recv().await.expect("running");
        end = second.end();
        all.merge(&Second { index: 0, ..second });
    }
    running.handle.drain(Duration::from_secs(30)).await;
    running.handle.stop();
    while let Some(second) = running.seconds.recv().await {
        all.merge(&Second { index: 0, ..second });
    }
    (all.total(), all.connections)
}

#[tokio::test]
async fn as_many_connections_are_opened_as_streams_are_needed_and_none_carries_more_than_the_service_allows() {
    let manner = Manner { streams: 4, delay: Duration::from_millis(400), ..PLAIN };
    let service = Service::start(manner).await;
    let (total, connections) = drive(&service, 50, 2).await;
    assert_eq!(total.outcomes.get(OutcomeKind::Ok), 100);
    assert_eq!(service.most.load(Ordering::SeqCst), 4);
    // 20 at a time, 4 on each: five, and what a noisy machine adds.
    assert!((5..=12).contains(&connections.opened), "{}", connections.opened);
    assert_eq!(connections.opened_http2, connections.opened);
}

#[tokio::test]
async fn without_keep_alive_every_request_has_a_connection_of_its_own() {
    let service = Service::start(Manner { delay: Duration::from_millis(100), ..PLAIN }).await;
    let options = RequestOptions { keep_alive: false, ..service.options() };
    let (total, connections) = drive_with(&options, 50, 2).await;
    assert_eq!((total.outcomes.get(OutcomeKind::Ok), connections.closed_requests), (100, connections.closed));
    assert_eq!((connections.closed, service.most.load(Ordering::SeqCst)), (100, 1));
}

#[tokio::test]
async fn a_stream_that_was_refused_unprocessed_is_sent_once_more_and_counted_apart() {
    let service = Service::start(Manner { refuses: Some(10), ..PLAIN }).await;
    let (total, connections) = drive(&service, 50, 2).await;
    assert_eq!((total.outcomes.get(OutcomeKind::Ok), service.answered.load(Ordering::SeqCst)), (100, 100));
    // Of 100 and those sent again, every tenth: 11.
    assert_eq!(connections.retried_on_refusal, 11);
}

#[tokio::test]
async fn a_service_that_refuses_everything_is_asked_twice_and_no_more() {
    let service = Service::start(Manner { refuses: Some(1), ..PLAIN }).await;
    let (total, connections) = drive(&service, 20, 1).await;
    assert_eq!((total.outcomes.get(OutcomeKind::Reset), connections.retried_on_refusal), (20, 20));
}

#[tokio::test]
async fn a_connection_that_goes_away_drains_and_nothing_is_lost() {
    let service = Service::start(Manner { leaves: Some(15), delay: Duration::from_millis(60), ..PLAIN }).await;
    let (total, connections) = drive(&service, 100, 2).await;
    assert_eq!((total.outcomes.get(OutcomeKind::Ok), service.answered.load(Ordering::SeqCst)), (200, 200));
    assert!(connections.opened >= 8, "{}", connections.opened);
}
