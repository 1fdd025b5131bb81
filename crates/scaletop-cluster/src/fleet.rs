//! Which instance gets a request: the balancer's rule, without a socket.
//!
//! *Least requests in flight, then longest unused.* Envoy, which App Runner is known to run, offers the same rule; the
//! second half spreads an idle service's requests over all instances instead of pinning them to the first. An instance with
//! `MaxConcurrency` requests takes no more, and nothing waits: what finds no room is turned away.

use std::net::SocketAddr;

use super::ledger::{InstanceKey, TurnedAway};
use scaletop_units::InstanceId;

/// An instance that takes requests, or finishes those it has.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: InstanceKey,
    pub(crate) id: InstanceId,
    pub(crate) addr: SocketAddr,
    in_flight: u32,
    draining: bool,
    /// The number of the pick that chose it last.
    picked: u64,
}

/// The instances behind the balancer.
#[derive(Debug)]
pub(crate) struct Fleet {
    max_concurrency: u32,
    members: Vec<Member>,
    picks: u64,
}

impl Fleet {
    pub(crate) fn new(max_concurrency: u32) -> Self {
        Self { max_concurrency, members: Vec::new(), picks: 0 }
    }

    /// The instance takes requests from now on.
    pub(crate) fn add(&mut self, key: InstanceKey, id: InstanceId, addr: SocketAddr) {
        self.members.push(Member { key, id, addr, in_flight: 0, draining: false, picked: 0 });
    }

    /// Chooses an instance and takes one of its slots; [`Fleet::release`] gives it back.
    pub(crate) fn admit(&mut self) -> Result<Member, TurnedAway> {
        let active = || self.members.iter().filter(|member| !member.draining);
        let Some(least) = active().min_by_key(|member| (member.in_flight, member.picked)) else {
            return Err(TurnedAway::NoInstance);
        };
        if least.in_flight >= self.max_concurrency {
            return Err(TurnedAway::Full);
        }
        let key = least.key;
        self.picks += 1;
        let picks = self.picks;
        let Some(member) = self.member_mut(key) else { return Err(TurnedAway::NoInstance) };
        member.in_flight += 1;
        member.picked = picks;
        Ok(member.clone())
    }

    /// A request is over. The instance may be gone.
    pub(crate) fn release(&mut self, key: InstanceKey) {
        if let Some(member) = self.member_mut(key) {
            member.in_flight = member.in_flight.saturating_sub(1);
        }
    }

    /// The instance takes no more requests.
    pub(crate) fn drain(&mut self, key: InstanceKey) {
        if let Some(member) = self.member_mut(key) {
            member.draining = true;
        }
    }

    /// The instance is gone. Whether it was there.
    pub(crate) fn remove(&mut self, key: InstanceKey) -> bool {
        let before = self.members.len();
        self.members.retain(|member| member.key != key);
        self.members.len() < before
    }

    /// The instances that take requests, oldest first.
    pub(crate) fn active(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.draining)
    }

    /// The draining instances that have nothing left to do.
    pub(crate) fn drained(&self) -> impl Iterator<Item = InstanceKey> {
        self.members.iter().filter(|member| member.draining && member.in_flight == 0).map(|member| member.key)
    }

    fn member_mut(&mut self, key: InstanceKey) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.key == key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn fleet(count: u64, max_concurrency: u32) -> Fleet {
        let mut fleet = Fleet::new(max_concurrency);
        (0..count).for_each(|key| add(&mut fleet, key));
        fleet
    }

    fn add(fleet: &mut Fleet, key: u64) {
        fleet.add(InstanceKey(key), InstanceId::from(format!("i-{key}")), ([127, 0, 0, 1], 1).into());
    }

    fn admit(fleet: &mut Fleet) -> Result<u64, TurnedAway> {
        fleet.admit().map(|member| member.key.0)
    }

    #[test]
    fn the_one_with_the_least_in_flight_is_chosen() {
        let mut fleet = fleet(2, 10);
        let first: Vec<_> = (0..6).map(|_| admit(&mut fleet).unwrap()).collect();
        assert_eq!(first, [0, 1, 0, 1, 0, 1]);
        add(&mut fleet, 2);
        let next: Vec<_> = (0..3).map(|_| admit(&mut fleet).unwrap()).collect();
        assert_eq!(next, [2, 2, 2], "a new instance catches up first");
    }

    #[test]
    fn an_idle_service_uses_all_its_instances() {
        let mut fleet = fleet(3, 10);
        let chosen: Vec<_> = (0..6)
            .map(|_| {
                let key = admit(&mut fleet).unwrap();
                fleet.release(InstanceKey(key));
                key
            })
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn beyond_the_concurrency_of_all_a_request_is_turned_away() {
        let mut fleet = fleet(2, 3);
        assert!((0..6).all(|_| admit(&mut fleet).is_ok()));
        assert_eq!(admit(&mut fleet), Err(TurnedAway::Full));
        fleet.release(InstanceKey(1));
        assert_eq!(admit(&mut fleet), Ok(1));
        assert_eq!(admit(&mut Fleet::new(3)), Err(TurnedAway::NoInstance));
    }

    #[test]
    fn a_draining_instance_takes_nothing_and_is_done_when_empty() {
        let mut fleet = fleet(1, 3);
        admit(&mut fleet).unwrap();
        fleet.drain(InstanceKey(0));
        assert_eq!((admit(&mut fleet), fleet.drained().count()), (Err(TurnedAway::NoInstance), 0));
        fleet.release(InstanceKey(0));
        assert_eq!(fleet.drained().collect::<Vec<_>>(), [InstanceKey(0)]);
        assert!(fleet.remove(InstanceKey(0)));
        assert!(!fleet.remove(InstanceKey(0)));
    }

    proptest! {
        #[test]
        fn no_instance_ever_has_more_than_its_concurrency(
            max_concurrency in 1u32..8,
            acts in prop::collection::vec((0u8..6, 0u64..5), 1..200),
        ) {
            let mut fleet = fleet(2, max_concurrency);
            let mut in_flight = BTreeMap::new();
            let mut next = 2;
            for (act, key) in acts {
                match act {
                    0..=2 => match admit(&mut fleet) {
                        Ok(key) => {
                            let count = in_flight.entry(key).or_insert(0);
                            *count += 1;
                            prop_assert!(*count <= max_concurrency);
                        }
                        Err(TurnedAway::Full) => {
                            prop_assert!(fleet.active().all(|member| in_flight[&member.key.0] == max_concurrency));
                        }
                        Err(TurnedAway::NoInstance) => prop_assert_eq!(fleet.active().count(), 0),
                    },
                    3 => if let Some(count) = in_flight.get_mut(&key).filter(|count| **count > 0) {
                        *count -= 1;
                        fleet.release(InstanceKey(key));
                    },
                    4 => { fleet.remove(InstanceKey(key)); }
                    _ => { add(&mut fleet, next); next += 1; }
                }
            }
        }
    }
}
