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
}

impl FleetCommandError {
    /// 2 when the words of the command were wrong, 1 when it could not be done.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::NoHosts | Self::Read { .. } => 2,
            Self::Server(_) | Self::GivenUp(_) => 1,
        }
    }
}

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        FleetCommandError::from(error).into()
    }
}
