//! The embedded cluster: a platform that scales, on loopback.
//!
//! ```text
//!  requests ─► balancer (hyper) ─► instances (processes of their own, test-app)
//!                  │  admits up to MaxConcurrency per active instance, else 429
//!                  ▼
//!               ledger ── demand ─► scaler ── desired ─► supervisor ─► starts and stops instances
//!                  └──► truth (read model): AWS endpoints, tests, the demo's screen
//! ```
//!
//! The balancer and the supervisor share one thread of their own with a single-threaded runtime, so that the cluster takes
//! little from the load generator beside it. Whatever ends this process, no instance outlives it: see [`instance`].

pub mod autoscaler;
pub mod faults;
mod fleet;
mod ledger;
pub mod options;
mod reader;
pub mod truth;

pub use faults::Fault;
pub use ledger::{DECISIONS_KEPT, GONE_INSTANCES_KEPT, REJECTION_SPELLS_KEPT, SECONDS_KEPT};
pub use options::{ClusterArgs, ClusterOptions, OptionsError, Platform};
pub use reader::ClusterReader;
