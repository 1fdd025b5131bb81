//! Requests in TOML: a `[[request]]` for each.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::{RequestsError, Written, body, check_target, line_at, name};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    request: Vec<Spanned<Request>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: Option<String>,
    weight: Option<i64>,
    method: Option<String>,
    path: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
}

pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Written>, RequestsError> {
    let wrong = |line, why: String| RequestsError::Line { path: path.to_owned(), line, why };
    let file: File = toml::from_str(text).map_err(|error| {
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        wrong(line, refusal(text, line, error.message()))
    })?;
    if file.request.is_empty() {
        let why = "there is no request in it; write [[request]] with a path, or lines such as GET /items".to_owned();
        return Err(RequestsError::File { path: path.to_owned(), why });
    }
    file.request
        .into_iter()
        .map(|request| {
            let line = line_at(text, request.span().start);
            let request = request.into_inner();
            let target = match (request.path, request.url) {
                (Some(target), None) | (None, Some(target)) => target,
                (Some(_), Some(_)) => return Err(wrong(line, "a request has a path or a url, not both".to_owned())),
                (None, None) => return Err(wrong(line, "the request has no path; write path = \"/items\"".to_owned())),
            };
            let weight = request.weight.unwrap_or(1);
            let weight = u32::try_from(weight).ok().filter(|&weight| weight > 0);
            let weight = weight.ok_or_else(|| wrong(line, "a weight is a whole number from 1 on".to_owned()))?;
            check_target(&target).map_err(|why| wrong(line, why))?;
            let body = request.body.map(|written| body(path, line, &written)).transpose()?;
            let method = request.method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
            Ok(Written {
                name: request.name.map(|given| name(&given)).transpose().map_err(|why| wrong(line, why))?,
                weight,
                method,
                target,
                headers: request.headers.into_iter().collect(),
                body,
            })
        })
        .collect()
}

/// What is wrong, in the words of whoever reads TOML; and what may have been meant.
fn refusal(text: &str, line: usize, message: &str) -> String {
    let of_plan = ["stage", "thresholds", "slo"];
    let is_plan = |key: &&str| message.contains(&format!("unknown field `{key}`"));
    if of_plan.iter().any(is_plan) {
        return "this is a plan, and --requests takes a file of requests; a plan stands by itself: scaletop run PLAN"
            .to_owned();
    }
    let written = text.lines().nth(line - 1).unwrap_or_default().trim_start();
    if written.starts_with("[request]") {
        return "write [[request]], with two brackets on each side, for each of the requests".to_owned();
    }
    if !text.contains('=') && !text.contains("[[") {
        return "neither [[request]] nor METHOD and path; write a line such as GET /items for each request".to_owned();
    }
    without_values(message.lines().next().unwrap_or_default())
}

/// What a parser says, without what it found: that may be a secret. Names of keys stand between backticks.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}\"…\"{}", &message[..first], &message[last + 1..]),
        _ => message.to_owned(),
    }
}
