//! What a step did to the service: when it scaled, what users felt meanwhile.
//!
//! Everything here is a pure function of the timeline. The numbers and their conventions are those of the elasticity
//! literature (BUNGEE, SPEC RG); docs/step-numbers.md defines and cites them. [`crate::timeline::objective`] says which
//! seconds were good, [`recovery`] reads `T_recover` off them, [`supply`] and `scaling` the instance times, [`demand`] how
//! many instances a rate needs, [`elasticity`] compares the two, [`validity`] judges the generator, [`pinning`] the spread
//! of the load, [`words`] says it all in a sentence. Left out, because no source could be checked for their exact form:
//! instability υ, the auto-scaling deviation σ and the pairwise competition κ of the SPEC group.

use std::fmt;
use std::time::Duration;

use crate::analysis::demand::DemandBasis;
use crate::analysis::elasticity::{Elasticity, ErrorBudget, Jitter};
use crate::analysis::pinning::Pinning;
use crate::instances::Basis;
use crate::text::watched;
use crate::timeline::{SecondJudged, planned};
use scaletop_load::OutcomeCounts;
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed, StepId};

pub(crate) mod beside;
pub(crate) mod births;
pub(crate) mod demand;
pub(crate) mod difference;
pub(crate) mod elasticity;
pub(crate) mod evidence;
pub(crate) mod failures;
pub(crate) mod gathered;
pub(crate) mod health;
pub(crate) mod numbers;
pub(crate) mod pinning;
pub(crate) mod recovery;
mod scaling;
pub(crate) mod service_time;
pub(crate) mod supply;
pub(crate) mod validity;
pub(crate) mod waterfall;
pub(crate) mod words;

/// A span of constant rate, or one ramp.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Counts from 1.
    pub id: StepId,
    /// When it began: the first of the key presses that it merges.
    pub start: Elapsed,
    /// When the next one began or the session ended; `None` while it is open.
    pub end: Option<Elapsed>,
    /// The rate just before it.
    pub before: ArrivalRate,
    /// The rate from its start on.
    pub profile: RateProfile,
    /// When the last of the key presses that it merges came: the anchor of `profile`.
    pub anchor: Elapsed,
    /// The plan's name for it.
    pub name: Option<String>,
    /// The condition that the plan waited for before it, and that was not met, in words.
    pub unmet_start: Option<String>,
}

/// Which way a step moved the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Up,
    Down,
    /// It ended at the rate it began with, after an excursion of under two seconds, or as a stage of a plan.
    Level,
}

impl Step {
    /// Which way the rate went from just before the step to where it settled.
    pub fn direction(&self) -> Direction {
        match self.profile.last().cmp(&self.before) {
            std::cmp::Ordering::Greater => Direction::Up,
            std::cmp::Ordering::Less => Direction::Down,
            std::cmp::Ordering::Equal => Direction::Level,
        }
    }

    /// When its rate stopped changing (t1 of a ramp).
    pub fn settled_at(&self) -> Elapsed {
        self.anchor + self.profile.ramp_duration()
    }
}

/// When something was reached, in seconds after the start of the step.
///
/// What was not seen before the step ended is censored, `> 42 s`, never zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timing {
    /// Reached, give or take what the source can resolve.
    Reached {
        /// Seconds after the start of the step.
        secs: f64,
        /// Half the width of the interval it lies in; 0 for what we saw ourselves.
        plus_minus: f64,
    },
    /// Not reached within this many seconds, which is all there is so far (open step) or all there was.
    NotWithin {
        /// Seconds from the start of the step to its end, or to now.
        secs: f64,
        /// Whether the step is still open.
        open: bool,
    },
    /// It never went wrong: for [`StepNumbers::recover`], the objective held throughout.
    Absorbed,
    /// The objective was missed before the step began, so that the step cannot be blamed.
    AlreadyViolated,
    /// There is nothing to reach, or no source that could tell; says which.
    NotApplicable(&'static str),
}

impl fmt::Display for Timing {
    /// `8.1 s`, `31 ± 2 s`, `> 42 s`, `0 s, absorbed`, `–`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Reached { secs, plus_minus } if plus_minus >= 0.5 => write!(f, "{secs:.0} ± {plus_minus:.0} s"),
            Self::Reached { secs, .. } => write!(f, "{secs:.1} s"),
            // While the step is open it grows by whole seconds: tenths would only flicker.
            Self::NotWithin { secs, open: true } => write!(f, "> {}", watched(secs.floor())),
            Self::NotWithin { secs, open: false } => write!(f, "> {}", watched(secs)),
            Self::Absorbed => f.write_str("0 s, absorbed"),
            Self::AlreadyViolated => f.write_str("already missed"),
            Self::NotApplicable(_) => f.write_str("–"),
        }
    }
}

impl Timing {
    /// The seconds, when it was reached; 0 when it was absorbed.
    pub const fn secs(&self) -> Option<f64> {
        match *self {
            Self::Reached { secs, .. } => Some(secs),
            Self::Absorbed => Some(0.0),
            _ => None,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::NotApplicable("nothing is known yet")
    }
}

/// Numbers of a step with all that was left out because of us counted as it was seen, and every second that we did not measure as
/// bad. Lag makes no answer quicker: the truth lies between the numbers and these.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct AtWorst {
    pub recover: Timing,
    pub slow: u64,
    pub peak_p99: Option<Duration>,
    pub p99: Option<Duration>,
    pub failed_p99: Option<Duration>,
    pub all_p99: Option<Duration>,
    pub budget: Option<ErrorBudget>,
}

/// The numbers of one step ; docs/step-numbers.md defines them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepNumbers {
    /// `T_trigger`: until the platform asked for more instances.
    pub trigger: Timing,
    /// `T_first`: until one more instance was there.
    pub first: Timing,
    /// `T_serving`: until an instance not seen in the minute before answered OK.
    pub serving: Timing,
    /// `T_capacity`: until as many instances as needed were there, and stayed.
    pub capacity: Timing,
    /// `T_recover`: until the objective held again, and kept holding.
    pub recover: Timing,
    /// The last of its seconds that had arrivals and could be judged; `Unknown` when there was none.
    pub judged_last: SecondJudged,
    /// How many good seconds in a row end with that one.
    pub good_at_end: u32,
    /// Whether the step was over within a second, so that its whole seconds say nothing of it: none of its numbers is told.
    pub too_short: bool,
    /// Why the objective is not judged: not one request was answered as expected, or too few; and how instead. Or that it was too
    /// short.
    pub not_judged: Option<String>,
    /// Seconds in which the objective was missed.
    pub bad_seconds: u32,
    /// Seconds that were judged good or bad.
    pub judged_seconds: u32,
    /// Seconds that were not judged because of us: we were late, or did not send what was asked.
    pub not_measured: u32,
    /// Arrivals of seconds in which we were late: their latencies are in no percentile of the step.
    pub due_late: u64,
    /// Arrivals that we turned to late.
    pub late: u64,
    /// What the numbers would be if all that we left out or forgave had been the service's; `None` when nothing was.
    pub(crate) at_worst: Option<AtWorst>,
    /// Arrivals that came due.
    pub due: u64,
    /// Arrivals that the schedule of a fleet made due, whoever was to send them; `None` without a fleet.
    pub planned: Option<u64>,
    /// The fewest generators that told of one of its seconds; `None` without a fleet.
    pub generators: Option<u32>,
    /// Arrivals handed to the transport.
    pub sent: u64,
    /// OK answers.
    pub ok: u64,
    /// Requests lost to the service: capacity and application errors, and arrivals dropped at the in-flight cap.
    pub lost: u64,
    /// OK answers slower than the objective.
    pub slow: u64,
    /// The highest p99 of the OK answers of any second in the step.
    pub peak_p99: Option<Duration>,
    /// p99 of the OK answers over the whole step, from merged histograms.
    pub p99: Option<Duration>,
    /// The same of what failed.
    pub failed_p99: Option<Duration>,
    /// The same of all.
    pub all_p99: Option<Duration>,
    /// p99 of the send lag over the whole step.
    pub send_lag_p99: Option<Duration>,
    /// The most instances seen in the step, and the basis' settled count at its end, where known.
    pub instances: Option<InstanceSpan>,
    /// What became of the requests, by kind.
    pub outcomes: OutcomeCounts,
    /// Arrivals refused at the in-flight cap (they are lost).
    pub dropped_cap: u64,
    /// Arrivals given up because our own stall made them late (they are the generator's, not lost to the service).
    pub dropped_late: u64,
    /// Arrivals given up for want of a connection (the generator's, too).
    pub dropped_connections: u64,
    /// p99 of what opening a connection took.
    pub connect_p99: Option<Duration>,
    /// p99 of how long arrivals waited that found no connection.
    pub slot_wait_p99: Option<Duration>,
    /// Median service time of the OK answers: OK response time less send lag.
    pub service_p50: Option<Duration>,
    /// What `first`, `capacity`, `scale_in` and `instances` counted.
    pub basis: Option<Basis>,
    /// `s*`: as many instances as the rate of the step needs, or settled at.
    pub target: Option<u32>,
    /// Where the demand comes from; `None` while [`StepNumbers::target`] is only what the count settled at.
    pub demand: Option<DemandBasis>,
    /// Until the count fell to [`StepNumbers::target`], and stayed: steps down only.
    pub scale_in: Timing,
    /// How much of the error budget the step burnt; `None` without arrivals.
    pub budget: Option<ErrorBudget>,
    /// By what share the count went above the target: 0.2 is one instance too many of five.
    pub overshoot: Option<f64>,
    /// Instance-seconds above the demand.
    pub waste: Option<f64>,
    /// Whether the count moved more than the demand.
    pub jitter: Option<Jitter>,
    /// Under- and over-provisioning, in extent and time; `None` without a known capacity of an instance.
    pub elasticity: Option<Elasticity>,
    /// η: OK answers a second in the last 30 s of the step to those in the 30 s before it. Below 0.8 on a step up,
    /// instances may have come, throughput did not.
    pub efficiency: Option<f64>,
    /// Requests of the busiest instance to those of the average one; 1 is even.
    pub spread: Option<f64>,
    /// Arrivals that were not answered OK (so far), whoever is to blame.
    pub deficit: u64,
}

/// Why nothing is told of a step that was over within a second.
pub(crate) const TOO_SHORT: &str = "too short to judge";

impl StepNumbers {
    /// Takes back what whole seconds say of a step that lasted only `secs`. What arrived and what became of it stays, for the sums of
    /// the run; [`numbers::Kind::value`] tells none of it as the step's own.
    fn take_back(&mut self, secs: f64) {
        let none = Timing::NotApplicable(TOO_SHORT);
        (self.trigger, self.first, self.serving, self.capacity) = (none, none, none, none);
        (self.recover, self.scale_in) = (none, none);
        (self.instances, self.target, self.demand) = (None, None, None);
        // Rounded down: it never reads as the second that it was not.
        self.not_judged = Some(format!("{TOO_SHORT} ({:.1} s)", (secs * 10.0).floor() / 10.0));
        self.too_short = true;
    }

    /// Arrivals that the schedule of a fleet made due and that no generator reported (so far); `None` without a fleet.
    pub const fn unreported(&self) -> Option<u64> {
        planned::unreported(self.planned, self.due)
    }

    /// What was asked for: what came due with somebody, and what a fleet's schedule made due and nobody reported.
    pub const fn asked(&self) -> u64 {
        match self.unreported() {
            Some(unreported) => self.due.saturating_add(unreported),
            None => self.due,
        }
    }

    /// The numbers with all that was left out or forgiven because of us counted as bad; `None` when nothing was.
    pub(crate) fn at_worst(&self) -> Option<Self> {
        let AtWorst { recover, slow, peak_p99, p99, failed_p99, all_p99, budget } = self.at_worst?;
        Some(Self {
            recover: if self.too_short { self.recover } else { recover },
            slow,
            peak_p99,
            p99,
            failed_p99,
            all_p99,
            budget,
            bad_seconds: self.bad_seconds.saturating_add(self.not_measured),
            judged_seconds: self.judged_seconds.saturating_add(self.not_measured),
            at_worst: None,
            ..self.clone()
        })
    }

    /// Arrivals that were not sent, for whatever reason of ours.
    pub const fn dropped(&self) -> u64 {
        self.dropped_cap + self.dropped_late + self.dropped_connections
    }
}

/// How an instance count moved over a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceSpan {
    /// Just before the step.
    pub before: Option<u32>,
    /// The most during the step.
    pub peak: u32,
    /// The fewest during the step.
    pub least: u32,
    /// At its end, or now.
    pub last: u32,
}

/// Whether a step's numbers can be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Validity {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// The generator, not the service, was the limit; says why.
    InvalidGenerator(String),
    /// The step did not begin from what its plan waited for; says which condition was not met.
    InvalidStart(String),
}

impl Validity {
    /// The same for a step before which a condition was not met. Where the generator was the limit as well, both are said.
    fn of_step(self, step: &Step) -> Self {
        match (self, &step.unmet_start) {
            (validity, None) => validity,
            (Self::InvalidGenerator(why), Some(unmet)) => Self::InvalidGenerator(format!("{why}; and {unmet}")),
            (_, Some(unmet)) => Self::InvalidStart(unmet.clone()),
        }
    }

    /// What makes a step invalid, `generator` or `start condition`, and why; `None` for a valid one.
    pub fn objection(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Valid => None,
            Self::InvalidGenerator(why) => Some(("generator", why)),
            Self::InvalidStart(why) => Some(("start condition", why)),
        }
    }
}

/// A step with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    pub step: Step,
    /// Its numbers, provisional while it is open.
    pub numbers: StepNumbers,
    /// Whether they can be believed.
    pub validity: Validity,
    /// The numbers in words: `5→600/s: first new instance after 8.1 s, …`.
    pub words: String,
    /// Few instances that got most of the answers in its last seconds; `None` when they were spread, or nothing can be said.
    pub pinned: Option<Pinning>,
}

impl StepReport {
    /// All that makes it invalid, in a word each: `generator`, `start condition` or `generator, start condition`; `None` for
    /// a valid one.
    pub(crate) fn invalid_by(&self) -> Option<String> {
        let (what, _) = self.validity.objection()?;
        let is_both = matches!(self.validity, Validity::InvalidGenerator(_)) && self.step.unmet_start.is_some();
        Some(if is_both { format!("{what}, start condition") } else { what.to_owned() })
    }
}
