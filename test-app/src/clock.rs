//! The one place where this crate reads the clock.

use std::time::Instant;

/// Now. The service lives in real time: what waits here are real requests on real sockets.
#[expect(clippy::disallowed_methods, reason = "the one home of the clock in this crate")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
