//! `T_recover` and the bad seconds, read off the good and bad seconds of a step one by one.
//!
//! The seconds of a long step are not kept: [`Recovery`] is what there is to remember of them, so that a second costs the
//! same however long the step is.

use crate::analysis::Timing;

/// "Reached" means that it stays so for this many seconds (k); the time reported is the first of them.
pub(crate) const HOLD_SECS: u32 = 10;

/// The objective is missed from the first of this many bad seconds in a row.
const BREACH_SECS: u32 = 2;

/// What is remembered of the seconds of a step so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    last: Option<u32>,
    bad_run: u32,
    good_run: u32,
    breached: Option<u32>,
    recovered: Option<u32>,
    bad_seconds: u32,
}

impl Recovery {
    /// Takes the next second. One that is not known to be good or bad (no arrivals, no measurement, or answers still
    /// missing) proves nothing: it ends both runs.
    pub(crate) fn feed(&mut self, second: u32, good: Option<bool>) {
        if self.last.and_then(|last| last.checked_add(1)) != Some(second) {
            (self.bad_run, self.good_run) = (0, 0);
        }
        self.last = Some(second);
        match good {
            Some(false) => {
                self.bad_seconds += 1;
                self.bad_run += 1;
                self.good_run = 0;
                if self.bad_run == BREACH_SECS && self.breached.is_none() {
                    self.breached = Some(second + 1 - BREACH_SECS);
                }
            }
            Some(true) => {
                self.bad_run = 0;
                self.good_run += 1;
                if self.good_run == HOLD_SECS && self.breached.is_some() && self.recovered.is_none() {
                    self.recovered = Some(second + 1 - HOLD_SECS);
                }
            }
            None => (self.bad_run, self.good_run) = (0, 0),
        }
    }

    /// Seconds in which the objective was missed: Σ (1 − g).
    pub(crate) const fn bad_seconds(&self) -> u32 {
        self.bad_seconds
    }

    /// `T_recover`: with `t_b` the first of two bad seconds in a row, the first of ten good seconds in a row after it.
    /// Without `t_b` the step was absorbed. `start` is t0, in seconds.
    pub(crate) fn timing(&self, start: f64, watched: f64, is_open: bool) -> Timing {
        match (self.breached, self.recovered) {
            (None, _) => Timing::Absorbed,
            (_, Some(second)) => Timing::Reached { secs: (f64::from(second) - start).max(0.0), plus_minus: 0.0 },
            (Some(_), None) => Timing::NotWithin { secs: watched, open: is_open },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(goods: &[(u32, u32, Option<bool>)]) -> Recovery {
        let mut recovery = Recovery::default();
        for &(from, until, good) in goods {
            for second in from..until {
                recovery.feed(second, good);
            }
        }
        recovery
    }

    #[test]
    fn a_single_bad_second_is_absorbed_but_counted() {
        let recovery = fed(&[(10, 12, Some(true)), (12, 13, Some(false)), (13, 30, Some(true))]);
        assert_eq!(recovery.timing(10.0, 20.0, false), Timing::Absorbed);
        assert_eq!(recovery.bad_seconds(), 1);
    }

    #[test]
    fn nine_good_seconds_are_not_yet_a_recovery() {
        let until = |end| fed(&[(10, 20, Some(false)), (20, end, Some(true))]);
        assert_eq!(until(29).timing(10.5, 18.5, true), Timing::NotWithin { secs: 18.5, open: true });
        assert_eq!(until(30).timing(10.5, 19.5, true), Timing::Reached { secs: 9.5, plus_minus: 0.0 });
    }

    #[test]
    fn a_second_nobody_measured_breaks_the_hold() {
        let recovery = fed(&[(10, 20, Some(false)), (20, 25, Some(true)), (26, 34, Some(true))]);
        assert_eq!(recovery.timing(10.0, 24.0, false), Timing::NotWithin { secs: 24.0, open: false });
    }
}
