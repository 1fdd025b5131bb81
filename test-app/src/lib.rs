//! The service that scaletop measures: `GET /api/test` waits a settable time and answers 200, and every answer says
//! which instance gave it.
//!
//! ```no_run
//! use std::time::Duration;
//! use test_app::{Options, Server};
//!
//! # fn main() -> std::io::Result<()> {
//! let server = Server::start("127.0.0.1:0", Options { delay: Duration::from_millis(80), ..Options::default() })?;
//! println!("http://{}/api/test", server.addr());
//! let report = server.stop(); // shuts the door, answers what is in flight
//! assert!(report.is_clean());
//! # Ok(())
//! # }
//! ```
//!
//! # How a request travels
//!
//! ```text
//!  tiny_http (accepts, one thread per connection, parses) ─► dispatcher ─► delay queue ─► 4 responders ─► client
//!        ▲                                                       │
//!        └── sweep: frees connections that the crate's pool has forgotten ◄── "there is traffic"
//! ```
//!
//! No thread sleeps for a request: what waits is an entry in the delay queue (`delays`), so neither 72 nor 5,000
//! requests in flight queue behind one another. Threads grow with open *connections* only, which is `tiny_http`'s design.
//!
//! # The trap
//!
//! `tiny_http` 0.12 can starve connections that are opened at once, for as long as the others stay open. The
//! module `sweep` says why, and how it is met without anything in front of the crate.
//!
//! There is no global state: several servers can live in one process, each on a port of its own.

mod answer;
mod clock;
mod delays;
mod options;
pub mod program;
mod server;
mod settings;
mod sweep;

pub use options::{DelayError, MAX_DELAY, Options, parse_delay};
pub use server::{Server, StopReport};
