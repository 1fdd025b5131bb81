//! What a number is compared with, as a plan writes it.

use std::time::Duration;

use crate::analysis::numbers::Bounds;
use crate::values;

/// What a number is compared with, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    Time(Duration),
    /// A share, 1 = 100 %.
    Share(f64),
    Count(f64),
}

impl Bound {
    /// The bound as a number in base units: seconds, shares of 1, counts.
    pub fn value(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64(),
            Self::Share(value) | Self::Count(value) => value,
        }
    }
}

/// Reads a bound of one of the kinds that a number takes.
pub(super) fn read(bounds: Bounds, text: &str) -> Option<Bound> {
    let time = || values::duration(text).ok().map(Bound::Time);
    let share = || values::share(text).ok().map(Bound::Share);
    let count = || text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(Bound::Count);
    match bounds {
        Bounds::Time => time(),
        Bounds::Share => share(),
        Bounds::Ratio => values::ratio(text).ok().map(Bound::Share),
        Bounds::Count => count(),
        Bounds::ShareOrCount => share().or_else(count),
        // Before `time`, for which a bare 0 is a time as well.
        Bounds::TimeOrCount => count().or_else(time),
    }
}

/// What may be given, for a message.
pub(super) const fn describe(bounds: Bounds) -> &'static str {
    match bounds {
        Bounds::Time => "a time",
        Bounds::Share => "a percentage from 0% to 100%",
        Bounds::Ratio => "a percentage",
        Bounds::Count => "a number",
        Bounds::ShareOrCount => "a percentage from 0% to 100%, or a number",
        Bounds::TimeOrCount => "a number or a time",
    }
}

/// One that would be right.
pub(super) const fn example(bounds: Bounds) -> &'static str {
    match bounds {
        Bounds::Time => "< 60s",
        Bounds::Share => "> 99%",
        Bounds::Ratio => "< 150%",
        Bounds::Count => ">= 1000",
        Bounds::ShareOrCount => "< 0.5%",
        Bounds::TimeOrCount => "<= 10",
    }
}
