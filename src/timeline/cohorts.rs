//! Requests by the second they were intended in, followed until every one is answered.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::slo::Slo;
use crate::timeline::objective::{self, Judgement, SecondJudged, certain_after};
use crate::timeline::{KEPT_SECS, Objectives, Percentiles, THINNED_SPAN, planned};
use scaletop_load::CohortPart;
use scaletop_load::Latency;
use scaletop_load::{OutcomeClass, OutcomeCounts, OutcomeKind};
use scaletop_units::{ArrivalRate, Elapsed};

/// What is kept of one second of arrivals, by the second they were intended in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cohort {
    /// The second, or the first of the minute that was thinned out.
    pub second: u32,
    /// How many seconds it covers: 1 for the recent past, 60 for what was thinned out since.
    pub span: u32,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals that the schedule of a fleet makes due, whoever is to send them; `None` without a fleet.
    pub planned: Option<u64>,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// Arrivals refused at the in-flight cap.
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late.
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection.
    pub dropped_connections: u64,
    /// What became of the requests so far.
    pub outcomes: OutcomeCounts,
    /// Response times of the OK answers so far.
    pub ok: Option<Percentiles>,
    /// Response times of what failed so far.
    pub failed: Option<Percentiles>,
    /// p99 of the service time of the OK answers.
    pub service_p99: Option<Duration>,
    /// OK answers slower than the objective.
    pub slow: u64,
    /// Those of them that were slower by more than the longest lag: they would have been slow without it, too.
    pub slow_anyway: u64,
    /// Whether the objective was missed in it whatever our lag did: then it is measured, and bad.
    pub(crate) missed_anyway: bool,
    /// Arrivals that we turned to late, or gave up because of that.
    pub late: u64,
    /// By how much, at most.
    pub longest_lag: Duration,
    /// Whether the objective held over the trailing window. A thinned minute is bad when any of its seconds was.
    pub judged: SecondJudged,
    /// Whether every request is answered or timed out, so that nothing changes any more. (An answer that comes even
    /// later than that is still counted, so that sums stay exact; percentiles stay as they are.)
    pub is_final: bool,
}

impl Cohort {
    /// Nothing yet of one second of arrivals.
    pub fn new(second: u32) -> Self {
        Self { second, span: 1, ..Self::default() }
    }

    /// Arrivals that the schedule of a fleet makes due and that nobody reported (so far); `None` without a fleet.
    pub const fn unreported(&self) -> Option<u64> {
        planned::unreported(self.planned, self.due)
    }

    /// Arrivals that we did not send for a reason of ours: given up, or failed before they left.
    pub(crate) fn unsent(&self) -> u64 {
        let given_up = self.dropped_late.saturating_add(self.dropped_connections);
        given_up.saturating_add(self.outcomes.of_class(OutcomeClass::Generator))
    }

    /// Requests without an answer.
    pub fn pending(&self) -> u64 {
        self.sent.saturating_sub(self.outcomes.total())
    }

    /// Arrivals that are neither sent nor given up yet.
    pub(crate) fn waiting(&self) -> u64 {
        let given_up = [self.dropped_cap, self.dropped_late, self.dropped_connections];
        given_up.into_iter().fold(self.due.saturating_sub(self.sent), u64::saturating_sub)
    }

    /// Whether we were too late for its latencies to be the service's. Of a second that would have been bad without our lag,
    /// too, they are the service's, late or not.
    pub fn is_late(&self) -> bool {
        !self.missed_anyway && self.may_be_late()
    }

    /// The same as long as answers are missing that may show that it would have been bad without our lag, too, or that it
    /// would not.
    pub(crate) fn may_be_late(&self) -> bool {
        objective::is_late(self.late, self.due) && objective::matters(self.longest_lag, self.ok)
    }

    fn count(&mut self, part: &CohortPart, slo: &Slo) {
        self.due = self.due.saturating_add(part.due);
        self.planned = planned::sum(self.planned, part.planned);
        self.sent = self.sent.saturating_add(part.sent);
        self.dropped_cap = self.dropped_cap.saturating_add(part.dropped_cap);
        self.dropped_late = self.dropped_late.saturating_add(part.dropped_late);
        self.dropped_connections = self.dropped_connections.saturating_add(part.dropped_connections);
        self.outcomes.merge(&part.outcomes);
        self.slow = self.slow.saturating_add(part.ok.count_above(slo.latency));
        self.late = self.late.saturating_add(part.late);
        self.longest_lag = self.longest_lag.max(part.longest_lag);
    }

    /// OK answers slower than the objective that may have been so because we were late.
    pub(crate) fn slow_because_late(&self, slo: &Slo) -> u64 {
        let through_us = self.slow.saturating_sub(self.slow_anyway);
        if objective::could_miss(self.longest_lag, slo) { self.late.min(through_us) } else { 0 }
    }

    /// Finds out what would have been bad without our lag, too: no answer is later than its lag and what the service took.
    fn weigh(&mut self, ok: &Latency, slo: &Slo) {
        self.slow_anyway = ok.count_above(slo.latency.saturating_add(self.longest_lag)).max(
            // Those that were not late are what they are.
            self.slow.saturating_sub(self.late),
        );
        let kind = |class| self.outcomes.of_class(class);
        let lost = kind(OutcomeClass::Application)
            + (kind(OutcomeClass::Capacity) + self.dropped_cap).saturating_sub(self.late);
        let answered = self.outcomes.get(OutcomeKind::Ok);
        self.missed_anyway = objective::missed_anyway(slo, self.due, answered, self.slow_anyway, lost);
    }

    fn show(&mut self, summary: &Summary) {
        (self.ok, self.failed, self.service_p99) = (summary.ok, summary.failed, summary.service_p99);
    }

    fn absorb(&mut self, later: &Self) {
        self.span = self.span.saturating_add(later.span);
        self.due = self.due.saturating_add(later.due);
        self.planned = planned::sum(self.planned, later.planned);
        self.sent = self.sent.saturating_add(later.sent);
        self.dropped_cap = self.dropped_cap.saturating_add(later.dropped_cap);
        self.dropped_late = self.dropped_late.saturating_add(later.dropped_late);
        self.dropped_connections = self.dropped_connections.saturating_add(later.dropped_connections);
        self.outcomes.merge(&later.outcomes);
        self.slow = self.slow.saturating_add(later.slow);
        self.slow_anyway = self.slow_anyway.saturating_add(later.slow_anyway);
        self.missed_anyway &= later.missed_anyway;
        self.late = self.late.saturating_add(later.late);
        self.longest_lag = self.longest_lag.max(later.longest_lag);
        self.judged = self.judged.max(later.judged);
    }
}

/// Histograms that answers may still be added to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Spread {
    ok: Latency,
    failed: Latency,
    service: Latency,
}

impl Spread {
    fn merge(&mut self, other: &Self) {
        self.ok.merge(&other.ok);
        self.failed.merge(&other.failed);
        self.service.merge(&other.service);
    }

    fn summary(&self) -> Summary {
        Summary {
            ok: Percentiles::of(&self.ok),
            failed: Percentiles::of(&self.failed),
            service_p99: self.service.quantile(0.99),
        }
    }
}

/// What stays of histograms.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Summary {
    ok: Option<Percentiles>,
    failed: Option<Percentiles>,
    service_p99: Option<Duration>,
}

/// The settled cohorts of `[from, until)`, which are neighbours and of one minute, with their histograms merged.
#[derive(Clone, Debug, Default, PartialEq)]
struct MinuteOfCohorts {
    from: u32,
    until: u32,
    spread: Spread,
}

/// A minute whose cohorts are all settled: it replaces them in the list when they are old.
#[derive(Clone, Debug, PartialEq)]
struct SettledMinute {
    from: u32,
    until: u32,
    summary: Summary,
}

/// At most this many seconds keep their histograms, however long the timeout; older ones are settled early.
const MAX_UNSETTLED: usize = 600;

/// All cohorts, ascending. A cohort is *settled* once it and all before it are final: it has been judged, and its histograms
/// are merged into its minute's. Those after the last settled one keep their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cohorts {
    list: VecDeque<Cohort>,
    /// Histograms of the unsettled ones, by second.
    spreads: BTreeMap<u32, Spread>,
    /// Every cohort before this second is settled.
    settled_before: u32,
    /// The minute of the last settled cohort, and the complete minutes before it that are not old enough to be thinned out.
    minute: Option<Box<MinuteOfCohorts>>,
    minutes: VecDeque<SettledMinute>,
}

impl Cohorts {
    /// Every cohort, ascending.
    pub(crate) const fn list(&self) -> &VecDeque<Cohort> {
        &self.list
    }

    /// The cohorts from the first unsettled one on.
    pub(crate) fn unsettled(&self) -> impl DoubleEndedIterator<Item = &Cohort> {
        self.list.range(self.first_at(self.settled_before)..)
    }

    /// The cohort of a second that is still kept second by second.
    pub(crate) fn get(&self, second: u32) -> Option<&Cohort> {
        self.list.get(self.first_at(second)).filter(|cohort| cohort.second == second && cohort.span == 1)
    }

    /// The cohorts of `[from, until)`.
    pub(crate) fn between(&self, from: u32, until: u32) -> impl Iterator<Item = &Cohort> {
        let first = self.first_at(from);
        self.list.range(first..self.first_at(until).max(first))
    }

    /// Everything before this second is settled: final, judged, and no longer kept as a histogram.
    pub(crate) const fn settled_before(&self) -> u32 {
        self.settled_before
    }

    /// Files what a second (`closed`) holds of the requests intended in this or an earlier one.
    pub(crate) fn file(&mut self, closed: u32, parts: &[CohortPart], objectives: &Objectives) {
        self.at(closed);
        for part in parts {
            // An arrival cannot be intended after it was filed; a damaged recording may say so.
            let second = part.intended.min(closed);
            if closed - second > KEPT_SECS {
                continue; // Older than any timeout: in the totals, but of no cohort any more.
            }
            let at = self.at(second);
            let cohort = &mut self.list[at];
            cohort.count(part, objectives.at(second));
            if second < self.settled_before {
                continue; // Later than it could be: counted, but its percentiles stand.
            }
            let spread = self.spreads.entry(second).or_default();
            spread.ok.merge(&part.ok);
            spread.failed.merge(&part.failed);
            spread.service.merge(&part.service);
            cohort.show(&spread.summary());
            cohort.weigh(&spread.ok, objectives.at(second));
        }
    }

    /// Judges again every cohort that is not settled, now that second `closed` has closed. Settles those that cannot change
    /// any more, and returns their seconds. `expected` is the rate in force: a cohort without arrivals may still get some
    /// when arrivals were expected.
    pub(crate) fn settle(
        &mut self,
        closed: u32,
        expected: ArrivalRate,
        objectives: &Objectives,
        timeout: Duration,
    ) -> Vec<u32> {
        let now = Elapsed::from_secs(u64::from(closed) + 1);
        let certain = certain_after(timeout);
        let first = self.first_at(self.settled_before);
        let beyond = self.list.len().saturating_sub(MAX_UNSETTLED);
        let mut is_final = true;
        for at in first..self.list.len() {
            let cohort = &mut self.list[at];
            let age = closed.saturating_sub(cohort.second);
            let may_come =
                (cohort.due == 0 && !expected.is_paused()) || cohort.unreported().is_some_and(|missing| missing > 0);
            // A cohort is judged together with those just before it: it is final only when they are.
            is_final &= age >= certain || at < beyond || (age >= 2 && cohort.pending() == 0 && !may_come);
            cohort.is_final = is_final;
            self.judge(at, now, objectives);
        }
        let mut settled = Vec::new();
        for at in first..self.list.len() {
            if !self.list[at].is_final {
                break;
            }
            settled.push(self.list[at].second);
            self.settled_before = self.list[at].second.saturating_add(1);
            self.retire(at);
        }
        self.thin(closed);
        settled
    }

    /// Settles every cohort, because the session has ended. Returns the seconds of those that were not settled before.
    pub(crate) fn settle_all(&mut self, now: Elapsed, objectives: &Objectives) -> Vec<u32> {
        let first = self.first_at(self.settled_before);
        let mut settled = Vec::new();
        for at in first..self.list.len() {
            self.list[at].is_final = true;
            self.judge(at, now, objectives);
            settled.push(self.list[at].second);
            self.settled_before = self.list[at].second.saturating_add(1);
            self.retire(at);
        }
        settled
    }

    fn judge(&mut self, at: usize, now: Elapsed, objectives: &Objectives) {
        let second = self.list[at].second;
        let (slo, earliest) = (objectives.at(second), objectives.window_from(second));
        let mut judgement = Judgement::default();
        let window = self.list.range(..=at).rev().take_while(|cohort| cohort.second >= earliest);
        window.for_each(|cohort| judgement.add(cohort, now, slo));
        self.list[at].judged = judgement.verdict(slo);
    }

    /// Merges a settled cohort's histograms into its minute's.
    fn retire(&mut self, at: usize) {
        let second = self.list[at].second;
        let continues = |minute: &MinuteOfCohorts| second == minute.until && !second.is_multiple_of(THINNED_SPAN);
        if let Some(minute) = self.minute.take_if(|minute| !continues(minute)) {
            let summary = minute.spread.summary();
            self.minutes.push_back(SettledMinute { from: minute.from, until: minute.until, summary });
        }
        let minute =
            self.minute.get_or_insert_with(|| Box::new(MinuteOfCohorts { from: second, ..MinuteOfCohorts::default() }));
        minute.until = second.saturating_add(1);
        if let Some(spread) = self.spreads.remove(&second) {
            minute.spread.merge(&spread);
        }
    }

    fn thin(&mut self, closed: u32) {
        while let Some(minute) = self.minutes.pop_front_if(|minute| closed.saturating_sub(minute.until) >= KEPT_SECS) {
            let (first, end) = (self.first_at(minute.from), self.first_at(minute.until));
            let mut thinned = Cohort { span: 0, is_final: true, missed_anyway: true, ..Cohort::new(minute.from) };
            self.list.drain(first..end).for_each(|cohort| thinned.absorb(&cohort));
            thinned.show(&minute.summary);
            self.list.insert(first, thinned);
        }
    }

    fn first_at(&self, second: u32) -> usize {
        self.list.partition_point(|cohort| cohort.second < second)
    }

    /// Where the cohort of a second is, made when it is not there yet; the thinned minute when it is that old.
    fn at(&mut self, second: u32) -> usize {
        let at = self.first_at(second);
        if self.list.get(at).is_some_and(|cohort| cohort.second == second) {
            return at;
        }
        if at > 0 && second - self.list[at - 1].second < self.list[at - 1].span {
            return at - 1;
        }
        let is_final = second < self.settled_before;
        self.list.insert(at, Cohort { is_final, ..Cohort::new(second) });
        at
    }
}
