//! The sources through the official SDK crates, against the embedded cluster's endpoints over a cloud of fixed numbers
//! (`support/cloud.rs`) and against recorded bytes. The crates swallow wrong answers: every assertion is on values.
#![expect(clippy::float_cmp, reason = "the values are exact")]

use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use scaletop::SessionEvent;
use scaletop::demo_cloud;
use scaletop::{Basis, InstanceObservation, Limits, SourceErrorKind};
use scaletop::{Cloud, CloudOptions, WatchedService, resolve};
use scaletop::{Milestone, MilestoneKind};
use scaletop::{
    sources::AppRunnerFeed, sources::CloudWatchFeed, sources::EcrFeed, sources::EcsFeed, sources::EcsScalingFeed,
    sources::EcsTasksFeed, sources::ImageOwner, sources::PollReport, sources::PolledFeed,
};
use scaletop_cluster::wire::{CloudPlatform, FaultRule, Task, WireFault};
use scaletop_units::{Elapsed, RunClock};
use tokio::time::Instant;

use crate::support::canned;
use crate::support::cloud::{Setup, session};
use crate::support::fixed_cloud::{REGION, unix_now};

mod cloudwatch;
mod ecs;
mod targets;
mod trouble;

const MINUTE: Duration = Duration::from_mins(1);

/// The App Runner service `demo`, with this id.
fn demo(id: impl Into<String>) -> WatchedService {
    WatchedService::AppRunner { arn: String::new(), name: "demo".to_owned(), id: id.into() }
}

fn observed(report: &PollReport) -> Vec<InstanceObservation> {
    let seen = |event: &SessionEvent| if let SessionEvent::Observed(seen) = event { Some(*seen) } else { None };
    report.events.iter().filter_map(seen).collect()
}

fn milestones(report: &PollReport) -> Vec<Milestone> {
    let seen = |event: &SessionEvent| if let SessionEvent::Milestone(seen) = event { Some(seen.clone()) } else { None };
    report.events.iter().filter_map(seen).collect()
}

fn kind(report: &PollReport) -> Option<SourceErrorKind> {
    report.problem.as_ref().map(|problem| problem.kind)
}
