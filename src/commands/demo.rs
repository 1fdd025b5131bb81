//! The demo as the cloud's side sees it: a service of the embedded cluster's cloud, behind an endpoint of its own. Here, since
//! the cloud's side must not know what stands in for the cloud.

use scaletop_cluster::Platform;
use scaletop_cluster::wire::{ECS_CLUSTER, REGION, SERVICE};

use crate::cloud::CloudOptions;
use crate::target::{AppRunnerName, EcsName, Target};

/// The demo's service on `platform`.
pub fn demo_target(platform: Platform) -> Target {
    match platform {
        Platform::AppRunner => Target::AppRunner(AppRunnerName::Name(SERVICE.to_owned())),
        Platform::Ecs => Target::Ecs(EcsName {
            cluster: ECS_CLUSTER.to_owned(),
            service: SERVICE.to_owned(),
            region: None,
            account: None,
        }),
    }
}

/// How the embedded cluster's cloud at this endpoint is reached: nothing is read from the environment.
pub fn demo_cloud(endpoint_url: String) -> CloudOptions {
    CloudOptions {
        region: Some(REGION.to_owned()),
        endpoint_url: Some(endpoint_url),
        keys: Some(("scaletop".to_owned(), "embedded".to_owned())),
        ..CloudOptions::default()
    }
}
