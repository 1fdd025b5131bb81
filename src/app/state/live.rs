//! How a live session is going, beside what it has measured: who decides the rate, and how the end is going.

use crate::app::controller::Controller;
use crate::app::state::palette::Reach;
use crate::app::state::told::Told;
use crate::app::state::undo::Undo;
use crate::plan::forecast::Budget;
use crate::session::event::Side;
use crate::session::halves::Halves;
use crate::session::standing::standing;
use scaletop_units::ArrivalRate;

/// The increments of the rate keys, requests per second.
pub(crate) const INCREMENTS: [u32; 9] = [1, 5, 10, 25, 50, 100, 250, 500, 1000];

/// The preset rates of keys 1 to 9, requests per second.
pub(crate) const PRESETS: [u32; 9] = [50, 100, 200, 300, 400, 500, 600, 750, 900];

/// How a live session is going.
#[derive(Clone, Debug)]
pub struct Live {
    /// Index into [`INCREMENTS`].
    pub increment: usize,
    /// The rate that the spike key jumps to.
    pub spike_rate: ArrivalRate,
    /// Whether the rate is paused, and what it was before.
    pub paused_from: Option<ArrivalRate>,
    /// Whether the spike is on, and what the rate was before.
    pub spiked_from: Option<ArrivalRate>,
    /// The highest rate so far.
    pub(crate) highest: ArrivalRate,
    /// How the objective was last told to stand.
    pub(crate) told: Told,
    /// The same of the second target.
    pub(crate) told_beside: Told,
    /// The rates before the last changes.
    pub(crate) undo: Undo,
    /// What decides the rate where nobody presses keys.
    pub controller: Option<Controller>,
    /// What the plan will make due, when the session is to end as soon as a threshold is lost.
    pub abort_within: Option<Budget>,
    /// How the end is going.
    pub phase: Lifecycle,
    /// Why the session is ending, once it is.
    pub ending: Option<String>,
    /// Whether it was said for what the end waits.
    pub is_waiting_said: bool,
    /// Whether it was said that ids of instances are cut.
    pub is_cut_said: bool,
    /// Where the load goes.
    pub(crate) place: Place,
    /// Where the same load goes to the second target, if there is one.
    pub(crate) beside: Option<Place>,
    /// Whether the generators of the fleet are children of this program, and may be killed.
    pub(crate) owns_generators: bool,
}

/// Where the load goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To the demo, whose instances can be killed.
    Demo,
    /// To another service on this machine.
    Here,
    /// To another machine.
    Elsewhere,
    /// Wherever another program sends it, which leads the session: this one only shows it.
    Watched,
}

/// How the end is going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifecycle {
    /// Load may run.
    #[default]
    Running,
    /// The user quit, or the plan is over: no arrivals, waiting for what is in flight.
    Draining,
    /// Everything is written.
    Done,
}

impl Live {
    /// At the beginning, with the keys alone.
    pub const fn new(spike_rate: ArrivalRate) -> Self {
        Self {
            increment: 4,
            spike_rate,
            paused_from: None,
            spiked_from: None,
            highest: ArrivalRate::PAUSED,
            told: Told::new(),
            told_beside: Told::new(),
            undo: Undo::new(),
            controller: None,
            abort_within: None,
            phase: Lifecycle::Running,
            ending: None,
            is_waiting_said: false,
            is_cut_said: false,
            place: Place::Here,
            beside: None,
            owns_generators: false,
        }
    }

    /// The log has been told how the objective stands.
    pub(super) fn know(&mut self, halves: &Halves) {
        for (side, half) in halves.each() {
            let told = if side == Side::Second { &mut self.told_beside } else { &mut self.told };
            told.know(&standing(half, half.now()));
        }
    }

    /// Whether load goes to such a place.
    pub(crate) fn goes_to(&self, place: Place) -> bool {
        self.place == place || self.beside == Some(place)
    }

    /// Whether another program leads the session, and this one only shows it.
    pub(crate) fn is_watched(&self) -> bool {
        self.place == Place::Watched
    }

    /// What commands may do.
    pub(crate) fn reach(&self) -> Reach {
        if self.is_watched() { Reach::Watched } else { Reach::Session }
    }

    /// The increment of the rate keys, requests per second.
    pub fn increment(&self) -> u32 {
        INCREMENTS[self.increment.min(INCREMENTS.len() - 1)]
    }
}
