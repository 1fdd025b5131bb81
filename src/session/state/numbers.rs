//! The numbers of a step (docs/step-numbers.md), computed anew from what is gathered for it.

use std::time::Duration;

use crate::analysis::demand::{Demand, needed};
use crate::analysis::elasticity::{Jitter, budget, compare, jitter};
use crate::analysis::supply::Supply;
use crate::analysis::validity::GeneratorRecord;
use crate::analysis::words::sentence;
use crate::analysis::{Direction, Step, StepNumbers, Timing};
use crate::instances::Basis;
use crate::session::state::Session;
use crate::session::state::trailing::ok_service;
use crate::session::state::work::{Counts, StepWork, Tally};
use crate::timeline::Cohort;
use crate::timeline::objective::lost;
use scaletop_load::{OutcomeClass, OutcomeKind};
use scaletop_units::{ArrivalRate, Elapsed};

/// The counts a step is judged by, the best first: exact and fresh before exact and late. What ECS runs is polled every
/// two seconds; who responds is seen at once; App Runner's metric has a grain of a minute.
const PREFERRED: [Basis; 3] = [Basis::Running, Basis::Responding, Basis::Active];

/// Throughput before and after is compared over this many seconds.
const THROUGHPUT_SECS: u32 = 30;

/// The count must have been the same for this many seconds before a second says anything of an instance's capacity.
const STEADY_SECS: u32 = 10;

impl Session {
    /// How many instances the rate needs now, by Little's law.
    pub(super) fn needed(&self, rate: ArrivalRate) -> Option<u32> {
        let concurrency = self.limits.concurrency?;
        needed(rate, self.fold.trailing.service()?, concurrency)
    }

    /// The *Responding* count of a second, when it had been the same for ten seconds.
    pub(super) fn steady_instances(&self, second: u32) -> Option<u32> {
        let list = self.observations.get(&Basis::Responding)?;
        let from = Elapsed::from_secs(u64::from(second.checked_sub(STEADY_SECS - 1)?));
        let first = list.partition_point(|seen| seen.as_of < from);
        let end = list.partition_point(|seen| seen.as_of.second() <= second);
        let seen = &list[first.min(end)..end];
        let count = seen.first()?.count;
        (seen.len() >= STEADY_SECS as usize && seen.iter().all(|seen| seen.count == count)).then_some(count)
    }

    /// Computes the numbers of a step anew.
    pub(super) fn refresh(&mut self, at: usize) {
        self.remember_before(at);
        let report = &self.steps[at];
        let (step, work) = (&report.step, &self.fold.works[at]);
        let mut numbers = report.numbers.clone();
        let mut validity = report.validity.clone();
        count(&mut numbers, &work.counts);
        if let Some(tally) = &work.tally {
            self.measure(at, tally, &mut numbers);
            let record = GeneratorRecord {
                send_lag_p99: numbers.send_lag_p99,
                due: numbers.due,
                dropped_late: numbers.dropped_late,
                starved: numbers.outcomes.of_class(OutcomeClass::Generator),
                busy_seconds: tally.busy_seconds,
                seconds: tally.seconds,
            };
            validity = record.verdict();
        }
        let slo = &self.header.settings.slo;
        let bad = numbers.lost.saturating_add(numbers.slow);
        numbers.budget = budget(bad, numbers.due, step.before, step.profile.last(), slo);
        self.supply(step, &mut numbers);
        let words = sentence(step, &numbers, &validity, slo, work.was_idle);
        let pinned = self.pinning(step.end.unwrap_or(self.now));
        let report = &mut self.steps[at];
        (report.numbers, report.validity, report.words, report.pinned) = (numbers, validity, words, pinned);
    }

    /// Keeps what the seconds just before a step say, once they are settled.
    fn remember_before(&mut self, at: usize) {
        let first = self.fold.works[at].first_second;
        let work = &self.fold.works[at];
        if (work.violated_before.is_some() && work.ok_before.is_some())
            || self.timeline.cohorts_mut().settled_before() < first
        {
            return;
        }
        let (violated, ok) = self.before(first);
        let work = &mut self.fold.works[at];
        (work.violated_before, work.ok_before) = (Some(violated), ok);
    }

    fn before(&self, first: u32) -> (bool, Option<f64>) {
        let cohorts = self.timeline.kept_cohorts();
        let violated = first.checked_sub(1).and_then(|last| cohorts.get(last)?.good) == Some(false);
        (violated, ok_per_second(cohorts.between(first.saturating_sub(THROUGHPUT_SECS), first)))
    }

    /// What needs the histograms and the seconds that are not settled.
    fn measure(&self, at: usize, tally: &Tally, numbers: &mut StepNumbers) {
        let (step, work) = (&self.steps[at].step, &self.fold.works[at]);
        let (first, end) = (work.first_second, self.end_second(at).unwrap_or(u32::MAX));
        let cohorts = self.timeline.kept_cohorts();
        let mut recovery = work.recovery;
        let mut peak = work.peak_p99;
        for cohort in cohorts.unsettled().filter(|cohort| (first..end).contains(&cohort.second)) {
            recovery.feed(cohort.second, cohort.good);
            peak = peak.max(cohort.response.map(|response| response.p99));
        }
        numbers.bad_seconds = recovery.bad_seconds();
        numbers.peak_p99 = peak;
        numbers.p99 = quantile(&tally.response, 0.99);
        numbers.send_lag_p99 = quantile(&tally.send_lag, 0.99);
        numbers.service_p50 = ok_service(&tally.ok, &tally.send_lag);
        let (watched, is_open) = (self.watched(step), step.end.is_none());
        let (violated, ok_before) = match work.violated_before {
            Some(violated) => (violated, work.ok_before),
            None => self.before(first),
        };
        numbers.recover = if numbers.due == 0 {
            Timing::NotApplicable("there were no arrivals to judge by")
        } else if violated {
            Timing::AlreadyViolated
        } else {
            recovery.timing(step.start.as_secs_f64(), watched, is_open)
        };
        numbers.serving = serving(step, work, tally, watched, self.instances.is_empty());
        numbers.spread = spread(tally);
        let last = self.timeline.latest().map_or(first, |row| row.second.saturating_add(1)).min(end);
        let ok_after = last
            .checked_sub(THROUGHPUT_SECS)
            .filter(|from| *from >= first)
            .and_then(|from| ok_per_second(cohorts.between(from, last)));
        numbers.efficiency =
            ok_before.filter(|&before| before > 0.0).zip(ok_after).map(|(before, after)| after / before);
    }

    /// What the instance counts say: may change long after a step, when a metric arrives late.
    fn supply(&self, step: &Step, numbers: &mut StepNumbers) {
        let (until, is_open) = (step.end.unwrap_or(self.now).max(step.start), step.end.is_none());
        let watched = self.watched(step);
        let over = |basis| {
            let seen = self.observations.get(&basis)?;
            Supply::over(seen, basis, step.start, until, is_open).map(|supply| (basis, supply))
        };
        let censored = Timing::NotWithin { secs: watched, open: is_open };
        let direction = step.direction();
        numbers.trigger = match (direction, over(Basis::Desired)) {
            (Direction::Up, Some((_, desired))) => match desired.before() {
                Some(_) => desired.first_above_before().unwrap_or(censored),
                None => Timing::NotApplicable("the desired count before the step is not known"),
            },
            (Direction::Up, None) => Timing::NotApplicable("no source tells the desired count"),
            _ => not_up(direction),
        };
        let settings = &self.header.settings;
        let inferred = self.fold.estimate.per_instance();
        let demand = Demand::known(settings.capacity_per_instance, self.limits, numbers.service_p50, inferred);
        let Some((basis, supply)) = PREFERRED.into_iter().find_map(over) else {
            let unknown = Timing::NotApplicable("no source counts instances");
            let or = |is_apt, timing| if is_apt { unknown } else { timing };
            numbers.first = or(direction == Direction::Up, not_up(direction));
            numbers.capacity = numbers.first;
            numbers.scale_in = or(direction == Direction::Down, not_down(direction));
            numbers.demand = demand.map(|demand| demand.basis);
            numbers.target = demand.map(|demand| demand.target(step.profile.last()));
            return;
        };
        let target = demand.map(|demand| demand.target(step.profile.last()));
        let settled = supply.settled();
        numbers.basis = Some(basis);
        numbers.instances = Some(supply.span());
        numbers.demand = demand.map(|demand| demand.basis);
        numbers.target = target.or(settled);
        numbers.first = match (direction, supply.before(), self.limits.max) {
            (Direction::Down | Direction::Level, ..) => not_up(direction),
            (_, None, _) => Timing::NotApplicable("the instance count before the step is not known"),
            (_, Some(had), Some(most)) if had >= most => {
                Timing::NotApplicable("there were as many instances as are allowed")
            }
            _ => supply.first_above_before().unwrap_or(censored),
        };
        numbers.capacity = match (direction, target, settled) {
            (Direction::Down | Direction::Level, ..) => not_up(direction),
            (_, Some(target), _) => supply.first_held(|count| count >= target).unwrap_or(censored),
            (_, None, Some(settled)) if supply.before().is_none_or(|had| settled > had) => {
                supply.first_held(|count| count >= settled).unwrap_or(censored)
            }
            (_, None, Some(_)) => Timing::NotApplicable("no instance was added"),
            (_, None, None) => Timing::NotApplicable("the instance count has not settled"),
        };
        if basis == Basis::Responding {
            numbers.first = within_its_second(numbers.first, numbers.serving);
            numbers.capacity = within_its_second(numbers.capacity, numbers.serving);
        }
        numbers.scale_in = match (direction, numbers.target) {
            (Direction::Up | Direction::Level, _) => not_down(direction),
            _ if basis == Basis::Responding && step.profile.last().is_paused() => {
                Timing::NotApplicable("without load no instance answers")
            }
            (_, Some(target)) => supply.first_held(|count| count <= target).unwrap_or(censored),
            (_, None) => Timing::NotApplicable("the instance count has not settled"),
        };
        let peak = f64::from(supply.span().peak);
        numbers.overshoot = numbers
            .target
            .filter(|&target| target > 0 && direction == Direction::Up)
            .map(|target| ((peak - f64::from(target)) / f64::from(target)).max(0.0));
        if let Some(demand) = demand {
            let (elasticity, waste) = compare(step, &supply, &demand, until);
            (numbers.elasticity, numbers.waste) = (elasticity, Some(waste));
            numbers.jitter = jitter(step, &supply, &demand, until);
        } else {
            (numbers.elasticity, numbers.waste) = (None, None);
            let reached = numbers.capacity.secs().unwrap_or(0.0);
            numbers.jitter = Some(Jitter::Turns(supply.turns_after(reached)));
        }
    }

    /// Seconds from the start of a step to its end, or to now.
    fn watched(&self, step: &Step) -> f64 {
        step.end.unwrap_or(self.now).saturating_since(step.start).as_secs_f64()
    }
}

const fn not_up(direction: Direction) -> Timing {
    match direction {
        Direction::Level => Timing::NotApplicable("the rate ended where it began"),
        _ => Timing::NotApplicable("the rate went down"),
    }
}

const fn not_down(direction: Direction) -> Timing {
    match direction {
        Direction::Level => Timing::NotApplicable("the rate ended where it began"),
        _ => Timing::NotApplicable("the rate went up"),
    }
}

/// A count of whole seconds cannot have changed before the first answer of the new instance that changed it: where that
/// fell into the same second, the exact instant is better.
fn within_its_second(counted: Timing, serving: Timing) -> Timing {
    match (counted, serving) {
        (Timing::Reached { secs, plus_minus: 0.0 }, Timing::Reached { secs: exact, .. })
            if secs > 0.0 && exact > secs && exact < secs + 1.0 =>
        {
            serving
        }
        _ => counted,
    }
}

fn count(numbers: &mut StepNumbers, counts: &Counts) {
    numbers.due = counts.due;
    numbers.sent = counts.sent;
    numbers.ok = counts.outcomes.get(OutcomeKind::Ok);
    numbers.outcomes = counts.outcomes;
    numbers.dropped_cap = counts.dropped_cap;
    numbers.dropped_late = counts.dropped_late;
    numbers.lost = lost(&counts.outcomes, counts.dropped_cap);
    numbers.slow = counts.slow;
    // Σ(a−ok)⁺ over the seconds: no second has more OK answers than arrivals, so it is the difference of the sums.
    numbers.deficit = counts.due.saturating_sub(numbers.ok);
}

/// `T_serving`: the earliest intended instant that an instance answered OK which had not in the minute before.
fn serving(step: &Step, work: &StepWork, tally: &Tally, watched: f64, nobody_named: bool) -> Timing {
    if step.direction() != Direction::Up {
        return not_up(step.direction());
    }
    let new = tally.first_ok.iter().filter(|(instance, _)| !tally.seen_before.contains(instance));
    match new.map(|(_, intended)| intended).min() {
        Some(intended) => {
            Timing::Reached { secs: intended.saturating_since(step.start).as_secs_f64(), plus_minus: 0.0 }
        }
        None if nobody_named && work.counts.outcomes.total() > 0 => {
            Timing::NotApplicable("no answer names its instance")
        }
        None => Timing::NotWithin { secs: watched, open: step.end.is_none() },
    }
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

fn quantile(latency: &scaletop_load::Latency, q: f64) -> Option<Duration> {
    latency.quantiles([q]).map(|[found]| found)
}
