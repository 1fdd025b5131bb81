//! A controller and two generators with real threads, clocks and requests, to a service on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here, with the reason")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scaletop_fleet::{
    Ask, Consent, ControllerConfig, ControllerLink, Ended, FromController, GeneratorConfig, GeneratorLink, Incoming,
    OnLoss, Outgoing, Question, RunId, ToStore, gather, generate, http_engine,
};
use scaletop_load::{Arrivals, Expected, RateProfile, RequestOptions};
use scaletop_units::{ArrivalRate, GeneratorId, RunClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Answers everything with 200; how often it was asked.
async fn service() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let asked = Arc::<AtomicU64>::default();
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
                while let Ok(read @ 1..) = connection.read(&mut buffer).await {
                    seen.extend_from_slice(&buffer[..read]);
                    while let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                        seen.drain(..end + 4);
                        count.fetch_add(1, Ordering::SeqCst);
                        if connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (url, asked)
}

/// A network without faults: the controller's end, and one for each of these.
fn network(ids: &[GeneratorId]) -> (ControllerLink, Vec<GeneratorLink>) {
    let (to_controller, inbox) = mpsc::channel(64);
    let (outbox, mut out) = mpsc::unbounded_channel();
    let (mut links, mut inboxes) = (Vec::new(), Vec::new());
    for id in ids {
        let (questions, mut asked) = mpsc::unbounded_channel::<Question>();
        let (seconds, mut stored) = mpsc::unbounded_channel::<ToStore>();
        let (to_generator, inbox) = mpsc::channel(64);
        links.push(GeneratorLink { questions, seconds, inbox });
        inboxes.push((id.clone(), to_generator));
        let (to, id) = (to_controller.clone(), id.clone());
        tokio::spawn(async move {
            loop {
                let incoming = tokio::select! {
                    Some(question) = asked.recv() => Incoming::Question(question),
                    Some(ToStore { number, body, stored }) = stored.recv() => {
                        let _ = stored.send(());
                        Incoming::Second { id: id.clone(), number, body }
                    }
                    else => return,
                };
                if let Incoming::Question(Question { ask: Ask::Beat(of), .. }) = &incoming {
                    assert_eq!(*of, id);
                }
                let _ = to.send(incoming).await;
            }
        });
    }
    tokio::spawn(async move {
        while let Some(outgoing) = out.recv().await {
            for (id, inbox) in &inboxes {
                let message = match &outgoing {
                    Outgoing::Schedule(bytes) => FromController::Schedule(bytes.clone()),
                    Outgoing::Order(to, order) if to == id => FromController::Order(*order),
                    Outgoing::Order(..) => continue,
                };
                let _ = inbox.send(message).await;
            }
        }
    });
    (ControllerLink { inbox, outbox }, links)
}

fn controller(url: &str) -> ControllerConfig {
    ControllerConfig {
        run: RunId::from_number(7),
        epoch: 1,
        resumed: None,
        wanted: 2,
        to_begin: 2,
        to_go_on: 2,
        within: Duration::from_mins(1),
        on_loss: OnLoss::default(),
        // Long: a machine that stalls for a second is no reason to fail.
        lease: Duration::from_secs(10),
        arrivals: Arrivals::Uniform,
        seed: 0,
        max_rate: ArrivalRate::new(1_000),
        expected: Expected::default(),
        max_in_flight_each: Some(500),
        request: RequestOptions::get(url.parse().unwrap()),
        not_after: Duration::from_mins(10),
        consent: Consent { host: "127.0.0.1".to_owned(), by: "me".to_owned(), at: "now".to_owned() },
        version: "1".to_owned(),
        allow_versions: false,
        signer: Box::new(|_| Vec::new()),
        kill: None,
    }
}

fn generator(id: &GeneratorId, leave: oneshot::Receiver<()>) -> GeneratorConfig {
    GeneratorConfig {
        id: id.clone(),
        threads: 2,
        max_rate: ArrivalRate::new(1_000),
        allow: vec!["127.0.0.1".to_owned()],
        orphan: Duration::from_mins(1),
        labels: Vec::new(),
        version: "1".to_owned(),
        verify: Box::new(|_, _| true),
        leave,
    }
}

#[tokio::test]
async fn a_fleet_of_two_sends_and_counts_each_request_once() {
    let (url, asked) = service().await;
    let ids: Vec<GeneratorId> = ["a", "b"].map(|id| id.parse().unwrap()).into();
    let (link, links) = network(&ids);
    let clock = RunClock::start();
    let mut leaves = Vec::new();
    let generators = ids.iter().zip(links).map(|(id, link)| {
        let (leave, leaves_rx) = oneshot::channel();
        leaves.push(leave);
        generate(generator(id, leaves_rx), link, http_engine, |_| {})
    });
    let generators: Vec<_> = generators.collect();
    let run = async {
        let mut ready = 0;
        let gathered = gather(controller(&url), link, clock, |_| ready += 1).await.unwrap();
        assert!(ready > 0);
        let mut fleet = gathered.start();
        let at = clock.now() + Duration::from_millis(1_500);
        fleet.handle.set(at, RateProfile::Constant(ArrivalRate::new(200)));
        fleet.handle.set(at + Duration::from_secs(2), RateProfile::PAUSED);
        let mut seconds = Vec::new();
        while seconds.len() < 5 {
            seconds.push(fleet.seconds.recv().await.expect("one a second"));
        }
        assert_eq!(fleet.handle.drain(Duration::from_secs(20)).await, 0);
        fleet.handle.stop();
        while let Some(second) = fleet.seconds.recv().await {
            seconds.push(second);
        }
        seconds
    };
    let mut generators = generators.into_iter();
    let (first, second) = (generators.next().unwrap(), generators.next().unwrap());
    let (seconds, first, second) = tokio::join!(run, first, second);
    assert_eq!((first, second), (Ok(Ended::Left), Ok(Ended::Left)));
    let parts = || seconds.iter().flat_map(|second| &second.parts);
    let sum = |of: fn(&scaletop_load::CohortPart) -> u64| parts().map(of).sum::<u64>();
    assert_eq!(sum(|part| part.planned.unwrap_or(0)), 400);
    // A machine that stalls may hear of a change late; what the schedule makes due is held in virtual time.
    assert!(sum(|part| part.sent) > 0);
    assert_eq!(sum(|part| part.due), sum(|part| part.sent) + sum(scaletop_load::CohortPart::dropped));
    assert_eq!(asked.load(Ordering::SeqCst), sum(|part| part.sent));
    let names: std::collections::BTreeSet<&str> =
        seconds.iter().flat_map(|second| &second.generators).map(|row| row.id.as_str()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b"]);
}
