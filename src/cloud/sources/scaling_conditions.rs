//! What Application Auto Scaling says that explains why a service does not scale: suspended scaling, bounds that leave no
//! room, no policy, alarms that ask for nothing, activities that failed. Pure.

use std::collections::BTreeSet;

use aws_sdk_applicationautoscaling::types::{
    MetricType, NotScaledReason, PolicyType, PredefinedMetricSpecification, ScalableTarget, ScalingActivity,
    ScalingActivityStatusCode, ScalingPolicy,
};
use aws_sdk_cloudwatch::types::{EvaluationState, MetricAlarm, StateValue};

use crate::instances::milestone::alarm_of;
use crate::polling::Condition;

/// What of scaling is suspended. Only scaling out is a hindrance.
pub(super) fn suspension(target: &ScalableTarget) -> Option<Condition> {
    let state = target.suspended_state()?;
    let parts = [
        (state.dynamic_scaling_out_suspended(), "scaling out is suspended", "DynamicScalingOutSuspended"),
        (state.dynamic_scaling_in_suspended(), "scaling in is suspended", "DynamicScalingInSuspended"),
        (state.scheduled_scaling_suspended(), "scheduled scaling is suspended", "ScheduledScalingSuspended"),
    ];
    let suspended = || parts.iter().filter(|(is_suspended, ..)| *is_suspended == Some(true));
    let said: Vec<String> = suspended().map(|(_, words, flag)| format!("{words} ({flag})")).collect();
    let flags: Vec<String> = suspended().map(|(.., flag)| format!("{flag}=false")).collect();
    let remedy = format!(
        "resume it: aws application-autoscaling register-scalable-target --service-namespace ecs --resource-id {} \
         --scalable-dimension {} --suspended-state {}",
        target.resource_id(),
        target.scalable_dimension().as_str(),
        flags.join(",")
    );
    let hinders = state.dynamic_scaling_out_suspended() == Some(true);
    (!said.is_empty()).then(|| Condition { hinders, ..Condition::new("suspension", said.join(", "), remedy) })
}

/// What of target and policies leaves nothing to scale: no target, no policy, no room between the bounds.
pub(super) fn setup(target: Option<&ScalableTarget>, policies: &[ScalingPolicy]) -> Option<Condition> {
    let hindrance = |text: String, remedy: &str| Some(Condition::hindrance("scaling", text, remedy));
    let Some(target) = target else {
        let text = "nothing scales the service: Application Auto Scaling does not know it (no scalable target)";
        return hindrance(text.to_owned(), "register it, or know that its count changes by hand only");
    };
    let (least, most) = (target.min_capacity(), target.max_capacity());
    if least == most {
        let text = format!("minimum and maximum are both {most}: the count cannot change");
        return hindrance(text, "raise the maximum, or know that nothing scales");
    }
    if policies.is_empty() {
        let text = "nothing asks for more: the service has no scaling policy";
        return hindrance(text.to_owned(), "add one, or know that its count changes by hand or by schedule only");
    }
    let is_reactive = |policy: &&ScalingPolicy| *policy.policy_type() != PolicyType::PredictiveScaling;
    let mut reactive = policies.iter().filter(is_reactive).peekable();
    if reactive.peek().is_none() {
        let text = "the only policy is predictive: it follows the load of past days and does not answer to a spike";
        return hindrance(text.to_owned(), "add a target-tracking or step policy");
    }
    if reactive.all(|policy| policy.alarms().is_empty()) {
        let text = format!("no alarm belongs to the policy {}: nothing can set it off", policies[0].policy_name());
        return hindrance(text, "put the policy again, which makes its alarms anew");
    }
    None
}

/// What keeps the alarms that ask for more from asking. `wanted` are the names that the policies say.
pub(super) fn alarms(wanted: &[String], found: &[MetricAlarm]) -> Option<Condition> {
    let absent = wanted.iter().filter(|name| !found.iter().any(|alarm| alarm.alarm_name() == Some(name)));
    let mut said: Vec<String> =
        absent.map(|name| format!("the alarm {name} of the policy does not exist any more")).collect();
    for alarm in found {
        let name = alarm.alarm_name().unwrap_or("of no name");
        if alarm.actions_enabled() == Some(false) {
            said.push(format!("the actions of the alarm {name} are disabled: it asks for nothing when it goes off"));
        }
        if let Some(state) = alarm.evaluation_state().map(EvaluationState::as_str) {
            said.push(because(alarm, format!("the alarm {name} could not be evaluated ({state})")));
        }
    }
    // Without points an alarm waits for them, as that of a new service does: worth a word, and in the end no hindrance.
    let hinders = !said.is_empty();
    let is_blind = |alarm: &&MetricAlarm| {
        let is_new = alarm.state_reason().is_some_and(|reason| reason.starts_with("Unchecked"));
        alarm.state_value() == Some(&StateValue::InsufficientData) && !is_new
    };
    said.extend(found.iter().filter(is_blind).map(|alarm| {
        let name = alarm.alarm_name().unwrap_or("of no name");
        because(alarm, format!("the alarm {name} has too few points to judge (INSUFFICIENT_DATA)"))
    }));
    let remedy = "scaling out waits for these alarms: see them in CloudWatch";
    (!said.is_empty()).then(|| Condition { hinders, ..Condition::new("alarm", said.join("; "), remedy) })
}

/// What is said of an alarm, with the reason that CloudWatch gives for its state.
fn because(alarm: &MetricAlarm, words: String) -> String {
    match alarm.state_reason().filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{words}: {reason}"),
        None => words,
    }
}

/// The newest activity, when it failed. One that meant to scale in keeps nothing from scaling out; `less` are the alarms that ask
/// for less.
pub(super) fn failed_activity(activities: &[ScalingActivity], less: &BTreeSet<String>) -> Option<Condition> {
    let newest = activities
        .iter()
        .filter(|activity| activity.not_scaled_reasons().is_empty())
        .max_by_key(|activity| (activity.start_time().secs(), activity.start_time().subsec_nanos()))?;
    let failed = outcome(newest)?;
    let remedy = "the count stays as it is until a later activity succeeds";
    let hinders = !is_about_less(newest, less);
    Some(Condition { hinders, ..Condition::new("activity", format!("{} {failed}", newest.description()), remedy) })
}

/// How an activity ended that did not do what it set out to: `Failed: …`; `None` for what succeeded or is under way.
pub(super) fn outcome(activity: &ScalingActivity) -> Option<String> {
    let status = activity.status_code();
    let is_fine = matches!(
        status,
        ScalingActivityStatusCode::Pending
            | ScalingActivityStatusCode::InProgress
            | ScalingActivityStatusCode::Successful
            | ScalingActivityStatusCode::Overridden
    );
    let said = [activity.status_message(), activity.details()].into_iter().flatten().filter(|text| !text.is_empty());
    let said = said.collect::<Vec<_>>().join(" ");
    (!is_fine).then(
        || {
            if said.is_empty() { status.as_str().to_owned() } else { format!("{}: {said}", status.as_str()) }
        },
    )
}

/// Why no change was made: `AlreadyAtMaxCapacity (5, most 5)`.
pub(super) fn not_scaled(reason: &NotScaledReason) -> String {
    let meaning = match reason.code() {
        "AutoScalingAnticipatedFlapping" => ": it would have been undone at once",
        "TargetServicePutResourceAsUnscalable" => ": ECS lets nothing scale the service for now",
        _ => "",
    };
    let numbers =
        [("", reason.current_capacity()), ("least ", reason.min_capacity()), ("most ", reason.max_capacity())];
    let numbers: Vec<String> =
        numbers.iter().filter_map(|(word, count)| Some(format!("{word}{}", (*count)?))).collect();
    let numbers = if numbers.is_empty() { String::new() } else { format!(" ({})", numbers.join(", ")) };
    format!("{}{numbers}{meaning}", reason.code())
}

/// Whether an activity only says that nothing more was taken away, which a service at rest says all day: at its minimum, or
/// since the count would have come back at once. `less` are the alarms that ask for less.
pub(super) fn is_at_rest(activity: &ScalingActivity, less: &BTreeSet<String>) -> bool {
    let reasons = activity.not_scaled_reasons();
    let is_minimum = |reason: &NotScaledReason| reason.code() == "AlreadyAtMinCapacity";
    !reasons.is_empty() && (is_about_less(activity, less) || reasons.iter().all(is_minimum))
}

/// Whether it was an alarm that asks for less that set an activity off.
fn is_about_less(activity: &ScalingActivity, less: &BTreeSet<String>) -> bool {
    alarm_of(activity.cause()).is_some_and(|name| less.contains(name))
}

/// `ECSServiceAverageCPUUtilization at 60, cooldown 300 s out, 300 s in`.
pub(super) fn policy_in_words(policy: &ScalingPolicy) -> String {
    let secs = |secs: Option<i32>| secs.map_or_else(|| "?".to_owned(), |secs| secs.to_string());
    if let Some(tracking) = policy.target_tracking_scaling_policy_configuration() {
        let predefined =
            tracking.predefined_metric_specification().map(PredefinedMetricSpecification::predefined_metric_type);
        let own = tracking.customized_metric_specification().and_then(|metric| metric.metric_name());
        let metric = predefined.map(MetricType::as_str).or(own).unwrap_or("a metric of its own");
        let scale_in = if tracking.disable_scale_in() == Some(true) {
            "never in (DisableScaleIn)".to_owned()
        } else {
            format!("{} s in", secs(tracking.scale_in_cooldown()))
        };
        let out = secs(tracking.scale_out_cooldown());
        return format!("{metric} at {}, cooldown {out} s out, {scale_in}", tracking.target_value());
    }
    if let Some(steps) = policy.step_scaling_policy_configuration() {
        let by: Vec<String> =
            steps.step_adjustments().iter().map(|step| step.scaling_adjustment().to_string()).collect();
        let kind = steps.adjustment_type().map_or("?", |kind| kind.as_str());
        return format!(
            "steps {} ({kind} {}), cooldown {} s",
            policy.policy_name(),
            by.join(", "),
            secs(steps.cooldown())
        );
    }
    match policy.predictive_scaling_policy_configuration().and_then(|predictive| predictive.mode()) {
        Some(mode) => format!("predictive {} ({})", policy.policy_name(), mode.as_str()),
        None => format!("{} {}", policy.policy_type().as_str(), policy.policy_name()),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_applicationautoscaling::types::{
        Alarm, ScalableDimension, ServiceNamespace, SuspendedState, TargetTrackingScalingPolicyConfiguration,
    };
    use aws_smithy_types::DateTime;

    use super::*;

    fn target(min: i32, max: i32, suspended: Option<SuspendedState>) -> ScalableTarget {
        ScalableTarget::builder()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/default/demo")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .min_capacity(min)
            .max_capacity(max)
            .role_arn("role")
            .creation_time(DateTime::from_secs(0))
            .set_suspended_state(suspended)
            .build()
            .expect("a target")
    }

    fn policy(kind: PolicyType, alarm: Option<&str>) -> ScalingPolicy {
        let alarms = alarm.map(|name| Alarm::builder().alarm_name(name).alarm_arn("arn").build().expect("an alarm"));
        let tracking = TargetTrackingScalingPolicyConfiguration::builder().target_value(60.0).disable_scale_in(true);
        ScalingPolicy::builder()
            .policy_arn("arn")
            .policy_name("cpu")
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/default/demo")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .policy_type(kind)
            .target_tracking_scaling_policy_configuration(tracking.build().expect("a configuration"))
            .set_alarms(Some(alarms.into_iter().collect()))
            .creation_time(DateTime::from_secs(0))
            .build()
            .expect("a policy")
    }

    fn activity(at: i64, status: ScalingActivityStatusCode, message: &str, code: Option<&str>) -> ScalingActivity {
        let reason = code.map(|code| NotScaledReason::builder().code(code).max_capacity(5).build().expect("a reason"));
        ScalingActivity::builder()
            .activity_id(at.to_string())
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id("service/default/demo")
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .description("Setting desired count to 4.")
            .cause("monitor alarm x-AlarmHigh in state ALARM triggered policy cpu")
            .start_time(DateTime::from_secs(at))
            .status_code(status)
            .status_message(message)
            .set_not_scaled_reasons(Some(reason.into_iter().collect()))
            .build()
            .expect("an activity")
    }

    #[test]
    fn each_suspension_is_named_and_only_that_of_scaling_out_hinders() {
        let state = SuspendedState::builder().dynamic_scaling_in_suspended(true).scheduled_scaling_suspended(true);
        let found = suspension(&target(1, 5, Some(state.clone().build()))).expect("suspended");
        assert_eq!(
            found.text,
            "scaling in is suspended (DynamicScalingInSuspended), scheduled scaling is suspended (ScheduledScalingSuspended)"
        );
        assert!(!found.hinders);
        let found =
            suspension(&target(1, 5, Some(state.dynamic_scaling_out_suspended(true).build()))).expect("suspended");
        assert!(found.hinders && found.text.starts_with("scaling out is suspended (DynamicScalingOutSuspended), "));
        assert!(
            found.remedy.contains("--resource-id service/default/demo --scalable-dimension ecs:service:DesiredCount")
        );
        assert_eq!(suspension(&target(1, 5, Some(SuspendedState::builder().build()))), None);
        assert_eq!(suspension(&target(1, 5, None)), None);
    }

    #[test]
    fn without_target_policy_alarm_or_room_nothing_scales_and_the_reason_is_told() {
        let tracking = || policy(PolicyType::TargetTrackingScaling, Some("high"));
        let said =
            |target: Option<&ScalableTarget>, policies: &[ScalingPolicy]| setup(target, policies).map(|one| one.text);
        assert_eq!(said(Some(&target(1, 5, None)), &[tracking()]), None);
        for (target, policies, words) in [
            (None, vec![tracking()], "no scalable target"),
            (Some(target(3, 3, None)), vec![tracking()], "both 3"),
            (Some(target(1, 5, None)), vec![], "no scaling policy"),
            (Some(target(1, 5, None)), vec![policy(PolicyType::PredictiveScaling, None)], "predictive"),
            (Some(target(1, 5, None)), vec![policy(PolicyType::TargetTrackingScaling, None)], "no alarm belongs"),
        ] {
            let found = said(target.as_ref(), &policies).expect(words);
            assert!(found.contains(words), "{found}");
        }
        assert_eq!(
            policy_in_words(&tracking()),
            "a metric of its own at 60, cooldown ? s out, never in (DisableScaleIn)"
        );
    }

    #[test]
    fn an_alarm_that_is_gone_mute_or_blind_is_told() {
        let wanted = ["high".to_owned()];
        let alarm = || MetricAlarm::builder().alarm_name("high").actions_enabled(true).state_value(StateValue::Ok);
        assert_eq!(alarms(&wanted, &[alarm().build()]), None);
        let said = |found: &[MetricAlarm]| alarms(&wanted, found).expect("something").text;
        assert_eq!(said(&[]), "the alarm high of the policy does not exist any more");
        assert!(said(&[alarm().actions_enabled(false).build()]).contains("are disabled"));
        let blind = alarm().state_value(StateValue::InsufficientData).state_reason("no datapoints").build();
        assert_eq!(said(&[blind]), "the alarm high has too few points to judge (INSUFFICIENT_DATA): no datapoints");
        let new = alarm().state_value(StateValue::InsufficientData).state_reason("Unchecked: Initial alarm creation");
        assert_eq!(alarms(&wanted, &[new.build()]), None);
        let broken = alarm().evaluation_state(EvaluationState::EvaluationError).build();
        assert!(said(&[broken]).contains("could not be evaluated (EVALUATION_ERROR)"));
    }

    #[test]
    fn the_newest_activity_decides_and_what_was_not_scaled_is_no_failure() {
        use ScalingActivityStatusCode::{Failed, Successful, Unfulfilled};
        let failed = activity(10, Failed, "Failed to set desired count to 4. Reason: throttled", None);
        let none = BTreeSet::new();
        let less = BTreeSet::from(["x-AlarmHigh".to_owned()]);
        let found = failed_activity(std::slice::from_ref(&failed), &none).expect("it failed");
        assert_eq!(
            found.text,
            "Setting desired count to 4. Failed: Failed to set desired count to 4. Reason: throttled"
        );
        assert!(found.hinders);
        let of_less = failed_activity(std::slice::from_ref(&failed), &less).expect("it failed");
        assert!(!of_less.hinders, "a scale-in that failed keeps nothing from scaling out");
        assert_eq!(failed_activity(&[failed.clone(), activity(20, Successful, "", None)], &none), None);
        let at_most = activity(30, Unfulfilled, "", Some("AlreadyAtMaxCapacity"));
        assert!(failed_activity(&[at_most.clone(), failed], &none).is_some());
        assert_eq!(failed_activity(std::slice::from_ref(&at_most), &none), None);
        assert_eq!(not_scaled(&at_most.not_scaled_reasons()[0]), "AlreadyAtMaxCapacity (most 5)");
        let at_rest = |code| activity(40, Failed, "", Some(code));
        assert!(!is_at_rest(&at_most, &none) && is_at_rest(&at_rest("AlreadyAtMinCapacity"), &none));
        for code in
            ["AutoScalingAnticipatedFlapping", "TargetServicePutResourceAsUnscalable", "AlreadyAtDesiredCapacity"]
        {
            assert!(!is_at_rest(&at_rest(code), &none), "{code}: of scaling out");
            assert!(is_at_rest(&at_rest(code), &less), "{code}: of scaling in");
        }
    }
}
