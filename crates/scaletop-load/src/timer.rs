//! Waiting precisely: the one place that knows that tokio's timer ticks in milliseconds.
//!
//! A request that leaves up to a millisecond late is as slow as a fast service. So workers wait on something finer:
//!
//! | what | where | send lag at 1,000/s p50, p99 | CPU at 5,000/s |
//! |---|---|---|---|
//! | a `timerfd` in the worker's own event queue | Linux | 70 µs, 220 µs | 60 % |
//! | a thread that sleeps and wakes the worker ([`sleeper`]) | elsewhere | 117 µs, 821 µs | 81 % |
//! | tokio's timer | when there is neither, and in virtual time | 876 µs, 1,840 µs | 29 % |
//!
//! (`examples/send_lag.rs` on two busy cores, where everything cost about three times what it does on idle ones; the
//! relations are what matters.) Spinning is finer still and costs a whole core.
//!
//! How often a worker wakes for arrivals is not decided here: see `worker/rhythm.rs`.

use std::time::Duration;

use tokio::time::Instant;

use crate::timer::sleeper::Sleeper;

mod sleeper;

/// Waits for deadlines. One per worker.
#[derive(Debug)]
pub(crate) struct Timer(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg(target_os = "linux")]
    Descriptor(Descriptor),
    Sleeper(Sleeper),
    Tokio,
}

impl Timer {
    /// Tokio's own: the only one that follows virtual time.
    pub(crate) const fn coarse() -> Self {
        Self(Kind::Tokio)
    }

    /// The most precise one that the system has. Needs the runtime's event queue.
    pub(crate) fn precise() -> Self {
        #[cfg(target_os = "linux")]
        if let Ok(descriptor) = Descriptor::new() {
            return Self(Kind::Descriptor(descriptor));
        }
        Sleeper::start().map_or_else(|_| Self::coarse(), |sleeper| Self(Kind::Sleeper(sleeper)))
    }

    /// Returns at `deadline` or soon after, never before. Cancel-safe.
    pub(crate) async fn wait_until(&mut self, deadline: Instant) {
        match &mut self.0 {
            #[cfg(target_os = "linux")]
            Kind::Descriptor(descriptor) => descriptor.wait_until(deadline).await,
            Kind::Sleeper(sleeper) => sleeper.wait_until(deadline).await,
            Kind::Tokio => tokio::time::sleep_until(deadline).await,
        }
    }
}

/// A `timerfd` in the event queue of the runtime.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Descriptor {
    descriptor: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
    /// What it is set to and has not been waited for to the end.
    set_to: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl Descriptor {
    fn new() -> std::io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let interest = tokio::io::Interest::READABLE;
        #[expect(deprecated, reason = "it is sound for a descriptor that is owned; what replaces it needs `unsafe`")]
        let descriptor = tokio::io::unix::AsyncFd::with_interest(descriptor, interest)?;
        Ok(Self { descriptor, set_to: None })
    }

    async fn wait_until(&mut self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // What has come in is looked at all the same.
            return tokio::task::yield_now().await;
        }
        match self.fire_after(left, deadline).await {
            Ok(()) => {}
            // Setting and reading a timer cannot fail; if it ever does, late is better than never.
            Err(_) => tokio::time::sleep_until(deadline).await,
        }
    }

    async fn fire_after(&mut self, left: Duration, deadline: Instant) -> std::io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let tv_sec = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec, tv_nsec: left.subsec_nanos().into() };
        let once = Itimerspec { it_interval: none, it_value };
        // A wait that was given up may have set it already.
        if self.set_to != Some(deadline) {
            timerfd_settime(self.descriptor.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            self.set_to = Some(deadline);
        }
        // Setting it again makes it unreadable by itself, so it need not be read: one system call less per wake-up. A loop,
        // since it may have fired for a wait that was given up.
        while Instant::now() < deadline {
            self.descriptor.readable().await?.clear_ready();
        }
        self.set_to = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real time, because neither kind follows the virtual one; only "never before" is asserted.
    async fn keeps_deadlines(mut timer: Timer) {
        for micros in [0, 300, 2_500, 7_000, 100] {
            let deadline = Instant::now() + Duration::from_micros(micros);
            timer.wait_until(deadline).await;
            assert!(Instant::now() >= deadline);
        }
        // A wait that is given up does not disturb the next, whichever of the two is longer.
        for (given_up, next) in [(60_000, 500), (500, 4_000), (2_000, 1_000)] {
            let now = Instant::now();
            tokio::select! {
                biased;
                () = timer.wait_until(now + Duration::from_micros(given_up)) => {}
                () = tokio::task::yield_now() => {}
            }
            let deadline = now + Duration::from_micros(next);
            timer.wait_until(deadline).await;
            assert!(Instant::now() >= deadline);
        }
    }

    #[tokio::test]
    async fn the_most_precise_timer_never_returns_early() {
        keeps_deadlines(Timer::precise()).await;
    }

    #[tokio::test]
    async fn the_sleeping_thread_never_returns_early() {
        keeps_deadlines(Timer(Kind::Sleeper(Sleeper::start().expect("a thread")))).await;
    }
}
