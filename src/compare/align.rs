//! Which steps of the sessions answer to each other.

use std::time::Duration;

use crate::analysis::numbers::{self, Kind};
use crate::analysis::{StepReport, Validity};
use crate::compare::Contender;
use crate::compare::difference::{Difference, Runs};
use crate::compare::left_out::{LeftOut, Why};
use crate::text::span;
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

/// Steps whose lengths differ by more than this share are pointed out: sums over them are not comparable.
pub(crate) const LENGTHS_DIFFER: f64 = 0.2;

/// What makes steps comparable: the same rates, in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The rate before the step.
    pub before: ArrivalRate,
    /// The rate from its start on.
    pub profile: RateProfile,
}

impl std::fmt::Display for Key {
    /// `5→600/s`, `5→100→600/s in 30s`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.profile {
            // A ramp from the rate before it, as keys make them.
            RateProfile::Ramp { from, .. } if from == self.before => self.profile.fmt(f),
            profile => write!(f, "{}→{profile}", self.before.get()),
        }
    }
}

/// Sessions, compared.
#[derive(Clone, Debug)]
pub struct SessionComparison {
    /// Steps that the baseline and at least one other session have, in the order of the baseline.
    pub steps: Vec<ComparedStep>,
    /// Steps that take no part, in the order of their sessions.
    pub left_out: Vec<LeftOut>,
    /// Numbers that nobody could tell in any compared step.
    pub untold: Vec<&'static Kind>,
    /// What keeps the sessions from being comparable.
    pub warnings: Vec<String>,
}

/// One step of all sessions.
#[derive(Clone, Debug)]
pub struct ComparedStep {
    pub key: Key,
    /// Its repeats in each session.
    pub repeats: Vec<usize>,
    /// When each repeat began and ended, by session.
    pub spans: Vec<Vec<(Elapsed, Elapsed)>>,
    pub rows: Vec<ComparedNumber>,
    /// What the objective could not judge in it: the session's place, and why.
    pub unjudged: Vec<(usize, String)>,
}

impl ComparedStep {
    /// The shortest and the longest of its repeats in all sessions.
    fn lengths(&self) -> Option<(Duration, Duration)> {
        let lengths = || self.spans.iter().flatten().map(|(start, end)| end.saturating_since(*start));
        Some((lengths().min()?, lengths().max()?))
    }

    /// Whether its repeats last so differently that sums over them are not comparable.
    pub fn lasts_differently(&self) -> bool {
        self.lengths()
            .is_some_and(|(least, most)| most.as_secs_f64() - least.as_secs_f64() > LENGTHS_DIFFER * most.as_secs_f64())
    }

    /// How long the longest of its repeats is.
    pub fn longest(&self) -> Duration {
        self.lengths().map_or(Duration::ZERO, |(_, most)| most)
    }

    /// One of its numbers, where it is told.
    pub fn number(&self, kind: &Kind) -> Option<&ComparedNumber> {
        self.rows.iter().find(|row| row.kind == kind)
    }
}

/// One number of a step in all sessions.
#[derive(Clone, Debug)]
pub struct ComparedNumber {
    /// Which one.
    pub kind: &'static Kind,
    /// What it is worth in each session.
    pub runs: Vec<Runs>,
    /// Each of the others against the first.
    pub differences: Vec<Difference>,
}

/// Compares sessions; the first one is the baseline.
pub fn compare(contenders: &[Contender<'_>]) -> SessionComparison {
    let mut warnings = unlike(contenders);
    let valid: Vec<Vec<(Key, &StepReport)>> = contenders.iter().map(valid_steps).collect();
    let mut keys: Vec<Key> = Vec::new();
    for (key, _) in valid.iter().flatten() {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
    let of = |at: usize, key: Key| valid[at].iter().filter(move |(mine, _)| *mine == key).map(|(_, report)| *report);
    let mut steps = Vec::new();
    for key in keys {
        let reports: Vec<Vec<&StepReport>> = (0..contenders.len()).map(|at| of(at, key).collect()).collect();
        let having = reports.iter().filter(|reports| !reports.is_empty()).count();
        if having < 2 || reports[0].is_empty() {
            continue;
        }
        let step = ComparedStep {
            key,
            repeats: reports.iter().map(Vec::len).collect(),
            spans: spans(contenders, &reports),
            rows: rows(&reports),
            unjudged: unjudged(&reports),
        };
        warnings.extend(lengths(&step));
        steps.push(step);
    }
    let left_out = left_out(contenders, &steps);
    let is_told = |kind: &Kind| steps.iter().any(|step| step.number(kind).is_some());
    let untold = numbers::kinds().filter(|kind| !steps.is_empty() && !is_told(kind)).collect();
    SessionComparison { steps, left_out, untold, warnings }
}

/// What a step is aligned by.
pub(crate) fn key(report: &StepReport) -> Key {
    Key { before: report.step.before, profile: report.step.profile }
}

fn valid_steps<'a>(contender: &Contender<'a>) -> Vec<(Key, &'a StepReport)> {
    let valid = contender.session.steps().iter().filter(|report| report.validity == Validity::Valid);
    valid.map(|report| (key(report), report)).collect()
}

fn spans(contenders: &[Contender<'_>], reports: &[Vec<&StepReport>]) -> Vec<Vec<(Elapsed, Elapsed)>> {
    let span =
        |at: usize, report: &StepReport| (report.step.start, report.step.end.unwrap_or(contenders[at].session.now()));
    reports.iter().enumerate().map(|(at, all)| all.iter().map(|report| span(at, report)).collect()).collect()
}

fn unjudged(reports: &[Vec<&StepReport>]) -> Vec<(usize, String)> {
    let of = |(at, all): (usize, &Vec<&StepReport>)| {
        let mut why: Vec<(usize, String)> =
            all.iter().filter_map(|report| Some((at, report.numbers.not_judged.clone()?))).collect();
        why.dedup();
        why
    };
    reports.iter().enumerate().flat_map(of).collect()
}

/// The steps that are in none of `compared`, and why.
fn left_out(contenders: &[Contender<'_>], compared: &[ComparedStep]) -> Vec<LeftOut> {
    let elsewhere = |at: usize, of: Key| {
        let others = contenders.iter().enumerate().filter(move |(other, _)| *other != at);
        others.flat_map(|(_, other)| other.session.steps()).any(|report| key(report) == of)
    };
    let mut left_out = Vec::new();
    // Of one session nothing is left out: it is compared with nothing.
    if contenders.len() < 2 {
        return left_out;
    }
    for (session, contender) in contenders.iter().enumerate() {
        for report in contender.session.steps() {
            let key = key(report);
            let why = match &report.validity {
                Validity::InvalidGenerator(why) => Why::Generator(why.clone()),
                Validity::InvalidStart(why) => Why::Start(why.clone()),
                Validity::Valid if compared.iter().any(|step| step.key == key && step.repeats[session] > 0) => continue,
                Validity::Valid if !elsewhere(session, key) => Why::Alone,
                Validity::Valid
                    if session > 0 && !contenders[0].session.steps().iter().any(|r| self::key(r) == key) =>
                {
                    Why::NotInBaseline
                }
                Validity::Valid => Why::OthersAreLeftOut,
            };
            left_out.push(LeftOut { session, step: report.step.id, key, why });
        }
    }
    left_out
}

fn rows(reports: &[Vec<&StepReport>]) -> Vec<ComparedNumber> {
    let numbers: Vec<Vec<_>> =
        reports.iter().map(|repeats| repeats.iter().map(|report| numbers::of(report)).collect()).collect();
    let row = |(at, kind): (usize, &'static Kind)| {
        let runs: Vec<Runs> =
            numbers.iter().map(|repeats| Runs::of(repeats.iter().map(|numbers| &numbers[at].value))).collect();
        let differences = runs.iter().skip(1).map(|other| Difference::between(kind, &runs[0], other)).collect();
        ComparedNumber { kind, runs, differences }
    };
    // What nobody knows anything of is not worth a line.
    numbers::kinds().enumerate().map(row).filter(|row| row.runs.iter().any(|runs| runs.count() > 0)).collect()
}

/// Settings that make numbers mean different things.
fn unlike(contenders: &[Contender<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(of_first) = contenders.first().map(|contender| contender.session) else { return warnings };
    let first = &of_first.header().settings;
    for (at, contender) in contenders.iter().enumerate().skip(1) {
        let (other, which) = (&contender.session.header().settings, super::letter(at));
        let (objectives, of_a) = (contender.session.objectives(), of_first.objectives());
        if objectives != of_a {
            warnings.push(format!(
                "{which} has another objective ({objectives}; A: {of_a}): slow, bad seconds and T_recover mean different things"
            ));
        }
        if other.timeout != first.timeout {
            warnings.push(format!("{which} gives up after {}, A after {}", span(other.timeout), span(first.timeout)));
        }
        if other.max_in_flight != first.max_in_flight {
            warnings.push(format!("{which} has at most {} in flight, A {}", other.max_in_flight, first.max_in_flight));
        }
    }
    warnings
}

fn lengths(step: &ComparedStep) -> Option<String> {
    let (least, most) = step.lengths().filter(|_| step.lasts_differently())?;
    Some(format!(
        "{}: the steps last from {:.0} to {:.0} s; sums over them (lost, bad seconds) are not comparable",
        step.key,
        least.as_secs_f64(),
        most.as_secs_f64()
    ))
}
