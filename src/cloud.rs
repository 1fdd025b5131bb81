//! The cloud's side: clients of the official SDK crates, what their failures mean, and what a target turns into.
//!
//! Everything that names an SDK crate stands behind the `aws` feature; what can be pure is, and is always there.

#[cfg(feature = "aws")]
pub mod clients;
pub mod failure;
pub mod image;
#[cfg(feature = "aws")]
mod listing;
pub mod policy;
#[cfg(feature = "aws")]
pub mod resolve;
pub mod service_url;
#[cfg(feature = "aws")]
pub mod sources;
pub mod terraform;
