//! The numbers that thresholds are about, read off a session: in base units, or why there is nothing to read.

use std::time::Duration;

use crate::analysis::elasticity::Jitter;
use crate::analysis::{StepReport, Timing};
use crate::plan::threshold::Number;
use crate::session::state::{Session, Totals};
use crate::timeline::objective;
use scaletop_load::OutcomeKind;

/// A number as far as it is known, in base units: seconds, counts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Measured {
    /// Known. `of` is what a share of it is a share of.
    Known { value: f64, of: Option<f64>, words: String },
    /// Not reached within so many seconds.
    Beyond { secs: f64, words: String },
    /// Nothing to say: there was nothing to reach, or nothing to count.
    Nothing(String),
}

/// Why the numbers that compare supply with demand are missing.
const NO_DEMAND: &str = "what an instance holds is not known (give --capacity), or no instances were counted";

pub(super) fn of_run(session: &Session, number: Number) -> Measured {
    let totals = session.totals();
    let slow = || session.steps().iter().map(|report| report.numbers.slow).sum();
    match number {
        Number::Achieved => achieved(totals.sent, totals.due),
        Number::Errors => share(totals.outcomes.failed(), totals.outcomes.total()),
        Number::Lost => share(lost(totals), totals.due),
        Number::Slow => share(slow(), totals.due),
        Number::Dropped => share(totals.dropped_cap + totals.dropped_late, totals.due),
        Number::Due => count(totals.due),
        Number::Sent => count(totals.sent),
        Number::Ok => share(totals.outcomes.get(OutcomeKind::Ok), totals.due),
        Number::Response(quantile) => time(totals.response.quantile(quantile), "no request was answered"),
        Number::SendLagP99 => time(totals.send_lag.quantile(0.99), "no request was sent"),
        // The parser gives these to steps only.
        Number::PeakP99
        | Number::Trigger
        | Number::First
        | Number::Serving
        | Number::Capacity
        | Number::Recover
        | Number::BadSeconds
        | Number::InstancesPeak
        | Number::InstancesLast
        | Number::ScaleIn
        | Number::Overshoot
        | Number::Waste
        | Number::Jitter
        | Number::ThetaUnder
        | Number::ThetaOver
        | Number::TauUnder
        | Number::TauOver
        | Number::BurnRate
        | Number::Efficiency
        | Number::Spread => Measured::Nothing("only steps have this number".to_owned()),
    }
}

/// Requests of the whole run that the service lost.
pub(super) fn lost(totals: &Totals) -> u64 {
    objective::lost(&totals.outcomes, totals.dropped_cap)
}

pub(super) fn of_step(report: &StepReport, number: Number) -> Measured {
    let numbers = &report.numbers;
    let elasticity = numbers.elasticity;
    match number {
        Number::Achieved => achieved(numbers.sent, numbers.due),
        Number::Lost => share(numbers.lost, numbers.due),
        Number::Slow => share(numbers.slow, numbers.due),
        Number::Dropped => share(numbers.dropped_cap + numbers.dropped_late, numbers.due),
        Number::Due => count(numbers.due),
        Number::Sent => count(numbers.sent),
        Number::Ok => share(numbers.ok, numbers.due),
        Number::Response(_) => time(numbers.p99, "no request of the step was answered"),
        Number::SendLagP99 => time(numbers.send_lag_p99, "no request of the step was sent"),
        Number::PeakP99 => time(numbers.peak_p99, "no request of the step was answered"),
        Number::Trigger => timing(numbers.trigger),
        Number::First => timing(numbers.first),
        Number::Serving => timing(numbers.serving),
        Number::Capacity => timing(numbers.capacity),
        Number::Recover => timing(numbers.recover),
        Number::BadSeconds => count(numbers.bad_seconds.into()),
        Number::InstancesPeak => instances(numbers.instances.map(|span| span.peak)),
        Number::InstancesLast => instances(numbers.instances.map(|span| span.last)),
        Number::Errors => share(numbers.outcomes.failed(), numbers.outcomes.total()),
        Number::ScaleIn => timing(numbers.scale_in),
        Number::Overshoot => ratio(numbers.overshoot, "no target of instances was known"),
        Number::Waste => amount(numbers.waste, NO_DEMAND),
        Number::Jitter => amount(
            numbers.jitter.map(|jitter| match jitter {
                Jitter::PerMinute(value) => value,
                Jitter::Turns(turns) => f64::from(turns),
            }),
            "no instances were counted",
        ),
        Number::ThetaUnder => ratio(elasticity.map(|e| e.theta_under / 100.0), NO_DEMAND),
        Number::ThetaOver => ratio(elasticity.map(|e| e.theta_over / 100.0), NO_DEMAND),
        Number::TauUnder => ratio(elasticity.map(|e| e.tau_under / 100.0), NO_DEMAND),
        Number::TauOver => ratio(elasticity.map(|e| e.tau_over / 100.0), NO_DEMAND),
        Number::BurnRate => amount(numbers.budget.map(|budget| budget.burn_rate), "nothing was due"),
        Number::Efficiency => ratio(numbers.efficiency, "there was no load to compare with"),
        Number::Spread => amount(numbers.spread, "no answer named its instance"),
    }
}

fn count(value: u64) -> Measured {
    Measured::Known { value: value as f64, of: None, words: value.to_string() }
}

fn instances(value: Option<u32>) -> Measured {
    value.map_or_else(|| Measured::Nothing("no instances were counted".to_owned()), |value| count(value.into()))
}

/// A count that may also be seen as a share.
fn share(value: u64, of: u64) -> Measured {
    let words = if of > 0 { format!("{} ({value})", percent(value as f64 / of as f64)) } else { value.to_string() };
    Measured::Known { value: value as f64, of: Some(of as f64), words }
}

/// A number that is a share already.
fn ratio(value: Option<f64>, otherwise: &str) -> Measured {
    match value {
        Some(value) => Measured::Known { value, of: Some(1.0), words: percent(value) },
        None => Measured::Nothing(otherwise.to_owned()),
    }
}

fn amount(value: Option<f64>, otherwise: &str) -> Measured {
    match value {
        Some(value) => Measured::Known { value, of: None, words: format!("{value:.2}") },
        None => Measured::Nothing(otherwise.to_owned()),
    }
}

fn achieved(sent: u64, due: u64) -> Measured {
    if due == 0 {
        return Measured::Nothing("nothing was due".to_owned());
    }
    Measured::Known {
        value: sent as f64,
        of: Some(due as f64),
        words: format!("{} ({sent} of {due})", percent(sent as f64 / due as f64)),
    }
}

/// `0.0031%`: as many digits as it takes not to round a breach away.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent == 0.0 || (0.1..=99.9).contains(&percent) || percent >= 100.0 { 1 } else { 4 };
    let text = format!("{percent:.digits$}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn time(value: Option<Duration>, otherwise: &str) -> Measured {
    match value {
        Some(value) => Measured::Known { value: value.as_secs_f64(), of: None, words: format!("{value:.1?}") },
        None => Measured::Nothing(otherwise.to_owned()),
    }
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
