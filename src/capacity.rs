//! The highest rate that meets the objective: what to try next ([`search`]), one try ([`probe`]), and both played on a
//! running session ([`CapacitySearch`]). Pure: the caller brings closed seconds and the time.
//!
//! The rate is doubled until it misses, then the bracket is bisected. Each rate is first given time to settle (the
//! service may have to scale), then held. See [`search`] and [`probe`] for the rules.

pub(crate) mod probe;
pub(crate) mod search;
pub(crate) mod words;

use std::collections::VecDeque;

use serde::Serialize;

use crate::capacity::probe::{Probe, ProbeOptions, ProbeResult};
use crate::capacity::search::{End, Next, Search, SearchOptions};
use crate::plan::schedule::{AHEAD, Conditions, Instruction};
use crate::session::state::Session;
use scaletop_load::RateProfile;
use scaletop_load::Second;
use scaletop_units::{ArrivalRate, Elapsed};

/// What the search found, with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// The highest rate that held, requests per second; `None` when none did.
    pub holds: Option<u32>,
    /// The lowest rate that did not; `None` when none was tried.
    pub misses: Option<u32>,
    /// Instances that answered while the highest rate held.
    pub instances: Option<u32>,
    /// [`Capacity::holds`] ÷ [`Capacity::instances`].
    pub per_instance: Option<f64>,
    /// How the search ended.
    pub end: End,
    /// Every try, in order.
    pub probes: Vec<ProbeResult>,
}

/// Plays a search on a running session.
#[derive(Clone, Debug)]
pub struct CapacitySearch {
    search: Search,
    options: ProbeOptions,
    /// The try that runs, or, before it has begun, when it will.
    trying: Trying,
    /// What to say before anything else.
    said: VecDeque<String>,
    probes: Vec<ProbeResult>,
}

#[derive(Clone, Debug)]
enum Trying {
    Nothing,
    Soon { rate: u32, at: Elapsed },
    Now(Box<Probe>),
    Finished,
}

impl CapacitySearch {
    /// Ready to begin.
    pub fn new(search: SearchOptions, options: ProbeOptions) -> Self {
        let search = Search::new(search);
        Self { search, options, trying: Trying::Nothing, said: VecDeque::new(), probes: Vec::new() }
    }

    /// When [`CapacitySearch::poll`] has something new to say, unless a closed second comes first.
    pub fn deadline(&self) -> Option<Elapsed> {
        match self.trying {
            Trying::Nothing => Some(Elapsed::ZERO),
            Trying::Soon { at, .. } => Some(at - AHEAD),
            Trying::Now(_) | Trying::Finished => None,
        }
    }

    /// Notes what a closed second says of the try that runs. `session` has been told already.
    pub fn second(&mut self, second: &Second, session: &Session) {
        let Trying::Now(probe) = &mut self.trying else { return };
        // Answers tell at once what a metric tells minutes later.
        let responding = session.timeline().latest().and_then(|row| row.responding);
        let instances = responding.or_else(|| session.instances(Elapsed::ZERO));
        if let Some(result) = probe.second(second, instances, session.limits().max) {
            self.said.push_back(result.words());
            self.search.report(result.rate, &result.outcome);
            self.probes.push(result);
            self.trying = Trying::Nothing;
        }
    }

    /// The next thing to do at `now`, if there is one; call again until there is none. Tries begin with a second, so
    /// that a second's requests belong to one try.
    pub fn poll(&mut self, now: Elapsed) -> Option<Instruction> {
        if let Some(text) = self.said.pop_front() {
            return Some(Instruction::Note(text));
        }
        if matches!(self.trying, Trying::Nothing) {
            self.trying = match self.search.next() {
                Next::Probe(rate) => Trying::Soon { rate, at: now.next_second() },
                Next::Done => Trying::Finished,
            };
            if matches!(self.trying, Trying::Finished) {
                return Some(Instruction::Finish { at: now, unmet: None });
            }
        }
        match self.trying {
            Trying::Soon { rate, at } if now + AHEAD >= at => {
                self.trying = Trying::Now(Box::new(Probe::new(rate, at, self.options)));
                let profile = RateProfile::Constant(ArrivalRate::new(rate));
                Some(Instruction::Begin { at, name: format!("probe {rate}/s"), profile, unmet_start: None })
            }
            _ => None,
        }
    }

    /// What was found, or what is known when it was interrupted.
    pub fn answer(&self) -> Capacity {
        let holds = self.search.holds();
        let best = self.probes.iter().rev().find(|probe| Some(probe.rate) == holds && probe.outcome.is_held());
        let instances = best.and_then(|probe| probe.instances).filter(|count| *count > 0);
        Capacity {
            holds,
            misses: self.search.misses(),
            instances,
            per_instance: holds.zip(instances).map(|(rate, count)| f64::from(rate) / f64::from(count)),
            end: self.search.end().unwrap_or(End::Interrupted),
            probes: self.probes.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
