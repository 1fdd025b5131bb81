//! What the balancer, the supervisor and the cluster's owner hold in common. Each lock is held for a few additions, never
//! across an await, and never two at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::faults::{AtTheDoor, Fault, Faults};
use super::instance_pool::{InstancePool, Member};
use super::ledger::{InstanceKey, Served, TurnedAway};
use super::reader::ClusterReader;
use super::truth::EndCause;
use scaletop_units::{Elapsed, InstanceId};

/// The common ground.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) reader: ClusterReader,
    front: Mutex<Front>,
    /// An instance came or went: the supervisor looks whether the number is still right.
    pub(crate) instances_changed: Notify,
    /// A fault began or was healed: the listener looks whether it refuses.
    pub(crate) faults_changed: Notify,
}

#[derive(Debug)]
struct Front {
    pool: InstancePool,
    faults: Faults,
    luck: fastrand::Rng,
    /// Every instance that has not ended, with what ends its process.
    living: BTreeMap<InstanceKey, Living>,
}

#[derive(Debug)]
struct Living {
    id: InstanceId,
    stop: CancellationToken,
}

/// What the balancer does with a request.
pub(crate) enum Admission {
    /// Passes it to this instance.
    Admit(Member, Slot),
    /// Turns it away.
    TurnAway(TurnedAway),
    /// Answers 503, by a fault.
    Unavailable,
    /// Closes the connection, by a fault.
    Close,
}

impl Shared {
    pub(crate) fn new(reader: ClusterReader) -> Self {
        let luck = reader.options().seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let pool = InstancePool::new(reader.options().platform, reader.options().max_concurrency);
        let front = Front { pool, faults: Faults::default(), luck, living: BTreeMap::new() };
        let (instances_changed, faults_changed) = (Notify::new(), Notify::new());
        Self { reader, front: Mutex::new(front), instances_changed, faults_changed }
    }

    /// A new instance with an id of its own, and the token that is cancelled when its process must end.
    pub(crate) fn birth(&self) -> (InstanceKey, InstanceId, CancellationToken) {
        let id = InstanceId::from(format!("i-{:08x}", self.front().luck.u32(..)));
        let stop = CancellationToken::new();
        let key = self.reader.ledger().starting(self.reader.now(), id.clone());
        self.front().living.insert(key, Living { id: id.clone(), stop: stop.clone() });
        (key, id, stop)
    }

    /// The instance takes requests from now on, unless it has ended meanwhile; its failed checks count after `grace`.
    pub(crate) fn activate(&self, key: InstanceKey, addr: SocketAddr, grace: Duration) {
        {
            let mut front = self.front();
            let Some(id) = front.living.get(&key).map(|living| living.id.clone()) else { return };
            front.pool.add(key, id, addr);
        }
        let now = self.reader.now();
        {
            let mut ledger = self.reader.ledger();
            ledger.active(now, key);
            ledger.has_grace(key, now + grace);
        }
        self.instances_changed.notify_one();
    }

    /// The instance, and whether it would take another connection; `None` once it is gone.
    pub(crate) fn reached(&self, key: InstanceKey) -> Option<(Member, bool)> {
        self.front().pool.reached(key)
    }

    /// The target group takes the instance for healthy from now on, or says why not.
    pub(crate) fn health_changed(&self, key: InstanceKey, failure: Option<String>) {
        self.front().pool.set_healthy(key, failure.is_none());
        self.reader.ledger().health_changed(self.reader.now(), key, failure);
        self.instances_changed.notify_one();
    }

    /// The service is deployed anew, with an image of this tag.
    pub(crate) fn deploy(&self, tag: String) {
        self.reader.ledger().deployed(self.reader.now(), tag);
        self.instances_changed.notify_one();
    }

    /// The instance takes no more requests and ends when it has answered those it has.
    pub(crate) fn drain(&self, key: InstanceKey, parting: EndCause) {
        self.front().pool.drain(key);
        self.reader.ledger().draining(self.reader.now(), key, parting);
    }

    /// The instance is out, at once; its process is killed. Only the first cause counts.
    pub(crate) fn retire(&self, key: InstanceKey, cause: EndCause) {
        let living = {
            let mut front = self.front();
            front.pool.remove(key);
            front.living.remove(&key)
        };
        if let Some(living) = living {
            self.reader.ledger().ended(self.reader.now(), key, cause);
            living.stop.cancel();
            self.instances_changed.notify_one();
        }
    }

    /// Kills the instance called `id`, or an active one by chance. Returns who it was.
    pub(crate) fn kill(&self, id: Option<&InstanceId>) -> Option<InstanceId> {
        let (key, id) = {
            let Front { pool, luck, living, .. } = &mut *self.front();
            match id {
                Some(id) => living.iter().find(|(_, living)| living.id == *id).map(|(key, _)| (*key, id.clone()))?,
                None => luck.choice(pool.active().map(|member| (member.key, member.id.clone())).collect::<Vec<_>>())?,
            }
        };
        self.retire(key, EndCause::Killed);
        Some(id)
    }

    /// Ends every instance.
    pub(crate) fn end_all(&self) {
        let keys: Vec<_> = self.front().living.keys().copied().collect();
        for key in keys {
            self.retire(key, EndCause::Shutdown);
        }
    }

    /// The draining instances that have nothing left to do.
    pub(crate) fn drained(&self) -> Vec<InstanceKey> {
        self.front().pool.drained().collect()
    }

    /// A lasting fault begins.
    pub(crate) fn begin(&self, fault: Fault, until: Option<Elapsed>) {
        self.front().faults.begin(fault, until);
        self.faults_changed.notify_one();
    }

    /// All faults end.
    pub(crate) fn heal(&self) {
        self.front().faults.heal();
        self.faults_changed.notify_one();
    }

    /// The faults in force.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let now = self.reader.now();
        self.front().faults.current(now).cloned().collect()
    }

    /// Whether new connections are refused now.
    pub(crate) fn refuses(&self) -> bool {
        let now = self.reader.now();
        self.front().faults.refuses(now)
    }

    /// Whether the instance leaves its requests unanswered now.
    pub(crate) fn hangs(&self, id: &InstanceId) -> bool {
        let now = self.reader.now();
        self.front().faults.hangs(now, id)
    }

    /// How much longer the instance takes now.
    pub(crate) fn extra_delay(&self, id: &InstanceId) -> Duration {
        let now = self.reader.now();
        self.front().faults.extra_delay(now, id)
    }

    /// Decides on a request that has just arrived, and writes it down.
    pub(crate) fn judge(self: &Arc<Self>) -> Admission {
        let now = self.reader.now();
        let decided = {
            let front = &mut *self.front();
            let luck = front.luck.f64();
            match front.faults.at_the_door(now, luck) {
                AtTheDoor::Pass => Ok(front.pool.admit()),
                fault => Err(fault),
            }
        };
        let mut ledger = self.reader.ledger();
        match decided {
            Ok(Ok(member)) => {
                ledger.admitted(now, member.key);
                let slot = Slot {
                    shared: Arc::clone(self),
                    key: member.key,
                    since: now,
                    outcome: Served::Unanswered,
                    is_worked_on: false,
                    is_given_up: Arc::default(),
                };
                Admission::Admit(member, slot)
            }
            Ok(Err(why)) => {
                ledger.turned_away(now, why);
                Admission::TurnAway(why)
            }
            Err(AtTheDoor::Close) => {
                ledger.faulted(now, None);
                Admission::Close
            }
            Err(AtTheDoor::Unavailable | AtTheDoor::Pass) => {
                ledger.faulted(now, Some(503));
                Admission::Unavailable
            }
        }
    }

    fn front(&self) -> MutexGuard<'_, Front> {
        // Nothing panics while it holds the lock; if it did, going on would still be right.
        self.front.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at an instance, taken by one request; given back when dropped, that is also when the client goes away.
#[derive(Debug)]
pub(crate) struct Slot {
    shared: Arc<Shared>,
    key: InstanceKey,
    since: Elapsed,
    outcome: Served,
    is_worked_on: bool,
    is_given_up: Arc<AtomicBool>,
}

/// Says that the balancer has answered for the instance, which still has the request.
#[derive(Debug)]
pub(crate) struct GivingUp {
    shared: Arc<Shared>,
    is_given_up: Arc<AtomicBool>,
}

impl GivingUp {
    /// The client has got this status; whatever the instance still answers does not count.
    pub(crate) fn answered(self, status: StatusCode) {
        self.is_given_up.store(true, Ordering::Relaxed);
        self.shared.reader.ledger().given_up(self.shared.reader.now(), status.as_u16());
    }
}

impl Slot {
    /// What became of the request, as far as is known.
    pub(crate) fn becomes(&mut self, outcome: Served) {
        self.outcome = outcome;
    }

    /// The instance works on the request from now on.
    pub(crate) fn begins(&mut self) {
        if !std::mem::replace(&mut self.is_worked_on, true) {
            self.shared.reader.ledger().begun(self.shared.reader.now());
        }
    }

    /// The instance works on it no more.
    pub(crate) fn rests(&mut self) {
        if std::mem::take(&mut self.is_worked_on) {
            self.shared.reader.ledger().worked(self.shared.reader.now());
        }
    }

    /// A handle for whoever answers for the instance meanwhile.
    pub(crate) fn giving_up(&self) -> GivingUp {
        GivingUp { shared: Arc::clone(&self.shared), is_given_up: Arc::clone(&self.is_given_up) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.rests();
        let now = self.shared.reader.now();
        self.shared.front().pool.release(self.key);
        let took = now.saturating_since(self.since);
        let outcome = if self.is_given_up.load(Ordering::Relaxed) { Served::Late } else { self.outcome };
        self.shared.reader.ledger().served(now, self.key, outcome, took);
    }
}
