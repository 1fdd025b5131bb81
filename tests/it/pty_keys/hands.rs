//! Hands at the keyboard, and eyes that read the screen.

use crate::support::terminal::Terminal;

/// A screen on which every title is whole.
pub(super) const SCREEN: (u16, u16) = (45, 200);

/// What a terminal sends for a key.
pub(super) fn bytes(key: &str) -> String {
    let named = |key: &str, shift: bool| {
        let letter = |last: char| if shift { format!("\x1b[1;2{last}") } else { format!("\x1b[{last}") };
        Some(match key {
            "space" => " ".to_owned(),
            "up" => letter('A'),
            "down" => letter('B'),
            "right" => letter('C'),
            "left" => letter('D'),
            "home" => letter('H'),
            "end" => letter('F'),
            "pageup" => "\x1b[5~".to_owned(),
            "pagedown" => "\x1b[6~".to_owned(),
            "tab" if shift => "\x1b[Z".to_owned(),
            "tab" => "\t".to_owned(),
            "enter" => "\r".to_owned(),
            "esc" => "\x1b".to_owned(),
            "backspace" => "\x7f".to_owned(),
            _ => return None,
        })
    };
    if key.chars().count() == 1 {
        return key.to_owned();
    }
    if let Some(letter) = key.strip_prefix("ctrl-") {
        return char::from(letter.as_bytes()[0] - b'a' + 1).to_string();
    }
    let shifted = key.strip_prefix("shift-");
    named(shifted.unwrap_or(key), shifted.is_some()).unwrap_or_else(|| panic!("what does a terminal send for {key}?"))
}

/// The rate in force.
pub(super) fn rate(screen: &str) -> &str {
    screen.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap_or_default()
}

/// How much time the charts show: what stands before their times.
pub(super) fn window(screen: &str) -> String {
    let times = screen.lines().find(|line| line.contains('╵')).unwrap_or_default();
    times.split('╵').next().unwrap_or_default().trim().to_owned()
}

pub(super) fn footer(screen: &str) -> &str {
    screen.lines().nth(usize::from(SCREEN.0) - 1).unwrap_or_default()
}

/// The message above the keys.
pub(super) fn message(screen: &str) -> &str {
    let above = screen.trim_end().rsplit_once('\n').map_or("", |(above, _)| above);
    // A message has three lines at most, and stands above a replay's bar.
    let from = above.rmatch_indices('\n').nth(3).map_or(0, |(at, _)| at);
    above[from..].split_once('»').map_or("", |(_, message)| message)
}

pub(super) fn is_past(screen: &str) -> bool {
    screen.contains("PAST") || screen.contains("on with the replay")
}

/// A session in a place, and what it shows.
pub(super) struct Hands<'a> {
    pub(super) terminal: &'a mut Terminal,
    pub(super) place: &'a str,
    /// The view to be at.
    pub(super) home: &'static str,
}

impl Hands<'_> {
    pub(super) fn press(&mut self, key: &str) {
        self.terminal.press(&bytes(key));
    }

    pub(super) fn see(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        self.terminal.wait(&format!("{what} in {}", self.place), is_there);
    }

    /// The view whose title has the background of what is selected, and the last row that has it.
    pub(super) fn view(&self) -> (&'static str, Option<u16>) {
        let parser = self.terminal.screen();
        let screen = parser.screen();
        let first = screen.contents_between(0, 0, 0, SCREEN.1);
        for title in ["Overview", "Latency", "Instances", "Steps", "Log"] {
            let Some(at) = first.find(title) else { continue };
            let column = u16::try_from(first[..at].chars().count()).unwrap();
            let color = screen.cell(0, column).map_or(vt100::Color::Default, vt100::Cell::bgcolor);
            if color != vt100::Color::Default {
                let has =
                    |row: &u16| (0..SCREEN.1).any(|x| screen.cell(*row, x).is_some_and(|cell| cell.bgcolor() == color));
                return (title, (2..SCREEN.0).rev().find(has));
            }
        }
        ("", None)
    }

    /// Goes to a view by the default key.
    pub(super) fn go(&mut self, view: &str) {
        for _ in 0..5 {
            let before = self.view().0;
            if before == view {
                return;
            }
            self.press("tab");
            self.see("another view", |_| self.view().0 != before);
        }
        assert_eq!(self.view().0, view);
    }

    /// Types a rate.
    pub(super) fn drive(&mut self, rate_wanted: u32) {
        self.terminal.press(&format!("g{rate_wanted}\r"));
        self.see("the rate", |screen| rate(screen) == format!("{rate_wanted}/s"));
    }

    pub(super) fn rates(&mut self, from: u32, key: &str, to: u32) {
        self.drive(from);
        self.press(key);
        self.see(&format!("{to}/s"), |screen| rate(screen) == format!("{to}/s"));
    }

    /// Whatever was said before is said no more.
    pub(super) fn forget(&mut self) {
        self.press("$");
        self.see("another message", |screen| message(screen).contains("no such key"));
    }

    /// A message that was not there before.
    pub(super) fn says(&mut self, key: &str, words: &str) {
        let text = self.terminal.text();
        assert!(!message(&text).contains(words), "{words} is there already");
        self.press(key);
        self.see(words, |screen| message(screen).contains(words));
    }

    /// Presses a key, waits for the words, and closes what it opened.
    pub(super) fn opens(&mut self, key: &str, words: &str) {
        self.press(key);
        self.see(words, |screen| screen.contains(words));
        self.press("esc");
        self.see("the end of it", |screen| !screen.contains(words));
    }

    /// Another window of time than before.
    pub(super) fn windows(&mut self, key: &str) {
        let before = window(&self.terminal.text());
        self.press(key);
        self.see("another window of time", |screen| window(screen) != before);
    }

    /// Back to the present, and all of it.
    pub(super) fn whole(&mut self) {
        self.press("0");
        self.see("the whole session", |screen| window(screen) == "all");
        // Escape only where it is seen to be taken: together with what follows it would be another key.
        if is_past(&self.terminal.text()) {
            self.press("esc");
            self.see("the present", |screen| !is_past(screen));
        }
    }

    /// What is on the screen, with its colours, once no message is left that would go by itself.
    pub(super) fn picture(&self) -> String {
        self.see("no message", |screen| message(screen).is_empty());
        self.terminal.screen().screen().contents_formatted()
    }

    pub(super) fn changes(&mut self, key: &str) {
        let before = self.picture();
        self.press(key);
        self.see("a change", |_| self.terminal.screen().screen().contents_formatted() != before);
    }

    /// The row that is selected goes one way, or the other.
    pub(super) fn selects(&mut self, key: &str, other: &str, back: bool) {
        self.go(if self.place == "tables" { "Log" } else { "Overview" });
        if back {
            let before = self.view();
            self.press(other);
            self.see("another row", |_| self.view() != before);
        }
        let before = self.view();
        self.press(key);
        self.see("another row", |_| self.view() != before);
        if !back {
            self.press(other);
            self.see("the row of before", |_| self.view() == before);
        }
    }
}
