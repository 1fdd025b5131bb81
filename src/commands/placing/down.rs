//! `scaletop fleet down` and `scaletop fleet placed`: what was placed is listed, and ended.

use std::io::{self, Write as _};

use futures_util::future::join_all;

use crate::cli::fleet_place::PlacedArgs;
use crate::commands::{CommandError, say};
use crate::placing::Place;
use crate::placing::ssh::{Ssh, Standing};

use super::{check_aws, ticket};

/// Ends what was placed.
pub(super) async fn end(args: &PlacedArgs) -> Result<u8, CommandError> {
    let run = run(args)?;
    match &args.on {
        Place::Local => Err(is_here()),
        Place::Ssh(hosts) => {
            let ssh = Ssh::here()?;
            let mut is_whole = true;
            for (host, ended) in join_all(hosts.iter().map(async |host| (host, ssh.end(host, &run).await))).await {
                match ended {
                    Ok(standing) => say(&format!("{host}: {}", ended_words(&standing))),
                    Err(error) => {
                        is_whole = false;
                        say(&error.to_string());
                    }
                }
            }
            Ok(u8::from(!is_whole))
        }
        #[cfg(feature = "aws")]
        Place::Ecs(cluster) => super::ecs::down(&args.aws, cluster, &run).await,
        #[cfg(not(feature = "aws"))]
        Place::Ecs(_) => Err(super::no_cloud()),
    }
}

/// Lists what was placed, on stdout: where, which, and how it is.
pub(super) async fn list(args: &PlacedArgs) -> Result<u8, CommandError> {
    let run = run(args)?;
    let (lines, is_whole) = match &args.on {
        Place::Local => return Err(is_here()),
        Place::Ssh(hosts) => {
            let ssh = Ssh::here()?;
            let mut lines = Vec::new();
            let mut is_whole = true;
            for (host, standing) in
                join_all(hosts.iter().map(async |host| (host, ssh.standing(host, &run).await))).await
            {
                match standing {
                    Ok(standing) => lines.extend(standing.iter().map(|one| line(host, *one))),
                    Err(error) => {
                        is_whole = false;
                        say(&error.to_string());
                    }
                }
            }
            (lines, is_whole)
        }
        #[cfg(feature = "aws")]
        Place::Ecs(cluster) => (super::ecs::placed(&args.aws, cluster, &run).await?, true),
        #[cfg(not(feature = "aws"))]
        Place::Ecs(_) => return Err(super::no_cloud()),
    };
    let mut out = io::stdout().lock();
    for line in &lines {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    if lines.is_empty() {
        say(&format!("none of the run {run} is placed on {}", args.on));
    }
    Ok(u8::from(!is_whole))
}

/// The run that is meant.
fn run(args: &PlacedArgs) -> Result<String, CommandError> {
    check_aws(&args.on, &args.aws)?;
    match &args.run {
        Some(run) => Ok(run.clone()),
        None => Ok(ticket(args.ticket.as_deref())?.run().to_owned()),
    }
}

fn is_here() -> CommandError {
    CommandError::Option(
        "generators of --on local are children of the scaletop fleet up that started them, and end with it: Ctrl-C there".to_owned(),
    )
}

fn line(host: &str, standing: Standing) -> String {
    format!("{host}  pid {}  {}", standing.pid, if standing.runs { "runs" } else { "has ended" })
}

fn ended_words(standing: &[Standing]) -> String {
    let ran = standing.iter().filter(|one| one.runs).count();
    match (ran, standing.len() - ran) {
        (0, 0) => "nothing was placed there for this run".to_owned(),
        (ran, 0) => format!("{ran} ended"),
        (ran, gone) => format!("{ran} ended, {gone} had ended before"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_now_and_what_had_before_is_told_apart() {
        let of = |runs| Standing { pid: 1, runs };
        assert_eq!(ended_words(&[]), "nothing was placed there for this run");
        assert_eq!(ended_words(&[of(true), of(true)]), "2 ended");
        assert_eq!(ended_words(&[of(true), of(false)]), "1 ended, 1 had ended before");
    }
}
