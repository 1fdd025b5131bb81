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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneKind {
    /// The alarm that asks for more went off.
    Alarm,
    /// The wanted count was changed.
    Decision,
    /// An alarm asked for a change and none was made; the detail says why.
    NotScaled,
    /// A task was created.
    TaskCreated,
    /// Its image was there.
    ImagePulled,
    TaskStarted,
    /// Its health check passed.
    TaskHealthy,
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
            Self::Decision => "decision",
            Self::NotScaled => "not scaled",
            Self::TaskCreated => "task created",
            Self::ImagePulled => "image pulled",
            Self::TaskStarted => "task started",
            Self::TaskHealthy => "task healthy",
            Self::TaskStopped => "task stopped",
            Self::Hindrance => "hindrance",
            Self::HindranceOver => "hindrance over",
        }
    }
}
