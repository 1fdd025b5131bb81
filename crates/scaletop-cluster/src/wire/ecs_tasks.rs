//! ECS' operations on tasks that somebody runs by hand: `RunTask`, `StopTask` and the task definitions that they are made of. Nothing
//! is started: such a task says of itself what a Fargate task would, by the time that has passed.
//!
//! Shapes and limits: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html>, `API_StopTask`,
//! `API_RegisterTaskDefinition`, `API_DescribeTaskDefinition`, `API_DeregisterTaskDefinition`.

use serde_json::{Value as Json, json};

use super::app_runner::operation_id;
use super::ecs::INVALID;
use super::input::Input;
use super::protocol::WireError;
use super::state::{CloudSnapshot, Overrides, PlacedTask, TaskDefinition};
use super::value::{Value, list, map};

/// A task that was run is `PENDING` after this many seconds, and `RUNNING` after as many more.
const STEP_SECS: f64 = 0.5;

/// The most tasks of one `RunTask`.
const MOST_AT_ONCE: u32 = 10;

/// The most characters of the overrides of one `RunTask`, as JSON.
const MOST_OVERRIDES: usize = 8_192;

/// The most characters of a client's token.
const MOST_TOKEN: usize = 64;

/// What Fargate says where it has no room.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html>
const NO_ROOM: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

/// Answers `operation`; `None` when it is another's.
pub(super) fn answer(
    operation: &str,
    members: &Json,
    cloud: &CloudSnapshot,
    overrides: &mut Overrides,
) -> Option<Result<Value, WireError>> {
    let input = Input::new(members, INVALID);
    Some(match operation {
        "RunTask" => run(input, members, cloud, overrides),
        "StopTask" => stop(input, cloud, overrides),
        "RegisterTaskDefinition" => register(input, members, cloud, overrides),
        "DescribeTaskDefinition" => described(input, overrides, false),
        "DeregisterTaskDefinition" => described(input, overrides, true),
        _ => return None,
    })
}

impl PlacedTask {
    /// Where it is in its life. Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
    fn last_status(&self, now: f64) -> &'static str {
        match (self.stopped.is_some(), now - self.created) {
            (true, _) => "STOPPED",
            (_, age) if age < STEP_SECS => "PROVISIONING",
            (_, age) if age < 2.0 * STEP_SECS => "PENDING",
            _ => "RUNNING",
        }
    }

    pub(super) fn describe(&self, cloud: &CloudSnapshot) -> Value {
        let status = self.last_status(cloud.now);
        let tags =
            self.tags.iter().map(|(key, value)| map([("key", key.as_str().into()), ("value", value.as_str().into())]));
        let container = map([
            ("name", self.container.as_str().into()),
            ("lastStatus", status.into()),
            ("healthStatus", "UNKNOWN".into()),
        ]);
        map([
            ("taskArn", cloud.task_arn(&self.id).into()),
            ("clusterArn", cloud.cluster_arn().into()),
            ("taskDefinitionArn", self.definition.as_str().into()),
            ("startedBy", self.started_by.as_str().into()),
            ("group", self.group.as_str().into()),
            ("launchType", "FARGATE".into()),
            ("lastStatus", status.into()),
            ("desiredStatus", if self.stopped.is_some() { "STOPPED" } else { "RUNNING" }.into()),
            ("healthStatus", "UNKNOWN".into()),
            ("createdAt", Value::Time(self.created)),
            ("containers", list([container])),
            ("overrides", Value::Json(self.overrides.clone())),
            ("tags", list(tags)),
        ])
        .with("startedAt", (status == "RUNNING").then_some(Value::Time(self.created + 2.0 * STEP_SECS)))
        .with("stoppedAt", self.stopped.as_ref().map(|(at, _)| Value::Time(*at)))
        .with("stopCode", self.stopped.as_ref().map(|_| Value::from("UserInitiated")))
        .with("stoppedReason", self.stopped.as_ref().map(|(_, why)| Value::from(why.as_str())))
    }
}

fn run(input: Input<'_>, members: &Json, cloud: &CloudSnapshot, overrides: &mut Overrides) -> Result<Value, WireError> {
    super::ecs::check_cluster(input, cloud)?;
    let count = input.number("count")?.unwrap_or(1);
    if !(1..=MOST_AT_ONCE).contains(&count) {
        return Err(input.error(format!("count should be between 1 and {MOST_AT_ONCE}")));
    }
    let definition = find(overrides, input.required_text("taskDefinition")?)?;
    let (arn, family, container) = (definition.arn.clone(), definition.family.clone(), definition.first_container());
    let vpc = input.structure("networkConfiguration").and_then(|network| network.structure("awsvpcConfiguration"));
    let subnets = vpc.map(|vpc| vpc.texts("subnets")).transpose()?.unwrap_or_default();
    if subnets.is_empty() {
        return Err(input.error("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    }
    let changed = members.get("overrides").cloned().unwrap_or_else(|| json!({}));
    if changed.to_string().len() > MOST_OVERRIDES {
        return Err(input.error(format!("Overrides cannot have more than {MOST_OVERRIDES} characters.")));
    }
    let token = input.text("clientToken")?.unwrap_or_default();
    if token.len() > MOST_TOKEN || !token.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Err(input.error("clientToken must have at most 64 printable characters."));
    }
    // The same request again is answered as it was, and starts nothing.
    let before: Vec<Value> = overrides
        .placed
        .iter()
        .filter(|task| !token.is_empty() && task.token == token)
        .map(|task| task.describe(cloud))
        .collect();
    if !before.is_empty() {
        return Ok(map([("tasks", Value::List(before)), ("failures", list([]))]));
    }
    let started_by = input.text("startedBy")?.unwrap_or_default();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_');
    if started_by.len() > 128 || !started_by.chars().all(is_allowed) {
        return Err(input.error("startedBy has characters that are not allowed, or more than 128."));
    }
    let tags = input
        .structures("tags")?
        .into_iter()
        .map(|tag| Ok((tag.required_text("key")?.to_owned(), tag.text("value")?.unwrap_or_default().to_owned())));
    let tags: Vec<(String, String)> = tags.collect::<Result<_, WireError>>()?;
    let mut tasks = Vec::new();
    let mut failures = Vec::new();
    for _ in 0..count {
        let number = overrides.placed.len();
        if overrides.room.is_some_and(|room| number >= room) {
            failures.push(map([("reason", NO_ROOM.into())]));
            continue;
        }
        let task = PlacedTask {
            id: operation_id(&format!("placed-{number}-{}", cloud.now)).replace('-', ""),
            definition: arn.clone(),
            container: container.clone(),
            group: format!("family:{family}"),
            started_by: started_by.to_owned(),
            token: token.to_owned(),
            tags: tags.clone(),
            overrides: changed.clone(),
            network: members.get("networkConfiguration").cloned().unwrap_or_default(),
            created: cloud.now,
            stopped: None,
        };
        tasks.push(task.describe(cloud));
        overrides.placed.push(task);
    }
    Ok(map([("tasks", Value::List(tasks)), ("failures", Value::List(failures))]))
}

fn stop(input: Input<'_>, cloud: &CloudSnapshot, overrides: &mut Overrides) -> Result<Value, WireError> {
    super::ecs::check_cluster(input, cloud)?;
    let given = input.required_text("task")?;
    let id = given.rsplit('/').next().unwrap_or(given);
    let task = overrides.placed.iter_mut().find(|task| task.id == id);
    let task = task.ok_or_else(|| input.error("The referenced task was not found."))?;
    let reason = input.text("reason")?.unwrap_or("Task stopped by user");
    if task.stopped.is_none() {
        task.stopped = Some((cloud.now, reason.to_owned()));
    }
    Ok(map([("task", task.describe(cloud))]))
}

fn register(
    input: Input<'_>,
    members: &Json,
    cloud: &CloudSnapshot,
    overrides: &mut Overrides,
) -> Result<Value, WireError> {
    let family = input.required_text("family")?.to_owned();
    if input.structures("containerDefinitions")?.is_empty() {
        return Err(input.error("Container list cannot be empty."));
    }
    let revision = overrides.definitions.iter().filter(|one| one.family == family).count() + 1;
    let arn = cloud.cluster_arn().replace("cluster/default", &format!("task-definition/{family}:{revision}"));
    let mut document = members.clone();
    if let Some(document) = document.as_object_mut() {
        document.remove("tags");
    }
    let definition = TaskDefinition { arn, family, revision, document, is_active: true };
    let told = definition.describe();
    overrides.definitions.push(definition);
    Ok(map([("taskDefinition", told)]))
}

fn described(input: Input<'_>, overrides: &mut Overrides, is_last: bool) -> Result<Value, WireError> {
    let given = input.required_text("taskDefinition")?;
    if is_last && !given.contains(':') {
        return Err(input.error("The revision must be specified."));
    }
    let definition = find(overrides, given)?;
    definition.is_active &= !is_last;
    Ok(map([("taskDefinition", definition.describe())]))
}

/// By `family` (its newest that is active), `family:revision` or ARN.
fn find<'a>(overrides: &'a mut Overrides, given: &str) -> Result<&'a mut TaskDefinition, WireError> {
    let is_meant = |one: &TaskDefinition| {
        one.arn == given
            || (one.family == given && one.is_active)
            || format!("{}:{}", one.family, one.revision) == given
    };
    let found = overrides.definitions.iter_mut().rev().find(|one| is_meant(one));
    found.ok_or_else(|| WireError::client("ClientException", "Unable to describe task definition."))
}

impl TaskDefinition {
    fn first_container(&self) -> String {
        let name = self.document["containerDefinitions"][0]["name"].as_str();
        name.unwrap_or_default().to_owned()
    }

    fn describe(&self) -> Value {
        let mut document = self.document.clone();
        document["taskDefinitionArn"] = json!(self.arn);
        document["revision"] = json!(self.revision);
        document["status"] = json!(if self.is_active { "ACTIVE" } else { "INACTIVE" });
        Value::Json(document)
    }
}
