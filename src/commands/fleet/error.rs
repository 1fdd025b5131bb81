//! Why a command of a fleet failed, where no other command fails so, and the exit code that says it.

use std::io;
use std::path::PathBuf;

use scaletop_fleet::server::ServerError;

use crate::commands::CommandError;

/// Why a command of a fleet failed.
#[derive(Debug, thiserror::Error)]
pub enum FleetCommandError {
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// It ended too often.
    #[error("{0}")]
    GivenUp(String),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nobody said what may be loaded.
    #[error(
        "which hosts may this generator load? say --allow HOST (also several), or have the ticket say it: scaletop fleet serve --allow HOST"
    )]
    NoHosts,
    /// There is no session to attach to.
    #[error(
        "the fleet's server keeps no session of this ticket's run: none has begun since it started, or more was recorded than it keeps; \
         scaletop fleet ls says which runs it knows"
    )]
    NothingKept,
    /// It ended in good order.
    #[error("the session is over ({reason}): there is nothing to go on with; whoever led it has its recording")]
    IsOver {
        /// Why it ended.
        reason: String,
    },
    /// The demo's service was its controller's.
    #[error("the demo's instances ended with the program that led it: start it anew with scaletop fleet demo")]
    DemoIsGone,
    /// Nobody but the generators knew what they sent.
    #[error("{source}; scaletop fleet attach --finish completes the session from what they had stored")]
    Deserted {
        /// For how long they were listened for.
        source: scaletop_fleet::FleetError,
    },
    /// An observer steers nothing.
    #[error("an observer's ticket only looks on: to end a session give fleet.ticket, or leave --finish out")]
    OnlyLooks,
    /// There is no screen.
    #[error(
        "attach needs a terminal; to complete a session whose controller is gone without one: scaletop fleet attach --finish"
    )]
    NoTerminal,
}

impl FleetCommandError {
    /// 2 when the words of the command were wrong, 1 when it could not be done.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::NoHosts | Self::Read { .. } | Self::OnlyLooks | Self::NoTerminal => 2,
            Self::Server(_)
            | Self::GivenUp(_)
            | Self::NothingKept
            | Self::IsOver { .. }
            | Self::DemoIsGone
            | Self::Deserted { .. } => 1,
        }
    }
}

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        FleetCommandError::from(error).into()
    }
}
