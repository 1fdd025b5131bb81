//! The controller: answers generators, leads their schedule, and hands on their seconds as one.
//!
//! It has a thread of its own, so that a screen that stalls costs nobody a lease.

use std::collections::VecDeque;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use scaletop_load::Second;
use scaletop_units::{Elapsed, RunClock};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::conductor::{Conductor, Said, Settings};
use crate::config::{ControllerConfig, FleetError, Killer, Progress};
use crate::handle::{Command, FleetHandle, News};
use crate::lease;
use crate::link::{Ask, ControllerLink, Incoming, Order, Outgoing, Question};
use crate::message::{self, Answer, Hello, RunDocument};
use crate::request::WireRequest;

/// How often the controller looks at its clock.
const TICK: Duration = Duration::from_millis(10);

/// Seconds and news that wait for their reader before more are kept back.
const AHEAD: usize = 64;

/// News beyond so many that wait are left out.
const UNTOLD: usize = 4_096;

/// A reason that a generator gives is cut after so many characters.
const LONGEST_REASON: usize = 500;

/// A fleet of which enough generators are ready, at rate zero. Dropping it lets them go.
#[derive(Debug)]
pub struct Gathered {
    begin: oneshot::Sender<()>,
    running: FleetRunning,
}

/// A running fleet.
#[derive(Debug)]
pub struct FleetRunning {
    /// Steers it.
    pub handle: FleetHandle,
    /// Every second once, in order, one a second whatever the rate, from the one in which the fleet was started to the one in
    /// which it was stopped. Then the channel ends.
    pub seconds: mpsc::Receiver<Second>,
    /// What the fleet says of itself.
    pub news: mpsc::Receiver<News>,
    /// Its thread.
    pub thread: FleetThread,
}

/// Owns the controller's thread: dropping it stops the fleet and waits for it.
///
/// Read [`FleetRunning::seconds`] to its end (or drop it) first: the last seconds are waiting to be read.
#[derive(Debug)]
pub struct FleetThread {
    handle: FleetHandle,
    thread: Option<JoinHandle<()>>,
}

impl Drop for FleetThread {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the thread itself; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

/// What a controller is driven through, besides its link.
pub(crate) struct Wires {
    pub commands: mpsc::UnboundedReceiver<Command>,
    pub progress: mpsc::UnboundedSender<Result<Progress, FleetError>>,
    pub begin: oneshot::Receiver<()>,
    pub seconds: mpsc::Sender<Second>,
    pub news: mpsc::Sender<News>,
}

/// Waits until enough generators are ready: as many as are wanted, or after a while as many as will do.
///
/// # Errors
/// When too few come in time, the link ends, or the request cannot be given to generators.
pub async fn gather(
    config: ControllerConfig,
    link: ControllerLink,
    clock: RunClock,
    mut progress: impl FnMut(Progress),
) -> Result<Gathered, FleetError> {
    let (wanted, at_least, within) = (config.wanted, config.to_begin.clamp(1, config.wanted.max(1)), config.within);
    // Another controller's generators may go on for as long as their leases; nothing is sent, or asked for, before that is over.
    let predecessors = (config.epoch > 1).then(|| config.lease.clamp(lease::SHORTEST, lease::LONGEST) + lease::MARGIN);
    let drive = prepare(config, link, clock)?;
    let silent = tokio::time::Instant::now() + predecessors.unwrap_or_default();
    let (handle, commands) = FleetHandle::new();
    let (progress_tx, mut told) = mpsc::unbounded_channel();
    let (begin, begin_rx) = oneshot::channel();
    let (seconds_tx, seconds) = mpsc::channel(AHEAD);
    let (news_tx, news) = mpsc::channel(AHEAD);
    let wires = Wires { commands, progress: progress_tx, begin: begin_rx, seconds: seconds_tx, news: news_tx };
    let thread = std::thread::Builder::new()
        .name("fleet-controller".to_owned())
        .spawn(move || {
            // Timers need no resource that could be refused.
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() {
                runtime.block_on(drive.run(wires));
            }
        })
        .map_err(|error| FleetError::Thread(error.to_string()))?;
    let thread = FleetThread { handle: handle.clone(), thread: Some(thread) };
    await_ready(&mut told, wanted, at_least, within, &mut progress).await?;
    tokio::time::sleep_until(silent).await;
    Ok(Gathered { begin, running: FleetRunning { handle, seconds, news, thread } })
}

/// Waits for what [`gather`] waits for.
pub(crate) async fn await_ready(
    told: &mut mpsc::UnboundedReceiver<Result<Progress, FleetError>>,
    wanted: u32,
    at_least: u32,
    within: Duration,
    progress: &mut impl FnMut(Progress),
) -> Result<(), FleetError> {
    let mut is_enough = false;
    let mut now_ready = 0;
    let deadline = tokio::time::sleep(within);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            said = told.recv() => {
                let said = said.unwrap_or(Err(FleetError::Closed))?;
                if let Progress::Ready { ready, .. } = said {
                    now_ready = ready;
                }
                progress(said);
            }
            () = &mut deadline, if !is_enough => {
                is_enough = true;
                if now_ready < at_least {
                    return Err(FleetError::TooFew { ready: now_ready, wanted, at_least, within });
                }
            }
        }
        if now_ready >= wanted || (is_enough && now_ready >= at_least) {
            return Ok(());
        }
    }
}

impl Gathered {
    /// Starts recording, at rate zero.
    pub fn start(self) -> FleetRunning {
        // A thread that has ended has closed its channels, which says so.
        let _ = self.begin.send(());
        self.running
    }
}

/// Makes a controller that only needs to be driven.
pub(crate) fn prepare(config: ControllerConfig, link: ControllerLink, clock: RunClock) -> Result<Drive, FleetError> {
    let lease = config.lease.clamp(lease::SHORTEST, lease::LONGEST);
    let document = RunDocument {
        run: config.run,
        epoch: config.epoch.max(1),
        version: config.version.clone(),
        request: WireRequest::pack(&config.request)?,
        arrivals: config.arrivals,
        seed: config.seed,
        expected: config.expected.to_string(),
        max_in_flight: config.max_in_flight_each,
        lease,
        not_after: config.not_after,
        consent: config.consent,
        started_unix_micros: clock.started_unix_micros(),
    };
    let bytes = message::write(document.epoch, 0, &document);
    let signature = (config.signer)(&bytes);
    let settings = Settings {
        epoch: document.epoch,
        wanted: config.wanted,
        at_least: config.to_go_on.clamp(1, config.wanted.max(1)),
        on_loss: config.on_loss,
        lease,
        seed: config.seed,
        max_rate: config.max_rate,
        not_after: Elapsed::ZERO + config.not_after,
        version: config.version,
        allow_versions: config.allow_versions,
        document: (bytes, signature),
    };
    let wanted = config.wanted;
    let conductor = Conductor::new(settings, clock.now(), config.resumed.as_ref());
    Ok(Drive {
        conductor,
        link,
        clock,
        kill: config.kill,
        wanted,
        drains: Vec::new(),
        kept: VecDeque::new(),
        untold: VecDeque::new(),
        declined: VecDeque::new(),
        last_declined: None,
    })
}

/// A controller that only needs to be driven.
pub(crate) struct Drive {
    conductor: Conductor,
    link: ControllerLink,
    clock: RunClock,
    kill: Option<Killer>,
    wanted: u32,
    /// Who waits for nothing to be in flight, and until when.
    drains: Vec<(Elapsed, oneshot::Sender<u64>)>,
    /// Seconds that their reader had no room for yet.
    kept: VecDeque<Second>,
    /// News, likewise.
    untold: VecDeque<News>,
    /// Why generators do not take part, as they say themselves.
    declined: VecDeque<String>,
    last_declined: Option<String>,
}

impl Drive {
    /// Runs until it is stopped, or nobody reads any more.
    pub(crate) async fn run(mut self, mut wires: Wires) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_begun, mut ready) = (false, None);
        loop {
            tokio::select! {
                biased;
                command = wires.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => self.conductor.stop(self.clock.now()),
                },
                begun = &mut wires.begin, if !is_begun => {
                    is_begun = true;
                    match begun {
                        Ok(()) => self.conductor.start(self.clock.now()),
                        Err(_) => self.conductor.stop(self.clock.now()),
                    }
                }
                // Before what comes, which may come without a pause.
                _ = tick.tick() => self.conductor.tick(self.clock.now()),
                incoming = self.link.inbox.recv() => match incoming {
                    Some(incoming) => self.hear(incoming),
                    None => break self.end(&wires, FleetError::Closed),
                },
            }
            if !is_begun {
                let now_ready = self.conductor.ready();
                if ready.replace(now_ready) != Some(now_ready) {
                    let _ = wires.progress.send(Ok(Progress::Ready { ready: now_ready, wanted: self.wanted }));
                }
            }
            if !self.pass_on(&wires, is_begun) {
                self.conductor.stop(self.clock.now());
            }
            self.answer_drains();
            if self.conductor.is_deposed() {
                self.end(&wires, FleetError::Deposed);
                break;
            }
            if self.conductor.is_finished() {
                break;
            }
        }
        for second in self.kept.drain(..) {
            if wires.seconds.send(second).await.is_err() {
                return; // nobody reads any more
            }
        }
    }

    /// Says why it ends although nobody asked it to.
    fn end(&mut self, wires: &Wires, why: FleetError) {
        let _ = wires.news.try_send(News::Notice(why.to_string()));
        let _ = wires.progress.send(Err(why));
        self.conductor.stop(self.clock.now());
        self.conductor.tick(self.clock.now() + Duration::from_secs(10));
        self.pass_on(wires, true);
    }

    fn obey(&mut self, command: Command) {
        let now = self.clock.now();
        match command {
            Command::Set(at, profile) => self.conductor.set(now, at, profile),
            Command::Drain(at_most, answer) => self.drains.push((now + at_most, answer)),
            Command::Stop => self.conductor.stop(now),
            Command::Kill(answer) => {
                let none = || Err("no generator of this fleet was started by this program".to_owned());
                let _ = answer.send(self.kill.as_mut().map_or_else(none, |kill| kill()));
            }
        }
    }

    fn hear(&mut self, incoming: Incoming) {
        let now = self.clock.now();
        match incoming {
            Incoming::Question(Question { ask, body, answer }) => {
                let said = match ask {
                    Ask::Hello => self.conductor.hello(now, &body).or_else(|| self.note_declined(&body)),
                    Ask::Beat(id) => self.conductor.beat(now, &id, &body),
                    Ask::Schedule => Some(self.conductor.schedule(now)),
                };
                // Who does not wait any more asks again.
                let _ = said.map(|said| answer.send(Bytes::from(said)));
            }
            Incoming::Second { id, number, body } => self.conductor.second(&id, number, &body),
            Incoming::Connected(is_connected) => self.conductor.connected(now, is_connected),
        }
    }

    /// Notes why a generator does not take part, if that is what it says; its receipt.
    fn note_declined(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let hello = message::read::<Hello>(body).ok()?;
        let words = hello.body.declines?;
        // It is another machine that says so.
        let words: String = words.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
        let text = format!("{} {words}", hello.body.id);
        // What starts it again and again need not be told each time.
        if self.last_declined.as_ref() != Some(&text) {
            self.declined.push_back(text.clone());
            self.last_declined = Some(text);
        }
        Some(message::write(hello.epoch, 0, &Answer::Refused("it does not take part".to_owned())))
    }

    /// Passes on what there is to say; whether anybody still reads.
    fn pass_on(&mut self, wires: &Wires, is_begun: bool) -> bool {
        let declined = |this: &mut Self| this.declined.pop_front().map(Said::Notice);
        while let Some(said) = self.conductor.say().or_else(|| declined(self)) {
            let news = match said {
                Said::Schedule(bytes) => {
                    let _ = self.link.outbox.send(Outgoing::Schedule(Bytes::from(bytes)));
                    continue;
                }
                Said::Leave(id) => {
                    let _ = self.link.outbox.send(Outgoing::Order(id, Order::Leave));
                    continue;
                }
                Said::Second(second) => {
                    self.kept.push_back(*second);
                    continue;
                }
                Said::Notice(text) if !is_begun => {
                    let _ = wires.progress.send(Ok(Progress::Notice(text)));
                    continue;
                }
                Said::Notice(text) => News::Notice(text),
                Said::Generator(event) => News::Generator(event),
                Said::State(state) => News::State(state),
            };
            self.untold.push_back(news);
        }
        while let Some(news) = self.untold.pop_front() {
            // News that nobody reads are no reason to end.
            if let Err(mpsc::error::TrySendError::Full(news)) = wires.news.try_send(news) {
                self.untold.push_front(news);
                self.untold.truncate(UNTOLD);
                break;
            }
        }
        while let Some(second) = self.kept.pop_front() {
            match wires.seconds.try_send(second) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(second)) => {
                    self.kept.push_front(second);
                    break;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
        }
        true
    }

    fn answer_drains(&mut self) {
        if self.drains.is_empty() {
            return;
        }
        let now = self.clock.now();
        let (left, is_known) = self.conductor.in_flight();
        let is_over = |&mut (until, _): &mut (Elapsed, _)| now >= until || (is_known && left == 0);
        for (_, answer) in self.drains.extract_if(.., is_over) {
            let _ = answer.send(left);
        }
    }
}
