//! What must be asked of the cloud: region, credentials, clock, the service, each permission, the image, the price.
//!
//! Every call that a source will make is tried once, so that what is missing is known before a session needs it.

use std::future::Future;
use std::time::Duration;

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use url::Url;

use super::Check;
use crate::cloud::clients::{Cloud, CloudOptions};
use crate::cloud::failure::Api;
use crate::cloud::resolve::{Resolved, Service, resolve};
use crate::cloud::sources::app_runner::AppRunnerFeed;
use crate::cloud::sources::cloudwatch::{CloudWatchFeed, dollars_per_hour, poll_interval};
use crate::cloud::sources::ecr::{EcrFeed, ImageOwner};
use crate::cloud::sources::ecs::EcsFeed;
use crate::cloud::sources::feed::{CloudFeed, Report};
use crate::instances::SourceError;
use crate::session::event::SessionEvent;
use crate::target::Target;
use scaletop_units::RunClock;

/// A clock that is further off than this is worth a word; at five minutes, AWS refuses.
const SKEW_WORTH_A_WORD: f64 = 10.0;
/// See `SKEW_WORTH_A_WORD`.
const SKEW_REFUSED: f64 = 240.0;

/// What was found, and what the target turned out to be, for the checks that follow.
#[derive(Debug)]
pub struct Findings {
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
    /// The target, if it could be resolved.
    pub resolved: Option<Resolved>,
}

/// Checks everything that concerns the cloud. `grain` is that of the metrics. Without a target that needs the cloud, only
/// region and credentials are looked at, and their absence is no failure. `url` says where the service answers, when its
/// platform does not.
pub async fn check(
    target: Option<&Target>,
    url: Option<Url>,
    options: &CloudOptions,
    clock: RunClock,
    grain: Duration,
) -> Findings {
    let mut checks = Vec::new();
    let is_needed = target.is_some_and(|target| target.needs_cloud() || matches!(target, Target::Terraform(_)));
    let cloud = {
        let region = target.and_then(Target::region).map(str::to_owned).or_else(|| options.region.clone());
        Cloud::connect(&CloudOptions { region, ..options.clone() }, clock).await
    };
    checks.push(region(&cloud, is_needed));
    checks.push(credentials(&cloud, is_needed).await);
    let Some(target) = target.filter(|_| is_needed) else {
        return Findings { checks, resolved: None };
    };
    let resolved = match resolve(target, url, options, clock).await {
        Ok(resolved) => resolved,
        Err(error) => {
            let remedy = "see the reason; `scaletop doctor --policy` prints what the role needs";
            checks.push(Check::failure("target", error.to_string(), remedy));
            checks.push(clock_check(&cloud));
            return Findings { checks, resolved: None };
        }
    };
    checks.push(Check::ok("target", format!("{target} is at {}", resolved.url)));
    if let (Some(service), Some(cloud)) = (&resolved.service, &resolved.cloud) {
        // Boxed: the futures of the SDK's calls are large, and doctor is in no hurry.
        checks.extend(Box::pin(service_checks(service, cloud, grain)).await);
        checks.push(clock_check(cloud));
    }
    Findings { checks, resolved: Some(resolved) }
}

fn region(cloud: &Cloud, is_needed: bool) -> Check {
    let remedy = "name it with --region, AWS_REGION or `aws configure set region REGION`";
    match (cloud.region(), is_needed) {
        (Some(region), _) => Check::ok("region", region),
        (None, true) => Check::failure("region", "none is set", remedy),
        (None, false) => Check::warning("region", "none is set (needed for AWS targets only)", remedy),
    }
}

async fn credentials(cloud: &Cloud, is_needed: bool) -> Check {
    match cloud.credentials().await {
        // The key's id is no secret; its end is enough to tell which it is.
        Ok((id, source)) => {
            let tail: String = id.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
            Check::ok("credentials", format!("access key …{tail} from {source}"))
        }
        Err(error) if is_needed => Check::failed("credentials", error),
        Err(error) => {
            Check::warning("credentials", format!("{} (needed for AWS targets only)", error.message), error.remedy)
        }
    }
}

fn clock_check(cloud: &Cloud) -> Check {
    match cloud.skew().secs() {
        None => Check::warning("clock", "not compared: nothing answered", "see the checks above"),
        Some(skew) if skew.abs() < SKEW_WORTH_A_WORD => Check::ok("clock", "agrees with the cloud's"),
        Some(skew) => {
            let side = if skew > 0.0 { "behind" } else { "ahead of" };
            let detail = format!("{:.0} s {side} the cloud's; times are corrected by it", skew.abs());
            let remedy = "set this machine's clock (timedatectl set-ntp true); AWS refuses more than 5 minutes";
            if skew.abs() < SKEW_REFUSED {
                Check::warning("clock", detail, remedy)
            } else {
                Check::failure("clock", detail, remedy)
            }
        }
    }
}

async fn service_checks(service: &Service, cloud: &Cloud, grain: Duration) -> Vec<Check> {
    match service {
        Service::AppRunner { arn, name, id } => {
            let status = AppRunnerFeed::new(cloud.clone(), arn).poll().await;
            let metrics = CloudWatchFeed::app_runner(cloud.clone(), name, id, grain);
            let mut checks = vec![service_status(&status)];
            checks.push(
                permission(Api::APP_RUNNER_OPERATIONS, async {
                    let asked = cloud.app_runner.list_operations().service_arn(arn).max_results(1).send().await;
                    asked.map(drop).map_err(|error| cloud.error(Api::APP_RUNNER_OPERATIONS, &error))
                })
                .await,
            );
            checks.push(limits(&status));
            checks.extend(metrics_checks(metrics).await);
            checks.push(image(EcrFeed::new(cloud.clone(), ImageOwner::AppRunner { arn: arn.clone() })).await);
            checks
        }
        Service::Ecs { cluster, service, .. } => {
            let status = EcsFeed::new(cloud.clone(), cluster, service).poll().await;
            let mut checks = vec![service_status(&status)];
            checks.extend(Box::pin(ecs_permissions(cloud, cluster, service)).await);
            checks.extend(metrics_checks(CloudWatchFeed::ecs(cloud.clone(), cluster, service, grain)).await);
            let owner = ImageOwner::Ecs { cluster: cluster.clone(), service: service.clone() };
            checks.push(image(EcrFeed::new(cloud.clone(), owner)).await);
            checks
        }
    }
}

async fn ecs_permissions(cloud: &Cloud, cluster: &str, service: &str) -> Vec<Check> {
    let resource = format!("service/{cluster}/{service}");
    let tasks = async {
        let listed = cloud.ecs.list_tasks().cluster(cluster).service_name(service).send().await;
        let arns = listed.map_err(|error| cloud.error(Api::ECS_LIST_TASKS, &error))?.task_arns.unwrap_or_default();
        if arns.is_empty() {
            return Ok(());
        }
        let asked = cloud
            .ecs
            .describe_tasks()
            .cluster(cluster)
            .set_tasks(Some(arns.into_iter().take(1).collect()))
            .send()
            .await;
        asked.map(drop).map_err(|error| cloud.error(Api::ECS_TASKS, &error))
    };
    let targets = async {
        let ask = cloud.scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        let asked = ask.resource_ids(&resource).send().await;
        asked.map(drop).map_err(|error| cloud.error(Api::SCALING_TARGETS, &error))
    };
    let policies = async {
        let ask = cloud.scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs);
        let asked = ask.resource_id(&resource).send().await;
        asked.map(drop).map_err(|error| cloud.error(Api::SCALING_POLICIES, &error))
    };
    let activities = async {
        let ask = cloud.scaling.describe_scaling_activities().service_namespace(ServiceNamespace::Ecs);
        let asked = ask.resource_id(&resource).max_results(1).send().await;
        asked.map(drop).map_err(|error| cloud.error(Api::SCALING_ACTIVITIES, &error))
    };
    let alarms = async {
        let asked = cloud.cloudwatch.describe_alarms().max_records(1).send().await;
        asked.map(drop).map_err(|error| cloud.error(Api::ALARMS, &error))
    };
    vec![
        permission(Api::ECS_TASKS, tasks).await,
        permission(Api::SCALING_TARGETS, targets).await,
        permission(Api::SCALING_POLICIES, policies).await,
        permission(Api::SCALING_ACTIVITIES, activities).await,
        permission(Api::ALARMS, alarms).await,
    ]
}

async fn permission(api: Api, asked: impl Future<Output = Result<(), SourceError>>) -> Check {
    let name = format!("permission {}", api.permission);
    match asked.await {
        Ok(()) => Check::ok(name, format!("{} {} answers", api.service, api.operation)),
        // The screen lives without it: what it told is missing.
        Err(error) => Check::warning(name, error.message, error.remedy),
    }
}

fn fact(report: &Report, name: &str) -> Option<String> {
    report.events.iter().find_map(|event| match event {
        SessionEvent::Fact(fact) if fact.name == name => Some(fact.value.clone()),
        _ => None,
    })
}

fn service_status(report: &Report) -> Check {
    match (&report.problem, fact(report, "status")) {
        // Without a status the service itself could not be asked; with one, something about it is amiss.
        (Some(problem), None) => Check::failed("service", problem.clone()),
        (Some(problem), Some(_)) => Check::warning("service", problem.message.clone(), problem.remedy.clone()),
        (None, status) => Check::ok("service", status.unwrap_or_else(|| "answers".to_owned())),
    }
}

fn limits(report: &Report) -> Check {
    let name = format!("permission {}", Api::APP_RUNNER_SCALING.permission);
    let found = report.events.iter().find_map(|event| match event {
        SessionEvent::Limits(limits) => Some(*limits),
        _ => None,
    });
    let count = |count: Option<u32>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    match (found, &report.problem) {
        (Some(limits), _) => Check::ok(
            name,
            format!("min {}, max {}, concurrency {}", count(limits.min), count(limits.max), count(limits.concurrency)),
        ),
        (None, Some(problem)) => Check::warning(name, problem.message.clone(), problem.remedy.clone()),
        (None, None) => Check::warning(name, "the service names no scaling configuration", "attach one (make infra)"),
    }
}

async fn metrics_checks(mut feed: CloudWatchFeed) -> Vec<Check> {
    let report = feed.poll().await;
    let interval = feed.interval();
    let name = format!("permission {}", Api::METRICS.permission);
    let answers = match report.problem {
        Some(problem) => Check::warning(name, problem.message, problem.remedy),
        None => Check::ok(name, "CloudWatch GetMetricData answers"),
    };
    let dollars = dollars_per_hour(feed.metrics(), interval);
    let price = format!(
        "{} metrics every {} s: ${dollars:.4} an hour while a session runs (GetMetricData, $0.01 per 1,000)",
        feed.metrics(),
        interval.as_secs()
    );
    vec![answers, Check::ok("price of polling", price)]
}

async fn image(mut feed: EcrFeed) -> Check {
    let report = feed.poll().await;
    let name = "image in ECR";
    let image = fact(&report, "image");
    match (&report.problem, image) {
        (Some(problem), _) => Check::warning(name, problem.message.clone(), problem.remedy.clone()),
        (None, None) => Check::ok(name, "no task runs yet to tell its image"),
        (None, Some(image)) => {
            let newer = fact(&report, "image_newer").unwrap_or_default();
            let pushed = fact(&report, "image_pushed").map_or_else(String::new, |at| format!(", pushed {at}"));
            match newer.as_str() {
                "none" => Check::ok(name, format!("{image}{pushed}, the newest")),
                newer if newer.starts_with("unknown") => Check::ok(name, format!("{image} ({newer})")),
                newer => Check::warning(
                    name,
                    format!("{image}{pushed}; {newer}"),
                    "deploy it, or know that the older is measured",
                ),
            }
        }
    }
}

/// The interval and price for the header or the README: what [`check`] prints.
pub fn price_per_hour(metrics: usize, grain: Duration) -> f64 {
    dollars_per_hour(metrics, poll_interval(grain))
}
