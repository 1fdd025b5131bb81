//! Instance counts over a step: when the first new one came, when there were enough, and what "enough" was.

use crate::analysis::recovery::HOLD_SECS;
use crate::analysis::{InstanceSpan, Timing};
use crate::instances::{Basis, InstanceObservation};
use crate::units::Elapsed;

/// A count that was true in one second, give or take `uncertain` seconds before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    /// The moment, in seconds since the start of the session.
    pub at: f64,
    /// How many instances.
    pub count: u32,
    /// How long before `at` the count may have become true, in seconds: 0 for what answers showed.
    pub uncertain: f64,
}

impl From<&InstanceObservation> for Count {
    fn from(seen: &InstanceObservation) -> Self {
        Self { at: seen.as_of.as_secs_f64(), count: seen.count, uncertain: seen.uncertainty.as_secs_f64() }
    }
}

/// The counts of a step on one basis, ascending in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Supply {
    /// What was counted.
    pub basis: Basis,
    /// The count just before the step (s⁻), where one was known.
    pub before: Option<u32>,
    /// The counts from the step's start on.
    pub counts: Vec<Count>,
}

impl Supply {
    /// How the count moved; `None` without a count.
    pub fn span(&self) -> Option<InstanceSpan> {
        let last = self.counts.last()?.count;
        let peak = self.counts.iter().map(|count| count.count).max()?;
        Some(InstanceSpan { before: self.before, peak, last })
    }

    /// `T_first` = min{t ≥ t0 : s_t > s⁻} − t0.
    pub fn first(&self, start: Elapsed, watched: f64, is_open: bool) -> Timing {
        let Some(before) = self.before else { return Timing::NotApplicable("the count before the step is unknown") };
        match self.counts.iter().find(|count| count.count > before) {
            Some(count) => reached(count, start),
            None => Timing::NotWithin { secs: watched, open: is_open },
        }
    }

    /// `T_capacity` = min{t ≥ t0 : s_u ≥ s* ∀u∈[t, t+k)} − t0, k = 10 s: enough, and it stays so.
    pub fn capacity(&self, target: u32, start: Elapsed, watched: f64, is_open: bool) -> Timing {
        let end = start.as_secs_f64() + watched;
        let mut since: Option<&Count> = None;
        for count in &self.counts {
            if count.count < target {
                since = None;
            } else {
                let first = since.get_or_insert(count);
                // The second that starts at `at` lasts one second: ten of them make ten seconds.
                if count.at + 1.0 - first.at >= f64::from(HOLD_SECS) {
                    return reached(first, start);
                }
            }
        }
        // A polled count says nothing new while it stays the same: what was true last still is.
        match since.filter(|first| first.uncertain > 0.0 && end - first.at >= f64::from(HOLD_SECS)) {
            Some(first) => reached(first, start),
            None => Timing::NotWithin { secs: watched, open: is_open },
        }
    }

    /// The count at which the step settled: constant over its last max(30 s, 20 % of it); `None` while it is not settled.
    pub fn settled(&self, start: Elapsed, watched: f64) -> Option<u32> {
        let calm = (watched * 0.2).max(30.0);
        if watched < calm {
            return None;
        }
        let from = start.as_secs_f64() + watched - calm;
        let last = self.counts.last()?.count;
        let in_force = self.counts.iter().rfind(|count| count.at <= from)?.count;
        let steady = self.counts.iter().filter(|count| count.at >= from).all(|count| count.count == last);
        (steady && in_force == last).then_some(last)
    }
}

/// A polled count is the end of an interval: the middle of it, ± half of it.
fn reached(count: &Count, start: Elapsed) -> Timing {
    let plus_minus = count.uncertain / 2.0;
    Timing::Reached { secs: (count.at - plus_minus - start.as_secs_f64()).max(0.0), plus_minus }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Elapsed = Elapsed::from_millis(10_500);

    fn responding(before: Option<u32>, counts: &[(u32, u32)]) -> Supply {
        let counts = counts.iter().map(|&(at, count)| Count { at: f64::from(at), count, uncertain: 0.0 }).collect();
        Supply { basis: Basis::Responding, before, counts }
    }

    fn stairs(from: u32, until: u32, count: u32) -> Vec<(u32, u32)> {
        (from..until).map(|second| (second, count)).collect()
    }

    #[test]
    fn the_first_new_instance_is_the_first_count_above_the_one_before() {
        let supply = responding(Some(1), &[stairs(10, 18, 1), stairs(18, 40, 2)].concat());
        assert_eq!(supply.first(START, 30.0, true), Timing::Reached { secs: 7.5, plus_minus: 0.0 });
        assert_eq!(
            responding(Some(2), &stairs(10, 40, 2)).first(START, 29.5, false),
            Timing::NotWithin { secs: 29.5, open: false }
        );
        assert!(matches!(responding(None, &stairs(10, 40, 2)).first(START, 29.5, false), Timing::NotApplicable(_)));
    }

    #[test]
    fn capacity_is_reached_at_the_first_of_ten_seconds_that_hold() {
        let supply =
            responding(Some(1), &[stairs(10, 15, 1), stairs(15, 20, 5), stairs(20, 22, 4), stairs(22, 40, 5)].concat());
        assert_eq!(supply.capacity(5, START, 29.5, true), Timing::Reached { secs: 11.5, plus_minus: 0.0 });
        let short = responding(Some(1), &[stairs(10, 15, 1), stairs(15, 24, 5)].concat());
        assert_eq!(short.capacity(5, START, 13.5, true), Timing::NotWithin { secs: 13.5, open: true });
    }

    #[test]
    fn a_polled_time_carries_half_its_interval() {
        let counts = vec![
            Count { at: 60.0, count: 1, uncertain: 60.0 },
            Count { at: 120.0, count: 5, uncertain: 60.0 },
            Count { at: 180.0, count: 5, uncertain: 60.0 },
        ];
        let supply = Supply { basis: Basis::Active, before: Some(1), counts };
        assert_eq!(supply.first(Elapsed::from_secs(30), 200.0, true), Timing::Reached { secs: 60.0, plus_minus: 30.0 });
        assert_eq!(supply.capacity(5, Elapsed::from_secs(30), 200.0, true).to_string(), "60 ± 30 s");
    }

    #[test]
    fn a_count_that_still_moves_is_not_settled() {
        let steady = responding(Some(1), &stairs(10, 60, 3));
        assert_eq!(steady.settled(START, 49.5), Some(3));
        let moving = responding(Some(1), &[stairs(10, 50, 3), stairs(50, 60, 4)].concat());
        assert_eq!(moving.settled(START, 49.5), None);
        assert_eq!(steady.settled(START, 20.0), None, "too short to tell");
    }
}
