//! One worker's recorder: files what its requests did under seconds, and closes them.
//!
//! Pure, single-threaded and without a lock: each worker owns a [`Shard`], and the seconds of all shards are merged when
//! they close ([`Second::merge`]). Which second counts what is written in [`super::second`].
//!
//! ```text
//!  second 4            second 5                  open: [4, 5]  at 5.05 s
//!  ├───────────────────┼────────┬───────────►    open: [5]     from 5.10 s on: 4 has closed and never changes;
//!                      5.0      5.1              what still belongs to it is filed under 5, as a part intended in 4
//! ```

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::expected::Expected;
use crate::mix::Mix;
use crate::pacer::Arrival;
use crate::record::connections::Connections;
use crate::record::failures;
use crate::record::latency::Latency;
use crate::record::second::{CLOSE_AFTER, LATE, MAX_INSTANCES_PER_SECOND, RequestPart, Second, Served};
use crate::sample::{Outcome, OutcomeKind, Sample};
use crate::worker::TOO_LATE;
use scaletop_units::{ArrivalRate, Elapsed, InstanceId};

/// What piled up while we stood still is read within this after it.
const PILED_UP: Duration = Duration::from_millis(20);

/// Why an arrival is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Refused: the cap on requests in flight was reached.
    AtCap,
    /// Given up: our own stall made it late by over a second.
    Late,
    /// Given up for want of a connection.
    NoConnection,
}

/// What is in flight, as one worker sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// This worker's requests without an answer.
    pub count: u64,
    /// When the oldest of them was intended.
    pub oldest: Option<Elapsed>,
    /// The requests without an answer of all workers together.
    pub all_workers: u64,
    /// This worker's arrivals that have no connection yet.
    pub waiting: u64,
    /// This worker's open connections.
    pub open: u64,
    /// This worker's connections that are being opened.
    pub connecting: u64,
}

/// One worker's recorder.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Seconds that have not closed, ascending and without gaps; the front is `first_open`.
    open: VecDeque<Second>,
    /// The earliest second that has not closed.
    first_open: u32,
    /// The earliest second that has not ended, or whose end [`Shard::observe`] has not seen.
    running: u32,
    /// Which answers are OK.
    expected: Expected,
    /// Several requests, told apart by name.
    mix: Option<Arc<Mix>>,
    /// When the worker last woke up late, and how late.
    stall: Option<(Elapsed, Duration)>,
}

impl Shard {
    /// Nothing recorded; the first second is the one that holds `start`.
    pub(crate) fn new(start: Elapsed, expected: Expected, mix: Option<Arc<Mix>>) -> Self {
        Self { open: VecDeque::new(), first_open: start.second(), running: start.second(), expected, mix, stall: None }
    }

    /// An arrival came due.
    pub(crate) fn arrived(&mut self, arrival: Arrival) {
        let intended = arrival.due.second();
        self.open_mut(intended).part_mut(intended).due += 1;
        self.of_request(intended, arrival, |part| part.due += 1);
    }

    /// Notes in second `index` what the request of `arrival` did, where there are several.
    fn of_request(&mut self, index: u32, arrival: Arrival, change: impl FnOnce(&mut RequestPart)) {
        // Taken out for the moment: the second is ours, too.
        let Some(mix) = self.mix.take() else { return };
        change(self.open_mut(index).request_mut(mix.name_of(arrival.number), arrival.due.second()));
        self.mix = Some(mix);
    }

    /// The worker turned to an arrival at `now` and accepted it; `all_workers` requests are in flight with it.
    pub(crate) fn accepted(&mut self, intended: Elapsed, now: Elapsed, all_workers: u64) {
        let lag = now.saturating_since(intended);
        let second = self.open_mut(now.second());
        second.send_lag.record(lag);
        if lag > LATE {
            let part = second.part_mut(intended.second());
            part.late += 1;
            part.longest_lag = part.longest_lag.max(lag);
        }
        let peak = &mut second.generator.in_flight_peak;
        *peak = (*peak).max(all_workers);
    }

    /// An arrival that came due will not be sent.
    pub(crate) fn dropped(&mut self, arrival: Arrival, why: Dropped) {
        let intended = arrival.due.second();
        self.of_request(intended, arrival, |part| part.dropped += 1);
        let part = self.open_mut(intended).part_mut(intended);
        match why {
            Dropped::AtCap => part.dropped_cap += 1,
            Dropped::Late => {
                part.dropped_late += 1;
                part.late += 1;
                part.longest_lag = part.longest_lag.max(TOO_LATE);
            }
            Dropped::NoConnection => part.dropped_connections += 1,
        }
    }

    /// A request was handed over at `sent`.
    pub(crate) fn sent(&mut self, arrival: Arrival, sent: Elapsed) {
        self.open_mut(sent.second()).part_mut(arrival.due.second()).sent += 1;
        self.of_request(sent.second(), arrival, |part| part.sent += 1);
    }

    /// What the connections of the second of `now` do.
    pub(crate) fn connections(&mut self, now: Elapsed) -> &mut Connections {
        &mut self.open_mut(now.second()).connections
    }

    /// The worker woke up `late` at `now`.
    pub(crate) fn woke(&mut self, now: Elapsed, late: Duration) {
        let longest = &mut self.open_mut(now.second()).generator.longest_turn;
        *longest = Some(longest.unwrap_or_default().max(late));
        if late > LATE {
            self.stall = Some((now, late));
        }
    }

    /// A request was answered or failed.
    pub(crate) fn completed(&mut self, sample: &Sample) {
        let kind = sample.outcome.kind(&self.expected);
        let read_late = self.read_late(sample);
        let intended = sample.arrival.due;
        let response = sample.completed.saturating_since(intended);
        let is_ok = kind == OutcomeKind::Ok;
        self.of_request(sample.completed.second(), sample.arrival, |part| {
            part.outcomes.add(kind);
            if is_ok { &mut part.ok } else { &mut part.failed }.record(response);
        });
        let second = self.open_mut(sample.completed.second());
        let part = second.part_mut(intended.second());
        part.outcomes.add(kind);
        if let Some(late) = read_late {
            part.late += 1;
            part.longest_lag = part.longest_lag.max(late);
        }
        let (responses, services) =
            if is_ok { (&mut part.ok, &mut part.service) } else { (&mut part.failed, &mut part.failed_service) };
        responses.record(response);
        if let Some(sent) = sample.sent {
            services.record(sample.completed.saturating_since(sent));
        }
        second.bytes_in += sample.bytes;
        match (sample.outcome, &sample.cause) {
            (Outcome::Failed(_), Some(cause)) => failures::note(&mut second.failures, kind, cause),
            (Outcome::Status(status), leads_to) if !is_ok => {
                failures::note_status(&mut second.failures, kind, status, leads_to.as_ref());
            }
            _ => {}
        }
        if let Some(remote) = sample.remote {
            count_remote(&mut second.remotes, remote.ip());
        }
        match &sample.served_by {
            Some(id) => match served_mut(&mut second.served, id) {
                Some(served) => {
                    served.requests += 1;
                    served.response.record_rough(response);
                    if is_ok {
                        served.ok += 1;
                        let first = served.first_ok_intended.map_or(intended, |first| first.min(intended));
                        served.first_ok_intended = Some(first);
                    }
                }
                None => second.unattributed += 1,
            },
            // Only an answer could have named an instance; a refused connection has nobody to attribute it to.
            None if matches!(sample.outcome, Outcome::Status(_)) => second.unattributed += 1,
            None => {}
        }
    }

    /// How late we were to read an answer that came while we stood still: it was on its way when the stall began, and was read
    /// with what had piled up.
    fn read_late(&self, sample: &Sample) -> Option<Duration> {
        let (end, late) = self.stall?;
        let was_under_way = sample.sent.is_some_and(|sent| sent < end) && sample.completed >= end;
        (was_under_way && sample.completed <= end + PILED_UP).then_some(late)
    }

    /// The most requests in flight over all workers may have risen to `all_workers` in the second of `now`.
    fn peaked(&mut self, now: Elapsed, all_workers: u64) {
        let peak = &mut self.open_mut(now.second()).generator.in_flight_peak;
        *peak = (*peak).max(all_workers);
    }

    /// Notes what is in flight at the end of each second that ended by `now`. Call it at [`Shard::next_due`] at the
    /// latest, before anything of the following second is recorded.
    pub(crate) fn observe(&mut self, now: Elapsed, gauge: Gauge) {
        while self.running < now.second() {
            let (second, end) = (self.running, Elapsed::from_secs(u64::from(self.running) + 1));
            self.note_gauge(second, end, gauge);
            self.running += 1;
            // What is in flight when a second begins is in flight in that second.
            self.peaked(end, gauge.all_workers);
        }
    }

    /// When something is to be done next without any arrival: the end of the running second, or a second's close.
    pub(crate) fn next_due(&self) -> Elapsed {
        let end = Elapsed::from_secs(u64::from(self.running) + 1);
        end.min(self.closes_at())
    }

    /// The earliest open second, if its time to close has come. It never changes again.
    pub(crate) fn close_due(&mut self, now: Elapsed) -> Option<Second> {
        // Never before `observe` has seen its end.
        (self.closes_at() <= now && self.first_open < self.running).then(|| self.close_first())
    }

    /// Closes everything, the running second included, in order. The shard goes on with the second after it.
    pub(crate) fn finish(&mut self, now: Elapsed, gauge: Gauge) -> Vec<Second> {
        self.observe(now, gauge);
        let running = self.running;
        self.note_gauge(running, now, gauge);
        self.running += 1;
        let last = self.running.max(self.first_open + u32::try_from(self.open.len()).unwrap_or(u32::MAX));
        self.running = last;
        (self.first_open..last).map(|_| self.close_first()).collect()
    }

    fn closes_at(&self) -> Elapsed {
        Elapsed::from_secs(u64::from(self.first_open) + 1) + CLOSE_AFTER
    }

    fn close_first(&mut self) -> Second {
        let index = self.first_open;
        self.first_open += 1;
        self.open.pop_front().unwrap_or_else(|| Second::new(index, ArrivalRate::PAUSED))
    }

    fn note_gauge(&mut self, second: u32, end: Elapsed, gauge: Gauge) {
        let open = self.open_mut(second);
        open.in_flight = gauge.count;
        (open.connections.open, open.connections.connecting) = (gauge.open, gauge.connecting);
        open.connections.waiting = gauge.waiting;
        open.oldest_in_flight = gauge.oldest.filter(|&oldest| oldest < end).map(|oldest| end.saturating_since(oldest));
    }

    /// The open second with this index, or the earliest open one when it has closed.
    fn open_mut(&mut self, index: u32) -> &mut Second {
        let at = index.saturating_sub(self.first_open) as usize;
        while self.open.len() <= at {
            let next = self.first_open + u32::try_from(self.open.len()).unwrap_or(u32::MAX);
            self.open.push_back(Second::new(next, ArrivalRate::PAUSED));
        }
        &mut self.open[at]
    }
}

/// The entry of `id`, made when there is room.
fn served_mut<'a>(served: &'a mut Vec<Served>, id: &InstanceId) -> Option<&'a mut Served> {
    let at = match served.binary_search_by(|entry| entry.id.cmp(id)) {
        Ok(at) => at,
        Err(_) if served.len() >= MAX_INSTANCES_PER_SECOND => return None,
        Err(at) => {
            let new = Served { id: id.clone(), requests: 0, ok: 0, first_ok_intended: None, response: Latency::new() };
            served.insert(at, new);
            at
        }
    };
    served.get_mut(at)
}

fn count_remote(remotes: &mut Vec<(IpAddr, u64)>, address: IpAddr) {
    match remotes.binary_search_by_key(&address, |&(mine, _)| mine) {
        Ok(at) => remotes[at].1 += 1,
        Err(at) if remotes.len() < MAX_INSTANCES_PER_SECOND => remotes.insert(at, (address, 1)),
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests;
