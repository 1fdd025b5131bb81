//! Seconds of many generators become the fleet's, each counted once.
//!
//! A generator's seconds have numbers; one that comes again is known and left out. Second *k* of the fleet closes when all who had
//! slots in it delivered theirs, at the latest [`WAIT`] after its end. What comes later goes into the second that is open then, as
//! a part of the second that it was intended in: cohorts and totals stay exact, and a closed second never changes. Merging adds
//! cell by cell, so neither order nor delay matters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use scaletop_load::{
    BundleError, GeneratorHealth, GeneratorPart, MAX_INSTANCES_PER_SECOND, Second, UnpackedSecond, Unpacker,
};
use scaletop_units::{ArrivalRate, Elapsed, GeneratorId};

use crate::config::Resumed;
use crate::message::ArrivedSecond;

/// A second closes so long after its end, whoever is missing.
pub(crate) const WAIT: Duration = Duration::from_secs(1);

/// A second that lies so far ahead of the open one is none: a clock that wrong was refused.
const FAR: u32 = 60;

/// Numbers beyond a gap that are remembered; then the gap counts as lost.
const BEYOND: usize = 1_024;

/// What has come of one process of a generator.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// All before this one have come, or were given up.
    next: u64,
    /// What has come besides.
    beyond: BTreeSet<u64>,
}

impl Stream {
    /// Whether `number` has come, or was given up.
    fn has(&self, number: u64) -> bool {
        number < self.next || self.beyond.contains(&number)
    }

    /// Whether `number` is new.
    fn take(&mut self, number: u64) -> bool {
        if number < self.next || !self.beyond.insert(number) {
            return false;
        }
        if self.beyond.len() > BEYOND {
            self.next = self.beyond.first().copied().unwrap_or(self.next);
        }
        while self.beyond.remove(&self.next) {
            self.next += 1;
        }
        true
    }
}

/// A second that is not closed yet.
#[derive(Clone, Debug)]
struct Open {
    second: Second,
    from: BTreeSet<GeneratorId>,
}

/// The seconds of a fleet.
#[derive(Debug)]
pub(crate) struct Gather {
    next: u32,
    open: BTreeMap<u32, Open>,
    streams: BTreeMap<(GeneratorId, u64), Stream>,
    room: Unpacker,
}

/// What the session says of a second that closes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closing {
    /// Who had slots in it.
    pub holders: Vec<GeneratorId>,
    /// How many arrivals were to be sent in it; `None`: nobody led the fleet then, and nobody knows.
    pub planned: Option<u64>,
    /// The rate that was asked for at its end.
    pub target: ArrivalRate,
}

impl Gather {
    /// Begins with second `first`.
    pub(crate) fn new(first: u32, resumed: Option<&Resumed>) -> Self {
        let mut gather =
            Self { next: first, open: BTreeMap::new(), streams: BTreeMap::new(), room: Unpacker::default() };
        // What an earlier controller merged is known.
        for (id, numbers) in resumed.into_iter().flat_map(|resumed| &resumed.merged) {
            for &number in numbers {
                gather.stream(id, number).take(number);
            }
        }
        gather
    }

    /// The process that numbers so.
    fn stream(&mut self, id: &GeneratorId, number: u64) -> &mut Stream {
        let process = number >> 32;
        let new = || Stream { next: process << 32, ..Stream::default() };
        self.streams.entry((id.clone(), process)).or_insert_with(new)
    }

    /// The second that closes next.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    /// Begins with second `first` instead; what came of earlier ones is left out.
    pub(crate) fn skip_to(&mut self, first: u32) {
        self.next = first;
        self.open = self.open.split_off(&first);
    }

    /// Takes a generator's second in; `false`: it is known already, or none of the session's.
    ///
    /// # Errors
    /// When its histograms cannot be read. Then nothing of it is counted, and it counts as one that has not come.
    pub(crate) fn add(&mut self, id: &GeneratorId, number: u64, arrived: ArrivedSecond) -> Result<bool, BundleError> {
        if self.stream(id, number).has(number) {
            return Ok(false);
        }
        let ArrivedSecond { second, clock_error, late_anchor } = arrived;
        let mut room = std::mem::take(&mut self.room);
        let is_new = second.unpack(&mut room).map(|mut second| {
            let row = GeneratorPart {
                id: id.clone(),
                due: second.counts.parts.iter().map(|part| part.due).sum(),
                sent: second.counts.parts.iter().map(|part| part.sent).sum(),
                ok: second.ok(),
                lag_p99: second.send_lag_quantile(0.99),
                cpu_percent: second.counts.generator.cpu_percent,
                in_flight: second.counts.in_flight,
                clock_error,
                late_anchor,
                numbers: vec![number],
            };
            self.take(&mut second, row, number)
        });
        self.room = room;
        is_new
    }

    /// Adds a second that is whole, and the generator's row of it.
    fn take(&mut self, second: &mut UnpackedSecond<'_>, mut row: GeneratorPart, number: u64) -> bool {
        let index = second.counts.index;
        if !self.stream(&row.id, number).take(number) || index > self.next.saturating_add(FAR) {
            return false;
        }
        let is_late = index < self.next;
        if is_late && second.is_idle() {
            return true; // nothing happened in it, and who was where is no news any more
        }
        if is_late {
            second.counts.index = self.next;
            // Gauges of a moment that is over are not those of this second.
            (second.counts.in_flight, second.counts.oldest_in_flight) = (0, None);
            row.in_flight = 0;
            second.counts.generator = GeneratorHealth::default();
        }
        let open = self.open.entry(second.counts.index).or_insert_with_key(|&index| Open {
            second: Second::new(index, ArrivalRate::PAUSED),
            from: BTreeSet::new(),
        });
        if !is_late {
            open.from.insert(row.id.clone());
        }
        merge(&mut open.second, second, row);
        true
    }

    /// The next second that is complete at `now`, or overdue.
    pub(crate) fn close(&mut self, now: Elapsed, say: impl FnOnce(u32) -> Closing) -> Option<Second> {
        let end = Elapsed::from_secs(u64::from(self.next) + 1);
        if now < end {
            return None;
        }
        let closing = say(self.next);
        let from = self.open.get(&self.next).map(|open| &open.from);
        let is_missing = |id: &GeneratorId| !from.is_some_and(|from| from.contains(id));
        if closing.holders.iter().any(is_missing) && now < end + WAIT {
            return None;
        }
        Some(self.close_now(&closing))
    }

    /// Closes the next second as it is.
    fn close_now(&mut self, closing: &Closing) -> Second {
        let index = self.next;
        self.next += 1;
        let mut second =
            self.open.remove(&index).map_or_else(|| Second::new(index, ArrivalRate::PAUSED), |open| open.second);
        second.target = closing.target;
        let is_due = second.parts.iter().any(|part| part.intended == index && part.due > 0);
        if let Some(planned) = closing.planned.filter(|&planned| planned > 0 || is_due) {
            second.part_mut(index).planned = Some(planned);
        }
        second
    }

    /// Closes all that is left, up to second `last` at least.
    pub(crate) fn finish(&mut self, last: u32, say: impl Fn(u32) -> Closing) -> Vec<Second> {
        let filled = |(index, open): (&u32, &Open)| (!open.second.parts.is_empty()).then_some(*index);
        let last = self.open.iter().filter_map(filled).max().unwrap_or(0).max(last);
        let mut rest = Vec::new();
        while self.next <= last {
            let closing = say(self.next);
            rest.push(self.close_now(&closing));
        }
        self.open.clear();
        rest
    }

    /// Whether the first `stored` seconds of a process whose numbers begin at `first` have come.
    pub(crate) fn has_all(&self, id: &GeneratorId, first: u64, stored: u64) -> bool {
        let came = self.streams.get(&(id.clone(), first >> 32)).map_or(first >> 32 << 32, |stream| stream.next);
        came >= first + stored
    }
}

/// Adds one generator's second to the fleet's: counts, histograms and gauges add up, health is that of the worst of them, and the
/// caps and the peaks are those of all together.
fn merge(into: &mut Second, part: &mut UnpackedSecond<'_>, row: GeneratorPart) {
    // Whatever it says of generators: it is one.
    part.counts.generators.clear();
    part.merge_into(into);
    add_row(&mut into.generators, row);
    let (mine, theirs) = (&mut into.generator, &part.counts.generator);
    *mine = GeneratorHealth {
        cpu_percent: higher(mine.cpu_percent, theirs.cpu_percent),
        cores: lower(mine.cores, theirs.cores),
        fds: fuller(mine.fds, theirs.fds),
        ports_left: lower(mine.ports_left, theirs.ports_left),
        in_flight_cap: mine.in_flight_cap.saturating_add(theirs.in_flight_cap),
        in_flight_peak: mine.in_flight_peak.saturating_add(theirs.in_flight_peak),
        workers: mine.workers.saturating_add(theirs.workers),
        busiest_percent: higher(mine.busiest_percent, theirs.busiest_percent),
        longest_turn: mine.longest_turn.max(theirs.longest_turn),
        cpu_quota: lower(mine.cpu_quota, theirs.cpu_quota),
        throttled: mine.throttled.max(theirs.throttled),
        others_percent: higher(mine.others_percent, theirs.others_percent),
    };
    let beyond = into.served.split_off(into.served.len().min(MAX_INSTANCES_PER_SECOND));
    into.unattributed += beyond.iter().map(|served| served.requests).sum::<u64>();
    into.remotes.truncate(MAX_INSTANCES_PER_SECOND);
}

/// Adds what a generator says of a second to what it has said of it: when it was late, it says more than once.
fn add_row(rows: &mut Vec<GeneratorPart>, row: GeneratorPart) {
    match rows.binary_search_by(|mine| mine.id.cmp(&row.id)) {
        Ok(at) => {
            let mine = &mut rows[at];
            (mine.due, mine.sent, mine.ok) = (mine.due + row.due, mine.sent + row.sent, mine.ok + row.ok);
            mine.in_flight = mine.in_flight.max(row.in_flight);
            mine.lag_p99 = mine.lag_p99.max(row.lag_p99);
            mine.cpu_percent = higher(mine.cpu_percent, row.cpu_percent);
            mine.clock_error = mine.clock_error.max(row.clock_error);
            mine.late_anchor = mine.late_anchor.max(row.late_anchor);
            mine.numbers.extend(row.numbers);
        }
        Err(at) => rows.insert(at, row),
    }
}

fn higher(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

fn lower<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b < a { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// The one of which a greater share is used.
fn fuller(a: Option<(u64, u64)>, b: Option<(u64, u64)>) -> Option<(u64, u64)> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let (left, right) = (u128::from(a.0) * u128::from(b.1), u128::from(b.0) * u128::from(a.1));
            Some(if right > left { b } else { a })
        }
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
