//! The health checks of a target group: which tasks the balancer takes for healthy, and the loop that asks them.
//!
//! A check is a request like any other: it waits in the task's queue, so a task that is behind by more than the check's
//! patience fails it. Elastic Load Balancing's defaults are followed; what an Express service sets is not documented.
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval_at, timeout};

use super::task_queue::Gone;

/// How a target group checks its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HealthPolicy {
    /// From one check of a target to the next (`HealthCheckIntervalSeconds`).
    pub interval: Duration,
    /// How long a check may take (`HealthCheckTimeoutSeconds`). It is held against the service's own latency, so it is not
    /// divided by the time scale.
    pub timeout: Duration,
    /// Passed checks in a row that make an unhealthy target healthy again.
    pub healthy_threshold: u32,
    /// Failed checks in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
}

impl HealthPolicy {
    /// Elastic Load Balancing's defaults for targets with an address.
    pub(crate) const DEFAULT: Self = Self {
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        healthy_threshold: 5,
        unhealthy_threshold: 2,
    };
}

/// For this long after a task has started ECS takes no notice of its failed checks (`healthCheckGracePeriodSeconds` of an
/// Express service).
pub(crate) const GRACE_PERIOD: Duration = Duration::from_mins(5);

/// Why a check failed, in the words that follow `due to (reason …)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckFailure {
    /// No answer in time.
    TimedOut,
    /// No connection, or one that broke.
    Failed,
    /// An answer of another status than 200.
    Code(u16),
}

impl From<Gone> for CheckFailure {
    fn from(_: Gone) -> Self {
        Self::Failed
    }
}

impl CheckFailure {
    /// The reason as the service's events give it.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::TimedOut => "Request timed out".to_owned(),
            Self::Failed => "Health checks failed".to_owned(),
            Self::Code(code) => format!("Health checks failed with these codes: [{code}]"),
        }
    }
}

/// What the checks of one target have come to. A target counts as healthy with its first passed check, which is part of the
/// cold start here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TargetHealth {
    is_healthy: bool,
    /// Checks in a row that say otherwise.
    contrary: u32,
}

impl TargetHealth {
    /// A target that has passed its first check.
    pub(crate) const HEALTHY: Self = Self { is_healthy: true, contrary: 0 };

    /// One more check; what the target is from now on, if that has changed.
    pub(crate) fn checked(&mut self, passed: bool, policy: &HealthPolicy) -> Option<bool> {
        if passed == self.is_healthy {
            self.contrary = 0;
            return None;
        }
        self.contrary += 1;
        let threshold = if self.is_healthy { policy.unhealthy_threshold } else { policy.healthy_threshold };
        (self.contrary >= threshold).then(|| {
            *self = Self { is_healthy: passed, contrary: 0 };
            passed
        })
    }
}

/// Checks a target until dropped: `check` asks it once, `changed` hears of each change (`Ok` healthy, else why not).
pub(crate) async fn keep_checking<C, F>(
    policy: HealthPolicy,
    mut check: C,
    mut changed: impl FnMut(Result<(), CheckFailure>),
) -> std::convert::Infallible
where
    C: FnMut() -> F,
    F: Future<Output = Result<(), CheckFailure>>,
{
    let mut health = TargetHealth::HEALTHY;
    let mut checks = interval_at(tokio::time::Instant::now() + policy.interval, policy.interval);
    // A check that takes longer than the interval puts off the next one.
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        checks.tick().await;
        let outcome = timeout(policy.timeout, check()).await.unwrap_or(Err(CheckFailure::TimedOut));
        if health.checked(outcome.is_ok(), &policy).is_some() {
            changed(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::task_queue::TaskQueue;

    #[test]
    fn two_failed_checks_make_a_target_unhealthy_and_five_passed_ones_healthy_again() {
        let mut health = TargetHealth::HEALTHY;
        let mut see = |passed| health.checked(passed, &HealthPolicy::DEFAULT);
        assert_eq!([see(false), see(true), see(false)], [None; 3], "one in between starts the count anew");
        assert_eq!(see(false), Some(false));
        assert_eq!([see(false), see(true), see(true), see(true), see(true), see(false)], [None; 6]);
        assert_eq!([see(true), see(true), see(true), see(true)], [None; 4]);
        assert_eq!(see(true), Some(true));
    }

    /// Holds every place of a task until 200 s, and says when its target changed and why, up to 400 s.
    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_behind_by_more_than_the_timeout_is_unhealthy_after_two_intervals() {
        let (queue, start) = (TaskQueue::new(2), Instant::now());
        let backlog = tokio::spawn({
            let queue = queue.clone();
            async move {
                let (_one, _two) = (queue.turn().await.unwrap(), queue.turn().await.unwrap());
                sleep(Duration::from_secs(200)).await;
            }
        });
        tokio::task::yield_now().await;
        let seen = Rc::new(RefCell::new(Vec::new()));
        let check = || {
            let queue = queue.clone();
            async move { Ok(queue.turn().await.map(drop)?) }
        };
        let changed = |outcome: Result<(), CheckFailure>| seen.borrow_mut().push((start.elapsed().as_secs(), outcome));
        let checking = keep_checking(HealthPolicy::DEFAULT, check, changed);
        let _ = timeout(Duration::from_secs(400), checking).await;
        backlog.await.unwrap();
        // Checks at 30 and 60 s fail five seconds later; those from 210 s on pass, the fifth of them at 330 s.
        assert_eq!(*seen.borrow(), [(65, Err(CheckFailure::TimedOut)), (330, Ok(()))]);
    }

    #[test]
    fn reasons_are_worded_as_the_events_of_a_service_word_them() {
        assert_eq!(CheckFailure::TimedOut.reason(), "Request timed out");
        assert_eq!(CheckFailure::Code(500).reason(), "Health checks failed with these codes: [500]");
    }
}
