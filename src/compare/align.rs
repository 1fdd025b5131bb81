//! Which steps of the sessions answer to each other.

use std::time::Duration;

use crate::analysis::numbers::{self, Kind};
use crate::analysis::{StepReport, Validity};
use crate::compare::Contender;
use crate::compare::difference::{Difference, Runs};
use scaletop_load::RateProfile;
use scaletop_units::ArrivalRate;

/// Steps whose lengths differ by more than this share are pointed out: sums over them are not comparable.
const LENGTHS_DIFFER: f64 = 0.2;

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
        write!(f, "{}→{}", self.before.get(), self.profile)
    }
}

/// Sessions, compared.
#[derive(Clone, Debug)]
pub struct SessionComparison {
    /// Steps that the baseline and at least one other session have, in the order of the baseline.
    pub steps: Vec<ComparedStep>,
    /// Steps that only one of the sessions has: the session's place and the step's rates.
    pub alone: Vec<(usize, Key)>,
    /// What keeps the sessions from being comparable.
    pub warnings: Vec<String>,
}

/// One step of all sessions.
#[derive(Clone, Debug)]
pub struct ComparedStep {
    pub key: Key,
    /// Its repeats in each session.
    pub repeats: Vec<usize>,
    pub rows: Vec<ComparedNumber>,
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
    for (at, contender) in contenders.iter().enumerate() {
        let which = super::letter(at);
        for (what, why) in [
            ("generator", "the generator was the limit in them"),
            ("start condition", "they did not begin from what their plan waited for"),
        ] {
            let is_so =
                |report: &&StepReport| report.validity.objection().is_some_and(|(objection, _)| objection == what);
            let left_out = contender.session.steps().iter().filter(is_so).count();
            if left_out > 0 {
                warnings.push(format!("{which}: {left_out} steps are left out, {why}"));
            }
        }
    }
    let mut keys: Vec<Key> = Vec::new();
    for (key, _) in valid.iter().flatten() {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
    let of = |at: usize, key: Key| valid[at].iter().filter(move |(mine, _)| *mine == key).map(|(_, report)| *report);
    let (mut steps, mut alone) = (Vec::new(), Vec::new());
    for key in keys {
        let reports: Vec<Vec<&StepReport>> = (0..contenders.len()).map(|at| of(at, key).collect()).collect();
        let having: Vec<usize> = (0..reports.len()).filter(|&at| !reports[at].is_empty()).collect();
        if having.len() < 2 || having[0] != 0 {
            alone.extend(having.iter().map(|&at| (at, key)));
            continue;
        }
        warnings.extend(lengths(key, contenders, &reports));
        steps.push(ComparedStep { key, repeats: reports.iter().map(Vec::len).collect(), rows: rows(&reports) });
    }
    SessionComparison { steps, alone, warnings }
}

fn valid_steps<'a>(contender: &Contender<'a>) -> Vec<(Key, &'a StepReport)> {
    contender
        .session
        .steps()
        .iter()
        .filter(|report| report.validity == Validity::Valid)
        .map(|report| (Key { before: report.step.before, profile: report.step.profile }, report))
        .collect()
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
            warnings.push(format!("{which} gives up after {:?}, A after {:?}", other.timeout, first.timeout));
        }
        if other.max_in_flight != first.max_in_flight {
            warnings.push(format!("{which} has at most {} in flight, A {}", other.max_in_flight, first.max_in_flight));
        }
    }
    warnings
}

fn lengths(key: Key, contenders: &[Contender<'_>], reports: &[Vec<&StepReport>]) -> Option<String> {
    let length = |at: usize, report: &StepReport| {
        report.step.end.unwrap_or(contenders[at].session.now()).saturating_since(report.step.start)
    };
    let all: Vec<Duration> =
        reports.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |report| length(at, report))).collect();
    let (least, most) = (all.iter().min()?, all.iter().max()?);
    let differ = most.as_secs_f64() - least.as_secs_f64() > LENGTHS_DIFFER * most.as_secs_f64();
    differ.then(|| {
        format!(
            "{key}: the steps last from {:.0} to {:.0} s; sums over them (lost, bad seconds) are not comparable",
            least.as_secs_f64(),
            most.as_secs_f64()
        )
    })
}
