//! Which key does what: one table. It feeds the handler, the hints on the bottom line, the help overlay and the README.
//!
//! The terminal's own key events become [`KeyPress`]es at the edge (`tui::input`), so that nothing here knows a terminal.

mod replay;

use std::fmt::Write as _;

use crate::app::action::Action;
use crate::app::state::Ui;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A character as typed: shift is in it already.
    Char(char),
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
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
pub struct KeyPress {
    /// The key.
    pub key: Key,
    /// Whether control is held.
    pub ctrl: bool,
    /// Whether shift is held. Always false for characters, which say so themselves.
    pub shift: bool,
}

impl KeyPress {
    /// A key alone.
    pub const fn plain(key: Key) -> Self {
        Self { key, ctrl: false, shift: false }
    }

    /// A key with control.
    pub const fn ctrl(key: Key) -> Self {
        Self { key, ctrl: true, shift: false }
    }

    /// A key with shift.
    pub const fn shift(key: Key) -> Self {
        Self { key, ctrl: false, shift: true }
    }

    const fn char(ch: char) -> Self {
        Self::plain(Key::Char(ch))
    }
}

/// What keys are for: the headings of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
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
    pub const ALL: [Self; 4] = [Self::Load, Self::Play, Self::Look, Self::Session];

    /// Its heading.
    pub const fn title(self) -> &'static str {
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
pub struct Binding {
    /// The keys and what each does.
    pub keys: &'static [(KeyPress, Action)],
    /// The keys as people write them.
    pub shown: &'static str,
    /// What they do.
    pub help: &'static str,
    /// What they are for.
    pub group: Group,
    /// A word for the bottom line, and its rank there: the lower, the longer it stays when room is short.
    pub hint: Option<(&'static str, u8)>,
}

/// What the keys mean just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// No prompt is open. The help overlay changes nothing: the load stays under control.
    Normal,
    /// A recording is shown.
    Replay,
    /// A prompt is open and takes the characters.
    Prompt,
}

/// The table.
#[derive(Clone, Copy, Debug)]
pub struct KeyMap;

const fn key(key: Key, action: Action) -> (KeyPress, Action) {
    (KeyPress::plain(key), action)
}

const fn char(ch: char, action: Action) -> (KeyPress, Action) {
    (KeyPress::char(ch), action)
}

const fn line(
    shown: &'static str,
    help: &'static str,
    group: Group,
    hint: Option<(&'static str, u8)>,
    keys: &'static [(KeyPress, Action)],
) -> Binding {
    Binding { keys, shown, help, group, hint }
}

impl KeyMap {
    /// The keys when no prompt is open.
    pub const NORMAL: &'static [Binding] = &[
        line(
            "↑ k  ↓ j",
            "raise, lower the rate by one increment",
            Group::Load,
            Some(("rate", 1)),
            &[
                key(Key::Up, Action::RateUp),
                char('k', Action::RateUp),
                key(Key::Down, Action::RateDown),
                char('j', Action::RateDown),
            ],
        ),
        line(
            "[  ]",
            "smaller, larger increment (1 5 10 25 50 100 250 500 1000)",
            Group::Load,
            Some(("step size", 5)),
            &[char('[', Action::IncrementSmaller), char(']', Action::IncrementLarger)],
        ),
        line(
            "PgUp PgDn",
            "twice, half the rate",
            Group::Load,
            None,
            &[key(Key::PageUp, Action::RateDouble), key(Key::PageDown, Action::RateHalve)],
        ),
        line(
            "1 … 9",
            "preset rates: 50 100 200 300 400 500 600 750 900",
            Group::Load,
            Some(("presets", 6)),
            &[
                char('1', Action::Preset(1)),
                char('2', Action::Preset(2)),
                char('3', Action::Preset(3)),
                char('4', Action::Preset(4)),
                char('5', Action::Preset(5)),
                char('6', Action::Preset(6)),
                char('7', Action::Preset(7)),
                char('8', Action::Preset(8)),
                char('9', Action::Preset(9)),
            ],
        ),
        line("g", "type a rate", Group::Load, Some(("type rate", 4)), &[char('g', Action::AskRate)]),
        line(
            "s",
            "spike: jump to the spike rate; again: fall back",
            Group::Load,
            Some(("spike", 1)),
            &[char('s', Action::Spike)],
        ),
        line("r", "ramp to a rate over a time", Group::Load, Some(("ramp", 6)), &[char('r', Action::AskRamp)]),
        line("space", "pause (rate 0), resume", Group::Load, Some(("pause", 2)), &[char(' ', Action::TogglePause)]),
        line("c", "clear: back to 0 and drain", Group::Load, None, &[char('c', Action::Clear)]),
        line("x", "kill an instance (demo)", Group::Load, None, &[char('x', Action::KillInstance)]),
        line(
            "Tab Shift-Tab",
            "next, previous view",
            Group::Look,
            Some(("view", 3)),
            &[
                key(Key::Tab, Action::NextView),
                key(Key::BackTab, Action::PreviousView),
                (KeyPress::shift(Key::BackTab), Action::PreviousView),
            ],
        ),
        line(
            "w",
            "time window: 1 m, 5 m, 15 m, all",
            Group::Look,
            Some(("window", 4)),
            &[char('w', Action::CycleWindow)],
        ),
        line(
            "← →",
            "scroll back, forward in time",
            Group::Look,
            None,
            &[key(Key::Left, Action::ScrollBack), key(Key::Right, Action::ScrollForward)],
        ),
        line(
            "Home End",
            "to the beginning, back to live",
            Group::Look,
            None,
            &[key(Key::Home, Action::ScrollStart), key(Key::End, Action::ScrollLive)],
        ),
        line(
            "n  p",
            "select the next, previous row of a table",
            Group::Look,
            None,
            &[
                char('n', Action::SelectNext),
                (KeyPress::shift(Key::Down), Action::SelectNext),
                char('p', Action::SelectPrevious),
                (KeyPress::shift(Key::Up), Action::SelectPrevious),
            ],
        ),
        line("l", "logarithmic latency axis", Group::Look, None, &[char('l', Action::ToggleLogLatency)]),
        line("v", "response time or service time", Group::Look, None, &[char('v', Action::ToggleServiceTime)]),
        line("m", "mark this moment", Group::Session, Some(("mark", 5)), &[char('m', Action::Mark)]),
        line("e", "export now", Group::Session, Some(("export", 4)), &[char('e', Action::Export)]),
        line("?", "this help", Group::Session, Some(("help", 1)), &[char('?', Action::ToggleHelp)]),
        line("Esc", "close help or a prompt", Group::Session, None, &[key(Key::Escape, Action::Cancel)]),
        line(
            "q  Ctrl-C",
            "quit: drain, export, summary; again: at once",
            Group::Session,
            Some(("quit", 1)),
            &[char('q', Action::Quit), (KeyPress::ctrl(Key::Char('c')), Action::Quit)],
        ),
    ];

    /// The keys beside the characters while a prompt is open.
    pub const PROMPT: &'static [Binding] = &[
        line("Enter", "accept", Group::Session, Some(("accept", 1)), &[key(Key::Enter, Action::PromptAccept)]),
        line("Esc", "close the prompt", Group::Session, Some(("cancel", 1)), &[key(Key::Escape, Action::Cancel)]),
        line(
            "Backspace",
            "delete the last character",
            Group::Session,
            None,
            &[key(Key::Backspace, Action::PromptDelete)],
        ),
        line("Ctrl-C", "quit", Group::Session, None, &[(KeyPress::ctrl(Key::Char('c')), Action::Quit)]),
    ];

    /// What the keys mean on this screen.
    pub const fn mode(ui: &Ui) -> Mode {
        if ui.replay.is_some() {
            Mode::Replay
        } else if ui.prompt.is_some() {
            Mode::Prompt
        } else {
            Mode::Normal
        }
    }

    /// The lines of a mode.
    pub const fn bindings(mode: Mode) -> &'static [Binding] {
        match mode {
            Mode::Normal => Self::NORMAL,
            Mode::Replay => Self::REPLAY,
            Mode::Prompt => Self::PROMPT,
        }
    }

    /// What a key press asks for on this screen; `None` when it means nothing.
    pub fn action_for(press: &KeyPress, ui: &Ui) -> Option<Action> {
        let mode = Self::mode(ui);
        let bound = Self::bound(mode, *press).map(|(_, action)| action);
        match (bound, mode, press) {
            (Some(action), _, _) => Some(action.clone()),
            (None, Mode::Replay, _) => Self::bound(Mode::Normal, *press).map(|(line, _)| Action::OnlyLive(line.help)),
            (None, Mode::Prompt, KeyPress { key: Key::Char(ch), ctrl: false, .. }) => Some(Action::PromptChar(*ch)),
            (None, _, _) => None,
        }
    }

    /// The line of a key, and what the key does.
    fn bound(mode: Mode, press: KeyPress) -> Option<(&'static Binding, &'static Action)> {
        let mut all = Self::bindings(mode).iter().flat_map(|line| line.keys.iter().map(move |key| (line, key)));
        all.find(|(_, (bound, _))| *bound == press).map(|(line, (_, action))| (line, action))
    }

    /// The table of a mode as the README has it, in Markdown.
    pub fn markdown(mode: Mode) -> String {
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
