//! Steering the engine from elsewhere: from the key handler, a plan, the screen.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Shared;
use crate::mailbox::Command;
use crate::rate::RateProfile;
use scaletop_units::Elapsed;

/// Steers a running engine. Cheap to clone; no call blocks.
#[derive(Clone, Debug)]
pub struct LoadHandle {
    shared: Arc<Shared>,
}

impl LoadHandle {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// From `at` on, arrivals come at this rate; what was due before stays due. It takes effect on the very next arrival.
    /// An `at` before what was already handed out moves there.
    pub fn set(&self, at: Elapsed, profile: RateProfile) {
        self.shared.note_rate(at, profile);
        self.shared.post(|| Command::Set(at, profile));
    }

    /// Waits until nothing is in flight, at most this long; returns how many requests are then still without an answer.
    /// Set the rate to zero first. Cancel-safe.
    pub async fn drain(&self, at_most: Duration) -> u64 {
        // An arrival that is due at this very moment, and to which a busy worker has not turned yet, is waited for as well.
        self.shared.post(|| Command::SendDue);
        let _ = tokio::time::timeout(at_most, self.shared.idle()).await;
        self.shared.in_flight()
    }

    /// Ends arrivals and the recording: the open seconds are closed and delivered, then the stream of seconds ends. What
    /// is in flight is abandoned; the last second counts it. A second call does nothing.
    pub fn stop(&self) {
        self.shared.stop();
    }
}
