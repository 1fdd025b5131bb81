//! The AWS endpoints over a cloud of fixed numbers, for the compatibility suite: prints the endpoint, then serves until its
//! standard input closes.
//!
//! `cargo run -p scaletop-cluster --example wire_server -- app-runner|ecs`

use std::sync::Arc;

use scaletop_cluster::wire::WireServer;
use scaletop_cluster::wire::{CloudPlatform, Publication};

#[path = "../tests/support/fixed_cloud.rs"]
mod fixed_cloud;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let platform = match std::env::args().nth(1).as_deref() {
        Some("ecs") => CloudPlatform::Ecs,
        _ => CloudPlatform::AppRunner,
    };
    let cloud = Arc::new(fixed_cloud::FixedCloud::new(platform));
    let server = WireServer::start(cloud, Publication::REALISTIC, 0).await?;
    #[expect(clippy::print_stdout, reason = "whoever started this reads the endpoint from here")]
    {
        println!("{}", server.endpoint_url());
    }
    let closed = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    closed.await??;
    Ok(())
}
