//! `scaletop fleet join`: a generator.

use std::io::Read as _;
use std::time::Duration;

use scaletop_fleet::nats::{Backlog, LinkError, connect_generator, host_name};
use scaletop_fleet::ticket::{JoinTicket, Source};
use scaletop_fleet::{Ended, GeneratorConfig, GeneratorLink, GeneratorNews, generate, http_engine};
use scaletop_load::raise_fd_limit;
use scaletop_units::GeneratorId;
use tokio::sync::oneshot;

use crate::app::signals::Signals;
use crate::cli::fleet::JoinArgs;
use crate::commands::{CommandError, say};

use super::{FleetCommandError, given};

/// A server that is not there yet is asked again so much later.
const AGAIN: Duration = Duration::from_secs(1);

/// Generates load until the run is over or a signal says otherwise.
pub(super) async fn run(args: JoinArgs) -> Result<u8, CommandError> {
    let ticket = given::read(args.ticket.as_deref(), |source| match source {
        Source::Stdin if args.until_stdin_closes => JoinTicket::read(&Source::StdinLine),
        source => JoinTicket::read(source),
    })?;
    let allow = if args.allow.is_empty() { ticket.hosts().to_vec() } else { args.allow.clone() };
    if allow.is_empty() {
        return Err(FleetCommandError::NoHosts.into());
    }
    let id = args.name.clone().unwrap_or_else(own_id);
    let closes = if args.until_stdin_closes { Some(stdin_closes()?) } else { None };
    let orphaned = async {
        match closes {
            // Told or dropped: it has closed.
            Some(closes) => drop(closes.await),
            None => std::future::pending().await,
        }
    };
    let mut signals = Signals::listen()?;
    // As a session does it; not being allowed to is told by doctor.
    let _ = raise_fd_limit();
    tokio::select! {
        done = generator(&args, &ticket, id, allow, &mut signals) => done,
        // Whoever started it is gone, and nobody waits for anything of it.
        () = orphaned => Ok(0),
    }
}

async fn generator(
    args: &JoinArgs,
    ticket: &JoinTicket,
    id: GeneratorId,
    allow: Vec<String>,
    signals: &mut Signals,
) -> Result<u8, CommandError> {
    let link = tokio::select! {
        link = connected(args, ticket, &id) => link?,
        signal = signals.next() => return Ok(ended_by(signal)),
    };
    say(&format!("generator {id}: connected to {}, in run {}", ticket.servers().join(", "), ticket.run()));
    let (leave, leaves) = oneshot::channel();
    let config = GeneratorConfig {
        id: id.clone(),
        threads: args.workers,
        max_rate: args.max_rate,
        allow,
        orphan: args.orphan,
        labels: args.label.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        verify: Box::new(ticket.verifier()),
        leave: leaves,
    };
    let said = |news: GeneratorNews| say(&format!("generator {id}: {news}"));
    let generating = generate(config, link, http_engine, said);
    tokio::pin!(generating);
    let mut leave = Some(leave);
    loop {
        tokio::select! {
            ended = &mut generating => {
                let ended = ended?;
                say(&format!("generator {id}: {}", why(ended)));
                return Ok(0);
            }
            signal = signals.next() => match leave.take() {
                Some(leave) => {
                    say(&format!("generator {id}: leaving once its share is handed over; once more ends it at once"));
                    // It may be ending by itself.
                    let _ = leave.send(());
                }
                None => return Ok(ended_by(signal)),
            },
        }
    }
}

const fn why(ended: Ended) -> &'static str {
    match ended {
        Ended::Left => "it has left the run",
        Ended::Orphan => "no controller was heard for too long: it ends",
        Ended::TimeIsUp => "the run's time is up: it ends",
    }
}

/// 128 + n, as shells have it.
fn ended_by(signal: i32) -> u8 {
    u8::try_from(signal).map_or(1, |signal| 128_u8.saturating_add(signal))
}

/// The link, once the server is there; a server that refuses is not asked again.
async fn connected(args: &JoinArgs, ticket: &JoinTicket, id: &GeneratorId) -> Result<GeneratorLink, LinkError> {
    let until = tokio::time::Instant::now() + args.orphan;
    let mut is_told = false;
    loop {
        match connect_generator(ticket, id, Backlog::default()).await {
            Err(error) if error.may_pass() && tokio::time::Instant::now() + AGAIN < until => {
                if !is_told {
                    say(&format!("generator {id}: {error}; trying on"));
                    is_told = true;
                }
                tokio::time::sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

/// This machine's name as far as it fits, and chance: a process that is started again is another generator, whose seconds
/// are numbered from 0 and not taken for those of the first.
fn own_id() -> GeneratorId {
    let chance: String = std::iter::repeat_with(|| fastrand::char('a'..='z')).take(5).collect();
    let id = format!("{}-{chance}", fitting(&host_name()));
    id.parse().unwrap_or_else(|_| unreachable!("{id} is made of what a name is made of"))
}

/// What a generator's name may hold of a machine's.
fn fitting(host: &str) -> String {
    let short = host.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let fine: String = short.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let fine: String = fine.trim_matches('-').chars().take(GeneratorId::MAX_LEN - 6).collect();
    if fine.is_empty() { "g".to_owned() } else { fine }
}

/// Told when standard input ends.
fn stdin_closes() -> std::io::Result<oneshot::Receiver<()>> {
    let (closed, is_closed) = oneshot::channel();
    std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
        let mut ignored = [0; 64];
        while let Ok(1..) = std::io::stdin().lock().read(&mut ignored) {}
        // Nobody waits any more when it has ended by itself.
        let _ = closed.send(());
    })?;
    Ok(is_closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_s_name_makes_a_generator_s() {
        for host in ["ip-10-0-3-7.eu-west-1.compute.internal", "Büro_PC", "-", "", &"x".repeat(80), "EC2AMAZ-1"] {
            let id = format!("{}-abcde", fitting(host));
            assert!(id.parse::<GeneratorId>().is_ok(), "{host}: {id}");
        }
        assert_eq!(fitting("ip-10-0-3-7.eu-west-1"), "ip-10-0-3-7");
        assert_ne!(own_id(), own_id());
    }
}
