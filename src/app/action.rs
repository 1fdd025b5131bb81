//! What the user can ask for, whatever key, mouse or plan asks.

use crate::app::state::{Characters, Colors, View, Window};
use scaletop_units::{ArrivalRate, Elapsed};
use std::time::Duration;

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    RateUp,
    RateDown,
    IncrementLarger,
    IncrementSmaller,
    /// Twice the rate.
    RateDouble,
    /// Half the rate.
    RateHalve,
    /// A preset rate, 1 to 9.
    Preset(u8),
    /// This rate, at once.
    SetRate(ArrivalRate),
    /// Open the prompt for a rate.
    AskRate,
    /// Jump to the spike rate; again: back.
    Spike,
    /// Open the prompt for what the log's entries have in them.
    AskFilter,
    /// Open the prompt for a ramp.
    AskRamp,
    /// Ramp to this rate over this time.
    Ramp(ArrivalRate, Duration),
    /// Back to the rate before the last change.
    Undo,
    /// Rate 0 and back.
    TogglePause,
    /// Back to 0 and drain.
    Clear,
    /// Mark the moment (numbered), at once.
    Mark,
    /// Export now.
    Export,
    /// Open the palette.
    AskCommand,
    /// Other colours.
    UseColors(Colors),
    /// Other characters.
    UseCharacters(Characters),
    /// Save the screen as a picture.
    SaveScreen,
    /// Show this view.
    Show(View),
    /// Show so much time.
    SetWindow(Window),
    /// The next time window.
    CycleWindow,
    /// Moves the cursor by so many columns: towards the past when negative.
    MoveCursor(i8),
    /// Puts the cursor on a moment.
    LookAt(Elapsed),
    /// The beginning of the session.
    ToStart,
    /// Back to live, without a cursor.
    ToPresent,
    /// Half as much time around the cursor.
    ZoomIn,
    /// Twice as much.
    ZoomOut,
    /// The same around a moment, which the cursor goes to.
    ZoomAt {
        at: Elapsed,
        closer: bool,
    },
    /// The whole session.
    WholeSession,
    /// What is under the cursor, or selected: a step fills the charts, an entry of the log gets the cursor.
    Open,
    /// The mouse is dragged over the charts from one moment to another.
    Drag(Elapsed, Elapsed),
    /// The mouse was let go: what it was dragged over fills the charts.
    Dropped,
    /// The charts have so many columns now.
    Columns(u16),
    /// Logarithmic latency axis on or off.
    ToggleLatencyAxis,
    /// Response time or service time.
    ToggleServiceTime,
    NextView,
    PreviousView,
    /// The selection in a list, down (Steps, Log, Instances).
    SelectNext,
    /// The selection in a list, up.
    SelectPrevious,
    /// Kill an instance of the demo cluster.
    KillInstance,
    /// Kill a generator of the fleet demo.
    KillGenerator,
    /// Help on or off.
    ToggleHelp,
    /// Scrolls the open help by so many lines: towards its end when positive, all the way at the ends of the range.
    ScrollHelp(i16),
    /// The open help scrolls to this line at most: there is no more below it.
    HelpScrolls(u16),
    /// Drain, export, summary; again: at once.
    Quit,
    /// The same, but a session that has gone on for a while asks first.
    AskQuit,
    /// Plays a recording, or pauses it.
    TogglePlay,
    /// Plays a recording faster.
    Faster,
    /// Plays a recording slower.
    Slower,
    /// Jumps to where the next step of a recording begins.
    NextStep,
    /// Jumps to where this step of a recording began, or the one before.
    PreviousStep,
    /// Jumps to the beginning of a recording.
    JumpStart,
    /// Jumps to the end of a recording.
    JumpEnd,
    /// Jumps so many seconds: back when negative.
    SeekBy(i8),
    /// Jumps to a moment of a recording.
    SeekTo(Elapsed),
    /// Says that a key does this in a live session, and nothing in a replay.
    OnlyLive(&'static str),
    /// Says that a key means nothing here.
    NoSuchKey,
    /// Says that a colour of one's own, by the name of its role, hardly stands out from this background.
    HardlySeen(&'static str),
    /// A character typed into the open prompt.
    PromptChar(char),
    /// Complete what was typed into the prompt.
    PromptComplete,
    /// Delete the last character of the prompt.
    PromptDelete,
    PromptAccept,
    /// Yes to the open question.
    Confirm,
    /// Pause the load and give the terminal back to the shell, until it says `fg`.
    Suspend,
    /// Says that there is no shell to give the terminal back to.
    NoShell,
    /// Draw everything anew: something else has written on the screen.
    Repaint,
    /// Close the prompt, the question or the help without doing anything.
    Cancel,
}

impl Action {
    /// Whether it raises no load, paused or not: so that it may be done where nothing of the session can be seen.
    pub(crate) const fn lets_go(&self, is_paused: bool) -> bool {
        match self {
            Self::TogglePause => !is_paused,
            Self::Quit
            | Self::AskQuit
            | Self::Clear
            | Self::Mark
            | Self::Export
            | Self::TogglePlay
            | Self::Repaint
            | Self::Suspend
            | Self::Confirm
            | Self::Cancel => true,
            _ => false,
        }
    }
}
