//! The CPU quota of the container: how much there is, and for how long we were kept from running by it.
//!
//! A quota of 0.04 cores on a machine with 64 idle ones shows nowhere else: the load is late, and nothing is busy. Both
//! hierarchies are read, version 2 (`cpu.max`, `throttled_usec`) and version 1 (`cpu.cfs_quota_us`, `throttled_time`), for
//! our own group and those above it; the tightest counts.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the groups say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quota {
    /// Cores that may be used; `None`: no quota.
    pub cores: Option<f32>,
    /// How long the group was throttled since it was made.
    pub throttled: Option<Duration>,
}

/// What holds for this process.
pub(super) fn read() -> Quota {
    let Ok(groups) = std::fs::read_to_string("/proc/self/cgroup") else { return Quota::default() };
    let mut tightest = Quota::default();
    for (is_v2, folder) in folders(&groups) {
        let file = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let quota = if is_v2 {
            Quota {
                cores: file("cpu.max").as_deref().and_then(cores_v2),
                throttled: file("cpu.stat").as_deref().and_then(|stat| throttled(stat, "throttled_usec", 1_000)),
            }
        } else {
            let pair = file("cpu.cfs_quota_us").zip(file("cpu.cfs_period_us"));
            Quota {
                cores: pair.and_then(|(quota, period)| ratio(quota.trim(), period.trim())),
                throttled: file("cpu.stat").as_deref().and_then(|stat| throttled(stat, "throttled_time", 1)),
            }
        };
        if quota.cores.is_some() && tightest.cores.is_none_or(|cores| quota.cores.is_some_and(|mine| mine < cores)) {
            tightest = quota;
        }
    }
    tightest
}

/// The folders of our groups and of those above them, and whether they are of version 2. `groups` is `/proc/self/cgroup`.
/// Inside a container the own group is often shown as the root.
fn folders(groups: &str) -> Vec<(bool, PathBuf)> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let is_v2 = controllers.is_empty();
        if !is_v2 && !controllers.split(',').any(|name| name == "cpu") {
            continue;
        }
        let root = Path::new(if is_v2 { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/cpu" });
        let own = root.join(path.trim_start_matches('/'));
        folders.extend(own.ancestors().take_while(|folder| folder.starts_with(root)).map(|at| (is_v2, at.to_owned())));
    }
    folders
}

/// `4000 100000`, or `max 100000` for no quota.
fn cores_v2(text: &str) -> Option<f32> {
    let (quota, period) = text.trim().split_once(' ')?;
    ratio(quota, period)
}

fn ratio(quota: &str, period: &str) -> Option<f32> {
    let (quota, period) = (quota.parse::<f32>().ok()?, period.parse::<f32>().ok()?);
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

/// The line `name N` of a `cpu.stat`, N in units of `nanos`.
fn throttled(stat: &str, name: &str, nanos: u64) -> Option<Duration> {
    let value = stat.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())?;
    Some(Duration::from_nanos(value.saturating_mul(nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_read_in_both_hierarchies_and_none_is_none() {
        assert_eq!(cores_v2("4000 100000\n"), Some(0.04));
        assert_eq!(cores_v2("max 100000\n"), None);
        assert_eq!(ratio("-1", "100000"), None);
        assert_eq!(ratio("150000", "100000"), Some(1.5));
    }

    #[test]
    fn throttled_time_is_read_in_its_unit() {
        let v2 = "usage_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1500\n";
        assert_eq!(throttled(v2, "throttled_usec", 1_000), Some(Duration::from_micros(1_500)));
        let v1 = "nr_periods 3\nnr_throttled 2\nthrottled_time 1500\n";
        assert_eq!(throttled(v1, "throttled_time", 1), Some(Duration::from_nanos(1_500)));
    }

    #[test]
    fn the_own_group_and_those_above_it_are_looked_at() {
        let found = folders("0::/a.slice/b.scope\n3:memory:/x\n2:cpu,cpuacct:/y\n");
        let names: Vec<_> = found.iter().map(|(is_v2, path)| (*is_v2, path.to_str().unwrap())).collect();
        assert_eq!(
            names,
            [
                (true, "/sys/fs/cgroup/a.slice/b.scope"),
                (true, "/sys/fs/cgroup/a.slice"),
                (true, "/sys/fs/cgroup"),
                (false, "/sys/fs/cgroup/cpu/y"),
                (false, "/sys/fs/cgroup/cpu"),
            ]
        );
    }
}
