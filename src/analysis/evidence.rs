//! From what is known of a step to its numbers. docs/step-numbers.md has the definitions.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::elasticity::budget;
use crate::analysis::gathered::{Before, CohortCounts, Gathered, Tally, measured_p99};
use crate::analysis::pinning::Pinning;
use crate::analysis::recovery::Recovery;
use crate::analysis::scaling::not_up;
use crate::analysis::service_time::ok_service;
use crate::analysis::validity::{Capped, GeneratorRecord};
use crate::analysis::words::{JudgedBy, Present, sentence};
use crate::analysis::{AtWorst, Direction, StepNumbers, StepReport, Timing, Validity};
use crate::instances::{Basis, InstanceObservation, Limits};
use crate::timeline::objective::lost;
use crate::timeline::{Cohort, Objectives, SecondJudged, Timeline};
use scaletop_load::{Latency, OutcomeClass, OutcomeKind};
use scaletop_units::Elapsed;

/// A second belongs to a step when it begins before the step's end, not at it.
const JUST_BEFORE_NEXT: Duration = Duration::from_nanos(999_999_999);

/// Throughput before and after is compared over this many seconds.
const THROUGHPUT_SECS: u32 = 30;

/// The quickest of the OK answers: what the service takes when nothing else is to be done.
const QUICKEST: f64 = 0.01;

/// Which caps are what the limit on file descriptors leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DescriptorsCap {
    Nothing,
    /// That on requests in flight.
    InFlight,
    /// That on connections, too.
    All,
}

/// What the numbers of a step are computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence<'a> {
    /// The step, with the numbers that it had: those whose evidence was let go of stay as they are.
    pub(crate) report: &'a StepReport,
    pub(crate) gathered: &'a Gathered,
    /// The first second of the next step.
    pub(crate) end_second: Option<u32>,
    pub(crate) now: Elapsed,
    pub(crate) timeline: &'a Timeline,
    pub(crate) observations: &'a BTreeMap<Basis, Vec<InstanceObservation>>,
    pub(crate) limits: Limits,
    pub(crate) objectives: &'a Objectives,
    /// What one instance holds: as the user says, and as the session has shown.
    pub(crate) given: Option<f64>,
    pub(crate) inferred: Option<f64>,
    /// Whether few instances got most of the load when the step ended, or now.
    pub(crate) pinned: Option<Pinning>,
    /// Which caps are what the limit on file descriptors leaves.
    pub(crate) descriptors_cap: DescriptorsCap,
    /// How many connections may be open, when that limits how many requests can be under way.
    pub(crate) max_connections: Option<u64>,
    /// How many requests may be in flight.
    pub(crate) max_in_flight: u64,
    /// What an OK answer took in the earlier step in which it took the least.
    pub(crate) service_before: Option<Duration>,
    /// Whether the recording says which arrivals we were late for.
    pub(crate) tells_lateness: bool,
    /// Whether no answer ever named its instance.
    pub(crate) nobody_named: bool,
    /// How it stands now, as everything else says.
    pub(crate) present: Present,
}

impl Evidence<'_> {
    /// The step with its numbers computed anew.
    pub(crate) fn report(&self) -> StepReport {
        let StepReport { step, numbers, validity, .. } = self.report;
        let (mut numbers, mut validity) = (numbers.clone(), validity.clone());
        count(&mut numbers, &self.gathered.counts);
        numbers.slow = self.gathered.counts.slow.saturating_sub(self.gathered.forgiven);
        if let Some(tally) = &self.gathered.tally {
            self.measure(tally, &mut numbers);
            validity = self.generator(tally, &numbers).verdict().of_step(step);
        }
        let bad = numbers.lost.saturating_add(numbers.slow);
        let slo = self.objectives.before(step.end);
        let changed = self.objectives.changed_within(self.gathered.first_second, step.end);
        let allowed = match changed {
            Some(_) => self.gathered.counts.allowed / numbers.due.max(1) as f64,
            None => slo.errors,
        };
        let budget_of = |bad| budget(bad, numbers.due, step.before, step.profile.last(), allowed);
        numbers.budget = budget_of(bad);
        if let Some(at_worst) = &mut numbers.at_worst {
            at_worst.budget = budget_of(numbers.lost.saturating_add(at_worst.slow));
        }
        self.scale(&mut numbers);
        let judged_by =
            JudgedBy { slo, changed: changed.map(|from| Elapsed::from_secs(from.into()).saturating_since(step.start)) };
        if step.end.is_some() && self.watched() < 1.0 {
            numbers.take_back(self.watched());
            validity = Validity::Valid.of_step(step);
        }
        let words = sentence(step, &numbers, &validity, judged_by, self.gathered.was_idle, self.present);
        StepReport { step: step.clone(), numbers, validity, words, pinned: self.pinned }
    }

    /// Seconds from the start of the step to its end, or to now.
    pub(crate) fn watched(&self) -> f64 {
        let step = &self.report.step;
        step.end.unwrap_or(self.now).saturating_since(step.start).as_secs_f64()
    }

    /// The end of the last second with arrivals, in seconds, where the rate of the step has come to 0 and stayed there.
    fn load_ended(&self, recovery: &Recovery) -> Option<f64> {
        let step = &self.report.step;
        let newest = recovery.newest();
        let end = f64::from(newest.second + 1);
        let is_over = step.profile.last().is_paused()
            && newest.judged != SecondJudged::Unknown
            && step.end.unwrap_or(self.now).min(self.now).as_secs_f64() > end.max(step.settled_at().as_secs_f64());
        is_over.then_some(end)
    }

    /// What was not reached so far.
    pub(crate) fn censored(&self) -> Timing {
        Timing::NotWithin { secs: self.watched(), open: self.report.step.end.is_none() }
    }

    /// What needs the histograms and the seconds that are not settled.
    fn measure(&self, tally: &Tally, numbers: &mut StepNumbers) {
        let (step, gathered) = (&self.report.step, self.gathered);
        let (first, end) = (gathered.first_second, self.end_second.unwrap_or(u32::MAX));
        let cohorts = self.timeline.kept_cohorts();
        let mut recovery = gathered.recovery;
        let mut forgiven = gathered.forgiven;
        let step_end = step.end.map_or(u32::MAX, |end| (end + JUST_BEFORE_NEXT).second());
        let (mut peak, mut peak_at_worst) = (gathered.peak_p99, gathered.peak_at_worst);
        let mut worst = gathered.worst;
        for cohort in cohorts.unsettled().filter(|cohort| (first..end.min(step_end)).contains(&cohort.second)) {
            forgiven = forgiven.saturating_add(cohort.slow_because_late(self.objectives.at(cohort.second)));
            recovery.take(cohort);
            worst.take_at_worst(cohort);
            peak = peak.max(measured_p99(cohort));
            peak_at_worst = peak_at_worst.max(cohort.ok.map(|ok| ok.p99));
        }
        numbers.slow = gathered.counts.slow.saturating_sub(forgiven);
        let held = || tally.held.values();
        numbers.due_late = held().fold(gathered.counts.due_late, |sum, held| sum.saturating_add(held.due));
        let newest = recovery.newest();
        (numbers.judged_last, numbers.good_at_end) = (newest.judged, newest.good);
        numbers.bad_seconds = recovery.bad_seconds();
        numbers.judged_seconds = recovery.judged();
        numbers.not_measured = recovery.not_measured();
        numbers.peak_p99 = peak;
        numbers.p99 = quantile(&tally.ok, 0.99);
        numbers.failed_p99 = quantile(&tally.failed, 0.99);
        let mut all = tally.ok.clone();
        all.merge(&tally.failed);
        numbers.all_p99 = quantile(&all, 0.99);
        // A step at rest has the arrivals of the second in which the load ended, and is not judged by them.
        let is_at_rest = step.profile == scaletop_load::RateProfile::PAUSED;
        let not_shown = tally.failures.not_shown(&numbers.outcomes, self.objectives.before(step.end).errors);
        numbers.not_judged = not_shown.filter(|_| !is_at_rest);
        numbers.send_lag_p99 = quantile(&tally.send_lag, 0.99);
        numbers.connect_p99 = quantile(&tally.connect, 0.99);
        numbers.slot_wait_p99 = quantile(&tally.waiting.slot_wait, 0.99);
        numbers.service_p50 =
            if self.tells_lateness { quantile(&tally.service, 0.5) } else { ok_service(&tally.ok, &tally.send_lag) };
        let before = gathered.before.unwrap_or_else(|| before(self.timeline, first));
        let recover = |recovery: &Recovery| {
            if numbers.due == 0 || is_at_rest {
                return Timing::NotApplicable("there were no arrivals to judge by");
            }
            if before.violated {
                return Timing::AlreadyViolated;
            }
            let start = step.start.as_secs_f64();
            match self.load_ended(recovery) {
                // Nothing arrives any more that could show it: what was not seen by then is not waited for.
                Some(ended) => recovery.timing(start, (ended - start).max(0.0), false),
                None => recovery.timing(start, self.watched(), step.end.is_none()),
            }
        };
        let recover_at_worst = recover(&worst);
        numbers.recover = recover(&recovery);
        numbers.at_worst = (forgiven > 0 || numbers.not_measured > 0 || numbers.due_late > 0).then(|| {
            let (mut ok, mut failed) = (tally.ok.clone(), tally.failed.clone());
            for left_out in held().chain([&tally.left_out]) {
                ok.merge(&left_out.ok);
                failed.merge(&left_out.failed);
            }
            let (p99, failed_p99) = (quantile(&ok, 0.99), quantile(&failed, 0.99));
            ok.merge(&failed);
            AtWorst {
                recover: recover_at_worst,
                slow: gathered.counts.slow,
                peak_p99: peak_at_worst,
                p99,
                failed_p99,
                all_p99: quantile(&ok, 0.99),
                budget: None,
            }
        });
        numbers.serving = self.serving(tally);
        numbers.spread = spread(tally);
        let last = self.timeline.latest().map_or(first, |row| row.second.saturating_add(1)).min(end);
        let ok_after = last
            .checked_sub(THROUGHPUT_SECS)
            .filter(|from| *from >= first)
            .and_then(|from| ok_per_second(cohorts.between(from, last)));
        let ok_before = before.ok_per_second.filter(|&ok| ok > 0.0);
        numbers.efficiency = ok_before.zip(ok_after).map(|(before, after)| after / before);
    }

    /// `T_serving`: the earliest intended instant that an instance answered OK which had not in the minute before.
    fn serving(&self, tally: &Tally) -> Timing {
        let step = &self.report.step;
        if step.direction() != Direction::Up {
            return not_up(step.direction());
        }
        let new = tally.first_ok.iter().filter(|(instance, _)| !tally.seen_before.contains(instance));
        match new.map(|(_, first)| first.intended).min() {
            Some(intended) => {
                Timing::Reached { secs: intended.saturating_since(step.start).as_secs_f64(), plus_minus: 0.0 }
            }
            None if self.nobody_named && self.gathered.counts.outcomes.total() > 0 => {
                Timing::NotApplicable("no answer names its instance")
            }
            None => self.censored(),
        }
    }

    fn generator(&self, tally: &Tally, numbers: &StepNumbers) -> GeneratorRecord {
        // Recordings of before have the drops at a cap of ours among those at the cap.
        let (mut dropped_at_descriptors, mut dropped_connections) = (0, numbers.dropped_connections);
        if self.descriptors_cap != DescriptorsCap::Nothing {
            dropped_at_descriptors = numbers.dropped_cap;
        }
        if self.descriptors_cap == DescriptorsCap::All {
            dropped_at_descriptors += std::mem::take(&mut dropped_connections);
        }
        let quickest = quantile(&tally.service, QUICKEST);
        let capped = (dropped_at_descriptors == 0 && numbers.dropped_cap > 0).then(|| Capped {
            most: self.max_in_flight,
            dropped: numbers.dropped_cap,
            failed: numbers.lost.saturating_sub(numbers.dropped_cap),
            busy: numbers.due as f64 / self.watched().max(1.0) * numbers.service_p50.unwrap_or_default().as_secs_f64(),
            service: numbers.service_p50,
            usual: self.service_before.into_iter().chain(quickest).min(),
        });
        GeneratorRecord {
            dropped_at_descriptors,
            capped,
            send_lag_p99: numbers.send_lag_p99,
            tells_lateness: self.tells_lateness,
            judged_seconds: numbers.judged_seconds,
            not_measured: numbers.not_measured,
            due_late: numbers.due_late,
            late: numbers.late,
            ok: numbers.ok,
            p99: numbers.p99,
            due: numbers.due,
            unreported: numbers.unreported(),
            planned: numbers.planned,
            dropped_late: numbers.dropped_late,
            dropped_connections,
            slot_wait_p99: numbers.slot_wait_p99,
            cramped: self.max_connections.map(|most| {
                tally.waiting.cramped(most, numbers.due as f64 / self.watched().max(1.0), numbers.service_p50)
            }),
            starved: numbers.outcomes.of_class(OutcomeClass::Generator),
            strain: tally.strain,
        }
    }
}

/// What the seconds just before a step that begins with the second `first` say.
pub(crate) fn before(timeline: &Timeline, first: u32) -> Before {
    let cohorts = timeline.kept_cohorts();
    let violated = first.checked_sub(1).and_then(|last| Some(cohorts.get(last)?.judged)) == Some(SecondJudged::Bad);
    let ok_per_second = ok_per_second(cohorts.between(first.saturating_sub(THROUGHPUT_SECS), first));
    Before { violated, ok_per_second }
}

fn count(numbers: &mut StepNumbers, counts: &CohortCounts) {
    numbers.due = counts.due;
    numbers.planned = counts.planned;
    numbers.generators = counts.generators;
    numbers.sent = counts.sent;
    numbers.ok = counts.outcomes.get(OutcomeKind::Ok);
    numbers.outcomes = counts.outcomes;
    numbers.dropped_cap = counts.dropped_cap;
    numbers.dropped_late = counts.dropped_late;
    numbers.dropped_connections = counts.dropped_connections;
    numbers.lost = lost(&counts.outcomes, counts.dropped_cap);
    numbers.late = counts.late;
    numbers.due_late = counts.due_late;
    // Σ(a−ok)⁺ over the seconds: no second has more OK answers than arrivals, so it is the difference of the sums.
    numbers.deficit = counts.due.saturating_sub(numbers.ok);
}

/// Requests of the busiest instance to those of the average one.
fn spread(tally: &Tally) -> Option<f64> {
    let most = *tally.requests.values().max()?;
    let mean = tally.requests.values().sum::<u64>() as f64 / tally.requests.len() as f64;
    (mean > 0.0).then(|| most as f64 / mean)
}

fn ok_per_second<'a>(cohorts: impl Iterator<Item = &'a Cohort>) -> Option<f64> {
    let (mut ok, mut seconds) = (0_u64, 0_u32);
    for cohort in cohorts {
        ok = ok.saturating_add(cohort.outcomes.get(OutcomeKind::Ok));
        seconds += cohort.span;
    }
    (seconds > 0).then(|| ok as f64 / f64::from(seconds))
}

fn quantile(latency: &Latency, q: f64) -> Option<Duration> {
    latency.quantiles([q]).map(|[found]| found)
}
