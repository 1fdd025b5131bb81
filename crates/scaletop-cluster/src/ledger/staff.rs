//! Who is to stay and who is to go: deployments, failed health checks, and what the supervisor makes of them.

use super::{CHANGES_KEPT, InstanceKey, Kept, Ledger, push_bounded};
use crate::truth::{Deployment, EndCause, HealthChange, InstancePhase, InstanceTruth};
use scaletop_units::Elapsed;

/// The tag of the image that runs when the cluster starts.
pub(crate) const FIRST_TAG: &str = "v1";

/// What runs from the start.
pub(super) fn first_deployment(now: Elapsed) -> Deployment {
    Deployment { revision: 1, tag: FIRST_TAG.to_owned(), began: now, completed: Some(now) }
}

/// The instances that live and do not drain, by what is to become of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Staff {
    /// How many instances are wanted.
    pub(crate) desired: usize,
    /// Those that are to stay and start, oldest first.
    pub(crate) starting: Vec<InstanceKey>,
    /// Those that are to stay and take requests, oldest first.
    pub(crate) active: Vec<InstanceKey>,
    /// Those that take requests and are to go once others have taken their place, and why: first those to go first.
    pub(crate) outgoing: Vec<(InstanceKey, EndCause)>,
    /// Those that start, of an older revision: nobody needs them any more.
    pub(crate) obsolete: Vec<InstanceKey>,
}

impl Ledger {
    /// The revision that new instances belong to.
    pub(super) fn revision(&self) -> u32 {
        self.deployments.last().map_or(1, |deployment| deployment.revision)
    }

    /// An image of this tag is deployed.
    pub(crate) fn deployed(&mut self, now: Elapsed, tag: String) {
        let revision = self.revision() + 1;
        if self.deployments.len() >= CHANGES_KEPT {
            self.deployments.remove(0);
        }
        self.deployments.push(Deployment { revision, tag, began: now, completed: None });
    }

    /// Whether instances of more than one revision are at work or on their way.
    pub(crate) fn is_deploying(&self) -> bool {
        self.deployments.last().is_some_and(|deployment| deployment.completed.is_none())
    }

    /// The deployments so far, oldest first.
    pub(crate) fn deployments(&self) -> &[Deployment] {
        &self.deployments
    }

    /// When targets became unhealthy and healthy again, oldest first.
    pub(crate) fn health_changes(&self) -> impl Iterator<Item = &HealthChange> {
        self.health_changes.iter()
    }

    /// Until then the failed checks of this instance have no consequence.
    pub(crate) fn has_grace(&mut self, key: InstanceKey, until: Elapsed) {
        if let Some(kept) = self.instances.get_mut(&key) {
            kept.grace_until = until;
        }
    }

    /// The target group takes the instance for healthy from now on, or says why not.
    pub(crate) fn health_changed(&mut self, now: Elapsed, key: InstanceKey, failure: Option<String>) {
        let Some(kept) = self.instances.get_mut(&key) else { return };
        kept.truth.unhealthy = failure.is_some().then_some(now);
        let change = HealthChange { at: now, instance: kept.truth.id.clone(), failure };
        push_bounded(&mut self.health_changes, change, CHANGES_KEPT);
    }

    /// Why a draining instance was told to go.
    pub(crate) fn parting(&self, key: InstanceKey) -> EndCause {
        self.instances.get(&key).map_or(EndCause::ScaledIn, |kept| kept.parting)
    }

    /// Who is to stay and who is to go. What is unhealthy when its grace is over is replaced, even if it recovers meanwhile.
    pub(crate) fn staff(&mut self, now: Elapsed) -> Staff {
        let revision = self.revision();
        let mut staff = Staff { desired: self.desired as usize, ..Staff::default() };
        let mut outdated = Vec::new();
        for (key, kept) in &mut self.instances {
            kept.is_doomed |= kept.truth.unhealthy.is_some() && now >= kept.grace_until;
            match kept.truth.phase() {
                InstancePhase::Starting if kept.truth.revision != revision => staff.obsolete.push(*key),
                InstancePhase::Active if kept.truth.revision != revision => outdated.push((*key, EndCause::Replaced)),
                InstancePhase::Active if kept.is_doomed => staff.outgoing.push((*key, EndCause::Unhealthy)),
                InstancePhase::Active => staff.active.push(*key),
                InstancePhase::Starting => staff.starting.push(*key),
                InstancePhase::Draining | InstancePhase::Gone => {}
            }
        }
        staff.outgoing.extend(outdated);
        staff
    }

    /// The deployment is complete when enough of its instances are active and none of another revision lives.
    pub(crate) fn look_whether_deployed(&mut self, now: Elapsed) {
        let (revision, desired) = (self.revision(), self.desired as usize);
        let living = || self.instances.values().map(|kept: &Kept| &kept.truth).filter(|it| it.ended.is_none());
        let is_new = |it: &&InstanceTruth| it.revision == revision;
        let active = living().filter(is_new).filter(|it| it.phase() == InstancePhase::Active).count();
        if active >= desired && living().all(|it| is_new(&it)) {
            self.deployments.last_mut().map(|deployment| deployment.completed.get_or_insert(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scaletop_units::InstanceId;

    use super::*;

    fn at(secs: u64) -> Elapsed {
        Elapsed::from_secs(secs)
    }

    fn start(ledger: &mut Ledger, now: Elapsed) -> InstanceKey {
        let key = ledger.starting(now, InstanceId::from("i-1".to_owned()));
        ledger.listening(now, key);
        key
    }

    fn active(ledger: &mut Ledger, now: Elapsed) -> InstanceKey {
        let key = start(ledger, now);
        ledger.active(now, key);
        key
    }

    fn ledger(desired: u32) -> Ledger {
        Ledger::new(Elapsed::ZERO, 10, desired, Duration::from_millis(80))
    }

    #[test]
    fn a_deployment_is_complete_when_enough_of_its_own_are_active_and_the_others_gone() {
        let mut ledger = ledger(1);
        let old = active(&mut ledger, at(0));
        assert!(!ledger.is_deploying());
        ledger.deployed(at(10), "v2".to_owned());
        assert!(ledger.is_deploying());
        assert_eq!(ledger.staff(at(10)).outgoing, [(old, EndCause::Replaced)]);
        let new = start(&mut ledger, at(11));
        ledger.look_whether_deployed(at(11));
        assert_eq!(ledger.staff(at(11)).starting, [new]);
        ledger.active(at(19), new);
        ledger.draining(at(19), old, EndCause::Replaced);
        ledger.look_whether_deployed(at(19));
        assert!(ledger.is_deploying(), "the old one still drains");
        ledger.ended(at(20), old, EndCause::Replaced);
        ledger.look_whether_deployed(at(20));
        ledger.look_whether_deployed(at(30));
        let deployments = ledger.deployments();
        let dates: Vec<_> = deployments.iter().map(|it| (it.revision, it.tag.as_str(), it.completed)).collect();
        assert_eq!(dates, [(1, "v1", Some(at(0))), (2, "v2", Some(at(20)))]);
        assert_eq!(ledger.truth(at(30)).instances.iter().map(|it| it.revision).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_is_unhealthy_after_its_grace_is_to_go_even_if_it_recovers() {
        let mut ledger = ledger(2);
        let (young, old) = (active(&mut ledger, at(0)), active(&mut ledger, at(0)));
        ledger.has_grace(young, at(300));
        for key in [young, old] {
            ledger.health_changed(at(60), key, Some("Request timed out".to_owned()));
        }
        let staff = ledger.staff(at(60));
        assert_eq!((staff.active, staff.outgoing), (vec![young], vec![(old, EndCause::Unhealthy)]));
        ledger.health_changed(at(90), young, None);
        ledger.health_changed(at(90), old, None);
        let staff = ledger.staff(at(301));
        assert_eq!((staff.active, staff.outgoing), (vec![young], vec![(old, EndCause::Unhealthy)]));
        let changes: Vec<_> = ledger.health_changes().map(|it| (it.at, it.failure.is_some())).collect();
        assert_eq!(changes, [(at(60), true), (at(60), true), (at(90), false), (at(90), false)]);
    }
}
