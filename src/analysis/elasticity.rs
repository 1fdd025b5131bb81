//! Supply against demand over a step: SPEC RG's θ and τ, BUNGEE's jitter, overshoot, waste, the error budget.

use std::time::Duration;

use crate::analysis::Step;
use crate::analysis::demand::Demand;
use crate::analysis::supply::Supply;
use scaletop_units::{ArrivalRate, Elapsed};

/// How far and how long supply was off demand, in percent. Time without demand (d = 0) or without a known count is left
/// out of T. `θ_O` has no upper bound: five instances where one is needed are 400 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Elasticity {
    /// `θ_U = 100/T · Σ (d−s)⁺/d`: under-provisioning, 0 to 100.
    pub theta_under: f64,
    /// `θ_O = 100/T · Σ (s−d)⁺/d`: over-provisioning.
    pub theta_over: f64,
    /// `τ_U = 100/T · Σ [s<d]`: share of the time with too few.
    pub tau_under: f64,
    /// `τ_O = 100/T · Σ [s>d]`: share of the time with too many.
    pub tau_over: f64,
}

/// Whether the count moved more than it had to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// `(Σ|Δs| − Σ|Δd|)` per minute (BUNGEE): above 0 it oscillates, below it is inert.
    PerMinute(f64),
    /// Without a known demand: how often the count changed direction after the capacity was reached.
    Turns(u32),
}

/// How much of the error budget a step burnt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorBudget {
    /// Share of bad requests ÷ allowed share: at 1 the budget lasts exactly its period.
    pub burn_rate: f64,
    /// Percent of a 30-day budget at the reference rate.
    pub month_percent: f64,
    /// The rate the 30 days are reckoned with: the one before the step, or of the step when that was 0.
    pub reference: ArrivalRate,
}

/// The 30 days of an error budget, in seconds.
const MONTH_SECS: f64 = 2_592_000.0;

/// A ramp is cut into whole seconds, but into no more pieces than this.
const RAMP_PIECES: u32 = 2_000;

/// The burn of the error budget; the goal is the objective's allowed share of bad requests. `None` without arrivals, or
/// when no bad request at all is allowed, so that there is no budget.
pub(crate) fn budget(bad: u64, due: u64, before: ArrivalRate, after: ArrivalRate, allowed: f64) -> Option<ErrorBudget> {
    let reference = if before.is_paused() { after } else { before };
    (due > 0 && allowed > 0.0 && !reference.is_paused()).then(|| ErrorBudget {
        burn_rate: bad as f64 / due as f64 / allowed,
        month_percent: 100.0 * bad as f64 / (allowed * f64::from(reference.get()) * MONTH_SECS),
        reference,
    })
}

/// θ and τ over the step, and the waste in instance-seconds. `None` when no time has both a count and a demand.
pub(crate) fn compare(step: &Step, supply: &Supply, demand: &Demand, until: Elapsed) -> (Option<Elasticity>, f64) {
    let (mut sums, mut waste, mut total) = (Elasticity::default(), 0.0, 0.0);
    let pieces = demand_pieces(step, demand, until);
    for (from, to, s) in supply.pieces() {
        let first = pieces.partition_point(|piece| piece.1 <= from);
        for &(began, ended, d) in pieces[first..].iter().take_while(|piece| piece.0 < to) {
            let secs = ended.min(to).saturating_since(began.max(from)).as_secs_f64();
            let (s, d) = (f64::from(s), f64::from(d));
            waste += (s - d).max(0.0) * secs;
            if d > 0.0 {
                total += secs;
                sums.theta_under += (d - s).max(0.0) / d * secs;
                sums.theta_over += (s - d).max(0.0) / d * secs;
                sums.tau_under += f64::from(u8::from(s < d)) * secs;
                sums.tau_over += f64::from(u8::from(s > d)) * secs;
            }
        }
    }
    let percent = |sum: f64| 100.0 * sum / total;
    let elasticity = (total > 0.0).then(|| Elasticity {
        theta_under: percent(sums.theta_under),
        theta_over: percent(sums.theta_over),
        tau_under: percent(sums.tau_under),
        tau_over: percent(sums.tau_over),
    });
    (elasticity, waste)
}

/// BUNGEE's jitter with a known demand.
pub(crate) fn jitter(step: &Step, supply: &Supply, demand: &Demand, until: Elapsed) -> Option<Jitter> {
    let minutes = until.saturating_since(step.start).as_secs_f64() / 60.0;
    let mut last = demand.at(step.before);
    let mut demanded = 0_u64;
    for (_, _, d) in demand_pieces(step, demand, until) {
        demanded += u64::from(d.abs_diff(last));
        last = d;
    }
    (minutes > 0.0).then(|| Jitter::PerMinute((supply.movement() as f64 - demanded as f64) / minutes))
}

/// The demand as pieces `(from, to, d)`: one for a constant rate, one a second for a ramp.
fn demand_pieces(step: &Step, demand: &Demand, until: Elapsed) -> Vec<(Elapsed, Elapsed, u32)> {
    let mut pieces: Vec<(Elapsed, Elapsed, u32)> = Vec::new();
    let mut push = |from: Elapsed, to: Elapsed, rate| {
        let (to, d) = (to.min(until), demand.at(rate));
        if to > from {
            match pieces.last_mut() {
                Some(last) if last.2 == d && last.1 == from => last.1 = to,
                _ => pieces.push((from, to, d)),
            }
        }
    };
    let settled = step.settled_at();
    push(step.start, step.anchor, step.profile.first());
    let over = step.profile.ramp_duration();
    let stride = Duration::from_secs(1).max(over / RAMP_PIECES);
    let mut at = step.anchor;
    while at < settled.min(until) {
        let next = (at + stride).min(settled);
        push(at, next, step.profile.rate_after(at.saturating_since(step.anchor)));
        at = next;
    }
    push(settled, until, step.profile.last());
    pieces
}
