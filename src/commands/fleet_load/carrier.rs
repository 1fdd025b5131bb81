//! The carrier that a ticket names.

use crate::cli::FleetArgs;
use crate::commands::CommandError;
use crate::commands::fleet_load::Carrier;

/// Connects to where the ticket says, as the controller of its run; `about` says what it does, to whoever else looks.
pub(in crate::commands) async fn carrier(args: &FleetArgs, about: &str) -> Result<Carrier, CommandError> {
    let _ = (args, about);
    std::future::pending().await
}
