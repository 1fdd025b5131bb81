//! What is said of a text that is no plan: where, which key, and what would be right. Never the line itself and never what was meant for
//! a request: whoever takes a plan for the place of headers has a secret in it, and messages end up in logs.

use std::ops::Range;

use ::toml::de::DeTable;

use crate::plan::PlanError;
use crate::values;

/// Keys of a plan whose name may be said of a value that is not understood.
const KEYS: [&str; 21] = [
    "name",
    "repeat",
    "target",
    "url",
    "requests",
    "requests-data",
    "slo",
    "count",
    "command",
    "shell",
    "prometheus",
    "interval",
    "scrape",
    "stage",
    "thresholds",
    "rate",
    "from",
    "to",
    "duration",
    "until",
    "at_most",
];

const HEADERS: &str = "headers are no part of a plan: -H @FILE, or [request] header in scaletop.toml";
const USER: &str = "a user is no part of a plan: -u USER:PASSWORD, or [request] user in scaletop.toml";
const BODY: &str = "a body is no part of a plan: -d @FILE, or [request] body in scaletop.toml";
const REQUEST: &str =
    "the request is no part of a plan: give options such as -X and --timeout, or [request] in scaletop.toml";

/// What to say of a key that carries a request or a part of one.
pub(super) fn of_request(key: &str) -> Option<&'static str> {
    let key = key.trim().to_ascii_lowercase().replace('_', "-");
    match key.as_str() {
        "header"
        | "headers"
        | "authorization"
        | "proxy-authorization"
        | "auth"
        | "bearer"
        | "token"
        | "api-key"
        | "apikey"
        | "key"
        | "secret"
        | "cookie"
        | "cookies"
        | "user-agent"
        | "content-type"
        | "accept"
        | "host" => Some(HEADERS),
        name if name.starts_with("x-") && !name.contains('.') => Some(HEADERS),
        "user" | "username" | "password" | "basic-auth" => Some(USER),
        "body" | "body-file" | "data" | "json" | "payload" | "form" => Some(BODY),
        "request" | "method" | "path" | "query" | "timeout" | "expect" | "insecure" | "cacert" | "http2"
        | "instance-header" | "no-keepalive" | "resolve" => Some(REQUEST),
        _ => None,
    }
}

/// A key as a message names it. One that is more than a name may hold what was meant for a value.
pub(super) fn named(key: &str) -> String {
    if key.contains([':', '=']) { "this key".to_owned() } else { format!("`{key}`") }
}

/// The line, from 1, at which `span` begins.
pub(super) fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1
}

/// The refusal of a text that is no TOML, or that says what a plan has no place for.
pub(super) fn of_text(text: &str, error: &::toml::de::Error) -> PlanError {
    let at = error.span().map_or(0, |span| text.floor_char_boundary(span.start));
    let begins = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[begins..].lines().next().unwrap_or_default().trim();
    let first = first_word(line);
    let reason = match unknown_key(error.message()) {
        Some((key, expected)) => of_unknown(key, expected),
        None => match (of_request(first), DeTable::parse(text).is_ok()) {
            (Some(tip), _) => format!("`{first}`: {tip}"),
            (None, false) => format!("this is not TOML: {}", error.message()),
            (None, true) if line.starts_with("[[") && ["target", "slo", "count", "thresholds"].contains(&first) => {
                format!("a plan has one of these: write [{first}], with single brackets")
            }
            (None, true) if is_one_table(line, "stage") => {
                "stages are a list, each with two brackets: write [[stage]], and what it is called as its `name`"
                    .to_owned()
            }
            (None, true) if KEYS.contains(&first) => format!("`{first}`: {}", without_value(error.message())),
            (None, true) => without_value(error.message()),
        },
    };
    let column = text[begins..at].chars().count() + 1;
    PlanError::Syntax { line: line_of(text, &(at..at)), column, reason }
}

/// The bare key that a line begins with, or the table that it opens.
fn first_word(line: &str) -> &str {
    let line = line.trim_start_matches(['[', ' ']);
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(line.len());
    &line[..end]
}

/// Whether a line opens a table of that name, or one within it, as if there were but one.
fn is_one_table(line: &str, name: &str) -> bool {
    line.starts_with('[') && !line.starts_with("[[") && first_word(line) == name
}

/// Of a complaint of an unknown key that key, and what it says of those that are known.
fn unknown_key(complaint: &str) -> Option<(&str, &str)> {
    complaint.strip_prefix("unknown field `")?.rsplit_once("`, expected ")
}

fn of_unknown(key: &str, expected: &str) -> String {
    if let Some(tip) = of_request(key) {
        return format!("`{key}`: {tip}");
    }
    let is_name = |key: &str| !key.is_empty() && first_word(key) == key;
    if !is_name(key) {
        return format!("an unknown key, expected {expected}");
    }
    let nearest = values::nearest(key, expected.split('`').skip(1).step_by(2));
    let nearest = nearest.map_or_else(String::new, |nearest| format!("; the nearest is `{nearest}`"));
    format!("unknown key `{key}`, expected {expected}{nearest}")
}

/// A complaint of a value's kind without that value.
fn without_value(complaint: &str) -> String {
    let is_of_kind = complaint.starts_with("invalid type: ") || complaint.starts_with("invalid value: ");
    match complaint.rsplit_once(", expected ") {
        Some((found, expected)) if is_of_kind => {
            let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        _ => complaint.to_owned(),
    }
}
