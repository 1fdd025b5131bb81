//! `scaletop replay`: the screen on a recorded session.

use crate::app::player::Player;
use crate::app::state::{State, Ui};
use crate::cli::ReplayArgs;
use crate::commands::{CommandError, has_screen, outcome, say};
use crate::replay::index;
use crate::replay::runtime::ReplayRuntime;
use crate::replay::seekable::SeekableRecording;
use crate::session::state::Session;
use crate::tui::front::TerminalFront;
use crate::tui::theme::Theme;
use scaletop_units::ArrivalRate;
use scaletop_units::RunClock;

/// Plays the session. What is wrong with the recording is said before the terminal is taken over.
pub(super) async fn replay(args: &ReplayArgs) -> Result<u8, CommandError> {
    let recording = SeekableRecording::open(&args.session)?;
    if !has_screen() {
        return Err(CommandError::NoTerminalToReplay { session: args.session.clone() });
    }
    let index = index::start(&args.session)?;
    let theme = Theme::from_env(|name| std::env::var(name).ok());
    let front = TerminalFront::open(theme)?;
    let mut ui = Ui::new(ArrivalRate::PAUSED);
    ui.folder = Some(args.session.clone());
    ui.size = front.size()?;
    ui.replay = Some(Player::new(args.speed));
    let state = State { session: Session::new(recording.header().clone()), ui };
    let replayed = ReplayRuntime { state, clock: RunClock::start(), recording, index, front }.run().await?;
    if let Some(damage) = replayed.damage.describe() {
        say(&format!("note: {damage}"));
    }
    Ok(outcome::by_signal(replayed.signal).unwrap_or(0))
}
