//! How a second is written down: short, since there are 86,400 of them in a day, and without loss.
//!
//! Lists stand for structs: a part is `[intended, due, sent, dropped at the cap, dropped late, [outcomes]]` with the
//! outcomes in the order of `OutcomeKind::ALL` up to the last that is not zero; an instance is `[id, answers, OK, first
//! OK]`, with its first OK in nanoseconds before the end of the second. All histograms are one text (`record/bundle`), in this order:
//! send lag; OK, failed and service time of each part; response time of each instance; when there is a word of
//! connections, connecting, its three parts, and waiting for a connection; the failed service time of each part that is
//! in `split`; and the OK and failed response time of each of several requests.
//!
//! What was added since the first recordings is optional and stands at the end, so that every recording is still read.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mix::RequestName;
use crate::record::bundle::pack;
use crate::record::connections::Connections;
use crate::record::failures::Failure;
use crate::record::latency::Latency;
use crate::record::second::packed::{PackedSecond, Place};
use crate::record::second::{CohortPart, GeneratorHealth, GeneratorPart, RequestPart, Second, Served};
use crate::sample::OutcomeCounts;
use scaletop_units::{ArrivalRate, Elapsed, GeneratorId, InstanceId};

/// A second as it is written down.
#[derive(Serialize, Deserialize)]
struct Stored {
    index: u32,
    target: ArrivalRate,
    parts: Vec<(u32, u64, u64, u64, u64, Vec<u64>)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    in_flight: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest_nanos: Option<u64>,
    #[serde(default, skip_serializing_if = "is_zero")]
    bytes_in: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    served: Vec<(InstanceId, u64, u64, Option<u64>)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    unattributed: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remotes: Vec<(IpAddr, u64)>,
    #[serde(default)]
    generator: StoredHealth,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latencies: Option<String>,
    /// The intended second and how many of it were dropped for want of a connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unconnected: Vec<(u32, u64)>,
    /// The intended second, how many of it we were late for, and by how much at most in nanoseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    late: Vec<(u32, u64, u64)>,
    /// The intended seconds whose failed requests had a service time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    split: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workers: Option<StoredWorkers>,
    /// The numbers in the order of [`Connections::counts`], and the ages of what was closed, added up, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connections: Option<(Vec<u64>, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Failure>,
    /// The intended second, and how many arrivals of it the schedule of a fleet makes due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    planned: Vec<(u32, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    generators: Vec<StoredGenerator>,
    /// Of each of them the numbers of its own seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<Vec<u64>>,
    /// Each of several requests: its name, the second it was intended in, due, sent, dropped, and the outcomes as in `parts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requests: Vec<(RequestName, u32, u64, u64, u64, Vec<u64>)>,
}

/// A generator of a fleet: its name, arrivals due, sent, OK, send lag in nanoseconds, percent of a core, requests in flight, and
/// the error of its clock and the lateness of its latest anchor in nanoseconds.
#[derive(Serialize, Deserialize)]
struct StoredGenerator(GeneratorId, u64, u64, u64, Option<u64>, Option<f32>, u64, Option<u64>, Option<u64>);

impl From<&GeneratorPart> for StoredGenerator {
    fn from(part: &GeneratorPart) -> Self {
        let GeneratorPart { id, due, sent, ok, lag_p99, cpu_percent, in_flight, clock_error, late_anchor, numbers: _ } =
            part;
        let (lag, error, late) = (lag_p99.map(nanos), clock_error.map(nanos), late_anchor.map(nanos));
        Self(id.clone(), *due, *sent, *ok, lag, *cpu_percent, *in_flight, error, late)
    }
}

impl From<StoredGenerator> for GeneratorPart {
    fn from(stored: StoredGenerator) -> Self {
        let StoredGenerator(id, due, sent, ok, lag, cpu_percent, in_flight, error, late) = stored;
        let [lag_p99, clock_error, late_anchor] = [lag, error, late].map(|nanos| nanos.map(Duration::from_nanos));
        Self { id, due, sent, ok, lag_p99, cpu_percent, in_flight, clock_error, late_anchor, numbers: Vec::new() }
    }
}

/// What is known of the workers and of who else uses the machine: how many, percent of the busiest, longest turn in
/// nanoseconds, cores of the quota, nanoseconds throttled, percent used by others.
#[derive(Default, Serialize, Deserialize)]
struct StoredWorkers(u32, Option<f32>, Option<u64>, Option<f32>, Option<u64>, Option<f32>);

/// The generator's health as it is written down.
#[derive(Default, Serialize, Deserialize)]
struct StoredHealth(Option<f32>, Option<u32>, Option<(u64, u64)>, Option<u32>, u64, u64);

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Serialize for Second {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = self.end();
        let part = |part: &CohortPart| {
            (part.intended, part.due, part.sent, part.dropped_cap, part.dropped_late, used(&part.outcomes))
        };
        let request = |part: &RequestPart| {
            (part.name.clone(), part.intended, part.due, part.sent, part.dropped, used(&part.outcomes))
        };
        let served = |served: &Served| {
            let first = served.first_ok_intended.map(|first| end.as_nanos().saturating_sub(first.as_nanos()));
            (served.id.clone(), served.requests, served.ok, first)
        };
        let parts = self.parts.iter().flat_map(|part| [&part.ok, &part.failed, &part.service]);
        let connections = Some(&self.connections).filter(|connections| !connections.is_unknown());
        let split = || self.parts.iter().filter(|part| !part.failed_service.is_empty());
        let latencies = std::iter::once(&self.send_lag)
            .chain(parts)
            .chain(self.served.iter().map(|s| &s.response))
            .chain(connections.into_iter().flat_map(Connections::latencies))
            .chain(split().map(|part| &part.failed_service))
            .chain(self.requests.iter().flat_map(|part| [&part.ok, &part.failed]));
        let health = &self.generator;
        Stored {
            index: self.index,
            target: self.target,
            parts: self.parts.iter().map(part).collect(),
            in_flight: self.in_flight,
            oldest_nanos: self.oldest_in_flight.map(nanos),
            bytes_in: self.bytes_in,
            served: self.served.iter().map(served).collect(),
            unattributed: self.unattributed,
            remotes: self.remotes.clone(),
            generator: StoredHealth(
                health.cpu_percent,
                health.cores,
                health.fds,
                health.ports_left,
                health.in_flight_cap,
                health.in_flight_peak,
            ),
            latencies: pack(latencies),
            unconnected: counted(&self.parts, |part| part.dropped_connections),
            late: self
                .parts
                .iter()
                .filter(|part| part.late > 0)
                .map(|part| (part.intended, part.late, nanos(part.longest_lag)))
                .collect(),
            split: split().map(|part| part.intended).collect(),
            workers: workers(health),
            connections: connections.map(|all| (all.counts().to_vec(), nanos(all.closed_age))),
            failures: self.failures.clone(),
            planned: self.parts.iter().filter_map(|part| Some((part.intended, part.planned?))).collect(),
            generators: self.generators.iter().map(StoredGenerator::from).collect(),
            numbers: numbers(&self.generators),
            requests: self.requests.iter().map(request).collect(),
        }
        .serialize(serializer)
    }
}

/// The counts up to the last that is not zero.
fn used(outcomes: &OutcomeCounts) -> Vec<u64> {
    let counts = outcomes.counts();
    let used = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    counts[..used].to_vec()
}

/// The numbers of each generator's seconds; nothing where nobody numbered any.
fn numbers(generators: &[GeneratorPart]) -> Vec<Vec<u64>> {
    let is_known = generators.iter().any(|part| !part.numbers.is_empty());
    if is_known { generators.iter().map(|part| part.numbers.clone()).collect() } else { Vec::new() }
}

/// A count of each part that is not zero there, with the second it was intended in.
fn counted(parts: &[CohortPart], count: fn(&CohortPart) -> u64) -> Vec<(u32, u64)> {
    parts.iter().map(|part| (part.intended, count(part))).filter(|&(_, count)| count > 0).collect()
}

/// The count of the part that was intended in second `intended`.
fn of_part(counts: &[(u32, u64)], intended: u32) -> u64 {
    counts.iter().find(|&&(second, _)| second == intended).map_or(0, |&(_, count)| count)
}

impl<'de> Deserialize<'de> for Second {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PackedSecond::deserialize(deserializer)?.into_second().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for PackedSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stored::deserialize(deserializer).map(Self::from)
    }
}

/// `None` when nothing of it is known.
fn workers(health: &GeneratorHealth) -> Option<StoredWorkers> {
    let GeneratorHealth { workers, busiest_percent, cpu_quota, others_percent, .. } = *health;
    let (longest_turn, throttled) = (health.longest_turn.map(nanos), health.throttled.map(nanos));
    let is_known = workers > 0 || cpu_quota.is_some() || throttled.is_some() || others_percent.is_some();
    is_known.then_some(StoredWorkers(workers, busiest_percent, longest_turn, cpu_quota, throttled, others_percent))
}

impl From<Stored> for PackedSecond {
    fn from(stored: Stored) -> Self {
        let end = Elapsed::from_secs(u64::from(stored.index) + 1);
        let mut places = vec![Place::SendLag];
        let mut parts = Vec::with_capacity(stored.parts.len());
        for (nth, (intended, due, sent, dropped_cap, dropped_late, outcomes)) in stored.parts.into_iter().enumerate() {
            parts.push(CohortPart {
                due,
                sent,
                dropped_cap,
                dropped_late,
                dropped_connections: of_part(&stored.unconnected, intended),
                planned: stored.planned.iter().find(|&&(second, _)| second == intended).map(|&(_, planned)| planned),
                outcomes: OutcomeCounts::from_counts(&outcomes),
                ..CohortPart::new(intended)
            });
            places.extend([Place::Ok(nth), Place::Failed(nth), Place::Service(nth)]);
        }
        let mut served = Vec::with_capacity(stored.served.len());
        for (nth, (id, requests, ok, first)) in stored.served.into_iter().enumerate() {
            let first_ok_intended = first.map(|before| end - Duration::from_nanos(before));
            served.push(Served { id, requests, ok, first_ok_intended, response: Latency::new() });
            places.push(Place::Response(nth));
        }
        let mut connections = Connections::default();
        if let Some((counts, closed_age)) = stored.connections {
            connections.counts_mut().into_iter().zip(counts).for_each(|(mine, stored)| *mine = stored);
            connections.closed_age = Duration::from_nanos(closed_age);
            places.extend((0..connections.latencies().len()).map(Place::Connections));
        }
        for (intended, late, longest) in stored.late {
            if let Some(part) = parts.iter_mut().find(|part| part.intended == intended) {
                (part.late, part.longest_lag) = (late, Duration::from_nanos(longest));
            }
        }
        let nth_of = |intended: &u32| parts.iter().position(|part| part.intended == *intended);
        places.extend(stored.split.iter().map(|intended| Place::FailedService(nth_of(intended))));
        let mut requests = Vec::with_capacity(stored.requests.len());
        for (nth, (name, intended, due, sent, dropped, outcomes)) in stored.requests.into_iter().enumerate() {
            let outcomes = OutcomeCounts::from_counts(&outcomes);
            requests.push(RequestPart { due, sent, dropped, outcomes, ..RequestPart::new(name, intended) });
            places.extend([Place::RequestOk(nth), Place::RequestFailed(nth)]);
        }
        let counts = Second {
            index: stored.index,
            target: stored.target,
            parts,
            send_lag: Latency::new(),
            in_flight: stored.in_flight,
            oldest_in_flight: stored.oldest_nanos.map(Duration::from_nanos),
            bytes_in: stored.bytes_in,
            served,
            unattributed: stored.unattributed,
            remotes: stored.remotes,
            generator: health(&stored.generator, &stored.workers.unwrap_or_default()),
            connections,
            failures: stored.failures,
            requests,
            generators: stored
                .generators
                .into_iter()
                .zip(stored.numbers.into_iter().chain(std::iter::repeat_with(Vec::new)))
                .map(|(part, numbers)| GeneratorPart { numbers, ..GeneratorPart::from(part) })
                .collect(),
        };
        Self { counts, places, latencies: stored.latencies }
    }
}

fn health(stored: &StoredHealth, workers: &StoredWorkers) -> GeneratorHealth {
    let StoredHealth(cpu_percent, cores, fds, ports_left, in_flight_cap, in_flight_peak) = *stored;
    let StoredWorkers(workers, busiest_percent, longest_turn, cpu_quota, throttled, others_percent) = *workers;
    GeneratorHealth {
        cpu_percent,
        cores,
        fds,
        ports_left,
        in_flight_cap,
        in_flight_peak,
        workers,
        busiest_percent,
        longest_turn: longest_turn.map(Duration::from_nanos),
        cpu_quota,
        throttled: throttled.map(Duration::from_nanos),
        others_percent,
    }
}
