//! The quantities everything else is made of: time since the start of a session ([`Elapsed`]), arrival rates
//! ([`ArrivalRate`]), the ids of instances and steps ([`InstanceId`], [`StepId`]), and the one clock that knows what time it is ([`RunClock`]).
//!
//! A crate of its own, so that the load engine and the embedded cluster share their words and nothing else: each compiles and
//! is tested without the other.

mod clock;
mod elapsed;
mod instance_id;
mod rate;
mod step_id;

pub use clock::RunClock;
pub use elapsed::{Elapsed, NANOS_PER_SEC};
pub use instance_id::InstanceId;
pub use rate::ArrivalRate;
pub use step_id::StepId;
