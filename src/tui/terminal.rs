//! The real terminal: taken over on [`Screen::open`], given back whatever ends the program.
//!
//! Frames are written by a thread of their own ([`super::frames`]): a terminal that stalls does not stall the caller.
//!
//! It is restored when the [`Screen`] is dropped (also by an error on its way up) and by a panic hook, which prints the
//! panic's message only after the screen is the user's again.

use std::io::{self, Write as _};
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::app::state::State;
use crate::tui::Places;
use crate::tui::frames::{FrameWriter, Frames};
use crate::tui::theme::Theme;

/// Why the terminal could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// It is not a terminal, or it went away.
    #[error("cannot take over the terminal: {0}; run it in a terminal window, or use `scaletop run` without one")]
    Open(#[source] io::Error),
    /// It could not be written to.
    #[error("cannot draw on the terminal: {0}; it may have been closed")]
    Draw(#[source] io::Error),
}

/// The terminal in raw mode on its alternate screen.
#[derive(Debug)]
pub(crate) struct Screen {
    /// `None` only while it is dropped.
    terminal: Option<Terminal<CrosstermBackend<FrameWriter>>>,
    frames: Frames,
    /// Whether the mouse is ours.
    mouse: bool,
    places: Places,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn open(mouse: bool) -> Result<Self, TerminalError> {
        restore_on_panic();
        enable_raw_mode().map_err(TerminalError::Open)?;
        // From here on something must be undone, so every failure goes through `restore`.
        let open = || {
            enter(mouse)?;
            let (writer, frames) = FrameWriter::new(io::stdout())?;
            Ok((Terminal::new(CrosstermBackend::new(writer))?, frames))
        };
        match open() {
            Ok((terminal, frames)) => Ok(Self { terminal: Some(terminal), frames, mouse, places: Places::default() }),
            Err(error) => {
                restore();
                Err(TerminalError::Open(error))
            }
        }
    }

    /// Whether the terminal has taken every frame so far: while it has not, a new one would only queue up.
    pub(crate) fn is_idle(&self) -> bool {
        self.frames.is_idle()
    }

    /// What lies where on the last frame.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// The next frame is written whole: something else has written on the screen.
    pub(crate) fn repaint(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            // Not ratatui's own clear, as above. What fails here fails again with the frame, and is told then.
            let _ = queue!(terminal.backend_mut(), Clear(ClearType::All));
            terminal.swap_buffers();
        }
    }

    /// Draws a frame: only what changed is written, and shown at once where the terminal knows how (no tearing).
    /// `rings`: with a ring of the bell.
    pub(crate) fn draw(&mut self, state: &State, theme: Theme, rings: bool) -> Result<(), TerminalError> {
        let Some(terminal) = &mut self.terminal else { return Ok(()) };
        if self.frames.has_failed() {
            return Err(TerminalError::Draw(io::ErrorKind::BrokenPipe.into()));
        }
        if rings {
            queue!(terminal.backend_mut(), Print('\u{7}')).map_err(TerminalError::Draw)?;
        }
        queue!(terminal.backend_mut(), BeginSynchronizedUpdate).map_err(TerminalError::Draw)?;
        let places = &mut self.places;
        let drawn = terminal.draw(|frame| *places = super::paint(state, theme, frame)).map(drop);
        let shown = execute!(terminal.backend_mut(), EndSynchronizedUpdate);
        drawn.and(shown).map_err(TerminalError::Draw)
    }
}

impl Screen {
    /// Gives the terminal back for a while, once it has taken the last frame.
    pub(crate) fn leave(&mut self) {
        self.frames.wait();
        restore();
    }

    /// Takes it over again, whatever became of it meanwhile.
    pub(crate) fn enter(&mut self) -> Result<(), TerminalError> {
        // What we believe of its mode may be wrong: the shell has set it since.
        let _ = disable_raw_mode();
        enable_raw_mode().and_then(|()| enter(self.mouse)).map_err(TerminalError::Open)?;
        self.repaint();
        Ok(())
    }
}

/// The alternate screen, empty and without a cursor; pasted text told apart from keys; and the mouse, which would send arrows
/// otherwise.
fn enter(mouse: bool) -> io::Result<()> {
    // Not ratatui's own clear: it asks the terminal where its cursor is, and some never answer.
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, Clear(ClearType::All), Hide)?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The last frame is written before the screen is left, or it would land in the shell.
        drop(self.terminal.take());
        restore();
    }
}

/// Gives the terminal back. Does what it can: there is nobody left to report a failure to.
fn restore() {
    let mut stdout = io::stdout();
    let _ =
        execute!(stdout, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout.flush();
}

/// Puts [`restore`] before whatever the panic hook did so far, once.
fn restore_on_panic() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}
