//! Which seconds were good: the objective over the trailing five seconds of arrivals (docs/step-numbers.md, `g(t)`).
//!
//! Works on counts alone. A percentile keeps its bound exactly when no more than the rest of the requests are slower, so
//! nothing needs a histogram, and requests that have no answer yet can be counted in as what they are certain to become.

use std::time::Duration;

use crate::slo::Slo;
use crate::timeline::Cohort;
use scaletop_load::{OutcomeClass, OutcomeCounts};
use scaletop_units::Elapsed;

/// The trailing window, in seconds of intended starts (w).
pub(crate) const WINDOW_SECS: u32 = 5;

/// What users lost: capacity and application errors, and arrivals that the in-flight cap kept back because the service
/// was slow. Client errors (4xx, DNS, TLS) and the generator's own failures are counted apart.
pub(crate) fn lost(outcomes: &OutcomeCounts, dropped_cap: u64) -> u64 {
    outcomes
        .of_class(OutcomeClass::Capacity)
        .saturating_add(outcomes.of_class(OutcomeClass::Application))
        .saturating_add(dropped_cap)
}

/// The sums over a trailing window that decide whether the objective was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    due: u64,
    bad: u64,
    answered: u64,
    above: u64,
    overdue: u64,
    young: u64,
}

impl Judgement {
    /// Adds one second of arrivals as it stands when time has come to `now`.
    ///
    /// Requests without an answer are *overdue*, and thus bad, once all of the second's are older than the objective's
    /// latency; before that they may still become anything.
    pub(crate) fn add(&mut self, cohort: &Cohort, now: Elapsed, slo: &Slo) {
        let answered = cohort.outcomes.total();
        let pending = cohort.sent.saturating_sub(answered);
        let end = Elapsed::from_secs(u64::from(cohort.second) + u64::from(cohort.span));
        let is_overdue = cohort.is_final || now.saturating_since(end) >= slo.latency;
        self.due = self.due.saturating_add(cohort.due);
        self.bad = self.bad.saturating_add(lost(&cohort.outcomes, cohort.dropped_cap)).saturating_add(cohort.slow);
        self.answered = self.answered.saturating_add(answered);
        self.above = self.above.saturating_add(cohort.above);
        let pending_kind = if is_overdue { &mut self.overdue } else { &mut self.young };
        *pending_kind = pending_kind.saturating_add(pending);
    }

    /// Whether the objective was met: `p_q ≤ L` over all answers, and bad requests ≤ E of the arrivals. `None` without
    /// arrivals, and while what is still unanswered could decide it either way.
    pub(crate) fn verdict(&self, slo: &Slo) -> Option<bool> {
        if self.due == 0 {
            return None;
        }
        let holds = |bad_pending: u64| {
            let answered = self.answered.saturating_add(self.overdue).saturating_add(self.young);
            let above = self.above.saturating_add(self.overdue).saturating_add(bad_pending);
            let bad = self.bad.saturating_add(self.overdue).saturating_add(bad_pending);
            percentile_holds(answered, above, slo.quantile) && bad as f64 <= slo.errors * self.due as f64 + 1e-9
        };
        match (holds(0), holds(self.young)) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        }
    }
}

/// Whether the quantile `q` of `answered` latencies, `above` of which exceed the bound, keeps the bound: the request of
/// rank ⌈q·n⌉ is not among the slow ones.
fn percentile_holds(answered: u64, above: u64, q: f64) -> bool {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count is a count")]
    let rank = ((q.clamp(0.0, 1.0) * answered as f64).ceil() as u64).max(1);
    answered == 0 || answered.saturating_sub(above) >= rank
}

/// How long after its end a second of arrivals is certain to be answered: the timeout, and two seconds for arrivals that
/// our own stall made late and for the answer to be noted.
pub(crate) fn certain_after(timeout: Duration) -> u32 {
    let secs = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0) + 2;
    u32::try_from(secs).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_load::OutcomeKind;

    fn cohort(due: u64, ok: u64, slow: u64) -> Cohort {
        let mut cohort = Cohort::new(10);
        (cohort.due, cohort.sent, cohort.slow, cohort.above) = (due, due, slow, slow);
        for _ in 0..ok {
            cohort.outcomes.add(OutcomeKind::Ok);
        }
        cohort
    }

    fn verdict(cohort: &Cohort, now_millis: u64) -> Option<bool> {
        let (mut judgement, slo) = (Judgement::default(), Slo::default());
        judgement.add(cohort, Elapsed::from_millis(now_millis), &slo);
        judgement.verdict(&slo)
    }

    #[test]
    fn one_slow_answer_in_a_hundred_is_within_p99_and_one_percent() {
        assert_eq!(verdict(&cohort(100, 100, 1), 11_000), Some(true));
        assert_eq!(verdict(&cohort(100, 100, 2), 11_000), Some(false));
    }

    #[test]
    fn what_is_unanswered_leaves_it_open_until_it_is_certainly_too_slow() {
        assert_eq!(verdict(&cohort(100, 90, 0), 11_400), None);
        assert_eq!(verdict(&cohort(100, 90, 0), 11_500), Some(false));
        assert_eq!(verdict(&cohort(100, 99, 0), 11_400), Some(true), "one of a hundred may be slow");
        assert_eq!(verdict(&cohort(100, 90, 2), 11_400), Some(false), "two slow ones are too many whatever follows");
    }

    #[test]
    fn nothing_asked_is_neither_good_nor_bad() {
        assert_eq!(verdict(&cohort(0, 0, 0), 20_000), None);
    }

    #[test]
    fn arrivals_refused_at_the_cap_are_bad_and_late_drops_are_not() {
        let mut refused = cohort(100, 98, 0);
        (refused.sent, refused.dropped_cap) = (98, 2);
        assert_eq!(verdict(&refused, 20_000), Some(false));
        (refused.dropped_cap, refused.dropped_late) = (0, 2);
        assert_eq!(verdict(&refused, 20_000), Some(true));
    }
}
