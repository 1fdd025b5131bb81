//! ECS' way of scaling: target tracking on CPU, as Application Auto Scaling does it.
//!
//! The tracker is told the CPU use as it is measured, folds it into points of one period (60 s in the cloud), and holds two
//! alarms against them once they are published: three points in a row above the target ask for more tasks, fifteen below
//! nine tenths of it for fewer. Out, the wanted count is proportional, `⌈current × metric ÷ target⌉`; in, one task goes at a
//! time. Between two changes lies a cooldown, in which only a *larger* scale-out gets through: what the last one added is
//! counted in. While a deployment is in progress nothing scales in.
//!
//! Sources: the two alarms and what lies between two changes,
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>; "scales out
//! proportionally to the metric as fast as it can, but scales in more gradually", and no scale-in during deployments,
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html>; 3 of 3 and 15 of 15 points,
//! <https://github.com/aws/containers-roadmap/issues/1208>; 90 %, alarms as they are created
//! (`CPUUtilization > 30 for 3 datapoints`, `< 27 for 15`). How much a step takes away is not documented: one task is ours.
//!
//! Pure: it reads no clock and starts nothing. Every decision, and every change that was asked for and not made, is written
//! down as an [`Activity`] with its cause, worded as `DescribeScalingActivities` words it.

mod scaler;

use std::collections::VecDeque;
use std::time::Duration;

use scaletop_units::Elapsed;

use crate::options::ECS_DELAY;

pub(crate) use scaler::{TrackingHandle, TrackingScaler};

/// Activities that are kept.
const ACTIVITIES_KEPT: usize = 500;

/// The low alarm's threshold, as a share of the target: a dead band, so that a service at its target rests.
const LOW_SHARE: f64 = 0.9;

/// A target-tracking policy. The defaults are those of ECS: 60 s points, 3 of them to scale out, 15 to scale in, cooldowns
/// of 300 s (of the API; what an Express service sets is not documented).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TrackingPolicy {
    /// The CPU use to keep, percent of what a task has; above 0.
    pub target: f64,
    /// The least tasks that are kept.
    pub min: u32,
    /// The most tasks that are started.
    pub max: u32,
    /// The span of one point.
    pub period: Duration,
    /// How long after its end a point is published: alarms see it then.
    pub publication_delay: Duration,
    /// Points in a row above the target before more tasks are asked for.
    pub points_out: u32,
    /// Points in a row below the low threshold before fewer are.
    pub points_in: u32,
    /// After a scale-out, how long only a larger one gets through.
    pub cooldown_out: Duration,
    /// After a scale-in, how long no other follows.
    pub cooldown_in: Duration,
}

impl TrackingPolicy {
    /// The policy of an ECS Express service with `min` to `max` tasks: 60 % CPU.
    pub(crate) const fn ecs(min: u32, max: u32) -> Self {
        Self {
            target: 60.0,
            min,
            max,
            period: Duration::from_mins(1),
            publication_delay: ECS_DELAY,
            points_out: 3,
            points_in: 15,
            cooldown_out: Duration::from_mins(5),
            cooldown_in: Duration::from_mins(5),
        }
    }

    /// The same policy on the metric of this resolution: a point covers `period` and is published `publication_delay` after its
    /// end. The alarms of the 20-second metric are not documented: three points ask for more tasks here, and fifteen minutes of
    /// points for fewer.
    #[must_use]
    pub(crate) fn with_resolution(self, (period, publication_delay): (Duration, Duration)) -> Self {
        let low_span = self.period.saturating_mul(self.points_in);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of points; `as` saturates"
        )]
        let points_in = (low_span.as_secs_f64() / period.as_secs_f64()).round() as u32;
        Self { period, publication_delay, points_in: points_in.max(1), ..self }
    }

    /// The same policy on a clock that runs `factor` times faster. A factor that is not above 0 changes nothing.
    #[must_use]
    pub(crate) fn sped_up(self, factor: f64) -> Self {
        let scale = |span: Duration| Duration::try_from_secs_f64(span.as_secs_f64() / factor).unwrap_or(span);
        if factor > 0.0 {
            Self {
                period: scale(self.period),
                publication_delay: scale(self.publication_delay),
                cooldown_out: scale(self.cooldown_out),
                cooldown_in: scale(self.cooldown_in),
                ..self
            }
        } else {
            self
        }
    }

    /// Below this, the low alarm counts a point.
    pub(crate) fn low_threshold(&self) -> f64 {
        self.target * LOW_SHARE
    }

    /// The count that would bring `metric` to the target, within the bounds: `⌈current × metric ÷ target⌉`.
    pub(crate) fn wanted(&self, current: u32, metric: f64) -> u32 {
        let wanted = (f64::from(current) * metric / self.target).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped; `as` saturates, NaN is 0"
        )]
        let wanted = wanted.clamp(0.0, f64::from(u32::MAX)) as u32;
        wanted.clamp(self.min, self.max.max(self.min))
    }
}

/// What an alarm says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AlarmState {
    /// Too few points yet.
    #[default]
    InsufficientData,
    /// Not enough points in a row on the wrong side.
    Ok,
    /// Enough points in a row on the wrong side.
    Alarm,
}

/// One of the policy's two alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alarm {
    /// What it says.
    pub state: AlarmState,
    /// Since when.
    pub since: Elapsed,
}

/// What the policy did, or did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    /// When it was decided.
    pub at: Elapsed,
    /// `Setting desired count to 4.`
    pub description: String,
    /// The alarm that asked for it.
    pub cause: String,
    /// How it ended.
    pub outcome: ActivityOutcome,
    /// How many tasks were wanted before.
    pub from: u32,
}

/// How an activity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActivityOutcome {
    /// The wanted count was changed.
    Scaled {
        /// To this.
        to: u32,
    },
    /// Nothing was changed.
    NotScaled {
        /// Why.
        reason: NotScaled,
    },
}

/// Why nothing was changed although an alarm asked for it: the codes of `DescribeScalingActivities`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotScaled {
    /// The maximum is reached.
    AlreadyAtMaxCapacity,
    /// The minimum is reached.
    AlreadyAtMinCapacity,
    /// The count is already what the policy would ask for.
    AlreadyAtDesiredCapacity,
    /// A cooldown holds it back.
    CoolingDown,
}

impl NotScaled {
    /// The code as the API writes it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::AlreadyAtMaxCapacity => "AlreadyAtMaxCapacity",
            Self::AlreadyAtMinCapacity => "AlreadyAtMinCapacity",
            // The API has no code for a cooldown: it says that the capacity is the desired one.
            Self::AlreadyAtDesiredCapacity | Self::CoolingDown => "AlreadyAtDesiredCapacity",
        }
    }
}

/// What the tracker has to tell: copied out for the API.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TrackingLog {
    /// The alarm that asks for more tasks.
    pub high: Alarm,
    /// The alarm that asks for fewer.
    pub low: Alarm,
    /// What was done and not done, oldest first.
    pub activities: VecDeque<Activity>,
    /// The last published point: its start and the mean CPU use, percent.
    pub last_point: Option<(Elapsed, f64)>,
}

/// A point whose period is over.
#[derive(Clone, Copy, Debug)]
struct ClosedPoint {
    start: Elapsed,
    end: Elapsed,
    mean: Option<f64>,
    /// The tasks that ran when it closed.
    running: u32,
}

/// Follows a policy.
#[derive(Clone, Debug)]
pub(crate) struct TargetTracker {
    policy: TrackingPolicy,
    service: String,
    desired: u32,
    period_start: Elapsed,
    /// The mean of the open period so far, and how many seconds it is of.
    mean: f64,
    weight: f64,
    /// Closed points, the newest last, `None` for a period in which nothing was measured: at most `points_in`.
    points: VecDeque<Option<f64>>,
    /// Closed points that are not published yet, oldest first.
    unpublished: VecDeque<ClosedPoint>,
    /// Points published so far.
    published: u64,
    /// A deployment is in progress: nothing scales in.
    is_deploying: bool,
    cooling_out: Option<(Elapsed, u32)>,
    cooling_in: Option<Elapsed>,
    log: TrackingLog,
}

impl TargetTracker {
    /// Starts at `now` with `desired` tasks. `service` is what causes call the service, such as `service/default/demo`.
    pub(crate) fn new(policy: TrackingPolicy, service: impl Into<String>, now: Elapsed, desired: u32) -> Self {
        Self {
            policy,
            service: service.into(),
            desired: desired.clamp(policy.min, policy.max.max(policy.min)),
            period_start: now,
            mean: 0.0,
            weight: 0.0,
            points: VecDeque::new(),
            unpublished: VecDeque::new(),
            published: 0,
            is_deploying: false,
            cooling_out: None,
            cooling_in: None,
            log: TrackingLog::default(),
        }
    }

    /// How many tasks are wanted.
    #[cfg(test)]
    pub(crate) const fn desired(&self) -> u32 {
        self.desired
    }

    /// What it has to tell.
    pub(crate) const fn log(&self) -> &TrackingLog {
        &self.log
    }

    /// Tells whether a deployment is in progress.
    pub(crate) const fn deploying(&mut self, is_deploying: bool) {
        self.is_deploying = is_deploying;
    }

    /// Tells the mean CPU use (percent, over running tasks) of the last `span` up to `now`, and how many tasks run; answers
    /// how many are wanted. `now` never goes back. `None` when nothing ran.
    pub(crate) fn observe(&mut self, now: Elapsed, span: Duration, cpu: Option<f64>, running: u32) -> u32 {
        // A period without length (absurd time scale) would never end.
        let period = self.policy.period.max(Duration::from_millis(1));
        // The measurement belongs to the period in which its span began; what lies wholly before it closes first.
        let began = now - span;
        while began >= self.period_start + period {
            self.close_point(self.period_start + period, running);
        }
        if let Some(cpu) = cpu.filter(|cpu| cpu.is_finite()) {
            self.weight += span.as_secs_f64();
            if self.weight > 0.0 {
                // Step by step, so that the mean of equal values is that value to the bit: at the target, no alarm counts.
                self.mean += (cpu - self.mean) * (span.as_secs_f64() / self.weight);
            }
        }
        while now >= self.period_start + period {
            self.close_point(self.period_start + period, running);
        }
        while let Some(point) = self.unpublished.front().copied()
            && now >= point.end + self.policy.publication_delay
        {
            self.unpublished.pop_front();
            self.publish(point);
        }
        self.desired
    }

    fn close_point(&mut self, end: Elapsed, running: u32) {
        let mean = (self.weight > 0.0).then_some(self.mean);
        self.unpublished.push_back(ClosedPoint { start: self.period_start, end, mean, running });
        (self.period_start, self.mean, self.weight) = (end, 0.0, 0.0);
    }

    fn publish(&mut self, ClosedPoint { start, end, mean, running }: ClosedPoint) {
        let at = end + self.policy.publication_delay;
        self.published += 1;
        if let Some(mean) = mean {
            self.log.last_point = Some((start, mean));
        }
        self.points.push_back(mean);
        let kept = self.policy.points_in.max(self.policy.points_out).max(1) as usize;
        while self.points.len() > kept {
            self.points.pop_front();
        }
        let (target, low) = (self.policy.target, self.policy.low_threshold());
        let high_state = self.alarm_state(self.policy.points_out, |point| point > target);
        let low_state = self.alarm_state(self.policy.points_in, |point| point < low);
        set_alarm(&mut self.log.high, high_state, at);
        set_alarm(&mut self.log.low, low_state, at);
        let Some(metric) = mean else { return };
        if high_state == AlarmState::Alarm {
            self.scale_out(at, metric, running);
        } else if low_state == AlarmState::Alarm && !self.is_deploying {
            self.scale_in(at, metric);
        }
    }

    /// An alarm needs `count` points in a row on the wrong side; a missing point is on neither side.
    fn alarm_state(&self, count: u32, is_wrong: impl Fn(f64) -> bool) -> AlarmState {
        let count = count.max(1) as usize;
        let recent: Vec<f64> = self.points.iter().rev().take(count).copied().flatten().collect();
        if recent.is_empty() {
            AlarmState::InsufficientData
        } else if recent.len() == count && recent.into_iter().all(is_wrong) {
            AlarmState::Alarm
        } else {
            AlarmState::Ok
        }
    }

    fn scale_out(&mut self, at: Elapsed, metric: f64, running: u32) {
        // The metric is of the tasks that ran, not of those still on their way: using `desired` would count them twice.
        let wanted = self.policy.wanted(running.max(1), metric).max(self.desired);
        // What the last scale-out added is counted in: while it cools down, only a larger one gets through.
        let held_to = self.cooling_out.filter(|(until, _)| at < *until).map(|(_, to)| to);
        if self.desired >= self.policy.max {
            self.note(at, NotScaled::AlreadyAtMaxCapacity, true);
        } else if wanted <= self.desired {
            let reason = if held_to.is_some() { NotScaled::CoolingDown } else { NotScaled::AlreadyAtDesiredCapacity };
            self.note(at, reason, true);
        } else {
            self.cooling_out = Some((at + self.policy.cooldown_out, wanted));
            // It ends the cooldown of a scale-in before it.
            self.cooling_in = None;
            self.change(at, wanted, true);
        }
    }

    fn scale_in(&mut self, at: Elapsed, metric: f64) {
        let wanted = self.policy.wanted(self.desired, metric);
        let is_cooling =
            self.cooling_out.is_some_and(|(until, _)| at < until) || self.cooling_in.is_some_and(|until| at < until);
        if self.desired <= self.policy.min {
            // At rest at the minimum: the API lists that only as "not scaled", and only when it is asked to.
            self.note(at, NotScaled::AlreadyAtMinCapacity, false);
        } else if wanted >= self.desired {
            self.note(at, NotScaled::AlreadyAtDesiredCapacity, false);
        } else if is_cooling {
            self.note(at, NotScaled::CoolingDown, false);
        } else {
            self.cooling_in = Some(at + self.policy.cooldown_in);
            self.change(at, self.desired - 1, false);
        }
    }

    fn change(&mut self, at: Elapsed, to: u32, is_out: bool) {
        let activity = Activity {
            at,
            description: format!("Setting desired count to {to}."),
            cause: self.cause(is_out),
            outcome: ActivityOutcome::Scaled { to },
            from: self.desired,
        };
        self.desired = to;
        self.push(activity);
    }

    /// Writes down why nothing changed, once until the reason or the count changes: an alarm that stays asks every period.
    fn note(&mut self, at: Elapsed, reason: NotScaled, is_out: bool) {
        let outcome = ActivityOutcome::NotScaled { reason };
        let cause = self.cause(is_out);
        let is_repeated = self
            .log
            .activities
            .back()
            .is_some_and(|last| last.outcome == outcome && last.cause == cause && last.from == self.desired);
        if !is_repeated {
            let description = "Attempting to scale due to alarm triggered".to_owned();
            self.push(Activity { at, description, cause, outcome, from: self.desired });
        }
    }

    fn push(&mut self, activity: Activity) {
        self.log.activities.push_back(activity);
        while self.log.activities.len() > ACTIVITIES_KEPT {
            self.log.activities.pop_front();
        }
    }

    fn cause(&self, is_out: bool) -> String {
        let alarm = if is_out { high_alarm_name(&self.service) } else { low_alarm_name(&self.service) };
        format!("monitor alarm {alarm} in state ALARM triggered policy {POLICY_NAME}")
    }
}

/// What the policy is called.
pub(crate) const POLICY_NAME: &str = "cpu-target-tracking";

/// What the alarm that asks for more tasks is called.
pub(crate) fn high_alarm_name(service: &str) -> String {
    format!("TargetTracking-{service}-AlarmHigh")
}

/// What the alarm that asks for fewer tasks is called.
pub(crate) fn low_alarm_name(service: &str) -> String {
    format!("TargetTracking-{service}-AlarmLow")
}

fn set_alarm(alarm: &mut Alarm, state: AlarmState, at: Elapsed) {
    if alarm.state != state {
        *alarm = Alarm { state, since: at };
    }
}

#[cfg(test)]
mod tests;
