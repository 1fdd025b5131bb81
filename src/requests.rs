//! Several requests in one load, as people write them down: TOML, or vegeta's plain form; and rows of data from a CSV file.
//!
//! Reading only; which request an arrival sends, and what values become, is `scaletop_load`'s. A message says the file and the
//! line; what stands in a header or a body is not repeated, since it may be a secret.

mod data;
mod plain;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use crate::files;
use scaletop_load::{Mix, MixError, MixSpec, RequestName, RequestSpec};

/// More names than this are no table that anybody reads.
pub(crate) const MOST_NAMES: usize = 32;

/// Longer names do not fit where they stand, in characters.
const LONGEST_NAME: usize = 40;

/// Why requests, or their data, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RequestsError {
    /// The file, or one that it names, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line makes no sense.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// The whole makes no sense.
    #[error("{}: {why}", path.display())]
    File {
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// They can be read, and not be sent.
    #[error("{}: {source}", path.display())]
    Mix {
        path: PathBuf,
        /// What is wrong with them.
        source: MixError,
    },
}

/// Reads the requests in `path`, and the data in `data`; `seed` draws which of them are sent, and their values.
pub(crate) fn read(path: &Path, data: Option<&Path>, seed: u64) -> Result<Mix, RequestsError> {
    let whole = text(path)?;
    let text = whole.trim_start_matches('\u{feff}');
    let requests = if plain::is_plain(text) { plain::read(path, text)? } else { table::read(path, text)? };
    let (columns, rows) = data.map(data::read).transpose()?.unwrap_or_default();
    let requests = named(path, &requests)?;
    let spec = MixSpec { seed, requests, columns, rows };
    Mix::new(spec).map_err(|source| RequestsError::Mix { path: path.to_owned(), source })
}

/// A text that the user named; `-` is standard input.
fn text(path: &Path) -> Result<String, RequestsError> {
    files::read_text(path, files::MOST_BODY).map_err(|source| {
        let is_number = path.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if is_number && source.kind() == io::ErrorKind::NotFound {
            let why = "there is no such file; a number of requests is a rate for a time: --rate 100 --duration 30s sends 3,000";
            return RequestsError::File { path: path.to_owned(), why: why.to_owned() };
        }
        RequestsError::Read { path: path.to_owned(), source }
    })
}

/// A request as it was written: its name may be missing.
struct Written {
    name: Option<String>,
    weight: u32,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// Gives every request its name. Those without one are called by method and path; where that makes too many, by as much of
/// the path as is common enough.
fn named(path: &Path, requests: &[Written]) -> Result<Vec<RequestSpec>, RequestsError> {
    let given = |written: &Written| written.name.clone();
    let by_path = |depth: usize| {
        move |written: &Written| written.name.clone().unwrap_or_else(|| called(&written.method, &written.target, depth))
    };
    let count =
        |name: &dyn Fn(&Written) -> String| requests.iter().map(name).collect::<std::collections::BTreeSet<_>>().len();
    let named = requests.iter().filter_map(given).collect::<std::collections::BTreeSet<_>>().len();
    if named > MOST_NAMES {
        let why = format!(
            "{named} names are more than {MOST_NAMES}, and more than anybody reads; let requests share a name, and their numbers are \
             added up"
        );
        return Err(RequestsError::File { path: path.to_owned(), why });
    }
    let depth = (0..=4).rev().find(|&depth| count(&by_path(depth)) <= MOST_NAMES).unwrap_or(0);
    let name = by_path(depth);
    Ok(requests
        .iter()
        .map(|written| RequestSpec {
            name: RequestName::from(name(written)),
            weight: written.weight,
            method: written.method.clone(),
            target: written.target.clone(),
            headers: written.headers.clone(),
            body: written.body.clone(),
        })
        .collect())
}

/// What a request without a name is called: `GET /items`, with so many parts of its path.
fn called(method: &str, target: &str, depth: usize) -> String {
    let path = target.split_once("://").map_or(target, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    // A query may hold a secret, and a value differs from arrival to arrival.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if depth == 0 {
        return method.to_owned();
    }
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let kept = parts.iter().take(depth).map(|part| if part.contains("{{") { "…" } else { part });
    let more = if parts.len() > depth { "/…" } else { "" };
    let name = format!("{method} /{}{more}", kept.collect::<Vec<_>>().join("/"));
    if name.chars().count() <= LONGEST_NAME {
        return name;
    }
    name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// A name that can stand in a table and in a threshold; or what is wrong with it.
fn name(given: &str) -> Result<String, String> {
    let name = given.trim();
    if name.is_empty() {
        return Err("a name is empty; write one, or leave it out".to_owned());
    }
    if name.chars().any(char::is_control) {
        return Err("a name holds a line break or another control character".to_owned());
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(format!("a name has more than {LONGEST_NAME} characters"));
    }
    // `failed.p99` is a number of the whole run, and `x.failed.p99` of the failures of `x`.
    let last = name.rsplit('.').next().unwrap_or_default();
    if ["failed", "all", "*"].contains(&last) {
        return Err(format!(
            "`{last}` cannot be a name, nor stand at the end of one behind a dot: thresholds mean something else by it"
        ));
    }
    Ok(name.to_owned())
}

/// The body that is written in a `line`: a text, or `@FILE` beside the file of requests `of`.
fn body(of: &Path, line: usize, written: &str) -> Result<String, RequestsError> {
    let Some(file) = written.strip_prefix('@').map(str::trim) else { return Ok(written.to_owned()) };
    let wrong = |why: String| RequestsError::Line { path: of.to_owned(), line, why };
    if file.is_empty() {
        return Err(wrong("a body that begins with @ names a file: @order.json".to_owned()));
    }
    let path = beside(of, Path::new(file));
    files::read_text(&path, files::MOST_BODY)
        .map_err(|error| wrong(format!("cannot read the body from {}: {error}", path.display())))
}

/// Refuses a target of a request that says more than where.
fn check_target(target: &str) -> Result<(), String> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err("`.` and `..` in a path are resolved before it is sent: write the path that is meant".to_owned());
    }
    let authority = target.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("its URL has a user, which is not sent from here: say it with -u USER:PASSWORD, or in the target"
            .to_owned());
    }
    Ok(())
}

/// A path as it is written in the file `of`: from its folder on.
pub(crate) fn beside(of: &Path, path: &Path) -> PathBuf {
    of.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// The line, from 1, at which byte `at` stands.
fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests;
