//! What a session is shown on: a screen, or a log. The runtime knows no more of it than this.

use std::future::Future;
use std::io;

use crate::app::event::Event;
use crate::app::state::State;

/// What a session is shown on.
pub trait FrontEnd {
    /// The next thing that the user does; never, where nobody can. Cancel-safe. `state` tells keys from text.
    fn next(&mut self, state: &State) -> impl Future<Output = Event>;

    /// Whether a frame can be shown now; a stalled terminal is not waited for.
    fn is_ready(&self) -> bool;

    /// Shows the state.
    fn show(&mut self, state: &State) -> io::Result<()>;
}
