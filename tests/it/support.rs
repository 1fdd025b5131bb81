//! What the tests share: the binary, the made-up world, a cloud of fixed numbers, and whose turn it is.

#[cfg(feature = "aws")]
pub(crate) mod between;
#[cfg(feature = "aws")]
pub(crate) mod canned;
#[cfg(feature = "aws")]
pub(crate) mod cloud;
pub(crate) mod faults;
#[cfg(feature = "aws")]
#[path = "../../crates/scaletop-cluster/tests/support/fixed_cloud.rs"]
pub(crate) mod fixed_cloud;
pub(crate) mod program;
#[cfg(unix)]
pub(crate) mod recorded;
#[cfg(unix)]
pub(crate) mod terminal;
#[path = "../../examples/synthetic/world.rs"]
pub(crate) mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static TURN: Mutex<()> = Mutex::new(());

/// The turn of a test whose outcome suffers from others' load, until it is dropped.
pub(crate) struct Turn(#[expect(dead_code, reason = "held, not looked at")] MutexGuard<'static, ()>);

/// Waits for the caller's turn.
pub(crate) fn turn() -> Turn {
    Turn(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The longest wait for anything: `SCALETOP_TEST_DEADLINE_S` seconds, 120 without.
pub(crate) fn deadline() -> Duration {
    let secs = std::env::var("SCALETOP_TEST_DEADLINE_S").ok().and_then(|secs| secs.parse().ok());
    Duration::from_secs(secs.unwrap_or(120))
}

/// Waits until something holds. Fails after the [`deadline`], with what did not come.
#[expect(clippy::disallowed_methods, reason = "processes live in real time; this polls them with a deadline")]
pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + deadline();
    while !holds() {
        assert!(Instant::now() < until, "{what} did not come in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}
