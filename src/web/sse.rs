//! Server-sent events as text (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). Pure.

use std::fmt::Write as _;

/// How soon a browser tries again, in milliseconds.
const RETRY_MILLIS: u32 = 2_000;

/// What nobody hears, and keeps a line from being silent.
pub(super) const HEARTBEAT: &str = ":\n\n";

/// An event of that name; `data` may have several lines.
pub(super) fn event(name: &str, data: &str) -> String {
    let mut text = format!("event: {name}\nretry: {RETRY_MILLIS}\n");
    for line in data.split("\r\n").flat_map(|part| part.split(['\n', '\r'])) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_with_an_empty_line_and_holds_none() {
        assert_eq!(event("update", "{}"), "event: update\nretry: 2000\ndata: {}\n\n");
        for data in ["a\n\nb", "a\r\n\r\nb", "a\r\rb"] {
            let text = event("update", data);
            assert!(text.ends_with("data: a\ndata: \ndata: b\n\n"), "{text:?}");
            assert_eq!(text.matches("\n\n").count(), 1, "{text:?}");
            assert!(!text.contains('\r'));
        }
        assert!(HEARTBEAT.starts_with(':') && HEARTBEAT.ends_with("\n\n"));
    }
}
