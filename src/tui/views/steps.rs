//! The steps: every number of each in a table, the selected one in words with what each number means.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::numbers::{self, Kind, Value};
use crate::analysis::waterfall::Waterfall;
use crate::analysis::{StepReport, Timing, Validity};
use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::State;
use crate::instances::Basis;
use crate::tui::layout::Frame;
use crate::tui::panels::steps;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::views::waterfall;
use scaletop_load::OutcomeClass;

/// Columns of the names of numbers.
const NAME_WIDTH: u16 = 13;

/// Columns of their values.
const VALUE_WIDTH: u16 = 19;

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) {
    let body = screen.body;
    super::scene(buf, screen.header, body, state, theme);
    let details = steps::selected(state).map_or_else(Vec::new, |report| details(report, state));
    let wide = body.width >= 130;
    let detail_rows = u16::try_from(if wide { details.len().div_ceil(2) } else { details.len() }).unwrap_or(0);
    // The table gets what its rows need, but leaves room for the numbers of the selected step as far as it can.
    let most = body.height.saturating_sub(detail_rows + 5).max(body.height / 3).max(4);
    let wanted = u16::try_from(state.session().steps().len()).unwrap_or(u16::MAX).saturating_add(3);
    let table_height = wanted.clamp(4, most);
    let table = Rect { height: table_height.min(body.height), ..body };
    steps::draw(buf, table, state, theme, 0);
    let below = Rect { y: table.bottom(), height: body.bottom().saturating_sub(table.bottom()), ..body };
    if let Some(report) = steps::selected(state) {
        let (keys, mode) = (&state.ui().keys, KeyMap::mode(state));
        let select = keys.either(mode, &[Action::SelectNext, Action::SelectPrevious]);
        let how = select.map_or_else(String::new, |keys| format!("{keys} selects another"));
        let name = report.step.name.as_deref().map_or_else(String::new, |name| format!(" “{}”", text::shown(name, 40)));
        let title = format!("Step {}{name}", report.step.id);
        super::heading(buf, Rect { height: below.height.min(1), ..below }, theme, &title, &how);
        let scale_outs = state.session().scale_outs(report);
        selected(buf, below, theme, report, &details, wide, scale_outs.as_ref());
    }
}

fn selected(
    buf: &mut Buffer,
    area: Rect,
    theme: Theme,
    report: &StepReport,
    details: &[Detail],
    wide: bool,
    scale_outs: Option<&Result<Vec<Waterfall>, String>>,
) {
    let falls = scale_outs.and_then(|told| told.as_ref().ok()).map_or(&[][..], Vec::as_slice);
    let mut y = area.y + 1;
    let role = if matches!(report.validity, Validity::Valid) { Role::Text } else { Role::Warn };
    for line in text::wrap(&report.words, usize::from(area.width), 4) {
        if y < area.bottom() {
            text::put(buf, area.x, y, line, usize::from(area.width), theme.style(role));
        }
        y += 1;
    }
    if let Some(Err(why)) = scale_outs {
        if y < area.bottom() {
            let width = usize::from(area.width);
            text::put(
                buf,
                area.x,
                y,
                text::shown(&format!("Scale-out: {why}"), width),
                width,
                theme.style(Role::Label),
            );
        }
        y += 1;
    }
    // The waterfalls as pictures where all of them fit below the numbers, else each as a sentence above them.
    let falls_rows: u16 = falls.iter().map(|fall| waterfall::rows(fall) + 1).sum();
    let columns: u16 = if wide { 2 } else { 1 };
    let lines = u16::try_from(details.len().div_ceil(usize::from(columns))).unwrap_or(u16::MAX);
    let is_drawn = y + lines + falls_rows <= area.bottom();
    let place = |at: usize| (falls.len() > 1).then_some((at + 1, falls.len()));
    for (at, fall) in falls.iter().enumerate().filter(|_| !is_drawn) {
        let words = format!("{}: {}", waterfall::title(place(at)), fall.words());
        for line in text::wrap(&words, usize::from(area.width), if falls.len() > 1 { 3 } else { 4 }) {
            if y < area.bottom() {
                text::put(buf, area.x, y, line, usize::from(area.width), theme.style(Role::Label));
            }
            y += 1;
        }
    }
    let free = area.bottom().saturating_sub(y);
    if free > lines + if is_drawn { falls_rows } else { 0 } {
        y += 1;
    }
    let column_width = area.width / columns;
    let per_column = details.len().div_ceil(usize::from(columns));
    for (at, detail) in details.iter().enumerate() {
        let (column, line) = (at / per_column, at % per_column);
        let y = y + u16::try_from(line).unwrap_or(u16::MAX);
        let x = area.x + u16::try_from(column).unwrap_or(0) * column_width;
        if y < area.bottom() {
            detail_row(buf, Rect { x, y, width: column_width.saturating_sub(1), height: 1 }, theme, detail);
        }
    }
    let mut y = y + lines + 1;
    for (at, fall) in falls.iter().enumerate().filter(|_| is_drawn) {
        let area = Rect { y, height: area.bottom().saturating_sub(y), ..area };
        waterfall::draw(buf, area, theme, fall, &waterfall::title(place(at)));
        y += waterfall::rows(fall) + 1;
    }
}

fn detail_row(buf: &mut Buffer, area: Rect, theme: Theme, detail: &Detail) {
    text::put(buf, area.x, area.y, detail.name, usize::from(NAME_WIDTH), theme.style(Role::Label));
    let value = text::shown(&detail.value, usize::from(VALUE_WIDTH - 1));
    text::put(buf, area.x + NAME_WIDTH, area.y, value, usize::from(VALUE_WIDTH), theme.style(detail.role));
    let left = NAME_WIDTH + VALUE_WIDTH;
    let room = usize::from(area.width.saturating_sub(left));
    text::put(buf, area.x + left, area.y, text::shown(&detail.meaning, room), room, theme.style(Role::Label));
}

/// A number and what it means.
struct Detail {
    name: &'static str,
    value: String,
    role: Role,
    meaning: String,
}

/// The numbers that are told one by one, in this order; the span of instances, which is three of them, follows.
pub(crate) static NUMBERS: [&Kind; 14] = [
    &numbers::T_TRIGGER,
    &numbers::T_FIRST,
    &numbers::T_SERVING,
    &numbers::T_CAPACITY,
    &numbers::T_RECOVER,
    &numbers::BAD_SECONDS,
    &numbers::DUE,
    &numbers::SENT,
    &numbers::OK,
    &numbers::LOST,
    &numbers::SLOW,
    &numbers::PEAK_P99,
    &numbers::P99,
    &numbers::SEND_LAG_P99,
];

fn detail(kind: &'static Kind, report: &StepReport, state: &State) -> Detail {
    let value = kind.value(&report.numbers);
    let (mut words, role) = match value {
        Value::Timing(_) => steps::number(kind, report, state),
        _ => (steps::number(kind, report, state).0, Role::Text),
    };
    if let Value::Part { part, whole } = value
        && whole > 0
    {
        words = format!("{words}, {}", text::percent(part as f64 / whole as f64));
    }
    let meaning = match value {
        Value::Timing(Timing::NotApplicable(why)) => format!("{} ({why})", kind.meaning),
        _ => kind.meaning.to_owned(),
    };
    Detail { name: kind.label, value: words, role, meaning }
}

fn details(report: &StepReport, state: &State) -> Vec<Detail> {
    let all = &report.numbers;
    let mut details: Vec<_> = NUMBERS.iter().map(|kind| detail(kind, report, state)).collect();
    if let Some(span) = all.instances {
        let basis = all.basis.map_or("instances", Basis::label);
        let of = if span.before.is_some() { "before and at the end" } else { "at the end" };
        let meaning = format!("{basis}, {of}, {} at most", span.peak);
        details.push(Detail { name: "instances", value: steps::instances(span), role: Role::Text, meaning });
    }
    if all.target.is_some() {
        details.push(Detail { name: "needed", ..detail(&numbers::INSTANCES_NEEDED, report, state) });
    }
    if all.dropped_late > 0 {
        details.push(Detail { name: "late", role: Role::Warn, ..detail(&numbers::DROPPED_LATE, report, state) });
    }
    if all.dropped_connections > 0 {
        let number = detail(&numbers::DROPPED_CONNECTIONS, report, state);
        details.push(Detail { name: "no conn.", role: Role::Warn, ..number });
    }
    let ours = all.outcomes.of_class(OutcomeClass::Generator);
    if ours > 0 {
        let meaning = "requests that failed for want of our own ports or descriptors".to_owned();
        details.push(Detail { name: "ours", value: text::count(ours), role: Role::Warn, meaning });
    }
    details
}
