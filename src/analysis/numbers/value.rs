//! What a number of a step is worth, and how it is written: for people with its unit, for files without.

use std::time::Duration;

use crate::analysis::Timing;
use crate::text::{as_millis, plain, thousands};

/// What a number is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds after the start of the step, or of some time in it.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Requests.
    Requests,
    Instances,
    Generators,
    InstanceSeconds,
    /// Percent.
    Percent,
    /// A ratio, or a count that needs no unit.
    Ratio,
    /// Changes per minute.
    PerMinute,
    /// Requests per second.
    PerSecond,
}

/// What a number is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A time since the start of the step, possibly censored.
    Timing(Timing),
    /// A latency; files have it in milliseconds.
    Latency(Duration),
    /// The highest latency of what was measured, where not all was: it may have been higher.
    AtLeast(Duration),
    /// Requests, as a part of others: they can be judged as a count and as a share.
    Part {
        part: u64,
        /// Of how many.
        whole: u64,
    },
    /// A share, 1 is the whole; files have it in percent.
    Share(f64),
    /// A number in the unit of its kind.
    Known(f64),
    /// Nobody can say.
    Unknown,
}

impl Unit {
    /// What stands behind a number: ` s`, ` ms`, ` %`, or nothing where the label says it.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => " s",
            Self::Millis => " ms",
            Self::Percent => " %",
            Self::InstanceSeconds => " instance-s",
            Self::PerMinute => "/min",
            Self::PerSecond => "/s",
            Self::Requests | Self::Instances | Self::Generators | Self::Ratio => "",
        }
    }

    /// Its name in a table of numbers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Requests => "requests",
            Self::Instances => "instances",
            Self::Generators => "generators",
            Self::InstanceSeconds => "instance-seconds",
            Self::Percent => "%",
            Self::Ratio => "–",
            Self::PerMinute => "per minute",
            Self::PerSecond => "requests/s",
        }
    }

    /// How many decimals people get to see; files have up to three.
    const fn places(self) -> usize {
        match self {
            Self::Requests | Self::Instances | Self::Generators => 0,
            Self::Seconds | Self::Millis | Self::InstanceSeconds | Self::PerSecond => 1,
            Self::Percent | Self::Ratio | Self::PerMinute => 2,
        }
    }

    /// `value` for people: `12,410`, `31.2 s`, `0.12 %`.
    pub fn say(self, value: f64) -> String {
        let is_whole = value.fract().abs() < 1e-9 && matches!(self, Self::Seconds | Self::InstanceSeconds);
        let places = if is_whole || value.abs() >= 100.0 || value.abs() < 1e-9 { 0 } else { self.places() };
        format!("{}{}", thousands(format_args!("{value:.places$}")), self.suffix())
    }
}

impl Value {
    /// For people: `31.2 s`, `> 42 s`, `12,410`, `–`.
    pub fn say(&self, unit: Unit) -> String {
        match self {
            Self::Timing(timing) => timing.to_string(),
            Self::AtLeast(latency) => format!("≥ {}", unit.say(as_millis(*latency))),
            _ => self.known().map_or_else(|| "–".to_owned(), |value| unit.say(value)),
        }
    }

    /// The plain number in the unit of files, when there is one; 0 for a time that was absorbed.
    pub const fn known(&self) -> Option<f64> {
        match self {
            Self::Timing(timing) => timing.secs(),
            Self::Latency(latency) | Self::AtLeast(latency) => Some(as_millis(*latency)),
            Self::Part { part, .. } => Some(*part as f64),
            Self::Share(share) => Some(*share * 100.0),
            Self::Known(value) => Some(*value),
            Self::Unknown => None,
        }
    }

    /// For a CSV field: `31.2`, empty when there is nothing to say. A time that was not reached is none: see [`Self::bound`].
    pub fn field(&self) -> String {
        self.known().map(plain).unwrap_or_default()
    }

    /// For a CSV field beside [`Self::field`]: `42` when a time was not reached within 42 s, so that it is more than that; else
    /// empty.
    pub fn bound(&self) -> String {
        match self {
            Self::Timing(Timing::NotWithin { secs, .. }) => plain(*secs),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_censored_time_is_never_a_number() {
        let value = Value::Timing(Timing::NotWithin { secs: 42.0, open: false });
        assert_eq!((value.known(), value.say(Unit::Seconds)), (None, "> 42 s".into()));
        assert_eq!((value.field().as_str(), value.bound().as_str()), ("", "42"), "a column of numbers stays one");
        let reached = Value::Timing(Timing::Reached { secs: 31.2, plus_minus: 0.0 });
        assert_eq!((reached.field().as_str(), reached.bound().as_str()), ("31.2", ""));
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(Unit::Requests.say(12_410.0), "12,410");
        assert_eq!(Unit::Seconds.say(31.25), "31.2 s");
        assert_eq!(Unit::Percent.say(0.123), "0.12 %");
        assert_eq!(Unit::Millis.say(-1234.5), "−1,234 ms");
    }
}
