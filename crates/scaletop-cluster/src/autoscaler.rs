//! How many instances there should be: the seam for scalers, and App Runner's way of scaling.
//!
//! Pure: a [`Scaler`] is asked at regular moments with what the balancer saw since it was asked last, and answers with the
//! number it wants. It starts and stops nothing and reads no clock.

use std::collections::VecDeque;
use std::time::Duration;

use super::options::ClusterOptions;
use scaletop_units::Elapsed;

/// What the service was asked for, and what it has: one look, a fraction of a second after the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ObservedLoad {
    /// How long this look covers: the time since the one before.
    pub span: Duration,
    /// Requests that were passed to an instance within the span.
    pub admitted: u64,
    /// Requests that were turned away within the span (429; 503 while no instance was active; 502 by a task with a full
    /// backlog).
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
    /// Whether a deployment is in progress: instances of two revisions.
    pub is_deploying: bool,
    /// Mean of the modelled CPU use over active instances within the span, 0 to 100: the share of the requests that they
    /// can work on at a time; what waits in a task takes none. The test service sleeps instead of computing, so its real CPU use says nothing. `None` when no
    /// instance was active.
    pub cpu_percent: Option<f64>,
}

impl ObservedLoad {
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
    fn tick(&mut self, now: Elapsed, demand: &ObservedLoad) -> u32;

    /// Why the last answer was what it was, in words; asked when the answer changes.
    fn cause(&self) -> String;
}

/// The load is averaged over this long before it counts: short enough to decide within a fraction of a second of a spike,
/// long enough that the chance gaps and clusters of Poisson arrivals do not look like one.
const WINDOW: Duration = Duration::from_secs(2);

/// App Runner's way of scaling: on concurrent requests.
///
/// 1. *Need.* The concurrency wanted is what was in flight plus what would have been had nothing been turned away, averaged
///    over two seconds; `needed = ⌈concurrency ÷ MaxConcurrency⌉`, within min and max.
/// 2. *Out, at once.* When more are needed than wanted so far, that many are wanted; they cold-start in parallel. As the
///    average rises through a spike, several decisions follow each other within two seconds.
/// 3. *In, late.* Wanted is the highest need of the last `scale_in_after`. So the surplus goes when it has not been needed
///    for that long, all of it at once, and no single quiet moment takes an instance away.
///
/// Concurrency is the trigger that AWS documents ("concurrent requests per instance > `MaxConcurrency`"). It documents no
/// window and no timing of scale-in ("the next couple of minutes" in its workshop): those two are ours.
#[derive(Debug)]
pub struct ConcurrencyScaler {
    min: u32,
    max: u32,
    max_concurrency: u32,
    scale_in_after: Duration,
    /// Looks of the last [`WINDOW`], by their ends.
    looks: VecDeque<Look>,
    /// Needs that may still be the highest of the last `scale_in_after`: falling, so that the first is the highest.
    needs: VecDeque<(Elapsed, u32)>,
    /// The last averaged concurrency, for the cause.
    concurrency: f64,
}

#[derive(Debug)]
struct Look {
    end: Elapsed,
    wanted: Duration,
}

impl ConcurrencyScaler {
    /// A scaler for these bounds.
    pub fn new(options: &ClusterOptions) -> Self {
        Self {
            min: options.min_size,
            max: options.max_size.max(options.min_size),
            max_concurrency: options.max_concurrency,
            scale_in_after: options.scale_in_after,
            looks: VecDeque::new(),
            needs: VecDeque::new(),
            concurrency: 0.0,
        }
    }

    fn average_concurrency(&mut self, now: Elapsed, demand: &ObservedLoad) -> f64 {
        self.looks.push_back(Look { end: now, wanted: demand.wanted() });
        while self.looks.front().is_some_and(|look| now.saturating_since(look.end) >= WINDOW) {
            self.looks.pop_front();
        }
        let wanted: Duration = self.looks.iter().fold(Duration::ZERO, |sum, look| sum.saturating_add(look.wanted));
        // A look that took longer than the window (this thread was not scheduled) holds more than the window's share.
        wanted.as_secs_f64() / demand.span.max(WINDOW).as_secs_f64()
    }

    fn needed(&self) -> u32 {
        let instances = (self.concurrency / f64::from(self.max_concurrency)).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a u32's range before")]
        let instances = instances.clamp(0.0, f64::from(self.max)) as u32;
        instances.clamp(self.min, self.max)
    }

    fn highest_need(&mut self, now: Elapsed, needed: u32) -> u32 {
        while self.needs.front().is_some_and(|(at, _)| now.saturating_since(*at) >= self.scale_in_after) {
            self.needs.pop_front();
        }
        while self.needs.back().is_some_and(|(_, need)| *need <= needed) {
            self.needs.pop_back();
        }
        self.needs.push_back((now, needed));
        self.needs.front().map_or(needed, |(_, need)| *need)
    }
}

impl Scaler for ConcurrencyScaler {
    fn tick(&mut self, now: Elapsed, demand: &ObservedLoad) -> u32 {
        self.concurrency = self.average_concurrency(now, demand);
        let needed = self.needed();
        self.highest_need(now, needed)
    }

    fn cause(&self) -> String {
        format!("{:.1} concurrent requests wanted, {} per instance", self.concurrency, self.max_concurrency)
    }
}

#[cfg(test)]
mod tests;
