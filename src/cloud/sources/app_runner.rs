//! What App Runner's control plane says of a service: status, running operation, limits.
//!
//! It has no instance count: that is CloudWatch's ([`super::cloudwatch`]). A paused or deleted service and an operation in
//! progress make the source stale, with the reason, because numbers measured meanwhile are not the service's own.
//!
//! Facts: `status`, `operation`, `instance_size`.

use std::time::Duration;

use aws_sdk_apprunner::types::{OperationStatus, OperationSummary, Service};

use super::last_told::LastTold;
use super::newer_image::time_text;
use crate::cloud::clients::{Cloud, timestamp};
use crate::cloud::failure::Api;
use crate::instances::{Limits, SourceError, SourceErrorKind};
use crate::polling::Condition;
use crate::polling::{PollReport, PolledFeed};
use crate::session::event::{NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;

/// Status and operations: free of charge, and they change within seconds of a command.
const INTERVAL: Duration = Duration::from_secs(10);
/// Limits change only by a deployment.
const LIMITS_EVERY: Duration = Duration::from_mins(1);

/// Watches one service.
#[derive(Debug)]
pub struct AppRunnerFeed {
    cloud: Cloud,
    arn: String,
    last_told: LastTold,
    limits: Option<Limits>,
    limits_asked: Option<Elapsed>,
}

impl AppRunnerFeed {
    /// Watches the service with this ARN.
    pub fn new(cloud: Cloud, arn: impl Into<String>) -> Self {
        Self { cloud, arn: arn.into(), last_told: LastTold::default(), limits: None, limits_asked: None }
    }

    async fn ask_operations(&mut self, report: &mut PollReport, now: Elapsed) -> Option<OperationSummary> {
        // They come newest first: one page is enough.
        let asked = self.cloud.app_runner.list_operations().service_arn(&self.arn).max_results(20).send().await;
        let operations = match asked {
            Ok(answer) => answer.operation_summary_list.unwrap_or_default(),
            Err(error) => {
                report.problem(self.cloud.error(Api::APP_RUNNER_OPERATIONS, &error));
                return None;
            }
        };
        let newest = operations.into_iter().max_by_key(|operation| operation.started_at().and_then(timestamp))?;
        let state = newest.status().map_or("UNKNOWN", OperationStatus::as_str);
        self.last_told.fact(report, "operation", format!("{} {state}", kind(&newest)), now);
        self.last_told.condition(report, "App Runner", "operation", failed(&newest), now);
        is_running(&newest).then_some(newest)
    }

    async fn ask_limits(&mut self, report: &mut PollReport, service: &Service, now: Elapsed) {
        let is_due = self.limits_asked.is_none_or(|asked| now.saturating_since(asked) >= LIMITS_EVERY);
        let Some(arn) =
            service.auto_scaling_configuration_summary().and_then(|summary| summary.auto_scaling_configuration_arn())
        else {
            return;
        };
        if !is_due {
            return;
        }
        let asked = self
            .cloud
            .app_runner
            .describe_auto_scaling_configuration()
            .auto_scaling_configuration_arn(arn)
            .send()
            .await;
        match asked {
            Ok(answer) => {
                self.limits_asked = Some(now);
                let Some(found) = answer.auto_scaling_configuration() else { return };
                let count = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
                let limits = Limits {
                    min: count(found.min_size()),
                    max: count(found.max_size()),
                    concurrency: count(found.max_concurrency()),
                };
                if self.limits != Some(limits) {
                    self.limits = Some(limits);
                    report.events.push(SessionEvent::Limits(limits));
                }
                self.last_told.condition(report, "App Runner", "scaling", fixed(limits), now);
                let is_deleted = found.status().is_some_and(|status| status.as_str() == "INACTIVE");
                let deleted = is_deleted.then(|| {
                    let name = found.auto_scaling_configuration_name().unwrap_or("of no name");
                    let text = format!("the auto scaling configuration {name} has been deleted (INACTIVE)");
                    Condition::new("scaling configuration", text, "its limits hold until another one is attached")
                });
                self.last_told.condition(report, "App Runner", "scaling configuration", deleted, now);
            }
            Err(error) => report.problem(self.cloud.error(Api::APP_RUNNER_SCALING, &error)),
        }
    }

    /// What a status means for a measurement.
    fn judge(&mut self, report: &mut PollReport, service: &Service, operation: Option<&OperationSummary>) {
        let name = service.service_name();
        let problem = |kind, message: String, remedy: String| Some(SourceError { kind, message, remedy });
        let found = match service.status().as_str() {
            "RUNNING" => None,
            "OPERATION_IN_PROGRESS" => {
                let what = operation.map_or("an operation", kind);
                let since = operation
                    .and_then(|operation| operation.started_at().and_then(timestamp))
                    .map(|at| format!(" for {} s", self.cloud.skew().cloud_now().duration_since(at).as_secs().max(0)))
                    .unwrap_or_default();
                let rolls_back =
                    operation.and_then(OperationSummary::status) == Some(&OperationStatus::RollbackInProgress);
                let what = if rolls_back { format!("{what} failed and is being rolled back") } else { what.to_owned() };
                let began = format!("App Runner: {what}{} on {name}", if rolls_back { "" } else { " began" });
                self.last_told.notice(report, "operation", NoticeLevel::Warning, began);
                let is = if rolls_back { String::new() } else { " is in progress".to_owned() };
                let text = format!("{what}{is} on {name}{since}: instances may be doubled meanwhile");
                problem(
                    SourceErrorKind::Unavailable,
                    text,
                    "wait for its end before you believe an instance count".to_owned(),
                )
            }
            "PAUSED" => problem(
                SourceErrorKind::NotFound,
                format!("the service {name} is paused"),
                format!("resume it: aws apprunner resume-service --service-arn {}", self.arn),
            ),
            "DELETED" => problem(
                SourceErrorKind::NotFound,
                format!("the service {name} has been deleted{}", deleted_at(service)),
                "create it again (make infra), or choose another target".to_owned(),
            ),
            status @ ("CREATE_FAILED" | "DELETE_FAILED") => problem(
                SourceErrorKind::NotFound,
                format!("the service {name} is {status}"),
                "see its event log in the console; delete it and create it again (make infra)".to_owned(),
            ),
            other => problem(
                SourceErrorKind::BadAnswer,
                format!("the service {name} has the status {other}, which this version does not know"),
                "see the console; a newer scaletop may know it".to_owned(),
            ),
        };
        if service.status().as_str() != "OPERATION_IN_PROGRESS" {
            self.last_told.notice(report, "operation", NoticeLevel::Info, "");
        }
        if let Some(found) = found {
            report.problem(found);
        }
    }
}

fn deleted_at(service: &Service) -> String {
    service.deleted_at().and_then(timestamp).map(|at| format!(" at {}", time_text(at))).unwrap_or_default()
}

/// `UPDATE_SERVICE`.
fn kind(operation: &OperationSummary) -> &str {
    operation.r#type().map_or("an operation", |kind| kind.as_str())
}

fn is_running(operation: &OperationSummary) -> bool {
    use OperationStatus::{InProgress, Pending, RollbackInProgress};
    matches!(operation.status(), Some(Pending | InProgress | RollbackInProgress))
}

/// What the newest operation failed to bring about. App Runner names no reason here: it stands in the service's event log.
fn failed(operation: &OperationSummary) -> Option<Condition> {
    let what = match operation.status()? {
        OperationStatus::Failed => "failed",
        OperationStatus::RollbackFailed => "failed, and rolling it back failed too",
        OperationStatus::RollbackSucceeded => "failed and was rolled back",
        _ => return None,
    };
    let ended = operation.ended_at().and_then(timestamp).map(|at| format!(" at {}", time_text(at)));
    let text = format!("the last operation, {}, {what}{}", kind(operation), ended.unwrap_or_default());
    let remedy = "what runs is what was there before; the service's event log says why";
    Some(Condition::new("operation", text, remedy))
}

/// Limits that leave nothing to scale.
fn fixed(limits: Limits) -> Option<Condition> {
    let most = limits.max.filter(|most| limits.min == Some(*most))?;
    let text = format!("minimum and maximum are both {most}: the count cannot change");
    Some(Condition::hindrance("scaling", text, "raise the maximum, or know that nothing scales"))
}

impl PolledFeed for AppRunnerFeed {
    fn name(&self) -> &'static str {
        "apprunner"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn poll(&mut self) -> PollReport {
        let mut report = PollReport::default();
        let asked = self.cloud.app_runner.describe_service().service_arn(&self.arn).send().await;
        let now = self.cloud.skew().clock().now();
        let service = match asked {
            Ok(answer) => answer.service,
            Err(error) => {
                report.problem(self.cloud.error(Api::APP_RUNNER_DESCRIBE, &error));
                return report;
            }
        };
        let Some(service) = service else {
            report.problem(SourceError {
                kind: SourceErrorKind::BadAnswer,
                message: "App Runner DescribeService answered without a service".to_owned(),
                remedy: "check that the endpoint speaks for AWS".to_owned(),
            });
            return report;
        };
        self.last_told.fact(&mut report, "status", service.status().as_str(), now);
        if let Some(size) = service.instance_configuration() {
            let text = format!("{} CPU, {} MB", size.cpu().unwrap_or("?"), size.memory().unwrap_or("?"));
            self.last_told.fact(&mut report, "instance_size", text, now);
        }
        let operation = self.ask_operations(&mut report, now).await;
        self.ask_limits(&mut report, &service, now).await;
        self.judge(&mut report, &service, operation.as_ref());
        report
    }
}
