//! For tests of what reads a session: one that is put together by hand. Not a part of the program.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::analysis::StepReport;
use crate::instances::{Basis, InstanceObservation};
use crate::session::event::Header;
use crate::session::state::{Session, Totals};
use crate::timeline::Objectives;
use scaletop_units::Elapsed;

impl Session {
    pub(crate) fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// Another latency in the objective that the session begins with.
    pub(crate) fn begin_with_latency(&mut self, latency: Duration) {
        self.header.settings.slo.latency = latency;
        self.objectives = Objectives::new(self.header.settings.slo);
    }

    pub(crate) fn steps_mut(&mut self) -> &mut Vec<StepReport> {
        &mut self.steps
    }

    pub(crate) fn totals_mut(&mut self) -> &mut Totals {
        &mut self.totals
    }

    pub(crate) fn observations_mut(&mut self) -> &mut BTreeMap<Basis, Vec<InstanceObservation>> {
        &mut self.observations
    }

    pub(crate) fn now_mut(&mut self) -> &mut Elapsed {
        &mut self.now
    }
    pub(crate) fn ended_mut(&mut self) -> &mut Option<String> {
        &mut self.ended
    }
}
