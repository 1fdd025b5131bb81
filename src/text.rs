//! Text that somebody else wrote (ids, marks, names, what a platform says), made fit to be shown anywhere.
//!
//! What is special to one place stays there: a spreadsheet's formulas in `session/export`, HTML's escaping in `report`.

/// `text` as one line of at most `most` characters, with nothing in it that moves a cursor, changes colours, ends a line or
/// turns the direction of writing: such characters become `�`.
pub fn harmless(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

/// Control characters, and characters without a shape of their own that change how others are read.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_line_ends_and_writing_direction_lose_their_power() {
        assert_eq!(harmless("a\x1b[31mb\r\nc\u{9b}2Jd\u{202e}e", 100), "a�[31mb��c�2Jd�e");
        assert_eq!(harmless("größer → 5", 100), "größer → 5");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(harmless(&"x".repeat(10_000), 5), "xxxxx…");
        assert_eq!(harmless("xxxxx", 5), "xxxxx");
    }
}
