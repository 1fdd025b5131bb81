//! Who may say what, and who is believed.

use scaletop_fleet::nats::{Backlog, LinkError, Look, connect_generator};
use scaletop_fleet::ticket::AnyTicket;

use crate::support::{Own, changed, changed_join, having, part, soon};
use scaletop_fleet::nats::{Seconds, connect_controller};

#[tokio::test]
async fn each_role_may_do_its_own_and_no_more() {
    let Some(own) = Own::start().await else { return };
    let tickets = &own.server.tickets;
    let run = own.server.run().clone();
    let of_run = |rest: &str| format!("st.{run}.{rest}");

    let mut generator = Look::with_any(&AnyTicket::Join(tickets.generator.clone())).await.unwrap();
    for subject in ["hello", "beat.g1", "schedule.get", "sec.g1.0"] {
        assert_eq!(soon("a word", generator.may_say(&of_run(subject))).await, Some(true), "a generator, {subject}");
    }
    for subject in ["schedule", "order.g1", "else"].map(of_run) {
        assert_eq!(soon("a word", generator.may_say(&subject)).await, Some(false), "a generator, {subject}");
    }
    let foreign = ["st.0000000000000000.hello", "$JS.API.STREAM.DELETE.ST_x", "$KV.scaletop_lock.x", "_INBOX.g.x"];
    for subject in foreign {
        assert_eq!(soon("a word", generator.may_say(subject)).await, Some(false), "a generator, {subject}");
    }
    for subject in ["beat.*", "hello", "sec.*.*", "rec.*", ">"].map(of_run) {
        assert_eq!(soon("a word", generator.may_hear(&subject)).await, Some(false), "a generator hears {subject}");
    }
    assert_eq!(soon("a word", generator.may_hear("_INBOX.c.>")).await, Some(false), "answers to the controller");
    assert_eq!(soon("a word", generator.may_hear(&of_run("schedule"))).await, Some(true));

    let mut observer = Look::with(tickets.observer.as_ref().unwrap()).await.unwrap();
    for subject in ["hello", "beat.g1", "schedule", "schedule.get", "order.g1", "sec.g1.0"].map(of_run) {
        assert_eq!(soon("a word", observer.may_say(&subject)).await, Some(false), "an observer, {subject}");
    }
    for subject in ["$JS.API.CONSUMER.CREATE.x", "$JS.API.STREAM.PURGE.x", "$KV.scaletop_lock.x"] {
        assert_eq!(soon("a word", observer.may_say(subject)).await, Some(false), "an observer, {subject}");
    }
    for subject in ["beat.*", "schedule", "sec.*.*", "rec.*"].map(of_run) {
        assert_eq!(soon("a word", observer.may_hear(&subject)).await, Some(true), "an observer hears {subject}");
    }
    for subject in [">", "hello", "order.g1"].map(of_run) {
        assert_eq!(soon("a word", observer.may_hear(&subject)).await, Some(false), "an observer hears {subject}");
    }
    assert_eq!(soon("a word", observer.may_hear("_INBOX.g.>")).await, Some(false), "what generators are answered");

    let mut controller = Look::with(&tickets.controller).await.unwrap();
    for subject in ["schedule", "order.g1"].map(of_run) {
        assert_eq!(soon("a word", controller.may_say(&subject)).await, Some(true), "a controller, {subject}");
    }
    assert_eq!(soon("a word", controller.may_say("st.0000000000000000.schedule")).await, Some(false), "another run");
}

#[tokio::test]
async fn another_server_and_another_key_are_refused_with_the_reason() {
    let Some(one) = Own::start().await else { return };
    let other = Own::start().await.unwrap();
    let (ours, theirs) = (&one.server.tickets, &other.server.tickets);
    let text = theirs.controller.to_text().unwrap();
    let place = ("servers", part(&text, "servers"));
    let authority = ("ca", part(&text, "ca"));

    // Their place with our authority: somebody else answers there.
    let misled = changed(&ours.controller, std::slice::from_ref(&place));
    let refused = connect_controller(&misled, having(Seconds::New)).await.unwrap_err();
    assert!(matches!(refused, LinkError::Certificate { .. }), "{refused:?}");
    assert!(refused.to_string().contains("not the one of the ticket"), "{refused}");
    let misled = changed_join(&ours.generator, std::slice::from_ref(&place));
    let id = "g1".parse().unwrap();
    let refused = connect_generator(&misled, &id, Backlog::default()).await.unwrap_err();
    assert!(matches!(refused, LinkError::Certificate { .. }), "{refused:?}");

    // Their place and authority with our key: it is not known there.
    let unknown = changed_join(&ours.generator, &[place, authority]);
    let refused = connect_generator(&unknown, &id, Backlog::default()).await.unwrap_err();
    assert!(matches!(refused, LinkError::Refused { .. }), "{refused:?}");
    assert!(!refused.may_pass());

    // Nobody there.
    let nowhere = changed_join(&ours.generator, &[("servers", serde_json::json!(["tls://127.0.0.1:9"]))]);
    let refused = connect_generator(&nowhere, &id, Backlog::default()).await.unwrap_err();
    assert!(matches!(refused, LinkError::Unreachable { .. }) && refused.may_pass(), "{refused:?}");
    assert!(refused.to_string().contains("127.0.0.1:9"), "{refused}");
}
