//! Who sends the load on a target: the engine of this process, or a fleet in its place.

use std::any::Any;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::app::live::Load;
use crate::cli::DriveArgs;
use crate::commands::CommandError;
use crate::commands::aim::Aim;
use crate::commands::drive::Script;
#[cfg(feature = "fleet")]
use crate::commands::fleet_load;
#[cfg(feature = "fleet")]
use crate::plan::Plan;
use crate::session::event::SessionEvent;
use crate::session::writer::Mirror;
use scaletop_load::{Prepared, Running, Second};
use scaletop_units::RunClock;

/// Who sends: it only needs to be started.
pub(super) enum Sender {
    /// The engine of this process.
    Engine(Prepared),
    /// Generators elsewhere.
    #[cfg(feature = "fleet")]
    Fleet(Box<fleet_load::Fleet>),
}

/// A load that was started.
pub(super) struct Sending {
    pub(super) load: Load,
    pub(super) seconds: mpsc::Receiver<Second>,
    /// What is known before its first arrival.
    pub(super) known: Vec<SessionEvent>,
    /// Hands on what it says of itself, where it does.
    pub(super) told: Option<JoinHandle<()>>,
    pub(super) owns_generators: bool,
    pub(super) threads: Box<dyn Any>,
}

impl Sender {
    /// What else is told every line of the recording; of a session that begins, its header, too.
    #[cfg_attr(not(feature = "fleet"), expect(clippy::unused_self, reason = "as where there are fleets"))]
    pub(super) fn mirror(&mut self, is_new: bool) -> Option<Mirror> {
        match self {
            #[cfg(feature = "fleet")]
            Self::Fleet(fleet) => fleet.mirror(is_new),
            Self::Engine(_) => {
                let _ = is_new;
                None
            }
        }
    }

    #[cfg_attr(not(feature = "fleet"), expect(clippy::unused_async, reason = "a fleet is waited for"))]
    pub(super) async fn start(
        self,
        clock: RunClock,
        feeds: &mpsc::Sender<SessionEvent>,
    ) -> Result<Sending, CommandError> {
        // What a fleet says comes through the same channel as what sources say.
        let _ = feeds;
        match self {
            Self::Engine(engine) => {
                let Running { handle, seconds, threads } = engine.start(clock)?;
                let (load, threads) = (Load::Engine(handle), Box::new(threads));
                Ok(Sending { load, seconds, known: Vec::new(), told: None, owns_generators: false, threads })
            }
            #[cfg(feature = "fleet")]
            Self::Fleet(fleet) => {
                let owns_generators = fleet.owns_generators;
                let fleet_load::Begun { handle, seconds, known, told, keep } = fleet.start(feeds.clone()).await?;
                let (load, told) = (Load::Fleet(handle), Some(told));
                Ok(Sending { load, seconds, known, told, owns_generators, threads: keep })
            }
        }
    }
}

/// Who sends to a target: the fleet that was asked for, its generators ready, or the engine of this process.
pub(super) async fn sender(
    aim: &mut Aim,
    drive: &DriveArgs,
    script: &mut Script,
    clock: RunClock,
) -> Result<Sender, CommandError> {
    let (load, expected) = (&drive.load, drive.request.expect);
    #[cfg(feature = "fleet")]
    if let Some(settings) = aim.settings.fleet.clone() {
        let (peak, plan) = (script.peak(), script.plan.as_ref().map(Plan::at_most));
        let carrier = match script.fleet.take() {
            Some(carrier) => carrier,
            None => fleet_load::carrier(&drive.fleet, &aim.settings.target).await?,
        };
        let asked = fleet_load::Asked {
            settings: &settings,
            aim,
            arrivals: load.arrivals,
            seed: aim.settings.seed,
            max_rate: load.max_rate,
            expected,
            max_in_flight_each: load.max_in_flight,
            peak,
            plan,
            allow_versions: drive.fleet.allow_versions,
        };
        return Ok(Sender::Fleet(Box::new(fleet_load::Fleet::gather(carrier, asked, clock).await?)));
    }
    let _ = (script, clock);
    Ok(Sender::Engine(aim.engine(load, expected).await?))
}
