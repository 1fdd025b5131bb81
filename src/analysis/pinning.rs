//! Whether few instances get most of the load: the load balancer, or our own kept connections, pin it.

use std::fmt;
use std::time::Duration;

use crate::text::percent;
use scaletop_units::Elapsed;

/// Over how many of the last seconds shares are computed.
pub(crate) const WINDOW_SECS: u32 = 10;

/// Few get most when at most half of the instances get at least this share.
const MOST: f64 = 0.9;

/// Fewer answers than this prove nothing.
const LEAST_REQUESTS: u64 = 100;

/// What is known of one instance's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The start of the first second it answered in.
    pub first: Elapsed,
    /// The end of the last second it answered in.
    pub last: Elapsed,
    /// Its answers in the [`WINDOW_SECS`] before the moment.
    pub requests: u64,
}

/// Few instances that get most of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pinning {
    /// How many get it.
    pub few: usize,
    /// Out of how many.
    pub of: usize,
    /// What share they get.
    pub share: f64,
}

impl fmt::Display for Pinning {
    /// `1 of 5 get 95.3 % of the answers`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} get {} of the answers", self.few, self.of, percent(self.share))
    }
}

/// Whether the load is pinned at a moment; `None` when it is spread, or nothing can be said.
///
/// Only instances count that were there before the window began and still answer: a new one has had no time to get its share,
/// a gone one gets none.
pub(crate) fn pinning(instances: impl Iterator<Item = Answered>, at: Elapsed) -> Option<Pinning> {
    let window = Duration::from_secs(u64::from(WINDOW_SECS));
    let mut requests: Vec<u64> = instances
        .filter(|one| at.saturating_since(one.first) > window && at.saturating_since(one.last) < window)
        .map(|one| one.requests)
        .collect();
    let total: u64 = requests.iter().sum();
    if total < LEAST_REQUESTS || requests.len() < 2 {
        return None;
    }
    requests.sort_unstable_by_key(|&requests| std::cmp::Reverse(requests));
    let (mut few, mut sum) = (0, 0);
    while (sum as f64) < MOST * total as f64 {
        sum += requests[few];
        few += 1;
    }
    (few * 2 <= requests.len()).then(|| Pinning { few, of: requests.len(), share: sum as f64 / total as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Elapsed = Elapsed::from_secs(60);

    fn old(requests: u64) -> Answered {
        Answered { first: Elapsed::ZERO, last: NOW, requests }
    }

    fn judged(instances: &[Answered]) -> Option<Pinning> {
        pinning(instances.iter().copied(), NOW)
    }

    #[test]
    fn an_even_spread_is_no_alarm() {
        assert_eq!(judged(&[old(500); 5]), None);
        assert_eq!(judged(&[]), None);
    }

    #[test]
    fn one_of_five_with_nearly_everything_is_an_alarm() {
        let alarm = judged(&[old(10), old(960), old(10), old(10), old(10)]).expect("an alarm");
        assert_eq!((alarm.few, alarm.of), (1, 5));
        assert_eq!(alarm.to_string(), "1 of 5 get 96.0 % of the answers");
    }

    #[test]
    fn an_instance_that_was_just_born_is_not_blamed_for_its_small_share() {
        let young = Answered { first: Elapsed::from_secs(55), ..old(3) };
        assert_eq!(judged(&[old(900), young]), None);
    }

    #[test]
    fn one_that_is_gone_does_not_count() {
        let gone = Answered { last: Elapsed::from_secs(45), ..old(0) };
        assert_eq!(judged(&[old(900), gone]), None);
    }

    #[test]
    fn a_handful_of_requests_proves_nothing() {
        assert_eq!(judged(&[old(90), old(1)]), None);
    }
}
