//! Both HTTP transports against a real server on loopback, in real time with generous deadlines.

#[path = "support/target.rs"]
mod target;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};
use scaletop_load::{CohortPart, Second};
use scaletop_load::{FailureKind, Outcome, OutcomeKind};
use scaletop_load::{HttpFactory, HttpTransport, RequestOptions, ReqwestTransport, TransportError};
use scaletop_load::{LoadConfig, Prepared};
use scaletop_load::{MakeTransport, RateProfile};
use scaletop_load::{Reply, Transport};
use scaletop_units::RunClock;
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};
use target::Target;
use tokio::io::AsyncReadExt;
use tokio::task::LocalSet;

/// Either of the two transports: whatever holds for one must hold for the other.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Own,
    Reqwest,
}

const BOTH: [Kind; 2] = [Kind::Own, Kind::Reqwest];

/// A transport of either kind.
enum Either {
    Own(HttpTransport),
    Reqwest(Box<ReqwestTransport>),
}

impl Kind {
    fn transport(self, options: &RequestOptions) -> Either {
        match self {
            Self::Own => Either::Own(HttpTransport::new(options).expect("usable options")),
            Self::Reqwest => Either::Reqwest(Box::new(ReqwestTransport::new(options).expect("usable options"))),
        }
    }

    /// The reply to one request.
    async fn reply(self, options: &RequestOptions) -> Reply {
        self.transport(options).send(Elapsed::ZERO).await
    }

    async fn outcome(self, options: &RequestOptions) -> Outcome {
        self.reply(options).await.outcome
    }
}

impl Transport for Either {
    async fn send(&self, sent: Elapsed) -> Reply {
        match self {
            Self::Own(own) => own.send(sent).await,
            Self::Reqwest(reqwest) => reqwest.send(sent).await,
        }
    }

    async fn warm(&self, connections: usize) -> usize {
        match self {
            Self::Own(own) => own.warm(connections).await,
            Self::Reqwest(reqwest) => reqwest.warm(connections).await,
        }
    }
}

/// Runs a test where connections can be tasks, with either transport.
async fn with_both(test: impl AsyncFn(Kind)) {
    for kind in BOTH {
        LocalSet::new().run_until(test(kind)).await;
    }
}

fn get(url: &str) -> RequestOptions {
    RequestOptions::get(url.parse().expect("a URL"))
}

/// A port that nobody listens on.
fn free_port() -> SocketAddr {
    StdListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}

#[tokio::test]
async fn an_answer_carries_its_status_its_instance_its_size_and_its_address() {
    with_both(async |kind| {
        let target = Target::start().await;
        let reply = kind.reply(&RequestOptions::get(target.url("/status/200"))).await;
        assert_eq!(reply.outcome, Outcome::Status(200));
        assert_eq!(reply.bytes, 2);
        assert_eq!(reply.served_by.as_ref().map(InstanceId::as_str), Some("target-1"));
        assert_eq!(reply.remote, Some(target.address()));
    })
    .await;
}

#[tokio::test]
async fn a_refusing_service_is_an_answer_with_its_status() {
    with_both(async |kind| {
        let target = Target::start().await;
        for status in [429, 500, 503] {
            let options = RequestOptions::get(target.url(&format!("/status/{status}")));
            assert_eq!(kind.outcome(&options).await, Outcome::Status(status));
        }
    })
    .await;
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    with_both(async |kind| {
        let target = Target::start().await;
        assert_eq!(kind.outcome(&RequestOptions::get(target.url("/redirect"))).await, Outcome::Status(302));
        assert_eq!(target.requests(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refused_connection_is_a_connect_failure() {
    with_both(async |kind| {
        let options = get(&format!("http://{}/", free_port()));
        assert_eq!(kind.outcome(&options).await, Outcome::Failed(FailureKind::Connect));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_host_is_a_dns_failure() {
    with_both(async |kind| {
        // `.invalid` never resolves (RFC 6761).
        assert_eq!(kind.outcome(&get("http://nowhere.invalid/")).await, Outcome::Failed(FailureKind::Dns));
    })
    .await;
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    with_both(async |kind| {
        let target = Target::start().await;
        for path in ["/hang", "/stuck"] {
            let options =
                RequestOptions { timeout: Duration::from_millis(300), ..RequestOptions::get(target.url(path)) };
            assert_eq!(kind.outcome(&options).await, Outcome::Failed(FailureKind::Timeout), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_breaks_under_the_request_is_a_reset() {
    with_both(async |kind| {
        let target = Target::start().await;
        for path in ["/reset", "/close"] {
            let outcome = kind.outcome(&RequestOptions::get(target.url(path))).await;
            assert_eq!(outcome, Outcome::Failed(FailureKind::Reset), "{path}");
        }
        assert_eq!(target.requests(), 2, "and nothing was sent again");
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_body_failure_and_its_bytes_still_count() {
    with_both(async |kind| {
        let target = Target::start().await;
        let reply = kind.reply(&RequestOptions::get(target.url("/truncated"))).await;
        assert_eq!((reply.outcome, reply.bytes), (Outcome::Failed(FailureKind::Body), 10));
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_none_of_the_known_failures() {
    with_both(async |kind| {
        let target = Target::start().await;
        let outcome = kind.outcome(&RequestOptions::get(target.url("/garbage"))).await;
        assert_eq!(outcome, Outcome::Failed(FailureKind::Other));
    })
    .await;
}

#[tokio::test]
async fn a_service_that_speaks_no_tls_is_a_tls_failure() {
    with_both(async |kind| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut hello = [0; 64];
            let _ = stream.read(&mut hello).await;
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            // Kept open: the client is to fail because of what it read.
            let _ = stream.read(&mut hello).await;
        });
        let options = RequestOptions { insecure: true, ..get(&format!("https://{address}/")) };
        assert_eq!(kind.outcome(&options).await, Outcome::Failed(FailureKind::Tls));
        server.abort();
    })
    .await;
}

#[tokio::test]
async fn the_request_is_sent_as_asked() {
    with_both(async |kind| {
        let target = Target::start().await;
        let mut options = RequestOptions::get(target.url("/echo?a=1"));
        options.method = Method::POST;
        options.body = Some(Bytes::from_static(b"hello"));
        options.headers.insert("x-test", HeaderValue::from_static("yes"));
        let transport = kind.transport(&options);
        for _ in 0..2 {
            assert_eq!(transport.send(Elapsed::ZERO).await.outcome, Outcome::Status(404), "the query is not /echo");
        }
        options.url = target.url("/echo");
        let with_body = kind.reply(&options).await.bytes;
        options.headers.clear();
        assert_eq!(with_body - kind.reply(&options).await.bytes, "x-test: yes\r\n".len() as u64);
    })
    .await;
}

#[tokio::test]
async fn an_address_given_by_hand_replaces_name_resolution() {
    with_both(async |kind| {
        let target = Target::start().await;
        let port = target.address().port();
        let mut options = get(&format!("http://nowhere.invalid:{port}/status/200"));
        options.resolve.push(("nowhere.invalid".to_owned(), SocketAddr::from(([127, 0, 0, 1], 0))));
        assert_eq!(kind.outcome(&options).await, Outcome::Status(200));
    })
    .await;
}

#[tokio::test]
async fn a_name_is_resolved() {
    with_both(async |kind| {
        let target = Target::start().await;
        let options = get(&format!("http://localhost:{}/status/200", target.address().port()));
        assert_eq!(kind.outcome(&options).await, Outcome::Status(200));
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_used_again_unless_keep_alive_is_off() {
    with_both(async |kind| {
        let target = Target::start().await;
        let mut options = RequestOptions { conn_max_age: None, ..RequestOptions::get(target.url("/status/200")) };
        let keeping = kind.transport(&options);
        for _ in 0..5 {
            keeping.send(Elapsed::ZERO).await;
        }
        assert_eq!(target.accepted(), 1);
        options.keep_alive = false;
        let closing = kind.transport(&options);
        for _ in 0..5 {
            closing.send(Elapsed::ZERO).await;
        }
        assert_eq!(target.accepted(), 1 + 5);
    })
    .await;
}

#[tokio::test]
async fn connections_are_renewed_bit_by_bit_and_none_outlives_its_age() {
    let target = Target::start().await;
    let age = Duration::from_secs(30);
    let options = RequestOptions { conn_max_age: Some(age), ..RequestOptions::get(target.url("/status/200")) };
    let transport = Kind::Reqwest.transport(&options);
    // Two requests a second, one after the other; the transport is told the time, so this takes no minutes.
    let mut renewed = Vec::new();
    for half_second in 0..240 {
        let before = target.accepted();
        transport.send(Elapsed::from_millis(half_second * 500)).await;
        renewed.push(target.accepted() - before);
    }
    assert_eq!(target.accepted(), 6 + 23, "six pools at the start, then one every five seconds of 120");
    assert!(renewed.iter().all(|&opened| opened <= 1), "never a storm");
    assert!(renewed.chunks(12).skip(1).all(|six_seconds| six_seconds.iter().sum::<usize>() <= 2), "gradually");
}

#[tokio::test]
async fn load_reaches_a_new_listener_within_the_maximum_age_though_the_old_one_still_serves() {
    let old = Target::start().await;
    let options = RequestOptions::get(old.url("/status/200"));
    let age = options.conn_max_age.expect("the default").as_secs();
    let transport = Kind::Reqwest.transport(&options);
    for second in 0..10 {
        transport.send(Elapsed::from_secs(second)).await;
    }
    // Another process takes the port over, as a balancer's new node takes over its name.
    old.leave_port();
    let new = loop {
        // Leaving is asynchronous: until then connects are still accepted by the old one.
        if let Ok(probe) = StdListener::bind(old.address()) {
            drop(probe);
            break Target::start_at(old.address()).await;
        }
        tokio::task::yield_now().await;
    };
    for second in 10..10 + age {
        transport.send(Elapsed::from_secs(second)).await;
    }
    assert!(new.requests() > 5, "gradually");
    let before = old.requests();
    for second in 10 + age..20 + age {
        assert_eq!(transport.send(Elapsed::from_secs(second)).await.outcome, Outcome::Status(200));
    }
    assert_eq!(old.requests(), before, "every old connection is older than its age");
}

#[tokio::test]
async fn connections_can_be_opened_before_the_clock_starts() {
    let target = Target::start().await;
    let transport = Kind::Reqwest.transport(&RequestOptions::get(target.url("/delay/50")));
    assert_eq!(transport.warm(40).await, 40);
    let opened = target.accepted();
    assert!(opened >= 32, "{opened} connections");
    let replies = futures_util::future::join_all((0..12).map(|_| transport.send(Elapsed::ZERO))).await;
    assert!(replies.iter().all(|reply| reply.outcome == Outcome::Status(200)));
    assert_eq!(target.accepted(), opened, "the load finds them open");
}

#[test]
fn options_that_cannot_work_are_refused_with_what_to_do() {
    let refused = |options: &RequestOptions| {
        let theirs = ReqwestTransport::new(options).expect_err("refused");
        let ours = HttpTransport::new(options).expect_err("refused");
        assert_eq!(std::mem::discriminant(&ours), std::mem::discriminant(&theirs));
        ours
    };
    assert!(matches!(refused(&get("ftp://example.com/")), TransportError::Url(_)));
    assert!(matches!(refused(&get("unix:/tmp/socket")), TransportError::Url(_)));
    for name in ["transfer-encoding", "content-length"] {
        let mut options = get("http://localhost/");
        options.headers.insert(name, HeaderValue::from_static("5"));
        let error = refused(&options);
        assert!(matches!(&error, TransportError::Request(why) if why.contains(name)), "{error}");
    }
    let mut options = get("https://example.com/");
    options.cacert = Some("/does/not/exist.pem".into());
    assert!(matches!(refused(&options), TransportError::CertificateFile { .. }));
    let file = tempfile::NamedTempFile::new().expect("a file");
    options.cacert = Some(file.path().to_owned());
    assert!(matches!(refused(&options), TransportError::NoCertificate(_)), "an empty file");
    assert!(refused(&options).to_string().contains("--cacert"));
}

/// Drives 300 requests in a second and a half; every second that was closed.
async fn drive<M: MakeTransport>(transport: M) -> Vec<Second> {
    let config = LoadConfig { max_in_flight: 500, warm: 4, ..LoadConfig::default() };
    let prepared = Prepared::new(config, vec![transport]).await.expect("threads");
    assert_eq!(prepared.warmed(), 4);
    let clock = RunClock::start();
    let mut running = prepared.start(clock).expect("threads");
    running.handle.set(Elapsed::ZERO, RateProfile::Constant(ArrivalRate::new(200)));
    running.handle.set(Elapsed::from_millis(1_500), RateProfile::PAUSED);
    let mut seconds: Vec<Second> = vec![running.seconds.recv().await.expect("running")];
    seconds.push(running.seconds.recv().await.expect("running"));
    assert_eq!(running.handle.drain(Duration::from_secs(30)).await, 0);
    running.handle.stop();
    while let Some(second) = running.seconds.recv().await {
        seconds.push(second);
    }
    seconds
}

#[tokio::test]
async fn the_engine_drives_real_requests_and_counts_every_one() {
    for kind in BOTH {
        let target = Target::start().await;
        let options = RequestOptions::get(target.url("/status/200"));
        let (seconds, warmed) = match kind {
            Kind::Own => (drive(HttpFactory::new(&options).expect("usable options")).await, 0),
            Kind::Reqwest => (drive(ReqwestTransport::new(&options).expect("usable options")).await, 4),
        };
        let totals: Vec<_> = seconds.iter().map(Second::total).collect();
        assert_eq!(totals.iter().map(|total| total.due).sum::<u64>(), 300);
        let sent: u64 = totals.iter().map(|total| total.sent).sum();
        assert_eq!(totals.iter().map(|total| total.outcomes.get(OutcomeKind::Ok)).sum::<u64>(), sent);
        assert_eq!(target.requests() as u64, sent + warmed, "{kind:?}: warming is not load, and ours sends nothing");
        assert_eq!(seconds.iter().flat_map(|second| &second.served).map(|served| served.requests).sum::<u64>(), sent);
    }
}

#[tokio::test]
async fn two_clients_that_know_nothing_of_each_other_measure_the_same_service_alike() {
    let target = Target::start().await;
    let options = RequestOptions::get(target.url("/delay/40"));
    let ours = drive(HttpFactory::new(&options).expect("usable options")).await;
    let theirs = drive(ReqwestTransport::new(&options).expect("usable options")).await;
    let summary = |seconds: &[Second]| {
        let mut all = CohortPart::new(0);
        for second in seconds {
            all.merge(&CohortPart { intended: 0, ..second.total() });
        }
        let median = all.service.quantile(0.5).expect("answers");
        ((all.due, all.sent, all.outcomes.get(OutcomeKind::Ok), all.service.count()), median)
    };
    let ((our_counts, our_median), (their_counts, their_median)) = (summary(&ours), summary(&theirs));
    assert_eq!((our_counts, their_counts), ((300, 300, 300, 300), (300, 300, 300, 300)));
    let truth = Duration::from_millis(40);
    assert!(our_median >= truth && their_median >= truth, "{our_median:?} and {their_median:?}");
    // Ours begins to count when a connection is ready, theirs when a pool was asked: ours is never the longer one by much.
    assert!(our_median <= their_median * 2, "{our_median:?} and {their_median:?}");
}

#[tokio::test]
async fn the_test_app_names_its_instance_and_takes_its_time() {
    with_both(async |kind| {
        let options = test_app::Options { delay: Duration::from_millis(30), ..test_app::Options::default() };
        let server = test_app::Server::start("127.0.0.1:0", options).expect("a free port");
        let began = RunClock::start();
        let transport = kind.transport(&get(&format!("http://{}/api/test", server.addr())));
        let (first, second) = (transport.send(Elapsed::ZERO).await, transport.send(Elapsed::ZERO).await);
        assert_eq!((first.outcome, second.outcome), (Outcome::Status(200), Outcome::Status(200)));
        assert!(first.served_by.is_some() && first.served_by == second.served_by, "one process, one instance");
        assert!(began.now() >= Elapsed::from_millis(60));
    })
    .await;
}
