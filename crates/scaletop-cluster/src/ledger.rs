//! Writes down what happens in the cluster, as it happens: the pure recorder behind [`truth`](super::truth).
//!
//! Every call brings its own `now`. Memory is bounded: an hour of seconds, and the newest of everything else.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::truth::{
    Decision, Deployment, EndCause, Ended, HealthChange, InstancePhase, InstanceTruth, Rejections, SecondCounts,
};
use scaletop_units::{Elapsed, InstanceId, NANOS_PER_SEC};

/// Closed seconds that are kept: an hour.
pub(crate) const SECONDS_KEPT: usize = 3_600;
/// Gone instances that are kept.
pub(crate) const GONE_INSTANCES_KEPT: usize = 1_000;
/// Spells of rejections that are kept.
pub(crate) const REJECTION_SPELLS_KEPT: usize = 1_000;
/// Decisions that are kept.
pub(crate) const DECISIONS_KEPT: usize = 1_000;
/// Deployments and changes of health that are kept.
pub(crate) const CHANGES_KEPT: usize = 1_000;

/// A spell of rejections is over when this long passed without one.
const SPELL_GAP: Duration = Duration::from_secs(1);

/// One answer weighs this much in the moving mean of the service time: the mean follows the last hundred or so.
const SERVICE_TIME_WEIGHT: f64 = 1.0 / 64.0;

/// Identifies an instance within the cluster: the number of its start. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstanceKey(pub(crate) u64);

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// Every active instance was full.
    Full,
    /// No instance was active.
    NoInstance,
    /// The task whose turn it was had a full backlog (ECS).
    Overrun,
}

/// What became of a request that was passed to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// The instance answered with this status.
    Answered(u16),
    /// The instance failed and the balancer answered for it with this status.
    Failed(u16),
    /// Nobody got an answer: the client went away first.
    Unanswered,
    /// The balancer had answered before the instance did, which is counted already.
    Late,
}

/// The recorder.
#[derive(Debug)]
pub(crate) struct Ledger {
    max_concurrency: u32,
    desired: u32,
    instances: BTreeMap<InstanceKey, Kept>,
    next_key: u64,
    rejections: VecDeque<Rejections>,
    decisions: VecDeque<Decision>,
    /// The deployments, never empty: the last one is what new instances belong to.
    deployments: Vec<Deployment>,
    health_changes: VecDeque<HealthChange>,
    seconds: VecDeque<SecondCounts>,
    open: SecondCounts,
    /// Concurrency that was on offer in the open second, times time, and what of it was in use.
    open_offered: Duration,
    open_worked: Duration,
    /// Everything up to here has been added to `busy` and closed into seconds.
    settled: Elapsed,
    /// Counts of the living, kept so that a request does not walk the instances.
    active: u32,
    starting: u32,
    in_flight: u32,
    /// Of those in flight, the requests that are worked on and do not wait.
    working: u32,
    look: Look,
    service_time: Duration,
    start_failure: Option<String>,
}

/// An instance, and the last second that counted it as serving.
#[derive(Debug)]
struct Kept {
    truth: InstanceTruth,
    served_in: Option<u32>,
    /// Until then its failed checks have no consequence.
    grace_until: Elapsed,
    /// It is to be replaced for its failed checks.
    is_doomed: bool,
    /// Why it drains.
    parting: EndCause,
}

/// What happened since the scaler looked last.
#[derive(Debug, Default)]
struct Look {
    since: Elapsed,
    admitted: u64,
    rejected: u64,
    busy: Duration,
    /// Time that requests were worked on.
    worked: Duration,
    /// Concurrency that was on offer, times time: active × `MaxConcurrency`.
    offered: Duration,
}

impl Ledger {
    pub(crate) fn new(now: Elapsed, max_concurrency: u32, desired: u32, delay: Duration) -> Self {
        Self {
            max_concurrency,
            desired,
            instances: BTreeMap::new(),
            next_key: 0,
            rejections: VecDeque::new(),
            decisions: VecDeque::new(),
            deployments: vec![staff::first_deployment(now)],
            health_changes: VecDeque::new(),
            seconds: VecDeque::new(),
            open: SecondCounts { index: now.second(), desired, ..SecondCounts::default() },
            open_offered: Duration::ZERO,
            open_worked: Duration::ZERO,
            settled: now,
            active: 0,
            starting: 0,
            in_flight: 0,
            working: 0,
            look: Look { since: now, ..Look::default() },
            service_time: delay,
            start_failure: None,
        }
    }

    /// A new instance is being started.
    pub(crate) fn starting(&mut self, now: Elapsed, id: InstanceId) -> InstanceKey {
        self.settle(now);
        let key = InstanceKey(self.next_key);
        self.next_key += 1;
        self.starting += 1;
        let truth = InstanceTruth {
            id,
            revision: self.revision(),
            pid: None,
            started: now,
            listening: None,
            active: None,
            first_admitted: None,
            first_answered: None,
            unhealthy: None,
            draining: None,
            ended: None,
            admitted: 0,
            answered: 0,
            in_flight: 0,
            in_flight_peak: 0,
        };
        let kept = Kept { truth, served_in: None, grace_until: now, is_doomed: false, parting: EndCause::ScaledIn };
        self.instances.insert(key, kept);
        key
    }

    /// Its process has this number.
    pub(crate) fn has_process(&mut self, key: InstanceKey, pid: Option<u32>) {
        if let Some(kept) = self.instances.get_mut(&key) {
            kept.truth.pid = pid;
        }
    }

    /// Its process listens.
    pub(crate) fn listening(&mut self, now: Elapsed, key: InstanceKey) {
        if let Some(kept) = self.instances.get_mut(&key) {
            kept.truth.listening.get_or_insert(now);
        }
        self.start_failure = None;
    }

    /// It takes requests from now on.
    pub(crate) fn active(&mut self, now: Elapsed, key: InstanceKey) {
        self.settle(now);
        let Some(kept) = self.instances.get_mut(&key) else { return };
        if kept.truth.phase() == InstancePhase::Starting {
            kept.truth.active = Some(now);
            self.starting -= 1;
            self.active += 1;
            self.open.active_peak = self.open.active_peak.max(self.active);
        }
    }

    /// It takes no more requests, for this reason.
    pub(crate) fn draining(&mut self, now: Elapsed, key: InstanceKey, parting: EndCause) {
        self.settle(now);
        let Some(kept) = self.instances.get_mut(&key) else { return };
        if kept.truth.phase() == InstancePhase::Active {
            kept.truth.draining = Some(now);
            kept.parting = parting;
            self.active -= 1;
        }
    }

    /// It is gone: out of the balancer, its process dead or about to be. Only the first cause counts.
    pub(crate) fn ended(&mut self, now: Elapsed, key: InstanceKey, cause: EndCause) {
        self.settle(now);
        let Some(kept) = self.instances.get_mut(&key) else { return };
        match kept.truth.phase() {
            InstancePhase::Gone => return,
            InstancePhase::Starting => self.starting -= 1,
            InstancePhase::Active => self.active -= 1,
            InstancePhase::Draining => {}
        }
        kept.truth.ended = Some(Ended { at: now, cause });
        self.forget_the_oldest_gone();
    }

    /// An instance could not be started, and why.
    pub(crate) fn start_failed(&mut self, reason: String) {
        self.start_failure = Some(reason);
    }

    /// The scaler wants another number.
    pub(crate) fn decided(&mut self, now: Elapsed, to: u32, cause: String) {
        self.settle(now);
        push_bounded(&mut self.decisions, Decision { at: now, from: self.desired, to, cause }, DECISIONS_KEPT);
        self.desired = to;
    }

    /// How many instances are wanted.
    pub(crate) fn desired(&self) -> u32 {
        self.desired
    }

    /// The draining instances that have been at it since before `moment`.
    pub(crate) fn draining_since_before(&self, moment: Elapsed) -> Vec<InstanceKey> {
        let overdue = |truth: &InstanceTruth| {
            truth.phase() == InstancePhase::Draining && truth.draining.is_some_and(|since| since < moment)
        };
        self.instances.iter().filter(|(_, kept)| overdue(&kept.truth)).map(|(key, _)| *key).collect()
    }

    /// Whether the last start failed.
    pub(crate) fn has_start_failure(&self) -> bool {
        self.start_failure.is_some()
    }

    /// A request arrived and was passed to an instance.
    pub(crate) fn admitted(&mut self, now: Elapsed, key: InstanceKey) {
        self.settle(now);
        self.open.requests += 1;
        self.open.admitted += 1;
        self.look.admitted += 1;
        self.in_flight += 1;
        self.open.in_flight_peak = self.open.in_flight_peak.max(self.in_flight);
        let Some(kept) = self.instances.get_mut(&key) else { return };
        let truth = &mut kept.truth;
        truth.first_admitted.get_or_insert(now);
        truth.admitted += 1;
        truth.in_flight += 1;
        truth.in_flight_peak = truth.in_flight_peak.max(truth.in_flight);
        if kept.served_in != Some(self.open.index) {
            kept.served_in = Some(self.open.index);
            self.open.serving += 1;
        }
    }

    /// An admitted request is worked on from now on.
    pub(crate) fn begun(&mut self, now: Elapsed) {
        self.settle(now);
        self.working += 1;
    }

    /// It is worked on no more: the instance has answered, or has ended.
    pub(crate) fn worked(&mut self, now: Elapsed) {
        self.settle(now);
        self.working = self.working.saturating_sub(1);
    }

    /// An admitted request is over, `took` after it was admitted.
    pub(crate) fn served(&mut self, now: Elapsed, key: InstanceKey, outcome: Served, took: Duration) {
        self.settle(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(Kept { truth, .. }) = self.instances.get_mut(&key) {
            truth.in_flight = truth.in_flight.saturating_sub(1);
            if matches!(outcome, Served::Answered(_)) {
                truth.answered += 1;
                truth.first_answered.get_or_insert(now);
            }
        }
        match outcome {
            Served::Answered(status) => {
                self.open.latency_sum = self.open.latency_sum.saturating_add(took);
                self.open.latency_count += 1;
                self.open.latency_max = self.open.latency_max.max(took);
                let mean = self.service_time.as_secs_f64();
                let mean = mean + (took.as_secs_f64() - mean) * SERVICE_TIME_WEIGHT;
                self.service_time = Duration::try_from_secs_f64(mean).unwrap_or(self.service_time);
                self.count_status(status);
            }
            Served::Failed(status) => self.count_status(status),
            Served::Unanswered => self.open.unanswered += 1,
            Served::Late => {}
        }
    }

    /// A request arrived and was turned away for want of instances.
    pub(crate) fn turned_away(&mut self, now: Elapsed, why: TurnedAway) {
        self.settle(now);
        self.open.requests += 1;
        self.look.rejected += 1;
        match why {
            TurnedAway::Full => {
                self.open.rejected += 1;
                self.open.status_4xx += 1;
            }
            TurnedAway::NoInstance => {
                self.open.unserved += 1;
                self.open.status_5xx += 1;
            }
            TurnedAway::Overrun => {
                self.open.overrun += 1;
                self.open.status_5xx += 1;
            }
        }
        match self.rejections.back_mut() {
            Some(spell) if now.saturating_since(spell.last) <= SPELL_GAP => {
                spell.last = now;
                spell.count += 1;
            }
            _ => {
                let spell = Rejections { began: now, last: now, count: 1, over: false };
                push_bounded(&mut self.rejections, spell, REJECTION_SPELLS_KEPT);
            }
        }
    }

    /// A request arrived and met a fault of the balancer's own: `status`, or a closed connection.
    pub(crate) fn faulted(&mut self, now: Elapsed, status: Option<u16>) {
        self.settle(now);
        self.open.requests += 1;
        match status {
            Some(status) => self.count_status(status),
            None => self.open.unanswered += 1,
        }
    }

    /// The balancer gave an admitted request this answer of its own; the instance goes on with it.
    pub(crate) fn given_up(&mut self, now: Elapsed, status: u16) {
        self.settle(now);
        self.count_status(status);
    }

    fn count_status(&mut self, status: u16) {
        match status {
            200..=299 => self.open.status_2xx += 1,
            400..=499 => self.open.status_4xx += 1,
            500.. => self.open.status_5xx += 1,
            _ => {}
        }
    }

    /// Charges the time up to `now` to what was in flight, and closes the seconds that have ended.
    fn settle(&mut self, now: Elapsed) {
        let asleep = now.second().saturating_sub(self.open.index) as usize;
        if asleep > SECONDS_KEPT {
            // The machine slept for hours: not one of those seconds would be kept.
            self.seconds.clear();
            self.settled = Elapsed::from_secs(u64::from(now.second()) - SECONDS_KEPT as u64);
            self.open.index = self.settled.second();
        }
        while self.open.index < now.second() {
            self.flow_until(Elapsed::from_nanos((u64::from(self.open.index) + 1) * NANOS_PER_SEC));
            self.close_second();
        }
        self.flow_until(now);
    }

    fn flow_until(&mut self, moment: Elapsed) {
        let span = moment.saturating_since(self.settled);
        let busy = span.saturating_mul(self.in_flight);
        let worked = span.saturating_mul(self.working);
        let offered = span.saturating_mul(self.active.saturating_mul(self.max_concurrency));
        self.open.busy = self.open.busy.saturating_add(busy);
        self.open_offered = self.open_offered.saturating_add(offered);
        self.open_worked = self.open_worked.saturating_add(worked);
        self.look.busy = self.look.busy.saturating_add(busy);
        self.look.worked = self.look.worked.saturating_add(worked);
        self.look.offered = self.look.offered.saturating_add(offered);
        self.settled = self.settled.max(moment);
    }

    fn close_second(&mut self) {
        self.open.cpu_percent = percent(self.open_worked, self.open_offered);
        self.open.active = self.active;
        self.open.starting = self.starting;
        self.open.desired = self.desired;
        let index = self.open.index + 1;
        let mut serving = 0;
        for kept in self.instances.values_mut().filter(|kept| kept.truth.in_flight > 0) {
            kept.served_in = Some(index);
            serving += 1;
        }
        let next = SecondCounts {
            index,
            in_flight_peak: self.in_flight,
            active_peak: self.active,
            serving,
            ..SecondCounts::default()
        };
        (self.open_offered, self.open_worked) = (Duration::ZERO, Duration::ZERO);
        let closed = std::mem::replace(&mut self.open, next);
        push_bounded(&mut self.seconds, closed, SECONDS_KEPT);
    }

    fn forget_the_oldest_gone(&mut self) {
        let gone = |kept: &Kept| kept.truth.ended.is_some();
        if self.instances.values().filter(|kept| gone(kept)).count() > GONE_INSTANCES_KEPT {
            let oldest = self.instances.iter().find(|(_, kept)| gone(kept)).map(|(key, _)| *key);
            oldest.map(|key| self.instances.remove(&key));
        }
    }
}

/// `part` of `whole` in percent, at most 100 (a draining instance works without being on offer).
fn percent(part: Duration, whole: Duration) -> Option<f64> {
    let whole = whole.as_secs_f64();
    (whole > 0.0).then(|| (100.0 * part.as_secs_f64() / whole).min(100.0))
}

fn push_bounded<T>(ring: &mut VecDeque<T>, item: T, bound: usize) {
    if ring.len() >= bound {
        ring.pop_front();
    }
    ring.push_back(item);
}

mod snapshots;
mod staff;

pub(crate) use staff::FIRST_TAG;

#[cfg(test)]
mod tests;
