//! What can be asked of the ledger: snapshots, each settled up to its moment first.

use super::{Ledger, Look, SPELL_GAP, percent};
use crate::autoscaler::ObservedLoad;
use crate::truth::{ClusterView, InstancePhase, InstanceTruth, Rejections, SecondCounts, Truth};
use scaletop_units::Elapsed;

impl Ledger {
    /// What happened since this was asked last.
    pub(crate) fn look(&mut self, now: Elapsed) -> ObservedLoad {
        self.settle(now);
        let look = std::mem::replace(&mut self.look, Look { since: now, ..Look::default() });
        ObservedLoad {
            span: now.saturating_since(look.since),
            admitted: look.admitted,
            rejected: look.rejected,
            in_flight: self.in_flight,
            busy: look.busy,
            service_time: self.service_time,
            active: self.active,
            starting: self.starting,
            is_deploying: self.is_deploying(),
            cpu_percent: percent(look.worked, look.offered),
        }
    }

    /// The cluster as it is now.
    pub(crate) fn view(&mut self, now: Elapsed) -> ClusterView {
        self.settle(now);
        let living = self.instances.values().filter(|kept| kept.truth.ended.is_none());
        let instances: Vec<_> = living.map(|kept| kept.truth.clone()).collect();
        let draining = instances.iter().filter(|instance| instance.phase() == InstancePhase::Draining).count();
        ClusterView {
            at: now,
            desired: self.desired,
            starting: self.starting,
            active: self.active,
            draining: u32::try_from(draining).unwrap_or(u32::MAX),
            in_flight: self.in_flight,
            instances,
            start_failure: self.start_failure.clone(),
        }
    }

    /// Every instance that is remembered, the gone ones too.
    pub(crate) fn instances(&mut self, now: Elapsed) -> Vec<InstanceTruth> {
        self.settle(now);
        self.instances.values().map(|kept| kept.truth.clone()).collect()
    }

    /// Everything that is remembered.
    pub(crate) fn truth(&mut self, now: Elapsed) -> Truth {
        self.settle(now);
        let over = |spell: &Rejections| now.saturating_since(spell.last) > SPELL_GAP;
        let last = self.rejections.len().saturating_sub(1);
        Truth {
            instances: self.instances.values().map(|kept| kept.truth.clone()).collect(),
            rejections: (0..)
                .zip(&self.rejections)
                .map(|(at, spell)| Rejections { over: at < last || over(spell), ..*spell })
                .collect(),
            decisions: self.decisions.iter().cloned().collect(),
            deployments: self.deployments.clone(),
            health_changes: self.health_changes.iter().cloned().collect(),
            seconds: self.seconds.iter().cloned().collect(),
        }
    }

    /// The closed seconds from second `from` on that are remembered.
    pub(crate) fn seconds_from(&mut self, now: Elapsed, from: u32) -> Vec<SecondCounts> {
        self.settle(now);
        let start = self.seconds.partition_point(|second| second.index < from);
        self.seconds.range(start..).cloned().collect()
    }
}
