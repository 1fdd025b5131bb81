//! Several requests in one load: which of them an arrival sends, and what stands in it.
//!
//! Both depend on the arrival's number in the schedule and on the seed, and on nothing else: the same whichever worker, or
//! whichever machine of a fleet, takes the arrival, and the same in the next run with that seed.
//!
//! **Which one.** Arrival *n* draws by a hash of seed and *n*, in proportion to the weights. A fixed order (`a a b a a b`) would keep
//! the proportions more exactly; but whatever takes turns behind a load balancer would then see one instance get every `b`.
//!
//! **Rows of data** go in turn: arrival *n* has row *n* modulo their number.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use crate::pacer::Arrival;

pub(crate) mod template;
mod values;

use template::{Place, Template};
pub(crate) use values::Draw;

/// The name of one of several requests. Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct RequestName(Arc<str>);

impl RequestName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for RequestName {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<&str> for RequestName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<RequestName> for String {
    fn from(name: RequestName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl std::fmt::Display for RequestName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Several requests as they were written: what a [`Mix`] is made of, and how it travels to other machines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MixSpec {
    /// Draws the requests and their values.
    pub seed: u64,
    /// The requests; at least one.
    pub requests: Vec<RequestSpec>,
    /// What the rows of data are called, in the order of their values.
    pub columns: Vec<String>,
    /// The rows of data. Each has as many values as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// One of several requests as it was written. Texts may hold [values](self#values): `{{n}}`, `{{csv.name}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSpec {
    /// What it is called where its numbers stand. The numbers of requests that share a name are added up.
    pub name: RequestName,
    /// How often it is sent, in proportion to the others; at least 1.
    pub weight: u32,
    /// The method.
    pub method: String,
    /// A path with its query, or a URL of the same origin as the target.
    pub target: String,
    /// Headers beside those that all requests have, in place of those of the same name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

/// Why requests cannot be sent as they are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// There is none.
    #[error("there is no request; write at least one")]
    None,
    /// It would never be sent.
    #[error("the weight of {0} is 0, so it would never be sent; give a weight from 1 on, or leave it out")]
    Weightless(RequestName),
    /// The weights do not fit.
    #[error("the weights add up to more than 4,294,967,295; give smaller ones")]
    TooHeavy,
    /// A part of a request cannot be sent.
    #[error("{part} of request {name}: {why}")]
    Part {
        /// Which request.
        name: RequestName,
        /// Which part of it: `the body`.
        part: String,
        /// What is wrong, and what to do.
        why: String,
    },
}

/// Several requests, ready to be sent.
#[derive(Debug)]
pub struct Mix {
    spec: MixSpec,
    requests: Vec<MixedRequest>,
    /// The weights up to and with each request.
    up_to: Vec<u32>,
}

/// One of several requests.
#[derive(Debug)]
pub(crate) struct MixedRequest {
    pub name: RequestName,
    pub method: Method,
    pub target: Template,
    pub headers: Vec<(HeaderName, Template)>,
    pub body: Option<Template>,
}

impl Mix {
    /// Reads the values in the texts.
    ///
    /// # Errors
    /// When there is none, a weight is zero, a value is unknown, or a text cannot be sent where it stands.
    pub fn new(spec: MixSpec) -> Result<Self, MixError> {
        if spec.requests.is_empty() {
            return Err(MixError::None);
        }
        let mut up_to = Vec::with_capacity(spec.requests.len());
        let mut sum = 0_u32;
        for request in &spec.requests {
            if request.weight == 0 {
                return Err(MixError::Weightless(request.name.clone()));
            }
            sum = sum.checked_add(request.weight).ok_or(MixError::TooHeavy)?;
            up_to.push(sum);
        }
        let requests =
            spec.requests.iter().map(|request| MixedRequest::new(request, &spec)).collect::<Result<_, _>>()?;
        Ok(Self { spec, requests, up_to })
    }

    /// As it was written.
    pub const fn spec(&self) -> &MixSpec {
        &self.spec
    }

    /// The names, each once, in the order in which the requests were written.
    pub fn names(&self) -> Vec<RequestName> {
        let mut names: Vec<RequestName> = Vec::new();
        for request in &self.requests {
            if !names.contains(&request.name) {
                names.push(request.name.clone());
            }
        }
        names
    }

    /// Each request's name, method, and path where no value stands in it, in the order in which they were written.
    pub fn by_themselves(&self) -> impl ExactSizeIterator<Item = (&RequestName, &Method, Option<&str>)> {
        self.requests.iter().map(|request| (&request.name, &request.method, request.target.fixed()))
    }

    pub(crate) fn requests(&self) -> &[MixedRequest] {
        &self.requests
    }

    /// Which request arrival `number` sends.
    pub fn pick(&self, number: u64) -> usize {
        let [first] = self.up_to[..] else {
            let sum = self.up_to.last().copied().unwrap_or(1);
            let drawn = values::below(values::hash(self.spec.seed, number, 0), u64::from(sum));
            return self.up_to.partition_point(|&up_to| u64::from(up_to) <= drawn);
        };
        debug_assert!(first > 0, "a weight is at least 1");
        0
    }

    /// The name of the request that arrival `number` sends.
    pub(crate) fn name_of(&self, number: u64) -> &RequestName {
        &self.requests[self.pick(number)].name
    }

    /// What the values of an arrival's request are drawn from. `started` is when the session began: microseconds since 1970 UTC.
    pub(crate) fn draw(&self, arrival: Arrival, started: i64) -> Draw<'_> {
        let row = match self.spec.rows.len() {
            0 => &[][..],
            rows => &self.spec.rows[usize::try_from((arrival.number.max(1) - 1) % rows as u64).unwrap_or(0)][..],
        };
        Draw { seed: self.spec.seed, arrival, started, row }
    }
}

impl MixedRequest {
    fn new(request: &RequestSpec, data: &MixSpec) -> Result<Self, MixError> {
        let wrong = |part: &str, why: &dyn std::fmt::Display| MixError::Part {
            name: request.name.clone(),
            part: part.to_owned(),
            why: why.to_string(),
        };
        let method = request.method.parse().map_err(|_error| wrong("the method", &"it is none; write it like GET"))?;
        let mut values = 0;
        let mut parse = |part: &str, text: &str, place| {
            Template::parse(text, place, &data.columns, &mut values).map_err(|error| wrong(part, &error))
        };
        let mut headers = Vec::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let part = format!("the header {}", name.escape_debug());
            let name = HeaderName::try_from(name.as_str())
                .map_err(|_error| wrong(&part, &"a header's name has letters, digits and hyphens"))?;
            let value = parse(&part, value, Place::Header)?;
            value.in_every_row(&data.rows).find(|(_, text)| HeaderValue::from_bytes(text).is_err()).map_or(
                Ok(()),
                |(row, _)| {
                    let of_row = row.map(|row| format!(" with row {} of the data", row + 1)).unwrap_or_default();
                    Err(wrong(&part, &format!("its value{of_row} holds a line break or a control character")))
                },
            )?;
            headers.push((name, value));
        }
        Ok(Self {
            name: request.name.clone(),
            method,
            target: parse("the path", &request.target, Place::Path)?,
            headers,
            body: request.body.as_deref().map(|body| parse("the body", body, Place::Body)).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
