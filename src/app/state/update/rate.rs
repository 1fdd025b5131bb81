//! The changes of the arrival rate. Every one is recorded as a command, never as a key.

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::state::update::live::LiveUpdate;
use crate::app::state::{Lifecycle, PRESETS};
use crate::session::event::{RateCause, RateChange, SessionEvent};
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

impl LiveUpdate<'_> {
    /// Changes the rate as `action` asks.
    pub(super) fn act_on_rate(&mut self, action: &Action) {
        if self.live.phase != Lifecycle::Running {
            return;
        }
        let rate = self.current_rate().get();
        let increment = self.live.increment();
        match *action {
            Action::RateUp => self.set(rate.saturating_add(increment), RateCause::Nudge),
            Action::RateDown => self.set(rate.saturating_sub(increment), RateCause::Nudge),
            Action::RateDouble => self.set(rate.saturating_mul(2), RateCause::Nudge),
            Action::RateHalve => self.set(rate / 2, RateCause::Nudge),
            Action::Preset(nth) => {
                if let Some(&rate) = PRESETS.get(usize::from(nth).wrapping_sub(1)) {
                    self.set(rate, RateCause::Set);
                }
            }
            Action::SetRate(rate) => self.set(rate.get(), RateCause::Set),
            Action::Spike => self.spike(),
            Action::Ramp(to, over) => {
                let profile =
                    RateProfile::Ramp { from: ArrivalRate::new(rate), to: self.up_to_ceiling(to.get()), over };
                self.forget_returns();
                self.change_rate(
                    self.now,
                    RateChange { profile, cause: RateCause::Ramp, stage: None, unmet_start: None },
                );
            }
            Action::TogglePause => self.pause(),
            Action::Clear => {
                self.toast("cleared: rate 0, what is in flight drains");
                self.stop_rate(self.now, RateCause::Clear);
            }
            _ => {}
        }
    }

    /// Applies, records and drives a change of rate.
    pub(super) fn change_rate(&mut self, at: Elapsed, change: RateChange) {
        self.effects.push(Effect::SetRate { at, profile: change.profile });
        self.record(at, SessionEvent::Rate(change));
    }

    /// Stops the arrivals, if there are any.
    pub(super) fn stop_rate(&mut self, at: Elapsed, cause: RateCause) {
        self.forget_returns();
        if self.session.rate().1 != RateProfile::PAUSED {
            self.change_rate(at, RateChange { profile: RateProfile::PAUSED, cause, stage: None, unmet_start: None });
        }
    }

    /// The rate in force now.
    fn current_rate(&self) -> ArrivalRate {
        let (anchor, profile) = self.session.rate();
        profile.rate_after(self.now.saturating_since(anchor))
    }

    fn set(&mut self, rate: u32, cause: RateCause) {
        let rate = self.up_to_ceiling(rate);
        self.live.paused_from = None;
        if cause != RateCause::Nudge {
            self.live.spiked_from = None;
        }
        self.hold(rate, cause);
    }

    fn hold(&mut self, rate: ArrivalRate, cause: RateCause) {
        let profile = RateProfile::Constant(rate);
        if self.session.rate().1 != profile {
            self.change_rate(self.now, RateChange { profile, cause, stage: None, unmet_start: None });
        }
    }

    /// No key passes the ceiling; the screen says so when one tries.
    fn up_to_ceiling(&mut self, rate: u32) -> ArrivalRate {
        let highest = self.session.header().settings.max_rate;
        if rate > highest {
            self.toast(format!("{highest}/s is the ceiling: raise it with --max-rate"));
        }
        ArrivalRate::new(rate.min(highest))
    }

    fn spike(&mut self) {
        self.live.paused_from = None;
        if let Some(before) = self.live.spiked_from.take() {
            return self.hold(before, RateCause::Spike);
        }
        self.live.spiked_from = Some(self.current_rate());
        let rate = self.up_to_ceiling(self.live.spike_rate.get());
        self.hold(rate, RateCause::Spike);
    }

    fn pause(&mut self) {
        if let Some(before) = self.live.paused_from.take() {
            return self.hold(before, RateCause::Pause);
        }
        let rate = self.current_rate();
        if rate.is_paused() {
            return self.toast("the rate is 0 already: raise it with ↑, a digit or s");
        }
        self.live.paused_from = Some(rate);
        self.hold(ArrivalRate::PAUSED, RateCause::Pause);
    }

    /// A rate that was chosen on purpose is nothing to fall back from.
    fn forget_returns(&mut self) {
        self.live.paused_from = None;
        self.live.spiked_from = None;
    }
}
