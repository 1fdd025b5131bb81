//! App Runner's operations, awsJson 1.0.

use super::input::{Input, page};
use super::protocol::WireError;
use super::state::{CloudSnapshot, Operation, Overrides};
use super::value::{Value, list, map};

const INVALID: &str = "InvalidRequestException";

/// Answers `operation`.
pub(crate) fn answer(
    operation: &str,
    input: &serde_json::Value,
    cloud: &CloudSnapshot,
    overrides: &mut Overrides,
) -> Option<Result<Value, WireError>> {
    let input = Input::new(input, INVALID);
    Some(match operation {
        "ListServices" => list_services(input, cloud, overrides),
        "DescribeService" => describe_service(input, cloud, overrides),
        "DescribeAutoScalingConfiguration" => describe_scaling(input, cloud),
        "ListAutoScalingConfigurations" => list_scaling(input, cloud),
        "ListOperations" => list_operations(input, cloud, overrides),
        "PauseService" => change_status(input, cloud, overrides, ("PAUSE_SERVICE", "RUNNING", "PAUSED")),
        "ResumeService" => change_status(input, cloud, overrides, ("RESUME_SERVICE", "PAUSED", "RUNNING")),
        _ => return None,
    })
}

fn status<'a>(cloud: &CloudSnapshot, name: &str, overrides: &'a Overrides) -> &'a str {
    let is_busy = cloud.operations.iter().any(|operation| operation.ended.is_none());
    let own = if is_busy { "OPERATION_IN_PROGRESS" } else { "RUNNING" };
    if name == cloud.name { overrides.status.as_deref().unwrap_or(own) } else { "RUNNING" }
}

fn authority(cloud: &CloudSnapshot, name: &str) -> String {
    if name == cloud.name { cloud.authority.clone() } else { format!("{name}.{}.awsapprunner.com", cloud.region) }
}

fn list_services(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    let size = input.page_size("MaxResults", 1, 20, 20)?;
    let names = cloud.service_names();
    let (names, next) = page(&names, input.text("NextToken")?, size, INVALID)?;
    let summaries = names.iter().map(|name| {
        map([
            ("ServiceName", (*name).into()),
            ("ServiceId", CloudSnapshot::service_id(name).into()),
            ("ServiceArn", cloud.app_runner_arn(name).into()),
            ("ServiceUrl", authority(cloud, name).into()),
            ("CreatedAt", Value::Time(cloud.created)),
            ("UpdatedAt", Value::Time(cloud.created)),
            ("Status", status(cloud, name, overrides).into()),
        ])
    });
    Ok(map([("ServiceSummaryList", list(summaries))]).with("NextToken", next))
}

/// The name of the service that an ARN means.
fn service_named<'a>(input: Input<'_>, cloud: &'a CloudSnapshot) -> Result<&'a str, WireError> {
    let arn = input.required_text("ServiceArn")?;
    let names = cloud.service_names();
    names.into_iter().find(|name| cloud.app_runner_arn(name) == arn).ok_or_else(|| {
        WireError::client("ResourceNotFoundException", format!("Service with the provided ARN does not exist: {arn}"))
    })
}

fn describe_service(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    let name = service_named(input, cloud)?;
    Ok(map([("Service", service(cloud, name, overrides))]))
}

fn service(cloud: &CloudSnapshot, name: &str, overrides: &Overrides) -> Value {
    let updated = overrides.operations.first().or(cloud.operations.first());
    let updated = updated.map_or(cloud.created, |operation| operation.started);
    let image = map([
        ("ImageIdentifier", cloud.image().into()),
        ("ImageConfiguration", map([("Port", "8080".into())])),
        ("ImageRepositoryType", "ECR".into()),
    ]);
    let egress = map([("EgressType", "DEFAULT".into())]);
    let ingress = map([("IsPubliclyAccessible", true.into())]);
    map([
        ("ServiceName", name.into()),
        ("ServiceId", CloudSnapshot::service_id(name).into()),
        ("ServiceArn", cloud.app_runner_arn(name).into()),
        ("ServiceUrl", authority(cloud, name).into()),
        ("CreatedAt", Value::Time(cloud.created)),
        ("UpdatedAt", Value::Time(updated)),
        ("Status", status(cloud, name, overrides).into()),
        ("SourceConfiguration", map([("ImageRepository", image), ("AutoDeploymentsEnabled", false.into())])),
        ("InstanceConfiguration", map([("Cpu", "256".into()), ("Memory", "512".into())])),
        (
            "HealthCheckConfiguration",
            map([
                ("Protocol", "HTTP".into()),
                ("Path", "/healthz".into()),
                ("Interval", 5_u32.into()),
                ("Timeout", 2_u32.into()),
                ("HealthyThreshold", 1_u32.into()),
                ("UnhealthyThreshold", 5_u32.into()),
            ]),
        ),
        (
            "AutoScalingConfigurationSummary",
            map([
                ("AutoScalingConfigurationArn", cloud.scaling_configuration_arn().into()),
                ("AutoScalingConfigurationName", cloud.name.as_str().into()),
                ("AutoScalingConfigurationRevision", 1_u32.into()),
            ]),
        ),
        ("NetworkConfiguration", map([("EgressConfiguration", egress), ("IngressConfiguration", ingress)])),
    ])
}

/// A partial ARN, ending in `/NAME` or `/NAME/REVISION`, is accepted as in the cloud.
fn describe_scaling(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let arn = input.required_text("AutoScalingConfigurationArn")?;
    let whole = cloud.scaling_configuration_arn();
    let revision = whole.rsplit_once('/').map_or("", |(head, _)| head);
    let name = revision.rsplit_once('/').map_or("", |(head, _)| head);
    if ![whole.as_str(), revision, name].contains(&arn) {
        let message = format!("AutoScalingConfiguration {arn} does not exist");
        return Err(WireError::client("ResourceNotFoundException", message));
    }
    Ok(map([(
        "AutoScalingConfiguration",
        map([
            ("AutoScalingConfigurationArn", whole.as_str().into()),
            ("AutoScalingConfigurationName", cloud.name.as_str().into()),
            ("AutoScalingConfigurationRevision", 1_u32.into()),
            ("Latest", true.into()),
            ("Status", "ACTIVE".into()),
            ("MaxConcurrency", cloud.concurrency.into()),
            ("MinSize", cloud.min.into()),
            ("MaxSize", cloud.max.into()),
            ("CreatedAt", Value::Time(cloud.created)),
            ("HasAssociatedService", true.into()),
            ("IsDefault", false.into()),
        ]),
    )]))
}

fn list_scaling(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let size = input.page_size("MaxResults", 1, 100, 100)?;
    let wanted = input.text("AutoScalingConfigurationName")?;
    let all: Vec<Value> = [cloud.name.as_str()]
        .into_iter()
        .filter(|name| wanted.is_none_or(|wanted| wanted == *name))
        .map(|name| {
            map([
                ("AutoScalingConfigurationArn", cloud.scaling_configuration_arn().into()),
                ("AutoScalingConfigurationName", name.into()),
                ("AutoScalingConfigurationRevision", 1_u32.into()),
                ("Status", "ACTIVE".into()),
                ("CreatedAt", Value::Time(cloud.created)),
                ("HasAssociatedService", true.into()),
                ("IsDefault", false.into()),
            ])
        })
        .collect();
    let (items, next) = page(&all, input.text("NextToken")?, size, INVALID)?;
    Ok(map([("AutoScalingConfigurationSummaryList", list(items.to_vec()))]).with("NextToken", next))
}

fn list_operations(input: Input<'_>, cloud: &CloudSnapshot, overrides: &Overrides) -> Result<Value, WireError> {
    let name = service_named(input, cloud)?;
    let size = input.page_size("MaxResults", 1, 20, 20)?;
    let creation = Operation {
        id: operation_id(&format!("create-{name}")),
        kind: "CREATE_SERVICE".to_owned(),
        status: "SUCCEEDED".to_owned(),
        started: cloud.created,
        ended: Some(cloud.created),
    };
    let mut of_this: Vec<&Operation> = overrides.operations.iter().chain(&cloud.operations).collect();
    of_this.sort_by(|one, other| other.started.total_cmp(&one.started));
    let of_this = of_this.into_iter().filter(|_| name == cloud.name);
    let all: Vec<&Operation> = of_this.chain(std::iter::once(&creation)).collect();
    let (items, next) = page(&all, input.text("NextToken")?, size, INVALID)?;
    let summaries = items.iter().map(|operation| {
        map([
            ("Id", operation.id.as_str().into()),
            ("Type", operation.kind.as_str().into()),
            ("Status", operation.status.as_str().into()),
            ("TargetArn", cloud.app_runner_arn(name).into()),
            ("StartedAt", Value::Time(operation.started)),
            ("UpdatedAt", Value::Time(operation.ended.unwrap_or(operation.started))),
        ])
        .with("EndedAt", operation.ended.map(Value::Time))
    });
    Ok(map([("OperationSummaryList", list(summaries))]).with("NextToken", next))
}

/// Pausing and resuming change what the control plane says; the balancer goes on answering.
fn change_status(
    input: Input<'_>,
    cloud: &CloudSnapshot,
    overrides: &mut Overrides,
    (kind, from, to): (&str, &str, &str),
) -> Result<Value, WireError> {
    let name = service_named(input, cloud)?;
    let current = status(cloud, name, overrides);
    if current != from || name != cloud.name {
        let verb = if to == "PAUSED" { "paused" } else { "resumed" };
        let message = format!("Service cannot be {verb} in the current state: {current}.");
        return Err(WireError::client("InvalidStateException", message));
    }
    overrides.status = Some(to.to_owned());
    let id = operation_id(&format!("{kind}-{}", overrides.operations.len()));
    overrides.operations.insert(
        0,
        Operation {
            id: id.clone(),
            kind: kind.to_owned(),
            status: "SUCCEEDED".to_owned(),
            started: cloud.now,
            ended: Some(cloud.now),
        },
    );
    Ok(map([("Service", service(cloud, name, overrides)), ("OperationId", id.into())]))
}

/// A dashed UUID that stays the same for the same operation.
pub(crate) fn operation_id(of: &str) -> String {
    let hex = CloudSnapshot::service_id(of);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
