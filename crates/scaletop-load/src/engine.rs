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
//! One worker holds 20,000 requests/s on one core; more than one is for rates beyond that (`pacer` says how they share
//! the schedule).

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use crate::generator::GeneratorProbe;
use crate::rate::Arrivals;
use crate::record::second::Second;
use crate::timer::Timer;
use crate::transport::Transport;
use crate::worker::Worker;
use scaletop_units::Elapsed;
use scaletop_units::RunClock;

mod collector;
mod handle;
mod shared;

pub use handle::LoadHandle;
pub(crate) use shared::Shared;

/// Closed seconds that wait for their reader before workers keep them back.
const SECONDS_AHEAD: usize = 64;

/// How the engine is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadConfig {
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The seed of Poisson arrivals.
    pub seed: u64,
    /// The most requests in flight, over all workers.
    pub max_in_flight: u64,
    /// Connections to open before the clock starts, over all workers.
    pub warm: usize,
}

impl Default for LoadConfig {
    fn default() -> Self {
        let max_in_flight = crate::generator::default_max_in_flight();
        Self { arrivals: Arrivals::Uniform, seed: 0, max_in_flight, warm: 0 }
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
    threads: Vec<JoinHandle<()>>,
}

impl Drop for EngineThreads {
    fn drop(&mut self) {
        self.handle.stop();
        for thread in self.threads.drain(..) {
            // A panic was reported by the thread itself; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

/// What a worker needs to begin.
#[derive(Debug)]
struct Start {
    shared: Arc<Shared>,
    clock: RunClock,
    first: Elapsed,
    closed: mpsc::Sender<Second>,
}

impl Prepared {
    /// Starts one worker thread per transport, and opens the connections that the config asks for.
    ///
    /// # Errors
    /// When the system refuses a thread, or there is no transport.
    pub async fn new<T: Transport + Send>(config: LoadConfig, transports: Vec<T>) -> Result<Self, EngineError> {
        if transports.is_empty() {
            return Err(EngineError::NoWorker);
        }
        let workers = transports.len();
        let mut prepared = Self { config, starts: Vec::new(), threads: Vec::new(), warmed: 0 };
        let mut warming = Vec::new();
        for (index, transport) in transports.into_iter().enumerate() {
            let warm = config.warm / workers + usize::from(index < config.warm % workers);
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(EngineError::Worker)?;
            let (warmed_tx, warmed) = oneshot::channel();
            let (start_tx, start) = oneshot::channel();
            let thread = std::thread::Builder::new()
                .name(format!("load-{index}"))
                .spawn(move || {
                    LocalSet::new().block_on(&runtime, async move {
                        let transport = Rc::new(transport);
                        let warmed = if warm > 0 { transport.warm(warm).await } else { 0 };
                        let _ = warmed_tx.send(warmed);
                        // Never started: nothing to do.
                        let Ok(Start { shared, clock, first, closed }) = start.await else { return };
                        Worker::new(index, shared, clock, first, transport, Timer::precise(), closed).run().await;
                    });
                })
                .map_err(EngineError::Worker)?;
            prepared.threads.push(thread);
            prepared.starts.push(start_tx);
            warming.push(warmed);
        }
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
        let Self { config, starts, mut threads, .. } = self;
        let shared = Arc::new(Shared::new(&config, starts.len()));
        let (collector, closed, seconds) = channels(&shared, clock);
        let thread = std::thread::Builder::new()
            .name("load-collector".to_owned())
            .spawn(move || {
                // No timers, no sockets: building it cannot fail for want of a resource.
                if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
                    runtime.block_on(collector);
                }
            })
            .map_err(EngineError::Worker)?;
        threads.push(thread);
        let first = clock.now();
        for worker in starts {
            let _ = worker.send(Start { shared: Arc::clone(&shared), clock, first, closed: closed.clone() });
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
    let shared = Arc::new(Shared::new(config, 1));
    let (collector, closed, seconds) = channels(&shared, clock);
    let start = clock.now();
    let worker = Worker::new(0, Arc::clone(&shared), clock, start, Rc::new(transport), Timer::coarse(), closed);
    tokio::task::spawn_local(worker.run());
    tokio::task::spawn_local(collector);
    (LoadHandle::new(shared), seconds)
}

/// The collector, the channel into it and the one out of it.
fn channels(
    shared: &Arc<Shared>,
    clock: RunClock,
) -> (impl Future<Output = ()> + Send + use<>, mpsc::Sender<Second>, mpsc::Receiver<Second>) {
    let (closed_tx, closed) = mpsc::channel(SECONDS_AHEAD);
    let (seconds_tx, seconds) = mpsc::channel(SECONDS_AHEAD);
    let probe = GeneratorProbe::new(clock.now());
    (collector::collect(Arc::clone(shared), clock, probe, closed, seconds_tx), closed_tx, seconds)
}
