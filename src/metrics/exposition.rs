//! The session's numbers in the Prometheus text format (version 0.0.4). Pure.
//!
//! What is unknown is left out: a missing sample is a gap, a zero would be a claim. docs/metrics.md explains each name;
//! a test holds it against [`FAMILIES`].

use std::fmt::Write as _;
use std::time::Duration;

use crate::analysis::numbers::{self, Kind};
use crate::instances::Basis;
use crate::session::event::Side;
use crate::session::halves::Halves;
use crate::session::standing::{Standing, standing};
use crate::session::state::{GeneratorState, Session};
use crate::text::clean;
use scaletop_load::OutcomeKind;

/// The content type of a page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric: name, type, help.
pub(crate) const FAMILIES: &[(&str, &str, &str)] = &[
    ("scaletop_info", "gauge", "Always 1; the labels say what is measured."),
    ("scaletop_elapsed_seconds", "gauge", "Time since the session began."),
    ("scaletop_target_rate", "gauge", "Arrival rate asked for, requests per second."),
    ("scaletop_requests_due_total", "counter", "Arrivals that came due."),
    ("scaletop_requests_sent_total", "counter", "Arrivals handed to the transport."),
    (
        "scaletop_requests_dropped_total",
        "counter",
        "Arrivals never sent: at the in-flight cap, made late by our own stall, or for want of a connection.",
    ),
    ("scaletop_requests_completed_total", "counter", "Requests by what became of them."),
    ("scaletop_received_bytes_total", "counter", "Bytes of response bodies."),
    (
        "scaletop_response_seconds",
        "gauge",
        "Response time (completed - intended) of the OK answers of the last closed second, by quantile.",
    ),
    (
        "scaletop_failed_response_seconds",
        "gauge",
        "Response time (completed - intended) of what failed in the last closed second, by quantile.",
    ),
    (
        "scaletop_service_seconds",
        "gauge",
        "Service time (completed - sent) of the OK answers of the last closed second, by quantile.",
    ),
    (
        "scaletop_session_response_seconds",
        "gauge",
        "Response time of the OK answers of the whole session, by quantile.",
    ),
    ("scaletop_in_flight", "gauge", "Requests without an answer at the end of the last closed second."),
    ("scaletop_oldest_in_flight_seconds", "gauge", "Age of the oldest of them."),
    (
        "scaletop_send_lag_seconds",
        "gauge",
        "Our own lateness (sent - intended) in the last closed second, by quantile.",
    ),
    ("scaletop_instances", "gauge", "Instances, by what is counted."),
    ("scaletop_instances_needed", "gauge", "Instances that the load needs by Little's law."),
    ("scaletop_instances_limit", "gauge", "The platform's least and most instances."),
    (
        "scaletop_standing",
        "gauge",
        "1 for how it stands now, 0 for the others: nothing sent, no load, open, held, missed, none OK, generator, load held.",
    ),
    (
        "scaletop_missed_since_seconds",
        "gauge",
        "Second of the session since which the objective is missed without a break; absent while it is not.",
    ),
    (
        "scaletop_objective_latency_seconds",
        "gauge",
        "What the percentile of the objective must not exceed, as it is now.",
    ),
    ("scaletop_objective_errors_ratio", "gauge", "The share of bad requests that the objective allows, as it is now."),
    ("scaletop_objective_met", "gauge", "1 when the objective held over the last seconds, by intended second, else 0."),
    ("scaletop_step", "gauge", "Number of the step in force."),
    ("scaletop_step_seconds", "gauge", "Times of each step since its start, once reached, by number."),
    ("scaletop_step_lost", "gauge", "Requests of each step that the service lost."),
    ("scaletop_step_bad_seconds", "gauge", "Seconds of each step in which the objective was missed."),
    ("scaletop_generator_cpu_ratio", "gauge", "CPU use of the generator over the last closed second, 1 = one core."),
    ("scaletop_generator_open_fds", "gauge", "File descriptors open in the generator."),
    ("scaletop_generator_max_fds", "gauge", "File descriptors that it may open."),
    ("scaletop_generator_in_flight_cap", "gauge", "The cap on requests in flight."),
    ("scaletop_generator_workers", "gauge", "Threads that send."),
    ("scaletop_connections_opened_total", "counter", "Connections opened."),
    ("scaletop_connections_open", "gauge", "Connections open at the end of the last closed second."),
    ("scaletop_connections_waiting", "gauge", "Arrivals that had no connection yet at its end."),
    ("scaletop_generators", "gauge", "Generators of the fleet, by their state."),
    ("scaletop_generators_wanted", "gauge", "Generators that were asked for."),
    (
        "scaletop_unreported",
        "gauge",
        "Arrivals that the fleet's schedule made due and no generator has reported; falls when reports come late.",
    ),
    (
        "scaletop_fleet_clock_error_seconds",
        "gauge",
        "How far the generators' clocks may be apart, plus or minus; absent while none is there.",
    ),
    ("scaletop_fleet_lead_seconds", "gauge", "How long after it is asked for a change of rate takes effect."),
    (
        "scaletop_fleet_ceiling_rate",
        "gauge",
        "The most that all live generators may send, requests per second; absent while none is there.",
    ),
    ("scaletop_fleet_held", "gauge", "1 while the fleet holds the load although a rate is set, else 0."),
    ("scaletop_connect_seconds", "gauge", "What opening connections took in the last closed second, by quantile."),
];

/// More steps than this are not told one by one: the page must stay small. The latest are kept.
const MOST_STEPS: usize = 50;

/// The times of a step that the page tells.
static TIMES: [&Kind; 5] =
    [&numbers::T_TRIGGER, &numbers::T_FIRST, &numbers::T_SERVING, &numbers::T_CAPACITY, &numbers::T_RECOVER];

/// The counts of a step that the page tells, with the names of their families.
static COUNTS: [(&str, &Kind); 2] =
    [("scaletop_step_lost", &numbers::LOST), ("scaletop_step_bad_seconds", &numbers::BAD_SECONDS)];

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Names, each with a value that may come from outside and is clean.
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

/// A page under way.
#[derive(Default)]
struct Page {
    /// The families with their samples, in the order of their first ones.
    families: Vec<(&'static str, Vec<Sample>)>,
    /// The label that tells two targets apart.
    side: Option<Side>,
}

impl Page {
    /// One sample.
    fn sample(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        let at = self.families.iter().position(|family| family.0 == name).unwrap_or_else(|| {
            self.families.push((name, Vec::new()));
            self.families.len() - 1
        });
        let side = self.side.map(|side| ("side", side.letter().to_string()));
        let labels = side.into_iter().chain(labels.iter().map(|(label, value)| (*label, clean(value)))).collect();
        self.families[at].1.push(Sample { labels, value });
    }

    fn count(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        self.sample(name, labels, value as f64);
    }

    fn some(&mut self, name: &'static str, labels: &[(&'static str, &str)], value: Option<f64>) {
        if let Some(value) = value {
            self.sample(name, labels, value);
        }
    }

    fn quantiles(&mut self, name: &'static str, quantiles: &[(&str, Duration)]) {
        for (quantile, value) in quantiles {
            self.sample(name, &[("quantile", quantile)], value.as_secs_f64());
        }
    }
}

/// What a label holds, with its backslashes and quotes escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Every metric of which something is known now, with its samples. With two targets each sample has a label more, `side`: A or B.
pub(crate) fn families(halves: &Halves) -> Vec<(&'static str, Vec<Sample>)> {
    let mut page = Page::default();
    for (side, half) in halves.each() {
        page.side = halves.second().map(|_| side);
        add(&mut page, half);
    }
    page.families
}

/// The page of what is known now: each family's help and type go before its samples.
pub(crate) fn page(halves: &Halves) -> String {
    let mut text = String::new();
    for (name, samples) in families(halves) {
        let (kind, help) = FAMILIES.iter().find(|family| family.0 == name).map_or(("untyped", ""), |f| (f.1, f.2));
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for Sample { labels, value } in samples {
            text.push_str(name);
            let mut separator = '{';
            for (label, value) in &labels {
                let _ = write!(text, "{separator}{label}=\"{}\"", escaped(value));
                separator = ',';
            }
            let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
        }
    }
    text
}

/// All that is known of one target.
fn add(page: &mut Page, session: &Session) {
    let settings = &session.header().settings;
    let labels = [
        ("target", settings.target.as_str()),
        ("plan", settings.plan.as_deref().unwrap_or_default()),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    page.sample("scaletop_info", &labels, 1.0);
    page.sample("scaletop_elapsed_seconds", &[], session.now().as_secs_f64());
    let (since, profile) = &session.rate();
    let rate = profile.rate_after(session.now().saturating_since(*since));
    page.count("scaletop_target_rate", &[], rate.get().into());
    totals(page, session);
    last_second(page, session);
    instances(page, session);
    let good = session.timeline().cohorts().iter().rev().find_map(|cohort| cohort.judged.is_good());
    let slo = session.objective();
    let percentile = slo.percentile_name();
    page.sample(
        "scaletop_objective_latency_seconds",
        &[("percentile", percentile.as_str())],
        slo.latency.as_secs_f64(),
    );
    page.sample("scaletop_objective_errors_ratio", &[], slo.errors);
    page.some("scaletop_objective_met", &[], good.map(|good| if good { 1.0 } else { 0.0 }));
    let stands = standing(session, session.now());
    for label in Standing::LABELS {
        page.count("scaletop_standing", &[("is", label)], u64::from(label == stands.label()));
    }
    if let Some(since) = stands.lost_since() {
        page.sample("scaletop_missed_since_seconds", &[], since.as_secs_f64());
    }
    steps(page, session);
    generator(page, session);
    fleet(page, session);
}

/// The generators beside this process; nothing without a fleet.
fn fleet(page: &mut Page, session: &Session) {
    let Some(fleet) = session.fleet() else { return };
    for state in GeneratorState::ALL {
        let count = fleet.generators().filter(|(_, one)| one.state == state).count();
        page.count("scaletop_generators", &[("state", state.key())], count as u64);
    }
    page.some("scaletop_unreported", &[], session.totals().unreported().map(|unreported| unreported as f64));
    let Some(state) = fleet.state() else { return };
    page.count("scaletop_generators_wanted", &[], state.wanted.into());
    page.some("scaletop_fleet_clock_error_seconds", &[], fleet.clock_error().map(|error| error.as_secs_f64()));
    page.sample("scaletop_fleet_lead_seconds", &[], state.lead.as_secs_f64());
    page.some("scaletop_fleet_ceiling_rate", &[], fleet.ceiling().map(|ceiling| ceiling.get().into()));
    page.count("scaletop_fleet_held", &[], u64::from(state.held.is_some()));
}

fn totals(page: &mut Page, session: &Session) {
    let totals = session.totals();
    page.count("scaletop_requests_due_total", &[], totals.due);
    page.count("scaletop_requests_sent_total", &[], totals.sent);
    page.count("scaletop_requests_dropped_total", &[("reason", "in_flight_cap")], totals.dropped_cap);
    page.count("scaletop_requests_dropped_total", &[("reason", "late")], totals.dropped_late);
    page.count("scaletop_requests_dropped_total", &[("reason", "connections")], totals.dropped_connections);
    for kind in OutcomeKind::ALL {
        page.count("scaletop_requests_completed_total", &[("outcome", kind.label())], totals.outcomes.get(kind));
    }
    page.count("scaletop_received_bytes_total", &[], totals.bytes_in);
}

fn last_second(page: &mut Page, session: &Session) {
    let row = session.timeline().latest();
    for (name, percentiles) in [
        ("scaletop_response_seconds", row.and_then(|row| row.ok)),
        ("scaletop_failed_response_seconds", row.and_then(|row| row.failed)),
        ("scaletop_session_response_seconds", session.percentiles()),
    ] {
        page.quantiles(name, &percentiles.map(|p| p.by_quantile()).unwrap_or_default());
    }
    let service = row.into_iter().flat_map(|row| [("0.5", row.service_p50), ("0.99", row.service_p99)]);
    let service: Vec<_> = service.filter_map(|(quantile, value)| Some((quantile, value?))).collect();
    page.quantiles("scaletop_service_seconds", &service);
    let Some(row) = row else { return };
    page.count("scaletop_in_flight", &[], row.in_flight);
    page.some("scaletop_oldest_in_flight_seconds", &[], row.oldest_in_flight.map(|age| age.as_secs_f64()));
    let lag = row.send_lag_p99.map(|lag| lag.as_secs_f64());
    page.some("scaletop_send_lag_seconds", &[("quantile", "0.99")], lag);
}

fn instances(page: &mut Page, session: &Session) {
    let row = session.timeline().latest();
    for basis in Basis::ALL {
        let count = match basis {
            Basis::Responding => row.and_then(|row| row.responding),
            basis => {
                let newest = session.observations().get(&basis).and_then(|seen| seen.last());
                newest.filter(|seen| seen.is_fresh(session.now())).map(|seen| seen.count)
            }
        };
        page.some("scaletop_instances", &[("basis", basis.key())], count.map(f64::from));
    }
    page.some("scaletop_instances_needed", &[], row.and_then(|row| row.needed).map(f64::from));
    for (bound, limit) in [("min", session.limits().min), ("max", session.limits().max)] {
        page.some("scaletop_instances_limit", &[("bound", bound)], limit.map(f64::from));
    }
}

fn steps(page: &mut Page, session: &Session) {
    page.some("scaletop_step", &[], session.steps().last().map(|report| f64::from(report.step.id.0)));
    let latest = &session.steps()[session.steps().len().saturating_sub(MOST_STEPS)..];
    let named: Vec<_> = latest
        .iter()
        .map(|report| (report.step.id.to_string(), report.step.name.clone().unwrap_or_default(), &report.numbers))
        .collect();
    for (step, stage, numbers) in &named {
        for kind in TIMES {
            let Some(judged) = kind.judged else { continue };
            let labels = [("step", step.as_str()), ("stage", stage.as_str()), ("number", judged.name)];
            page.some("scaletop_step_seconds", &labels, kind.value(numbers).known());
        }
    }
    for (name, kind) in COUNTS {
        for (step, stage, numbers) in &named {
            page.some(name, &[("step", step), ("stage", stage)], kind.value(numbers).known());
        }
    }
}

fn generator(page: &mut Page, session: &Session) {
    let Some(health) = session.timeline().latest().map(|row| row.generator) else { return };
    page.some("scaletop_generator_cpu_ratio", &[], health.cpu_percent.map(|percent| f64::from(percent) / 100.0));
    page.some("scaletop_generator_open_fds", &[], health.fds.map(|(open, _)| open as f64));
    page.some("scaletop_generator_max_fds", &[], health.fds.map(|(_, most)| most as f64));
    page.count("scaletop_generator_in_flight_cap", &[], health.in_flight_cap);
    page.some("scaletop_generator_workers", &[], (health.workers > 0).then(|| f64::from(health.workers)));
    let totals = &session.totals().connections;
    page.some("scaletop_connections_opened_total", &[], totals.is_known.then_some(totals.opened as f64));
    let Some(now) = session.timeline().latest().and_then(|row| row.connections) else { return };
    page.count("scaletop_connections_open", &[], now.open);
    page.count("scaletop_connections_waiting", &[], now.waiting);
    let took = [("0.5", now.took.connect_p50), ("0.99", now.took.connect_p99)];
    let took: Vec<_> = took.into_iter().filter_map(|(quantile, took)| Some((quantile, took?))).collect();
    page.quantiles("scaletop_connect_seconds", &took);
}

#[cfg(test)]
pub(super) mod tests;
