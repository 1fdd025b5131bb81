//! Who is in the fleet, and how each is doing.
//!
//! ```text
//!  Welcomed ─ready─► Ready ─gets slots─► Driving ─silent for 2/3 lease─► Suspect ─lease over─► Lost
//!                      ▲                    │ leaves                                            │ heard again
//!                      │                    └─► Leaving ─► Left                                 ▼
//!                      └──────────── 2 s of steady beats, hold-off over ─────────────────── Returning
//! ```
//!
//! A suspect is fenced: its beats renew no lease, so that it is silent at a moment that is known, and only then others get its
//! share. Who was lost waits longer each time before it gets a share again: 2, 4, 8 … 60 s.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use scaletop_units::{ArrivalRate, Elapsed, GeneratorId};

use crate::lease::{MARGIN, in_time, suspect_after};
use crate::message::{Beat, Hello, Standing, Verdict};

/// A generator that was lost beats so long before it is trusted again.
const STEADY: Duration = Duration::from_secs(2);
/// The hold-off after the first loss; it doubles with each.
const HOLD_OFF: Duration = Duration::from_secs(2);
/// The longest hold-off.
const LONGEST_HOLD_OFF: Duration = Duration::from_mins(1);
/// Who was let in and beats for so long not at all is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// While a generator was heard so lately, another process of its name is refused.
const HEARD_LATELY: Duration = Duration::from_millis(400);
/// A beat may claim to be sent so much later than it came: clocks are apart by less.
const AHEAD: Duration = Duration::from_millis(500);
/// Round trips of each that the lead is worked out from.
const ROUND_TRIPS: usize = 32;

/// How a generator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is let in and not ready yet.
    Welcomed,
    /// It would take a share.
    Ready,
    /// It has a share.
    Driving,
    /// It has, or had, a share, and goes.
    Leaving,
    /// It has a share and is not heard. It gets no lease any more.
    Suspect,
    /// Its lease is over.
    Lost,
    /// It is heard again, steadily since then.
    Returning(Elapsed),
    /// It is gone in good order.
    Left,
}

/// A generator.
#[derive(Clone, Debug)]
pub(crate) struct Generator {
    /// Which process of its name.
    process: u64,
    /// Its threads.
    pub threads: u32,
    /// The most it sends.
    pub max_rate: ArrivalRate,
    /// Its seconds are numbered from here on.
    pub first_number: u64,
    /// How it stands.
    pub state: State,
    /// The latest schedule that it knows.
    pub known: u64,
    /// The last moment of which it may send an arrival, by the leases it got or may still get.
    pub lease_end: Elapsed,
    /// When the beats were sent that were answered with a grant of which it is not known whether it was heard.
    grants: VecDeque<Elapsed>,
    /// It is heard, and says that it hears nothing for so long already.
    deaf_for: Duration,
    /// Its requests without an answer, when it was last heard.
    pub in_flight: u64,
    /// When it sent its latest beat, in the session's time.
    pub session: Elapsed,
    /// How far its clock may be off.
    pub clock_error: Option<Duration>,
    /// How many seconds it stored in all, once it is gone.
    pub stored: Option<u64>,
    /// Seconds that it gave up.
    pub given_up: u64,
    /// The schedule without it is this one or a later one: it must know it before it is trusted again.
    pub fenced_by: u64,
    heard: Elapsed,
    lost_at: Elapsed,
    losses: u32,
    round_trips: VecDeque<Duration>,
}

impl Generator {
    /// Whether it gets, or keeps, slots.
    pub(crate) const fn is_present(&self) -> bool {
        matches!(self.state, State::Ready | State::Driving)
    }

    /// Whether it is heard and gets leases.
    pub(crate) const fn is_alive(&self) -> bool {
        matches!(self.state, State::Ready | State::Driving | State::Leaving)
    }

    /// Whether it was lost before.
    pub(crate) const fn was_lost(&self) -> bool {
        self.losses > 0
    }

    /// How often it was lost.
    pub(crate) const fn losses(&self) -> u32 {
        self.losses
    }

    /// What its beat says of its lease, and what was granted since and may still be heard.
    fn note_lease(&mut self, beat: &Beat, lease: Duration) {
        let Some(sent) = beat.session.filter(|&sent| sent >= self.session) else { return };
        self.session = sent;
        self.deaf_for = sent.saturating_since(beat.answered);
        self.grants.retain(|&granted| granted + in_time(lease) >= sent);
        self.lease_end = self.grants.iter().map(|&granted| granted + lease).fold(beat.lease, Elapsed::max);
    }

    fn hold_off(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.losses.saturating_sub(1).min(16));
        (HOLD_OFF * doubled).min(LONGEST_HOLD_OFF)
    }
}

/// What became of a generator that says hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Greeted {
    /// It is in; its seconds are numbered from here on.
    In(u64),
    /// It is not, because of this.
    Refused(String),
    /// It is to ask again: another process of its name may be alive.
    NotYet,
}

/// A generator changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It had a share and is not heard.
    Suspected(GeneratorId),
    /// Its lease is over.
    Lost(GeneratorId),
    /// It was let in, had no share, and is not heard any more.
    Vanished(GeneratorId),
}

/// All generators.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    lease: Duration,
    epoch: u64,
    welcomed: u32,
    all: BTreeMap<GeneratorId, Generator>,
}

impl Roster {
    /// Nobody. The epoch tells the numbers that this controller gives from those of another one.
    pub(crate) const fn new(lease: Duration, epoch: u64) -> Self {
        Self { lease, epoch, welcomed: 0, all: BTreeMap::new() }
    }

    /// All of them by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&GeneratorId, &Generator)> {
        self.all.iter()
    }

    /// All of them by name.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&GeneratorId, &mut Generator)> {
        self.all.iter_mut()
    }

    /// One of them.
    pub(crate) fn get(&self, id: &GeneratorId) -> Option<&Generator> {
        self.all.get(id)
    }

    /// Those that get, or keep, slots.
    pub(crate) fn present(&self) -> impl Iterator<Item = (&GeneratorId, &Generator)> {
        self.all.iter().filter(|(_, generator)| generator.is_present())
    }

    /// The latest round trips of those that are heard.
    pub(crate) fn round_trips(&self) -> impl Iterator<Item = Duration> {
        let alive = self.all.values().filter(|generator| generator.is_alive());
        alive.flat_map(|generator| generator.round_trips.iter().copied())
    }

    /// A generator says hello.
    pub(crate) fn greet(&mut self, now: Elapsed, hello: &Hello) -> Greeted {
        if hello.declines.is_some() {
            self.part_with(hello);
            return Greeted::NotYet;
        }
        if !(1..=256).contains(&hello.threads) {
            return Greeted::Refused(format!(
                "it has {} threads, and 1 to 256 are allowed; see --workers",
                hello.threads
            ));
        }
        if hello.max_rate.is_paused() {
            return Greeted::Refused("it may send nothing; give it a --max-rate above 0".to_owned());
        }
        let (mut losses, mut lost_at, mut state, mut fenced_by) = (0, Elapsed::ZERO, State::Welcomed, 0);
        if let Some(other) = self.all.get_mut(&hello.id) {
            if other.process == hello.process {
                return Greeted::In(other.first_number);
            }
            let is_there = !matches!(other.state, State::Lost | State::Returning(_) | State::Left);
            if is_there && now.saturating_since(other.heard) < HEARD_LATELY {
                let why =
                    format!("there is a generator called {} already; give this one another name with --name", hello.id);
                return Greeted::Refused(why);
            }
            if is_there && other.state != State::Welcomed {
                // Its successor, most likely; but until it is known to be silent nobody takes its place.
                return Greeted::NotYet;
            }
            (losses, lost_at, fenced_by) = (other.losses, other.lost_at, other.fenced_by);
            if losses > 0 {
                state = State::Returning(now);
            }
        }
        // Who is in the session already goes on with the numbers that it has.
        let first_number = (self.epoch.saturating_sub(1) << 48) | (u64::from(self.welcomed) << 32);
        let first_number = hello.known.as_ref().map_or(first_number, |known| known.first_number);
        self.welcomed = self.welcomed.saturating_add(1);
        let generator = Generator {
            process: hello.process,
            threads: hello.threads,
            max_rate: hello.max_rate,
            first_number,
            state,
            known: 0,
            lease_end: Elapsed::ZERO,
            grants: VecDeque::new(),
            deaf_for: Duration::ZERO,
            in_flight: 0,
            session: Elapsed::ZERO,
            clock_error: None,
            stored: None,
            given_up: 0,
            fenced_by,
            heard: now,
            lost_at,
            losses,
            round_trips: VecDeque::new(),
        };
        self.all.insert(hello.id.clone(), generator);
        Greeted::In(first_number)
    }

    /// A generator that was let in does not take part after all: nobody waits for it, and its silence is no news. One that may
    /// have a share keeps its place until its lease is over.
    fn part_with(&mut self, hello: &Hello) {
        if self.all.get(&hello.id).is_some_and(|known| known.process == hello.process && known.state == State::Welcomed)
        {
            self.all.remove(&hello.id);
        }
    }

    /// A generator beats.
    pub(crate) fn beat(&mut self, now: Elapsed, id: &GeneratorId, beat: &Beat) -> Verdict {
        let Some(generator) = self.all.get_mut(id).filter(|known| known.process == beat.process) else {
            return Verdict::Unknown;
        };
        let was_heard = generator.heard;
        generator.heard = now.max(was_heard);
        generator.known = generator.known.max(beat.known);
        generator.in_flight = beat.in_flight;
        generator.clock_error = beat.clock_error;
        generator.given_up = beat.given_up;
        generator.note_lease(beat, self.lease);
        if let Some(round_trip) = beat.round_trip {
            if generator.round_trips.len() == ROUND_TRIPS {
                generator.round_trips.pop_front();
            }
            generator.round_trips.push_back(round_trip);
        }
        let is_ready = beat.standing == Standing::Ready && beat.session.is_some();
        generator.state = match (generator.state, beat.standing) {
            (State::Left, _) => State::Left,
            (_, Standing::Gone(stored)) => {
                generator.stored = Some(stored);
                State::Left
            }
            (State::Ready | State::Driving | State::Welcomed, Standing::Leaving) => State::Leaving,
            (State::Welcomed, _) if is_ready => State::Ready,
            (State::Lost, _) => State::Returning(now),
            (State::Returning(_), _)
                if now.saturating_since(was_heard).max(generator.deaf_for) > suspect_after(self.lease) =>
            {
                State::Returning(now)
            }
            (State::Returning(since), _)
                if is_ready
                    && now.saturating_since(since) >= STEADY
                    && now >= generator.lost_at + generator.hold_off()
                    && beat.known >= generator.fenced_by =>
            {
                State::Ready
            }
            (state, _) => state,
        };
        if generator.state == State::Left {
            return Verdict::Leave;
        }
        match beat.session {
            // Who does not hear gets no grants that it might hear later.
            Some(sent) if generator.is_alive() && sent <= now + AHEAD && generator.deaf_for <= in_time(self.lease) => {
                generator.grants.push_back(sent);
                generator.lease_end = generator.lease_end.max(sent + self.lease);
                Verdict::Granted
            }
            _ => Verdict::Fenced,
        }
    }

    /// What time does. `is_outage`: the carrier cannot be reached, or could not be lately, so that silence is not theirs.
    pub(crate) fn tick(&mut self, now: Elapsed, is_outage: bool) -> Vec<Turn> {
        let mut turns = Vec::new();
        let mut forgotten = Vec::new();
        for (id, generator) in &mut self.all {
            let silent = now.saturating_since(generator.heard);
            let is_silent = silent.max(generator.deaf_for) > suspect_after(self.lease);
            match generator.state {
                State::Driving | State::Leaving if is_silent => {
                    generator.state = State::Suspect;
                    turns.push(Turn::Suspected(id.clone()));
                }
                State::Ready if is_silent => {
                    generator.state = State::Lost;
                    generator.lost_at = now;
                    generator.losses = generator.losses.max(1);
                    turns.push(Turn::Vanished(id.clone()));
                }
                State::Welcomed if silent > FORGOTTEN_AFTER => forgotten.push(id.clone()),
                _ => {}
            }
            if generator.state == State::Suspect && now >= generator.lease_end + MARGIN {
                generator.state = State::Lost;
                generator.lost_at = now;
                generator.losses = if is_outage { generator.losses.max(1) } else { generator.losses.saturating_add(1) };
                turns.push(Turn::Lost(id.clone()));
            }
        }
        for id in forgotten {
            self.all.remove(&id);
            turns.push(Turn::Vanished(id));
        }
        turns
    }
}

#[cfg(test)]
pub(crate) mod tests;
