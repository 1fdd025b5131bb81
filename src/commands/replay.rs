//! `scaletop replay`: the screen on a recorded session.

use crate::app::player::Player;
use crate::app::runtime::{Ended, Runtime};
use crate::app::signals::Signals;
use crate::app::state::State;
use crate::cli::ReplayArgs;
use crate::commands::own::Own;
use crate::commands::{CommandError, has_screen, offer, outcome, say, theme};
use crate::replay::index;
use crate::replay::playback::Playback;
use crate::replay::seekable::SeekableRecording;
use crate::tui::front::{Manners, TerminalFront};
use scaletop_units::RunClock;

/// Plays the session. What is wrong with the recording is said before the terminal is taken over.
pub(super) async fn replay(args: &ReplayArgs, own: Own) -> Result<u8, CommandError> {
    let session = offer::session(args.session.as_deref())?;
    let recording = SeekableRecording::open(&session)?;
    if !has_screen() {
        return Err(CommandError::NoTerminalToReplay { session });
    }
    let updates = index::start(&session)?;
    let front = TerminalFront::open(
        theme(args.screen, &own),
        Manners { mouse: !args.screen.no_mouse, bell: args.screen.bell },
    )?;
    let state =
        State::replay(recording.header().clone(), Player::new(args.speed)).in_folder(session).with_keys(own.keys);
    let back = Playback::new(recording, updates);
    let runtime = Runtime { state, clock: RunClock::start(), front, back, signals: Signals::listen()? };
    let Ended { runtime, signal, .. } = runtime.run().await?;
    let damage = runtime.back.damage();
    // Gives the terminal back.
    drop(runtime);
    if let Some(damage) = damage.describe() {
        say(&format!("note: {damage}"));
    }
    Ok(outcome::by_signal(signal).unwrap_or(0))
}
