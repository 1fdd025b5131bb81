//! What the terminal says: key presses, new sizes, the wheel, in the application's own words.

use std::io;

use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};
use futures_util::StreamExt as _;

use crate::app::keymap::{Key, KeyPress};

/// Something the user did at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A key went down.
    Key(KeyPress),
    /// The window has this many columns and rows now.
    Resize,
    /// The wheel turned towards the past.
    WheelUp,
    /// The wheel turned towards the present.
    WheelDown,
}

/// The terminal's events, as they come.
#[derive(Debug, Default)]
pub(crate) struct InputStream {
    events: EventStream,
}

impl InputStream {
    /// Listens to the terminal. Needs raw mode, see [`super::terminal::Screen`].
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The next thing the user did; `None` when the terminal is gone. Cancel-safe: nothing is lost but the wait.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Input>> {
        while let Some(event) = self.events.next().await {
            if let Some(input) = translate(&event?) {
                return Ok(Some(input));
            }
        }
        Ok(None)
    }
}

/// An event of the terminal in our words; `None` when it means nothing to us.
///
/// Only presses count, not releases: Windows reports both. A held key is one press after the other everywhere; *repeat*
/// is a kind of its own only with the kitty protocol, which we do not ask for.
pub(crate) fn translate(event: &Event) -> Option<Input> {
    match event {
        Event::Key(event) if event.kind == KeyEventKind::Press => press(event).map(Input::Key),
        Event::Resize(..) => Some(Input::Resize),
        Event::Mouse(event) => match event.kind {
            MouseEventKind::ScrollUp => Some(Input::WheelUp),
            MouseEventKind::ScrollDown => Some(Input::WheelDown),
            _ => None,
        },
        _ => None,
    }
}

fn press(event: &KeyEvent) -> Option<KeyPress> {
    if event.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META | KeyModifiers::HYPER) {
        return None;
    }
    let key = match event.code {
        KeyCode::Char(ch) => Key::Char(ch),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        _ => return None,
    };
    // Some terminals report shift with a character that already is the shifted one (`?`), others do not.
    let shift = event.modifiers.contains(KeyModifiers::SHIFT) && !matches!(key, Key::Char(_));
    Some(KeyPress { key, ctrl: event.modifiers.contains(KeyModifiers::CONTROL), shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers, kind: KeyEventKind) -> Event {
        Event::Key(KeyEvent::new_with_kind(code, modifiers, kind))
    }

    #[test]
    fn a_release_is_not_a_press() {
        let event = |kind| key(KeyCode::Up, KeyModifiers::NONE, kind);
        assert_eq!(translate(&event(KeyEventKind::Press)), Some(Input::Key(KeyPress::plain(Key::Up))));
        assert_eq!(translate(&event(KeyEventKind::Release)), None);
    }

    #[test]
    fn shift_with_a_character_changes_nothing_more() {
        let event = key(KeyCode::Char('?'), KeyModifiers::SHIFT, KeyEventKind::Press);
        assert_eq!(translate(&event), Some(Input::Key(KeyPress::plain(Key::Char('?')))));
    }

    #[test]
    fn alt_keys_belong_to_the_terminal() {
        assert_eq!(translate(&key(KeyCode::Char('q'), KeyModifiers::ALT, KeyEventKind::Press)), None);
    }
}
