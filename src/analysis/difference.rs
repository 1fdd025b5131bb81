//! One number in two sessions: what it is worth in each, and whether that differs beyond noise.

use std::cmp::Ordering;

use crate::analysis::Timing;
use crate::analysis::numbers::{Better, Kind, Value};
use crate::text::thousands;

/// The noise rule in a sentence, for every output.
pub(crate) const NOISE_RULE: &str = "Median of repeats (least–greatest). Two sessions differ only when these ranges do not overlap; \
     with one run on either side the noise is unknown. Three repeats are the least, five are good.";

/// What is known of one measured value: the interval it lies in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Interval {
    low: f64,
    /// Infinite for a time that was not reached.
    high: f64,
    /// The value that is printed; for a time that was not reached, as long as was watched.
    value: f64,
}

impl Interval {
    fn of(value: &Value) -> Option<Self> {
        let exact = |value: f64| Self { low: value, high: value, value };
        match *value {
            Value::Timing(Timing::Reached { secs, plus_minus }) => {
                Some(Self { low: secs - plus_minus, high: secs + plus_minus, value: secs })
            }
            Value::Timing(Timing::NotWithin { secs, .. }) => Some(Self { low: secs, high: f64::INFINITY, value: secs }),
            value => value.known().map(exact),
        }
    }

    const fn is_censored(&self) -> bool {
        self.high.is_infinite()
    }
}

/// A number over all repeats of a step in one session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    intervals: Vec<Interval>,
}

/// The middle one of the runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// Its value; of an even number of runs, between the two in the middle.
    pub value: f64,
    /// It is at least this much: the run, or one of the two, did not reach it in time.
    pub is_censored: bool,
}

impl Runs {
    /// Of the values of a step's repeats; what nobody can say is left out.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut intervals: Vec<_> = values.into_iter().filter_map(Interval::of).collect();
        let order =
            |a: &Interval, b: &Interval| a.is_censored().cmp(&b.is_censored()).then(a.value.total_cmp(&b.value));
        intervals.sort_by(order);
        Self { intervals }
    }

    /// How many runs there are.
    pub fn count(&self) -> usize {
        self.intervals.len()
    }

    pub fn median(&self) -> Option<Median> {
        let (high, low) = (self.intervals.get(self.count() / 2)?, self.intervals.get((self.count() - 1) / 2)?);
        // Half-way to something unknown is unknown: at least the lower one, which is known.
        if high.is_censored() {
            let value = if low.is_censored() { low.value.min(high.value) } else { low.value };
            return Some(Median { value, is_censored: true });
        }
        Some(Median { value: f64::midpoint(low.value, high.value), is_censored: false })
    }

    fn low(&self) -> f64 {
        self.intervals.iter().map(|interval| interval.low).fold(f64::INFINITY, f64::min)
    }

    fn high(&self) -> f64 {
        self.intervals.iter().map(|interval| interval.high).fold(f64::NEG_INFINITY, f64::max)
    }

    /// For people: `31.2 s`, with repeats `31.2 s (29.0–33.1)`, `> 42 s`, `–`.
    pub fn say(&self, kind: &Kind) -> String {
        let Some(median) = self.median() else { return "–".to_owned() };
        let beyond = if median.is_censored { "> " } else { "" };
        let middle = format!("{beyond}{}", kind.unit.say(median.value));
        let first = self.intervals.iter().map(|interval| interval.value).fold(f64::INFINITY, f64::min);
        let last = self.intervals.iter().map(|interval| interval.value).fold(f64::NEG_INFINITY, f64::max);
        let is_open = self.intervals.iter().any(Interval::is_censored);
        if self.count() < 2 || (first.total_cmp(&last) == Ordering::Equal && !is_open) {
            return middle;
        }
        let number = |value: f64| {
            let text = kind.unit.say(value);
            text.strip_suffix(kind.unit.suffix()).unwrap_or(&text).to_owned()
        };
        format!("{middle} ({}–{}{})", number(first), if is_open { ">" } else { "" }, number(last))
    }
}

/// Whether a number differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Significance {
    /// Beyond noise, for the better.
    Better,
    /// Beyond noise, for the worse.
    Worse,
    /// Beyond noise, neither better nor worse.
    Differs,
    /// The ranges overlap: no difference beyond noise.
    WithinNoise,
    /// The same value, run for run.
    Same,
    /// A single run on either side: nothing is known of the noise.
    OneRun,
    /// There is nothing to compare.
    Unknown,
}

impl Significance {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Differs => "differs",
            Self::WithinNoise => "noise",
            Self::Same => "same",
            Self::OneRun => "one run",
            Self::Unknown => "",
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            Self::Better => "better, beyond noise",
            Self::Worse => "worse, beyond noise",
            Self::Differs => "differs, beyond noise",
            Self::WithinNoise => "no difference beyond noise",
            Self::Same => "the same",
            Self::OneRun => "one run: the noise is unknown",
            Self::Unknown => "nothing to compare",
        }
    }
}

/// A number of the other session against the baseline's.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Other minus baseline.
    pub delta: Option<f64>,
    /// The delta is only a bound: at least (`Greater`) or at most (`Less`) that much.
    pub bound: Ordering,
    /// Whether it counts.
    pub significance: Significance,
}

impl Difference {
    /// Of `other` against `baseline`.
    pub fn between(kind: &Kind, baseline: &Runs, other: &Runs) -> Self {
        let (Some(a), Some(b)) = (baseline.median(), other.median()) else {
            return Self { delta: None, bound: Ordering::Equal, significance: Significance::Unknown };
        };
        let bound = match (a.is_censored, b.is_censored) {
            (false, false) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            // Both lie somewhere above: nothing can be said of their difference.
            (true, true) => {
                return Self { delta: None, bound: Ordering::Equal, significance: significance(kind, baseline, other) };
            }
        };
        Self { delta: Some(b.value - a.value), bound, significance: significance(kind, baseline, other) }
    }

    /// For people: `+3.9 s`, `> +11.0 s`, `−1,204`, `–`.
    pub fn say(&self, kind: &Kind) -> String {
        let Some(delta) = self.delta else { return "–".to_owned() };
        let bound = match self.bound {
            Ordering::Less => "< ",
            Ordering::Equal => "",
            Ordering::Greater => "> ",
        };
        let text = kind.unit.say(delta);
        let sign = if delta > 0.0 && !text.starts_with(['−', '-']) { "+" } else { "" };
        format!("{bound}{sign}{text}")
    }

    /// As a percentage of the baseline: `+12%`; nothing without a baseline to relate to, or below half a percent.
    pub fn percent(&self, baseline: &Runs) -> Option<String> {
        let base = baseline.median().filter(|median| !median.is_censored && median.value.abs() > 1e-9)?.value;
        let percent = self.delta.filter(|_| self.bound == Ordering::Equal)? / base.abs() * 100.0;
        if percent.abs() < 0.5 {
            return None;
        }
        let sign = if percent > 0.0 { "+" } else { "" };
        Some(format!("{sign}{} %", thousands(format_args!("{percent:.0}"))))
    }
}

fn significance(kind: &Kind, baseline: &Runs, other: &Runs) -> Significance {
    let is_exact = |runs: &Runs| runs.low().total_cmp(&runs.high()) == Ordering::Equal;
    if is_exact(baseline) && is_exact(other) && baseline.low().total_cmp(&other.low()) == Ordering::Equal {
        return Significance::Same;
    }
    let (lower, higher) = (other.high() < baseline.low(), other.low() > baseline.high());
    if !lower && !higher {
        return Significance::WithinNoise;
    }
    if baseline.count() < 2 || other.count() < 2 {
        return Significance::OneRun;
    }
    match kind.better {
        Better::Neither => Significance::Differs,
        Better::Lower if lower => Significance::Better,
        Better::Higher if higher => Significance::Better,
        Better::Lower | Better::Higher => Significance::Worse,
    }
}
