//! The keys of a replay. Views and charts have the keys that they have live; those that drive the load choose the moment
//! instead, or say that they work live only ([`KeyMap::action_for`]).

use super::{Binding, Group, Key, KeyMap, KeyPress, char, key, line};
use crate::app::action::Action;

impl KeyMap {
    /// The keys while a recording is shown.
    pub const REPLAY: &'static [Binding] = &[
        line(
            "space",
            "play, pause; at the end: from the beginning",
            Group::Play,
            Some(("play/pause", 1)),
            &[char(' ', Action::TogglePlay)],
        ),
        line(
            "[  ]",
            "slower, faster: 1, 2, 5, 10, 20 or 50 times live speed",
            Group::Play,
            Some(("speed", 1)),
            &[char('[', Action::Slower), char(']', Action::Faster)],
        ),
        line(
            ", . PgUp PgDn",
            "jump to the previous, next step",
            Group::Play,
            Some(("step", 1)),
            &[
                char(',', Action::PreviousStep),
                char('.', Action::NextStep),
                key(Key::PageUp, Action::PreviousStep),
                key(Key::PageDown, Action::NextStep),
            ],
        ),
        line(
            "Home End",
            "jump to the beginning, to the end",
            Group::Play,
            Some(("start", 5)),
            &[key(Key::Home, Action::JumpStart), key(Key::End, Action::JumpEnd)],
        ),
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
            "scroll the charts back, forward in time",
            Group::Look,
            Some(("scroll", 5)),
            &[key(Key::Left, Action::ScrollBack), key(Key::Right, Action::ScrollForward)],
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
        line("e", "how to get the session's files", Group::Session, None, &[char('e', Action::Export)]),
        line("?", "this help", Group::Session, Some(("help", 1)), &[char('?', Action::ToggleHelp)]),
        line("Esc", "close the help; back from scrolling", Group::Session, None, &[key(Key::Escape, Action::Cancel)]),
        line(
            "q  Ctrl-C",
            "quit",
            Group::Session,
            Some(("quit", 1)),
            &[char('q', Action::Quit), (KeyPress::ctrl(Key::Char('c')), Action::Quit)],
        ),
        line("other keys", "those that drive the load live do nothing here, and say so", Group::Session, None, &[]),
    ];
}
