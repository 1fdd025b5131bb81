//! Driving load: when a request is due, sending it, and noting what became of it.
//!
//! One way through: a [`pacer`] (pure) says when arrivals are due; the [`engine`] waits for them, keeps the cap on
//! requests in flight and hands each one to a [`transport`]; what comes back is a [`sample`] that goes straight into the
//! recorder shard of the thread that sent it. Nothing on that path takes a lock or crosses a channel.

mod connections;
pub mod engine;
pub mod generator;
pub mod http;
mod in_flight;
mod mailbox;
mod names;
pub mod pacer;
pub mod rate;
pub mod record;
pub mod sample;
mod timer;
pub mod transport;
mod worker;
