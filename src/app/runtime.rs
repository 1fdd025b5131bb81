//! The loop that runs a session: everything that happens goes through [`update`], everything it asks for is done here.
//!
//! The loop waits for nothing but events. The load runs on threads of its own, the recording too, exports are worked off
//! on a blocking thread, and a terminal that does not take a frame is skipped.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::app::controller::Controller;
use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::app::front::FrontEnd;
use crate::app::signals::Signals;
use crate::app::state::{Phase, State};
use crate::app::update::update;
use crate::export::{ExportError, Exported, export};
use crate::metrics::Metrics;
use crate::plan::forecast::Budget;
use crate::plan::schedule::Instruction;
use crate::session::event::{Notice, NoticeLevel, RateCause, RateChange, Recorded, SessionEvent};
use crate::session::verdict::early::lost_already;
use crate::session::writer::{BackgroundWriter, WriteStatus};
use scaletop_cluster::Cluster;
use scaletop_load::LoadHandle;
use scaletop_load::RateProfile;
use scaletop_load::Second;
use scaletop_units::RunClock;
use scaletop_units::{ArrivalRate, Elapsed};

/// At most this many frames a second.
const FRAMES_PER_SEC: u32 = 20;

/// How often the state hears that time passes, so that ages on the screen grow.
const TICK: Duration = Duration::from_millis(250);

/// Everything a session needs to run.
pub struct Runtime<F> {
    /// What is known.
    pub state: State,
    /// Now.
    pub clock: RunClock,
    /// The load.
    pub load: LoadHandle,
    /// What the load did, second by second.
    pub seconds: mpsc::Receiver<Second>,
    /// What sources say.
    pub feeds: mpsc::Receiver<SessionEvent>,
    /// The recording.
    pub writer: BackgroundWriter,
    /// What befalls the recording.
    pub statuses: mpsc::Receiver<WriteStatus>,
    /// The demo's cluster.
    pub cluster: Option<Cluster>,
    /// Who decides the rate besides the keys.
    pub controller: Option<Controller>,
    /// What the plan will make due, when the session is to end as soon as a threshold is lost.
    pub abort_within: Option<Budget>,
    /// Where the numbers are served live.
    pub metrics: Option<Metrics>,
    /// The session's folder.
    pub folder: PathBuf,
    /// When to panic: the tests' way to see that the terminal survives it.
    pub panic_at: Option<Instant>,
    /// Where it is shown.
    pub front: F,
    /// What ends it politely, the second time at once.
    pub signals: Signals,
}

/// How a session ended.
#[derive(Debug)]
pub struct Finished {
    /// The state at its end.
    pub state: State,
    /// The derived files; `None` when the user left at once.
    pub exported: Option<Result<Exported, ExportError>>,
    /// The signal that ended it, by number.
    pub signal: Option<i32>,
    /// Who decided the rate, with what it found out.
    pub controller: Option<Controller>,
}

/// What is going on besides the loop.
#[derive(Default)]
struct Background {
    drain: Option<Pin<Box<dyn Future<Output = u64>>>>,
    abandoned: Option<u64>,
    export: Option<JoinHandle<Result<Exported, ExportError>>>,
    exit: Option<bool>,
    dirty: bool,
    is_directed: bool,
}

impl<F: FrontEnd> Runtime<F> {
    /// Runs the session to its end, starting at `rate`.
    pub async fn run(mut self, rate: ArrivalRate) -> std::io::Result<Finished> {
        let mut background = Background { dirty: true, is_directed: true, ..Background::default() };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let frame = Duration::from_secs(1) / FRAMES_PER_SEC;
        let mut next_frame = Instant::now();
        let (mut seconds_open, mut signal) = (true, None);

        if !rate.is_paused() {
            let profile = RateProfile::Constant(rate);
            let change = RateChange { profile, cause: RateCause::Start, stage: None };
            self.handle(&mut background, &Event::Stage(change));
        }
        while background.exit.is_none() {
            self.play(&mut background);
            let wake = self.next_cue(&background).map(|at| self.clock.instant_at(at));
            tokio::select! {
                biased;
                second = self.seconds.recv(), if seconds_open => match second {
                    Some(second) => self.second(&mut background, second),
                    None => seconds_open = false,
                },
                event = self.front.next(&self.state) => self.handle(&mut background, &event),
                number = self.signals.next() => {
                    signal = Some(number);
                    self.handle(&mut background, &Event::Action(crate::app::action::Action::Quit));
                }
                Some(event) = self.feeds.recv() => self.handle(&mut background, &Event::Session(event)),
                Some(status) = self.statuses.recv() => self.handle(&mut background, &Event::RecordingFailed(status)),
                abandoned = poll_option(&mut background.drain) => {
                    background.drain = None;
                    background.abandoned = Some(abandoned);
                    self.load.stop();
                }
                result = join_option(&mut background.export) => {
                    background.export = None;
                    let result = result.map(|exported| exported.folder).map_err(|error| error.to_string());
                    self.handle(&mut background, &Event::Exported(result));
                }
                () = sleep_until_option(wake) => {}
                () = sleep_until_option(self.panic_at) => panic_as_asked(),
                _ = tick.tick() => self.handle(&mut background, &Event::Tick),
                () = sleep_until(next_frame), if background.dirty && self.front.is_ready() => {
                    self.front.show(&self.state)?;
                    background.dirty = false;
                    next_frame = Instant::now() + frame;
                }
            }
            // Only when the last second has been counted is the session over.
            if !seconds_open && let Some(abandoned) = background.abandoned.take() {
                self.handle(&mut background, &Event::Drained { abandoned });
            }
        }
        self.finish(background, signal).await
    }

    async fn finish(mut self, background: Background, signal: Option<i32>) -> std::io::Result<Finished> {
        self.load.stop();
        if self.front.is_ready() {
            self.front.show(&self.state)?;
        }
        self.writer.finish();
        let mut signal = signal;
        let exported = if background.exit == Some(false) {
            let folder = self.folder.clone();
            let running = background.export;
            let mut export = std::pin::pin!(async move {
                if let Some(running) = running {
                    let _ = running.await;
                }
                flatten(tokio::task::spawn_blocking(move || export(&folder)).await)
            });
            loop {
                tokio::select! {
                    biased;
                    exported = &mut export => break Some(exported),
                    // The first one asks for what is being done already.
                    number = self.signals.next() => if signal.replace(number).is_some() { break None },
                }
            }
        } else {
            None
        };
        if let Some(cluster) = self.cluster.take() {
            cluster.shutdown().await;
        }
        Ok(Finished { state: self.state, exported, signal, controller: self.controller })
    }

    /// A second has closed.
    fn second(&mut self, background: &mut Background, second: Second) {
        let event = Event::Session(SessionEvent::Second(Box::new(second)));
        let Event::Session(SessionEvent::Second(second)) = &event else { return };
        self.handle_at(background, second.end(), &event);
        let session = &self.state.session;
        if let Some(controller) = &mut self.controller {
            controller.second(second, session);
        }
        if let Some(metrics) = &self.metrics {
            metrics.publish(session);
        }
        if let Some(lost) = self.abort_within.as_ref().and_then(|budget| lost_already(session, budget)) {
            self.abort_within = None;
            self.handle(background, &Event::ThresholdLost(lost.line()));
        }
    }

    /// When the controller has to be asked again.
    fn next_cue(&self, background: &Background) -> Option<Elapsed> {
        let controller = self.controller.as_ref().filter(|_| background.is_directed)?;
        controller.deadline()
    }

    /// Lets the plan, or the search, say what it has to say.
    fn play(&mut self, background: &mut Background) {
        // Whoever ends the session takes the rate out of the controller's hands.
        background.is_directed &= self.state.ui.phase == Phase::Running;
        let now = self.clock.now();
        while background.is_directed {
            let Some(instruction) = self.controller.as_mut().and_then(|d| d.poll(now, &self.state.session)) else {
                return;
            };
            match instruction {
                Instruction::Begin { at, name, profile } => {
                    let change = RateChange { profile, cause: RateCause::Plan, stage: Some(name) };
                    self.handle_at(background, at, &Event::Stage(change));
                }
                Instruction::End { at } => self.load.set(at, RateProfile::PAUSED),
                Instruction::Note(text) => {
                    let notice = SessionEvent::Notice(Notice { level: NoticeLevel::Info, text });
                    self.handle(background, &Event::Session(notice));
                }
                Instruction::Finish { at } => {
                    background.is_directed = false;
                    self.handle_at(background, at, &Event::PlanFinished);
                }
            }
        }
    }

    fn handle(&mut self, background: &mut Background, event: &Event) {
        self.handle_at(background, self.clock.now(), event);
    }

    fn handle_at(&mut self, background: &mut Background, at: Elapsed, event: &Event) {
        background.dirty = true;
        for effect in update(&mut self.state, at, event) {
            self.perform(background, at, effect);
        }
    }

    fn perform(&mut self, background: &mut Background, at: Elapsed, effect: Effect) {
        match effect {
            Effect::SetRate(profile) => self.load.set(at, profile),
            Effect::Record(event) => self.writer.record(Recorded { at, event }),
            Effect::Export if background.export.is_some() => {}
            Effect::Export => {
                let (flushed, folder) = (self.writer.flushed(), self.folder.clone());
                background.export = Some(tokio::spawn(async move {
                    flushed.await;
                    flatten(tokio::task::spawn_blocking(move || export(&folder)).await)
                }));
            }
            Effect::KillInstance => {
                let result = match &self.cluster {
                    Some(cluster) => cluster.kill_one().map(String::from).map_err(|error| error.to_string()),
                    None => Err("there is no cluster".to_owned()),
                };
                self.handle_at(background, at, &Event::Killed(result));
            }
            Effect::Drain => {
                let deadline = self.state.session.header.settings.timeout + Duration::from_secs(1);
                let load = self.load.clone();
                background.drain = Some(Box::pin(async move { load.drain(deadline).await }));
            }
            Effect::Exit { at_once } => background.exit = Some(at_once),
        }
    }
}

#[expect(clippy::panic, reason = "asked for by a hidden flag, so that a test sees what a panic leaves behind")]
fn panic_as_asked() {
    panic!("this panic was asked for with --panic-after");
}

/// A blocking task that panicked is a bug; it must not pass for a result.
fn flatten(joined: Result<Result<Exported, ExportError>, tokio::task::JoinError>) -> Result<Exported, ExportError> {
    joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn poll_option<T>(future: &mut Option<Pin<Box<dyn Future<Output = T>>>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn join_option(task: &mut Option<JoinHandle<Result<Exported, ExportError>>>) -> Result<Exported, ExportError> {
    match task {
        Some(task) => flatten(task.await),
        None => std::future::pending().await,
    }
}

async fn sleep_until_option(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
