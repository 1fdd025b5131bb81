//! The rows. A new number is one more row here; docs/step-numbers.md and a scenario say what it is.

use std::time::Duration;

use super::{
    Better::{Higher, Lower, Neither},
    Bounds, Course, Kind,
    Needs::{Desired, Ids, Instances as Counted},
    Unit::{Generators, InstanceSeconds, Instances, Millis, PerMinute, PerSecond, Percent, Ratio, Requests, Seconds},
    Value,
};
use crate::analysis::StepNumbers;
use crate::analysis::demand::DemandBasis;
use crate::analysis::elasticity::Jitter;
use scaletop_load::OutcomeClass;

/// Why the numbers that compare supply with demand are missing.
const NO_DEMAND: &str = "what an instance sustains is not known (give --capacity), or no instances were counted";
const NO_COUNT: &str = "no instances were counted";
const NO_ANSWER: &str = "no request was answered";
const NO_OK: &str = "no request was answered as expected, or we were late in every second";
const NO_FAILURE: &str = "no request failed";
const NO_ARRIVAL: &str = "nothing was due";
const NO_FLEET: &str = "no fleet generated the load";
/// Times say themselves why they are missing.
const SAYS_WHY: &str = "";

const fn part(part: u64, whole: u64) -> Value {
    Value::Part { part, whole }
}

/// What is lost or slow: that it is nothing cannot be told when most were answered otherwise than expected, and nobody is to
/// blame.
fn bad(numbers: &StepNumbers, count: u64, value: Value) -> Value {
    let is_mostly_otherwise = numbers.outcomes.of_class(OutcomeClass::Client) > numbers.ok;
    if count == 0 && is_mostly_otherwise { Value::Unknown } else { value }
}

/// What is counted against the objective: that it is nothing cannot be told of what was not judged.
fn against(numbers: &StepNumbers, count: u64, value: Value) -> Value {
    if count == 0 && numbers.not_judged.is_some() { Value::Unknown } else { value }
}

fn percent(part: u64, whole: u64) -> Value {
    if whole == 0 { Value::Unknown } else { Value::Known(part as f64 / whole as f64 * 100.0) }
}

fn latency(value: Option<Duration>) -> Value {
    value.map_or(Value::Unknown, Value::Latency)
}

fn instances(value: Option<u32>) -> Value {
    known(value.map(f64::from))
}

fn known(value: Option<f64>) -> Value {
    value.filter(|value| value.is_finite()).map_or(Value::Unknown, Value::Known)
}

macro_rules! registry {
    ($($name:ident = $row:expr;)*) => {
        $(
            pub(crate) static $name: Kind = $row;
        )*
        /// Every row, in the order of the columns of files.
        pub(crate) static ALL: &[&Kind] = &[$(&$name),*];
    };
}

registry! {
    ACHIEVED = Kind::new("achieved", "achieved", Percent, Higher, "sent, as a share of what was due",
            |n| part(n.sent, n.asked()))
        .judged("achieved", Bounds::Share, Course::Shrinks, NO_ARRIVAL).of_run().not_in_files();
    ERRORS = Kind::new("errors", "errors", Requests, Lower, "failed answers of any kind, as a share of all answers",
            |n| part(n.outcomes.failed(), n.outcomes.total()))
        .judged("errors", Bounds::ShareOrCount, Course::Grows, NO_ANSWER).of_run().not_in_files();
    DROPPED = Kind::new("dropped", "dropped", Requests, Lower, "arrivals that were never sent",
            |n| part(n.dropped(), n.due))
        .judged("dropped", Bounds::ShareOrCount, Course::Grows, NO_ARRIVAL).of_run().not_in_files();
    T_TRIGGER = Kind::new("t_trigger_s", "T_trigger", Seconds, Lower, "until the platform asked for more instances",
            |n| Value::Timing(n.trigger))
        .judged("t_trigger", Bounds::Time, Course::Open, SAYS_WHY).needs(Desired);
    T_FIRST = Kind::new("t_first_s", "T_first", Seconds, Lower, "until one more instance was there",
            |n| Value::Timing(n.first))
        .judged("t_first", Bounds::Time, Course::Open, SAYS_WHY).needs(Counted);
    T_SERVING = Kind::new("t_serving_s", "T_serving", Seconds, Lower, "until an instance unseen for a minute answered OK",
            |n| Value::Timing(n.serving))
        .judged("t_serving", Bounds::Time, Course::Awaited, SAYS_WHY).needs(Ids);
    T_CAPACITY = Kind::new("t_capacity_s", "T_capacity", Seconds, Lower, "until as many as needed were there, and stayed",
            |n| Value::Timing(n.capacity))
        .judged("t_capacity", Bounds::Time, Course::Held, SAYS_WHY).needs(Counted);
    T_RECOVER = Kind::new("t_recover_s", "T_recover", Seconds, Lower, "until the objective held again, and kept holding",
            |n| Value::Timing(n.recover))
        .judged("t_recover", Bounds::Time, Course::Awaited, SAYS_WHY);
    BAD_SECONDS = Kind::new("bad_seconds", "bad seconds", Seconds, Lower, "seconds in which the objective was missed",
            |n| if n.judged_seconds == 0 && n.due > 0 { Value::Unknown } else { against(n, n.bad_seconds.into(), Value::Known(n.bad_seconds.into())) })
        .judged("bad_seconds", Bounds::TimeOrCount, Course::Grows, NO_OK);
    LOST = Kind::new("lost", "lost", Requests, Lower, "capacity and application errors, drops at the cap",
            |n| bad(n, n.lost, part(n.lost, n.due)))
        .judged("lost", Bounds::ShareOrCount, Course::Grows, NO_ARRIVAL).of_run();
    LOST_PERCENT = Kind::new("lost_percent", "lost %", Percent, Lower, "lost, as a share of what was due",
            |n| bad(n, n.lost, percent(n.lost, n.due)));
    SLOW = Kind::new("slow", "slow", Requests, Lower, "OK answers slower than the objective",
            |n| bad(n, n.slow, part(n.slow, n.due)))
        .judged("slow", Bounds::ShareOrCount, Course::Grows, NO_ARRIVAL).of_run();
    SLOW_PERCENT = Kind::new("slow_percent", "slow %", Percent, Lower, "slow, as a share of what was due",
            |n| bad(n, n.slow, percent(n.slow, n.due)));
    PEAK_P99 = Kind::new("peak_p99_ms", "peak p99", Millis, Lower, "the highest p99 response time of the OK answers of any second",
            |n| n.peak_p99.map_or(Value::Unknown, if n.due_late > 0 { Value::AtLeast } else { Value::Latency }))
        .judged("peak_p99", Bounds::Time, Course::Grows, NO_OK);
    P99 = Kind::new("p99_ms", "p99", Millis, Lower, "p99 response time of the OK answers of the whole step",
            |n| latency(n.p99))
        .judged("p99", Bounds::Time, Course::Open, NO_OK);
    DUE = Kind::new("due", "due", Requests, Neither, "arrivals that came due",
            |n| Value::Known(n.due as f64))
        .judged("due", Bounds::Count, Course::Open, NO_ARRIVAL).of_run();
    SENT = Kind::new("sent", "sent", Requests, Neither, "arrivals handed to the transport",
            |n| part(n.sent, n.due))
        .judged("sent", Bounds::Count, Course::Open, NO_ARRIVAL).of_run();
    OK = Kind::new("ok", "ok", Requests, Higher, "answers with a status that was expected",
            |n| part(n.ok, n.due))
        .judged("ok", Bounds::ShareOrCount, Course::Open, NO_ARRIVAL).of_run();
    T_SCALE_IN = Kind::new("t_scale_in_s", "T_scale-in", Seconds, Lower, "until the count fell to what the lower rate needs, and stayed (steps down only)",
            |n| Value::Timing(n.scale_in))
        .judged("t_scale_in", Bounds::Time, Course::Open, SAYS_WHY).needs(Counted);
    DROPPED_CAP = Kind::new("dropped_cap", "dropped at the cap", Requests, Lower, "arrivals refused at the in-flight cap: they are lost",
            |n| part(n.dropped_cap, n.due));
    DEFICIT = Kind::new("deficit", "not answered OK", Requests, Lower, "arrivals that were not answered OK (so far), whoever is to blame",
            |n| part(n.deficit, n.due));
    SERVICE_P50 = Kind::new("service_p50_ms", "service p50", Millis, Lower, "median service time of the OK answers",
            |n| latency(n.service_p50));
    BURN_RATE = Kind::new("burn_rate", "burn rate", Ratio, Lower, "share of bad requests to the share that the objective allows: at 1 the budget lasts its 30 days",
            |n| against(n, n.lost.saturating_add(n.slow), known(n.budget.map(|budget| budget.burn_rate))))
        .judged("burn_rate", Bounds::Count, Course::Open, NO_ARRIVAL);
    MONTH_BUDGET = Kind::new("month_budget_percent", "of 30 days' budget", Percent, Lower, "of the error budget of 30 days at the rate before the step (or of the step, when that was 0)",
            |n| against(n, n.lost.saturating_add(n.slow), known(n.budget.map(|budget| budget.month_percent))));
    INSTANCES_BEFORE = Kind::new("instances_before", "instances before", Instances, Neither, "instances just before the step",
            |n| instances(n.instances.and_then(|span| span.before)))
        .needs(Counted);
    INSTANCES_PEAK = Kind::new("instances_peak", "most instances", Instances, Neither, "the most instances during the step",
            |n| instances(n.instances.map(|span| span.peak)))
        .judged("instances_peak", Bounds::Count, Course::Open, NO_COUNT).needs(Counted);
    INSTANCES_LAST = Kind::new("instances_last", "instances at its end", Instances, Neither, "instances at its end",
            |n| instances(n.instances.map(|span| span.last)))
        .judged("instances", Bounds::Count, Course::Open, NO_COUNT).needs(Counted);
    INSTANCES_NEEDED = Kind::new("instances_needed", "instances needed", Instances, Neither, "as many as the rate needs, or the count settled at",
            |n| instances(n.target));
    CAPACITY_PER_INSTANCE = Kind::new("capacity_per_instance_rps", "one instance sustains", PerSecond, Neither, "requests a second that one instance sustains: given, by Little's law, or inferred (at least)",
            |n| known(n.demand.as_ref().map(DemandBasis::per_instance)));
    OVERSHOOT = Kind::new("overshoot_percent", "overshoot", Percent, Lower, "by how much the count went above what was needed",
            |n| n.overshoot.filter(|share| share.is_finite()).map_or(Value::Unknown, Value::Share))
        .judged("overshoot", Bounds::Ratio, Course::Open, "no target of instances was known").needs(Counted);
    WASTE = Kind::new("waste_instance_s", "waste", InstanceSeconds, Lower, "instance-seconds above the demand",
            |n| known(n.waste))
        .judged("waste", Bounds::Count, Course::Open, NO_DEMAND).needs(Counted);
    JITTER = Kind::new("jitter_per_min", "jitter", PerMinute, Lower, "changes of the count beyond those of the demand: above 0 it oscillates, below it is inert",
            |n| match n.jitter { Some(Jitter::PerMinute(jitter)) => known(Some(jitter)), _ => Value::Unknown })
        .judged("jitter", Bounds::Count, Course::Open, NO_COUNT).needs(Counted);
    TURNS = Kind::new("turns", "turns", Ratio, Lower, "without a known demand: how often the count changed direction after the capacity was reached",
            |n| match n.jitter { Some(Jitter::Turns(turns)) => Value::Known(f64::from(turns)), _ => Value::Unknown })
        .judged("jitter", Bounds::Count, Course::Open, NO_COUNT).needs(Counted);
    THETA_UNDER = Kind::new("theta_under_percent", "θ under", Percent, Lower, "under-provisioning: how far supply was below demand, on average",
            |n| known(n.elasticity.map(|e| e.theta_under)))
        .judged("theta_u", Bounds::Share, Course::Open, NO_DEMAND).needs(Counted);
    THETA_OVER = Kind::new("theta_over_percent", "θ over", Percent, Lower, "over-provisioning: how far supply was above demand, on average",
            |n| known(n.elasticity.map(|e| e.theta_over)))
        .judged("theta_o", Bounds::Ratio, Course::Open, NO_DEMAND).needs(Counted);
    TAU_UNDER = Kind::new("tau_under_percent", "τ under", Percent, Lower, "share of the time with too few instances",
            |n| known(n.elasticity.map(|e| e.tau_under)))
        .judged("tau_u", Bounds::Share, Course::Open, NO_DEMAND).needs(Counted);
    TAU_OVER = Kind::new("tau_over_percent", "τ over", Percent, Lower, "share of the time with too many instances",
            |n| known(n.elasticity.map(|e| e.tau_over)))
        .judged("tau_o", Bounds::Share, Course::Open, NO_DEMAND).needs(Counted);
    EFFICIENCY = Kind::new("efficiency", "scaling efficiency", Ratio, Higher, "OK answers a second at its end to those before it; below 0.8 on a step up, instances may have come, throughput did not",
            |n| known(n.efficiency))
        .judged("efficiency", Bounds::Ratio, Course::Open, "there was no load to compare with");
    SPREAD = Kind::new("spread", "spread", Ratio, Lower, "requests of the busiest instance to those of the average one; 1 is even",
            |n| known(n.spread))
        .judged("spread", Bounds::Count, Course::Open, "no answer named its instance").needs(Ids);
    DROPPED_LATE = Kind::new("dropped_late", "dropped late", Requests, Neither, "arrivals given up because our own stall made them late: the generator's",
            |n| part(n.dropped_late, n.due));
    SEND_LAG_P99 = Kind::new("send_lag_p99_ms", "send lag p99", Millis, Neither, "p99 of how late we sent: ours, not the service's",
            |n| latency(n.send_lag_p99))
        .judged("send_lag_p99", Bounds::Time, Course::Open, "no request was sent").of_run();
    DROPPED_CONNECTIONS = Kind::new("dropped_connections", "dropped for want of a connection", Requests, Neither, "arrivals given up for want of a connection: the generator's",
            |n| part(n.dropped_connections, n.due));
    CONNECT_P99 = Kind::new("connect_p99_ms", "connect p99", Millis, Neither, "p99 of what opening a connection took: name, TCP and TLS",
            |n| latency(n.connect_p99))
        .judged("connect_p99", Bounds::Time, Course::Open, "no connection was opened").of_run();
    SLOT_WAIT_P99 = Kind::new("slot_wait_p99_ms", "waiting for a connection p99", Millis, Neither, "p99 of how long arrivals waited that found no connection: ours, not the service's",
            |n| latency(n.slot_wait_p99))
        .judged("slot_wait_p99", Bounds::Time, Course::Open, "no request waited for a connection").of_run();
    FAILED_P99 = Kind::new("failed_p99_ms", "p99 of failures", Millis, Neither, "p99 response time of what failed in the step",
            |n| latency(n.failed_p99))
        .judged("failed.p99", Bounds::Time, Course::Open, NO_FAILURE);
    ALL_P99 = Kind::new("all_p99_ms", "p99 of all", Millis, Neither, "p99 response time of everything in the step, OK or not",
            |n| latency(n.all_p99))
        .judged("all.p99", Bounds::Time, Course::Open, NO_ANSWER);
    NOT_MEASURED = Kind::new("not_measured_s", "not measured", Seconds, Lower, "seconds that are judged neither good nor bad, because we were late or did not send what was asked",
            |n| Value::Known(f64::from(n.not_measured)))
        .judged("not_measured", Bounds::TimeOrCount, Course::Grows, NO_ARRIVAL);
    UNREPORTED = Kind::new("unreported", "unreported", Requests, Neither, "arrivals that the fleet's schedule made due and no generator reported: the generators', not the service's",
            |n| n.unreported().map_or(Value::Unknown, |unreported| part(unreported, n.asked())))
        .judged("unreported", Bounds::ShareOrCount, Course::Open, NO_FLEET).of_run();
    GENERATORS = Kind::new("generators", "generators", Generators, Neither, "the fewest generators of the fleet that told of a second of the step",
            |n| instances(n.generators))
        .judged("generators", Bounds::Count, Course::Open, NO_FLEET);
}
