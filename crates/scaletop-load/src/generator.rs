//! How the generator itself is doing: tells a slow driver from a slow service. `None` where the system does not say.
//!
//! Read once a second on the collector's thread, never on one that sends.
//!
//! **Ports left** is an estimate that is cheap at any scale and errs on the side of too few: the system's range of local
//! ports (Linux: `ip_local_port_range`), minus this process's open sockets (no more than its open descriptors, no more
//! than the system's TCP sockets in use), minus every socket of the system in TIME-WAIT, as if all of them went to the
//! busiest address. Listing the sockets of each remote address would be exact, and would cost more than the load at
//! tens of thousands of sockets.

use std::num::NonZero;
use std::time::Duration;

use crate::record::second::GeneratorHealth;
use scaletop_units::Elapsed;

pub use bottleneck::Bottleneck;

mod bottleneck;
#[cfg(target_os = "linux")]
mod quota;

/// File descriptors kept free for everything but load connections: files, pipes, the cloud's and the cluster's sockets.
const FD_RESERVE: u64 = 256;

/// The most requests in flight that are allowed unless asked for.
const MAX_IN_FLIGHT: u64 = 10_000;

/// Raises the soft limit on open files to the hard one; returns the limit then in force, if there is one and the system
/// says. Not being allowed to is no error: the limit is just the lower one.
pub fn raise_fd_limit() -> Option<u64> {
    system::raise_fd_limit()
}

/// The default cap on requests in flight: what the limit on open files allows, at most 10,000.
pub fn default_max_in_flight() -> u64 {
    default_max_in_flight_each(1)
}

/// The same for each of several engines that run at the same time: together they must get by with the limit on open files.
pub fn default_max_in_flight_each(engines: u64) -> u64 {
    cap_for(system::fd_limit(), engines)
}

/// Every request in flight may need a connection, hence a descriptor, of its own.
fn cap_for(fd_limit: Option<u64>, engines: u64) -> u64 {
    let Some(limit) = fd_limit else { return MAX_IN_FLIGHT };
    // Under a very low limit the reserve would leave nothing: then half is for load.
    let for_load = limit.saturating_sub(FD_RESERVE).max(limit / 2);
    (for_load / engines.max(1)).clamp(1, MAX_IN_FLIGHT)
}

/// Reads the generator's health once a second.
#[derive(Debug)]
pub struct GeneratorProbe {
    cores: Option<u32>,
    /// When it was last asked, and the CPU time then used.
    last: (Elapsed, Option<Duration>),
    /// CPU time that the whole machine had used then.
    machine: Option<Duration>,
    /// How long the container had been throttled then.
    throttled: Option<Duration>,
}

/// Over less than this, CPU use is noise.
const SHORTEST_SPAN: Duration = Duration::from_millis(100);

impl GeneratorProbe {
    /// CPU use is counted from `now` on.
    pub fn new(now: Elapsed) -> Self {
        let cores =
            std::thread::available_parallelism().ok().map(NonZero::get).and_then(|cores| u32::try_from(cores).ok());
        let (_, throttled) = system::quota();
        Self { cores, last: (now, system::cpu_time()), machine: system::machine_cpu_time(), throttled }
    }

    /// How the generator was doing since the last call. The cap and the peak in flight are the engine's to add.
    pub fn sample(&mut self, now: Elapsed) -> GeneratorHealth {
        let fds_open = system::open_fds();
        let span = now.saturating_since(self.last.0);
        let cpu_percent = self.cpu_percent(now);
        let (cpu_quota, throttled) = system::quota();
        let throttled_before = std::mem::replace(&mut self.throttled, throttled);
        GeneratorHealth {
            others_percent: cpu_percent.and_then(|ours| self.others_percent(ours, span)),
            cpu_percent,
            cpu_quota,
            throttled: throttled.zip(throttled_before).map(|(now, before)| now.saturating_sub(before)),
            cores: self.cores,
            fds: fds_open.zip(system::fd_limit()),
            ports_left: system::ports().map(|ports| ports_left(ports, fds_open)),
            ..GeneratorHealth::default()
        }
    }

    /// What the machine did besides, over a span in which we used `ours`.
    fn others_percent(&mut self, ours: f32, span: Duration) -> Option<f32> {
        let used = system::machine_cpu_time();
        let before = std::mem::replace(&mut self.machine, used);
        let all = used?.saturating_sub(before?).as_secs_f32() / span.as_secs_f32() * 100.0;
        Some((all - ours).max(0.0))
    }

    fn cpu_percent(&mut self, now: Elapsed) -> Option<f32> {
        let (since, used_before) = self.last;
        let span = now.saturating_since(since);
        if span < SHORTEST_SPAN {
            return None;
        }
        let used = system::cpu_time();
        self.last = (now, used);
        let used = used?.saturating_sub(used_before?);
        Some(used.as_secs_f32() / span.as_secs_f32() * 100.0)
    }
}

/// What Linux says about local ports and TCP sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports {
    /// Size of the range of local ports.
    range: u64,
    /// TCP sockets in use, all processes.
    in_use: u64,
    /// Sockets in TIME-WAIT, all processes.
    time_wait: u64,
}

fn ports_left(ports: Ports, fds_open: Option<u64>) -> u32 {
    let ours = fds_open.map_or(ports.in_use, |fds| fds.min(ports.in_use));
    u32::try_from(ports.range.saturating_sub(ours).saturating_sub(ports.time_wait)).unwrap_or(u32::MAX)
}

/// Reads `ip_local_port_range` (`32768 60999`) and the `TCP:`/`TCP6:` lines of `sockstat` (`TCP: inuse 5 orphan 0 tw 2 …`).
#[cfg(any(target_os = "linux", test))]
fn parse_ports(range: &str, sockstat: &str) -> Option<Ports> {
    let mut bounds = range.split_whitespace().map(str::parse::<u64>);
    let (low, high) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    let field = |name: &str| -> u64 {
        let lines = sockstat.lines().filter(|line| line.starts_with("TCP:") || line.starts_with("TCP6:"));
        lines
            .filter_map(|line| line.split_whitespace().skip_while(|&word| word != name).nth(1)?.parse::<u64>().ok())
            .sum()
    };
    Some(Ports { range: (high + 1).checked_sub(low)?, in_use: field("inuse"), time_wait: field("tw") })
}

/// CPU time that all processes have used, from `/proc/stat`: its first line in hundredths of a second, without what was
/// idle (the fourth) or waited for input and output (the fifth).
#[cfg(any(target_os = "linux", test))]
fn parse_machine_cpu(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // Guests are counted in `user` already.
    let ticks: Vec<u64> = line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let busy = ticks.iter().enumerate().filter(|(at, _)| !matches!(at, 3 | 4)).map(|(_, ticks)| ticks).sum::<u64>();
    Some(Duration::from_millis(busy.saturating_mul(10)))
}

#[cfg(unix)]
mod system {
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::time::{ClockId, clock_gettime};

    use super::Ports;

    pub(super) fn cpu_time() -> Option<Duration> {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        Some(Duration::new(u64::try_from(used.tv_sec).ok()?, u32::try_from(used.tv_nsec).ok()?))
    }

    pub(super) fn fd_limit() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }

    pub(super) fn raise_fd_limit() -> Option<u64> {
        let limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        }
        fd_limit()
    }

    /// The directory that lists this process's descriptors; reading it takes one itself.
    pub(super) fn open_fds() -> Option<u64> {
        let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
        let open = std::fs::read_dir(folder).ok()?.count() as u64;
        Some(open.saturating_sub(1))
    }

    #[cfg(target_os = "linux")]
    pub(super) fn machine_cpu_time() -> Option<Duration> {
        super::parse_machine_cpu(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn machine_cpu_time() -> Option<Duration> {
        None
    }

    /// Cores that the container's quota allows, and how long it was throttled so far.
    #[cfg(target_os = "linux")]
    pub(super) fn quota() -> (Option<f32>, Option<Duration>) {
        let quota = super::quota::read();
        (quota.cores, quota.throttled)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn quota() -> (Option<f32>, Option<Duration>) {
        (None, None)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn ports() -> Option<Ports> {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
        let mut sockstat = std::fs::read_to_string("/proc/net/sockstat").ok()?;
        // Without IPv6 the file is missing, and there is nothing to add.
        sockstat.push_str(&std::fs::read_to_string("/proc/net/sockstat6").unwrap_or_default());
        super::parse_ports(&range, &sockstat)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn ports() -> Option<Ports> {
        None
    }
}

#[cfg(not(unix))]
mod system {
    use std::time::Duration;

    use super::Ports;

    pub(super) fn cpu_time() -> Option<Duration> {
        None
    }

    pub(super) fn fd_limit() -> Option<u64> {
        None
    }

    pub(super) fn raise_fd_limit() -> Option<u64> {
        None
    }

    pub(super) fn open_fds() -> Option<u64> {
        None
    }

    pub(super) fn ports() -> Option<Ports> {
        None
    }

    pub(super) fn machine_cpu_time() -> Option<Duration> {
        None
    }

    pub(super) fn quota() -> (Option<f32>, Option<Duration>) {
        (None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_the_range_less_our_sockets_and_what_lingers() {
        let sockstat = "sockets: used 200\nTCP: inuse 50 orphan 0 tw 1000 alloc 60 mem 1\nUDP: inuse 3 mem 1\n\
                        TCP6: inuse 10\n";
        let ports = parse_ports("32768\t60999\n", sockstat).unwrap();
        assert_eq!(ports, Ports { range: 28_232, in_use: 60, time_wait: 1_000 });
        assert_eq!(ports_left(ports, Some(20)), 28_232 - 20 - 1_000);
        assert_eq!(ports_left(ports, Some(5_000)), 28_232 - 60 - 1_000, "descriptors that are files take no port");
        assert_eq!(ports_left(Ports { time_wait: 99_999, ..ports }, None), 0);
    }

    #[test]
    fn an_unreadable_range_is_unknown_rather_than_zero() {
        assert_eq!(parse_ports("", "TCP: inuse 1 tw 0"), None);
        assert_eq!(parse_ports("60999 32768", ""), None);
    }

    #[test]
    fn what_the_machine_did_leaves_out_idle_and_waiting() {
        let stat = "cpu  100 20 30 5000 400 5 6 7 90 0\ncpu0 1 2 3\n";
        assert_eq!(parse_machine_cpu(stat), Some(Duration::from_millis(1_680)));
        assert_eq!(parse_machine_cpu("intr 1"), None);
    }

    #[test]
    fn the_cap_follows_the_limit_on_open_files() {
        assert_eq!(cap_for(None, 1), 10_000);
        assert_eq!(cap_for(Some(1_048_576), 1), 10_000);
        assert_eq!(cap_for(Some(1_024), 1), 768);
        assert_eq!(cap_for(Some(1_024), 2), 384, "two share the descriptors");
        assert_eq!(cap_for(Some(256), 1), 128);
        assert_eq!(cap_for(Some(0), 1), 1);
    }

    #[test]
    fn cpu_use_over_no_time_is_unknown() {
        let mut probe = GeneratorProbe::new(Elapsed::ZERO);
        assert_eq!(probe.sample(Elapsed::from_millis(1)).cpu_percent, None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_says_everything() {
        let mut probe = GeneratorProbe::new(Elapsed::ZERO);
        let health = probe.sample(Elapsed::from_secs(1));
        assert!(health.cpu_percent.is_some_and(|percent| percent >= 0.0));
        assert!(health.fds.is_some_and(|(open, limit)| open > 0 && open <= limit));
        assert!(health.ports_left.is_some() && health.cores.is_some());
    }
}
