//! The one place where a session meets the clocks: a wall-clock time and a monotonic instant, read together once.
//!
//! Everything else gets its `now` from a [`RunClock`] or, in the pure core, as an argument. The monotonic side is tokio's
//! clock, so that a test under `start_paused` drives the same code in virtual time. On worker threads it is the system's
//! monotonic clock; all of them agree, because they share one anchor.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::{Elapsed, Slew};

/// Stands in for moments that the system cannot represent: thirty years, as tokio's own "far future".
const FAR_FUTURE: Duration = Duration::from_hours(24 * 365 * 30);

/// Says how much of the session has passed. Copies share the anchor.
#[derive(Clone, Copy, Debug)]
pub struct RunClock {
    started: Instant,
    started_unix_micros: i64,
    /// How it follows another machine's clock.
    slew: Option<&'static Slew>,
}

impl RunClock {
    /// Starts a session: this moment is [`Elapsed::ZERO`].
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the wall clock is read here, once a session")]
        let wall = SystemTime::now();
        let micros = match wall.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        };
        Self { started: Instant::now(), started_unix_micros: micros, slew: None }
    }

    /// A session that started at `started`, when the wall clock said this: for what did not begin just now.
    pub const fn anchored(started: Instant, started_unix_micros: i64) -> Self {
        Self { started, started_unix_micros, slew: None }
    }

    /// The same, corrected by `slew`: the clock of a session that another machine leads. It lives as long as the program, so that
    /// a clock stays something that is copied.
    #[must_use]
    pub const fn slewed(self, slew: &'static Slew) -> Self {
        Self { slew: Some(slew), ..self }
    }

    /// The time since the start. Never decreases.
    pub fn now(&self) -> Elapsed {
        let since = self.started.elapsed();
        Elapsed::ZERO + self.slew.map_or(since, |slew| slew.corrected(since))
    }

    /// The time since the start by this machine's clock alone.
    pub fn uncorrected(&self) -> Duration {
        self.started.elapsed()
    }

    /// The instant of `at`, for timers.
    pub fn instant_at(&self, at: Elapsed) -> Instant {
        let since = at.saturating_since(Elapsed::ZERO);
        let since = self.slew.map_or(since, |slew| slew.uncorrected(since));
        self.started.checked_add(since).unwrap_or_else(|| self.started + FAR_FUTURE)
    }

    /// The wall-clock time of the start: microseconds since 1970 UTC. Later steps of the wall clock do not move it.
    pub const fn started_unix_micros(&self) -> i64 {
        self.started_unix_micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_virtual_time() {
        let clock = RunClock::start();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(clock.now(), Elapsed::from_millis(1_500));
        assert_eq!(clock.instant_at(Elapsed::from_millis(1_500)), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn copies_share_the_anchor() {
        let clock = RunClock::start();
        let copy = clock;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(clock.now(), copy.now());
        assert_eq!(clock.started_unix_micros(), copy.started_unix_micros());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_follows_another_says_when_its_moments_are() {
        static SLEW: Slew = Slew::new();
        let clock = RunClock::start().slewed(&SLEW);
        SLEW.aim(clock.uncorrected(), 2_000_000, Duration::from_secs(10));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(clock.now(), Elapsed::from_millis(10_002));
        let apart = clock.instant_at(Elapsed::from_millis(10_002)) - Instant::now();
        assert!(apart < Duration::from_micros(1), "{apart:?}");
    }

    #[test]
    fn a_moment_beyond_the_end_of_time_is_far_away_rather_than_a_panic() {
        let clock = RunClock::start();
        assert!(clock.instant_at(Elapsed::from_nanos(u64::MAX)) > clock.instant_at(Elapsed::from_secs(3_600)));
    }
}
