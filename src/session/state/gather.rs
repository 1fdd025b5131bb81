//! From closed seconds and counts to the numbers of the steps they belong to. What a number is, `analysis` says.

use crate::analysis::evidence::{DescriptorsCap, Evidence, before};
use crate::analysis::gathered::Measuring;
use crate::analysis::words::Present;
use crate::analysis::{StepReport, Validity};
use crate::instances::Basis;
use crate::session::event::{NoticeLevel, TELLS_LATENESS};
use crate::session::standing::standing;
use crate::session::state::Session;
use std::time::Duration;

use scaletop_load::{OutcomeKind, Second};
use scaletop_units::Elapsed;

/// A step is not called invalid aloud before it is so old.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// The count must have been the same for this many seconds before a second says anything of an instance's capacity.
const STEADY_SECS: u32 = 10;

impl Session {
    /// Files a closed second under the steps that its requests were intended in, and brings their numbers up to date.
    pub(super) fn file(&mut self, second: &Second) {
        let timeout = self.header.settings.timeout;
        self.timeline.cohorts_mut().file(second.index, &second.parts, &self.objectives);
        let mut late = Vec::new();
        for part in &second.parts {
            let intended = part.intended.min(second.index);
            if let Some(at) = self.owner(intended) {
                let measuring = self.measuring(intended);
                // In the totals it is as any other.
                let is_of_the_step = !self.is_unled(intended);
                if is_of_the_step {
                    self.fold.gathered[at].add(part, self.objectives.at(intended), measuring);
                }
                match measuring {
                    Measuring::Counts => self.totals.ok_measured.merge(&part.ok),
                    Measuring::Open => self.fold.held.entry(intended).or_default().merge(&part.ok),
                    Measuring::LeftOut => {}
                }
                if is_of_the_step && at < self.fold.unfinished {
                    late.push(at);
                }
            }
        }
        self.file_service(second);
        let settled = self.timeline.cohorts_mut().settle(second.index, second.target, &self.objectives, timeout);
        self.absorb_settled(&settled);
        late.dedup();
        for at in late {
            self.refresh(at);
        }
        self.refresh_unfinished();
        self.finish_steps();
    }

    /// Whether the latencies of what was intended in a second are the service's, as far as is known.
    pub(super) fn measuring(&self, intended: u32) -> Measuring {
        let cohorts = self.timeline.kept_cohorts();
        match cohorts.get(intended) {
            Some(cohort) if intended < cohorts.settled_before() => {
                if cohort.is_late() {
                    Measuring::LeftOut
                } else {
                    Measuring::Counts
                }
            }
            Some(cohort) if cohort.may_be_late() => Measuring::Open,
            _ => Measuring::Counts,
        }
    }

    /// What belongs to the second something happened in: the generator's health, and who answered.
    fn file_service(&mut self, second: &Second) {
        let Some(owner) = self.owner(second.index).filter(|_| !self.is_unled(second.index)) else { return };
        let answered = self.fold.table.answered_now();
        self.fold.gathered[owner].add_second(second, answered, self.header.settings.connections_limit());
        for served in &second.served {
            let (Some(intended), Some(instance)) = (served.first_ok_intended, self.fold.table.track_of(&served.id))
            else {
                continue;
            };
            for at in self.fold.unfinished..self.steps.len() {
                self.fold.gathered[at].add_first_ok(&self.steps[at].step, instance, intended, second.index);
            }
        }
    }

    /// Takes what is settled into the steps it belongs to, and into what is known of an instance's capacity.
    pub(super) fn absorb_settled(&mut self, settled: &[u32]) {
        for &second in settled {
            let held = self.fold.held.remove(&second);
            let Some(cohort) = self.timeline.kept_cohorts().get(second).cloned() else { continue };
            self.totals.late_seconds += u32::from(cohort.due > 0 && cohort.is_late());
            self.settle_requests(second, cohort.is_late());
            if let Some(held) = held.filter(|_| !cohort.is_late()) {
                self.totals.ok_measured.merge(&held);
            }
            if let Some(at) = self.owner(second).filter(|_| !self.is_unled(second)) {
                // An arrival that is due at the very end of a step makes no second of it.
                let is_within = self.steps[at].step.end.is_none_or(|end| Elapsed::from_secs(second.into()) < end);
                self.fold.gathered[at].add_settled(&cohort, self.objectives.at(second), is_within);
            }
            let (Some(good), Some(instances)) = (cohort.judged.is_good(), self.steady_instances(second)) else {
                continue;
            };
            let ok = cohort.outcomes.get(OutcomeKind::Ok);
            // The objective's window reaches back: a second that was flawless itself pays for an overload that is over.
            let is_blameless = ok == cohort.due && cohort.slow == 0;
            if good || !is_blameless {
                self.fold.estimate.note(good, cohort.due, ok, instances);
            }
        }
    }

    /// The *Responding* count of a second, when it had been the same for ten seconds.
    fn steady_instances(&self, second: u32) -> Option<u32> {
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
        let settings = &self.header.settings;
        let report = &self.steps[at];
        let evidence = Evidence {
            report,
            pinned: self.pinning(report.step.end.unwrap_or(self.now)),
            gathered: &self.fold.gathered[at],
            end_second: self.end_second(at),
            now: self.now,
            timeline: &self.timeline,
            observations: &self.observations,
            limits: self.limits,
            objectives: &self.objectives,
            given: settings.capacity_per_instance,
            descriptors_cap: match settings.max_connections {
                _ if !settings.capped_by_descriptors => DescriptorsCap::Nothing,
                Some(most) if most < settings.max_in_flight => DescriptorsCap::InFlight,
                _ => DescriptorsCap::All,
            },
            inferred: self.fold.estimate.per_instance(),
            max_connections: settings.connections_limit(),
            max_in_flight: settings.max_in_flight,
            service_before: self.steps[..at].iter().filter_map(|report| report.numbers.service_p50).min(),
            tells_lateness: self.header.version >= TELLS_LATENESS,
            nobody_named: self.tracks().is_empty(),
            present: if report.step.end.is_some() { Present::Over } else { standing(self, self.now).present() },
        };
        self.steps[at] = evidence.report();
        self.tell_invalid(at);
    }

    /// Says, once a step and not by its first seconds, that the generator is the limit.
    fn tell_invalid(&mut self, at: usize) {
        let StepReport { step, validity, .. } = &self.steps[at];
        let Validity::InvalidGenerator(reason) = validity else { return };
        let is_young = step.end.is_none() && self.now.saturating_since(step.start) < TOLD_AFTER;
        if is_young || self.fold.gathered[at].is_told_invalid {
            return;
        }
        let so_far = if step.end.is_none() { " so far" } else { "" };
        let text = format!("step {} says nothing of the service{so_far}: {reason}", step.id);
        self.fold.gathered[at].is_told_invalid = true;
        self.note(self.now, NoticeLevel::Warning, &text);
    }

    /// The same for every step that something may still be added to.
    pub(super) fn refresh_unfinished(&mut self) {
        (self.fold.unfinished..self.steps.len()).for_each(|at| self.refresh(at));
    }

    /// Keeps what the seconds just before a step say, once they are settled.
    fn remember_before(&mut self, at: usize) {
        let gathered = &mut self.fold.gathered[at];
        if gathered.before.is_none() && self.timeline.kept_cohorts().settled_before() >= gathered.first_second {
            gathered.before = Some(before(&self.timeline, gathered.first_second));
        }
    }

    /// Lets go of what finished steps needed: those that ended, and whose every second is settled.
    pub(super) fn finish_steps(&mut self) {
        let settled_before = self.timeline.kept_cohorts().settled_before();
        while let Some(report) = self.steps.get(self.fold.unfinished) {
            let is_settled = match self.end_second(self.fold.unfinished) {
                Some(end) => settled_before >= end,
                None => self.ended.is_some(),
            };
            if report.step.end.is_none() || !is_settled {
                return;
            }
            self.fold.gathered[self.fold.unfinished].tally = None;
            self.fold.unfinished += 1;
        }
    }
}
