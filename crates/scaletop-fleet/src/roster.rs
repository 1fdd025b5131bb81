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
pub(crate) mod tests {
    use super::*;
    use crate::slots::tests::id;

    const LEASE: Duration = Duration::from_millis(1_500);

    const fn ms(millis: u64) -> Elapsed {
        Elapsed::from_millis(millis)
    }

    pub(crate) fn hello(number: usize, process: u64) -> Hello {
        Hello {
            version: "1".to_owned(),
            id: id(number),
            process,
            threads: 1,
            max_rate: ArrivalRate::new(1_000),
            cores: None,
            open_files: None,
            ports: None,
            labels: Vec::new(),
            known: None,
            declines: None,
        }
    }

    fn beat(process: u64, session: Elapsed, standing: Standing) -> Beat {
        Beat {
            process,
            sent: 0,
            session: Some(session),
            answered: session,
            lease: session + LEASE,
            standing,
            known: 0,
            in_flight: 0,
            clock_error: None,
            round_trip: None,
            given_up: 0,
        }
    }

    fn driving() -> Roster {
        let mut roster = Roster::new(LEASE, 1);
        assert_eq!(roster.greet(ms(0), &hello(1, 5)), Greeted::In(0));
        assert_eq!(roster.beat(ms(100), &id(1), &beat(5, ms(90), Standing::Ready)), Verdict::Granted);
        assert_eq!(roster.get(&id(1)).unwrap().state, State::Ready);
        roster.all.get_mut(&id(1)).unwrap().state = State::Driving;
        roster
    }

    fn beats(roster: &mut Roster, millis: std::ops::Range<u64>) -> Vec<Verdict> {
        millis.step_by(200).map(|at| roster.beat(ms(at), &id(1), &beat(5, ms(at), Standing::Ready))).collect()
    }

    #[test]
    fn a_silent_generator_is_suspect_then_lost_when_its_lease_is_over_whatever_it_says_meanwhile() {
        let mut roster = driving();
        assert!(roster.tick(ms(1_100), false).is_empty());
        assert_eq!(roster.tick(ms(1_101), false), [Turn::Suspected(id(1))]);
        let late = Beat { answered: ms(90), lease: ms(1_590), ..beat(5, ms(1_190), Standing::Ready) };
        assert_eq!(roster.beat(ms(1_200), &id(1), &late), Verdict::Fenced);
        assert!(roster.tick(ms(1_639), false).is_empty(), "lease until 1,590 ms, and 50 ms");
        assert_eq!(roster.tick(ms(1_640), false), [Turn::Lost(id(1))]);
    }

    #[test]
    fn who_was_lost_is_trusted_again_after_steady_beats_and_a_hold_off_that_doubles() {
        let mut roster = driving();
        for hold_off in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let from = roster.get(&id(1)).unwrap().heard.as_millis();
            roster.tick(ms(from + 1_100), false);
            let lost = from + 1_700;
            assert_eq!(roster.tick(ms(lost), false), [Turn::Lost(id(1))]);
            let verdicts = beats(&mut roster, lost + 1..lost + hold_off);
            assert!(verdicts.iter().all(|&verdict| verdict == Verdict::Fenced));
            let back = beats(&mut roster, lost + hold_off + 10..lost + hold_off + 1_000);
            assert_eq!(back.last(), Some(&Verdict::Granted), "after {hold_off}");
            roster.all.get_mut(&id(1)).unwrap().state = State::Driving;
        }
    }

    #[test]
    fn beats_that_are_not_steady_earn_no_trust_nor_do_those_that_do_not_know_who_has_their_share() {
        let mut roster = driving();
        roster.tick(ms(1_101), false);
        roster.tick(ms(1_700), false);
        for at in (2_000..9_000).step_by(1_100) {
            assert_eq!(roster.beat(ms(at), &id(1), &beat(5, ms(at), Standing::Ready)), Verdict::Fenced);
        }
        roster.all.get_mut(&id(1)).unwrap().fenced_by = 7;
        assert!(beats(&mut roster, 9_000..13_000).iter().all(|&verdict| verdict == Verdict::Fenced));
        let knowing = Beat { known: 7, ..beat(5, ms(13_000), Standing::Ready) };
        assert_eq!(roster.beat(ms(13_000), &id(1), &knowing), Verdict::Granted);
    }

    #[test]
    fn who_hears_nothing_is_lost_although_it_is_heard_and_only_when_no_grant_can_reach_it_any_more() {
        let mut roster = driving();
        let deaf = |at: u64| Beat { answered: ms(200), lease: ms(1_700), ..beat(5, ms(at), Standing::Ready) };
        let mut verdicts = Vec::new();
        for at in (300..1_300).step_by(200) {
            verdicts.push(roster.beat(ms(at), &id(1), &deaf(at)));
            assert_eq!(roster.tick(ms(at), false), []);
        }
        let granted = verdicts.iter().take_while(|&&verdict| verdict == Verdict::Granted).count();
        assert_eq!((granted, verdicts.len(), verdicts[4]), (3, 5, Verdict::Fenced));
        roster.beat(ms(1_300), &id(1), &deaf(1_300));
        assert_eq!(roster.tick(ms(1_300), false), [Turn::Suspected(id(1))]);
        assert_eq!(roster.get(&id(1)).unwrap().lease_end, ms(1_700), "as it says itself");
        assert_eq!(roster.tick(ms(1_750), false), [Turn::Lost(id(1))]);
    }

    #[test]
    fn one_name_is_one_process_and_its_seconds_have_numbers_of_their_own() {
        let mut roster = driving();
        assert_eq!(roster.greet(ms(200), &hello(1, 5)), Greeted::In(0), "its answer was lost");
        assert!(matches!(roster.greet(ms(300), &hello(1, 6)), Greeted::Refused(_)));
        assert_eq!(roster.greet(ms(900), &hello(1, 6)), Greeted::NotYet);
        assert_eq!(roster.beat(ms(910), &id(1), &beat(6, ms(910), Standing::Ready)), Verdict::Unknown);
        roster.tick(ms(1_200), false);
        roster.tick(ms(1_700), false);
        assert_eq!(roster.greet(ms(1_800), &hello(1, 6)), Greeted::In(1 << 32));
        assert!(matches!(Roster::new(LEASE, 3).greet(ms(0), &hello(1, 6)), Greeted::In(number) if number == 2 << 48));
    }

    #[test]
    fn who_declines_is_waited_for_no_longer_and_its_silence_is_no_news() {
        let mut roster = Roster::new(LEASE, 1);
        assert_eq!(roster.greet(ms(0), &hello(1, 5)), Greeted::In(0));
        let declining = |process| Hello { declines: Some("refuses this run: x".to_owned()), ..hello(1, process) };
        assert_eq!(roster.greet(ms(10), &declining(6)), Greeted::NotYet);
        assert!(roster.get(&id(1)).is_some(), "another process of its name has no say");
        assert_eq!(roster.greet(ms(10), &declining(5)), Greeted::NotYet);
        assert!(roster.get(&id(1)).is_none());
        assert!(roster.tick(ms(20_000), false).is_empty());
        let mut roster = driving();
        roster.greet(ms(200), &declining(5));
        assert_eq!(roster.get(&id(1)).unwrap().state, State::Driving, "its share is taken when its lease is over");
    }

    #[test]
    fn a_generator_that_cannot_send_is_refused() {
        let mut roster = Roster::new(LEASE, 1);
        for wrong in [Hello { threads: 0, ..hello(1, 1) }, Hello { max_rate: ArrivalRate::PAUSED, ..hello(1, 1) }] {
            assert!(matches!(roster.greet(ms(0), &wrong), Greeted::Refused(_)));
        }
    }

    #[test]
    fn who_leaves_keeps_its_lease_until_it_is_gone() {
        let mut roster = driving();
        assert_eq!(roster.beat(ms(200), &id(1), &beat(5, ms(200), Standing::Leaving)), Verdict::Granted);
        assert!(!roster.get(&id(1)).unwrap().is_present());
        assert_eq!(roster.beat(ms(300), &id(1), &beat(5, ms(300), Standing::Gone(9))), Verdict::Leave);
        assert_eq!(roster.get(&id(1)).unwrap().stored, Some(9));
        assert!(roster.tick(ms(9_000), false).is_empty());
    }
}
