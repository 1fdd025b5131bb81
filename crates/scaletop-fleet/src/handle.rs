//! Steering a fleet: what `scaletop_load::LoadHandle` is for one engine.

use std::time::Duration;

use scaletop_load::RateProfile;
use scaletop_units::{Elapsed, FleetState, GeneratorEvent};
use tokio::sync::{mpsc, oneshot};

/// Steers a running fleet. Cheap to clone; only [`FleetHandle::drain`] waits.
#[derive(Clone, Debug)]
pub struct FleetHandle {
    commands: mpsc::UnboundedSender<Command>,
}

/// What a controller is told.
#[derive(Debug)]
pub enum Command {
    /// From this moment on, arrivals come at this rate.
    Set(Elapsed, RateProfile),
    /// Say how many requests are without an answer once none is, or when this long has passed.
    Drain(Duration, oneshot::Sender<u64>),
    /// End the arrivals, deliver the last second, let the generators go.
    Stop,
    /// Kill one of the generators that this program started itself, to see what happens; which one, or why none.
    Kill(oneshot::Sender<Result<String, String>>),
}

/// What the fleet says of itself, besides its seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Something happened to a generator.
    Generator(GeneratorEvent),
    /// How the fleet stands now.
    State(FleetState),
    /// Worth a line in the log.
    Notice(String),
}

impl FleetHandle {
    /// A handle, and where its commands come out.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, told) = mpsc::unbounded_channel();
        (Self { commands }, told)
    }

    /// From `at` on, arrivals come at this rate. `at` lies the fleet's lead ahead ([`FleetState::lead`]), so that every generator
    /// knows of it before.
    pub fn set(&self, at: Elapsed, profile: RateProfile) {
        self.tell(Command::Set(at, profile));
    }

    /// Waits until no generator has a request in flight, at most this long; returns how many are then still without an answer.
    pub async fn drain(&self, at_most: Duration) -> u64 {
        let (left, answer) = oneshot::channel();
        self.tell(Command::Drain(at_most, left));
        // A fleet that has ended has nothing in flight that anybody waits for.
        answer.await.unwrap_or(0)
    }

    /// Ends the arrivals and the stream of seconds.
    pub fn stop(&self) {
        self.tell(Command::Stop);
    }

    /// Kills one of the generators that this program started itself.
    pub fn kill(&self) -> oneshot::Receiver<Result<String, String>> {
        let (killed, answer) = oneshot::channel();
        self.tell(Command::Kill(killed));
        answer
    }

    /// A fleet that has ended needs no command.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}
