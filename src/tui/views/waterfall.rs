//! Where the time of a scale-out went: a row a stage, each bar from where the stage before it ended.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::analysis::Timing;
use crate::analysis::waterfall::{Row, Segment, Waterfall};
use crate::tui::panels::steps;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Columns of the names of stages.
const NAME_WIDTH: u16 = 16;

/// Columns of their times.
const TIME_WIDTH: u16 = 12;

/// Fewer columns than this show no bar.
const NARROWEST_BAR: u16 = 10;

/// Rows that it takes: the heading, a row a stage, what the platform says.
pub(crate) fn rows(fall: &Waterfall) -> u16 {
    let said = u16::from(fall.cause.is_some()) + u16::from(fall.not_scaled.is_some());
    u16::try_from(fall.rows().len()).unwrap_or(u16::MAX).saturating_add(1 + said)
}

/// What stands above it; of several of a step, which one of how many it is.
pub(crate) fn title(place: Option<(usize, usize)>) -> String {
    let of = place.map(|(at, count)| format!(", scale-out {at} of {count}")).unwrap_or_default();
    format!("Where the time went{of}")
}

/// Draws it below its title; what has no room is left out from below.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, theme: Theme, fall: &Waterfall, title: &str) {
    if area.is_empty() {
        return;
    }
    let remark = if fall.is_partial() {
        "from the step's start; of the rest this platform keeps no record"
    } else {
        "from the step's start, by the platform's own clock"
    };
    super::heading(buf, Rect { height: 1, ..area }, theme, title, remark);
    let rows = fall.rows();
    let whole = rows.iter().map(Row::end).fold(0.1, f64::max);
    let mut y = area.y + 1;
    for row in &rows {
        if y < area.bottom() {
            let area = Rect { y, height: 1, ..area };
            match row {
                Row::Bar(segment) => bar(buf, area, theme, segment, whole),
                Row::Remark(stage, why) => {
                    let width = usize::from(area.width);
                    let words = format!("{:<name$}{why}", stage.label(), name = usize::from(NAME_WIDTH));
                    text::put(buf, area.x, area.y, text::shown(&words, width), width, theme.style(Role::Label));
                }
            }
        }
        y += 1;
    }
    let why = fall.not_scaled.as_ref().map(|why| (format!("not scaled: {why}"), Role::Warn));
    for (said, role) in why.into_iter().chain(fall.cause.clone().map(|cause| (cause, Role::Label))) {
        if y < area.bottom() {
            let width = usize::from(area.width);
            text::put(buf, area.x, y, text::shown(&said, width), width, theme.style(role));
        }
        y += 1;
    }
}

fn bar(buf: &mut Buffer, area: Rect, theme: Theme, segment: &Segment, whole: f64) {
    let (time, role) = steps::timing(&segment.timing);
    let put = |buf: &mut Buffer, x: u16, words: &str, width: u16, role: Role| {
        let room = width.min(area.width.saturating_sub(x));
        if room > 0 {
            text::put(buf, area.x + x, area.y, words, usize::from(room), theme.style(role));
        }
    };
    put(buf, 0, segment.stage.label(), NAME_WIDTH, Role::Label);
    put(buf, NAME_WIDTH, &time, TIME_WIDTH - 1, role);
    let left = NAME_WIDTH + TIME_WIDTH;
    let room = area.width.saturating_sub(left + 1);
    if room < NARROWEST_BAR {
        return;
    }
    let (from, to) = (column(segment.from, whole, room), column(segment.to, whole, room));
    // Every stage leaves a trace, however short it was.
    let width = (to - from).max(1).min(room - from.min(room - 1));
    let (sign, role) = match segment.timing {
        Timing::Reached { .. } => ("█", Role::Responding),
        _ => ("·", Role::Warn),
    };
    put(buf, left + from.min(room - 1), &sign.repeat(usize::from(width)), width, role);
}

/// The column of a time, 0 to `room`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, and the share is 0 to 1")]
fn column(secs: f64, whole: f64, room: u16) -> u16 {
    (secs / whole * f64::from(room)).round() as u16
}
