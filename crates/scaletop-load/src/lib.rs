//! Driving load: when a request is due, sending it, and noting what became of it.
//!
//! One way through: a [`pacer`] (pure) says when arrivals are due; the [`engine`] waits for them, keeps the cap on
//! requests in flight and hands each one to a [`transport`]; what comes back is a [`sample`] that goes straight into the
//! recorder shard of the thread that sent it. Nothing on that path takes a lock or crosses a channel.

mod connections;
mod engine;
mod generator;
mod http;
mod in_flight;
mod mailbox;
mod names;
mod pacer;
mod rate;
mod record;
mod sample;
mod timer;
mod transport;
mod worker;

pub use engine::{EngineError, LoadConfig, LoadHandle, Prepared, Running, start_inline};
pub use generator::{GeneratorProbe, default_max_in_flight, raise_fd_limit};
pub use http::{HttpTransport, RequestOptions, TransportError};
pub use pacer::{Pacer, Share};
pub use rate::{Arrivals, CREDIT_PER_ARRIVAL, RateProfile};
pub use record::latency::Latency;
pub use record::second::{CohortPart, GeneratorHealth, Second, Served};
pub use sample::{FailureKind, Outcome, OutcomeClass, OutcomeCounts, OutcomeKind};
pub use transport::{Reply, Transport};
