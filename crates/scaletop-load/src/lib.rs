#![doc = include_str!("../README.md")]
//!
//! # Inside
//!
//! ```text
//!   Pacer (pure: when arrivals are due) ─► worker ─► Line ─► Transport (whoever has a connection to spare takes the oldest)
//!                                                     ▲             │ what became of it
//!                                     cap on requests in flight     ▼
//!                                                         recorder shard ─► collector ─► one Second a second
//! ```
//!
//! All of a request's way is on one thread: nothing on it takes a lock or crosses a channel.

mod engine;
mod expected;
mod generator;
mod http;
mod ids;
mod in_flight;
mod line;
mod mailbox;
mod mix;
mod names;
mod pacer;
mod rate;
mod record;
mod reqwest_transport;
mod sample;
mod timer;
mod transport;
mod worker;

pub use engine::{EngineError, EngineThreads, LoadConfig, LoadHandle, Prepared, Running, Workers, start_inline};
pub use expected::{Expected, ExpectedError};
pub use generator::{Bottleneck, GeneratorProbe, default_max_in_flight, default_max_in_flight_each, raise_fd_limit};
pub use http::{Authorize, CertificateError, HttpFactory, HttpTransport, RequestOptions, TransportError, Unsigned};
pub use line::{Exchange, Line};
pub use mix::{Mix, MixError, MixSpec, RequestName, RequestSpec};
pub use pacer::{Arrival, Pacer, Piece, Share, Slots};
pub use rate::{Arrivals, CREDIT_PER_ARRIVAL, RateProfile};
pub use record::bundle::{BundleError, Unpacker};
pub use record::connections::Connections;
pub use record::failures::Failure;
pub use record::latency::Latency;
pub use record::second::packed::{PackedSecond, UnpackedSecond};
pub use record::second::{
    CohortPart, GeneratorHealth, GeneratorPart, LATE, MAX_INSTANCES_PER_SECOND, RequestPart, Second, Served,
};
pub use reqwest_transport::{FetchError, Fetched, Fetcher, ReqwestTransport, install_tls_provider};
pub use sample::{Cause, FailureKind, Outcome, OutcomeClass, OutcomeCounts, OutcomeKind, Phase};
pub use transport::{MakeTransport, Reply, Transport, Turn};
