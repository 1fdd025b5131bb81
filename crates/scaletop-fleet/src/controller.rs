//! The controller: answers generators, leads their schedule, and hands on their seconds as one.

use std::thread::JoinHandle;

use scaletop_load::Second;
use scaletop_units::RunClock;
use tokio::sync::mpsc;

use crate::config::{ControllerConfig, FleetError, Progress};
use crate::handle::{FleetHandle, News};
use crate::link::ControllerLink;

/// A fleet of which enough generators are ready, at rate zero. Dropping it lets them go.
#[derive(Debug)]
pub struct Gathered {
    running: FleetRunning,
}

/// A running fleet.
#[derive(Debug)]
pub struct FleetRunning {
    /// Steers it.
    pub handle: FleetHandle,
    /// Every second once, in order, one a second whatever the rate, from the one in which the fleet was started to the one in
    /// which it was stopped. Then the channel ends.
    pub seconds: mpsc::Receiver<Second>,
    /// What the fleet says of itself.
    pub news: mpsc::Receiver<News>,
    /// Its thread.
    pub thread: FleetThread,
}

/// Owns the controller's thread: dropping it stops the fleet and waits for it.
#[derive(Debug)]
pub struct FleetThread {
    handle: FleetHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for FleetThread {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the thread itself; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

/// Waits until enough generators are ready.
///
/// # Errors
/// When too few come in time, or the link ends.
pub async fn gather(
    config: ControllerConfig,
    link: ControllerLink,
    clock: RunClock,
    progress: impl FnMut(Progress),
) -> Result<Gathered, FleetError> {
    let _ = (config, link, clock, progress);
    todo!()
}

impl Gathered {
    /// Starts recording, at rate zero.
    pub fn start(self) -> FleetRunning {
        self.running
    }
}
