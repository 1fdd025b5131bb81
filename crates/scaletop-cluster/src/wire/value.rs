//! An answer before it is written down: one tree, three ways to write it (JSON, CBOR, XML).
//!
//! Timestamps are a kind of their own, because each protocol writes them differently: a number in JSON, tag 1 in CBOR, ISO
//! 8601 in XML.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// A node of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Unix seconds.
    Time(f64),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
    /// What a client said, as it said it.
    Json(Json),
}

/// A structure.
pub(crate) fn map<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Map(members.into())
}

/// A list.
pub(crate) fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

impl Value {
    /// This structure with one more member, if there is a value for it.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let (Self::Map(members), Some(value)) = (&mut self, value) {
            members.push((name, value.into()));
        }
        self
    }

    /// As JSON, timestamps as epoch seconds.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Bool(value) => Json::from(*value),
            Self::Int(value) => Json::from(*value),
            // awsJson writes what JSON cannot hold as text.
            Self::Float(value) | Self::Time(value) if !value.is_finite() => Json::from(value.to_string()),
            Self::Float(value) | Self::Time(value) => Json::from(*value),
            Self::Text(value) => Json::from(value.as_str()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Json(value) => value.clone(),
            Self::Map(members) => {
                Json::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.to_json())).collect())
            }
        }
    }

    /// As CBOR, timestamps as tag 1 over a float.
    pub(crate) fn to_cbor(&self) -> ciborium::Value {
        use ciborium::Value as Cbor;
        match self {
            Self::Bool(value) => Cbor::Bool(*value),
            Self::Int(value) => Cbor::Integer((*value).into()),
            Self::Float(value) => Cbor::Float(*value),
            Self::Text(value) => Cbor::Text(value.clone()),
            Self::Time(value) => Cbor::Tag(1, Box::new(Cbor::Float(*value))),
            Self::List(items) => Cbor::Array(items.iter().map(Self::to_cbor).collect()),
            // Whatever JSON holds, CBOR does.
            Self::Json(value) => Cbor::serialized(value).unwrap_or(Cbor::Null),
            Self::Map(members) => Cbor::Map(
                members.iter().map(|(name, value)| (Cbor::Text((*name).to_owned()), value.to_cbor())).collect(),
            ),
        }
    }

    /// As the inside of an XML element, the way awsQuery writes it: list items are `<member>`.
    pub(crate) fn write_xml(&self, out: &mut String) {
        match self {
            // Writing to a String cannot fail.
            Self::Bool(value) => drop(write!(out, "{value}")),
            Self::Int(value) => drop(write!(out, "{value}")),
            Self::Float(value) => drop(write!(out, "{value}")),
            Self::Time(value) => out.push_str(&iso8601(*value)),
            Self::Text(value) => escape_xml(value, out),
            Self::Json(value) => escape_xml(&value.to_string(), out),
            Self::List(items) => {
                for item in items {
                    out.push_str("<member>");
                    item.write_xml(out);
                    out.push_str("</member>");
                }
            }
            Self::Map(members) => {
                for (name, value) in members {
                    let _ = write!(out, "<{name}>");
                    value.write_xml(out);
                    let _ = write!(out, "</{name}>");
                }
            }
        }
    }
}

/// Unix seconds as `2026-11-24T00:20:00.000Z`.
fn iso8601(unix: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 fit; `as` saturates")]
    let millis = (unix * 1e3).round() as i64;
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

fn escape_xml(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // No other control character may stand in XML 1.0.
            c if c.is_control() && !matches!(c, '\t' | '\n') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// Reads a CBOR request as if it had been JSON: timestamps (tag 1) become numbers.
pub(crate) fn json_from_cbor(value: ciborium::Value) -> Json {
    use ciborium::Value as Cbor;
    match value {
        Cbor::Bool(value) => Json::from(value),
        Cbor::Integer(value) => i64::try_from(value).map_or(Json::Null, Json::from),
        Cbor::Float(value) => Json::from(value),
        Cbor::Text(value) => Json::from(value),
        Cbor::Tag(_, inner) => json_from_cbor(*inner),
        Cbor::Array(items) => items.into_iter().map(json_from_cbor).collect(),
        Cbor::Map(members) => Json::Object(
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name.into_text().ok()?, json_from_cbor(value))))
                .collect(),
        ),
        _ => Json::Null,
    }
}

/// Reads a form (`A.member.1.B=x`) as if it had been JSON. Everything stays text; the operations read numbers from text too.
pub(crate) fn json_from_form(body: &[u8]) -> Json {
    let mut form = Json::Object(serde_json::Map::new());
    let mut room = MOST_MEMBERS;
    for (name, value) in url::form_urlencoded::parse(body) {
        insert(&mut form, &name.split('.').collect::<Vec<_>>(), value.into_owned(), &mut room);
    }
    form
}

/// The deepest request shape has 8 levels; more than this is not a request of ours.
const DEEPEST: usize = 24;
/// `member.N` beyond this is ignored: `GetMetricData` takes 500 queries.
const LONGEST: usize = 1_000;
/// Members of all lists of a request together; the largest has some 3,500. A list is as long as its last member says, so
/// that without a limit a line of text would be worth a megabyte.
const MOST_MEMBERS: usize = 10_000;

/// Puts `value` where `path` says, as long as lists have `room` to grow.
fn insert(node: &mut Json, path: &[&str], value: String, room: &mut usize) {
    match path {
        _ if path.len() > DEEPEST => {}
        [] => *node = Json::from(value),
        ["member", index, rest @ ..] => {
            let Some(index) = index.parse::<usize>().ok().filter(|index| (1..=LONGEST).contains(index)) else { return };
            if !node.is_array() {
                *node = Json::Array(Vec::new());
            }
            if let Json::Array(items) = node {
                if let Some(more) = index.checked_sub(items.len()).filter(|more| *more > 0) {
                    let Some(left) = room.checked_sub(more) else { return };
                    *room = left;
                    items.resize(index, Json::Null);
                }
                insert(&mut items[index - 1], rest, value, room);
            }
        }
        [name, rest @ ..] => {
            if !node.is_object() {
                *node = Json::Object(serde_json::Map::new());
            }
            if let Json::Object(members) = node {
                insert(members.entry(*name).or_insert(Json::Null), rest, value, room);
            }
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_reads_as_the_structure_it_flattens() {
        let form = b"Action=GetMetricData&MetricDataQueries.member.1.Id=a&MetricDataQueries.member.2.Id=b\
            &MetricDataQueries.member.2.MetricStat.Metric.Dimensions.member.1.Name=ServiceName&StartTime=2026-01-01T00%3A00%3A00Z";
        assert_eq!(
            json_from_form(form),
            json!({"Action": "GetMetricData", "StartTime": "2026-01-01T00:00:00Z", "MetricDataQueries": [
                {"Id": "a"},
                {"Id": "b", "MetricStat": {"Metric": {"Dimensions": [{"Name": "ServiceName"}]}}},
            ]})
        );
    }

    #[test]
    fn a_hostile_form_costs_little_and_panics_nowhere() {
        let deep = "a.".repeat(10_000) + "=1&x.member.99999999=1&x.member.0=2&member.1=3&.=4&=";
        assert!(json_from_form(deep.as_bytes()).is_object());
    }

    /// How many values there are in `json`.
    fn size(json: &Json) -> usize {
        1 + match json {
            Json::Array(items) => items.iter().map(size).sum(),
            Json::Object(members) => members.values().map(size).sum(),
            _ => 0,
        }
    }

    #[test]
    fn lists_within_lists_take_no_more_memory_than_the_largest_request() {
        let name = |n: usize| format!("a.{n}{}=1", ".member.1000".repeat(11));
        let form: Vec<_> = (0..500).map(name).collect();
        assert!(size(&json_from_form(form.join("&").as_bytes())) < 2 * MOST_MEMBERS);
        let queries: Vec<_> =
            (1..=500).map(|n| format!("MetricDataQueries.member.{n}.Dimensions.member.3.Name=a")).collect();
        let whole = json_from_form(queries.join("&").as_bytes());
        assert_eq!(whole["MetricDataQueries"][499]["Dimensions"][2]["Name"], "a");
    }

    #[test]
    fn timestamps_are_written_as_each_protocol_wants_them() {
        let answer = map([("At", Value::Time(1_767_225_600.5)), ("Label", "a<b".into())]);
        assert_eq!(answer.to_json(), json!({"At": 1_767_225_600.5, "Label": "a<b"}));
        let mut xml = String::new();
        answer.write_xml(&mut xml);
        assert_eq!(xml, "<At>2026-01-01T00:00:00.500Z</At><Label>a&lt;b</Label>");
        let mut cbor = Vec::new();
        ciborium::into_writer(&answer.to_cbor(), &mut cbor).unwrap();
        assert_eq!(&cbor[1..6], b"\x62At\xc1\xfb", "tag 1 over a 64-bit float");
        assert_eq!(json_from_cbor(answer.to_cbor()), answer.to_json());
    }
}
