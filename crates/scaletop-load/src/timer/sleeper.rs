//! A thread that sleeps until a deadline and then wakes the worker: precise wherever the system's `sleep` is, and that is
//! finer than a millisecond on Linux, macOS and current Windows.
//!
//! Nobody can interrupt a sleeping thread, so it only sleeps the last stretch, [`LAST_STRETCH`]; before that tokio waits.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long before the deadline the thread takes over: more than the error of tokio's timer.
const LAST_STRETCH: Duration = Duration::from_millis(3);

/// The thread and what it is asked for. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Sleeper {
    alarm: Arc<Alarm>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Alarm {
    ask: Mutex<Ask>,
    asked: Condvar,
    fired: Notify,
}

/// What the thread is to do next; a later ask replaces an earlier one that it has not taken yet.
#[derive(Clone, Copy, Debug, Default)]
enum Ask {
    #[default]
    Nothing,
    WakeAt(Instant),
    End,
}

impl Sleeper {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let alarm = Arc::new(Alarm::default());
        let sleeping = Arc::clone(&alarm);
        let thread = std::thread::Builder::new().name("load-timer".to_owned()).spawn(move || sleeping.serve())?;
        Ok(Self { alarm, thread: Some(thread) })
    }

    /// Returns at `deadline` or soon after, never before. Cancel-safe.
    pub(super) async fn wait_until(&self, deadline: Instant) {
        let coarse = deadline.checked_sub(LAST_STRETCH);
        if let Some(coarse) = coarse.filter(|&coarse| coarse > Instant::now()) {
            tokio::time::sleep_until(coarse).await;
        }
        // A loop, since it may still fire for an ask that was given up.
        while Instant::now() < deadline {
            self.alarm.ask(Ask::WakeAt(deadline));
            self.alarm.fired.notified().await;
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.alarm.ask(Ask::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Alarm {
    fn ask(&self, ask: Ask) {
        *self.ask.lock().unwrap_or_else(PoisonError::into_inner) = ask;
        self.asked.notify_one();
    }

    /// Takes the next ask, waiting for one.
    fn next(&self) -> Ask {
        let ask = self.ask.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ask =
            self.asked.wait_while(ask, |ask| matches!(ask, Ask::Nothing)).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *ask)
    }

    fn serve(&self) {
        while let Ask::WakeAt(deadline) = self.next() {
            let left = deadline.saturating_duration_since(Instant::now());
            #[expect(
                clippy::disallowed_methods,
                reason = "the home of sleeping: its own thread, milliseconds at most"
            )]
            std::thread::sleep(left);
            self.fired.notify_one();
        }
    }
}
