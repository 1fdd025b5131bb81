//! A cloud of fixed numbers behind the embedded cluster's endpoints.

use std::sync::Arc;
use std::time::Duration;

use scaletop::demo_cloud;
use scaletop::{Cloud, CloudOptions, ResolveError, Resolved, WatchedService, resolve};
use scaletop_cluster::wire::{CloudPlatform, FaultRule, Publication, WireFault, WireServer};
use scaletop_units::RunClock;
use tokio::time::Instant;

use super::fixed_cloud::{FixedCloud, REGION, unix_now};

/// A session that has been running for `age` already, so that there is a past to look at.
pub(crate) fn session(age: Duration) -> RunClock {
    let started = Instant::now().checked_sub(age).expect("the machine's clock goes back that far");
    #[expect(clippy::cast_possible_truncation, reason = "microseconds since 1970 fit")]
    let unix = ((unix_now() - age.as_secs_f64()) * 1e6) as i64;
    RunClock::anchored(started, unix)
}

/// A platform of fixed numbers behind the embedded endpoints, and how to reach it.
pub(crate) struct Setup {
    pub(crate) cloud: Arc<FixedCloud>,
    pub(crate) server: WireServer,
    pub(crate) options: CloudOptions,
    pub(crate) clock: RunClock,
}

impl Setup {
    pub(crate) async fn new(platform: CloudPlatform) -> Self {
        let cloud = Arc::new(FixedCloud::new(platform));
        let server = WireServer::start(Arc::clone(&cloud) as Arc<_>, Publication::REALISTIC, 0).await.expect("a port");
        let options = CloudOptions {
            region: Some(REGION.to_owned()),
            patience: Some(Duration::from_secs(20)),
            ..demo_cloud(server.endpoint_url())
        };
        Self { cloud, server, options, clock: session(Duration::from_mins(20)) }
    }

    pub(crate) async fn clients(&self) -> Cloud {
        Cloud::connect(&self.options, self.clock).await
    }

    pub(crate) async fn resolve(&self, target: &str) -> Result<Resolved, ResolveError> {
        resolve(&target.parse().expect(target), None, &self.options, self.clock).await
    }

    pub(crate) async fn app_runner(&self) -> (Cloud, String, String) {
        let found = self.resolve("apprunner:demo").await.expect("it is there");
        match found.service {
            Some(WatchedService::AppRunner { arn, id, .. }) => (found.cloud.expect("clients"), arn, id),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn fault(&self, fault: WireFault, operation: &str) {
        self.server.inject(FaultRule { fault, operation: Some(operation.to_owned()), times: None });
    }
}
