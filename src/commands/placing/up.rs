//! `scaletop fleet up`: places generators.

use std::path::Path;

use futures_util::future::join_all;

use crate::app::signals::Signals;
use crate::cli::fleet_place::UpArgs;
use crate::commands::{CommandError, say};
use crate::placing::local::Generator;
use crate::placing::ssh::{Ssh, SshError};
use crate::placing::ticket::JoinTicket;
use crate::placing::{Join, Place};
use crate::text::counted;

use super::{PlaceError, check_allowed, check_aws, check_reach, does_nothing, ticket};

/// Places generators; on this machine it stays until they are to end.
pub(super) async fn run(args: &UpArgs) -> Result<u8, CommandError> {
    check_aws(&args.on, &args.aws)?;
    if let (Place::Local | Place::Ssh(_), Some(option)) = (&args.on, args.tasks.given()) {
        return Err(does_nothing(option, &args.on));
    }
    let ticket = ticket(args.ticket.as_deref())?;
    let join = args.joined.join();
    check_allowed(&ticket, &join)?;
    match &args.on {
        Place::Local => here(&std::env::current_exe()?, &ticket, &join, args.count.unwrap_or(1)).await,
        Place::Ssh(hosts) => {
            check_reach(&ticket, "elsewhere")?;
            let ssh = Ssh::here()?;
            let count = args.count.unwrap_or_else(|| u32::try_from(hosts.len()).unwrap_or(u32::MAX));
            there(&ssh, hosts, &ticket, &join, count).await
        }
        #[cfg(feature = "aws")]
        Place::Ecs(cluster) => {
            check_reach(&ticket, "on ECS")?;
            super::ecs::up(args, cluster, &ticket, &join).await
        }
        #[cfg(not(feature = "aws"))]
        Place::Ecs(_) => Err(super::no_cloud()),
    }
}

/// Runs generators as children, until a signal or until all have ended.
async fn here(program: &Path, ticket: &JoinTicket, join: &Join, count: u32) -> Result<u8, CommandError> {
    let mut signals = Signals::listen()?;
    let mut running = Vec::new();
    for _ in 0..count {
        running.push(Generator::start(program, join, ticket.line()).await.map_err(PlaceError::from)?);
    }
    let pids: Vec<_> = running.iter().filter_map(Generator::pid).map(|pid| pid.to_string()).collect();
    say(&format!(
        "{} on this machine for the run {}, until Ctrl-C (pid {})",
        generators(count),
        ticket.run(),
        pids.join(", ")
    ));
    let mut failed = 0;
    while !running.is_empty() {
        let signal = tokio::select! {
            (at, ended) = first_ended(&mut running) => {
                let pid = running.swap_remove(at).pid().map_or_else(String::new, |pid| format!(" (pid {pid})"));
                match ended {
                    Ok(status) if status.success() => {}
                    Ok(status) => {
                        failed += 1;
                        say(&format!("a generator{pid} ended: {status}; {} left", running.len()));
                    }
                    Err(error) => return Err(error.into()),
                }
                continue;
            }
            signal = signals.next() => signal,
        };
        say("they hand their shares over and end; once more ends them at once");
        tokio::select! {
            _ = join_all(running.into_iter().map(Generator::leave)) => {}
            // Dropped, they are killed.
            _ = signals.next() => {}
        }
        // 128 + n, as shells have it.
        return Ok(u8::try_from(signal).map_or(1, |signal| 128_u8.saturating_add(signal)));
    }
    say("no generator is left");
    Ok(u8::from(failed > 0))
}

/// The first that ends, by its place.
async fn first_ended(running: &mut [Generator]) -> (usize, std::io::Result<std::process::ExitStatus>) {
    let each = running.iter_mut().map(|generator| Box::pin(generator.ended()));
    let (ended, at, _) = futures_util::future::select_all(each).await;
    (at, ended)
}

/// Starts generators on machines, all at once, and tells what became of each.
async fn there(ssh: &Ssh, hosts: &[String], ticket: &JoinTicket, join: &Join, count: u32) -> Result<u8, CommandError> {
    let shares = shares(count, hosts.len());
    let each = hosts.iter().zip(shares).filter(|(_, share)| *share > 0).map(|(host, share)| async move {
        let mut started = 0;
        let done = on_one(ssh, host, ticket, join, share, &mut started).await;
        (host, started, done)
    });
    let mut placed = 0;
    let mut is_whole = true;
    for (host, started, done) in join_all(each).await {
        placed += started;
        match done {
            Ok(copied) => {
                let how = if copied { ", with a copy of this program" } else { "" };
                say(&format!("{host}: {}{how}", generators(started)));
            }
            Err(error) => {
                is_whole = false;
                say(&error.to_string());
            }
        }
    }
    let on = hosts.join(",");
    say(&format!(
        "{} for the run {} of {count}; to end them: scaletop fleet down --run {} --on ssh:{on}",
        generators(placed),
        ticket.run(),
        ticket.run()
    ));
    Ok(u8::from(!is_whole))
}

async fn on_one(
    ssh: &Ssh,
    host: &str,
    ticket: &JoinTicket,
    join: &Join,
    share: u32,
    started: &mut u32,
) -> Result<bool, SshError> {
    let (program, copied) = ssh.prepare(host).await?;
    for _ in 0..share {
        ssh.start(host, ticket.run(), &program, join, ticket.line()).await?;
        *started += 1;
    }
    Ok(copied)
}

/// How many of `count` each of `hosts` machines gets: as even as it goes, the first ones more.
fn shares(count: u32, hosts: usize) -> Vec<u32> {
    let hosts = u32::try_from(hosts).unwrap_or(u32::MAX).max(1);
    (0..hosts).map(|at| count / hosts + u32::from(at < count % hosts)).collect()
}

/// `1 generator`, `3 generators`.
pub(super) fn generators(count: u32) -> String {
    counted(count.into(), "generator")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_are_spread_evenly_over_machines() {
        assert_eq!(shares(7, 3), [3, 2, 2]);
        assert_eq!(shares(2, 3), [1, 1, 0]);
        assert_eq!(shares(3, 3), [1, 1, 1]);
    }
}
