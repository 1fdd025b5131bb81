//! What the user looks at, and how.

use std::sync::Arc;
use std::time::Duration;

use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::TimeRange;
use crate::session::halves::Halves;
use scaletop_units::{ArrivalRate, Elapsed};

/// What the user looks at, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ui {
    /// The view on screen.
    pub view: View,
    /// The keys in force.
    pub keys: Arc<KeyMap>,
    /// Which part of the session the charts show.
    pub range: TimeRange,
    /// The colours and characters that were asked for meanwhile; `None` leaves what the terminal began with.
    pub colors: Option<Colors>,
    pub characters: Option<Characters>,
    /// Since when the screen is to be saved as a picture.
    pub picture_asked: Option<Elapsed>,
    /// A linear latency axis in place of the logarithmic one.
    pub linear_latency: bool,
    /// Charts the service time instead of the response time.
    pub service_time: bool,
    /// Whether the Instances view shows those that are gone.
    pub gone: Gone,
    /// The selected row of the view's list, counted from the newest.
    pub selected: usize,
    /// Whether that row was chosen by hand since the cursor moved last: else, where the past is looked at, the step under the cursor
    /// is the selected one.
    pub picked: bool,
    pub prompt: Option<Prompt>,
    /// What the entries of the log have in them that are shown; `None` shows all.
    pub filter: Option<String>,
    /// What waits for a yes.
    pub question: Option<Question>,
    /// The help overlay, if it is open: the first of its lines that is shown, where not all of them fit.
    pub help: Option<u16>,
    /// A short message above the bottom line, and since when; in a replay, of the viewer's time.
    pub toast: Option<(Elapsed, String)>,
}

impl Ui {
    /// Which of the steps that begin at `starts`, the oldest first, is selected, counted from the newest: while the past is looked at
    /// the one under the cursor, until another is picked by hand. `None` where there is none, as before the first of them.
    pub(crate) fn selected_step(&self, present: u32, starts: impl ExactSizeIterator<Item = Elapsed>) -> Option<usize> {
        let steps = starts.len();
        match self.range.looked_at(present).filter(|_| !self.picked) {
            Some(at) => {
                let begun = starts.take_while(|start| *start <= at).count();
                (begun > 0).then(|| steps - begun)
            }
            None => steps.checked_sub(1).map(|last| self.selected.min(last)),
        }
    }
}

/// How the Instances view shows those that are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gone {
    /// In one line.
    #[default]
    Folded,
    /// With a lane each.
    Unfolded,
}

impl Gone {
    /// The other way.
    pub(crate) const fn toggled(self) -> Self {
        match self {
            Self::Folded => Self::Unfolded,
            Self::Unfolded => Self::Folded,
        }
    }
}

/// Colours that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    Dark,
    Light,
    /// The terminal's own 16.
    Ansi,
    /// None.
    Mono,
}

impl Colors {
    /// All, by the names that are typed.
    pub const ALL: [(&'static str, Self); 4] =
        [("dark", Self::Dark), ("light", Self::Light), ("ansi", Self::Ansi), ("mono", Self::Mono)];
}

/// Characters of charts that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    Braille,
    Blocks,
    Ascii,
}

impl Characters {
    /// All, by the names that are typed.
    pub const ALL: [(&'static str, Self); 3] =
        [("braille", Self::Braille), ("blocks", Self::Blocks), ("ascii", Self::Ascii)];
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
    /// The numbers of each of several requests.
    Requests,
    /// Events.
    Log,
    /// One lane a generator of the fleet.
    Generators,
}

impl View {
    /// Every view, in the order of the Tab key.
    pub const ALL: [Self; 7] =
        [Self::Overview, Self::Latency, Self::Instances, Self::Steps, Self::Requests, Self::Log, Self::Generators];

    /// The views that there are for `halves`, in the order of the Tab key.
    pub(crate) fn offered(halves: &Halves) -> Vec<Self> {
        Self::ALL.into_iter().filter(|view| view.missing(halves).is_none()).collect()
    }

    /// Why there is no such view for `halves`, if there is none.
    pub(crate) fn missing(self, halves: &Halves) -> Option<&'static str> {
        match self {
            Self::Generators if halves.first().fleet().is_none() => {
                Some("there are no generators to show: no fleet generates the load")
            }
            Self::Requests if halves.first().requests().all().is_empty() => {
                Some("there is one request: --requests FILE sends several, and tells them apart")
            }
            _ => None,
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Latency => "Latency",
            Self::Instances => "Instances",
            Self::Steps => "Steps",
            Self::Requests => "Requests",
            Self::Log => "Log",
            Self::Generators => "Generators",
        }
    }
}

/// How much time the charts show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    Minute,
    /// Five minutes.
    #[default]
    FiveMinutes,
    /// Fifteen minutes.
    FifteenMinutes,
    All,
}

impl Window {
    /// Every window, the shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::FiveMinutes, Self::FifteenMinutes, Self::All];

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

/// What waits for a yes before it is done. Any other key that does something is a no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A jump of the rate on a host that is not this machine: far above the highest rate so far.
    Jump {
        /// What would be done.
        action: Action,
        /// The rate that it goes to.
        to: ArrivalRate,
        /// The highest rate so far.
        highest: ArrivalRate,
    },
    /// The end of a session that has gone on for a while.
    Quit,
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
    /// A text that entries of the log have in them. Shown as it is typed.
    Filter,
    /// A command of the palette.
    Command,
}

impl Prompt {
    pub const fn new(kind: PromptKind) -> Self {
        Self { kind, text: String::new(), error: None }
    }
}
