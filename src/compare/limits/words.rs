//! What became of the limits, in words for people and pipelines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Judged, LimitOutcome, LimitResult};
use crate::analysis::numbers::Unit;
use crate::compare::difference::Runs;
use crate::compare::{Contender, letter};
use crate::text::{clean_to, counted, xml};

/// Foreign text is cut after this many characters.
const LONGEST_TEXT: usize = 1_000;

impl LimitOutcome {
    /// Its name in files.
    const fn key(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Exceeded => "exceeded",
            Self::NoBaseline => "no_baseline",
            Self::CannotTell { .. } => "cannot_tell",
        }
    }

    /// Its name for people.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Exceeded => "EXCEEDED",
            Self::NoBaseline => "not judged",
            Self::CannotTell { .. } => "UNDECIDED",
        }
    }
}

impl LimitResult {
    /// `p99 > +10%, 5→60/s`.
    fn subject(&self) -> String {
        let step = self.step.as_deref().map(|step| format!(", {step}")).unwrap_or_default();
        format!("{}{step}", self.limit)
    }

    /// What both sides are worth, and what that means: `B 312 ms, A 250 ms: +62.0 ms (+25 %); beyond the noise`.
    pub(crate) fn said(&self) -> String {
        if let LimitOutcome::CannotTell { reason, .. } = &self.outcome {
            return reason.clone();
        }
        if self.outcome == LimitOutcome::NoBaseline {
            return "there is no baseline to compare with yet".to_owned();
        }
        let mut said = format!("{} {}", letter(self.session), self.runs.say(&self.kind));
        if self.baseline_runs.count() > 0 {
            let baseline = letter(self.baseline.unwrap_or_default());
            let _ = write!(said, ", {baseline} {}", self.baseline_runs.say(&self.kind));
            if self.difference.delta.is_some() {
                let change = self.difference.say(&self.kind);
                // Of a share these are points, and no part of it.
                let points = change.strip_suffix(Unit::Percent.suffix()).map(|points| format!("{points} pp"));
                let _ = write!(said, ": {}", points.unwrap_or(change));
            }
            if let Some(percent) = self.difference.percent(&self.baseline_runs).filter(|_| !self.is_of_nothing()) {
                let _ = write!(said, " ({percent})");
            }
        }
        if self.is_of_nothing() {
            said.push_str("; of a baseline of 0 any more is beyond it");
        }
        if let Some(noise) = self.noise() {
            let _ = write!(said, "; {noise}");
        }
        said
    }

    /// In a line: `EXCEEDED p99 > +10%: B 312 ms, A 250 ms: +62.0 ms (+25 %)`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}: {}", self.outcome.word(), self.subject(), self.said())
    }
}

impl Judged {
    fn count_of(&self, is: impl Fn(&LimitOutcome) -> bool) -> usize {
        self.results.iter().filter(|result| is(&result.outcome)).count()
    }

    /// In a few words: `failed: 1 of 3 limits was exceeded`.
    pub(crate) fn headline(&self) -> String {
        let total = self.results.len();
        let exceeded = self.count_of(|outcome| *outcome == LimitOutcome::Exceeded);
        let undecided = self.count_of(|outcome| matches!(outcome, LimitOutcome::CannotTell { .. }));
        let waiting = self.count_of(|outcome| *outcome == LimitOutcome::NoBaseline);
        let was = if exceeded == 1 { "was" } else { "were" };
        let beside = if undecided == 0 { String::new() } else { format!(", {undecided} cannot be told") };
        let because = match self.exit_code() {
            1 => "could not be compared: ",
            4 => "the generator, not the service, was the limit: ",
            5 => "an instance source gave nothing: ",
            _ => "",
        };
        match (exceeded, undecided, waiting) {
            (0, 0, 0) if total == 1 => "passed: the limit held".to_owned(),
            (0, 0, 0) => format!("passed: all {total} limits held"),
            (0, 0, waiting) if waiting == total => "passed: there is no baseline to compare with yet".to_owned(),
            (0, 0, waiting) => {
                format!("passed: {} of {total} limits held, {waiting} wait for a baseline", total - waiting)
            }
            (0, undecided, _) => {
                format!("undecided: {because}{undecided} of {} cannot be told", counted(total as u64, "limit"))
            }
            _ => format!("failed: {because}{exceeded} of {} {was} exceeded{beside}", counted(total as u64, "limit")),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let side = |runs: &Runs| {
            let median = runs.median();
            median.map(|median| json!({ "value": median.value, "at_least": median.is_censored, "runs": runs.count() }))
        };
        let result = |result: &LimitResult| {
            let reason = match &result.outcome {
                LimitOutcome::CannotTell { reason, .. } => Some(clean_to(reason, LONGEST_TEXT)),
                _ => None,
            };
            json!({
                "limit": clean_to(&result.limit, LONGEST_TEXT),
                "session": letter(result.session),
                "baseline": result.baseline.map(letter),
                "step": result.step,
                "unit": result.kind.unit.name(),
                "median": side(&result.runs),
                "baseline_median": side(&result.baseline_runs),
                "change": result.difference.delta,
                "against_the_baseline": Some(result.difference.significance.word()).filter(|word| !word.is_empty()),
                "outcome": result.outcome.key(),
                "reason": reason,
            })
        };
        json!({
            "exit_code": self.exit_code(),
            "headline": self.headline(),
            "limits": self.results.iter().map(result).collect::<Vec<_>>(),
        })
    }

    /// As `JUnit` XML: a suite for each session that was judged, a test for each limit. What cannot be told is an error; what waits for
    /// a baseline is skipped.
    pub(crate) fn junit(&self, contenders: &[Contender<'_>]) -> String {
        let counts = |of: &[&LimitResult]| {
            let count = |is: fn(&LimitOutcome) -> bool| of.iter().filter(|result| is(&result.outcome)).count();
            format!(
                "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
                of.len(),
                count(|outcome| *outcome == LimitOutcome::Exceeded),
                count(|outcome| matches!(outcome, LimitOutcome::CannotTell { .. })),
                count(|outcome| *outcome == LimitOutcome::NoBaseline)
            )
        };
        let all: Vec<&LimitResult> = self.results.iter().collect();
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"scaletop compare\" {}>\n",
            counts(&all)
        );
        for (at, contender) in contenders.iter().enumerate() {
            let mine: Vec<&LimitResult> = all.iter().copied().filter(|result| result.session == at).collect();
            if mine.is_empty() {
                continue;
            }
            let name = xml(&format!("{}: {}", letter(at), clean_to(contender.name, LONGEST_TEXT)));
            let _ = writeln!(out, "  <testsuite name=\"{name}\" {}>", counts(&mine));
            for result in mine {
                let (case, said) = (xml(&format!("not {}", result.subject())), xml(&result.said()));
                let told = match result.outcome {
                    LimitOutcome::Held => format!("<system-out>{said}</system-out>"),
                    LimitOutcome::Exceeded => format!("<failure message=\"{said}\"/>"),
                    LimitOutcome::NoBaseline => format!("<skipped message=\"{said}\"/>"),
                    LimitOutcome::CannotTell { .. } => format!("<error message=\"{said}\"/>"),
                };
                let _ = writeln!(
                    out,
                    "    <testcase classname=\"{name}\" name=\"{case}\" time=\"0\">\n      {told}\n    </testcase>"
                );
            }
            out.push_str("  </testsuite>\n");
        }
        out.push_str("</testsuites>\n");
        out
    }
}
