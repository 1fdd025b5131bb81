//! Why a step's scale-out did not come, or stalls: what the platform says of scaling out, and of this step. Pure.

use std::collections::BTreeMap;

use crate::analysis::waterfall::activity::is_about_less;
use crate::analysis::waterfall::span::Span;
use crate::instances::milestone::{Milestone, MilestoneKind};

/// Reasons of one kind that a waterfall gives: more would be the log's.
const MOST_REASONS: usize = 3;

/// How far the scale-out of a step got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress<'a> {
    /// Whether more were asked for.
    pub(super) has_decision: bool,
    /// Whether a new task runs.
    pub(super) has_started: bool,
    /// Whether a new task is healthy, was counted or has answered.
    pub(super) is_through: bool,
    /// The tasks of the scale-out, by their ids.
    pub(super) tasks: &'a [&'a str],
}

/// Every reason that there is for it, each said once.
pub(super) fn reasons<'a>(milestones: &'a [Milestone], span: &Span, progress: Progress<'_>) -> Vec<&'a str> {
    let mut said: Vec<&str> = Vec::new();
    if !progress.has_decision {
        said.extend(refused(milestones, span));
    }
    if !progress.has_decision || !progress.has_started {
        said.extend(hindrances(milestones, span));
    }
    if !progress.has_decision || !progress.is_through {
        for why in failed_tasks(milestones, span, progress.tasks).into_iter().take(MOST_REASONS) {
            if !said.iter().any(|said| said.contains(why)) {
                said.push(why);
            }
        }
    }
    said
}

/// Why an alarm asked for more in the step and nothing was changed: what was said last.
fn refused<'a>(milestones: &'a [Milestone], span: &Span) -> Option<&'a str> {
    let said = milestones.iter().filter(|one| is_refusal(one) && span.contains(one.as_of));
    let last = said.max_by_key(|one| one.as_of)?;
    Some(last.detail.strip_prefix("not scaled: ").unwrap_or(&last.detail))
}

/// Whether it says that scaling out was refused. A service at rest says all day that it is at its minimum: that is about
/// scaling in.
pub(super) fn is_refusal(one: &Milestone) -> bool {
    one.kind == MilestoneKind::NotScaled && !is_about_less(&one.detail)
}

/// What of the scale-out's own tasks failed: those that stopped and were not meant to, and those that are not healthy.
fn failed_tasks<'a>(milestones: &'a [Milestone], span: &Span, tasks: &[&str]) -> Vec<&'a str> {
    let is_failure = |one: &&Milestone| match one.kind {
        MilestoneKind::TaskStopped => !is_wanted(&one.detail),
        MilestoneKind::TaskUnhealthy => true,
        _ => false,
    };
    let of_step = |one: &&Milestone| span.contains(one.as_of) && tasks.contains(&one.subject.as_str());
    let mut failed: Vec<&Milestone> = milestones.iter().filter(is_failure).filter(of_step).collect();
    failed.sort_by_key(|one| one.as_of);
    let mut said: Vec<&str> = Vec::new();
    for why in failed.iter().map(|one| one.detail.as_str()).filter(|why| !why.is_empty()) {
        if !said.contains(&why) {
            said.push(why);
        }
    }
    said
}

/// Whether a task was stopped because somebody wanted it: a scale-in, a deployment, a user. The scheduler also stops what fails
/// its health checks, and says so in words only.
fn is_wanted(why: &str) -> bool {
    let is_order = why.starts_with("ServiceSchedulerInitiated") || why.starts_with("UserInitiated");
    is_order && !why.contains("health check")
}

/// What kept the service from scaling out at some time of the step: what the platform said before it and had not taken back
/// when it began, and what it said in it.
fn hindrances<'a>(milestones: &'a [Milestone], span: &Span) -> Vec<&'a str> {
    let mut stood: BTreeMap<&str, &str> = BTreeMap::new();
    let mut all: Vec<&Milestone> = milestones
        .iter()
        .filter(|one| matches!(one.kind, MilestoneKind::Hindrance | MilestoneKind::HindranceOver))
        .collect();
    all.sort_by_key(|one| one.as_of);
    for one in all {
        match one.kind {
            MilestoneKind::Hindrance if span.contains(one.as_of) || span.is_after(one.as_of) => {
                stood.insert(&one.subject, &one.detail);
            }
            MilestoneKind::HindranceOver if span.is_after(one.as_of) => {
                stood.remove(one.subject.as_str());
            }
            _ => {}
        }
    }
    stood.into_values().take(MOST_REASONS).collect()
}
