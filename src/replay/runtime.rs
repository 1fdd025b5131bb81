//! The loop that plays a recording: the state follows the position, by as many events as are due.
//!
//! The loop waits for nothing but events. Where many are due at once (a jump), they are folded a slice at a time, with a
//! look at the keys and the screen in between.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::event::{Event, ReplayEvent};
use crate::app::front::FrontEnd;
use crate::app::player::Player;
use crate::app::signals::Signals;
use crate::app::state::State;
use crate::app::update::update;
use crate::replay::index::{IndexUpdate, MAX_SNAPSHOTS};
use crate::replay::seekable::SeekableRecording;
use crate::session::recording::{Damage, ReadError};
use scaletop_units::Elapsed;
use scaletop_units::RunClock;

/// How often the position moves on; no more frames than this are drawn.
const TICK: Duration = Duration::from_millis(50);

/// Events that are folded between two looks at the keys: some 20 ms.
const SLICE: usize = 64;

/// A snapshot is worth going to when it spares this much of the recording.
const WORTH: Duration = Duration::from_mins(2);

/// Why a replay ended before its user ended it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The recording cannot be read on.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The terminal failed.
    #[error("cannot draw on the terminal: {0}; it may have been closed")]
    Terminal(#[from] io::Error),
}

/// How a replay ended.
#[derive(Debug)]
pub struct Replayed {
    /// The state at its end.
    pub state: State,
    /// What of the recording could not be read, as far as it was.
    pub damage: Damage,
    /// The signal that ended it, by number.
    pub signal: Option<i32>,
}

/// Everything a replay needs to run.
#[derive(Debug)]
pub struct ReplayRuntime<F> {
    /// What is known at the position.
    pub state: State,
    /// The viewer's time.
    pub clock: RunClock,
    /// The recording.
    pub recording: SeekableRecording,
    /// What is found out about it meanwhile.
    pub index: mpsc::Receiver<IndexUpdate>,
    /// Where it is shown.
    pub front: F,
}

/// What folding a slice came to.
struct Rolled {
    /// Whether anything changed.
    changed: bool,
    /// Whether more is due, and to be folded here.
    has_more: bool,
}

impl<F: FrontEnd> ReplayRuntime<F> {
    /// Plays until the user, or a signal, ends it.
    pub async fn run(mut self) -> Result<Replayed, ReplayError> {
        let mut signals = Signals::listen()?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut next_frame = Instant::now();
        let (mut dirty, mut exit, mut is_indexing) = (true, false, true);
        let (mut damage, mut signal) = (Damage::default(), None);
        while !exit {
            let rolled = self.roll(is_indexing)?;
            dirty |= rolled.changed;
            tokio::select! {
                biased;
                event = self.front.next(&self.state) => (exit, dirty) = (self.handle(&event), true),
                number = signals.next() => {
                    signal = Some(number);
                    exit = self.handle(&Event::Action(Action::Quit));
                }
                () = sleep_until(next_frame), if dirty && self.front.is_ready() => {
                    self.front.show(&self.state)?;
                    dirty = false;
                    next_frame = Instant::now() + TICK;
                }
                update = self.index.recv(), if is_indexing => match update {
                    Some(IndexUpdate::Outline(outline, found)) => {
                        damage = found;
                        self.handle(&Event::Replay(ReplayEvent::Outline(outline, found.describe())));
                        dirty = true;
                    }
                    Some(IndexUpdate::Snapshot(snapshot)) => self.recording.keep(snapshot),
                    Some(IndexUpdate::Failed(error)) => return Err(error.into()),
                    None => is_indexing = false,
                },
                _ = tick.tick() => {
                    if self.player(Player::is_playing) || self.state.ui.toast.is_some() {
                        self.handle(&Event::Tick);
                        dirty = true;
                    }
                }
                () = yield_now(), if rolled.has_more => {}
            }
        }
        Ok(Replayed { state: self.state, damage, signal })
    }

    /// Folds what is due, a slice of it at most. What is far away is left to the index, which is on its way there already.
    fn roll(&mut self, is_indexing: bool) -> Result<Rolled, ReadError> {
        let position = self.player(Player::position);
        let mut changed = false;
        if let Some(session) = self.recording.seek(self.state.session.now, position, WORTH)? {
            self.handle(&Event::Replay(ReplayEvent::At(session)));
            changed = true;
        }
        let left = position.saturating_since(self.state.session.now);
        let end = self.player(Player::end);
        let is_far =
            is_indexing && end.is_some_and(|end| left > end.saturating_since(Elapsed::ZERO) / MAX_SNAPSHOTS * 2);
        let mut is_behind = true;
        for _ in 0..if is_far { 0 } else { SLICE } {
            let Some(recorded) = self.recording.next_until(position)? else {
                is_behind = false;
                break;
            };
            self.handle(&Event::Replay(ReplayEvent::Next(Box::new(recorded))));
            changed = true;
        }
        if is_behind != self.player(Player::is_behind) {
            self.handle(&Event::Replay(ReplayEvent::Behind(is_behind)));
            changed = true;
        }
        Ok(Rolled { changed, has_more: is_behind && !is_far })
    }

    /// Whether that was the end.
    fn handle(&mut self, event: &Event) -> bool {
        let effects = update(&mut self.state, self.clock.now(), event);
        effects.iter().any(|effect| matches!(effect, Effect::Exit { .. }))
    }

    fn player<T: Default>(&self, get: impl FnOnce(&Player) -> T) -> T {
        self.state.ui.replay.as_ref().map_or_else(T::default, get)
    }
}
