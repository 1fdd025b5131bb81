//! Steps as they happen: which second belongs to which, and what their numbers are made of.

use crate::analysis::objective::lost;
use crate::analysis::recovery::Recovery;
use crate::analysis::supply::{Count, Supply};
use crate::analysis::{Direction, Step, StepNumbers, StepReport, Timing, Validity, validity, words};
use crate::instances::{Basis, InstanceObservation};
use crate::load::sample::{OutcomeClass, OutcomeKind};
use crate::record::latency::Latency;
use crate::record::second::Second;
use crate::session::event::{RateChange, Settings};
use crate::session::state::Session;
use crate::timeline::Row;
use crate::units::{Elapsed, InstanceId, StepId};

/// Changes closer together than this make one step: a held key is one step (D.2).
pub const MERGE_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// An instance is new when it was not seen for this long before the step (D.3: 60 s).
const NEW_AFTER: std::time::Duration = std::time::Duration::from_secs(60);

/// What a change must at least come to, to begin a step: 1 request per second, or this share (D.2).
const LEAST_CHANGE: f64 = 0.05;

/// How far back the count before a step may be, in seconds.
const BEFORE_SECS: u32 = 10;

/// The steps whose numbers can still change, newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StepBook {
    open: Vec<Work>,
}

/// What a step's numbers are made of so far.
#[derive(Clone, Debug, PartialEq)]
struct Work {
    /// Its place among the reports.
    at: usize,
    sums: StepNumbers,
    response: Latency,
    send_lag: Latency,
    cpu: Option<f64>,
    /// Fed with the cohorts that are final.
    recovery: Recovery,
    next_cohort: u32,
    good_before: Option<bool>,
    known: Vec<InstanceId>,
    serving: Option<Elapsed>,
    before: Option<u32>,
    responding: Vec<Count>,
    needed: Vec<u32>,
}

impl StepBook {
    /// Begins a step, or makes the change part of the one that just began.
    pub(crate) fn change(&mut self, session: &Session, at: Elapsed, change: &RateChange) -> Option<StepReport> {
        let before = session.rate_at(at);
        let last = session.steps.last().filter(|report| report.step.end.is_none());
        if let Some(report) =
            last.filter(|report| change.stage.is_none() && at.saturating_since(report.step.anchor) < MERGE_WITHIN)
        {
            let mut merged = report.clone();
            (merged.step.profile, merged.step.anchor) = (change.profile, at);
            return Some(merged);
        }
        let moved = f64::from(change.profile.last().get().abs_diff(before.get()));
        let is_step = moved >= 1.0 && moved >= LEAST_CHANGE * f64::from(before.get());
        if !is_step && change.stage.is_none() && last.is_some() {
            return None;
        }
        let id = StepId(u32::try_from(session.steps.len()).unwrap_or(u32::MAX - 1) + 1);
        let (profile, name) = (change.profile, change.stage.clone());
        let step = Step { id, start: at, end: None, before, profile, anchor: at, name };
        self.open.push(Work::new(session, &step));
        let numbers = StepNumbers::default();
        Some(StepReport { step, numbers, validity: Validity::Valid, words: String::new() })
    }

    /// Files a closed second, with the row made of it, and brings the numbers of every unfinished step up to date.
    pub(crate) fn file(&mut self, second: &Second, row: &Row, session: &mut Session) {
        for part in &second.parts {
            if let Some(work) = self.owner(session, part.intended) {
                work.add(part, &session.header.settings);
            }
        }
        if let Some(work) = self.owner(session, second.index) {
            work.add_row(second, row);
        }
        for work in &mut self.open {
            work.see(second, session.steps[work.at].step.start);
        }
        self.report(session);
        let done = session.timeline.cohorts().iter().rev().find(|cohort| cohort.is_final).map(|cohort| cohort.second);
        // A step is finished when it has ended and its last second of arrivals is final; the last one stays.
        let last = session.steps.len().saturating_sub(1);
        self.open.retain(|work| {
            let end = session.steps[work.at].step.end.map(Elapsed::second);
            work.at == last || end.is_none_or(|end| done.is_none_or(|done| done < end))
        });
    }

    /// Brings the numbers of every unfinished step up to date.
    pub(crate) fn report(&mut self, session: &mut Session) {
        for work in &mut self.open {
            let report = work.report(session);
            session.steps[work.at] = report;
        }
    }

    /// The step that `second` belongs to: the last one that began in it or before.
    fn owner(&mut self, session: &Session, second: u32) -> Option<&mut Work> {
        let at = self.open.iter().rposition(|work| session.steps[work.at].step.first_second() <= second);
        // What is older than every unfinished step still counts with the oldest of them, so that no request gets lost.
        self.open.get_mut(at.unwrap_or(0))
    }
}

impl Work {
    fn new(session: &Session, step: &Step) -> Self {
        let first = step.first_second();
        let since = step.start - NEW_AFTER;
        let known = session.instances.iter().filter(|track| track.last > since).map(|track| track.id.clone()).collect();
        let rows = session.timeline.rows().iter().rev();
        let before = rows
            .take_while(|row| row.second + BEFORE_SECS > first)
            .filter(|row| row.second < first)
            .find_map(|row| row.responding);
        Self {
            at: session.steps.len(),
            sums: StepNumbers::default(),
            response: Latency::new(),
            send_lag: Latency::new(),
            cpu: None,
            recovery: Recovery::default(),
            next_cohort: first,
            good_before: None,
            known,
            serving: None,
            before,
            responding: Vec::new(),
            needed: Vec::new(),
        }
    }

    fn add(&mut self, part: &crate::record::second::CohortPart, settings: &Settings) {
        let sums = &mut self.sums;
        sums.due += part.due;
        sums.sent += part.sent;
        sums.dropped_late += part.dropped_late;
        sums.ok += part.outcomes.get(OutcomeKind::Ok);
        sums.lost += lost(&part.outcomes, part.dropped_cap);
        sums.generator_errors += part.outcomes.of_class(OutcomeClass::Generator);
        sums.slow += part.ok.count_above(settings.slo.latency);
        self.response.merge(&part.ok);
        self.response.merge(&part.failed);
    }

    fn add_row(&mut self, second: &Second, row: &Row) {
        self.send_lag.merge(&second.send_lag);
        self.sums.peak_p99 = self.sums.peak_p99.max(row.response.map(|response| response.p99));
        if let (Some(percent), Some(cores)) = (second.generator.cpu_percent, second.generator.cores) {
            let share = f64::from(percent) / 100.0 / f64::from(cores.max(1));
            self.cpu = Some(self.cpu.map_or(share, |busiest| busiest.max(share)));
        }
        if let Some(count) = row.responding {
            self.responding.push(Count { at: f64::from(row.second), count, uncertain: 0.0 });
        }
        self.needed.extend(row.needed);
    }

    /// `T_serving`: the earliest request that an instance not seen in the minute before answered OK (exact: the answers
    /// name it). An instance that answered a request from before the step is not new to it.
    fn see(&mut self, second: &Second, start: Elapsed) {
        for served in &second.served {
            let Some(intended) = served.first_ok_intended else { continue };
            if self.known.contains(&served.id) {
                continue;
            }
            if intended < start {
                self.known.push(served.id.clone());
            } else if self.serving.is_none_or(|serving| intended < serving) {
                self.serving = Some(intended);
            }
        }
    }

    fn report(&mut self, session: &Session) -> StepReport {
        let mut step = session.steps[self.at].step.clone();
        let is_open = step.end.is_none() && session.ended.is_none();
        step.end = step.end.or(session.ended.is_some().then_some(session.now));
        let watched = step.secs_until(step.end.unwrap_or(session.now));
        let mut numbers = self.sums.clone();
        numbers.p99 = self.response.quantile(0.99);
        numbers.send_lag_p99 = self.send_lag.quantile(0.99);
        self.judge(session, &step, &mut numbers, watched, is_open);
        self.count(session, &step, &mut numbers, watched, is_open);
        let validity = validity::judge(&numbers, self.cpu);
        let words = words::describe(&step, &numbers, &validity, &session.header.settings.slo);
        StepReport { step, numbers, validity, words }
    }

    fn judge(&mut self, session: &Session, step: &Step, numbers: &mut StepNumbers, watched: f64, is_open: bool) {
        let first = step.first_second();
        let end = step.end.map_or(u32::MAX, |end| if is_open { u32::MAX } else { end.second().max(first + 1) });
        if self.good_before.is_none() {
            self.good_before = first.checked_sub(1).and_then(|s| session.timeline.cohort_at(s)).and_then(|c| c.good);
        }
        let cohorts = session.timeline.cohorts();
        let mut provisional = self.recovery;
        for cohort in cohorts.range(cohorts.partition_point(|cohort| cohort.second < self.next_cohort)..) {
            if cohort.second >= end {
                break;
            }
            if cohort.is_final {
                self.recovery.feed(cohort.second, cohort.good);
                self.next_cohort = cohort.second + 1;
                provisional = self.recovery;
            } else {
                provisional.feed(cohort.second, cohort.good);
            }
        }
        numbers.bad_seconds = provisional.bad_seconds();
        numbers.recover = if numbers.due == 0 {
            Timing::NotApplicable("nothing was sent")
        } else if self.good_before == Some(false) {
            Timing::AlreadyViolated
        } else {
            provisional.timing(step.start.as_secs_f64(), watched, is_open)
        };
    }

    fn count(&self, session: &Session, step: &Step, numbers: &mut StepNumbers, watched: f64, is_open: bool) {
        let censored = Timing::NotWithin { secs: watched, open: is_open };
        let is_up = step.direction() == Direction::Up;
        if !is_up {
            let na = Timing::NotApplicable("the rate did not rise");
            (numbers.trigger, numbers.first, numbers.serving, numbers.capacity) = (na, na, na, na);
        } else {
            let no_ids = Timing::NotApplicable("no answer names an instance");
            let plus_minus = 0.0;
            numbers.serving = match self.serving {
                Some(at) => Timing::Reached { secs: step.secs_until(at), plus_minus },
                None if session.instances.is_empty() => no_ids,
                None => censored,
            };
            numbers.trigger = match observed(session, Basis::Desired, step) {
                Some(supply) => supply.first(step.start, watched, is_open),
                None => Timing::NotApplicable("no source says what the platform wants"),
            };
        }
        let Some(supply) = self.supply(session, step) else {
            let no_count = Timing::NotApplicable("no source counts instances");
            if is_up {
                (numbers.first, numbers.capacity) = (no_count, no_count);
            }
            return;
        };
        numbers.basis = Some(supply.basis);
        numbers.instances = supply.span();
        numbers.target = self.target(session, step).or_else(|| supply.settled(step.start, watched));
        if is_up {
            numbers.first = supply.first(step.start, watched, is_open);
            numbers.capacity = match numbers.target {
                Some(target) => supply.capacity(target, step.start, watched, is_open),
                None => censored,
            };
        }
    }

    /// The best counts there are: ECS' running tasks, then what answers show (exact), then App Runner's metric (late).
    fn supply(&self, session: &Session, step: &Step) -> Option<Supply> {
        observed(session, Basis::Running, step)
            .or_else(|| {
                let counts = self.responding.clone();
                (!counts.is_empty()).then_some(Supply { basis: Basis::Responding, before: self.before, counts })
            })
            .or_else(|| observed(session, Basis::Active, step))
    }

    /// s*: ⌈r⁺/c⌉ where the capacity c of an instance is given, else what Little's law asks for (the median over the last
    /// ten seconds), within the platform's limits.
    fn target(&self, session: &Session, step: &Step) -> Option<u32> {
        let given = session.header.settings.capacity_per_instance.map(|capacity| {
            let needed = (f64::from(step.profile.last().get()) / capacity).ceil();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is positive")]
            let needed = needed as u32;
            needed
        });
        let needed = given.or_else(|| {
            let mut last: Vec<_> = self.needed.iter().rev().take(10).copied().collect();
            last.sort_unstable();
            last.get(last.len() / 2).copied()
        })?;
        let least = session.limits.min.unwrap_or(1).max(1);
        Some(needed.max(least).min(session.limits.max.unwrap_or(u32::MAX).max(least)))
    }
}

/// What a polled source counted over the step, and just before it.
fn observed(session: &Session, basis: Basis, step: &Step) -> Option<Supply> {
    let seen: &Vec<InstanceObservation> = session.observations.get(&basis)?;
    let from = seen.partition_point(|seen| seen.as_of < step.start);
    let until = step.end.map_or(seen.len(), |end| seen.partition_point(|seen| seen.as_of < end));
    let before = from.checked_sub(1).map(|at| seen[at].count);
    let counts: Vec<_> = seen.get(from..until)?.iter().map(Count::from).collect();
    (!counts.is_empty()).then_some(Supply { basis, before, counts })
}

/// Closes the step that is open, at `end`.
pub(crate) fn close(steps: &mut [StepReport], end: Elapsed) {
    if let Some(report) = steps.last_mut().filter(|report| report.step.end.is_none()) {
        report.step.end = Some(end);
    }
}
