//! What must be asked of the cloud: region, credentials, clock, the service, each permission, the image, the cost.
//!
//! Every call that a source will make is tried once, so that what is missing is known before a session needs it.

use std::future::Future;
use std::time::Duration;

use aws_sdk_applicationautoscaling::types::ServiceNamespace;
use url::Url;

use super::Check;
use crate::cloud::sources::{
    AppRunnerFeed, CloudWatchFeed, DeployedImage, EcrFeed, EcsFeed, EcsScalingFeed, EcsTasksFeed, ImageOwner,
    NewerImage, PollReport, PolledFeed, PollingCost, target_groups, time_text,
};
use crate::cloud::{Api, Cloud, CloudOptions, ResolveError, Resolved, WatchedService, resolve};
use crate::instances::{SourceError, SourceErrorKind};
use crate::polling::Condition;
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
    let asks_cloud = target.filter(|target| target.needs_cloud() || matches!(target, Target::Terraform(_)));
    let resolved = match asks_cloud {
        Some(target) => Some(resolve(target, url, options, clock).await),
        None => None,
    };
    // Terraform's outputs may have said region and profile.
    let cloud = if let Some(Ok(Resolved { cloud: Some(cloud), .. })) = &resolved {
        cloud.clone()
    } else {
        let region = target.and_then(Target::region).map(str::to_owned).or_else(|| options.region.clone());
        Cloud::connect(&CloudOptions { region, ..options.clone() }, clock).await
    };
    // What Terraform has made may be no more than a URL.
    let is_needed = match &resolved {
        Some(Ok(resolved)) => resolved.service.is_some(),
        Some(Err(_)) => true,
        None => false,
    };
    checks.push(region(&cloud, is_needed));
    checks.extend(proxy(&cloud));
    checks.push(credentials(&cloud, is_needed).await);
    let (Some(target), Some(resolved)) = (target, resolved) else {
        return Findings { checks, resolved: None };
    };
    let resolved = match resolved {
        Ok(resolved) => resolved,
        Err(error) => {
            checks.push(Check::failure("target", error.to_string(), remedy_of(&error)));
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

/// What the reason itself does not say.
const fn remedy_of(error: &ResolveError) -> &'static str {
    match error {
        ResolveError::NoTerraform { .. } | ResolveError::Terraform { .. } | ResolveError::Outputs(_) => {
            "try `terraform output -json` in that folder by hand"
        }
        _ => "see the reason; `scaletop doctor --policy` prints what the role needs",
    }
}

fn region(cloud: &Cloud, is_needed: bool) -> Check {
    let remedy = "name it with --region, AWS_REGION or `aws configure set region REGION`";
    match (cloud.region(), is_needed) {
        (Some(region), _) => Check::ok("region", region),
        (None, true) => Check::failure("region", "none is set", remedy),
        (None, false) => Check::warning("region", "none is set (needed for AWS targets only)", remedy),
    }
}

/// Nothing where no proxy is named.
fn proxy(cloud: &Cloud) -> Option<Check> {
    match cloud.proxy() {
        Ok(None) => None,
        Ok(Some(proxy)) => {
            Some(Check::ok("proxy", format!("AWS calls go through {proxy}, but for NO_PROXY; load goes directly")))
        }
        Err(bad) => Some(Check::warning(
            "proxy",
            format!("{bad}; AWS calls go directly"),
            "name a proxy by http:// or https://, or unset the variable",
        )),
    }
}

async fn credentials(cloud: &Cloud, is_needed: bool) -> Check {
    match cloud.credentials().await {
        // The key's id is no secret; its end is enough to tell which it is.
        Ok((id, source)) => {
            let tail: String = id.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
            Check::ok("credentials", format!("access key …{tail} from {source}"))
        }
        Err(error) if is_needed => failed("credentials", error),
        Err(error) => {
            Check::warning("credentials", format!("{} (needed for AWS targets only)", error.message), error.remedy)
        }
    }
}

fn failed(name: &str, error: SourceError) -> Check {
    Check::failure(name, error.message, error.remedy)
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

async fn service_checks(service: &WatchedService, cloud: &Cloud, grain: Duration) -> Vec<Check> {
    let mut checks = match service {
        WatchedService::AppRunner { arn, .. } => app_runner_checks(cloud, arn).await,
        WatchedService::Ecs { cluster, service, .. } => {
            let status = EcsFeed::new(cloud.clone(), cluster, service).poll().await;
            let mut checks = vec![service_status(&status)];
            checks.extend(standing(&status));
            let tasks = EcsTasksFeed::new(cloud.clone(), cluster, service).poll().await;
            checks.extend(standing(&tasks));
            let scaling = EcsScalingFeed::new(cloud.clone(), cluster, service).poll().await;
            checks.extend(ecs_scaling(&scaling));
            checks.extend(Box::pin(ecs_permissions(cloud, cluster, service)).await);
            checks.extend(Box::pin(target_health(cloud, cluster, service)).await);
            checks
        }
    };
    let mut metrics = CloudWatchFeed::new(cloud.clone(), service, grain);
    checks.push(metrics_permission(&metrics.poll().await));
    checks.push(cost_of_watching(metrics.cost(), cloud.is_at_home()));
    let (found, problem) = EcrFeed::new(cloud.clone(), ImageOwner::from(service)).look().await;
    checks.push(image(found, problem));
    checks
}

async fn app_runner_checks(cloud: &Cloud, arn: &str) -> Vec<Check> {
    let status = AppRunnerFeed::new(cloud.clone(), arn).poll().await;
    let operations = async {
        let asked = cloud.app_runner.list_operations().service_arn(arn).max_results(1).send().await;
        asked.map(drop).map_err(|error| cloud.error(Api::APP_RUNNER_OPERATIONS, &error))
    };
    let mut checks = vec![service_status(&status)];
    checks.extend(standing(&status));
    checks.extend([permission(Api::APP_RUNNER_OPERATIONS, operations).await, limits(&status)]);
    checks
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

/// Whether the load balancer's word on the tasks can be had: the session lives without. Nothing where no load balancer is.
async fn target_health(cloud: &Cloud, cluster: &str, service: &str) -> Option<Check> {
    match target_groups(cloud, cluster, service).await {
        Ok(groups) => {
            let group = groups.into_iter().next()?;
            let asked = async { cloud.target_health(&group).await.map(drop) };
            Some(permission(Api::TARGET_HEALTH, asked).await)
        }
        // An endpoint that does not know the operation has no load balancer to ask.
        Err(problem) if problem.kind == SourceErrorKind::Unavailable => None,
        Err(problem) => Some(Check::warning("load balancer", problem.message, problem.remedy)),
    }
}

async fn permission(api: Api, asked: impl Future<Output = Result<(), SourceError>>) -> Check {
    let name = format!("permission {}", api.permission);
    match asked.await {
        Ok(()) => Check::ok(name, format!("{} {} answers", api.service, api.operation)),
        // The screen lives without it: what it told is missing.
        Err(error) => Check::warning(name, error.message, error.remedy),
    }
}

fn service_status(report: &PollReport) -> Check {
    match (&report.problem, report.fact("status")) {
        // Without a status the service itself could not be asked; with one, something about it is amiss.
        (Some(problem), None) => failed("service", problem.clone()),
        // Paused, deleted, never created: nothing answers there.
        (Some(problem), Some(_)) if problem.kind == SourceErrorKind::NotFound => failed("service", problem.clone()),
        (Some(problem), Some(_)) => Check::warning("service", problem.message.clone(), problem.remedy.clone()),
        (None, status) => Check::ok("service", status.unwrap_or("answers")),
    }
}

/// What stands at the service: the same words that a session tells when it begins.
fn standing(report: &PollReport) -> impl Iterator<Item = Check> {
    report.standing.iter().map(|Condition { topic, text, remedy, .. }| Check::warning(*topic, text, remedy))
}

/// How it scales, and what keeps it from that.
fn ecs_scaling(report: &PollReport) -> Vec<Check> {
    let mut checks: Vec<Check> = standing(report).collect();
    if let (Some(limits), Some(policy)) = (report.limits(), report.fact("scaling_policy"))
        && checks.is_empty()
    {
        checks.push(Check::ok("scaling", format!("min {}, max {}; {policy}", count(limits.min), count(limits.max))));
    }
    checks
}

fn count(count: Option<u32>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

fn limits(report: &PollReport) -> Check {
    let name = format!("permission {}", Api::APP_RUNNER_SCALING.permission);
    match (report.limits(), &report.problem) {
        (Some(limits), _) => Check::ok(
            name,
            format!("min {}, max {}, concurrency {}", count(limits.min), count(limits.max), count(limits.concurrency)),
        ),
        (None, Some(problem)) => Check::warning(name, problem.message.clone(), problem.remedy.clone()),
        (None, None) => Check::warning(name, "the service names no scaling configuration", "attach one (make infra)"),
    }
}

fn metrics_permission(report: &PollReport) -> Check {
    let name = format!("permission {}", Api::METRICS.permission);
    match &report.problem {
        Some(problem) => Check::warning(name, problem.message.clone(), problem.remedy.clone()),
        None => Check::ok(name, "CloudWatch GetMetricData answers"),
    }
}

/// What a session costs while it runs, with the arithmetic; what stands in for the cloud on this machine asks no money.
fn cost_of_watching(cost: PollingCost, is_at_home: bool) -> Check {
    let (metrics, polls) = (cost.metrics, cost.polls_per_hour());
    let (every, dollars) = (cost.interval.as_secs(), cost.dollars_per_hour());
    let asks = if is_at_home { "nothing, the calls stay on this machine; in the cloud " } else { "" };
    Check::ok(
        "cost of watching",
        format!(
            "{asks}about ${dollars:.4} an hour while a session runs: GetMetricData for {metrics} metrics every {every} s, \
             {metrics} × {polls:.0} at $0.01 per 1,000; all other calls are free"
        ),
    )
}

fn image(found: Option<DeployedImage>, problem: Option<SourceError>) -> Check {
    let name = "image in ECR";
    if let Some(problem) = problem {
        return Check::warning(name, problem.message, problem.remedy);
    }
    let Some(DeployedImage { name: image, pushed, newer, .. }) = found else {
        return Check::ok(name, "no task runs yet to tell its image");
    };
    let pushed = pushed.map_or_else(String::new, |at| format!(", pushed {}", time_text(at)));
    match newer {
        None | Some(NewerImage::No) => Check::ok(name, format!("{image}{pushed}; nothing newer waits")),
        Some(unknown @ NewerImage::Unknown) => Check::ok(name, format!("{image} ({unknown})")),
        Some(other @ NewerImage::OtherPush { .. }) => Check::ok(name, format!("{image}{pushed}; {other}")),
        Some(waits @ NewerImage::Waits { .. }) => {
            Check::warning(name, format!("{image}{pushed}; {waits}"), "deploy it, or know that the older is measured")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_watching_is_that_of_the_metrics_that_are_asked_for_with_its_arithmetic() {
        for (metrics, secs, words) in [
            (9, 30, "about $0.0108 an hour while a session runs: GetMetricData for 9 metrics every 30 s, 9 × 120 at"),
            (2, 30, "about $0.0024 an hour while a session runs: GetMetricData for 2 metrics every 30 s, 2 × 120 at"),
            (9, 5, "about $0.0648 an hour while a session runs: GetMetricData for 9 metrics every 5 s, 9 × 720 at"),
        ] {
            let cost = PollingCost { metrics, interval: Duration::from_secs(secs) };
            let words = format!("{words} $0.01 per 1,000; all other calls are free");
            let said = cost_of_watching(cost, false).to_string();
            assert_eq!(said, format!("ok       cost of watching: {words}"));
            let said = cost_of_watching(cost, true).detail;
            assert_eq!(said, format!("nothing, the calls stay on this machine; in the cloud {words}"));
        }
    }
}
