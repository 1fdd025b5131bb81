//! What the terminal says: key presses, new sizes, the wheel, in the application's own words.
//!
//! What is pasted is never keys: an address in the clipboard must not drive load. It is text for an open prompt, and nothing
//! elsewhere. Terminals that know how mark it; from the others it comes as many different keys in one moment, faster than anybody
//! types. An answer of the terminal that comes late
//! (see [`super::asking`]) is none either.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use crossterm::event::{
    Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use futures_util::{Stream, StreamExt as _};
use tokio::time::Instant;

use crate::app::keymap::{Key, KeyPress};

/// Something the user did at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A key went down.
    Key(KeyPress),
    /// The window has this many columns and rows now.
    Resize,
    /// The mouse did something over this column and row.
    Mouse(Mouse, u16, u16),
    /// This text was pasted; empty where the terminal did not mark it as such.
    Paste(String),
}

/// What the mouse does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mouse {
    /// The wheel turned away from the user.
    WheelUp,
    /// The wheel turned towards the user.
    WheelDown,
    /// The left button went down.
    Press,
    /// It moved with the left button down.
    Drag,
    /// The left button was let go.
    Release,
}

/// So many keys in one moment, not all the same, are a text.
const TEXT_IN_A_MOMENT: usize = 8;

/// A key after so long is no part of a text any more.
const GAP_IN_A_TEXT: Duration = Duration::from_millis(20);

/// An answer of the terminal is over after this long, whatever it holds.
const LONGEST_ANSWER: Duration = Duration::from_millis(200);

/// So many events are taken at once, at most.
const MOST_IN_A_MOMENT: usize = 4_096;

/// Whether nobody is at the other end of the terminal any more.
#[cfg(unix)]
pub(super) fn has_hung_up() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let input = rustix::stdio::stdin();
    let mut asked = [PollFd::new(&input, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    poll(&mut asked, Some(&now)).is_ok_and(|_| asked[0].revents().intersects(gone))
}

#[cfg(not(unix))]
pub(super) const fn has_hung_up() -> bool {
    false
}

/// What has come by now, in the same moment; `None` when the terminal is gone. It is asked for that before each read: of a terminal
/// that has hung up crossterm reads nothing, for ever, and would take this thread with it.
///
/// Every question is in the caller's name: crossterm's stream wakes whoever asked first since the last event, so that one in
/// nobody's name (`now_or_never`) would leave the next key lying until something else happens.
fn poll_moment(
    events: &mut (impl Stream<Item = io::Result<Event>> + Unpin),
    cx: &mut Context<'_>,
    has_hung_up: impl Fn() -> bool,
) -> Poll<Option<Vec<io::Result<Event>>>> {
    let mut moment = Vec::new();
    while moment.len() < MOST_IN_A_MOMENT && !has_hung_up() {
        match events.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(event))) => moment.push(Ok(event)),
            Poll::Ready(Some(Err(error))) => {
                moment.push(Err(error));
                break;
            }
            Poll::Pending if moment.is_empty() => return Poll::Pending,
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    Poll::Ready(Some(moment).filter(|moment| !moment.is_empty()))
}

/// The terminal's events, as they come.
#[derive(Debug, Default)]
pub(crate) struct InputStream {
    events: EventStream,
    /// Read already, and not told yet.
    waiting: VecDeque<Input>,
    /// When the last key of a text came, and when an answer of the terminal began.
    text_until: Option<Instant>,
    answer_until: Option<Instant>,
}

impl InputStream {
    /// Listens to the terminal. Needs raw mode, see [`super::terminal::Screen`].
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The next thing the user did; `None` when the terminal is gone. Cancel-safe: nothing is lost but the wait. Where
    /// `takes_text`, as a prompt does, keys that come at once are typed text; so they are after a key that `opens` one.
    pub(crate) async fn next(
        &mut self,
        takes_text: bool,
        opens: impl Fn(KeyPress) -> bool,
    ) -> io::Result<Option<Input>> {
        loop {
            if let Some(input) = self.waiting.pop_front() {
                return Ok(Some(input));
            }
            let Some(moment) = poll_fn(|cx| poll_moment(&mut self.events, cx, has_hung_up)).await else {
                return Ok(None);
            };
            for event in moment {
                self.take(&event?);
            }
            self.forget_text(takes_text, &opens);
        }
    }

    fn take(&mut self, event: &Event) {
        let now = Instant::now();
        if let Event::Key(key) = event {
            let begins = key.code == KeyCode::Char(']') && key.modifiers.contains(KeyModifiers::ALT);
            let ends = key.code == KeyCode::Char('\\') && key.modifiers.contains(KeyModifiers::ALT)
                || key.code == KeyCode::Char('g') && key.modifiers.contains(KeyModifiers::CONTROL);
            if begins {
                self.answer_until = Some(now + LONGEST_ANSWER);
            }
            if self.answer_until.is_some_and(|until| now < until) {
                if ends {
                    self.answer_until = None;
                }
                return;
            }
        }
        self.waiting.extend(translate(event));
    }

    /// Puts a word about pasting in place of keys that can only be a text.
    fn forget_text(&mut self, takes_text: bool, opens: &dyn Fn(KeyPress) -> bool) {
        let now = Instant::now();
        let goes_on = self.text_until.take().is_some_and(|until| now < until);
        if takes_text {
            drop_line_ends(&mut self.waiting);
            return;
        }
        if !(goes_on || is_text(&self.waiting, opens)) {
            return;
        }
        self.text_until = Some(now + GAP_IN_A_TEXT);
        self.waiting.retain(|input| !matches!(input, Input::Key(_)));
        if !goes_on {
            self.waiting.push_back(Input::Paste(String::new()));
        }
    }
}

/// Takes the line ends out of a text that came in one moment for a prompt: what follows one would be keys once the prompt is
/// closed. The last of it may be typed.
fn drop_line_ends(inputs: &mut VecDeque<Input>) {
    if !is_text(inputs, &|_| false) {
        return;
    }
    let last = inputs.len() - 1;
    let mut at = 0..;
    inputs.retain(|input| {
        let is_last = at.next() == Some(last);
        is_last || *input != Input::Key(KeyPress::plain(Key::Enter))
    });
}

/// Whether what came in one moment can only be a text: a key that is held is the same one again and again.
fn is_text(inputs: &VecDeque<Input>, opens: &dyn Fn(KeyPress) -> bool) -> bool {
    let keys = || {
        inputs.iter().filter_map(|input| match input {
            Input::Key(press) => Some(press),
            _ => None,
        })
    };
    let different = keys().enumerate().filter(|(at, press)| !keys().take(*at).any(|other| other == *press)).count();
    let is_for_prompt = keys().next().is_some_and(|press| opens(*press));
    keys().count() >= TEXT_IN_A_MOMENT && different > 2 && !is_for_prompt
}

/// An event of the terminal in our words; `None` when it means nothing to us.
///
/// Only presses count, not releases: Windows reports both. A held key is one press after the other everywhere; *repeat*
/// is a kind of its own only with the kitty protocol, which we do not ask for.
pub(crate) fn translate(event: &Event) -> Option<Input> {
    match event {
        Event::Key(event) if event.kind == KeyEventKind::Press => press(event).map(Input::Key),
        Event::Resize(..) => Some(Input::Resize),
        Event::Paste(text) => Some(Input::Paste(text.clone())),
        Event::Mouse(event) => match event.kind {
            MouseEventKind::ScrollUp => Some(Mouse::WheelUp),
            MouseEventKind::ScrollDown => Some(Mouse::WheelDown),
            MouseEventKind::Down(MouseButton::Left) => Some(Mouse::Press),
            MouseEventKind::Drag(MouseButton::Left) => Some(Mouse::Drag),
            MouseEventKind::Up(MouseButton::Left) => Some(Mouse::Release),
            _ => None,
        }
        .map(|mouse| Input::Mouse(mouse, event.column, event.row)),
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
        KeyCode::Insert => Key::Insert,
        KeyCode::Delete => Key::Delete,
        KeyCode::F(number) => Key::F(number),
        _ => return None,
    };
    // Some terminals report shift with a key that already is the shifted one (`?`, Shift-Tab), others do not.
    let shift = event.modifiers.contains(KeyModifiers::SHIFT) && !matches!(key, Key::Char(_) | Key::BackTab);
    Some(KeyPress { key, ctrl: event.modifiers.contains(KeyModifiers::CONTROL), shift })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Waker;

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

    fn typed(text: &str) -> VecDeque<Input> {
        text.chars().map(|ch| Input::Key(KeyPress::plain(Key::Char(ch)))).collect()
    }

    #[test]
    fn what_comes_in_one_moment_is_a_text_unless_it_is_a_key_that_is_held() {
        let opens = |press: KeyPress| press == KeyPress::plain(Key::Char('r'));
        assert!(is_text(&typed("https://example.com/s/9?e=q"), &opens));
        for keys in ["", "s", "ss", "jjjjjjjjjjjj", "1234", "jkjkjkjk", "r600 30s"] {
            assert!(!is_text(&typed(keys), &opens), "{keys}");
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Events that come one by one, and wake whoever asked first since the last one, as crossterm's do.
    #[derive(Default)]
    struct FirstAsked {
        events: VecDeque<Event>,
        asked: Option<Waker>,
    }

    impl FirstAsked {
        fn comes(&mut self, event: Event) {
            self.events.push_back(event);
            self.asked.take().expect("nobody has asked").wake();
        }
    }

    impl Stream for FirstAsked {
        type Item = io::Result<Event>;

        fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            self.asked.get_or_insert_with(|| cx.waker().clone());
            Poll::Pending
        }
    }

    #[test]
    fn each_key_wakes_who_waits_for_it_also_the_one_after_a_key() {
        let mut events = FirstAsked::default();
        let press = || key(KeyCode::Char('s'), KeyModifiers::NONE, KeyEventKind::Press);
        let woken = Arc::new(Wakes::default());
        let waker = Arc::clone(&woken).into();
        let mut cx = Context::from_waker(&waker);
        for count in 1..=3 {
            assert!(poll_moment(&mut events, &mut cx, || false).is_pending());
            events.comes(press());
            assert_eq!(woken.0.load(Ordering::Relaxed), count, "the key lies there");
            let moment = poll_moment(&mut events, &mut cx, || false);
            assert!(matches!(moment, Poll::Ready(Some(keys)) if keys.len() == 1));
        }
        assert!(matches!(poll_moment(&mut events, &mut cx, || true), Poll::Ready(None)));
    }

    #[test]
    fn pasting_is_no_key() {
        assert_eq!(translate(&Event::Paste("s".to_owned())), Some(Input::Paste("s".to_owned())));
    }

    #[test]
    fn in_a_prompt_a_line_end_in_the_middle_of_what_comes_at_once_accepts_nothing() {
        let enter = || Input::Key(KeyPress::plain(Key::Enter));
        let lines = |parts: &[&str]| {
            let mut all = VecDeque::new();
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    all.push_back(enter());
                }
                all.extend(typed(part));
            }
            all
        };
        let mut pasted = lines(&["rate 600", "sss", "9"]);
        drop_line_ends(&mut pasted);
        assert_eq!(pasted, typed("rate 600sss9"));
        // A command that a script types at once is typed.
        let mut command = lines(&["rate 600", ""]);
        drop_line_ends(&mut command);
        assert_eq!(command, lines(&["rate 600", ""]));
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
