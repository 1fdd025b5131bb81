#![doc = include_str!("../README.md")]

mod handle;
mod link;

pub use handle::{Command, FleetHandle, News};
pub use link::{Ask, ControllerLink, FromController, GeneratorLink, Incoming, Order, Outgoing, Question, ToStore};
