//! The one place where the state changes: what happened goes in, what to do about it comes out.

mod live;
mod look;
mod objective;
mod prompt;
mod rate;
mod replay;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::app::effect::Effect;
use crate::app::event::{Event, ReplayEvent};
use crate::app::state::update::live::LiveUpdate;
use crate::app::state::update::prompt::paste;
use crate::app::state::update::replay::ReplayUpdate;
use crate::app::state::{Run, State, Ui};
use crate::session::writer::WriteStatus;
use scaletop_units::Elapsed;

/// How long a short message stays on the screen.
const TOAST_STAYS: Duration = Duration::from_secs(6);

/// Folds `event` into the state, at `now`; returns what is to be done about it.
pub fn update(state: &mut State, now: Elapsed, event: Event) -> Vec<Effect> {
    let State { halves, now: latest, run, ui, folder } = state;
    forget_toast(ui, now);
    if let Event::Saved(saved) = &event {
        ui.picture_asked = None;
        let text = match saved {
            Ok(path) => format!("saved {}", path.display()),
            Err(why) => format!("the screen could not be saved: {why}"),
        };
        ui.toast = Some((now, text));
    }
    if let Event::Pasted(text) = &event {
        paste(ui, now, text);
    }
    match run {
        Run::Live(live) => {
            if let Event::RecordingStatus(WriteStatus::Moved(moved)) = &event {
                *folder = Some(moved.clone());
            }
            *latest = now.max(*latest);
            if let (true, Event::Replay(ReplayEvent::Next(recorded))) = (live.is_watched(), &event) {
                *latest = recorded.at.max(*latest);
            }
            // A session that is over grows no older for who looks on.
            if live.is_watched() && halves.first().ended().is_some() {
                *latest = halves.now();
            }
            let mut update = LiveUpdate { halves, ui, live, now, latest: *latest, effects: Vec::new() };
            update.apply(event);
            update.follow_controller();
            update.effects
        }
        Run::Replay(player) => {
            let shown = *latest;
            let effects =
                ReplayUpdate { halves, ui, player, folder: folder.as_deref(), now, shown, is_over: false }.apply(event);
            // On its way to the position the screen shows the moment that it has come to.
            *latest = if player.is_behind() { halves.now().min(player.position()) } else { player.position() };
            effects
        }
    }
}

/// A short message goes after a while.
fn forget_toast(ui: &mut Ui, now: Elapsed) {
    if ui.toast.as_ref().is_some_and(|(since, _)| now.saturating_since(*since) > TOAST_STAYS) {
        ui.toast = None;
    }
}
