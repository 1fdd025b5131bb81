//! How busy a worker is: the CPU time of its thread against the clock, over a second and over a moment.

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

/// How long a moment is.
const MOMENT: Duration = Duration::from_millis(4);

/// A thread that ran, or waited for a core, for more of a moment has nothing left.
const FULL: f64 = 0.8;

/// A full moment is remembered for so long: what it left behind takes a while.
const REMEMBERED: Duration = Duration::from_millis(50);

/// Whether the thread that asks had any time left of late.
#[derive(Debug)]
pub(super) struct Fullness {
    meter: RunMeter,
    since: Elapsed,
    ran: Option<Duration>,
    full_until: Elapsed,
}

impl Fullness {
    /// Counts from `now` on.
    pub(super) fn new(now: Elapsed) -> Self {
        let mut meter = RunMeter::new();
        Self { ran: meter.read(), meter, since: now, full_until: Elapsed::ZERO }
    }

    /// Whether it had none left in one of the last few moments; never where the system does not say.
    pub(super) fn is_full(&mut self, now: Elapsed) -> bool {
        let span = now.saturating_since(self.since);
        if span >= MOMENT {
            let ran = self.meter.read();
            let share = ran.zip(self.ran).map(|(now, before)| now.saturating_sub(before).div_duration_f64(span));
            if share.is_some_and(|share| share > FULL) {
                self.full_until = now + REMEMBERED;
            }
            (self.since, self.ran) = (now, ran);
        }
        now < self.full_until
    }
}

/// For how long a thread ran or wanted to: on Linux with the time that it waited for a core, which tells a thread that has
/// too much to do from one that is kept waiting for its work.
#[derive(Debug)]
struct RunMeter {
    #[cfg(target_os = "linux")]
    schedule: Option<std::fs::File>,
}

impl RunMeter {
    /// Of the thread that makes it.
    fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            schedule: std::fs::File::open("/proc/thread-self/schedstat").ok(),
        }
    }

    #[cfg(target_os = "linux")]
    fn read(&mut self) -> Option<Duration> {
        use std::os::unix::fs::FileExt as _;
        let mut text = [0; 64];
        let length = self.schedule.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
        let said = length.and_then(|length| ran_and_waited(std::str::from_utf8(&text[..length]).ok()?));
        said.or_else(thread_cpu_time)
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&mut self) -> Option<Duration> {
        thread_cpu_time()
    }
}

/// Nanoseconds on a core and nanoseconds in the queue for one, as the system writes them.
#[cfg(target_os = "linux")]
fn ran_and_waited(text: &str) -> Option<Duration> {
    let mut numbers = text.split_ascii_whitespace().map(|number| number.parse::<u64>().ok());
    Some(Duration::from_nanos(numbers.next()?? + numbers.next()??))
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_for_a_core_wants_to_run() {
        assert_eq!(ran_and_waited("1500 2500 7\n"), Some(Duration::from_micros(4)));
        assert_eq!((ran_and_waited(""), ran_and_waited("1500")), (None, None));
    }

    #[test]
    fn a_thread_that_does_nothing_but_work_is_full_and_one_that_waits_for_work_is_not() {
        let clock = scaletop_units::RunClock::start();
        let mut fullness = Fullness::new(clock.now());
        let mut is_full = false;
        while clock.now() < Elapsed::from_millis(30) {
            is_full = fullness.is_full(clock.now());
        }
        assert!(is_full);
        let (_held, never) = std::sync::mpsc::channel::<()>();
        let _ = never.recv_timeout(Duration::from_millis(200));
        assert!(!fullness.is_full(clock.now()));
    }
}
