//! What the platform's own records say happened on the way of a scale-out: alarms, decisions, the lives of tasks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use scaletop_units::Elapsed;

/// One thing that the platform recorded, with the time it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    pub kind: MilestoneKind,
    /// To what: an alarm, a policy, a task's id. Untrusted text.
    pub subject: String,
    /// What is to be said of it, such as a decision's cause. Untrusted text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// When, by the platform's clock brought to ours.
    pub as_of: Elapsed,
    /// How long before `as_of` it may have happened: zero for what the platform timed, the poll interval for what we saw
    /// change.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub uncertainty: Duration,
    /// By how much the platform's clock may be off from ours, either way, after all that its answers told of it; zero for what
    /// we timed ourselves, and in recordings of before.
    #[serde(default, skip_serializing_if = "Duration::is_zero")]
    pub clock_error: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneKind {
    /// The alarm that asks for more went off.
    Alarm,
    /// It went off no longer: its state changed to another one.
    AlarmOver,
    /// The wanted count was changed, up or down, by whoever; the detail says to what and why.
    Decision,
    /// An alarm asked for a change and none was made; the detail says why.
    NotScaled,
    /// A task was created.
    TaskCreated,
    /// Its image was there.
    ImagePulled,
    TaskStarted,
    /// Its health check passed: the load balancer's where that could be asked, else the container's own.
    TaskHealthy,
    /// It runs, and its health check does not pass.
    TaskUnhealthy,
    /// It runs, and nothing says whether it is healthy; the detail says why.
    HealthUnknown,
    TaskStopped,
    /// Something keeps the service from scaling out, from now on; the subject names it, the detail says what.
    Hindrance,
    /// What this subject named does so no longer.
    HindranceOver,
}

impl MilestoneKind {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::AlarmOver => "alarm over",
            Self::Decision => "decision",
            Self::NotScaled => "not scaled",
            Self::TaskCreated => "task created",
            Self::ImagePulled => "image pulled",
            Self::TaskStarted => "task started",
            Self::TaskHealthy => "task healthy",
            Self::TaskUnhealthy => "task unhealthy",
            Self::HealthUnknown => "health unknown",
            Self::TaskStopped => "task stopped",
            Self::Hindrance => "hindrance",
            Self::HindranceOver => "hindrance over",
        }
    }
}

/// The alarm that set off a scaling activity, by the words of its cause: `monitor alarm NAME in state ALARM triggered policy …`.
pub(crate) fn alarm_of(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once("monitor alarm ")?;
    rest.split_once(" in state ").map(|(name, _)| name)
}
