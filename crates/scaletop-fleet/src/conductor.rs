//! The controller without its clock and its carrier: what is heard goes in with the moment, what is to be said comes out.
//!
//! **A change of rate** is certain at once and told to all; who misses it asks within a beat. It moves nobody's slots, so nothing
//! is sent twice meanwhile.
//!
//! **A change of slots** must be known to everybody whom it concerns before its moment, or two would send the same arrival. So it
//! is *prepared* first: nobody sends what is due after its moment until it is certain. When all have said that they know of it,
//! it becomes certain; whoever then misses that is silent rather than wrong. When somebody does not say so in time, the moment
//! is moved. A lost generator is not waited for, but the end of its lease is.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed, FleetState, GeneratorChange, GeneratorEvent, GeneratorId};

use crate::config::{OnLoss, Resumed};
use crate::gather::{Closing, Gather};
use crate::lead::lead;
use crate::lease::MARGIN;
use crate::roster::{Generator, Roster, State, Turn};
use crate::schedule::{Schedule, clip, rest_of};
use crate::slots::Table;

mod changes;
mod heard;

/// A held fleet goes on by itself when what held it was over by then.
const HELD_BRIEFLY: Duration = Duration::from_secs(10);

/// The lead is worked out so often; and a state in which only that changed is told so often.
const STATE_EVERY: Duration = Duration::from_secs(1);

/// Generators that are told to leave are waited for so long.
const FAREWELL: Duration = Duration::from_secs(3);

/// Silence so soon after the carrier came back is the carrier's.
const OUTAGE_ENDS_AFTER: Duration = Duration::from_secs(2);

/// What a conductor is set up with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub epoch: u64,
    pub wanted: u32,
    pub at_least: u32,
    pub on_loss: OnLoss,
    pub lease: Duration,
    pub seed: u64,
    pub max_rate: ArrivalRate,
    pub not_after: Elapsed,
    pub version: String,
    pub allow_versions: bool,
    /// The run document and its signature.
    pub document: (Vec<u8>, Vec<u8>),
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// The schedule, to all.
    Schedule(Vec<u8>),
    /// To leave, to one.
    Leave(GeneratorId),
    /// To whoever steers.
    Generator(GeneratorEvent),
    /// To whoever steers.
    State(FleetState),
    /// To whoever steers.
    Notice(String),
    /// A closed second.
    Second(Box<scaletop_load::Second>),
}

/// A change of slots that is not certain yet.
#[derive(Clone, Debug)]
struct Prepared {
    at: Elapsed,
    table: Table,
    /// Who knows this schedule, knows of it.
    number: u64,
}

/// Why the load stands still although a rate is set.
#[derive(Clone, Debug)]
struct Held {
    /// A loss that stopped it.
    loss: Option<String>,
    /// What else keeps it still, or did last.
    why: String,
    /// Whether that is over.
    is_over: bool,
    since: Elapsed,
    /// Only a rate that is set anew ends it.
    is_final: bool,
}

impl Held {
    /// Why the load stands still at present.
    fn reason(&self) -> String {
        match (&self.loss, self.is_over) {
            (Some(loss), true) => loss.clone(),
            (Some(loss), false) => format!("{loss}; {}", self.why),
            (None, true) => format!("{}; that is over, set the rate to go on", self.why),
            (None, false) => self.why.clone(),
        }
    }
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    Running,
    /// Stopped at the first; over at the second at the latest.
    Stopping(Elapsed, Elapsed),
    Finished,
}

/// The controller's mind.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Conductor {
    settings: Settings,
    roster: Roster,
    schedule: Schedule,
    gather: Gather,
    /// Whether the session was another controller's before.
    is_resumed: bool,
    /// Who was in it then.
    there: BTreeSet<GeneratorId>,
    /// Since when this one leads.
    led_from: Elapsed,
    phase: Phase,
    started: Elapsed,
    /// The number of the schedule as it was last told.
    number: u64,
    prepared: Option<Prepared>,
    held: Option<Held>,
    /// The rate that was asked for last, and since when.
    asked: (Elapsed, RateProfile),
    /// All that was asked for, from when the session says it was; nobody's slots.
    wish: Schedule,
    /// Changes of rate that are told later.
    waiting: Vec<(Elapsed, RateProfile)>,
    /// Lost generators whose share others have from a moment on, which has not come.
    taken: Vec<(Elapsed, GeneratorId)>,
    is_clipped: bool,
    is_connected: bool,
    connected_since: Option<Elapsed>,
    is_deposed: bool,
    is_time_up: bool,
    is_farewell_said: bool,
    lead: Duration,
    measured: Elapsed,
    state: Option<(Elapsed, FleetState)>,
    given_up: u64,
    said: VecDeque<Said>,
}

impl Conductor {
    /// Nobody is there yet.
    pub(crate) fn new(settings: Settings, now: Elapsed, resumed: Option<&Resumed>) -> Self {
        let (roster, schedule) = (Roster::new(settings.lease, settings.epoch), Schedule::new(settings.seed));
        let first = resumed.map_or_else(|| now.second(), |resumed| resumed.next);
        let mut conductor = Self {
            settings,
            roster,
            schedule,
            gather: Gather::new(first, resumed),
            is_resumed: resumed.is_some(),
            there: resumed.map(|resumed| resumed.there.clone()).unwrap_or_default(),
            led_from: Elapsed::ZERO,
            phase: Phase::Gathering,
            started: now,
            number: 0,
            prepared: None,
            held: None,
            asked: (Elapsed::ZERO, RateProfile::PAUSED),
            wish: Schedule::new(0),
            waiting: Vec::new(),
            taken: Vec::new(),
            is_clipped: false,
            is_connected: true,
            connected_since: None,
            is_deposed: false,
            is_time_up: false,
            is_farewell_said: false,
            lead: lead([]),
            measured: now,
            state: None,
            given_up: 0,
            said: VecDeque::new(),
        };
        for (id, number, body) in resumed.into_iter().flat_map(|resumed| &resumed.heard) {
            conductor.second(id, *number, body);
        }
        conductor
    }

    /// The next thing to say.
    pub(crate) fn say(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    /// How many would take a share.
    pub(crate) fn ready(&self) -> u32 {
        u32::try_from(self.roster.present().count()).unwrap_or(u32::MAX)
    }

    /// Another controller leads the run.
    pub(crate) const fn is_deposed(&self) -> bool {
        self.is_deposed
    }

    /// All is said.
    pub(crate) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    fn tell(&mut self, id: &GeneratorId, change: GeneratorChange, why: Option<String>) {
        self.said.push_back(Said::Generator(GeneratorEvent { id: id.clone(), change, why }));
    }

    /// The carrier can be reached, or not.
    pub(crate) fn connected(&mut self, now: Elapsed, is_connected: bool) {
        if is_connected && !self.is_connected {
            self.connected_since = Some(now);
        }
        self.is_connected = is_connected;
        self.settle(now);
    }

    /// The load begins, at rate zero, with all who are ready.
    pub(crate) fn start(&mut self, now: Elapsed) {
        self.phase = Phase::Running;
        self.led_from = now;
        // Seconds from before, in which nobody had a share, are those of a session that goes on, or nobody's.
        if !self.is_resumed {
            self.gather.skip_to(now.second().max(self.gather.next()));
        }
        let is_gone = |id: &&GeneratorId| !self.roster.present().any(|(present, _)| present == *id);
        let gone: Vec<GeneratorId> = self.there.iter().filter(is_gone).cloned().collect();
        for id in gone {
            let why = "it was not heard any more when another controller went on with the session".to_owned();
            self.tell(&id, GeneratorChange::Lost, Some(why));
            self.there.remove(&id);
        }
        let table = Table::of(self.roster.present().map(|(id, generator)| (id.clone(), generator.threads)));
        self.put_table(now, now + self.lead, table);
        self.settle(now);
    }

    /// From `at` on, arrivals come at `profile`.
    pub(crate) fn set(&mut self, now: Elapsed, at: Elapsed, profile: RateProfile) {
        // What cannot be done from then on is asked for all the same, and counts as unreported.
        let at = self.wish.set_rate(at, profile);
        self.asked = (at, profile);
        if self.held.as_ref().is_some_and(|held| held.is_final) && self.why_hold().is_none() {
            self.held = None;
        }
        let from = at.max(now).max(self.earliest());
        self.waiting.retain(|&(waits, _)| waits < from);
        self.waiting.push((from, rest_of(profile, at, from)));
        self.settle(now);
    }

    /// The arrivals end now, and the run when the generators have said what they counted.
    pub(crate) fn stop(&mut self, now: Elapsed) {
        match self.phase {
            Phase::Stopping(..) | Phase::Finished => return,
            Phase::Gathering => self.gather.skip_to(u32::MAX),
            Phase::Running => {}
        }
        // As any change of rate: whoever hears of it later has sent what nobody planned.
        let is_sending = self.schedule.profile() != RateProfile::PAUSED && self.held.is_none();
        let at = if is_sending { self.earliest().max(now + self.lead) } else { now };
        self.phase = Phase::Stopping(at, at + FAREWELL);
        self.waiting.clear();
        self.wish.set_rate(at, RateProfile::PAUSED);
        self.schedule.set_rate(at, RateProfile::PAUSED);
        self.publish(now);
        self.settle(now);
    }

    /// Everybody is told to leave, once.
    fn say_farewell(&mut self) {
        if !std::mem::replace(&mut self.is_farewell_said, true) {
            let is_there = |generator: &Generator| generator.state != State::Left;
            let there = self.roster.iter().filter(|(_, generator)| is_there(generator)).map(|(id, _)| id.clone());
            self.said.extend(there.map(Said::Leave));
        }
    }

    /// Requests without an answer, by what was heard last; `None`: somebody has not said since the rate became zero.
    pub(crate) fn in_flight(&self) -> (u64, bool) {
        let since = self.schedule.settled() + MARGIN;
        let is_still =
            self.schedule.profile() == RateProfile::PAUSED && self.waiting.is_empty() && self.prepared.is_none();
        let alive = || self.roster.iter().filter(|(_, generator)| generator.is_alive()).map(|(_, generator)| generator);
        let is_known = alive().all(|generator| generator.session > since && generator.known == self.number);
        (alive().map(|generator| generator.in_flight).sum(), is_still && is_known)
    }

    /// What time does.
    pub(crate) fn tick(&mut self, now: Elapsed) {
        let was_out = |since: Elapsed| now < since + OUTAGE_ENDS_AFTER;
        let is_outage = !self.is_connected || self.connected_since.is_some_and(was_out);
        for turn in self.roster.tick(now, is_outage) {
            self.note_turn(now, turn);
        }
        if now.saturating_since(self.measured) >= STATE_EVERY {
            self.measured = now;
            self.lead = lead(self.roster.round_trips());
        }
        self.settle(now);
    }

    fn note_turn(&mut self, now: Elapsed, turn: Turn) {
        match turn {
            Turn::Suspected(id) => {
                let why = "nothing was heard of it for two thirds of the lease".to_owned();
                self.tell(&id, GeneratorChange::Suspected, Some(why));
            }
            Turn::Lost(id) => {
                let losses = self.roster.get(&id).map_or(0, Generator::losses);
                let why = (losses >= 3).then(|| format!("lost {losses} times: it may be too small for its share"));
                self.tell(&id, GeneratorChange::Lost, why);
                if self.settings.on_loss == OnLoss::Stop {
                    self.lost_and_stop(now, &id);
                }
            }
            Turn::Vanished(id) => {
                self.said.push_back(Said::Notice(format!("{id} was let in and is not heard any more")));
            }
        }
    }

    /// Does what can be done now.
    fn settle(&mut self, now: Elapsed) {
        match self.phase {
            Phase::Gathering | Phase::Finished => {}
            Phase::Running => {
                self.hold_or_go_on(now);
                self.plan_slots(now);
                self.set_rates(now);
                self.drive(now);
                self.tell_taken_over(now);
                while let Some(second) = self.close_next(now) {
                    self.said.push_back(Said::Second(Box::new(second)));
                }
                self.tell_state(now);
                self.schedule.forget(now);
                self.wish.forget(now);
            }
            Phase::Stopping(stopped, until) => {
                if now >= stopped {
                    self.say_farewell();
                }
                if now >= until || self.all_are_gone() {
                    self.finish(stopped);
                }
            }
        }
    }

    fn all_are_gone(&self) -> bool {
        self.roster.iter().all(|(id, generator)| match (generator.state, generator.stored) {
            (State::Left, Some(stored)) => self.gather.has_all(id, generator.first_number, stored),
            (State::Left | State::Lost, _) => true,
            _ => false,
        })
    }

    fn finish(&mut self, stopped: Elapsed) {
        let mut gather = std::mem::replace(&mut self.gather, Gather::new(0, None));
        let ran = gather.next() < u32::MAX;
        let rest = if ran { gather.finish(stopped.second(), |second| self.closing(second)) } else { Vec::new() };
        (self.gather, self.phase) = (gather, Phase::Finished);
        self.said.extend(rest.into_iter().map(|second| Said::Second(Box::new(second))));
    }

    fn close_next(&mut self, now: Elapsed) -> Option<scaletop_load::Second> {
        let next = self.gather.next();
        if now.second() <= next {
            return None; // what is to be said of it need not be found out yet
        }
        let closing = self.closing(next);
        self.gather.close(now, |_| closing)
    }

    /// What the session says of second `second`.
    fn closing(&self, second: u32) -> Closing {
        let end = Elapsed::from_secs(u64::from(second) + 1);
        let end = if let Phase::Stopping(stopped, _) = self.phase { end.min(stopped) } else { end };
        Closing {
            holders: self.schedule.holders(second),
            planned: (end > self.led_from).then(|| self.schedule.planned(&self.wish, second)),
            target: self.wish.rate_before(end),
        }
    }

    fn tell_state(&mut self, now: Elapsed) {
        let held = self.held.as_ref().filter(|_| self.wants_load(now)).map(Held::reason);
        let error = self.roster.present().filter_map(|(_, generator)| generator.clock_error).max().unwrap_or_default();
        let state = FleetState {
            wanted: self.settings.wanted,
            live: u32::try_from(self.live()).unwrap_or(u32::MAX),
            held,
            clock_error: error,
            lead: self.lead,
            ceiling: self.ceiling(),
        };
        let is_due = match &self.state {
            None => true,
            Some((told, last)) => {
                let news = (last.live, &last.held, last.ceiling) != (state.live, &state.held, state.ceiling);
                news || (*last != state && now.saturating_since(*told) >= STATE_EVERY)
            }
        };
        if is_due {
            self.state = Some((now, state.clone()));
            self.said.push_back(Said::State(state));
        }
    }
}
