//! Which key does what: one table. It feeds the handler, the hints on the bottom line, the help overlay and the README.
//!
//! The terminal's own key events become [`KeyPress`]es at the edge (`tui::input`), so that nothing here knows a terminal.

mod layouts;
mod table;

use crate::app::action::Action;
use crate::app::keymap::table::TABLE;
use crate::app::state::{State, View};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A character as typed: shift is in it already.
    Char(char),
    Up,
    Down,
    Left,
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Tab.
    Tab,
    /// Shift and tab.
    BackTab,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
}

/// A key going down, with what is held beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyPress {
    pub key: Key,
    /// Whether control is held.
    pub ctrl: bool,
    /// Whether shift is held. Always false for characters, which say so themselves.
    pub shift: bool,
}

impl KeyPress {
    pub(crate) const fn plain(key: Key) -> Self {
        Self { key, ctrl: false, shift: false }
    }

    /// A key with control.
    pub(crate) const fn ctrl(key: Key) -> Self {
        Self { key, ctrl: true, shift: false }
    }

    /// A key with shift.
    pub(crate) const fn shift(key: Key) -> Self {
        Self { key, ctrl: false, shift: true }
    }

    const fn char(ch: char) -> Self {
        Self::plain(Key::Char(ch))
    }
}

/// What keys are for: the headings of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// They change the load.
    Load,
    /// They choose the moment of a recording.
    Play,
    /// They change what is seen.
    Look,
    /// They keep or end the session.
    Session,
}

impl Group {
    /// Every group, in the order of the help.
    pub(crate) const ALL: [Self; 4] = [Self::Load, Self::Play, Self::Look, Self::Session];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Load => "Load",
            Self::Play => "Replay",
            Self::Look => "View",
            Self::Session => "Session",
        }
    }
}

/// One line of the table: keys that belong together, what each does, and how help puts it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    /// When they mean this.
    pub modes: &'static [Mode],
    /// The keys and what each does.
    pub keys: &'static [(KeyPress, Action)],
    /// The keys as people write them.
    pub shown: &'static str,
    pub help: &'static str,
    /// What they are for.
    pub group: Group,
    /// A word for the bottom line, and its rank there: the lower, the longer it stays when room is short.
    pub hint: Option<(&'static str, u8)>,
}

/// What the keys mean just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No prompt is open. The help overlay changes nothing: the load stays under control.
    Normal,
    /// A recording is shown.
    Replay,
    /// No prompt is open, and the view is a table: the arrows go through its rows.
    Table,
    /// A prompt is open and takes the characters.
    Prompt,
    /// A question is open. The other keys mean what they do without it.
    Question,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyMap;

const fn key(key: Key, action: Action) -> (KeyPress, Action) {
    (KeyPress::plain(key), action)
}

const fn char(ch: char, action: Action) -> (KeyPress, Action) {
    (KeyPress::char(ch), action)
}

const fn line(
    modes: &'static [Mode],
    shown: &'static str,
    help: &'static str,
    group: Group,
    hint: Option<(&'static str, u8)>,
    keys: &'static [(KeyPress, Action)],
) -> Binding {
    Binding { modes, keys, shown, help, group, hint }
}

impl KeyMap {
    /// What the keys mean on this screen.
    pub(crate) const fn mode(state: &State) -> Mode {
        if state.ui().prompt.is_some() {
            Mode::Prompt
        } else if state.ui().question.is_some() {
            Mode::Question
        } else {
            Self::without_question(state)
        }
    }

    /// What the keys mean that no prompt takes.
    pub(crate) const fn without_question(state: &State) -> Mode {
        if state.player().is_some() { Mode::Replay } else { Self::live(state) }
    }

    /// What the keys would mean on this view of a live session.
    const fn live(state: &State) -> Mode {
        match state.ui().view {
            View::Overview | View::Latency => Mode::Normal,
            View::Instances | View::Steps | View::Log => Mode::Table,
        }
    }

    /// The lines of a mode.
    pub(crate) fn bindings(mode: Mode) -> impl Iterator<Item = &'static Binding> {
        TABLE.iter().filter(move |line| line.modes.contains(&mode))
    }

    /// What a key press asks for on this screen; `None` when it means nothing.
    pub(crate) fn action_for(press: KeyPress, state: &State) -> Option<Action> {
        let mode = Self::mode(state);
        let bound = Self::bound(mode, press).map(|(_, action)| action);
        let (bound, mode) = match (bound, mode) {
            (None, Mode::Question) => {
                let mode = Self::without_question(state);
                (Self::bound(mode, press).map(|(_, action)| action), mode)
            }
            asked => asked,
        };
        match (bound, mode, press) {
            (Some(action), _, _) => Some(action.clone()),
            (None, Mode::Replay, _) => Self::bound(Self::live(state), press).map(|(line, action)| match line.group {
                Group::Look => action.clone(),
                _ => Action::OnlyLive(line.help),
            }),
            (None, Mode::Prompt, KeyPress { key: Key::Char(ch), ctrl: false, .. }) => Some(Action::PromptChar(ch)),
            // On another layout the key in the same place is meant, and under Caps Lock the small letter.
            (None, _, KeyPress { key: Key::Char(ch), ctrl, shift }) => match layouts::meant(ch) {
                Some(latin) => Self::action_for(KeyPress { key: Key::Char(latin), ctrl, shift }, state),
                None => Some(Action::NoSuchKey),
            },
            (None, _, _) => None,
        }
    }

    /// The line of a key, and what the key does.
    fn bound(mode: Mode, press: KeyPress) -> Option<(&'static Binding, &'static Action)> {
        let mut all = Self::bindings(mode).flat_map(|line| line.keys.iter().map(move |key| (line, key)));
        all.find(|(_, (bound, _))| *bound == press).map(|(line, (_, action))| (line, action))
    }

    /// The table of a mode as the README has it, in Markdown: a test holds the README to it.
    #[cfg(test)]
    pub(crate) fn markdown(mode: Mode) -> String {
        use std::fmt::Write as _;

        let mut table = String::from("| key | does |\n|---|---|\n");
        for binding in Self::bindings(mode) {
            let keys: Vec<String> = binding.shown.split_whitespace().map(|key| format!("`{key}`")).collect();
            // A line without keys speaks of the others, in words.
            let keys =
                if binding.keys.is_empty() { binding.shown.to_owned() } else { keys.join(" ").replace("`…`", "…") };
            // A write to a String cannot fail.
            let _ = writeln!(table, "| {keys} | {} |", binding.help);
        }
        table
    }
}

#[cfg(test)]
mod tests;
