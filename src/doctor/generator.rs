//! Whether this machine can drive the load that it may be asked for. Pure: the readings come in.

use std::time::Duration;

use super::Check;
use crate::text::plain;
use scaletop_load::GeneratorHealth;

/// Descriptors that the program needs beside its connections: files, pipes, sources.
const FDS_OF_OUR_OWN: u64 = 64;
/// How long a closed connection holds its port (`TIME_WAIT` on Linux).
const TIME_WAIT: Duration = Duration::from_mins(1);
/// One engine thread was measured at 20,000 requests a second; the screen wants a core of its own.
const RATE_OF_ONE_CORE: u32 = 10_000;

/// What the generator is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedLoad {
    /// The ceiling of the rate, requests per second.
    pub(crate) max_rate: u32,
    /// The cap on requests in flight: the most connections at once.
    pub(crate) max_in_flight: u64,
    /// After this long a connection is retired; `None`: never.
    pub(crate) conn_max_age: Option<Duration>,
}

/// Descriptors, ports and cores against what is to be done.
pub(crate) fn checks(health: &GeneratorHealth, planned: PlannedLoad) -> Vec<Check> {
    vec![fds(health, planned), ports(health, planned), cores(health, planned)]
}

fn fds(health: &GeneratorHealth, planned: PlannedLoad) -> Check {
    let name = "file descriptors";
    let Some((open, limit)) = health.fds else {
        return Check::ok(name, "this system does not say");
    };
    let needed = planned.max_in_flight.saturating_add(FDS_OF_OUR_OWN).saturating_add(open);
    if limit >= needed {
        Check::ok(name, format!("{limit} allowed, {needed} may be needed"))
    } else {
        let holds = limit.saturating_sub(FDS_OF_OUR_OWN + open);
        Check::warning(
            name,
            format!("{limit} allowed: enough for {holds} requests in flight, not for {}", planned.max_in_flight),
            format!("raise it (ulimit -n {needed}), or lower --max-in-flight to {holds}"),
        )
    }
}

/// Each connection needs a local port, and holds it for a minute more after its end. With keep-alive, what counts is how
/// many are open at once and how many retire by age.
fn ports(health: &GeneratorHealth, planned: PlannedLoad) -> Check {
    let name = "local ports";
    let Some(left) = health.ports_left else {
        return Check::ok(name, "this system does not say");
    };
    let retired = planned
        .conn_max_age
        .map_or(0.0, |age| planned.max_in_flight as f64 * TIME_WAIT.as_secs_f64() / age.as_secs_f64().max(1.0));
    let needed = planned.max_in_flight as f64 + retired;
    if f64::from(left) >= needed {
        Check::ok(name, format!("{left} free, {needed:.0} may be needed"))
    } else {
        Check::warning(
            name,
            format!("{left} free, {needed:.0} may be needed at {} requests in flight", planned.max_in_flight),
            "widen the range (sysctl net.ipv4.ip_local_port_range), raise --conn-max-age or lower --max-in-flight",
        )
    }
}

/// A container that may use less than the machine has.
fn quota_of(quota: f32, planned: PlannedLoad) -> Check {
    let (name, rate) = ("CPU quota", planned.max_rate);
    let found = format!("the container may use {} of the machine's cores", plain(f64::from(quota)));
    // A core for the program besides what drives the load, as without a quota.
    let needed = f64::from(rate) / f64::from(RATE_OF_ONE_CORE) + 1.0;
    if f64::from(quota) >= needed {
        return Check::ok(name, found);
    }
    Check::warning(
        name,
        found,
        format!(
            "{} would be better for {rate} requests/s: raise it (docker --cpus), or lower --max-rate",
            plain(needed)
        ),
    )
}

fn cores(health: &GeneratorHealth, planned: PlannedLoad) -> Check {
    let name = "cores";
    let Some(cores) = health.cores else {
        return Check::ok(name, "this system does not say");
    };
    if let Some(quota) = health.cpu_quota.filter(|&quota| quota < cores as f32) {
        return quota_of(quota, planned);
    }
    let needed = planned.max_rate.div_ceil(RATE_OF_ONE_CORE).saturating_add(1);
    let found = format!("{cores} for up to {} requests/s", planned.max_rate);
    if cores >= needed {
        Check::ok(name, found)
    } else {
        Check::warning(
            name,
            found,
            format!("{needed} would be better, or lower --max-rate; watch the generator's health in the header"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    const PLANNED: PlannedLoad =
        PlannedLoad { max_rate: 5_000, max_in_flight: 10_000, conn_max_age: Some(Duration::from_secs(30)) };

    fn health(fds: u64, ports: u32, cores: u32) -> GeneratorHealth {
        GeneratorHealth {
            fds: Some((20, fds)),
            ports_left: Some(ports),
            cores: Some(cores),
            ..GeneratorHealth::default()
        }
    }

    #[test]
    fn a_roomy_machine_is_ok() {
        let checks = checks(&health(1 << 20, 60_000, 2), PLANNED);
        assert!(checks.iter().all(|check| check.status == Status::Ok), "{checks:?}");
    }

    #[test]
    fn each_shortage_is_told_with_the_number_that_would_do() {
        let checks = checks(&health(1_024, 28_000, 1), PLANNED);
        let [fds, ports, cores] = &checks[..] else { panic!("{checks:?}") };
        assert_eq!(fds.remedy.as_deref(), Some("raise it (ulimit -n 10084), or lower --max-in-flight to 940"));
        assert!(ports.detail.starts_with("28000 free, 30000 may be needed"), "{ports}");
        assert!(cores.remedy.as_deref().unwrap_or_default().starts_with("2 would be better"), "{cores}");
    }

    #[test]
    fn a_container_is_told_its_quota_and_not_the_machines_cores() {
        let health = GeneratorHealth { cpu_quota: Some(0.04), ..health(1 << 20, 60_000, 8) };
        let told = &checks(&health, PLANNED)[2];
        assert_eq!((told.status, told.name.as_str()), (Status::Warning, "CPU quota"), "{told}");
        assert!(told.detail.contains("0.04 of the machine's cores"), "{told}");
    }

    #[test]
    fn what_the_system_does_not_say_is_no_failure() {
        let checks = checks(&GeneratorHealth::default(), PLANNED);
        assert!(checks.iter().all(|check| check.status == Status::Ok));
    }
}
