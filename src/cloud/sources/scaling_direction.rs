//! Which alarms of a scaling policy ask for more tasks, and which for less. Pure.

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::{AdjustmentType, Alarm, ScalingPolicy};

/// The alarms of a service's policies, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PolicyAlarms {
    /// Those that ask for more, or for either.
    pub(super) more: Vec<String>,
    /// Those that only ever ask for less: on most of the time at rest, and no part of a scale-out.
    pub(super) less: BTreeSet<String>,
}

impl PolicyAlarms {
    pub(super) fn of(policies: &[ScalingPolicy]) -> Self {
        let mut found = Self::default();
        for policy in policies {
            for name in policy.alarms().iter().map(Alarm::alarm_name) {
                if asks_for_less(policy, name) {
                    found.less.insert(name.to_owned());
                } else {
                    found.more.push(name.to_owned());
                }
            }
        }
        found
    }
}

/// Target tracking makes two alarms and names them: `TargetTracking-service/CLUSTER/SERVICE-AlarmLow-…`. The alarms of a step
/// policy have names of their own; its adjustments say which way it goes.
fn asks_for_less(policy: &ScalingPolicy, alarm: &str) -> bool {
    let Some(steps) = policy.step_scaling_policy_configuration() else { return alarm.contains("AlarmLow") };
    let is_relative = steps.adjustment_type().is_some_and(|kind| *kind != AdjustmentType::ExactCapacity);
    let adjustments = steps.step_adjustments();
    is_relative && !adjustments.is_empty() && adjustments.iter().all(|step| step.scaling_adjustment() <= 0)
}

#[cfg(test)]
mod tests {
    use aws_sdk_applicationautoscaling::types::{
        PolicyType, ScalableDimension, ServiceNamespace, StepAdjustment, StepScalingPolicyConfiguration,
    };
    use aws_smithy_types::DateTime;

    use super::*;

    fn policy(alarms: &[&str], steps: Option<(AdjustmentType, &[i32])>) -> ScalingPolicy {
        let alarm = |name: &&str| Alarm::builder().alarm_name(*name).alarm_arn("arn").build().expect("an alarm");
        let step = |by: &i32| StepAdjustment::builder().scaling_adjustment(*by).build().expect("a step");
        let steps = steps.map(|(kind, by)| {
            let steps = by.iter().map(step).collect();
            StepScalingPolicyConfiguration::builder().adjustment_type(kind).set_step_adjustments(Some(steps)).build()
        });
        ScalingPolicy::builder()
            .policy_arn("arn")
            .policy_name("policy")
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/default/demo")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .policy_type(if steps.is_some() { PolicyType::StepScaling } else { PolicyType::TargetTrackingScaling })
            .set_step_scaling_policy_configuration(steps)
            .set_alarms(Some(alarms.iter().map(alarm).collect()))
            .creation_time(DateTime::from_secs(0))
            .build()
            .expect("a policy")
    }

    #[test]
    fn only_alarms_that_may_ask_for_more_are_part_of_a_scale_out() {
        let found = PolicyAlarms::of(&[
            policy(
                &["TargetTracking-service/default/demo-AlarmHigh-1", "TargetTracking-service/default/demo-AlarmLow-2"],
                None,
            ),
            policy(&["web-app-cpu-lt-25"], Some((AdjustmentType::ChangeInCapacity, &[-1, -2]))),
            policy(&["web-app-cpu-gt-75"], Some((AdjustmentType::PercentChangeInCapacity, &[50, 100]))),
            policy(&["both-ways"], Some((AdjustmentType::ChangeInCapacity, &[-1, 1]))),
            policy(&["exactly"], Some((AdjustmentType::ExactCapacity, &[0]))),
        ]);
        assert_eq!(
            found.more,
            ["TargetTracking-service/default/demo-AlarmHigh-1", "web-app-cpu-gt-75", "both-ways", "exactly"]
        );
        assert_eq!(
            found.less.iter().collect::<Vec<_>>(),
            ["TargetTracking-service/default/demo-AlarmLow-2", "web-app-cpu-lt-25"]
        );
    }
}
