//! Several requests, told apart by name: each over the whole session, and over the last seconds.

use std::collections::{BTreeMap, VecDeque};

use crate::analysis::StepNumbers;
use crate::analysis::gathered::Measuring;
use crate::session::state::Session;
use crate::text::thousands;
use scaletop_load::{Latency, OutcomeCounts, OutcomeKind, RequestName, RequestPart, Second};

/// How many seconds are *now*: long enough for a p99 of what is seldom sent.
pub(crate) const RECENT_SECS: u32 = 10;

/// What is known of several requests; empty where there is only one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Requests {
    /// In the order in which they were written, then those that no header names.
    all: Vec<RequestTotals>,
    /// The parts of the last seconds, oldest first.
    recent: VecDeque<(u32, Vec<RequestPart>)>,
    /// Response times of the OK answers of seconds in which we were late so far, until it is known whether they count.
    held: BTreeMap<u32, Vec<(RequestName, Latency)>>,
}

/// One of several requests over the whole session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestTotals {
    pub name: RequestName,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Arrivals that were not sent, for whatever reason of ours.
    pub dropped: u64,
    pub outcomes: OutcomeCounts,
    /// Response times of the OK answers.
    pub ok: Latency,
    /// The same without those of seconds in which we were late.
    pub ok_measured: Latency,
    /// Response times of what failed.
    pub failed: Latency,
}

/// What one of several requests did in the last seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RecentRequest {
    /// Arrivals a second.
    pub rate: f64,
    pub outcomes: OutcomeCounts,
    /// Response times of the OK answers.
    pub ok: Latency,
}

impl RequestTotals {
    fn new(name: RequestName) -> Self {
        let (due, sent, dropped) = (0, 0, 0);
        let (ok, ok_measured, failed) = (Latency::new(), Latency::new(), Latency::new());
        Self { name, due, sent, dropped, outcomes: OutcomeCounts::default(), ok, ok_measured, failed }
    }

    /// Completed requests that were not OK, as a share of all that completed; `None` when none did.
    pub(crate) fn errors(&self) -> Option<f64> {
        errors(&self.outcomes)
    }

    /// Response times of everything, OK or not.
    pub(crate) fn every_answer(&self) -> Latency {
        let mut all = self.ok.clone();
        all.merge(&self.failed);
        all
    }

    /// The numbers that a step has, as far as one of several requests has the same.
    pub(crate) fn numbers(&self) -> StepNumbers {
        StepNumbers {
            due: self.due,
            sent: self.sent,
            ok: self.outcomes.get(OutcomeKind::Ok),
            not_judged: self.none_ok(),
            lost: crate::timeline::objective::lost(&self.outcomes, self.dropped),
            outcomes: self.outcomes,
            dropped_cap: self.dropped,
            p99: self.ok_measured.quantile(0.99),
            failed_p99: self.failed.quantile(0.99),
            all_p99: self.every_answer().quantile(0.99),
            ..StepNumbers::default()
        }
    }

    /// That not one was answered as expected.
    pub(crate) fn none_ok(&self) -> Option<String> {
        let all = self.outcomes.total();
        let is_so = all > 0 && self.outcomes.get(OutcomeKind::Ok) == 0;
        is_so.then(|| format!("not one of {} requests {} was answered as expected", thousands(all), self.name))
    }
}

impl RecentRequest {
    /// As [`RequestTotals::errors`].
    pub(crate) fn errors(&self) -> Option<f64> {
        errors(&self.outcomes)
    }
}

fn errors(outcomes: &OutcomeCounts) -> Option<f64> {
    let all = outcomes.total();
    (all > 0).then(|| (all - outcomes.get(OutcomeKind::Ok)) as f64 / all as f64)
}

impl Requests {
    pub(super) fn new(names: &[RequestName]) -> Self {
        Self { all: names.iter().cloned().map(RequestTotals::new).collect(), ..Self::default() }
    }

    /// Each over the whole session, in the order in which they were written.
    pub(crate) fn all(&self) -> &[RequestTotals] {
        &self.all
    }

    /// The one of this name.
    pub(crate) fn of(&self, name: &str) -> Option<&RequestTotals> {
        self.all.iter().find(|request| request.name.as_str() == name)
    }

    /// What the request of this name did in the last [`RECENT_SECS`] seconds.
    pub(crate) fn recent(&self, name: &RequestName) -> RecentRequest {
        let mut recent = RecentRequest::default();
        let mut due = 0;
        for part in self.recent.iter().flat_map(|(_, parts)| parts).filter(|part| part.name == *name) {
            due += part.due;
            recent.outcomes.merge(&part.outcomes);
            recent.ok.merge(&part.ok);
        }
        let seconds = self.recent.back().zip(self.recent.front()).map_or(1, |((last, _), (first, _))| last - first + 1);
        recent.rate = due as f64 / f64::from(seconds);
        recent
    }

    fn of_mut(&mut self, name: &RequestName) -> Option<&mut RequestTotals> {
        let at = match self.all.iter().position(|request| request.name == *name) {
            Some(at) => at,
            // More than a header may name: a recording that somebody wrote otherwise.
            None if self.all.len() >= crate::session::state::MAX_NAMES => return None,
            None => {
                self.all.push(RequestTotals::new(name.clone()));
                self.all.len() - 1
            }
        };
        self.all.get_mut(at)
    }

    /// Adds a second.
    fn add(&mut self, second: &Second) {
        for part in &second.requests {
            let Some(request) = self.of_mut(&part.name) else { continue };
            request.due = request.due.saturating_add(part.due);
            request.sent = request.sent.saturating_add(part.sent);
            request.dropped = request.dropped.saturating_add(part.dropped);
            request.outcomes.merge(&part.outcomes);
            request.ok.merge(&part.ok);
            request.failed.merge(&part.failed);
        }
        let oldest = second.index.saturating_sub(RECENT_SECS - 1);
        self.recent.retain(|&(index, _)| index >= oldest);
        self.recent.push_back((second.index, second.requests.clone()));
    }

    /// Counts the OK answers of `part` among those that are measured.
    fn count(&mut self, name: &RequestName, ok: &Latency) {
        if let Some(request) = self.of_mut(name) {
            request.ok_measured.merge(ok);
        }
    }
}

impl Session {
    /// What is known of several requests.
    pub(crate) const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Files a closed second under its requests. The cohorts have it already.
    pub(super) fn file_requests(&mut self, second: &Second) {
        if second.requests.is_empty() && self.requests.all.is_empty() {
            return;
        }
        self.requests.add(second);
        for part in &second.requests {
            match self.measuring(part.intended.min(second.index)) {
                Measuring::Counts => self.requests.count(&part.name, &part.ok),
                Measuring::Open => {
                    let held = self.requests.held.entry(part.intended).or_default();
                    held.push((part.name.clone(), part.ok.clone()));
                }
                Measuring::LeftOut => {}
            }
        }
    }

    /// It is known by now whether we were too late in `second`.
    pub(super) fn settle_requests(&mut self, second: u32, was_late: bool) {
        let held = self.requests.held.remove(&second).unwrap_or_default();
        for (name, ok) in held.into_iter().filter(|_| !was_late) {
            self.requests.count(&name, &ok);
        }
    }
}
