//! Our own connections against services that misbehave, in real time: what is asserted are counts and connections, never
//! milliseconds, so that a slow machine fails nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scaletop_load::{LoadConfig, OutcomeKind, Phase, RequestOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use drive::{End, Outcome, drive, drive_stages, drive_until, ok};

#[path = "support/drive.rs"]
mod drive;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A service on a free port that does `each` with every connection; dropping it closes everything.
struct Service {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Service {
    async fn start<F: Future<Output = ()> + Send + 'static>(
        each: impl Fn(TcpStream, Arc<AtomicUsize>) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (accepted, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, read) = (Arc::clone(&accepted), Arc::clone(&requests));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(each(stream, Arc::clone(&read)));
            }
        });
        Self { address, accepted, requests, _tasks: tasks }
    }

    fn options(&self) -> RequestOptions {
        RequestOptions::get(format!("http://{}/", self.address).parse().expect("a URL"))
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Reads one request without a body; whether there was one.
async fn read_request(stream: &mut TcpStream, requests: &AtomicUsize) -> bool {
    let (mut head, mut chunk) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => head.extend_from_slice(&chunk[..read]),
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    true
}

#[tokio::test]
async fn a_request_that_meets_the_close_of_its_connection_is_sent_once_more_and_counted_apart() {
    // Serves two requests, takes a third and closes as if it had not: what a server's idle timeout looks like to us.
    let service = Service::start(async |mut stream, requests| {
        for _ in 0..2 {
            if !read_request(&mut stream, &requests).await || stream.write_all(OK).await.is_err() {
                return;
            }
        }
        let mut one = [0; 1];
        let _ = stream.read(&mut one).await;
    })
    .await;
    let outcome = drive(&service.options(), LoadConfig::default(), 20, 2).await;
    assert_eq!((outcome.total.due, ok(&outcome)), (40, 40));
    assert_eq!(outcome.connections.retried_on_close, 19, "one for each connection but the last");
    assert_eq!(service.requests(), 40, "none was answered twice");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_not_used() {
    let service = Service::start(async |mut stream, requests| {
        if read_request(&mut stream, &requests).await {
            let _ = stream.write_all(OK).await;
        }
    })
    .await;
    let outcome = drive(&service.options(), LoadConfig::default(), 10, 2).await;
    assert_eq!((ok(&outcome), outcome.connections.retried_on_close), (20, 0));
    assert_eq!(outcome.connections.opened, 20);
}

#[tokio::test]
async fn a_service_that_closes_under_every_request_is_charged_with_it() {
    let service = Service::start(async |mut stream, requests| {
        read_request(&mut stream, &requests).await;
    })
    .await;
    let outcome = drive(&service.options(), LoadConfig::default(), 20, 1).await;
    assert_eq!(
        (outcome.total.outcomes.get(OutcomeKind::Reset), service.requests()),
        (20, 20),
        "and nothing is sent again"
    );
    let failure = &outcome.failures[0];
    assert_eq!((failure.kind, failure.phase, failure.count), (OutcomeKind::Reset, Some(Phase::Answer), 20));
    assert_eq!(failure.cause, "the service closed the connection without an answer");
}

#[tokio::test]
async fn connections_opened_beforehand_keep_to_the_cap_and_are_counted() {
    let service =
        Service::start(
            async |mut stream, requests| {
                while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
            },
        )
        .await;
    let config = LoadConfig { warm: 50, max_connections: 5, ..LoadConfig::default() };
    let outcome = drive(&service.options(), config, 20, 1).await;
    assert_eq!((service.accepted(), ok(&outcome)), (5, 20));
    assert_eq!((outcome.connections.opened, outcome.connections.connect.count()), (5, 5));
}

#[tokio::test]
async fn a_request_that_must_not_be_processed_twice_is_not_sent_again() {
    // Reads every third request of a connection and closes without an answer, as a crash does.
    let service = Service::start(async |mut stream, requests| {
        for _ in 0..2 {
            if !read_request(&mut stream, &requests).await || stream.write_all(OK).await.is_err() {
                return;
            }
        }
        read_request(&mut stream, &requests).await;
    })
    .await;
    let options = RequestOptions { method: http::Method::POST, ..service.options() };
    let outcome = drive(&options, LoadConfig::default(), 30, 2).await;
    assert_eq!((service.requests(), outcome.connections.retried_on_close), (60, 0));
    assert_eq!(outcome.total.outcomes.get(OutcomeKind::Reset), 20);
}

#[tokio::test]
async fn a_service_that_serves_one_connection_at_a_time_is_not_starved_by_idle_ones() {
    let turn = Arc::new(Mutex::new(()));
    let service = Service::start(move |mut stream, requests| {
        let turn = Arc::clone(&turn);
        async move {
            let _served = turn.lock().await;
            while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
        }
    })
    .await;
    let outcome = drive(&service.options(), LoadConfig::default(), 5, 3).await;
    assert_eq!((ok(&outcome), outcome.connections.opened), (15, 1));
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_was_sent_is_taken() {
    let service = Service::start(async |mut stream, requests| {
        if read_request(&mut stream, &requests).await {
            let _ = stream
                .write_all(b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    })
    .await;
    let mut options = service.options();
    options.method = http::Method::POST;
    options.body = Some(vec![0; 5_000_000].into());
    let outcome = drive(&options, LoadConfig::default(), 4, 2).await;
    assert_eq!(outcome.total.outcomes.get(OutcomeKind::Http4xx), 8, "{:?}", outcome.failures);
}

#[tokio::test]
async fn a_service_that_hangs_gets_a_connection_for_every_arrival_and_none_beyond_the_cap() {
    let hangs = || {
        Service::start(async |mut stream, requests: Arc<AtomicUsize>| {
            read_request(&mut stream, &requests).await;
            std::future::pending::<()>().await;
        })
    };
    let open = hangs().await;
    let mut options = open.options();
    options.timeout = Duration::from_millis(1_500);
    let outcome = drive(&options, LoadConfig::default(), 200, 2).await;
    assert_eq!((outcome.total.sent, outcome.total.dropped()), (400, 0), "the model stays open");
    assert_eq!(open.requests(), 400);
    assert_eq!(outcome.total.outcomes.get(OutcomeKind::Timeout), 400);

    let capped = hangs().await;
    let config = LoadConfig { max_connections: 20, max_in_flight: 100, ..LoadConfig::default() };
    let outcome =
        drive(&RequestOptions { timeout: Duration::from_millis(1_500), ..capped.options() }, config, 200, 2).await;
    assert!(capped.accepted() >= 20, "{}", capped.accepted());
    assert!(outcome.open <= 20, "{}", outcome.open);
    assert_eq!(outcome.total.due, outcome.total.sent + outcome.total.dropped());
    assert!(outcome.total.dropped_connections > 0, "the connections are the reason");
}

#[tokio::test]
async fn a_service_that_stalls_gets_the_connections_that_its_own_requests_need_and_no_more() {
    let service = Service::start(async |mut stream, requests: Arc<AtomicUsize>| {
        while read_request(&mut stream, &requests).await {
            if (100..200).contains(&requests.load(Ordering::SeqCst)) {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if stream.write_all(OK).await.is_err() {
                return;
            }
        }
    })
    .await;
    let outcome = drive(&service.options(), LoadConfig::default(), 200, 3).await;
    assert_eq!(ok(&outcome), outcome.total.sent);
    // A hundred requests wait for a second each: as many connections, and what a noisy machine adds.
    assert!(service.accepted() <= 200, "{} connections", service.accepted());
}

#[tokio::test]
async fn every_arrival_ends_in_one_column_however_the_run_ends() {
    let sum = |end: End, outcome: Outcome| {
        let total = outcome.total;
        assert_eq!(total.due, total.sent + total.dropped(), "{end:?}");
        assert_eq!(total.sent, total.outcomes.total() + outcome.in_flight, "{end:?}");
        (total, outcome.in_flight)
    };
    let hangs = Service::start(async |mut stream, requests: Arc<AtomicUsize>| {
        read_request(&mut stream, &requests).await;
        std::future::pending::<()>().await;
    })
    .await;
    let options = RequestOptions { timeout: Duration::from_millis(500), ..hangs.options() };
    let config = LoadConfig { max_connections: 5, ..LoadConfig::default() };
    let stages = [(100, 1)];
    let (total, _) = sum(End::Stop, drive_until(&options, config.clone(), &stages, End::Stop).await);
    assert!(total.dropped_connections > 0, "what waited for a connection was never sent");
    let (_, in_flight) = sum(End::Drain, drive_until(&options, config, &stages, End::Drain).await);
    assert_eq!(in_flight, 0);
    let answers =
        Service::start(
            async |mut stream, requests| {
                while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
            },
        )
        .await;
    let (total, _) = sum(End::Drain, drive_until(&answers.options(), LoadConfig::default(), &stages, End::Drain).await);
    assert_eq!((total.due, total.outcomes.get(OutcomeKind::Ok)), (100, 100));
    // In the midst of far too much.
    let outcome = drive_until(&answers.options(), LoadConfig::default(), &[(300_000, 1)], End::Stop).await;
    let (total, _) = sum(End::Stop, outcome);
    assert!(total.due >= 290_000, "{}", total.due);
}

#[tokio::test]
async fn far_more_than_the_machine_can_do_opens_few_connections_and_everything_is_counted() {
    let service =
        Service::start(
            async |mut stream, requests| {
                while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
            },
        )
        .await;
    let config = LoadConfig { max_in_flight: 2_000, ..LoadConfig::default() };
    let outcome = drive(&service.options(), config, 300_000, 2).await;
    assert!(outcome.total.due >= 590_000, "{}", outcome.total.due);
    assert_eq!(outcome.total.due, outcome.total.sent + outcome.total.dropped());
    assert_eq!((outcome.total.sent, outcome.total.outcomes.failed()), (ok(&outcome), 0));
    assert!(service.accepted() <= 1_000, "{} connections", service.accepted());
}

#[tokio::test]
async fn when_the_rate_goes_back_after_far_too_much_nothing_is_dropped_and_nothing_opened_any_more() {
    let service =
        Service::start(
            async |mut stream, requests| {
                while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
            },
        )
        .await;
    let config = LoadConfig { max_in_flight: 2_000, ..LoadConfig::default() };
    let outcome = drive_stages(&service.options(), config, &[(300_000, 2), (100, 5)]).await;
    assert_eq!((outcome.total.sent, outcome.total.outcomes.failed()), (ok(&outcome), 0));
    assert!(outcome.total.dropped() > 0, "it was too much");
    let whole: Vec<_> = outcome.seconds.iter().filter(|second| second.target.get() == 100).collect();
    let last = whole[whole.len() - 2];
    let dropped = last.total().dropped();
    assert_eq!((dropped, last.total().due, last.connections.opened), (0, 100, 0));
    assert!(service.accepted() <= 1_000, "{} connections", service.accepted());
}

#[tokio::test]
async fn a_service_that_is_slow_to_accept_loses_nothing_and_is_not_stormed() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let listener = socket.listen(16).expect("it listens");
    let address = listener.local_addr().expect("bound");
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            connections.spawn(async move {
                let requests = AtomicUsize::new(0);
                while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
            });
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let options = RequestOptions {
        // A handshake that the full queue swallowed is made up for by the system, in its own time.
        timeout: Duration::from_mins(2),
        ..RequestOptions::get(format!("http://{address}/").parse().expect("a URL"))
    };
    let outcome = drive(&options, LoadConfig::default(), 200, 3).await;
    assert_eq!((outcome.total.due, ok(&outcome), outcome.total.dropped()), (600, 600, 0), "{:?}", outcome.failures);
    // Those that the system took for it, with their first request each, and what was opened meanwhile.
    assert!(outcome.connections.opened <= 200, "{}", outcome.connections.opened);
    assert_eq!((outcome.total.service.count(), outcome.connections.failed), (600, 0));
}

#[tokio::test]
async fn connections_retire_by_age_one_after_the_other_and_no_request_is_lost_to_it() {
    let service =
        Service::start(
            async |mut stream, requests| {
                while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
            },
        )
        .await;
    let options = RequestOptions { conn_max_age: Some(Duration::from_millis(500)), ..service.options() };
    let outcome = drive(&options, LoadConfig::default(), 50, 3).await;
    assert_eq!((ok(&outcome), outcome.connections.retried_on_close), (150, 0));
    assert!((4..=40).contains(&outcome.connections.opened), "{}", outcome.connections.opened);
}

#[tokio::test]
async fn a_replacement_that_fails_does_not_take_the_good_connection_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        // From here on connects are refused.
        drop(listener);
        let requests = AtomicUsize::new(0);
        while read_request(&mut stream, &requests).await && stream.write_all(OK).await.is_ok() {}
    });
    let options = RequestOptions {
        conn_max_age: Some(Duration::from_millis(500)),
        ..RequestOptions::get(format!("http://{address}/").parse().expect("a URL"))
    };
    let outcome = drive(&options, LoadConfig::default(), 20, 3).await;
    assert_eq!((ok(&outcome), outcome.connections.opened), (60, 1), "{:?}", outcome.failures);
    assert!(outcome.connections.failed > 0, "it was tried");
}

#[tokio::test]
async fn what_is_wrong_with_the_port_is_said() {
    let speaks = |bytes: &'static [u8]| {
        Service::start(move |mut stream: TcpStream, _| async move {
            let mut some = [0; 64];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(bytes).await;
            // Kept open: we are to fail because of what was read.
            let _ = stream.read(&mut some).await;
        })
    };
    let bad_request = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let cases: [(&str, &'static [u8], bool, &str); 5] = [
        ("http", b"\x15\x03\x03\x00\x02\x02\x0a", false, "the service speaks TLS on this port: use https://"),
        ("https", bad_request, false, "the service does not speak TLS on this port: use http://"),
        ("http", bad_request, true, "the service does not speak HTTP/2 on this port"),
        (
            "http",
            b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
            false,
            "the service speaks HTTP/2 only on this port: use --http2",
        ),
        ("http", b"what?\r\n\r\n", false, "the answer is not HTTP: it begins with \"what?\""),
    ];
    for (scheme, bytes, http2, cause) in cases {
        let service = speaks(bytes).await;
        let url = format!("{scheme}://{}/", service.address).parse().expect("a URL");
        let options = RequestOptions { http2, insecure: true, ..RequestOptions::get(url) };
        let outcome = drive(&options, LoadConfig::default(), 2, 1).await;
        assert_eq!(outcome.failures.first().map(|failure| failure.cause.as_ref()), Some(cause));
        assert_eq!(outcome.total.outcomes.failed(), 2, "{cause}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_the_fate_of_whoever_waited_for_it() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let options = RequestOptions::get(format!("http://{free}/").parse().expect("a URL"));
    let outcome = drive(&options, LoadConfig::default(), 100, 1).await;
    assert_eq!(outcome.total.outcomes.get(OutcomeKind::Connect), 100);
    assert_eq!((outcome.total.service.count(), outcome.connections.opened), (0, 0));
    let failure = &outcome.failures[0];
    assert_eq!((failure.phase, failure.cause.as_ref(), failure.count), (Some(Phase::Tcp), "connection refused", 100));
}
