//! Why ECS scales: limits, policy, alarms and the activities of Application Auto Scaling, those that changed nothing too.
//!
//! Facts: `scaling_policy`, `scaling`. Milestones: alarm, alarm over, decision, not scaled. What says only that there is nothing to
//! take away is none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalingActivity, ScalingActivityStatusCode, ServiceNamespace,
};
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};

use super::last_told::LastTold;
use super::scaling_conditions::{
    alarms, failed_activity, is_at_rest, not_scaled, outcome, policy_in_words, setup, suspension,
};
use super::scaling_direction::PolicyAlarms;
use crate::cloud::clients::{Cloud, timestamp};
use crate::cloud::failure::Api;
use crate::cloud::listing::at_most;
use crate::instances::milestone::{Milestone, MilestoneKind};
use crate::instances::{Limits, SourceError, SourceErrorKind};
use crate::polling::{PollReport, PolledFeed};
use crate::session::event::{NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// Decisions carry their own time: how often they are asked for changes only when they are seen.
const INTERVAL: Duration = Duration::from_secs(10);
/// Limits and policy change by hand only.
const SETTINGS_EVERY: Duration = Duration::from_mins(1);
/// A service has a handful of policies, each with two alarms; ten at most are allowed.
const MOST_POLICIES: usize = 50;
/// Activities are told newest first and kept for six weeks: four pages are read, or what happened since the session started.
const MOST_ACTIVITIES: usize = 200;
/// Two moments of an alarm that are no further apart are one: CloudWatch evaluates no alarm more often than every ten seconds.
const SAME_MOMENT: Duration = Duration::from_secs(5);

/// Watches the scaling of one service.
#[derive(Debug)]
pub struct EcsScalingFeed {
    cloud: Cloud,
    resource: String,
    last_told: LastTold,
    limits: Option<Limits>,
    settings_asked: Option<Elapsed>,
    alarms: PolicyAlarms,
    /// Activities that were told, by their ids.
    seen: BTreeSet<String>,
    /// Alarms that were told to be on, with the moment since when.
    on: BTreeMap<String, Elapsed>,
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
            alarms: PolicyAlarms::default(),
            seen: BTreeSet::new(),
            on: BTreeMap::new(),
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
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        let target = match at_most(targets.into_paginator().items().send(), 1).await {
            Err(error) => return report.problem(self.cloud.error(Api::SCALING_TARGETS, &error)),
            Ok(found) => found.items.into_iter().next(),
        };
        match &target {
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
        }
        let suspended = target.as_ref().and_then(suspension);
        self.last_told.condition(report, "Application Auto Scaling", "suspension", suspended, now);
        let policies = self
            .cloud
            .scaling
            .describe_scaling_policies()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&self.resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        match at_most(policies.into_paginator().items().send(), MOST_POLICIES).await {
            Err(error) => return report.problem(self.cloud.error(Api::SCALING_POLICIES, &error)),
            Ok(found) => {
                self.tell_cut(report, "policies", found.is_cut.then_some(MOST_POLICIES));
                let policies = found.items;
                let words: Vec<String> = policies.iter().map(policy_in_words).collect();
                self.last_told.fact(report, "scaling_policy", words.join("; "), now);
                self.alarms = PolicyAlarms::of(&policies);
                let fixed = setup(target.as_ref(), &policies);
                self.last_told.condition(report, "Application Auto Scaling", "scaling", fixed, now);
            }
        }
        self.settings_asked = Some(now);
    }

    /// That a listing was not read to its end.
    fn tell_cut(&mut self, report: &mut PollReport, what: &'static str, read: Option<usize>) {
        let text =
            read.map(|read| format!("Application Auto Scaling has more {what} of the service than the {read} read"));
        self.last_told.notice(report, what, NoticeLevel::Warning, text.unwrap_or_default());
    }

    /// The activities, newest first: all since the session started, and the newest before it.
    async fn activities(&self) -> Result<Vec<ScalingActivity>, SourceError> {
        let ask = self
            .cloud
            .scaling
            .describe_scaling_activities()
            .service_namespace(ServiceNamespace::Ecs)
            .resource_id(&self.resource)
            .scalable_dimension(ScalableDimension::EcsServiceDesiredCount)
            .include_not_scaled_activities(true);
        let mut pages = ask.into_paginator().items().send();
        let mut found: Vec<ScalingActivity> = Vec::new();
        while let Some(activity) = pages.next().await {
            let activity = activity.map_err(|error| self.cloud.error(Api::SCALING_ACTIVITIES, &error))?;
            let is_of_session = timestamp(activity.start_time()).and_then(|at| self.cloud.skew().elapsed(at)).is_some();
            found.push(activity);
            if !is_of_session || found.len() >= MOST_ACTIVITIES {
                break;
            }
        }
        Ok(found)
    }

    async fn ask_activities(&mut self, report: &mut PollReport, now: Elapsed) {
        let activities = match self.activities().await {
            Ok(activities) => activities,
            Err(problem) => return report.problem(problem),
        };
        self.tell_cut(report, "activities", (activities.len() >= MOST_ACTIVITIES).then_some(MOST_ACTIVITIES));
        let failed = failed_activity(&activities, &self.alarms.less);
        self.last_told.condition(report, "Application Auto Scaling", "activity", failed, now);
        // Newest first, as they come; told oldest first.
        for activity in activities.iter().rev().filter(|activity| !is_at_rest(activity, &self.alarms.less)) {
            let id = activity.activity_id();
            let Some(at) = timestamp(activity.start_time()).and_then(|at| self.cloud.skew().elapsed(at)) else {
                continue;
            };
            if self.seen.insert(id.to_owned()) {
                let milestone = activity_milestone(activity, at, self.cloud.skew().error());
                if milestone.kind == MilestoneKind::NotScaled {
                    self.last_told.fact(report, "scaling", milestone.detail.clone(), at);
                } else {
                    self.last_told.fact(report, "scaling", activity.description(), at);
                }
                report.events.push(SessionEvent::Milestone(milestone));
            }
        }
    }

    async fn ask_alarms(&mut self, report: &mut PollReport, now: Elapsed) {
        if self.alarms.more.is_empty() {
            return;
        }
        let ask = self.cloud.cloudwatch.describe_alarms().set_alarm_names(Some(self.alarms.more.clone()));
        // Those that are named come whole: 100 on a page, and a policy has a few.
        let pages = match at_most(ask.into_paginator().send(), 2).await {
            Ok(pages) => pages.items,
            Err(error) => return report.problem(self.cloud.error(Api::ALARMS, &error)),
        };
        let found: Vec<_> = pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default()).collect();
        self.last_told.condition(report, "CloudWatch", "alarm", alarms(&self.alarms.more, &found), now);
        for alarm in &found {
            self.tell_alarm(report, alarm);
        }
    }

    /// That an alarm went off, and that it is over. One that was on before the session is told as of its start.
    fn tell_alarm(&mut self, report: &mut PollReport, alarm: &MetricAlarm) {
        let since = alarm.state_transitioned_timestamp().or_else(|| alarm.state_updated_timestamp());
        let (Some(name), Some(since)) = (alarm.alarm_name(), since.and_then(timestamp)) else { return };
        let as_of = self.cloud.skew().elapsed(since).unwrap_or(Elapsed::ZERO);
        let is_on = alarm.state_value() == Some(&StateValue::Alarm);
        let told = self.on.get(name).copied();
        // Brought to our clock again, the same moment may come out otherwise by what was learnt of the clocks since.
        let is_same = |told: Elapsed| {
            let apart = told.saturating_since(as_of).max(as_of.saturating_since(told));
            apart <= SAME_MOMENT
        };
        let kind = match (is_on, told) {
            (true, Some(told)) if is_same(told) => return,
            (true, _) => MilestoneKind::Alarm,
            (false, Some(_)) => MilestoneKind::AlarmOver,
            (false, None) => return,
        };
        if is_on {
            self.on.insert(name.to_owned(), as_of);
        } else {
            self.on.remove(name);
        }
        report.events.push(SessionEvent::Milestone(Milestone {
            kind,
            subject: name.to_owned(),
            detail: alarm.state_reason().unwrap_or_default().to_owned(),
            as_of,
            uncertainty: Duration::ZERO,
            clock_error: if as_of == Elapsed::ZERO { Duration::ZERO } else { self.cloud.skew().error() },
        }));
    }
}

/// What an activity says: a decision, with its cause; or that an alarm asked for a change and none was made, and why. A failed
/// activity that set nothing has no reasons at times, as the guide says ("for some, if not all").
fn activity_milestone(activity: &ScalingActivity, as_of: Elapsed, clock_error: Duration) -> Milestone {
    let reasons = activity.not_scaled_reasons();
    let cause = activity.cause();
    let is_attempt =
        *activity.status_code() == ScalingActivityStatusCode::Failed && !activity.description().starts_with("Setting ");
    let (kind, detail) = if !reasons.is_empty() {
        let words: Vec<String> = reasons.iter().map(not_scaled).collect();
        (MilestoneKind::NotScaled, format!("not scaled: {}; {cause}", words.join(", ")))
    } else if is_attempt {
        (MilestoneKind::NotScaled, format!("not scaled: {}; {cause}", outcome(activity).unwrap_or_default()))
    } else {
        (MilestoneKind::Decision, format!("{} {cause}", activity.description()))
    };
    let subject = activity.status_code().as_str().to_owned();
    Milestone { kind, subject, detail: detail.trim().to_owned(), as_of, uncertainty: Duration::ZERO, clock_error }
}

impl PolledFeed for EcsScalingFeed {
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
            self.ask_activities(&mut report, now).await;
            self.ask_alarms(&mut report, now).await;
        }
        report
    }
}
