//! Counts by an instant query of Prometheus, or of whatever speaks its API: `/api/v1/query`
//! (<https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>).
//!
//! The time of an answer is that at which the query was evaluated; what it was evaluated of is as old as the last scrape. So a count
//! is plotted at the time of the answer, and its ± holds the scrape interval, where that is known.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::counting::feed::ReadCounts;
use crate::counting::reading::{quoted, whole};
use crate::counting::url::Document;
use crate::counting::{CountSource, Reading};
use crate::instances::{Counted, SourceError, SourceErrorKind};
use crate::target::without_secrets;
use crate::text::clean_to;

/// How much of a query and of what is said of it is told.
const SHOWN: usize = 160;

/// A query for each thing that is counted.
#[derive(Clone, Debug)]
pub(crate) struct PrometheusReader {
    /// Without what may be a secret.
    shown: Url,
    queries: Vec<Query>,
    scrape: Duration,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) counted: Counted,
    /// As Prometheus has it.
    pub(crate) text: String,
    pub(crate) document: Document,
}

impl PrometheusReader {
    /// `scrape` is how often Prometheus looks at what the queries ask for; zero where nobody says.
    pub(crate) fn new(base: &Url, queries: Vec<Query>, scrape: Duration) -> Self {
        Self { shown: without_secrets(base), queries, scrape }
    }

    pub(crate) const fn scrape(&self) -> Duration {
        self.scrape
    }

    pub(crate) fn described(&self) -> String {
        let queries = self.queries.iter().map(|query| format!("{}: {}", query.counted.label(), query.text));
        format!("{} {}", self.shown, queries.collect::<Vec<_>>().join(", "))
    }
}

impl ReadCounts for PrometheusReader {
    const SOURCE: CountSource = CountSource::Prometheus;

    async fn read(&mut self) -> Reading {
        let mut reading = Reading::default();
        for (query, answered) in self.queries.iter().zip(join_all(self.queries.iter().map(Query::ask)).await) {
            match answered {
                Ok(Sample { count, age, warning }) => {
                    reading.counts.push((query.counted, count, age));
                    reading.warning = reading.warning.or(warning);
                }
                Err(problem) => {
                    reading.problem.get_or_insert(problem);
                }
            }
        }
        reading
    }
}

/// What a query found.
#[derive(Debug, PartialEq)]
pub(super) struct Sample {
    count: u32,
    /// How long before the answer it was evaluated.
    age: Duration,
    warning: Option<String>,
}

impl Query {
    async fn ask(&self) -> Result<Sample, SourceError> {
        let answer = self.document.fetch().await?;
        let body = String::from_utf8_lossy(&answer.body);
        match read(&self.text, &body, answer.date.as_deref()) {
            Some(sample) => sample,
            None if (200..300).contains(&answer.status) => Err(SourceError {
                kind: SourceErrorKind::BadAnswer,
                message: format!(
                    "{} answers, but not as Prometheus does: {}",
                    self.document.shown(),
                    clean_to(body.trim_start(), SHOWN)
                ),
                remedy: "give --count-prometheus the URL that /api/v1/query stands under".to_owned(),
            }),
            None => Err(self.document.refused(&answer, &body)),
        }
    }
}

/// What an answer says of a query; `None` where it is no answer of Prometheus. `date` is when it was made, as its header says.
pub(super) fn read(query: &str, body: &str, date: Option<&str>) -> Option<Result<Sample, SourceError>> {
    Some(Asked(query).sample(serde_json::from_str(body).ok()?, date))
}

/// A query, for what is said of it.
struct Asked<'a>(&'a str);

impl Asked<'_> {
    fn sample(&self, answer: Answer, made: Option<&str>) -> Result<Sample, SourceError> {
        let Answer { status, data, error, warnings } = answer;
        let Some(data) = data.filter(|_| status == "success") else {
            let why = error.unwrap_or_else(|| format!("its status is {}", quoted(&status)));
            return Err(self.wrong(&format!("Prometheus refuses it: {}", clean_to(&why, SHOWN)), "mend the query"));
        };
        let (at, value) = match data {
            Data::Scalar { result } => result,
            Data::Vector { result } => match <[Series; 1]>::try_from(result) {
                Ok([series]) => series.value,
                Err(all) if all.is_empty() => {
                    return Err(SourceError {
                        kind: SourceErrorKind::NotFound,
                        ..self.wrong(
                            "no series match it, which is not the same as zero",
                            "check the names in it; where none means zero, add `or vector(0)`",
                        )
                    });
                }
                Err(all) => {
                    let found = format!("it finds {} series, and a count is one", all.len());
                    return Err(self.wrong(&found, "make one of them: sum(…) or count(…)"));
                }
            },
            Data::Other => {
                return Err(self.wrong("it finds no number at a moment", "ask for an instant vector or a scalar"));
            }
        };
        let number = value.parse::<f64>().ok();
        let number = number.ok_or_else(|| self.wrong(&format!("it finds {}", quoted(&value)), NO_COUNT))?;
        let count =
            whole(number).map_err(|why| self.wrong(&format!("it finds {}, which {why}", quoted(&value)), NO_COUNT))?;
        let warning = warnings.first().map(|warning| format!("{}: {}", self.named(), clean_to(warning, SHOWN)));
        Ok(Sample { count, age: age(at, made), warning })
    }

    fn named(&self) -> String {
        format!("the query {}", quoted(self.0))
    }

    fn wrong(&self, message: &str, remedy: &str) -> SourceError {
        let message = format!("{}: {message}", self.named());
        SourceError { kind: SourceErrorKind::BadAnswer, message, remedy: remedy.to_owned() }
    }
}

const NO_COUNT: &str = "have it find a whole number from 0 on";

/// How long before it was answered a query was evaluated, both by the server's clock, which may be another than ours. `Date` has
/// whole seconds.
fn age(at: f64, date: Option<&str>) -> Duration {
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let age = date.map(|date| date.timestamp().as_second() as f64 - at);
    age.and_then(|age| Duration::try_from_secs_f64(age).ok()).unwrap_or_default()
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(from = "RawData")]
enum Data {
    Scalar { result: (f64, String) },
    Vector { result: Vec<Series> },
    Other,
}

#[derive(Deserialize)]
struct Series {
    value: (f64, String),
}

#[derive(Deserialize)]
struct RawData {
    #[serde(rename = "resultType", default)]
    kind: String,
    #[serde(default)]
    result: Value,
}

impl From<RawData> for Data {
    fn from(RawData { kind, result }: RawData) -> Self {
        match kind.as_str() {
            "scalar" => serde_json::from_value(result).map_or(Self::Other, |result| Self::Scalar { result }),
            "vector" => serde_json::from_value(result).map_or(Self::Other, |result| Self::Vector { result }),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "answers are made where they are read")]
mod tests {
    use serde_json::json;

    use super::*;
    use scaletop_load::{Fetcher, RequestOptions};

    fn query() -> Query {
        let url: Url = "http://me:hunter2@127.0.0.1:1/".parse().unwrap();
        let document = Document::new(Fetcher::new(&RequestOptions::get(url.clone())).unwrap(), &url, None);
        Query { counted: Counted::Running, text: "count(up == 1)".to_owned(), document }
    }

    fn read(answer: Value) -> Result<(u32, Duration), String> {
        let date = Some("Sat, 28 Nov 2026 19:00:10 GMT");
        let sample = super::read("count(up == 1)", &answer.to_string(), date).expect("an answer");
        let sample = sample.map_err(|error| error.to_string())?;
        Ok((sample.count, sample.age))
    }

    fn success(kind: &str, result: Value) -> Value {
        json!({"status": "success", "data": {"resultType": kind, "result": result}})
    }

    /// 19:00:10 of that day.
    const NOW: f64 = 1_795_892_410.0;

    #[test]
    fn one_sample_or_a_scalar_is_a_count_at_its_own_time() {
        let vector = |at: f64| success("vector", json!([{"metric": {}, "value": [at, "3"]}]));
        assert_eq!(read(vector(NOW + 0.4)), Ok((3, Duration::ZERO)), "within the second that Date is of");
        assert_eq!(read(vector(NOW - 30.0)), Ok((3, Duration::from_secs(30))), "an answer that was kept for a while");
        assert_eq!(read(success("scalar", json!([NOW, "2"]))), Ok((2, Duration::ZERO)));
        assert_eq!(age(NOW - 30.0, None), Duration::ZERO, "nobody says what time it is there");
        assert_eq!(age(f64::NAN, Some("Sat, 28 Nov 2026 19:00:10 GMT")), Duration::ZERO);
    }

    #[test]
    fn what_is_no_count_says_why_and_what_to_do() {
        let series = |value: &str| json!({"metric": {"pod": "a"}, "value": [NOW, value]});
        for (answer, why) in [
            (success("vector", json!([])), "no series match it, which is not the same as zero; check"),
            (
                success("vector", json!([series("1"), series("1")])),
                "it finds 2 series, and a count is one; make one of them: sum",
            ),
            (success("vector", json!([series("NaN")])), "\"NaN\", which is not a number"),
            (success("vector", json!([series("-1")])), "below zero"),
            (success("vector", json!([series("2.5")])), "no whole number"),
            (success("vector", json!([series("x")])), "it finds \"x\""),
            (success("vector", json!([{"metric": {}, "histogram": [NOW, {}]}])), "no number at a moment"),
            (success("matrix", json!([{"metric": {}, "values": [[NOW, "1"]]}])), "ask for an instant vector"),
            (success("string", json!([NOW, "1"])), "ask for an instant vector"),
            (
                json!({"status": "error", "errorType": "bad_data", "error": "parse error: \u{1b}[1m"}),
                "parse error: \u{fffd}[1m",
            ),
            (json!({"status": "weird"}), "its status is \"weird\""),
        ] {
            let told = read(answer).unwrap_err();
            assert!(told.contains(why) && told.starts_with("the query \"count(up == 1)\""), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn warnings_of_an_answer_are_told_and_secrets_are_not() {
        let mut answer = success("scalar", json!([NOW, "2"]));
        answer["warnings"] = json!(["some stores did not answer"]);
        let sample = super::read("count(up == 1)", &answer.to_string(), None).unwrap().unwrap();
        assert_eq!(sample.warning.as_deref(), Some("the query \"count(up == 1)\": some stores did not answer"));
        let described =
            PrometheusReader::new(&"http://me:hunter2@127.0.0.1:1/".parse().unwrap(), vec![query()], Duration::ZERO)
                .described();
        assert_eq!(described, "http://127.0.0.1:1/ running: count(up == 1)");
    }
}
