//! Who answers: a track for each instance, and how many there are right now.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::record::second::{Second, Served};
use crate::session::state::{InstanceSecond, InstanceTrack};
use crate::units::{Elapsed, InstanceId};

/// More instances than this are not told apart: a hostile service must not fill the memory.
pub const MOST_TRACKS: usize = 1_000;

/// How much of each instance's recent past is kept, in seconds.
const RECENT_SECS: u32 = 3_600;

/// The window of the count looks back until it holds this many answers per instance, so that an even balancer has
/// certainly shown each of them.
const ANSWERS_PER_INSTANCE: u64 = 20;

/// It never looks back further than this, in seconds.
const LONGEST_WINDOW: u32 = 10;

/// A first second with fewer answers says nothing of a cold start.
const FEWEST_FIRST_ANSWERS: u64 = 5;

/// The instances seen so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InstanceTable {
    at: BTreeMap<InstanceId, usize>,
    /// Response times of each track's first second, apart from its others'.
    first_seconds: Vec<crate::record::latency::Latency>,
    /// Who answered in each of the last seconds, and how many answers there were.
    window: VecDeque<(u32, Vec<usize>, u64)>,
}

impl InstanceTable {
    /// Files what `second` says of instances into `tracks`.
    pub(crate) fn file(&mut self, second: &Second, tracks: &mut Vec<InstanceTrack>) {
        let mut seen = Vec::new();
        for served in &second.served {
            let Some(at) = self.track(served, second, tracks) else { continue };
            seen.push(at);
            let track = &mut tracks[at];
            track.last = second.end();
            track.requests += served.requests;
            track.ok += served.ok;
            track.first_ok = match (track.first_ok, served.first_ok_intended) {
                (Some(known), Some(now)) => Some(known.min(now)),
                (known, now) => known.or(now),
            };
            if track.first == second.start() {
                self.first_seconds[at].merge(&served.response);
            }
            track.response.merge(&served.response);
            track.cold_start = cold_start(&self.first_seconds[at], track);
            let p99 = served.response.quantile(0.99);
            let recent = InstanceSecond { second: second.index, requests: served.requests, ok: served.ok, p99 };
            track.recent.push_back(recent);
            while track.recent.front().is_some_and(|oldest| oldest.second + RECENT_SECS < second.index) {
                track.recent.pop_front();
            }
        }
        let answers = second.served.iter().map(|served| served.requests).sum();
        self.window.push_back((second.index, seen, answers));
        while self.window.front().is_some_and(|(index, ..)| index + LONGEST_WINDOW <= second.index) {
            self.window.pop_front();
        }
    }

    /// How many instances answer now: distinct ids over the last second, or as many more as it takes to have seen
    /// [`ANSWERS_PER_INSTANCE`] answers each, ten at most. `None` when nobody answered.
    pub(crate) fn responding(&self) -> Option<u32> {
        let (mut ids, mut answers) = (Vec::new(), 0);
        for (_, seen, more) in self.window.iter().rev() {
            ids.extend_from_slice(seen);
            ids.sort_unstable();
            ids.dedup();
            answers += more;
            if answers > 0 && answers >= ANSWERS_PER_INSTANCE * ids.len() as u64 {
                break;
            }
        }
        u32::try_from(ids.len()).ok().filter(|count| *count > 0)
    }

    fn track(&mut self, served: &Served, second: &Second, tracks: &mut Vec<InstanceTrack>) -> Option<usize> {
        if let Some(&at) = self.at.get(&served.id) {
            return Some(at);
        }
        if tracks.len() >= MOST_TRACKS {
            return None;
        }
        let at = tracks.len();
        tracks.push(InstanceTrack::new(served.id.clone(), second.start()));
        self.first_seconds.push(crate::record::latency::Latency::new());
        self.at.insert(served.id.clone(), at);
        Some(at)
    }
}

/// By how much the median of the first second exceeds the median of all: what waking up costs its first users.
fn cold_start(first: &crate::record::latency::Latency, track: &InstanceTrack) -> Option<Duration> {
    if first.count() < FEWEST_FIRST_ANSWERS || track.response.count() < 2 * first.count() {
        return None;
    }
    Some(first.quantile(0.5)?.saturating_sub(track.response.quantile(0.5)?))
}

impl InstanceTrack {
    fn new(id: InstanceId, first: Elapsed) -> Self {
        Self {
            id,
            first_ok: None,
            first,
            last: first,
            requests: 0,
            ok: 0,
            response: crate::record::latency::Latency::new(),
            cold_start: None,
            recent: VecDeque::new(),
        }
    }
}
