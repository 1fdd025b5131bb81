//! A replay: the same session, folded from the same events, and the actions that choose the moment. Nothing is driven and
//! nothing is recorded.

use std::path::Path;
use std::sync::Arc;

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::event::{Event, ReplayEvent};
use crate::app::player::Player;
use crate::app::state::Ui;
use crate::app::state::palette::{Asked, Reach};
use crate::app::state::update::look::look;
use crate::app::state::update::prompt::{accept, filter, not_within, read, type_into};
use crate::session::halves::Halves;
use scaletop_units::Elapsed;

/// A replay in the hands of one update.
pub(super) struct ReplayUpdate<'a> {
    pub(super) halves: &'a mut Halves,
    pub(super) ui: &'a mut Ui,
    pub(super) player: &'a mut Player,
    pub(super) folder: Option<&'a Path>,
    /// The viewer's time: how long the replay has been running.
    pub(super) now: Elapsed,
    /// The moment that was shown last.
    pub(super) shown: Elapsed,
    /// Whether a command asked for the end.
    pub(super) is_over: bool,
}

impl ReplayUpdate<'_> {
    /// Folds the event in.
    pub(super) fn apply(&mut self, event: Event) -> Vec<Effect> {
        self.player.advance(self.now);
        match event {
            Event::Replay(event) => self.read(event),
            Event::Action(Action::Quit | Action::AskQuit) => return vec![Effect::Exit { at_once: true }],
            Event::Action(Action::Suspend) => {
                self.player.pause();
                return vec![Effect::Suspend];
            }
            Event::Action(action) => {
                // Played fast, a message would tell of a moment long past: the next key ends it. The screen's own news are no key.
                if !matches!(action, Action::Columns(_) | Action::HelpScrolls(_)) {
                    self.ui.toast = None;
                }
                self.act(&action);
                if std::mem::take(&mut self.is_over) {
                    return vec![Effect::Exit { at_once: true }];
                }
            }
            // The rest only happens live.
            _ => {}
        }
        Vec::new()
    }

    fn read(&mut self, event: ReplayEvent) {
        match event {
            ReplayEvent::Next(recorded) => self.halves.apply(&recorded),
            ReplayEvent::At(halves) => *self.halves = Arc::unwrap_or_clone(halves),
            ReplayEvent::Told(text) => self.toast(text),
            ReplayEvent::Behind(behind) => self.player.set_behind(behind),
            ReplayEvent::Outline(outline, damage) => {
                self.player.learn(outline);
                if let Some(damage) = damage {
                    self.toast(format!("note: {damage}"));
                }
            }
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::AskQuit => self.is_over = true,
            Action::TogglePlay => self.player.toggle(),
            Action::Faster => self.player.faster(),
            Action::Slower => self.player.slower(),
            Action::NextStep | Action::PreviousStep | Action::JumpStart | Action::JumpEnd => {
                // Whoever jumps wants to see where to.
                self.ui.range.follow();
                let message = jump(self.player, action);
                self.toast(message);
            }
            Action::Export => {
                let session = self.folder.map_or_else(String::new, |path| path.display().to_string());
                self.toast(format!("files: scaletop report {session}"));
            }
            Action::PromptChar(_) | Action::PromptComplete | Action::PromptDelete | Action::PromptAccept => {
                if type_into(self.ui, action, Reach::Replay)
                    && let Some(prompt) = &self.ui.prompt
                {
                    // What is not played yet can be, as far as it is known.
                    let end = self.player.end().unwrap_or(self.shown).max(self.shown);
                    let read = read(prompt, Reach::Replay).and_then(|asked| match asked {
                        Asked::Go(at) => not_within(at, end).map_or(Ok(asked), Err),
                        asked => Ok(asked),
                    });
                    match accept(self.ui, read) {
                        Some(Asked::Do(asked)) => self.act(&asked),
                        Some(Asked::Go(at)) => self.go(at.unwrap_or_default()),
                        Some(Asked::Filter(text)) => filter(self.ui, text),
                        Some(Asked::Mark(_) | Asked::Judge(_)) | None => {}
                    }
                }
            }
            Action::OnlyLive(does) => self.toast(format!("live only, not in a replay: {does}")),
            Action::SeekBy(secs) => {
                self.ui.range.follow();
                self.player.seek_by(i64::from(*secs));
            }
            Action::SeekTo(at) => {
                self.ui.range.follow();
                self.player.seek(*at);
            }
            action => look(self.ui, self.halves, self.shown, self.now, action),
        }
    }

    /// Puts the cursor on a moment that has been played; else plays on from there.
    fn go(&mut self, at: Elapsed) {
        self.act(&if at < self.shown { Action::LookAt(at) } else { Action::SeekTo(at) });
    }

    fn toast(&mut self, text: String) {
        self.ui.toast = Some((self.now, text));
    }
}

/// Jumps, and says where to.
fn jump(player: &mut Player, action: &Action) -> String {
    let Some(steps) = player.steps() else {
        if *action == Action::JumpStart {
            player.to_start();
            return "the beginning".to_owned();
        }
        return "the recording is still being read: try again in a moment".to_owned();
    };
    let step = match action {
        Action::NextStep => player.to_next_step(),
        Action::PreviousStep => player.to_previous_step(),
        Action::JumpEnd => {
            player.to_end();
            None
        }
        _ => {
            player.to_start();
            None
        }
    };
    match step {
        Some(step) => format!("step {step} of {steps}"),
        None if player.is_at_end() => "the end of the recording".to_owned(),
        None => "the beginning of the recording".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::player::Outline;
    use crate::app::state::update::update;
    use crate::app::state::{State, View};
    use crate::session::event::{Header, Recorded, SessionEvent, Settings};

    const fn secs(secs: u64) -> Elapsed {
        Elapsed::from_secs(secs)
    }

    fn state() -> State {
        let writer = "test".to_owned();
        let header = Header { writer, ..Header::new(0, Settings::default()) };
        let mut state = State::replay(header, Player::new(10));
        let outline = Outline { end: secs(1_000), steps: vec![secs(100), secs(400)] };
        update(&mut state, Elapsed::ZERO, Event::Replay(ReplayEvent::Outline(outline, None)));
        state
    }

    fn press(state: &mut State, at: u64, action: Action) -> Vec<Effect> {
        update(state, secs(at), Event::Action(action))
    }

    fn toast(state: &State) -> &str {
        state.ui.toast.as_ref().map_or("", |(_, text)| text)
    }

    #[test]
    fn the_screens_present_is_the_position_and_a_jump_goes_back_too() {
        let mut state = state();
        update(&mut state, secs(45), Event::Tick);
        assert_eq!(state.now, secs(450));
        press(&mut state, 45, Action::PreviousStep);
        assert_eq!((state.now, toast(&state)), (secs(400), "step 2 of 2"));
        press(&mut state, 45, Action::PreviousStep);
        assert_eq!((state.now, toast(&state)), (secs(100), "step 1 of 2"));
    }

    #[test]
    fn a_moment_that_is_typed_is_looked_at_or_played_from_and_one_beyond_the_end_is_refused() {
        let go = |text: &str| {
            let mut state = state();
            update(&mut state, secs(45), Event::Tick);
            press(&mut state, 45, Action::AskCommand);
            update(&mut state, secs(45), Event::Pasted(text.to_owned()));
            press(&mut state, 45, Action::PromptAccept);
            (state.now, state.ui.range.cursor, state.ui.prompt.and_then(|prompt| prompt.error))
        };
        assert_eq!(go("go 5:00"), (secs(450), Some(secs(300)), None), "played already");
        assert_eq!(go("go 10:00"), (secs(600), None, None), "not yet");
        let refused = "20:00 is not within the session, which goes from 0:00 to 16:40".to_owned();
        assert_eq!(go("go 20:00"), (secs(450), None, Some(refused)));
    }

    #[test]
    fn on_its_way_the_screen_shows_the_moment_that_it_has_come_to() {
        let mut state = state();
        press(&mut state, 0, Action::JumpEnd);
        update(&mut state, secs(0), Event::Replay(ReplayEvent::Behind(true)));
        let mark = SessionEvent::Mark { text: "m".to_owned() };
        let next = Event::Replay(ReplayEvent::Next(Box::new(Recorded::new(secs(70), mark))));
        update(&mut state, secs(1), next);
        assert_eq!((state.now, state.session().marks().len()), (secs(70), 1));
        update(&mut state, secs(1), Event::Replay(ReplayEvent::Behind(false)));
        assert_eq!(state.now, secs(1_000));
    }

    #[test]
    fn a_jump_lets_go_of_the_cursor_and_so_does_escape_once_the_help_is_closed() {
        let mut state = state();
        update(&mut state, secs(80), Event::Tick);
        press(&mut state, 80, Action::MoveCursor(-3));
        assert!(state.ui.range.is_past());
        press(&mut state, 80, Action::ToggleHelp);
        press(&mut state, 80, Action::Cancel);
        assert!(state.ui.help.is_none() && state.ui.range.is_past());
        press(&mut state, 80, Action::Cancel);
        assert!(!state.ui.range.is_past());
        press(&mut state, 80, Action::MoveCursor(-3));
        press(&mut state, 80, Action::JumpStart);
        assert_eq!((state.ui.range.is_past(), state.now), (false, Elapsed::ZERO));
    }

    #[test]
    fn seconds_and_the_bar_choose_the_moment_within_the_recording() {
        let mut state = state();
        press(&mut state, 0, Action::TogglePlay);
        press(&mut state, 0, Action::SeekTo(secs(500)));
        press(&mut state, 0, Action::SeekBy(-1));
        assert_eq!(state.now, secs(499));
        press(&mut state, 0, Action::SeekTo(secs(5_000)));
        assert_eq!(state.now, secs(1_000));
        press(&mut state, 0, Action::SeekBy(1));
        assert_eq!(state.now, secs(1_000));
    }

    #[test]
    fn nothing_is_recorded_driven_or_exported_and_quitting_ends_at_once() {
        let mut state = state();
        let before = state.session().clone();
        for action in [Action::Mark, Action::Spike, Action::RateUp, Action::KillInstance, Action::Export, Action::Clear]
        {
            assert_eq!(press(&mut state, 1, action), []);
        }
        assert_eq!(press(&mut state, 1, Action::OnlyLive("spike")), []);
        assert!(toast(&state).contains("live only") && *state.session() == before);
        press(&mut state, 1, Action::NextView);
        assert_eq!(state.ui.view, View::Latency);
        assert_eq!(press(&mut state, 1, Action::Quit), [Effect::Exit { at_once: true }]);
    }

    #[test]
    fn what_a_jump_said_ends_with_time_or_the_next_key() {
        let mut state = state();
        let jumped = |state: &mut State| {
            press(state, 0, Action::JumpStart);
            assert_eq!(toast(state), "the beginning of the recording");
        };
        jumped(&mut state);
        press(&mut state, 0, Action::Columns(90));
        assert_ne!(toast(&state), "", "a new size is no key");
        press(&mut state, 0, Action::Faster);
        assert_eq!(toast(&state), "");
        jumped(&mut state);
        update(&mut state, secs(7), Event::Tick);
        assert_eq!(toast(&state), "");
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut state = state();
        let damage = Some("the last line is cut off".to_owned());
        update(&mut state, secs(1), Event::Replay(ReplayEvent::Outline(Outline::default(), damage)));
        assert_eq!(toast(&state), "note: the last line is cut off");
    }
}
