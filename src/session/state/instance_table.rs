//! Who answered: one track an instance, and how many answered over the last seconds (the *Responding* count).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::analysis::pinning::{self, Answered, Pinning};
use crate::instances::{Basis, InstanceObservation};
use crate::session::event::NoticeLevel;
use crate::session::state::Session;
use scaletop_load::Latency;
use scaletop_load::{Second, Served};
use scaletop_units::{Elapsed, InstanceId};

/// More instances than this are not told apart in one session; their answers are counted.
pub(crate) const MAX_INSTANCES: usize = 1_000;

/// How much of an instance's recent past is kept for its lane, in seconds (the longest window but one).
const RECENT_SECS: u32 = 900;

/// An instance that answers at all has answered by now: with this many answers for each one, missing one by chance under
/// even balancing has odds of e⁻²⁰.
const ANSWERS_PER_INSTANCE: u64 = 20;

/// Nobody is counted who has not answered for this long.
const LONGEST_WINDOW_SECS: u32 = 10;

/// A header that said something new in nineteen of twenty answers, of this many at least, names requests.
const ANSWERS_BEFORE_JUDGED: u64 = 30;

/// So many ids that came once and never again, and every so many-th answer at least, are no instances.
const ONCE: u64 = 20;

/// The first answers of an instance: whole seconds until there are this many.
const FIRST_ANSWERS: u64 = 5;

/// The later answers they are compared with: once there are this many.
const LATER_ANSWERS: u64 = 200;

/// One instance as its answers show it.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceTrack {
    pub id: InstanceId,
    /// When its first OK answer's request was intended; `None` while it has only failed.
    pub first_ok: Option<Elapsed>,
    /// The start of the first second it answered in.
    pub first: Elapsed,
    /// The end of the last second it answered in.
    pub last: Elapsed,
    pub requests: u64,
    /// How many were OK.
    pub ok: u64,
    /// Response times of all its answers.
    pub response: Latency,
    /// By how much its first answers were slower than its later ones (`None` until there are enough of both).
    pub cold_start: Option<Duration>,
    /// The last minutes, one entry a second in which it answered: for its lane.
    pub recent: VecDeque<InstanceSecond>,
}

/// What an instance answered in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceSecond {
    pub second: u32,
    pub requests: u64,
    /// How many were OK.
    pub ok: u64,
    /// p99 of their response times.
    pub p99: Option<Duration>,
}

/// What is remembered of instances beyond their tracks; indices are those of the tracks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InstanceTable {
    index: BTreeMap<InstanceId, u32>,
    recent: VecDeque<(u32, Vec<(u32, u64)>)>,
    firsts: Vec<First>,
    /// Answers that named one of the tracks.
    answers: u64,
    /// Whether the header seems to name requests. An instance would answer again.
    names_requests: bool,
}

/// What is remembered of one instance.
#[derive(Clone, Debug, Default, PartialEq)]
struct First {
    early: Latency,
    median: Option<Duration>,
    last_ok: Option<Elapsed>,
    /// How many answers had named an instance before it first did.
    answers_before: u64,
    /// And by when it last did.
    answers_by: u64,
}

impl InstanceTable {
    /// Who answered OK a request that was intended in `[from, until)`, as far as the last such answer tells.
    pub(super) fn seen_since(&self, from: Elapsed, until: Elapsed) -> impl Iterator<Item = u32> + '_ {
        let is_seen = move |first: &First| first.last_ok.is_some_and(|last| last >= from && last < until);
        let firsts = if self.names_requests { &[][..] } else { &self.firsts };
        (0..).zip(firsts).filter(move |(_, first)| is_seen(first)).map(|(at, _)| at)
    }

    /// Who answered in the latest second, by track.
    pub(super) fn answered_now(&self) -> &[(u32, u64)] {
        self.recent.back().map_or(&[], |(_, answered)| answered)
    }

    /// The track of an instance by its id.
    pub(super) fn track_of(&self, id: &InstanceId) -> Option<u32> {
        self.index.get(id).copied().filter(|_| !self.names_requests)
    }

    /// Whether the ids stand for requests and not for instances, as far as the answers tell.
    pub(super) const fn names_requests(&self) -> bool {
        self.names_requests
    }

    /// Judges anew what the ids stand for; whether that is another judgement than before.
    fn judge(&mut self, tracks: &[InstanceTrack]) -> bool {
        let ids = self.firsts.len() as u64;
        let is_all_new = self.answers >= ANSWERS_BEFORE_JUDGED && ids * 20 >= self.answers * 19;
        let names_requests = is_all_new || self.are_passing() || self.names_some_requests(tracks);
        std::mem::replace(&mut self.names_requests, names_requests) != names_requests
    }

    /// Whether ids come and go for good: one has a few answers, and hardly any that came by a moment comes again after it. Those of
    /// instances overlap: so many answers of a fleet would bring most of them again, and a deployment replaces them all at one
    /// moment, not at every one.
    fn are_passing(&self) -> bool {
        let ids = self.firsts.len() as u64;
        // Once said, it is taken back only when half of them stay.
        let most = if self.names_requests { 2 } else { 10 };
        let are_few_each = self.answers >= 2 * ids && self.answers <= ANSWERS_PER_INSTANCE * ids;
        ids >= 2 * ONCE
            && are_few_each
            && [1, 2, 3].into_iter().all(|quarter| {
                let moment = self.answers * quarter / 4;
                let begun = self.firsts.iter().filter(|first| first.answers_before < moment);
                let (begun, stay) = begun.fold((0_u64, 0_u64), |(begun, stay), first| {
                    (begun + 1, stay + u64::from(first.answers_by > moment))
                });
                stay * most <= begun
            })
    }

    /// Whether some of the answers have an id of their own beside those of instances. Such ids come once, early in the session,
    /// and not in as many answers since; and there are more of them the more answers there are. The others have answered so often
    /// that none of a fleet of their like would have been missed since: in a large fleet at a low rate nobody has.
    fn names_some_requests(&self, tracks: &[InstanceTrack]) -> bool {
        let half = self.answers / 2;
        let is_once = |(track, _): &(&InstanceTrack, &First)| track.requests == 1;
        let once = tracks.iter().zip(&self.firsts).filter(is_once).count() as u64;
        let others = tracks.len() as u64 - once;
        // Once said, it is taken back only when they come again.
        if self.names_requests && self.answers >= ANSWERS_BEFORE_JUDGED && once * 2 > tracks.len() as u64 {
            return others == 0 || self.answers - once >= ANSWERS_PER_INSTANCE * others;
        }
        let early = |(_, first): &(&InstanceTrack, &First)| first.answers_before < half;
        let once_early = tracks.iter().zip(&self.firsts).filter(|both| is_once(both) && early(both)).count() as u64;
        once_early >= ONCE
            && once_early * ONCE >= half
            && others > 0
            && self.answers - once >= ANSWERS_PER_INSTANCE * others
    }

    /// Instances that answered over the last seconds: back from `second` until there are
    /// [`ANSWERS_PER_INSTANCE`] answers for each one seen on the way, one second at least, [`LONGEST_WINDOW_SECS`] at
    /// most. `None` when nobody answered.
    fn responding(&self, second: u32) -> Option<u32> {
        let (mut seen, mut answers) = (Vec::new(), 0_u64);
        for (of, served) in self.recent.iter().rev() {
            if second - of >= LONGEST_WINDOW_SECS {
                break;
            }
            for &(instance, requests) in served {
                answers = answers.saturating_add(requests);
                if !seen.contains(&instance) {
                    seen.push(instance);
                }
            }
            if !seen.is_empty() && answers >= ANSWERS_PER_INSTANCE * seen.len() as u64 {
                break;
            }
        }
        (!seen.is_empty()).then(|| u32::try_from(seen.len()).unwrap_or(u32::MAX))
    }
}

impl InstanceTrack {
    /// The end of the last second before `at` that it answered in. Where that is too long ago to be known, it is taken to have gone
    /// on answering.
    pub(crate) fn last_before(&self, at: Elapsed) -> Elapsed {
        if self.last <= at {
            return self.last;
        }
        let end = |second: &InstanceSecond| Elapsed::from_secs(u64::from(second.second) + 1);
        self.recent.iter().rev().map(end).find(|end| *end <= at).unwrap_or(at)
    }

    /// What it answered in the seconds that closed before `at`, as far back as [`pinning`] looks.
    pub fn recent_requests(&self, at: Elapsed) -> u64 {
        let from = at.second().saturating_sub(pinning::WINDOW_SECS);
        let recent = self.recent.iter().rev().take_while(|second| second.second >= from);
        recent.filter(|second| second.second < at.second()).map(|second| second.requests).sum()
    }
}

impl Session {
    /// Few instances that get most of the load at a moment of the last minutes.
    pub fn pinning(&self, at: Elapsed) -> Option<Pinning> {
        let answered = |track: &InstanceTrack| Answered {
            first: track.first,
            last: track.last,
            requests: track.recent_requests(at),
        };
        pinning::pinning(self.tracks().iter().map(answered), at)
    }

    /// Notes who answered in a second; returns the *Responding* count and keeps it as an observation.
    pub(super) fn serve(&mut self, second: &Second) -> Option<u32> {
        let mut answered = Vec::with_capacity(second.served.len());
        for served in second.served.iter().filter(|served| served.requests > 0) {
            match self.track(second, served) {
                Some(at) => answered.push((at, served.requests)),
                None => self.answers_beyond = self.answers_beyond.saturating_add(served.requests),
            }
        }
        self.judge_ids(second);
        let table = &mut self.fold.table;
        if table.names_requests {
            table.recent.clear();
            return None;
        }
        table.recent.retain(|(of, _)| second.index - of < LONGEST_WINDOW_SECS);
        table.recent.push_back((second.index, answered));
        let count = table.responding(second.index)?;
        self.insert_observation(InstanceObservation {
            basis: Basis::Responding,
            count,
            as_of: second.start(),
            uncertainty: Duration::ZERO,
            provisional: false,
        });
        Some(count)
    }

    /// Says when the header turns out to name requests: then nobody knows who answered.
    fn judge_ids(&mut self, second: &Second) {
        if !self.fold.table.judge(&self.instances) {
            return;
        }
        let header = &self.header.settings.instance_header;
        let text = if self.fold.table.names_requests {
            self.observations.remove(&Basis::Responding);
            let (ids, answers) = (self.instances.len() as u64, self.fold.table.answers);
            format!(
                "{header} says something new in {}: the header names requests, not instances, so how many \
                 instances answer is unknown; name one that stays the same for the life of an instance with --instance-header",
                if ids == answers { "every answer".to_owned() } else { format!("{ids} of {answers} answers") }
            )
        } else {
            format!("what {header} says comes again after all: instances are counted by it")
        };
        self.note(second.end(), NoticeLevel::Warning, &text);
    }

    fn track(&mut self, second: &Second, served: &Served) -> Option<u32> {
        let table = &mut self.fold.table;
        let at = match table.index.get(&served.id) {
            Some(&at) => at,
            None if self.instances.len() >= MAX_INSTANCES => return None,
            None => {
                let at = u32::try_from(self.instances.len()).ok()?;
                table.index.insert(served.id.clone(), at);
                table.firsts.push(First { answers_before: table.answers, ..First::default() });
                self.instances.push(InstanceTrack::new(served.id.clone(), second.start()));
                at
            }
        };
        table.answers = table.answers.saturating_add(served.requests);
        let (track, first) = (&mut self.instances[at as usize], &mut table.firsts[at as usize]);
        track.add(second, served);
        first.answers_by = table.answers;
        first.last_ok = first.last_ok.max(served.first_ok_intended);
        if first.median.is_none() {
            first.early.merge(&served.response);
            if first.early.count() >= FIRST_ANSWERS {
                first.median = first.early.quantile(0.5);
                first.early = Latency::new();
            }
        }
        if track.cold_start.is_none() && track.requests >= LATER_ANSWERS {
            track.cold_start =
                first.median.zip(track.response.quantile(0.5)).map(|(early, all)| early.saturating_sub(all));
        }
        Some(at)
    }
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
            response: Latency::new(),
            cold_start: None,
            recent: VecDeque::new(),
        }
    }

    fn add(&mut self, second: &Second, served: &Served) {
        self.first_ok = match (self.first_ok, served.first_ok_intended) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last = second.end();
        self.requests = self.requests.saturating_add(served.requests);
        self.ok = self.ok.saturating_add(served.ok);
        self.response.merge(&served.response);
        while self.recent.pop_front_if(|kept| second.index - kept.second >= RECENT_SECS).is_some() {}
        self.recent.push_back(InstanceSecond {
            second: second.index,
            requests: served.requests,
            ok: served.ok,
            p99: served.response.quantiles([0.99]).map(|[p99]| p99),
        });
    }
}
