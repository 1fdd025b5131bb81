//! `T_recover` and the bad seconds, read off the good and bad seconds of a step one by one.
//!
//! The seconds of a long step are not kept: [`Recovery`] is what there is to remember of them, so that a second costs the
//! same however long the step is.

use crate::analysis::Timing;
use crate::timeline::{Cohort, SecondJudged};

/// "Reached" means that it stays so for this many seconds (k); the time reported is the first of them.
pub(crate) const HOLD_SECS: u32 = 10;

/// Why a step is neither absorbed nor missed.
pub(crate) const TOO_FEW: &str = "too few answers were as expected to judge";

/// The objective is missed from the first of this many bad seconds in a row.
const BREACH_SECS: u32 = 2;

/// What is remembered of the seconds of a step so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    last: Option<u32>,
    bad_run: u32,
    /// The good seconds in a row, and how many that we did not measure came just before them.
    good_run: Option<GoodRun>,
    breached: Option<u32>,
    recovered: Option<GoodRun>,
    bad_seconds: u32,
    good_seconds: u32,
    not_shown: u32,
    not_measured: u32,
    /// Seconds that we did not measure since the last that we did.
    gap: u32,
    newest: Newest,
}

/// The last second with arrivals that somebody could judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) second: u32,
    pub(crate) judged: SecondJudged,
    /// How many good seconds in a row end with it.
    pub(crate) good: u32,
}

/// Good seconds in a row. Seconds that we did not measure may lie between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GoodRun {
    first: u32,
    seconds: u32,
    /// Seconds that we did not measure just before it.
    gap: u32,
}

impl Recovery {
    /// Takes the next second of arrivals.
    pub(crate) fn take(&mut self, cohort: &Cohort) {
        self.feed(cohort.second, cohort.judged);
        if cohort.due > 0 && cohort.judged != SecondJudged::Unknown {
            let good = self.good_run.map_or(0, |run| run.seconds);
            self.newest = Newest { second: cohort.second, judged: cohort.judged, good };
        }
    }

    /// The same, with a second that we did not measure taken as bad.
    pub(crate) fn take_at_worst(&mut self, cohort: &Cohort) {
        match cohort.judged {
            SecondJudged::NotMeasured => self.take(&Cohort { judged: SecondJudged::Bad, ..cohort.clone() }),
            _ => self.take(cohort),
        }
    }

    /// The last second with arrivals that somebody could judge; of `Unknown` when there was none.
    pub(crate) const fn newest(&self) -> Newest {
        self.newest
    }

    /// Takes the next second. One that nobody knows to be good or bad proves nothing: it ends both runs, as does the end of
    /// the measurement. But a second that we did not measure because of ourselves neither ends a run nor is a part of it: our
    /// stall is not the service's relapse.
    fn feed(&mut self, second: u32, judged: SecondJudged) {
        if self.last.and_then(|last| last.checked_add(1)) != Some(second) {
            self.end_runs();
        }
        self.last = Some(second);
        match judged {
            SecondJudged::Bad => {
                self.bad_seconds += 1;
                self.bad_run += 1;
                (self.good_run, self.gap) = (None, 0);
                if self.bad_run == BREACH_SECS && self.breached.is_none() {
                    self.breached = Some(second + 1 - BREACH_SECS);
                }
            }
            SecondJudged::Good => {
                self.good_seconds += 1;
                self.bad_run = 0;
                let gap = std::mem::take(&mut self.gap);
                let run = self.good_run.get_or_insert(GoodRun { first: second, seconds: 0, gap });
                run.seconds += 1;
                if run.seconds == HOLD_SECS && self.breached.is_some() && self.recovered.is_none() {
                    self.recovered = Some(*run);
                }
            }
            SecondJudged::NotMeasured => {
                self.not_measured += 1;
                self.gap += 1;
            }
            SecondJudged::NotShown => {
                self.not_shown += 1;
                self.end_runs();
            }
            SecondJudged::Unknown => self.end_runs(),
        }
    }

    const fn end_runs(&mut self) {
        (self.bad_run, self.good_run, self.gap) = (0, None, 0);
    }

    /// Seconds in which the objective was missed: Σ (1 − g).
    pub(crate) const fn bad_seconds(&self) -> u32 {
        self.bad_seconds
    }

    /// Seconds that we did not measure, because of ourselves.
    pub(crate) const fn not_measured(&self) -> u32 {
        self.not_measured
    }

    /// Seconds that were judged good or bad.
    pub(crate) const fn judged(&self) -> u32 {
        self.good_seconds + self.bad_seconds
    }

    /// `T_recover`: with `t_b` the first of two bad seconds in a row, the first of ten good seconds in a row after it, or,
    /// when we measured nothing just before them, the middle of that time ± half of it. Without `t_b` the step was absorbed,
    /// if its seconds show that. `start` is t0, in seconds.
    pub(crate) fn timing(&self, start: f64, watched: f64, is_open: bool) -> Timing {
        match (self.breached, self.recovered) {
            (None, _) if self.not_shown > 0 => Timing::NotApplicable(TOO_FEW),
            (None, _) if self.judged() == 0 && self.not_measured > 0 => {
                Timing::NotApplicable("we were late in every second")
            }
            (None, _) if self.judged() == 0 => Timing::NotApplicable("no second could be judged"),
            (None, _) => Timing::Absorbed,
            (_, Some(GoodRun { first, gap, .. })) => {
                let half = f64::from(gap) / 2.0;
                Timing::Reached { secs: (f64::from(first) - half - start).max(0.0), plus_minus: half }
            }
            (Some(_), None) => Timing::NotWithin { secs: watched, open: is_open },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SecondJudged::{Bad, Good, NotMeasured, NotShown, Unknown};

    fn fed(seconds: &[(u32, u32, SecondJudged)]) -> Recovery {
        let mut recovery = Recovery::default();
        for &(from, until, judged) in seconds {
            (from..until).for_each(|second| recovery.feed(second, judged));
        }
        recovery
    }

    #[test]
    fn a_single_bad_second_is_absorbed_but_counted() {
        let recovery = fed(&[(10, 12, Good), (12, 13, Bad), (13, 30, Good)]);
        assert_eq!(recovery.timing(10.0, 20.0, false), Timing::Absorbed);
        assert_eq!(recovery.bad_seconds(), 1);
    }

    #[test]
    fn nine_good_seconds_are_not_yet_a_recovery() {
        let until = |end| fed(&[(10, 20, Bad), (20, end, Good)]);
        assert_eq!(until(29).timing(10.5, 18.5, true), Timing::NotWithin { secs: 18.5, open: true });
        assert_eq!(until(30).timing(10.5, 19.5, true), Timing::Reached { secs: 9.5, plus_minus: 0.0 });
    }

    #[test]
    fn a_second_nobody_measured_breaks_the_hold() {
        let recovery = fed(&[(10, 20, Bad), (20, 25, Good), (26, 34, Good)]);
        assert_eq!(recovery.timing(10.0, 24.0, false), Timing::NotWithin { secs: 24.0, open: false });
    }

    #[test]
    fn our_own_stall_is_no_relapse_and_before_the_hold_it_widens_the_time() {
        let recovery = fed(&[(10, 20, Bad), (20, 25, Good), (25, 30, NotMeasured), (30, 40, Good)]);
        assert_eq!(recovery.timing(10.0, 30.0, false), Timing::Reached { secs: 10.0, plus_minus: 0.0 });
        assert_eq!(recovery.not_measured(), 5);
        let recovery = fed(&[(10, 20, Bad), (20, 24, NotMeasured), (24, 40, Good)]);
        assert_eq!(recovery.timing(10.0, 30.0, false), Timing::Reached { secs: 12.0, plus_minus: 2.0 });
    }

    #[test]
    fn nothing_is_absorbed_that_nobody_showed() {
        let absorbed = |seconds| fed(seconds).timing(10.0, 20.0, false) == Timing::Absorbed;
        assert!(!absorbed(&[(10, 30, NotShown)]));
        assert!(!absorbed(&[(10, 29, Good), (29, 30, NotShown)]));
        assert!(!absorbed(&[(10, 30, NotMeasured)]));
        assert!(!absorbed(&[(10, 30, Unknown)]));
        assert!(absorbed(&[(10, 20, NotMeasured), (20, 30, Good)]));
    }
}
