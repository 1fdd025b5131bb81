//! Steering the engine from elsewhere: from the key handler, a plan, the screen.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Shared;
use crate::mailbox::Command;
use crate::pacer::{Piece, Slots};
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

    /// What is due after the moment of `piece` is the piece's, and this engine's workers take `slots` of it, one each from the first;
    /// `None`: they take nothing of it. For several machines that share one schedule.
    pub fn begin(&self, piece: Piece, slots: Option<Slots>) {
        self.shared.note_rate(piece.since, piece.profile);
        self.shared.begin(piece, slots);
    }

    /// Arrivals that come due after `until` are not sent and not counted, until this is called with a later moment; what was
    /// due before and is only turned to afterwards is dropped as late. An engine that nobody gave a lease sends for ever.
    ///
    /// It is looked at before each batch is sent: whoever took part in a schedule and hears nothing any more is silent at that
    /// moment, also when the process stood still meanwhile.
    pub fn lease(&self, until: Elapsed) {
        self.shared.set_lease(until);
    }

    /// How many threads send.
    pub fn workers(&self) -> usize {
        self.shared.workers()
    }

    /// Requests without an answer.
    pub fn in_flight(&self) -> u64 {
        self.shared.in_flight()
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
