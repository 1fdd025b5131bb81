//! The numbers that thresholds are about, read off a session: in base units, or why there is nothing to read.

use std::time::Duration;

use crate::analysis::numbers::{self, Bounds, Judged, Kind, Needs, Unit, Value};
use crate::analysis::{StepNumbers, StepReport, Timing};
use crate::plan::threshold::{Answers, Subject};
use crate::session::state::Session;
use crate::session::verdict::none_ok;
use crate::text::percent_in_full;
use crate::timeline::objective;
use scaletop_load::OutcomeKind;

/// A number as far as it is known, in base units: seconds, counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Measured {
    /// Known. `of` is what a share of it is a share of.
    Known { value: f64, of: Option<f64>, words: String },
    /// Not reached within so many seconds.
    Beyond { secs: f64, words: String },
    /// Nothing to say: there was nothing to reach, or nothing to count.
    Nothing(String),
}

/// The run as if it were one step: as far as steps and run have the same numbers.
pub(super) fn run(session: &Session) -> StepNumbers {
    let totals = session.totals();
    StepNumbers {
        due: totals.due,
        planned: totals.planned,
        sent: totals.sent,
        ok: totals.outcomes.get(OutcomeKind::Ok),
        not_judged: none_ok(session)
            .or_else(|| totals.failures.not_shown(&totals.outcomes, session.objective().errors)),
        lost: objective::lost(&totals.outcomes, totals.dropped_cap),
        slow: session.steps().iter().map(|report| report.numbers.slow).sum(),
        outcomes: totals.outcomes,
        dropped_cap: totals.dropped_cap,
        dropped_late: totals.dropped_late,
        dropped_connections: totals.dropped_connections,
        connect_p99: totals.connections.connect.quantile(0.99),
        slot_wait_p99: totals.connections.slot_wait.quantile(0.99),
        send_lag_p99: totals.send_lag.quantile(0.99),
        ..StepNumbers::default()
    }
}

pub(crate) fn of_run(session: &Session, subject: &Subject) -> Measured {
    match subject {
        Subject::Number(kind, judged) => measured(kind, judged, &run(session)),
        Subject::Percentile(quantile, of) => percentile(session, *quantile, *of),
    }
}

/// Of several requests those of this name, over the whole run.
pub(crate) fn of_request(session: &Session, name: &str, subject: &Subject) -> Measured {
    let Some(request) = session.requests().of(name) else {
        return Measured::Nothing(format!("no request is called {name}"));
    };
    let is_count = matches!(subject, Subject::Number(kind, _) if [&numbers::DUE, &numbers::SENT].contains(kind));
    if request.due == 0 && !is_count {
        return Measured::Nothing(format!("no request {name} came due"));
    }
    match subject {
        Subject::Number(kind, judged) => measured(kind, judged, &request.numbers()),
        Subject::Percentile(quantile, of) => {
            let latency = match of {
                Answers::Ok => request.ok_measured.quantile(*quantile),
                Answers::Failed => request.failed.quantile(*quantile),
                Answers::All => request.every_answer().quantile(*quantile),
            };
            match (latency, of) {
                (Some(latency), _) => time(latency),
                (None, Answers::Failed) if request.outcomes.total() > 0 => none_failed(),
                (None, _) => {
                    Measured::Nothing(request.none_ok().unwrap_or_else(|| format!("no request {name} was answered")))
                }
            }
        }
    }
}

/// Judged over OK answers alone, without those of seconds in which we were late. That failures are quick enough holds when there are none.
fn percentile(session: &Session, quantile: f64, of: Answers) -> Measured {
    let totals = session.totals();
    let latency = match of {
        Answers::Ok => totals.ok_measured.quantile(quantile),
        Answers::Failed => totals.failed.quantile(quantile),
        Answers::All => totals.all().quantile(quantile),
    };
    match (latency, of) {
        (Some(latency), _) => time(latency),
        (None, Answers::Failed) if totals.outcomes.total() >= totals.sent => none_failed(),
        (None, _) => {
            let why = none_ok(session);
            Measured::Nothing(why.unwrap_or_else(|| "no request was answered".to_owned()))
        }
    }
}

fn none_failed() -> Measured {
    Measured::Known { value: 0.0, of: None, words: "no request failed".to_owned() }
}

pub(super) fn of_step(report: &StepReport, subject: &Subject) -> Measured {
    of_numbers(&report.numbers, subject)
}

pub(super) fn of_numbers(numbers: &StepNumbers, subject: &Subject) -> Measured {
    match subject {
        Subject::Number(kind, judged) => {
            let is_known = |kind: &Kind| kind.value(numbers) != Value::Unknown;
            let mut rows = numbers::judged().filter(|(_, its)| its.name == judged.name);
            let known = rows.find(|(kind, _)| is_known(kind)).map_or(*kind, |(kind, _)| kind);
            measured(known, judged, numbers)
        }
        Subject::Percentile(..) => Measured::Nothing("only the run has this number".to_owned()),
    }
}

pub(crate) fn measured(kind: &Kind, judged: &Judged, of: &StepNumbers) -> Measured {
    let nothing = || match &of.not_judged {
        // What is said of instances is said of them alone.
        Some(why) if kind.needs == Needs::Nothing || of.too_short => Measured::Nothing(why.clone()),
        _ => Measured::Nothing(judged.otherwise.to_owned()),
    };
    match kind.value(of) {
        Value::Timing(reached) => timing(reached),
        Value::Latency(latency) | Value::AtLeast(latency) => time(latency),
        Value::Share(share) => ratio(share),
        Value::Part { part, .. } if judged.bounds == Bounds::Count => count(part),
        Value::Part { whole: 0, .. } if judged.bounds == Bounds::Share => nothing(),
        Value::Part { part, whole } => share(part, whole, judged.bounds == Bounds::Share),
        Value::Known(value) => match (judged.bounds, kind.unit) {
            (Bounds::Share | Bounds::Ratio, Unit::Percent) => ratio(value / 100.0),
            (Bounds::Share | Bounds::Ratio, _) => ratio(value),
            (_, Unit::Requests | Unit::Instances | Unit::Generators | Unit::Seconds) => amount(value, 0),
            _ => amount(value, 2),
        },
        Value::Unknown if *kind == numbers::FAILED_P99 && of.outcomes.failed() == 0 => none_failed(),
        Value::Unknown => nothing(),
    }
}

/// What a number is worth as a bound sees it when no share is meant: seconds for a latency, else as it is.
pub(super) fn plainly(value: &Value) -> Option<f64> {
    match value {
        Value::Latency(latency) | Value::AtLeast(latency) => Some(latency.as_secs_f64()),
        value => value.known(),
    }
}

fn count(value: u64) -> Measured {
    Measured::Known { value: value as f64, of: None, words: value.to_string() }
}

/// A count that may also be seen as a share; `is_share` when it only makes sense as one.
fn share(value: u64, of: u64, is_share: bool) -> Measured {
    let percent = || percent_in_full(value as f64 / of as f64);
    let words = match (of, is_share) {
        (0, _) => value.to_string(),
        (_, true) => format!("{} ({value} of {of})", percent()),
        (_, false) => format!("{} ({value})", percent()),
    };
    Measured::Known { value: value as f64, of: Some(of as f64), words }
}

/// A number that is a share already.
fn ratio(value: f64) -> Measured {
    Measured::Known { value, of: Some(1.0), words: percent_in_full(value) }
}

fn amount(value: f64, digits: usize) -> Measured {
    Measured::Known { value, of: None, words: format!("{value:.digits$}") }
}

pub(super) fn time(value: Duration) -> Measured {
    Measured::Known { value: value.as_secs_f64(), of: None, words: format!("{value:.1?}") }
}

fn timing(timing: Timing) -> Measured {
    let words = timing.to_string();
    match timing {
        Timing::Reached { secs, .. } => Measured::Known { value: secs, of: None, words },
        Timing::Absorbed => Measured::Known { value: 0.0, of: None, words },
        Timing::NotWithin { secs, .. } => Measured::Beyond { secs, words },
        Timing::AlreadyViolated => Measured::Nothing("the objective was missed before the step began".to_owned()),
        Timing::NotApplicable(reason) => Measured::Nothing(reason.to_owned()),
    }
}
