//! One try of one rate: let the service settle, hold the rate, say whether the objective held.
//!
//! ```text
//!  rate set      settled                    last answer of the hold
//!     │── settling ──│──────── hold ────────│── answers ──│
//! ```
//!
//! *Settled*: over the last seconds the instance count stayed the same, and either the objective held or there are as
//! many instances as there may be. After the patience is spent the rate is held anyway: what does not settle is judged
//! as it is. (The search's own rule, over `--settle`: a plan waits by the rule of `session::settled`, and the count that a
//! step ended with is `analysis::supply`'s.)
//!
//! The hold is judged over the requests that were *due* in it, whenever they were answered: the percentile of the
//! objective over the response times of all of them, and the share of bad ones (lost to the service, or without an answer
//! when the timeout has passed). A rate that our own machine could not drive is no try at all.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use crate::analysis::Validity;
use crate::analysis::failures::FailureTotals;
use crate::analysis::validity::{GeneratorRecord, LATE_DROPS_LIMIT, Strain, Waiting};
use crate::slo::Slo;
use crate::text::{as_millis, exact, latency, plain, thousands};
use crate::timeline::objective::{is_late, lost};
use scaletop_load::Latency;
use scaletop_load::{CohortPart, Second};
use scaletop_load::{OutcomeClass, OutcomeKind};
use scaletop_units::Elapsed;

/// How to try a rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeOptions {
    pub slo: Slo,
    /// How long things must have stayed calm to count as settled; whole seconds.
    pub settle: Duration,
    /// How long to wait for that.
    pub patience: Duration,
    /// How long to hold the rate once it is settled; whole seconds.
    pub hold: Duration,
    /// After this long a request has no answer.
    pub timeout: Duration,
    /// How many connections may be open, when that limits how many requests can be under way.
    pub max_connections: Option<u64>,
    /// How many requests may be in flight.
    pub max_in_flight: u64,
}

/// How the reason begins when our own cap on requests in flight was the limit.
pub(crate) const CAP_REACHED: &str = "our cap";

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "snake_case")]
pub enum ProbeOutcome {
    Held,
    /// It did not; says what was missed.
    Missed(String),
    /// More answers than the objective allows were not as expected, by nobody's fault: that says nothing of a rate.
    Unexpected(String),
    /// The generator was the limit; says why.
    Invalid(String),
}

impl ProbeOutcome {
    /// Whether the objective held.
    pub const fn is_held(&self) -> bool {
        matches!(self, Self::Held)
    }
}

/// The evidence of one try.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbeResult {
    /// The rate, requests per second.
    pub rate: u32,
    #[serde(flatten)]
    pub outcome: ProbeOutcome,
    /// Seconds until it was settled; `None` when it never was.
    pub settled_after_secs: Option<u64>,
    /// Seconds that it was held.
    pub held_secs: u64,
    /// Arrivals that came due during the hold.
    pub due: u64,
    /// Requests that the service lost.
    pub lost: u64,
    /// The share that was lost, 0 to 1.
    pub errors: f64,
    /// The share that was not answered as expected and is not lost, 0 to 1.
    pub unexpected: f64,
    /// The objective's percentile of the response times, in milliseconds.
    pub percentile_ms: Option<f64>,
    /// OK answers per second.
    pub ok_per_sec: f64,
    /// Instances at the end of the hold.
    pub instances: Option<u32>,
    /// The name of the percentile, for the words.
    #[serde(skip)]
    percentile_name: String,
}

impl ProbeResult {
    /// The objective's percentile of the response times.
    pub(crate) fn percentile(&self) -> Option<Duration> {
        self.percentile_ms.and_then(|millis| Duration::try_from_secs_f64(millis / 1e3).ok())
    }

    /// In a line: `124/s held for 10 s: p99 82.1 ms, 0.4 % errors, 1 instance`.
    pub fn words(&self) -> String {
        let verdict = match &self.outcome {
            ProbeOutcome::Held => "held".to_owned(),
            ProbeOutcome::Missed(reason) => format!("MISSED ({reason})"),
            ProbeOutcome::Unexpected(reason) => format!("not judged ({reason})"),
            ProbeOutcome::Invalid(reason) => format!("invalid, the generator was the limit ({reason})"),
        };
        let latency = latency(self.percentile());
        let instances = match self.instances {
            Some(1) => ", 1 instance".to_owned(),
            Some(count) => format!(", {count} instances"),
            None => String::new(),
        };
        let settled = if self.settled_after_secs.is_none() { ", never settled" } else { "" };
        format!(
            "{}/s {verdict}: {} {latency}, {} over {} s{instances}{settled}",
            self.rate,
            self.percentile_name,
            self.errors_words(),
            self.held_secs
        )
    }

    /// `0.40 % errors`, `0.00 % errors, 50.00 % not as expected`.
    fn errors_words(&self) -> String {
        let errors = 100.0 * self.errors;
        if self.unexpected > 0.0 {
            format!("{errors:.2} % lost, {:.2} % not as expected", 100.0 * self.unexpected)
        } else {
            format!("{errors:.2} % errors")
        }
    }
}

/// A try that runs.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    rate: u32,
    options: ProbeOptions,
    began: u32,
    phase: ProbePhase,
}

#[derive(Clone, Debug)]
enum ProbePhase {
    /// The last seconds: instances, and whether they were good.
    Settling(VecDeque<(Option<u32>, bool)>),
    Holding(Box<Hold>),
}

#[derive(Clone, Debug)]
struct Hold {
    /// The first second, and the one after the last.
    from: u32,
    until: u32,
    settled_after_secs: Option<u64>,
    seen: CohortPart,
    send_lag: Latency,
    instances: Option<u32>,
    /// Why requests were not answered as expected.
    failures: FailureTotals,
    waiting: Waiting,
    /// What its seconds say of this machine.
    strain: Strain,
}

impl Probe {
    /// `rate` was set at `at`, the beginning of a second.
    pub(crate) fn new(rate: u32, at: Elapsed, options: ProbeOptions) -> Self {
        Self { rate, options, began: at.second(), phase: ProbePhase::Settling(VecDeque::new()) }
    }

    /// Notes a closed second; `instances` is the count at its end and `most` what there may be. Returns the result when
    /// the try is over.
    pub(crate) fn second(&mut self, second: &Second, instances: Option<u32>, most: Option<u32>) -> Option<ProbeResult> {
        if second.index < self.began {
            return None;
        }
        match &mut self.phase {
            ProbePhase::Settling(recent) => {
                let total = second.total();
                // More instances do not make an answer one that is expected: that needs no patience.
                let is_good = meets(&self.options.slo, &total) || is_otherwise(&total);
                recent.push_back((instances, is_good));
                let window = whole_secs(self.options.settle).max(1);
                while recent.len() > window as usize {
                    recent.pop_front();
                }
                let waited = second.index + 1 - self.began;
                let is_calm = recent.len() >= window as usize && is_calm(recent, most);
                if is_calm || waited >= whole_secs(self.options.patience) {
                    let settled_after_secs = is_calm.then_some(u64::from(waited));
                    self.phase =
                        ProbePhase::Holding(Box::new(Hold::new(second.index + 1, self.options, settled_after_secs)));
                }
                None
            }
            ProbePhase::Holding(hold) => {
                hold.note(second, instances, self.options.max_connections);
                hold.is_over(second, self.options.timeout).then(|| hold.result(self.rate, &self.options))
            }
        }
    }
}

fn whole_secs(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// Whether the last seconds were all alike, and good or at the limit of scaling.
fn is_calm(recent: &VecDeque<(Option<u32>, bool)>, most: Option<u32>) -> bool {
    let Some((count, _)) = recent.front() else { return false };
    let is_steady = recent.iter().all(|(other, _)| other == count);
    let is_good = recent.iter().all(|(_, good)| *good);
    let cannot_grow = most.is_some_and(|most| count.is_some_and(|count| count >= most));
    is_steady && (is_good || cannot_grow)
}

/// Whether what completed in a second was within the objective. A second without OK answers is not, nor one in which more
/// than the objective's share was answered otherwise than expected.
fn meets(slo: &Slo, total: &CohortPart) -> bool {
    let answered = total.outcomes.total();
    let is_quick = total.ok.quantile(slo.quantile).is_some_and(|latency| latency <= slo.latency);
    let bad = total.outcomes.failed().saturating_add(total.dropped_cap);
    is_quick && bad as f64 <= slo.errors * answered as f64
}

/// Whether most were answered otherwise than expected, and the service is not to blame.
fn is_otherwise(total: &CohortPart) -> bool {
    2 * total.outcomes.of_class(OutcomeClass::Client) > total.outcomes.total()
}

impl Hold {
    fn new(from: u32, options: ProbeOptions, settled_after_secs: Option<u64>) -> Self {
        Self {
            from,
            until: from + whole_secs(options.hold).max(1),
            settled_after_secs,
            seen: CohortPart::new(from),
            send_lag: Latency::new(),
            instances: None,
            failures: FailureTotals::default(),
            waiting: Waiting::default(),
            strain: Strain::default(),
        }
    }

    fn note(&mut self, second: &Second, instances: Option<u32>, max_connections: Option<u64>) {
        let window = self.from..self.until;
        for part in second.parts.iter().filter(|part| window.contains(&part.intended)) {
            self.seen.merge(&CohortPart { intended: self.from, ..part.clone() });
        }
        if window.contains(&second.index) {
            self.strain.note(&second.generator);
            self.failures.add(second);
            self.send_lag.merge(&second.send_lag);
            self.waiting.note(&second.connections, max_connections);
            self.instances = instances.or(self.instances);
        }
    }

    /// Over when every request of the hold is answered, or has timed out.
    fn is_over(&self, second: &Second, timeout: Duration) -> bool {
        let end = second.index + 1;
        let is_answered = self.seen.outcomes.total() >= self.seen.sent;
        end >= self.until && (is_answered || end > self.until.saturating_add(whole_secs(timeout)).saturating_add(1))
    }

    fn result(&self, rate: u32, options: &ProbeOptions) -> ProbeResult {
        let (slo, seen) = (&options.slo, &self.seen);
        let unanswered = seen.sent.saturating_sub(seen.outcomes.total());
        let lost = lost(&seen.outcomes, seen.dropped_cap) + unanswered;
        let errors = if seen.due > 0 { lost as f64 / seen.due as f64 } else { 0.0 };
        let percentile = seen.ok.quantile(slo.quantile);
        ProbeResult {
            rate,
            outcome: self.outcome(options, errors, percentile),
            settled_after_secs: self.settled_after_secs,
            held_secs: u64::from(self.until - self.from),
            due: seen.due,
            lost,
            errors,
            unexpected: if seen.due > 0 { self.unexpected() as f64 / seen.due as f64 } else { 0.0 },
            percentile_ms: percentile.map(as_millis),
            ok_per_sec: seen.ok.count() as f64 / f64::from(self.until - self.from),
            instances: self.instances,
            percentile_name: slo.percentile_name(),
        }
    }

    /// Answers that were not as expected and that the service is not to blame for.
    fn unexpected(&self) -> u64 {
        self.seen.outcomes.of_class(OutcomeClass::Client)
    }

    /// Whether all that was sent was answered within the objective, so that only what our cap on requests in flight kept back missed
    /// it. Nobody knows what the service would have made of those.
    fn only_the_cap_missed(&self, slo: &Slo, percentile: Option<Duration>) -> bool {
        let seen = &self.seen;
        let unanswered = seen.sent.saturating_sub(seen.outcomes.total());
        let failed = lost(&seen.outcomes, 0).saturating_add(unanswered).saturating_add(self.unexpected());
        seen.dropped_cap > 0
            && percentile.is_some_and(|latency| latency <= slo.latency)
            && failed as f64 <= slo.errors * seen.sent as f64
    }

    fn outcome(&self, options: &ProbeOptions, errors: f64, percentile: Option<Duration>) -> ProbeOutcome {
        let (slo, seen) = (&options.slo, &self.seen);
        if seen.due == 0 || self.strain.seconds < self.until - self.from {
            return ProbeOutcome::Invalid("seconds of the hold were not measured".to_owned());
        }
        let record = GeneratorRecord {
            send_lag_p99: self.send_lag.quantile(0.99),
            due: seen.due,
            tells_lateness: true,
            late: seen.late,
            ok: seen.outcomes.get(OutcomeKind::Ok),
            due_late: if is_late(seen.late, seen.due) { seen.due } else { 0 },
            p99: percentile,
            dropped_late: seen.dropped_late,
            starved: seen.outcomes.of_class(OutcomeClass::Generator),
            dropped_connections: seen.dropped_connections,
            slot_wait_p99: self.waiting.slot_wait.quantile(0.99),
            cramped: options.max_connections.map(|most| {
                let rate = seen.due as f64 / f64::from(self.until - self.from);
                self.waiting.cramped(most, rate, seen.service.quantile(0.5))
            }),
            strain: self.strain,
            ..GeneratorRecord::default()
        };
        let is_otherwise = self.unexpected() as f64 > slo.errors * seen.due as f64;
        // What was lost without doubt is the service's; all else says nothing of how many it would have answered.
        let is_unexpected = is_otherwise && errors <= slo.errors;
        let missed = match percentile {
            None => Some(
                self.failures.none_ok(&seen.outcomes, 0).unwrap_or_else(|| "not one request was answered".to_owned()),
            ),
            Some(latency) if latency > slo.latency => {
                Some(format!("{} > {}", slo.percentile_name(), exact(slo.latency)))
            }
            Some(_) if errors > slo.errors => Some(format!("errors > {} %", plain(slo.errors * 100.0))),
            Some(_) => None,
        };
        if missed.is_some() && self.only_the_cap_missed(slo, percentile) {
            let reason = format!(
                "{CAP_REACHED} of {} requests in flight was reached (--max-in-flight)",
                thousands(options.max_in_flight)
            );
            return ProbeOutcome::Invalid(reason);
        }
        let unexpected = is_unexpected.then(|| {
            let none_ok = self.failures.none_ok(&seen.outcomes, 0);
            none_ok.unwrap_or_else(|| {
                let causes = self.failures.in_short(&seen.outcomes);
                format!("{} answers were not as expected: {causes}", thousands(self.unexpected()))
            })
        });
        let unsent = seen.dropped_late.saturating_add(seen.dropped_connections);
        let was_not_driven = record.starved > 0 || unsent as f64 > LATE_DROPS_LIMIT * seen.due as f64;
        // Requests sent in a bunch meet a service that even ones might not have found busy: a miss says nothing then.
        // That the objective held in spite of it says enough, if all were sent.
        match record.verdict() {
            Validity::InvalidGenerator(reason) if was_not_driven || missed.is_some() => ProbeOutcome::Invalid(reason),
            _ => match (unexpected, missed) {
                (Some(why), _) => ProbeOutcome::Unexpected(why),
                (None, Some(why)) => ProbeOutcome::Missed(why),
                (None, None) => ProbeOutcome::Held,
            },
        }
    }
}

#[cfg(test)]
mod tests;
