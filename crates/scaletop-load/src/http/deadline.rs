//! The timeout of a connection's exchanges: one timer for all of them, set anew only when it has fired too early.
//!
//! A timer that is armed and disarmed for each request would cost more than the clock that it reads. So the timer runs to
//! the deadline of some earlier exchange; when it fires and the present one has time left, it is set to that.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The deadline of the present exchange.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { at: now(), timer: None }
    }

    /// The present exchange has this long from now on.
    pub(super) fn set(&mut self, timeout: Duration) {
        self.at = now() + timeout;
    }

    /// Whether its time is up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.at)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= self.at {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.at);
        }
    }
}

/// Of tokio's timers, which only count from here.
fn now() -> Instant {
    Instant::now()
}
