//! The commands of a fleet: its server, its generators, and looking at both.

#[cfg(feature = "fleet")]
mod attach;
#[cfg(feature = "fleet")]
mod children;
#[cfg(feature = "fleet")]
mod demo;
#[cfg(feature = "fleet")]
mod doctor;
#[cfg(feature = "fleet")]
mod error;
#[cfg(feature = "fleet")]
mod join;
#[cfg(feature = "fleet")]
mod ls;
#[cfg(feature = "fleet")]
mod serve;

use crate::cli::fleet::FleetCommand;
use crate::commands::own::Own;
use crate::commands::{CommandError, placing};

#[cfg(feature = "fleet")]
pub(in crate::commands) use attach::Copied;
#[cfg(feature = "fleet")]
pub(crate) use error::FleetCommandError;

/// Does what a command of a fleet asks for; the number is the exit code.
#[cfg(feature = "fleet")]
pub(super) async fn run(command: FleetCommand, own: Own) -> Result<u8, CommandError> {
    match command {
        FleetCommand::Demo(args) => Box::pin(demo::run(*args, own)).await,
        FleetCommand::Serve(args) => serve::run(args).await,
        FleetCommand::Join(args) => join::run(args).await,
        FleetCommand::Attach(args) => Box::pin(attach::run(*args, own)).await,
        FleetCommand::Ls(args) => ls::run(&args).await,
        FleetCommand::Doctor(args) => doctor::run(&args).await,
        FleetCommand::Place(command) => placing::place(command).await,
    }
}

/// Places generators; says of the rest that this build has no fleet.
#[cfg(not(feature = "fleet"))]
pub(super) async fn run(command: FleetCommand, _: Own) -> Result<u8, CommandError> {
    if let FleetCommand::Place(command) = command {
        return placing::place(command).await;
    }
    let why = "this build leaves the fleet out: build it with the feature fleet, which is on by default";
    Err(CommandError::Option(why.to_owned()))
}

#[cfg(feature = "fleet")]
mod given {
    use std::path::Path;

    use scaletop_fleet::ticket::{Source, TicketError, VARIABLE, is_open_to_others};

    use crate::cli::fleet::ExistingArgs;
    use crate::commands::CommandError;
    use crate::commands::say;
    use crate::files;

    use super::FleetCommandError;

    /// What `read` makes of the ticket that was given or set. That others can read it is said of one that is a ticket.
    pub(super) fn read<T>(
        given: Option<&Path>,
        read: impl FnOnce(&Source) -> Result<T, TicketError>,
    ) -> Result<T, TicketError> {
        let source = Source::find(given, std::env::var(VARIABLE).ok().as_deref())?;
        let ticket = read(&source)?;
        if let Source::File(path) = &source
            && is_open_to_others(path)
        {
            say(&format!(
                "warning: others on this machine can read {0}, which is a secret: chmod 600 {0}",
                path.display()
            ));
        }
        Ok(ticket)
    }

    /// The words of files that say how a server of others lets in: the authority, and the controller's credentials.
    pub(super) struct Existing {
        pub(super) ca: Option<String>,
        pub(super) creds: Option<String>,
    }

    impl Existing {
        pub(super) fn read(args: &ExistingArgs) -> Result<Self, CommandError> {
            Ok(Self { ca: text(args.ca.as_deref())?, creds: text(args.creds.as_deref())? })
        }
    }

    /// The words of a file, where one is named.
    pub(super) fn text(path: Option<&Path>) -> Result<Option<String>, CommandError> {
        let Some(path) = path else { return Ok(None) };
        let read = files::read_text(path, files::MOST_TEXT);
        Ok(Some(read.map_err(|source| FleetCommandError::Read { path: path.to_owned(), source })?))
    }
}
