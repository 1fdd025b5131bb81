//! Reading counts off what a source says. Pure.

use serde_json::Value;

use crate::instances::Counted;
use crate::text::{clean, clean_to};
use crate::values::count;

/// How much of what a source said a message repeats.
const SHOWN: usize = 80;

/// The last line that says something.
pub(super) fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// `3`, or `running=3 desired=5 pending=2` with at least one of them.
pub(super) fn counts(line: &str) -> Result<Vec<(Counted, u32)>, String> {
    if !line.contains('=') {
        return Ok(vec![(Counted::Running, number(line)?)]);
    }
    let mut counts: Vec<(Counted, u32)> = Vec::new();
    for pair in line.split([' ', '\t', ',', ';']).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("{} has no name: write running={}", quoted(pair), clean_to(pair, SHOWN)))?;
        let counted = count::counted(name.trim()).map_err(|error| clean(&error.to_string()))?;
        if counts.iter().any(|(other, _)| *other == counted) {
            return Err(format!("{} is there twice", counted.label()));
        }
        counts.push((counted, number(value).map_err(|why| format!("{}: {why}", counted.label()))?));
    }
    if counts.is_empty() { Err(format!("{} is no number", quoted(line))) } else { Ok(counts) }
}

/// A count of instances: a whole number from 0 on; `3.0` is one.
pub(super) fn number(text: &str) -> Result<u32, String> {
    let text = text.trim();
    if let Ok(count) = text.parse::<u32>() {
        return Ok(count);
    }
    match text.parse::<f64>() {
        Ok(value) => whole(value).map_err(|why| format!("{} {why}", quoted(text))),
        Err(_) => Err(format!("{} is no number", quoted(text))),
    }
}

/// A number as a count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole, and within")]
pub(super) fn whole(value: f64) -> Result<u32, &'static str> {
    match value {
        _ if value.is_nan() => Err("is not a number"),
        _ if value < 0.0 => Err("is below zero, which no count of instances is"),
        _ if value > f64::from(u32::MAX) => Err("is more than there can be"),
        _ if value.fract() != 0.0 => Err("is no whole number of instances"),
        _ => Ok(value as u32),
    }
}

/// What stands at a place of a document: a number, a text that is one, or as many as a list or an object has.
pub(super) fn at(document: &Value, pointer: &str) -> Result<u32, String> {
    let Some(found) = document.pointer(pointer) else {
        return Err(format!("nothing stands at {}{}", clean(pointer), nearby(document, pointer)));
    };
    let counted = match found {
        Value::Number(number) => self::number(&number.to_string()),
        Value::String(text) => number(text),
        Value::Array(list) => u32::try_from(list.len()).map_err(|error| error.to_string()),
        Value::Object(entries) => u32::try_from(entries.len()).map_err(|error| error.to_string()),
        Value::Null | Value::Bool(_) => Err(format!("{} is no number", quoted(&found.to_string()))),
    };
    counted.map_err(|why| format!("at {} stands {why}", clean(pointer)))
}

/// How far the pointer led, and what stands there.
fn nearby(document: &Value, pointer: &str) -> String {
    let mut end = pointer.len();
    while let Some(at) = pointer[..end].rfind('/') {
        end = at;
        if let Some(found) = document.pointer(&pointer[..end]) {
            let place =
                if end == 0 { "the whole is".to_owned() } else { format!("at {} stands", clean(&pointer[..end])) };
            return format!("; {place} {}", clean_to(&found.to_string(), SHOWN));
        }
    }
    String::new()
}

/// A text of somebody else's in a message, bounded and clean.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", clean_to(text, SHOWN))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_line_is_a_number_or_says_what_is_counted() {
        assert_eq!(last_line("NAME\n 3 \n\n").map(counts), Some(Ok(vec![(Counted::Running, 3)])));
        let all = vec![(Counted::Running, 3), (Counted::Desired, 5), (Counted::Pending, 2)];
        assert_eq!(counts("running=3 desired=5 pending=2"), Ok(all.clone()));
        assert_eq!(counts("running=3,desired=5, pending=2"), Ok(all));
        assert_eq!(counts("DESIRED=0"), Ok(vec![(Counted::Desired, 0)]));
        assert_eq!(counts("3.0"), Ok(vec![(Counted::Running, 3)]));
        assert_eq!(last_line(" \n"), None);
    }

    #[test]
    fn what_is_no_count_is_refused_with_what_stood_there() {
        for (line, why) in [
            ("-1", "below zero"),
            ("2.5", "no whole number"),
            ("three", "\"three\" is no number"),
            ("NaN", "not a number"),
            ("99999999999", "more than there can be"),
            ("ready=3", "\"ready\" is nothing that is counted"),
            ("run=3", "did you mean running"),
            ("running=3 running=4", "running is there twice"),
            ("running=3 4", "\"4\" has no name"),
            ("running=", "running: \"\" is no number"),
            ("=", "is nothing that is counted"),
            ("a\u{1b}[31m", "\u{fffd}[31m"),
        ] {
            let told = counts(line).unwrap_err();
            assert!(told.contains(why), "{line}: {told}");
            assert!(!told.contains('\u{1b}'), "{told}");
        }
        assert!(counts(&"x".repeat(10_000)).unwrap_err().len() < 200);
    }

    #[test]
    fn a_pointer_leads_to_a_number_a_text_or_as_many_as_there_are() {
        let document = json!({"status": {"ready": 3, "text": "4", "list": [1, 2], "map": {"a": 1}, "off": null}});
        let at = |pointer| at(&document, pointer);
        assert_eq!(at("/status/ready"), Ok(3));
        assert_eq!(at("/status/text"), Ok(4));
        assert_eq!(at("/status/list"), Ok(2), "as many as there are");
        assert_eq!(at("/status/list/1"), Ok(2), "what stands there");
        assert_eq!(at("/status/map"), Ok(1));
        assert_eq!(at(""), Ok(1), "the whole");
        assert_eq!(at("/status/off").unwrap_err(), "at /status/off stands \"null\" is no number");
        let told = at("/status/list/9/x").unwrap_err();
        assert_eq!(told, "nothing stands at /status/list/9/x; at /status/list stands [1,2]");
        assert!(at("/none").unwrap_err().starts_with("nothing stands at /none; the whole is {"));
    }
}
