//! The one-line prompts: a rate, or a ramp.

use crate::app::action::Action;
use crate::app::state::palette::{self, Asked, Reach};
use crate::app::state::update::live::LiveUpdate;
use crate::app::state::{Prompt, PromptKind, Ui, View, present};
use scaletop_units::Elapsed;

/// The longest text a prompt takes, in characters.
const LONGEST: usize = 120;

/// Types into the open prompt. Whether it is to be accepted: that of the filter, which changes nothing but what is seen, is at
/// once.
pub(super) fn type_into(ui: &mut Ui, action: &Action, reach: Reach) -> bool {
    let Some(prompt) = &mut ui.prompt else { return false };
    match action {
        Action::PromptChar(c) if !c.is_control() && prompt.text.chars().count() < LONGEST => prompt.text.push(*c),
        Action::PromptDelete => drop(prompt.text.pop()),
        Action::PromptComplete if prompt.kind == PromptKind::Command => {
            if let Some(text) = palette::completed(&prompt.text, reach) {
                prompt.text = text;
            }
        }
        Action::PromptAccept if prompt.kind == PromptKind::Filter => {
            ui.prompt = None;
            return false;
        }
        Action::PromptAccept => return true,
        _ => return false,
    }
    changed(ui);
    false
}

/// Forgets what was wrong with another text than this, and shows what a filter leaves.
fn changed(ui: &mut Ui) {
    let Some(prompt) = &mut ui.prompt else { return };
    prompt.error = None;
    if prompt.kind == PromptKind::Filter {
        let text = prompt.text.clone();
        filter(ui, text);
    }
}

/// Types a text that was pasted into the open prompt, and accepts nothing; where none is open, it says that a text is no keys.
pub(super) fn paste(ui: &mut Ui, at: Elapsed, pasted: &str) {
    let Some(prompt) = &mut ui.prompt else {
        ui.toast = Some((at, "pasting does nothing here: press the keys".to_owned()));
        return;
    };
    let pasted = one_line(pasted);
    let (before, more) = (prompt.text.chars().count(), pasted.chars().count());
    if before + more > LONGEST {
        // Half of a text could mean something else.
        prompt.error = Some(format!("what was pasted has {more} characters: {LONGEST} fit in all"));
        return;
    }
    prompt.text.push_str(&pasted);
    changed(ui);
}

/// What was pasted as one line: without the line ends around it, and with a space for those within, so that words stay words. What
/// else a terminal would obey is left out.
fn one_line(pasted: &str) -> String {
    let spaced = pasted.trim().replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
    spaced.chars().filter(|ch| !ch.is_control()).collect()
}

/// Shows what in the log has that in it.
pub(super) fn filter(ui: &mut Ui, text: String) {
    ui.filter = Some(text).filter(|text| !text.is_empty());
    (ui.view, ui.selected) = (View::Log, 0);
}

impl LiveUpdate<'_> {
    /// Types into the open prompt, or accepts it. What it asks for is returned.
    pub(super) fn edit_prompt(&mut self, action: &Action) -> Option<Asked> {
        let reach = self.live.reach();
        if !type_into(self.ui, action, reach) {
            return None;
        }
        let prompt = self.ui.prompt.as_ref()?;
        let present = present(self.halves, self.latest);
        let read = read(prompt, reach).and_then(|asked| {
            let refusal = match &asked {
                Asked::Go(at) => not_within(*at, Elapsed::from_secs(present.into())),
                Asked::Do(action) => self.goal(action).and_then(|goal| self.refusal(goal)),
                Asked::Judge(objectives) => self.refusal_to_judge(objectives),
                Asked::Mark(_) | Asked::Filter(_) => None,
            };
            refusal.map_or(Ok(asked), Err)
        });
        accept(self.ui, read)
    }
}

/// Closes the prompt when what it asks for is understood; else it says why not, and stays.
pub(super) fn accept(ui: &mut Ui, read: Result<Asked, String>) -> Option<Asked> {
    match read {
        Ok(asked) => {
            ui.prompt = None;
            Some(asked)
        }
        Err(error) => {
            if let Some(prompt) = &mut ui.prompt {
                prompt.error = Some(error);
            }
            None
        }
    }
}

/// Why a moment cannot be looked at of a session that has come to `end`: it is beyond, or before all of it.
pub(super) fn not_within(at: Option<Elapsed>, end: Elapsed) -> Option<String> {
    let range = format!("the session, which goes from {} to {end}", Elapsed::ZERO);
    match at {
        None => Some(format!("that is before {range}")),
        Some(at) => (at > end).then(|| format!("{at} is not within {range}")),
    }
}

/// What the prompt's text asks for.
pub(super) fn read(prompt: &Prompt, reach: Reach) -> Result<Asked, String> {
    match prompt.kind {
        PromptKind::Rate => palette::rate(&prompt.text),
        PromptKind::Ramp => palette::ramp(&prompt.text),
        PromptKind::Filter => Ok(Asked::Filter(prompt.text.clone())),
        PromptKind::Command => palette::read(&prompt.text, reach),
    }
}
