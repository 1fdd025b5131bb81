//! When a worker wakes for arrivals: pure.
//!
//! A wake-up costs several times what a request does: the timer's interrupt, the switch to our thread, and in the first send
//! the wake-up of the service (27 % of our CPU at 5,000/s). There is little else to save: a request is two waits, a timer
//! set, a send and a receive. So above some thousand arrivals a second several share a wake-up, and three rules keep what
//! that costs them small:
//!
//! - A wake-up is at the very moment at which an arrival is due, so the last of those that share it is never late. (One
//!   quantum after the last wake-up, 250 µs, delayed almost all of them at 5,000/s and saved a fifth of the wake-ups.)
//! - Wake-ups keep a distance *on average*, the less the denser arrivals are. At 5,000 a second two arrivals share a wake-up
//!   twice, then one has its own: three of five leave on time, and the others 0.2 ms late. (Pairs throughout would save a
//!   half instead of two fifths, and leave the median to chance.)
//! - Whoever is awake anyway, since an answer came, takes along what is due: see [`Line::passed`](crate::line::Line::passed).
//!
//! ```text
//!   arrivals at 5,000/s   1    2    3    4    5    6    7    8    9    10
//!   wake-ups                   ▲         ▲    ▲         ▲         ▲    ▲
//! ```

use std::time::Duration;

use scaletop_units::Elapsed;

/// The distance of wake-ups when arrivals are so dense that their own distance does not matter.
const LEAST: Duration = Duration::from_micros(200);

/// The largest distance: fewer arrivals than one in so long are each woken for.
const LARGEST: Duration = Duration::from_nanos(333_333);

/// What one arrival weighs in the distance of arrivals: one part in so many.
const MEMORY: u32 = 8;

/// The wake-ups of one worker.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rhythm {
    last_due: Option<Elapsed>,
    /// How far apart arrivals are, of late.
    gap: Option<Duration>,
    /// No wake-up before this.
    earliest: Elapsed,
}

impl Rhythm {
    /// The next arrival waits for nobody: it is the first at a new rate.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// An arrival that was due at `due` was taken.
    pub(super) fn took(&mut self, due: Elapsed) {
        if let Some(last) = self.last_due.replace(due) {
            let gap = due.saturating_since(last).min(LARGEST);
            self.gap = Some(self.gap.map_or(gap, |before| (before * (MEMORY - 1) + gap) / MEMORY));
        }
    }

    /// The worker woke at `now` and took what was due.
    pub(super) fn woke(&mut self, now: Elapsed) {
        let distance = self.distance();
        // From when it was meant to be, not from when it was: so the distance is one on average.
        self.earliest =
            self.earliest.max(Elapsed::from_nanos(now.as_nanos().saturating_sub(nanos(distance)))) + distance;
    }

    /// No wake-up for arrivals before this.
    pub(super) const fn earliest(&self) -> Elapsed {
        self.earliest
    }

    fn distance(&self) -> Duration {
        self.gap.map_or(Duration::ZERO, |gap| (LEAST + gap * 2 / 3).min(LARGEST))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wake-ups for `count` evenly spaced arrivals of `rate` a second: how many there were, how many arrivals were on time, and
    /// the longest delay. `late`: how long after it was meant to each wake-up is.
    fn run(rate: u64, count: u64, late: Duration) -> (u64, u64, Duration) {
        let due = |number: u64| Elapsed::from_nanos(number * 1_000_000_000 / rate);
        let (mut rhythm, mut next) = (Rhythm::default(), 1);
        let (mut wakes, mut on_time, mut longest) = (0, 0, Duration::ZERO);
        while next <= count {
            let wake = (next..=next + 1_000).map(due).find(|&due| due >= rhythm.earliest()).unwrap();
            wakes += 1;
            let now = wake + late;
            while next <= count && due(next) <= now {
                let delay = wake.saturating_since(due(next));
                on_time += u64::from(delay.is_zero());
                longest = longest.max(delay);
                rhythm.took(due(next));
                next += 1;
            }
            rhythm.woke(now);
        }
        (wakes, on_time, longest)
    }

    #[test]
    fn sparse_arrivals_are_each_woken_for_on_time() {
        for rate in [1, 100, 1_000, 2_900] {
            assert_eq!(run(rate, 1_000, Duration::from_micros(60)), (1_000, 1_000, Duration::ZERO), "{rate}/s");
        }
    }

    #[test]
    fn at_five_thousand_a_second_most_are_on_time_and_two_fifths_of_the_wake_ups_are_saved() {
        for late in [0, 60] {
            let (wakes, on_time, longest) = run(5_000, 5_000, Duration::from_micros(late));
            assert!((2_990..=3_010).contains(&wakes) && on_time == wakes, "{wakes}, {on_time}");
            assert_eq!(longest, Duration::from_micros(200));
        }
    }

    #[test]
    fn dense_arrivals_share_wake_ups_and_none_waits_for_longer_than_the_distance() {
        for (rate, at_most) in [(10_000, 4_000), (20_000, 4_500), (40_000, 5_000), (500_000, 5_100)] {
            let (wakes, _, longest) = run(rate, rate, Duration::from_micros(60));
            assert!((3_000..=at_most).contains(&wakes), "{wakes} at {rate}/s");
            assert!(longest <= LARGEST, "{longest:?} at {rate}/s");
        }
    }

    #[test]
    fn after_a_pause_the_first_arrival_waits_for_nobody() {
        let mut rhythm = Rhythm::default();
        for number in 0..100 {
            rhythm.took(Elapsed::from_micros(number * 50));
            rhythm.woke(Elapsed::from_micros(number * 50));
        }
        assert!(rhythm.earliest() > Elapsed::from_millis(5));
        rhythm.restart();
        assert_eq!(rhythm.earliest(), Elapsed::ZERO);
    }
}
