//! What is gathered for a step while something can still be added to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::analysis::Step;
use crate::analysis::recovery::Recovery;
use crate::analysis::validity;
use crate::session::state::Session;
use crate::session::state::instance_table::InstanceTable;
use scaletop_load::Latency;
use scaletop_load::{CohortPart, Second};
use scaletop_load::{OutcomeCounts, OutcomeKind};
use scaletop_units::Elapsed;

/// An instance is new when it has not answered for this long before the step.
pub(super) const UNSEEN_FOR: Duration = Duration::from_mins(1);

/// What is gathered for one step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StepWork {
    pub(super) first_second: u32,
    pub(super) counts: Counts,
    /// The seconds that are settled.
    pub(super) recovery: Recovery,
    /// The highest p99 among them.
    pub(super) peak_p99: Option<Duration>,
    /// Whether the objective was missed just before; `None` until that is settled.
    pub(super) violated_before: Option<bool>,
    /// OK answers a second just before; `None` until that is settled.
    pub(super) ok_before: Option<f64>,
    /// Whether no instance had answered in the minute before.
    pub(super) was_idle: bool,
    /// What costs memory: let go of when the step is finished.
    pub(super) tally: Option<Box<Tally>>,
}

/// Counts by the second requests were intended in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) dropped_cap: u64,
    pub(super) dropped_late: u64,
    pub(super) outcomes: OutcomeCounts,
    pub(super) slow: u64,
}

/// What costs memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) ok: Latency,
    pub(super) response: Latency,
    pub(super) send_lag: Latency,
    /// Who had answered OK in the minute before, by track.
    pub(super) seen_before: BTreeSet<u32>,
    /// The first intended instant that each instance answered OK.
    pub(super) first_ok: BTreeMap<u32, Elapsed>,
    /// Answers by instance.
    pub(super) requests: BTreeMap<u32, u64>,
    pub(super) busy_seconds: u32,
    pub(super) seconds: u32,
}

impl StepWork {
    pub(super) fn new(step: &Step, first_second: u32, table: &InstanceTable) -> Self {
        let seen_before: BTreeSet<u32> = table.seen_since(step.start - UNSEEN_FOR, step.start).collect();
        Self {
            first_second,
            counts: Counts::default(),
            recovery: Recovery::default(),
            peak_p99: None,
            violated_before: None,
            ok_before: None,
            was_idle: seen_before.is_empty(),
            tally: Some(Box::new(Tally { seen_before, ..Tally::default() })),
        }
    }

    fn add(&mut self, part: &CohortPart, bound: Duration) {
        let counts = &mut self.counts;
        counts.due = counts.due.saturating_add(part.due);
        counts.sent = counts.sent.saturating_add(part.sent);
        counts.dropped_cap = counts.dropped_cap.saturating_add(part.dropped_cap);
        counts.dropped_late = counts.dropped_late.saturating_add(part.dropped_late);
        counts.slow = counts.slow.saturating_add(part.ok.count_above(bound));
        counts.outcomes.merge(&part.outcomes);
        if let Some(tally) = &mut self.tally {
            tally.ok.merge(&part.ok);
            tally.response.merge(&part.ok);
            tally.response.merge(&part.failed);
        }
    }
}

impl Session {
    /// Files a closed second under the steps that its requests were intended in, and brings their numbers up to date.
    pub(super) fn file(&mut self, second: &Second) {
        let (slo, timeout) = (self.header.settings.slo, self.header.settings.timeout);
        let mut late = Vec::new();
        for part in &second.parts {
            if let Some(at) = self.owner(part.intended.min(second.index)) {
                self.fold.works[at].add(part, slo.latency);
                if at < self.fold.unfinished {
                    late.push(at);
                }
            }
        }
        self.file_service(second);
        let cohorts = self.timeline.cohorts_mut();
        cohorts.file(second.index, &second.parts, &slo);
        let settled = cohorts.settle(second.index, second.target, &slo, timeout);
        self.absorb_settled(&settled);
        late.dedup();
        for at in late {
            self.refresh(at);
        }
        (self.fold.unfinished..self.steps.len()).for_each(|at| self.refresh(at));
        self.finish_steps();
    }

    /// What belongs to the second something happened in: the generator's health, and who answered.
    fn file_service(&mut self, second: &Second) {
        let Some(owner) = self.owner(second.index) else { return };
        let answered = self.answered_now().to_vec();
        if let Some(tally) = &mut self.fold.works[owner].tally {
            tally.seconds += 1;
            tally.busy_seconds += u32::from(validity::is_busy(&second.generator));
            tally.send_lag.merge(&second.send_lag);
            for (instance, requests) in answered {
                let sum = tally.requests.entry(instance).or_default();
                *sum = sum.saturating_add(requests);
            }
        }
        for served in &second.served {
            let (Some(intended), Some(instance)) = (served.first_ok_intended, self.track_of(&served.id)) else {
                continue;
            };
            for at in self.fold.unfinished..self.steps.len() {
                let (step, Some(tally)) = (&self.steps[at].step, &mut self.fold.works[at].tally) else { continue };
                if intended >= step.start {
                    if step.end.is_none_or(|end| intended < end) {
                        let first = tally.first_ok.entry(instance).or_insert(intended);
                        *first = intended.min(*first);
                    }
                } else if intended >= step.start - UNSEEN_FOR {
                    tally.seen_before.insert(instance);
                    self.fold.works[at].was_idle = false;
                }
            }
        }
    }

    /// Takes what is settled into the steps it belongs to, and into what is known of an instance's capacity.
    pub(super) fn absorb_settled(&mut self, settled: &[u32]) {
        for &second in settled {
            let Some(cohort) = self.timeline.cohorts_mut().get(second).cloned() else { continue };
            if let Some(at) = self.owner(second) {
                let work = &mut self.fold.works[at];
                work.recovery.feed(second, cohort.good);
                work.peak_p99 = work.peak_p99.max(cohort.response.map(|response| response.p99));
            }
            let (Some(good), Some(instances)) = (cohort.good, self.steady_instances(second)) else { continue };
            let ok = cohort.outcomes.get(OutcomeKind::Ok);
            // The objective's window reaches back: a second that was flawless itself pays for an overload that is over.
            let is_blameless = ok == cohort.due && cohort.slow == 0;
            if good || !is_blameless {
                self.fold.estimate.note(good, cohort.due, ok, instances);
            }
        }
    }

    /// Lets go of what finished steps needed: those that ended, and whose every second is settled.
    pub(super) fn finish_steps(&mut self) {
        let settled_before = self.timeline.cohorts_mut().settled_before();
        while let Some(report) = self.steps.get(self.fold.unfinished) {
            let is_settled = match self.end_second(self.fold.unfinished) {
                Some(end) => settled_before >= end,
                None => self.ended.is_some(),
            };
            if report.step.end.is_none() || !is_settled {
                return;
            }
            self.fold.works[self.fold.unfinished].tally = None;
            self.fold.unfinished += 1;
        }
    }
}
