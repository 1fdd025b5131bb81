//! How many instances there should be: the seam for scalers, and App Runner's way of scaling.
//!
//! Pure: a [`Scaler`] is asked at regular moments with what the balancer saw since it was asked last, and answers with the
//! number it wants. It starts and stops nothing and reads no clock.

use std::time::Duration;

use crate::units::Elapsed;

/// What the service was asked for, and what it has: one look, a fraction of a second after the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Demand {
    /// How long this look covers: the time since the one before.
    pub span: Duration,
    /// Requests that were passed to an instance within the span.
    pub admitted: u64,
    /// Requests that were turned away within the span (429, or 503 while no instance was active).
    pub rejected: u64,
    /// Requests that instances are working on now.
    pub in_flight: u32,
    /// Time that requests spent in flight within the span, summed over requests: `busy / span` is the mean concurrency.
    pub busy: Duration,
    /// How long an instance takes for a request: a moving mean, the configured delay until something was answered.
    pub service_time: Duration,
    /// Instances that take requests now.
    pub active: u32,
    /// Instances that start now.
    pub starting: u32,
    /// Mean of the modelled CPU use over active instances within the span: the share of their concurrency that was in
    /// use, 0 to 100. The test service sleeps instead of computing, so its real CPU use says nothing. `None` when no
    /// instance was active.
    pub cpu_percent: Option<f64>,
}

impl Demand {
    /// The concurrency that the arrivals of this span needed, times the span (Little's law): what was in flight, and
    /// what would have been had nothing been turned away.
    pub fn wanted(&self) -> Duration {
        let turned_away = u32::try_from(self.rejected).unwrap_or(u32::MAX);
        self.busy.saturating_add(self.service_time.saturating_mul(turned_away))
    }
}

/// Decides how many instances there should be.
///
/// `tick` is called some ten times a second with a `now` that never goes back. The answer is clamped to the configured
/// bounds by the caller too, but a scaler keeps to them by itself.
pub trait Scaler: Send {
    /// How many instances are wanted from now on.
    fn tick(&mut self, now: Elapsed, demand: &Demand) -> u32;

    /// Why the last answer was what it was, in words; asked when the answer changes.
    fn cause(&self) -> String;
}
