//! What is known of a session: the fold of its events.
//!
//! Deterministic: the same events give an equal state, whether they happen or are read from a recording. Nothing here
//! grows with the length of a session but by about a kilobyte a minute (see [`crate::timeline`]): logs, marks, instances
//! and sources are bounded, and what goes beyond a bound is counted or the oldest makes room.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use crate::analysis::StepReport;
use crate::analysis::demand::{CapacityEstimate, needed};
use crate::analysis::failures::{FailureTotals, failure_in_words};
use crate::analysis::gathered::Gathered;
use crate::analysis::service_time::Trailing;
use crate::analysis::waterfall::{self, Observed, Waterfall};
use crate::instances::milestone::Milestone;
use crate::instances::{Basis, Feed, InstanceObservation, Limits};
use crate::session::event::{Fact, Header, Notice, NoticeLevel, RateCause, SessionEvent, TELLS_LATENESS};
use crate::session::state::instance_table::InstanceTable;
use crate::session::state::steps::Burst;
use crate::slo::Slo;
use crate::text::thousands;
use crate::timeline::planned;
use crate::timeline::{Completed, Objectives, Percentiles, Row, Timeline};
use scaletop_load::Failure;
use scaletop_load::Latency;
use scaletop_load::OutcomeCounts;
use scaletop_load::RateProfile;
use scaletop_load::Second;
use scaletop_units::{ArrivalRate, Elapsed};

mod births;
#[cfg(test)]
mod by_hand;
mod connections;
mod fleet;
mod gather;
mod instance_table;
mod observations;
mod readers;
mod requests;
mod steps;

pub(crate) use crate::analysis::births::Came;
pub(crate) use connections::ConnectionTotals;
pub(crate) use fleet::{Fleet, Generator, GeneratorState, fleet_in_words};
pub(crate) use instance_table::InstanceTrack;
pub(crate) use requests::{RECENT_SECS, RequestTotals, Requests};

/// Lines of the log and marks that are kept.
pub(crate) const MAX_LINES: usize = 1_000;

/// Sources, and facts, that are told apart.
pub(crate) const MAX_NAMES: usize = 256;

/// Longer texts of marks and notices are cut, in characters.
pub(crate) const MAX_TEXT: usize = 500;

/// Milestones that are kept: some six an instance.
const MAX_MILESTONES: usize = 5_000;

/// What is known of a session. Changed by [`Session::apply`] only; it can be cloned and compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// What was measured, and how.
    header: Header,
    /// The time of the last event.
    now: Elapsed,
    /// The rate in force, and its anchor.
    rate: (Elapsed, RateProfile),
    /// The changes of it, ascending in time, bounded.
    rates: Vec<(Elapsed, RateProfile, RateCause)>,
    /// Rows and cohorts.
    timeline: Timeline,
    /// What they are judged by.
    objectives: Objectives,
    /// Every step so far, the open one last.
    steps: Vec<StepReport>,
    /// Every instance seen in answers, in the order of their first; at most `instance_table::MAX_INSTANCES`.
    instances: Vec<InstanceTrack>,
    /// Answers of instances beyond that bound.
    answers_beyond: u64,
    /// Counts by basis, ascending in `as_of`; a later observation of the same moment replaces the earlier.
    observations: BTreeMap<Basis, Vec<InstanceObservation>>,
    /// The platform's scaling limits.
    limits: Limits,
    /// The state of each source, by name.
    feeds: BTreeMap<String, Feed>,
    /// What the platform says of the service, by name.
    facts: BTreeMap<String, Fact>,
    /// What the platform recorded of scale-outs, in the order it was heard, bounded: the oldest go first.
    milestones: Vec<Milestone>,
    /// Marks, ascending in time.
    marks: Vec<(Elapsed, String)>,
    /// The log, oldest first, bounded.
    log: Vec<(Elapsed, Notice)>,
    /// Who generates the load beside others; `None` where it is this process alone.
    fleet: Option<Box<Fleet>>,
    /// Several requests, told apart by name.
    requests: Requests,
    /// Totals of the whole session.
    totals: Totals,
    /// Why the session ended.
    ended: Option<String>,
    /// What the fold remembers beyond what it shows.
    fold: Fold,
}

/// What the fold remembers beyond what it shows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fold {
    /// What is gathered for each step.
    gathered: Vec<Gathered>,
    /// Response times of the OK answers of seconds in which we were late so far, until it is known whether they count.
    held: BTreeMap<u32, Latency>,
    /// The first step that something may still be added to.
    unfinished: usize,
    /// The rate changes in quick succession that make one step.
    burst: Option<Burst>,
    table: InstanceTable,
    /// The last seconds' OK answers.
    trailing: Trailing,
    /// Observations before this second are thinned out.
    thinned_until: u32,
    /// What the session has shown of the capacity of an instance.
    estimate: CapacityEstimate,
    /// The seconds in which arrivals came due while nobody led the fleet.
    unled: BTreeSet<u32>,
}

/// Totals of the whole session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection.
    pub dropped_connections: u64,
    /// Arrivals that the schedule of a fleet made due, whoever was to send them; `None` without a fleet.
    pub planned: Option<u64>,
    /// Arrivals of seconds in which nobody led the fleet: of those nobody knows how many were planned.
    pub unled: u64,
    /// What became of the requests.
    pub outcomes: OutcomeCounts,
    /// Response times of the OK answers.
    pub ok: Latency,
    /// The same without those of seconds in which we were late.
    pub ok_measured: Latency,
    /// Seconds that are left out of those: all that are settled.
    pub late_seconds: u32,
    /// Response times of what failed.
    pub failed: Latency,
    /// Service times of the OK answers (of all in recordings before version 4).
    pub service: Latency,
    /// Service times of what failed.
    pub failed_service: Latency,
    /// Send lag of all.
    pub send_lag: Latency,
    /// Bytes of response bodies.
    pub bytes_in: u64,
    /// What the generator's connections did.
    pub connections: ConnectionTotals,
    /// Why requests failed, in words.
    pub failures: FailureTotals,
}

impl Session {
    pub fn new(header: Header) -> Self {
        let objectives = Objectives::new(header.settings.slo);
        let requests = Requests::new(&header.settings.requests);
        Self {
            header,
            requests,
            now: Elapsed::ZERO,
            rate: (Elapsed::ZERO, RateProfile::PAUSED),
            rates: Vec::new(),
            timeline: Timeline::default(),
            objectives,
            steps: Vec::new(),
            instances: Vec::new(),
            answers_beyond: 0,
            observations: BTreeMap::new(),
            limits: Limits::default(),
            feeds: BTreeMap::new(),
            facts: BTreeMap::new(),
            milestones: Vec::new(),
            marks: Vec::new(),
            log: Vec::new(),
            fleet: None,
            totals: Totals::default(),
            ended: None,
            fold: Fold::default(),
        }
    }

    /// Folds one event in. `at` is the time of the event, for a closed second its end.
    pub fn apply(&mut self, at: Elapsed, event: &SessionEvent) {
        self.now = self.now.max(at);
        match event {
            SessionEvent::Rate(change) => {
                bounded_push(&mut self.rates, (self.now, change.profile, change.cause));
                self.change_rate(self.now, change);
            }
            SessionEvent::Second(second) => self.close_second(second),
            SessionEvent::Observed(seen) => self.observe(seen),
            SessionEvent::Limits(limits) => self.learn_limits(*limits),
            SessionEvent::Feed { source, feed } => self.hear(at, source, feed),
            SessionEvent::Fact(fact) => {
                if self.facts.len() < MAX_NAMES || self.facts.contains_key(&fact.name) {
                    self.facts.insert(fact.name.clone(), fact.clone());
                }
            }
            SessionEvent::Milestone(seen) => {
                if self.milestones.len() >= MAX_MILESTONES {
                    self.milestones.remove(0);
                }
                self.milestones.push(seen.clone());
            }
            SessionEvent::Mark { text } => bounded_push(&mut self.marks, (at, cut(text))),
            SessionEvent::Objective(slo) => self.change_objective(at, slo),
            SessionEvent::Notice(notice) => self.note(at, notice.level, &notice.text),
            SessionEvent::Generator(event) => self.hear_of_generator(at, event),
            SessionEvent::Fleet(state) => self.hear_of_fleet(at, state),
            SessionEvent::Ended { reason } => {
                self.ended = Some(cut(reason));
                self.end_steps();
            }
        }
    }

    /// Percentiles of the OK answers of the whole session so far.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Percentiles::of(&self.totals.ok)
    }

    /// Where the time of a step's first scale-out went, if it had one: see [`waterfall::of`].
    pub fn waterfall(&self, report: &StepReport) -> Option<Waterfall> {
        self.scale_outs(report)?.ok()?.into_iter().next()
    }

    /// Where the time of each of a step's scale-outs went, or why a step up had none.
    pub(crate) fn scale_outs(&self, report: &StepReport) -> Option<Result<Vec<Waterfall>, String>> {
        let births = self.births(&report.step);
        let observed = Observed {
            milestones: &self.milestones,
            counts: &self.observations,
            feeds: &self.feeds,
            limits: self.limits,
            births: &births,
            answered: &self.answered_after_decisions(&report.step),
        };
        waterfall::of(report, self.now, &observed)
    }

    /// How many instances the rate needs now, by Little's law.
    fn needed(&self, rate: ArrivalRate) -> Option<u32> {
        let service = self.fold.trailing.service(self.header.version >= TELLS_LATENESS)?;
        needed(rate, service, self.limits.concurrency?)
    }

    fn close_second(&mut self, second: &Second) {
        if self.timeline.latest().is_some_and(|latest| second.index <= latest.second) {
            let text = format!("second {} came again or out of order; it is not counted", second.index);
            self.note(second.end(), NoticeLevel::Warning, &text);
            return;
        }
        let completed = Completed::of(second);
        let mut row = Row::of(second, &completed);
        for new in self.totals.add(&row, &completed, second) {
            let text = format!("first failure of its kind: {}", failure_in_words(&new));
            self.note(second.end(), NoticeLevel::Warning, &text);
        }
        self.note_unled(second);
        self.tell_protocol(second);
        self.hear_generators(second);
        let (ok, service) = (completed.ok.clone(), completed.service.clone());
        self.fold.trailing.push(second.index, ok, second.send_lag.clone(), service);
        row.responding = self.serve(second);
        row.needed = self.needed(second.target);
        row.step = self.owner(second.index).map(|at| self.steps[at].step.id);
        self.timeline.push(row, &completed, second);
        self.file(second);
        self.file_requests(second);
        self.thin_observations(second.index);
    }

    fn change_objective(&mut self, at: Elapsed, slo: &Slo) {
        let before = *self.objectives.now();
        self.objectives.change(at, self.timeline.latest().map(|row| row.second), *slo);
        self.note(at, NoticeLevel::Info, &format!("objective from now on: {slo} (until now {before})"));
        self.refresh_unfinished();
    }

    fn learn_limits(&mut self, limits: Limits) {
        if limits == self.limits {
            return;
        }
        let was_unknown = self.limits == Limits::default();
        self.limits = limits;
        // Limits that change are those of the steps to come; limits that become known were in force all along.
        let first = if was_unknown { 0 } else { self.fold.unfinished };
        (first..self.steps.len()).for_each(|at| self.refresh(at));
    }

    fn hear(&mut self, at: Elapsed, source: &str, feed: &Feed) {
        let before = self.feeds.get(source);
        if before.is_none() && self.feeds.len() >= MAX_NAMES {
            return;
        }
        let line = match (before, feed) {
            (_, Feed::Waiting) => None,
            (Some(before), now) if discriminant(before) == discriminant(now) => None,
            (None | Some(Feed::Waiting), Feed::Live { .. }) => Some((NoticeLevel::Info, format!("{source} answers"))),
            (_, Feed::Live { .. }) => Some((NoticeLevel::Info, format!("{source} answers again"))),
            (_, Feed::Stale { error, .. } | Feed::Failed { error }) => {
                Some((NoticeLevel::Warning, format!("{source}: {error}")))
            }
        };
        self.feeds.insert(source.to_owned(), feed.clone());
        if let Some((level, text)) = line {
            self.note(at, level, &text);
        }
    }

    fn note(&mut self, at: Elapsed, level: NoticeLevel, text: &str) {
        bounded_push(&mut self.log, (at, Notice { level, text: cut(text) }));
    }
}

impl Totals {
    /// Adds a second, and names the causes of failures that are new.
    fn add(&mut self, row: &Row, completed: &Completed, second: &Second) -> Vec<Failure> {
        self.due = self.due.saturating_add(row.due);
        self.sent = self.sent.saturating_add(row.sent);
        self.planned = planned::sum(self.planned, row.planned);
        self.dropped_cap = self.dropped_cap.saturating_add(row.dropped_cap);
        self.dropped_late = self.dropped_late.saturating_add(row.dropped_late);
        self.dropped_connections = self.dropped_connections.saturating_add(row.dropped_connections);
        self.bytes_in = self.bytes_in.saturating_add(row.bytes_in);
        self.outcomes.merge(&row.outcomes);
        self.ok.merge(&completed.ok);
        self.failed.merge(&completed.failed);
        self.service.merge(&completed.service);
        self.failed_service.merge(&completed.failed_service);
        self.send_lag.merge(&second.send_lag);
        self.connections.add(&second.connections);
        self.failures.add(second)
    }

    /// Response times of everything, OK or not.
    pub(crate) fn all(&self) -> Latency {
        let mut all = self.ok.clone();
        all.merge(&self.failed);
        all
    }

    /// Arrivals that the schedule of a fleet made due and that none of its generators reported (so far); `None` without a fleet.
    pub const fn unreported(&self) -> Option<u64> {
        planned::unreported(self.planned, self.due.saturating_sub(self.unled))
    }

    /// How many arrivals nobody reported, as a list of counts ends: `; 91 unreported`. Empty where all are, and without a fleet.
    pub(crate) fn unreported_in_words(&self) -> String {
        match self.unreported() {
            None | Some(0) => String::new(),
            Some(unreported) => format!("; {} unreported", thousands(unreported)),
        }
    }

    /// Arrivals that were not sent, for whatever reason of ours.
    pub const fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_late + self.dropped_connections
    }
}

/// Adds at the end; the oldest tenth makes room.
fn bounded_push<T>(list: &mut Vec<T>, item: T) {
    if list.len() >= MAX_LINES {
        list.drain(..MAX_LINES / 10);
    }
    list.push(item);
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests;
