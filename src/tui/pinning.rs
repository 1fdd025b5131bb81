//! Whether few instances get most of the load: the load balancer, or our own kept connections, pin it.

use std::time::Duration;

use crate::session::state::{InstanceTrack, Session};
use scaletop_units::Elapsed;

/// Over how many of the last seconds shares are computed.
const WINDOW_SECS: u32 = 10;

/// Few get most when at most half of the instances get at least this share.
const MOST: f64 = 0.9;

/// Fewer answers than this prove nothing.
const LEAST_REQUESTS: u64 = 100;

/// What an instance got in the window that ends with the last closed second before `at`.
pub(crate) fn recent_requests(track: &InstanceTrack, at: Elapsed) -> u64 {
    let from = at.second().saturating_sub(WINDOW_SECS);
    track
        .recent
        .iter()
        .rev()
        .take_while(|second| second.second >= from)
        .filter(|second| second.second < at.second())
        .map(|second| second.requests)
        .sum()
}

/// Few instances that get most of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pinning {
    /// How many get it.
    pub(crate) few: usize,
    /// Out of how many.
    pub(crate) of: usize,
    /// What share they get.
    pub(crate) share: f64,
}

/// The alarm at a moment; `None` when the load is spread, or nothing can be said yet.
///
/// Only instances count that were there before the window began and still answer: a new one has had no time to get its share,
/// a gone one gets none.
pub(crate) fn pinning(session: &Session, at: Elapsed) -> Option<Pinning> {
    let window = Duration::from_secs(u64::from(WINDOW_SECS));
    let mut requests: Vec<u64> = session
        .tracks()
        .iter()
        .filter(|track| at.saturating_since(track.first) > window && at.saturating_since(track.last) < window)
        .map(|track| recent_requests(track, at))
        .collect();
    let total: u64 = requests.iter().sum();
    if total < LEAST_REQUESTS || requests.len() < 2 {
        return None;
    }
    requests.sort_unstable_by_key(|&requests| std::cmp::Reverse(requests));
    let mut sum = 0;
    let few = requests.iter().take_while(|&&requests| {
        let is_needed = (sum as f64) < MOST * total as f64;
        sum += if is_needed { requests } else { 0 };
        is_needed
    });
    let few = few.count();
    (few * 2 <= requests.len()).then(|| Pinning { few, of: requests.len(), share: sum as f64 / total as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixtures::spike;

    #[test]
    fn an_even_spread_is_no_alarm() {
        let session = spike(4, 20).build().session().clone();
        assert_eq!(pinning(&session, session.now()), None);
    }

    #[test]
    fn one_of_five_with_nearly_everything_is_an_alarm() {
        let session = spike(4, 20).pinned().run(15).build().session().clone();
        let alarm = pinning(&session, session.now()).expect("an alarm");
        assert_eq!((alarm.few, alarm.of), (1, 5));
        assert!(alarm.share > 0.9, "{alarm:?}");
    }

    #[test]
    fn an_instance_that_was_just_born_is_not_blamed_for_its_small_share() {
        let session = spike(0, 0).instance("i-new").run(3).build().session().clone();
        assert_eq!(pinning(&session, session.now()), None);
    }

    #[test]
    fn a_handful_of_requests_proves_nothing() {
        let session = spike(1, 20).rate(0).run(30).build().session().clone();
        assert_eq!(pinning(&session, session.now()), None);
    }
}
