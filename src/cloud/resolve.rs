//! From a target as the user names it to a URL and the ids that the sources need.
//!
//! Names are looked up in the region (`ListServices`), Express services say their URL, Terraform's outputs say
//! everything. The demo takes the same way, with the endpoint of its embedded cluster.

use std::io;
use std::path::{Path, PathBuf};

use aws_sdk_ecs::types::{EcsExpressGatewayService, ExpressGatewayServiceConfiguration};
use tokio::process::Command;
use url::Url;

use super::clients::{Cloud, CloudOptions};
use super::failure::Api;
use super::service_url::service_url;
use super::terraform::{Outputs, OutputsError};
use crate::instances::SourceError;
use crate::target::{AppRunnerName, EcsName, Target, TargetError};
use scaletop_units::RunClock;

/// More services than this are not looked through for a name.
const MOST_SERVICES: usize = 1_000;
/// Names that a "not found" lists.
const NAMES_LISTED: usize = 10;

/// What a target turned out to be.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Where requests go; a path of the user's own goes on top.
    pub url: Url,
    /// The service behind it, when the platform is known.
    pub service: Option<WatchedService>,
    /// The clients to watch it with.
    pub cloud: Option<Cloud>,
}

/// A service of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchedService {
    /// On App Runner.
    AppRunner {
        arn: String,
        /// Its name: CloudWatch's `ServiceName`.
        name: String,
        /// Its id: CloudWatch's `ServiceID`.
        id: String,
    },
    /// On ECS.
    Ecs {
        cluster: String,
        service: String,
        /// Whether ECS manages it as an Express service.
        is_express: bool,
    },
}

/// Why a target could not be resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A call to the cloud failed.
    #[error("{0}")]
    Cloud(#[from] SourceError),
    /// There is no such service.
    #[error("{platform} has no service {name} in {region}{}; check the name, --region and --profile", known_names(.known))]
    NotFound {
        platform: &'static str,
        /// The name that was looked for.
        name: String,
        region: String,
        /// Names that are there.
        known: Vec<String>,
    },
    /// It was not among those that were looked through, and there are more.
    #[error(
        "App Runner has more than {MOST_SERVICES} services in {region}, and {name} is none of those looked through; name it by its ARN"
    )]
    TooMany {
        /// The name that was looked for.
        name: String,
        region: String,
    },
    /// The service says no URL.
    #[error("{service} says no URL of its own{why}; name it with --url")]
    NoUrl { service: String, why: String },
    /// What the platform says is no URL.
    #[error("the platform's URL is of no use: {0}")]
    BadUrl(#[from] TargetError),
    /// Terraform cannot be run.
    #[error("cannot run `terraform output` in {}: {source}; is terraform installed, and the folder right?", .folder.display())]
    NoTerraform { folder: PathBuf, source: io::Error },
    /// Terraform refused.
    #[error("`terraform output` failed in {}: {message}", .folder.display())]
    Terraform { folder: PathBuf, message: String },
    /// Its outputs are of no use.
    #[error(transparent)]
    Outputs(#[from] OutputsError),
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { " (it has none there)".to_owned() } else { format!(" (it has {})", known.join(", ")) }
}

/// Resolves `target`. With `url`, the user has said where requests go, and only the service is looked up. The demo is no
/// target of the cloud: whoever started it knows the service that it plays and where its endpoint is.
pub async fn resolve(
    target: &Target,
    url: Option<Url>,
    options: &CloudOptions,
    clock: RunClock,
) -> Result<Resolved, ResolveError> {
    let with_region = |region: Option<&str>| CloudOptions {
        region: region.map(str::to_owned).or_else(|| options.region.clone()),
        ..options.clone()
    };
    match target {
        Target::Url(own) => Ok(Resolved { url: url.unwrap_or_else(|| own.clone()), service: None, cloud: None }),
        Target::Demo(_) => {
            let url = url.ok_or(ResolveError::NoUrl { service: "the demo".to_owned(), why: String::new() })?;
            Ok(Resolved { url, service: None, cloud: None })
        }
        Target::AppRunner(name) => {
            let cloud = Cloud::connect(&with_region(target.region()), clock).await;
            app_runner(name, url, cloud).await
        }
        Target::Ecs(name) => {
            let cloud = Cloud::connect(&with_region(target.region()), clock).await;
            ecs(name, url, cloud).await
        }
        Target::Terraform(folder) => {
            let outputs = terraform_outputs(folder).await?;
            let options = CloudOptions {
                region: options.region.clone().or_else(|| outputs.region.clone()),
                profile: options.profile.clone().or_else(|| outputs.profile.clone()),
                ..options.clone()
            };
            from_outputs(&outputs, url, Cloud::connect(&options, clock).await).await
        }
    }
}

async fn app_runner(name: &AppRunnerName, url: Option<Url>, cloud: Cloud) -> Result<Resolved, ResolveError> {
    let arn = match name {
        AppRunnerName::Arn(arn) => arn.to_string(),
        AppRunnerName::Name(name) => find_app_runner(name, &cloud).await?,
    };
    let asked = cloud.app_runner.describe_service().service_arn(&arn).send().await;
    let answer = asked.map_err(|error| cloud.error(Api::APP_RUNNER_DESCRIBE, &error))?;
    let not_found = || ResolveError::NotFound {
        platform: "App Runner",
        name: arn.clone(),
        region: cloud.region().unwrap_or("no region").to_owned(),
        known: Vec::new(),
    };
    let found = answer.service.ok_or_else(not_found)?;
    let url = match (url, found.service_url()) {
        (Some(url), _) => url,
        (None, Some(said)) if !said.is_empty() => service_url(said)?,
        (None, _) => {
            let service = format!("the App Runner service {}", found.service_name());
            return Err(ResolveError::NoUrl { service, why: " (a private one has none)".to_owned() });
        }
    };
    let service = WatchedService::AppRunner {
        arn: found.service_arn().to_owned(),
        name: found.service_name().to_owned(),
        id: found.service_id().to_owned(),
    };
    Ok(Resolved { url, service: Some(service), cloud: Some(cloud) })
}

/// The ARN of the service called `name`, on whichever page it is.
async fn find_app_runner(name: &str, cloud: &Cloud) -> Result<String, ResolveError> {
    let mut pages = cloud.app_runner.list_services().into_paginator().page_size(20).send();
    let mut known = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| cloud.error(Api::APP_RUNNER_LIST, &error))?;
        for service in page.service_summary_list() {
            let (Some(found), Some(arn)) = (service.service_name(), service.service_arn()) else { continue };
            if found == name {
                return Ok(arn.to_owned());
            }
            known.push(found.to_owned());
        }
        if known.len() >= MOST_SERVICES && page.next_token().is_some() {
            let region = cloud.region().unwrap_or("no region").to_owned();
            return Err(ResolveError::TooMany { name: name.to_owned(), region });
        }
    }
    known.truncate(NAMES_LISTED);
    Err(ResolveError::NotFound {
        platform: "App Runner",
        name: name.to_owned(),
        region: cloud.region().unwrap_or("no region").to_owned(),
        known,
    })
}

async fn ecs(name: &EcsName, url: Option<Url>, cloud: Cloud) -> Result<Resolved, ResolveError> {
    let EcsName { cluster, service, .. } = name;
    let asked = cloud.ecs.describe_services().cluster(cluster).services(service).send().await;
    let answer = asked.map_err(|error| cloud.error(Api::ECS_SERVICES, &error))?;
    let Some(found) = answer.services().first() else {
        return Err(ResolveError::NotFound {
            platform: "ECS",
            name: format!("{cluster}/{service}"),
            region: cloud.region().unwrap_or("no region").to_owned(),
            known: list_ecs(cluster, &cloud).await,
        });
    };
    let is_express = found.resource_management_type().is_some_and(|kind| kind.as_str() == "ECS");
    let url = match url {
        Some(url) => url,
        None if is_express => express_url(found.service_arn().unwrap_or_default(), &cloud).await?,
        None => {
            let service = format!("the ECS service {cluster}/{service}");
            return Err(ResolveError::NoUrl { service, why: " (only Express services do)".to_owned() });
        }
    };
    let service = WatchedService::Ecs { cluster: cluster.clone(), service: service.clone(), is_express };
    Ok(Resolved { url, service: Some(service), cloud: Some(cloud) })
}

/// Some names, for the message; none when they cannot be had, since that is not what was asked for.
async fn list_ecs(cluster: &str, cloud: &Cloud) -> Vec<String> {
    let listed = cloud.ecs.list_services().cluster(cluster).send().await;
    let arns = listed.ok().and_then(|page| page.service_arns).unwrap_or_default();
    arns.iter().filter_map(|arn| arn.rsplit('/').next()).take(NAMES_LISTED).map(str::to_owned).collect()
}

async fn express_url(arn: &str, cloud: &Cloud) -> Result<Url, ResolveError> {
    let asked = cloud.ecs.describe_express_gateway_service().service_arn(arn).send().await;
    let answer = asked.map_err(|error| cloud.error(Api::ECS_EXPRESS, &error))?;
    let configurations = answer.service().map(EcsExpressGatewayService::active_configurations).unwrap_or_default();
    let paths: Vec<_> = configurations.iter().flat_map(ExpressGatewayServiceConfiguration::ingress_paths).collect();
    let public = paths.iter().find(|path| path.access_type().as_str() == "PUBLIC").or(paths.first());
    match public.map(|path| path.endpoint()) {
        Some(endpoint) if !endpoint.is_empty() => Ok(service_url(endpoint)?),
        _ => Err(ResolveError::NoUrl {
            service: format!("the Express service {}", arn.rsplit('/').next().unwrap_or(arn)),
            why: express_state(answer.service()),
        }),
    }
}

/// Why an Express service says no URL: what it is doing, in its own words where it has some.
fn express_state(service: Option<&EcsExpressGatewayService>) -> String {
    let status = service.and_then(EcsExpressGatewayService::status);
    let code = status.and_then(|status| status.status_code()).map_or("ACTIVE", |code| code.as_str());
    match (code, status.and_then(|status| status.status_reason())) {
        ("ACTIVE", None) => " yet (it is being created)".to_owned(),
        (code, None) => format!(" (it is {code})"),
        (code, Some(reason)) => format!(" (it is {code}: {reason})"),
    }
}

async fn terraform_outputs(folder: &Path) -> Result<Outputs, ResolveError> {
    let mut chdir = std::ffi::OsString::from("-chdir=");
    chdir.push(folder);
    let run = Command::new("terraform").arg(chdir).args(["output", "-json"]).kill_on_drop(true).output().await;
    let output = run.map_err(|source| ResolveError::NoTerraform { folder: folder.to_owned(), source })?;
    if !output.status.success() {
        // A wrapper may say on stdout what Terraform says on stderr.
        let said = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
        let message = String::from_utf8_lossy(said).split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(ResolveError::Terraform { folder: folder.to_owned(), message });
    }
    Ok(Outputs::parse(&output.stdout)?)
}

/// Where both platforms are deployed, App Runner's service is meant; the other is `ecs:…` by name.
async fn from_outputs(outputs: &Outputs, url: Option<Url>, cloud: Cloud) -> Result<Resolved, ResolveError> {
    let said = |said: &Option<String>| said.as_deref().map(service_url).transpose();
    if let Some(arn) = outputs.app_runner_service_arn.as_deref().and_then(|arn| arn.parse().ok()) {
        let url = url.or(said(&outputs.app_runner_service_url)?).or(said(&outputs.service_url)?);
        return app_runner(&AppRunnerName::Arn(arn), url, cloud).await;
    }
    if let (Some(cluster), Some(service)) = (&outputs.ecs_cluster, &outputs.ecs_service_name) {
        let url = url.or(said(&outputs.ecs_service_url)?).or(said(&outputs.service_url)?);
        let name = EcsName { cluster: cluster.clone(), service: service.clone(), region: None, account: None };
        return ecs(&name, url, cloud).await;
    }
    match url.or(said(&outputs.service_url)?) {
        Some(url) => Ok(Resolved { url, service: None, cloud: Some(cloud) }),
        None => Err(ResolveError::NoUrl { service: "the Terraform state".to_owned(), why: String::new() }),
    }
}
