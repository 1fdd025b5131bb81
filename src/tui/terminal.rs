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
use ratatui::backend::{Backend, ClearType as Cleared, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Size};
use ratatui::{Frame, Terminal};

use crate::app::state::State;
use crate::tui::Places;
use crate::tui::encode;
use crate::tui::frames::{FrameWriter, Frames};
use crate::tui::partly;
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
    terminal: Option<Terminal<Lean<FrameWriter>>>,
    frames: Frames,
    /// Whether the mouse is ours.
    mouse: bool,
    places: Places,
    /// On a slow line: what is shown, and the row that has waited longest for its turn.
    shown: Option<Buffer>,
    waits: Option<u16>,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn open(mouse: bool) -> Result<Self, TerminalError> {
        restore_on_panic();
        enable_raw_mode().map_err(TerminalError::Open)?;
        // From here on something must be undone, so every failure goes through `restore`.
        let open = || {
            enter(mouse)?;
            let (writer, frames) = FrameWriter::new(io::stdout(), nothing()?)?;
            Ok((Terminal::new(Lean::new(writer, 0))?, frames))
        };
        match open() {
            Ok((terminal, frames)) => {
                let places = Places::default();
                Ok(Self { terminal: Some(terminal), frames, mouse, places, shown: None, waits: None })
            }
            Err(error) => {
                restore();
                Err(TerminalError::Open(error))
            }
        }
    }

    /// Whether the terminal has taken every frame so far: while it has not, a new one would only queue up. `is_asked`: somebody
    /// waits for what a key has done.
    pub(crate) fn is_free(&self, is_asked: bool) -> bool {
        self.frames.is_free(is_asked)
    }

    /// Whether a part of the last frame has to come with the next.
    pub(crate) const fn is_behind(&self) -> bool {
        self.waits.is_some()
    }

    /// What lies where on the last frame.
    pub(crate) const fn places(&self) -> &Places {
        &self.places
    }

    /// The next frame is written whole: something else has written on the screen.
    pub(crate) fn repaint(&mut self) {
        self.frames.forget_line();
        (self.shown, self.waits) = (None, None);
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
        let budget = self.frames.budget();
        let (places, shown, waits) = (&mut self.places, &mut self.shown, &mut self.waits);
        let paint = |frame: &mut Frame<'_>| {
            *places = super::paint(state, theme, frame);
            let buf = frame.buffer_mut();
            *waits = match (budget, &*shown) {
                (Some(budget), Some(shown)) if shown.area == buf.area => {
                    partly::within(buf, shown, budget, waits.unwrap_or(0))
                }
                _ => None,
            };
            *shown = budget.map(|_| buf.clone());
        };
        draw_on(terminal, &self.frames, rings, paint).map_err(TerminalError::Draw)
    }
}

/// Draws a frame, and hands it over whole.
fn draw_on<W: io::Write>(
    terminal: &mut Terminal<Lean<W>>,
    frames: &Frames,
    rings: bool,
    paint: impl FnOnce(&mut Frame<'_>),
) -> io::Result<()> {
    if rings {
        queue!(terminal.backend_mut(), Print('\u{7}'))?;
    }
    queue!(terminal.backend_mut(), BeginSynchronizedUpdate)?;
    frames.set_drawing(true);
    let drawn = terminal.draw(paint).map(drop);
    frames.set_drawing(false);
    let shown = execute!(terminal.backend_mut(), EndSynchronizedUpdate);
    drawn.and(shown)
}

/// What [`draw_on`] writes when nothing changed.
fn nothing() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    queue!(bytes, BeginSynchronizedUpdate, EndSynchronizedUpdate)?;
    Ok(bytes)
}

/// The columns and rows of the terminal: of standard output, which is what is drawn on, in one call. Crossterm opens the terminal
/// anew each time, and here it is asked for each frame and each key.
#[cfg(unix)]
pub(super) fn size() -> io::Result<Size> {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Ok(Size::new(size.ws_col, size.ws_row)),
        _ => asked_size(),
    }
}

/// The same where there is no such call.
#[cfg(not(unix))]
pub(super) fn size() -> io::Result<Size> {
    asked_size()
}

fn asked_size() -> io::Result<Size> {
    crossterm::terminal::size().map(|(columns, rows)| Size::new(columns, rows))
}

/// A terminal that is written to in few bytes ([`encode`]). Its cursor is hidden for as long as the screen is ours.
#[derive(Debug)]
struct Lean<W: io::Write> {
    all: CrosstermBackend<W>,
    /// Its columns, as it was last asked: before each frame.
    columns: std::cell::Cell<u16>,
}

impl<W: io::Write> Lean<W> {
    /// A terminal of so many columns; 0 where it is asked before it is drawn on.
    const fn new(writer: W, columns: u16) -> Self {
        Self { all: CrosstermBackend::new(writer), columns: std::cell::Cell::new(columns) }
    }
}

impl<W: io::Write> io::Write for Lean<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.all, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut self.all)
    }
}

impl<W: io::Write> Backend for Lean<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        encode::encode(&mut self.all, self.columns.get(), content)
    }

    /// It is hidden already, and nobody shows it.
    fn hide_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.all.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.all.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.all.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.all.clear()
    }

    fn clear_region(&mut self, region: Cleared) -> io::Result<()> {
        self.all.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        let size = size()?;
        self.columns.set(size.width);
        Ok(size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.all.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.all)
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ratatui::layout::Rect;
    use ratatui::{TerminalOptions, Viewport};

    use super::*;
    use crate::tui::fixtures::spike;

    /// What was written to a terminal.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_in_which_nothing_changed_costs_not_one_byte_and_a_content_frame_less_than_two_kilobytes() {
        let written = Written::default();
        let (writer, frames) = FrameWriter::new(written.clone(), nothing().unwrap()).unwrap();
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::new(0, 0, 120, 40)) };
        let mut terminal = Terminal::with_options(Lean::new(writer, 120), options).unwrap();
        let mut builder = spike(4, 270);
        let mut costs = Vec::new();
        let mut cost = |state: &State| {
            let before = written.0.lock().unwrap().len();
            let paint = |frame: &mut Frame<'_>| {
                let _ = crate::tui::paint(state, Theme::DARK, frame);
            };
            draw_on(&mut terminal, &frames, false, paint).unwrap();
            frames.wait();
            written.0.lock().unwrap().len() - before
        };
        assert!(cost(&builder.clone().build()) > 2_048, "the first frame is all of the screen");
        for _ in 0..15 {
            builder = builder.run(1);
            let state = builder.clone().build();
            costs.push(cost(&state));
            assert_eq!([cost(&state), cost(&state)], [0, 0]);
        }
        costs.sort_unstable();
        assert!(costs[costs.len() / 2] < 2_048 && costs[0] > 0, "{costs:?}");
    }
}
