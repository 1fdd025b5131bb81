//! Limits: by how much a session may differ from a baseline, as `compare --fail-if` has it. Parsing only; `compare::limits` judges.
//! The names are those of thresholds; the sentence is the other way round: it says what fails.
//!
//! ```text
//! p99 > +10%               more than 1.1 times the baseline's
//! spike.t_recover > +5s    more than 5 s longer than in the baseline
//! errors > +0.5pp          a share that is more than half a percentage point higher
//! errors > 1.5x            a share that is more than 1.5 times the baseline's
//! achieved < -1pp          a share that is more than a percentage point lower
//! p99 > 400ms              whatever the baseline's is
//! ```
//!
//! `+10%` of a number that is a share itself could mean two things, so it is refused with both.

use std::fmt;

use crate::analysis::numbers::Bounds;
use crate::plan::Comparison;
use crate::plan::threshold::bound::{Bound, describe, read};
use crate::plan::threshold::{Scope, Subject, ThresholdError, subject};
use crate::values;

/// Something that fails a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    /// What it is about.
    pub scope: Scope,
    /// The number that is compared.
    pub subject: Subject,
    /// How the number compares with its bound when it fails.
    pub comparison: Comparison,
    pub bound: LimitBound,
    written: String,
}

/// Where a limit lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LimitBound {
    /// Here, whatever the baseline is.
    At(Bound),
    /// At so many times the baseline: 1.1 for `+10%`.
    Times(f64),
    /// So far above the baseline, below it where negative, in base units: seconds, shares of 1, counts.
    Away {
        by: f64,
        /// The number is compared as a share.
        is_share: bool,
    },
}

/// Why a limit makes no sense, and what would.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum LimitError {
    /// It does not say what fails.
    #[error("\"{0}\" is no limit; say what fails, such as \"p99 > +10%\"")]
    NoComparison(String),
    #[error(transparent)]
    Name(#[from] ThresholdError),
    /// A percentage of a share.
    #[error(
        "\"{written}\" could mean percentage points or a part of the baseline's share; give \"{name} {sign} {change}pp\" or \
         \"{name} {sign} {times}x\""
    )]
    Ambiguous { written: String, name: String, sign: &'static str, change: String, times: f64 },
    /// A percentage without a sign, of what is no share.
    #[error("`{name}` is no share; give \"{name} {sign} +{percent}\" for {percent} more than the baseline")]
    NoSign { name: String, sign: &'static str, percent: String },
    /// Percentage points of what is no share.
    #[error("`{name}` is no share, and has no percentage points; give \"{name} {sign} {change}%\" of the baseline")]
    NoShare { name: String, sign: &'static str, change: String },
    /// Equality with a change.
    #[error("\"{0}\": a change is never met to the letter; give <, <=, > or >=")]
    Equal(String),
    /// The bound cannot be read.
    #[error(
        "\"{bound}\" is no limit for `{name}`; give {allowed}, with + or - before it for a change from the baseline, or {relative}"
    )]
    Bound { bound: String, name: String, allowed: &'static str, relative: &'static str },
}

impl Limit {
    /// Reads a limit: `spike.p99 > +10%`. Which stages there are is not known here: see [`Scope::resolve`].
    pub(crate) fn parse(text: &str) -> Result<Self, LimitError> {
        let text = text.trim();
        let no_comparison = || LimitError::NoComparison(text.to_owned());
        // A bound has none of these signs, the name of a stage may.
        let last = text.rfind(['<', '>', '=']).ok_or_else(no_comparison)?;
        let at = text[..last].strip_suffix(['<', '>', '=']).map_or(last, str::len);
        let (comparison, bound) = Comparison::split(&text[at..]).ok_or_else(no_comparison)?;
        let name = text[..at].trim();
        let (scope, subject) = subject(name)?;
        let bound = Reading { text, name, comparison, bounds: subject.bounds() }.bound(bound)?;
        Ok(Self { scope, subject, comparison, bound, written: text.to_owned() })
    }

    /// Finds out whether its name means a stage or a request: see [`Scope::resolve`].
    pub(crate) fn resolve<'a>(
        &mut self,
        stages: impl Iterator<Item = &'a str> + Clone,
        requests: &[&str],
    ) -> Result<(), ThresholdError> {
        self.scope.resolve(&self.subject, stages, requests)
    }

    /// Whether the number is compared as a share, which only some can be.
    pub(crate) const fn is_of_share(&self) -> bool {
        match self.bound {
            LimitBound::At(bound) => matches!(bound, Bound::Share(_)),
            LimitBound::Away { is_share, .. } => is_share,
            LimitBound::Times(_) => is_share(self.subject.bounds()),
        }
    }

    /// Whether it takes a baseline to judge it.
    pub(crate) const fn needs_baseline(&self) -> bool {
        !matches!(self.bound, LimitBound::At(_))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Whether a number of these bounds is, or can be seen as, a share.
const fn is_share(bounds: Bounds) -> bool {
    matches!(bounds, Bounds::Share | Bounds::Ratio | Bounds::ShareOrCount)
}

/// A limit that is being read.
struct Reading<'a> {
    text: &'a str,
    name: &'a str,
    comparison: Comparison,
    bounds: Bounds,
}

impl Reading<'_> {
    fn bound(&self, text: &str) -> Result<LimitBound, LimitError> {
        let times = text.strip_suffix(['x', '×']).map(str::trim);
        if let Some(factor) = times.and_then(|factor| values::factor(factor).ok()) {
            return self.unequal(LimitBound::Times(factor));
        }
        let Some(sign) = text.chars().next().filter(|sign| ['+', '-', '−'].contains(sign)) else {
            return match read(self.bounds, text) {
                Some(bound) => Ok(LimitBound::At(bound)),
                None if values::ratio(text).is_ok() && !is_share(self.bounds) => Err(LimitError::NoSign {
                    name: self.name.to_owned(),
                    sign: self.comparison.sign(),
                    percent: text.to_owned(),
                }),
                None => Err(self.refuse(text)),
            };
        };
        let by = text[sign.len_utf8()..].trim();
        let signed = |amount: f64| if sign == '+' { amount } else { -amount };
        let change = || format!("{}{}", if sign == '+' { '+' } else { '-' }, by.trim_end_matches(['%', 'p']).trim());
        if let Some(points) =
            by.strip_suffix("pp").and_then(|points| values::ratio(&format!("{}%", points.trim())).ok())
        {
            if !is_share(self.bounds) {
                return Err(LimitError::NoShare {
                    name: self.name.to_owned(),
                    sign: self.comparison.sign(),
                    change: change(),
                });
            }
            return self.unequal(LimitBound::Away { by: signed(points), is_share: true });
        }
        if let Ok(part) = values::ratio(by) {
            let times = 1.0 + signed(part);
            if is_share(self.bounds) {
                return Err(LimitError::Ambiguous {
                    written: self.text.to_owned(),
                    name: self.name.to_owned(),
                    sign: self.comparison.sign(),
                    change: change(),
                    times: (times.max(0.0) * 1e6).round() / 1e6,
                });
            }
            // Nothing falls by more than all of it.
            return if times < 0.0 { Err(self.refuse(text)) } else { self.unequal(LimitBound::Times(times)) };
        }
        match read(self.bounds, by) {
            Some(amount) => self.unequal(LimitBound::Away { by: signed(amount.value()), is_share: false }),
            None => Err(self.refuse(text)),
        }
    }

    /// A change is a number of many digits.
    fn unequal(&self, bound: LimitBound) -> Result<LimitBound, LimitError> {
        if self.comparison == Comparison::Equal { Err(LimitError::Equal(self.text.to_owned())) } else { Ok(bound) }
    }

    fn refuse(&self, bound: &str) -> LimitError {
        LimitError::Bound {
            bound: bound.to_owned(),
            name: self.name.to_owned(),
            allowed: describe(self.bounds),
            relative: if is_share(self.bounds) {
                "+0.5pp for percentage points, 1.5x for 1.5 times the baseline's"
            } else {
                "+10% or 1.5x of the baseline's"
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bound(text: &str) -> LimitBound {
        Limit::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).bound
    }

    #[test]
    fn a_limit_is_here_or_away_from_the_baseline_or_a_part_of_it() {
        let close = |text: &str, factor: f64| {
            assert!(matches!(bound(text), LimitBound::Times(times) if (times - factor).abs() < 1e-9), "{text}");
        };
        close("p99 > +10%", 1.1);
        close("spike.t_recover<-5%", 0.95);
        close("bad_seconds > +50%", 1.5);
        close("errors > 1.5x", 1.5);
        assert_eq!(bound("p99.9 >= +50ms"), LimitBound::Away { by: 0.05, is_share: false });
        assert_eq!(bound("spike.lost > +10"), LimitBound::Away { by: 10.0, is_share: false });
        assert_eq!(bound("errors > +0.5pp"), LimitBound::Away { by: 0.005, is_share: true });
        assert_eq!(bound("achieved < −1pp"), LimitBound::Away { by: -0.01, is_share: true });
        assert_eq!(bound("p99 > 400ms"), LimitBound::At(Bound::Time(Duration::from_millis(400))));
        assert_eq!(bound("errors > 1%"), LimitBound::At(Bound::Share(0.01)));
        assert_eq!(bound("max == 0"), LimitBound::At(Bound::Time(Duration::ZERO)));
        let limit = Limit::parse("  v1.2 > a.p99  > +10% ").unwrap();
        assert_eq!(
            (limit.scope.clone(), limit.to_string().as_str()),
            (Scope::Stage("v1.2 > a".into()), "v1.2 > a.p99  > +10%")
        );
        assert!(limit.needs_baseline() && !Limit::parse("p99 > 1s").unwrap().needs_baseline());
    }

    #[test]
    fn what_is_ambiguous_or_wrong_is_told_with_what_would_be_right() {
        for (text, right) in [
            ("errors > +10%", r#""errors > +10pp" or "errors > 1.1x""#),
            ("achieved < -5%", r#""achieved < -5pp" or "achieved < 0.95x""#),
            ("p99 > 10%", r#""p99 > +10%""#),
            ("p99 > +10pp", r#""p99 > +10%""#),
            ("p99", "\"p99 > +10%\""),
            ("p99 > +10", "a time"),
            ("p99 > fast", "+10% or 1.5x"),
            ("t_recover < -150%", "a time"),
            ("errors > +fast", "+0.5pp"),
            ("theta_u > +3", "+0.5pp"),
            ("latency > +10%", "`latency`"),
            ("p99 == +10%", "<, <=, > or >="),
            ("", "p99"),
        ] {
            let error = Limit::parse(text).expect_err(text).to_string();
            assert!(error.contains(right), "{text}: {error}");
        }
    }

    #[test]
    fn each_form_that_an_error_names_is_right() {
        for text in ["errors > +10pp", "errors > 1.1x", "achieved < 0.95x", "p99 > +10%"] {
            Limit::parse(text).unwrap();
        }
    }
}
