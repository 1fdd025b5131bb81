#![doc = include_str!("../README.md")]

mod conductor;
mod config;
mod controller;
mod gather;
mod generator;
mod handle;
mod lead;
mod lease;
mod link;
mod member;
mod message;
#[cfg(feature = "nats")]
pub mod nats;
mod offset;
mod request;
mod resume;
mod roster;
mod schedule;
#[cfg(feature = "nats")]
pub mod server;
#[cfg(feature = "nats")]
pub mod signing;
mod slots;
#[cfg(feature = "nats")]
pub mod ticket;

pub use config::{
    Consent, ControllerConfig, Ended, Engine, EngineSetup, FleetError, GeneratorConfig, GeneratorNews, Killer, NoRunId,
    OnLoss, Progress, Resumed, RunId, Signer, Verifier,
};
pub use controller::{FleetRunning, FleetThread, Gathered, gather};
pub use generator::{generate, http_engine};
pub use handle::{Command, FleetHandle, News};
pub use link::{Ask, ControllerLink, FromController, GeneratorLink, Incoming, Order, Outgoing, Question, ToStore};
pub use message::PROTOCOL;
pub use resume::{Abandoned, Recovered, recover, rest};

#[cfg(test)]
mod tests;
