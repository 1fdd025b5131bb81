//! The names of what keys do, for `[keys]` of `scaletop.toml`: one table. docs/settings.md is held to it.

use super::Mode;
use crate::app::action::Action;

/// Where a key means something: the tables `[keys.charts]` and so on, and the screens that they are for.
pub(crate) const PLACES: [(&str, Mode, &str); 5] = [
    ("charts", Mode::Normal, "Overview and Latency of a live session"),
    ("tables", Mode::Table, "Instances, Steps, Requests, Log and Generators"),
    ("replay", Mode::Replay, "a recorded session"),
    ("question", Mode::Question, "an open question, such as before the end of a long session"),
    ("prompt", Mode::Prompt, "an open prompt, beside the characters"),
];

/// The name of a place.
pub(super) fn place(mode: Mode) -> &'static str {
    PLACES.iter().find(|(_, known, _)| *known == mode).map_or("", |(name, ..)| *name)
}

/// Every action that a key can have: its name, and what it does.
pub(crate) const ACTIONS: &[(&str, Action, &str)] = &[
    ("rate-up", Action::RateUp, "raises the rate by one increment"),
    ("rate-down", Action::RateDown, "lowers the rate by one increment"),
    ("increment-smaller", Action::IncrementSmaller, "makes the increment smaller"),
    ("increment-larger", Action::IncrementLarger, "makes the increment larger"),
    ("rate-double", Action::RateDouble, "doubles the rate"),
    ("rate-halve", Action::RateHalve, "halves the rate"),
    ("preset-1", Action::Preset(1), "goes to 50/s"),
    ("preset-2", Action::Preset(2), "goes to 100/s"),
    ("preset-3", Action::Preset(3), "goes to 200/s"),
    ("preset-4", Action::Preset(4), "goes to 300/s"),
    ("preset-5", Action::Preset(5), "goes to 400/s"),
    ("preset-6", Action::Preset(6), "goes to 500/s"),
    ("preset-7", Action::Preset(7), "goes to 600/s"),
    ("preset-8", Action::Preset(8), "goes to 750/s"),
    ("preset-9", Action::Preset(9), "goes to 900/s"),
    ("ask-rate", Action::AskRate, "asks for a rate"),
    ("spike", Action::Spike, "jumps to the spike rate; again: falls back"),
    ("ask-ramp", Action::AskRamp, "asks for a rate and a time to ramp to it"),
    ("undo", Action::Undo, "goes back to the rate before the last change"),
    ("toggle-pause", Action::TogglePause, "pauses the load (rate 0), resumes it"),
    ("clear", Action::Clear, "goes back to 0 and drains"),
    ("kill-instance", Action::KillInstance, "kills an instance of the demo"),
    ("kill-generator", Action::KillGenerator, "kills a generator of the fleet demo"),
    ("toggle-play", Action::TogglePlay, "plays the recording, pauses it"),
    ("slower", Action::Slower, "plays slower"),
    ("faster", Action::Faster, "plays faster"),
    ("previous-step", Action::PreviousStep, "jumps to the previous step"),
    ("next-step", Action::NextStep, "jumps to the next step"),
    ("jump-start", Action::JumpStart, "jumps to the beginning of the recording"),
    ("jump-end", Action::JumpEnd, "jumps to the end of the recording"),
    ("second-back", Action::SeekBy(-1), "jumps a second back"),
    ("second-on", Action::SeekBy(1), "jumps a second on"),
    ("next-view", Action::NextView, "shows the next view"),
    ("previous-view", Action::PreviousView, "shows the previous view"),
    ("cycle-window", Action::CycleWindow, "shows 1, 5, 15 minutes, or all"),
    ("cursor-left", Action::MoveCursor(-1), "moves the cursor a column to the left"),
    ("cursor-right", Action::MoveCursor(1), "moves the cursor a column to the right"),
    ("cursor-far-left", Action::MoveCursor(-10), "moves the cursor ten columns to the left"),
    ("cursor-far-right", Action::MoveCursor(10), "moves the cursor ten columns to the right"),
    ("zoom-in", Action::ZoomIn, "shows half as much time around the cursor"),
    ("zoom-out", Action::ZoomOut, "shows twice as much time around the cursor"),
    ("whole-session", Action::WholeSession, "shows the whole session"),
    ("to-start", Action::ToStart, "shows the beginning of the session"),
    ("to-present", Action::ToPresent, "goes back to live"),
    ("open", Action::Open, "shows the step under the cursor, or the entry of the log"),
    ("ask-command", Action::AskCommand, "asks for a command"),
    ("ask-filter", Action::AskFilter, "asks for what the log is to be filtered by"),
    ("select-previous", Action::SelectPrevious, "goes to the row above"),
    ("select-next", Action::SelectNext, "goes to the row below"),
    ("toggle-latency-axis", Action::ToggleLatencyAxis, "makes the latency axis linear, or logarithmic again"),
    ("toggle-service-time", Action::ToggleServiceTime, "shows the service time, or the response time again"),
    ("mark", Action::Mark, "marks the moment"),
    ("export", Action::Export, "writes the session's files; in a replay, says how to"),
    ("toggle-help", Action::ToggleHelp, "opens the help, closes it"),
    ("suspend", Action::Suspend, "pauses the load and goes back to the shell"),
    ("repaint", Action::Repaint, "draws the screen anew"),
    ("cancel", Action::Cancel, "closes the help, the prompt or the question; goes back to live"),
    ("ask-quit", Action::AskQuit, "ends the session; asks first when it is older than two minutes"),
    ("quit", Action::Quit, "ends the session without asking; always Ctrl-C, too"),
    ("confirm", Action::Confirm, "answers the question with yes"),
    ("prompt-accept", Action::PromptAccept, "accepts what was typed"),
    ("prompt-complete", Action::PromptComplete, "completes what was typed"),
    ("prompt-delete", Action::PromptDelete, "deletes the last character"),
];

/// The action of a name.
pub(super) fn action(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|(known, ..)| *known == name).map(|(_, action, _)| action)
}

/// The name of an action that a key can have.
pub(super) fn name(action: &Action) -> &'static str {
    ACTIONS.iter().find(|(_, known, _)| known == action).map_or("", |(name, ..)| *name)
}
