//! The numbers of a moment as a message of OTLP. Pure.
//!
//! Names follow OpenTelemetry's conventions: dots between namespaces, no unit in the name and none of Prometheus' suffixes. What
//! Prometheus makes of them again are the names of the page, so one dashboard does for both.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::metrics::exposition::{FAMILIES, Sample, families};
use crate::session::event::Side;
use crate::session::halves::Halves;
use crate::session::state::Session;
use scaletop_load::{Latency, OutcomeKind};

/// The upper bounds of the histogram's buckets, seconds: those of OpenTelemetry's `http.client.request.duration`
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>), and two beyond, since an open model waits longer.
pub(super) const BOUNDS: [f64; 16] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0];

/// What the histogram is called, and what it is.
pub(super) const DURATION: (&str, &str) = (
    "scaletop.request.duration",
    "Response time (completed - intended) of the whole session, by what became of the request.",
);

/// First words of the page's names that are a namespace here.
const NAMESPACES: [&str; 5] = ["requests_", "generator_", "fleet_", "connections_", "objective_"];

/// What is known at a moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Nanoseconds since 1970 UTC: the session's start, and now.
    began: u64,
    now: u64,
    families: Vec<(&'static str, Vec<Sample>)>,
    durations: Vec<Durations>,
}

/// Response times of one target and outcome.
#[derive(Clone, Debug)]
struct Durations {
    labels: Vec<(&'static str, String)>,
    count: u64,
    sum: f64,
    max: Option<f64>,
    buckets: Vec<u64>,
}

impl Snapshot {
    pub(super) fn of(halves: &Halves) -> Self {
        let header = halves.first().header();
        let began = u64::try_from(header.started_unix_micros).unwrap_or_default().saturating_mul(1_000);
        let two = halves.second().is_some();
        let durations = halves.each().flat_map(|(side, half)| durations(half, two.then_some(side))).collect();
        let now = began.saturating_add(halves.now().as_nanos());
        Self { began, now, families: families(halves), durations }
    }
}

fn durations(session: &Session, side: Option<Side>) -> [Durations; 2] {
    let totals = session.totals();
    [(OutcomeKind::Ok.label(), &totals.ok), ("failed", &totals.failed)].map(|(outcome, latency)| {
        let side = side.map(|side| ("side", side.letter().to_string()));
        let labels = side.into_iter().chain([("outcome", outcome.to_owned())]).collect();
        Durations {
            labels,
            count: latency.count(),
            sum: latency.mean().map_or(0.0, |mean| mean.as_secs_f64() * latency.count() as f64),
            max: latency.max().map(|max| max.as_secs_f64()),
            buckets: buckets(latency),
        }
    })
}

/// How many lie in each bucket, to the resolution of the recorded histogram (a cell belongs where its highest value does).
fn buckets(latency: &Latency) -> Vec<u64> {
    let mut buckets = vec![0; BOUNDS.len() + 1];
    for (highest, count) in latency.buckets() {
        buckets[BOUNDS.partition_point(|bound| *bound < highest.as_secs_f64())] += count;
    }
    buckets
}

/// What a metric of the page is called here, and its unit (UCUM).
pub(super) fn name_and_unit(name: &str) -> (String, &'static str) {
    let short = name.strip_prefix("scaletop_").unwrap_or(name);
    // `scaletop_step` is the number of a step; this one would have its name.
    let (short, unit) = match short {
        "step_seconds" => (short, "s"),
        _ if short.starts_with("requests_") => (short.trim_end_matches("_total"), "{request}"),
        _ => [
            ("_bytes_total", "By"),
            ("_seconds", "s"),
            ("_ratio", "1"),
            ("_total", ""),
            ("_rate", "{requests_per_second}"),
        ]
        .into_iter()
        .find_map(|(suffix, unit)| Some((short.strip_suffix(suffix)?, unit)))
        .map_or((short, ""), |(rest, unit)| if unit == "{requests_per_second}" { (short, unit) } else { (rest, unit) }),
    };
    let namespace = NAMESPACES.iter().find(|namespace| short.starts_with(**namespace));
    let short = namespace
        .map_or_else(|| short.to_owned(), |namespace| short.replacen(namespace, &namespace.replace('_', "."), 1));
    (format!("scaletop.{short}"), unit)
}

/// The whole message.
pub(super) fn request(snapshot: &Snapshot, resource: &[(String, String)]) -> ExportMetricsServiceRequest {
    let metrics =
        snapshot.families.iter().map(|(name, samples)| metric(snapshot, name, samples)).chain([histogram(snapshot)]);
    let scope = InstrumentationScope {
        name: "scaletop".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let scope = ScopeMetrics { scope: Some(scope), metrics: metrics.collect(), schema_url: String::new() };
    let attributes = resource.iter().map(|(key, value)| attribute(key, value)).collect();
    let resource = Resource { attributes, ..Resource::default() };
    let resource = ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope], schema_url: String::new() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

fn metric(snapshot: &Snapshot, family: &str, samples: &[Sample]) -> Metric {
    let (kind, help) =
        FAMILIES.iter().find(|known| known.0 == family).map_or(("gauge", ""), |known| (known.1, known.2));
    let is_counter = kind == "counter";
    let data_points = samples
        .iter()
        .map(|sample| NumberDataPoint {
            attributes: sample.labels.iter().map(|(key, value)| attribute(key, value)).collect(),
            // A gauge has no beginning.
            start_time_unix_nano: if is_counter { snapshot.began } else { 0 },
            time_unix_nano: snapshot.now,
            value: Some(number_data_point::Value::AsDouble(sample.value)),
            ..NumberDataPoint::default()
        })
        .collect();
    let data = if is_counter {
        let aggregation_temporality = AggregationTemporality::Cumulative.into();
        Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic: true })
    } else {
        Data::Gauge(Gauge { data_points })
    };
    let (name, unit) = name_and_unit(family);
    Metric { name, description: help.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn histogram(snapshot: &Snapshot) -> Metric {
    let point = |durations: &Durations| HistogramDataPoint {
        attributes: durations.labels.iter().map(|(key, value)| attribute(key, value)).collect(),
        start_time_unix_nano: snapshot.began,
        time_unix_nano: snapshot.now,
        count: durations.count,
        sum: Some(durations.sum),
        bucket_counts: durations.buckets.clone(),
        explicit_bounds: BOUNDS.to_vec(),
        max: durations.max,
        ..HistogramDataPoint::default()
    };
    let data_points = snapshot.durations.iter().map(point).collect();
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    Metric {
        name: DURATION.0.to_owned(),
        description: DURATION.1.to_owned(),
        unit: "s".to_owned(),
        data: Some(Data::Histogram(Histogram { data_points, aggregation_temporality })),
        ..Metric::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
