//! What the fold remembers beyond what it shows.

use crate::analysis::demand::CapacityEstimate;
use crate::session::state::instance_table::InstanceTable;
use crate::session::state::steps::Burst;
use crate::session::state::trailing::Trailing;
use crate::session::state::work::StepWork;

/// What the fold remembers beyond what it shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fold {
    /// One for each step.
    pub(super) works: Vec<StepWork>,
    /// The first step that something may still be added to.
    pub(super) unfinished: usize,
    /// The rate changes in quick succession that make one step.
    pub(super) burst: Option<Burst>,
    /// Who answered.
    pub(super) table: InstanceTable,
    /// The last seconds' OK answers.
    pub(super) trailing: Trailing,
    /// Observations before this second are thinned out.
    pub(super) thinned_until: u32,
    /// What the session has shown of the capacity of an instance.
    pub(super) estimate: CapacityEstimate,
}

#[cfg(test)]
mod tests;
