//! How far ahead a change is set, so that every generator knows of it before.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(500);
/// What is not the network: the sender's, the carrier's and the receiver's own time.
const OWN: Duration = Duration::from_millis(20);

/// The lead: three times the 99th percentile of one way (half a round trip) and 20 ms, within 50 and 500 ms. The factor is for
/// ways that are unlike, and for the worst of many.
pub(crate) fn lead(round_trips: impl IntoIterator<Item = Duration>) -> Duration {
    let mut all: Vec<Duration> = round_trips.into_iter().collect();
    all.sort_unstable();
    let rank = (all.len() * 99).div_ceil(100).max(1);
    let slow = all.get(rank - 1).copied().unwrap_or(Duration::ZERO);
    (slow.min(LONGEST) * 3 / 2 + OWN).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lead_follows_the_slow_ones_and_stays_within_its_bounds() {
        let lead = |millis: &[u64]| lead(millis.iter().copied().map(Duration::from_millis)).as_millis();
        assert_eq!(lead(&[]), 50);
        assert_eq!(lead(&[1; 100]), 50);
        assert_eq!(lead(&[100; 100]), 170);
        let mut mixed = vec![1; 98];
        mixed.extend([80, 90]);
        assert_eq!(lead(&mixed), 140, "one in a hundred may be slower");
        assert_eq!(lead(&[u64::MAX]), 500);
    }
}
