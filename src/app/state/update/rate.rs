//! The changes of the arrival rate. Every one is recorded as a command, never as a key.
//!
//! Nothing passes the ceiling, and what would is refused with the reason rather than cut: a rate that nobody asked for is a
//! surprise. On a host that is not this machine a jump far above the highest rate so far waits for a yes.

use std::time::Duration;

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::state::undo::Nudge;
use crate::app::state::update::live::LiveUpdate;
use crate::app::state::{Lifecycle, PRESETS, Place, Question};
use crate::session::event::{RateCause, RateChange, SessionEvent};
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

/// A rate more than so many times the highest so far is a jump.
const JUMP: u32 = 4;

/// A session that has sent less than this so far is taken to have sent this: the first steps of it are no jump. Requests per
/// second.
const SURELY_MEANT: u32 = 25;

/// By then every thread of both loads has heard of a change, unless this machine stands still; as long as a second waits for what
/// closes it.
const HEARD_WITHIN: Duration = Duration::from_millis(100);

/// A change that a plan has announced is told this much before it is due at the latest: some of the time for which it was announced is
/// gone when the timer has fired, and a stage begins when the plan says.
const ANNOUNCED_WITHIN: Duration = Duration::from_millis(50);

impl LiveUpdate<'_> {
    /// Changes the rate as `action` asks, or says why not, or asks back.
    pub(super) fn act_on_rate(&mut self, action: &Action) {
        if self.live.phase != Lifecycle::Running || self.only_watches() {
            return;
        }
        let Some(goal) = self.goal(action) else { return self.ease(action) };
        if let Some(refusal) = self.refusal(goal) {
            return self.toast(refusal);
        }
        let highest = self.highest();
        if self.live.goes_to(Place::Elsewhere) && goal.get() > highest.get().max(SURELY_MEANT).saturating_mul(JUMP) {
            self.ui.question = Some(Question::Jump { action: action.clone(), to: goal, highest });
            return;
        }
        self.go(action, goal);
    }

    /// Does what the open question asks about.
    pub(super) fn confirm(&mut self, question: Question) {
        match question {
            Question::Jump { action, to, .. } => {
                if self.live.phase == Lifecycle::Running && self.goal(&action) == Some(to) {
                    self.go(&action, to);
                }
            }
            Question::Quit => self.quit_by_the_user(),
        }
    }

    /// Why no key goes to this rate, if none does.
    pub(super) fn refusal(&self, goal: ArrivalRate) -> Option<String> {
        let ceiling = self.session().header().settings.max_rate;
        if goal.get() > ceiling {
            return Some(format!(
                "{goal} is above the ceiling of {ceiling}/s, so nothing changes: --max-rate raises it"
            ));
        }
        let of_fleet = self.session().fleet().and_then(|fleet| fleet.state()).map(|state| state.ceiling)?;
        (goal > of_fleet).then(|| {
            format!(
                "{goal} is above the {of_fleet} that the fleet's generators may send together, so nothing changes: more of them, or \
                 their --max-rate, raise it"
            )
        })
    }

    /// The rate that `action` goes to; `None` when it can only lower it, or names none.
    pub(super) fn goal(&self, action: &Action) -> Option<ArrivalRate> {
        let rate = self.current_rate().get();
        match *action {
            Action::RateUp => Some(ArrivalRate::new(rate.saturating_add(self.live.increment()))),
            Action::RateDouble => Some(ArrivalRate::new(rate.saturating_mul(2))),
            Action::Preset(nth) => PRESETS.get(usize::from(nth).wrapping_sub(1)).map(|&rate| ArrivalRate::new(rate)),
            Action::SetRate(rate) | Action::Ramp(rate, _) => Some(rate),
            Action::Spike => Some(self.live.spiked_from.unwrap_or(self.live.spike_rate)),
            _ => None,
        }
    }

    /// Goes to a rate that nothing speaks against.
    fn go(&mut self, action: &Action, goal: ArrivalRate) {
        match *action {
            Action::RateUp => self.set(goal, RateCause::Nudge, Some(Nudge::Up)),
            Action::RateDouble => self.set(goal, RateCause::Nudge, None),
            Action::Spike => {
                self.live.paused_from = None;
                let before = self.current_rate();
                self.live.spiked_from = if self.live.spiked_from.is_some() { None } else { Some(before) };
                self.hold(goal, RateCause::Spike, None);
            }
            Action::Ramp(to, over) => {
                let from = self.current_rate();
                self.forget_returns();
                self.live.undo.note(self.now, from, None);
                let profile = RateProfile::Ramp { from, to, over };
                self.change_rate(
                    self.now,
                    RateChange { profile, cause: RateCause::Ramp, stage: None, unmet_start: None },
                );
            }
            _ => self.set(goal, RateCause::Set, None),
        }
    }

    /// What lowers the rate, or goes back to one that was there before: nothing speaks against that.
    fn ease(&mut self, action: &Action) {
        let rate = self.current_rate();
        match *action {
            Action::RateDown => {
                let lower = ArrivalRate::new(rate.get().saturating_sub(self.live.increment()));
                self.set(lower, RateCause::Nudge, Some(Nudge::Down));
            }
            Action::RateHalve => self.set(ArrivalRate::new(rate.get() / 2), RateCause::Nudge, None),
            Action::TogglePause => self.pause(),
            Action::Undo => self.undo(),
            Action::Clear => {
                self.toast("cleared: rate 0, what is in flight drains");
                self.stop_rate(self.now, RateCause::Clear);
            }
            _ => {}
        }
    }

    /// Applies, records and drives a change of rate.
    ///
    /// Two targets get the same arrivals, so both loads must hear of a change before it is due in either: its anchor lies a
    /// little ahead. So it does with a fleet, by as much as its generators need to hear of it; and never before that of the change
    /// that came before, though that was told when the lead was longer.
    pub(super) fn change_rate(&mut self, at: Elapsed, change: RateChange) {
        let within = if at > self.now { ANNOUNCED_WITHIN } else { HEARD_WITHIN };
        let at = if self.halves.second().is_some() { at.max(self.now + within) } else { at };
        let at = match self.session().fleet() {
            Some(fleet) => at.max(self.now + fleet.lead()).max(self.session().rate().0),
            None => at,
        };
        self.live.highest = self.highest().max(change.profile.first());
        self.effects.push(Effect::SetRate { at, profile: change.profile });
        self.record(at, SessionEvent::Rate(change));
    }

    /// Stops the arrivals, if there are any.
    pub(super) fn stop_rate(&mut self, at: Elapsed, cause: RateCause) {
        let before = self.current_rate();
        self.forget_returns();
        if self.session().rate().1 != RateProfile::PAUSED {
            self.live.undo.note(at, before, None);
            self.change_rate(at, RateChange { profile: RateProfile::PAUSED, cause, stage: None, unmet_start: None });
        }
    }

    /// The rate in force now.
    fn current_rate(&self) -> ArrivalRate {
        let (anchor, profile) = self.session().rate();
        profile.rate_after(self.now.saturating_since(anchor))
    }

    /// The highest rate so far.
    fn highest(&self) -> ArrivalRate {
        // Of a ramp under way what it has come to.
        self.live.highest.max(self.current_rate())
    }

    fn set(&mut self, rate: ArrivalRate, cause: RateCause, nudge: Option<Nudge>) {
        self.live.paused_from = None;
        if cause != RateCause::Nudge {
            self.live.spiked_from = None;
        }
        self.hold(rate, cause, nudge);
    }

    fn hold(&mut self, rate: ArrivalRate, cause: RateCause, nudge: Option<Nudge>) {
        let profile = RateProfile::Constant(rate);
        if self.session().rate().1 != profile {
            self.live.undo.note(self.now, self.current_rate(), nudge);
            self.change_rate(self.now, RateChange { profile, cause, stage: None, unmet_start: None });
        }
    }

    /// Back to the rate before the last change; a change that is undone cannot be undone.
    fn undo(&mut self) {
        let Some(before) = self.live.undo.take() else { return self.toast("no change of rate to undo") };
        self.forget_returns();
        let profile = RateProfile::Constant(before);
        self.toast(format!("undone: back to {before}"));
        if self.session().rate().1 != profile {
            self.change_rate(self.now, RateChange { profile, cause: RateCause::Set, stage: None, unmet_start: None });
        }
    }

    fn pause(&mut self) {
        if let Some(before) = self.live.paused_from.take() {
            return self.hold(before, RateCause::Pause, None);
        }
        let rate = self.current_rate();
        if rate.is_paused() {
            let raises = self.either(&[Action::RateUp, Action::Preset(1), Action::Spike]);
            let how = raises.map_or_else(String::new, |keys| format!(": raise it with {keys}"));
            return self.toast(format!("the rate is 0 already{how}"));
        }
        self.live.paused_from = Some(rate);
        self.hold(ArrivalRate::PAUSED, RateCause::Pause, None);
    }

    /// Nothing is sent while nobody looks; the way back is the same key as after a pause.
    pub(super) fn pause_for_the_shell(&mut self) {
        let rate = self.current_rate();
        if !rate.is_paused() {
            self.live.paused_from = Some(rate);
            self.hold(ArrivalRate::PAUSED, RateCause::Pause, None);
            let how =
                self.either(&[Action::TogglePause]).map_or_else(String::new, |key| format!(": {key} resumes {rate}"));
            self.toast(format!("the load was paused for the shell{how}"));
        }
    }

    /// A rate that was chosen on purpose is nothing to fall back from.
    fn forget_returns(&mut self) {
        self.live.paused_from = None;
        self.live.spiked_from = None;
    }
}
