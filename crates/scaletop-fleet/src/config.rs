//! How a controller and a generator are set up, what they say while they run, and why they end.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use scaletop_load::{Arrivals, Expected, LoadHandle, RequestOptions, Second};
use scaletop_units::{ArrivalRate, GeneratorId, RunClock};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// What a run is called: 16 hexadecimal digits in lower case, fit for a subject and a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

/// A text that is no [`RunId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run is called by 16 of 0-9 and a-f")]
pub struct NoRunId;

impl RunId {
    /// The run of this number.
    pub fn from_number(number: u64) -> Self {
        Self(format!("{number:016x}"))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RunId {
    type Error = NoRunId;

    fn try_from(text: String) -> Result<Self, NoRunId> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_id { Ok(Self(text)) } else { Err(NoRunId) }
    }
}

impl FromStr for RunId {
    type Err = NoRunId;

    fn from_str(text: &str) -> Result<Self, NoRunId> {
        Self::try_from(text.to_owned())
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of the share of a generator that is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// The others take it over, none of them beyond its own ceiling; what is then left over is not sent, and said.
    #[default]
    Redistribute,
    /// Nobody sends it until that generator is back: the others go on as they were.
    Shrink,
    /// The load stops until a rate is set anew.
    Stop,
}

impl OnLoss {
    /// Every way there is, the default first.
    pub const ALL: [Self; 3] = [Self::Redistribute, Self::Shrink, Self::Stop];

    /// Its name, as users write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redistribute => "redistribute",
            Self::Shrink => "shrink",
            Self::Stop => "stop",
        }
    }
}

/// Who said that this host may be loaded, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The host.
    pub host: String,
    /// Who said so.
    pub by: String,
    /// When, in words.
    pub at: String,
}

/// What a controller that takes over from another one knows of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// The first second that is not in the recording yet.
    pub next: u32,
    /// The seconds of each generator that are in the recording, by the numbers under which it stored them (see
    /// [`scaletop_load::GeneratorPart::numbers`]): they are not counted again.
    pub merged: BTreeMap<GeneratorId, BTreeSet<u64>>,
    /// Who was in the session when it was recorded last.
    pub there: BTreeSet<GeneratorId>,
    /// What generators stored and was heard already, in its order: see [`crate::recover`].
    pub heard: Vec<(GeneratorId, u64, Bytes)>,
}

/// Signs the bytes of a run document.
pub type Signer = Box<dyn Fn(&[u8]) -> Vec<u8> + Send>;
/// Whether a signature (second) is the controller's, of these bytes (first).
pub type Verifier = Box<dyn Fn(&[u8], &[u8]) -> bool + Send>;
/// Kills one of the generators that this program started itself: which one, or why none.
pub type Killer = Box<dyn FnMut() -> Result<String, String> + Send>;

/// How a controller is set up.
pub struct ControllerConfig {
    /// The run.
    pub run: RunId,
    /// The number of this controller among those of the run, from 1: the lock says it. What an earlier one says is not followed.
    pub epoch: u64,
    /// What is known of the run when an earlier controller led it.
    pub resumed: Option<Resumed>,
    /// Generators to wait for.
    pub wanted: u32,
    /// With fewer no load begins; at least 1.
    pub to_begin: u32,
    /// With fewer the load is held; at least 1.
    pub to_go_on: u32,
    /// How long to wait for the wanted ones; then as many as there are will do, if they are enough `to_begin`.
    pub within: Duration,
    /// What becomes of a lost share.
    pub on_loss: OnLoss,
    /// How long a generator sends without being heard: 1 to 10 s.
    pub lease: Duration,
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The seed of Poisson arrivals.
    pub seed: u64,
    /// The most that the session may send in all, whoever asks.
    pub max_rate: ArrivalRate,
    /// Which answers are OK.
    pub expected: Expected,
    /// The cap on requests in flight of each generator; `None`: what its machine allows.
    pub max_in_flight_each: Option<u64>,
    /// What is sent.
    pub request: RequestOptions,
    /// No load later than this moment of the session, whoever asks.
    pub not_after: Duration,
    /// Who agreed to the load.
    pub consent: Consent,
    /// The version of this program.
    pub version: String,
    /// Lets generators of other versions in, too.
    pub allow_versions: bool,
    /// Signs the run document.
    pub signer: Signer,
    /// Kills one of the generators that this program started, where it started any.
    pub kill: Option<Killer>,
}

impl fmt::Debug for ControllerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The request holds secrets.
        f.debug_struct("ControllerConfig").field("run", &self.run).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// What is said while generators gather.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many of those that are wanted are ready.
    Ready {
        /// How many are ready.
        ready: u32,
        /// How many are wanted.
        wanted: u32,
    },
    /// Worth a line: who was refused and why, who is gone again, whether the carrier can be reached.
    Notice(String),
}

/// How a generator is set up.
pub struct GeneratorConfig {
    /// What it is called.
    pub id: GeneratorId,
    /// Threads that send: its slots in the schedule, 1 to 256.
    pub threads: u32,
    /// The most it sends, whoever asks: requests per second.
    pub max_rate: ArrivalRate,
    /// The hosts that it may load. Empty: none.
    pub allow: Vec<String>,
    /// It ends when it has heard no controller for so long.
    pub orphan: Duration,
    /// What it says of itself, such as `az=a`.
    pub labels: Vec<String>,
    /// The version of this program.
    pub version: String,
    /// Whether a signature is the controller's.
    pub verify: Verifier,
    /// When this is told, it hands its share over and ends. Dropped: nobody will ask for it.
    pub leave: oneshot::Receiver<()>,
}

impl fmt::Debug for GeneratorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratorConfig").field("id", &self.id).field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// What a generator's engine is made with.
#[derive(Clone, Debug)]
pub struct EngineSetup {
    /// What to send.
    pub request: RequestOptions,
    /// How arrivals are spaced.
    pub arrivals: Arrivals,
    /// The seed of the run.
    pub seed: u64,
    /// Which answers are OK.
    pub expected: Expected,
    /// The cap on requests in flight; `None`: what this machine allows.
    pub max_in_flight: Option<u64>,
    /// Threads that send: exactly so many, since each has a place in the schedule.
    pub threads: u32,
    /// The clock of the session.
    pub clock: RunClock,
}

/// A generator's engine, running at rate zero.
pub struct Engine {
    /// Steers it.
    pub handle: LoadHandle,
    /// Its closed seconds.
    pub seconds: mpsc::Receiver<Second>,
    /// What is to live as long: its threads.
    pub keep: Option<Box<dyn Any + Send>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// What a generator says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneratorNews {
    /// A controller let it in.
    Welcomed {
        /// The run.
        run: RunId,
        /// Where its requests will go, without what may be secret.
        target: String,
        /// Who agreed to it.
        consent: Consent,
    },
    /// Its engine is ready and its clock follows the session's, plus or minus this.
    Ready(Duration),
    /// It has so many of the schedule's slots.
    Driving {
        /// Its slots.
        slots: u32,
        /// All slots.
        of: u32,
    },
    /// It sends nothing, because of this.
    Silent(String),
    /// It hands its share over and ends.
    Leaving,
    /// Worth a line in the log.
    Notice(String),
}

impl fmt::Display for GeneratorNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Welcomed { run, target, consent } => {
                write!(f, "in run {run}, against {target} (agreed to by {}, {})", consent.by, consent.at)
            }
            Self::Ready(error) => write!(f, "ready, clock ±{:.1} ms", error.as_secs_f64() * 1e3),
            Self::Driving { slots, of } => write!(f, "driving {slots} of {of} slots"),
            Self::Silent(why) => write!(f, "silent: {why}"),
            Self::Leaving => f.write_str("handing over and leaving"),
            Self::Notice(text) => f.write_str(text),
        }
    }
}

/// Why a generator ended in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to leave, or the run is over.
    Left,
    /// No controller was heard for as long as it waits.
    Orphan,
    /// The run may send nothing any more: its `not_after` is over.
    TimeIsUp,
}

/// Why there is no fleet, or a generator is in none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// Too few generators came in time.
    #[error(
        "only {ready} of {wanted} generator{} {} ready within {} s, and at least {at_least} {} asked for; start more \
         with `scaletop fleet join`, or ask for fewer with --at-least",
        if *wanted == 1 { "" } else { "s" },
        if *ready == 1 || *wanted == 1 { "was" } else { "were" },
        within.as_secs(),
        if *at_least == 1 { "is" } else { "are" }
    )]
    TooFew {
        /// How many were ready.
        ready: u32,
        /// How many were wanted.
        wanted: u32,
        /// How many would have done.
        at_least: u32,
        /// How long they were waited for.
        within: Duration,
    },
    /// What carries the messages has ended.
    #[error("the connection of the fleet has ended; see that its server runs and can be reached")]
    Closed,
    /// Another controller leads the run.
    #[error("another controller has taken this run over; this one ends")]
    Deposed,
    /// The controller refuses this generator.
    #[error("the controller refuses this generator: {0}")]
    Refused(String),
    /// The other side speaks another protocol.
    #[error("the other side speaks protocol {theirs}, this program protocol {ours}; use the same version on both")]
    Protocol {
        /// Theirs.
        theirs: u16,
        /// Ours.
        ours: u16,
    },
    /// This generator refuses the controller.
    #[error("this generator refuses the run: {0}")]
    Unwilling(String),
    /// A new session of the run began, with a time of its own, in which this generator is nobody.
    #[error(
        "another session of this run has begun, with a time of its own: start this generator anew to take part in it"
    )]
    AnotherSession,
    /// No generator of an abandoned session is there any more.
    #[error(
        "no generator of this session was heard within {} s: they end when they hear no controller for as long as their --orphan says, \
         and with them what they knew of it",
        within.as_secs()
    )]
    Deserted {
        /// How long they were listened for.
        within: Duration,
    },
    /// The request cannot be sent to, or used by, a generator.
    #[error("this request cannot be given to a fleet: {0}")]
    Request(String),
    /// The generator's engine could not be started.
    #[error("cannot start the load engine: {0}")]
    Engine(String),
    /// The system gave no thread.
    #[error("cannot start the controller: {0}; raise the limit on threads (ulimit -u)")]
    Thread(String),
}
