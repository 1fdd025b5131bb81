//! The numbers of a step as one list: what `steps.csv`, `summary.json`, the report and `compare` all print, in the same
//! order, under the same names, from the same values.

use std::time::Duration;

use crate::analysis::demand::DemandBasis;
use crate::analysis::elasticity::Jitter;
use crate::analysis::{StepNumbers, StepReport, Timing};
use crate::text::{plain, thousands};

/// One number of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// What it is.
    pub kind: &'static Kind,
    /// What it is worth in this step.
    pub value: Value,
}

/// What a number is: the same for every step.
#[derive(Debug, PartialEq, Eq)]
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
}

impl Kind {
    /// Whether it is a time since the start of the step, which may be censored.
    pub fn is_time(&self) -> bool {
        self.key.starts_with("t_")
    }
}

/// What a number is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds after the start of the step, or of some time in it.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Requests.
    Requests,
    /// Instances.
    Instances,
    /// Instances times seconds.
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

/// What a number is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A time since the start of the step, possibly censored.
    Timing(Timing),
    /// A number in the unit of its kind.
    Known(f64),
    /// Nobody can say.
    Unknown,
}

impl Unit {
    /// What stands behind a number: ` s`, ` ms`, `%`, or nothing where the label says it.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => " s",
            Self::Millis => " ms",
            Self::Percent => "%",
            Self::InstanceSeconds => " instance-s",
            Self::PerMinute => "/min",
            Self::PerSecond => "/s",
            Self::Requests | Self::Instances | Self::Ratio => "",
        }
    }

    /// How many decimals people get to see; files have up to three.
    const fn places(self) -> usize {
        match self {
            Self::Requests | Self::Instances => 0,
            Self::Seconds | Self::Millis | Self::InstanceSeconds | Self::PerSecond => 1,
            Self::Percent | Self::Ratio | Self::PerMinute => 2,
        }
    }

    /// `value` for people: `12,410`, `31.2 s`, `0.12%`.
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
            Self::Known(value) => unit.say(*value),
            Self::Unknown => "–".to_owned(),
        }
    }

    /// The plain number, when there is one; 0 for a time that was absorbed.
    pub const fn known(&self) -> Option<f64> {
        match self {
            Self::Timing(timing) => timing.secs(),
            Self::Known(value) => Some(*value),
            Self::Unknown => None,
        }
    }

    /// For a CSV field: `31.2`, `>42` when it was not reached within 42 s, empty when there is nothing to say.
    pub fn field(&self) -> String {
        match self {
            Self::Timing(Timing::NotWithin { secs, .. }) => format!(">{}", plain(*secs)),
            Self::Timing(timing) => timing.secs().map(plain).unwrap_or_default(),
            Self::Known(value) => plain(*value),
            Self::Unknown => String::new(),
        }
    }
}

impl Number {
    /// For people, with its unit.
    pub fn say(&self) -> String {
        self.value.say(self.kind.unit)
    }
}

/// The numbers of a step, in the order of their columns.
pub fn of(report: &StepReport) -> Vec<Number> {
    let numbers = &report.numbers;
    KINDS.iter().map(|(kind, read)| Number { kind, value: read(numbers) }).collect()
}

/// The kinds of numbers, in the order of their columns.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().map(|(kind, _)| kind)
}

/// Where a kind of number comes from.
type Read = fn(&StepNumbers) -> Value;

const fn kind(key: &'static str, label: &'static str, unit: Unit, better: Better, meaning: &'static str) -> Kind {
    Kind { key, label, unit, better, meaning }
}

fn millis(duration: Option<Duration>) -> Value {
    duration.map_or(Value::Unknown, |duration| Value::Known(duration.as_secs_f64() * 1e3))
}

fn count(value: u64) -> Value {
    Value::Known(value as f64)
}

fn instances(value: Option<u32>) -> Value {
    known(value.map(f64::from))
}

fn known(value: Option<f64>) -> Value {
    value.filter(|value| value.is_finite()).map_or(Value::Unknown, Value::Known)
}

fn percent(part: u64, whole: u64) -> Value {
    if whole == 0 { Value::Unknown } else { Value::Known(part as f64 / whole as f64 * 100.0) }
}

use Better::{Higher, Lower, Neither};
use Unit::{InstanceSeconds, Instances, Millis, PerMinute, PerSecond, Percent, Ratio, Requests, Seconds};

/// Every number, with where it comes from.
#[rustfmt::skip]
static KINDS: &[(Kind, Read)] = &[
    (kind("t_trigger_s", "T_trigger", Seconds, Lower, "until the platform asked for more instances"),
        |n| Value::Timing(n.trigger)),
    (kind("t_first_s", "T_first", Seconds, Lower, "until one more instance was there"),
        |n| Value::Timing(n.first)),
    (kind("t_serving_s", "T_serving", Seconds, Lower, "until an instance not seen in the minute before answered OK"),
        |n| Value::Timing(n.serving)),
    (kind("t_capacity_s", "T_capacity", Seconds, Lower, "until as many instances as needed were there, and stayed for 10 s"),
        |n| Value::Timing(n.capacity)),
    (kind("t_recover_s", "T_recover", Seconds, Lower, "until the objective held again, and kept holding for 10 s"),
        |n| Value::Timing(n.recover)),
    (kind("bad_seconds", "bad seconds", Seconds, Lower, "seconds in which the objective was missed (over the trailing 5 s)"),
        |n| Value::Known(f64::from(n.bad_seconds))),
    (kind("lost", "lost", Requests, Lower, "requests lost to the service: capacity and application errors, drops at the in-flight cap"),
        |n| count(n.lost)),
    (kind("lost_percent", "lost %", Percent, Lower, "lost, as a share of what was due"),
        |n| percent(n.lost, n.due)),
    (kind("slow", "slow", Requests, Lower, "OK answers slower than the objective"),
        |n| count(n.slow)),
    (kind("slow_percent", "slow %", Percent, Lower, "slow, as a share of what was due"),
        |n| percent(n.slow, n.due)),
    (kind("peak_p99_ms", "peak p99", Millis, Lower, "the highest p99 response time of any second"),
        |n| millis(n.peak_p99)),
    (kind("p99_ms", "p99", Millis, Lower, "p99 response time over the whole step, from merged histograms"),
        |n| millis(n.p99)),
    (kind("due", "due", Requests, Neither, "arrivals that came due"),
        |n| count(n.due)),
    (kind("sent", "sent", Requests, Neither, "arrivals handed to the transport"),
        |n| count(n.sent)),
    (kind("ok", "ok", Requests, Higher, "OK answers"),
        |n| count(n.ok)),
    (kind("t_scale_in_s", "T_scale-in", Seconds, Lower, "until the count fell to what the lower rate needs, and stayed (steps down only)"),
        |n| Value::Timing(n.scale_in)),
    (kind("dropped_cap", "dropped at the cap", Requests, Lower, "arrivals refused at the in-flight cap: they are lost"),
        |n| count(n.dropped_cap)),
    (kind("deficit", "not answered OK", Requests, Lower, "arrivals that were not answered OK (so far), whoever is to blame"),
        |n| count(n.deficit)),
    (kind("service_p50_ms", "service p50", Millis, Lower, "median service time of the OK answers"),
        |n| millis(n.service_p50)),
    (kind("burn_rate", "burn rate", Ratio, Lower, "share of bad requests to the share that the objective allows: at 1 the budget lasts its 30 days"),
        |n| known(n.budget.map(|budget| budget.burn_rate))),
    (kind("month_budget_percent", "of 30 days' budget", Percent, Lower, "of the error budget of 30 days at the rate before the step (or of the step, when that was 0)"),
        |n| known(n.budget.map(|budget| budget.month_percent))),
    (kind("instances_before", "instances before", Instances, Neither, "instances just before the step"),
        |n| instances(n.instances.and_then(|span| span.before))),
    (kind("instances_peak", "most instances", Instances, Neither, "the most instances during the step"),
        |n| instances(n.instances.map(|span| span.peak))),
    (kind("instances_last", "instances at its end", Instances, Neither, "instances at its end"),
        |n| instances(n.instances.map(|span| span.last))),
    (kind("instances_needed", "instances wanted", Instances, Neither, "as many as the rate needs, or the count settled at"),
        |n| instances(n.target)),
    (kind("capacity_per_instance_rps", "one instance holds", PerSecond, Neither, "requests a second that one instance holds: given, by Little's law, or inferred (at least)"),
        |n| known(n.demand.as_ref().map(DemandBasis::per_instance))),
    (kind("overshoot_percent", "overshoot", Percent, Lower, "by how much the count went above what was wanted"),
        |n| known(n.overshoot.map(|share| share * 100.0))),
    (kind("waste_instance_s", "waste", InstanceSeconds, Lower, "instance-seconds above the demand"),
        |n| known(n.waste)),
    (kind("jitter_per_min", "jitter", PerMinute, Lower, "changes of the count beyond those of the demand: above 0 it oscillates, below it is inert"),
        |n| match n.jitter { Some(Jitter::PerMinute(jitter)) => known(Some(jitter)), _ => Value::Unknown }),
    (kind("turns", "turns", Ratio, Lower, "without a known demand: how often the count changed direction after the capacity was reached"),
        |n| match n.jitter { Some(Jitter::Turns(turns)) => Value::Known(f64::from(turns)), _ => Value::Unknown }),
    (kind("theta_under_percent", "θ under", Percent, Lower, "under-provisioning: how far supply was below demand, on average"),
        |n| known(n.elasticity.map(|e| e.theta_under))),
    (kind("theta_over_percent", "θ over", Percent, Lower, "over-provisioning: how far supply was above demand, on average"),
        |n| known(n.elasticity.map(|e| e.theta_over))),
    (kind("tau_under_percent", "τ under", Percent, Lower, "share of the time with too few instances"),
        |n| known(n.elasticity.map(|e| e.tau_under))),
    (kind("tau_over_percent", "τ over", Percent, Lower, "share of the time with too many instances"),
        |n| known(n.elasticity.map(|e| e.tau_over))),
    (kind("efficiency", "scaling efficiency", Ratio, Higher, "OK answers a second at its end to those before it; below 0.8 on a step up, instances may have come, throughput did not"),
        |n| known(n.efficiency)),
    (kind("spread", "spread", Ratio, Lower, "requests of the busiest instance to those of the average one; 1 is even"),
        |n| known(n.spread)),
    (kind("dropped_late", "dropped late", Requests, Neither, "arrivals given up because our own stall made them late: the generator's"),
        |n| count(n.dropped_late)),
    (kind("send_lag_p99_ms", "send lag p99", Millis, Neither, "how late we sent, p99: tells a slow generator from a slow service"),
        |n| millis(n.send_lag_p99)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_censored_time_is_never_a_number() {
        let value = Value::Timing(Timing::NotWithin { secs: 42.0, open: false });
        assert_eq!((value.known(), value.field(), value.say(Unit::Seconds)), (None, ">42".into(), "> 42 s".into()));
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(Unit::Requests.say(12_410.0), "12,410");
        assert_eq!(Unit::Seconds.say(31.25), "31.2 s");
        assert_eq!(Unit::Percent.say(0.123), "0.12%");
        assert_eq!(Unit::Millis.say(-1234.5), "−1,234 ms");
    }

    #[test]
    fn no_two_numbers_share_a_name() {
        let mut keys: Vec<_> = kinds().map(|kind| kind.key).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), all);
    }

    #[test]
    fn a_share_of_nothing_is_unknown() {
        assert_eq!((percent(0, 0), percent(1, 4)), (Value::Unknown, Value::Known(25.0)));
    }
}
