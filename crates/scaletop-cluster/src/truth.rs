//! What the cluster knows of itself: the read model that the AWS endpoints serve and that tests hold our numbers against.
//!
//! Plain values, taken as snapshots through [`ClusterReader`](super::ClusterReader). They are written by
//! [`ledger`](super::ledger) as things happen, not estimated from outside. All bounds are constants of that module.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use scaletop_units::{Elapsed, InstanceId};

/// The cluster as it is at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterView {
    /// The moment.
    pub at: Elapsed,
    /// How many instances the autoscaler wants.
    pub desired: u32,
    /// Instances whose process has started and that do not take requests yet (ECS would say pending).
    pub starting: u32,
    /// Instances that take requests.
    pub active: u32,
    /// Instances that take no new requests and finish what they have.
    pub draining: u32,
    /// Requests that instances are working on.
    pub in_flight: u32,
    /// The living instances, oldest first.
    pub instances: Vec<InstanceTruth>,
    /// Why the last start of an instance failed, if none has succeeded since.
    pub start_failure: Option<String>,
}

impl ClusterView {
    /// Processes that live: starting, active and draining.
    pub fn running(&self) -> u32 {
        self.starting + self.active + self.draining
    }
}

/// Everything that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Every instance, in the order of their starts (the oldest gone ones are forgotten beyond a bound).
    pub instances: Vec<InstanceTruth>,
    /// When requests were turned away.
    pub rejections: Vec<Rejections>,
    /// What the autoscaler decided.
    pub decisions: Vec<Decision>,
    /// What was deployed, oldest first; the first is what ran when the cluster started.
    pub deployments: Vec<Deployment>,
    /// When instances became unhealthy by the checks of the target group (ECS), and healthy again.
    pub health_changes: Vec<HealthChange>,
    /// The closed seconds, oldest first, without holes.
    pub seconds: Vec<SecondCounts>,
}

impl Truth {
    /// The most instances that were active at the same time, as far as is remembered.
    pub fn peak_active(&self) -> u32 {
        self.seconds.iter().map(|second| second.active_peak).max().unwrap_or(0)
    }

    /// The instance called `id`.
    pub fn instance(&self, id: &InstanceId) -> Option<&InstanceTruth> {
        self.instances.iter().rfind(|instance| instance.id == *id)
    }
}

/// The life of one instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceTruth {
    /// What its responses say in `x-instance-id`.
    pub id: InstanceId,
    /// Which deployment it belongs to: [`Deployment::revision`].
    pub revision: u32,
    /// The number of its process; `None` before it has one.
    pub pid: Option<u32>,
    /// When its start was ordered.
    pub started: Elapsed,
    /// When its process said that it listens.
    pub listening: Option<Elapsed>,
    /// When it began to take requests: after the cold start.
    pub active: Option<Elapsed>,
    /// When the first request was passed to it.
    pub first_admitted: Option<Elapsed>,
    /// When it first answered.
    pub first_answered: Option<Elapsed>,
    /// Since when the target group takes it for unhealthy; `None` while it is healthy. Only on ECS.
    pub unhealthy: Option<Elapsed>,
    /// When it was told to take no more requests: fewer were needed, or another has taken its place.
    pub draining: Option<Elapsed>,
    /// When and why it ended.
    pub ended: Option<Ended>,
    /// Requests passed to it.
    pub admitted: u64,
    /// Requests that it answered, whatever the status.
    pub answered: u64,
    /// Requests that it has now.
    pub in_flight: u32,
    /// The most that it had at the same time.
    pub in_flight_peak: u32,
}

impl InstanceTruth {
    /// Where it is in its life.
    pub fn phase(&self) -> InstancePhase {
        match self {
            Self { ended: Some(_), .. } => InstancePhase::Gone,
            Self { draining: Some(_), .. } => InstancePhase::Draining,
            Self { active: Some(_), .. } => InstancePhase::Active,
            _ => InstancePhase::Starting,
        }
    }
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstancePhase {
    /// Its process runs, or is about to; it takes no requests yet.
    Starting,
    /// It takes requests.
    Active,
    /// It finishes what it has.
    Draining,
    /// It has ended.
    Gone,
}

/// The end of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When it took its last request, at the latest: it left the balancer here.
    pub at: Elapsed,
    /// Why.
    pub cause: EndCause,
}

/// Why an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// Fewer were needed.
    ScaledIn,
    /// It failed the checks of the target group, and another has taken its place (ECS).
    Unhealthy,
    /// A deployment has put another in its place.
    Replaced,
    /// Somebody asked for it: the kill fault.
    Killed,
    /// Its process ended by itself, or could not be reached any more.
    Died,
    /// It never listened.
    FailedToStart,
    /// The cluster was shut down.
    Shutdown,
}

/// A spell of requests turned away with 429 (or 503 when no instance was active, or 502 by a task with a full backlog). It ends with the last of them after
/// which a whole second passed without another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejections {
    /// The first.
    pub began: Elapsed,
    /// The last so far.
    pub last: Elapsed,
    /// How many.
    pub count: u64,
    /// Whether the spell is over.
    pub over: bool,
}

/// A change of the wanted number of instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Elapsed,
    /// How many were wanted before.
    pub from: u32,
    /// How many are wanted now.
    pub to: u32,
    /// Why, in words.
    pub cause: String,
}

/// A version of the service that was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number, from 1.
    pub revision: u32,
    /// The tag of its image.
    pub tag: String,
    /// When it was asked for.
    pub began: Elapsed,
    /// When all instances were its own; `None` while older ones are left, or for ever when a newer one came first.
    pub completed: Option<Elapsed>,
}

/// A target that became unhealthy, or healthy again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthChange {
    /// When.
    pub at: Elapsed,
    /// Which instance.
    pub instance: InstanceId,
    /// Why it is unhealthy from now on, in ECS' words; `None`: it is healthy again.
    pub failure: Option<String>,
}

/// One second as the balancer saw it: requests count in the second they arrived in, answers in the second they were
/// complete in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondCounts {
    /// The second `[index, index + 1)`.
    pub index: u32,
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that were passed to an instance.
    pub admitted: u64,
    /// Requests turned away because every active instance was full (429).
    pub rejected: u64,
    /// Requests turned away because no instance was active (503; also in `status_5xx`).
    pub unserved: u64,
    /// Requests that met a task with a full backlog (ECS: 502; also in `status_5xx`).
    pub overrun: u64,
    /// 2xx answers, from instances.
    pub status_2xx: u64,
    /// 4xx answers, the balancer's 429 included.
    pub status_4xx: u64,
    /// 5xx answers, the balancer's own included.
    pub status_5xx: u64,
    /// Requests that ended without an answer: the client went away, or the connection was closed on purpose (a fault).
    pub unanswered: u64,
    /// How long instances took for the requests that they answered in this second, summed.
    pub latency_sum: Duration,
    /// How many answers that sum is of.
    pub latency_count: u64,
    /// The longest of them.
    pub latency_max: Duration,
    /// The most requests in flight at any moment.
    pub in_flight_peak: u32,
    /// Time that requests spent in flight, summed over requests: divided by a second it is the mean concurrency.
    pub busy: Duration,
    /// Mean of the modelled CPU use over the active instances, 0 to 100: the share of the requests that they can work on at a
    /// time. `None` when none was active.
    pub cpu_percent: Option<f64>,
    /// Instances that had at least one request in flight during the second.
    pub serving: u32,
    /// The most instances that took requests at any moment.
    pub active_peak: u32,
    /// Instances that took requests when the second ended.
    pub active: u32,
    /// Instances that were starting when the second ended.
    pub starting: u32,
    /// How many the autoscaler wanted when the second ended.
    pub desired: u32,
}

impl SecondCounts {
    /// Mean time that instances took, of the answers of this second.
    pub fn latency_mean(&self) -> Option<Duration> {
        let count = u32::try_from(self.latency_count).unwrap_or(u32::MAX);
        self.latency_sum.checked_div(count)
    }
}
