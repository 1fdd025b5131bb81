//! Who generates the load beside others: the roster of a fleet, as its events and its seconds tell.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::session::event::NoticeLevel;
use crate::session::state::{MAX_LINES, Session, cut};
use crate::text::{counted, latency, thousands};
use scaletop_load::{GeneratorPart, Second};
use scaletop_units::{ArrivalRate, Elapsed, FleetState, GeneratorChange, GeneratorEvent, GeneratorId};

/// More generators than this are not told apart; what they did is in the sums.
const MAX_GENERATORS: usize = 1_000;

/// How much of a generator's recent past is kept for its lane, in seconds, and of how many generators.
const RECENT_SECS: u32 = 300;
const MAX_LANES: usize = 256;

/// So many losses of a generator are marked in its lane.
const MAX_MARKS: usize = 50;

/// A fleet, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fleet {
    /// What it said of itself last.
    state: Option<FleetState>,
    /// What it said last when any of its generators was there.
    with_some: Option<FleetState>,
    /// The furthest that its clocks may have been apart, and its longest lead.
    widest: (Duration, Duration),
    /// By their names; at most [`MAX_GENERATORS`].
    generators: BTreeMap<GeneratorId, Generator>,
    /// When the load stood still although a rate was set, until when, and why; the last one may be open.
    holds: Vec<(Elapsed, Option<Elapsed>, String)>,
}

/// One generator, as its events and its seconds show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Generator {
    pub(crate) state: GeneratorState,
    /// Since when it is in that state.
    pub(crate) since: Elapsed,
    /// How often it was lost.
    pub(crate) losses: u32,
    /// When it was lost, the latest times: for its lane.
    pub(crate) lost_at: VecDeque<Elapsed>,
    /// When it was lost last, and why.
    pub(crate) last_loss: Option<(Elapsed, Option<String>)>,
    /// When it was told of last, and what: why it is in its state.
    pub(crate) reason: Option<String>,
    /// The second it told of last, and what.
    pub(crate) last: Option<(u32, GeneratorPart)>,
    /// The last minutes, one entry a second: for its lane.
    pub(crate) recent: VecDeque<GeneratorSecond>,
    /// What it reported in all.
    pub(crate) due: u64,
    pub(crate) sent: u64,
    pub(crate) ok: u64,
}

/// How a generator stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GeneratorState {
    /// It has a share of the load.
    #[default]
    Live,
    /// Nothing was heard of it for too long.
    Suspect,
    /// Its lease is over: it sends nothing.
    Lost,
    /// The same, and others have its share.
    TakenOver,
    /// It went.
    Left,
}

impl GeneratorState {
    pub(crate) const ALL: [Self; 5] = [Self::Live, Self::Suspect, Self::Lost, Self::TakenOver, Self::Left];

    /// Its name for machines.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::TakenOver => "taken_over",
            other => other.label(),
        }
    }

    /// In a word.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Suspect => "suspect",
            Self::Lost => "lost",
            Self::TakenOver => "taken over",
            Self::Left => "left",
        }
    }
}

/// What a generator did in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct GeneratorSecond {
    pub(crate) second: u32,
    pub(crate) due: u64,
    pub(crate) sent: u64,
    /// p99 of its send lag.
    pub(crate) lag_p99: Option<Duration>,
}

impl Fleet {
    /// What it said of itself last; `None` until it has.
    pub(crate) const fn state(&self) -> Option<&FleetState> {
        self.state.as_ref()
    }

    /// A change of rate takes effect so long after it is asked for.
    pub(crate) fn lead(&self) -> Duration {
        self.state.as_ref().map_or(Duration::ZERO, |state| state.lead)
    }

    /// How far the clocks of the generators may be apart; `None` where none is left.
    pub(crate) fn clock_error(&self) -> Option<Duration> {
        self.with_some_left().map(|state| state.clock_error)
    }

    /// The most that they may send together; `None` where none is left.
    pub(crate) fn ceiling(&self) -> Option<ArrivalRate> {
        self.with_some_left().map(|state| state.ceiling)
    }

    /// What it said last, unless that is about nobody.
    fn with_some_left(&self) -> Option<&FleetState> {
        self.state.as_ref().filter(|state| state.live > 0)
    }

    /// What it said last when any of its generators was there: after its end, too.
    pub(crate) const fn with_some(&self) -> Option<&FleetState> {
        self.with_some.as_ref()
    }

    /// The furthest that the clocks of its generators may have been apart at any time.
    pub(crate) const fn widest_clock_error(&self) -> Duration {
        self.widest.0
    }

    /// The longest that a change of rate took to take effect.
    pub(crate) const fn longest_lead(&self) -> Duration {
        self.widest.1
    }

    /// The generators by their names.
    pub(crate) fn generators(&self) -> impl ExactSizeIterator<Item = (&GeneratorId, &Generator)> {
        self.generators.iter()
    }

    /// Why the load stood still at a moment; `None` where it did not.
    pub(crate) fn held_at(&self, at: Elapsed) -> Option<&str> {
        let hold = self.holds.iter().rev().find(|(from, ..)| *from <= at)?;
        hold.1.is_none_or(|until| at < until).then_some(hold.2.as_str())
    }

    /// For how long the load stood still in all, until `now`.
    pub(crate) fn held_for(&self, now: Elapsed) -> Duration {
        self.holds.iter().map(|(from, until, _)| until.unwrap_or(now).saturating_since(*from)).sum()
    }

    /// How often a generator was lost.
    pub(crate) fn losses(&self) -> u32 {
        self.generators.values().map(|generator| generator.losses).sum()
    }

    /// What all that are live were asked to send in the last second that each told of.
    pub(crate) fn recent_due(&self) -> u64 {
        let live = self.generators.values().filter(|generator| generator.state == GeneratorState::Live);
        live.filter_map(|generator| Some(generator.recent.back()?.due)).sum()
    }

    /// The generator of that name, made when it is not there yet and there is room for it.
    fn at(&mut self, id: &GeneratorId) -> Option<&mut Generator> {
        if self.generators.len() >= MAX_GENERATORS && !self.generators.contains_key(id) {
            return None;
        }
        Some(self.generators.entry(id.clone()).or_default())
    }

    fn take(&mut self, second: u32, part: &GeneratorPart) {
        let has_lane = self.generators.len() <= MAX_LANES;
        let Some(generator) = self.at(&part.id) else { return };
        generator.due = generator.due.saturating_add(part.due);
        generator.sent = generator.sent.saturating_add(part.sent);
        generator.ok = generator.ok.saturating_add(part.ok);
        if let Some(last) = generator.recent.back_mut().filter(|last| last.second == second) {
            // What came late of an earlier second stands in the one that was open.
            last.due = last.due.saturating_add(part.due);
            last.sent = last.sent.saturating_add(part.sent);
            last.lag_p99 = last.lag_p99.max(part.lag_p99);
        } else {
            let (due, sent, lag_p99) = (part.due, part.sent, part.lag_p99);
            generator.recent.push_back(GeneratorSecond { second, due, sent, lag_p99 });
        }
        let kept = if has_lane { second.saturating_sub(RECENT_SECS) } else { second };
        while generator.recent.front().is_some_and(|first| first.second < kept) {
            generator.recent.pop_front();
        }
        generator.last = Some((second, part.clone()));
    }
}

impl Session {
    /// Notes what came due in a second that nobody planned: its controller was gone, and each generator sent until the end of its
    /// lease. No step asked for that.
    pub(super) fn note_unled(&mut self, second: &Second) {
        if self.totals.planned.is_none() {
            return;
        }
        for part in &second.parts {
            if part.intended == second.index && part.due > 0 && part.planned.is_none() {
                self.fold.unled.insert(part.intended);
            }
            if self.fold.unled.contains(&part.intended) {
                self.totals.unled = self.totals.unled.saturating_add(part.due);
            }
        }
    }

    /// Whether nobody has led the fleet since some second of the step that `second` would belong to.
    pub(super) fn is_unled(&self, second: u32) -> bool {
        let since = self.owner(second).map_or(0, |at| self.fold.gathered[at].first_second);
        self.fold.unled.range(since..=second).next().is_some()
    }

    /// Something happened to a generator.
    pub(super) fn hear_of_generator(&mut self, at: Elapsed, event: &GeneratorEvent) {
        let fleet = self.fleet.get_or_insert_default();
        if let Some(generator) = fleet.at(&event.id) {
            let state = match event.change {
                GeneratorChange::Joined | GeneratorChange::Returned => GeneratorState::Live,
                GeneratorChange::Suspected => GeneratorState::Suspect,
                GeneratorChange::Lost => GeneratorState::Lost,
                GeneratorChange::TakenOver => GeneratorState::TakenOver,
                GeneratorChange::Left => GeneratorState::Left,
            };
            if generator.state != state || generator.since == Elapsed::ZERO {
                (generator.state, generator.since) = (state, at);
            }
            generator.reason = event.why.as_deref().map(cut);
            if event.change == GeneratorChange::Lost {
                generator.losses = generator.losses.saturating_add(1);
                if generator.lost_at.len() >= MAX_MARKS {
                    generator.lost_at.pop_front();
                }
                generator.lost_at.push_back(at);
                generator.last_loss = Some((at, generator.reason.clone()));
            }
        }
        let (level, words) = told(event);
        self.note(at, level, &words);
    }

    /// The fleet says how it stands.
    pub(super) fn hear_of_fleet(&mut self, at: Elapsed, state: &FleetState) {
        let (anchor, profile) = self.rate;
        let is_paused = profile.rate_after(at.saturating_since(anchor)).is_paused();
        let fleet = self.fleet.get_or_insert_default();
        if state.live > 0 {
            fleet.with_some = Some(state.clone());
            let (clock_error, lead) = fleet.widest;
            fleet.widest = (clock_error.max(state.clock_error), lead.max(state.lead));
        }
        let before = fleet.state.replace(state.clone());
        let held_before = before.as_ref().and_then(|before| before.held.as_deref());
        let line = match (held_before, state.held.as_deref()) {
            (None, Some(why)) => {
                if fleet.holds.len() >= MAX_LINES {
                    fleet.holds.remove(0);
                }
                fleet.holds.push((at, None, cut(why)));
                Some((NoticeLevel::Warning, format!("the load is held: {why}")))
            }
            (Some(_), None) => {
                if let Some((_, until, _)) = fleet.holds.last_mut() {
                    *until = Some(at);
                }
                // A plan that is over, and a load that was paused, do not go on.
                (!is_paused).then(|| (NoticeLevel::Info, "the load goes on".to_owned()))
            }
            (Some(before), Some(why)) if before != why => {
                if let Some((.., known)) = fleet.holds.last_mut() {
                    *known = cut(why);
                }
                Some((NoticeLevel::Warning, format!("the load is held: {why}")))
            }
            _ if before.is_none() => Some((NoticeLevel::Info, begun(state))),
            _ => None,
        };
        if let Some((level, text)) = line {
            self.note(at, level, &text);
        }
    }

    /// Whether a generator of the fleet was there for as long as there was load: it is live, or it went when there was none any more, as
    /// all of them do.
    pub(crate) fn was_there_to_the_end(&self, one: &Generator) -> bool {
        let (anchor, profile) = self.rate;
        let load_ended = anchor + profile.ramp_duration();
        match one.state {
            GeneratorState::Live => true,
            GeneratorState::Left => profile.last().is_paused() && one.since >= load_ended,
            GeneratorState::Suspect | GeneratorState::Lost | GeneratorState::TakenOver => false,
        }
    }

    /// How many of the fleet were: see [`Session::was_there_to_the_end`].
    pub(crate) fn there_to_the_end(&self) -> Option<u32> {
        let there = self.fleet()?.generators().filter(|(_, one)| self.was_there_to_the_end(one)).count();
        Some(u32::try_from(there).unwrap_or(u32::MAX))
    }

    /// What the generators say of themselves in a second.
    pub(super) fn hear_generators(&mut self, second: &Second) {
        if second.generators.is_empty() {
            return;
        }
        let fleet = self.fleet.get_or_insert_default();
        second.generators.iter().for_each(|part| fleet.take(second.index, part));
    }
}

/// A line of the log.
fn told(event: &GeneratorEvent) -> (NoticeLevel, String) {
    let id = &event.id;
    let (level, what) = match event.change {
        GeneratorChange::Joined => (NoticeLevel::Info, format!("generator {id} joined")),
        GeneratorChange::Suspected => (NoticeLevel::Warning, format!("generator {id} suspected")),
        GeneratorChange::Lost => (NoticeLevel::Warning, format!("generator {id} lost")),
        GeneratorChange::TakenOver => (NoticeLevel::Info, format!("the share of generator {id} is taken over")),
        GeneratorChange::Returned => (NoticeLevel::Info, format!("generator {id} returned")),
        GeneratorChange::Left => (NoticeLevel::Info, format!("generator {id} left")),
    };
    (level, event.why.as_deref().map_or_else(|| what.clone(), |why| format!("{what}: {why}")))
}

/// `a fleet of 3 generators (3 asked for) sends at most 60,000/s; a change of rate takes effect 60 ms after the key`.
fn begun(state: &FleetState) -> String {
    let ceiling = thousands(state.ceiling.get());
    format!(
        "a fleet of {} ({} asked for) sends at most {ceiling}/s; a change of rate takes effect {} after it is asked for",
        counted(state.live.into(), "generator"),
        state.wanted,
        latency(state.lead)
    )
}

/// `3 of 3 generators there to the end, none was lost; 0 of 12,000 planned arrivals unreported`, for people; `None` without a fleet.
pub(crate) fn fleet_in_words(session: &Session) -> Option<String> {
    let fleet = session.fleet()?;
    let (there, wanted) = (session.there_to_the_end()?, fleet.state().map_or(0, |state| state.wanted));
    let when = if session.ended().is_some() { "to the end" } else { "now" };
    let unreported = match (session.totals().unreported(), session.totals().planned) {
        (Some(unreported), Some(planned)) => {
            format!("; {} of {} planned arrivals unreported", thousands(unreported), thousands(planned))
        }
        _ => String::new(),
    };
    let losses = match fleet.losses() {
        0 => "none was lost".to_owned(),
        1 => "one was lost once".to_owned(),
        losses => format!("they were lost {losses} times"),
    };
    let held = fleet.held_for(session.now());
    let held = if held.is_zero() { String::new() } else { format!("; the load was held for {}", latency(held)) };
    let wanted = counted(wanted.into(), "generator");
    Some(format!("{there} of {wanted} there {when}, {losses}{unreported}{held}"))
}
