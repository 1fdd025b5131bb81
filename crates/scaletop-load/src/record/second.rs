//! One closed second of load: the unit that is recorded, charted and analysed.
//!
//! **Which second counts what.** An arrival belongs to the second in which it was *intended*; when our
//! own stall made us handle it after that second had closed, it is filed under the second that was open, but still as a
//! part of its intended second (see [`CohortPart::intended`]), so totals are exact and nothing is filed twice.
//! What is sent is filed under the second in which it was *sent*, a completion under the one in which it *completed*, each
//! as a part of its intended second. A second closes [`CLOSE_AFTER`] its end and then never
//! changes.

pub(crate) mod packed;
pub(crate) mod stored;

use std::net::IpAddr;
use std::time::Duration;

use crate::mix::RequestName;
use crate::record::connections::Connections;
use crate::record::failures::{self, Failure};
use crate::record::latency::Latency;
use crate::sample::OutcomeCounts;
use scaletop_units::{ArrivalRate, Elapsed, GeneratorId, InstanceId};

/// An arrival that we turn to this long after it was due is late: our lag shows in its response time.
pub const LATE: Duration = Duration::from_millis(10);

/// How long after its end a second closes, so that what happened at its very end is still in it.
pub(crate) const CLOSE_AFTER: Duration = Duration::from_millis(100);

/// One closed second, merged over all workers. How it is written down: module `stored`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Second {
    /// The second `[index, index + 1)` since the start of the session.
    pub index: u32,
    /// The arrival rate in force at its end.
    pub target: ArrivalRate,
    /// What was filed in this second, by the second it was intended in, ascending, without empty parts.
    pub parts: Vec<CohortPart>,
    /// How late we were: from when an arrival was due to when we turned to it, for those of this second. Waiting for a
    /// connection is not in it: see [`Connections::slot_wait`].
    pub send_lag: Latency,
    /// Requests without an answer when the second ended; those that wait for a connection are among them.
    pub in_flight: u64,
    /// The age (end of second − intended) of the oldest of them.
    pub oldest_in_flight: Option<Duration>,
    /// Bytes of response bodies.
    pub bytes_in: u64,
    /// Who answered, in the order of their ids; at most `MAX_INSTANCES_PER_SECOND`.
    pub served: Vec<Served>,
    /// Answers that named an instance beyond that bound, or named none.
    pub unattributed: u64,
    /// Requests per remote address, in the order of the addresses; at most `MAX_INSTANCES_PER_SECOND`.
    pub remotes: Vec<(IpAddr, u64)>,
    /// How the generator itself was doing.
    pub generator: GeneratorHealth,
    /// What our connections did.
    pub connections: Connections,
    /// Why requests failed, in words; at most 16 causes, in the order in which they were first seen.
    pub failures: Vec<Failure>,
    /// Who generated the load, in the order of their names; empty where it was this process alone.
    pub generators: Vec<GeneratorPart>,
    /// What was filed in this second of each of several requests, by name and then by the second it was intended in; empty where
    /// there is only one. Together they are `parts`.
    pub requests: Vec<RequestPart>,
}

/// What one second holds of one of several requests that were intended in one (same or earlier) second.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestPart {
    /// The request.
    pub name: RequestName,
    /// The second it was intended in.
    pub intended: u32,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals handed to a connection, and those that failed because none could be made.
    pub sent: u64,
    /// Arrivals that were not sent, for whatever reason of ours.
    pub dropped: u64,
    /// Requests that completed, by what became of them.
    pub outcomes: OutcomeCounts,
    /// Response times of the OK ones.
    pub ok: Latency,
    /// Response times of the others.
    pub failed: Latency,
}

impl RequestPart {
    /// Nothing yet of request `name`, intended in second `intended`.
    pub fn new(name: RequestName, intended: u32) -> Self {
        let (ok, failed, outcomes) = (Latency::new(), Latency::new(), OutcomeCounts::default());
        Self { name, intended, due: 0, sent: 0, dropped: 0, outcomes, ok, failed }
    }

    /// Adds what `other` holds of the same request, whatever second it was intended in.
    pub fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.outcomes.merge(&other.outcomes);
        self.ok.merge(&other.ok);
        self.failed.merge(&other.failed);
    }
}

/// What one generator of a fleet says of its part of a second.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorPart {
    /// Its name.
    pub id: GeneratorId,
    /// Arrivals that came due for it.
    pub due: u64,
    /// Requests it sent.
    pub sent: u64,
    /// How many were answered as expected.
    pub ok: u64,
    /// How late it was: 99th percentile of its send lag.
    pub lag_p99: Option<Duration>,
    /// Its CPU use, 100 = one core.
    pub cpu_percent: Option<f32>,
    /// Its requests without an answer when the second ended.
    pub in_flight: u64,
    /// How far its clock may be from the session's, plus or minus.
    pub clock_error: Option<Duration>,
    /// How late the latest change of rate or of shares reached it; `None` when it was there in time.
    pub late_anchor: Option<Duration>,
    /// Its own seconds that were counted here, by the numbers under which it stored them: whoever goes on with the session counts
    /// none of them again. Empty in recordings that do not say.
    pub numbers: Vec<u64>,
}

/// More instances or addresses than this are not told apart within one second.
pub const MAX_INSTANCES_PER_SECOND: usize = 256;

/// What one second holds of the requests that were intended in one (same or earlier) second.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CohortPart {
    /// The second the requests were intended in.
    pub intended: u32,
    /// Arrivals that came due. Over a whole run each of them was sent or dropped; within a second some may still wait for
    /// a connection.
    pub due: u64,
    /// Arrivals handed to a connection, and those that failed because none could be made.
    pub sent: u64,
    /// Arrivals refused because the in-flight cap was reached.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late by over a second.
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection: all that are allowed were busy, or the run was stopped before one came
    /// free.
    pub dropped_connections: u64,
    /// Requests that completed, by what became of them.
    pub outcomes: OutcomeCounts,
    /// Response times (completed − intended) of the OK ones.
    pub ok: Latency,
    /// Response times of the others.
    pub failed: Latency,
    /// Service times of the OK ones: from the first byte handed to a connection that was ready to the last byte of the
    /// answer. (Recordings before version 4 have those of all here.)
    pub service: Latency,
    /// Service times of the others. A request that failed before it had a connection has none.
    pub failed_service: Latency,
    /// Arrivals that we turned to over [`LATE`] after they were due or gave up because of that, and those whose answers may have
    /// come while we stood still for so long: ours, not the service's.
    pub late: u64,
    /// The longest after it was due that we turned to one of those.
    pub longest_lag: Duration,
    /// Arrivals that are asked of a fleet, whoever is to send them; `None` where nobody but this process could. What of them nobody
    /// reports as due is unreported: see [`CohortPart::unreported`].
    pub planned: Option<u64>,
}

impl CohortPart {
    /// Nothing yet of the requests intended in second `intended`.
    pub fn new(intended: u32) -> Self {
        Self { intended, ..Self::default() }
    }

    /// Adds what `other` holds of the same intended second.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.intended, other.intended, "parts of two cohorts cannot be one");
        self.due += other.due;
        self.sent += other.sent;
        self.dropped_cap += other.dropped_cap;
        self.dropped_late += other.dropped_late;
        self.dropped_connections += other.dropped_connections;
        self.outcomes.merge(&other.outcomes);
        self.ok.merge(&other.ok);
        self.failed.merge(&other.failed);
        self.service.merge(&other.service);
        self.failed_service.merge(&other.failed_service);
        self.late += other.late;
        self.longest_lag = self.longest_lag.max(other.longest_lag);
        self.planned = match (self.planned, other.planned) {
            (Some(mine), Some(theirs)) => Some(mine + theirs),
            (mine, theirs) => mine.or(theirs),
        };
    }

    /// Arrivals that were asked for and no generator of the fleet reported: of all parts of a cohort together, since what
    /// comes late counts too. They are nobody's answers and nobody's failures.
    pub fn unreported(&self) -> u64 {
        self.planned.map_or(0, |planned| planned.saturating_sub(self.due))
    }

    /// Arrivals that were not sent, for whatever reason of ours.
    pub const fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_late + self.dropped_connections
    }

    /// Response times of all completed requests, OK or not.
    pub fn response(&self) -> Latency {
        let mut all = self.ok.clone();
        all.merge(&self.failed);
        all
    }
}

/// What one instance answered in one second.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// Its id, as its responses say.
    pub id: InstanceId,
    /// Its answers.
    pub requests: u64,
    /// How many of them were OK.
    pub ok: u64,
    /// The earliest *intended* instant among its OK answers in this second.
    pub first_ok_intended: Option<Elapsed>,
    /// Response times of its answers, within half a percent ([`Latency::record_rough`]).
    pub response: Latency,
}

/// How the generator itself was doing: tells a slow driver from a slow service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GeneratorHealth {
    /// CPU use of this process over the second, 100 = one core; `None` where the system does not say.
    pub cpu_percent: Option<f32>,
    /// Cores this machine lets us use.
    pub cores: Option<u32>,
    /// File descriptors open and allowed.
    pub fds: Option<(u64, u64)>,
    /// Local ports that are still free for the busiest remote address (an estimate from the system's port range).
    pub ports_left: Option<u32>,
    /// The cap on requests in flight.
    pub in_flight_cap: u64,
    /// The most requests in flight at any moment of the second.
    pub in_flight_peak: u64,
    /// Threads that send; zero when unknown.
    pub workers: u32,
    /// How busy the busiest of them was: its CPU time over the second, 100 = all of a core.
    pub busiest_percent: Option<f32>,
    /// The longest that a worker woke up after it meant to: for so long it neither sent nor read.
    pub longest_turn: Option<Duration>,
    /// Cores that the container's CPU quota allows, when there is one.
    pub cpu_quota: Option<f32>,
    /// How long the container was kept from running by its quota in the second.
    pub throttled: Option<Duration>,
    /// What other processes used of this machine over the second, 100 = one core.
    pub others_percent: Option<f32>,
}

impl Second {
    /// An empty second `index`.
    pub fn new(index: u32, target: ArrivalRate) -> Self {
        Self { index, target, ..Self::default() }
    }

    /// The moment it began.
    pub fn start(&self) -> Elapsed {
        Elapsed::from_secs(u64::from(self.index))
    }

    /// The moment it ended.
    pub fn end(&self) -> Elapsed {
        self.start() + Duration::from_secs(1)
    }

    /// The part for requests intended in second `intended`, made when it is not there yet.
    pub fn part_mut(&mut self, intended: u32) -> &mut CohortPart {
        let at = match self.parts.binary_search_by_key(&intended, |part| part.intended) {
            Ok(at) => at,
            Err(at) => {
                self.parts.insert(at, CohortPart::new(intended));
                at
            }
        };
        &mut self.parts[at]
    }

    /// The part of request `name` that was intended in second `intended`, made when it is not there yet.
    pub fn request_mut(&mut self, name: &RequestName, intended: u32) -> &mut RequestPart {
        let at = match self.requests.binary_search_by(|part| (&part.name, part.intended).cmp(&(name, intended))) {
            Ok(at) => at,
            Err(at) => {
                self.requests.insert(at, RequestPart::new(name.clone(), intended));
                at
            }
        };
        &mut self.requests[at]
    }

    /// Adds what another worker saw of the same second. Rates and generator health are the session's, not a worker's:
    /// they stay as they are.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.index, other.index, "two seconds cannot be one");
        for part in &other.parts {
            self.part_mut(part.intended).merge(part);
        }
        for part in &other.requests {
            self.request_mut(&part.name, part.intended).merge(part);
        }
        self.send_lag.merge(&other.send_lag);
        self.in_flight += other.in_flight;
        self.oldest_in_flight = self.oldest_in_flight.max(other.oldest_in_flight);
        self.bytes_in += other.bytes_in;
        self.unattributed += other.unattributed;
        self.connections.merge(&other.connections);
        failures::merge(&mut self.failures, &other.failures);
        for generator in &other.generators {
            let at = self.generators.partition_point(|mine| mine.id <= generator.id);
            self.generators.insert(at, generator.clone());
        }
        for served in &other.served {
            match self.served.binary_search_by(|mine| mine.id.cmp(&served.id)) {
                Ok(at) => self.served[at].merge(served),
                Err(at) => self.served.insert(at, served.clone()),
            }
        }
        for (address, requests) in &other.remotes {
            match self.remotes.binary_search_by_key(address, |(mine, _)| *mine) {
                Ok(at) => self.remotes[at].1 += requests,
                Err(at) => self.remotes.insert(at, (*address, *requests)),
            }
        }
    }

    /// Everything filed in this second, whatever second it was intended in: the live curve's numbers.
    pub fn total(&self) -> CohortPart {
        let mut total = CohortPart::new(self.index);
        for part in &self.parts {
            // Not `merge`, which insists on one cohort: here the cohorts are meant to be mixed.
            let part = CohortPart { intended: self.index, ..part.clone() };
            total.merge(&part);
        }
        total
    }
}

impl Served {
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.ok += other.ok;
        self.first_ok_intended = match (self.first_ok_intended, other.first_ok_intended) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.response.merge(&other.response);
    }
}

#[cfg(test)]
mod tests;
