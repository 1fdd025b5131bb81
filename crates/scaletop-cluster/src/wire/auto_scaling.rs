//! Application Auto Scaling's operations, awsJson 1.1, for the one ECS service.

use super::app_runner::operation_id;
use super::input::{Input, page};
use super::protocol::WireError;
use super::state::{ACCOUNT, AlarmView, CloudPlatform, CloudSnapshot, ScalingActivity};
use super::value::{Value, list, map};
use crate::target_tracking::POLICY_NAME;

const INVALID: &str = "ValidationException";
const BAD_TOKEN: &str = "InvalidNextTokenException";
const NAMESPACE: &str = "ecs";
const DIMENSION: &str = "ecs:service:DesiredCount";

/// Answers `operation`.
pub(crate) fn answer(
    operation: &str,
    input: &serde_json::Value,
    cloud: &CloudSnapshot,
) -> Option<Result<Value, WireError>> {
    let input = Input::new(input, INVALID);
    Some(match operation {
        "DescribeScalableTargets" => describe_targets(input, cloud),
        "DescribeScalingPolicies" => describe_policies(input, cloud),
        "DescribeScalingActivities" => describe_activities(input, cloud),
        _ => return None,
    })
}

/// Whether the request is about our service (no resource named: about all).
fn is_ours(input: Input<'_>, cloud: &CloudSnapshot) -> Result<bool, WireError> {
    let namespace = input.required_text("ServiceNamespace")?;
    let mut named = input.texts("ResourceIds")?;
    named.extend(input.text("ResourceId")?);
    let is_named = named.is_empty() || named.contains(&cloud.scaling_resource().as_str());
    let dimension = input.text("ScalableDimension")?.is_none_or(|dimension| dimension == DIMENSION);
    Ok(cloud.platform == CloudPlatform::Ecs && namespace == NAMESPACE && dimension && is_named)
}

fn describe_targets(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let target = map([
        ("ServiceNamespace", NAMESPACE.into()),
        ("ResourceId", cloud.scaling_resource().into()),
        ("ScalableDimension", DIMENSION.into()),
        ("MinCapacity", cloud.min.into()),
        ("MaxCapacity", cloud.max.into()),
        ("RoleARN", format!("arn:aws:iam::{ACCOUNT}:role/demo-autoscaling").into()),
        ("CreationTime", Value::Time(cloud.created)),
    ]);
    Ok(map([("ScalableTargets", list(is_ours(input, cloud)?.then_some(target)))]))
}

fn alarm_arn(cloud: &CloudSnapshot, alarm: &AlarmView) -> String {
    format!("arn:aws:cloudwatch:{}:{ACCOUNT}:alarm:{}", cloud.region, alarm.name)
}

fn policy_arn(cloud: &CloudSnapshot) -> String {
    format!(
        "arn:aws:autoscaling:{}:{ACCOUNT}:scalingPolicy:{}:resource/ecs/{}:policyName/{POLICY_NAME}",
        cloud.region,
        operation_id(&cloud.name),
        cloud.scaling_resource()
    )
}

fn describe_policies(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a cooldown")]
    let whole = |secs: f64| Value::Int(secs.round() as i64);
    let resolution = if cloud.is_high_resolution { "HighResolution" } else { "" };
    let metric = format!("ECSServiceAverageCPUUtilization{resolution}");
    let specification = map([("PredefinedMetricType", metric.into())]);
    let configuration = map([
        ("TargetValue", cloud.cpu_target.into()),
        ("PredefinedMetricSpecification", specification),
        ("ScaleOutCooldown", whole(cloud.cooldowns.0)),
        ("ScaleInCooldown", whole(cloud.cooldowns.1)),
        ("DisableScaleIn", false.into()),
    ]);
    let alarm = |alarm: &AlarmView| {
        map([("AlarmName", alarm.name.as_str().into()), ("AlarmARN", alarm_arn(cloud, alarm).into())])
    };
    let policy = map([
        ("PolicyARN", policy_arn(cloud).into()),
        ("PolicyName", POLICY_NAME.into()),
        ("ServiceNamespace", NAMESPACE.into()),
        ("ResourceId", cloud.scaling_resource().into()),
        ("ScalableDimension", DIMENSION.into()),
        ("PolicyType", "TargetTrackingScaling".into()),
        ("TargetTrackingScalingPolicyConfiguration", configuration),
        ("Alarms", list(cloud.alarms.iter().map(alarm))),
        ("CreationTime", Value::Time(cloud.created)),
    ]);
    Ok(map([("ScalingPolicies", list(is_ours(input, cloud)?.then_some(policy)))]))
}

fn describe_activities(input: Input<'_>, cloud: &CloudSnapshot) -> Result<Value, WireError> {
    let wants_not_scaled = input.flag("IncludeNotScaledActivities", false);
    let is_ours = is_ours(input, cloud)?;
    let newest_first: Vec<&ScalingActivity> = cloud
        .activities
        .iter()
        .rev()
        .filter(|activity| is_ours && (activity.to.is_some() || wants_not_scaled))
        .collect();
    let size = input.page_size("MaxResults", 1, 50, 50)?;
    let (items, next) = page(&newest_first, input.text("NextToken")?, size, BAD_TOKEN)?;
    let activities = items.iter().map(|activity| describe_activity(cloud, activity));
    Ok(map([("ScalingActivities", list(activities))]).with("NextToken", next))
}

fn describe_activity(cloud: &CloudSnapshot, activity: &ScalingActivity) -> Value {
    let (status, message) = match activity.to {
        Some(to) if to > activity.from && cloud.running < to && cloud.desired == to => (
            "InProgress",
            format!("Successfully set desired count to {to}. Waiting for change to be fulfilled by ecs."),
        ),
        Some(to) => {
            ("Successful", format!("Successfully set desired count to {to}. Change successfully fulfilled by ecs."))
        }
        None => ("Unfulfilled", "No change was made.".to_owned()),
    };
    let reason = activity.not_scaled.as_ref().map(|code| {
        list([map([
            ("Code", code.as_str().into()),
            ("MaxCapacity", cloud.max.into()),
            ("MinCapacity", cloud.min.into()),
            ("CurrentCapacity", activity.from.into()),
        ])])
    });
    map([
        ("ActivityId", operation_id(&format!("activity-{}", activity.at)).into()),
        ("ServiceNamespace", NAMESPACE.into()),
        ("ResourceId", cloud.scaling_resource().into()),
        ("ScalableDimension", DIMENSION.into()),
        ("Description", activity.description.as_str().into()),
        ("Cause", activity.cause.as_str().into()),
        ("StartTime", Value::Time(activity.at)),
        ("StatusCode", status.into()),
        ("StatusMessage", message.into()),
    ])
    .with("NotScaledReasons", reason)
}
