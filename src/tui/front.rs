//! The terminal as a front end: keys in, frames out.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::app::action::Action;
use crate::app::ends::FrontEnd;
use crate::app::event::Event;
use crate::app::keymap::KeyMap;
use crate::app::signals::{JobControl, JobEvent};
use crate::app::state::State;
use crate::session::standing::{Standing, standing};
use crate::tui::asking;
use crate::tui::input::{Input, InputStream, has_hung_up};
use crate::tui::layout::SMALLEST;
use crate::tui::mouse::{self, Held};
use crate::tui::picture::picture;
use crate::tui::terminal::{self, Screen, TerminalError};
use crate::tui::theme::Theme;

/// So many pictures of one session are enough.
const MOST_PICTURES: u32 = 1_000;

/// What the bell has told of the objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bell {
    /// Nobody wants to hear it.
    Off,
    /// Nothing yet.
    Silent,
    Held,
    Lost,
}

/// What the user wants of the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// The mouse is ours.
    pub(crate) mouse: bool,
    /// The bell rings when the objective is lost, and when it holds again.
    pub(crate) bell: bool,
}

/// A session on the terminal.
#[derive(Debug)]
pub(crate) struct TerminalFront {
    screen: Screen,
    input: InputStream,
    theme: Theme,
    jobs: JobControl,
    bell: Bell,
    /// What the mouse drags.
    held: Held,
    /// A key was pressed, and what it does is not shown yet.
    is_asked: bool,
    /// The terminal has gone away; that was said once.
    is_gone: bool,
    /// A colour of one's own that is hard to see here, and has not been told of.
    hardly_seen: Option<&'static str>,
}

impl TerminalFront {
    /// Takes the terminal over; it is given back when this is dropped.
    pub(crate) fn open(theme: Theme, manners: Manners) -> Result<Self, TerminalError> {
        let screen = Screen::open(manners.mouse)?;
        // Where the background was known before, whoever opens the screen has said so.
        let is_news = theme.may_ask_background();
        // Before anybody else reads from the terminal.
        let theme = if theme.may_ask() { theme.on(asking::ask()) } else { theme };
        Ok(Self {
            screen,
            input: InputStream::new(),
            theme,
            jobs: JobControl::listen(),
            bell: if manners.bell { Bell::Silent } else { Bell::Off },
            held: Held::default(),
            is_asked: false,
            is_gone: false,
            hardly_seen: theme.faint().first().copied().filter(|_| is_news),
        })
    }
}

impl TerminalFront {
    /// Whether the objective is lost since the last frame, or holds again.
    fn rings(&mut self, state: &State) -> bool {
        if self.bell == Bell::Off {
            return false;
        }
        // Of two targets it rings for the one that loses it first, and when both hold it again.
        let standings: Vec<_> = state.halves().each().map(|(_, half)| standing(half, state.now())).collect();
        let is_lost = |one: &Standing| matches!(one, Standing::Missed { .. } | Standing::NoneOk { .. });
        let now = match standings.as_slice() {
            some if some.iter().any(is_lost) => Bell::Lost,
            all if all.iter().all(|one| *one == Standing::Held) => Bell::Held,
            _ => return false,
        };
        let before = std::mem::replace(&mut self.bell, now);
        // That it holds at the beginning is no news.
        before != now && (before, now) != (Bell::Silent, Bell::Held)
    }

    /// Writes the screen as a picture beside the session's files: `screen-1.svg`, and so on.
    fn save(&self, state: &State) -> io::Result<PathBuf> {
        let size = terminal::size().map(|size| (size.width, size.height))?;
        let title = format!("scaletop, {} at {}", targets(state), state.now());
        let picture = picture(state, self.theme, size, &title);
        let folder = state.folder().map_or_else(PathBuf::new, Path::to_owned);
        for number in 1..=MOST_PICTURES {
            let path = folder.join(format!("screen-{number}.svg"));
            // Never over what is there, and never through a link.
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => return file.write_all(picture.as_bytes()).map(|()| path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("there are a thousand pictures already"))
    }

    /// How many columns the charts have, when that is not what the state knows.
    fn columns(&self, state: &State) -> Option<u16> {
        let (area, _) = self.screen.places().charts?;
        (area.width != state.ui().range.columns).then_some(area.width)
    }
}

/// What is measured, in a title.
fn targets(state: &State) -> String {
    let targets: Vec<_> = state.halves().each().map(|(_, half)| half.header().settings.target.as_str()).collect();
    targets.join(" and ")
}

impl FrontEnd for TerminalFront {
    async fn next(&mut self, state: &State) -> Event {
        while !self.is_gone {
            if let Some(role) = self.hardly_seen.take() {
                return Event::Action(Action::HardlySeen(role));
            }
            if state.ui().picture_asked.is_some() {
                return Event::Saved(self.save(state).map_err(|error| error.to_string()));
            }
            if let Some(columns) = self.columns(state) {
                return Event::Action(Action::Columns(columns));
            }
            if let Some(last) =
                self.screen.places().help.filter(|last| state.ui().help.is_some_and(|from| from > *last))
            {
                return Event::Action(Action::HelpScrolls(last));
            }
            let input = tokio::select! {
                biased;
                event = self.jobs.next() => match event {
                    JobEvent::Stop => return suspend(),
                    JobEvent::Continued => {
                        // Stopped behind our back. When the terminal is not ours any more, the next frame says so.
                        let _ = self.screen.enter();
                        return Event::Resized;
                    }
                },
                input = self.input.next(state.ui().prompt.is_some(), |press| state.ui().keys.opens_prompt(press)) => input,
            };
            match input {
                Ok(Some(Input::Key(press))) => {
                    let action = KeyMap::action_for(press, state);
                    // Where nothing of the load can be seen, it is only let go of.
                    let is_blind = is_too_small();
                    if let Some(action) = action.filter(|action| !is_blind || action.lets_go(state.is_paused())) {
                        self.is_asked = true;
                        match action {
                            Action::Repaint => self.screen.repaint(),
                            Action::Suspend => return suspend(),
                            _ => {}
                        }
                        return Event::Action(action);
                    }
                }
                Ok(Some(Input::Paste(text))) => {
                    self.is_asked = true;
                    return Event::Pasted(text);
                }
                Ok(Some(Input::Resize)) => return Event::Resized,
                Ok(Some(Input::Mouse(mouse, column, row))) => {
                    let places = self.screen.places();
                    if let Some(action) = mouse::action(state, places, &mut self.held, mouse, column, row) {
                        return Event::Action(action);
                    }
                }
                // Nobody is there any more: what is measured so far is kept.
                Ok(None) | Err(_) => {
                    self.is_gone = true;
                    // What was asked for already is being done, and a second time would be: at once.
                    if state.is_ending() {
                        continue;
                    }
                    return Event::Action(Action::Quit);
                }
            }
        }
        std::future::pending().await
    }

    fn is_ready(&self) -> bool {
        self.screen.is_free(self.is_asked)
    }

    fn is_behind(&self) -> bool {
        self.screen.is_behind()
    }

    fn show(&mut self, state: &State) -> io::Result<()> {
        let rings = self.rings(state);
        self.is_asked = false;
        match self.screen.draw(state, self.theme, rings) {
            // Nobody looks any more: what is measured and what is being written go on, and `next` asks for the end.
            Err(_) if has_hung_up() => Ok(()),
            drawn => drawn.map_err(source),
        }
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.screen.leave();
        let stopped = JobControl::stop();
        self.screen.enter().map_err(source)?;
        stopped
    }
}

/// Whether the terminal has too little room to show anything but that.
fn is_too_small() -> bool {
    terminal::size().is_ok_and(|size| size.width < SMALLEST.0 || size.height < SMALLEST.1)
}

fn source(error: TerminalError) -> io::Error {
    match error {
        TerminalError::Open(source) | TerminalError::Draw(source) => source,
    }
}

fn suspend() -> Event {
    Event::Action(if JobControl::has_shell() { Action::Suspend } else { Action::NoShell })
}
