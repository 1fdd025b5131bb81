//! The log: what sources say, notices, marks; newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::state::State;
use crate::instances::Feed;
use crate::session::event::NoticeLevel;
use crate::tui::layout::Frame;
use crate::tui::panels::header;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};
use crate::tui::views::Charts;
use scaletop_units::Elapsed;

/// Columns of the time and the sign before a text.
const LEFT: u16 = 11;

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) -> Charts {
    let body = screen.body;
    super::scene(buf, screen.header, body, state, theme);
    let mut y = body.y;
    let feeds = state.session().feeds();
    if !feeds.is_empty() {
        y = sources(buf, Rect { height: body.height / 2, ..body }, state, theme) + 1;
    }
    let rest = Rect { y, height: body.bottom().saturating_sub(y), ..body };
    entries(buf, rest, state, theme);
    None
}

/// The sources, with the reason and the remedy of those that fail. Returns the row below.
fn sources(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) -> u16 {
    super::heading(buf, area, theme, "Sources", "of instance counts and platform facts; load goes on without them");
    let now = state.now().max(state.session().now());
    let mut y = area.y + 1;
    for (name, feed) in state.session().feeds() {
        if y >= area.bottom() {
            break;
        }
        let (role, words) = header::feed_words(feed, now);
        buf.set_stringn(area.x, y, text::shown(name, 20), 20, theme.style(Role::Text));
        let left = area.x + 22;
        buf.set_stringn(left, y, words, usize::from(area.right().saturating_sub(left)), theme.style(role));
        y += 1;
        if let Feed::Stale { error, .. } | Feed::Failed { error } = feed {
            let indent = area.x + 4;
            let width = area.right().saturating_sub(indent);
            for line in text::wrap(&error.to_string(), usize::from(width), 2) {
                if y < area.bottom() {
                    buf.set_stringn(indent, y, line, usize::from(width), theme.style(Role::Label));
                    y += 1;
                }
            }
        }
    }
    y
}

/// One line of the log.
struct Entry<'a> {
    at: Elapsed,
    sign: &'static str,
    role: Role,
    text: &'a str,
}

fn entries(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) {
    let session = state.session();
    let notices = session.log().iter().map(|(at, notice)| {
        let (sign, role) = match notice.level {
            NoticeLevel::Info => ("·", Role::Label),
            NoticeLevel::Warning => ("▲", Role::Warn),
            NoticeLevel::Error => ("✕", Role::Bad),
        };
        Entry { at: *at, sign, role, text: &notice.text }
    });
    let marks = session.marks().iter().map(|(at, text)| Entry { at: *at, sign: "◆", role: Role::Mark, text });
    let mut entries: Vec<Entry<'_>> = notices.chain(marks).collect();
    // Of the same moment, too, the later one comes first.
    entries.reverse();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    let remark = format!("{} entries, newest first; n and p scroll", entries.len());
    super::heading(buf, Rect { height: area.height.min(1), ..area }, theme, "Log", &remark);
    let width = area.width.saturating_sub(LEFT);
    let mut y = area.y + 1;
    let first = state.ui().selected.min(entries.len().saturating_sub(1));
    for entry in entries.iter().skip(first) {
        if y >= area.bottom() {
            return;
        }
        buf.set_stringn(area.x, y, format!("{:>8}", entry.at.to_string()), 8, theme.style(Role::Label));
        buf.set_stringn(area.x + 9, y, entry.sign, 1, theme.style(entry.role));
        let role = if entry.role == Role::Label { Role::Text } else { entry.role };
        for line in text::wrap(entry.text, usize::from(width), 3) {
            if y < area.bottom() {
                buf.set_stringn(area.x + LEFT, y, line, usize::from(width), theme.style(role));
                y += 1;
            }
        }
    }
    if entries.is_empty() && y < area.bottom() {
        buf.set_stringn(area.x + LEFT, y, "nothing yet", usize::from(width), theme.style(Role::Label));
    }
}
