//! The load engine: workers on threads of their own, one handle to steer them, one stream of closed seconds.
//!
//! ```text
//!  LoadHandle ──set, stop──► worker 0 (thread, current-thread runtime) ─┐ closed seconds
//!                      └──► worker 1 …                                 ─┤ of each shard
//!                                                                       ▼
//!                     collector (thread): merges N shards, adds target rate and generator health ─► Receiver<Second>
//! ```
//!
//! The engine knows neither HTTP nor the screen. A screen that stalls delays nothing here: closed seconds wait for their
//! reader in the workers' backlogs (some 100 KB a second under load), arrivals do not.
//!
//! **The cap on requests in flight** is one number for all workers, exact: a place is taken by compare-and-swap before a
//! request is sent and given back after its sample is filed. At the cap an arrival is dropped and counted at once.
//!
//! **Workers**: one thread drives tens of thousands of requests a second. With [`Workers::Auto`] the engine begins with
//! one and takes on another when for three seconds the busiest was busy or requests left late, as long as the machine has a
//! core to spare and up to the transports it was given; `pacer` says how they share the schedule without moving an arrival.

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::engine::growth::Growth;
use crate::engine::threads::{Spare, Start, start_thread};
use crate::expected::Expected;
use crate::generator::GeneratorProbe;
use crate::mix::Mix;
use crate::rate::Arrivals;
use crate::record::second::Second;
use crate::timer::Timer;
use crate::transport::{MakeTransport, Transport};
use crate::worker::{Setup, Worker};
use scaletop_units::RunClock;

mod collector;
mod growth;
mod handle;
mod shared;
mod threads;

pub use handle::LoadHandle;
pub(crate) use shared::Shared;

/// Closed seconds that wait for their reader before workers keep them back.
const SECONDS_AHEAD: usize = 64;

/// How far ahead a worker's joining is set: every worker knows of it by then.
const JOIN_AHEAD: Duration = Duration::from_millis(100);

/// How many threads send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One for each transport, from the start on.
    #[default]
    Fixed,
    /// One to begin with, then as many as the load needs, at most one for each transport.
    Auto,
}

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The seed of Poisson arrivals.
    pub seed: u64,
    /// The most requests in flight, over all workers.
    pub max_in_flight: u64,
    /// `max_in_flight` is what file descriptors leave: whoever is refused at it is refused for want of a connection, which is
    /// our limit and not the service's slowness.
    pub capped_by_descriptors: bool,
    /// The most connections, open and being opened, over all workers.
    pub max_connections: usize,
    /// Connections to open before the clock starts, over all workers.
    pub warm: usize,
    /// How many threads send.
    pub workers: Workers,
    /// Which answers are OK.
    pub expected: Expected,
    /// The requests whose numbers are told apart by name; the transport's, where it sends several.
    pub mix: Option<Arc<Mix>>,
}

impl Default for LoadConfig {
    fn default() -> Self {
        let max_in_flight = crate::generator::default_max_in_flight();
        let max_connections = usize::try_from(max_in_flight).unwrap_or(usize::MAX);
        let workers = Workers::default();
        Self {
            arrivals: Arrivals::Uniform,
            seed: 0,
            max_in_flight,
            capped_by_descriptors: false,
            max_connections,
            warm: 0,
            workers,
            expected: Expected::default(),
            mix: None,
        }
    }
}

/// Why the engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The system gave no thread or no event queue.
    #[error("cannot start a load worker: {0}; raise the limits on threads and open files (ulimit -u, ulimit -n)")]
    Worker(#[source] io::Error),
    /// There was no transport to send with.
    #[error("cannot start the load engine without a worker; give it at least one transport")]
    NoWorker,
}

/// An engine whose threads are up and whose connections are open, waiting for the clock.
#[derive(Debug)]
pub struct Prepared {
    config: LoadConfig,
    starts: Vec<oneshot::Sender<Start>>,
    threads: Vec<JoinHandle<()>>,
    reserve: Vec<Spare>,
    warmed: usize,
}

/// A running engine.
#[derive(Debug)]
pub struct Running {
    /// Steers it.
    pub handle: LoadHandle,
    /// Every closed second in order, one a second whatever the rate, from the one in which the engine was started to the
    /// (partial) one in which it was stopped. Then the channel ends.
    pub seconds: mpsc::Receiver<Second>,
    /// Its threads.
    pub threads: EngineThreads,
}

/// Owns the threads: dropping it stops the engine and waits for them.
///
/// Read [`Running::seconds`] to its end (or drop it) first: the last seconds are waiting to be read.
#[derive(Debug)]
pub struct EngineThreads {
    handle: LoadHandle,
    threads: Threads,
}

/// Threads to wait for; the collector adds those of workers that join.
type Threads = Arc<Mutex<Vec<JoinHandle<()>>>>;

impl Drop for EngineThreads {
    fn drop(&mut self) {
        self.handle.stop();
        let next = || self.threads.lock().unwrap_or_else(PoisonError::into_inner).pop();
        while let Some(thread) = next() {
            // A panic was reported by the thread itself; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

impl Prepared {
    /// Starts the worker threads, and opens the connections that the config asks for.
    ///
    /// # Errors
    /// When the system refuses a thread, or there is no transport.
    pub async fn new<M: MakeTransport>(config: LoadConfig, transports: Vec<M>) -> Result<Self, EngineError> {
        if transports.is_empty() {
            return Err(EngineError::NoWorker);
        }
        let workers = if config.workers == Workers::Auto { 1 } else { transports.len() };
        let warm_in_all = config.warm.min(config.max_connections);
        let mut prepared = Self { config, starts: Vec::new(), threads: Vec::new(), reserve: Vec::new(), warmed: 0 };
        let mut warming = Vec::new();
        for (index, transport) in transports.into_iter().enumerate() {
            if index >= workers {
                prepared.reserve.push(Spare::new(index, transport));
                continue;
            }
            let warm = warm_in_all / workers + usize::from(index < warm_in_all % workers);
            let started = start_thread(index, transport, warm)?;
            prepared.threads.push(started.thread);
            prepared.starts.push(started.start);
            warming.push(started.warmed);
        }
        prepared.reserve.reverse();
        for warmed in warming {
            prepared.warmed += warmed.await.unwrap_or(0);
        }
        Ok(prepared)
    }

    /// Connections that are open.
    pub const fn warmed(&self) -> usize {
        self.warmed
    }

    /// Starts recording, at rate zero.
    ///
    /// # Errors
    /// When the system refuses the collector's thread.
    pub fn start(self, clock: RunClock) -> Result<Running, EngineError> {
        let Self { config, starts, threads, mut reserve, .. } = self;
        let first = clock.now();
        let shared = Arc::new(Shared::new(&config, starts.len(), first.second()));
        let threads: Threads = Arc::new(Mutex::new(threads));
        let (closed, parts) = mpsc::channel(SECONDS_AHEAD);
        let (seconds_tx, seconds) = mpsc::channel(SECONDS_AHEAD);

        let mut growth = Growth::default();
        let joining = (Arc::clone(&shared), Arc::clone(&threads), closed.downgrade());
        let watch = move |second: &Second| {
            let (shared, threads, closed) = &joining;
            if reserve.is_empty() || !growth.wants_another(second) {
                return;
            }
            // The last worker has ended, or the system gives no more threads: it goes on with those that are there.
            let (Some(closed), Some(spare)) = (closed.upgrade(), reserve.pop()) else { return };
            let Ok(started) = spare.start() else { return };
            threads.lock().unwrap_or_else(PoisonError::into_inner).push(started.thread);
            let at = clock.now() + JOIN_AHEAD;
            // The load was stopped meanwhile: a thread that is not started ends.
            let Some((mailbox, pacer)) = shared.join(at) else { return };
            let _ = started.start.send(Start { shared: Arc::clone(shared), clock, first: at, pacer, mailbox, closed });
        };
        let collector =
            collector::collect(Arc::clone(&shared), clock, GeneratorProbe::new(first), parts, seconds_tx, watch);
        let thread = std::thread::Builder::new()
            .name("load-collector".to_owned())
            .spawn(move || {
                // No timers, no sockets: building it cannot fail for want of a resource.
                if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
                    runtime.block_on(collector);
                }
            })
            .map_err(EngineError::Worker)?;
        threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        for (index, worker) in starts.into_iter().enumerate() {
            let (pacer_tx, pacer) = oneshot::channel();
            let _ = pacer_tx.send(shared.pacer(index));
            let (mailbox, closed) = (shared.mailbox(index), closed.clone());
            let _ = worker.send(Start { shared: Arc::clone(&shared), clock, first, pacer, mailbox, closed });
        }
        let handle = LoadHandle::new(shared);
        let threads = EngineThreads { handle: handle.clone(), threads };
        Ok(Running { handle, seconds, threads })
    }
}

/// Runs the engine, one worker, on the current thread's `LocalSet` with tokio's own timer: for tests in virtual time.
///
/// Requests still in flight when it is stopped go on until the `LocalSet` is dropped; nothing counts them any more.
pub fn start_inline<T: Transport>(
    config: &LoadConfig,
    transport: T,
    clock: RunClock,
) -> (LoadHandle, mpsc::Receiver<Second>) {
    let first = clock.now();
    let shared = Arc::new(Shared::new(config, 1, first.second()));
    let (closed, parts) = mpsc::channel(SECONDS_AHEAD);
    let (seconds_tx, seconds) = mpsc::channel(SECONDS_AHEAD);
    let (pacer, mailbox) = (shared.pacer(0), shared.mailbox(0));
    let setup = Setup { shared: Arc::clone(&shared), clock, first, pacer, mailbox, closed };
    tokio::task::spawn_local(Worker::new(setup, Rc::new(transport), Timer::coarse()).run());
    tokio::task::spawn_local(collect_inline(Arc::clone(&shared), clock, parts, seconds_tx));
    (LoadHandle::new(shared), seconds)
}

fn collect_inline(
    shared: Arc<Shared>,
    clock: RunClock,
    parts: mpsc::Receiver<Second>,
    seconds: mpsc::Sender<Second>,
) -> impl Future<Output = ()> {
    collector::collect(shared, clock, GeneratorProbe::new(clock.now()), parts, seconds, |_| {})
}
