//! What time the session has, from the timestamps of questions and answers.
//!
//! With `t1` and `t4` by this machine's clock when a question went and its answer came, and `t2` and `t3` by the session's when
//! the question came and its answer went (RFC 5905, section 8):
//!
//! ```text
//!  offset     = ((t2 − t1) + (t3 − t4)) / 2        to add to this machine's clock
//!  round trip =  (t4 − t1) − (t3 − t2)             the offset is right within half of it, however unlike both ways are
//! ```
//!
//! Of the last [`KEPT`] answers the one with the least error counts: half its round trip, and what two clocks may have drifted
//! apart since, at [`DRIFT`] parts in a million.

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_units::{Elapsed, Slew};

/// Answers that are remembered.
pub(crate) const KEPT: usize = 16;

/// So fast two clocks may drift apart, parts in a million: as fast as the correction follows.
const DRIFT: u64 = Slew::FASTEST as u64;

/// When a question went and came, and its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamps {
    /// Nanoseconds by this machine's clock.
    pub sent: u64,
    /// By the session's.
    pub received: Elapsed,
    /// By the session's.
    pub answered: Elapsed,
    /// Nanoseconds by this machine's clock.
    pub back: u64,
}

/// How far the session's clock is ahead of this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// Nanoseconds to add to this machine's clock.
    pub offset: i64,
    /// Nanoseconds, plus or minus.
    pub error: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    offset: i64,
    round_trip: u64,
    at: u64,
}

impl Sample {
    fn error(&self, now: u64) -> u64 {
        self.round_trip.div_ceil(2) + now.saturating_sub(self.at).saturating_mul(DRIFT).div_ceil(1_000_000)
    }
}

/// The latest answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    samples: VecDeque<Sample>,
}

impl Offsets {
    /// Takes an answer into account; returns its round trip. One whose stamps contradict each other is left out.
    pub(crate) fn add(&mut self, stamps: Stamps) -> Option<Duration> {
        let Stamps { sent, received, answered, back } = stamps;
        let away = back.checked_sub(sent)?;
        let there = answered.as_nanos().checked_sub(received.as_nanos())?;
        let round_trip = away.checked_sub(there)?;
        let sum =
            i128::from(received.as_nanos()) - i128::from(sent) + i128::from(answered.as_nanos()) - i128::from(back);
        let offset = i64::try_from(sum / 2).ok()?;
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { offset, round_trip, at: back });
        Some(Duration::from_nanos(round_trip))
    }

    /// How many answers are known, up to [`KEPT`].
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// The best that is known at `now` (nanoseconds by this machine's clock).
    pub(crate) fn best(&self, now: u64) -> Option<Estimate> {
        let best = self.samples.iter().min_by_key(|sample| sample.error(now))?;
        Some(Estimate { offset: best.offset, error: best.error(now) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The session's clock when this machine's shows `local`: apart by `offset`, and faster by `ppm` parts in a million.
    fn session(local: u64, offset: i64, ppm: i64) -> i64 {
        let drifted = i128::from(local) * i128::from(ppm) / 1_000_000;
        i64::try_from(i128::from(local) + drifted).unwrap() + offset
    }

    fn stamps(at: u64, there: u64, back: u64, offset: i64, ppm: i64) -> Stamps {
        let moment = |local| Elapsed::from_nanos(u64::try_from(session(local, offset, ppm)).unwrap());
        Stamps {
            sent: at,
            received: moment(at + there),
            answered: moment(at + there + 50_000),
            back: at + there + 50_000 + back,
        }
    }

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn equal_ways_give_the_offset_exactly() {
        let mut offsets = Offsets::default();
        let round_trip = offsets.add(stamps(1_000, 40_000, 40_000, DAY, 0));
        assert_eq!(round_trip, Some(Duration::from_micros(80)));
        assert_eq!(offsets.best(131_000), Some(Estimate { offset: DAY, error: 40_000 }));
    }

    #[test]
    fn stamps_that_contradict_each_other_are_left_out() {
        let mut offsets = Offsets::default();
        let (early, late) = (Elapsed::from_nanos(5), Elapsed::from_nanos(9));
        for wrong in [
            Stamps { sent: 10, received: early, answered: late, back: 9 },
            Stamps { sent: 10, received: late, answered: early, back: 90 },
            Stamps { sent: 10, received: early, answered: late, back: 12 },
        ] {
            assert_eq!((offsets.add(wrong), offsets.best(100)), (None, None));
        }
    }

    proptest! {
        /// Ways as unlike as 60 and 40 ms, or 8 and 2, clocks that drift by up to 500 parts in a million and are a day apart.
        #[test]
        fn the_true_offset_is_always_within_the_error_that_is_stated(
            ways in prop::collection::vec((10_000_u64..60_000_000, 10_000_u64..60_000_000), 1..60),
            ppm in -500_i64..=500, offset in -1_000_000_i64..DAY, pause in 0_u64..2_000_000_000
        ) {
            let mut offsets = Offsets::default();
            let mut at = 5_000_000_u64;
            for (there, back) in ways {
                let stamps = stamps(at, there, back, offset.max(0), ppm);
                offsets.add(stamps);
                let now = stamps.back + pause;
                let best = offsets.best(now).unwrap();
                let truth = session(now, offset.max(0), ppm) - i64::try_from(now).unwrap();
                prop_assert!(best.offset.abs_diff(truth) <= best.error + 2, "{best:?} for {truth}");
                at += 200_000_000;
            }
            prop_assert!(offsets.len() <= KEPT);
        }

        /// And the clock that follows, by at most 500 parts in a million, is within that and what it still has to go.
        #[test]
        fn a_clock_that_follows_stays_within_what_is_stated(
            ways in prop::collection::vec((20_000_u64..200_000, 20_000_u64..200_000), 20..80), ppm in -450_i64..=450
        ) {
            let (slew, mut offsets) = (Slew::new(), Offsets::default());
            let mut at = 5_000_000_u64;
            let mut settled = 0;
            for (there, back) in ways {
                let stamps = stamps(at, there, back, DAY, ppm);
                offsets.add(stamps);
                let now = stamps.back;
                let best = offsets.best(now).unwrap();
                // The clock begins a day off, as a generator sets it once; the slew follows the rest.
                let uncorrected = Duration::from_nanos(now + u64::try_from(DAY).unwrap());
                slew.aim(uncorrected, best.offset - DAY, Duration::from_millis(400));
                let applied = i128::try_from(slew.corrected(uncorrected).as_nanos()).unwrap() - i128::from(now);
                let togo = applied.abs_diff(i128::from(best.offset));
                let truth = i128::from(session(now, DAY, ppm)) - i128::from(now);
                prop_assert!(applied.abs_diff(truth) <= u128::from(best.error) + togo + 2);
                settled += usize::from(applied.abs_diff(truth) < 1_000_000);
                at += 200_000_000;
            }
            prop_assert!(settled > 0);
        }
    }
}
