//! Which seconds were good: the objective over the trailing five seconds of arrivals (docs/step-numbers.md, `g(t)`).
//!
//! Works on counts alone. A percentile keeps its bound exactly when no more than the rest of the requests are slower, so
//! nothing needs a histogram, and requests that have no answer yet can be counted in as what they are certain to become.

use std::time::Duration;

use crate::slo::Slo;
use crate::timeline::{Cohort, Percentiles};
use scaletop_load::{OutcomeClass, OutcomeCounts, OutcomeKind};
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

/// A second is *late* when a larger share of its arrivals than this was turned to late, or given up because of that.
const LATE_SHARE: f64 = 0.005;

/// Lag that is less than this share of a latency does not change what the latency says.
pub(crate) const LAG_SHARE: f64 = 0.10;

/// Whether we were too late for the latencies of `due` arrivals to be the service's: `late` of them.
pub(crate) fn is_late(late: u64, due: u64) -> bool {
    late as f64 > LATE_SHARE * due as f64
}

/// Whether lag of up to `longest` changes what the latencies `ok` say: it is over a tenth of their median. Of none, it may.
pub(crate) fn matters(longest: Duration, ok: Option<Percentiles>) -> bool {
    ok.is_none_or(|ok| longest.as_secs_f64() > LAG_SHARE * ok.p50.as_secs_f64())
}

/// Whether lag of up to `longest` could be why the objective was missed: a bound of 500 ms is not missed for 20 ms of lag.
pub(crate) fn could_miss(longest: Duration, slo: &Slo) -> bool {
    longest.as_secs_f64() > LAG_SHARE * slo.latency.as_secs_f64()
}

/// Whether the objective was missed in a second whatever our lag did: `slow` of its `ok` OK answers were too slow by more than
/// the lag, `lost` of its `due` arrivals failed in a way that no lag makes.
pub(crate) fn missed_anyway(slo: &Slo, due: u64, ok: u64, slow: u64, lost: u64) -> bool {
    !percentile_holds(ok, slow, slo.quantile) || slow.saturating_add(lost) as f64 > slo.errors * due as f64 + 1e-9
}

/// Whether a second was good; of several, the highest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecondJudged {
    /// Nobody can say (yet): no arrivals, or answers missing.
    #[default]
    Unknown,
    /// The objective held.
    Good,
    /// Nobody showed it: too few answers were as expected, though none was the service's fault.
    NotShown,
    /// Nobody can say, because of us: it was missed, but would have held without those that we sent late; or we did not send
    /// what was asked.
    NotMeasured,
    /// It was missed, whatever we did.
    Bad,
}

impl SecondJudged {
    /// Whether it was good, when that is known.
    pub const fn is_good(self) -> Option<bool> {
        match self {
            Self::Good => Some(true),
            Self::Bad => Some(false),
            Self::Unknown | Self::NotShown | Self::NotMeasured => None,
        }
    }
}

/// The sums over a trailing window that decide whether the objective was met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    due: u64,
    ok: u64,
    lost: u64,
    slow: u64,
    overdue: u64,
    young: u64,
    /// Those of the lost that found no room: refused by a service that is full, or dropped at the in-flight cap.
    refused: u64,
    /// Arrivals that we sent late. Some of them came together, and together they may have found no room.
    late: u64,
    /// Those of them that were late enough to have been slow because of that.
    delayed: u64,
    /// Arrivals that we did not send.
    unsent: u64,
    /// Arrivals that nobody of the fleet sent or reported.
    unreported: u64,
}

impl Judgement {
    /// Adds one second of arrivals as it stands when time has come to `now`.
    ///
    /// Requests without an answer are *overdue*, and thus bad, once all of the second's are older than the objective's
    /// latency; before that they may still become anything. So are arrivals that wait to be sent: nobody answered them either.
    pub(crate) fn add(&mut self, cohort: &Cohort, now: Elapsed, slo: &Slo) {
        let pending = cohort.pending().saturating_add(cohort.waiting());
        let end = Elapsed::from_secs(u64::from(cohort.second) + u64::from(cohort.span));
        let is_overdue = cohort.is_final || now.saturating_since(end) >= slo.latency;
        self.due = self.due.saturating_add(cohort.due);
        self.ok = self.ok.saturating_add(cohort.outcomes.get(OutcomeKind::Ok));
        self.lost = self.lost.saturating_add(lost(&cohort.outcomes, cohort.dropped_cap));
        let refused = cohort.outcomes.of_class(OutcomeClass::Capacity).saturating_add(cohort.dropped_cap);
        self.refused = self.refused.saturating_add(refused);
        self.slow = self.slow.saturating_add(cohort.slow);
        let late = cohort.late.saturating_sub(cohort.dropped_late);
        self.late = self.late.saturating_add(late);
        if could_miss(cohort.longest_lag, slo) {
            // What is older than the objective's latency and our lag together is too slow whatever we did.
            let is_overdue_anyway = now.saturating_since(end) >= slo.latency + cohort.longest_lag;
            let open = if is_overdue && !is_overdue_anyway { pending } else { 0 };
            let through_us = cohort.slow.saturating_sub(cohort.slow_anyway).saturating_add(open);
            self.delayed = self.delayed.saturating_add(late.min(through_us));
        }
        self.unsent = self.unsent.saturating_add(cohort.unsent());
        self.unreported = self.unreported.saturating_add(cohort.unreported().unwrap_or(0));
        let pending_kind = if is_overdue { &mut self.overdue } else { &mut self.young };
        *pending_kind = pending_kind.saturating_add(pending);
    }

    /// Whether the objective was met: `p_q ≤ L` over the OK answers, bad requests ≤ E of the arrivals, and no more than E
    /// of the arrivals answered otherwise than expected by nobody's fault: what nobody showed does not hold.
    pub(crate) fn verdict(&self, slo: &Slo) -> SecondJudged {
        if self.due == 0 {
            return if self.unreported > 0 { SecondJudged::NotMeasured } else { SecondJudged::Unknown };
        }
        let allowed = slo.errors * self.due as f64 + 1e-9;
        // Lost without doubt, whatever would have become of what was late or not sent.
        if self.lost.saturating_sub(self.refused_late()) as f64 > allowed {
            return SecondJudged::Bad;
        }
        let allowed_ours = slo.errors * self.due.saturating_add(self.unreported) as f64 + 1e-9;
        if self.unsent.saturating_add(self.unreported) as f64 > allowed_ours {
            return SecondJudged::NotMeasured;
        }
        match (self.holds(slo, 0), self.holds(slo, self.young)) {
            // Lag only makes answers later: what was good in spite of it was good.
            (true, true) => {
                let shown = self.ok.saturating_add(self.lost).saturating_add(self.overdue).saturating_add(self.young);
                let otherwise = self.due.saturating_sub(self.unsent).saturating_sub(shown);
                if otherwise as f64 > allowed { SecondJudged::NotShown } else { SecondJudged::Good }
            }
            (true, false) => SecondJudged::Unknown,
            (false, _) if self.late > 0 && self.without_the_late().holds(slo, 0) => SecondJudged::NotMeasured,
            (false, _) => SecondJudged::Bad,
        }
    }

    /// How many may have found no room only because they came together. What failed otherwise would have failed on time, too.
    fn refused_late(&self) -> u64 {
        self.refused.min(self.late)
    }

    /// The same as if what was late had not found the service full, nor been slow where it was late enough for that.
    fn without_the_late(&self) -> Self {
        let lost = self.lost.saturating_sub(self.refused_late());
        let left = self.late - self.refused_late();
        let forgiven = self.delayed.min(left);
        let slow = self.slow.saturating_sub(forgiven);
        let overdue = self.overdue.saturating_sub(forgiven - (self.slow - slow));
        Self { lost, slow, overdue, ..*self }
    }

    /// Whether the objective holds when `bad_pending` of those without an answer become bad.
    fn holds(&self, slo: &Slo, bad_pending: u64) -> bool {
        let above = self.slow.saturating_add(self.overdue).saturating_add(bad_pending);
        let answered = self.ok.saturating_add(self.overdue).saturating_add(self.young);
        let bad = self.lost.saturating_add(above) as f64;
        percentile_holds(answered, above, slo.quantile) && bad <= slo.errors * self.due as f64 + 1e-9
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
    fn cohort(due: u64, ok: u64, slow: u64) -> Cohort {
        let mut cohort = Cohort::new(10);
        (cohort.due, cohort.sent, cohort.slow) = (due, due, slow);
        for _ in 0..ok {
            cohort.outcomes.add(OutcomeKind::Ok);
        }
        cohort
    }

    use SecondJudged::{Bad, Good, NotMeasured, NotShown, Unknown};

    fn verdict(cohort: &Cohort, now_millis: u64) -> SecondJudged {
        let (mut judgement, slo) = (Judgement::default(), Slo::default());
        judgement.add(cohort, Elapsed::from_millis(now_millis), &slo);
        judgement.verdict(&slo)
    }

    #[test]
    fn one_slow_answer_in_a_hundred_is_within_p99_and_one_percent() {
        assert_eq!(verdict(&cohort(100, 100, 1), 11_000), Good);
        assert_eq!(verdict(&cohort(100, 100, 2), 11_000), Bad);
    }

    #[test]
    fn what_is_unanswered_leaves_it_open_until_it_is_certainly_too_slow() {
        assert_eq!(verdict(&cohort(100, 90, 0), 11_400), Unknown);
        assert_eq!(verdict(&cohort(100, 90, 0), 11_500), Bad);
        assert_eq!(verdict(&cohort(100, 99, 0), 11_400), Good, "one of a hundred may be slow");
        assert_eq!(verdict(&cohort(100, 90, 2), 11_400), Bad, "two slow ones are too many whatever follows");
    }

    #[test]
    fn what_waits_to_be_sent_is_unanswered_and_not_answered_otherwise() {
        let mut waiting = cohort(100, 0, 0);
        waiting.sent = 0;
        assert_eq!(verdict(&waiting, 11_400), Unknown);
        assert_eq!(verdict(&waiting, 11_500), Bad);
        waiting.dropped_connections = 100;
        assert_eq!(verdict(&waiting, 11_500), NotMeasured, "once it is given up, it was ours");
    }

    #[test]
    fn nothing_asked_is_neither_good_nor_bad() {
        assert_eq!(verdict(&cohort(0, 0, 0), 20_000), Unknown);
    }

    #[test]
    fn what_was_answered_otherwise_than_expected_is_never_held() {
        let with = |kind, of: u64| {
            let mut answered = cohort(100, 100 - of, 0);
            (0..of).for_each(|_| answered.outcomes.add(kind));
            verdict(&answered, 20_000)
        };
        assert_eq!(with(OutcomeKind::Http4xx, 100), NotShown, "404 for all: nobody showed anything");
        assert_eq!(with(OutcomeKind::Tls, 2), NotShown);
        assert_eq!(with(OutcomeKind::Http3xx, 1), Good, "within the share that may be bad");
        assert_eq!(with(OutcomeKind::Http429, 100), Bad);
        assert_eq!(with(OutcomeKind::Ports, 100), NotMeasured);
        let mut outage = cohort(100, 0, 0);
        (0..80).for_each(|_| outage.outcomes.add(OutcomeKind::Http5xxCapacity));
        (outage.sent, outage.dropped_late) = (80, 20);
        assert_eq!(verdict(&outage, 20_000), Bad, "an outage is no less one for what we did not send");
    }

    #[test]
    fn a_quick_refusal_makes_no_latency_better() {
        let mut flattering = cohort(250, 1, 1);
        (0..249).for_each(|_| flattering.outcomes.add(OutcomeKind::Http5xxCapacity));
        let loose = Slo { errors: 1.0, ..Slo::default() };
        let mut judgement = Judgement::default();
        judgement.add(&flattering, Elapsed::from_secs(20), &loose);
        assert_eq!(judgement.verdict(&loose), Bad, "the one OK answer was too slow");
    }

    #[test]
    fn what_only_our_lateness_made_bad_is_not_measured() {
        let mut late = cohort(100, 100, 60);
        (late.late, late.longest_lag) = (60, Duration::from_millis(600));
        assert_eq!(verdict(&late, 20_000), NotMeasured, "stopped for 0.6 s");
        late.late = 30;
        assert_eq!(verdict(&late, 20_000), Bad, "the others were slow, too");
        let mut harmless = cohort(100, 100, 1);
        (harmless.late, harmless.longest_lag) = (60, Duration::from_millis(600));
        assert_eq!(verdict(&harmless, 20_000), Good, "lag makes no answer quicker");
        let mut slow = cohort(100, 100, 60);
        (slow.late, slow.longest_lag) = (100, Duration::from_millis(20));
        assert_eq!(verdict(&slow, 20_000), Bad, "20 ms are not why 500 ms were missed");
        let mut refused = cohort(100, 90, 0);
        (0..10).for_each(|_| refused.outcomes.add(OutcomeKind::Http429));
        (refused.late, refused.longest_lag) = (9, Duration::from_millis(20));
        assert_eq!(verdict(&refused, 20_000), NotMeasured, "what comes together finds no room");
        refused.late = 8;
        assert_eq!(verdict(&refused, 20_000), Bad, "too many were on time");
        (refused.late, refused.slow) = (9, 2);
        assert_eq!(verdict(&refused, 20_000), Bad, "what was lost is not slow as well");
        let mut broken = cohort(100, 90, 0);
        (0..10).for_each(|_| broken.outcomes.add(OutcomeKind::Http5xxApplication));
        (broken.late, broken.longest_lag) = (100, Duration::from_millis(600));
        assert_eq!(verdict(&broken, 20_000), Bad, "what breaks would break on time");
    }

    #[test]
    fn what_was_slow_by_more_than_our_lag_is_bad_in_spite_of_it() {
        let mut stalled = cohort(100, 100, 60);
        (stalled.late, stalled.longest_lag, stalled.slow_anyway) = (60, Duration::from_millis(250), 60);
        assert_eq!(verdict(&stalled, 20_000), Bad, "the service stood still for longer than we did");
        stalled.slow_anyway = 1;
        assert_eq!(verdict(&stalled, 20_000), NotMeasured, "one of them would have been slow on time");
        stalled.slow_anyway = 2;
        assert_eq!(verdict(&stalled, 20_000), Bad);
        let mut silent = cohort(100, 40, 0);
        (silent.late, silent.longest_lag) = (60, Duration::from_millis(250));
        assert_eq!(verdict(&silent, 11_600), NotMeasured, "with our lag the answers may still be in time");
        assert_eq!(verdict(&silent, 11_750), Bad, "they are too late by more than our lag");
    }

    #[test]
    fn arrivals_refused_at_the_cap_are_bad_and_late_drops_are_not() {
        let mut refused = cohort(100, 98, 0);
        (refused.sent, refused.dropped_cap) = (98, 2);
        assert_eq!(verdict(&refused, 20_000), Bad);
        (refused.dropped_cap, refused.dropped_late) = (0, 2);
        assert_eq!(verdict(&refused, 20_000), NotMeasured);
        // Each arrival is sent, given up, or waits: this one is sent, and answered.
        (refused.sent, refused.dropped_late) = (99, 1);
        refused.outcomes.add(OutcomeKind::Ok);
        assert_eq!(verdict(&refused, 20_000), Good);
    }
}
