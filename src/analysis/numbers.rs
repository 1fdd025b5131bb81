//! The numbers of a step as one registry: what the screen, the CSV and JSON files, the Markdown, the report, Prometheus,
//! `compare`, plans and the verdict know of a number, they know from its row.
//!
//! A row says what a number is called, what it means, how it is read off [`StepNumbers`] and what may be asked of it. Who
//! shows only some of them picks rows by their name in code (`numbers::T_RECOVER`), so that nobody repeats a name, a
//! label or a meaning. docs/step-numbers.md has each definition; tests hold that page, docs/summary-json.md and this
//! registry together.

mod registry;
mod value;

use crate::analysis::{StepNumbers, StepReport, TOO_SHORT, Timing};

pub(crate) use registry::*;
pub(crate) use value::{Unit, Value};

/// What a number is: the same for every step.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name in files, with its unit: `t_recover_s`.
    pub key: &'static str,
    /// Its name for people: `T_recover`.
    pub label: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// Which way is better for whoever uses the service.
    pub better: Better,
    /// What it means, in a line.
    pub meaning: &'static str,
    /// What must be known before it can be told.
    pub needs: Needs,
    /// Whether the files of a session have it. What they do not have can be judged all the same.
    pub in_files: bool,
    /// How a plan may judge it.
    pub judged: Option<Judged>,
    read: fn(&StepNumbers) -> Value,
}

/// How a plan may judge a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its name in a plan: `t_recover`. Where two rows have the same name, the first that is known is judged.
    pub name: &'static str,
    /// What it can be compared with.
    pub bounds: Bounds,
    /// Whether the run as a whole has it too, and not its steps alone.
    pub of_run: bool,
    /// How it moves while the session goes on.
    pub course: Course,
    /// Why it may be missing although its source tells something.
    pub otherwise: &'static str,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The less, the better.
    Lower,
    /// The more, the better.
    Higher,
    /// Neither: it describes what was done, or what it took.
    Neither,
}

/// What must be known before a number can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but the load's own measurements.
    Nothing,
    /// A source of the count that scaling asked for.
    Desired,
    /// Any source of instance counts.
    Instances,
    /// Ids in the answers.
    Ids,
}

/// What a number can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    Time,
    /// A share of at most the whole.
    Share,
    /// A share that may be more than the whole.
    Ratio,
    Count,
    /// Both make sense: `< 0.1%` of what was due, or `< 10` of them.
    ShareOrCount,
    /// Seconds that were counted: `< 10` or `< 10s`.
    TimeOrCount,
}

/// How a number moves while the session goes on: what can be concluded from it before its step is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Up or down: nothing is decided before the end.
    Open,
    /// It only grows: beyond an upper bound it stays beyond.
    Grows,
    /// It is a share of what is due, and what was dropped is missing from it for good.
    Shrinks,
    /// A time that we see ourselves, at once: long after an upper bound it is lost.
    Awaited,
    /// A time since which a count has held for ten seconds: a shorter step cannot show it.
    Held,
}

/// One number of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    pub kind: &'static Kind,
    /// What it is worth in this step.
    pub value: Value,
}

impl Number {
    /// For people, with its unit.
    pub(crate) fn say(&self) -> String {
        self.value.say(self.kind.unit)
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Kind {
    const fn new(
        key: &'static str,
        label: &'static str,
        unit: Unit,
        better: Better,
        meaning: &'static str,
        read: fn(&StepNumbers) -> Value,
    ) -> Self {
        Self { key, label, unit, better, meaning, needs: Needs::Nothing, in_files: true, judged: None, read }
    }

    const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    const fn judged(self, name: &'static str, bounds: Bounds, course: Course, otherwise: &'static str) -> Self {
        Self { judged: Some(Judged { name, bounds, of_run: false, course, otherwise }), ..self }
    }

    /// The run has it too.
    const fn of_run(self) -> Self {
        match self.judged {
            Some(judged) => Self { judged: Some(Judged { of_run: true, ..judged }), ..self },
            None => self,
        }
    }

    /// Plans can judge it, files do not have it.
    const fn not_in_files(self) -> Self {
        Self { in_files: false, ..self }
    }

    /// The same number where it is told as a share.
    pub(crate) const fn in_percent(self) -> Self {
        Self { unit: Unit::Percent, ..self }
    }

    /// What it is worth. Nothing is told of a step that was too short.
    pub fn value(&self, numbers: &StepNumbers) -> Value {
        match (numbers.too_short, self.is_time()) {
            (true, true) => Value::Timing(Timing::NotApplicable(TOO_SHORT)),
            (true, false) => Value::Unknown,
            (false, _) => (self.read)(numbers),
        }
    }

    /// What it is worth, for people and with its unit.
    pub fn say(&self, numbers: &StepNumbers) -> String {
        self.value(numbers).say(self.unit)
    }

    /// Whether it is a time since the start of the step, which may be censored.
    pub fn is_time(&self) -> bool {
        self.key.starts_with("t_")
    }
}

/// The numbers of a step that files have, in the order of their columns.
pub(crate) fn of(report: &StepReport) -> Vec<Number> {
    kinds().map(|kind| Number { kind, value: kind.value(&report.numbers) }).collect()
}

/// The kinds of numbers that files have, in the order of their columns.
pub(crate) fn kinds() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().copied().filter(|kind| kind.in_files)
}

/// The kinds that a plan can judge, those of the run first; with two rows of one name, both.
pub(crate) fn judged() -> impl Iterator<Item = (&'static Kind, Judged)> {
    let all = || ALL.iter().filter_map(|kind| Some((*kind, kind.judged?)));
    all().filter(|(_, judged)| judged.of_run).chain(all().filter(|(_, judged)| !judged.of_run))
}

/// The cells of a row, one for each kind: ` 31.2 s | 42 s | 1,204`.
pub(crate) fn row(kinds: &[&Kind], of: impl Fn(&Kind) -> String) -> String {
    kinds.iter().map(|kind| format!(" {}", of(kind))).collect::<Vec<_>>().join(" |")
}

#[cfg(test)]
mod tests;
