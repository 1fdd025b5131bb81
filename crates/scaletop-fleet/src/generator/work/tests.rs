//! What a generator makes of a controller that did not lead its session before.

use scaletop_units::ArrivalRate;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::config::{GeneratorConfig, RunId};
use crate::link::{GeneratorLink, Question};
use crate::message::Answer;
use crate::request::WireRequest;
use crate::resume::tests::document;
use crate::slots::tests::id;

/// At work in the session of controller 1; and what it asks.
fn working() -> (Work, mpsc::UnboundedReceiver<Question>) {
    let (questions, asked) = mpsc::unbounded_channel();
    let (seconds, _) = mpsc::unbounded_channel();
    let (_, inbox) = mpsc::channel(1);
    let (_, leave) = oneshot::channel();
    let config = GeneratorConfig {
        id: id(1),
        threads: 1,
        max_rate: ArrivalRate::new(1_000),
        allow: vec!["shop.example".to_owned()],
        orphan: Duration::from_mins(10),
        labels: Vec::new(),
        version: "0.2".to_owned(),
        verify: Box::new(|_, signature| signature == b"signed"),
        leave,
    };
    let mut talk = Talk::new(config, GeneratorLink { questions, seconds, inbox });
    talk.epoch = 1;
    (Work::new(talk, welcome(&document(1, 1), 9), document(1, 1), RunClock::start()), asked)
}

fn welcome(document: &RunDocument, first_number: u64) -> Welcome {
    let bytes = message::write(document.epoch, 0, document);
    Welcome { first_number, document: bytes, signature: b"signed".to_vec() }
}

/// The answer to a hello.
fn welcomed_by(document: &RunDocument) -> Vec<u8> {
    message::write(document.epoch, 0, &Answer::Welcome(Box::new(welcome(document, 77))))
}

/// An answer of controller `epoch` to a beat that went and came at the same moment.
fn beat_answered_by(epoch: u64) -> Answered {
    let at = Elapsed::from_secs(5);
    let answer = BeatAnswer { received: at, answered: at, schedule: 0, verdict: Verdict::Granted };
    let bytes = Some(message::write(epoch, 1, &answer).into());
    Answered { what: What::Beat(0, Some(at)), bytes, back: Duration::from_millis(2) }
}

#[tokio::test(start_paused = true)]
async fn only_the_controller_that_it_follows_says_what_time_it_is() {
    let (mut work, _asked) = working();
    for other in [2, 0] {
        work.answered(beat_answered_by(other), &mut |_| {}).unwrap();
        assert_eq!(work.talk.offsets.len(), 0, "controller {other}");
    }
    assert_eq!(work.talk.heard, Duration::from_millis(2), "somebody is there all the same");
    work.answered(beat_answered_by(1), &mut |_| {}).unwrap();
    assert_eq!(work.talk.offsets.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_controllers_time_is_another_one_and_its_document_is_what_is_known_from_then_on() {
    let (mut work, _asked) = working();
    work.answered(beat_answered_by(1), &mut |_| {}).unwrap();
    work.welcomed_again(&welcomed_by(&document(1, 1)), &mut |_| {}).unwrap();
    assert_eq!(work.talk.offsets.len(), 1, "the same one again");
    let mut said = Vec::new();
    let next = document(2, 1);
    work.welcomed_again(&welcomed_by(&next), &mut |news| said.push(news)).unwrap();
    assert!(matches!(&said[..], [GeneratorNews::Notice(text)] if text == "controller 2 leads the run now"), "{said:?}");
    assert_eq!((work.talk.offsets.len(), work.talk.epoch), (0, 2));
    let known = work.talk.known.unwrap();
    assert_eq!(known.first_number, 9, "its seconds are numbered on");
    assert_eq!(message::read::<RunDocument>(&known.document).unwrap().body, next);
}

#[tokio::test(start_paused = true)]
async fn another_session_and_another_run_are_not_gone_on_with() {
    let ended = |document: &RunDocument| working().0.welcomed_again(&welcomed_by(document), &mut |_| {}).unwrap_err();
    let later = RunDocument { started_unix_micros: document(2, 1).started_unix_micros + 1, ..document(2, 1) };
    assert!(matches!(ended(&later), FleetError::AnotherSession));
    let elsewhere = RunDocument { run: RunId::from_number(2), ..document(2, 1) };
    assert!(matches!(ended(&elsewhere), FleetError::Unwilling(_)));
    let request = scaletop_load::RequestOptions::get("https://shop.example/other".parse().unwrap());
    let changed = RunDocument { request: WireRequest::pack(&request).unwrap(), ..document(2, 1) };
    assert!(matches!(ended(&changed), FleetError::Unwilling(_)));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_says_how_many_seconds_it_stored() {
    let (mut work, mut asked) = working();
    for index in 0..2 {
        work.store_second(Second::new(index, ArrivalRate::PAUSED));
    }
    work.leave(Ended::Left, true);
    while work.go_on_leaving(&mut |_| {}).unwrap().is_none() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let mut said = Vec::new();
    while let Ok(question) = asked.try_recv() {
        said.push(message::read::<message::Beat>(&question.body).unwrap().body.standing);
    }
    assert_eq!(said.last(), Some(&Standing::Gone(2)), "counted from its own first number");
}
