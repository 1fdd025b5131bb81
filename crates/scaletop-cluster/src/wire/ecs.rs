//! ECS' operations, awsJson 1.1: one Express service on the default cluster.

use super::app_runner::operation_id;
use super::ecs_tasks;
use super::input::{Input, page};
use super::protocol::WireError;
use super::state::{CloudSnapshot, DeploymentView, ECS_CLUSTER, Overrides, PORT, Task, digest_of};
use super::value::{Value, list, map};
use crate::balancer::HEALTH_PATH;

pub(super) const INVALID: &str = "InvalidParameterException";
/// What the tokens of `ListTasks` begin with.
const TASKS_TOKEN: &str = "tasks-";
/// Stopped tasks are described this long; in the cloud it is an hour at least.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
const STOPPED_TASKS_KEPT: f64 = 3_600.0;

/// Answers `operation`.
pub(crate) fn answer(
    operation: &str,
    input: &serde_json::Value,
    cloud: &CloudSnapshot,
    overrides: &mut Overrides,
) -> Option<Result<Value, WireError>> {
    let members = input;
    let input = Input::new(input, INVALID);
    Some(match operation {
        "DescribeClusters" => describe_clusters(input, cloud),
        "ListServices" => list_services(input, cloud),
        "DescribeServices" => describe_services(input, cloud, overrides),
        "ListTasks" => list_tasks(input, cloud, overrides),
        "DescribeTasks" => describe_tasks(input, cloud, overrides),
        "DescribeExpressGatewayService" => describe_express(input, cloud),
        _ => return ecs_tasks::answer(operation, members, cloud, overrides),
    })
}

fn is_our_cluster(cloud: &CloudSnapshot, given: &str) -> bool {
    given == ECS_CLUSTER || given == cloud.cluster_arn()
}

/// An operation without a cluster means the default one.
pub(super) fn check_cluster(input: Input<'_>, cloud: &CloudSnapshot) -> Result<(), WireError> {
    match input.text("cluster")? {
        Some(given) if !is_our_cluster(cloud, given) => {
            Err(WireError::client("ClusterNotFoundException", "Cluster not found."))
        }
        _ => Ok(()),
    }
}

fn missing(arn: String) -> Value {
    map([("arn", arn.into()), ("reason", "MISSING".into())])
}

fn describe_clusters(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let mut named = input.texts("clusters")?;
    if named.is_empty() {
        named.push(ECS_CLUSTER);
    }
    let (found, absent): (Vec<&str>, Vec<&str>) = named.into_iter().partition(|name| is_our_cluster(cloud, name));
    let clusters = found.iter().map(|_| {
        map([
            ("clusterArn", cloud.cluster_arn().into()),
            ("clusterName", ECS_CLUSTER.into()),
            ("status", "ACTIVE".into()),
            ("runningTasksCount", cloud.running.into()),
            ("pendingTasksCount", cloud.pending.into()),
            ("activeServicesCount", 1_u32.into()),
        ])
    });
    let arn = |name: &&str| missing(cloud.cluster_arn().replace(&format!("/{ECS_CLUSTER}"), &format!("/{name}")));
    Ok(map([("clusters", list(clusters)), ("failures", list(absent.iter().map(arn)))]))
}

fn list_services(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    check_cluster(input, cloud)?;
    let is_wanted = input.text("resourceManagementType")?.is_none_or(|kind| kind == "ECS");
    let arns: Vec<String> =
        cloud.service_names().into_iter().filter(|_| is_wanted).map(|name| cloud.ecs_arn(name)).collect();
    let size = input.page_size("maxResults", 1, 100, 10)?;
    let (arns, next) = page(&arns, input.text("nextToken")?, size, INVALID)?;
    Ok(map([("serviceArns", list(arns.iter().map(|arn| arn.as_str().into())))]).with("nextToken", next))
}

fn service_named<'a>(cloud: &'a CloudSnapshot, given: &str) -> Option<&'a str> {
    cloud.service_names().into_iter().find(|name| *name == given || cloud.ecs_arn(name) == given)
}

fn describe_services(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    check_cluster(input, cloud)?;
    let named = input.texts("services")?;
    if named.is_empty() {
        return Err(input.error("Services cannot be empty."));
    }
    if named.len() > 10 {
        return Err(input.error("Services cannot have more than 10 elements."));
    }
    let mut services = Vec::new();
    let mut failures = Vec::new();
    for given in named {
        match service_named(cloud, given) {
            Some(name) => services.push(service(cloud, name, overrides)),
            None if given.starts_with("arn:") => failures.push(missing(given.to_owned())),
            None => failures.push(missing(cloud.ecs_arn(given))),
        }
    }
    Ok(map([("services", Value::List(services)), ("failures", Value::List(failures))]))
}

fn service(cloud: &CloudSnapshot, name: &str, overrides: &Overrides) -> Value {
    let counts = if name == cloud.name { (cloud.desired, cloud.running, cloud.pending) } else { (1, 1, 0) };
    let (desired, running, pending) = counts;
    let status = overrides.status.as_deref().filter(|_| name == cloud.name).unwrap_or("ACTIVE");
    let is_ours = name == cloud.name;
    // The newest first, as PRIMARY; older ones for as long as they have tasks.
    let deployments: Vec<Value> = if is_ours {
        let newest = cloud.revision();
        let is_ordered = !overrides.operations.is_empty();
        cloud.deployments.iter().rev().map(|one| deployment(one, one.revision == newest, is_ordered)).collect()
    } else {
        let alone = DeploymentView {
            revision: 1,
            tag: String::new(),
            created: cloud.created,
            completed: Some(cloud.created),
            counts,
        };
        vec![deployment(&alone, true, false)]
    };
    let decided = cloud.activities.iter().filter_map(|activity| {
        let to = activity.to?;
        Some((activity.at, format!("(service {name}) has set its desired count to {to}.")))
    });
    let mut events: Vec<(f64, String)> = cloud.events.iter().filter(|_| is_ours).cloned().chain(decided).collect();
    events.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let events = events.into_iter().map(|(at, message)| {
        map([
            ("id", operation_id(&format!("event-{at}-{message}")).into()),
            ("createdAt", Value::Time(at)),
            ("message", message.into()),
        ])
    });
    map([
        ("serviceArn", cloud.ecs_arn(name).into()),
        ("serviceName", name.into()),
        ("clusterArn", cloud.cluster_arn().into()),
        ("status", status.into()),
        ("desiredCount", desired.into()),
        ("runningCount", running.into()),
        ("pendingCount", pending.into()),
        ("launchType", "FARGATE".into()),
        ("taskDefinition", task_definition(cloud, cloud.revision()).into()),
        ("deployments", Value::List(deployments)),
        ("events", list(events.take(100))),
        ("createdAt", Value::Time(cloud.created)),
        ("resourceManagementType", "ECS".into()),
    ])
}

fn deployment(one: &DeploymentView, is_newest: bool, is_ordered: bool) -> Value {
    let (desired, running, pending) = one.counts;
    let (id, is_done) =
        (CloudSnapshot::deployment_id(one.revision), one.completed.is_some() && !(is_newest && is_ordered));
    let said = if is_done { "completed" } else { "in progress" };
    map([
        ("id", id.as_str().into()),
        ("status", if is_newest { "PRIMARY" } else { "ACTIVE" }.into()),
        ("desiredCount", desired.into()),
        ("runningCount", running.into()),
        ("pendingCount", pending.into()),
        ("failedTasks", 0_u32.into()),
        ("createdAt", Value::Time(one.created)),
        ("updatedAt", Value::Time(one.completed.unwrap_or(one.created))),
        ("rolloutState", if is_done { "COMPLETED" } else { "IN_PROGRESS" }.into()),
        ("rolloutStateReason", format!("ECS deployment {id} {said}.").into()),
    ])
}

fn task_definition(cloud: &CloudSnapshot, revision: u32) -> String {
    let name = format!("task-definition/{}:{revision}", cloud.name);
    cloud.cluster_arn().replace(&format!("cluster/{ECS_CLUSTER}"), &name)
}

fn is_kept(cloud: &CloudSnapshot, task: &Task) -> bool {
    task.stopped.is_none_or(|at| cloud.now - at < STOPPED_TASKS_KEPT)
}

fn list_tasks(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    check_cluster(input, cloud)?;
    if let Some(given) = input.text("serviceName")? {
        let name = service_named(cloud, given)
            .ok_or_else(|| WireError::client("ServiceNotFoundException", "Service not found."))?;
        if name != cloud.name {
            return Ok(map([("taskArns", list([]))]));
        }
    }
    // Without a wish, the tasks that are meant to run.
    let wants_stopped = match input.text("desiredStatus")?.unwrap_or("RUNNING") {
        "RUNNING" => false,
        "STOPPED" => true,
        "PENDING" => return Ok(map([("taskArns", list([]))])),
        other => return Err(input.error(format!("desiredStatus {other} is none of RUNNING, PENDING, STOPPED"))),
    };
    let of_service = cloud
        .tasks
        .iter()
        .filter(|task| task.is_meant_to_run() != wants_stopped && is_kept(cloud, task))
        .map(|task| (cloud.task_arn(&task.id), CloudSnapshot::deployment_id(task.revision)));
    let placed = overrides
        .placed
        .iter()
        .filter(|task| task.stopped.is_some() == wants_stopped)
        .map(|task| (cloud.task_arn(&task.id), task.started_by.clone()));
    let is_of_service = input.text("serviceName")?.is_some();
    let started_by = input.text("startedBy")?;
    if is_of_service && started_by.is_some() {
        return Err(input.error("startedBy cannot be combined with another filter."));
    }
    let arns: Vec<String> = of_service
        .chain(placed.filter(|_| !is_of_service))
        .filter(|(_, by)| started_by.is_none_or(|wanted| by == wanted))
        .map(|(arn, _)| arn)
        .collect();
    let size = input.page_size("maxResults", 1, 100, 100)?;
    // A token that is none of ours comes from a stand-in before us that has answered pages of its own: ours begin then.
    let ours = input.text("nextToken")?.and_then(|token| token.strip_prefix(TASKS_TOKEN));
    let (arns, next) = page(&arns, ours, size, INVALID)?;
    let next = next.map(|next| format!("{TASKS_TOKEN}{next}"));
    Ok(map([("taskArns", list(arns.iter().map(|arn| arn.as_str().into())))]).with("nextToken", next))
}

fn describe_tasks(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    check_cluster(input, cloud)?;
    let named = input.texts("tasks")?;
    if named.is_empty() || named.len() > 100 {
        return Err(input.error("Tasks must have between 1 and 100 elements."));
    }
    let mut tasks = Vec::new();
    let mut failures = Vec::new();
    for given in named {
        let id = given.rsplit('/').next().unwrap_or(given);
        let placed = overrides.placed.iter().find(|task| task.id == id);
        match (cloud.tasks.iter().find(|task| task.id == id && is_kept(cloud, task)), placed) {
            (Some(task), _) => tasks.push(describe_task(cloud, task)),
            (None, Some(task)) => tasks.push(task.describe(cloud)),
            (None, None) => failures.push(missing(cloud.task_arn(id))),
        }
    }
    Ok(map([("tasks", Value::List(tasks)), ("failures", Value::List(failures))]))
}

/// Health is UNKNOWN without a health check of the task definition's own; the target group's checks do not count here.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html> (`healthStatus`)
fn describe_task(cloud: &CloudSnapshot, task: &Task) -> Value {
    let is_checked = cloud.has_container_check && task.healthy.is_some();
    let (last_status, health) = (task.last_status(), if is_checked { "HEALTHY" } else { "UNKNOWN" });
    let container_status = match last_status {
        "RUNNING" | "DEACTIVATING" | "STOPPING" => "RUNNING",
        "DEPROVISIONING" | "STOPPED" => "STOPPED",
        _ => "PENDING",
    };
    let container = map([
        ("name", "Main".into()),
        ("image", cloud.image_of(task.revision).into()),
        ("imageDigest", digest_of(cloud.tag_of(task.revision)).into()),
        ("lastStatus", container_status.into()),
        ("healthStatus", health.into()),
    ])
    .with("exitCode", task.stop.as_ref().and_then(|stop| stop.exit_code).map(|code| Value::Int(code.into())));
    map([
        ("taskArn", cloud.task_arn(&task.id).into()),
        ("clusterArn", cloud.cluster_arn().into()),
        ("taskDefinitionArn", task_definition(cloud, task.revision).into()),
        ("startedBy", CloudSnapshot::deployment_id(task.revision).into()),
        ("group", format!("service:{}", cloud.name).into()),
        ("launchType", "FARGATE".into()),
        ("lastStatus", last_status.into()),
        ("desiredStatus", if task.is_meant_to_run() { "RUNNING" } else { "STOPPED" }.into()),
        ("healthStatus", health.into()),
        ("createdAt", Value::Time(task.created)),
        ("containers", list([container])),
    ])
    .with("pullStartedAt", task.pull_began.map(Value::Time))
    .with("pullStoppedAt", task.pull_ended.map(Value::Time))
    .with("startedAt", task.started.map(Value::Time))
    .with("stoppingAt", task.stopping.map(Value::Time))
    .with("executionStoppedAt", task.execution_stopped.map(Value::Time))
    .with("stoppedAt", task.stopped.map(Value::Time))
    .with("stopCode", task.stop.as_ref().map(|stop| Value::from(stop.code)))
    .with("stoppedReason", task.stop.as_ref().map(|stop| Value::from(stop.reason.as_str())))
}

fn describe_express(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let arn = input.required_text("serviceArn")?;
    if arn != cloud.ecs_arn(&cloud.name) {
        return Err(WireError::client("ResourceNotFoundException", "Express gateway service not found."));
    }
    let role = |name: &str| Value::from(format!("arn:aws:iam::{}:role/{name}", super::state::ACCOUNT));
    let container = map([("image", cloud.image().into()), ("containerPort", PORT.into())]);
    #[expect(clippy::cast_possible_truncation, reason = "a percentage")]
    let target = cloud.cpu_target as i64;
    let scaling = map([
        ("minTaskCount", cloud.min.into()),
        ("maxTaskCount", cloud.max.into()),
        ("autoScalingMetric", "AVERAGE_CPU".into()),
        ("autoScalingTargetValue", Value::Int(target)),
    ]);
    let ingress = map([("accessType", "PUBLIC".into()), ("endpoint", cloud.authority.as_str().into())]);
    let configuration = map([
        ("executionRoleArn", role("demo-execution")),
        ("cpu", "256".into()),
        ("memory", "512".into()),
        ("healthCheckPath", HEALTH_PATH.into()),
        ("primaryContainer", container),
        ("scalingTarget", scaling),
        ("ingressPaths", list([ingress])),
        ("createdAt", Value::Time(cloud.created)),
    ]);
    Ok(map([(
        "service",
        map([
            ("cluster", ECS_CLUSTER.into()),
            ("serviceName", cloud.name.as_str().into()),
            ("serviceArn", arn.into()),
            ("infrastructureRoleArn", role("demo-infrastructure")),
            ("status", map([("statusCode", "ACTIVE".into())])),
            ("activeConfigurations", list([configuration])),
            ("createdAt", Value::Time(cloud.created)),
            ("updatedAt", Value::Time(cloud.created)),
        ]),
    )]))
}
