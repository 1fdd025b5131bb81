//! The steps of two targets in one table: a row a step, what a number is worth at each and how they differ, with the noise rule's
//! word where it has one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::StepReport;
use crate::analysis::beside::{Beside, NumberBeside};
use crate::analysis::difference::Significance;
use crate::analysis::numbers::{self, Kind};
use crate::app::state::State;
use crate::session::event::Side;
use crate::tui::panels::steps;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Columns of what a step is: its number, its rates.
const HEAD: [u16; 2] = [4, 10];

/// Columns of when it began.
const WHEN: u16 = 8;

/// Columns of a value, and of a difference.
const VALUE: u16 = 8;
const DELTA: u16 = 9;

/// The numbers of the table, the most telling first: as many as there is room for.
static KINDS: [&Kind; 6] = [
    &numbers::T_RECOVER,
    &numbers::LOST,
    &numbers::T_CAPACITY,
    &numbers::PEAK_P99,
    &numbers::T_SERVING,
    &numbers::BAD_SECONDS,
];

/// Columns in full: of a number's name, its two values, the difference, the word for it.
const NAMES: u16 = 13;
const VALUES: u16 = 14;
const WORD: u16 = 9;

/// Columns below which nothing is said of what a number means.
const MEANING: u16 = 30;

/// The table's columns.
struct Columns {
    /// Whether there is room for when a step began.
    when: bool,
    kinds: Vec<&'static Kind>,
}

/// Columns of one number.
fn width_of(kind: &Kind) -> u16 {
    first_width(kind) + VALUE + DELTA + 3
}

/// Columns of its value at the first target, which has the name above it.
fn first_width(kind: &Kind) -> u16 {
    (text::columns(kind.label) + 2).max(VALUE)
}

fn columns_for(width: u16) -> Columns {
    let mut left = width.saturating_sub(HEAD.iter().map(|width| width + 1).sum());
    let mut kinds = Vec::new();
    for kind in KINDS {
        match left.checked_sub(width_of(kind)) {
            Some(rest) => {
                left = rest;
                kinds.push(kind);
            }
            None => break,
        }
    }
    Columns { when: left > WHEN, kinds }
}

/// Writes cells from the left, one column apart.
struct Line<'a> {
    buf: &'a mut Buffer,
    area: Rect,
    theme: Theme,
    x: u16,
}

impl Line<'_> {
    fn cell(&mut self, words: &str, width: u16, role: Role) {
        let room = usize::from(width.min(self.area.right().saturating_sub(self.x)));
        if room > 0 && self.area.height > 0 {
            text::put(self.buf, self.x, self.area.y, text::shown(words, room), room, self.theme.style(role));
        }
        self.x = self.x.saturating_add(width + 1);
    }
}

fn beside(state: &State) -> Beside<'_> {
    let halves = state.halves();
    Beside::of(halves.get(Side::First).steps(), halves.get(Side::Second).steps())
}

/// Which step is selected, counted from the newest.
fn chosen(state: &State) -> Option<usize> {
    state.selected_step(beside(state).steps().map(|(first, _)| first.step.start))
}

/// The step that is selected.
fn selected(state: &State) -> Option<(&StepReport, &StepReport)> {
    beside(state).steps().nth_back(chosen(state)?)
}

/// Whether a difference is good or bad, where that is known.
const fn tone(significance: Significance) -> Role {
    match significance {
        Significance::Better => Role::Good,
        Significance::Worse => Role::Bad,
        Significance::Differs => Role::Title,
        _ => Role::Label,
    }
}

/// Draws the table, the newest step first, and below it at most `words` lines about the selected one at each target.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, state: &State, theme: Theme, words: u16) {
    if area.is_empty() {
        return;
    }
    let (beside, columns) = (beside(state), columns_for(area.width));
    let mut line = Line { buf, area, theme, x: area.x };
    line.cell("Steps", HEAD[0] + 1 + HEAD[1], Role::Title);
    if columns.when {
        line.cell("at", WHEN, Role::Label);
    }
    for kind in &columns.kinds {
        line.cell(&format!("{} A", kind.label), first_width(kind), Role::Label);
        line.cell("B", VALUE, Role::Label);
        line.cell("B − A", DELTA, Role::Label);
    }
    let said = selected(state).map_or_else(Vec::new, |pair| words_of(pair, area.width, words));
    let said_rows = u16::try_from(said.len()).unwrap_or(0);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1 + said_rows), ..area };
    let count = beside.steps().len();
    if count == 0 && !rows.is_empty() {
        let hint = if state.as_live().is_some() { "none yet: ↑ raises the rate, s spikes it" } else { "none yet" };
        let room = usize::from(area.width.saturating_sub(2));
        text::put(buf, rows.x + 2, rows.y, hint, room, theme.style(Role::Label));
        return;
    }
    let chosen = chosen(state);
    let first = chosen.unwrap_or(count).saturating_sub(usize::from(rows.height).saturating_sub(1));
    let mut y = rows.y;
    for (at, pair) in beside.steps().rev().enumerate().skip(first).take(rows.height.into()) {
        let row = Rect { y, height: 1, ..rows };
        draw_row(buf, row, (theme, state), &columns, &beside, pair);
        if chosen == Some(at) {
            theme.select(buf, row);
        }
        y += 1;
    }
    for line in said {
        if y < area.bottom() {
            text::put(buf, area.x + 2, y, line, usize::from(area.width.saturating_sub(2)), theme.style(Role::Text));
        }
        y += 1;
    }
}

fn draw_row(
    buf: &mut Buffer,
    area: Rect,
    (theme, state): (Theme, &State),
    columns: &Columns,
    beside: &Beside<'_>,
    (first, second): (&StepReport, &StepReport),
) {
    let mut line = Line { buf, area, theme, x: area.x };
    let is_doubtful = Beside::objection(first, second).is_some();
    let id = format!("{}{}", first.step.id, if is_doubtful { " !" } else { "" });
    line.cell(&id, HEAD[0], if is_doubtful { Role::Warn } else { Role::Label });
    line.cell(&steps::change(first), HEAD[1], Role::Title);
    if columns.when {
        line.cell(&first.step.start.to_string(), WHEN, Role::Label);
    }
    for kind in &columns.kinds {
        let number = beside.number(kind, first, second);
        let [(a, role_a), (b, role_b)] = values(kind, &number, (first, second), state);
        line.cell(&a, first_width(kind), role_a);
        line.cell(&b, VALUE, role_b);
        line.cell(&number.difference.say(kind), DELTA, tone(number.difference.significance));
    }
}

/// What a number is worth at each target, and how good that is.
fn values(
    kind: &'static Kind,
    number: &NumberBeside,
    (first, second): (&StepReport, &StepReport),
    state: &State,
) -> [(String, Role); 2] {
    [(&number.first, first), (&number.second, second)]
        .map(|(runs, report)| (runs.say(kind), steps::number(kind, report, state).1))
}

/// What a step did to each target, in words.
fn words_of((first, second): (&StepReport, &StepReport), width: u16, most: u16) -> Vec<String> {
    let of = |side: Side, report: &StepReport| {
        text::wrap(
            &format!("{}: {}", side.letter(), report.words),
            usize::from(width.saturating_sub(2)),
            usize::from(most),
        )
    };
    [of(Side::First, first), of(Side::Second, second)].concat()
}

/// Draws the table over the whole body, and every number of the selected step below it.
pub(crate) fn draw_in_full(buf: &mut Buffer, body: Rect, state: &State, theme: Theme) {
    let wanted = u16::try_from(beside(state).steps().len()).unwrap_or(u16::MAX).saturating_add(2);
    let table = Rect { height: wanted.clamp(3, (body.height / 3).max(3)).min(body.height), ..body };
    draw(buf, table, state, theme, 0);
    let Some((first, second)) = selected(state) else { return };
    let mut y = table.bottom();
    let mut put = |words: String, role: Role, y: &mut u16| {
        if *y < body.bottom() {
            text::put(buf, body.x, *y, words, usize::from(body.width), theme.style(role));
        }
        *y += 1;
    };
    for line in words_of((first, second), body.width, 2) {
        put(line.trim_start().to_owned(), Role::Text, &mut y);
    }
    if let Some(objection) = Beside::objection(first, second) {
        put(text::shown(&objection, usize::from(body.width)), Role::Warn, &mut y);
    }
    let row = |y: u16| Rect { y, height: u16::from(y < body.bottom()), ..body };
    let mut heading = Line { buf, area: row(y), theme, x: body.x };
    heading.cell(&format!("Step {}", first.step.id), NAMES, Role::Title);
    for (title, width) in [("A", VALUES), ("B", VALUES), ("B − A", DELTA), ("", WORD)] {
        heading.cell(title, width, Role::Label);
    }
    // A few letters of a sentence explain nothing.
    let explains = body.right().saturating_sub(heading.x) >= MEANING;
    if explains {
        heading.cell("n and p select another", body.width, Role::Label);
    }
    y += 1;
    let beside = beside(state);
    for (kind, number) in beside.numbers(first, second).filter(|(kind, _)| is_told(kind)) {
        let mut line = Line { buf, area: row(y), theme, x: body.x };
        line.cell(kind.label, NAMES, Role::Label);
        for (words, role) in values(kind, &number, (first, second), state) {
            line.cell(&words, VALUES, role);
        }
        let significance = number.difference.significance;
        line.cell(&number.difference.say(kind), DELTA, tone(significance));
        line.cell(significance.word(), WORD, tone(significance));
        if explains {
            line.cell(kind.meaning, body.width, Role::Label);
        }
        y += 1;
    }
}

/// Whether the screen tells this number; the files tell all of them.
fn is_told(kind: &'static Kind) -> bool {
    crate::tui::views::steps::NUMBERS.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_numbers_are_there_at_every_width_and_more_where_there_is_room() {
        let labels = |width| columns_for(width).kinds.iter().map(|kind| kind.label).collect::<Vec<_>>();
        assert_eq!(labels(60), ["T_recover"]);
        assert_eq!(labels(80), ["T_recover", "lost"]);
        assert!(labels(120).starts_with(&["T_recover", "lost", "T_capacity"]));
        for width in 60..260 {
            let columns = columns_for(width);
            let all: u16 = columns.kinds.iter().map(|kind| width_of(kind)).sum();
            assert!(HEAD[0] + HEAD[1] + 2 + all + u16::from(columns.when) * (WHEN + 1) <= width, "{width}");
        }
    }
}
