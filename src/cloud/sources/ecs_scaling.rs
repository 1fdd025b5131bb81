//! Why ECS scales: limits, policy, alarms and the activities of Application Auto Scaling, those that changed nothing too.
//!
//! Facts: `scaling_policy`, `scaling`. Milestones: alarm, decision, not scaled.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_applicationautoscaling::types::{
    Alarm, PredefinedMetricSpecification, ScalableDimension, ScalingActivity, ScalingPolicy, ServiceNamespace,
};

use super::feed::{CloudFeed, PollReport};
use super::last_told::LastTold;
use crate::cloud::clients::{Cloud, unix_secs};
use crate::cloud::failure::Api;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Limits, SourceError, SourceErrorKind};
use crate::session::event::SessionEvent;
use scaletop_units::Elapsed;

/// Decisions carry their own time: how often they are asked for changes only when they are seen.
const INTERVAL: Duration = Duration::from_secs(10);
/// Limits and policy change by hand only.
const SETTINGS_EVERY: Duration = Duration::from_mins(1);

/// Watches the scaling of one service.
#[derive(Debug)]
pub struct EcsScalingFeed {
    cloud: Cloud,
    resource: String,
    last_told: LastTold,
    limits: Option<Limits>,
    settings_asked: Option<Elapsed>,
    alarms: Vec<String>,
    seen: BTreeSet<String>,
}

impl EcsScalingFeed {
    /// Watches the scaling of `service` on `cluster`.
    pub fn new(cloud: Cloud, cluster: &str, service: &str) -> Self {
        Self {
            cloud,
            resource: format!("service/{cluster}/{service}"),
            last_told: LastTold::default(),
            limits: None,
            settings_asked: None,
            alarms: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    async fn ask_settings(&mut self, report: &mut PollReport, now: Elapsed) {
        if self.settings_asked.is_some_and(|asked| now.saturating_since(asked) < SETTINGS_EVERY) {
            return;
        }
        let targets = self
            .cloud
            .scaling
            .describe_scalable_targets()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_ids(&self.resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .send()
            .await;
        match targets {
            Err(error) => return report.problem(self.cloud.error(Api::SCALING_TARGETS, &error)),
            Ok(answer) => match answer.scalable_targets().first() {
                Some(target) => {
                    let count = |value: i32| u32::try_from(value).ok();
                    let (min, max) = (count(target.min_capacity()), count(target.max_capacity()));
                    let limits = Limits { min, max, concurrency: None };
                    if self.limits != Some(limits) {
                        self.limits = Some(limits);
                        report.events.push(SessionEvent::Limits(limits));
                    }
                }
                None => self.last_told.fact(report, "scaling", "none: the service keeps its count", now),
            },
        }
        let policies = self
            .cloud
            .scaling
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&self.resource)
            .send()
            .await;
        match policies {
            Err(error) => return report.problem(self.cloud.error(Api::SCALING_POLICIES, &error)),
            Ok(answer) => {
                let policies = answer.scaling_policies();
                let words: Vec<String> = policies.iter().map(policy_in_words).collect();
                self.last_told.fact(report, "scaling_policy", words.join("; "), now);
                let names = policies.iter().flat_map(ScalingPolicy::alarms).map(Alarm::alarm_name);
                // The low alarm is about scale-in: it is on most of the time, and no part of a waterfall.
                self.alarms = names.filter(|name| !name.contains("AlarmLow")).map(str::to_owned).collect();
            }
        }
        self.settings_asked = Some(now);
    }

    async fn ask_activities(&mut self, report: &mut PollReport) {
        let asked = self
            .cloud
            .scaling
            .describe_scaling_activities()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&self.resource)
            .include_not_scaled_activities(true)
            .send()
            .await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(error) => return report.problem(self.cloud.error(Api::SCALING_ACTIVITIES, &error)),
        };
        // Newest first, as they come; told oldest first.
        for activity in answer.scaling_activities().iter().rev() {
            let id = activity.activity_id();
            let Some(at) = self.cloud.skew().elapsed(unix_secs(activity.start_time())) else {
                continue;
            };
            if self.seen.insert(id.to_owned()) {
                let milestone = activity_milestone(activity, at);
                if milestone.kind == MilestoneKind::NotScaled {
                    self.last_told.fact(report, "scaling", milestone.detail.clone(), at);
                } else {
                    self.last_told.fact(report, "scaling", activity.description(), at);
                }
                report.events.push(SessionEvent::Milestone(milestone));
            }
        }
    }

    async fn ask_alarms(&mut self, report: &mut PollReport) {
        if self.alarms.is_empty() {
            return;
        }
        let asked = self.cloud.cloudwatch.describe_alarms().set_alarm_names(Some(self.alarms.clone())).send().await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(error) => return report.problem(self.cloud.error(Api::ALARMS, &error)),
        };
        for alarm in answer.metric_alarms() {
            let is_on = alarm.state_value().is_some_and(|state| state.as_str() == "ALARM");
            let since = alarm.state_transitioned_timestamp().or_else(|| alarm.state_updated_timestamp());
            let (true, Some(name), Some(since)) = (is_on, alarm.alarm_name(), since) else { continue };
            let Some(as_of) = self.cloud.skew().elapsed(unix_secs(since)) else { continue };
            if self.seen.insert(format!("{name}@{}", as_of.as_millis())) {
                report.events.push(SessionEvent::Milestone(Milestone {
                    kind: MilestoneKind::Alarm,
                    subject: name.to_owned(),
                    detail: alarm.state_reason().unwrap_or_default().to_owned(),
                    as_of,
                    uncertainty: Duration::ZERO,
                }));
            }
        }
    }
}

fn activity_milestone(activity: &ScalingActivity, as_of: Elapsed) -> Milestone {
    let reasons = activity.not_scaled_reasons();
    let cause = activity.cause();
    let (kind, detail) = if reasons.is_empty() {
        (MilestoneKind::Decision, format!("{} {cause}", activity.description()))
    } else {
        let words: Vec<String> = reasons
            .iter()
            .map(|reason| match reason.current_capacity() {
                Some(current) => format!("{} ({current})", reason.code()),
                None => reason.code().to_owned(),
            })
            .collect();
        (MilestoneKind::NotScaled, format!("not scaled: {}; {cause}", words.join(", ")))
    };
    let subject = activity.status_code().as_str().to_owned();
    Milestone { kind, subject, detail: detail.trim().to_owned(), as_of, uncertainty: Duration::ZERO }
}

fn policy_in_words(policy: &ScalingPolicy) -> String {
    let Some(tracking) = policy.target_tracking_scaling_policy_configuration() else {
        let kind = policy.policy_type().as_str();
        return format!("{kind} {}", policy.policy_name());
    };
    let predefined =
        tracking.predefined_metric_specification().map(PredefinedMetricSpecification::predefined_metric_type);
    let metric = predefined.map_or("a metric of its own", |metric| metric.as_str());
    let cooldown = |secs: Option<i32>| secs.map_or_else(|| "?".to_owned(), |secs| secs.to_string());
    format!(
        "{metric} at {}, cooldown {} s out, {} s in",
        tracking.target_value(),
        cooldown(tracking.scale_out_cooldown()),
        cooldown(tracking.scale_in_cooldown())
    )
}

impl CloudFeed for EcsScalingFeed {
    fn name(&self) -> &'static str {
        "scaling"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let now = self.cloud.skew().clock().now();
        self.ask_settings(&mut report, now).await;
        // Without the permission for one, the other may still be had. Nothing more is asked when nobody answers.
        let is_gone = |problem: &SourceError| {
            matches!(
                problem.kind,
                SourceErrorKind::Unreachable | SourceErrorKind::Credentials | SourceErrorKind::Throttled
            )
        };
        if !report.problem.as_ref().is_some_and(is_gone) {
            self.ask_activities(&mut report).await;
            self.ask_alarms(&mut report).await;
        }
        report
    }
}
