//! The commands that place generators of a fleet, list them and end them.

mod down;
#[cfg(feature = "aws")]
mod ecs;
mod manifest;
mod up;

use std::path::Path;

use crate::cli::fleet_place::{AwsArgs, PlaceCommand};
use crate::commands::CommandError;
use crate::placing::ticket::{JoinTicket, TicketError, VARIABLE};
use crate::placing::{Join, Place};
use crate::target::is_loopback_host;

/// Why generators are not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    #[error(transparent)]
    Ticket(#[from] TicketError),
    #[error(transparent)]
    Nats(#[from] crate::placing::nats::NatsError),
    #[error(transparent)]
    Local(#[from] crate::placing::local::StartError),
    #[error(transparent)]
    Ssh(#[from] crate::placing::ssh::SshError),
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Ecs(#[from] crate::cloud::placing::PlacingError),
    /// Tasks that were placed do not run.
    #[error("{0}")]
    Missing(String),
    /// There is nobody to ask.
    #[error("they cost money, and there is no terminal to ask on: if that is meant, say so with --yes")]
    NobodyToAsk,
    /// The user said no.
    #[error("nothing was placed")]
    Refused,
}

impl PlaceError {
    /// Whether the words of the command were wrong, rather than that it could not be done.
    pub(super) const fn is_usage(&self) -> bool {
        match self {
            Self::Ticket(error) => !matches!(error, TicketError::Read { .. }),
            Self::Nats(error) => matches!(error, crate::placing::nats::NatsError::NoConfig { .. }),
            _ => false,
        }
    }
}

/// Places generators, lists them, or ends them; the number is the exit code.
pub async fn place(command: PlaceCommand) -> Result<u8, CommandError> {
    match command {
        PlaceCommand::Up(args) => up::run(&args).await,
        PlaceCommand::Down(args) => down::end(&args).await,
        PlaceCommand::Placed(args) => down::list(&args).await,
        PlaceCommand::Manifest(args) => manifest::run(&args),
    }
}

/// The ticket that was given, or set.
fn ticket(given: Option<&Path>) -> Result<JoinTicket, PlaceError> {
    Ok(JoinTicket::find(given, std::env::var(VARIABLE).ok().as_deref())?)
}

/// Refuses to place generators that may load nothing: each of them would end at once.
fn check_allowed(ticket: &JoinTicket, join: &Join) -> Result<(), CommandError> {
    if !join.allow.is_empty() || !ticket.allow().is_empty() {
        return Ok(());
    }
    let why = "which hosts may these generators load? say --allow HOST (also several), or have the ticket say it: scaletop fleet serve \
               --allow HOST";
    Err(CommandError::Option(why.to_owned()))
}

/// Refuses a ticket by which nobody elsewhere finds its server.
fn check_reach(ticket: &JoinTicket, place: &str) -> Result<(), CommandError> {
    let hosts = ticket.hosts();
    if !hosts.iter().all(|host| is_loopback_host(host)) {
        return Ok(());
    }
    Err(CommandError::Option(format!(
        "the ticket's server is {}, which generators {place} cannot reach: start it with scaletop fleet serve --advertise HOST",
        hosts.join(", ")
    )))
}

/// Refuses what says nothing about this place.
fn check_aws(on: &Place, aws: &AwsArgs) -> Result<(), CommandError> {
    match (on, aws.given()) {
        (Place::Ecs(_), _) | (_, None) => Ok(()),
        (_, Some(option)) => Err(does_nothing(option, on)),
    }
}

fn does_nothing(option: &str, on: &Place) -> CommandError {
    CommandError::Option(format!("{option} is for --on ecs:CLUSTER, and does nothing with --on {on}: leave it out"))
}

/// Says that this build knows no cloud.
#[cfg(not(feature = "aws"))]
fn no_cloud() -> CommandError {
    CommandError::Option("this build leaves AWS out: build it with the feature aws, which is on by default".to_owned())
}
