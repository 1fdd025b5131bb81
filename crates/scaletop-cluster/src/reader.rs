//! How others look at the running cluster: [`ClusterReader`], a cheap handle on its ledger and its clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::ledger::Ledger;
use super::options::ClusterOptions;
use super::truth::{ClusterView, Deployment, HealthChange, InstanceTruth, SecondCounts, Truth};
use scaletop_units::Elapsed;

/// Reads the cluster, from any thread; clones see the same cluster. After its end the last state stays readable.
#[derive(Clone, Debug)]
pub struct ClusterReader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    anchor: Instant,
    options: ClusterOptions,
    ledger: Mutex<Ledger>,
}

impl ClusterReader {
    pub(crate) fn new(anchor: Instant, options: ClusterOptions) -> Self {
        let now = since(anchor);
        let ledger = Ledger::new(now, options.max_concurrency, options.min_size, options.delay);
        Self { inner: Arc::new(Inner { anchor, options, ledger: Mutex::new(ledger) }) }
    }

    /// Now, on the clock of everything that is read here.
    pub fn now(&self) -> Elapsed {
        since(self.inner.anchor)
    }

    /// How the cluster was set up.
    pub fn options(&self) -> &ClusterOptions {
        &self.inner.options
    }

    /// The cluster as it is now.
    pub fn view(&self) -> ClusterView {
        let now = self.now();
        self.ledger().view(now)
    }

    /// Everything that is remembered: copies up to an hour of seconds, so not for every frame.
    pub fn truth(&self) -> Truth {
        let now = self.now();
        self.ledger().truth(now)
    }

    /// Every instance that is remembered, the gone ones too, in the order of their starts.
    pub fn instances(&self) -> Vec<InstanceTruth> {
        let now = self.now();
        self.ledger().instances(now)
    }

    /// The closed seconds from second `from` on, oldest first, without holes.
    pub fn seconds_from(&self, from: u32) -> Vec<SecondCounts> {
        let now = self.now();
        self.ledger().seconds_from(now, from)
    }

    /// What was deployed, oldest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        self.ledger().deployments().to_vec()
    }

    /// When instances became unhealthy by the checks of the target group, and healthy again, oldest first.
    pub fn health_changes(&self) -> Vec<HealthChange> {
        self.ledger().health_changes().cloned().collect()
    }

    /// The ledger, to write in. Held for the length of a few additions, never across an await.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing panics while it holds the lock; if it did, the counts would still be the best there are.
        self.inner.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since(anchor: Instant) -> Elapsed {
    Elapsed::ZERO + Instant::now().saturating_duration_since(anchor)
}
