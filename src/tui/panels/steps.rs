//! The table of steps: how fast the service scaled after each, and what users felt; the selected one in words.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::{StepReport, Timing, Validity};
use crate::app::state::State;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// A column of the table.
struct TableColumn {
    title: &'static str,
    width: u16,
    /// The higher, the earlier it goes when room is short; 0 stays.
    rank: u8,
    cell: fn(&StepReport, &State) -> (String, Role),
}

const COLUMNS: [TableColumn; 14] = [
    TableColumn { title: "#", width: 5, rank: 0, cell: |report, _| (report.step.id.to_string(), Role::Label) },
    TableColumn { title: "at", width: 8, rank: 1, cell: |report, _| (report.step.start.to_string(), Role::Label) },
    TableColumn { title: "rate", width: 10, rank: 0, cell: |report, _| (change(report), Role::Title) },
    TableColumn { title: "for", width: 8, rank: 3, cell: |report, state| (length(report, state), Role::Label) },
    TableColumn { title: "T_trigger", width: 11, rank: 5, cell: |report, _| timing(&report.numbers.trigger) },
    TableColumn { title: "T_first", width: 11, rank: 6, cell: |report, _| timing(&report.numbers.first) },
    TableColumn { title: "T_serving", width: 11, rank: 0, cell: |report, _| timing(&report.numbers.serving) },
    TableColumn { title: "T_capacity", width: 11, rank: 0, cell: |report, _| timing(&report.numbers.capacity) },
    TableColumn { title: "T_recover", width: 14, rank: 0, cell: |report, _| timing(&report.numbers.recover) },
    TableColumn { title: "lost", width: 8, rank: 0, cell: |report, _| lost(report) },
    TableColumn { title: "slow", width: 8, rank: 4, cell: |report, _| (text::count(report.numbers.slow), Role::Text) },
    TableColumn { title: "bad s", width: 7, rank: 3, cell: |report, _| bad_seconds(report) },
    TableColumn { title: "peak p99", width: 9, rank: 0, cell: peak },
    TableColumn { title: "instances", width: 10, rank: 2, cell: |report, _| (instances(report), Role::Text) },
];

fn change(report: &StepReport) -> String {
    let profile = report.step.profile;
    let arrow = if profile.ramp_duration().is_zero() { "→" } else { "↗" };
    format!("{}{arrow}{}", report.step.before.get(), profile.last().get())
}

fn length(report: &StepReport, state: &State) -> String {
    let now = state.now().max(state.session().now());
    let end = report.step.end.unwrap_or(now);
    text::age(end.saturating_since(report.step.start))
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
        Timing::Absorbed => "0, absorbed".to_owned(),
        Timing::AlreadyViolated => "already bad".to_owned(),
        timing => timing.to_string(),
    };
    (words, role)
}

fn lost(report: &StepReport) -> (String, Role) {
    let lost = report.numbers.lost;
    (text::count(lost), if lost > 0 { Role::Bad } else { Role::Good })
}

fn bad_seconds(report: &StepReport) -> (String, Role) {
    let bad = report.numbers.bad_seconds;
    (bad.to_string(), if bad > 0 { Role::Bad } else { Role::Text })
}

fn peak(report: &StepReport, state: &State) -> (String, Role) {
    let limit = state.session().header().settings.slo.latency;
    let peak = report.numbers.peak_p99;
    (text::latency(peak), if peak.is_some_and(|peak| peak > limit) { Role::Bad } else { Role::Text })
}

fn instances(report: &StepReport) -> String {
    report.numbers.instances.map_or_else(
        || "–".to_owned(),
        |span| {
            let before = span.before.map_or_else(|| "?".to_owned(), |before| before.to_string());
            format!("{before}→{}", span.last)
        },
    )
}

/// The report that is selected: counted from the newest.
pub(crate) fn selected(state: &State) -> Option<&StepReport> {
    let steps = &state.session().steps();
    let at = state.ui().selected.min(steps.len().saturating_sub(1));
    steps.iter().rev().nth(at)
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
        buf.set_stringn(x, area.y, title, usize::from(area.right().saturating_sub(x)), style);
        x += column.width + 1;
    }
    let spoken = selected(state).map_or_else(Vec::new, |report| words_of(report, area.width, words));
    let words = u16::try_from(spoken.len()).unwrap_or(words);
    let rows = Rect { y: area.y + 1, height: area.height.saturating_sub(1 + words), ..area };
    if steps.is_empty() {
        let hint = "none yet: ↑ raises the rate, s spikes it";
        buf.set_stringn(
            rows.x + 2,
            rows.y.min(area.bottom() - 1),
            hint,
            usize::from(area.width.saturating_sub(2)),
            theme.style(Role::Label),
        );
    }
    let chosen = state.ui().selected.min(steps.len().saturating_sub(1));
    let first = chosen.saturating_sub(usize::from(rows.height).saturating_sub(1));
    for (y, (at, report)) in (rows.top()..rows.bottom()).zip(steps.iter().rev().enumerate().skip(first)) {
        row(buf, Rect { y, height: 1, ..rows }, state, theme, &columns, (report, at == chosen));
    }
    let drawn = u16::try_from(steps.len().saturating_sub(first)).unwrap_or(u16::MAX).min(rows.height).max(1);
    let mark = theme.style(Role::Key);
    for (at, line) in spoken.iter().enumerate() {
        let y = rows.y + drawn + u16::try_from(at).unwrap_or(0);
        if y >= area.bottom() {
            break;
        }
        if at == 0 {
            buf.set_string(area.x, y, "▸", mark);
        }
        buf.set_stringn(area.x + 2, y, line, usize::from(area.width.saturating_sub(2)), theme.style(Role::Text));
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
    if is_chosen {
        buf.set_style(area, theme.style(Role::Selected));
    }
    let mut x = area.x;
    for column in columns {
        let (cell, role) = (column.cell)(report, state);
        let style = if is_chosen && !theme.has_color() { theme.style(Role::Selected) } else { theme.style(role) };
        buf.set_stringn(x, area.y, cell, usize::from(column.width.min(area.right().saturating_sub(x))), style);
        x += column.width + 1;
    }
    if !matches!(report.validity, Validity::Valid) {
        buf.set_stringn(area.x + 2, area.y, "!", 1, theme.style(Role::Warn));
    }
}

fn words_of(report: &StepReport, width: u16, max: u16) -> Vec<String> {
    text::wrap(&report.words, usize::from(width.saturating_sub(2)), usize::from(max))
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
