//! The painter: areas and lines of a chart, composed cell by cell, so that each keeps its colour.
//!
//! A cell of a terminal has one glyph, one foreground and one background. What a cell shows of all that lies in it, in this
//! order:
//!
//! 1. **Lines** own the glyph and the foreground. One alone is drawn as it is. Where several lie in one cell they take turns,
//!    [`TURN`] cells each, along a pattern that stands still on the screen: lines that run together are a cord of all their
//!    colours, and none is longer in it than the others.
//! 2. **Areas** are the background of lines, and have the cell where no line is: whole cells as background (so that a step's line
//!    shines through), the rest in eighths. Where two areas meet in a cell one is the glyph and the other the background; where
//!    more meet the cell is divided so that the least of it is given away.
//! 3. What would have no cell at all after that gets one of a line that has several.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

use crate::tui::glyphs::{EIGHTHS, Glyphs};
use crate::tui::theme::{Role, Theme};

/// Dots of a cell side by side.
pub(crate) const DOTS_WIDE: usize = 2;

/// Dots of a cell above each other.
pub(crate) const DOTS_HIGH: usize = 4;

/// Parts of a cell above each other that an area is measured in.
pub(crate) const PARTS_HIGH: usize = 8;

/// Cells that a line has before it is the next one's turn.
const TURN: usize = 4;

/// What the painter draws with.
#[derive(Clone, Debug, Default)]
struct LineCell {
    /// Dots as in the lower byte of a braille character.
    dots: u8,
    role: Option<Role>,
}

/// A line of dots.
#[derive(Clone, Debug)]
struct LineLayer(Vec<LineCell>);

/// The part of a column of cells that an area covers, in parts of a cell from the bottom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    from: usize,
    until: usize,
}

#[derive(Clone, Debug)]
struct AreaLayer {
    role: Role,
    /// One extent a column of cells.
    columns: Vec<Extent>,
}

/// A plot in the making.
#[derive(Clone, Debug)]
pub(crate) struct Painter {
    columns: usize,
    rows: usize,
    areas: Vec<AreaLayer>,
    lines: Vec<LineLayer>,
    /// How many lines have a dot in each cell.
    crowds: Vec<usize>,
}

/// Draws into one line of a [`Painter`].
#[derive(Debug)]
pub(crate) struct Pen<'a> {
    columns: usize,
    cells: &'a mut [LineCell],
    crowds: &'a mut [usize],
}

impl Pen<'_> {
    /// Inks a dot, counted from the top left; dots outside are left out.
    pub(crate) fn dot(&mut self, x: usize, y: usize, role: Role) {
        /// The bits of a braille character by column and row.
        const BITS: [[u8; DOTS_HIGH]; DOTS_WIDE] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let column = x / DOTS_WIDE;
        if column >= self.columns {
            return;
        }
        let at = y / DOTS_HIGH * self.columns + column;
        if let Some(cell) = self.cells.get_mut(at) {
            self.crowds[at] += usize::from(cell.dots == 0);
            cell.dots |= BITS[x % DOTS_WIDE][y % DOTS_HIGH];
            cell.role = Some(role);
        }
    }
}

/// What a cell shows of the areas in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    /// All of it.
    Whole(Role),
    /// So many eighths from below, and what is above.
    Partly { eighths: usize, below: Role, above: Option<Role> },
}

impl Ground {
    /// What stands behind a line in this cell; in the lowest row a little is enough, lest it be seen nowhere.
    fn behind_a_line(self, is_lowest: bool) -> Option<Role> {
        match self {
            Self::Whole(role) => Some(role),
            Self::Partly { eighths, below, above } => {
                if eighths * 2 >= PARTS_HIGH || is_lowest && above.is_none() {
                    Some(below)
                } else {
                    above
                }
            }
        }
    }
}

impl Painter {
    /// An empty plot of so many cells.
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Self { columns, rows, areas: Vec::new(), lines: Vec::new(), crowds: vec![0; columns * rows] }
    }

    /// A line above all that were begun before.
    pub(crate) fn line(&mut self) -> Pen<'_> {
        self.lines.push(LineLayer(vec![LineCell::default(); self.columns * self.rows]));
        let last = self.lines.len() - 1;
        Pen { columns: self.columns, cells: &mut self.lines[last].0, crowds: &mut self.crowds }
    }

    /// An area beside those that were begun before: for each column of cells from where to where, in eighths of a cell from the
    /// bottom. Where areas overlap the later one is seen.
    pub(crate) fn area(&mut self, role: Role, extents: impl IntoIterator<Item = (usize, usize)>) {
        let mut columns: Vec<Extent> =
            extents.into_iter().take(self.columns).map(|(from, until)| Extent { from, until }).collect();
        columns.resize(self.columns, Extent::default());
        // Most charts of errors have nothing to show.
        if columns.iter().any(|extent| extent.from < extent.until) {
            self.areas.push(AreaLayer { role, columns });
        }
    }

    /// Puts it on the screen.
    pub(crate) fn paint(&self, buf: &mut Buffer, plot: Rect, theme: Theme) {
        let owners = self.owners();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let (Ok(x), Ok(y)) = (u16::try_from(column), u16::try_from(row)) else { continue };
                if x >= plot.width || y >= plot.height {
                    continue;
                }
                let at = row * self.columns + column;
                let ground = self.ground(column, row);
                let line = owners[at].map(|line| &self.lines[line].0[at]);
                let cell = &mut buf[(plot.x + x, plot.y + y)];
                match (line, ground) {
                    (Some(LineCell { dots, role: Some(role) }), ground) => {
                        let is_lowest = row + 1 == self.rows;
                        cell.reset();
                        cell.set_symbol(theme.glyphs().dots(*dots, *role).encode_utf8(&mut [0; 4]));
                        cell.set_style(theme.style(*role));
                        if let Some(role) = ground.and_then(|ground| ground.behind_a_line(is_lowest)) {
                            cell.set_bg(theme.fill(role));
                        }
                    }
                    (_, Some(ground)) => paint_ground(cell, ground, theme),
                    (_, None) => {}
                }
            }
        }
    }

    /// Which line each cell belongs to.
    fn owners(&self) -> Vec<Option<usize>> {
        let mut owned = vec![0_usize; self.lines.len()];
        let mut owners: Vec<Option<usize>> = Vec::with_capacity(self.columns * self.rows);
        for (at, &crowd) in self.crowds.iter().enumerate() {
            // Most cells have no line.
            if crowd == 0 {
                owners.push(None);
                continue;
            }
            let (row, column) = (at / self.columns, at % self.columns);
            // The rows are counted too, so that lines which rise together share that as well.
            let turn = (column / TURN + row) % crowd;
            let line = (0..self.lines.len()).rev().filter(|&line| self.lines[line].0[at].dots != 0).nth(turn);
            if let Some(line) = line {
                owned[line] += 1;
            }
            owners.push(line);
        }
        for line in 0..self.lines.len() {
            if owned[line] > 0 {
                continue;
            }
            // The newest of its cells, from one that can spare it.
            let cells = (0..owners.len()).filter(|&at| self.lines[line].0[at].dots != 0);
            let spared = cells.filter(|&at| owners[at].is_some_and(|owner| owned[owner] > 1));
            if let Some(at) = spared.max_by_key(|at| at % self.columns) {
                owned[owners[at].unwrap_or(line)] -= 1;
                owned[line] += 1;
                owners[at] = Some(line);
            }
        }
        owners
    }

    /// What a cell shows of the areas in it.
    fn ground(&self, column: usize, row: usize) -> Option<Ground> {
        let bottom = (self.rows - 1 - row) * PARTS_HIGH;
        let has_any = |area: &AreaLayer| {
            let Extent { from, until } = area.columns[column];
            from.max(bottom) < until.min(bottom + PARTS_HIGH)
        };
        if !self.areas.iter().any(has_any) {
            return None;
        }
        // From below: what each eighth belongs to.
        let mut eighths = [None; PARTS_HIGH];
        for area in &self.areas {
            let Extent { from, until } = area.columns[column];
            let (from, until) = (from.max(bottom), until.min(bottom + PARTS_HIGH));
            for eighth in from..until {
                eighths[eighth - bottom] = Some(area.role);
            }
        }
        divided(eighths)
    }
}

/// One division of a cell, of which each eighth belongs to an area or to none: that which gives away the least.
fn divided(eighths: [Option<Role>; PARTS_HIGH]) -> Option<Ground> {
    // Most cells: nothing, or one area alone.
    if eighths.iter().all(|&other| other == eighths[0]) {
        return eighths[0].map(Ground::Whole);
    }
    let covered = eighths.iter().flatten().count();
    let most = |part: &[Option<Role>]| {
        let count = |role: Option<Role>| part.iter().filter(|&&other| other == role).count();
        part.iter().copied().max_by_key(|&role| count(role)).map(|role| (role, count(role)))
    };
    if eighths[0].is_none() {
        // It hangs in the upper part, and no glyph is empty below: all of it, where it covers most of the cell.
        let covers = covered * 2 >= PARTS_HIGH;
        return eighths.into_iter().flatten().next().filter(|_| covers).map(Ground::Whole);
    }
    // The rest of most: one area ends, or two meet, and nothing has to be given away.
    let first_run = eighths.iter().take_while(|&&other| other == eighths[0]).count();
    let (below, above) = (eighths[0]?, eighths[first_run]);
    if eighths[first_run..].iter().all(|&other| other == above) {
        return Some(Ground::Partly { eighths: first_run, below, above });
    }
    let divisions = (1..=PARTS_HIGH).filter_map(|at| {
        let (below, kept) = most(&eighths[..at])?;
        let (above, kept_above) = most(&eighths[at..]).unwrap_or((below, 0));
        Some((kept + kept_above, at, below?, above))
    });
    let (_, at, below, above) = divisions.max_by_key(|&(kept, ..)| kept)?;
    Some(if above == Some(below) { Ground::Whole(below) } else { Ground::Partly { eighths: at, below, above } })
}

/// An area where no line is.
fn paint_ground(cell: &mut ratatui::buffer::Cell, ground: Ground, theme: Theme) {
    let mut glyph = |symbol: &str, front, behind: Option<Role>| {
        cell.reset();
        cell.set_symbol(symbol);
        if theme.has_color() {
            cell.set_fg(front);
            cell.set_bg(behind.map_or(Color::Reset, |behind| theme.fill(behind)));
        }
    };
    let is_plain = !theme.has_color() || theme.glyphs() == Glyphs::Ascii;
    match ground {
        // The glyph says what it is where colours cannot, or where every cell has to hold a letter.
        Ground::Whole(role) if is_plain => glyph(theme.glyphs().shade(role), theme.color(role), Some(role)),
        Ground::Partly { eighths, below, above } if is_plain => {
            let role = if eighths * 2 >= PARTS_HIGH { below } else { above.unwrap_or(below) };
            glyph(theme.glyphs().shade(role), theme.color(role), Some(role));
        }
        Ground::Whole(role) => {
            cell.set_bg(theme.fill(role));
        }
        Ground::Partly { eighths, below, above } => {
            let eighths = if theme.glyphs() == Glyphs::Blocks { eighths.div_ceil(4) * 4 } else { eighths };
            glyph(EIGHTHS[eighths.min(PARTS_HIGH)], theme.fill(below), above.filter(|_| eighths < PARTS_HIGH));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn painted(painter: &Painter, theme: Theme) -> Buffer {
        let area = Rect::new(0, 0, u16::try_from(painter.columns).unwrap(), u16::try_from(painter.rows).unwrap());
        let mut buf = Buffer::empty(area);
        painter.paint(&mut buf, area, theme);
        buf
    }

    fn count(buf: &Buffer, color: Color) -> usize {
        buf.content.iter().filter(|cell| cell.fg == color || cell.bg == color).count()
    }

    #[test]
    fn crossing_lines_keep_their_colours() {
        let mut painter = Painter::new(20, 10);
        let mut pen = painter.line();
        (0..40).for_each(|x| pen.dot(x, x, Role::P50));
        let mut pen = painter.line();
        (0..40).for_each(|x| pen.dot(x, 39 - x, Role::P99));
        let buf = painted(&painter, Theme::DARK);
        let [p50, p99] = [Role::P50, Role::P99].map(|role| count(&buf, Theme::DARK.color(role)));
        assert!(p50.abs_diff(p99) <= 2 && p50 + p99 >= 36, "two lines of 20 cells, four of them shared: {p50}, {p99}");
    }

    #[test]
    fn lines_that_run_together_share_their_cells_evenly() {
        for lines in 2..=4_usize {
            let roles = [Role::P50, Role::Sent, Role::Oldest, Role::Needed];
            let mut painter = Painter::new(48, 1);
            for role in &roles[..lines] {
                let mut pen = painter.line();
                (0..96).for_each(|x| pen.dot(x, 1, *role));
            }
            let buf = painted(&painter, Theme::DARK);
            for role in &roles[..lines] {
                assert_eq!(count(&buf, Theme::DARK.color(*role)), 48 / lines, "{role:?} of {lines}");
            }
        }
    }

    #[test]
    fn a_line_over_an_area_has_its_colour_and_the_area_is_behind_it() {
        let mut painter = Painter::new(4, 2);
        painter.area(Role::Ok, [(0, 16); 4]);
        let mut pen = painter.line();
        (0..8).for_each(|x| pen.dot(x, 0, Role::Target));
        let buf = painted(&painter, Theme::DARK);
        assert_eq!((buf[(0, 0)].fg, buf[(0, 0)].bg), (Theme::DARK.color(Role::Target), Theme::DARK.fill(Role::Ok)));
        assert_eq!(buf[(0, 1)].bg, Theme::DARK.fill(Role::Ok));
    }

    #[test]
    fn stacked_areas_meet_in_a_cell_with_both_colours() {
        let mut painter = Painter::new(1, 2);
        painter.area(Role::Ok, [(0, 11)]);
        painter.area(Role::Bad, [(11, 16)]);
        let buf = painted(&painter, Theme::DARK);
        let cell = &buf[(0, 0)];
        assert_eq!((cell.symbol(), cell.fg, cell.bg), ("▃", Theme::DARK.fill(Role::Ok), Theme::DARK.fill(Role::Bad)));
    }

    #[test]
    fn where_one_area_ends_in_a_cell_or_two_meet_each_keeps_its_eighths() {
        for at in 1..PARTS_HIGH {
            for above in [None, Some(Role::Bad)] {
                let eighths = std::array::from_fn(|eighth| if eighth < at { Some(Role::Ok) } else { above });
                let partly = Ground::Partly { eighths: at, below: Role::Ok, above };
                assert_eq!(divided(eighths), Some(partly));
            }
        }
    }

    #[test]
    fn without_colours_or_dots_a_cell_still_says_what_it_is() {
        let mut painter = Painter::new(6, 1);
        painter.area(Role::Bad, [(0, 8), (0, 8), (0, 0), (0, 8), (0, 8), (0, 8)]);
        let mut pen = painter.line();
        (10..12).for_each(|x| pen.dot(x, 0, Role::P99));
        let row = |theme: Theme| {
            painted(&painter, theme).content.iter().map(|cell| cell.symbol().to_owned()).collect::<String>()
        };
        assert_eq!(row(Theme::MONO), "▓▓ ▓▓⠉");
        assert_eq!(row(Theme::DARK.with(Glyphs::Ascii)), "## ##*");
        assert_eq!(row(Theme::MONO.with(Glyphs::Blocks)), "▓▓ ▓▓▀");
    }

    proptest! {
        #[test]
        fn every_line_with_a_dot_has_a_cell_of_its_colour(
            columns in 12_u16..60, rows in 2_u16..12,
            heights in proptest::collection::vec(proptest::collection::vec(proptest::option::of(0_usize..48), 24..120), 1..6)
        ) {
            let roles = [Role::P50, Role::Sent, Role::Oldest, Role::Needed, Role::Mark];
            let mut painter = Painter::new(columns, rows);
            painter.area(Role::Ok, vec![(0, usize::from(rows) * 4); columns.into()]);
            let mut has_ink = vec![false; heights.len()];
            for ((line, role), inked) in heights.iter().zip(roles).zip(&mut has_ink) {
                let mut pen = painter.line();
                for (x, y) in line.iter().enumerate().filter_map(|(x, y)| Some((x, (*y)?))) {
                    pen.dot(x, y, role);
                    *inked |= x < usize::from(columns) * DOTS_WIDE && y < usize::from(rows) * DOTS_HIGH;
                }
            }
            // One cell may be all that there is of several.
            let roomy = heights.iter().all(|line| line.iter().flatten().filter(|&&y| y < usize::from(rows) * DOTS_HIGH).count() >= 2 * heights.len());
            let buf = painted(&painter, Theme::DARK);
            for (role, _) in roles.into_iter().zip(has_ink).filter(|(_, inked)| *inked && roomy) {
                prop_assert!(count(&buf, Theme::DARK.color(role)) > 0, "{role:?} is not to be seen");
            }
            prop_assert!(count(&buf, Theme::DARK.fill(Role::Ok)) > 0);
        }
    }
}
