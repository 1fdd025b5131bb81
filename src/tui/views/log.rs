//! The log: what sources say, and all that happened, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::State;
use crate::instances::Feed;
use crate::session::event::{NoticeLevel, Side};
use crate::session::history::{self, Kind};
use crate::tui::layout::Frame;
use crate::tui::panels::header;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// Columns of the time and the sign before a text.
const LEFT: u16 = 11;

pub(crate) fn draw(buf: &mut Buffer, screen: &Frame, state: &State, theme: Theme) {
    let body = screen.body;
    super::scene(buf, screen.header, body, state, theme);
    let mut y = body.y;
    if state.halves().each().any(|(_, half)| !half.feeds().is_empty()) {
        y = sources(buf, Rect { height: body.height / 2, ..body }, state, theme) + 1;
    }
    let rest = Rect { y, height: body.bottom().saturating_sub(y), ..body };
    entries(buf, rest, state, theme);
}

/// The sources, with the reason and the remedy of those that fail. Returns the row below.
fn sources(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) -> u16 {
    super::heading(buf, area, theme, "Sources", "of instance counts and platform facts; load goes on without them");
    let now = state.now().max(state.session().now());
    let mut y = area.y + 1;
    let of = |side: Side| state.halves().second().map_or_else(String::new, |_| format!("{} ", side.letter()));
    let all = state.halves().each().flat_map(|(side, half)| half.feeds().iter().map(move |feed| (side, feed)));
    for (side, (name, feed)) in all {
        if y >= area.bottom() {
            break;
        }
        let (role, words) = header::feed_words(feed, now);
        let name = text::shown(&format!("{}{name}", of(side)), 20);
        text::put(buf, area.x, y, name, 20, theme.style(Role::Text));
        let left = area.x + 22;
        text::put(buf, left, y, words, usize::from(area.right().saturating_sub(left)), theme.style(role));
        y += 1;
        if let Feed::Stale { error, .. } | Feed::Failed { error } = feed {
            let indent = area.x + 4;
            let width = area.right().saturating_sub(indent);
            for line in text::wrap(&error.to_string(), usize::from(width), 2) {
                if y < area.bottom() {
                    text::put(buf, indent, y, line, usize::from(width), theme.style(Role::Label));
                    y += 1;
                }
            }
        }
    }
    y
}

fn entries(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) {
    let filter = state.ui().filter.as_deref();
    let mut entries = history::entries(state.halves(), filter);
    // Of the same moment, too, the later one comes first.
    entries.reverse();
    let key = |action: &Action| state.ui().keys.key(KeyMap::live(state.ui().view), action);
    let says = |action, does: &str| key(&action).map_or_else(String::new, |key| format!("{key} {does}"));
    let (opens, filters) = (says(Action::Open, "puts the cursor there"), says(Action::AskFilter, "filters"));
    let (how, changes) = (both(&opens, &filters), says(Action::AskFilter, "changes it"));
    let remark = match filter {
        Some(filter) => {
            let what = format!("{} entries with “{}”, newest first", entries.len(), text::shown(filter, 30));
            after(what, &changes)
        }
        None => after(format!("{} entries, newest first", entries.len()), &how),
    };
    super::heading(buf, Rect { height: area.height.min(1), ..area }, theme, "Log", &remark);
    let width = area.width.saturating_sub(LEFT);
    let mut y = area.y + 1;
    let selected = state.ui().selected.min(entries.len().saturating_sub(1));
    // The selected one stays in sight, with a little of what is newer.
    let first = selected.saturating_sub(usize::from(area.height) / 3);
    for (at, entry) in entries.iter().enumerate().skip(first) {
        if y >= area.bottom() {
            return;
        }
        let (sign, role) = look(entry.kind);
        let when = if at == selected { theme.style(Role::Selected) } else { theme.style(Role::Label) };
        text::put(buf, area.x, y, format!("{:>8}", entry.at.to_string()), 8, when);
        text::put(buf, area.x + 9, y, sign, 1, theme.style(role));
        let role = if role == Role::Label { Role::Text } else { role };
        for line in text::wrap(&entry.text, usize::from(width), 3) {
            if y < area.bottom() {
                text::put(buf, area.x + LEFT, y, line, usize::from(width), theme.style(role));
                y += 1;
            }
        }
    }
    if entries.is_empty() && y < area.bottom() {
        let words = match filter {
            // In the past Esc goes back to live first.
            Some(_) if state.ui().range.is_past() => "nothing has that in it".to_owned(),
            Some(_) => after("nothing has that in it".to_owned(), &says(Action::Cancel, "shows all")),
            None => "nothing yet".to_owned(),
        };
        text::put(buf, area.x + LEFT, y, words, usize::from(width), theme.style(Role::Label));
    }
}

/// What can be done, behind a semicolon; nothing where there is no key for it.
fn after(what: String, how: &str) -> String {
    if how.is_empty() { what } else { format!("{what}; {how}") }
}

/// One, the other, or both with a comma.
fn both(one: &str, other: &str) -> String {
    [one, other].iter().filter(|words| !words.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

/// How an entry is marked.
const fn look(kind: Kind) -> (&'static str, Role) {
    match kind {
        Kind::Rate => ("▸", Role::Target),
        Kind::Born => ("+", Role::Responding),
        Kind::Gone => ("−", Role::Label),
        Kind::Mark => ("◆", Role::Mark),
        Kind::Notice(NoticeLevel::Info) => ("·", Role::Label),
        Kind::Notice(NoticeLevel::Warning) => ("▲", Role::Warn),
        Kind::Notice(NoticeLevel::Error) => ("✕", Role::Bad),
    }
}
