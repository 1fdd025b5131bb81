//! Keys in words: how `scaletop.toml` writes them (`"ctrl-s"`, `"shift-left"`, `"f5"`, `"?"`), and how the screen shows them
//! (`Ctrl-S`, `Shift-←`, `F5`, `?`).

use std::fmt;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Key, KeyPress};

/// What a key that cannot be read could have been.
const EXAMPLES: &str = "write a character (\"s\", \"?\"), \"space\", \"up\", \"pagedown\", \"enter\", \"f5\", with \"ctrl-\" or \"shift-\" where \
                        terminals tell them apart (\"ctrl-s\", \"shift-left\")";

/// Keys that are no characters: as they are written, also written, and as they are shown.
const NAMED: [(&str, &str, Key, &str); 16] = [
    ("space", "", Key::Char(' '), "space"),
    ("up", "", Key::Up, "↑"),
    ("down", "", Key::Down, "↓"),
    ("left", "", Key::Left, "←"),
    ("right", "", Key::Right, "→"),
    ("pageup", "pgup", Key::PageUp, "PgUp"),
    ("pagedown", "pgdn", Key::PageDown, "PgDn"),
    ("home", "", Key::Home, "Home"),
    ("end", "", Key::End, "End"),
    ("tab", "", Key::Tab, "Tab"),
    ("shift-tab", "backtab", Key::BackTab, "Shift-Tab"),
    ("enter", "return", Key::Enter, "Enter"),
    ("esc", "escape", Key::Escape, "Esc"),
    ("backspace", "", Key::Backspace, "Backspace"),
    ("insert", "ins", Key::Insert, "Ins"),
    ("delete", "del", Key::Delete, "Del"),
];

/// The highest function key that terminals have a sequence for.
const LAST_FUNCTION_KEY: u8 = 24;

impl KeyPress {
    /// Reads a key as `scaletop.toml` writes it; the error says what would have been right.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is no key: {EXAMPLES}");
        // A character is itself, in its case.
        if let Some(ch) = only(text) {
            return match ch.width() {
                _ if ch.is_control() => Err(unknown()),
                // Combining marks, joiners and the like.
                Some(0) | None => Err(format!(
                    "U+{:04X} is no key: it is a part of the character before it, and no terminal sends it alone; {EXAMPLES}",
                    u32::from(ch)
                )),
                Some(_) if ch.is_whitespace() && ch != ' ' => {
                    Err(format!("U+{:04X} is no key that can be seen: write \"space\"", u32::from(ch)))
                }
                Some(_) => Ok(Self::plain(Key::Char(ch))),
            };
        }
        if text.chars().skip(1).any(|ch| ch.width().unwrap_or(0) == 0 && !ch.is_control()) && text.width() <= 2 {
            return Err(format!(
                "`{text}` is several characters that are drawn as one: terminals send them one after the other; {EXAMPLES}"
            ));
        }
        let lower = text.to_lowercase();
        if let Some(key) = named(&lower) {
            return Ok(Self::plain(key));
        }
        let (mut rest, mut ctrl, mut shift) = (lower.as_str(), false, false);
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-") {
                (rest, ctrl) = (after, true);
            } else if let Some(after) = rest.strip_prefix("shift-") {
                (rest, shift) = (after, true);
            } else {
                break;
            }
        }
        if ["alt-", "meta-", "super-", "cmd-", "win-"].iter().any(|held| rest.starts_with(held)) {
            return Err(format!("`{text}`: keys with Alt and the like belong to the terminal; {EXAMPLES}"));
        }
        let key = only(rest).map(Key::Char).or_else(|| named(rest)).ok_or_else(unknown)?;
        Self { key, ctrl, shift }.told_apart().map_err(|why| format!("`{text}`: {why}"))
    }

    /// Refuses what terminals send as another key, or not at all.
    fn told_apart(self) -> Result<Self, String> {
        match (self.key, self.ctrl, self.shift) {
            (Key::Char(ch), _, true) => {
                Err(format!("write the character that Shift makes, such as {:?}", ch.to_uppercase().to_string()))
            }
            (Key::Char('i'), true, _) => Err("terminals send the same for Ctrl-I and Tab: write \"tab\"".to_owned()),
            (Key::Char('m'), true, _) => {
                Err("terminals send the same for Ctrl-M and Enter: write \"enter\"".to_owned())
            }
            (Key::Char(ch), true, _) if !(ch.is_ascii_lowercase() || ch == ' ') => {
                Err("with Ctrl terminals tell letters apart and the space, no other character".to_owned())
            }
            (Key::Enter | Key::Escape | Key::Backspace | Key::Tab | Key::BackTab, true, _)
            | (Key::Enter | Key::Escape | Key::Backspace | Key::BackTab, _, true) => {
                Err("terminals send the same with and without it".to_owned())
            }
            (Key::Tab, _, true) => Ok(Self::plain(Key::BackTab)),
            _ => Ok(self),
        }
    }

    /// As `scaletop.toml` writes it.
    pub(crate) fn written(self) -> String {
        let held = format!("{}{}", if self.ctrl { "ctrl-" } else { "" }, if self.shift { "shift-" } else { "" });
        let key = match (self.key, name(self.key)) {
            (_, Some((written, _))) => written.to_owned(),
            (Key::F(number), None) => format!("f{number}"),
            (Key::Char(ch), None) => ch.to_string(),
            (_, None) => String::new(),
        };
        held + &key
    }
}

impl fmt::Display for KeyPress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.ctrl { "Ctrl-" } else { "" })?;
        f.write_str(if self.shift { "Shift-" } else { "" })?;
        match (self.key, name(self.key)) {
            (_, Some((_, shown))) => f.write_str(shown),
            (Key::F(number), None) => write!(f, "F{number}"),
            (Key::Char(ch), None) if self.ctrl => write!(f, "{}", ch.to_uppercase()),
            (Key::Char(ch), None) => write!(f, "{ch}"),
            (_, None) => Ok(()),
        }
    }
}

/// The only character of a text.
fn only(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn named(text: &str) -> Option<Key> {
    let function = || {
        let number = text.strip_prefix('f').and_then(|number| number.parse().ok());
        number.filter(|number| (1..=LAST_FUNCTION_KEY).contains(number)).map(Key::F)
    };
    let known = NAMED.iter().find(|(written, also, ..)| *written == text || (!also.is_empty() && *also == text));
    known.map(|(_, _, key, _)| *key).or_else(function)
}

/// How a key that is no character is written, and shown.
fn name(key: Key) -> Option<(&'static str, &'static str)> {
    NAMED.iter().find(|(_, _, known, _)| *known == key).map(|(written, _, _, shown)| (*written, *shown))
}

#[cfg(test)]
mod tests {
    use super::super::table::TABLE;
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written_and_shown_as_people_know_them() {
        for (text, shown) in [
            ("s", "s"),
            ("S", "S"),
            ("?", "?"),
            ("-", "-"),
            ("space", "space"),
            ("ctrl-s", "Ctrl-S"),
            ("Ctrl-S", "Ctrl-S"),
            ("ctrl-space", "Ctrl-space"),
            ("shift-left", "Shift-←"),
            ("ctrl-shift-right", "Ctrl-Shift-→"),
            ("PgDn", "PgDn"),
            ("shift-tab", "Shift-Tab"),
            ("f5", "F5"),
            ("shift-f12", "Shift-F12"),
            ("delete", "Del"),
            ("ж", "ж"),
        ] {
            let read = KeyPress::read(text);
            assert_eq!(read.map(|press| press.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_no_terminal_sends_is_refused_with_what_to_write_instead() {
        for (text, says) in [
            ("", "no key"),
            ("hyper", "f5"),
            ("f0", "no key"),
            ("f25", "no key"),
            ("alt-x", "belong to the terminal"),
            ("ctrl-alt-x", "belong to the terminal"),
            ("shift-s", "\"S\""),
            ("ctrl-i", "\"tab\""),
            ("ctrl-m", "\"enter\""),
            ("ctrl-1", "letters"),
            ("ctrl-[", "letters"),
            ("ctrl-enter", "the same"),
            ("shift-esc", "the same"),
            ("ctrl-", "no key"),
            ("\u{1b}", "no key"),
            ("\u{301}", "U+0301 is no key: it is a part of the character before it"),
            ("\u{200d}", "no terminal sends it alone"),
            ("\u{fe0f}", "no terminal sends it alone"),
            ("e\u{301}", "several characters that are drawn as one"),
            ("\u{2003}", "write \"space\""),
        ] {
            let refused = KeyPress::read(text).expect_err(text);
            assert!(refused.contains(says), "{text:?}: {refused}");
        }
    }

    #[test]
    fn every_key_of_the_table_is_written_so_that_it_is_read_again() {
        for (press, _) in TABLE.iter().flat_map(|line| line.keys.iter()) {
            assert_eq!(KeyPress::read(&press.written()), Ok(*press), "{}", press.written());
        }
    }
}
