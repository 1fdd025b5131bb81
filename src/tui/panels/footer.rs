//! The bottom line: the open prompt, else the open question, else what the keys do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget as _};
use url::Url;

use crate::app::action::Action;
use crate::app::keymap::{Binding, KeyMap, Mode};
use crate::app::state::{Prompt, PromptKind, Question, State, palette};
use crate::session::state::Session;
use crate::tui::text::{self, Piece};
use crate::tui::theme::{Role, Theme};

/// Lines that what is wrong with a prompt may take above it.
const MOST_ERROR_LINES: usize = 3;

/// Draws the bottom line; what is wrong with a prompt and has no room beside it stands above it.
pub(crate) fn draw(buf: &mut Buffer, area: Rect, state: &State, theme: Theme) {
    if area.is_empty() {
        return;
    }
    let width = usize::from(area.width);
    let line = match (&state.ui().prompt, &state.ui().question) {
        (Some(prompt), _) => {
            complain(buf, area, prompt, theme);
            ask(prompt, state, theme, width)
        }
        (None, Some(question)) => wonder(question, state, theme, width),
        (None, None) => hints(state, theme, width),
    };
    text::put_line(buf, area.x, area.y, &line, usize::from(area.width));
}

/// The open question, and its two answers.
fn wonder(question: &Question, state: &State, theme: Theme, width: usize) -> Line<'static> {
    let words = match question {
        Question::Jump { to, highest, .. } => {
            format!("send {to} to {}? it has had {highest} at most", hosts(state))
        }
        Question::Quit => format!("end this session of {}?", state.now()),
    };
    let mut pieces = vec![Piece::new(0, text::shown(&words, width.saturating_sub(18)), theme.style(Role::Warn))];
    pieces.extend(hint_pieces(state, theme, Mode::Question, 1));
    text::fit(pieces, width, 2)
}

/// Where the load goes: one host, or both.
fn hosts(state: &State) -> String {
    let host = |session: &Session| {
        let url = Url::parse(&session.header().settings.url).ok()?;
        url.host_str().map(str::to_owned)
    };
    let mut hosts: Vec<_> =
        state.halves().each().map(|(_, half)| host(half).unwrap_or_else(|| "another machine".to_owned())).collect();
    hosts.dedup();
    hosts.join(" and ")
}

/// What a prompt asks for, and an example.
const fn asks(kind: PromptKind) -> (&'static str, &'static str) {
    match kind {
        PromptKind::Rate => ("rate, requests/s: ", "such as 450"),
        PromptKind::Ramp => ("ramp to rate over time: ", "such as 600 30s"),
        PromptKind::Command => (":", ""),
        PromptKind::Filter => ("show what has in it: ", "such as an instance, or rate"),
    }
}

/// What is wrong with a prompt, as far as it has room beside what was typed.
fn beside(prompt: &Prompt, width: usize) -> Option<&str> {
    let error = prompt.error.as_deref()?;
    let columns = |text: &str| usize::from(text::columns(text));
    let taken = columns(asks(prompt.kind).0) + columns(&prompt.text) + 3;
    (taken + columns(error) <= width).then_some(error)
}

/// Says in the lines above the prompt what is wrong with it: reason and remedy, whole.
fn complain(buf: &mut Buffer, area: Rect, prompt: &Prompt, theme: Theme) {
    let (Some(error), None) = (&prompt.error, beside(prompt, area.width.into())) else { return };
    let lines = text::wrap(error, area.width.into(), MOST_ERROR_LINES);
    let height = u16::try_from(lines.len()).unwrap_or(0).min(area.y.saturating_sub(buf.area.y));
    let above = Rect { y: area.y - height, height, ..area };
    Clear.render(above, buf);
    for (y, line) in (above.top()..above.bottom()).zip(lines) {
        text::put(buf, area.x, y, line, area.width.into(), theme.style(Role::Bad));
    }
}

/// `rate (requests/s): 45▏`, and what is wrong with it.
fn ask(prompt: &Prompt, state: &State, theme: Theme, width: usize) -> Line<'static> {
    let (question, example) = asks(prompt.kind);
    let typed = text::shown(&prompt.text, width.saturating_sub(text::columns(question).into()).saturating_sub(2));
    let mut pieces = vec![
        Piece::new(0, question, theme.style(Role::Key))
            .and(typed, theme.style(Role::Title))
            .and("▏", theme.style(Role::Key)),
    ];
    if prompt.kind == PromptKind::Command && prompt.error.is_none() {
        pieces.extend(commands(prompt, state.reach(), theme));
        return text::fit(pieces, width, 2);
    }
    match &prompt.error {
        Some(_) => {
            let error =
                beside(prompt, width).map(|error| Piece::new(1, text::shown(error, width), theme.style(Role::Bad)));
            pieces.extend(error);
        }
        None => pieces.push(Piece::new(3, example, theme.style(Role::Label))),
    }
    pieces.extend(hint_pieces(state, theme, Mode::Prompt, 3));
    text::fit(pieces, width, 2)
}

/// What can be typed: the names that begin so, or what the only one takes and does.
fn commands(prompt: &Prompt, reach: palette::Reach, theme: Theme) -> Vec<Piece> {
    match palette::matching(&prompt.text, reach).as_slice() {
        [] => vec![Piece::new(1, "no such command", theme.style(Role::Bad))],
        [only] => {
            let usage = format!("{} {}", only.name, only.takes);
            let usage = Piece::new(1, usage.trim_end().to_owned(), theme.style(Role::Key));
            vec![usage.and(format!(" {}", only.does(reach)), theme.style(Role::Label))]
        }
        several => {
            let name = |(at, command): (usize, &&palette::Command)| {
                let rank = u8::try_from(at).unwrap_or(u8::MAX).saturating_add(1);
                Piece::new(rank, command.name, theme.style(Role::Label))
            };
            several.iter().enumerate().map(name).collect()
        }
    }
}

fn hints(state: &State, theme: Theme, width: usize) -> Line<'static> {
    let mode = KeyMap::mode(state);
    let mut pieces = hint_pieces(state, theme, mode, 0);
    let back = state.ui().keys.key(mode, &Action::Cancel);
    if let Some(key) = back.filter(|_| state.ui().range.is_past() && state.ui().help.is_none()) {
        let where_to = if mode == Mode::Replay { " on with the replay" } else { " back to live" };
        pieces.insert(0, Piece::new(0, key, theme.style(Role::Key)).and(where_to, theme.style(Role::Warn)));
    }
    text::fit(pieces, width, 2)
}

fn hint_pieces(state: &State, theme: Theme, mode: Mode, demotion: u8) -> Vec<Piece> {
    let hint = |binding: &Binding| {
        let (word, rank) = binding.hint?;
        let keys = Piece::new(rank + demotion, binding.short(), theme.style(Role::Key));
        Some(keys.and(format!(" {word}"), theme.style(Role::Label)))
    };
    let is_offered = |binding: &&Binding| !state.is_watched() || binding.is_for_who_looks_on();
    state.ui().keys.bindings(mode).filter(is_offered).filter_map(hint).collect()
}
