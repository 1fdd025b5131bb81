//! The screen as a picture: a frame as SVG that looks the same everywhere. Dots and blocks are drawn, not written, since few
//! fonts have them at the width of a letter.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::tui::theme::place_of_16;

/// A cell, in pixels.
const CELL: (f64, f64) = (8.0, 17.0);

/// The size of letters, and how far above the bottom of a cell they stand, in pixels.
const FONT: f64 = 13.5;
const BASE: f64 = 4.5;

/// What the terminal's own colours are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paper {
    pub(crate) background: u32,
    pub(crate) text: u32,
}

impl Paper {
    /// A dark terminal.
    pub(crate) const DARK: Self = Self { background: 0x10_1418, text: 0xd5_dae0 };
    /// A light one.
    pub(crate) const LIGHT: Self = Self { background: 0xff_ffff, text: 0x24_292f };
}

/// The frame as a picture, `title` being what it shows, for those who do not see it.
pub(crate) fn svg(frame: &Buffer, paper: Paper, title: &str) -> String {
    let (width, height) = (f64::from(frame.area.width) * CELL.0, f64::from(frame.area.height) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"{FONT}\">\n\
         <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
        escaped(title),
        hex(paper.background)
    );
    for row in 0..frame.area.height {
        let cells: Vec<&Cell> = (0..frame.area.width).filter_map(|column| frame.cell((column, row))).collect();
        let top = f64::from(row) * CELL.1;
        for (from, run) in runs(&cells, |cell| colors(cell, paper).1) {
            let background = colors(run[0], paper).1;
            if background != paper.background {
                rect(&mut out, from as f64 * CELL.0, top, run.len() as f64 * CELL.0, CELL.1, background);
            }
        }
        for (at, cell) in cells.iter().enumerate() {
            drawn(&mut out, at as f64 * CELL.0, top, cell, colors(cell, paper).0);
        }
        for (from, run) in runs(&cells, |cell| (colors(cell, paper).0, cell.modifier)) {
            written(&mut out, from, top, run, colors(run[0], paper).0);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbours that are alike, with the column of the first.
fn runs<'a, K: PartialEq>(cells: &'a [&'a Cell], key: impl Fn(&Cell) -> K) -> Vec<(usize, &'a [&'a Cell])> {
    let mut at = 0;
    let alike = cells.chunk_by(|a, b| key(a) == key(b));
    alike
        .map(|run| {
            at += run.len();
            (at - run.len(), run)
        })
        .collect()
}

/// Letters: the words of a run, each where it stands.
fn written(out: &mut String, from: usize, top: f64, run: &[&Cell], color: u32) {
    let is_letter = |cell: &&Cell| !cell.symbol().trim().is_empty() && shape(cell).is_none();
    let weight = if run[0].modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let mut at = 0;
    for word in run.chunk_by(|a, b| is_letter(a) == is_letter(b)) {
        if is_letter(&word[0]) {
            let text: String = word.iter().map(|cell| cell.symbol()).collect();
            // A write to a String cannot fail.
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" textLength=\"{}\" fill=\"{}\"{weight}>{}</text>",
                (from + at) as f64 * CELL.0,
                top + CELL.1 - BASE,
                word.len() as f64 * CELL.0,
                hex(color),
                escaped(&text)
            );
        }
        at += word.len();
    }
}

/// What is drawn instead of written: rectangles in parts of a cell.
fn drawn(out: &mut String, left: f64, top: f64, cell: &Cell, color: u32) {
    for (x, y, width, height) in shape(cell).unwrap_or_default() {
        rect(out, left + x * CELL.0, top + y * CELL.1, width * CELL.0, height * CELL.1, color);
    }
}

/// The rectangles that a character is, as parts of a cell; `None` when it is a letter.
fn shape(cell: &Cell) -> Option<Vec<(f64, f64, f64, f64)>> {
    let ch = cell.symbol().chars().next()?;
    let code = u32::from(ch);
    Some(match ch {
        '\u{2800}'..='\u{28ff}' => {
            // The bits of a braille character, by column and row.
            const DOTS: [(f64, f64); 8] =
                [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (0.0, 3.0), (1.0, 3.0)];
            let is_set = |bit: &usize| (code - 0x2800) & (1 << bit) != 0;
            (0..8).filter(is_set).map(|bit| (DOTS[bit].0 / 2.0, DOTS[bit].1 / 4.0, 0.5, 0.25)).collect()
        }
        '▁'..='█' => {
            let eighths = f64::from(code - 0x2580) / 8.0;
            vec![(0.0, 1.0 - eighths, 1.0, eighths)]
        }
        '▀' => vec![(0.0, 0.0, 1.0, 0.5)],
        '▌' => vec![(0.0, 0.0, 0.5, 1.0)],
        '▐' => vec![(0.5, 0.0, 0.5, 1.0)],
        '─' => vec![(0.0, 0.47, 1.0, 0.06)],
        '━' => vec![(0.0, 0.44, 1.0, 0.12)],
        '│' => vec![(0.45, 0.0, 0.1, 1.0)],
        '┃' => vec![(0.4, 0.0, 0.2, 1.0)],
        _ => return None,
    })
}

fn rect(out: &mut String, x: f64, y: f64, width: f64, height: f64, color: u32) {
    let _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>", hex(color));
}

/// The colour of what stands in a cell, and of what is behind it.
fn colors(cell: &Cell, paper: Paper) -> (u32, u32) {
    let (text, background) = (rgb(cell.fg, paper.text), rgb(cell.bg, paper.background));
    if cell.modifier.contains(Modifier::REVERSED) { (background, text) } else { (text, background) }
}

/// A terminal's colour (the 256 of xterm); `own` where the terminal has its own.
fn rgb(color: Color, own: u32) -> u32 {
    const ANSI: [u32; 16] = [
        0x00_0000, 0xcd_3131, 0x0d_bc79, 0xe5_e510, 0x24_72c8, 0xbc_3fbc, 0x11_a8cd, 0xe5_e5e5, 0x66_6666, 0xf1_4c4c,
        0x23_d18b, 0xf5_f543, 0x3b_8eea, 0xd6_70d6, 0x29_b8db, 0xff_ffff,
    ];
    let index = match color {
        Color::Reset => return own,
        Color::Rgb(r, g, b) => return u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b),
        Color::Indexed(index) => index,
        color => place_of_16(color),
    };
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * u32::from(step) };
    match index {
        0..=15 => ANSI[usize::from(index)],
        16..=231 => {
            let at = index - 16;
            level(at / 36) << 16 | level(at / 6 % 6) << 8 | level(at % 6)
        }
        _ => (8 + 10 * u32::from(index - 232)) * 0x01_0101,
    }
}

fn hex(color: u32) -> String {
    format!("#{color:06x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn letters_are_written_dots_are_drawn_and_nothing_can_leave_its_text() {
        let mut frame = Buffer::empty(Rect::new(0, 0, 12, 1));
        frame.set_string(0, 0, "a<b", Style::new().fg(Color::Rgb(255, 0, 0)));
        frame.set_string(4, 0, "⣀▄", Style::new().bg(Color::Indexed(16)));
        let picture = svg(&frame, Paper::DARK, "x & y");
        assert!(picture.contains("fill=\"#ff0000\">a&lt;b</text>"), "{picture}");
        assert!(picture.contains("<title>x &amp; y</title>"));
        assert!(!picture.contains('⣀') && !picture.contains('▄'));
        // Paper, one background of two cells, two dots, one half block.
        assert_eq!(picture.matches("<rect").count(), 5, "{picture}");
    }

    #[test]
    fn what_is_reversed_is() {
        let mut frame = Buffer::empty(Rect::new(0, 0, 1, 1));
        frame.set_string(0, 0, "x", Style::new().add_modifier(Modifier::REVERSED));
        let picture = svg(&frame, Paper::LIGHT, "");
        assert!(picture.contains("fill=\"#ffffff\">x"), "{picture}");
    }
}
