//! Driving load: when a request is due, sending it, and noting what became of it.
//!
//! One way through: a [`pacer`] (pure) says when arrivals are due; the [`engine`] waits for them, keeps the cap on
//! requests in flight and puts each one into a `line`; whoever has a connection to spare, a [`transport`], takes the
//! oldest; what comes back is a [`sample`] that goes straight into the recorder shard of the thread that sent it. Nothing
//! on that path takes a lock or crosses a channel.

mod engine;
mod generator;
mod http;
mod ids;
mod in_flight;
mod line;
mod mailbox;
mod names;
mod pacer;
mod rate;
mod record;
mod reqwest_transport;
mod sample;
mod timer;
mod transport;
mod worker;

pub use engine::{EngineError, LoadConfig, LoadHandle, Prepared, Running, Workers, start_inline};
pub use generator::{Bottleneck, GeneratorProbe, default_max_in_flight, raise_fd_limit};
pub use http::{CertificateError, HttpRecipe, HttpTransport, RequestOptions, TransportError};
pub use line::{Exchange, Line};
pub use pacer::{Pacer, Share};
pub use rate::{Arrivals, CREDIT_PER_ARRIVAL, RateProfile};
pub use record::connections::Connections;
pub use record::failures::Failure;
pub use record::latency::Latency;
pub use record::second::{CohortPart, GeneratorHealth, Second, Served};
pub use reqwest_transport::ReqwestTransport;
pub use sample::{Cause, FailureKind, Outcome, OutcomeClass, OutcomeCounts, OutcomeKind, Phase};
pub use transport::{MakeTransport, Reply, Transport, Turn};
