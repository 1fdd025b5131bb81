//! The actions that only change what the user looks at: the same live and in a replay.

use std::time::Duration;

use crate::app::action::Action;
use crate::app::state::{Prompt, PromptKind, Ui, View};
use crate::session::state::Session;
use scaletop_units::Elapsed;

/// Changes what the user looks at; `now` is the present of the charts, `at` the time of the message that may be shown.
pub(super) fn look(ui: &mut Ui, session: &Session, now: Elapsed, at: Elapsed, action: &Action) {
    match action {
        Action::AskRate => ui.prompt = Some(Prompt::new(PromptKind::Rate)),
        Action::AskRamp => ui.prompt = Some(Prompt::new(PromptKind::Ramp)),
        // Whatever is in front goes first.
        Action::Cancel if ui.prompt.is_some() => ui.prompt = None,
        Action::Cancel => ui.help = false,
        Action::CycleWindow => {
            ui.window = ui.window.next();
            ui.toast = Some((at, format!("time window: {}", ui.window.label())));
        }
        Action::ScrollBack => scroll(ui, now, |edge, by| edge - by),
        Action::ScrollForward => scroll(ui, now, |edge, by| edge + by),
        Action::ScrollStart => {
            let first_edge = Elapsed::ZERO + ui.window.length().unwrap_or_default();
            ui.scrolled_to = (first_edge < now).then_some(first_edge);
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
            ui.toast = Some((at, text.to_owned()));
        }
        Action::NextView => turn_view(ui, 1),
        Action::PreviousView => turn_view(ui, View::ALL.len() - 1),
        Action::SelectNext => {
            let last = longest_list(ui.view, session).saturating_sub(1);
            ui.selected = ui.selected.saturating_add(1).min(last);
        }
        Action::SelectPrevious => ui.selected = ui.selected.saturating_sub(1),
        Action::ToggleHelp => ui.help = !ui.help,
        Action::NoShell => {
            ui.toast = Some((at, "there is no shell to go back to: scaletop was started without one".to_owned()));
        }
        Action::NoSuchKey => ui.toast = Some((at, "no such key: ? helps".to_owned())),
        Action::Pasted => ui.toast = Some((at, "pasting does nothing here: press the keys".to_owned())),
        // Everything that changes more than the view is handled before this.
        _ => {}
    }
}

fn longest_list(view: View, session: &Session) -> usize {
    match view {
        View::Log => session.log().len() + session.marks().len(),
        View::Instances => session.tracks().len(),
        View::Overview | View::Steps | View::Latency => session.steps().len(),
    }
}

fn turn_view(ui: &mut Ui, by: usize) {
    let at = View::ALL.iter().position(|view| *view == ui.view).unwrap_or(0);
    ui.view = View::ALL[(at + by) % View::ALL.len()];
    ui.selected = 0;
}

/// Moves the right edge of the charts by a quarter of what they show. Reaching the present follows it again.
fn scroll(ui: &mut Ui, now: Elapsed, towards: impl Fn(Elapsed, Duration) -> Elapsed) {
    let Some(window) = ui.window.length() else { return };
    let first_edge = Elapsed::ZERO + window;
    let edge = towards(ui.scrolled_to.unwrap_or(now), window / 4).max(first_edge);
    ui.scrolled_to = (edge < now).then_some(edge);
}
