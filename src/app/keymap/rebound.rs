//! Keys of one's own: the table with what `[keys]` of `scaletop.toml` changes in it.
//!
//! An action that is named has exactly the keys that are given, in every place where the table has it, or in the one place that
//! is named. Whatever is not named stays. A key that would then mean two things in one place is refused.

use std::borrow::Cow;

use super::{Binding, Key, KeyMap, KeyPress, MOST_IN_WORDS, Mode, TABLE, names};
use crate::app::action::Action;

/// What somebody wants: these keys for this action.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// The place that it is for: `charts`, `tables` and so on; `None` means all.
    pub(crate) place: Option<&'a str>,
    /// The name of the action.
    pub(crate) action: &'a str,
    pub(crate) keys: &'a [String],
}

/// Why keys cannot be as somebody wants them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RebindError {
    /// There is no such place.
    #[error("there is no [keys.{0}]: places are {places}", places = places())]
    Place(String),
    /// There is no such action.
    #[error("no key does `{0}`")]
    Action(String),
    /// The action means nothing in that place.
    #[error("`{action}` means nothing in [keys.{place}]; it does in {}", there.join(", "))]
    NotThere { action: &'static str, place: &'static str, there: Vec<&'static str> },
    /// It is no key.
    #[error("{0}")]
    Key(String),
    /// Characters are what is typed.
    #[error("`{0}` is typed into a prompt: give keys that are no characters, such as \"ctrl-k\" or \"f2\"")]
    Typed(String),
    /// Ctrl-C is for the end, whatever else is.
    #[error("ctrl-c always quits: `{0}` cannot have it, and nothing can take it away")]
    Fixed(&'static str),
    /// A key would mean two things.
    #[error(
        "`{key}` would be both `{one}` and `{other}` in {place}: give one of them another key, or none (`{one} = []`); \
         [keys.{place}] says it for that place only"
    )]
    Conflict { key: String, one: &'static str, other: &'static str, place: &'static str },
    /// Nothing would close a prompt but the end of the session.
    #[error(
        "with `cancel = []` and `prompt-accept = []` no key closes a prompt: leave one of them its key, or give it one that is no \
         character, such as \"esc\" or \"f2\""
    )]
    NoWayOut,
}

fn places() -> String {
    names::PLACES.map(|(name, ..)| name).join(", ")
}

/// What always ends the session.
const ALWAYS_QUITS: KeyPress = KeyPress::ctrl(Key::Char('c'));

/// A wish that is understood.
struct Rebinding {
    mode: Option<Mode>,
    action: &'static Action,
    keys: Vec<KeyPress>,
}

impl Rebinding {
    fn read(wish: &Wish<'_>) -> Result<Self, RebindError> {
        let action = names::action(wish.action).ok_or_else(|| RebindError::Action(wish.action.to_owned()))?;
        let mode = wish.place.map(|place| mode(place, action)).transpose()?;
        let mut keys = Vec::new();
        for text in wish.keys {
            let press = KeyPress::read(text).map_err(RebindError::Key)?;
            if press == ALWAYS_QUITS && *action != Action::Quit {
                return Err(RebindError::Fixed(names::name(action)));
            }
            let is_typed = is_typed(press);
            if is_typed && (mode == Some(Mode::Prompt) || is_only_for_prompts(action)) {
                return Err(RebindError::Typed(text.clone()));
            }
            if !keys.contains(&press) {
                keys.push(press);
            }
        }
        if *action == Action::Quit {
            if keys.is_empty() {
                return Err(RebindError::Fixed(names::name(action)));
            }
            keys.retain(|press| *press != ALWAYS_QUITS);
            keys.push(ALWAYS_QUITS);
        }
        Ok(Self { mode, action, keys })
    }

    /// The keys in a place; `None` when this says nothing of it. Characters that close everything else are text in a prompt,
    /// and when nothing else is left, the prompt keeps its keys.
    fn keys_in(&self, mode: Mode) -> Option<Vec<KeyPress>> {
        if self.mode.is_some_and(|only| only != mode) {
            return None;
        }
        let keys: Vec<KeyPress> =
            self.keys.iter().copied().filter(|press| mode != Mode::Prompt || !is_typed(*press)).collect();
        (!keys.is_empty() || self.keys.is_empty()).then_some(keys)
    }
}

/// The place of a name, where the action means something.
fn mode(place: &str, action: &'static Action) -> Result<Mode, RebindError> {
    let found = names::PLACES.iter().find(|(name, ..)| *name == place);
    let (place, mode, _) = found.ok_or_else(|| RebindError::Place(place.to_owned()))?;
    let there = places_of(action);
    if there.contains(mode) {
        return Ok(*mode);
    }
    let there = there.into_iter().map(names::place).collect();
    Err(RebindError::NotThere { action: names::name(action), place, there })
}

/// Where the table has an action, in the order of the places.
pub(super) fn places_of(action: &Action) -> Vec<Mode> {
    let has = |mode: &Mode| {
        TABLE.iter().any(|line| line.modes.contains(mode) && line.keys.iter().any(|(_, does)| does == action))
    };
    names::PLACES.iter().map(|(_, mode, _)| *mode).filter(has).collect()
}

fn is_only_for_prompts(action: &Action) -> bool {
    places_of(action) == [Mode::Prompt]
}

/// Whether a prompt takes it as a character.
const fn is_typed(press: KeyPress) -> bool {
    matches!(press, KeyPress { key: Key::Char(_), ctrl: false, .. })
}

impl KeyMap {
    /// The table with keys of one's own. The error has the number of the wish that cannot be, from 0.
    pub(crate) fn rebound(wishes: &[Wish<'_>]) -> Result<Self, (usize, RebindError)> {
        let mut rebindings = Vec::new();
        for (at, wish) in wishes.iter().enumerate() {
            rebindings.push(Rebinding::read(wish).map_err(|error| (at, error))?);
        }
        let map = Self { lines: TABLE.iter().flat_map(|line| with(line, &rebindings)).collect() };
        map.check(&rebindings)?;
        map.check_ways_out(&rebindings)?;
        Ok(map)
    }

    /// Refuses keys among which none leaves a prompt. The end of the session always has one.
    fn check_ways_out(&self, rebindings: &[Rebinding]) -> Result<(), (usize, RebindError)> {
        let leaves = |action: &Action| matches!(action, Action::Cancel | Action::PromptAccept);
        if self.bindings(Mode::Prompt).flat_map(|line| line.keys.iter()).any(|(_, action)| leaves(action)) {
            return Ok(());
        }
        Err((rebindings.iter().rposition(|one| leaves(one.action)).unwrap_or(0), RebindError::NoWayOut))
    }

    /// Refuses a key that means two things in one place.
    fn check(&self, rebindings: &[Rebinding]) -> Result<(), (usize, RebindError)> {
        for (place, mode, _) in names::PLACES {
            let mut seen: Vec<(KeyPress, &Action)> = Vec::new();
            for (press, action) in self.bindings(mode).flat_map(|line| line.keys.iter()) {
                let Some((_, before)) = seen.iter().find(|(known, _)| known == press) else {
                    seen.push((*press, action));
                    continue;
                };
                if *before != action {
                    let is_about = |rebinding: &Rebinding| {
                        (rebinding.action == action || rebinding.action == *before) && rebinding.keys.contains(press)
                    };
                    let at = rebindings.iter().rposition(is_about).unwrap_or(0);
                    let (one, other) = (names::name(before), names::name(action));
                    return Err((at, RebindError::Conflict { key: press.written(), one, other, place }));
                }
            }
        }
        Ok(())
    }
}

/// Keys, and what each does.
type Keys = Vec<(KeyPress, Action)>;

/// The keys of a line as they are wanted in one of its places; `None` leaves it as it is.
fn wanted(line: &Binding, mode: Mode, rebindings: &[Rebinding]) -> Option<Keys> {
    let of = |action: &Action| {
        let about = || rebindings.iter().filter(|rebinding| rebinding.action == action);
        // What is said of this place goes before what is said of all.
        let said = |here: bool| about().filter(|one| one.mode.is_some() == here).find_map(|one| one.keys_in(mode));
        said(true).or_else(|| said(false))
    };
    let groups = line.groups();
    if groups.iter().all(|(action, _)| of(action).is_none()) {
        return None;
    }
    let keys = groups.into_iter().flat_map(|(action, presses)| {
        let keys = of(action).unwrap_or(presses);
        keys.into_iter().map(move |press| (press, action.clone()))
    });
    Some(keys.collect())
}

/// A line with keys of one's own: as many lines as there are different wishes for its places. Without a key there is none.
fn with(line: &Binding, rebindings: &[Rebinding]) -> Vec<Binding> {
    let mut parts: Vec<(Vec<Mode>, Option<Keys>)> = Vec::new();
    for mode in line.modes.iter() {
        let keys = wanted(line, *mode, rebindings);
        match parts.iter_mut().find(|(_, known)| *known == keys) {
            Some((modes, _)) => modes.push(*mode),
            None => parts.push((vec![*mode], keys)),
        }
    }
    let part = |(modes, keys): (Vec<Mode>, Option<Keys>)| {
        let mut part = Binding { modes: Cow::Owned(modes), ..line.clone() };
        if let Some(keys) = keys {
            part.keys = Cow::Owned(keys);
            part.shown = Cow::Owned(shown(&part));
        }
        part
    };
    // A line that has no keys in the table speaks of the others, in words.
    parts.into_iter().map(part).filter(|part| line.keys.is_empty() || !part.keys.is_empty()).collect()
}

/// The keys of a line as people write them: those of one action together, `↑ k  ↓ j`.
fn shown(line: &Binding) -> String {
    let groups: Vec<String> = line
        .groups()
        .into_iter()
        .map(|(_, presses)| presses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        .collect();
    match groups.as_slice() {
        [first, .., last] if groups.len() > MOST_IN_WORDS => format!("{first} … {last}"),
        _ => groups.join(if groups.iter().any(|group| group.contains(' ')) { "  " } else { " " }),
    }
}

#[cfg(test)]
mod tests;
