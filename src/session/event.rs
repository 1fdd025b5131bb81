//! What happens in a session, in the form that is recorded.
//!
//! A session is a fold of these events: `Session::apply` over a recording gives the same state as the live run did. They
//! hold commands and observations, never keys, clocks or colours.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::instances::milestone::Milestone;
use crate::instances::{Feed, InstanceObservation, Limits};
use crate::plan::threshold::Threshold;
use crate::slo::Slo;
use scaletop_load::{Arrivals, RateProfile};
use scaletop_load::{RequestName, Second};
use scaletop_units::{Elapsed, FleetState, GeneratorEvent};

/// How the reason begins for which a session ended whose plan waited for something last that did not come.
pub(crate) const LAST_UNMET: &str = "the plan is over, but what it waited for last did not come: ";

/// Why a session ended, when a key or a signal ended it.
pub(crate) const QUIT_BY_THE_USER: &str = "the user quit";

/// Why a session ended that was completed after whoever led it was gone.
pub(crate) const COMPLETED: &str = "completed after its controller was gone";

/// The version of the recording format; written in the header.
pub(crate) const FORMAT_VERSION: u32 = 7;

/// The first version that says which arrivals the generator was late for.
pub(crate) const TELLS_LATENESS: u32 = 4;

/// The oldest version that is still read. 3 added what connections did, why requests failed, and arrivals dropped for want of a
/// connection, which a reader of 2 would miss in its sums. 4 has answers that were not expected apart, service times of
/// failures apart, and the arrivals that we were late for. 5 may change the objective, and may have two targets: a reader of 4
/// would judge all by the first, and take the events of both for those of one. 6 may be of a fleet: a reader of 5 would take what
/// its generators are said to have done for damage, and arrivals that nobody reported for none. 7 may tell several requests apart,
/// and have thresholds about one of them: a reader of 6 would look for a stage of that name.
/// It may have counts of sources that the user named, too: a reader of 6 would take them for damage.
pub(crate) const OLDEST_VERSION: u32 = 2;

/// The first line of a recording: what was measured, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT_VERSION`] of the writer.
    pub version: u32,
    /// The program and its version, such as `scaletop 0.2.0`.
    pub writer: String,
    /// The wall-clock time of [`Elapsed::ZERO`]: microseconds since 1970 UTC.
    pub started_unix_micros: i64,
    /// How the measurement was set up.
    pub settings: Settings,
    /// How that of a second target was, when the session drives two with the same arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<Settings>>,
}

/// One of the two targets that a session drives with the same arrivals. All that is said of one of them alone is its *half* of
/// the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one that was named first: the baseline.
    First,
    Second,
}

impl Side {
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    /// What it is called wherever two stand beside one another, as in a comparison of sessions.
    pub const fn letter(self) -> char {
        match self {
            Self::First => 'A',
            Self::Second => 'B',
        }
    }

    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl Header {
    /// The first line that this program writes.
    pub fn new(started_unix_micros: i64, settings: Settings) -> Self {
        let writer = concat!("scaletop ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { version: FORMAT_VERSION, writer, started_unix_micros, settings, beside: None }
    }

    /// The same with a second target.
    #[must_use]
    pub fn beside(self, settings: Settings) -> Self {
        Self { beside: Some(Box::new(settings)), ..self }
    }

    /// The header of one half: that of a session with this target alone. `None` for the second of a session with one target.
    pub fn half(&self, side: Side) -> Option<Self> {
        let settings = match side {
            Side::First => &self.settings,
            Side::Second => self.beside.as_deref()?,
        };
        Some(Self { settings: settings.clone(), beside: None, writer: self.writer.clone(), ..*self })
    }
}

/// How the measurement was set up. Nothing secret: no headers, bodies, tokens or URL credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The target as the user named it: `demo`, `apprunner:NAME`, a URL.
    pub target: String,
    /// Where requests go, without credentials and query.
    pub url: String,
    pub method: String,
    /// The plan's name, when a plan drives the load.
    pub plan: Option<String>,
    /// What counts as good when the session begins.
    pub slo: Slo,
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The ceiling that no key passes, requests per second.
    pub max_rate: u32,
    /// The cap on requests in flight.
    pub max_in_flight: u64,
    /// Whether that cap is what the limit on file descriptors leaves, and nobody's wish.
    pub capped_by_descriptors: bool,
    /// After this long a request has failed.
    pub timeout: Duration,
    /// After this long a connection is retired; `None`: never.
    pub conn_max_age: Option<Duration>,
    /// Who carries the requests: connections of our `own`, or another client's; `None` in recordings that do not say.
    pub transport: Option<String>,
    /// Whether HTTP/2 was asked for.
    pub http2: bool,
    /// The cap on connections; `None` in recordings that do not say.
    pub max_connections: Option<u64>,
    /// What one request before the load showed; `None` when there was none.
    pub preflight: Option<String>,
    /// The statuses that count as OK; `None` in recordings before version 4, in which 100 to 399 did.
    pub expected: Option<String>,
    /// The response header that names the instance.
    pub instance_header: String,
    /// Requests per second that one instance is known to hold within the SLO, if the user says.
    pub capacity_per_instance: Option<f64>,
    /// The seed of the random number generator (Poisson arrivals).
    pub seed: u64,
    /// What the requests are called whose numbers are told apart, in the order in which they were written; empty where there is
    /// only one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestName>,
    /// The fleet that was asked for; `None` where this process sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetSettings>,
    /// The sources of instance counts that the user named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<CountSettings>,
    /// What must hold for the session to pass.
    pub thresholds: Vec<Threshold>,
}

/// A source of instance counts that the user named. Nothing secret: no arguments of a command, no user, no query of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountSettings {
    /// Which: `command`, `url` or `prometheus`.
    pub source: String,
    /// The program, the URL, or what Prometheus is asked. Untrusted text.
    pub of: String,
    /// How often it is asked.
    pub every: Duration,
    /// How much older than it says its word may be.
    #[serde(default)]
    pub grain: Duration,
}

/// The fleet that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetSettings {
    /// Generators that were waited for.
    pub wanted: u32,
    /// With fewer no load began.
    #[serde(default)]
    pub to_begin: u32,
    /// With fewer the load is held.
    pub at_least: u32,
    /// How long they were waited for at most.
    pub within: Duration,
    /// How long a generator sends without being heard.
    pub lease: Duration,
    /// What becomes of a lost one's share: `redistribute`, `shrink` or `stop`.
    pub on_loss: String,
}

impl Settings {
    /// See [`connections_limit`].
    pub(crate) fn connections_limit(&self) -> Option<u64> {
        connections_limit(self.max_connections, self.max_in_flight, self.http2)
    }

    /// How long the end of a session waits for what is in flight: what was sent last may take its whole timeout.
    pub(crate) fn drains_within(&self) -> Duration {
        self.timeout + Duration::from_secs(1)
    }
}

/// How many connections may be open, when that limits how many requests can be under way. Over HTTP/2 it is the service that
/// says how many a connection takes.
pub(crate) fn connections_limit(most: Option<u64>, max_in_flight: u64, http2: bool) -> Option<u64> {
    most.filter(|most| *most < max_in_flight && !http2)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: String::new(),
            url: String::new(),
            method: "GET".to_owned(),
            plan: None,
            slo: Slo::default(),
            arrivals: Arrivals::Uniform,
            max_rate: 5_000,
            max_in_flight: 10_000,
            capped_by_descriptors: false,
            timeout: Duration::from_secs(10),
            conn_max_age: Some(Duration::from_secs(30)),
            transport: None,
            http2: false,
            max_connections: None,
            preflight: None,
            expected: None,
            instance_header: "x-instance-id".to_owned(),
            capacity_per_instance: None,
            seed: 0,
            requests: Vec::new(),
            fleet: None,
            counts: Vec::new(),
            thresholds: Vec::new(),
        }
    }
}

/// One line of a recording after the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// When it happened; for a closed second, its end.
    pub at: Elapsed,
    /// Of two targets the one that it is about; `None`: both, or the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    #[serde(flatten)]
    pub event: SessionEvent,
}

impl Recorded {
    /// What is about every target.
    pub const fn new(at: Elapsed, event: SessionEvent) -> Self {
        Self { at, side: None, event }
    }

    /// Whether it closes a second, or the session: what was recorded until then is kept.
    pub(crate) const fn is_a_closing(&self) -> bool {
        matches!(self.event, SessionEvent::Second(_) | SessionEvent::Ended { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEvent {
    /// The arrival rate changed; the anchor is the line's time.
    Rate(RateChange),
    Second(Box<Second>),
    /// A source counted instances.
    Observed(InstanceObservation),
    /// The platform's scaling limits became known or changed.
    Limits(Limits),
    /// A source's state changed.
    Feed {
        source: String,
        feed: Feed,
    },
    /// Something the platform says of the service: status, operation in progress, image, CPU.
    Fact(Fact),
    /// The platform's records say that a scale-out got this far.
    Milestone(Milestone),
    /// The user marked the moment.
    Mark {
        /// What they called it; untrusted text.
        text: String,
    },
    /// What counts as good from the next whole second on; the header has what the session began with.
    Objective(Slo),
    /// Something worth a line in the log.
    Notice(Notice),
    /// Something happened to a generator of the fleet.
    Generator(GeneratorEvent),
    /// How the fleet stands from now on.
    Fleet(FleetState),
    Ended {
        reason: String,
    },
}

/// A change of the arrival rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateChange {
    /// The rate from now on.
    pub profile: RateProfile,
    /// What made it change.
    pub cause: RateCause,
    /// The plan's stage that begins here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Why that stage does not begin from what the plan waited for: the condition that was not met. `None` where it was
    /// met, where nothing was waited for, and in recordings of before it was written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet_start: Option<String>,
}

/// What made the rate change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateCause {
    /// A key that moves the rate by an increment; presses in quick succession make one step.
    Nudge,
    /// A rate was picked: preset or typed.
    Set,
    /// The spike key, up or back.
    Spike,
    Ramp,
    /// Paused or resumed.
    Pause,
    /// Cleared back to zero.
    Clear,
    /// A plan's stage began.
    Plan,
    /// The start of the session.
    Start,
    /// The end of the load, by the plan or with the session: no step begins, the last one ends.
    Stop,
}

/// Something the platform says of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is about, such as `status`, `image`, `cpu_percent`: at most one value a name is current.
    pub name: String,
    /// What is said; untrusted text.
    pub value: String,
    /// The moment it is true of.
    pub as_of: Elapsed,
}

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// How much it matters.
    pub level: NoticeLevel,
    /// What to know, and what to do.
    pub text: String,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// The result may suffer.
    Warning,
    /// Something failed.
    Error,
}
