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
    /// The same with those that we did not measure taken as bad.
    pub(crate) worst: Recovery,
    /// The highest p99 among them; and the same with the seconds in which we were late.
    pub(crate) peak_p99: Option<Duration>,
    pub(crate) peak_at_worst: Option<Duration>,
    /// What the seconds just before it say; `None` until they are settled.
    pub(crate) before: Option<Before>,
    /// Whether no instance had answered in the minute before.
    pub(crate) was_idle: bool,
    /// Whether it was said that the generator is its limit.
    pub(crate) is_told_invalid: bool,
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
    /// What was left out of both: the latencies of seconds in which we were late.
    pub(crate) left_out: LeftOut,
    /// Seconds that are not settled, and in which we were late so far: whether they are left out is not known yet.
    pub(crate) held: BTreeMap<u32, LeftOut>,
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

/// The latencies of seconds in which we were late.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LeftOut {
    /// Arrivals of these seconds.
    pub(crate) due: u64,
    pub(crate) ok: Latency,
    pub(crate) failed: Latency,
    pub(crate) service: Latency,
}

impl LeftOut {
    fn add(&mut self, part: &CohortPart) {
        self.due = self.due.saturating_add(part.due);
        self.ok.merge(&part.ok);
        self.failed.merge(&part.failed);
        self.service.merge(&part.service);
    }

    fn merge(&mut self, other: &Self) {
        self.due = self.due.saturating_add(other.due);
        self.ok.merge(&other.ok);
        self.failed.merge(&other.failed);
        self.service.merge(&other.service);
    }
}

/// What becomes of the latencies of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measuring {
    /// They count.
    Counts,
    /// We were late in it; whether that changes what they say is known once all are answered.
    Open,
    /// They count in no percentile.
    LeftOut,
}

impl Gathered {
    /// Nothing yet; `seen_before` had answered OK in the minute before.
    pub(crate) fn new(first_second: u32, seen_before: BTreeSet<u32>) -> Self {
        Self {
            first_second,
            counts: CohortCounts::default(),
            recovery: Recovery::default(),
            forgiven: 0,
            worst: Recovery::default(),
            peak_at_worst: None,
            peak_p99: None,
            before: None,
            was_idle: seen_before.is_empty(),
            is_told_invalid: false,
            tally: Some(Box::new(Tally { seen_before, ..Tally::default() })),
        }
    }

    /// Takes requests that were intended in the step, in a second that `slo` judges.
    pub(crate) fn add(&mut self, part: &CohortPart, slo: &Slo, measuring: Measuring) {
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
        if measuring == Measuring::LeftOut {
            counts.due_late = counts.due_late.saturating_add(part.due);
        }
        let Some(tally) = &mut self.tally else { return };
        match measuring {
            Measuring::LeftOut => tally.left_out.add(part),
            Measuring::Open => tally.held.entry(part.intended).or_default().add(part),
            Measuring::Counts => {
                tally.ok.merge(&part.ok);
                tally.failed.merge(&part.failed);
                tally.service.merge(&part.service);
            }
        }
    }

    /// Decides about what was held of a settled second.
    fn decide(&mut self, cohort: &Cohort) {
        let Some(tally) = &mut self.tally else { return };
        let Some(held) = tally.held.remove(&cohort.second) else { return };
        if cohort.is_late() {
            self.counts.due_late = self.counts.due_late.saturating_add(held.due);
            tally.left_out.merge(&held);
        } else {
            tally.ok.merge(&held.ok);
            tally.failed.merge(&held.failed);
            tally.service.merge(&held.service);
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

    /// Takes a second of arrivals that is settled; when it `is_within` the step, as one of its seconds.
    pub(crate) fn add_settled(&mut self, cohort: &Cohort, slo: &Slo, is_within: bool) {
        self.decide(cohort);
        if !is_within {
            return;
        }
        self.forgiven = self.forgiven.saturating_add(cohort.slow_because_late(slo));
        self.recovery.take(cohort);
        self.worst.take_at_worst(cohort);
        self.peak_p99 = self.peak_p99.max(measured_p99(cohort));
        self.peak_at_worst = self.peak_at_worst.max(cohort.ok.map(|ok| ok.p99));
    }
}

/// p99 of the OK answers of a second, unless we were late in it.
pub(crate) fn measured_p99(cohort: &Cohort) -> Option<Duration> {
    cohort.ok.filter(|_| !cohort.is_late()).map(|ok| ok.p99)
}
