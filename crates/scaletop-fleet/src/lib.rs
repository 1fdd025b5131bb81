#![doc = include_str!("../README.md")]

mod config;
mod controller;
mod generator;
mod handle;
mod link;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "nats")]
pub mod server;
#[cfg(feature = "nats")]
pub mod signing;
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
