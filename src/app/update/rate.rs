//! The actions that change the arrival rate. Every change is recorded as a command, never as a key.

use crate::app::action::Action;
use crate::app::effect::Effect;
use crate::app::state::{PRESETS, Phase, State};
use crate::app::update::{record, toast};
use crate::session::event::{RateCause, RateChange, SessionEvent};
use scaletop_load::RateProfile;
use scaletop_units::{ArrivalRate, Elapsed};

/// Changes the rate as `action` asks.
pub(super) fn act(state: &mut State, at: Elapsed, action: &Action) -> Vec<Effect> {
    if state.ui.phase != Phase::Running {
        return Vec::new();
    }
    let now = current(state, at).get();
    let step = state.ui.increment();
    match *action {
        Action::RateUp => set(state, at, now.saturating_add(step), RateCause::Nudge),
        Action::RateDown => set(state, at, now.saturating_sub(step), RateCause::Nudge),
        Action::RateDouble => set(state, at, now.saturating_mul(2), RateCause::Nudge),
        Action::RateHalve => set(state, at, now / 2, RateCause::Nudge),
        Action::Preset(nth) => match PRESETS.get(usize::from(nth).wrapping_sub(1)) {
            Some(&rate) => set(state, at, rate, RateCause::Set),
            None => Vec::new(),
        },
        Action::SetRate(rate) => set(state, at, rate.get(), RateCause::Set),
        Action::Spike => spike(state, at),
        Action::Ramp(to, over) => {
            let from = ArrivalRate::new(now);
            let to = ceiling(state, at, to.get());
            forget_returns(state);
            change(
                state,
                at,
                RateChange { profile: RateProfile::Ramp { from, to, over }, cause: RateCause::Ramp, stage: None },
            )
        }
        Action::TogglePause => pause(state, at),
        Action::Clear => clear(state, at),
        _ => Vec::new(),
    }
}

/// The rate in force at `at`.
pub(super) fn current(state: &State, at: Elapsed) -> ArrivalRate {
    let (anchor, profile) = state.session.rate;
    profile.rate_after(at.saturating_since(anchor))
}

/// Applies and records a change of rate.
pub(super) fn change(state: &mut State, at: Elapsed, change: RateChange) -> Vec<Effect> {
    let profile = change.profile;
    let recorded = record(state, at, SessionEvent::Rate(change));
    vec![Effect::SetRate(profile), recorded]
}

/// Stops the arrivals, if there are any.
pub(super) fn stop(state: &mut State, at: Elapsed, cause: RateCause) -> Vec<Effect> {
    forget_returns(state);
    if state.session.rate.1 == RateProfile::PAUSED {
        return Vec::new();
    }
    change(state, at, RateChange { profile: RateProfile::PAUSED, cause, stage: None })
}

fn set(state: &mut State, at: Elapsed, rate: u32, cause: RateCause) -> Vec<Effect> {
    let rate = ceiling(state, at, rate);
    state.ui.paused_from = None;
    if cause != RateCause::Nudge {
        state.ui.spiked_from = None;
    }
    constant(state, at, rate, cause)
}

fn constant(state: &mut State, at: Elapsed, rate: ArrivalRate, cause: RateCause) -> Vec<Effect> {
    let profile = RateProfile::Constant(rate);
    if state.session.rate.1 == profile {
        return Vec::new();
    }
    change(state, at, RateChange { profile, cause, stage: None })
}

/// No key passes the ceiling; the screen says so when one tries.
fn ceiling(state: &mut State, at: Elapsed, rate: u32) -> ArrivalRate {
    let highest = state.session.header.settings.max_rate;
    if rate > highest {
        toast(state, at, format!("{highest}/s is the ceiling: raise it with --max-rate"));
    }
    ArrivalRate::new(rate.min(highest))
}

fn spike(state: &mut State, at: Elapsed) -> Vec<Effect> {
    state.ui.paused_from = None;
    if let Some(before) = state.ui.spiked_from.take() {
        return constant(state, at, before, RateCause::Spike);
    }
    state.ui.spiked_from = Some(current(state, at));
    let rate = ceiling(state, at, state.ui.spike_rate.get());
    constant(state, at, rate, RateCause::Spike)
}

fn pause(state: &mut State, at: Elapsed) -> Vec<Effect> {
    if let Some(before) = state.ui.paused_from.take() {
        return constant(state, at, before, RateCause::Pause);
    }
    let now = current(state, at);
    if now.is_paused() {
        toast(state, at, "the rate is 0 already: raise it with ↑, a digit or s");
        return Vec::new();
    }
    state.ui.paused_from = Some(now);
    constant(state, at, ArrivalRate::PAUSED, RateCause::Pause)
}

fn clear(state: &mut State, at: Elapsed) -> Vec<Effect> {
    toast(state, at, "cleared: rate 0, what is in flight drains");
    stop(state, at, RateCause::Clear)
}

/// A rate that was chosen on purpose is nothing to fall back from.
fn forget_returns(state: &mut State) {
    state.ui.paused_from = None;
    state.ui.spiked_from = None;
}
