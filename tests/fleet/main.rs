//! A fleet over a real nats-server: permissions, certificates, what is stored once, one controller at a time, and that nothing is
//! left behind.
//!
//! Where there is no nats-server the tests say so and pass; with `SCALETOP_REQUIRE_NATS=1` they fail. `SCALETOP_NATS_SERVER` names one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails there, with the reason"
)]

mod attach;
mod commands;
mod refused;
mod rights;
mod single;
mod steered;
mod stored;
mod support;
