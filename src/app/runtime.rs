//! The loop that runs a session, live or recorded: every event goes through [`update`], and the back end does what it asks
//! for.
//!
//! The loop waits only for the next event. Load and recording run on threads of their own, exports on a blocking thread, and
//! while the terminal does not take a frame none is drawn.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::ends::{BackEnd, FrontEnd};
use crate::app::event::Event;
use crate::app::signals::Signals;
use crate::app::state::State;
use crate::app::state::update::update;
use scaletop_units::RunClock;

/// The signal of a terminal that is closed, by number.
const HANG_UP: i32 = 1;

/// The time between two frames, at least.
const FRAME: Duration = Duration::from_millis(50);

/// Everything that runs a session.
#[derive(Debug)]
pub struct Runtime<F, B> {
    pub state: State,
    /// Now: since the session, or the replay, began.
    pub clock: RunClock,
    /// Where it is shown.
    pub front: F,
    /// What makes it happen.
    pub back: B,
    /// What ends it politely, the second time at once.
    pub signals: Signals,
}

/// How the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// With the next event.
    GoOn,
    /// After the process has stood still.
    Suspend,
    /// Not at all.
    Exit {
        /// Whether the user does not want to wait for anything more.
        at_once: bool,
    },
}

/// A session that has ended.
#[derive(Debug)]
pub struct Ended<F, B> {
    /// Everything that ran it.
    pub runtime: Runtime<F, B>,
    /// The signal that ended it, by number.
    pub signal: Option<i32>,
    /// Whether the user did not want to wait for anything more.
    pub at_once: bool,
}

impl<F: FrontEnd, B: BackEnd> Runtime<F, B> {
    /// Runs until the state asks for the end.
    pub async fn run(mut self) -> Result<Ended<F, B>, B::Error> {
        let mut tick = interval(B::TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut next_frame = Instant::now();
        let (mut dirty, mut flow, mut signal) = (true, Flow::GoOn, None);
        loop {
            match flow {
                Flow::GoOn => {}
                Flow::Suspend => {
                    self.back.settle().await;
                    self.front.suspend()?;
                    flow = Flow::GoOn;
                    dirty = true;
                }
                Flow::Exit { at_once } => return Ok(Ended { runtime: self, signal, at_once }),
            }
            while let Some(event) = self.back.due(&self.state)? {
                dirty = true;
                self.handle(event);
            }
            let deadline = self.state.deadline().map(|at| self.clock.instant_at(at));
            let event = tokio::select! {
                biased;
                event = self.back.next() => match event? {
                    Some(event) => event,
                    None => continue,
                },
                event = self.front.next(&self.state) => event,
                // Whoever closes the terminal after asking for the end does not ask for more than that.
                number = self.signals.next() => {
                    if number == HANG_UP && self.state.is_ending() {
                        continue;
                    }
                    signal = Some(number);
                    Event::Action(Action::Quit)
                }
                () = sleep_until_option(deadline) => Event::Tick,
                _ = tick.tick() => if self.state.changes_with_time() { Event::Tick } else { continue },
                () = sleep_until(next_frame), if dirty && self.front.is_ready() => {
                    self.front.show(&self.state)?;
                    dirty = self.front.is_behind();
                    next_frame = Instant::now() + FRAME;
                    continue;
                }
            };
            dirty = true;
            flow = self.handle(event);
        }
    }

    /// Folds an event in, and does what comes of it.
    pub(super) fn handle(&mut self, event: Event) -> Flow {
        let mut flow = Flow::GoOn;
        let mut next = Some(event);
        while let Some(event) = next.take() {
            for effect in update(&mut self.state, self.clock.now(), event) {
                match effect {
                    Effect::Exit { at_once } => flow = Flow::Exit { at_once },
                    Effect::Suspend => flow = Flow::Suspend,
                    effect => next = self.back.perform(effect, &self.state).or(next),
                }
            }
        }
        flow
    }
}

pub(super) async fn sleep_until_option(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
