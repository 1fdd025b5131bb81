//! A generator: an engine on a lease.
//!
//! Its talk with the controller is a task of its own, while the engine sends from threads of its own: a beat is never behind the
//! load.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use scaletop_load::{GeneratorProbe, HttpFactory, LoadConfig, Prepared, Workers, default_max_in_flight};
use scaletop_units::{Elapsed, RunClock, Slew};
use tempfile::NamedTempFile;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::config::{Ended, Engine, EngineSetup, FleetError, GeneratorConfig, GeneratorNews};
use crate::lease::Lease;
use crate::link::{Ask, GeneratorLink, Question};
use crate::member::Member;
use crate::message::{
    self, Answer, Beat, BeatAnswer, Hello, Known, ReadError, RunDocument, Standing, Verdict, Welcome,
};
use crate::offset::{KEPT, Offsets, Stamps};

mod store;
mod work;

use work::Work;

/// How often it beats.
const BEAT: Duration = Duration::from_millis(200);
/// How often it beats while it finds out what time the session has.
const SYNC_BEAT: Duration = Duration::from_millis(20);
/// How long an answer is waited for before it asks again.
const ANSWER: Duration = Duration::from_secs(1);
/// How soon the clock is where the session's is said to be.
const FOLLOW: Duration = Duration::from_millis(400);

/// The default cap on requests in flight where open files are no bound.
const DEFAULT_MAX_IN_FLIGHT: u64 = 10_000;

/// Generates load for the controller at the other end of `link` until it is let go.
///
/// # Errors
/// When the controller refuses it, it refuses the run, or its engine cannot be started.
pub async fn generate(
    config: GeneratorConfig,
    link: GeneratorLink,
    make_engine: impl AsyncFnOnce(EngineSetup) -> Result<Engine, FleetError>,
    mut said: impl FnMut(GeneratorNews),
) -> Result<Ended, FleetError> {
    let mut config = config;
    let (_, nobody) = oneshot::channel();
    let mut leave = Leave(Some(std::mem::replace(&mut config.leave, nobody)));
    let mut talk = Talk::new(config, link);
    let (welcome, document) = loop {
        let Some((welcome, document)) = talk.greet(&mut leave).await? else { return Ok(talk.ended) };
        match talk.synchronize(document.epoch, &mut leave).await? {
            Synchronized::Yes => break (welcome, document),
            Synchronized::Stranger => {}
            Synchronized::Ended => return Ok(talk.ended),
        }
    };
    said(GeneratorNews::Welcomed {
        run: document.run.clone(),
        target: document.request.shown_target(),
        consent: document.consent.clone(),
    });
    let clock = talk.follow_session(document.started_unix_micros);
    let (setup, certificates) = match engine_setup(&document, talk.config.threads, clock) {
        Ok(made) => made,
        Err(error) => {
            talk.decline(&error).await;
            return Err(error);
        }
    };
    let making = make_engine(setup);
    let mut work = Work::new(talk, welcome, document, clock);
    let ended = work.run(making, &mut leave, &mut said).await;
    drop(certificates);
    match ended {
        // The controller was quicker to go.
        Err(FleetError::Closed) => work.left_already().ok_or(FleetError::Closed),
        Err(error) => {
            work.decline(&error).await;
            Err(error)
        }
        Ok(ended) => Ok(ended),
    }
}

/// What the engine is made with, and the file with its certificates.
fn engine_setup(
    document: &RunDocument,
    threads: u32,
    clock: RunClock,
) -> Result<(EngineSetup, Option<NamedTempFile>), FleetError> {
    let (request, certificates) = document.request.unpack()?;
    let expected =
        document.expected.parse().map_err(|error| FleetError::Request(format!("what counts as OK: {error}")))?;
    let setup = EngineSetup {
        request,
        arrivals: document.arrivals,
        seed: document.seed,
        expected,
        max_in_flight: document.max_in_flight,
        threads,
        clock,
    };
    Ok((setup, certificates))
}

/// The engine that sends over HTTP, for [`generate`].
///
/// # Errors
/// When the request or the system does not allow for it.
pub async fn http_engine(setup: EngineSetup) -> Result<Engine, FleetError> {
    let wrong = |error: &dyn std::fmt::Display| FleetError::Engine(error.to_string());
    let factory = HttpFactory::new(&setup.request).map_err(|error| FleetError::Request(error.to_string()))?;
    let max_in_flight = setup.max_in_flight.unwrap_or_else(default_max_in_flight);
    let config = LoadConfig {
        arrivals: setup.arrivals,
        seed: setup.seed,
        max_in_flight,
        capped_by_descriptors: setup.max_in_flight.is_none() && max_in_flight < DEFAULT_MAX_IN_FLIGHT,
        max_connections: usize::try_from(max_in_flight).unwrap_or(usize::MAX),
        warm: 0,
        workers: Workers::Fixed,
        expected: setup.expected,
        mix: setup.request.mix.clone(),
    };
    let transports = (0..setup.threads).map(|_| factory.clone()).collect();
    let prepared = Prepared::new(config, transports).await.map_err(|error| wrong(&error))?;
    let running = prepared.start(setup.clock).map_err(|error| wrong(&error))?;
    Ok(Engine { handle: running.handle, seconds: running.seconds, keep: Some(Box::new(running.threads)) })
}

/// Whether the clock follows the session's.
enum Synchronized {
    Yes,
    /// The controller does not know this generator any more.
    Stranger,
    Ended,
}

/// A generator's side of the conversation.
struct Talk {
    config: GeneratorConfig,
    link: GeneratorLink,
    /// When this process began to count.
    begun: Instant,
    process: u64,
    /// The controller that it follows.
    epoch: u64,
    beats: u64,
    offsets: Offsets,
    /// The offset that the session's clock was set with.
    set_with: i64,
    slew: &'static Slew,
    round_trip: Option<Duration>,
    /// When it last heard of a controller, by its own clock.
    heard: Duration,
    ended: Ended,
    /// What it knows of the session, once it was let in.
    known: Option<Known>,
}

impl Talk {
    fn new(config: GeneratorConfig, link: GeneratorLink) -> Self {
        Self {
            config,
            link,
            begun: Instant::now(),
            process: fastrand::u64(..),
            epoch: 0,
            beats: 0,
            offsets: Offsets::default(),
            set_with: 0,
            // A clock is copied to threads that nobody waits for, so what it follows lives as long as the program; one a run.
            slew: Box::leak(Box::new(Slew::new())),
            round_trip: None,
            heard: Duration::ZERO,
            ended: Ended::Left,
            known: None,
        }
    }

    fn local(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Asks; where the answer comes.
    fn ask(&self, ask: Ask, body: Vec<u8>) -> Result<oneshot::Receiver<Bytes>, FleetError> {
        let (answer, answered) = oneshot::channel();
        let question = Question { ask, body: Bytes::from(body), answer };
        if self.link.questions.send(question).is_err() {
            return Err(FleetError::Closed);
        }
        Ok(answered)
    }

    /// Asks and waits for the answer for a while; `None`: there was none.
    async fn ask_and_wait(&self, ask: Ask, body: Vec<u8>) -> Result<Option<Bytes>, FleetError> {
        let answered = self.ask(ask, body)?;
        Ok(timeout(ANSWER, answered).await.ok().and_then(Result::ok))
    }

    fn is_orphan(&self) -> bool {
        self.local().saturating_sub(self.heard) > self.config.orphan
    }

    fn hello(&self, declines: Option<String>) -> Vec<u8> {
        let health = GeneratorProbe::new(Elapsed::ZERO).sample(Elapsed::from_nanos(1));
        let hello = Hello {
            version: self.config.version.clone(),
            id: self.config.id.clone(),
            process: self.process,
            threads: self.config.threads,
            max_rate: self.config.max_rate,
            cores: health.cores,
            open_files: health.fds.map(|(_, limit)| limit),
            ports: health.ports_left,
            labels: self.config.labels.clone(),
            declines,
            known: self.known.clone(),
        };
        message::write(self.epoch, 0, &hello)
    }

    /// Tells the controller why it does not take part, so that nobody waits for it there. It ends in any case.
    async fn decline(&self, error: &FleetError) {
        let words = match error {
            FleetError::Unwilling(why) => format!("refuses this run: {why}"),
            FleetError::AnotherSession | FleetError::Request(_) | FleetError::Engine(_) => {
                format!("cannot take part: {error}")
            }
            // The controller said so itself, or cannot be told.
            _ => return,
        };
        let hello = self.hello(Some(words));
        // An answer says that it was heard; nothing depends on it.
        let _ = self.ask_and_wait(Ask::Hello, hello).await;
    }

    /// Says hello until it is let in; `None`: it ends before.
    async fn greet(&mut self, leave: &mut Leave) -> Result<Option<(Welcome, RunDocument)>, FleetError> {
        loop {
            let asked = self.local();
            let hello = self.hello(None);
            let answer = tokio::select! {
                answer = self.ask_and_wait(Ask::Hello, hello) => answer?,
                () = leave.asked() => return Ok(None),
            };
            if let Some(answer) = answer {
                self.heard = self.local();
                match self.welcomed(&answer) {
                    Ok(None) => {}
                    Ok(Some(welcomed)) => return Ok(Some(welcomed)),
                    Err(error) => {
                        self.decline(&error).await;
                        return Err(error);
                    }
                }
            }
            if self.is_orphan() {
                self.ended = Ended::Orphan;
                return Ok(None);
            }
            tokio::time::sleep((asked + ANSWER).saturating_sub(self.local())).await;
        }
    }

    /// Reads and checks the answer to a hello; `None`: it is of no use.
    fn welcomed(&self, answer: &[u8]) -> Result<Option<(Welcome, RunDocument)>, FleetError> {
        let ours = message::PROTOCOL;
        let answer = match message::read::<Answer>(answer) {
            Ok(answer) => answer,
            Err(ReadError::Protocol(theirs)) => return Err(FleetError::Protocol { theirs, ours }),
            Err(ReadError::Alien(_)) => return Ok(None),
        };
        if answer.epoch < self.epoch {
            return Ok(None);
        }
        let welcome = match answer.body {
            Answer::Refused(why) => return Err(FleetError::Refused(why)),
            Answer::Welcome(welcome) => *welcome,
        };
        if !(self.config.verify)(&welcome.document, &welcome.signature) {
            return Err(FleetError::Unwilling(
                "its document is not signed by the controller that the ticket names".to_owned(),
            ));
        }
        let unreadable = |error: ReadError| FleetError::Unwilling(format!("its document cannot be read: {error}"));
        let document = message::read::<RunDocument>(&welcome.document).map_err(unreadable)?.body;
        match document.request.refusal(&document.consent.host, &self.config.allow) {
            Some(why) => Err(FleetError::Unwilling(why)),
            None => Ok(Some((welcome, document))),
        }
    }

    /// A beat, as it is sent now.
    fn beat(&mut self, session: Option<Elapsed>, standing: Standing) -> Beat {
        self.beats += 1;
        Beat {
            process: self.process,
            sent: nanos(self.local()),
            session,
            answered: Elapsed::ZERO,
            lease: Elapsed::ZERO,
            standing,
            known: 0,
            in_flight: 0,
            clock_error: None,
            round_trip: self.round_trip,
            given_up: 0,
        }
    }

    /// Notes the answer to a beat that was sent at `sent` and came back at `back`, by this machine's clock.
    fn note_answer(&mut self, sent: u64, back: Duration, answer: &BeatAnswer) {
        let (received, answered) = (answer.received, answer.answered);
        self.round_trip = self.offsets.add(Stamps { sent, received, answered, back: nanos(back) }).or(self.round_trip);
        self.heard = self.heard.max(back);
    }

    /// Finds out what time the session has.
    async fn synchronize(&mut self, epoch: u64, leave: &mut Leave) -> Result<Synchronized, FleetError> {
        self.epoch = epoch;
        self.offsets = Offsets::default();
        let mut ticks = interval(SYNC_BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.offsets.len() < KEPT {
            ticks.tick().await;
            let beat = self.beat(None, Standing::Warming);
            let (sent, ask) = (beat.sent, Ask::Beat(self.config.id.clone()));
            let body = message::write(self.epoch, self.beats, &beat);
            let answer = tokio::select! {
                answer = self.ask_and_wait(ask, body) => answer?,
                () = leave.asked() => return Ok(Synchronized::Ended),
            };
            let back = self.local();
            if self.is_orphan() {
                self.ended = Ended::Orphan;
                return Ok(Synchronized::Ended);
            }
            let Some(answer) = answer.and_then(|bytes| message::read::<BeatAnswer>(&bytes).ok()) else { continue };
            match answer.body.verdict {
                Verdict::Unknown => return Ok(Synchronized::Stranger),
                Verdict::Leave => return Ok(Synchronized::Ended),
                Verdict::Granted | Verdict::Fenced => self.note_answer(sent, back, &answer.body),
            }
        }
        Ok(Synchronized::Yes)
    }

    /// The session's clock: set once, then it follows.
    fn follow_session(&mut self, started_unix_micros: i64) -> RunClock {
        let best = self.offsets.best(nanos(self.local()));
        self.set_with = best.map_or(0, |best| best.offset);
        let ahead = Duration::from_nanos(self.set_with.unsigned_abs());
        let started = if self.set_with < 0 { self.begun.checked_add(ahead) } else { self.begun.checked_sub(ahead) };
        RunClock::anchored(started.unwrap_or(self.begun), started_unix_micros).slewed(self.slew)
    }

    /// Lets the clock follow what is known now; how far it may be off, plus or minus.
    fn adjust(&self, clock: RunClock) -> Option<Duration> {
        let now = clock.uncorrected();
        let best = self.offsets.best(nanos(self.local()))?;
        let to = best.offset.saturating_sub(self.set_with);
        let applied = i128::from(nanos(self.slew.corrected(now))) - i128::from(nanos(now));
        let to_go = u64::try_from(applied.abs_diff(i128::from(to))).unwrap_or(u64::MAX);
        self.slew.aim(now, to, FOLLOW);
        Some(Duration::from_nanos(best.error.saturating_add(to_go)))
    }
}

/// Whether somebody asked it to leave.
struct Leave(Option<oneshot::Receiver<()>>);

impl Leave {
    /// Returns once, when somebody asks for it; never when nobody will. Cancel-safe.
    async fn asked(&mut self) {
        let is_asked = match &mut self.0 {
            Some(asked) => asked.await.is_ok(),
            None => false,
        };
        self.0 = None;
        if !is_asked {
            pending::<()>().await;
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A lease of the run's length that nobody has granted yet.
fn lease_of(document: &RunDocument, now: Elapsed) -> Lease {
    Lease::new(document.lease, Elapsed::ZERO + document.not_after, now)
}

/// What a generator knows of a run that it has just been let into.
fn member_of(config: &GeneratorConfig, document: &RunDocument, now: Elapsed) -> Member {
    Member::new(config.id.clone(), config.threads, config.max_rate, document.epoch, lease_of(document, now))
}
