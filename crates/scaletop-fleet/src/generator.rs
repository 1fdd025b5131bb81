//! A generator: an engine on a lease.

use crate::config::{Ended, Engine, EngineSetup, FleetError, GeneratorConfig, GeneratorNews};
use crate::link::GeneratorLink;

/// Generates load for the controller at the other end of `link` until it is let go.
///
/// # Errors
/// When the controller refuses it, it refuses the run, or its engine cannot be started.
pub async fn generate(
    config: GeneratorConfig,
    link: GeneratorLink,
    make_engine: impl AsyncFnOnce(EngineSetup) -> Result<Engine, FleetError>,
    said: impl FnMut(GeneratorNews),
) -> Result<Ended, FleetError> {
    let _ = (config, link, make_engine, said);
    todo!()
}

/// The engine that sends over HTTP, for [`generate`].
///
/// # Errors
/// When the request or the system does not allow for it.
pub async fn http_engine(setup: EngineSetup) -> Result<Engine, FleetError> {
    let _ = setup;
    todo!()
}
