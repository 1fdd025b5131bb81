//! The embedded cluster with real instances (processes of this package's binary) on loopback.
//!
//! Real time, because real sockets and processes cannot live in virtual time: every wait is for a condition, with a
//! deadline that only a broken cluster meets.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as it should be")]

mod balancing;
#[cfg(unix)]
mod children;
mod client;
mod ecs;
mod faults;
mod scaling;

use std::time::Duration;

use scaletop_cluster::ConcurrencyScaler;
use scaletop_cluster::InstanceProgram;
use scaletop_cluster::{Cluster, ClusterError, ClusterOptions, ClusterParts};
use tokio::time::Instant;

/// Long enough for a machine that does ten other things.
const DEADLINE: Duration = Duration::from_mins(1);

/// This package's binary as an instance.
fn program() -> InstanceProgram {
    InstanceProgram::at(env!("CARGO_BIN_EXE_scaletop-cluster"))
}

async fn try_start(options: ClusterOptions, program: InstanceProgram) -> Result<Cluster, ClusterError> {
    let scaler = Box::new(ConcurrencyScaler::new(&options));
    Cluster::assemble(ClusterParts { options, anchor: Instant::now(), program, scaler }).await
}

async fn start(options: ClusterOptions) -> Cluster {
    try_start(options, program()).await.expect("the cluster starts")
}

/// A cluster of `count` instances that does not scale.
async fn start_fixed(count: u32, max_concurrency: u32, delay: Duration) -> Cluster {
    start(ClusterOptions { min_size: count, max_size: count, max_concurrency, delay, ..ClusterOptions::default() })
        .await
}

/// Waits until `condition` gives something.
async fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
