#![doc = include_str!("../README.md")]

mod clock;
mod elapsed;
mod fleet;
mod instance_id;
mod rate;
mod slew;
mod spoken;
mod step_id;

pub use clock::RunClock;
pub use elapsed::{Elapsed, NANOS_PER_SEC};
pub use fleet::{FleetState, GeneratorChange, GeneratorEvent, GeneratorId, NoGeneratorId};
pub use instance_id::InstanceId;
pub use rate::ArrivalRate;
pub use slew::Slew;
pub use spoken::exact;
pub use step_id::StepId;
