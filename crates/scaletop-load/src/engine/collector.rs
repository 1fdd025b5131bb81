//! Merges the closed seconds of all workers, adds what is the session's, and hands them on in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::Shared;
use crate::generator::GeneratorProbe;
use crate::record::second::{GeneratorHealth, MAX_INSTANCES_PER_SECOND, Second};
use scaletop_units::RunClock;

/// Runs until every worker has ended. `watch` sees each second before its reader does.
pub(super) async fn collect(
    shared: Arc<Shared>,
    clock: RunClock,
    mut probe: GeneratorProbe,
    mut closed: mpsc::Receiver<Second>,
    seconds: mpsc::Sender<Second>,
    mut watch: impl FnMut(&Second),
) {
    let mut gathering = Gathering::default();
    let complete = |mut second: Second, probe: &mut GeneratorProbe| {
        second.target = shared.rate_before(second.end());
        let workers = u32::try_from(shared.workers_in(second.index)).unwrap_or(u32::MAX);
        let GeneratorHealth { in_flight_peak, busiest_percent, longest_turn, .. } = second.generator;
        second.generator = GeneratorHealth {
            in_flight_cap: shared.cap(),
            in_flight_peak,
            workers,
            busiest_percent,
            longest_turn,
            ..probe.sample(clock.now())
        };
        second
    };
    while let Some(part) = closed.recv().await {
        for second in gathering.add(part, |second| shared.workers_in(second)) {
            let second = complete(second, &mut probe);
            watch(&second);
            if seconds.send(second).await.is_err() {
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
#[derive(Default)]
struct Gathering {
    open: BTreeMap<u32, (usize, Second)>,
}

impl Gathering {
    /// Adds one worker's part; returns what is now complete, in order. Each worker delivers its seconds in order, and
    /// `workers` says how many deliver a part of a second.
    fn add(&mut self, part: Second, workers: impl Fn(u32) -> usize) -> Vec<Second> {
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
            if first.get().0 < workers(*first.key()) {
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
    let (mine, theirs) = (&mut into.generator, &part.generator);
    mine.in_flight_peak = mine.in_flight_peak.max(theirs.in_flight_peak);
    mine.longest_turn = mine.longest_turn.max(theirs.longest_turn);
    mine.busiest_percent = match (mine.busiest_percent, theirs.busiest_percent) {
        (Some(mine), Some(theirs)) => Some(mine.max(theirs)),
        (mine, theirs) => mine.or(theirs),
    };
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
        let mut gathering = Gathering::default();
        let two = |_| 2;
        assert!(gathering.add(part(0, 1, 3), two).is_empty());
        assert!(gathering.add(part(1, 2, 3), two).is_empty());
        let complete = gathering.add(part(0, 4, 7), two);
        assert_eq!(complete.iter().map(|s| (s.index, s.total().due)).collect::<Vec<_>>(), [(0, 5)]);
        assert_eq!(complete[0].generator.in_flight_peak, 7);
        assert_eq!(gathering.add(part(2, 0, 0), |second| if second < 1 { 2 } else { 3 }).len(), 0);
        assert_eq!(gathering.rest().map(|s| (s.index, s.total().due)).collect::<Vec<_>>(), [(1, 2), (2, 0)]);
    }
}
