//! How busy a worker is: the CPU time of its thread against the clock.

use std::time::Duration;

use scaletop_units::Elapsed;

/// Over less than this, CPU use is noise.
const SHORTEST_SPAN: Duration = Duration::from_millis(100);

/// Measures the thread that asks it.
#[derive(Debug)]
pub(super) struct BusyMeter {
    last: (Elapsed, Option<Duration>),
}

impl BusyMeter {
    /// Counts from `now` on.
    pub(super) fn new(now: Elapsed) -> Self {
        Self { last: (now, thread_cpu_time()) }
    }

    /// CPU time since the last call, 100 = all of a core; `None` where the system does not say.
    pub(super) fn percent(&mut self, now: Elapsed) -> Option<f32> {
        let (since, used_before) = self.last;
        let span = now.saturating_since(since);
        if span < SHORTEST_SPAN {
            return None;
        }
        let used = thread_cpu_time();
        self.last = (now, used);
        Some(used?.saturating_sub(used_before?).as_secs_f32() / span.as_secs_f32() * 100.0)
    }
}

#[cfg(unix)]
fn thread_cpu_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Some(Duration::new(u64::try_from(used.tv_sec).ok()?, u32::try_from(used.tv_nsec).ok()?))
}

#[cfg(not(unix))]
const fn thread_cpu_time() -> Option<Duration> {
    None
}
