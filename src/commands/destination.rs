//! Where the load goes, and who counts the instances there: the demo's cluster, a service of the cloud, or just a URL.

use tokio::sync::mpsc;
use url::Url;

use crate::cli::CloudArgs;
use crate::commands::CommandError;
use crate::instances::Limits;
use crate::session::event::SessionEvent;
use crate::target::{self, DemoPlatform, Target};
use scaletop_cluster::wire::EmbeddedPlatform;
use scaletop_cluster::{ClusterArgs, ClusterOptions, Platform};
use scaletop_units::RunClock;

/// Where the load goes.
pub(super) struct Destination {
    /// The URL of the service; the user's own path goes on top.
    pub(super) url: Url,
    /// The demo's platform, when that is where it goes.
    pub(super) platform: Option<EmbeddedPlatform>,
    /// Its limits, known from the start.
    pub(super) limits: Option<Limits>,
    #[cfg(feature = "aws")]
    watched: Option<watch::Watched>,
}

/// The tasks that watch a destination; dropping them stops them.
#[derive(Default)]
pub(super) struct Watchers {
    #[cfg(feature = "aws")]
    _tasks: tokio::task::JoinSet<()>,
}

/// How the demo's cluster is set up: what the target itself says of its platform goes before what the options do.
pub(super) fn demo_options(platform: Option<DemoPlatform>, cluster: &ClusterArgs) -> ClusterOptions {
    let options = cluster.over(&ClusterOptions::default());
    let platform = match platform {
        None => options.platform,
        Some(DemoPlatform::AppRunner) => Platform::AppRunner,
        Some(DemoPlatform::Ecs) => Platform::Ecs,
    };
    ClusterOptions { platform, ..options }
}

/// The platform that `target` runs on; `None` for a URL, of which nobody says. Asks the cloud only about what Terraform made.
pub(super) async fn platform(
    target: &Target,
    cluster: &ClusterArgs,
    cloud: &CloudArgs,
) -> Result<Option<Platform>, CommandError> {
    match target {
        Target::Demo(platform) => Ok(Some(demo_options(*platform, cluster).platform)),
        Target::Url(_) => Ok(None),
        Target::AppRunner(_) => Ok(Some(Platform::AppRunner)),
        Target::Ecs(_) => Ok(Some(Platform::Ecs)),
        #[cfg(feature = "aws")]
        Target::Terraform(_) => watch::platform(target, cloud).await,
        #[cfg(not(feature = "aws"))]
        Target::Terraform(_) => Destination::in_the_cloud(target, cloud, RunClock::start()).await.map(|_| None),
    }
}

impl Destination {
    /// Finds `target`, and starts the demo's platform when it is that.
    pub(super) async fn find(
        target: &Target,
        cluster: &ClusterArgs,
        cloud: &CloudArgs,
        clock: RunClock,
    ) -> Result<Self, CommandError> {
        match target {
            Target::Demo(platform) => Self::demo(demo_options(*platform, cluster), clock).await,
            // `--url` names where a service of the cloud answers; a URL says that itself.
            Target::Url(url) => Ok(Self::at(url.clone())),
            target => Self::in_the_cloud(target, cloud, clock).await,
        }
    }

    fn at(url: Url) -> Self {
        Self {
            url,
            platform: None,
            limits: None,
            #[cfg(feature = "aws")]
            watched: None,
        }
    }

    async fn demo(options: ClusterOptions, clock: RunClock) -> Result<Self, CommandError> {
        let platform = EmbeddedPlatform::start(options, None, clock, 0).await?;
        let url = target::parse_url(&platform.cluster.url())?;
        let (min, max) = (Some(options.min_size), Some(options.max_size));
        let limits = Some(Limits { min, max, concurrency: Some(options.max_concurrency) });
        Ok(Self {
            #[cfg(feature = "aws")]
            watched: Some(watch::demo(&options, &platform, clock).await?),
            platform: Some(platform),
            limits,
            ..Self::at(url)
        })
    }

    #[cfg(feature = "aws")]
    async fn in_the_cloud(target: &Target, cloud: &CloudArgs, clock: RunClock) -> Result<Self, CommandError> {
        let (url, watched) = watch::service(target, cloud, clock).await?;
        Ok(Self { watched, ..Self::at(url) })
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the same signature as with the cloud's side")]
    async fn in_the_cloud(target: &Target, _: &CloudArgs, _: RunClock) -> Result<Self, CommandError> {
        let why = format!("{target} needs the cloud's side, which this build leaves out (feature aws): give its URL");
        Err(CommandError::Option(why))
    }

    /// Starts whoever counts instances here; what they say comes out of `events`.
    pub(super) fn watch(&self, events: &mpsc::Sender<SessionEvent>) -> Watchers {
        if let Some(limits) = self.limits {
            // The queue is empty: this cannot fail.
            let _ = events.try_send(SessionEvent::Limits(limits));
        }
        #[cfg(feature = "aws")]
        return Watchers { _tasks: self.watched.as_ref().map(|watched| watched.start(events)).unwrap_or_default() };
        #[cfg(not(feature = "aws"))]
        Watchers::default()
    }
}

#[cfg(feature = "aws")]
pub(super) use watch::cloud_options;

#[cfg(feature = "aws")]
mod watch {
    //! The cloud's side: which service it is, and with which clients it is watched.

    use std::time::Duration;

    use tokio::sync::mpsc;
    use tokio::task::JoinSet;
    use url::Url;

    use crate::cli::CloudArgs;
    use crate::cloud::sources::{self, CLOUD_GRAIN};
    use std::ffi::OsString;

    use crate::cloud::{Cloud, CloudOptions, ENDPOINT_VARIABLE, WatchedService, resolve};
    use crate::commands::CommandError;
    use crate::commands::demo::{demo_cloud, demo_target};
    use crate::session::event::SessionEvent;
    use crate::target::Target;
    use crate::target::parse_url;
    use scaletop_cluster::wire::EmbeddedPlatform;
    use scaletop_cluster::{ClusterOptions, Platform};
    use scaletop_units::RunClock;

    /// A service, the clients to watch it with, and the grain of its metrics.
    pub(super) struct Watched {
        service: WatchedService,
        cloud: Cloud,
        grain: Duration,
    }

    impl Watched {
        pub(super) fn start(&self, events: &mpsc::Sender<SessionEvent>) -> JoinSet<()> {
            sources::start(&self.service, &self.cloud, self.grain, events)
        }
    }

    /// The demo's service, through the same code as the cloud's, only with another endpoint.
    pub(super) async fn demo(
        options: &ClusterOptions,
        platform: &EmbeddedPlatform,
        clock: RunClock,
    ) -> Result<Watched, CommandError> {
        let target = demo_target(options.platform);
        let embedded = demo_cloud(platform.endpoints.endpoint_url());
        let resolved = resolve(&target, None, &embedded, clock).await?;
        let (Some(service), Some(cloud)) = (resolved.service, resolved.cloud) else {
            return Err(CommandError::Option("the demo's own endpoints do not know its service".to_owned()));
        };
        Ok(Watched { service, cloud, grain: options.metric_grain() })
    }

    /// How the user wants the cloud to be reached, as the clients take it.
    pub(in crate::commands) fn cloud_options(args: &CloudArgs) -> Result<CloudOptions, CommandError> {
        check_endpoints(std::env::vars_os())?;
        Ok(CloudOptions {
            region: args.region.clone(),
            profile: args.profile.clone(),
            endpoint_url: args.endpoint_url.clone(),
            ..CloudOptions::default()
        })
    }

    /// Refuses endpoints in the environment that are no URLs. Those that are set to nothing are unset.
    fn check_endpoints(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), CommandError> {
        for (name, value) in variables {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            if name.starts_with(ENDPOINT_VARIABLE) && !value.trim().is_empty() {
                parse_url(&value).map_err(|error| CommandError::Option(format!("{name}: {error}")))?;
            }
        }
        Ok(())
    }

    /// A service of the cloud by its name, and where it answers.
    pub(super) async fn service(
        target: &Target,
        args: &CloudArgs,
        clock: RunClock,
    ) -> Result<(Url, Option<Watched>), CommandError> {
        let resolved = resolve(target, args.url.clone(), &cloud_options(args)?, clock).await?;
        let watched = match (resolved.service, resolved.cloud) {
            (Some(service), Some(cloud)) => Some(Watched { service, cloud, grain: CLOUD_GRAIN }),
            _ => None,
        };
        Ok((resolved.url, watched))
    }

    /// The platform of what Terraform made.
    pub(super) async fn platform(target: &Target, args: &CloudArgs) -> Result<Option<Platform>, CommandError> {
        let resolved = resolve(target, args.url.clone(), &cloud_options(args)?, RunClock::start()).await?;
        Ok(resolved.service.map(|service| match service {
            WatchedService::AppRunner { .. } => Platform::AppRunner,
            WatchedService::Ecs { .. } => Platform::Ecs,
        }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_endpoint_of_the_environment_is_a_url_or_nothing() {
            let check = |name: &str, value: &str| check_endpoints([(name.into(), value.into())].into_iter());
            for value in ["", "  ", "http://127.0.0.1:4566"] {
                assert!(check("AWS_ENDPOINT_URL", value).is_ok(), "{value}");
            }
            let error = check("AWS_ENDPOINT_URL_ECR", "127.0.0.1 4566").unwrap_err().to_string();
            assert!(error.contains("AWS_ENDPOINT_URL_ECR"), "{error}");
            assert!(check("AWS_REGION", "no url").is_ok());
        }
    }
}
