//! Putting the generators of a fleet somewhere: on this machine, on others over ssh, on Kubernetes; and what that costs. Tasks of
//! ECS are the cloud's: `cloud/placing`.

#[cfg(any(feature = "aws", test))] // only the cloud's machines cost anything
pub(crate) mod estimate;
pub(crate) mod join;
pub(crate) mod local;
pub(crate) mod manifest;
pub(crate) mod nats;
mod place;
mod size;
pub(crate) mod ssh;
pub(crate) mod ticket;
mod yaml;

pub(crate) use join::Join;
pub(crate) use manifest::is_name;
pub(crate) use place::Place;
pub(crate) use size::Size;
pub(crate) use ticket::is_run;
