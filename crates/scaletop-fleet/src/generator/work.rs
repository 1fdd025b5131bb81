//! A generator at work: beats, follows the schedule, stores its seconds, and leaves.

use std::time::Duration;

use bytes::Bytes;
use scaletop_load::{Piece, RateProfile, Second};
use scaletop_units::{Elapsed, RunClock};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::store::Store;
use super::{BEAT, Leave, Talk, member_of};
use crate::config::{Ended, Engine, FleetError, GeneratorNews};
use crate::link::{Ask, FromController, Order};
use crate::member::Member;
use crate::message::{
    self, BeatAnswer, Known, Message, Published, RunDocument, Standing, StoredSecond, Verdict, Welcome,
};
use crate::offset::Offsets;

/// Whoever leaves waits so long for its share to be taken.
const HANDING_OVER: Duration = Duration::from_secs(10);
/// Whoever leaves waits so long for its seconds to be stored.
const STORING: Duration = Duration::from_secs(10);

/// A moment.
const SOON: Duration = Duration::from_millis(1);

/// A question that was answered, or not.
struct Answered {
    what: What,
    bytes: Option<Bytes>,
    back: Duration,
}

/// What was asked.
#[derive(Clone, Copy)]
enum What {
    Hello,
    /// A beat: when it went, by this machine's clock and by the session's.
    Beat(u64, Option<Elapsed>),
    Schedule,
}

/// How far a generator's leaving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    /// Its share is to be taken by then.
    HandingOver(Elapsed),
    /// What is in flight is waited for.
    Draining,
    /// The engine delivers its last seconds.
    Stopping,
    /// They are to be stored by then.
    Storing(Elapsed),
    /// The controller is told, until then.
    Gone(Elapsed),
}

/// A generator at work.
pub(super) struct Work {
    talk: Talk,
    document: RunDocument,
    clock: RunClock,
    member: Member,
    engine: Option<Engine>,
    store: Store,
    answers: JoinSet<Answered>,
    drained: JoinSet<()>,
    first_number: u64,
    next_number: u64,
    clock_error: Option<Duration>,
    leaving: Leaving,
    is_asking: bool,
    /// When it last said hello again.
    greeted: Duration,
    shown: Shown,
}

/// What was last said of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Driving(u32),
    Silent,
}

impl Work {
    pub(super) fn new(mut talk: Talk, welcome: Welcome, document: RunDocument, clock: RunClock) -> Self {
        let first_number = welcome.first_number;
        talk.known = Some(Known { first_number, document: welcome.document, signature: welcome.signature });
        let member = member_of(&talk.config, &document, clock.now());
        let store = Store::new(talk.link.seconds.clone());
        Self {
            talk,
            document,
            clock,
            member,
            engine: None,
            store,
            answers: JoinSet::new(),
            drained: JoinSet::new(),
            first_number,
            next_number: first_number,
            clock_error: None,
            leaving: Leaving::No,
            is_asking: false,
            greeted: Duration::ZERO,
            shown: Shown::Nothing,
        }
    }

    /// Tells the controller why it does not take part.
    pub(super) async fn decline(&self, error: &FleetError) {
        self.talk.decline(error).await;
    }

    /// How it ends, if it was leaving already.
    pub(super) fn left_already(&self) -> Option<Ended> {
        (self.leaving != Leaving::No).then_some(self.talk.ended)
    }

    /// Works until it is let go.
    pub(super) async fn run(
        &mut self,
        making: impl Future<Output = Result<Engine, FleetError>>,
        leave: &mut Leave,
        said: &mut impl FnMut(GeneratorNews),
    ) -> Result<Ended, FleetError> {
        tokio::pin!(making);
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_made = self.engine.is_some();
            // A moment later, so that it is over by then however the clock is rounded.
            let settling = self.member.next_change(self.clock.now()).map(|at| self.clock.instant_at(at) + SOON);
            tokio::select! {
                biased;
                heard = self.talk.link.inbox.recv() => match heard {
                    Some(heard) => self.hear(heard, said)?,
                    None => return Err(FleetError::Closed),
                },
                Some(Ok(answered)) = self.answers.join_next() => self.answered(answered, said)?,
                _ = ticks.tick() => self.beat()?,
                () = sleep_until(settling.unwrap_or_else(Instant::now)), if settling.is_some() => {}
                engine = &mut making, if !is_made && self.leaving == Leaving::No => {
                    self.engine = Some(engine?);
                    said(GeneratorNews::Ready(self.clock_error.unwrap_or_default()));
                    self.apply_lease();
                    self.ask_for_schedule()?;
                    self.beat()?;
                }
                second = next_second(&mut self.engine), if is_made => match second {
                    Some(second) => {
                        if self.store_second(second) {
                            let text = "a second was too large to be sent whole: it leaves out the latencies of each instance";
                            said(GeneratorNews::Notice(text.to_owned()));
                        }
                    }
                    None => self.engine_ended(),
                },
                () = self.store.stored() => {}
                Some(_) = self.drained.join_next() => self.stop_engine(),
                () = leave.asked() => {
                    said(GeneratorNews::Leaving);
                    self.leave(Ended::Left, true);
                }
            }
            self.apply_lease();
            if let Some(ended) = self.go_on_leaving(said)? {
                return Ok(ended);
            }
            self.show(said);
        }
    }

    /// Asks; the answer comes to [`Work::answered`].
    fn ask(&mut self, what: What, ask: Ask, body: Vec<u8>) -> Result<(), FleetError> {
        let answer = self.talk.ask(ask, body)?;
        let (begun, patience) = (self.talk.begun, self.document.lease);
        self.answers.spawn(async move {
            let bytes = timeout(patience, answer).await.ok().and_then(Result::ok);
            Answered { what, bytes, back: begun.elapsed() }
        });
        Ok(())
    }

    fn ask_for_schedule(&mut self) -> Result<(), FleetError> {
        if self.is_asking {
            return Ok(());
        }
        self.is_asking = true;
        let body = message::write(self.talk.epoch, self.member.known(), &());
        self.ask(What::Schedule, Ask::Schedule, body)
    }

    fn standing(&self) -> Standing {
        match self.leaving {
            Leaving::No if self.engine.is_none() => Standing::Warming,
            Leaving::No => Standing::Ready,
            Leaving::Gone(_) => Standing::Gone(self.next_number - self.first_number),
            _ => Standing::Leaving,
        }
    }

    fn beat(&mut self) -> Result<(), FleetError> {
        self.clock_error = self.talk.adjust(self.clock);
        let standing = self.standing();
        let session = Some(self.clock.now());
        let mut beat = self.talk.beat(session, standing);
        (beat.answered, beat.lease) = self.member.heard();
        beat.known = self.member.known();
        beat.in_flight = self.engine.as_ref().map_or(0, |engine| engine.handle.in_flight());
        beat.clock_error = self.clock_error;
        beat.given_up = self.store.given_up();
        let (what, ask) = (What::Beat(beat.sent, session), Ask::Beat(self.talk.config.id.clone()));
        let body = message::write(self.talk.epoch, self.talk.beats, &beat);
        self.ask(what, ask, body)
    }

    fn hear(&mut self, heard: FromController, said: &mut impl FnMut(GeneratorNews)) -> Result<(), FleetError> {
        match heard {
            FromController::Schedule(bytes) => self.follow(&bytes, said),
            FromController::Order(Order::Leave) => {
                self.leave(Ended::Left, false);
                Ok(())
            }
            FromController::Connected(is_connected) => {
                let state = if is_connected { "is reached again" } else { "cannot be reached" };
                said(GeneratorNews::Notice(format!("the fleet's server {state}")));
                if is_connected { self.beat() } else { Ok(()) }
            }
        }
    }

    fn follow(&mut self, bytes: &[u8], said: &mut impl FnMut(GeneratorNews)) -> Result<(), FleetError> {
        // What is no schedule changes nothing; the next beat's answer says whether one was missed.
        let Ok(heard) = message::read::<Published>(bytes) else { return Ok(()) };
        let Some(engine) = &self.engine else { return Ok(()) };
        for change in self.member.follow(self.clock.now(), &heard) {
            engine.handle.begin(change.piece, change.slots);
        }
        if let Some(why) = self.member.take_refusal() {
            said(GeneratorNews::Notice(why));
        }
        // Whoever prepares a change waits for all to know of it.
        if heard.body.prepared.is_some() { self.beat() } else { Ok(()) }
    }

    fn answered(&mut self, answered: Answered, said: &mut impl FnMut(GeneratorNews)) -> Result<(), FleetError> {
        let Answered { what, bytes, back } = answered;
        if let What::Schedule = what {
            self.is_asking = false;
        }
        let Some(bytes) = bytes else { return Ok(()) };
        match what {
            What::Schedule => self.follow(&bytes, said),
            What::Hello => self.welcomed_again(&bytes, said),
            What::Beat(sent, session) => {
                let Ok(answer) = message::read::<BeatAnswer>(&bytes) else { return Ok(()) };
                // What another controller says the time is, is no time of this one's session.
                if answer.epoch == self.talk.epoch {
                    self.talk.note_answer(sent, back, &answer.body);
                }
                self.talk.heard = self.talk.heard.max(back);
                self.beat_answered(session, &answer)
            }
        }
    }

    fn beat_answered(&mut self, session: Option<Elapsed>, answer: &Message<BeatAnswer>) -> Result<(), FleetError> {
        match answer.body.verdict {
            Verdict::Unknown => {
                let now = self.talk.local();
                if answer.epoch >= self.talk.epoch && now.saturating_sub(self.greeted) >= super::ANSWER {
                    self.greeted = now;
                    let hello = self.talk.hello(None);
                    return self.ask(What::Hello, Ask::Hello, hello);
                }
                return Ok(());
            }
            Verdict::Leave if matches!(self.leaving, Leaving::Gone(_)) => self.leaving = Leaving::Gone(Elapsed::ZERO),
            Verdict::Leave => self.leave(Ended::Left, false),
            Verdict::Granted | Verdict::Fenced => {}
        }
        if self.member.answered(self.clock.now(), session, answer) && self.engine.is_some() {
            self.ask_for_schedule()
        } else {
            Ok(())
        }
    }

    /// A controller that did not know it lets it in.
    fn welcomed_again(&mut self, bytes: &[u8], said: &mut impl FnMut(GeneratorNews)) -> Result<(), FleetError> {
        let Some((welcome, document)) = self.talk.welcomed(bytes)? else { return Ok(()) };
        if document.run != self.document.run || document.request != self.document.request {
            return Err(FleetError::Unwilling("the run is another one now; start the generator anew".to_owned()));
        }
        if document.started_unix_micros != self.document.started_unix_micros {
            return Err(FleetError::AnotherSession);
        }
        if document.epoch != self.talk.epoch {
            said(GeneratorNews::Notice(format!("controller {} leads the run now", document.epoch)));
            // Its clock is another one, and what the last one asked for is over, whatever lease the next one grants.
            self.talk.offsets = Offsets::default();
            if let Some(engine) = &self.engine {
                let now = self.clock.now();
                let nothing = Piece { at: now, profile: RateProfile::PAUSED, since: now, credit: 0, seed: 0 };
                engine.handle.begin(nothing, None);
            }
        }
        self.talk.epoch = document.epoch;
        let Welcome { document: signed, signature, .. } = welcome;
        self.talk.known = Some(Known { first_number: self.first_number, document: signed, signature });
        self.member = member_of(&self.talk.config, &document, self.clock.now());
        self.document = document;
        self.apply_lease();
        self.is_asking = false;
        self.ask_for_schedule()
    }

    fn apply_lease(&mut self) {
        let Some(engine) = &self.engine else { return };
        let now = self.clock.now();
        let is_handed_over = !matches!(self.leaving, Leaving::No | Leaving::HandingOver(_));
        let end = self.member.lease_end(now);
        engine.handle.lease(if is_handed_over { end.min(now) } else { end });
    }

    /// Whether it had to leave something out.
    fn store_second(&mut self, second: Second) -> bool {
        let mut stored = StoredSecond { second, clock_error: self.clock_error, late_anchor: self.member.take_late() };
        let (bytes, is_cut) = message::write_second(self.talk.epoch, self.next_number, &mut stored);
        self.store.add(self.next_number, Bytes::from(bytes));
        self.next_number += 1;
        is_cut
    }

    /// Begins to leave; `hands_over`: only when its share is taken.
    fn leave(&mut self, ended: Ended, hands_over: bool) {
        let now = self.clock.now();
        match self.leaving {
            Leaving::No => self.talk.ended = ended,
            Leaving::HandingOver(_) if !hands_over => {}
            _ => return,
        }
        self.leaving = Leaving::HandingOver(if hands_over { now + HANDING_OVER } else { now });
    }

    fn stop_engine(&mut self) {
        if self.leaving == Leaving::Draining {
            self.leaving = Leaving::Stopping;
            if let Some(engine) = &self.engine {
                engine.handle.stop();
            }
        }
    }

    fn engine_ended(&mut self) {
        self.engine = None;
        self.leaving = Leaving::Storing(self.clock.now() + STORING);
    }

    /// Takes the next step of leaving, when its time has come; `Some`: it is gone.
    fn go_on_leaving(&mut self, said: &mut impl FnMut(GeneratorNews)) -> Result<Option<Ended>, FleetError> {
        let now = self.clock.now();
        if self.talk.is_orphan() {
            return Ok(Some(Ended::Orphan));
        }
        match self.leaving {
            Leaving::No if now >= Elapsed::ZERO + self.document.not_after => {
                said(GeneratorNews::Silent("the time that this run may send load for is over".to_owned()));
                self.leave(Ended::TimeIsUp, false);
            }
            Leaving::HandingOver(until) => {
                let is_silent = now > self.member.lease_end(now)
                    && self.talk.local().saturating_sub(self.talk.heard) > self.document.lease;
                if now >= until || self.member.is_relieved(now) || is_silent {
                    match &self.engine {
                        Some(engine) => {
                            self.leaving = Leaving::Draining;
                            let (handle, patience) = (engine.handle.clone(), self.document.request.timeout());
                            handle.lease(now);
                            self.drained.spawn(async move {
                                handle.drain(patience).await;
                            });
                        }
                        None => self.leaving = Leaving::Storing(now + STORING),
                    }
                }
            }
            Leaving::Storing(until) if self.store.is_empty() || now >= until => {
                self.leaving = Leaving::Gone(now + super::ANSWER);
                self.beat()?;
            }
            Leaving::Gone(until) if now >= until => return Ok(Some(self.talk.ended)),
            _ => {}
        }
        Ok(None)
    }

    /// Says when it begins or ceases to send.
    fn show(&mut self, said: &mut impl FnMut(GeneratorNews)) {
        let now = self.clock.now();
        let has_lease = now <= self.member.lease_end(now);
        let shown = match self.member.slots() {
            Some(slots) if has_lease => Shown::Driving(slots.of),
            Some(_) => Shown::Silent,
            None => Shown::Nothing,
        };
        if shown == self.shown || self.leaving != Leaving::No {
            return;
        }
        self.shown = shown;
        match shown {
            Shown::Driving(of) => said(GeneratorNews::Driving { slots: self.talk.config.threads, of }),
            Shown::Silent => {
                let why = "its lease is over; the controller does not hear it, or is not heard";
                said(GeneratorNews::Silent(why.to_owned()));
            }
            Shown::Nothing => {}
        }
    }
}

async fn next_second(engine: &mut Option<Engine>) -> Option<Second> {
    match engine {
        Some(engine) => engine.seconds.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
