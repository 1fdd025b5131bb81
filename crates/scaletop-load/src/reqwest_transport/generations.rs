//! Which generation of connections a request uses, and when a generation retires: pure, it takes `now`.
//!
//! Connections that live for ever never reach a new instance or a new DNS answer, and closing them all at once is a storm
//! of connects that shows as latency. So connections belong to one of [`GENERATIONS`] pools, requests go round them, and
//! every `max age / GENERATIONS` the oldest pool is replaced by an empty one: a sixth of the connections is renewed at a
//! time, and none is given a request when it is older than the age.
//!
//! ```text
//!  age 30 s   pool 1 ├────5 s──┤├──────────── 30 s ────────────┤├────
//!             pool 2 ├────────10 s───────┤├──────────── 30 s ────────
//!             pool 3 ├─────────────15 s────────────┤├────────────────
//! ```
//!
//! The first round is staggered. A request that is under way on a retired pool ends there; its connection closes then.

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_units::Elapsed;

/// Into how many pools connections are divided when they retire by age.
pub(crate) const GENERATIONS: usize = 6;

/// The pools in use, the oldest first.
#[derive(Debug)]
pub(crate) struct Generations<P> {
    live: VecDeque<P>,
    /// Whose turn it is, counted up for ever.
    turn: usize,
    /// Time between two replacements; `None`: connections live for ever.
    every: Option<Duration>,
    /// When the next replacement is due.
    next: Elapsed,
}

impl<P> Generations<P> {
    /// How many pools a transport needs: one when connections do not retire.
    pub(crate) const fn count(max_age: Option<Duration>) -> usize {
        if max_age.is_some() { GENERATIONS } else { 1 }
    }

    /// Starts with `pools`, which must not be empty; each lives `max_age` once the first round is over.
    pub(crate) fn new(pools: Vec<P>, max_age: Option<Duration>) -> Self {
        debug_assert!(!pools.is_empty(), "a request needs a pool");
        let count = u32::try_from(pools.len().max(1)).unwrap_or(u32::MAX);
        // Below a millisecond every request would replace a pool: that is what --no-keepalive is for.
        let every = max_age.map(|age| (age / count).max(Duration::from_millis(1)));
        let next = Elapsed::ZERO + every.unwrap_or_default();
        Self { live: pools.into(), turn: 0, every, next }
    }

    /// The pool for the next request.
    pub(crate) fn pick(&mut self) -> Option<&P> {
        self.turn = self.turn.wrapping_add(1);
        self.live.get(self.turn % self.live.len().max(1))
    }

    /// Whether the oldest pool has reached its age.
    pub(crate) fn is_retirement_due(&self, now: Elapsed) -> bool {
        self.every.is_some() && self.next <= now
    }

    /// Replaces the oldest pool. After a silence in which several came due, the schedule goes on from `now`, one pool
    /// each time it is asked, until all that are too old are gone.
    pub(crate) fn retire(&mut self, now: Elapsed, fresh: P) -> Option<P> {
        let every = self.every?;
        let behind = now - every * u32::try_from(self.live.len()).unwrap_or(u32::MAX);
        self.next = self.next.max(behind) + every;
        let old = self.live.pop_front();
        self.live.push_back(fresh);
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Option<Duration> = Some(Duration::from_secs(30));

    fn secs(secs: u64) -> Elapsed {
        Elapsed::from_secs(secs)
    }

    /// Pools named by their birth.
    fn generations() -> Generations<Elapsed> {
        Generations::new(vec![Elapsed::ZERO; GENERATIONS], AGE)
    }

    #[test]
    fn one_pool_in_six_is_replaced_every_sixth_of_the_age() {
        let mut pools = generations();
        let mut replaced = Vec::new();
        for now in (0..=60).map(secs) {
            while pools.is_retirement_due(now) {
                replaced.push((now, pools.retire(now, now).unwrap()));
            }
        }
        let expected: Vec<(Elapsed, Elapsed)> =
            (1..=12).map(|turn| (secs(turn * 5), secs((turn * 5).saturating_sub(30)))).collect();
        assert_eq!(replaced, expected, "(when, born): never older than 30 s, never two at once");
    }

    #[test]
    fn no_request_goes_to_a_pool_older_than_the_age_even_after_a_silence() {
        let mut pools = generations();
        for millis in [0, 4_000, 7_000, 90_000, 90_001, 91_000, 125_000, 400_000] {
            let now = Elapsed::from_millis(millis);
            while pools.is_retirement_due(now) {
                pools.retire(now, now);
            }
            for _ in 0..GENERATIONS {
                let age = now.saturating_since(*pools.pick().unwrap());
                assert!(age <= Duration::from_secs(30), "a pool of age {age:?} at {now:?}");
            }
        }
    }

    #[test]
    fn after_a_silence_at_most_every_pool_is_replaced_once() {
        let mut pools = generations();
        let now = secs(3_600);
        let mut replaced = 0;
        while pools.is_retirement_due(now) {
            pools.retire(now, now);
            replaced += 1;
        }
        assert!(replaced <= GENERATIONS + 1, "{replaced}");
    }

    #[test]
    fn requests_go_round_the_pools() {
        let mut pools = Generations::new((0..GENERATIONS).collect(), AGE);
        let mut seen: Vec<usize> = (0..GENERATIONS).filter_map(|_| pools.pick().copied()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..GENERATIONS).collect::<Vec<_>>());
    }

    #[test]
    fn without_an_age_nothing_retires() {
        let pools = Generations::new(vec![()], None);
        assert!(!pools.is_retirement_due(secs(1_000_000)));
        assert_eq!(Generations::<()>::count(None), 1);
    }
}
