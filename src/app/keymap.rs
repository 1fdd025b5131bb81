//! Which key does what: one table. It feeds the handler, the hints on the bottom line, the help overlay and docs/screen.md.
//!
//! [`KeyMap::default`] is the table itself; `[keys]` of `scaletop.toml` makes another of it ([`rebound`]). The terminal's own
//! key events become [`KeyPress`]es at the edge (`tui::input`), so that nothing here knows a terminal.

mod grammar;
mod layouts;
pub(crate) mod names;
pub(crate) mod rebound;
mod table;

use std::borrow::Cow;

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
    /// Insert. No key of the table; of one's own it can be, as those that follow.
    Insert,
    /// Delete.
    Delete,
    /// F1 and so on, by its number.
    F(u8),
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binding {
    /// When they mean this.
    pub modes: Cow<'static, [Mode]>,
    /// The keys and what each does.
    pub keys: Cow<'static, [(KeyPress, Action)]>,
    /// The keys as people write them.
    pub shown: Cow<'static, str>,
    pub help: &'static str,
    /// What they are for.
    pub group: Group,
    /// A word for the bottom line, and its rank there: the lower, the longer it stays when room is short.
    pub hint: Option<(&'static str, u8)>,
}

/// What the keys mean just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// No prompt is open. The help overlay takes but the keys that scroll it: the load stays under control.
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

impl Binding {
    /// Whether its keys do something where another program leads the session: they neither change nor keep it.
    pub(crate) fn is_for_who_looks_on(&self) -> bool {
        let keeps = |action: &Action| matches!(action, Action::Mark | Action::Export);
        self.group != Group::Load && !self.keys.iter().any(|(_, action)| keeps(action))
    }

    /// How help puts it to who leads the session, or, `watches`, to who looks on while another program does.
    pub(crate) fn help(&self, watches: bool) -> &'static str {
        let has = |asked: &Action| watches && self.keys.iter().any(|(_, action)| action == asked);
        if has(&Action::AskQuit) {
            "quit: the session goes on without you"
        } else if has(&Action::Suspend) {
            "back to the shell: fg returns"
        } else if has(&Action::AskCommand) {
            LOOKING
        } else {
            self.help
        }
    }

    /// What its keys do, each once, with its keys: in the order of the line.
    fn groups(&self) -> Vec<(&Action, Vec<KeyPress>)> {
        let mut groups: Vec<(&Action, Vec<KeyPress>)> = Vec::new();
        for (press, action) in self.keys.iter() {
            match groups.iter_mut().find(|(known, _)| *known == action) {
                Some((_, presses)) => presses.push(*press),
                None => groups.push((action, vec![*press])),
            }
        }
        groups
    }

    /// Its keys on the bottom line, which has one of several ways to type each: `↑↓`, `[ ]`, `1…9`, `Tab`, `q`.
    pub(crate) fn short(&self) -> String {
        let groups = self.groups();
        let first = |at: usize| groups.get(at).and_then(|(_, presses)| presses.first()).map(ToString::to_string);
        let (Some(one), last) = (first(0), first(groups.len().saturating_sub(1))) else { return String::new() };
        match (first(1), last) {
            (Some(_), Some(last)) if groups.len() > MOST_IN_WORDS => format!("{one}…{last}"),
            (Some(other), _) if one.ends_with('↑') && other == one.replace('↑', "↓") => format!("{one}↓"),
            (Some(other), _) if one.chars().count() == 1 && other.chars().count() == 1 => format!("{one} {other}"),
            _ => one,
        }
    }
}

/// So many keys of different meanings are written out; of more, the first and the last.
const MOST_IN_WORDS: usize = 4;

/// What the commands are of who changes nothing.
const LOOKING: &str = "commands: go, filter, window, view, …";

/// Lines that a page of the help has, at most as many as the smallest screen shows of it.
const HELP_PAGE: i16 = 10;

/// The keys in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMap {
    lines: Vec<Binding>,
}

impl Default for KeyMap {
    fn default() -> Self {
        Self { lines: TABLE.to_vec() }
    }
}

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
    Binding { modes: Cow::Borrowed(modes), keys: Cow::Borrowed(keys), shown: Cow::Borrowed(shown), help, group, hint }
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
        if state.player().is_some() { Mode::Replay } else { Self::live(state.ui().view) }
    }

    /// What the keys would mean on this view of a live session.
    pub(crate) const fn live(view: View) -> Mode {
        match view {
            View::Overview | View::Latency => Mode::Normal,
            View::Instances | View::Steps | View::Requests | View::Log | View::Generators => Mode::Table,
        }
    }

    /// The lines of a mode.
    pub(crate) fn bindings(&self, mode: Mode) -> impl Iterator<Item = &Binding> {
        self.lines.iter().filter(move |line| line.modes.contains(&mode))
    }

    /// The key for an action, as people write it; `None` when it has none there.
    pub(crate) fn key(&self, mode: Mode, action: &Action) -> Option<String> {
        let mut keys = self.bindings(mode).flat_map(|line| line.keys.iter());
        keys.find(|(_, does)| does == action).map(|(press, _)| press.to_string())
    }

    /// Those of several actions that have a key, between `or`s: `↑ or s`.
    pub(crate) fn either(&self, mode: Mode, actions: &[Action]) -> Option<String> {
        let keys: Vec<String> = actions.iter().filter_map(|action| self.key(mode, action)).collect();
        (!keys.is_empty()).then(|| keys.join(" or "))
    }

    /// Whether the key opens a prompt of digits: what is typed in the same moment is for it.
    pub(crate) fn opens_prompt(&self, press: KeyPress) -> bool {
        let all = self.lines.iter().flat_map(|line| line.keys.iter());
        all.filter(|(bound, _)| *bound == press).any(|(_, does)| matches!(does, Action::AskRate | Action::AskRamp))
    }

    /// What a key press asks for on this screen; `None` when it means nothing.
    pub(crate) fn action_for(press: KeyPress, state: &State) -> Option<Action> {
        let (map, mode) = (&state.ui().keys, Self::mode(state));
        let bound = map.bound(mode, press).map(|(_, action)| action);
        let is_asked = matches!(mode, Mode::Prompt) || (matches!(mode, Mode::Question) && bound.is_some());
        if let Some(lines) = Self::help_lines(press).filter(|_| state.ui().help.is_some() && !is_asked) {
            return Some(Action::ScrollHelp(lines));
        }
        let (bound, mode) = match (bound, mode) {
            (None, Mode::Question) => {
                let mode = Self::without_question(state);
                (map.bound(mode, press).map(|(_, action)| action), mode)
            }
            asked => asked,
        };
        // What keys mean live they mean in a replay, too, as far as it is about looking.
        let otherwise = if mode == Mode::Replay { map.bound(Self::live(state.ui().view), press) } else { None };
        match (bound, otherwise, mode, press) {
            (Some(action), ..) => Some(action.clone()),
            (None, Some((line, action)), ..) if line.group == Group::Look => Some(action.clone()),
            (None, Some((line, _)), ..) => Some(Action::OnlyLive(line.help)),
            (None, None, Mode::Prompt, KeyPress { key: Key::Char(ch), ctrl: false, .. }) => {
                Some(Action::PromptChar(ch))
            }
            // On another layout the key in the same place is meant, and under Caps Lock the small letter.
            (None, None, _, KeyPress { key: Key::Char(ch), ctrl, shift }) => match layouts::meant(ch) {
                Some(latin) => Self::action_for(KeyPress { key: Key::Char(latin), ctrl, shift }, state),
                None => Some(Action::NoSuchKey),
            },
            _ => None,
        }
    }

    /// How many lines a key scrolls the open help by, whatever it does otherwise: nobody who reads on may drive load by it.
    const fn help_lines(press: KeyPress) -> Option<i16> {
        match press.key {
            _ if press.ctrl => None,
            Key::Up => Some(-1),
            Key::Down => Some(1),
            Key::PageUp => Some(-HELP_PAGE),
            Key::PageDown => Some(HELP_PAGE),
            Key::Home => Some(i16::MIN),
            Key::End => Some(i16::MAX),
            _ => None,
        }
    }

    /// The line of a key, and what the key does.
    fn bound(&self, mode: Mode, press: KeyPress) -> Option<(&Binding, &Action)> {
        let mut all = self.bindings(mode).flat_map(|line| line.keys.iter().map(move |key| (line, key)));
        all.find(|(_, (bound, _))| *bound == press).map(|(line, (_, action))| (line, action))
    }

    /// The table of a mode as docs/screen.md has it, in Markdown: a test holds the page to it.
    #[cfg(test)]
    pub(crate) fn markdown(&self, mode: Mode) -> String {
        use std::fmt::Write as _;

        let mut table = String::from("| key | does |\n|---|---|\n");
        for binding in self.bindings(mode) {
            let keys: Vec<String> = binding.shown.split_whitespace().map(|key| format!("`{key}`")).collect();
            // A line without keys speaks of the others, in words.
            let keys = if binding.keys.is_empty() {
                binding.shown.to_string()
            } else {
                keys.join(" ").replace("`…`", "…")
            };
            // A write to a String cannot fail.
            let _ = writeln!(table, "| {keys} | {} |", binding.help);
        }
        table
    }
}

#[cfg(test)]
mod tests;
