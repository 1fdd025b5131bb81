//! Which instance gets a request: the balancer's rule, without a socket.
//!
//! App Runner: *least requests in flight, then longest unused.* Envoy, which App Runner is known to run, offers the same rule;
//! the second half spreads an idle service's requests over all instances instead of pinning them to the first. An instance
//! with `MaxConcurrency` requests takes no more, and nothing waits: what finds no room is turned away.
//!
//! ECS: *the healthy targets in turn*, an Application Load Balancer's default (round robin), however busy they are. Where none
//! is healthy, all are asked: the balancer fails open. A target whose backlog is full refuses the connection.
//! Sources: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html> and
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use std::net::SocketAddr;

use super::ledger::{InstanceKey, TurnedAway};
use super::options::Platform;
use super::task_queue::{TASK_BACKLOG, TaskQueue};
use scaletop_units::InstanceId;

/// An instance that takes requests, or finishes those it has.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: InstanceKey,
    pub(crate) id: InstanceId,
    pub(crate) addr: SocketAddr,
    /// Where its requests wait when it has too many; never on App Runner.
    pub(crate) queue: TaskQueue,
    in_flight: u32,
    draining: bool,
    /// What the target group says of it; App Runner's instances stay healthy.
    is_healthy: bool,
    /// The number of the pick that chose it last.
    picked: u64,
}

/// The instances behind the balancer.
#[derive(Debug)]
pub(crate) struct InstancePool {
    platform: Platform,
    max_concurrency: u32,
    members: Vec<Member>,
    picks: u64,
}

impl InstancePool {
    pub(crate) fn new(platform: Platform, max_concurrency: u32) -> Self {
        Self { platform, max_concurrency, members: Vec::new(), picks: 0 }
    }

    /// Requests that an instance may have, waiting ones included.
    fn room(&self) -> u32 {
        match self.platform {
            Platform::AppRunner => self.max_concurrency,
            Platform::Ecs => self.max_concurrency.saturating_add(TASK_BACKLOG),
        }
    }

    /// The instance takes requests from now on.
    pub(crate) fn add(&mut self, key: InstanceKey, id: InstanceId, addr: SocketAddr) {
        let queue = TaskQueue::new(self.max_concurrency);
        self.members.push(Member { key, id, addr, queue, in_flight: 0, draining: false, is_healthy: true, picked: 0 });
    }

    /// Chooses an instance and takes one of its slots; [`InstancePool::release`] gives it back.
    pub(crate) fn admit(&mut self) -> Result<Member, TurnedAway> {
        let chosen = match self.platform {
            Platform::AppRunner => self.active().min_by_key(|member| (member.in_flight, member.picked)),
            Platform::Ecs => {
                let in_turn = |members: &mut dyn Iterator<Item = &Member>| {
                    members.min_by_key(|member| member.picked).map(|member| member.key)
                };
                let healthy = in_turn(&mut self.active().filter(|member| member.is_healthy));
                let key = healthy.or_else(|| in_turn(&mut self.active()));
                key.and_then(|key| self.member(key))
            }
        };
        let (key, room) = (chosen.ok_or(TurnedAway::NoInstance)?.key, self.room());
        self.picks += 1;
        let (platform, picks) = (self.platform, self.picks);
        let Some(member) = self.member_mut(key) else { return Err(TurnedAway::NoInstance) };
        // A target that refuses has had its turn all the same.
        member.picked = picks;
        if member.in_flight >= room {
            return Err(match platform {
                Platform::AppRunner => TurnedAway::Full,
                Platform::Ecs => TurnedAway::Overrun,
            });
        }
        member.in_flight += 1;
        Ok(member.clone())
    }

    /// The instance, and whether it would take another connection.
    pub(crate) fn reached(&self, key: InstanceKey) -> Option<(Member, bool)> {
        self.member(key).map(|member| (member.clone(), member.in_flight < self.room()))
    }

    /// The target group takes it for healthy from now on, or not.
    pub(crate) fn set_healthy(&mut self, key: InstanceKey, is_healthy: bool) {
        if let Some(member) = self.member_mut(key) {
            member.is_healthy = is_healthy;
        }
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

    /// The instance is gone, and what waited in it. Whether it was there.
    pub(crate) fn remove(&mut self, key: InstanceKey) -> bool {
        let before = self.members.len();
        if let Some(member) = self.member(key) {
            member.queue.close();
        }
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

    fn member(&self, key: InstanceKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
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

    fn pool(count: u64, max_concurrency: u32) -> InstancePool {
        of(Platform::AppRunner, count, max_concurrency)
    }

    fn of(platform: Platform, count: u64, max_concurrency: u32) -> InstancePool {
        let mut pool = InstancePool::new(platform, max_concurrency);
        (0..count).for_each(|key| add(&mut pool, key));
        pool
    }

    fn add(pool: &mut InstancePool, key: u64) {
        pool.add(InstanceKey(key), InstanceId::from(format!("i-{key}")), ([127, 0, 0, 1], 1).into());
    }

    fn admit(pool: &mut InstancePool) -> Result<u64, TurnedAway> {
        pool.admit().map(|member| member.key.0)
    }

    #[test]
    fn the_one_with_the_least_in_flight_is_chosen() {
        let mut pool = pool(2, 10);
        let first: Vec<_> = (0..6).map(|_| admit(&mut pool).unwrap()).collect();
        assert_eq!(first, [0, 1, 0, 1, 0, 1]);
        add(&mut pool, 2);
        let next: Vec<_> = (0..3).map(|_| admit(&mut pool).unwrap()).collect();
        assert_eq!(next, [2, 2, 2], "a new instance catches up first");
    }

    #[test]
    fn an_idle_service_uses_all_its_instances() {
        let mut pool = pool(3, 10);
        let chosen: Vec<_> = (0..6)
            .map(|_| {
                let key = admit(&mut pool).unwrap();
                pool.release(InstanceKey(key));
                key
            })
            .collect();
        assert_eq!(chosen, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn beyond_the_concurrency_of_all_a_request_is_turned_away() {
        let mut pool = pool(2, 3);
        assert!((0..6).all(|_| admit(&mut pool).is_ok()));
        assert_eq!(admit(&mut pool), Err(TurnedAway::Full));
        pool.release(InstanceKey(1));
        assert_eq!(admit(&mut pool), Ok(1));
        assert_eq!(admit(&mut InstancePool::new(Platform::AppRunner, 3)), Err(TurnedAway::NoInstance));
    }

    #[test]
    fn a_draining_instance_takes_nothing_and_is_done_when_empty() {
        let mut pool = pool(1, 3);
        admit(&mut pool).unwrap();
        pool.drain(InstanceKey(0));
        assert_eq!((admit(&mut pool), pool.drained().count()), (Err(TurnedAway::NoInstance), 0));
        pool.release(InstanceKey(0));
        assert_eq!(pool.drained().collect::<Vec<_>>(), [InstanceKey(0)]);
        assert!(pool.remove(InstanceKey(0)));
        assert!(!pool.remove(InstanceKey(0)));
    }

    #[test]
    fn a_load_balancer_asks_its_targets_in_turn_however_busy_they_are() {
        let mut pool = of(Platform::Ecs, 2, 1);
        let chosen: Vec<_> = (0..4).map(|_| admit(&mut pool).unwrap()).collect();
        assert_eq!(chosen, [0, 1, 0, 1], "far beyond a concurrency of 1, and none is refused");
        pool.release(InstanceKey(0));
        pool.release(InstanceKey(0));
        assert_eq!([admit(&mut pool), admit(&mut pool)], [Ok(0), Ok(1)], "the idle one gets no more than its turn");
    }

    #[test]
    fn an_unhealthy_target_is_left_out_unless_all_are() {
        let mut pool = of(Platform::Ecs, 2, 1);
        pool.set_healthy(InstanceKey(0), false);
        assert!((0..4).all(|_| admit(&mut pool) == Ok(1)));
        pool.set_healthy(InstanceKey(1), false);
        let chosen: Vec<_> = (0..4).map(|_| admit(&mut pool).unwrap()).collect();
        assert_eq!(chosen, [0, 1, 0, 1], "the balancer fails open");
        pool.set_healthy(InstanceKey(0), true);
        assert_eq!(admit(&mut pool), Ok(0));
        pool.drain(InstanceKey(0));
        pool.drain(InstanceKey(1));
        assert_eq!(admit(&mut pool), Err(TurnedAway::NoInstance), "no target is left");
    }

    #[test]
    fn a_target_with_a_full_backlog_refuses() {
        let mut pool = of(Platform::Ecs, 1, 10);
        assert!((0..10 + TASK_BACKLOG).all(|_| admit(&mut pool).is_ok()));
        assert_eq!(admit(&mut pool), Err(TurnedAway::Overrun));
        assert!(pool.reached(InstanceKey(0)).is_some_and(|(_, has_room)| !has_room));
        pool.release(InstanceKey(0));
        assert!(pool.reached(InstanceKey(0)).is_some_and(|(_, has_room)| has_room));
        assert_eq!(admit(&mut pool), Ok(0));
        add(&mut pool, 1);
        let outcomes: Vec<_> = (0..4).map(|_| admit(&mut pool)).collect();
        let (refused, taken) = (Err(TurnedAway::Overrun), Ok(1));
        assert_eq!(outcomes, [taken, refused, taken, refused], "it keeps its turn, so half of the requests fail");
    }

    proptest! {
        #[test]
        fn no_instance_ever_has_more_than_its_concurrency(
            max_concurrency in 1u32..8,
            acts in prop::collection::vec((0u8..6, 0u64..5), 1..200),
        ) {
            let mut pool = pool(2, max_concurrency);
            let mut in_flight = BTreeMap::new();
            let mut next = 2;
            for (act, key) in acts {
                match act {
                    0..=2 => match admit(&mut pool) {
                        Ok(key) => {
                            let count = in_flight.entry(key).or_insert(0);
                            *count += 1;
                            prop_assert!(*count <= max_concurrency);
                        }
                        Err(TurnedAway::Full) => {
                            prop_assert!(pool.active().all(|member| in_flight[&member.key.0] == max_concurrency));
                        }
                        Err(TurnedAway::Overrun) => prop_assert!(false, "App Runner refuses before that"),
                        Err(TurnedAway::NoInstance) => prop_assert_eq!(pool.active().count(), 0),
                    },
                    3 => if let Some(count) = in_flight.get_mut(&key).filter(|count| **count > 0) {
                        *count -= 1;
                        pool.release(InstanceKey(key));
                    },
                    4 => { pool.remove(InstanceKey(key)); }
                    _ => { add(&mut pool, next); next += 1; }
                }
            }
        }
    }
}
