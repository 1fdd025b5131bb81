//! Drives a source for as long as the session lasts: polls it, tells how it is doing, backs off when it fails, goes on.
//!
//! A source is a [`PolledFeed`]: one poll gathers what it can and names what failed. The driver never gives up, never blocks
//! the screen or the load (it owns a task and a bounded channel), and never asks two things at once.

#[cfg(feature = "aws")]
mod condition;
mod counts;

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

#[cfg(feature = "aws")]
pub(crate) use self::condition::Condition;
pub(crate) use self::counts::PolledCounts;
#[cfg(feature = "aws")]
use crate::instances::Limits;
use crate::instances::{Feed, SourceError, SourceErrorKind};
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use scaletop_units::Elapsed;
use scaletop_units::RunClock;

/// A poll that takes longer than this is given up: the clients have shorter timeouts of their own, per call.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// The longest wait between two attempts while a source fails, unless it has one of its own.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Waits vary by this share either way, so that many of us do not ask in step.
const JITTER: f64 = 0.1;

/// What one poll brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollReport {
    pub events: Vec<SessionEvent>,
    /// What failed, if anything: the first, and what matters most.
    pub problem: Option<SourceError>,
    /// What it found to stand, whether that is news or not.
    #[cfg(feature = "aws")]
    pub(crate) standing: Vec<Condition>,
}

impl PollReport {
    /// What is said under a name.
    #[cfg(feature = "aws")]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.events.iter().rev().find_map(|event| match event {
            SessionEvent::Fact(fact) if fact.name == name => Some(fact.value.as_str()),
            _ => None,
        })
    }

    /// The limits, when they are news.
    #[cfg(feature = "aws")]
    pub fn limits(&self) -> Option<Limits> {
        self.events.iter().find_map(|event| match event {
            SessionEvent::Limits(limits) => Some(*limits),
            _ => None,
        })
    }

    /// Keeps the first problem.
    #[cfg(feature = "aws")]
    pub(crate) fn problem(&mut self, problem: SourceError) {
        self.problem.get_or_insert(problem);
    }
}

/// A source that is polled.
pub trait PolledFeed: Send + 'static {
    /// Its name in the log and the header, such as `cloudwatch`.
    fn name(&self) -> &'static str;

    /// How long to wait between polls, while all is well.
    fn interval(&self) -> Duration;

    /// The longest wait between two attempts while it fails, where that is longer than the interval.
    fn longest_wait(&self) -> Duration {
        LONGEST_WAIT
    }

    /// Asks once. Not cancel-safe in that an interrupted poll is lost; the next one brings what it would have brought.
    fn poll(&mut self) -> impl Future<Output = PollReport> + Send;
}

/// How long to wait before the next poll. Pure: `failures` polls in a row have failed; `dice` is in `0..1`.
fn wait_before_next(interval: Duration, longest: Duration, failures: u32, dice: f64) -> Duration {
    let grown = if failures == 0 {
        interval
    } else {
        // 2 s, 4 s, 8 s, … but never faster than a poll that succeeds.
        let backed_off = Duration::from_secs(2).saturating_mul(1 << (failures - 1).min(10)).min(longest);
        backed_off.max(interval)
    };
    let factor = 1.0 + JITTER * (2.0 * dice.clamp(0.0, 1.0) - 1.0);
    Duration::try_from_secs_f64(grown.as_secs_f64() * factor).unwrap_or(grown)
}

/// How a source is doing, after each poll.
#[derive(Clone, Debug, Default)]
struct Health {
    heard: Option<Elapsed>,
    failures: u32,
    error: Option<SourceError>,
}

impl Health {
    /// What is to be told after a poll that ended at `now`.
    fn after(&mut self, now: Elapsed, source: &str, problem: Option<SourceError>) -> Vec<SessionEvent> {
        let mut events = Vec::new();
        let notice = |level, text| SessionEvent::Notice(Notice { level, text });
        let feed = match &problem {
            None => {
                if let Some(error) = &self.error {
                    events.push(notice(
                        NoticeLevel::Info,
                        format!("{source} answers again (it had failed: {})", error.message),
                    ));
                }
                self.heard = Some(now);
                self.failures = 0;
                Feed::Live { heard: now }
            }
            Some(error) => {
                // The same kind again is no news for the log; its wording may hold a new request id.
                if self.error.as_ref().is_none_or(|before| before.kind != error.kind) {
                    events.push(notice(NoticeLevel::Warning, format!("{source}: {error}")));
                }
                self.failures = self.failures.saturating_add(1);
                match self.heard {
                    Some(heard) => Feed::Stale { heard, error: error.clone() },
                    None => Feed::Failed { error: error.clone() },
                }
            }
        };
        self.error = problem;
        events.push(SessionEvent::Feed { source: source.to_owned(), feed });
        events
    }
}

/// Polls `feed` until nobody listens any more. What it learns goes into `events` in order.
pub(crate) async fn run<F: PolledFeed>(mut feed: F, clock: RunClock, events: mpsc::Sender<SessionEvent>) {
    let mut health = Health::default();
    while !events.is_closed() {
        let report = timeout(LONGEST_POLL, feed.poll()).await.unwrap_or_else(|_| PollReport {
            problem: Some(SourceError {
                kind: SourceErrorKind::Unreachable,
                message: format!("{} did not answer within {} s", feed.name(), LONGEST_POLL.as_secs()),
                remedy: "asking again; check the network".to_owned(),
            }),
            ..PollReport::default()
        });
        let health_events = health.after(clock.now(), feed.name(), report.problem);
        for event in report.events.into_iter().chain(health_events) {
            if events.send(event).await.is_err() {
                return;
            }
        }
        let wait = wait_before_next(feed.interval(), feed.longest_wait(), health.failures, fastrand::f64());
        tokio::select! {
            () = sleep(wait) => {}
            () = events.closed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// Answers from a list, then hangs.
    struct Scripted(VecDeque<PollReport>);

    impl PolledFeed for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn interval(&self) -> Duration {
            Duration::from_secs(5)
        }

        async fn poll(&mut self) -> PollReport {
            match self.0.pop_front() {
                Some(report) => report,
                None => std::future::pending().await,
            }
        }
    }

    fn failing(kind: SourceErrorKind) -> PollReport {
        let problem = SourceError { kind, message: "it failed".to_owned(), remedy: "mend it".to_owned() };
        PollReport { problem: Some(problem), ..PollReport::default() }
    }

    async fn told(reports: Vec<PollReport>, count: usize) -> Vec<SessionEvent> {
        let (tx, mut rx) = mpsc::channel(64);
        let task = tokio::spawn(run(Scripted(reports.into()), RunClock::start(), tx));
        let mut events = Vec::new();
        while events.len() < count {
            events.push(rx.recv().await.expect("the feed goes on"));
        }
        drop(rx);
        task.await.expect("it ends when nobody listens");
        events
    }

    fn feeds(events: &[SessionEvent]) -> Vec<&Feed> {
        fn feed(event: &SessionEvent) -> Option<&Feed> {
            match event {
                SessionEvent::Feed { feed, .. } => Some(feed),
                _ => None,
            }
        }
        events.iter().filter_map(feed).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_fails_becomes_stale_and_recovers_by_itself() {
        let throttled = || failing(SourceErrorKind::Throttled);
        let events = told(vec![PollReport::default(), throttled(), throttled(), PollReport::default()], 6).await;
        let [Feed::Live { heard: first }, Feed::Stale { heard, error }, Feed::Stale { .. }, Feed::Live { heard: last }] =
            feeds(&events)[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(heard, first, "the last values are as old as the last answer");
        assert_eq!(error.kind, SourceErrorKind::Throttled);
        assert!(last.as_nanos() > first.as_nanos());
        let notices: Vec<_> = events.iter().filter(|event| matches!(event, SessionEvent::Notice(_))).collect();
        assert_eq!(notices.len(), 2, "one when it begins, one when it is over: {notices:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_answered_has_failed_with_its_reason() {
        let events = told(vec![failing(SourceErrorKind::Credentials), failing(SourceErrorKind::AccessDenied)], 4).await;
        let kinds: Vec<_> = feeds(&events)
            .into_iter()
            .map(|feed| match feed {
                Feed::Failed { error } => error.kind,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds, [SourceErrorKind::Credentials, SourceErrorKind::AccessDenied]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_hangs_is_told_of_and_asked_again() {
        let events = told(vec![PollReport::default()], 3).await;
        let Some(SessionEvent::Feed { feed: Feed::Stale { error, .. }, .. }) = events.last() else {
            panic!("{events:?}")
        };
        assert_eq!(error.kind, SourceErrorKind::Unreachable);
    }

    proptest! {
        #[test]
        fn waits_grow_to_a_minute_and_never_fall_below_the_interval(secs in 1_u64..120, failures in 0_u32..100, dice in 0.0_f64..=1.0) {
            let interval = Duration::from_secs(secs);
            let wait = wait_before_next(interval, LONGEST_WAIT, failures, dice);
            prop_assert!(wait >= interval.mul_f64(0.89));
            prop_assert!(wait <= interval.max(LONGEST_WAIT).mul_f64(1.11));
            prop_assert!(wait_before_next(interval, LONGEST_WAIT, failures + 1, dice) >= wait);
        }
    }
}
