//! `scaletop fleet ls`: the runs that a server knows.

use std::io::{self, Write as _};
use std::time::Duration;

use scaletop_fleet::nats::{Look, RunSeen};
use scaletop_fleet::ticket::Ticket;
use serde_json::json;

use crate::cli::fleet::FleetLookArgs;
use crate::commands::CommandError;
use crate::text::{age, clean, counted};

use super::given;

/// One that steers is heard every 3 s, and a little later where the way is long: seconds.
const HEARD_EVERY: u64 = 4;

/// Lists them, each on a line.
pub(super) async fn run(args: &FleetLookArgs) -> Result<u8, CommandError> {
    let ticket = given::read(args.ticket.as_deref(), |source| Ticket::read(source, true))?;
    let runs = Look::with(&ticket).await?.runs().await?;
    let mut out = io::stdout().lock();
    if args.json {
        let runs: Vec<_> = runs.iter().map(|run| as_json(run, &ticket)).collect();
        writeln!(out, "{:#}", json!({ "runs": runs }))?;
    } else if runs.is_empty() {
        writeln!(out, "no run yet: the ticket's, {}, has had no controller", ticket.run())?;
    } else {
        for run in &runs {
            writeln!(out, "{}", line(run, &ticket))?;
        }
    }
    out.flush()?;
    Ok(0)
}

/// `0123456789abcdef  steered by process 17 on host for 4m10s, not heard for 7 s; after 1 other program; 120 seconds of generators kept`
fn line(run: &RunSeen, ticket: &Ticket) -> String {
    let state = if run.is_held { "steered by" } else { "last steered by" };
    let own = if run.run == *ticket.run() { "  this ticket's" } else { "" };
    let holder = clean(&run.holder.to_string());
    let since = held_for(run).map_or_else(String::new, |secs| format!(" for {}", age(Duration::from_secs(secs))));
    let silent = silent_for(run).map_or_else(String::new, |secs| format!(", not heard for {secs} s"));
    let before = match before(run) {
        0 => String::new(),
        1 => "; 1 other program steered it before".to_owned(),
        before => format!("; {} steered it before", counted(before, "other program")),
    };
    let kept = counted(run.seconds, "second");
    format!("{}  {state} {holder}{since}{silent}{before}; {kept} of generators kept{own}", run.run)
}

/// Programs that steered it before the present or the last one, those included that ended before there was any load.
fn before(run: &RunSeen) -> u64 {
    run.holder.epoch.saturating_sub(1)
}

/// Seconds for which the one that steers has done so.
fn held_for(run: &RunSeen) -> Option<u64> {
    run.held_for.filter(|_| run.is_held).map(|held| held.as_secs())
}

/// Seconds for which the one that steers has not been heard, where that is longer than it may be: it is gone, or cut off.
fn silent_for(run: &RunSeen) -> Option<u64> {
    run.silent_for.map(|silent| silent.as_secs()).filter(|secs| *secs > HEARD_EVERY)
}

fn as_json(run: &RunSeen, ticket: &Ticket) -> serde_json::Value {
    json!({
        "run": run.run.as_str(),
        "is_this_ticket_s": run.run == *ticket.run(),
        "is_steered": run.is_held,
        "steered_for_s": held_for(run),
        "steered_before": before(run),
        "not_heard_for_s": silent_for(run),
        "epoch": run.holder.epoch,
        "host": clean(&run.holder.host),
        "process": run.holder.pid,
        "about": clean(&run.holder.about),
        "seconds_kept": run.seconds,
    })
}

#[cfg(test)]
mod tests {
    use scaletop_fleet::nats::Holder;
    use scaletop_fleet::ticket::{Credentials, Tickets};

    use super::*;

    #[test]
    fn one_that_does_not_hold_on_is_told_as_not_heard_and_one_that_does_is_not() {
        let servers = ["nats://127.0.0.1:4222".to_owned()];
        let ticket = Tickets::for_existing(&servers, None, &Credentials::default()).unwrap().controller;
        let holder = Holder { epoch: 2, host: "here".to_owned(), pid: 17, about: String::new() };
        let run = |is_held, silent| RunSeen {
            run: ticket.run().clone(),
            holder: holder.clone(),
            is_held,
            held_for: Some(Duration::from_secs(250)),
            silent_for: Some(Duration::from_secs(silent)).filter(|_| is_held),
            seconds: 1,
        };
        let said = line(&run(true, 3), &ticket);
        assert!(
            said.contains("steered by process 17 on here for 4m10s; 1 other program steered it before; 1 second of"),
            "{said}"
        );
        let said = line(&run(true, 7), &ticket);
        assert!(said.contains("on here for 4m10s, not heard for 7 s; 1 other"), "{said}");
        let json = as_json(&run(true, 7), &ticket);
        assert_eq!(
            (&json["not_heard_for_s"], &json["steered_for_s"], &json["steered_before"]),
            (&json!(7), &json!(250), &json!(1))
        );
        let said = line(&run(false, 0), &ticket);
        assert!(said.contains("last steered by process 17 on here; 1 other") && !said.contains("not heard"), "{said}");
        assert_eq!(as_json(&run(false, 0), &ticket)["steered_for_s"], json!(null));
        let first = RunSeen { holder: Holder { epoch: 1, ..holder.clone() }, ..run(true, 0) };
        assert!(line(&first, &ticket).contains("for 4m10s; 1 second of"), "nobody was there before");
    }
}
