//! Text on the screen: numbers short enough for a table, foreign text made harmless, and lines that drop what does not
//! fit instead of breaking.

use std::time::Duration;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A number with a thousands separator below ten million, then in millions: `12,410`, `31.2M`.
pub(crate) fn count(value: u64) -> String {
    if value >= 10_000_000 {
        return format!("{:.1}M", value as f64 / 1e6);
    }
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate or a mean count: whole from 10 on (and whenever it is whole), else one digit; `–` when unknown.
pub(crate) fn per_second(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if !value.is_finite() || value < 0.0 => "–".to_owned(),
        Some(value) if value >= 9.95 || value.fract().abs() < 0.05 => count(whole(value)),
        Some(value) => format!("{value:.1}"),
    }
}

/// The nearest whole number; negative, infinite and absent ones become 0.
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; negative and NaN give 0"
    )]
    let whole = value.round() as u64;
    whole
}

/// A latency in at most three significant digits: `0.4 ms`, `85 ms`, `1.24 s`, `12.4 s`, `2m05s`; `–` when unknown.
pub(crate) fn latency(value: Option<Duration>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let millis = value.as_secs_f64() * 1e3;
    match millis {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_995.0 => format!("{:.2} s", ms / 1e3),
        ms if ms < 99_950.0 => format!("{:.1} s", ms / 1e3),
        _ => format!("{}m{:02}s", value.as_secs() / 60, value.as_secs() % 60),
    }
}

/// An age in whole seconds, then minutes: `40 s`, `3m05s`, `2h10m`.
pub(crate) fn age(value: Duration) -> String {
    match value.as_secs() {
        secs @ 0..=119 => format!("{secs} s"),
        secs @ 120..=7_199 => format!("{}m{:02}s", secs / 60, secs % 60),
        secs => format!("{}h{:02}m", secs / 3600, secs / 60 % 60),
    }
}

/// A share of 1 as a percentage: `0.4 %`, `41 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// Foreign text (marks, names, reasons) in at most `width` columns, without anything a terminal would obey.
///
/// Control characters, escape sequences' first bytes and bidirectional overrides become `·`; line breaks become spaces; what
/// is cut ends in `…`.
pub(crate) fn harmless(text: &str, width: usize) -> String {
    let mut shown = String::new();
    let mut used = 0;
    for (at, ch) in text.char_indices() {
        let ch = match ch {
            '\n' | '\r' | '\t' => ' ',
            ch if ch.is_control() || is_invisible(ch) => '·',
            ch => ch,
        };
        let columns = ch.width().unwrap_or(0);
        if used + columns > width {
            return cut(shown, width);
        }
        // A combining mark takes no column, but a thousand of them are no text either.
        if columns == 0 && at > 0 && shown.len() > width * 8 {
            continue;
        }
        shown.push(ch);
        used += columns;
    }
    shown
}

/// Characters that steer the direction or joining of text instead of showing anything.
const fn is_invisible(ch: char) -> bool {
    matches!(ch, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Makes room for the ellipsis of a text that is to be cut at `width`.
fn cut(mut text: String, width: usize) -> String {
    if width == 0 {
        return String::new();
    }
    while text.width() + 1 > width {
        text.pop();
    }
    text.push('…');
    text
}

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// Breaks `text` into lines of at most `width` columns at spaces, at most `max` of them; the last one is cut.
pub(crate) fn wrap(text: &str, width: usize, max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let clean = harmless(text, 4_000);
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        let is_last = lines.len() == max;
        match lines.last_mut() {
            // The last line takes whatever comes, and is cut below.
            Some(line) if is_last || line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ if max > 0 => lines.push(word.to_owned()),
            _ => break,
        }
    }
    lines.iter().map(|line| harmless(line, width)).collect()
}

/// A piece of a line that can be left out when there is no room for it.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    spans: Vec<(String, Style)>,
    /// Pieces of rank 0 stay; the higher the rank, the earlier a piece goes.
    rank: u8,
}

impl Piece {
    /// A piece of one style.
    pub(crate) fn new(rank: u8, text: impl Into<String>, style: Style) -> Self {
        Self { spans: vec![(text.into(), style)], rank }
    }

    /// The same piece with more text of another style.
    #[must_use]
    pub(crate) fn and(mut self, text: impl Into<String>, style: Style) -> Self {
        self.spans.push((text.into(), style));
        self
    }

    fn width(&self) -> usize {
        self.spans.iter().map(|(text, _)| text.width()).sum()
    }
}

/// The pieces that fit into `width` columns, `gap` spaces apart, in their order; what is left out is the highest rank first.
pub(crate) fn fit(mut pieces: Vec<Piece>, width: usize, gap: usize) -> Line<'static> {
    let total =
        |pieces: &[Piece]| pieces.iter().map(Piece::width).sum::<usize>() + gap * pieces.len().saturating_sub(1);
    while total(&pieces) > width {
        // Of equal ranks the last goes first, so that a line keeps its beginning.
        let Some((at, _)) =
            pieces.iter().enumerate().filter(|(_, piece)| piece.rank > 0).max_by_key(|(at, piece)| (piece.rank, *at))
        else {
            break;
        };
        pieces.remove(at);
    }
    let mut spans: Vec<Span<'static>> = Vec::new();
    for piece in pieces {
        if !spans.is_empty() && gap > 0 {
            spans.push(Span::raw(" ".repeat(gap)));
        }
        spans.extend(piece.spans.into_iter().map(|(text, style)| Span::styled(text, style)));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_readable() {
        assert_eq!([0, 999, 1_000, 12_410, 31_200_000].map(count), ["0", "999", "1,000", "12,410", "31.2M"]);
        assert_eq!(per_second(Some(0.3)), "0.3");
        assert_eq!(per_second(Some(599.6)), "600");
        assert_eq!(per_second(Some(f64::NAN)), "–");
    }

    #[test]
    fn latencies_keep_three_digits() {
        let shown = |micros| latency(Some(Duration::from_micros(micros)));
        assert_eq!(
            [400, 85_000, 999_900, 1_240_000, 12_400_000, 125_000_000].map(shown),
            ["0.4 ms", "85 ms", "1.00 s", "1.24 s", "12.4 s", "2m05s"]
        );
        assert_eq!(latency(None), "–");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\x1b[31mb\u{202e}c\nd", 40), "a·[31mb·c d");
        assert_eq!(harmless("deploy of version two", 9), "deploy o…");
        assert_eq!(harmless("日本語", 5), "日本…");
    }

    #[test]
    fn words_wrap_and_the_last_line_says_that_more_was_there() {
        assert_eq!(wrap("one two three four five", 9, 2), ["one two", "three fo…"]);
        assert_eq!(wrap("", 9, 2), Vec::<String>::new());
        assert_eq!(wrap("one", 9, 0), Vec::<String>::new());
    }

    #[test]
    fn a_line_drops_its_least_important_pieces_first() {
        let pieces = || {
            vec![
                Piece::new(0, "600/s", Style::new()),
                Piece::new(2, "folder", Style::new()),
                Piece::new(1, "ok", Style::new()),
            ]
        };
        assert_eq!(fit(pieces(), 40, 2).to_string(), "600/s  folder  ok");
        assert_eq!(fit(pieces(), 12, 2).to_string(), "600/s  ok");
        assert_eq!(fit(pieces(), 5, 2).to_string(), "600/s");
    }
}
