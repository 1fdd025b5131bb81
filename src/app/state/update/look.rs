//! The actions that only change what the user looks at: the same live and in a replay.

use crate::app::action::Action;
use crate::app::keymap::KeyMap;
use crate::app::state::{Prompt, PromptKind, Ui, View, Window, present};
use crate::session::halves::Halves;
use crate::session::history::entries;
use scaletop_units::Elapsed;

/// Changes what the user looks at; `now` is the present of the charts, `at` the time of the message that may be shown.
pub(super) fn look(ui: &mut Ui, halves: &Halves, now: Elapsed, at: Elapsed, action: &Action) {
    let present = present(halves, now);
    let before = (ui.view, ui.range.cursor, ui.range.until);
    change(ui, halves, present, at, action);
    // A row that was picked stays so until something else is looked at.
    if ui.picked && before != (ui.view, ui.range.cursor, ui.range.until) {
        ui.picked = false;
        if matches!(ui.view, View::Overview | View::Latency | View::Steps) {
            ui.selected = 0;
        }
    }
}

fn change(ui: &mut Ui, halves: &Halves, present: u32, at: Elapsed, action: &Action) {
    match action {
        Action::AskRate => ui.prompt = Some(Prompt::new(PromptKind::Rate)),
        Action::AskFilter => {
            ui.view = View::Log;
            ui.selected = 0;
            let text = ui.filter.take().unwrap_or_default();
            ui.prompt = Some(Prompt { text, ..Prompt::new(PromptKind::Filter) });
        }
        Action::AskCommand => ui.prompt = Some(Prompt::new(PromptKind::Command)),
        Action::SaveScreen => ui.picture_asked = Some(at),
        Action::UseColors(colors) => ui.colors = Some(*colors),
        Action::UseCharacters(characters) => ui.characters = Some(*characters),
        Action::Show(view) => {
            if let Some(why) = view.missing(halves) {
                ui.toast = Some((at, why.to_owned()));
            } else {
                (ui.view, ui.selected) = (*view, 0);
            }
        }
        Action::SetWindow(window) => {
            (ui.range.window, ui.range.zoom) = (*window, None);
            ui.toast = Some((at, window_words(*window, present)));
        }
        Action::AskRamp => ui.prompt = Some(Prompt::new(PromptKind::Ramp)),
        // Whatever is in front goes first.
        Action::Cancel if ui.prompt.is_some() => ui.prompt = None,
        Action::Cancel if ui.help.is_some() => ui.help = None,
        // Back to live first, as the hint says; and the filter is none of the views that do not show it.
        Action::Cancel if ui.view == View::Log && ui.filter.is_some() && !ui.range.is_past() => ui.filter = None,
        Action::Cancel | Action::ToPresent => ui.range.follow(),
        Action::CycleWindow => {
            ui.range.cycle();
            ui.toast = Some((at, window_words(ui.range.window, present)));
        }
        Action::MoveCursor(columns) => ui.range.move_cursor(i64::from(*columns), present),
        Action::LookAt(moment) => ui.range.look_at(*moment, present),
        Action::ToStart => ui.range.go_to_start(present),
        Action::ZoomIn => ui.range.zoom(true, present),
        Action::ZoomOut => ui.range.zoom(false, present),
        Action::ZoomAt { at: moment, closer } => {
            ui.range.look_at(*moment, present);
            ui.range.zoom(*closer, present);
        }
        Action::WholeSession => ui.range.whole(),
        Action::Open => open(ui, halves, present),
        Action::Drag(from, until) => ui.range.dragged = Some((*from, *until)),
        Action::Dropped => {
            // What has not come yet is no part of it.
            let end = Elapsed::from_secs(present.into());
            if let Some((from, until)) = ui.range.dragged.take().map(|(from, until)| (from.min(end), until.min(end)))
                && from != until
            {
                ui.range.frame(from.min(until), from.max(until), present);
            }
        }
        Action::Columns(columns) => ui.range.columns = *columns,
        Action::ToggleLatencyAxis => ui.linear_latency = !ui.linear_latency,
        Action::ToggleServiceTime => {
            ui.service_time = !ui.service_time;
            let text = if ui.service_time {
                "latency: service time (sent → completed)"
            } else {
                "latency: response time (intended → completed)"
            };
            ui.toast = Some((at, text.to_owned()));
        }
        Action::NextView => turn_view(ui, halves, true),
        Action::PreviousView => turn_view(ui, halves, false),
        Action::SelectNext => {
            let last = longest_list(ui.view, halves, ui.filter.as_deref()).saturating_sub(1);
            pick(ui, halves, present);
            ui.selected = ui.selected.saturating_add(1).min(last);
        }
        Action::SelectPrevious => {
            pick(ui, halves, present);
            ui.selected = ui.selected.saturating_sub(1);
        }
        Action::ToggleHelp => ui.help = if ui.help.is_none() { Some(0) } else { None },
        Action::ScrollHelp(lines) => {
            let from = i32::from(ui.help.unwrap_or(0)) + i32::from(*lines);
            ui.help = ui.help.map(|_| u16::try_from(from.max(0)).unwrap_or(u16::MAX));
        }
        Action::HelpScrolls(last) => ui.help = ui.help.map(|from| from.min(*last)),
        Action::NoShell => {
            ui.toast = Some((at, "there is no shell to go back to: scaletop was started without one".to_owned()));
        }
        Action::NoSuchKey => {
            let help = ui.keys.key(KeyMap::live(ui.view), &Action::ToggleHelp);
            let how = help.map_or_else(String::new, |key| format!(": {key} helps"));
            ui.toast = Some((at, format!("no such key{how}")));
        }
        Action::HardlySeen(role) => {
            ui.toast =
                Some((at, format!("the color of {role} (scaletop.toml) hardly stands out from this background")));
        }
        // Everything that changes more than the view is handled before this.
        _ => {}
    }
}

/// From now on the selected row is chosen by hand, beginning with the one that is selected.
fn pick(ui: &mut Ui, halves: &Halves, present: u32) {
    if matches!(ui.view, View::Overview | View::Latency | View::Steps) && !ui.picked {
        ui.selected = step_selected(ui, halves, present).unwrap_or_else(|| halves.first().steps().len());
    }
    ui.picked = true;
}

/// The step that is selected, counted from the newest.
fn step_selected(ui: &Ui, halves: &Halves, present: u32) -> Option<usize> {
    ui.selected_step(present, halves.first().steps().iter().map(|report| report.step.start))
}

fn longest_list(view: View, halves: &Halves, filter: Option<&str>) -> usize {
    match view {
        View::Log => entries(halves, filter).len(),
        View::Instances => halves.each().map(|(_, half)| half.tracks().len()).max().unwrap_or(0),
        View::Requests => halves.first().requests().all().len(),
        View::Generators => halves.first().fleet().map_or(0, |fleet| fleet.generators().len()),
        View::Overview | View::Steps | View::Latency => halves.first().steps().len(),
    }
}

fn turn_view(ui: &mut Ui, halves: &Halves, is_forward: bool) {
    let offered = View::offered(halves);
    let by = if is_forward { 1 } else { offered.len() - 1 };
    let at = offered.iter().position(|view| *view == ui.view).unwrap_or(0);
    ui.view = offered[(at + by) % offered.len()];
    ui.selected = 0;
}

/// What the window key has chosen, and whether there is so much.
fn window_words(window: Window, present: u32) -> String {
    let chosen = format!("time window: {}", window.label());
    match window.length() {
        Some(length) if length.as_secs() > u64::from(present) => {
            format!("{chosen}; the session is {} long", Elapsed::from_secs(present.into()))
        }
        _ => chosen,
    }
}

/// The selected step, which is the one under the cursor unless another was picked, fills the charts. An entry of the log gets the
/// cursor, where the charts can be seen.
fn open(ui: &mut Ui, halves: &Halves, present: u32) {
    if ui.view == View::Log {
        let entries = entries(halves, ui.filter.as_deref());
        if let Some(entry) = entries.iter().nth_back(ui.selected) {
            ui.range.look_at(entry.at, present);
            ui.view = View::Overview;
            ui.selected = 0;
        }
        return;
    }
    if ui.view == View::Instances && ui.range.cursor.is_none() {
        ui.gone = ui.gone.toggled();
        return;
    }
    let steps = halves.first().steps();
    let step = step_selected(ui, halves, present).and_then(|at| steps.iter().nth_back(at));
    if let Some(report) = step {
        let (start, end) = (report.step.start, report.step.end.unwrap_or(Elapsed::from_secs(present.into())));
        let cursor = ui.range.cursor;
        ui.range.frame(start, end, present);
        // What the titles tell is of this step, and not of the air after it.
        ui.range.keep_within(cursor, (start, end), present);
        if ui.view == View::Steps {
            ui.view = View::Overview;
        }
    }
}
