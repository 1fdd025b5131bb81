//! A live session: what is measured and commanded is folded in and recorded, and the rate follows the keys, or the plan.

use std::path::PathBuf;
use std::time::Duration;

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::event::{Event, ReplayEvent};
use crate::app::keymap::KeyMap;
use crate::app::state::palette::Asked;
use crate::app::state::update::look::look;
use crate::app::state::update::prompt::filter;
use crate::app::state::{INCREMENTS, Lifecycle, Live, Place, Question, Ui};
use crate::plan::schedule::Instruction;
use crate::session::event::{
    COMPLETED, LAST_UNMET, Notice, NoticeLevel, QUIT_BY_THE_USER, RateCause, RateChange, Recorded, SessionEvent, Side,
};
use crate::session::halves::Halves;
use crate::session::standing::{held_since, standing};
use crate::session::state::Session;
use crate::session::verdict::early::lost_already;
use crate::session::writer::WriteStatus;
use scaletop_load::{RateProfile, Second};
use scaletop_units::{Elapsed, InstanceId};

/// A session older than this is not ended by one key.
const WORTH_A_QUESTION: Duration = Duration::from_mins(2);

/// One update of a live session: the parts of the state, and what is to be done so far.
pub(super) struct LiveUpdate<'a> {
    pub(super) halves: &'a mut Halves,
    pub(super) ui: &'a mut Ui,
    pub(super) live: &'a mut Live,
    /// When the event came.
    pub(super) now: Elapsed,
    /// The latest time that the state has heard of.
    pub(super) latest: Elapsed,
    pub(super) effects: Vec<Effect>,
}

impl LiveUpdate<'_> {
    /// Folds the event in.
    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Session(event) => self.observe(None, event),
            Event::Half(side, event) => self.observe(Some(side), event),
            Event::Action(action) => self.act(&action),
            Event::Rate(change) => self.change_rate(self.now, change),
            // A new size and the time alone change nothing here, and a text that is
            // pasted is no answer to a question.
            Event::Tick | Event::Resized | Event::Pasted(_) | Event::Saved(_) => {}
            Event::Replay(event) => self.watch(event),
            Event::Resumed { at, text, finishes } => self.resume(at, text, finishes),
            Event::Drained { abandoned } => self.drained(abandoned),
            Event::Exported(result) => self.exported(result),
            Event::RecordingStatus(status) => self.recording_changed(status),
            Event::Killed(Ok(id)) => self.notice(NoticeLevel::Info, format!("killed instance {id}")),
            Event::GeneratorKilled(Ok(id)) => self.notice(NoticeLevel::Info, format!("killed generator {id}")),
            Event::GeneratorKilled(Err(reason)) => {
                self.notice(NoticeLevel::Warning, format!("no generator was killed: {reason}"));
            }
            Event::Killed(Err(reason)) => {
                self.notice(NoticeLevel::Warning, format!("no instance was killed: {reason}"));
            }
        }
    }

    /// What another program records, who leads the session. There is no recording to read while one is written.
    fn watch(&mut self, event: ReplayEvent) {
        match event {
            ReplayEvent::Next(recorded) if self.live.is_watched() => self.halves.apply(&recorded),
            ReplayEvent::Told(text) => self.toast(text),
            _ => {}
        }
    }

    /// Nobody led the session from `at` on, and nothing was sent; the way back is the same key as after a pause.
    fn resume(&mut self, at: Elapsed, text: String, finishes: bool) {
        let (anchor, profile) = self.session().rate();
        if profile != RateProfile::PAUSED {
            let before = profile.rate_after(at.saturating_since(anchor));
            self.live.paused_from = Some(before).filter(|before| !before.is_paused());
            // Nobody asked for it: no step begins, the last one ends.
            let stop =
                RateChange { profile: RateProfile::PAUSED, cause: RateCause::Stop, stage: None, unmet_start: None };
            self.record(at, SessionEvent::Rate(stop));
        }
        self.notice(NoticeLevel::Warning, text);
        if finishes {
            self.quit(self.now, COMPLETED);
        }
    }

    /// Whether nothing may be changed from here, which is said then.
    pub(super) fn only_watches(&mut self) -> bool {
        if self.live.is_watched() {
            self.toast("you look on: only whoever leads the session changes it");
        }
        self.live.is_watched()
    }

    /// Does what the plan, or the search, wants done by now. Whoever ends the session takes the rate out of its hands.
    pub(super) fn follow_controller(&mut self) {
        while self.live.phase == Lifecycle::Running {
            let controller = self.live.controller.as_mut();
            let Some(instruction) = controller.and_then(|controller| controller.poll(self.now, self.halves)) else {
                return;
            };
            match instruction {
                Instruction::Begin { at, name, profile, unmet_start } => {
                    let stage = Some(name);
                    self.change_rate(at, RateChange { profile, cause: RateCause::Plan, stage, unmet_start });
                }
                Instruction::End { at } => self.stop_rate(at, RateCause::Stop),
                Instruction::Note(text) => {
                    self.record(self.now, SessionEvent::Notice(Notice { level: NoticeLevel::Info, text }));
                }
                Instruction::Warning(text) => self.notice(NoticeLevel::Warning, text),
                Instruction::Finish { at, unmet: None } => self.quit(at, "the plan is over"),
                Instruction::Finish { at, unmet: Some(unmet) } => self.quit(at, &format!("{LAST_UNMET}{unmet}")),
            }
        }
    }

    /// What is known of the session; with two targets, of the first.
    pub(super) const fn session(&self) -> &Session {
        self.halves.first()
    }

    /// Folds a session event in and asks for it to be recorded.
    pub(super) fn record(&mut self, at: Elapsed, event: SessionEvent) {
        self.record_of(None, at, event);
    }

    /// The same for an event of one target.
    fn record_of(&mut self, side: Option<Side>, at: Elapsed, event: SessionEvent) {
        self.halves.apply_to(side, at, &event);
        self.effects.push(Effect::Record(Recorded { at, side, event }));
    }

    /// A short message on the screen.
    pub(super) fn toast(&mut self, text: impl Into<String>) {
        self.ui.toast = Some((self.now, text.into()));
    }

    /// The keys for some actions on this view.
    pub(super) fn either(&self, actions: &[Action]) -> Option<String> {
        self.ui.keys.either(KeyMap::live(self.ui.view), actions)
    }

    /// A line in the log and, briefly, on the screen.
    fn notice(&mut self, level: NoticeLevel, text: String) {
        self.toast(text.clone());
        self.record(self.now, SessionEvent::Notice(Notice { level, text }));
    }

    /// What the engine or a source says, of one target or of the only one. A closed second is of its end, however late it is
    /// heard of.
    fn observe(&mut self, side: Option<Side>, event: SessionEvent) {
        let SessionEvent::Second(second) = event else {
            let is_of_fleet = matches!(event, SessionEvent::Generator(_) | SessionEvent::Fleet(_));
            self.record_of(side, self.now, event);
            if is_of_fleet {
                self.say_what_the_log_has();
            }
            return;
        };
        let at = second.end();
        let event = SessionEvent::Second(second);
        self.halves.apply_to(side, at, &event);
        self.say_what_is_waited_for();
        if let SessionEvent::Second(second) = &event {
            self.say_that_ids_are_cut(side, second);
            if let Some(controller) = &mut self.live.controller {
                controller.second(second, self.halves.first());
            }
        }
        self.effects.push(Effect::Record(Recorded { at, side, event }));
        if self.live.phase == Lifecycle::Running {
            let session = self.halves.get(side.unwrap_or(Side::First));
            let standing = standing(session, at);
            let told = if side == Some(Side::Second) { &mut self.live.told_beside } else { &mut self.live.told };
            if let Some(notice) = told.second(at, &standing, || held_since(session, at)) {
                self.record_of(side, at, SessionEvent::Notice(notice));
            }
        }
        if let Some(lost) = self.lost() {
            self.live.abort_within = None;
            self.lose(&lost);
        }
    }

    /// Says on the screen what the log was told just now, when it is a warning.
    fn say_what_the_log_has(&mut self) {
        let last =
            self.session().log().last().filter(|(at, notice)| *at == self.now && notice.level != NoticeLevel::Info);
        if let Some((_, notice)) = last {
            self.toast(notice.text.clone());
        }
    }

    /// The first threshold that is lost already, at either target, where that is to end the session.
    fn lost(&self) -> Option<String> {
        let budget = self.live.abort_within.as_ref()?;
        let has_two = self.halves.second().is_some();
        self.halves.each().find_map(|(side, half)| {
            let line = lost_already(half, budget)?.line();
            Some(if has_two { format!("{}: {line}", side.letter()) } else { line })
        })
    }

    /// Says, once, that ids of instances are not shown whole.
    fn say_that_ids_are_cut(&mut self, side: Option<Side>, second: &Second) {
        let Some(cut) = second.served.iter().find(|served| served.id.is_cut()) else { return };
        if std::mem::replace(&mut self.live.is_cut_said, true) {
            return;
        }
        let text = format!(
            "instance ids are longer than {} characters or hold others than are shown: their beginning and end are kept, and \
             a digest of the whole, such as {}",
            InstanceId::MAX_LEN,
            cut.id
        );
        self.record_of(side, self.now, SessionEvent::Notice(Notice { level: NoticeLevel::Info, text }));
    }

    fn act(&mut self, action: &Action) {
        // Whatever else is asked for is a no to what was open; that the window has another size is nobody's answer.
        let is_answer = !matches!(action, Action::Columns(_) | Action::HelpScrolls(_));
        let question = if is_answer { self.ui.question.take() } else { None };
        match action {
            Action::AskQuit | Action::Quit if self.live.is_watched() => {
                self.effects.push(Effect::Exit { at_once: true });
            }
            Action::Export if self.live.is_watched() => self.toast("whoever leads the session has its files"),
            Action::KillInstance | Action::KillGenerator | Action::AskRate | Action::AskRamp if self.only_watches() => {
            }
            Action::AskQuit if question != Some(Question::Quit) && self.may_ask_before_the_end() => {
                self.ui.question = Some(Question::Quit);
            }
            Action::AskQuit | Action::Quit => self.quit_by_the_user(),
            Action::Confirm => {
                if let Some(question) = question {
                    self.confirm(question);
                }
            }
            Action::Suspend => {
                if self.live.phase == Lifecycle::Running && self.live.paused_from.is_none() && !self.live.is_watched() {
                    self.pause_for_the_shell();
                }
                self.effects.push(Effect::Suspend);
            }
            Action::Mark => {
                let text = format!("mark {}", self.session().marks().len() + 1);
                self.mark(text);
            }
            Action::Export => {
                self.toast("exporting…");
                self.effects.push(Effect::Export);
            }
            Action::KillInstance if self.live.goes_to(Place::Demo) => self.effects.push(Effect::KillInstance),
            Action::KillInstance => self.toast("only the demo's instances can be killed"),
            Action::KillGenerator if self.session().fleet().is_none() => {
                self.toast("no fleet generates the load: X is for scaletop fleet demo");
            }
            Action::KillGenerator if self.live.owns_generators => self.effects.push(Effect::KillGenerator),
            Action::KillGenerator => self.toast("only the generators of scaletop fleet demo can be killed by key"),
            Action::PromptChar(_) | Action::PromptComplete | Action::PromptDelete | Action::PromptAccept => {
                match self.edit_prompt(action) {
                    Some(Asked::Do(asked)) => self.act(&asked),
                    Some(Asked::Go(at)) => self.act(&Action::LookAt(at.unwrap_or_default())),
                    Some(Asked::Mark(text)) => self.mark(text),
                    Some(Asked::Filter(text)) => filter(self.ui, text),
                    Some(Asked::Judge(objectives)) => self.judge_by(&objectives),
                    None => {}
                }
            }
            Action::IncrementLarger => self.live.increment = (self.live.increment + 1).min(INCREMENTS.len() - 1),
            Action::IncrementSmaller => self.live.increment = self.live.increment.saturating_sub(1),
            Action::RateUp
            | Action::RateDown
            | Action::RateDouble
            | Action::RateHalve
            | Action::Preset(_)
            | Action::SetRate(_)
            | Action::Spike
            | Action::Ramp(..)
            | Action::Undo
            | Action::TogglePause
            | Action::Clear => self.act_on_rate(action),
            _ => look(self.ui, self.halves, self.latest, self.now, action),
        }
    }

    fn mark(&mut self, text: String) {
        if self.only_watches() {
            return;
        }
        self.toast(format!("{text} at {}", self.now));
        self.record(self.now, SessionEvent::Mark { text });
    }

    /// Whether the end of this session is worth a question: it runs, and has for a while.
    fn may_ask_before_the_end(&self) -> bool {
        self.live.phase == Lifecycle::Running && self.now.saturating_since(Elapsed::ZERO) > WORTH_A_QUESTION
    }

    pub(super) fn quit_by_the_user(&mut self) {
        self.quit(self.now, QUIT_BY_THE_USER);
    }

    /// The first time: stop the load and drain. Again: at once.
    fn quit(&mut self, at: Elapsed, reason: &str) {
        match self.live.phase {
            Lifecycle::Running => {
                self.stop_rate(at, RateCause::Stop);
                self.live.phase = Lifecycle::Draining;
                self.live.ending = Some(reason.to_owned());
                self.effects.push(Effect::Drain);
            }
            Lifecycle::Draining | Lifecycle::Done => {
                self.live.phase = Lifecycle::Done;
                self.end();
                self.effects.push(Effect::Exit { at_once: true });
            }
        }
    }

    /// Says, once, for what the end waits and for how long at most. Where all is answered within the second, nobody waits.
    fn say_what_is_waited_for(&mut self) {
        let in_flight = |half: &Session| half.timeline().latest().map_or(0, |row| row.in_flight);
        let left: u64 = self.halves.each().map(|(_, half)| in_flight(half)).sum();
        if self.live.phase != Lifecycle::Draining || self.live.is_waiting_said || left == 0 {
            return;
        }
        self.live.is_waiting_said = true;
        let within = self.session().header().settings.drains_within();
        let within = within.as_secs_f64();
        let asked = self.live.ending.as_deref() == Some(QUIT_BY_THE_USER);
        let again = if asked { "Ctrl-C again" } else { "Ctrl-C" };
        let text = format!("waiting up to {within} s for {}; {again} ends at once", so_many(left, "answer"));
        self.notice(NoticeLevel::Info, text);
    }

    /// Ends a session that cannot pass any more, once.
    fn lose(&mut self, threshold: &str) {
        if self.live.phase == Lifecycle::Running {
            self.notice(NoticeLevel::Error, format!("ending early, {threshold}"));
            self.quit(self.now, "a threshold failed");
        }
    }

    fn drained(&mut self, abandoned: u64) {
        if self.live.phase != Lifecycle::Draining {
            return;
        }
        self.live.phase = Lifecycle::Done;
        if abandoned > 0 {
            let were = if abandoned == 1 { "was" } else { "were" };
            let requests = so_many(abandoned, "request");
            let text = format!("{requests} {were} still unanswered and {were} given up");
            self.notice(NoticeLevel::Warning, text);
        }
        self.end();
        self.effects.push(Effect::Exit { at_once: false });
    }

    /// The recording's last line.
    fn end(&mut self) {
        let reason = self.live.ending.take().unwrap_or_else(|| QUIT_BY_THE_USER.to_owned());
        self.record(self.now, SessionEvent::Ended { reason });
    }

    fn exported(&mut self, result: Result<PathBuf, String>) {
        match result {
            Ok(folder) => self.toast(format!("wrote {}", folder.display())),
            Err(reason) => self.notice(NoticeLevel::Error, format!("the export failed: {reason}")),
        }
    }

    /// A failing disk is said at once, and once; the load goes on.
    fn recording_changed(&mut self, status: WriteStatus) {
        match status {
            WriteStatus::Failing(reason) => self.notice(NoticeLevel::Error, format!("not recording: {reason}")),
            WriteStatus::Working => self.notice(NoticeLevel::Info, "recording again".to_owned()),
            WriteStatus::Cut(lost) => {
                let text = format!(
                    "somebody cut recording.jsonl short: {lost} bytes of it are lost; it goes on from here, and the other files will be whole"
                );
                self.notice(NoticeLevel::Error, text);
            }
            WriteStatus::Moved(folder) => {
                let text = format!(
                    "the session's folder was deleted or moved: the recording goes on, whole, in {}",
                    folder.display()
                );
                self.notice(NoticeLevel::Warning, text);
            }
        }
    }
}

/// `1 answer`, `28 answers`: the words of the screen are another room's.
fn so_many(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
