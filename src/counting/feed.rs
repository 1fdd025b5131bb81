//! A source of counts as one that is polled: what it reads becomes observations of its own bases.

use std::future::Future;
use std::time::Duration;

use crate::counting::{Basis, CountSource, Reading};
use crate::polling::{PollReport, PolledCounts, PolledFeed};
use crate::session::event::{Notice, NoticeLevel, SessionEvent};
use scaletop_units::RunClock;

/// The longest wait between two attempts while a source fails: it is the user's own, and it may be back at any time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Who reads counts.
pub(super) trait ReadCounts: Send + 'static {
    /// Which source it is.
    const SOURCE: CountSource;

    /// Asks once. An interrupted question is given up, with all that it started.
    fn read(&mut self) -> impl Future<Output = Reading> + Send;
}

/// A source that is asked again and again.
#[derive(Debug)]
pub(super) struct CountFeed<R> {
    reader: R,
    clock: RunClock,
    interval: Duration,
    counts: PolledCounts,
    /// What was warned of last.
    warned: Option<String>,
}

impl<R: ReadCounts> CountFeed<R> {
    pub(super) fn new(reader: R, interval: Duration, grain: Duration, clock: RunClock) -> Self {
        Self { reader, clock, interval, counts: PolledCounts::new(interval).with_grain(grain), warned: None }
    }
}

impl<R: ReadCounts> PolledFeed for CountFeed<R> {
    fn name(&self) -> &'static str {
        R::SOURCE.label()
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn longest_wait(&self) -> Duration {
        LONGEST_WAIT
    }

    async fn poll(&mut self) -> PollReport {
        let sent = self.clock.now();
        let Reading { counts, problem, warning } = self.reader.read().await;
        let now = self.clock.now();
        let mut report = PollReport { problem, ..PollReport::default() };
        for (counted, count, age) in &counts {
            report.events.extend(self.counts.tell(Basis::By(R::SOURCE, *counted), *count, now - *age));
        }
        if !counts.is_empty() {
            self.counts.answered(sent);
        }
        if let Some(text) = warning.as_ref().filter(|warning| self.warned.as_ref() != Some(warning)) {
            let text = format!("{}: {text}", R::SOURCE.label());
            report.events.push(SessionEvent::Notice(Notice { level: NoticeLevel::Warning, text }));
        }
        self.warned = warning;
        report
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::sync::mpsc;

    use super::*;
    use crate::instances::{Counted, Feed, InstanceObservation, SourceError, SourceErrorKind};
    use crate::polling;

    /// Takes a second for each answer of a list, then hangs.
    struct Scripted(VecDeque<Reading>);

    impl ReadCounts for Scripted {
        const SOURCE: CountSource = CountSource::Command;

        async fn read(&mut self) -> Reading {
            tokio::time::sleep(Duration::from_secs(1)).await;
            match self.0.pop_front() {
                Some(reading) => reading,
                None => std::future::pending().await,
            }
        }
    }

    fn counted(count: u32) -> Reading {
        Reading { counts: vec![(Counted::Running, count, Duration::ZERO)], ..Reading::default() }
    }

    async fn told(readings: Vec<Reading>, events: usize) -> Vec<SessionEvent> {
        let (tx, mut rx) = mpsc::channel(64);
        let clock = RunClock::start();
        let feed = CountFeed::new(Scripted(readings.into()), Duration::from_secs(2), Duration::ZERO, clock);
        let task = tokio::spawn(polling::run(feed, clock, tx));
        let mut told = Vec::new();
        while told.len() < events {
            told.push(rx.recv().await.expect("the feed goes on"));
        }
        task.abort();
        told
    }

    fn observations(told: &[SessionEvent]) -> Vec<InstanceObservation> {
        let observed = told.iter().filter_map(|event| match event {
            SessionEvent::Observed(seen) => Some(*seen),
            _ => None,
        });
        observed.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_may_have_come_at_any_time_since_the_question_before() {
        let told = told(vec![counted(1), counted(1), counted(4)], 5).await;
        let seen = observations(&told);
        let counts: Vec<_> = seen.iter().map(|seen| (seen.basis, seen.count)).collect();
        let running = Basis::By(CountSource::Command, Counted::Running);
        assert_eq!(counts, [(running, 1), (running, 4)], "what stays the same is not told each time");
        assert_eq!(seen[0].as_of.as_millis(), 1_000, "true when it was answered");
        // Asked every two seconds, give or take a tenth, and each answer takes one.
        let since = seen[1].uncertainty.as_millis();
        assert!((3_800..=4_200).contains(&since), "{since}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_fails_is_stale_and_what_its_answer_warns_of_is_said_once() {
        let error = SourceError {
            kind: SourceErrorKind::BadAnswer,
            message: "no number".to_owned(),
            remedy: "mend it".to_owned(),
        };
        let failed = || Reading { problem: Some(error.clone()), ..Reading::default() };
        let warned = || Reading { warning: Some("partial".to_owned()), ..counted(2) };
        let told = told(vec![warned(), warned(), failed(), failed()], 7).await;
        let notices: Vec<_> = told
            .iter()
            .filter_map(|event| match event {
                SessionEvent::Notice(notice) => Some(notice.text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(notices, ["command: partial", "command: no number; mend it"]);
        let Some(SessionEvent::Feed { source, feed: Feed::Stale { error: told, .. } }) = told.last() else {
            panic!("{told:?}")
        };
        assert_eq!((source.as_str(), told), ("command", &error));
    }
}
