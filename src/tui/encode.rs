//! Cells as bytes for a terminal, in as few of them as say the same. Pure.
//!
//! What every terminal knows is used (ECMA-48: CUP, CUF, CUD, ECH, SGR), nothing that only some do. A colour or weight is sent only
//! when it changes, and only the one that does; a blank has no colour of its own; the cursor goes the shorter of two ways.

use std::io::{self, Write};

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use crate::tui::theme::place_of_16;

/// Blanks in a row from which on erasing them is shorter than writing them.
const ERASED_AT_ONCE: usize = 9;

/// How far back along a row single steps are shorter than a jump.
const STEPS_BACK: u16 = 3;

/// Each weight with the number that sets it and the one that ends it.
const WEIGHTS: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// What makes a blank look like something.
const SEEN_ON_BLANKS: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

/// How the next character will look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    front: Color,
    back: Color,
    weight: Modifier,
}

impl Pen {
    /// As a terminal is after `SGR 0`.
    const PLAIN: Self = Self { front: Color::Reset, back: Color::Reset, weight: Modifier::empty() };

    /// As a cell is to look.
    const fn of(cell: &Cell) -> Self {
        Self { front: cell.fg, back: cell.bg, weight: cell.modifier }
    }

    /// What has to be set to look so for a cell, of which a blank leaves much as it is.
    fn wanted(self, cell: &Cell) -> Self {
        let wanted = Self::of(cell);
        let is_blank = cell.symbol() == " " && !(wanted.weight | self.weight).intersects(SEEN_ON_BLANKS);
        if is_blank { Self { back: wanted.back, ..self } } else { wanted }
    }

    /// The parameters of SGR that lead from this to another: the shorter of changing what differs, and of beginning anew.
    fn change(self, to: Self) -> String {
        let changed = self.differences(to);
        let anew = Self::PLAIN.differences(to);
        let anew = if anew.is_empty() { "0".to_owned() } else { format!("0;{anew}") };
        // `ESC [ m` needs no number.
        let length = |parameters: &str| if parameters == "0" { 0 } else { parameters.len() };
        if length(&anew) < length(&changed) { anew } else { changed }
    }

    fn differences(self, to: Self) -> String {
        let mut parameters: Vec<String> = Vec::new();
        let mut weight = self.weight;
        for (of, _, end) in WEIGHTS {
            if weight.contains(of) && !to.weight.contains(of) {
                parameters.push(end.to_string());
                // One number may end two of them.
                WEIGHTS.iter().filter(|(_, _, also)| *also == end).for_each(|(of, ..)| weight.remove(*of));
            }
        }
        let missing = |(of, ..): &&(Modifier, u8, u8)| to.weight.contains(*of) && !weight.contains(*of);
        parameters.extend(WEIGHTS.iter().filter(missing).map(|(_, begin, _)| begin.to_string()));
        if self.front != to.front {
            parameters.push(color(to.front, 30));
        }
        if self.back != to.back {
            parameters.push(color(to.back, 40));
        }
        parameters.join(";")
    }
}

/// The parameters for a colour; `base` is 30 for letters, 40 for what is behind them.
fn color(color: Color, base: u8) -> String {
    let named = |at: u8| if at < 8 { base + at } else { base + 52 + at };
    match color {
        Color::Reset => (base + 9).to_string(),
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
        Color::Indexed(at) => format!("{};5;{at}", base + 8),
        color => named(place_of_16(color)).to_string(),
    }
}

/// Where the cursor has to go, from where it is, if that is known.
fn go(out: &mut impl Write, from: Option<(u16, u16)>, to: (u16, u16)) -> io::Result<()> {
    let (x, y) = to;
    match from {
        Some(at) if at == to => Ok(()),
        Some((at, row)) if row == y && at < x => match x - at {
            1 => write!(out, "\x1b[C"),
            right => write!(out, "\x1b[{right}C"),
        },
        // Straight down, and a little back: what grows at its right edge.
        Some((at, row)) if row < y && at >= x && at - x <= STEPS_BACK => {
            match y - row {
                1 => write!(out, "\x1b[B")?,
                down => write!(out, "\x1b[{down}B")?,
            }
            (x..at).try_for_each(|_| write!(out, "\x08"))
        }
        _ if x == 0 => write!(out, "\x1b[{}H", u32::from(y) + 1),
        _ => write!(out, "\x1b[{};{}H", u32::from(y) + 1, u32::from(x) + 1),
    }
}

/// Writes cells, ascending by rows and columns, to a terminal of `columns` columns that has a plain pen, and gives it back with one.
/// Without a cell it writes nothing.
pub(crate) fn encode<'a>(
    out: &mut impl Write,
    columns: u16,
    cells: impl IntoIterator<Item = (u16, u16, &'a Cell)>,
) -> io::Result<()> {
    let cells: Vec<(u16, u16, &Cell)> = cells.into_iter().collect();
    let (mut pen, mut cursor) = (Pen::PLAIN, None);
    let mut at = 0;
    while let Some(&(x, y, cell)) = cells.get(at) {
        go(out, cursor, (x, y))?;
        let wanted = pen.wanted(cell);
        if wanted != pen {
            match pen.change(wanted).as_str() {
                "0" => write!(out, "\x1b[m")?,
                parameters => write!(out, "\x1b[{parameters}m")?,
            }
            pen = wanted;
        }
        let blanks = blanks(&cells[at..]);
        if blanks >= ERASED_AT_ONCE
            && pen == (Pen { back: Color::Reset, ..pen })
            && !pen.weight.intersects(SEEN_ON_BLANKS)
        {
            write!(out, "\x1b[{blanks}X")?;
            cursor = Some((x, y));
            at += blanks;
            continue;
        }
        out.write_all(cell.symbol().as_bytes())?;
        let end = x.saturating_add(1);
        // Beyond the last column, and after a character that is not one column wide, terminals differ.
        cursor = (end < columns && cell.symbol().width() == 1).then_some((end, y));
        at += 1;
    }
    if pen != Pen::PLAIN {
        write!(out, "\x1b[m")?;
    }
    Ok(())
}

/// How many cells from the first on are blanks beside one another on the terminal's own background.
fn blanks(cells: &[(u16, u16, &Cell)]) -> usize {
    let Some(&(x, y, _)) = cells.first() else { return 0 };
    let is_next = |(nth, (at, row, cell)): &(usize, &(u16, u16, &Cell))| {
        usize::from(*at) == usize::from(x) + nth
            && *row == y
            && cell.symbol() == " "
            && cell.bg == Color::Reset
            && !cell.modifier.intersects(SEEN_ON_BLANKS)
    };
    cells.iter().enumerate().take_while(is_next).count()
}

/// Bytes that cells cost.
pub(crate) fn cost<'a>(columns: u16, cells: impl IntoIterator<Item = (u16, u16, &'a Cell)>) -> usize {
    let mut bytes = Vec::new();
    // Memory takes every byte.
    let _ = encode(&mut bytes, columns, cells);
    bytes.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::backend::{Backend as _, CrosstermBackend};
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    fn text(columns: u16, cells: &[(u16, u16, &Cell)]) -> String {
        let mut bytes = Vec::new();
        encode(&mut bytes, columns, cells.iter().copied()).unwrap();
        String::from_utf8(bytes).unwrap().replace('\x1b', "^")
    }

    fn cell(symbol: &'static str, style: Style) -> Cell {
        let mut cell = Cell::new(symbol);
        cell.set_style(style);
        cell
    }

    #[test]
    fn what_does_not_change_is_not_sent() {
        let (red, bold) = (Style::new().fg(Color::Red), Style::new().add_modifier(Modifier::BOLD));
        let [a, b, c] = [cell("a", red), cell("b", red), cell("c", bold.fg(Color::Indexed(9)))];
        let blank = cell(" ", Style::new().fg(Color::Blue));
        assert_eq!(text(80, &[]), "");
        assert_eq!(text(80, &[(0, 0, &a), (1, 0, &b), (2, 0, &blank), (3, 0, &b)]), "^[1H^[31mab b^[m");
        assert_eq!(text(80, &[(4, 1, &a), (7, 1, &b), (7, 2, &c)]), "^[2;5H^[31ma^[2Cb^[B\u{8}^[1;38;5;9mc^[m");
        assert_eq!(text(8, &[(7, 1, &a), (7, 2, &b)]), "^[2;8H^[31ma^[3;8Hb^[m", "from the last column nobody steps");
        let plain = Cell::new(" ");
        let many: Vec<(u16, u16, &Cell)> = (0..20).map(|x| (x, 3, &plain)).chain([(20, 3, &a)]).collect();
        assert_eq!(text(80, &many), "^[4H^[20X^[20C^[31ma^[m");
    }

    fn any_cell() -> impl Strategy<Value = Cell> {
        let colors = prop_oneof![
            3 => Just(Color::Reset),
            1 => Just(Color::Red),
            1 => Just(Color::LightBlue),
            1 => (16_u8..255).prop_map(Color::Indexed),
            1 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(r, g, b)| Color::Rgb(r, g, b)),
        ];
        let weights = prop_oneof![
            4 => Just(Modifier::empty()),
            1 => Just(Modifier::BOLD),
            1 => Just(Modifier::DIM),
            1 => Just(Modifier::REVERSED),
            1 => Just(Modifier::BOLD | Modifier::UNDERLINED),
        ];
        let symbol = prop_oneof![4 => Just(" "), 2 => Just("x"), 1 => Just("⣿"), 1 => Just("▄")];
        (symbol, colors.clone(), colors, weights).prop_map(|(symbol, front, back, weight)| {
            cell(symbol, Style::new().fg(front).bg(back).add_modifier(weight))
        })
    }

    /// What is to be seen of each cell: of a blank its background, and what lines it.
    fn seen(
        parser: &vt100::Parser,
        columns: u16,
        rows: u16,
    ) -> Vec<(String, Option<vt100::Color>, vt100::Color, [bool; 4])> {
        let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
        let seen = |(x, y)| {
            let cell = parser.screen().cell(y, x).unwrap();
            let symbol = if cell.contents().is_empty() { " " } else { cell.contents() }.to_owned();
            let is_blank = symbol == " " && !cell.inverse() && !cell.underline();
            let weight = [cell.bold() && !is_blank, cell.dim() && !is_blank, cell.inverse(), cell.underline()];
            (symbol, (!is_blank).then(|| cell.fgcolor()), cell.bgcolor(), weight)
        };
        cells.map(seen).collect()
    }

    proptest! {
        #[test]
        fn the_terminal_shows_what_the_usual_bytes_would(
            frames in prop::collection::vec(prop::collection::vec(any_cell(), 24 * 4), 1..4)
        ) {
            let (columns, rows) = (24, 4);
            let size = |cells: u16| std::num::NonZero::new(cells).unwrap();
            let area = Rect::new(0, 0, columns, rows);
            let mut shown = Buffer::empty(area);
            let [mut ours, mut usual] = [(); 2].map(|()| vt100::Parser::new(size(rows), size(columns), 0));
            for frame in frames {
                let next = Buffer { area, content: frame };
                let changed = shown.diff(&next);
                let (mut bytes, mut more) = (Vec::new(), Vec::new());
                encode(&mut bytes, columns, changed.iter().copied()).unwrap();
                CrosstermBackend::new(&mut more).draw(changed.into_iter()).unwrap();
                prop_assert!(bytes.len() <= more.len());
                ours.process(&bytes);
                usual.process(&more);
                prop_assert_eq!(seen(&ours, columns, rows), seen(&usual, columns, rows));
                shown = next;
            }
        }
    }
}
