//! Cohorts that can still change: arrivals by the second they were intended in, while some have no answer yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::analysis::objective::{Judgement, WINDOW_SECS, certain_after};
use crate::record::second::{CohortPart, Second};
use crate::slo::Slo;
use crate::timeline::{Cohort, Percentiles};
use crate::units::Elapsed;

/// The arrivals of the seconds that are not final yet, one part a second without holes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OpenCohorts {
    parts: VecDeque<CohortPart>,
}

impl OpenCohorts {
    /// Files what `second` holds, by the second it was intended in.
    pub(super) fn file(&mut self, second: &Second) {
        let first = self.parts.front().map_or_else(
            || second.parts.first().map_or(second.index, |part| part.intended.min(second.index)),
            |part| part.intended,
        );
        let mut next = self.parts.back().map_or(first, |part| part.intended + 1);
        while next <= second.index {
            self.parts.push_back(CohortPart::new(next));
            next += 1;
        }
        for part in &second.parts {
            // A straggler of a second that is final already is counted with the oldest open one: nothing gets lost.
            let at = part.intended.saturating_sub(first) as usize;
            if let Some(open) = self.parts.get_mut(at) {
                let part = CohortPart { intended: open.intended, ..part.clone() };
                open.merge(&part);
            }
        }
    }

    /// Judges every open cohort as of `now`, writes it into `cohorts`, and lets go of those that are final.
    ///
    /// A second is final when every request is answered, or must have timed out, and so is every second before it: then
    /// the window that its judgement looks back on cannot change either.
    pub(super) fn judge(&mut self, now: Elapsed, slo: &Slo, timeout: Duration, cohorts: &mut VecDeque<Cohort>) {
        let mut all_final = true;
        let mut finals = 0;
        for part in &self.parts {
            let mut cohort = measure(part, slo);
            let is_certain = now.second() > part.intended.saturating_add(certain_after(timeout));
            // Arrivals of a second may be handled up to a second late (`dropped_late` beyond).
            let is_whole = now.second() >= part.intended + 2 && part.outcomes.total() == part.sent;
            all_final &= is_certain || is_whole;
            cohort.is_final = all_final;
            finals += usize::from(all_final);
            let at = cohorts.partition_point(|known| known.second < cohort.second);
            if at < cohorts.len() {
                cohorts[at] = cohort;
            } else {
                cohorts.push_back(cohort);
            }
            let mut judgement = Judgement::default();
            for known in cohorts.range(at.saturating_sub(WINDOW_SECS as usize - 1)..=at) {
                // A hole in the measurement is not part of the window.
                if known.second + WINDOW_SECS > part.intended {
                    judgement.add(known, now, slo);
                }
            }
            cohorts[at].good = if part.due == 0 { None } else { judgement.verdict(slo) };
        }
        self.parts.drain(..finals);
    }
}

fn measure(part: &CohortPart, slo: &Slo) -> Cohort {
    let slow = part.ok.count_above(slo.latency);
    Cohort {
        due: part.due,
        sent: part.sent,
        dropped_cap: part.dropped_cap,
        dropped_late: part.dropped_late,
        outcomes: part.outcomes,
        response: Percentiles::of(&part.response()),
        service_p99: part.service.quantile(0.99),
        slow,
        above: slow + part.failed.count_above(slo.latency),
        ..Cohort::new(part.intended)
    }
}
