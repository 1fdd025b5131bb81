//! What a text from outside may hold: nothing that moves a cursor, changes colours, ends a line, hides, or turns the
//! direction of writing.

/// What stands in place of a character that may not be shown.
const REPLACEMENT: char = '\u{fffd}';

/// `text` on one line, with `�` for every character that would do something else than be read.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(safe).collect()
}

/// The first `most` characters of `text`, clean; `…` says that there were more.
pub(crate) fn clean_to(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).map(safe).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

/// A text of several lines, each of them clean. For messages whose lines are our own, such as the place of a mistake in a
/// plan.
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

fn safe(c: char) -> char {
    if is_harmful(c) { REPLACEMENT } else { c }
}

/// Control characters, and characters without a shape of their own that change how others are read. `U+FFFE` and `U+FFFF`
/// are no characters, and XML cannot hold them.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text that is written line by line for a terminal. Each line is cleaned as a whole, so that no part of it can be
/// forgotten, and a text from outside cannot begin a line of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines(String);

impl Lines {
    pub(crate) fn line(&mut self, line: &str) {
        self.0.extend(line.chars().map(safe));
        self.0.push('\n');
    }

    /// The lines, each with its end.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// Clean text for an attribute or an element of XML.
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_line_ends_and_writing_direction_lose_their_power() {
        assert_eq!(clean("a\x1b[31mb\r\nc\u{9b}2Jd\u{202e}e"), "a�[31mb��c�2Jd�e");
        assert_eq!(clean("größer → 5 é 日本"), "größer → 5 é 日本");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(clean_to(&"x".repeat(10_000), 5), "xxxxx…");
        assert_eq!(clean_to("xxxxx", 5), "xxxxx");
        assert_eq!(clean_to("x\ny", 2), "x�…");
    }

    #[test]
    fn a_message_of_several_lines_keeps_them() {
        assert_eq!(clean_lines("line 3\n\x1b[2J  ^\r\n"), "line 3\n�[2J  ^�\n");
    }

    #[test]
    fn a_text_cannot_begin_a_line_of_its_own() {
        let mut lines = Lines::default();
        lines.line("plan \"a\nverdict: passed\"");
        lines.line("");
        assert_eq!(lines.finish(), "plan \"a�verdict: passed\"\n\n");
    }
}
