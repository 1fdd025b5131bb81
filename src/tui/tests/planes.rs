//! A frame as letters: what stands in each cell, and what colour it has.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::tui::theme::{Role, Theme};

/// The characters of a frame, without the space at the ends of rows.
pub(super) fn letters(buffer: &Buffer) -> Vec<String> {
    planes(buffer, |cell| cell.symbol().chars().next().unwrap_or(' '))
}

fn planes(buffer: &Buffer, letter: impl Fn(&Cell) -> char) -> Vec<String> {
    let area = buffer.area;
    let row = |y| (area.left()..area.right()).map(|x| letter(&buffer[(x, y)])).collect::<String>();
    (area.top()..area.bottom()).map(row).map(|row| row.trim_end().to_owned()).collect()
}

/// The letter that stands for a role's colour in a snapshot. Of roles that have the same colour the first counts; a style that is
/// reversed or dim is `!` or `'`.
const INKS: [(char, Role); 29] = [
    ('T', Role::Title),
    ('l', Role::Label),
    ('f', Role::Faint),
    ('k', Role::Key),
    ('w', Role::Warn),
    ('b', Role::Bad),
    ('m', Role::Mark),
    ('#', Role::Badge),
    ('t', Role::Target),
    ('s', Role::Sent),
    ('o', Role::Ok),
    ('5', Role::P50),
    ('9', Role::P99),
    ('i', Role::Oldest),
    ('_', Role::Slo),
    ('4', Role::Status429),
    ('x', Role::Status5xx),
    ('?', Role::OtherErrors),
    ('d', Role::Dropped),
    ('r', Role::Responding),
    ('a', Role::Active),
    ('u', Role::Running),
    ('e', Role::Desired),
    ('C', Role::Command),
    ('U', Role::Url),
    ('Q', Role::Prometheus),
    ('n', Role::Needed),
    ('g', Role::Good),
    ('L', Role::Limit),
];

/// What colour each cell has, as letters: foregrounds and backgrounds. A dot is text in the terminal's own colour; digits are the
/// levels of the heat map.
pub(super) fn colours(buffer: &Buffer, theme: Theme) -> [Vec<String>; 2] {
    let heat = |color| {
        (0..8_u8).find(|&level| theme.heat(level.into()).fg == Some(color)).map(|level| char::from(b'0' + level))
    };
    let ink = |color| INKS.iter().find(|(_, role)| theme.color(*role) == color).map(|(letter, _)| *letter);
    let fill = |color| INKS.iter().find(|(_, role)| theme.fill(*role) == color).map(|(letter, _)| *letter);
    let is_ansi = theme == Theme::ANSI;
    let front = planes(buffer, |cell| match cell.fg {
        _ if cell.modifier.contains(Modifier::REVERSED) => '!',
        _ if cell.symbol() == " " => ' ',
        Color::Reset if cell.modifier.contains(Modifier::DIM) => '\'',
        Color::Reset => '.',
        color => ink(color).or_else(|| fill(color)).or_else(|| heat(color).filter(|_| !is_ansi)).unwrap_or('*'),
    });
    let back = planes(buffer, |cell| match cell.bg {
        Color::Reset => ' ',
        color => fill(color).or_else(|| heat(color)).unwrap_or('*'),
    });
    [front, back]
}
