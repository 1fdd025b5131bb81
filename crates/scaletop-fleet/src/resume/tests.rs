//! Whom a controller that goes on believes, and what time it is by them.

use tokio::sync::{mpsc, oneshot};
use tokio::time::{advance, sleep};

use super::*;
use crate::message::StoredSecond;
use crate::message::{Known, Standing};
use crate::request::WireRequest;
use crate::roster::tests::hello;
use crate::slots::tests::id;
use scaletop_units::ArrivalRate;

const STARTED: i64 = 1_764_000_000_000_000;

fn session() -> Abandoned {
    Abandoned { run: RunId::from_number(1), epoch: 4, started_unix_micros: STARTED }
}

/// What controller `epoch` had said, in seeds: to be told apart by.
pub(crate) fn document(epoch: u64, seed: u64) -> RunDocument {
    RunDocument {
        run: session().run,
        epoch,
        version: "0.2".to_owned(),
        request: WireRequest::pack(&RequestOptions::get("https://shop.example/".parse().unwrap())).unwrap(),
        arrivals: Arrivals::Uniform,
        seed,
        expected: Expected::default().to_string(),
        max_in_flight: None,
        lease: Duration::from_secs(2),
        not_after: Duration::from_mins(10),
        consent: Consent { host: "shop.example".to_owned(), by: "me".to_owned(), at: "now".to_owned() },
        started_unix_micros: STARTED,
    }
}

/// Generators, and the controller that listens to them.
struct Heard {
    inbox: mpsc::Sender<Incoming>,
    link: ControllerLink,
}

impl Heard {
    fn new() -> Self {
        let (inbox, coming) = mpsc::channel(64);
        let (outbox, _) = mpsc::unbounded_channel();
        Self { inbox, link: ControllerLink { inbox: coming, outbox } }
    }

    fn ask(&self, ask: Ask, body: Vec<u8>) -> oneshot::Receiver<Bytes> {
        let (answer, answered) = oneshot::channel();
        self.inbox.try_send(Incoming::Question(Question { ask, body: body.into(), answer })).unwrap();
        answered
    }

    /// Generator `which` says hello, with a document that is signed so.
    fn hello(&self, which: usize, document: &RunDocument, signature: &[u8]) {
        let known = Known { first_number: 0, document: message::write(1, 0, document), signature: signature.to_vec() };
        let hello = Hello { known: Some(known), ..hello(which, 1) };
        drop(self.ask(Ask::Hello, message::write(1, 0, &hello)));
    }

    /// Generator `which` says that the session is so old.
    fn beat(&self, which: usize, age: Duration) -> oneshot::Receiver<Bytes> {
        let beat = Beat {
            process: 1,
            sent: 0,
            session: Some(Elapsed::ZERO + age),
            answered: Elapsed::ZERO,
            lease: Elapsed::ZERO,
            standing: Standing::Ready,
            known: 0,
            in_flight: 0,
            clock_error: None,
            round_trip: None,
            given_up: 0,
        };
        self.ask(Ask::Beat(id(which)), message::write(1, 7, &beat))
    }

    async fn recovered(self) -> Result<Recovered, FleetError> {
        self.recovered_with(&mut Vec::new()).await
    }

    async fn recovered_with(mut self, heard: &mut Vec<(GeneratorId, u64, Bytes)>) -> Result<Recovered, FleetError> {
        let verify: Verifier = Box::new(|_, signature| signature == b"signed");
        recover(&mut self.link, &session(), &verify, Duration::from_secs(10), heard).await
    }
}

const AGE: Duration = Duration::from_secs(100);

async fn in_the_past() {
    // Whatever is so old began after the machine did.
    advance(2 * AGE).await;
}

#[tokio::test(start_paused = true)]
async fn only_what_the_controller_signed_of_this_very_session_is_believed() {
    in_the_past().await;
    let wrong = [
        (document(1, 1), &b"forged"[..]),
        (RunDocument { run: RunId::from_number(2), ..document(1, 1) }, b"signed"),
        (RunDocument { started_unix_micros: STARTED - 1, ..document(1, 1) }, b"signed"),
    ];
    for (document, signature) in wrong {
        let heard = Heard::new();
        heard.hello(1, &document, signature);
        drop(heard.beat(1, AGE));
        let refused = heard.recovered().await.unwrap_err();
        assert!(matches!(refused, FleetError::Deserted { within } if within == Duration::from_secs(10)), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_latest_document_counts_whoever_says_hello_first() {
    in_the_past().await;
    for order in [[1, 3, 2], [3, 2, 1], [2, 1, 3]] {
        let heard = Heard::new();
        for epoch in order {
            heard.hello(1, &document(epoch, epoch), b"signed");
        }
        drop(heard.beat(1, AGE));
        assert_eq!(heard.recovered().await.unwrap().seed, 3, "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_is_that_of_the_generator_in_the_middle_by_its_quickest_beat() {
    in_the_past().await;
    let heard = Heard::new();
    for which in 1..=3 {
        heard.hello(which, &document(1, 1), b"signed");
    }
    let millis = Duration::from_millis;
    // Two that are off either way, and one whose slow beats come before and after a quick one.
    drop(heard.beat(1, millis(99_930)));
    drop(heard.beat(3, AGE + millis(900)));
    for slow in [30, 0, 20] {
        drop(heard.beat(2, millis(100_000 - slow)));
    }
    // Those of another session say what they like.
    for outsider in 4..9 {
        drop(heard.beat(outsider, 2 * AGE));
    }
    let recovered = heard.recovered().await.unwrap();
    // It listened for a second more.
    assert_eq!(recovered.clock.now(), Elapsed::ZERO + AGE + LISTENING);
}

#[tokio::test(start_paused = true)]
async fn whoever_beats_is_asked_to_say_hello_and_may_send_nothing() {
    in_the_past().await;
    let heard = Heard::new();
    let answered = heard.beat(1, AGE);
    let (inbox, body) = (heard.inbox.clone(), Bytes::from_static(b"what it counted"));
    inbox.try_send(Incoming::Second { id: id(1), number: 5, body: body.clone() }).unwrap();
    let later = async {
        let answer = message::read::<BeatAnswer>(&answered.await.unwrap()).unwrap();
        assert_eq!((answer.epoch, answer.number, answer.body.verdict), (4, 7, Verdict::Unknown));
        // It is waited for until somebody says what is sent.
        sleep(Duration::from_secs(8)).await;
        Heard { inbox, ..Heard::new() }.hello(1, &document(1, 1), b"signed");
    };
    let mut seconds = Vec::new();
    let (recovered, ()) = tokio::join!(heard.recovered_with(&mut seconds), later);
    let recovered = recovered.unwrap();
    assert_eq!(seconds, [(id(1), 5, body)], "it is merged once somebody leads again");
    assert_eq!(recovered.lease, Duration::from_secs(2));
}

#[test]
fn what_was_stored_and_not_recorded_is_the_rest_of_a_session_whose_generators_are_gone() {
    let stored = |index: u32, due: u64| {
        let mut second = Second::new(index, ArrivalRate::PAUSED);
        (second.part_mut(index).due, second.part_mut(index).sent) = (due, due);
        let stored = StoredSecond { second, clock_error: None, late_anchor: None };
        Bytes::from(message::write(1, u64::from(index), &stored))
    };
    let mut resumed = Resumed { next: 8, ..Resumed::default() };
    resumed.merged.entry(id(1)).or_default().extend(0..8);
    resumed.heard = vec![
        (id(1), 7, stored(7, 50)),
        (id(1), 8, stored(8, 100)),
        (id(2), 8, stored(8, 90)),
        (id(1), 9, stored(9, 4)),
        (id(1), 9, stored(9, 4)),
        (id(2), 9, Bytes::from_static(b"nothing of ours")),
        (id(1), 10, stored(10, 0)),
    ];
    let rest: Vec<_> = rest(&resumed).iter().map(|second| (second.index, second.total().due)).collect();
    assert_eq!(rest, [(8, 190), (9, 4), (10, 0)]);
    assert!(super::rest(&Resumed::default()).is_empty());
}
