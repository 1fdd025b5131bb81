//! What others may know of a session. That they can only read it is what keeps [`Session::apply`] the one place of change.

use std::collections::BTreeMap;

use crate::analysis::StepReport;
use crate::instances::milestone::Milestone;
use crate::instances::{Basis, Feed, InstanceObservation, Limits};
use crate::session::event::{Fact, Header, Notice, RateCause};
#[cfg(doc)]
use crate::session::state::instance_table::MAX_INSTANCES;
use crate::session::state::{Fleet, InstanceTrack, Session, Totals};
use crate::slo::Slo;
use crate::text::{counted, latency};
use crate::timeline::{Objectives, Timeline};
use scaletop_load::RateProfile;
use scaletop_units::Elapsed;

impl Session {
    /// What was measured, and how.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The time of the last event.
    pub const fn now(&self) -> Elapsed {
        self.now
    }

    /// What a moment is judged by; without one, the present.
    pub(crate) fn objective_at(&self, at: Option<Elapsed>) -> &Slo {
        at.map_or_else(|| self.objective(), |at| self.objectives().at(at.second()))
    }

    /// What counts as good now. The one in the header is the one that the session began with.
    pub fn objective(&self) -> &Slo {
        self.objectives.now()
    }

    /// Which objective each second is judged by.
    pub(crate) const fn objectives(&self) -> &Objectives {
        &self.objectives
    }

    /// The rate in force, and its anchor.
    pub const fn rate(&self) -> (Elapsed, RateProfile) {
        self.rate
    }

    /// Rows and cohorts.
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Every step so far, the open one last.
    pub fn steps(&self) -> &[StepReport] {
        &self.steps
    }

    /// Every instance seen in answers, in the order of their first; at most [`MAX_INSTANCES`]. None, while the header seems to
    /// name requests.
    pub fn tracks(&self) -> &[InstanceTrack] {
        if self.names_requests() { &[] } else { &self.instances }
    }

    /// Whether what the answers name are requests and not instances.
    pub const fn names_requests(&self) -> bool {
        self.fold.table.names_requests()
    }

    /// Answers of instances beyond that bound.
    pub const fn answers_beyond(&self) -> u64 {
        self.answers_beyond
    }

    /// Counts by basis, ascending in `as_of`; a later observation of the same moment replaces the earlier.
    pub const fn observations(&self) -> &BTreeMap<Basis, Vec<InstanceObservation>> {
        &self.observations
    }

    /// The platform's scaling limits.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The state of each source, by name.
    pub const fn feeds(&self) -> &BTreeMap<String, Feed> {
        &self.feeds
    }

    /// What the platform says of the service, by name.
    pub const fn facts(&self) -> &BTreeMap<String, Fact> {
        &self.facts
    }

    /// What the platform recorded of scale-outs, in the order it was heard, bounded.
    pub fn milestones(&self) -> &[Milestone] {
        &self.milestones
    }

    /// The changes of rate, ascending in time, bounded.
    pub fn rates(&self) -> &[(Elapsed, RateProfile, RateCause)] {
        &self.rates
    }

    /// Marks, ascending in time.
    pub fn marks(&self) -> &[(Elapsed, String)] {
        &self.marks
    }

    /// The log, oldest first, bounded.
    pub fn log(&self) -> &[(Elapsed, Notice)] {
        &self.log
    }

    /// Who generates the load beside others; `None` where it is this process alone.
    pub(crate) fn fleet(&self) -> Option<&Fleet> {
        self.fleet.as_deref()
    }

    /// Totals of the whole session.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How many seconds' OK answers are in no percentile that thresholds see, since we were late in them: those that are settled,
    /// and those of which it is not known yet whether they count.
    pub(crate) fn late_seconds(&self) -> u32 {
        self.totals.late_seconds.saturating_add(u32::try_from(self.fold.held.len()).unwrap_or(u32::MAX))
    }

    /// The p99 that thresholds see, where that is not the one of all OK answers, with why: `68.2 ms without 3 seconds in which we
    /// were late`.
    pub(crate) fn measured_p99(&self) -> Option<String> {
        let (all, measured) = (self.totals.ok.quantile(0.99)?, self.totals.ok_measured.quantile(0.99));
        let seconds = counted(self.late_seconds().into(), "second");
        (measured != Some(all)).then(|| format!("{} without {seconds} in which we were late", latency(measured)))
    }

    /// Why the session ended.
    pub fn ended(&self) -> Option<&str> {
        self.ended.as_deref()
    }
}
