//! Who decides the rate where nobody presses keys: a plan, or a search. Pure.

use crate::capacity::CapacitySearch;
use crate::plan::schedule::{Instruction, Schedule};
use crate::session::halves::Halves;
use crate::session::state::Session;
use scaletop_load::Second;
use scaletop_units::Elapsed;

/// Who decides the rate.
#[derive(Clone, Debug)]
pub enum Controller {
    Plan(Schedule),
    /// The search for the highest rate that meets the objective.
    Capacity(Box<CapacitySearch>),
}

impl Controller {
    /// When [`Controller::poll`] has something new to say at the latest, unless a closed second comes first.
    pub fn deadline(&self) -> Option<Elapsed> {
        match self {
            Self::Plan(schedule) => schedule.deadline(),
            Self::Capacity(search) => search.deadline(),
        }
    }

    /// Notes a closed second that `session` has been told of already.
    pub fn second(&mut self, second: &Second, session: &Session) {
        if let Self::Capacity(search) = self {
            search.second(second, session);
        }
    }

    /// The next thing to do at `now`, if there is one; call again until there is none.
    pub fn poll(&mut self, now: Elapsed, halves: &Halves) -> Option<Instruction> {
        match self {
            Self::Plan(schedule) => schedule.poll(now, halves),
            Self::Capacity(search) => search.poll(now),
        }
    }
}
