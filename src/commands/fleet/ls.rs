//! `scaletop fleet ls`: the runs that a server knows.

use std::io::{self, Write as _};

use scaletop_fleet::nats::{Look, RunSeen};
use scaletop_fleet::ticket::Ticket;
use serde_json::json;

use crate::cli::fleet::FleetLookArgs;
use crate::commands::CommandError;
use crate::text::clean;

use super::given;

/// Lists them, each on a line.
pub(super) async fn run(args: &FleetLookArgs) -> Result<u8, CommandError> {
    let ticket = Ticket::read(&given::source(args.ticket.as_deref())?, true)?;
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

/// `0123456789abcdef  steered by process 17 on host (epoch 2), 120 seconds kept  this ticket's`
fn line(run: &RunSeen, ticket: &Ticket) -> String {
    let state = if run.is_held { "steered by" } else { "last steered by" };
    let own = if run.run == *ticket.run() { "  this ticket's" } else { "" };
    let holder = clean(&run.holder.to_string());
    let (epoch, seconds) = (run.holder.epoch, run.seconds);
    format!("{}  {state} {holder}, controller number {epoch}, {seconds} seconds of generators kept{own}", run.run)
}

fn as_json(run: &RunSeen, ticket: &Ticket) -> serde_json::Value {
    json!({
        "run": run.run.as_str(),
        "is_this_ticket_s": run.run == *ticket.run(),
        "is_steered": run.is_held,
        "epoch": run.holder.epoch,
        "host": clean(&run.holder.host),
        "process": run.holder.pid,
        "about": clean(&run.holder.about),
        "seconds_kept": run.seconds,
    })
}
