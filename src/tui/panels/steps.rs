//! The table of steps: how fast the service scaled after each, and what users felt; the selected one in words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::numbers::{self, Kind, Unit, Value};
use crate::analysis::words::{Tone, tone};
use crate::analysis::{InstanceSpan, StepReport, Timing, Validity};
use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::State;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// A column of the table.
struct TableColumn {
    title: &'static str,
    width: u16,
    /// The higher, the earlier it goes when room is short; 0 stays.
    rank: u8,
    cell: Cell,
}

/// Where a cell of it comes from.
enum Cell {
    /// What the step is.
    Head(fn(&StepReport, &State) -> (String, Role)),
    /// One of its numbers.
    Number(&'static Kind),
}

impl TableColumn {
    const fn head(title: &'static str, width: u16, rank: u8, cell: fn(&StepReport, &State) -> (String, Role)) -> Self {
        Self { title, width, rank, cell: Cell::Head(cell) }
    }

    const fn number(kind: &'static Kind, width: u16, rank: u8) -> Self {
        Self { title: kind.label, width, rank, cell: Cell::Number(kind) }
    }

    fn cell(&self, report: &StepReport, state: &State) -> (String, Role) {
        match self.cell {
            Cell::Head(cell) => cell(report, state),
            Cell::Number(kind) => number(kind, report, state),
        }
    }
}

static COLUMNS: [TableColumn; 14] = [
    TableColumn::head("#", 5, 0, |report, _| (report.step.id.to_string(), Role::Label)),
    TableColumn::head("at", 8, 1, |report, _| (report.step.start.to_string(), Role::Label)),
    TableColumn::head("rate", 10, 0, |report, _| (change(report), Role::Title)),
    TableColumn::head("for", 8, 3, |report, state| (length(report, state), Role::Label)),
    TableColumn::number(&numbers::T_TRIGGER, 11, 5),
    TableColumn::number(&numbers::T_FIRST, 11, 6),
    TableColumn::number(&numbers::T_SERVING, 11, 0),
    TableColumn::number(&numbers::T_CAPACITY, 11, 0),
    TableColumn::number(&numbers::T_RECOVER, 14, 0),
    TableColumn::number(&numbers::LOST, 8, 0),
    TableColumn::number(&numbers::SLOW, 8, 4),
    TableColumn { title: "bad s", ..TableColumn::number(&numbers::BAD_SECONDS, 7, 3) },
    TableColumn::number(&numbers::PEAK_P99, 9, 0),
    TableColumn::head("instances", 10, 2, |report, _| {
        (report.numbers.instances.map_or_else(|| "–".to_owned(), instances), Role::Text)
    }),
];

/// A number as short as a cell, and how good it is.
pub(crate) fn number(kind: &Kind, report: &StepReport, state: &State) -> (String, Role) {
    let limit = state.session().objectives().before(report.step.end).latency;
    match kind.value(&report.numbers) {
        Value::Timing(reached) => timing_of(kind, &reached, report),
        value @ (Value::Latency(latency) | Value::AtLeast(latency)) => {
            let is_peak = *kind == numbers::PEAK_P99;
            let bound = if matches!(value, Value::AtLeast(_)) { "≥ " } else { "" };
            (
                format!("{bound}{}", text::latency(Some(latency))),
                if is_peak && latency > limit { Role::Bad } else { Role::Text },
            )
        }
        value => {
            let words = match (value, kind.unit) {
                (Value::Part { part, .. }, _) => text::count(part),
                // The title says that it is seconds.
                (Value::Known(secs), Unit::Seconds) => text::count(text::whole(secs)),
                (value, unit) => value.say(unit),
            };
            let is_bad = value.known().is_some_and(|value| value > 0.0);
            let role = match (*kind == numbers::LOST, *kind == numbers::BAD_SECONDS, is_bad) {
                (true, _, true) | (_, true, true) => Role::Bad,
                (true, _, false) => Role::Good,
                _ => Role::Text,
            };
            (words, role)
        }
    }
}

/// From which rate to which.
pub(crate) fn change(report: &StepReport) -> String {
    let profile = report.step.profile;
    let arrow = if profile.ramp_duration().is_zero() { "→" } else { "↗" };
    format!("{}{arrow}{}", report.step.before.get(), profile.last().get())
}

fn length(report: &StepReport, state: &State) -> String {
    let now = state.now().max(state.session().now());
    let end = report.step.end.unwrap_or(now);
    text::age(end.saturating_since(report.step.start))
}

/// A timing of a step and how good it is: that no instance came is bad only where one was missed.
fn timing_of(kind: &Kind, reached: &Timing, report: &StepReport) -> (String, Role) {
    let (words, role) = timing(reached);
    let role = match (reached, tone(report)) {
        (Timing::NotWithin { .. }, Tone::Warning) => Role::Warn,
        (Timing::NotWithin { .. }, Tone::Good | Tone::Neutral) if *kind != numbers::T_RECOVER => Role::Label,
        _ => role,
    };
    (words, role)
}

/// A timing and how good it is.
pub(crate) fn timing(timing: &Timing) -> (String, Role) {
    let role = match timing {
        Timing::Reached { .. } => Role::Text,
        Timing::NotWithin { open: true, .. } => Role::Warn,
        Timing::NotWithin { open: false, .. } | Timing::AlreadyViolated => Role::Bad,
        Timing::Absorbed => Role::Good,
        Timing::NotApplicable(_) => Role::Label,
    };
    let words = match timing {
        Timing::Absorbed => "absorbed".to_owned(),
        timing => timing.to_string(),
    };
    (words, role)
}

/// `1→5`; `5` where nobody counted before the step.
pub(crate) fn instances(span: InstanceSpan) -> String {
    span.before.map_or_else(|| span.last.to_string(), |before| format!("{before}→{}", span.last))
}

/// Which report is selected, counted from the newest.
fn chosen(state: &State) -> Option<usize> {
    state.selected_step(state.session().steps().iter().map(|report| report.step.start))
}

/// The report that is selected.
pub(crate) fn selected(state: &State) -> Option<&StepReport> {
    state.session().steps().iter().nth_back(chosen(state)?)
}

/// Draws the table, newest step first, and below it at most `words` lines about the selected one.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, state: &State, theme: Theme, words: u16) {
    if area.is_empty() {
        return;
    }
    let steps = &state.session().steps();
    let columns = columns_for(area.width);
    let mut x = area.x;
    for column in &columns {
        let style = theme.style(if column.title == "#" { Role::Title } else { Role::Label });
        let title = if column.title == "#" { "Steps" } else { column.title };
        text::put(buf, x, area.y, title, usize::from(area.right().saturating_sub(x)), style);
        x += column.width + 1;
    }
    let spoken = selected(state).map_or_else(Vec::new, |report| words_of(report, area.width, words));
    let words = u16::try_from(spoken.len()).unwrap_or(words);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1 + words), ..area };
    if steps.is_empty() {
        let hint = none_yet(state);
        text::put(
            buf,
            rows.x + 2,
            rows.y.min(area.bottom() - 1),
            hint,
            usize::from(area.width.saturating_sub(2)),
            theme.style(Role::Label),
        );
    }
    let chosen = chosen(state);
    // Where the past before the first step is looked at none is, and the oldest are the nearest.
    let first = chosen.unwrap_or(steps.len()).saturating_sub(usize::from(rows.height).saturating_sub(1));
    for (y, (at, report)) in (rows.top()..rows.bottom()).zip(steps.iter().rev().enumerate().skip(first)) {
        row(buf, Rect { y, height: 1, ..rows }, state, theme, &columns, (report, chosen == Some(at)));
    }
    let drawn = u16::try_from(steps.len().saturating_sub(first)).unwrap_or(u16::MAX).min(rows.height).max(1);
    let mark = theme.style(Role::Key);
    for (at, line) in spoken.iter().enumerate() {
        let y = rows.y + drawn + u16::try_from(at).unwrap_or(0);
        if y >= area.bottom() {
            break;
        }
        if at == 0 {
            text::glyph(buf, area.x, y, "▸", mark);
        }
        text::put(buf, area.x + 2, y, line, usize::from(area.width.saturating_sub(2)), theme.style(Role::Text));
    }
}

fn row(
    buf: &mut Buffer,
    area: Rect,
    state: &State,
    theme: Theme,
    columns: &[&TableColumn],
    report: (&StepReport, bool),
) {
    let (report, is_chosen) = report;
    let mut x = area.x;
    for column in columns {
        let (cell, role) = column.cell(report, state);
        let style = theme.style(role);
        text::put(buf, x, area.y, cell, usize::from(column.width.min(area.right().saturating_sub(x))), style);
        x += column.width + 1;
    }
    if !matches!(report.validity, Validity::Valid) {
        text::put(buf, area.x + 2, area.y, "!", 1, theme.style(Role::Warn));
    }
    if is_chosen {
        theme.select(buf, area);
    }
}

fn words_of(report: &StepReport, width: u16, max: u16) -> Vec<String> {
    text::wrap(&report.words, usize::from(width.saturating_sub(2)), usize::from(max))
}

/// What stands in place of the steps, with the keys that begin one.
fn none_yet(state: &State) -> String {
    let key = |action: &Action, does: &str| {
        let key = state.ui().keys.key(KeyMap::mode(state), action).filter(|_| state.as_live().is_some());
        key.map(|key| format!("{key} {does}"))
    };
    let keys = [key(&Action::RateUp, "raises the rate"), key(&Action::Spike, "spikes it")];
    let keys: Vec<String> = keys.into_iter().flatten().collect();
    if keys.is_empty() { "none yet".to_owned() } else { format!("none yet: {}", keys.join(", ")) }
}

/// The columns that fit, in their order.
fn columns_for(width: u16) -> Vec<&'static TableColumn> {
    let mut columns: Vec<&TableColumn> = COLUMNS.iter().collect();
    while columns.iter().map(|column| column.width + 1).sum::<u16>() > width + 1 {
        let Some(at) = (0..columns.len()).filter(|&at| columns[at].rank > 0).max_by_key(|&at| columns[at].rank) else {
            break;
        };
        columns.remove(at);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_no_other_word_for_what_the_files_and_the_report_say() {
        let timings = [
            Timing::Reached { secs: 8.1, plus_minus: 0.0 },
            Timing::NotWithin { secs: 42.0, open: false },
            Timing::Absorbed,
            Timing::AlreadyViolated,
            Timing::NotApplicable("the rate went down"),
        ];
        for one in timings {
            let (cell, _) = timing(&one);
            assert!(one.to_string().ends_with(&cell), "{one}: {cell}");
        }
    }
}
