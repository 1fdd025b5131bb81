//! Several requests, a row each: what they do now, and over the whole session. With one request there is nothing to tell apart, and the
//! view is not offered.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::State;
use crate::session::state::{RECENT_SECS, RequestTotals, Session};
use crate::tui::layout::Frame;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use scaletop_load::Latency;

/// Columns of a number.
const NUMBER: u16 = 10;

/// The longest name, and the shortest that is worth its column.
const NAME: (u16, u16) = (40, 14);

/// What stands in a cell, and how it reads.
type Cell = (String, Role);

/// The numbers with their headings: those of the last seconds, then those of the session. What does not fit is left out from the
/// end of the list on, and shown in its order.
const COLUMNS: [(&str, Span, u8); 9] = [
    ("sent/s", Span::Recent, 0),
    ("OK", Span::Recent, 1),
    ("p50", Span::Recent, 7),
    ("p99", Span::Recent, 2),
    ("due", Span::Session, 3),
    ("OK", Span::Session, 4),
    ("p50", Span::Session, 8),
    ("p99", Span::Session, 5),
    ("fail p99", Span::Session, 6),
];

/// Which seconds a number is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Span {
    Recent,
    Session,
}

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) {
    let body = screen.body;
    super::scene(buf, screen.header, body, state, theme);
    let mut area = body;
    let halves = state.halves();
    if state.ui().range.is_past() {
        // No second keeps what each of them did, so there is nothing to show of an earlier one.
        let words = format!(
            "as of {}, wherever the cursor is: requests.csv and the report have the seconds before",
            state.session().now()
        );
        text::put(
            buf,
            area.x,
            area.y,
            text::shown(&words, usize::from(area.width)),
            usize::from(area.width),
            theme.style(Role::Warn),
        );
        area = below(area, 1);
    }
    let has_two = halves.second().is_some();
    // Two targets have half of the room each, so that neither hides the other.
    let most = if has_two { area.height / 2 } else { area.height };
    for (side, session) in halves.each() {
        let mut half = Rect { height: most.min(area.height), ..area };
        if has_two {
            let name = text::shown(&halves.name(side), usize::from(area.width));
            super::heading(buf, Rect { height: half.height.min(1), ..half }, theme, &name, "");
            half = below(half, 1);
        }
        if half.height >= 3 {
            table(buf, half, session, state.ui().selected, theme);
        }
        area = below(area, most);
    }
}

/// What is left of `area` under so many rows.
fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// Draws the table. What has no room is told, and comes up with the arrows.
fn table(buf: &mut Buffer, area: Rect, session: &Session, selected: usize, theme: Theme) {
    let all = session.requests().all();
    if all.is_empty() {
        let words = "there is one request; --requests FILE sends several, and tells their numbers apart";
        text::put(buf, area.x, area.y, words, usize::from(area.width), theme.style(Role::Label));
        return;
    }
    let longest = all.iter().map(|request| text::columns(request.name.as_str())).max().unwrap_or(0);
    let name = (longest + 2).clamp(NAME.1, NAME.0).min(area.width);
    let fits = usize::from((area.width - name) / NUMBER);
    let shown: Vec<usize> = (0..COLUMNS.len()).filter(|&at| usize::from(COLUMNS[at].2) < fits).collect();
    headings(buf, area, name, &shown, theme);
    let room = usize::from(area.height.saturating_sub(2));
    // One row less says what is hidden.
    let rows = if all.len() > room { room.saturating_sub(1) } else { room };
    let first = selected.saturating_sub(rows.saturating_sub(1)).min(all.len().saturating_sub(rows));
    let mut y = area.y + 2;
    for request in all.iter().skip(first).take(rows) {
        let width = usize::from(name - 1);
        text::put(buf, area.x, y, text::shown(request.name.as_str(), width), width, theme.style(Role::Text));
        let cells = cells(session, request);
        for (place, &at) in (0..).zip(&shown) {
            let (value, role) = &cells[at];
            right(buf, (area.x + name + place * NUMBER, y), value, theme.style(*role));
        }
        y += 1;
    }
    if all.len() > rows {
        let words = format!("{} more: ↑ ↓", all.len() - rows);
        text::put(buf, area.x, y, words, usize::from(area.width), theme.style(Role::Label));
    }
}

/// The name of each span over its columns, and the name of each column.
fn headings(buf: &mut Buffer, area: Rect, name: u16, shown: &[usize], theme: Theme) {
    let label = theme.style(Role::Label);
    text::put(buf, area.x, area.y + 1, "request", usize::from(name), label);
    let mut before = None;
    for (place, &at) in (0..).zip(shown) {
        let (heading, span, _) = COLUMNS[at];
        let x = area.x + name + place * NUMBER;
        right(buf, (x, area.y + 1), heading, label);
        if before != Some(span) {
            let words = match span {
                Span::Recent => format!("last {RECENT_SECS} s"),
                Span::Session => "whole session".to_owned(),
            };
            // Over the first of its columns, which are right-aligned.
            text::put(
                buf,
                x + 1,
                area.y,
                words,
                usize::from(area.right().saturating_sub(x + 1)),
                theme.style(Role::Title),
            );
        }
        before = Some(span);
    }
}

/// Writes `value` so that it ends where its column does.
fn right(buf: &mut Buffer, (x, y): (u16, u16), value: &str, style: ratatui::style::Style) {
    let width = text::columns(value).min(NUMBER - 1);
    text::put(buf, x + NUMBER - width, y, value, usize::from(width), style);
}

/// The numbers in the order of [`COLUMNS`].
fn cells(session: &Session, request: &RequestTotals) -> [Cell; 9] {
    let (allowed, bound) = (session.objective().errors, session.objective().latency);
    let recent = session.requests().recent(&request.name);
    let [recent_p50, recent_p99] = latencies(&recent.ok, bound);
    let [p50, p99] = latencies(&request.ok_measured, bound);
    let failed = (text::latency(request.failed.quantile(0.99)), Role::Label);
    [
        (text::per_second(Some(recent.rate)), Role::Text),
        ok(recent.errors(), allowed),
        recent_p50,
        recent_p99,
        (text::count(request.due), Role::Text),
        ok(request.errors(), allowed),
        p50,
        p99,
        failed,
    ]
}

/// The share of OK answers.
fn ok(errors: Option<f64>, allowed: f64) -> Cell {
    match errors {
        None => ("–".to_owned(), Role::Label),
        Some(errors) => (text::percent(1.0 - errors), if errors > allowed { Role::Bad } else { Role::Good }),
    }
}

/// p50 and p99; those that miss the objective stand out.
fn latencies(ok: &Latency, bound: Duration) -> [Cell; 2] {
    [0.5, 0.99].map(|quantile| {
        let latency = ok.quantile(quantile);
        let role = match latency {
            None => Role::Label,
            Some(latency) if latency > bound => Role::Bad,
            Some(_) => Role::Text,
        };
        (text::latency(latency), role)
    })
}
