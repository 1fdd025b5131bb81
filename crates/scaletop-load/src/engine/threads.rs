//! The threads that send: started early, since a thread and its event queue take a moment, and sent to work later.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, oneshot};

use crate::engine::{EngineError, Shared};
use crate::mailbox::Mailbox;
use crate::pacer::Pacer;
use crate::record::second::Second;
use crate::timer::Timer;
use crate::transport::{MakeTransport, Transport as _};
use crate::worker::{Setup, Worker};
use scaletop_units::{Elapsed, RunClock};

/// What a worker needs to begin.
#[derive(Debug)]
pub(super) struct Start {
    pub shared: Arc<Shared>,
    pub clock: RunClock,
    pub first: Elapsed,
    /// Its part of the schedule, as soon as that is known.
    pub pacer: oneshot::Receiver<Pacer>,
    pub mailbox: Arc<Mailbox>,
    pub closed: mpsc::Sender<Second>,
}

/// A thread that waits for its [`Start`].
#[derive(Debug)]
pub(super) struct WaitingThread {
    pub thread: JoinHandle<()>,
    pub start: oneshot::Sender<Start>,
    /// How many connections it has opened beforehand.
    pub warmed: oneshot::Receiver<usize>,
}

/// Starts the thread of worker `index` and opens `warm` connections on it.
pub(super) fn start_thread<M: MakeTransport>(
    index: usize,
    transport: M,
    warm: usize,
) -> Result<WaitingThread, EngineError> {
    let (warmed_tx, warmed) = oneshot::channel();
    let (start, started) = oneshot::channel::<Start>();
    let (built_tx, built) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name(format!("load-{index}"))
        .spawn(move || {
            // A runtime whose tasks stay on its thread: a connection that is woken is one entry in its queue. (Those of a
            // `LocalSet` go through the set's own, and each wakes the worker, too.)
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(built_tx.send(Err(error))),
            };
            let _ = built_tx.send(Ok(()));
            runtime.block_on(async move {
                let transport = Rc::new(transport.make());
                let warmed = if warm > 0 { transport.warm(warm).await } else { 0 };
                let _ = warmed_tx.send(warmed);
                // Never started: nothing to do.
                let Ok(Start { shared, clock, first, pacer, mailbox, closed }) = started.await else { return };
                let Ok(pacer) = pacer.await else { return };
                let setup = Setup { shared, clock, first, pacer, mailbox, closed };
                Worker::new(setup, transport, Timer::precise()).run().await;
            });
        })
        .map_err(EngineError::Worker)?;
    // It ends without a word only when it panics, which it has reported itself.
    built.recv().unwrap_or(Ok(())).map_err(EngineError::Worker)?;
    Ok(WaitingThread { thread, start, warmed })
}

/// A worker that has not been started.
pub(super) struct Spare(Box<dyn FnOnce() -> Result<WaitingThread, EngineError> + Send>);

impl Spare {
    /// Worker `index`, should it be needed.
    pub(super) fn new<M: MakeTransport>(index: usize, transport: M) -> Self {
        Self(Box::new(move || start_thread(index, transport, 0)))
    }

    /// Starts its thread.
    pub(super) fn start(self) -> Result<WaitingThread, EngineError> {
        (self.0)()
    }
}

impl fmt::Debug for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spare")
    }
}
