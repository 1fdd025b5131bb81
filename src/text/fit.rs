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
    lines(text, width, false)
}

/// The same with words that are too long going on in the next line.
pub(crate) fn wrap_whole(text: &str, width: usize) -> Vec<String> {
    lines(text, width, true)
}

fn lines(text: &str, width: usize, breaks_words: bool) -> Vec<String> {
    let text = &text[..text.floor_char_boundary(LONGEST_BYTES)];
    let word = |word: &str| if breaks_words { clean(word) } else { cut(&clean(word), width) };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let options = textwrap::Options::new(width)
        .break_words(breaks_words)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(&words.join(" "), options).into_iter().map(std::borrow::Cow::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_too_long_goes_on_where_nothing_may_be_lost() {
        assert_eq!(wrap_whole("GET http://example.com", 10), ["GET", "http://exa", "mple.com"]);
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
