//! What makes a live session happen: the engine, the sources, the recording and the exports. With two targets there are two of
//! the first ones, which get the same commands.

mod loads;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use crate::app::effect::Effect;
use crate::app::ends::{BackEnd, FrontEnd};
use crate::app::event::Event;
use crate::app::runtime::{Ended, Runtime, sleep_until_option};
use crate::app::state::State;
use crate::export::{ExportError, Exported, export};
use crate::metrics::Metrics;
use crate::metrics::otlp::Otlp;
use crate::session::event::{RateCause, RateChange, SessionEvent, Side};
use crate::session::writer::{BackgroundWriter, WriteStatus};
use crate::web::Web;
use scaletop_load::{RateProfile, Second};
use scaletop_units::{ArrivalRate, Elapsed};

pub(crate) use loads::{Load, Loads};

/// Kills an instance of the demo; its name, or why there was none to kill.
pub(crate) type Kill = Box<dyn Fn() -> Result<String, String>>;

/// What is in flight is waited for so long before the process stands still.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// What makes a live session happen.
pub(crate) struct LiveBackEnd {
    pub loads: Loads,
    /// What happens at the target, or the first one.
    pub first: Watched,
    /// What happens at the second target.
    pub second: Option<Watched>,
    pub recording: BackgroundWriter,
    /// Whether it can be written.
    pub statuses: mpsc::Receiver<WriteStatus>,
    /// Where the numbers are served live.
    pub metrics: Option<Metrics>,
    /// Where they are pushed to.
    pub otlp: Option<Otlp>,
    /// Where others look on.
    pub web: Option<Web>,
    pub folder: PathBuf,
    /// When to panic: the tests' way to see that the terminal survives it.
    pub panic_at: Option<Instant>,
    /// What goes on besides.
    pub background: Background,
}

/// What goes on besides the loop.
#[derive(Default)]
pub(crate) struct Background {
    /// Waits until nothing is in flight.
    drain: Option<Pin<Box<dyn Future<Output = u64>>>>,
    /// Requests that were given up, once that is known and until the last second has closed.
    abandoned: Option<u64>,
    export: Option<JoinHandle<Result<Exported, ExportError>>>,
    /// Waits for a generator to be killed.
    kill: Option<oneshot::Receiver<Result<String, String>>>,
}

/// What happens at one target.
pub(crate) struct Watched {
    /// What the load did, second by second.
    seconds: mpsc::Receiver<Second>,
    feeds: mpsc::Receiver<SessionEvent>,
    /// What is known before the load begins.
    known: Vec<SessionEvent>,
    /// Kills an instance, if it is the demo.
    kill: Option<Kill>,
    seconds_are_over: bool,
    /// Hands on what the load says of itself; over when it has said all.
    told: Option<JoinHandle<()>>,
}

impl Watched {
    pub(crate) const fn new(
        seconds: mpsc::Receiver<Second>,
        feeds: mpsc::Receiver<SessionEvent>,
        kill: Option<Kill>,
    ) -> Self {
        Self { seconds, feeds, known: Vec::new(), kill, seconds_are_over: false, told: None }
    }

    /// With what is known before the load begins: what a first change of rate depends on.
    pub(crate) fn knowing(self, known: Vec<SessionEvent>) -> Self {
        Self { known, ..self }
    }

    /// With a load that says something of itself: it has said all when that task is over.
    pub(crate) fn told_by(self, told: Option<JoinHandle<()>>) -> Self {
        Self { told, ..self }
    }

    /// Whether the last second has come, and all that was said until then.
    fn is_over(&self) -> bool {
        self.seconds_are_over && self.told.is_none() && self.feeds.is_empty()
    }

    /// What happens next; `None` when the last second has come, and when the load has said all. Cancel-safe.
    async fn next(&mut self) -> Option<SessionEvent> {
        tokio::select! {
            biased;
            second = self.seconds.recv(), if !self.seconds_are_over => {
                self.seconds_are_over = second.is_none();
                second.map(|second| SessionEvent::Second(Box::new(second)))
            }
            Some(event) = self.feeds.recv() => Some(event),
            _ = poll_option(&mut self.told), if self.seconds_are_over => {
                self.told = None;
                None
            }
            else => std::future::pending().await,
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

/// How a live session ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The state at its end.
    pub state: State,
    /// The derived files; `None` when the user left at once.
    pub exported: Option<Result<Exported, ExportError>>,
    /// The signal that ended it, by number.
    pub signal: Option<i32>,
    /// Which metrics did not reach whom they were pushed to.
    pub not_pushed: Option<String>,
}

impl BackEnd for LiveBackEnd {
    type Error = io::Error;

    /// So that ages on the screen grow.
    const TICK: Duration = Duration::from_millis(250);

    async fn next(&mut self) -> io::Result<Option<Event>> {
        let background = &mut self.background;
        // Only when the last second has been counted, and what was said by then is recorded, is the session over.
        let is_over = self.first.is_over() && self.second.as_ref().is_none_or(Watched::is_over);
        if is_over && let Some(abandoned) = background.abandoned.take() {
            return Ok(Some(Event::Drained { abandoned }));
        }
        Ok(tokio::select! {
            biased;
            event = self.first.next() => event.map(|event| match self.second {
                Some(_) => Event::Half(Side::First, event),
                None => Event::Session(event),
            }),
            event = next_of(self.second.as_mut()) => event.map(|event| Event::Half(Side::Second, event)),
            Some(status) = self.statuses.recv() => {
                if let WriteStatus::Moved(folder) = &status {
                    self.folder.clone_from(folder);
                }
                Some(Event::RecordingStatus(status))
            }
            abandoned = poll_option(&mut background.drain) => {
                background.drain = None;
                background.abandoned = Some(abandoned);
                self.loads.stop();
                None
            }
            result = join_option(&mut background.export) => {
                background.export = None;
                let result = result.map(|exported| exported.folder).map_err(|error| error.to_string());
                Some(Event::Exported(result))
            }
            killed = poll_option(&mut background.kill) => {
                background.kill = None;
                Some(Event::GeneratorKilled(killed.unwrap_or_else(|_| Err("the fleet has ended".to_owned()))))
            }
            () = sleep_until_option(self.panic_at) => panic_as_asked(),
        })
    }

    async fn settle(&mut self) {
        self.loads.drain(SETTLES_WITHIN).await;
    }

    fn perform(&mut self, effect: Effect, state: &State) -> Option<Event> {
        match effect {
            Effect::SetRate { at, profile } => self.loads.set(at, profile),
            Effect::Record(recorded) => {
                if matches!(recorded.event, SessionEvent::Second(_)) {
                    self.publish(state);
                }
                self.recording.record(recorded);
            }
            Effect::Export if self.background.export.is_some() => {}
            Effect::Export => {
                let (flushed, folder) = (self.recording.flushed(), self.folder.clone());
                self.background.export = Some(tokio::spawn(async move {
                    flushed.await;
                    flatten(tokio::task::spawn_blocking(move || export(&folder)).await)
                }));
            }
            Effect::KillInstance => {
                return Some(Event::Killed(self.kill()));
            }
            Effect::KillGenerator => match self.loads.kill_generator() {
                Some(killed) => self.background.kill = Some(killed),
                None => return Some(Event::GeneratorKilled(Err("no fleet generates the load".to_owned()))),
            },
            Effect::Drain => {
                let deadline = state.session().header().settings.drains_within();
                let loads = self.loads.clone();
                self.background.drain = Some(Box::pin(async move { loads.drain(deadline).await }));
            }
            // The loop's own.
            Effect::Exit { .. } | Effect::Suspend => {}
        }
        None
    }
}

impl LiveBackEnd {
    /// A second has closed: tells those who look from elsewhere.
    fn publish(&self, state: &State) {
        if let Some(metrics) = &self.metrics {
            metrics.publish(state.halves());
        }
        if let Some(otlp) = &self.otlp {
            otlp.publish(state.halves());
        }
        if let Some(web) = &self.web {
            web.publish(state.halves());
        }
    }

    /// Kills an instance, or one of each target: the same is to happen to both.
    fn kill(&self) -> Result<String, String> {
        let kills: Vec<_> = [(Side::First, Some(&self.first)), (Side::Second, self.second.as_ref())]
            .into_iter()
            .filter_map(|(side, watched)| Some((side, watched?.kill.as_ref()?)))
            .collect();
        match kills.as_slice() {
            [] => Err("there is no cluster".to_owned()),
            [(_, kill)] => kill(),
            several => {
                let (killed, failed): (Vec<_>, Vec<_>) =
                    several.iter().map(|(side, kill)| (side.letter(), kill())).partition(|(_, result)| result.is_ok());
                let killed: Vec<_> =
                    killed.into_iter().filter_map(|(of, id)| Some(format!("{} of {of}", id.ok()?))).collect();
                let failed = failed.into_iter().filter_map(|(of, why)| Some(format!("none of {of}: {}", why.err()?)));
                let failed: Vec<_> = failed.collect();
                if killed.is_empty() {
                    return Err(failed.join("; "));
                }
                Ok([killed.join(" and "), failed.join("; ")]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join("; "))
            }
        }
    }
}

/// What happens next at the second target, where there is one.
async fn next_of(watched: Option<&mut Watched>) -> Option<SessionEvent> {
    match watched {
        Some(watched) => watched.next().await,
        None => std::future::pending().await,
    }
}

/// How a session begins here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// With this rate.
    At(ArrivalRate),
    /// It goes on, at rate 0.
    Again {
        /// The end of what is recorded.
        at: Elapsed,
        /// What the log says.
        text: String,
        /// Whether it goes on only to its end.
        finishes: bool,
    },
}

/// Runs a live session to its end.
pub(crate) async fn run<F: FrontEnd>(
    mut runtime: Runtime<F, LiveBackEnd>,
    beginning: Beginning,
) -> io::Result<Finished> {
    let rate = match beginning {
        Beginning::At(rate) => rate,
        Beginning::Again { at, text, finishes } => {
            runtime.handle(Event::Resumed { at, text, finishes });
            ArrivalRate::PAUSED
        }
    };
    for event in std::mem::take(&mut runtime.back.first.known) {
        runtime.handle(Event::Session(event));
    }
    if !rate.is_paused() {
        let profile = RateProfile::Constant(rate);
        let change = RateChange { profile, cause: RateCause::Start, stage: None, unmet_start: None };
        runtime.handle(Event::Rate(change));
    }
    finish(runtime.run().await?).await
}

/// The last frame, the rest of the recording, and the derived files; a second signal ends it before they are written.
async fn finish<F: FrontEnd>(ended: Ended<F, LiveBackEnd>) -> io::Result<Finished> {
    let Ended { runtime: Runtime { mut state, mut front, mut back, mut signals, .. }, mut signal, at_once } = ended;
    back.loads.stop();
    if front.is_ready() {
        front.show(&state)?;
    }
    back.recording.finish();
    // The folder may have gone at the very end.
    while let Ok(status) = back.statuses.try_recv() {
        if let WriteStatus::Moved(folder) = status {
            state = state.in_folder(folder.clone());
            back.folder = folder;
        }
    }
    if let Some(web) = &back.web {
        web.end(state.halves(), format!("scaletop report {}", back.folder.display()));
    }
    if at_once {
        if let Some(otlp) = back.otlp {
            otlp.abandon();
        }
        return Ok(Finished { state, exported: None, signal, not_pushed: None });
    }
    // What came after the last second, such as the last answers, is pushed too.
    let pushing = back.otlp.map(|otlp| {
        otlp.publish(state.halves());
        tokio::task::spawn_blocking(|| otlp.finish())
    });
    let (folder, running) = (back.folder, back.background.export);
    let mut export = std::pin::pin!(async move {
        if let Some(running) = running {
            let _ = running.await;
        }
        flatten(tokio::task::spawn_blocking(move || export(&folder)).await)
    });
    let exported = loop {
        tokio::select! {
            biased;
            exported = &mut export => break Some(exported),
            // The first one asks for what is being done already.
            number = signals.next() => if signal.replace(number).is_some() { break None },
        }
    };
    let not_pushed = match pushing {
        Some(pushing) => pushing.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
        None => None,
    };
    Ok(Finished { state, exported, signal, not_pushed })
}

#[expect(clippy::panic, reason = "asked for by a hidden flag, so that a test sees what a panic leaves behind")]
fn panic_as_asked() -> ! {
    panic!("this panic was asked for with --panic-after");
}

/// A blocking task that panicked is a bug; it must not pass for a result.
fn flatten(joined: Result<Result<Exported, ExportError>, JoinError>) -> Result<Exported, ExportError> {
    joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn poll_option<T, F: Future<Output = T> + Unpin>(future: &mut Option<F>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn join_option(task: &mut Option<JoinHandle<Result<Exported, ExportError>>>) -> Result<Exported, ExportError> {
    flatten(poll_option(task).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::fixtures::{change_of, of_fleet};
    use scaletop_units::GeneratorChange;

    #[tokio::test]
    async fn what_a_load_says_after_its_last_second_is_heard_before_the_session_is_over() {
        let ((seconds_tx, seconds), (feeds_tx, feeds)) = (mpsc::channel(4), mpsc::channel(4));
        let (go_on, may_go_on) = oneshot::channel::<()>();
        let told = tokio::spawn(async move {
            let _ = may_go_on.await;
            let _ = feeds_tx.send(change_of("g1", GeneratorChange::Left, None)).await;
        });
        let mut watched = Watched::new(seconds, feeds, None).told_by(Some(told));
        seconds_tx.send(of_fleet(0, 1, &[("g1", 1)])).await.unwrap();
        drop(seconds_tx);
        assert!(matches!(watched.next().await, Some(SessionEvent::Second(_))));
        assert_eq!(watched.next().await, None, "the last second has come");
        assert!(watched.seconds_are_over && !watched.is_over(), "it may still say something");
        go_on.send(()).unwrap();
        let mut heard = Vec::new();
        while !watched.is_over() {
            heard.extend(watched.next().await);
        }
        assert_eq!(heard, [change_of("g1", GeneratorChange::Left, None)]);
    }

    #[tokio::test]
    async fn a_load_that_says_nothing_of_itself_is_over_with_its_last_second() {
        let ((seconds_tx, seconds), (_feeds_tx, feeds)) = (mpsc::channel(4), mpsc::channel(4));
        let mut watched = Watched::new(seconds, feeds, None);
        drop(seconds_tx);
        assert!(!watched.is_over());
        assert_eq!(watched.next().await, None);
        assert!(watched.is_over());
    }
}
