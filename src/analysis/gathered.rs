//! What is gathered for a step while something can still be added to it: sums and extremes, so that a second costs the
//! same however long the step is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::analysis::Step;
use crate::analysis::failures::FailureTotals;
use crate::analysis::recovery::Recovery;
use crate::analysis::validity::{Strain, Waiting};
use crate::slo::Slo;
use crate::timeline::{Cohort, planned};
use scaletop_load::{CohortPart, Latency, OutcomeCounts, Second};
use scaletop_units::Elapsed;

/// An instance is new when it has not answered for this long before the step.
pub(crate) const UNSEEN_FOR: Duration = Duration::from_mins(1);

/// What is gathered for one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gathered {
    /// The second the step starts in belongs to it whole, unless it belongs to the step before.
    pub(crate) first_second: u32,
    pub(crate) counts: CohortCounts,
    /// The seconds that are settled.
    pub(crate) recovery: Recovery,
    /// OK answers among them that were too slow, and may have been so because we were late.
    pub(crate) forgiven: u64,
    /// The highest p99 among them.
    pub(crate) peak_p99: Option<Duration>,
    /// What the seconds just before it say; `None` until they are settled.
    pub(crate) before: Option<Before>,
    /// Whether no instance had answered in the minute before.
    pub(crate) was_idle: bool,
    /// What costs memory: let go of when the step is finished.
    pub(crate) tally: Option<Box<Tally>>,
}

/// What the seconds just before a step say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Before {
    /// Whether the objective was missed in the last of them.
    pub(crate) violated: bool,
    /// OK answers a second; `None` when none of them was measured.
    pub(crate) ok_per_second: Option<f64>,
}

/// Counts by the second requests were intended in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CohortCounts {
    pub(crate) due: u64,
    pub(crate) planned: Option<u64>,
    pub(crate) sent: u64,
    pub(crate) dropped_cap: u64,
    pub(crate) dropped_late: u64,
    pub(crate) dropped_connections: u64,
    pub(crate) outcomes: OutcomeCounts,
    pub(crate) slow: u64,
    /// Arrivals of seconds in which we were late.
    pub(crate) due_late: u64,
    /// Arrivals that we turned to late.
    pub(crate) late: u64,
    /// Requests that may be bad, each second by its own objective.
    pub(crate) allowed: f64,
    /// The fewest generators that told of one of its seconds; `None` without a fleet.
    pub(crate) generators: Option<u32>,
}

/// The first OK answer of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FirstOk {
    /// When the first request that it answered OK was due.
    pub(crate) intended: Elapsed,
    /// The second in which an OK answer of it came first: it is counted from then on.
    pub(crate) answered: u32,
}

/// What costs memory. Instances are numbers of tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Response times of OK answers, without those of seconds in which we were late.
    pub(crate) ok: Latency,
    /// The same of what failed.
    pub(crate) failed: Latency,
    /// Service times of OK answers, likewise.
    pub(crate) service: Latency,
    pub(crate) send_lag: Latency,
    /// Why requests were not answered as expected, by the second they failed in.
    pub(crate) failures: FailureTotals,
    /// Who had answered OK in the minute before.
    pub(crate) seen_before: BTreeSet<u32>,
    /// The first OK answer of each instance.
    pub(crate) first_ok: BTreeMap<u32, FirstOk>,
    pub(crate) requests: BTreeMap<u32, u64>,
    /// What opening connections took.
    pub(crate) connect: Latency,
    pub(crate) waiting: Waiting,
    pub(crate) strain: Strain,
}

impl Gathered {
    /// Nothing yet; `seen_before` had answered OK in the minute before.
    pub(crate) fn new(first_second: u32, seen_before: BTreeSet<u32>) -> Self {
        Self {
            first_second,
            counts: CohortCounts::default(),
            recovery: Recovery::default(),
            forgiven: 0,
            peak_p99: None,
            before: None,
            was_idle: seen_before.is_empty(),
            tally: Some(Box::new(Tally { seen_before, ..Tally::default() })),
        }
    }

    /// Takes requests that were intended in the step, in a second that `slo` judges. `is_measured`: we were not late in it.
    pub(crate) fn add(&mut self, part: &CohortPart, slo: &Slo, is_measured: bool) {
        let counts = &mut self.counts;
        counts.due = counts.due.saturating_add(part.due);
        counts.planned = planned::sum(counts.planned, part.planned);
        counts.sent = counts.sent.saturating_add(part.sent);
        counts.dropped_cap = counts.dropped_cap.saturating_add(part.dropped_cap);
        counts.dropped_late = counts.dropped_late.saturating_add(part.dropped_late);
        counts.dropped_connections = counts.dropped_connections.saturating_add(part.dropped_connections);
        counts.outcomes.merge(&part.outcomes);
        counts.late = counts.late.saturating_add(part.late);
        counts.allowed += slo.errors * part.due as f64;
        counts.slow = counts.slow.saturating_add(part.ok.count_above(slo.latency));
        if !is_measured {
            counts.due_late = counts.due_late.saturating_add(part.due);
            return;
        }
        if let Some(tally) = &mut self.tally {
            tally.ok.merge(&part.ok);
            tally.failed.merge(&part.failed);
            tally.service.merge(&part.service);
        }
    }

    /// Takes what belongs to the second something happened in: the generator's health, and who answered. So many
    /// connections may be open, if that is fewer than requests in flight.
    pub(crate) fn add_second(&mut self, second: &Second, answered: &[(u32, u64)], max_connections: Option<u64>) {
        if let Some(generators) = planned::generators(second) {
            self.counts.generators = Some(self.counts.generators.map_or(generators, |least| least.min(generators)));
        }
        let Some(tally) = &mut self.tally else { return };
        tally.waiting.note(&second.connections, max_connections);
        tally.strain.note(&second.generator);
        tally.failures.add(second);
        tally.send_lag.merge(&second.send_lag);
        tally.connect.merge(&second.connections.connect);
        for (instance, requests) in answered {
            let sum = tally.requests.entry(*instance).or_default();
            *sum = sum.saturating_add(*requests);
        }
    }

    /// Takes the first OK answer of an instance in a second that has closed, by when its request was intended.
    pub(crate) fn add_first_ok(&mut self, step: &Step, instance: u32, intended: Elapsed, closed: u32) {
        let Some(tally) = &mut self.tally else { return };
        if intended >= step.start {
            if step.end.is_none_or(|end| intended < end) {
                let first = tally.first_ok.entry(instance).or_insert(FirstOk { intended, answered: closed });
                first.intended = intended.min(first.intended);
            }
        } else if intended >= step.start - UNSEEN_FOR {
            tally.seen_before.insert(instance);
            self.was_idle = false;
        }
    }

    /// Takes a second of arrivals that is settled.
    pub(crate) fn add_settled(&mut self, cohort: &Cohort, slo: &Slo) {
        self.forgiven = self.forgiven.saturating_add(cohort.slow_because_late(slo));
        self.recovery.take(cohort);
        self.peak_p99 = self.peak_p99.max(measured_p99(cohort));
    }
}

/// p99 of the OK answers of a second, unless we were late in it.
pub(crate) fn measured_p99(cohort: &Cohort) -> Option<Duration> {
    cohort.ok.filter(|_| !cohort.is_late()).map(|ok| ok.p99)
}
