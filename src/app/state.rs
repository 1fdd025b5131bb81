//! Everything the screen may know: the session and what the user looks at. No handles, no clocks, no colours.

use std::path::PathBuf;
use std::time::Duration;

use crate::app::player::Player;
use crate::session::state::Session;
use scaletop_units::{ArrivalRate, Elapsed};

/// Everything the views may know.
#[derive(Clone, Debug)]
pub struct State {
    /// What is known of the session.
    pub session: Session,
    /// What the user looks at.
    pub ui: Ui,
}

/// The increments of the rate keys, requests per second.
pub const INCREMENTS: [u32; 9] = [1, 5, 10, 25, 50, 100, 250, 500, 1000];

/// The preset rates of keys 1 to 9, requests per second.
pub const PRESETS: [u32; 9] = [50, 100, 200, 300, 400, 500, 600, 750, 900];

/// What the user looks at, and how.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each bound to a key of its own")]
pub struct Ui {
    /// Now, as of the last tick: may be later than the session's last event.
    pub now: Elapsed,
    /// The view on screen.
    pub view: View,
    /// How much time the charts show.
    pub window: Window,
    /// How far back the right edge is; `None` follows the present.
    pub scrolled_to: Option<Elapsed>,
    /// Index into [`INCREMENTS`].
    pub increment: usize,
    /// The rate that the spike key jumps to.
    pub spike_rate: ArrivalRate,
    /// Logarithmic latency axis.
    pub log_latency: bool,
    /// Charts the service time instead of the response time.
    pub service_time: bool,
    /// The selected row of the view's list, counted from the newest.
    pub selected: usize,
    /// The open prompt.
    pub prompt: Option<Prompt>,
    /// Whether the help overlay is open.
    pub help: bool,
    /// Whether the rate is paused, and what it was before.
    pub paused_from: Option<ArrivalRate>,
    /// Whether the spike is on, and what the rate was before.
    pub spiked_from: Option<ArrivalRate>,
    /// How the end is going.
    pub phase: Phase,
    /// Why the session is ending, once it is.
    pub ending: Option<String>,
    /// A short message on the bottom line, and since when; in a replay, of the viewer's time.
    pub toast: Option<(Elapsed, String)>,
    /// Why the session is not being recorded, if it is not.
    pub recording_error: Option<String>,
    /// Where the session's files go.
    pub folder: Option<PathBuf>,
    /// Whether this is the demo (kill key).
    pub is_demo: bool,
    /// Which moment of a recording is shown; `None` in a live session.
    pub replay: Option<Player>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
}

/// How the end is going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Load may run.
    #[default]
    Running,
    /// The user cleared or quit: no arrivals, waiting for what is in flight.
    Draining,
    /// Everything is written.
    Done,
}

/// The views, in the order of the Tab key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Rate, latency, errors, instances; steps below.
    #[default]
    Overview,
    /// Heat map of time × latency, percentiles.
    Latency,
    /// One lane an instance.
    Instances,
    /// The numbers of each step, in a table and in words.
    Steps,
    /// Events.
    Log,
}

impl View {
    /// Every view, in the order of the Tab key.
    pub const ALL: [Self; 5] = [Self::Overview, Self::Latency, Self::Instances, Self::Steps, Self::Log];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Latency => "Latency",
            Self::Instances => "Instances",
            Self::Steps => "Steps",
            Self::Log => "Log",
        }
    }
}

/// How much time the charts show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// One minute.
    Minute,
    /// Five minutes.
    #[default]
    FiveMinutes,
    /// Fifteen minutes.
    FifteenMinutes,
    /// The whole session.
    All,
}

impl Window {
    /// Its length; `None` for the whole session.
    pub const fn length(self) -> Option<Duration> {
        match self {
            Self::Minute => Some(Duration::from_mins(1)),
            Self::FiveMinutes => Some(Duration::from_mins(5)),
            Self::FifteenMinutes => Some(Duration::from_mins(15)),
            Self::All => None,
        }
    }

    /// The next one, as the window key cycles.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Minute => Self::FiveMinutes,
            Self::FiveMinutes => Self::FifteenMinutes,
            Self::FifteenMinutes => Self::All,
            Self::All => Self::Minute,
        }
    }

    /// A short label: `1m`, `5m`, `15m`, `all`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Minute => "1m",
            Self::FiveMinutes => "5m",
            Self::FifteenMinutes => "15m",
            Self::All => "all",
        }
    }
}

/// An open prompt: what it asks for, what has been typed, what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What it asks for.
    pub kind: PromptKind,
    /// What has been typed.
    pub text: String,
    /// What is wrong with it, after an attempt to accept it.
    pub error: Option<String>,
}

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// A rate: `450`.
    Rate,
    /// A ramp: `600 30s`, a rate and a time.
    Ramp,
}

impl Ui {
    /// A fresh screen.
    pub fn new(spike_rate: ArrivalRate) -> Self {
        Self {
            now: Elapsed::ZERO,
            view: View::default(),
            window: Window::default(),
            scrolled_to: None,
            increment: 4,
            spike_rate,
            log_latency: false,
            service_time: false,
            selected: 0,
            prompt: None,
            help: false,
            paused_from: None,
            spiked_from: None,
            phase: Phase::default(),
            ending: None,
            toast: None,
            recording_error: None,
            folder: None,
            is_demo: false,
            replay: None,
            size: (80, 24),
        }
    }

    /// The increment of the rate keys, requests per second.
    pub fn increment(&self) -> u32 {
        INCREMENTS[self.increment.min(INCREMENTS.len() - 1)]
    }
}
