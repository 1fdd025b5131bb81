//! The values behind the charts, for the crosshair: the page's own script reads them, nothing else does.
//!
//! A series is text: values separated by commas, `*n` for n times the same, `~` for unknown. A value is written as
//! `timeline.csv` writes it.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::instances::Basis;
use crate::report::series::{FAILURES, Series};
use crate::session::state::Session;
use crate::text::{as_millis, plain};
use crate::timeline::Column;
use scaletop_load::OutcomeKind;

/// A series' name and how it is read.
type Read = Box<dyn Fn(&Column) -> Option<f64>>;

/// The data block of the page, safe inside a `script` element.
pub(super) fn block(session: &Session, series: &Series) -> String {
    let mut values = Map::new();
    for (key, read) in reads() {
        if series.columns.iter().any(|column| read(column).is_some()) {
            values.insert(key.to_owned(), Value::String(encode(series.columns.iter().map(read))));
        }
    }
    let steps: Vec<_> = session
        .steps()
        .iter()
        .map(|report| json!([report.step.start.as_secs_f64(), report.step.id.0, rates(&report.step)]))
        .collect();
    let data = json!({
        "start": session.header().started_unix_micros / 1_000,
        "span": series.span.max(1),
        "end": series.end(),
        "seconds": runs(series),
        "steps": steps,
        "values": values,
    });
    // `</script>` and `<!--` could end or confuse the element that holds the block; JSON allows to spell them otherwise.
    data.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// `5→600/s`.
pub(super) fn rates(step: &crate::analysis::Step) -> String {
    format!("{}→{}", step.before.get(), step.profile.last())
}

fn reads() -> Vec<(&'static str, Read)> {
    fn ms(read: fn(&Column) -> Option<Duration>) -> Read {
        Box::new(move |column| read(column).map(as_millis))
    }
    fn whole(read: fn(&Column) -> Option<u32>) -> Read {
        Box::new(move |column| read(column).map(f64::from))
    }
    fn rate(read: impl Fn(&Column) -> u64 + 'static) -> Read {
        Box::new(move |column| column.per_second(read(column)))
    }
    let mut reads: Vec<(&'static str, Read)> = vec![
        ("target", Box::new(Column::target)),
        ("sent", rate(|column| column.sent)),
        ("ok", rate(|column| column.of_kinds(&[OutcomeKind::Ok]))),
        ("p50", ms(|column| column.p50)),
        ("p99", ms(|column| column.p99)),
        ("fp99", ms(|column| column.failed_p99)),
        ("oldest", ms(|column| column.oldest)),
        ("dcap", rate(|column| column.dropped_cap)),
        ("dlate", rate(|column| column.dropped_late)),
        ("dconn", rate(|column| column.dropped_connections)),
        ("open", Box::new(|column| column.open.map(|open| open as f64))),
        ("responding", whole(|column| column.responding)),
        ("active", whole(|column| column.counts.active)),
        ("running", whole(|column| column.counts.running)),
        ("desired", whole(|column| column.counts.desired)),
        ("needed", whole(|column| column.needed)),
        ("max", whole(|column| column.counts.max)),
    ];
    let named = Basis::NAMED.iter().enumerate();
    reads.extend(named.map(|(at, basis)| -> (&'static str, Read) {
        (basis.key(), Box::new(move |column| column.counts.named[at].map(f64::from)))
    }));
    reads.extend(FAILURES.iter().map(|&(key, _, kinds)| (key, rate(move |column| column.of_kinds(kinds)))));
    reads
}

/// The starts of the columns as runs: first second and number of columns.
fn runs(series: &Series) -> Vec<[u32; 2]> {
    let span = series.span.max(1);
    let mut runs: Vec<[u32; 2]> = Vec::new();
    for column in &series.columns {
        match runs.last_mut() {
            Some([first, count]) if *first + *count * span == column.second => *count += 1,
            _ => runs.push([column.second, 1]),
        }
    }
    runs
}

fn encode(values: impl Iterator<Item = Option<f64>>) -> String {
    let mut text = String::new();
    let mut push = |value: &str, times: u32| {
        if times == 0 {
            return;
        }
        let comma = if text.is_empty() { "" } else { "," };
        let _ = match times {
            1 => write!(text, "{comma}{value}"),
            _ => write!(text, "{comma}{value}*{times}"),
        };
    };
    let (mut last, mut times) = (String::new(), 0);
    for value in values {
        let value = value.map(plain).filter(|text| !text.is_empty()).unwrap_or_else(|| "~".to_owned());
        if value == last {
            times += 1;
        } else {
            push(&last, times);
            (last, times) = (value, 1);
        }
    }
    push(&last, times);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_values_are_written_once() {
        let values = [Some(5.0), Some(5.0), None, None, None, Some(80.123), Some(0.0)];
        assert_eq!(encode(values.into_iter()), "5*2,~*3,80.123,0");
        assert_eq!(encode(std::iter::empty()), "");
    }

    #[test]
    fn columns_are_stored_as_runs() {
        let column = |second| Column::default().beginning_at(second);
        let series = Series { span: 2, columns: [0, 2, 4, 10, 12].map(column).to_vec() };
        assert_eq!(runs(&series), [[0, 3], [10, 2]]);
    }
}
