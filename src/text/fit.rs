//! Text in so many columns of a terminal.

use unicode_truncate::UnicodeTruncateStr as _;
use unicode_width::UnicodeWidthStr as _;

use crate::text::clean;

/// Bytes that a column may cost. Marks that join a character take no column, but a thousand of them are no text either.
const BYTES_PER_COLUMN: usize = 32;

/// What is longer than this is no paragraph for a terminal.
const LONGEST_BYTES: usize = 16_000;

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// `text` in at most `width` columns; what is cut ends in `…`. It must be clean before: a control character has no width.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.len() <= width * BYTES_PER_COLUMN && text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let (short, _) = text.unicode_truncate(room);
    let end = short.floor_char_boundary(room * BYTES_PER_COLUMN);
    format!("{}…", &short[..end])
}

/// `text` in clean lines of at most `width` columns, broken at white space; a word that is longer than a line is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let text = &text[..text.floor_char_boundary(LONGEST_BYTES)];
    let words: Vec<_> = text.split_whitespace().map(|word| cut(&clean(word), width)).collect();
    if words.is_empty() {
        return Vec::new();
    }
    textwrap::wrap(&words.join(" "), at_white_space(width)).into_iter().map(std::borrow::Cow::into_owned).collect()
}

/// The same with nothing lost: a word that is too long for a line begins where it stands and goes on in the next.
pub(crate) fn wrap_whole(text: &str, width: usize) -> Vec<String> {
    let text = &text[..text.floor_char_boundary(LONGEST_BYTES)];
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(clean) {
        let mut rest = word.as_str();
        let used = lines.last().map_or(width, |line| columns(line) + 1);
        let room = width.saturating_sub(used);
        let begins_here = columns(rest) <= room || (columns(rest) > width && room > 0);
        if let Some(line) = lines.last_mut().filter(|_| begins_here) {
            line.push(' ');
            rest = &rest[fill(line, rest, width)..];
        }
        while !rest.is_empty() && width > 0 {
            let mut line = String::new();
            let taken = fill(&mut line, rest, width);
            // A character that is wider than the line has no place in it.
            if taken == 0 {
                break;
            }
            rest = &rest[taken..];
            lines.push(line);
        }
    }
    lines
}

/// Fills a line up to `width` columns; returns how many bytes of the text it has taken.
fn fill(line: &mut String, text: &str, width: usize) -> usize {
    let mut left = width.saturating_sub(columns(line));
    let mut taken = 0;
    for ch in text.chars() {
        let wide = columns(ch.encode_utf8(&mut [0; 4]));
        if wide > left {
            break;
        }
        left -= wide;
        taken += ch.len_utf8();
        line.push(ch);
    }
    taken
}

/// Every line of `text` in lines of at most `width` columns, broken at white space, what follows indented; a word that is longer
/// than a line, such as a path, stays whole.
pub(crate) fn flow(text: &str, width: usize) -> String {
    let options = at_white_space(width).subsequent_indent("  ");
    let parts = text.lines().flat_map(|line| textwrap::wrap(line, &options));
    parts.flat_map(|part| [part, "\n".into()]).collect()
}

fn at_white_space(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width)
        .break_words(false)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_flow_at_white_space_and_a_path_stays_whole() {
        assert_eq!(
            flow("step 1: first answer\n\n  files: /a/long/path\n", 12),
            "step 1:\n  first\n  answer\n\n  files:\n  /a/long/path\n"
        );
        assert_eq!(flow("short\n", 80), "short\n");
    }

    #[test]
    fn a_word_that_is_too_long_goes_on_where_nothing_may_be_lost() {
        assert_eq!(wrap_whole("GET http://example.com", 10), ["GET http:/", "/example.c", "om"]);
        assert_eq!(wrap_whole("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap_whole("日本語", 3), ["日", "本", "語"]);
        assert_eq!((wrap_whole("", 9), wrap_whole("日", 1), wrap_whole("a", 0)), (vec![], vec![], vec![]));
        assert_eq!(wrap("GET http://example.com", 10), ["GET", "http://ex…"]);
    }

    #[test]
    fn what_does_not_fit_is_cut_by_columns_and_says_so() {
        assert_eq!(cut("deploy of version two", 9), "deploy o…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!((cut("abc", 1).as_str(), cut("abc", 0).as_str()), ("…", ""));
    }

    #[test]
    fn a_thousand_marks_on_one_letter_are_cut_too() {
        let text = format!("a{}", "\u{301}".repeat(1_000));
        assert!(cut(&text, 10).len() <= 10 * BYTES_PER_COLUMN + 3);
    }

    #[test]
    fn words_wrap_at_spaces_and_long_ones_are_cut() {
        assert_eq!(wrap("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("a well-known incomprehensible word", 10), ["a", "well-known", "incompreh…", "word"]);
    }
}
