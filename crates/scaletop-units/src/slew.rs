//! [`Slew`]: how a clock follows another one without ever jumping.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::time::Duration;

/// A correction of a clock that grows or shrinks by at most [`Slew::FASTEST`] parts in a million: so a clock follows another,
/// and never goes back. One writer, any number of readers, none of which waits.
///
/// Between two settings the correction is `base + (t − since) · rate`, with `t` the uncorrected time since the start. The three
/// numbers belong together: a reader that meets the writer reads again (a sequence lock).
#[derive(Debug, Default)]
pub struct Slew {
    /// Odd while the writer is at it.
    version: AtomicU64,
    /// Nanoseconds of uncorrected time at which `base` was right.
    since: AtomicI64,
    /// Nanoseconds.
    base: AtomicI64,
    /// Nanoseconds for each second.
    rate: AtomicI64,
}

/// A correction, as it is set.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    since: i64,
    base: i64,
    rate: i64,
}

impl Line {
    fn at(self, nanos: i64) -> i64 {
        let grown = i128::from(nanos.saturating_sub(self.since)) * i128::from(self.rate) / 1_000_000_000;
        self.base.saturating_add(i64::try_from(grown).unwrap_or(i64::MAX))
    }
}

impl Slew {
    /// The most that a correction changes, parts in a million; NTP slews no faster (RFC 5905, section 11.3).
    pub const FASTEST: u32 = 500;

    /// No correction.
    pub const fn new() -> Self {
        Self { version: AtomicU64::new(0), since: AtomicI64::new(0), base: AtomicI64::new(0), rate: AtomicI64::new(0) }
    }

    /// From `now` (uncorrected) on, goes to the correction `to` (nanoseconds to add) and means to be there after `within`, or
    /// later when that would be faster than [`Slew::FASTEST`]. Call it again before then, or the correction goes on.
    pub fn aim(&self, now: Duration, to: i64, within: Duration) {
        let now = nanos(now);
        let base = self.line().at(now);
        let within = i128::from(nanos(within).max(1));
        let fastest = i64::from(Self::FASTEST) * 1_000;
        let rate = (i128::from(to) - i128::from(base)) * 1_000_000_000 / within;
        let rate = i64::try_from(rate).unwrap_or(if to > base { fastest } else { -fastest }).clamp(-fastest, fastest);
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.since.store(now, Ordering::Relaxed);
        self.base.store(base, Ordering::Relaxed);
        self.rate.store(rate, Ordering::Relaxed);
        self.version.store(version + 2, Ordering::Release);
    }

    /// The corrected time of the uncorrected one.
    pub fn corrected(&self, time: Duration) -> Duration {
        let time = nanos(time);
        Duration::from_nanos(u64::try_from(time.saturating_add(self.line().at(time))).unwrap_or(0))
    }

    /// The first uncorrected time at which the corrected one is reached, as things stand, within a nanosecond for each second since
    /// the last setting: never before, so that whoever waits until then need not wait again.
    pub fn uncorrected(&self, time: Duration) -> Duration {
        let (line, time) = (self.line(), nanos(time));
        // t + base + (t − since)·rate = time
        let second = 1_000_000_000_i128;
        let moved = i128::from(time) - i128::from(line.base) - i128::from(line.since);
        let since = moved * second / (second + i128::from(line.rate));
        let mut at = i128::from(line.since) + since;
        // Division rounds down.
        while i64::try_from(at).is_ok_and(|at| at.saturating_add(line.at(at)) < time) {
            at += 1;
        }
        Duration::from_nanos(u64::try_from(at.max(0)).unwrap_or(u64::MAX))
    }

    fn line(&self) -> Line {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let line = Line {
                since: self.since.load(Ordering::Relaxed),
                base: self.base.load(Ordering::Relaxed),
                rate: self.rate.load(Ordering::Relaxed),
            };
            fence(Ordering::Acquire);
            if version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version {
                return line;
            }
            std::hint::spin_loop();
        }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_correction_is_there_when_it_was_meant_to_be() {
        let slew = Slew::new();
        assert_eq!(slew.corrected(ms(5)), ms(5));
        slew.aim(ms(1_000), 400_000, ms(1_000));
        assert_eq!(slew.corrected(ms(1_000)), ms(1_000));
        assert_eq!(slew.corrected(ms(1_500)), ms(1_500) + Duration::from_micros(200));
        assert_eq!(slew.corrected(ms(2_000)), ms(2_000) + Duration::from_micros(400));
    }

    #[test]
    fn a_clock_never_goes_back_nor_faster_than_it_may() {
        let slew = Slew::new();
        let mut last = Duration::ZERO;
        for millis in 1..5_000 {
            let to = if millis % 700 < 350 { 5_000_000_000 } else { -5_000_000_000 };
            if millis % 100 == 0 {
                slew.aim(ms(millis), to, ms(100));
            }
            let now = slew.corrected(ms(millis));
            let step = now.checked_sub(last).expect("never back").as_nanos();
            assert!((999_500..=1_000_500).contains(&step), "{step} ns in a millisecond");
            last = now;
        }
    }

    #[test]
    fn a_moment_is_found_again() {
        let slew = Slew::new();
        slew.aim(ms(10_000), -3_000_000, ms(1));
        for millis in [10_000, 10_001, 12_345, 60_000] {
            let back = slew.uncorrected(slew.corrected(ms(millis)));
            assert!(back.abs_diff(ms(millis)) < Duration::from_nanos(100), "{back:?}");
        }
    }

    #[test]
    fn whoever_waits_for_a_moment_wakes_when_it_is_there() {
        for (to, within) in [(7, 400), (-7, 400), (123_457, 1_000), (-3_000_001, 9_000), (0, 1)] {
            let slew = Slew::new();
            slew.aim(ms(10_000), to, ms(within));
            for nanos in (0..3_000_000_000_u64).step_by(2_500_003) {
                let at = ms(11_000) + Duration::from_nanos(nanos);
                assert!(slew.corrected(slew.uncorrected(at)) >= at, "{to} in {within}: {at:?}");
            }
        }
    }

    #[test]
    fn readers_never_see_half_a_setting() {
        let slew = Slew::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..20_000 {
                    // Always the same line, however it is written down: base and since move together.
                    slew.aim(Duration::from_micros(round), i64::MAX / 4, ms(1));
                }
            });
            for _ in 0..20_000 {
                // At 500 ppm from the beginning, a second is corrected by at most half a millisecond.
                let off = slew.corrected(Duration::from_secs(1)).saturating_sub(Duration::from_secs(1));
                assert!(off <= Duration::from_micros(501), "{off:?}");
            }
        });
    }
}
