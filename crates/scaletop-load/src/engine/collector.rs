//! Merges the closed seconds of all workers, adds what is the session's, and hands them on in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::Shared;
use crate::generator::GeneratorProbe;
use crate::record::second::{MAX_INSTANCES_PER_SECOND, Second};
use scaletop_units::RunClock;

/// Runs until every worker has ended.
pub(super) async fn collect(
    shared: Arc<Shared>,
    clock: RunClock,
    mut probe: GeneratorProbe,
    mut closed: mpsc::Receiver<Second>,
    seconds: mpsc::Sender<Second>,
) {
    let mut gathering = Gathering::new(shared.workers());
    let complete = |mut second: Second, probe: &mut GeneratorProbe| {
        second.target = shared.rate_before(second.end());
        let peak = second.generator.in_flight_peak;
        second.generator = probe.sample(clock.now());
        second.generator.in_flight_cap = shared.cap();
        second.generator.in_flight_peak = peak;
        second
    };
    while let Some(part) = closed.recv().await {
        for second in gathering.add(part) {
            if seconds.send(complete(second, &mut probe)).await.is_err() {
                return; // nobody reads any more
            }
        }
    }
    for second in gathering.rest() {
        if seconds.send(complete(second, &mut probe)).await.is_err() {
            return;
        }
    }
}

/// Seconds of which some workers' parts are still missing.
struct Gathering {
    workers: usize,
    open: BTreeMap<u32, (usize, Second)>,
}

impl Gathering {
    const fn new(workers: usize) -> Self {
        Self { workers, open: BTreeMap::new() }
    }

    /// Adds one worker's part; returns what is now complete, in order. Each worker delivers its seconds in order.
    fn add(&mut self, part: Second) -> Vec<Second> {
        match self.open.get_mut(&part.index) {
            Some((parts, second)) => {
                *parts += 1;
                merge(second, &part);
            }
            None => {
                self.open.insert(part.index, (1, part));
            }
        }
        let mut complete = Vec::new();
        while let Some(first) = self.open.first_entry() {
            if first.get().0 < self.workers {
                break;
            }
            complete.push(first.remove().1);
        }
        complete
    }

    /// What is left once all workers have ended: at the end they may have stopped in different seconds.
    fn rest(self) -> impl Iterator<Item = Second> {
        self.open.into_values().map(|(_, second)| second)
    }
}

/// [`Second::merge`], with the peak (which all workers saw of the same gauge) and the bounds kept.
fn merge(into: &mut Second, part: &Second) {
    into.merge(part);
    into.generator.in_flight_peak = into.generator.in_flight_peak.max(part.generator.in_flight_peak);
    let beyond = into.served.split_off(into.served.len().min(MAX_INSTANCES_PER_SECOND));
    into.unattributed += beyond.iter().map(|served| served.requests).sum::<u64>();
    into.remotes.truncate(MAX_INSTANCES_PER_SECOND);
}

#[cfg(test)]
mod tests {
    use super::*;
    use scaletop_units::ArrivalRate;

    fn part(index: u32, due: u64, peak: u64) -> Second {
        let mut second = Second::new(index, ArrivalRate::PAUSED);
        second.part_mut(index).due = due;
        second.generator.in_flight_peak = peak;
        second
    }

    #[test]
    fn a_second_is_complete_once_every_worker_has_delivered_it() {
        let mut gathering = Gathering::new(2);
        assert!(gathering.add(part(0, 1, 3)).is_empty());
        assert!(gathering.add(part(1, 2, 3)).is_empty());
        let complete = gathering.add(part(0, 4, 7));
        assert_eq!(complete.iter().map(|s| (s.index, s.total().due)).collect::<Vec<_>>(), [(0, 5)]);
        assert_eq!(complete[0].generator.in_flight_peak, 7);
        assert_eq!(gathering.rest().map(|s| (s.index, s.total().due)).collect::<Vec<_>>(), [(1, 2)]);
    }
}
