#![doc = include_str!("../README.md")]

mod clock;
mod elapsed;
mod instance_id;
mod rate;
mod spoken;
mod step_id;

pub use clock::RunClock;
pub use elapsed::{Elapsed, NANOS_PER_SEC};
pub use instance_id::InstanceId;
pub use rate::ArrivalRate;
pub use spoken::exact;
pub use step_id::StepId;
