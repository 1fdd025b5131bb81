//! Where instance counts come from. Every count names its [`Basis`]; bases are never mixed in one line.
//!
//! The words of counting, and nothing that waits: sources of the cloud are in `cloud/sources`, those that the user names in `counting`. What a panel knows about a
//! source is a [`Feed`]: a source that fails becomes stale, with the reason and the remedy, while load goes on.

mod basis;
pub(crate) mod milestone;

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::basis::{Basis, CountSource, Counted};
use scaletop_units::Elapsed;

/// One count, with the time it is true of, which may be long before it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceObservation {
    pub basis: Basis,
    pub count: u32,
    /// The moment the count is true of; for a metric, the start of its period.
    pub as_of: Elapsed,
    /// How long before `as_of` the change may have happened (poll interval, metric grain): printed as ±.
    pub uncertainty: Duration,
    /// Whether the platform may still revise it.
    pub provisional: bool,
}

/// No source is silent for longer while it works, unless its grain is coarse: ECS' counts are told again every ten seconds,
/// answers name their instances every second.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// The newest word of a source older than this says nothing of the present: two minutes of delay and a period of one.
const FRESH: Duration = Duration::from_mins(3);

impl InstanceObservation {
    /// Until when the count holds, if `next` is when the next observation of the same basis was made. The one answer for
    /// files, charts and steps alike.
    ///
    /// A count holds until the next one, but through no silence of more than a minute, or three grains where those are
    /// longer: three points of a metric, or polls, may be lost before the line breaks. After that nobody knows.
    ///
    /// The last one, which has no next one, differs by its basis:
    ///
    /// - what is *polled* (running, desired, pending) is told again only now and then while it stays the same, and holds
    ///   for that minute;
    /// - what *answers* show (responding) holds for it too: when nobody is asked, nobody answers, and the instances are not
    ///   gone at once;
    /// - a *metric's* point speaks of the period that begins with it, and of nothing after: the next point is minutes
    ///   late, and drawing this one on would show as known what is not.
    pub fn holds_until(&self, next: Option<Elapsed>) -> Elapsed {
        let at_most = self.as_of + LONGEST_SILENCE.max(self.uncertainty * 3);
        match next {
            Some(next) if next <= at_most => next,
            _ if self.basis == Basis::Active => self.as_of + self.uncertainty.max(Duration::from_secs(1)),
            _ => at_most,
        }
    }
}

/// The count that was true in `second`, of observations ascending in time: the last one before its end, if it still held
/// when the second began.
pub(crate) fn count_at(observations: &[InstanceObservation], second: u32) -> Option<u32> {
    let after = observations.partition_point(|seen| seen.stands(None).start.second() <= second);
    let seen = observations.get(after.checked_sub(1)?)?;
    (seen.stands(observations.get(after)).end > Elapsed::from_secs(u64::from(second))).then_some(seen.count)
}

impl InstanceObservation {
    /// When what it says stands, for charts, files and steps: from when on, and until when, if `next` is the next observation of the
    /// same basis. A metric's point is the most of its period, which may have come at its very end: it stands from there on, never
    /// before the moment that it is true of.
    pub fn stands(&self, next: Option<&Self>) -> Range<Elapsed> {
        let from = |seen: &Self, at: Elapsed| if seen.basis == Basis::Active { at + seen.uncertainty } else { at };
        let until = self.holds_until(next.map(|next| next.as_of));
        let follows = next.filter(|next| next.as_of == until);
        from(self, self.as_of)..follows.map_or_else(|| from(self, until), |next| from(next, until))
    }

    /// Whether this newest word of a source may still stand for the present. Another question than how long the count holds:
    /// a metric is minutes late, so its newest point never reaches the present, and is the best that can be had all the same.
    pub fn is_fresh(&self, now: Elapsed) -> bool {
        now.saturating_since(self.as_of) <= FRESH
    }
}

/// How many instances there may be, and how much each takes. `None` where the platform does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// The least that are kept.
    pub min: Option<u32>,
    /// The most that are started.
    pub max: Option<u32>,
    /// Requests that one instance takes at the same time.
    pub concurrency: Option<u32>,
}

/// What a panel knows about its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    #[default]
    Waiting,
    Live {
        /// When it last answered.
        heard: Elapsed,
    },
    /// It answered once, now it fails: the reason says what to do. Its last values stay on the chart up to `heard`.
    Stale {
        /// When it last answered.
        heard: Elapsed,
        error: SourceError,
    },
    /// It has never answered.
    Failed { error: SourceError },
}

/// Why a source did not answer, by what the user can do about it, with the rendered cause: it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}; {remedy}")]
pub struct SourceError {
    /// What kind of failure.
    pub kind: SourceErrorKind,
    /// What was tried and what was answered, lower case, without secrets.
    pub message: String,
    /// What to do next.
    pub remedy: String,
}

/// The kinds of failure that the screen and `doctor` tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceErrorKind {
    /// No credentials, or expired ones.
    Credentials,
    /// A permission is missing.
    AccessDenied,
    /// The service does not exist (any more), or is paused.
    NotFound,
    /// Asked too often: backing off.
    Throttled,
    /// No answer in time, or no connection.
    Unreachable,
    /// The answer makes no sense.
    BadAnswer,
    /// The region does not offer the service, or the account may not use it.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(basis: Basis, grain: u64) -> InstanceObservation {
        let uncertainty = Duration::from_secs(grain);
        InstanceObservation { basis, count: 3, as_of: Elapsed::from_secs(100), uncertainty, provisional: false }
    }

    #[test]
    fn what_a_metric_shows_stands_from_the_end_of_its_period_on() {
        let (first, next) = (
            seen(Basis::Active, 10),
            InstanceObservation { as_of: Elapsed::from_secs(110), ..seen(Basis::Active, 10) },
        );
        let stands = |first: InstanceObservation, next| {
            let stands = first.stands(next);
            (stands.start.second(), stands.end.second())
        };
        assert_eq!(stands(first, Some(&next)), (110, 120));
        assert_eq!(stands(first, None), (110, 120), "the last point stands for as long as its period");
        let at = |second| count_at(&[first, InstanceObservation { count: 5, ..next }], second);
        assert_eq!([109, 110, 119, 120, 129, 130].map(at), [None, Some(3), Some(3), Some(5), Some(5), None]);
        let polled = seen(Basis::Running, 2);
        assert_eq!(stands(polled, Some(&InstanceObservation { as_of: Elapsed::from_secs(102), ..polled })), (100, 102));
    }

    #[test]
    fn a_count_holds_until_the_next_one_but_through_no_long_silence() {
        let until =
            |basis, grain, next: Option<u64>| seen(basis, grain).holds_until(next.map(Elapsed::from_secs)).second();
        // Polled every two seconds, told again every ten while it stays the same.
        assert_eq!(until(Basis::Running, 2, Some(110)), 110);
        assert_eq!(until(Basis::Running, 2, Some(161)), 160, "the source was silent");
        assert_eq!(until(Basis::Running, 2, None), 160);
        assert_eq!(until(Basis::Responding, 0, Some(150)), 150);
        // A metric of a minute: a lost point is bridged, and the last point ends with its period.
        assert_eq!(until(Basis::Active, 60, Some(220)), 220);
        assert_eq!(until(Basis::Active, 60, Some(300)), 160);
        assert_eq!(until(Basis::Active, 60, None), 160);
        assert_eq!(until(Basis::Active, 10, None), 110);
    }
}
