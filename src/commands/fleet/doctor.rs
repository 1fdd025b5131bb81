//! `scaletop fleet doctor`: the way to the server, what the ticket may do there, and whether this machine can send.

use std::time::Duration;

use scaletop_fleet::nats::{LinkError, Look, StoreSeen};
use scaletop_fleet::ticket::{AnyTicket, Role};
use scaletop_load::{GeneratorProbe, default_max_in_flight, raise_fd_limit};
use scaletop_units::{ArrivalRate, RunClock};

use crate::cli::fleet::FleetLookArgs;
use crate::commands::CommandError;
use crate::commands::doctor::Printout;
use crate::doctor::generator::{self, PlannedLoad};
use crate::doctor::{Check, Status};
use crate::text::counted;

use super::given;

/// What one generator is expected to send unless it says otherwise, requests per second.
const PLANNED: u32 = 20_000;

/// A beat's way there and back takes so much of the shortest lease (1 s) at most, or clocks and leases suffer.
const FAR: Duration = Duration::from_millis(200);

/// The oldest nats-server that is known to do.
const OLDEST: (u32, u32) = (2, 9);

/// Prints every check as it is made; 1 when one failed.
pub(super) async fn run(args: &FleetLookArgs) -> Result<u8, CommandError> {
    let ticket = given::read(args.ticket.as_deref(), AnyTicket::read)?;
    let clock = RunClock::start();
    let mut printout = Printout::new(args.json);
    let is_generator = matches!(ticket, AnyTicket::Join(_));
    printout.heading("this machine")?;
    printout.print(machine(clock, is_generator))?;
    printout.heading("the fleet's server")?;
    match Look::with_any(&ticket).await {
        Ok(mut look) => {
            printout.print(server(&look, &ticket))?;
            printout.print(vec![way(&look, clock).await])?;
            printout.print(vec![store(&mut look).await])?;
            printout.heading("the ticket")?;
            printout.print(rights(look).await)?;
        }
        Err(error) => printout.print(vec![failed("connection", &error)])?,
    }
    printout.verdict()
}

fn machine(clock: RunClock, is_generator: bool) -> Vec<Check> {
    let _ = raise_fd_limit();
    let planned = PlannedLoad {
        // A controller sends nothing itself.
        max_rate: if is_generator { PLANNED } else { ArrivalRate::default().get() },
        max_in_flight: default_max_in_flight(),
        conn_max_age: None,
        keep_alive: true,
    };
    generator::checks(&GeneratorProbe::new(clock.now()).sample(clock.now()), planned)
}

fn failed(name: &str, error: &LinkError) -> Check {
    let text = error.to_string();
    // "what is wrong: what to do".
    let (detail, remedy) = text.rsplit_once(": ").unwrap_or((&text, "see above"));
    Check::failure(name, detail, remedy)
}

fn server(look: &Look, ticket: &AnyTicket) -> Vec<Check> {
    let seen = look.server();
    let servers = match ticket {
        AnyTicket::Fleet(ticket) => ticket.servers(),
        AnyTicket::Join(ticket) => ticket.servers(),
    };
    let mut checks =
        vec![Check::ok("connection", format!("{} lets {} in", servers.join(", "), look.role().with_article()))];
    let version = format!("nats-server {}", seen.version);
    checks.push(if is_recent(&seen.version) {
        Check::ok("version", version)
    } else {
        Check::warning("version", version, format!("use {}.{} or newer", OLDEST.0, OLDEST.1))
    });
    checks
}

fn is_recent(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) >= OLDEST
}

/// The way there and back: half of it is how far a clock that is compared through it may be off.
async fn way(look: &Look, clock: RunClock) -> Check {
    let Some(took) = look.round_trip(|| Duration::from_nanos(clock.now().as_nanos())).await else {
        return Check::failure(
            "round trip",
            "the server did not answer",
            "see its log, and whether the ticket may ask at all",
        );
    };
    let text = format!(
        "{:.1} ms there and back: clocks are told to ±{:.1} ms through it",
        took.as_secs_f64() * 1e3,
        took.as_secs_f64() * 5e2
    );
    if took > FAR {
        Check::warning("round trip", text, "put the server nearer, or give a longer --lease")
    } else {
        Check::ok("round trip", text)
    }
}

/// Whether the server keeps the seconds of generators, and who steers.
async fn store(look: &mut Look) -> Check {
    if look.role() == Role::Generator {
        return match look.store().await {
            StoreSeen::Untold => {
                Check::ok("store", "the server does not tell a generator; doctor with fleet.ticket does")
            }
            _ => look
                .check_store()
                .await
                .map_or_else(|error| failed("store", &error), |()| Check::ok("store", "seconds are kept")),
        };
    }
    match look.runs().await {
        Ok(runs) => Check::ok("store", format!("seconds are kept; it knows {}", counted(runs.len() as u64, "run"))),
        Err(error) => failed("store", &error),
    }
}

/// Whether the ticket may do what its role must, and nothing more.
async fn rights(mut look: Look) -> Vec<Check> {
    let role = look.role();
    let mut checks = Vec::new();
    for (subject, expected) in look.expected() {
        let name = format!("publish {subject}");
        checks.push(match (look.may_say(&subject).await, expected) {
            (Some(true), true) => Check::ok(name, "allowed, as it must be"),
            (Some(false), false) => Check::ok(name, "refused, as it must be"),
            (Some(false), true) => Check::failure(
                name,
                "refused",
                format!("{} needs it: give the ticket's user this right on the server", role.with_article()),
            ),
            (Some(true), false) => Check::warning(
                name,
                "allowed",
                format!(
                    "{} must not: whoever has this ticket can command load; restrict its user on the server",
                    role.with_article()
                ),
            ),
            (None, _) => Check::warning(name, "the server gave no word on it", "see the server's log"),
        });
    }
    debug_assert!(checks.iter().all(|check| check.status != Status::Ok || check.remedy.is_none()));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for recent in ["2.9.10", "2.10.0", "2.15.1", "3.0.0"] {
            assert!(is_recent(recent), "{recent}");
        }
        for old in ["2.8.4", "1.4.1", "", "x"] {
            assert!(!is_recent(old), "{old}");
        }
    }
}
