//! The two ends of the loop: what a session is shown on, and what makes it happen. The runtime knows no more of them.

use std::future::Future;
use std::io;
use std::time::Duration;

use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::app::state::State;

/// What a session is shown on: a screen, or a log.
pub trait FrontEnd {
    /// The next thing that the user does; never, where nobody can. Cancel-safe. `state` tells keys from text.
    fn next(&mut self, state: &State) -> impl Future<Output = Event>;

    /// Whether a frame can be shown now; a stalled terminal is not waited for.
    fn is_ready(&self) -> bool;

    /// Whether what was shown last was only a part: the rest is to be shown as soon as it can be.
    fn is_behind(&self) -> bool {
        false
    }

    /// Shows the state.
    fn show(&mut self, state: &State) -> io::Result<()>;

    /// Gives back what it shows on, stands still until the shell says `fg`, and takes it over again.
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What makes a session happen: load on a service, or a recording.
pub trait BackEnd {
    /// Why it cannot go on; a front end that fails is one reason.
    type Error: From<io::Error>;

    /// How often the state hears that time passes.
    const TICK: Duration;

    /// What has happened by now already, and has to be known before anything else. Does not wait.
    fn due(&mut self, state: &State) -> Result<Option<Event>, Self::Error> {
        let _ = state;
        Ok(None)
    }

    /// The next thing that happens; `None` when only [`BackEnd::due`] has to be asked again. Cancel-safe.
    fn next(&mut self) -> impl Future<Output = Result<Option<Event>, Self::Error>>;

    /// Waits until what was asked for has happened, a moment at most: the process is about to stand still.
    fn settle(&mut self) -> impl Future<Output = ()> {
        std::future::ready(())
    }

    /// Does what the state asks for. What comes of it at once is the next event.
    fn perform(&mut self, effect: Effect, state: &State) -> Option<Event>;
}
