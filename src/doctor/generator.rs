//! Whether this machine can drive the load that it may be asked for. Pure: the readings come in.

use std::time::Duration;

use super::Check;
use crate::text::{exact, plain, thousands, whole};
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
    /// Whether a connection serves more than one request.
    pub(crate) keep_alive: bool,
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

/// How long a request is taken to last at the ceiling of the rate: a service that answers at all, though slowly.
const SLOW_ANSWER: Duration = Duration::from_secs(1);

/// Each connection needs a local port, and holds it for up to a minute more after its end. So what counts is how many are open at
/// once (by Little's law, at most as many as may be in flight), and how many were closed in the last minute: those that retired by age, or
/// without keep-alive all of them. A service that stalls may take more for a while, which any machine with the usual range of ports has
/// to live with: that is said, and is no warning.
fn ports(health: &GeneratorHealth, planned: PlannedLoad) -> Check {
    let name = "local ports";
    let Some(left) = health.ports_left else {
        return Check::ok(name, "this system does not say");
    };
    let rate = f64::from(planned.max_rate);
    let most = planned.max_in_flight as f64;
    let closed = |open: f64| match planned.conn_max_age {
        _ if !planned.keep_alive => rate * TIME_WAIT.as_secs_f64(),
        Some(age) => open * TIME_WAIT.as_secs_f64() / age.as_secs_f64().max(1.0),
        None => 0.0,
    };
    let number = |count: f64| thousands(whole(count));
    let open = (rate * SLOW_ANSWER.as_secs_f64()).min(most);
    let needed = open + closed(open);
    let sum = format!(
        "{} free; {}/s answered in {} need {}: {} open and {} closed in the last minute",
        thousands(left),
        number(rate),
        exact(SLOW_ANSWER),
        number(needed),
        number(open),
        number(closed(open)),
    );
    if f64::from(left) < needed {
        let instead = if planned.keep_alive { "raise --conn-max-age" } else { "leave out --no-keepalive" };
        let remedy = format!("lower --max-rate, {instead}, or widen the range (sysctl net.ipv4.ip_local_port_range)");
        return Check::warning(name, sum, remedy);
    }
    let stalled = most + closed(most);
    if f64::from(left) < stalled {
        let more = format!("; a service that stalls, with {} in flight, may use up all of them", number(most));
        return Check::ok(name, sum + &more);
    }
    Check::ok(name, sum)
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

    const PLANNED: PlannedLoad = PlannedLoad {
        max_rate: 5_000,
        max_in_flight: 10_000,
        keep_alive: true,
        conn_max_age: Some(Duration::from_secs(30)),
    };

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
        let checks = checks(&health(1_024, 14_000, 1), PLANNED);
        let [fds, ports, cores] = &checks[..] else { panic!("{checks:?}") };
        assert_eq!(fds.remedy.as_deref(), Some("raise it (ulimit -n 10084), or lower --max-in-flight to 940"));
        let sum = "14,000 free; 5,000/s answered in 1 s need 15,000: 5,000 open and 10,000 closed in the last minute";
        assert_eq!((ports.status, ports.detail.as_str()), (Status::Warning, sum));
        assert!(cores.remedy.as_deref().unwrap_or_default().starts_with("2 would be better"), "{cores}");
    }

    #[test]
    fn a_stock_machine_is_not_warned_of_ports_that_the_rate_does_not_use_up() {
        let ports = |left, planned| checks(&health(1 << 20, left, 2), planned).swap_remove(1);
        let stock = ports(28_232, PLANNED);
        let said = "28,232 free; 5,000/s answered in 1 s need 15,000: 5,000 open and 10,000 closed in the last minute; a \
                    service that stalls, with 10,000 in flight, may use up all of them";
        assert_eq!((stock.status, stock.detail.as_str()), (Status::Ok, said));
        // Without keep-alive every request takes a port for a minute.
        let each_its_own = ports(28_232, PlannedLoad { keep_alive: false, ..PLANNED });
        let sum = "28,232 free; 5,000/s answered in 1 s need 305,000: 5,000 open and 300,000 closed in the last minute";
        assert_eq!((each_its_own.status, each_its_own.detail.as_str()), (Status::Warning, sum));
        let slower = PlannedLoad { keep_alive: false, max_rate: 400, ..PLANNED };
        assert_eq!(ports(28_232, slower).status, Status::Ok);
        let never_retired = ports(28_232, PlannedLoad { conn_max_age: None, ..PLANNED });
        assert!(never_retired.detail.ends_with("5,000 open and 0 closed in the last minute"), "{never_retired}");
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
