//! HTTP/2 against services with few streams, that refuse streams, go away and close, and that send much; real sockets,
//! counts only.

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
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
    /// Bytes of every answer's body.
    body: usize,
}

const PLAIN: Manner = Manner { streams: 100, delay: Duration::from_millis(5), refuses: None, leaves: None, body: 2 };

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
        streams.spawn(answer(respond, manner, Arc::clone(&answered), Arc::clone(&busy)));
        if manner.leaves == Some(mine) {
            connection.graceful_shutdown();
        }
    }
}

async fn answer(mut respond: SendResponse<Bytes>, manner: Manner, answered: Arc<AtomicUsize>, busy: Arc<AtomicUsize>) {
    tokio::time::sleep(manner.delay).await;
    busy.fetch_sub(1, Ordering::SeqCst);
    if let Ok(mut body) = respond.send_response(Response::new(()), false)
        && body.send_data(vec![b'x'; manner.body].into(), true).is_ok()
    {
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// Drives `rate` a second for `secs` seconds: what was counted, and what the connections did.
async fn drive(service: &Service, rate: u32, secs: u64) -> (CohortPart, Connections) {
    drive_with(&service.options(), rate, secs).await
}

async fn drive_with(options: &RequestOptions, rate: u32, secs: u64) -> (CohortPart, Connections) {
    let all = drive_to_the_end(options, rate, secs).await;
    (all.total(), all.connections)
}

/// Everything that was recorded, as one second.
async fn drive_to_the_end(options: &RequestOptions, rate: u32, secs: u64) -> Second {
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
    all
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

#[tokio::test]
async fn a_body_that_is_larger_than_the_windows_is_read_to_its_end() {
    let body = 3 * 1024 * 1024;
    let service = Service::start(Manner { body, ..PLAIN }).await;
    let all = drive_to_the_end(&service.options(), 10, 1).await;
    assert_eq!((all.total().outcomes.get(OutcomeKind::Ok), all.bytes_in), (10, 10 * body as u64));
}

/// What a service that writes frames by itself does with the request of stream `id`.
enum Act {
    Answer,
    /// With a head of so many bytes.
    AnswerWithHead(usize),
    Nothing,
    /// It goes away, and says that streams after this one were not looked at.
    GoAway(u32),
    Close,
}

/// What such a service saw.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    answered: AtomicUsize,
    accepted: AtomicUsize,
    /// The settings that the client sent, each a number and a value.
    settings: std::sync::Mutex<Vec<(u16, u32)>>,
}

/// A service that writes frames by itself: `act` says what it does with a request: on which connection and which request on it
/// (both from 1), and on which stream. Answers come 20 ms later.
async fn raw(act: impl Fn(usize, u32, u32) -> Act + Copy + Send + 'static) -> (RequestOptions, Arc<Seen>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound")).parse().expect("a URL");
    let (seen, mut tasks) = (Arc::new(Seen::default()), JoinSet::new());
    let counts = Arc::clone(&seen);
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let number = counts.accepted.fetch_add(1, Ordering::SeqCst) + 1;
            let seen = Arc::clone(&counts);
            let act = move |count, id| act(number, count, id);
            connections.spawn(async move { drop(serve_raw(stream, act, seen).await) });
        }
    });
    (RequestOptions { http2: true, ..RequestOptions::get(url) }, seen, tasks)
}

async fn serve_raw(stream: TcpStream, act: impl Fn(u32, u32) -> Act, seen: Arc<Seen>) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GO_AWAY: u8 = 7;
    const CONTINUATION: u8 = 9;
    let (mut reads, writes) = stream.into_split();
    let writes = Arc::new(tokio::sync::Mutex::new(writes));
    let frame = |kind: u8, flags: u8, id: u32, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
        [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
    };
    reads.read_exact(&mut [0; 24]).await?;
    writes.lock().await.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let (mut count, mut answers) = (0, JoinSet::new());
    loop {
        let mut head = [0; 9];
        reads.read_exact(&mut head).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        reads.read_exact(&mut payload).await?;
        let (kind, flags, id) = (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        match kind {
            SETTINGS if flags == 0 => {
                let pairs = payload.chunks_exact(6).map(|pair| {
                    (u16::from_be_bytes([pair[0], pair[1]]), u32::from_be_bytes([pair[2], pair[3], pair[4], pair[5]]))
                });
                *seen.settings.lock().expect("whole") = pairs.collect();
                writes.lock().await.write_all(&frame(SETTINGS, 1, 0, &[])).await?;
            }
            PING if flags == 0 => writes.lock().await.write_all(&frame(PING, 1, 0, &payload)).await?,
            HEADERS => {
                count += 1;
                seen.requests.fetch_add(1, Ordering::SeqCst);
                // ":status: 200", from the static table.
                let mut fields = vec![0x88];
                match act(count, id) {
                    Act::Close => return Ok(()),
                    Act::Nothing => continue,
                    Act::GoAway(last) => {
                        let payload = [last.to_be_bytes(), [0; 4]].concat();
                        writes.lock().await.write_all(&frame(GO_AWAY, 0, 0, &payload)).await?;
                        continue;
                    }
                    Act::AnswerWithHead(length) => {
                        fields.extend([0, 1, b'x', 0x7f]);
                        let mut left = length - 127;
                        while left >= 128 {
                            fields.push(u8::try_from(left % 128 + 128).expect("a byte"));
                            left /= 128;
                        }
                        fields.push(u8::try_from(left).expect("a byte"));
                        fields.resize(fields.len() + length, b'a');
                    }
                    Act::Answer => {}
                }
                let pieces: Vec<_> = fields.chunks(16_384).collect();
                let mut bytes = Vec::new();
                for (at, piece) in pieces.iter().enumerate() {
                    let kind = if at == 0 { HEADERS } else { CONTINUATION };
                    let ends = u8::from(at == 0) + if at + 1 == pieces.len() { 4 } else { 0 };
                    bytes.extend(frame(kind, ends, id, piece));
                }
                let (writes, seen) = (Arc::clone(&writes), Arc::clone(&seen));
                answers.spawn(async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if writes.lock().await.write_all(&bytes).await.is_ok() {
                        seen.answered.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_a_connection_that_goes_away_did_not_look_at_is_sent_once_more() {
    // The last three before the 15th are not looked at, nor is that one.
    let (options, seen, _tasks) = raw(|connection, count, id| match (connection, count) {
        (1, 15) => Act::GoAway(id - 2 * 4),
        (1, 12..) => Act::Nothing,
        _ => Act::Answer,
    })
    .await;
    let (total, connections) = drive_with(&options, 200, 1).await;
    assert_eq!((total.outcomes.get(OutcomeKind::Ok), seen.answered.load(Ordering::SeqCst)), (200, 200));
    let again = seen.requests.load(Ordering::SeqCst) - 200;
    assert!(again >= 4, "{again}");
    assert_eq!((connections.retried_on_refusal, connections.retried_on_close), (again as u64, 0));
}

#[tokio::test]
async fn a_request_that_meets_the_close_of_an_idle_connection_is_sent_once_more_and_counted_apart() {
    let (options, seen, _tasks) = raw(|_, count, _| if count == 3 { Act::Close } else { Act::Answer }).await;
    let (total, connections) = drive_with(&options, 10, 2).await;
    // On a machine that lets the close come late it is charged.
    let (answered, charged) = (total.outcomes.get(OutcomeKind::Ok), total.outcomes.get(OutcomeKind::Reset));
    assert_eq!((answered + charged, answered), (20, seen.answered.load(Ordering::SeqCst) as u64));
    assert!(connections.retried_on_close >= 5, "{} of 9, {charged} charged", connections.retried_on_close);
}

#[tokio::test]
async fn a_close_under_what_may_have_been_processed_is_charged() {
    let (options, seen, _tasks) = raw(|_, count, _| if count == 3 { Act::Close } else { Act::Answer }).await;
    let posts = RequestOptions { method: http::Method::POST, ..options };
    let (total, connections) = drive_with(&posts, 10, 2).await;
    assert_eq!((seen.requests.load(Ordering::SeqCst), connections.retried_on_close), (20, 0), "nothing is sent again");
    assert_eq!(total.outcomes.get(OutcomeKind::Reset), 6);

    let (options, seen, _tasks) = raw(|_, _, _| Act::Close).await;
    let (total, connections) = drive_with(&options, 10, 1).await;
    assert_eq!((seen.requests.load(Ordering::SeqCst), connections.retried_on_close), (10, 0), "it was not idle");
    assert_eq!(total.outcomes.get(OutcomeKind::Reset), 10);
}

#[tokio::test]
async fn a_head_that_is_too_long_fails_its_own_request_and_no_other() {
    let long = |_, count, _| if count % 2 == 0 { Act::AnswerWithHead(70_000) } else { Act::AnswerWithHead(60_000) };
    let (options, seen, _tasks) = raw(long).await;
    let all = drive_to_the_end(&options, 10, 2).await;
    let outcomes = all.total().outcomes;
    assert_eq!((outcomes.get(OutcomeKind::Ok), outcomes.failed()), (10, 10), "{:?}", all.failures);
    assert_eq!(seen.requests.load(Ordering::SeqCst), 20, "nothing is sent again");
    assert!(all.failures[0].cause.contains("longer than 64 KiB"), "{:?}", all.failures);
    // What the service was told: a stream's window (4) and the longest list of headers (6).
    let settings = seen.settings.lock().expect("whole");
    assert!(settings.contains(&(4, 512 * 1024)) && settings.contains(&(6, 64 * 1024)), "{settings:?}");
}
