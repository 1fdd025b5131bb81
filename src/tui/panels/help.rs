//! The help overlay: the key table, and how to read the charts.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Widget as _};

use crate::app::action::Action;
use crate::app::keymap::{Binding, Group, KeyMap, Mode};
use crate::app::state::State;
use crate::tui::text;
use crate::tui::theme::{Role, Theme};

/// What a stranger asks first, told where there is room.
const READING: [(&str, &str); 7] = [
    ("target, sent, ok", "what you ask for, what left this machine, what was answered well"),
    ("response time", "from the moment a request was due to its last byte: what a user feels"),
    ("oldest", "the age of the oldest request without an answer: a stall shows at once"),
    ("429, 5xx, other", "refused for want of room, failed in the service, refused, reset or timed out"),
    ("responding", "instances that answered in the last seconds, by their response header"),
    ("needed", "rate × service time ÷ concurrency: instances the load asks for"),
    ("T_serving …", "seconds from the step to a new instance's first answer, to enough, to good"),
];

/// Columns of the keys; with keys of one's own that are longer, so many at most.
const KEYS_WIDTH: usize = 16;
const WIDEST_KEYS: usize = 24;

/// Columns of a half of the screen, at most.
const NARROW: usize = 60;

/// Columns of the words that are explained.
const WORD_WIDTH: usize = 18;

/// Columns of the whole.
const WIDTH: u16 = 96;

/// Draws the help over the middle of the screen, from the line on that it is scrolled to. The keys come first; what explains the charts
/// follows, below the edge where there is no room for both. Returns the last line that it can begin with: 0 where all of it fits.
pub(crate) fn draw(buf: &mut Buffer, screen: Rect, state: &State, theme: Theme) -> u16 {
    let room = usize::from(screen.height.saturating_sub(2));
    // A sliver of the screen left and right of the help would only confuse.
    let width = if screen.width < WIDTH + 6 { screen.width } else { WIDTH };
    let rows = rows(state, theme, room, usize::from(width.saturating_sub(4)));
    let height = u16::try_from(rows.len() + 2).unwrap_or(u16::MAX).min(screen.height);
    let area = screen.centered(Constraint::Length(width), Constraint::Length(height));
    let shown = usize::from(height.saturating_sub(2));
    let last = rows.len().saturating_sub(shown);
    let from = usize::from(state.ui().help.unwrap_or(0)).min(last);
    Clear.render(area, buf);
    let mut block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.style(Role::Key))
        .padding(Padding::horizontal(1))
        .title(Line::styled(" Keys ", theme.style(Role::Title)))
        .title_bottom(Line::styled(closes(state, last > 0), theme.style(Role::Label)).right_aligned());
    if last > 0 {
        let more = if from < last { ", more below" } else { "" };
        let place = format!(" lines {}–{} of {}{more} ", from + 1, from + shown, rows.len());
        block = block.title(Line::styled(place, theme.style(Role::Warn)).right_aligned());
    }
    let inner = block.inner(area);
    block.render(area, buf);
    for (y, row) in (inner.top()..inner.bottom()).zip(rows.iter().skip(from)) {
        let column_width = inner.width / u16::try_from(row.len().max(1)).unwrap_or(1);
        // Between two columns there is air.
        let room = if row.len() > 1 { column_width.saturating_sub(1) } else { column_width };
        for (at, line) in row.iter().enumerate() {
            let x = inner.x + column_width * u16::try_from(at).unwrap_or(0);
            text::put_line(buf, x, y, line, usize::from(room));
        }
    }
    u16::try_from(last).unwrap_or(u16::MAX)
}

/// ` Esc or ? closes; ↑ ↓ scroll; other keys keep working `: how the help is used, on its border.
fn closes(state: &State, scrolls: bool) -> String {
    let closes = state.ui().keys.either(KeyMap::mode(state), &[Action::Cancel, Action::ToggleHelp]);
    let closes = closes.map_or_else(String::new, |keys| format!("{keys} closes; "));
    let scrolls = if scrolls { "↑ ↓ scroll; " } else { "" };
    text::shown(&format!(" {closes}{scrolls}other keys keep working "), usize::from(WIDTH))
}

/// All of the help, a row a line, in one column or two: two where only so all keys are seen at once in `room` lines, and one with all
/// its words where they are not.
fn rows(state: &State, theme: Theme, room: usize, inside: usize) -> Vec<Vec<Line<'static>>> {
    let reading = reading(theme, inside);
    let in_full = keys(state, theme, true, inside, Detail::Whole).concat();
    let has_room = room > in_full.len() + reading.len();
    let columns = if has_room { vec![in_full.clone()] } else { columns(state, theme, room, inside) };
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
    // What explains the charts is left out where the keys just fit: all of the screen would be help.
    let explains = has_room || tallest > room;
    let (columns, tallest) = if tallest > room { (vec![in_full.clone()], in_full.len()) } else { (columns, tallest) };
    let line = |at: usize| columns.iter().map(|column| column.get(at).cloned().unwrap_or_default()).collect();
    let below = std::iter::once(Line::default()).chain(reading).filter(|_| explains).map(|line| vec![line]);
    (0..tallest).map(line).chain(below).collect()
}

/// How much is said of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// All of its sentence.
    Whole,
    /// The first part of the sentence, which says the most.
    FirstPart,
}

/// The table, group by group: each entry in as many lines of `width` columns as it needs.
fn keys(state: &State, theme: Theme, with_headings: bool, width: usize, detail: Detail) -> Vec<Vec<Line<'static>>> {
    let (map, mode) = (&state.ui().keys, KeyMap::mode(state));
    let widest = map.bindings(mode).map(|binding| usize::from(text::columns(&binding.shown)) + 1).max().unwrap_or(0);
    // In half the screen the words need the room more than the keys do.
    let most = if width < NARROW { KEYS_WIDTH } else { WIDEST_KEYS };
    let keys_width = widest.clamp(KEYS_WIDTH, most);
    let only_closes = |binding: &Binding| binding.keys.iter().all(|(_, action)| *action == Action::Cancel);
    let mut entries = Vec::new();
    for group in Group::ALL {
        // How to close it stands on the border already.
        let mut bindings = map
            .bindings(mode)
            .filter(|binding| binding.group == group && (mode == Mode::Replay || !only_closes(binding)))
            .filter(|binding| !state.is_watched() || binding.is_for_who_looks_on())
            .peekable();
        if with_headings && bindings.peek().is_some() {
            let air = (!entries.is_empty()).then(Line::default);
            entries.push(air.into_iter().chain([Line::styled(group.title(), theme.style(Role::Key))]).collect());
        }
        entries.extend(bindings.map(|binding| {
            let keys = in_lines(&binding.shown, keys_width - 1);
            let words = explained(binding.help(state.is_watched()), width.saturating_sub(keys_width + 1), detail);
            let line = |at: usize| {
                let of = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
                Line::from(vec![
                    Span::styled(format!("{:<keys_width$}", of(&keys)), theme.style(Role::Title)),
                    Span::styled(of(&words), theme.style(Role::Text)),
                ])
            };
            (0..keys.len().max(words.len())).map(line).collect()
        }));
    }
    entries
}

/// Keys as they are written, or in lines of `room` columns where they need more.
fn in_lines(keys: &str, room: usize) -> Vec<String> {
    if usize::from(text::columns(keys)) <= room {
        vec![text::shown(keys, room)]
    } else {
        text::wrap(keys, room, usize::MAX)
    }
}

/// A sentence, or its first part where the whole is longer than a line, in lines of `room` columns.
fn explained(help: &str, room: usize, detail: Detail) -> Vec<String> {
    let is_long = usize::from(text::columns(help)) > room;
    let first = help.split([':', ';', '(']).next().unwrap_or(help).trim_end();
    text::wrap(if is_long && detail == Detail::FirstPart { first } else { help }, room, usize::MAX)
}

/// One column where that fits, else two; and where that is still too much, less of each.
fn columns(state: &State, theme: Theme, room: usize, inside: usize) -> Vec<Vec<Line<'static>>> {
    let one = keys(state, theme, false, inside, Detail::Whole).concat();
    if one.len() <= room {
        return vec![one];
    }
    let two = [Detail::Whole, Detail::FirstPart].map(|detail| halved(keys(state, theme, false, inside / 2, detail)));
    let fits = |two: &&[Vec<Line<'static>>; 2]| two.iter().all(|column| column.len() <= room);
    two.iter().find(fits).unwrap_or(&two[1]).to_vec()
}

/// Entries in two columns of much the same height; none is torn apart.
fn halved(mut entries: Vec<Vec<Line<'static>>>) -> [Vec<Line<'static>>; 2] {
    let lines: usize = entries.iter().map(Vec::len).sum();
    let mut height = 0;
    let at = entries.iter().take_while(|entry| {
        height += entry.len();
        height <= lines.div_ceil(2)
    });
    let rest = entries.split_off(at.count());
    [entries.concat(), rest.concat()]
}

fn reading(theme: Theme, width: usize) -> Vec<Line<'static>> {
    let title = Line::styled("How to read it", theme.style(Role::Key));
    let rows = READING.into_iter().map(|(word, meaning)| {
        Line::from(vec![
            Span::styled(format!("{word:<WORD_WIDTH$}"), theme.style(Role::Title)),
            Span::styled(text::shown(meaning, width.saturating_sub(WORD_WIDTH)), theme.style(Role::Label)),
        ])
    });
    std::iter::once(title).chain(rows).collect()
}
