//! What flows between a controller and generators, and what is kept.

use std::collections::BTreeMap;

use scaletop_fleet::nats::{Look, Seconds};
use scaletop_fleet::{Ask, FromController, Incoming, Order, Outgoing, Question};
use tokio::sync::oneshot;

use crate::support::{Own, second, soon, store, told};

#[tokio::test]
async fn questions_are_answered_and_commands_arrive() {
    let Some(own) = Own::start().await else { return };
    let mut controller = own.controller().await;
    let mut links = [own.generator("g1").await, own.generator("g2").await];
    for ask in [Ask::Hello, Ask::Beat("g1".parse().unwrap()), Ask::Schedule] {
        let (answer, answered) = oneshot::channel();
        links[0].questions.send(Question { ask: ask.clone(), body: "who?".into(), answer }).unwrap();
        let asked = loop {
            match soon("a question", controller.link.inbox.recv()).await.unwrap() {
                Incoming::Question(question) => break question,
                Incoming::Connected(_) => {}
                other @ Incoming::Second { .. } => panic!("{other:?}"),
            }
        };
        assert_eq!((&asked.ask, asked.body.as_ref()), (&ask, &b"who?"[..]));
        asked.answer.send("you".into()).unwrap();
        assert_eq!(soon("the answer", answered).await.unwrap(), "you");
    }
    controller.link.outbox.send(Outgoing::Schedule("now".into())).unwrap();
    for link in &mut links {
        assert_eq!(told(link).await, FromController::Schedule("now".into()));
    }
    controller.link.outbox.send(Outgoing::Order("g2".parse().unwrap(), Order::Leave)).unwrap();
    controller.link.outbox.send(Outgoing::Schedule("then".into())).unwrap();
    assert_eq!(told(&mut links[0]).await, FromController::Schedule("then".into()), "the order is another's");
    let words = [told(&mut links[1]).await, told(&mut links[1]).await];
    assert!(words.contains(&FromController::Order(Order::Leave)), "{words:?}");
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_given_up() {
    let Some(own) = Own::start().await else { return };
    let link = own.generator("g1").await;
    let (answer, answered) = oneshot::channel();
    link.questions.send(Question { ask: Ask::Hello, body: "".into(), answer }).unwrap();
    assert!(soon("its end", answered).await.is_err(), "there is no controller");
}

#[tokio::test]
async fn a_second_that_is_stored_twice_is_kept_once() {
    let Some(own) = Own::start().await else { return };
    let mut controller = own.controller().await;
    let link = own.generator("g1").await;
    for (number, body) in [(0, "a"), (0, "a"), (1, "b"), (0, "a"), (2, "c"), (1, "b")] {
        soon("the receipt", store(&link, number, body)).await.unwrap();
    }
    for expected in [(0, "a"), (1, "b"), (2, "c")] {
        let (id, number, body) = second(&mut controller).await;
        assert_eq!((id.as_str(), number, body.as_str()), ("g1", expected.0, expected.1));
    }
    let runs = Look::with(&own.server.tickets.controller).await.unwrap().runs().await.unwrap();
    assert_eq!((runs.len(), runs[0].seconds, runs[0].is_held), (1, 3, true), "{runs:?}");
    assert_eq!(runs[0].run, *own.server.run());
    // Another controller of the same run, later, has none of it unless it asks; then from where it says.
    drop(controller.link);
    soon("the release", controller.ended).await.unwrap();
    let mut fresh = own.controller().await;
    soon("the receipt", store(&link, 3, "d")).await.unwrap();
    assert_eq!(second(&mut fresh).await.1, 3, "only what is stored from now on");
    drop(fresh.link);
    soon("the release", fresh.ended).await.unwrap();
    let other = own.generator("g2").await;
    soon("the receipt", store(&other, 1, "w")).await.unwrap();
    soon("the receipt", store(&other, 7, "x")).await.unwrap();
    let mut attached = own.controls(Seconds::From(2)).await.unwrap();
    let mut came = Vec::new();
    for _ in 0..3 {
        let (id, number, _) = second(&mut attached).await;
        came.push(format!("{id}/{number}"));
    }
    assert_eq!(came, ["g1/2", "g1/3", "g2/7"]);
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_loses_and_doubles_nothing() {
    let Some(mut own) = Own::start().await else { return };
    let mut controller = own.controller().await;
    let mut links = [own.generator("g1").await, own.generator("g2").await];
    let mut receipts = Vec::new();
    for number in 0..10 {
        receipts.extend(links.iter().map(|link| store(link, number, &format!("{number}"))));
    }
    own.kill_and_wait().await;
    for number in 10..20 {
        receipts.extend(links.iter().map(|link| store(link, number, &format!("{number}"))));
    }
    own.kill_and_wait().await;
    for number in 20..25 {
        receipts.extend(links.iter().map(|link| store(link, number, &format!("{number}"))));
    }
    for receipt in receipts {
        soon("the receipt", receipt).await.unwrap();
    }
    let mut came: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for _ in 0..50 {
        let (id, number, body) = second(&mut controller).await;
        assert_eq!(body, number.to_string());
        came.entry(id).or_default().push(number);
    }
    let all: Vec<u64> = (0..25).collect();
    assert_eq!(came, BTreeMap::from([("g1".to_owned(), all.clone()), ("g2".to_owned(), all)]), "once, in order");
    let runs = Look::with(&own.server.tickets.controller).await.unwrap().runs().await.unwrap();
    assert_eq!(runs[0].seconds, 50, "no second is kept twice");
    // Commands arrive again, and both sides knew that they would not for a while.
    let mut was_away = false;
    controller.link.outbox.send(Outgoing::Schedule("again".into())).unwrap();
    loop {
        match soon("the schedule", links[0].inbox.recv()).await.unwrap() {
            FromController::Connected(is_there) => was_away |= !is_there,
            FromController::Schedule(body) => break assert_eq!(body, "again"),
            other @ FromController::Order(_) => panic!("{other:?}"),
        }
    }
    assert!(was_away);
}

#[tokio::test]
async fn what_nobody_can_store_is_given_up_beyond_the_backlog() {
    use scaletop_fleet::nats::{Backlog, connect_generator};

    let Some(own) = Own::start().await else { return };
    // There is no stream before the first controller, so nothing is stored.
    let id = "g1".parse().unwrap();
    let backlog = Backlog { seconds: 3, bytes: 1 << 20 };
    let link = connect_generator(&own.server.tickets.generator, &id, backlog).await.unwrap();
    let receipts: Vec<_> = (0..5).map(|number| store(&link, number, "x")).collect();
    let mut receipts = receipts.into_iter();
    for receipt in receipts.by_ref().take(2) {
        assert!(soon("its end", receipt).await.is_err(), "the oldest are given up");
    }
    let mut controller = own.controls(Seconds::From(0)).await.unwrap();
    for receipt in receipts {
        soon("the receipt", receipt).await.unwrap();
    }
    for number in 2..5 {
        assert_eq!(second(&mut controller).await.1, number);
    }
    // One that is longer than the server takes is given up at once, and holds nothing up.
    let long = store(&link, 5, &"x".repeat(2 << 20));
    assert!(soon("its end", long).await.is_err());
    soon("the receipt", store(&link, 6, "y")).await.unwrap();
}
