//! A replay: the same session, folded from the same events, and the actions that choose the moment. Nothing is driven and
//! nothing is recorded.

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::event::{Event, ReplayEvent};
use crate::app::player::Player;
use crate::app::state::{Phase, State};
use crate::app::update::{forget_toast, look, toast};
use scaletop_units::Elapsed;

/// Folds `event` into the state of a replay. `at` is the viewer's time: how long the replay has been running.
pub(super) fn update(state: &mut State, at: Elapsed, event: &Event) -> Vec<Effect> {
    forget_toast(state, at);
    let Some(mut player) = state.ui.replay.take() else { return Vec::new() };
    player.advance(at);
    let effects = match event {
        Event::Replay(event) => {
            read(state, &mut player, at, event);
            Vec::new()
        }
        Event::Action(action) => act(state, &mut player, at, action),
        Event::Resized(columns, rows) => {
            state.ui.size = (*columns, *rows);
            Vec::new()
        }
        // The rest only happens live.
        _ => Vec::new(),
    };
    // On its way to the position the screen shows the moment that it has come to.
    state.ui.now = if player.is_behind() { state.session.now.min(player.position()) } else { player.position() };
    state.ui.replay = Some(player);
    effects
}

fn read(state: &mut State, player: &mut Player, at: Elapsed, event: &ReplayEvent) {
    match event {
        ReplayEvent::Next(recorded) => state.session.apply(recorded.at, &recorded.event),
        ReplayEvent::At(session) => state.session = (**session).clone(),
        ReplayEvent::Behind(behind) => player.set_behind(*behind),
        ReplayEvent::Outline(outline, damage) => {
            player.learn(outline.clone());
            if let Some(damage) = damage {
                toast(state, at, format!("note: {damage}"));
            }
        }
    }
}

fn act(state: &mut State, player: &mut Player, at: Elapsed, action: &Action) -> Vec<Effect> {
    let message = match action {
        Action::Quit => {
            state.ui.phase = Phase::Done;
            return vec![Effect::Exit { at_once: true }];
        }
        Action::TogglePlay => {
            player.toggle();
            None
        }
        Action::Faster => {
            player.faster();
            None
        }
        Action::Slower => {
            player.slower();
            None
        }
        Action::NextStep | Action::PreviousStep | Action::JumpStart | Action::JumpEnd => {
            // Whoever jumps wants to see where to.
            state.ui.scrolled_to = None;
            Some(jump(player, action))
        }
        Action::Export => {
            let session = state.ui.folder.as_ref().map_or_else(String::new, |path| path.display().to_string());
            Some(format!("a replay writes nothing; the session's files: scaletop report {session}"))
        }
        Action::OnlyLive(does) => Some(format!("live only, not in a replay: {does}")),
        Action::Cancel if !state.ui.help => {
            state.ui.scrolled_to = None;
            None
        }
        action => {
            look(state, at, action);
            None
        }
    };
    if let Some(message) = message {
        toast(state, at, message);
    }
    Vec::new()
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
    use crate::app::state::{Ui, View};
    use crate::session::event::{Header, Recorded, SessionEvent, Settings};
    use crate::session::state::Session;
    use scaletop_units::ArrivalRate;

    const fn secs(secs: u64) -> Elapsed {
        Elapsed::from_secs(secs)
    }

    fn state() -> State {
        let header = Header::new(0, Settings::default());
        let ui = Ui { replay: Some(Player::new(10)), ..Ui::new(ArrivalRate::PAUSED) };
        let mut state = State { session: Session::new(header), ui };
        let outline = Outline { end: secs(1_000), steps: vec![secs(100), secs(400)] };
        update(&mut state, Elapsed::ZERO, &Event::Replay(ReplayEvent::Outline(outline, None)));
        state
    }

    fn press(state: &mut State, at: u64, action: Action) -> Vec<Effect> {
        update(state, secs(at), &Event::Action(action))
    }

    fn toast(state: &State) -> &str {
        state.ui.toast.as_ref().map_or("", |(_, text)| text)
    }

    #[test]
    fn the_screens_present_is_the_position_and_a_jump_goes_back_too() {
        let mut state = state();
        update(&mut state, secs(45), &Event::Tick);
        assert_eq!(state.ui.now, secs(450));
        press(&mut state, 45, Action::PreviousStep);
        assert_eq!((state.ui.now, toast(&state)), (secs(400), "step 2 of 2"));
        press(&mut state, 45, Action::PreviousStep);
        assert_eq!((state.ui.now, toast(&state)), (secs(100), "step 1 of 2"));
    }

    #[test]
    fn on_its_way_the_screen_shows_the_moment_that_it_has_come_to() {
        let mut state = state();
        press(&mut state, 0, Action::JumpEnd);
        update(&mut state, secs(0), &Event::Replay(ReplayEvent::Behind(true)));
        let mark = SessionEvent::Mark { text: "m".to_owned() };
        let next = Event::Replay(ReplayEvent::Next(Box::new(Recorded { at: secs(70), event: mark })));
        update(&mut state, secs(1), &next);
        assert_eq!((state.ui.now, state.session.marks.len()), (secs(70), 1));
        update(&mut state, secs(1), &Event::Replay(ReplayEvent::Behind(false)));
        assert_eq!(state.ui.now, secs(1_000));
    }

    #[test]
    fn a_jump_ends_scrolling_and_so_does_escape_once_the_help_is_closed() {
        let mut state = state();
        update(&mut state, secs(80), &Event::Tick);
        press(&mut state, 80, Action::ScrollBack);
        assert!(state.ui.scrolled_to.is_some());
        press(&mut state, 80, Action::ToggleHelp);
        press(&mut state, 80, Action::Cancel);
        assert!(!state.ui.help && state.ui.scrolled_to.is_some());
        press(&mut state, 80, Action::Cancel);
        assert_eq!(state.ui.scrolled_to, None);
        press(&mut state, 80, Action::ScrollBack);
        press(&mut state, 80, Action::JumpStart);
        assert_eq!((state.ui.scrolled_to, state.ui.now), (None, Elapsed::ZERO));
    }

    #[test]
    fn nothing_is_recorded_driven_or_exported_and_quitting_ends_at_once() {
        let mut state = state();
        let before = state.session.clone();
        for action in [Action::Mark, Action::Spike, Action::RateUp, Action::KillInstance, Action::Export, Action::Clear]
        {
            assert_eq!(press(&mut state, 1, action), []);
        }
        assert_eq!(press(&mut state, 1, Action::OnlyLive("spike")), []);
        assert!(toast(&state).contains("live only") && state.session == before);
        press(&mut state, 1, Action::NextView);
        assert_eq!(state.ui.view, View::Latency);
        assert_eq!(press(&mut state, 1, Action::Quit), [Effect::Exit { at_once: true }]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let mut state = state();
        let damage = Some("the last line is cut off".to_owned());
        update(&mut state, secs(1), &Event::Replay(ReplayEvent::Outline(Outline::default(), damage)));
        assert_eq!(toast(&state), "note: the last line is cut off");
    }
}
