//! One controller at a time.

use std::process::{Command, Stdio};
use std::time::Duration;

use scaletop_fleet::nats::{ControllerOptions, Ended, LinkError, Look, Seconds, connect_controller};
use scaletop_fleet::ticket::{Source, Ticket, VARIABLE};

use crate::support::{Own, deadline, having, soon};
use scaletop_fleet::{FromController, Incoming};
use tokio::sync::mpsc;

#[tokio::test]
async fn a_second_controller_is_refused_until_the_first_has_let_go() {
    let Some(mut own) = Own::start().await else { return };
    let first = own.controller().await;
    assert_eq!(first.epoch, 1);
    let refused = own.controls(Seconds::New).await.unwrap_err();
    let LinkError::Held { holder } = &refused else { panic!("{refused:?}") };
    assert_eq!((holder.pid, holder.epoch), (std::process::id(), 1));
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    // Also when the server was away meanwhile.
    own.kill_and_wait().await;
    let refused = own.controls(Seconds::New).await.unwrap_err();
    assert!(matches!(refused, LinkError::Held { .. }), "{refused:?}");
    drop(first.link);
    assert_eq!(soon("the release", first.ended).await.unwrap(), Ended::Released);
    // At once, not after the hold's time.
    let second = own.controller().await;
    assert_eq!(second.epoch, 2);
}

#[tokio::test]
async fn who_waits_for_another_controller_is_told_at_once_which_one() {
    let Some(own) = Own::start().await else { return };
    let first = own.controller().await;
    let (waits_for, mut holders) = mpsc::unbounded_channel();
    let patient = ControllerOptions { patience: deadline(), waits_for: Some(waits_for), ..having(Seconds::New) };
    let ticket = own.server.tickets.controller.clone();
    let second = tokio::spawn(async move { connect_controller(&ticket, patient).await });
    let holder = soon("who is waited for", holders.recv()).await.unwrap();
    assert_eq!(holder.pid, std::process::id());
    assert!(!second.is_finished(), "it waits");
    drop(first.link);
    let second = soon("the hold", second).await.unwrap().unwrap();
    assert_eq!(second.epoch, 2);
    assert!(soon("the end of what is told", holders.recv()).await.is_none(), "each is told once");
}

#[tokio::test]
async fn that_the_server_is_reached_is_no_news_the_first_time() {
    let Some(mut own) = Own::start().await else { return };
    let mut controller = own.controller().await;
    let mut generator = own.generator("g1").await;
    own.kill_and_wait().await;
    for reached in [false, true] {
        assert_eq!(soon("news", generator.inbox.recv()).await, Some(FromController::Connected(reached)));
        let news = soon("news", controller.link.inbox.recv()).await;
        assert!(matches!(news, Some(Incoming::Connected(now)) if now == reached), "{news:?}");
    }
}

/// Holds the run of the ticket in the variable until it is killed: a part of the test below, in a process of its own.
#[tokio::test]
#[ignore = "a part of another test"]
async fn holds_until_it_is_killed() {
    let Ok(text) = std::env::var(VARIABLE) else { return };
    let ticket = Ticket::read(&Source::Text(text), false).unwrap();
    let controller = connect_controller(&ticket, having(Seconds::New)).await.unwrap();
    eprintln!("holding as {}", controller.epoch);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn the_hold_of_one_that_was_killed_ends_by_itself() {
    use std::io::{BufRead as _, BufReader};

    let Some(own) = Own::start().await else { return };
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "single::holds_until_it_is_killed", "--ignored", "--nocapture"])
        .env(VARIABLE, own.server.tickets.controller.to_text().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("holding as 1")), "the child did not get hold of it");
    let pid = child.id();
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = own.controls(Seconds::New).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("process {pid}")), "{refused}");
    // Meanwhile it is told for how long it has not been heard, which grows.
    let mut look = Look::with(own.server.tickets.observer.as_ref().unwrap()).await.unwrap();
    let mut silences = Vec::new();
    soon("the end of the hold", async {
        loop {
            let runs = look.runs().await.unwrap();
            assert_eq!((runs.len(), runs[0].holder.pid), (1, pid));
            if !runs[0].is_held {
                break;
            }
            // Servers before 2.10 do not tell the time.
            silences.extend(runs[0].silent_for);
            assert!(runs[0].held_for >= runs[0].silent_for, "{runs:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    let tells = !look.server().version.starts_with("2.9.");
    assert_eq!(silences.len() > 1, tells, "{silences:?}");
    assert!(silences.is_sorted() && (silences.first() != silences.last() || !tells), "{silences:?}");
    let patient = ControllerOptions { patience: Duration::from_mins(1), ..having(Seconds::New) };
    let next = soon("the hold", connect_controller(&own.server.tickets.controller, patient)).await.unwrap();
    assert_eq!(next.epoch, 2, "what the first one still says is old");
}
