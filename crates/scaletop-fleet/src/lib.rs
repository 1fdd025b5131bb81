#![doc = include_str!("../README.md")]

mod handle;
mod link;
#[cfg(feature = "nats")]
pub mod nats;
mod run_id;
#[cfg(feature = "nats")]
pub mod server;
#[cfg(feature = "nats")]
pub mod signing;
#[cfg(feature = "nats")]
pub mod ticket;

pub use handle::{Command, FleetHandle, News};
pub use link::{Ask, ControllerLink, FromController, GeneratorLink, Incoming, Order, Outgoing, Question, ToStore};
pub use run_id::{NoRunId, RunId};
