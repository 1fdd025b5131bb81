//! Pushes to receivers on this machine: what arrives is what the Prometheus page says, and what does not arrive holds up nobody.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc as std_mpsc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};

use super::request::{BOUNDS, DURATION, name_and_unit};
use super::*;
use crate::metrics::exposition::tests::{parse, session};
use crate::metrics::exposition::{FAMILIES, page};
use crate::session::fixtures::{events, folded};

/// What a receiver got.
struct Got {
    head: String,
    message: ExportMetricsServiceRequest,
}

/// A receiver that answers with these statuses, one push after the other, and with 200 from then on. `None`: it answers nothing.
fn receiver(answers: Vec<Option<u16>>) -> (SocketAddr, std_mpsc::Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (got, all) = std_mpsc::channel();
    let mut answers = answers.into_iter();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            while let Some(push) = read(&mut stream) {
                if got.send(push).is_err() {
                    return;
                }
                let Some(status) = answers.next().unwrap_or(Some(200)) else {
                    // The connection stays open, and says nothing.
                    kept.push(stream);
                    break;
                };
                let body = if status == 200 { "" } else { "not today" };
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                // The end of a session does not wait for it.
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (address, all)
}

fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { head, message: ExportMetricsServiceRequest::decode(body.as_slice()).unwrap() })
}

fn none(_: &str) -> Option<String> {
    None
}

fn start(address: SocketAddr) -> (Otlp, mpsc::Receiver<SessionEvent>) {
    let (notices, told) = mpsc::channel(8);
    (Otlp::start(Receiver::of(&format!("http://{address}"), none).unwrap(), notices).unwrap(), told)
}

fn notices(told: &mut mpsc::Receiver<SessionEvent>) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(SessionEvent::Notice(notice)) = told.try_recv() {
        all.push(notice.text);
    }
    all
}

fn metrics(message: &ExportMetricsServiceRequest) -> &Vec<Metric> {
    &message.resource_metrics[0].scope_metrics[0].metrics
}

fn attributes(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let value = |attribute: &KeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        any_value::Value::StringValue(text) => text,
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), value(attribute))).collect()
}

/// The samples of a message in the form of the page.
fn samples(message: &ExportMetricsServiceRequest) -> BTreeMap<String, f64> {
    let named: BTreeMap<String, &str> = FAMILIES.iter().map(|(name, ..)| (name_and_unit(name).0, *name)).collect();
    let mut found = BTreeMap::new();
    for metric in metrics(message).iter().filter(|metric| metric.name != DURATION.0) {
        let points = match metric.data.as_ref().unwrap() {
            Data::Gauge(gauge) => &gauge.data_points,
            Data::Sum(sum) => {
                assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{}: cumulative", metric.name);
                assert!(sum.data_points.iter().all(|point| point.start_time_unix_nano > 0), "{}", metric.name);
                &sum.data_points
            }
            other => panic!("{other:?}"),
        };
        let family = named[&metric.name];
        for point in points {
            let labels: Vec<String> = attributes(&point.attributes)
                .iter()
                .map(|(key, value)| format!("{key}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
                .collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let Some(number_data_point::Value::AsDouble(value)) = point.value else { panic!("{point:?}") };
            assert!(found.insert(format!("{family}{labels}"), value).is_none(), "{family}{labels} twice");
        }
    }
    found
}

/// A session that began at some time: at 0 a counter would have no beginning.
fn begun(mut session: crate::session::state::Session) -> crate::session::state::Session {
    session.header_mut().started_unix_micros = 1_764_000_000_000_000;
    session
}

#[test]
fn what_arrives_is_what_the_page_says() {
    for halves in [
        Halves::of(begun(session()), None),
        Halves::of(begun(session()), Some(begun(session()))),
        Halves::of(begun(folded(&events())), None),
    ] {
        let (address, got) = receiver(Vec::new());
        let (otlp, mut told) = start(address);
        otlp.publish(&halves);
        assert_eq!(otlp.finish(), None);
        let push = got.recv().unwrap();
        assert!(
            push.head.starts_with("post /v1/metrics ") && push.head.contains("content-type: application/x-protobuf"),
            "{}",
            push.head
        );
        assert_eq!(samples(&push.message), parse(&page(&halves)));
        let resource = attributes(&push.message.resource_metrics[0].resource.as_ref().unwrap().attributes);
        assert_eq!(resource[0], ("service.name".into(), "scaletop".into()));
        assert_eq!(notices(&mut told), Vec::<String>::new());
    }
}

#[test]
fn the_histogram_has_every_answer_in_its_bucket() {
    let halves = Halves::of(begun(session()), Some(begun(session())));
    let message = request::request(&Snapshot::of(&halves), &[]);
    let metric = metrics(&message).iter().find(|metric| metric.name == DURATION.0).unwrap();
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
    let of: Vec<_> = histogram.data_points.iter().map(|point| (attributes(&point.attributes), point.count)).collect();
    let labels = |side: &str, outcome: &str| vec![("side".into(), side.into()), ("outcome".into(), outcome.into())];
    let ok = session().totals().ok.count();
    assert_eq!(
        of,
        [(labels("A", "ok"), ok), (labels("A", "failed"), 0), (labels("B", "ok"), ok), (labels("B", "failed"), 0)]
    );
    let point = &histogram.data_points[0];
    assert_eq!((point.bucket_counts.len(), point.explicit_bounds.as_slice()), (BOUNDS.len() + 1, BOUNDS.as_slice()));
    // All took 80 ms: above 75, and within 100.
    let at = BOUNDS.iter().position(|bound| *bound >= 0.08).unwrap();
    assert_eq!((point.bucket_counts[at], point.bucket_counts.iter().sum::<u64>()), (ok, ok));
    assert!((point.sum.unwrap() / ok as f64 - 0.08).abs() < 0.001 && (point.max.unwrap() - 0.08).abs() < 1e-9);
    assert!(
        point.time_unix_nano > point.start_time_unix_nano && point.start_time_unix_nano == 1_764_000_000_000_000_000
    );
}

/// What Prometheus calls a metric of OTLP (its `otlptranslator`, with suffixes).
fn of_prometheus(name: &str, unit: &str, is_counter: bool) -> String {
    let mut name = name.replace('.', "_");
    let suffix = match unit {
        "s" => "seconds",
        "By" => "bytes",
        "1" if !is_counter => "ratio",
        _ => "",
    };
    if !suffix.is_empty() && !name.split('_').any(|word| word == suffix) {
        name = format!("{name}_{suffix}");
    }
    if is_counter { format!("{name}_total") } else { name }
}

#[test]
fn what_prometheus_makes_of_a_push_has_the_names_of_the_page() {
    let mut names = std::collections::BTreeSet::new();
    for (name, kind, _) in FAMILIES {
        let (here, unit) = name_and_unit(name);
        assert_eq!(of_prometheus(&here, unit, *kind == "counter"), *name, "{here} in {unit}");
        assert!(names.insert(here.clone()), "{here} twice");
        // The times of a step, where the step itself is `scaletop.step`.
        let is_bare = !here.ends_with("_total") && (!here.ends_with("_seconds") || *name == "scaletop_step_seconds");
        assert!(is_bare, "{here}: no suffix of Prometheus' own");
    }
}

#[test]
fn a_receiver_that_is_away_is_told_once_and_counted_and_told_again_when_it_is_back() {
    let (address, got) = receiver(vec![Some(503), Some(503)]);
    let (otlp, mut told) = start(address);
    let halves = Halves::of(begun(session()), None);
    for _ in 0..3 {
        otlp.publish(&halves);
        got.recv().unwrap();
    }
    let said = otlp.finish().unwrap();
    assert_eq!(said, "OTLP: 2 of 3 pushes of metrics did not arrive; nothing else was lost by that");
    let notices = notices(&mut told);
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(
        notices[0].contains(&format!("do not reach http://{address}: it answered 503"))
            && notices[0].contains("not today"),
        "{notices:?}"
    );
    assert_eq!(notices[1], "OTLP: the receiver takes metrics again");
}

#[test]
fn nobody_who_listens_is_told_by_its_cause() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (otlp, mut told) = start(address);
    otlp.publish(&Halves::of(begun(session()), None));
    assert!(otlp.finish().unwrap().starts_with("OTLP: 1 of 1 pushes"));
    let notices = notices(&mut told);
    assert!(notices.len() == 1 && notices[0].to_lowercase().contains("refused"), "{notices:?}");
}

#[test]
fn a_receiver_that_answers_nothing_holds_up_neither_the_session_nor_its_end() {
    let (address, got) = receiver(vec![None, None]);
    let (otlp, mut told) = start(address);
    let halves = Halves::of(begun(session()), None);
    otlp.publish(&halves);
    got.recv().unwrap();
    // Handed over while the first one hangs: only the newest is left, and the end does not wait for the first.
    for _ in 0..1_000 {
        otlp.publish(&halves);
    }
    assert_eq!(otlp.finish().unwrap(), "OTLP: 1 of 1 pushes of metrics did not arrive; nothing else was lost by that");
    assert!(got.recv().is_ok(), "the last numbers were tried");
    let notices = notices(&mut told);
    assert!(notices.len() == 1 && notices[0].contains("no answer within 2 s"), "{notices:?}");
}

#[test]
fn who_leaves_at_once_does_not_wait_for_the_last_numbers() {
    let (address, got) = receiver(vec![None]);
    let (otlp, _told) = start(address);
    otlp.publish(&Halves::of(begun(session()), None));
    got.recv().unwrap();
    otlp.abandon();
}

fn of(given: &str, variables: &[(&str, &str)]) -> Result<Receiver, OtlpError> {
    Receiver::of(given, |name| variables.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn endpoints_are_those_of_the_option_or_of_opentelemetrys_variables() {
    let url = |given: &str, variables: &[(&str, &str)]| of(given, variables).unwrap().url().to_string();
    assert_eq!(url("http://h:4318", &[]), "http://h:4318/v1/metrics");
    assert_eq!(url("https://h/otlp/", &[]), "https://h/otlp/v1/metrics");
    assert_eq!(url("https://h/otlp/v1/metrics", &[]), "https://h/otlp/v1/metrics");
    assert_eq!(url("env", &[]), "http://localhost:4318/v1/metrics");
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318");
    assert_eq!(url("env", &[base]), "http://all:4318/v1/metrics");
    assert_eq!(url("env", &[base, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/as/it/is")]), "http://m/as/it/is");
    assert_eq!(url("http://h", &[base]), "http://h/v1/metrics", "what is typed goes first");
    for (given, variables, said) in [
        ("ftp://h", &[][..], "--otlp is no http or https URL"),
        ("localhost:4318", &[], "--otlp is no http"),
        ("env", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://")], "OTEL_EXPORTER_OTLP_ENDPOINT is no http"),
        ("env", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "only http/protobuf is spoken here"),
        ("env", &[("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")], "milliseconds"),
        ("env", &[("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")], "OTEL_EXPORTER_OTLP_HEADERS cannot be understood"),
        ("env", &[("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%zz")], "NAME=VALUE"),
    ] {
        let error = of(given, variables).unwrap_err().to_string();
        assert!(error.contains(said) && !error.contains("hunter2"), "{given} {variables:?}: {error}");
    }
}

#[test]
fn headers_and_attributes_are_read_and_headers_are_shown_to_nobody() {
    let receiver = of(
        "http://me:hunter2@h:4318/?key=hunter2",
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20hunter2, x-tenant=a"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=b"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test%2C1,service.name=other"),
            ("OTEL_SERVICE_NAME", "checkout"),
        ],
    )
    .unwrap();
    assert_eq!(receiver.headers()["authorization"], "Bearer hunter2");
    assert_eq!(receiver.headers()["x-tenant"], "b", "those of metrics go first");
    let attribute = |key: &str| receiver.resource().iter().find(|(one, _)| one == key).map(|(_, value)| value.as_str());
    assert_eq!(attribute("service.name"), Some("checkout"));
    assert_eq!(attribute("deployment.environment.name"), Some("test,1"));
    assert!(attribute("service.instance.id").is_some());
    let shown = format!("{receiver:?} {}", receiver.place());
    assert!(shown.contains("http://h:4318") && !shown.contains("hunter2"), "{shown}");
}
