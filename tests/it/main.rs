//! Everything that is tested through the whole crate, in one program: what links the AWS crates is linked once.
//!
//! Two programs stay apart: `tests/truth.rs`, which measures to a second and wants the machine for itself, and
//! `tests/architecture.rs`, which reads the sources and links nothing.
//!
//! Tests that start clusters, drive load or need a quiet machine take turns ([`support::turn`]); the rest runs beside them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on fails there, with the reason"
)]

#[cfg(feature = "aws")]
mod aws_demo;
#[cfg(feature = "aws")]
mod aws_doctor;
#[cfg(feature = "aws")]
mod aws_field;
#[cfg(feature = "aws")]
mod aws_placing;
#[cfg(feature = "aws")]
mod aws_scale_out;
#[cfg(feature = "aws")]
mod aws_sources;
#[cfg(feature = "aws")]
mod aws_surroundings;
mod examples;
mod headless;
mod kept;
#[cfg(feature = "aws")]
mod moto;
#[cfg(unix)]
mod pty;
#[cfg(unix)]
mod pty_keys;
mod replay;
mod report;
mod scenarios;
mod support;
mod two_targets;
