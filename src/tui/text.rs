//! Text on the screen: foreign text in so many columns, and lines that drop what does not fit instead of breaking.
//!
//! Where the terminal lacks a character that takes more columns in others (`≤` is `<=` in ASCII), all that measures, wraps, cuts or
//! writes text here has it so already: [`in_glyphs`].

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

pub(crate) use crate::text::{age, count, latency, per_second, percent, whole};

use crate::text::clean;
use crate::tui::glyphs::Glyphs;

thread_local! {
    /// The characters of the frame that is being drawn.
    static GLYPHS: Cell<Glyphs> = const { Cell::new(Glyphs::Braille) };
}

/// Puts back what was there before, whatever ends the drawing.
struct Before(Glyphs);

impl Drop for Before {
    fn drop(&mut self) {
        GLYPHS.set(self.0);
    }
}

/// Draws with texts in such characters.
pub(crate) fn in_glyphs<T>(glyphs: Glyphs, draw: impl FnOnce() -> T) -> T {
    let _before = Before(GLYPHS.replace(glyphs));
    draw()
}

/// A text as it is shown: with what stands for characters that take more columns here.
fn worded(text: &str) -> Cow<'_, str> {
    let glyphs = GLYPHS.get();
    if glyphs == Glyphs::Braille || text.chars().all(|ch| glyphs.words(ch).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for ch in text.chars() {
        match (ch, glyphs.words(ch)) {
            // `Shift->` would be a riddle.
            ('→', Some(_)) if shown.ends_with('-') => shown.push_str("Right"),
            ('←', Some(_)) if shown.ends_with('-') => shown.push_str("Left"),
            (_, Some(words)) => shown.push_str(words),
            (ch, None) => shown.push(ch),
        }
    }
    Cow::Owned(shown)
}

/// A text in at most `width` columns; what is cut says so at its end.
fn cut(text: &str, width: usize) -> String {
    let mark = GLYPHS.get().cut_mark();
    if text.width() <= width || mark.width() == 1 {
        return crate::text::cut(text, width);
    }
    let Some(room) = width.checked_sub(mark.width()) else { return ".".repeat(width) };
    let kept = crate::text::cut(text, room + 1);
    format!("{}{mark}", kept.trim_end_matches('…'))
}

/// Foreign text (marks, names, reasons) in at most `width` columns of one line, without anything a terminal would obey; what
/// is cut ends in `…`.
pub(crate) fn shown(text: &str, width: usize) -> String {
    // A frame must not cost more for a text of a megabyte.
    let text = &text[..text.floor_char_boundary(64 * (width + 1))];
    cut(&worded(&clean(&text.replace(['\n', '\r', '\t'], " "))), width)
}

/// Writes a text in at most `width` columns; what is cut ends in `…`, so that no number is read as another. Returns the column after
/// it. The cell's own style does not shine through: a text without a colour has the terminal's.
pub(crate) fn put(buf: &mut Buffer, x: u16, y: u16, text: impl AsRef<str>, width: usize, style: Style) -> u16 {
    put_line(buf, x, y, &Line::from(Span::styled(text.as_ref(), style)), width)
}

/// Writes a line of several styles, as [`put`] does.
pub(crate) fn put_line(buf: &mut Buffer, x: u16, y: u16, line: &Line<'_>, width: usize) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return x;
    }
    let left = width.min(usize::from(area.right() - x));
    let contents: Vec<Cow<'_, str>> = line.spans.iter().map(|span| worded(&span.content)).collect();
    let whole: usize = contents.iter().map(|content| content.width()).sum();
    let mark = GLYPHS.get().cut_mark();
    // Where not all fits, the end says so.
    let mut room = if whole > left { left.saturating_sub(mark.width()) } else { left };
    let marked = left - room;
    let mut x = x;
    for (span, content) in line.spans.iter().zip(&contents).filter(|_| left > 0) {
        let style = opaque(line.style.patch(span.style));
        let wide = content.width();
        if wide > room {
            let shown = cut(&format!("{content}{mark}"), room + marked);
            return buf.set_stringn(x, y, shown, room + marked, style).0;
        }
        (x, _) = buf.set_stringn(x, y, content, room, style);
        room -= wide;
    }
    x
}

/// The style with nothing of what was there before.
fn opaque(style: Style) -> Style {
    Style { fg: style.fg.or(Some(Color::Reset)), sub_modifier: Modifier::all().difference(style.add_modifier), ..style }
}

/// Puts one character of the screen's own into a cell, over what stands there; outside the screen it puts none. A text is cut into
/// graphemes and measured, of which a frame has hundreds of characters too many.
pub(crate) fn glyph(buf: &mut Buffer, x: u16, y: u16, glyph: &str, style: Style) {
    if let Some(cell) = buf.cell_mut((x, y)) {
        cell.set_symbol(glyph).set_style(style);
    }
}

/// Columns that a text takes.
pub(crate) fn columns(text: &str) -> u16 {
    u16::try_from(worded(text).width()).unwrap_or(u16::MAX)
}

/// A length of time in at most six columns: `45s`, `2m30`, `1h05`.
pub(crate) fn span_label(length: Duration) -> String {
    let secs = length.as_secs();
    match (secs / 3_600, secs / 60 % 60, secs % 60) {
        (0, 0, secs) => format!("{secs}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, secs) => format!("{minutes}m{secs:02}"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}"),
    }
}

/// Foreign text in lines of at most `width` columns, at most `max` of them; the last one is cut.
pub(crate) fn wrap(text: &str, width: usize, max: usize) -> Vec<String> {
    let mut lines = crate::text::wrap(&worded(text), width);
    for line in &mut lines {
        *line = cut(&worded(line), width);
    }
    if lines.len() > max {
        let rest = lines.split_off(max.saturating_sub(1)).join(" ");
        if max > 0 {
            lines.push(cut(&rest, width));
        }
    }
    lines
}

/// The same with words that are too long going on in the next line.
pub(crate) fn wrap_whole(text: &str, width: usize, max: usize) -> Vec<String> {
    let mut lines = crate::text::wrap_whole(&worded(text), width);
    if lines.len() > max {
        lines.truncate(max);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last}{}", GLYPHS.get().cut_mark()), width);
        }
    }
    lines
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
        Self { spans: vec![(worded(&text.into()).into_owned(), style)], rank }
    }

    /// The same piece with more text of another style.
    #[must_use]
    pub(crate) fn and(mut self, text: impl Into<String>, style: Style) -> Self {
        self.spans.push((worded(&text.into()).into_owned(), style));
        self
    }

    /// Columns that it takes.
    pub(crate) fn width(&self) -> usize {
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
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(shown("a\x1b[31mb\u{202e}c\nd", 40), "a�[31mb�c d");
        assert_eq!(shown("deploy of version two", 9), "deploy o…");
        assert_eq!(shown("日本語", 5), "日本…");
    }

    #[test]
    fn what_is_written_is_whole_or_ends_in_an_ellipsis() {
        let area = ratatui::layout::Rect::new(0, 0, 12, 1);
        let shown = |width: usize| {
            let mut buf = Buffer::empty(area);
            let line = Line::from(vec![Span::raw("lost "), Span::raw("2,470"), Span::raw("/s")]);
            let end = put_line(&mut buf, 0, 0, &line, width);
            assert!(usize::from(end) <= width.min(12), "{end}");
            (0..12).map(|x| buf[(x, 0)].symbol()).collect::<String>().trim_end().to_owned()
        };
        assert_eq!(
            [12, 11, 10, 9, 6, 5, 1, 0].map(shown),
            ["lost 2,470/s", "lost 2,470…", "lost 2,47…", "lost 2,4…", "lost …", "lost…", "…", ""]
        );
    }

    #[test]
    fn in_ascii_what_is_wider_has_room_and_what_is_cut_ends_in_two_dots() {
        let area = ratatui::layout::Rect::new(0, 0, 12, 1);
        let put = |text: &str, width: usize| {
            let mut buf = Buffer::empty(area);
            let end = put(&mut buf, 0, 0, text, width, Style::new());
            assert!(usize::from(end) <= width.min(12), "{end}");
            (0..12).map(|x| buf[(x, 0)].symbol()).collect::<String>().trim_end().to_owned()
        };
        in_glyphs(Glyphs::Ascii, || {
            assert_eq!([put("p99 ≤ 5 ms", 12), put("p99 < 5 ms", 12)], ["p99 <= 5 ms", "p99 < 5 ms"]);
            assert_eq!([put("±50", 12), put("20→600", 12), put("Shift-→", 12)], ["+-50", "20->600", "Shift-Right"]);
            let cut = [12, 11, 10, 4, 3, 2, 1, 0].map(|width| put("lost 2,470/s", width));
            assert_eq!(cut, ["lost 2,470/s", "lost 2,47..", "lost 2,4..", "lo..", "l..", "..", ".", ""]);
            assert_eq!(shown("deploy of ≥ 2", 9), "deploy ..");
            assert_eq!((columns("±≤"), Piece::new(0, "a…b", Style::new()).width()), (4, 4));
            assert_eq!(wrap("p99 ≤ 500 ms", 6, 9), ["p99 <=", "500 ms"]);
        });
        assert_eq!(columns("±≤"), 2, "only while it draws");
    }

    #[test]
    fn a_text_has_nothing_of_the_line_that_it_is_written_over() {
        let mut buf = Buffer::empty(ratatui::layout::Rect::new(0, 0, 4, 1));
        buf.set_string(0, 0, "┊┊┊┊", Style::new().fg(Color::Red).add_modifier(Modifier::DIM));
        put(&mut buf, 0, 0, "600", 4, Style::new().add_modifier(Modifier::BOLD));
        assert_eq!((buf[(0, 0)].fg, buf[(0, 0)].modifier), (Color::Reset, Modifier::BOLD));
    }

    #[test]
    fn a_character_stands_over_what_was_there_and_outside_the_screen_there_is_none() {
        let mut buf = Buffer::empty(ratatui::layout::Rect::new(0, 0, 2, 1));
        buf.set_string(0, 0, "ab", Style::new().fg(Color::Red));
        for (x, y) in [(0, 0), (2, 0), (0, 1)] {
            glyph(&mut buf, x, y, "│", Style::new().add_modifier(Modifier::DIM));
        }
        assert_eq!((buf[(0, 0)].symbol(), buf[(0, 0)].fg, buf[(0, 0)].modifier), ("│", Color::Red, Modifier::DIM));
        assert_eq!(buf[(1, 0)].symbol(), "b");
    }

    #[test]
    fn words_wrap_and_the_last_line_says_that_more_was_there() {
        assert_eq!(wrap("one two three four five", 9, 2), ["one two", "three fo…"]);
        assert_eq!(wrap_whole("one twothreefour five", 9, 2), ["one twoth", "reefour…"]);
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
