//! A replay is the live session again: whatever moment it shows, and however it got there, the state is the one that the live
//! run had at that moment.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::support::world::{Network, SPIKES, Stage, World, header, hostile};
use scaletop::Action;
use scaletop::Effect;
use scaletop::Event;
use scaletop::FrontEnd;
use scaletop::Playback;
use scaletop::Player;
use scaletop::RecordingWriter;
use scaletop::SeekableRecording;
use scaletop::Session;
use scaletop::Signals;
use scaletop::update;
use scaletop::{Ended, Runtime};
use scaletop::{Live, State, View};
use scaletop::{Recorded, SessionEvent};
use scaletop::{index, index::IndexUpdate};
use scaletop_units::RunClock;
use scaletop_units::{ArrivalRate, Elapsed};

/// Calm, a spike, a ramp, calm again.
const LOAD: [Stage; 4] = [Stage::of(2, 20), Stage::of(40, 60), Stage::ramp(40, 10, 40), Stage::of(12, 900)];

fn blank() -> State {
    State::live(header(7), Live::new(ArrivalRate::new(600)))
}

/// Runs a session through the reducer and the writer of a live one. What was known after each event, and when it happened.
fn run_live(folder: &Path, network: Network, stages: &[Stage], seconds: u32) -> Vec<(Elapsed, Session)> {
    let mut writer = RecordingWriter::create(folder, &header(7)).unwrap();
    let mut state = blank();
    let mut moments = Vec::new();
    let mut happen = |at: Elapsed, event: Event| {
        for effect in update(&mut state, at, event) {
            if let Effect::Record(recorded) = effect {
                writer.append(&recorded).unwrap();
                moments.push((recorded.at, state.session().clone()));
            }
        }
    };
    let mut world = World::new(7, network, stages);
    let events = |world: &mut World, second: u32| match second {
        0 => [World::beginning(), hostile(), world.second()].concat(),
        _ => world.second(),
    };
    for second in 0..seconds {
        for Recorded { at, event, .. } in events(&mut world, second) {
            // A second is told a moment after it ended, and what the user did in that moment comes before it.
            if second % 17 == 5 && matches!(event, SessionEvent::Second(_)) {
                happen(at + Duration::from_millis(40), Event::Action(Action::Mark));
                happen(at + Duration::from_millis(60), Event::Action(Action::RateUp));
            }
            match event {
                SessionEvent::Rate(change) => happen(at, Event::Rate(change)),
                event => happen(at, Event::Session(event)),
            }
        }
    }
    for Recorded { at, event, .. } in world.end() {
        happen(at, Event::Session(event));
    }
    moments
}

/// What the live session knew when everything up to `position` had happened, and nothing of what came later.
fn known_at(moments: &[(Elapsed, Session)], position: Elapsed) -> Session {
    let due = moments.iter().take_while(|(at, _)| *at <= position).last();
    due.map_or_else(|| Session::new(header(7)), |(_, session)| session.clone())
}

/// Folds from where `session` is to `position`.
fn seek(recording: &mut SeekableRecording, session: &mut Session, position: Elapsed) {
    if let Some(other) = recording.seek(session.now(), position, Duration::ZERO).unwrap() {
        *session = other.first().clone();
    }
    while let Some(recorded) = recording.next_until(position).unwrap() {
        session.apply(recorded.at, &recorded.event);
    }
}

#[test]
fn at_every_second_the_replay_knows_what_the_live_run_knew() {
    let folder = tempfile::tempdir().unwrap();
    let moments = run_live(folder.path(), Network::Far, &LOAD, 150);
    let mut recording = SeekableRecording::open(folder.path()).unwrap();
    let mut session = Session::new(recording.header().clone());
    for millis in (0..151_000).step_by(500) {
        let position = Elapsed::from_millis(millis);
        seek(&mut recording, &mut session, position);
        assert!(session == known_at(&moments, position), "another state at {position:?}");
    }
    assert!(session.ended().is_some() && session.steps().len() >= 4 && session.marks().len() > 8);
}

#[test]
fn jumping_to_and_fro_ends_in_the_same_states_as_playing() {
    let folder = tempfile::tempdir().unwrap();
    let moments = run_live(folder.path(), Network::Far, &LOAD, 400);
    let mut recording = SeekableRecording::open(folder.path()).unwrap();
    let mut updates = index::start(folder.path()).unwrap();
    let (mut outline, mut snapshots) = (None, 0);
    while let Some(update) = updates.blocking_recv() {
        match update {
            IndexUpdate::Outline(found, _) => outline = Some(found),
            IndexUpdate::Snapshot(snapshot) => {
                snapshots += 1;
                recording.keep(snapshot);
            }
            IndexUpdate::Failed(error) => panic!("{error}"),
        }
    }
    let (_, last) = moments.last().unwrap();
    let outline = outline.unwrap();
    assert_eq!(outline.end, last.now());
    assert_eq!(outline.steps, last.steps().iter().map(|report| report.step.start).collect::<Vec<_>>());
    assert!(snapshots >= 3, "only {snapshots} snapshots");

    let mut random = fastrand::Rng::with_seed(11);
    let mut session = Session::new(recording.header().clone());
    for _ in 0..60 {
        let position = Elapsed::from_millis(random.u64(0..401_000));
        seek(&mut recording, &mut session, position);
        assert!(session == known_at(&moments, position), "another state at {position:?}");
    }
}

/// A step of a script: wait until this is so, then do that.
type Prompt = (fn(&State) -> bool, Action);

/// A viewer who follows a script and notes what was known each time.
struct Viewer {
    script: std::vec::IntoIter<Prompt>,
    next: Option<Prompt>,
    seen: std::rc::Rc<std::cell::RefCell<Vec<State>>>,
}

impl FrontEnd for Viewer {
    async fn next(&mut self, state: &State) -> Event {
        self.next = self.next.take().or_else(|| self.script.next());
        if let Some((_, action)) = self.next.take_if(|(is_so, _)| is_so(state)) {
            self.seen.borrow_mut().push(state.clone());
            return Event::Action(action);
        }
        std::future::pending().await
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn show(&mut self, _: &State) -> io::Result<()> {
        Ok(())
    }
}

/// Plays the session in `folder` to a viewer who acts by `script` and then quits; the states that were acted upon.
async fn watch(folder: &Path, script: Vec<Prompt>) -> (Vec<State>, Runtime<Viewer, Playback>) {
    let recording = SeekableRecording::open(folder).unwrap();
    let state = State::replay(recording.header().clone(), Player::new(1));
    let seen = std::rc::Rc::default();
    let front = Viewer { script: script.into_iter(), next: None, seen: std::rc::Rc::clone(&seen) };
    let index = index::start(folder).unwrap();
    let back = Playback::new(recording, index);
    let runtime = Runtime { state, clock: RunClock::start(), front, back, signals: Signals::listen().unwrap() };
    let Ended { runtime: replayed, .. } = runtime.run().await.unwrap();
    let seen = seen.borrow().clone();
    (seen, replayed)
}

fn player(state: &State) -> &Player {
    state.player().unwrap()
}

fn is_known(state: &State) -> bool {
    player(state).end().is_some()
}

fn is_there(state: &State) -> bool {
    !player(state).is_behind() && state.session().now() <= player(state).position()
}

#[tokio::test(start_paused = true)]
async fn a_viewer_jumps_plays_and_comes_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let moments = run_live(folder.path(), Network::Far, &LOAD, 200);
    let always = |_: &State| true;
    let script: Vec<Prompt> = vec![
        (always, Action::TogglePlay),
        (is_known, Action::NextStep),
        (is_there, Action::NextStep),
        (is_there, Action::TogglePlay),
        (|state| player(state).position() >= Elapsed::from_secs(50), Action::Faster),
        (|state| player(state).position() >= Elapsed::from_secs(90), Action::PreviousStep),
        (is_there, Action::Faster),
        (|state| player(state).is_at_end() && is_there(state), Action::NextView),
        (always, Action::JumpStart),
        (is_there, Action::Quit),
    ];
    let (seen, replayed) = watch(folder.path(), script).await;
    let third_step = moments.last().unwrap().1.steps()[2].step.start;
    assert_eq!(player(&seen[3]).position(), third_step);
    assert_eq!(*seen[3].session(), known_at(&moments, third_step));
    for state in seen.iter().filter(|state| !player(state).is_behind()) {
        assert_eq!(state.now(), player(state).position());
    }
    let end = &seen[7];
    assert_eq!(*end.session(), moments.last().unwrap().1);
    assert!(!player(end).is_playing(), "at the end it stays, paused");
    assert_eq!((replayed.state.ui().view, player(&replayed.state).position()), (View::Latency, Elapsed::ZERO));
}

#[tokio::test(start_paused = true)]
async fn no_key_of_a_replay_changes_the_session_or_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let moments = run_live(folder.path(), Network::Near, &SPIKES, 30);
    let path = folder.path().join("recording.jsonl");
    let before = fs::read(&path).unwrap();
    let always = |_: &State| true;
    let mut script: Vec<Prompt> = vec![(is_known, Action::JumpEnd)];
    for action in [Action::Export, Action::OnlyLive("spike"), Action::Mark, Action::Spike, Action::KillInstance] {
        script.push((is_there, action));
    }
    script.push((always, Action::Quit));
    let (seen, replayed) = watch(folder.path(), script).await;
    assert!(seen[2].ui().toast.as_ref().is_some_and(|(_, text)| text.contains("scaletop report")));
    assert!(seen[3].ui().toast.as_ref().is_some_and(|(_, text)| text.contains("live only")));
    assert_eq!(replayed.state.session().clone(), moments.last().unwrap().1);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recording_that_was_cut_off_plays_as_far_as_it_goes_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let moments = run_live(folder.path(), Network::Far, &LOAD, 60);
    let path = folder.path().join("recording.jsonl");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() * 2 / 3]).unwrap();
    let (seen, replayed) = watch(folder.path(), vec![(is_known, Action::JumpEnd), (is_there, Action::Quit)]).await;
    assert!(replayed.back.damage().torn_end);
    assert!(seen[0].ui().toast.as_ref().is_some_and(|(_, text)| text.contains("cut off")));
    let end = player(&replayed.state).end().unwrap();
    assert!(end > Elapsed::from_secs(20) && *replayed.state.session() == known_at(&moments, end));
}
