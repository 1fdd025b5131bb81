//! The seam between target tracking and the embedded cluster: a [`Scaler`], and a handle to read what it did.

use std::sync::{Arc, Mutex, PoisonError};

use super::{TargetTracker, TrackingLog, TrackingPolicy};
use crate::autoscaler::{ObservedLoad, Scaler};
use crate::options::ClusterOptions;
use scaletop_units::Elapsed;

/// Target tracking as the scaler of an embedded cluster. Clones of [`TrackingScaler::handle`] see what it does.
#[derive(Debug)]
pub(crate) struct TrackingScaler {
    tracker: TargetTracker,
    handle: TrackingHandle,
}

/// Reads what a [`TrackingScaler`] did, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct TrackingHandle {
    policy: TrackingPolicy,
    log: Arc<Mutex<TrackingLog>>,
}

impl TrackingHandle {
    /// The policy that is followed.
    pub(crate) const fn policy(&self) -> &TrackingPolicy {
        &self.policy
    }

    /// What was done and not done so far.
    pub(crate) fn log(&self) -> TrackingLog {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TrackingScaler {
    /// A scaler for a cluster with these options: ECS' periods, divided by the time scale. `service` is what alarms and
    /// causes call the service.
    pub(crate) fn new(options: &ClusterOptions, service: impl Into<String>) -> Self {
        let policy = TrackingPolicy::ecs(options.min_size, options.max_size)
            .with_resolution(options.publication())
            .sped_up(options.time_scale);
        let tracker = TargetTracker::new(policy, service, Elapsed::ZERO, options.min_size);
        Self { tracker, handle: TrackingHandle { policy, log: Arc::default() } }
    }

    /// Reads what it does.
    pub(crate) fn handle(&self) -> TrackingHandle {
        self.handle.clone()
    }
}

impl Scaler for TrackingScaler {
    fn tick(&mut self, now: Elapsed, demand: &ObservedLoad) -> u32 {
        let before = self.tracker.published;
        self.tracker.deploying(demand.is_deploying);
        let desired = self.tracker.observe(now, demand.span, demand.cpu_percent, demand.active);
        // Something may have been written down only when a point was published.
        if self.tracker.published != before {
            *self.handle.log.lock().unwrap_or_else(PoisonError::into_inner) = self.tracker.log().clone();
        }
        desired
    }

    fn cause(&self) -> String {
        self.tracker.log().activities.back().map_or_else(String::new, |activity| activity.cause.clone())
    }
}
