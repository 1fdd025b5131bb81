//! The cloud's side: clients of the official SDK crates, what their failures mean, what a target turns into, and the sources
//! that count and describe its service.
//!
//! All of it stands behind the feature `aws`, but for the policy that `doctor --policy` prints.

#[cfg(feature = "aws")]
mod clients;
#[cfg(feature = "aws")]
mod failure;
mod image;
#[cfg(feature = "aws")]
mod listing;
mod partition;
#[cfg(feature = "aws")]
pub(crate) mod placing;
mod policy;
#[cfg(feature = "aws")]
mod proxy;
#[cfg(feature = "aws")]
mod resolve;
#[cfg(feature = "aws")]
mod service_url;
#[cfg(feature = "aws")]
mod signing;
#[cfg(feature = "aws")]
mod skew;
#[cfg(feature = "aws")]
pub mod sources;
#[cfg(feature = "aws")]
mod target_health;
#[cfg(feature = "aws")]
mod terraform;

#[cfg(feature = "aws")]
pub(crate) use self::clients::ENDPOINT_VARIABLE;
#[cfg(feature = "aws")]
pub use self::clients::{Cloud, CloudOptions};
#[cfg(feature = "aws")]
pub(crate) use self::failure::Api;
pub(crate) use self::policy::least_privilege;
#[cfg(feature = "aws")]
pub use self::resolve::{ResolveError, Resolved, WatchedService, resolve};
#[cfg(feature = "aws")]
pub(crate) use self::signing::SignError;
#[cfg(feature = "aws")]
pub(crate) use self::signing::{Fresh, keep_fresh};
#[cfg(feature = "aws")]
pub use self::signing::{Signer, ToSign};
