//! Requests in vegeta's plain form: `METHOD URL`, then headers, then `@FILE` with the body.
//!
//! ```text
//! GET http://127.0.0.1:8080/items
//! accept: application/json
//!
//! POST /orders
//! content-type: application/json
//! @order.json
//! ```

use std::path::Path;

use super::{RequestsError, Written, body, check_target};

/// Whether it is this form rather than TOML: its first line that says something is a method and where to.
pub(super) fn is_plain(text: &str) -> bool {
    text.lines().find(|line| !is_comment(line)).is_some_and(|line| request_line(line).is_some())
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

/// `GET /items` in its two parts.
fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, target) = line.trim().split_once(char::is_whitespace)?;
    let target = target.trim();
    let is_method = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    let is_target = target.starts_with('/') || target.contains("://") || target.starts_with("{{");
    (is_method && is_target).then_some((method, target))
}

pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Written>, RequestsError> {
    let mut requests: Vec<Written> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if is_comment(line) {
            continue;
        }
        let wrong = |why: &str| RequestsError::Line { path: path.to_owned(), line: at + 1, why: why.to_owned() };
        if let Some((method, target)) = request_line(line) {
            if target.contains(char::is_whitespace) && !target.contains("{{") {
                return Err(wrong("what follows the method is a path or URL alone; write %20 for a space in it"));
            }
            check_target(target).map_err(|why| wrong(&why))?;
            let (method, target) = (method.to_owned(), target.to_owned());
            requests.push(Written { name: None, weight: 1, method, target, headers: Vec::new(), body: None });
            continue;
        }
        let request = requests.last_mut().ok_or_else(|| wrong("a request begins with METHOD and URL: GET /items"))?;
        if line.trim_start().starts_with('@') {
            if request.body.is_some() {
                return Err(wrong("a request has one body"));
            }
            request.body = Some(body(path, at + 1, line.trim())?);
        } else {
            let (name, value) = line.split_once(':').ok_or_else(|| {
                wrong("neither METHOD URL, nor `name: value`, nor @FILE: a request is no more than these")
            })?;
            request.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(together(requests))
}

/// Requests that are the same become one, so many times as heavy: files of this form say by repetition how often.
fn together(requests: Vec<Written>) -> Vec<Written> {
    let mut seen = std::collections::HashMap::new();
    let mut kept: Vec<Written> = Vec::new();
    for request in requests {
        let key = (request.method.clone(), request.target.clone(), request.headers.clone(), request.body.clone());
        if let Some(&at) = seen.get(&key) {
            let same: &mut Written = &mut kept[at];
            same.weight = same.weight.saturating_add(1);
        } else {
            seen.insert(key, kept.len());
            kept.push(request);
        }
    }
    kept
}
