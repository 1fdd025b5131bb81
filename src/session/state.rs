//! What is known of a session: the fold of its events.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::analysis::StepReport;
use crate::instances::{Basis, Feed, InstanceObservation, Limits};
use crate::load::rate::RateProfile;
use crate::load::sample::OutcomeCounts;
use crate::record::latency::Latency;
use crate::record::second::Second;
use crate::session::event::{Fact, Header, Notice, RateCause, RateChange, SessionEvent};
use crate::session::state::instances::InstanceTable;
use crate::session::state::steps::StepBook;
use crate::timeline::{Percentiles, Row, Timeline};
use crate::units::{ArrivalRate, Elapsed, InstanceId};

mod instances;
mod steps;

pub use instances::MOST_TRACKS;
pub use steps::MERGE_WITHIN;

/// Counts that are kept for each basis: two hours of seconds.
const MOST_OBSERVATIONS: usize = 7_200;

/// Lines of the log that are kept; the recording has all of them.
const LONGEST_LOG: usize = 1_000;

/// Marks that are kept.
const MOST_MARKS: usize = 10_000;

/// Seconds over which the pace of answers is taken, for Little's law.
const PACE_SECS: usize = 5;

/// What is known of a session. Changed by [`Session::apply`] only; it can be cloned and compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// What was measured, and how.
    pub header: Header,
    /// The time of the last event.
    pub now: Elapsed,
    /// The rate in force, and its anchor.
    pub rate: (Elapsed, RateProfile),
    /// Rows and cohorts.
    pub timeline: Timeline,
    /// Every step so far, the open one last.
    pub steps: Vec<StepReport>,
    /// Every instance seen in answers, in the order of their first.
    pub instances: Vec<InstanceTrack>,
    /// Counts by basis, ascending in `as_of`; a later observation of the same moment replaces the earlier.
    pub observations: BTreeMap<Basis, Vec<InstanceObservation>>,
    /// The platform's scaling limits.
    pub limits: Limits,
    /// The state of each source, by name.
    pub feeds: BTreeMap<String, Feed>,
    /// What the platform says of the service, by name.
    pub facts: BTreeMap<String, Fact>,
    /// Marks, ascending in time.
    pub marks: Vec<(Elapsed, String)>,
    /// The log, oldest first, bounded.
    pub log: Vec<(Elapsed, Notice)>,
    /// Totals of the whole session.
    pub totals: Totals,
    /// Why the session ended.
    pub ended: Option<String>,
    table: InstanceTable,
    book: StepBook,
    /// Response times of the OK answers of the last seconds.
    pace: VecDeque<Latency>,
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
    /// What became of the requests.
    pub outcomes: OutcomeCounts,
    /// Response times of all.
    pub response: Latency,
    /// Service times of all.
    pub service: Latency,
    /// Send lag of all.
    pub send_lag: Latency,
    /// Bytes of response bodies.
    pub bytes_in: u64,
}

/// One instance as its answers show it.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceTrack {
    /// Its id.
    pub id: InstanceId,
    /// When its first OK answer's request was intended; `None` while it has only failed.
    pub first_ok: Option<Elapsed>,
    /// The start of the first second it answered in.
    pub first: Elapsed,
    /// The end of the last second it answered in.
    pub last: Elapsed,
    /// Its answers.
    pub requests: u64,
    /// How many were OK.
    pub ok: u64,
    /// Response times of all its answers.
    pub response: Latency,
    /// By how much its first answers were slower than its later ones (`None` until there are enough of both).
    pub cold_start: Option<Duration>,
    /// The last minutes, one entry a second in which it answered: for its lane.
    pub recent: VecDeque<InstanceSecond>,
}

/// What an instance answered in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceSecond {
    /// The second.
    pub second: u32,
    /// Its answers.
    pub requests: u64,
    /// How many were OK.
    pub ok: u64,
    /// p99 of their response times.
    pub p99: Option<Duration>,
}

impl Session {
    /// Nothing yet.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            now: Elapsed::ZERO,
            rate: (Elapsed::ZERO, RateProfile::PAUSED),
            timeline: Timeline::default(),
            steps: Vec::new(),
            instances: Vec::new(),
            observations: BTreeMap::new(),
            limits: Limits::default(),
            feeds: BTreeMap::new(),
            facts: BTreeMap::new(),
            marks: Vec::new(),
            log: Vec::new(),
            totals: Totals::default(),
            ended: None,
            table: InstanceTable::default(),
            book: StepBook::default(),
            pace: VecDeque::new(),
        }
    }

    /// Folds one event in.
    pub fn apply(&mut self, at: Elapsed, event: &SessionEvent) {
        self.now = self.now.max(at);
        match event {
            SessionEvent::Rate(change) => self.change_rate(at, change),
            SessionEvent::Second(second) => self.file(second),
            SessionEvent::Observed(seen) => self.observe(*seen),
            SessionEvent::Limits(limits) => self.limits = *limits,
            SessionEvent::Feed { source, feed } => {
                self.feeds.insert(source.clone(), feed.clone());
            }
            SessionEvent::Fact(fact) => {
                self.facts.insert(fact.name.clone(), fact.clone());
            }
            SessionEvent::Mark { text } => {
                if self.marks.len() < MOST_MARKS {
                    self.marks.push((at, text.clone()));
                }
            }
            SessionEvent::Notice(notice) => {
                if self.log.len() >= LONGEST_LOG {
                    self.log.remove(0);
                }
                self.log.push((at, notice.clone()));
            }
            SessionEvent::Ended { reason } => {
                self.ended = Some(reason.clone());
                steps::close(&mut self.steps, at);
                self.report_steps();
            }
        }
    }

    /// The arrival rate in force at `at`.
    pub fn rate_at(&self, at: Elapsed) -> ArrivalRate {
        self.rate.1.rate_after(at.saturating_since(self.rate.0))
    }

    fn change_rate(&mut self, at: Elapsed, change: &RateChange) {
        if change.cause == RateCause::Stop {
            self.rate = (at, change.profile);
            steps::close(&mut self.steps, at);
            return self.report_steps();
        }
        let mut book = std::mem::take(&mut self.book);
        if let Some(report) = book.change(self, at, change) {
            match self.steps.last_mut().filter(|last| last.step.id == report.step.id) {
                Some(last) => *last = report,
                None => {
                    steps::close(&mut self.steps, at);
                    self.steps.push(report);
                }
            }
        }
        self.rate = (at, change.profile);
        book.report(self);
        self.book = book;
    }

    fn file(&mut self, second: &Second) {
        let total = second.total();
        let response = total.response();
        let totals = &mut self.totals;
        totals.due += total.due;
        totals.sent += total.sent;
        totals.dropped_cap += total.dropped_cap;
        totals.dropped_late += total.dropped_late;
        totals.outcomes.merge(&total.outcomes);
        totals.response.merge(&response);
        totals.service.merge(&total.service);
        totals.send_lag.merge(&second.send_lag);
        totals.bytes_in += second.bytes_in;

        self.table.file(second, &mut self.instances);
        let responding = self.table.responding();
        if let Some(count) = responding {
            let uncertainty = Duration::ZERO;
            let (basis, as_of) = (Basis::Responding, second.start());
            self.observe(InstanceObservation { basis, count, as_of, uncertainty, provisional: false });
        }
        self.pace.push_back(total.ok);
        if self.pace.len() > PACE_SECS {
            self.pace.pop_front();
        }
        let row = Row {
            second: second.index,
            span: 1,
            target: second.target,
            due: total.due,
            sent: total.sent,
            outcomes: total.outcomes,
            dropped_cap: total.dropped_cap,
            dropped_late: total.dropped_late,
            in_flight: second.in_flight,
            oldest_in_flight: second.oldest_in_flight,
            response: Percentiles::of(&response),
            service_p99: total.service.quantile(0.99),
            service_p50: total.service.quantile(0.5),
            send_lag_p99: second.send_lag.quantile(0.99),
            bytes_in: second.bytes_in,
            responding,
            needed: self.needed(second.target),
            step: self.steps.iter().rev().find(|r| r.step.first_second() <= second.index).map(|r| r.step.id),
            generator: second.generator,
        };
        self.timeline.push_row(row.clone());
        self.timeline.push_heat(second.index, &response);
        let (slo, timeout) = (self.header.settings.slo, self.header.settings.timeout);
        self.timeline.push_cohorts(second, &slo, timeout);
        let mut book = std::mem::take(&mut self.book);
        book.file(second, &row, self);
        self.book = book;
    }

    /// ⌈rate × time ÷ concurrency⌉ (Little's law): the time an answer takes is the median of the OK answers of the last
    /// five seconds; refusals, which are quick, do not count.
    fn needed(&self, rate: ArrivalRate) -> Option<u32> {
        let concurrency = self.limits.concurrency.filter(|concurrency| *concurrency > 0)?;
        let mut recent = Latency::new();
        self.pace.iter().for_each(|second| recent.merge(second));
        let busy = f64::from(rate.get()) * recent.quantile(0.5)?.as_secs_f64() / f64::from(concurrency);
        // A hair above a whole number is the histogram's resolution (0.1 %), not an instance.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is not negative")]
        let needed = (busy * 0.999).ceil() as u32;
        Some(needed)
    }

    /// Keeps counts ascending in time; a later observation of the same moment replaces the earlier one.
    fn observe(&mut self, seen: InstanceObservation) {
        let counts = self.observations.entry(seen.basis).or_default();
        let at = counts.partition_point(|known| known.as_of < seen.as_of);
        match counts.get_mut(at).filter(|known| known.as_of == seen.as_of) {
            Some(known) => *known = seen,
            None => counts.insert(at, seen),
        }
        if counts.len() > MOST_OBSERVATIONS {
            thin_observations(counts);
        }
    }

    fn report_steps(&mut self) {
        let mut book = std::mem::take(&mut self.book);
        book.report(self);
        self.book = book;
    }

    /// Percentiles of the whole session so far.
    pub fn percentiles(&self) -> Option<Percentiles> {
        Percentiles::of(&self.totals.response)
    }
}

/// Of the older half of `counts`, only changes are kept: a count holds until the next one.
fn thin_observations(counts: &mut Vec<InstanceObservation>) {
    let half = counts.len() / 2;
    let (mut at, mut last) = (0, None);
    counts.retain(|seen| {
        let keep = at >= half || last != Some(seen.count);
        (at, last) = (at + 1, Some(seen.count));
        keep
    });
    // Even if every count differs, memory stays bounded: the oldest go.
    let excess = counts.len().saturating_sub(MOST_OBSERVATIONS * 3 / 4);
    counts.drain(..excess);
}

#[cfg(test)]
mod tests;
