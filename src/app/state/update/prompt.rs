//! The one-line prompts: a rate, or a ramp.

use crate::app::action::Action;
use crate::app::state::palette::{self, Asked};
use crate::app::state::update::live::LiveUpdate;
use crate::app::state::{Prompt, PromptKind, Ui, View};

/// The longest text a prompt takes, in characters.
const LONGEST: usize = 120;

/// Types into the open prompt. Whether it is to be accepted: that of the filter, which changes nothing but what is seen, is at
/// once.
pub(super) fn type_into(ui: &mut Ui, action: &Action) -> bool {
    let Some(prompt) = &mut ui.prompt else { return false };
    match action {
        Action::PromptChar(c) if !c.is_control() && prompt.text.chars().count() < LONGEST => prompt.text.push(*c),
        Action::PromptDelete => drop(prompt.text.pop()),
        Action::PromptComplete if prompt.kind == PromptKind::Command => {
            if let Some(text) = palette::completed(&prompt.text) {
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
    prompt.error = None;
    if prompt.kind == PromptKind::Filter {
        let text = prompt.text.clone();
        filter(ui, text);
    }
    false
}

/// Shows what in the log has that in it.
pub(super) fn filter(ui: &mut Ui, text: String) {
    ui.filter = Some(text).filter(|text| !text.is_empty());
    (ui.view, ui.selected) = (View::Log, 0);
}

impl LiveUpdate<'_> {
    /// Types into the open prompt, or accepts it. What it asks for is returned.
    pub(super) fn edit_prompt(&mut self, action: &Action) -> Option<Asked> {
        if !type_into(self.ui, action) {
            return None;
        }
        let prompt = self.ui.prompt.as_ref()?;
        let read = read(prompt, false).and_then(|asked| {
            let refusal = match &asked {
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

/// What the prompt's text asks for.
pub(super) fn read(prompt: &Prompt, is_replay: bool) -> Result<Asked, String> {
    match prompt.kind {
        PromptKind::Rate => palette::rate(&prompt.text),
        PromptKind::Ramp => palette::ramp(&prompt.text),
        PromptKind::Filter => Ok(Asked::Filter(prompt.text.clone())),
        PromptKind::Command => palette::read(&prompt.text, is_replay),
    }
}
