//! Counts of instances by sources that the user names, on whatever platform: a program that is run, a document that is fetched, a
//! query of Prometheus. Each is a [`Basis`] of its own.
//!
//! A source is asked every two seconds, never twice at a time. One that fails is a stale feed with its reason; load goes on.

mod command;
mod feed;
mod prometheus;
mod reading;
mod url;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) use self::command::CommandReader;
pub(crate) use self::prometheus::{PrometheusReader, Query};
pub(crate) use self::url::{Document, UrlReader};
use crate::counting::feed::{CountFeed, ReadCounts as _};
use crate::instances::{Basis, CountSource, Counted, SourceError};
use crate::polling;
use crate::session::event::SessionEvent;
use scaletop_units::RunClock;

/// How often a source is asked, unless the user says.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);

/// One that takes longer to answer has failed.
pub(crate) const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// The longest answer that is read, and the most that a program may print.
const MOST_BYTES: usize = 1024 * 1024;

/// A source that is ready to be asked.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Command(CommandReader),
    Url(UrlReader),
    Prometheus(PrometheusReader),
}

/// What one question brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// What was counted, each with how long before the answer it was true.
    pub(crate) counts: Vec<(Counted, u32, Duration)>,
    /// What failed, if anything; there may be counts beside it.
    pub(crate) problem: Option<SourceError>,
    /// What is to be known of an answer that is there.
    pub(crate) warning: Option<String>,
}

impl Source {
    /// Which of the sources it is.
    pub(crate) const fn kind(&self) -> CountSource {
        match self {
            Self::Command(_) => CountSource::Command,
            Self::Url(_) => CountSource::Url,
            Self::Prometheus(_) => CountSource::Prometheus,
        }
    }

    /// What it is, for people and for the recording: without what may be a secret.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Command(reader) => reader.described(),
            Self::Url(reader) => reader.described(),
            Self::Prometheus(reader) => reader.described(),
        }
    }

    /// How much older than it says its word may be.
    pub(crate) const fn grain(&self) -> Duration {
        match self {
            Self::Command(_) | Self::Url(_) => Duration::ZERO,
            Self::Prometheus(reader) => reader.scrape(),
        }
    }

    /// Asks it once, for at most as long as a session does.
    pub(crate) async fn ask(&mut self) -> Reading {
        match self {
            Self::Command(reader) => reader.read().await,
            Self::Url(reader) => reader.read().await,
            Self::Prometheus(reader) => reader.read().await,
        }
    }
}

/// Starts asking every source, each by a task of its own; dropping the set stops them, and whatever program is running.
pub(crate) fn start(
    sources: Vec<Source>,
    every: Duration,
    clock: RunClock,
    events: &mpsc::Sender<SessionEvent>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for source in sources {
        let grain = source.grain();
        let events = events.clone();
        match source {
            Source::Command(reader) => {
                tasks.spawn(polling::run(CountFeed::new(reader, every, grain, clock), clock, events))
            }
            Source::Url(reader) => {
                tasks.spawn(polling::run(CountFeed::new(reader, every, grain, clock), clock, events))
            }
            Source::Prometheus(reader) => {
                tasks.spawn(polling::run(CountFeed::new(reader, every, grain, clock), clock, events))
            }
        };
    }
    tasks
}

/// `3 running, 5 desired`.
pub(crate) fn in_words(counts: &[(Counted, u32, Duration)]) -> String {
    let words: Vec<_> = counts.iter().map(|(counted, count, _)| format!("{count} {}", counted.label())).collect();
    words.join(", ")
}

/// Why what a source answers is no count, read as each source reads it: for `fuzzing`.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn refusals(asked: &str, answer: &str) -> Vec<String> {
    let line = reading::last_line(answer).map(|line| reading::counts(line).map(drop));
    let document = serde_json::from_str(answer).ok().map(|document| reading::at(&document, asked).map(drop));
    let found = prometheus::read(asked, answer, None).map(|found| found.map(drop).map_err(|error| error.to_string()));
    [line, document, found].into_iter().flatten().filter_map(Result::err).collect()
}
