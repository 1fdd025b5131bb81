//! What `--version` says: which program this is, for a report of a bug.

use crate::session::event::FORMAT_VERSION;

/// The version, and what it was built of: `0.2.0`, then a line each for the commit, the target, the features, and the version of
/// recordings that it writes.
pub fn long_version() -> String {
    let features = if cfg!(feature = "aws") { "aws" } else { "none" };
    format!(
        "{}\ncommit: {}\ntarget: {}\nfeatures: {features}\nrecording: version {FORMAT_VERSION}",
        env!("CARGO_PKG_VERSION"),
        env!("BUILT_FROM"),
        env!("BUILT_FOR"),
    )
}
