//! The one-line prompts: a rate, or a ramp.

use crate::app::action::Action;
use crate::app::state::update::live::LiveUpdate;
use crate::app::state::{Prompt, PromptKind, Ui};
use crate::values;

/// The longest text a prompt takes, in characters.
const LONGEST: usize = 24;

/// Types into the open prompt. Whether it is to be accepted: that of the filter, which changes nothing but what is seen, is at
/// once.
pub(super) fn type_into(ui: &mut Ui, action: &Action) -> bool {
    let Some(prompt) = &mut ui.prompt else { return false };
    match action {
        Action::PromptChar(c) if !c.is_control() && prompt.text.chars().count() < LONGEST => prompt.text.push(*c),
        Action::PromptDelete => drop(prompt.text.pop()),
        Action::PromptAccept if prompt.kind == PromptKind::Filter => {
            ui.prompt = None;
            return false;
        }
        Action::PromptAccept => return true,
        _ => return false,
    }
    prompt.error = None;
    if prompt.kind == PromptKind::Filter {
        ui.filter = Some(prompt.text.clone()).filter(|text| !text.is_empty());
        ui.selected = 0;
    }
    false
}

impl LiveUpdate<'_> {
    /// Types into the open prompt, or accepts it.
    pub(super) fn edit_prompt(&mut self, action: &Action) {
        if !type_into(self.ui, action) {
            return;
        }
        let Some(prompt) = &mut self.ui.prompt else { return };
        match action {
            Action::PromptAccept => {
                let read =
                    read(prompt).and_then(|action| match self.goal(&action).and_then(|goal| self.refusal(goal)) {
                        Some(refusal) => Err(refusal),
                        None => Ok(action),
                    });
                match (read, &mut self.ui.prompt) {
                    (Ok(action), prompt) => {
                        *prompt = None;
                        self.act_on_rate(&action);
                    }
                    (Err(error), Some(prompt)) => prompt.error = Some(error),
                    (Err(_), None) => {}
                }
            }
            _ => {}
        }
    }
}

/// What the prompt's text asks for: `450`, or `600 30s`.
fn read(prompt: &Prompt) -> Result<Action, String> {
    let mut words = prompt.text.split_whitespace();
    let rate = values::rate(words.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    match prompt.kind {
        PromptKind::Rate => match words.next() {
            None => Ok(Action::SetRate(rate)),
            Some(_) => Err("one number: for a rate over a time, use r".to_owned()),
        },
        PromptKind::Ramp => {
            let over = match words.collect::<String>().as_str() {
                "" => return Err(format!("over how long? {} 30s", rate.get())),
                text => values::duration(text).map_err(|error| error.to_string())?,
            };
            Ok(Action::Ramp(rate, over))
        }
        PromptKind::Filter => Err("a filter is no rate".to_owned()),
    }
}
