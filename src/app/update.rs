//! The one place where the state changes: what happened goes in, what to do about it comes out.

mod prompt;
mod rate;
mod replay;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::event::Event;
use crate::app::state::{INCREMENTS, Phase, Prompt, PromptKind, State, View};
use crate::session::event::{Notice, NoticeLevel, QUIT_BY_THE_USER, RateCause, SessionEvent};
use scaletop_units::Elapsed;

/// How long a short message stays on the screen.
const TOAST_STAYS: Duration = Duration::from_secs(6);

/// The longest mark, in characters.
pub const LONGEST_MARK: usize = 200;

/// Folds `event`, which happened at `at`, into the state; returns what is to be done about it.
pub fn update(state: &mut State, at: Elapsed, event: &Event) -> Vec<Effect> {
    if state.ui.replay.is_some() {
        return replay::update(state, at, event);
    }
    state.ui.now = state.ui.now.max(at);
    forget_toast(state, at);
    match event {
        Event::Session(event) => vec![record(state, at, event.clone())],
        Event::Action(action) => act(state, at, action),
        Event::Stage(change) => rate::change(state, at, change.clone()),
        Event::PlanFinished => quit(state, at, "the plan is over"),
        Event::ThresholdLost(threshold) => lose(state, at, threshold),
        // There is no recording to read while one is written.
        Event::Tick | Event::Replay(_) => Vec::new(),
        Event::Resized(columns, rows) => {
            state.ui.size = (*columns, *rows);
            Vec::new()
        }
        Event::Drained { abandoned } => drained(state, at, *abandoned),
        Event::Exported(result) => exported(state, at, result),
        Event::RecordingFailed(error) => recording_failed(state, at, error.as_deref()),
        Event::Killed(result) => {
            let (level, text) = match result {
                Ok(id) => (NoticeLevel::Info, format!("killed instance {id}")),
                Err(reason) => (NoticeLevel::Warning, format!("no instance was killed: {reason}")),
            };
            vec![notice(state, at, level, text)]
        }
    }
}

/// A short message goes after a while.
fn forget_toast(state: &mut State, at: Elapsed) {
    if state.ui.toast.as_ref().is_some_and(|(since, _)| at.saturating_since(*since) > TOAST_STAYS) {
        state.ui.toast = None;
    }
}

/// Folds a session event in and asks for it to be recorded.
fn record(state: &mut State, at: Elapsed, event: SessionEvent) -> Effect {
    state.session.apply(at, &event);
    Effect::Record(event)
}

/// A line in the log and, briefly, on the screen.
fn notice(state: &mut State, at: Elapsed, level: NoticeLevel, text: String) -> Effect {
    toast(state, at, text.clone());
    record(state, at, SessionEvent::Notice(Notice { level, text }))
}

fn toast(state: &mut State, at: Elapsed, text: impl Into<String>) {
    state.ui.toast = Some((at, text.into()));
}

fn act(state: &mut State, at: Elapsed, action: &Action) -> Vec<Effect> {
    match action {
        Action::Quit => return quit(state, at, QUIT_BY_THE_USER),
        Action::Mark => {
            let text = format!("mark {}", state.session.marks.len() + 1);
            toast(state, at, format!("{text} at {at}"));
            return vec![record(state, at, SessionEvent::Mark { text })];
        }
        Action::Export => {
            toast(state, at, "exporting…");
            return vec![Effect::Export];
        }
        Action::KillInstance => return kill(state, at),
        Action::PromptChar(_) | Action::PromptDelete | Action::PromptAccept => {
            return prompt::edit(state, at, action);
        }
        Action::RateUp
        | Action::RateDown
        | Action::RateDouble
        | Action::RateHalve
        | Action::Preset(_)
        | Action::SetRate(_)
        | Action::Spike
        | Action::Ramp(..)
        | Action::TogglePause
        | Action::Clear => return rate::act(state, at, action),
        _ => look(state, at, action),
    }
    Vec::new()
}

/// The actions that only change what the user looks at.
fn look(state: &mut State, at: Elapsed, action: &Action) {
    let last = longest_list(state);
    let ui = &mut state.ui;
    match action {
        Action::IncrementLarger => ui.increment = (ui.increment + 1).min(INCREMENTS.len() - 1),
        Action::IncrementSmaller => ui.increment = ui.increment.saturating_sub(1),
        Action::AskRate => ui.prompt = Some(Prompt::new(PromptKind::Rate)),
        Action::AskRamp => ui.prompt = Some(Prompt::new(PromptKind::Ramp)),
        // Whatever is in front goes first.
        Action::Cancel if ui.prompt.is_some() => ui.prompt = None,
        Action::Cancel => ui.help = false,
        Action::CycleWindow => {
            ui.window = ui.window.next();
            let text = format!("time window: {}", ui.window.label());
            toast(state, at, text);
        }
        Action::ScrollBack => scroll(state, |edge, by| edge - by),
        Action::ScrollForward => scroll(state, |edge, by| edge + by),
        Action::ScrollStart => {
            let window = ui.window.length().unwrap_or_default();
            ui.scrolled_to = (Elapsed::ZERO + window < ui.now).then_some(Elapsed::ZERO + window);
        }
        Action::ScrollLive => ui.scrolled_to = None,
        Action::ToggleLogLatency => ui.log_latency = !ui.log_latency,
        Action::ToggleServiceTime => {
            ui.service_time = !ui.service_time;
            let text = if ui.service_time {
                "latency: service time (sent → completed)"
            } else {
                "latency: response time (intended → completed)"
            };
            toast(state, at, text);
        }
        Action::NextView => turn_view(state, 1),
        Action::PreviousView => turn_view(state, View::ALL.len() - 1),
        Action::SelectNext => ui.selected = ui.selected.saturating_add(1).min(last),
        Action::SelectPrevious => ui.selected = ui.selected.saturating_sub(1),
        Action::ToggleHelp => ui.help = !ui.help,
        // Everything that changes more than the view was handled by `act`.
        _ => {}
    }
}

fn longest_list(state: &State) -> usize {
    let session = &state.session;
    let length = match state.ui.view {
        View::Log => session.log.len() + session.marks.len(),
        View::Instances => session.instances.len(),
        View::Overview | View::Steps | View::Latency => session.steps.len(),
    };
    length.saturating_sub(1)
}

fn turn_view(state: &mut State, by: usize) {
    let at = View::ALL.iter().position(|view| *view == state.ui.view).unwrap_or(0);
    state.ui.view = View::ALL[(at + by) % View::ALL.len()];
    state.ui.selected = 0;
}

/// Moves the right edge of the charts by a quarter of what they show. Reaching the present follows it again.
fn scroll(state: &mut State, towards: impl Fn(Elapsed, Duration) -> Elapsed) {
    let ui = &mut state.ui;
    let Some(window) = ui.window.length() else { return };
    let first_edge = Elapsed::ZERO + window;
    let edge = towards(ui.scrolled_to.unwrap_or(ui.now), window / 4).max(first_edge);
    ui.scrolled_to = (edge < ui.now).then_some(edge);
}

fn kill(state: &mut State, at: Elapsed) -> Vec<Effect> {
    if state.ui.is_demo {
        return vec![Effect::KillInstance];
    }
    toast(state, at, "only the demo's instances can be killed");
    Vec::new()
}

/// The first time: stop the load and drain. Again: at once.
fn quit(state: &mut State, at: Elapsed, reason: &str) -> Vec<Effect> {
    match state.ui.phase {
        Phase::Running => {
            let mut effects = rate::stop(state, at, RateCause::Stop);
            state.ui.phase = Phase::Draining;
            state.ui.ending = Some(reason.to_owned());
            effects.push(Effect::Drain);
            effects
        }
        Phase::Draining | Phase::Done => {
            state.ui.phase = Phase::Done;
            vec![end(state, at), Effect::Exit { at_once: true }]
        }
    }
}

/// Ends a session that cannot pass any more, once.
fn lose(state: &mut State, at: Elapsed, threshold: &str) -> Vec<Effect> {
    if state.ui.phase != Phase::Running {
        return Vec::new();
    }
    let text = format!("ending early, {threshold}");
    let mut effects = vec![notice(state, at, NoticeLevel::Error, text)];
    effects.extend(quit(state, at, "a threshold failed"));
    effects
}

fn drained(state: &mut State, at: Elapsed, abandoned: u64) -> Vec<Effect> {
    if state.ui.phase != Phase::Draining {
        return Vec::new();
    }
    state.ui.phase = Phase::Done;
    let mut effects = Vec::new();
    if abandoned > 0 {
        let text = format!("{abandoned} requests were still unanswered and were given up");
        effects.push(notice(state, at, NoticeLevel::Warning, text));
    }
    effects.extend([end(state, at), Effect::Exit { at_once: false }]);
    effects
}

/// The recording's last line.
fn end(state: &mut State, at: Elapsed) -> Effect {
    let reason = state.ui.ending.take().unwrap_or_else(|| QUIT_BY_THE_USER.to_owned());
    record(state, at, SessionEvent::Ended { reason })
}

fn exported(state: &mut State, at: Elapsed, result: &Result<std::path::PathBuf, String>) -> Vec<Effect> {
    match result {
        Ok(folder) => {
            toast(state, at, format!("wrote {}", folder.display()));
            Vec::new()
        }
        Err(reason) => vec![notice(state, at, NoticeLevel::Error, format!("the export failed: {reason}"))],
    }
}

/// A failing disk is said at once, and once; the load goes on.
fn recording_failed(state: &mut State, at: Elapsed, error: Option<&str>) -> Vec<Effect> {
    let text = match error {
        Some(reason) => format!("not recording: {reason}"),
        None => "recording again".to_owned(),
    };
    let level = if error.is_some() { NoticeLevel::Error } else { NoticeLevel::Info };
    state.ui.recording_error = error.map(str::to_owned);
    vec![notice(state, at, level, text)]
}
