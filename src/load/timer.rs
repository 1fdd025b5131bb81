//! Waiting precisely: the one place that knows that tokio's timer ticks in milliseconds.
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Wakes for arrivals are at least this far apart.
pub(crate) const QUANTUM: Duration = Duration::from_micros(250);

pub(crate) enum Timer {
    Tokio,
    Fd(Box<tokio_timerfd::Delay>),
    Sleeper(Sleeper),
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Timer")
    }
}

impl Timer {
    pub(crate) fn coarse() -> Self {
        Self::Tokio
    }
    pub(crate) fn precise() -> Self {
        match std::env::var("SCT_TIMER").as_deref() {
            Ok("tokio") => Self::Tokio,
            Ok("sleeper") => Self::Sleeper(Sleeper::new()),
            _ => Self::Fd(Box::new(tokio_timerfd::Delay::new(Instant::now().into_std()).unwrap())),
        }
    }
    pub(crate) async fn wait_until(&mut self, deadline: Instant) {
        match self {
            Self::Tokio => tokio::time::sleep_until(deadline).await,
            Self::Fd(delay) => {
                delay.reset(deadline.into_std());
                let _ = delay.as_mut().await;
            }
            Self::Sleeper(s) => {
                let coarse = deadline - Duration::from_millis(3);
                if coarse > Instant::now() {
                    tokio::time::sleep_until(coarse).await;
                }
                s.wait(deadline).await
            }
        }
    }
}

pub(crate) struct Sleeper {
    slot: Arc<Slot>,
}
struct Slot {
    ask: Mutex<(u64, Option<std::time::Instant>, bool)>,
    asked: Condvar,
    fired: Notify,
}
impl Sleeper {
    fn new() -> Self {
        let slot = Arc::new(Slot { ask: Mutex::new((0, None, false)), asked: Condvar::new(), fired: Notify::new() });
        let s = slot.clone();
        std::thread::spawn(move || {
            loop {
                let mut ask = s.ask.lock().unwrap_or_else(PoisonError::into_inner);
                while ask.1.is_none() && !ask.2 {
                    ask = s.asked.wait(ask).unwrap();
                }
                if ask.2 {
                    return;
                }
                let d = ask.1.take().unwrap();
                drop(ask);
                #[expect(clippy::disallowed_methods)]
                {
                    let now = std::time::Instant::now();
                    if d > now {
                        std::thread::sleep(d - now);
                    }
                }
                s.fired.notify_one();
            }
        });
        Self { slot }
    }
    async fn wait(&self, deadline: Instant) {
        while Instant::now() < deadline {
            self.slot.ask.lock().unwrap().1 = Some(deadline.into_std());
            self.slot.asked.notify_one();
            self.slot.fired.notified().await;
        }
    }
}
impl Drop for Sleeper {
    fn drop(&mut self) {
        self.slot.ask.lock().unwrap().2 = true;
        self.slot.asked.notify_one();
    }
}
