//! What limits that were set did to a step: the cap on requests in flight, and the one on connections. Whether they, and not the
//! service, were its limit.

use std::time::Duration;

use super::{GeneratorRecord, LATE_DROPS_LIMIT, UNMEASURED_LIMIT};
use crate::timeline::objective::LAG_SHARE;
use scaletop_load::{Connections, Latency};

/// From so many of its connections on, of those that may be open, a load keeps them all busy.
const CRAMPED: f64 = 0.9;

/// An answer that takes no longer than this times what it took before takes what it usually does.
const USUAL: f64 = 1.25;

/// What the cap on requests in flight did to a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Capped {
    /// Requests that may be in flight.
    pub most: u64,
    /// Arrivals dropped at it.
    pub dropped: u64,
    /// Requests that failed, or had no answer, by the service's fault.
    pub failed: u64,
    /// Requests that the arrivals would keep in flight: their rate times what an OK answer takes (Little's law).
    pub busy: f64,
    /// What an OK answer takes, and what it took when the service had the least to do: in earlier steps, and the quickest.
    pub service: Option<Duration>,
    pub usual: Option<Duration>,
}

impl Capped {
    /// Whether the cap, and not the service, was the limit. It is only where all of this shows it: the rate times what an answer takes
    /// reaches the cap; no more than one in a hundred failed; and answers take no longer than they did when there was less to
    /// do. A service that stalls, refuses or is full fills the cap as well, and fails one of these.
    pub(super) fn is_ours(&self, due: u64) -> bool {
        let (Some(service), Some(usual)) = (self.service, self.usual) else { return false };
        let share = LATE_DROPS_LIMIT * due as f64;
        self.dropped as f64 > share
            && self.failed as f64 <= share
            && self.busy >= CRAMPED * self.most as f64
            && service.as_secs_f64() <= USUAL * usual.as_secs_f64()
    }
}

/// What waiting for a connection showed over some seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Waiting {
    /// How long arrivals waited that found no connection.
    pub slot_wait: Latency,
    /// Seconds in which every connection that may be open was, and arrivals waited for one.
    cramped_seconds: u32,
}

impl Waiting {
    /// Adds a second. `most` connections may be open, when that limits how many requests can be under way.
    pub(crate) fn note(&mut self, connections: &Connections, most: Option<u64>) {
        let is_cramped = most.is_some_and(|most| connections.open >= most) && connections.waiting_peak > 0;
        self.cramped_seconds += u32::from(is_cramped);
        self.slot_wait.merge(&connections.slot_wait);
    }

    /// What the limit of `most` connections did, `rate` arrivals coming a second and an OK answer taking `service`.
    pub(crate) fn cramped(&self, most: u64, rate: f64, service: Option<Duration>) -> Cramped {
        let busy = rate * service.unwrap_or_default().as_secs_f64();
        Cramped { most, seconds: self.cramped_seconds, waited: self.slot_wait.count(), busy }
    }
}

/// What a limit on connections that the user set did to a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cramped {
    /// Connections that may be open.
    pub most: u64,
    /// Seconds in which all of them were, and arrivals waited for one.
    pub seconds: u32,
    /// Arrivals that waited.
    pub waited: u64,
    /// Connections that the arrivals would keep busy: their rate times what an OK answer takes (Little's law).
    pub busy: f64,
}

impl Cramped {
    /// Whether the limit is in the latencies of a step: over half of the seconds and for over a tenth of the arrivals,
    /// by more than a tenth of the p99; and since the load needs more than it allows, not because the service stood still
    /// for a while.
    pub(super) fn is_in_the_latencies(&self, record: &GeneratorRecord) -> bool {
        let share = |whole: Duration| LAG_SHARE * whole.as_secs_f64();
        let is_long = match (record.slot_wait_p99, record.p99) {
            (Some(wait), Some(p99)) => wait.as_secs_f64() > share(p99),
            _ => false,
        };
        is_long
            && self.seconds.saturating_mul(2) > record.strain.seconds
            && self.waited as f64 > UNMEASURED_LIMIT * record.due as f64
            && self.busy >= CRAMPED * self.most as f64
    }
}
