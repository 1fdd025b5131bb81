//! What a limit compares: the numbers of the run, or of the steps that answer to each other, in one unit.

use std::time::Duration;

use super::{Fault, LimitOutcome, Pair, Place};
use crate::analysis::numbers::{self, Judged, Kind, Unit, Value};
use crate::analysis::{StepNumbers, StepReport, Timing, Validity};
use crate::compare::align::{Key, LENGTHS_DIFFER, key};
use crate::compare::difference::Runs;
use crate::compare::letter;
use crate::plan::threshold::{Limit, Scope, Subject};
use crate::session::state::Session;
use crate::session::verdict::measured::{self, Measured};
use crate::session::verdict::thresholds::no_source;
use crate::session::verdict::{at_worst, judge, none_ok};
use crate::text::span;

/// The number that a limit is about, in the unit in which it is compared.
pub(super) fn kind(limit: &Limit) -> Kind {
    let kind = match limit.subject {
        Subject::Number(kind, _) => *kind,
        Subject::Percentile(..) => numbers::P99,
    };
    if limit.is_of_share() { kind.in_percent() } else { kind }
}

/// Numbers whose meaning is that of the objective.
static BY_OBJECTIVE: [&Kind; 4] = [&numbers::T_RECOVER, &numbers::BAD_SECONDS, &numbers::SLOW, &numbers::BURN_RATE];

/// What `measured` is worth in the unit of `kind`, or why nobody can say.
fn worth(kind: &Kind, measured: Measured, is_share: bool) -> Result<Value, String> {
    match measured {
        Measured::Nothing(reason) => Err(reason),
        Measured::Beyond { secs, .. } => Ok(Value::Timing(Timing::NotWithin { secs, open: false })),
        Measured::Known { value, of, .. } if is_share => match of {
            Some(of) if of > 0.0 => Ok(Value::Share(value / of)),
            _ => Err("a share of nothing has no value".to_owned()),
        },
        Measured::Known { value, .. } if kind.unit == Unit::Millis => {
            Duration::try_from_secs_f64(value).map(Value::Latency).map_err(|error| error.to_string())
        }
        Measured::Known { value, .. } => Ok(Value::Known(value)),
    }
}

fn of_numbers(kind: &Kind, judged: &Judged, numbers: &StepNumbers, is_share: bool) -> Result<Value, String> {
    match kind.value(numbers) {
        // With how exactly it is known.
        reached @ Value::Timing(Timing::Reached { .. }) => Ok(reached),
        _ => worth(kind, measured::measured(kind, judged, numbers), is_share),
    }
}

/// Why a session's whole run is not compared.
fn objection((at, session): (usize, &Session), is_baseline: bool) -> Option<(String, Fault)> {
    let (verdict, which) = (judge(session), letter(at));
    if let Some(unmet) = verdict.unmet_start.first() {
        return Some((
            format!("{which}: a start condition was not met before step {}: {}", unmet.step, unmet.reason),
            Fault::Start,
        ));
    }
    if let Some(invalid) = verdict.invalid.first() {
        return Some((
            format!("{which}: the generator was the limit in step {}: {}", invalid.step, invalid.reason),
            Fault::Generator,
        ));
    }
    if verdict.interrupted || verdict.has_no_end {
        return Some((format!("{which} ended before its plan did: its totals are those of a part"), Fault::Comparison));
    }
    // Of the session itself this is what its numbers say.
    none_ok(session).filter(|_| is_baseline).map(|why| (format!("{which}: {why}"), Fault::Comparison))
}

/// The steps with load, each with its length.
fn played(session: &Session) -> Vec<(Key, Duration)> {
    let loaded = session.steps().iter().filter(|report| report.numbers.due > 0);
    loaded.map(|report| (key(report), length(session, report))).collect()
}

fn length(session: &Session, report: &StepReport) -> Duration {
    report.step.end.unwrap_or(session.now()).saturating_since(report.step.start)
}

/// Whether lengths differ so much that sums over them say nothing.
fn differ(one: Duration, other: Duration) -> bool {
    one.abs_diff(other).as_secs_f64() > LENGTHS_DIFFER * one.max(other).as_secs_f64()
}

/// Whether a number grows with the length of what it is counted over.
const fn is_sum(kind: &Kind, is_share: bool, is_time: bool) -> bool {
    !is_share && !is_time && matches!(kind.unit, Unit::Requests | Unit::Seconds | Unit::InstanceSeconds)
}

/// Why the objective makes a number mean two things.
fn other_objective(limit: &Limit, pair: &Pair<'_>) -> Option<(String, Fault)> {
    let (Subject::Number(kind, _), Some((at, baseline)), true) = (limit.subject, pair.baseline, limit.needs_baseline())
    else {
        return None;
    };
    let (of, other) = (pair.session.1.objectives(), baseline.objectives());
    let is_other = BY_OBJECTIVE.contains(&kind) && of != other;
    is_other.then(|| {
        (format!("{} has another objective ({of}; {}: {other})", letter(pair.session.0), letter(at)), Fault::Comparison)
    })
}

pub(super) fn of_run(limit: &Limit, pair: &Pair<'_>) -> Place {
    let (kind, is_share) = (kind(limit), limit.is_of_share());
    let baseline = pair.baseline.filter(|_| limit.needs_baseline());
    let objections = [
        objection(pair.session, false),
        baseline.and_then(|baseline| objection(baseline, true)),
        other_objective(limit, pair),
        baseline.and_then(|baseline| unlike(&limit.subject, baseline, pair.session)),
    ];
    if let Some((reason, fault)) = objections.into_iter().flatten().next() {
        return Place::undecided(kind, reason, fault);
    }
    let of = |session: &Session| match &limit.scope {
        Scope::Request(name) => measured::of_request(session, name, &limit.subject),
        _ => measured::of_run(session, &limit.subject),
    };
    let value = |session: &Session| worth(&kind, of(session), is_share);
    let theirs: Vec<_> = baseline.iter().map(|(_, session)| value(session)).collect();
    let mut place = of_values(limit, kind, pair, &[value(pair.session.1)], &theirs);
    let worst = match limit.scope {
        // What was left out because of us is not known of each request.
        Scope::Request(_) => None,
        _ => at_worst::of_run(pair.session.1, &limit.subject),
    };
    let worst = worst.and_then(|worst| worth(&kind, worst, is_share).ok());
    place.at_worst = worst.map(|worst| Runs::of([&worst]));
    place
}

/// Why the totals of two sessions are not comparable: they played something else.
fn unlike(
    subject: &Subject,
    (at, baseline): (usize, &Session),
    (other, session): (usize, &Session),
) -> Option<(String, Fault)> {
    let (one, two) = (played(baseline), played(session));
    let (of, which) = (letter(at), letter(other));
    let steps = |played: &[(Key, Duration)]| played.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    if steps(&one) != steps(&two) {
        let name = match subject {
            Subject::Number(_, judged) => judged.name,
            Subject::Percentile(..) => numbers::P99.label,
        };
        let reason = format!(
            "{which} did not play the steps that {of} did; give STAGE.{name} for a stage, or *.{name} for the steps of the same rates"
        );
        return Some((reason, Fault::Comparison));
    }
    let is_longer = one.iter().zip(&two).find(|((_, one), (_, two))| differ(*one, *two));
    let ((key, one), (_, two)) = is_longer?;
    // Where a part is longer the mixture is another: that holds for shares and percentiles, too.
    Some((
        format!(
            "{key} lasted {} in {of} and {} in {which}: totals over them are not comparable",
            span(*one),
            span(*two)
        ),
        Fault::Comparison,
    ))
}

/// The place with both sides' values, or why one of them cannot be told.
fn of_values(
    limit: &Limit,
    kind: Kind,
    pair: &Pair<'_>,
    session: &[Result<Value, String>],
    baseline: &[Result<Value, String>],
) -> Place {
    let known = |values: &[Result<Value, String>]| Runs::of(values.iter().flatten());
    let (runs, baseline_runs) = (known(session), known(baseline));
    let why = |(at, of): (usize, &Session), values: &[Result<Value, String>], fault: Fault| {
        let source = no_source(of, &limit.subject).map(|why| (format!("{}: {why}", letter(at)), Fault::Source));
        let reason = values.iter().find_map(|value| value.as_ref().err());
        source.or_else(|| Some((format!("{}: {}", letter(at), reason?), fault)))
    };
    let mut undecided = None;
    if let Some(of) = pair.baseline.filter(|_| limit.needs_baseline() && baseline_runs.count() == 0) {
        undecided = why(of, baseline, Fault::Comparison);
    } else if session.iter().any(Result::is_err) {
        undecided = why(pair.session, session, Fault::Session);
    }
    let outcome = undecided.map(|(reason, fault)| LimitOutcome::cannot_tell(reason, fault));
    Place { session: runs, baseline: baseline_runs, outcome, ..Place::empty(kind) }
}

/// The steps that a limit is about, those that say nothing left out.
fn covered<'a>(limit: &Limit, session: &'a Session) -> Vec<&'a StepReport> {
    let verdict = judge(session);
    let is_cut = verdict.interrupted || verdict.has_no_end;
    let last = session.steps().iter().rfind(|report| report.numbers.due > 0).map(|report| report.step.id);
    let covered = session.steps().iter().filter(|report| limit.scope.covers(report.step.name.as_deref()));
    let is_told = |report: &&StepReport| {
        report.numbers.due > 0 && !report.numbers.too_short && !(is_cut && Some(report.step.id) == last)
    };
    covered.filter(is_told).collect()
}

pub(super) fn of_steps(limit: &Limit, pair: &Pair<'_>) -> Vec<Place> {
    let baseline = pair.baseline.filter(|_| limit.needs_baseline());
    let session = covered(limit, pair.session.1);
    let theirs = baseline.map(|(_, of)| covered(limit, of)).unwrap_or_default();
    if let Some((reason, fault)) = other_objective(limit, pair) {
        return vec![Place::undecided(kind(limit), reason, fault)];
    }
    let mut keys: Vec<Key> = Vec::new();
    for key in session.iter().map(|report| key(report)) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let of = |reports: &[&StepReport], of: Key| -> Vec<StepReport> {
        reports.iter().filter(|report| key(report) == of).map(|report| (*report).clone()).collect()
    };
    let place = |step: Key| {
        let (session, theirs) = (of(&session, step), of(&theirs, step));
        if baseline.is_some() && theirs.is_empty() {
            return None;
        }
        let place = of_step(limit, pair, &session, &theirs)?;
        Some(Place { step: Some(step.to_string()), ..place })
    };
    let places: Vec<Place> = keys.into_iter().filter_map(place).collect();
    if places.is_empty() { vec![nothing(limit, pair, &session, &theirs)] } else { places }
}

/// Why there is not one step to judge.
fn nothing(limit: &Limit, pair: &Pair<'_>, session: &[&StepReport], theirs: &[&StepReport]) -> Place {
    let what = match &limit.scope {
        Scope::Stage(stage) => format!("stage {stage}"),
        Scope::Request(name) => format!("request {name}"),
        Scope::Run | Scope::EveryStep => "step with load".to_owned(),
    };
    let rates = |reports: &[&StepReport]| {
        let mut rates: Vec<String> = reports.iter().map(|report| key(report).to_string()).collect();
        rates.dedup();
        rates.join(", ")
    };
    let (which, baseline) = (letter(pair.session.0), pair.baseline.map(|(at, _)| letter(at)));
    let verdict = judge(pair.session.1);
    let ended = if verdict.interrupted || verdict.has_no_end { Fault::Comparison } else { Fault::Session };
    let (reason, fault) = match baseline.filter(|_| limit.needs_baseline()) {
        _ if session.is_empty() => (format!("{which} has no {what}, or it was cut short"), ended),
        Some(of) if theirs.is_empty() => (format!("{of} has no {what}, or it was cut short"), Fault::Comparison),
        Some(of) if rates(session) != rates(theirs) => (
            format!("no {what} of {which} has the rates of one of {of}: {} and {}", rates(session), rates(theirs)),
            Fault::Comparison,
        ),
        _ => ("no step has this number".to_owned(), Fault::Session),
    };
    Place::undecided(kind(limit), reason, fault)
}

/// The repeats of one step on both sides; nothing where every step is meant and this one has nothing to say.
fn of_step(limit: &Limit, pair: &Pair<'_>, session: &[StepReport], theirs: &[StepReport]) -> Option<Place> {
    let Subject::Number(row, judged) = limit.subject else {
        return Some(Place::undecided(kind(limit), "only the run has this number", Fault::Comparison));
    };
    if let Some((reason, fault)) = session.iter().find_map(|report| invalid(pair.session.0, report)) {
        return Some(Place::undecided(kind(limit), reason, fault));
    }
    let at = pair.baseline.map_or(0, |(at, _)| at);
    let valid: Vec<&StepReport> = theirs.iter().filter(|report| invalid(at, report).is_none()).collect();
    if let (true, Some((reason, fault))) = (valid.is_empty(), theirs.iter().find_map(|report| invalid(at, report))) {
        return Some(Place::undecided(kind(limit), reason, fault));
    }
    // Of two rows of one name, that which both sides have.
    let is_share = limit.is_of_share();
    let has = |kind: &Kind| {
        session.iter().chain(valid.iter().copied()).all(|report| kind.value(&report.numbers) != Value::Unknown)
    };
    let row = numbers::judged().find(|(kind, of)| of.name == judged.name && has(kind)).map_or(row, |(kind, _)| kind);
    let kind = if is_share { row.in_percent() } else { *row };
    let value = |report: &StepReport| of_numbers(row, &judged, &report.numbers, is_share);
    let (values, base): (Vec<_>, Vec<_>) =
        (session.iter().map(value).collect(), valid.iter().map(|report| value(report)).collect());
    let is_silent = |values: &[Result<Value, String>]| values.iter().all(Result::is_err);
    if limit.scope == Scope::EveryStep
        && is_silent(&values)
        && is_silent(&base)
        && no_source(pair.session.1, &limit.subject).is_none()
    {
        return None;
    }
    let mut place = of_values(limit, kind, pair, &values, &base);
    let worst = |report: &StepReport| {
        report.numbers.at_worst().and_then(|worst| of_numbers(row, &judged, &worst, is_share).ok())
    };
    if session.iter().any(|report| worst(report).is_some()) {
        let worst: Vec<Value> =
            session.iter().filter_map(|report| worst(report).or_else(|| value(report).ok())).collect();
        place.at_worst = Some(Runs::of(&worst));
    }
    if place.outcome.is_none() && is_sum(row, is_share, row.is_time()) {
        place.outcome = longer(pair, session, &valid);
    }
    Some(place)
}

/// That a sum over repeats which last differently is not comparable.
fn longer(pair: &Pair<'_>, session: &[StepReport], theirs: &[&StepReport]) -> Option<LimitOutcome> {
    let (at, baseline) = pair.baseline?;
    let longest =
        |of: &Session, reports: &mut dyn Iterator<Item = &StepReport>| reports.map(|report| length(of, report)).max();
    let one = longest(baseline, &mut theirs.iter().copied())?;
    let two = longest(pair.session.1, &mut session.iter())?;
    differ(one, two).then(|| {
        let (of, which) = (letter(at), letter(pair.session.0));
        let reason = format!(
            "it lasted {} in {of} and {} in {which}: sums over it are not comparable, shares are",
            span(one),
            span(two)
        );
        LimitOutcome::cannot_tell(reason, Fault::Comparison)
    })
}

fn invalid(at: usize, report: &StepReport) -> Option<(String, Fault)> {
    let (which, step) = (letter(at), report.step.id);
    match &report.validity {
        _ if report.step.unmet_start.is_some() => {
            let unmet = report.step.unmet_start.as_deref().unwrap_or_default();
            Some((format!("{which}: step {step} did not begin from what its plan waited for: {unmet}"), Fault::Start))
        }
        Validity::InvalidStart(why) => {
            Some((format!("{which}: step {step} did not begin from what its plan waited for: {why}"), Fault::Start))
        }
        Validity::InvalidGenerator(why) => {
            Some((format!("{which}: the generator was the limit in step {step}: {why}"), Fault::Generator))
        }
        Validity::Valid => None,
    }
}
