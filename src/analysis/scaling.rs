//! What the instance counts say of a step: the decision tables of `T_trigger`, `T_first`, `T_capacity` and `T_scale-in`.
//!
//! They may change long after a step, when a metric arrives late.

use std::time::Duration;

use crate::analysis::births::REPLACED_WITHIN;
use crate::analysis::demand::Demand;
use crate::analysis::elasticity::{Jitter, compare, jitter};
use crate::analysis::evidence::Evidence;
use crate::analysis::gathered::Tally;
use crate::analysis::supply::Supply;
use crate::analysis::{Direction, StepNumbers, Timing};
use crate::instances::{Basis, InstanceObservation};
use crate::timeline::SecondJudged;
use scaletop_units::Elapsed;

impl Evidence<'_> {
    /// Computes what needs instance counts, and the demand.
    pub(super) fn scale(&self, numbers: &mut StepNumbers) {
        let step = &self.report.step;
        let direction = step.direction();
        let before = (numbers.basis, numbers.target, numbers.first, numbers.capacity);
        numbers.trigger = self.trigger(direction);
        let demand = Demand::known(self.given, self.limits, numbers.service_p50, self.inferred);
        let target = demand.map(|demand| demand.target(step.profile.last()));
        numbers.demand = demand.map(|demand| demand.basis);
        let Some((basis, supply)) = Basis::PREFERRED.into_iter().find_map(|basis| Some((basis, self.supply(basis)?)))
        else {
            let unknown = Timing::NotApplicable("no source counts instances");
            let or = |is_apt, timing| if is_apt { unknown } else { timing };
            numbers.first = or(direction == Direction::Up, not_up(direction));
            numbers.capacity = numbers.first;
            numbers.scale_in = or(direction == Direction::Down, not_down(direction));
            numbers.target = target;
            return;
        };
        numbers.basis = Some(basis);
        numbers.instances = Some(supply.span());
        let settled = settled(&supply, numbers);
        numbers.target = target.or(settled);
        numbers.first = self.first(direction, basis, &supply);
        numbers.capacity = self.capacity(direction, &supply, target, settled);
        if basis == Basis::Responding {
            let wanted = target.or(settled);
            (numbers.first, numbers.capacity) = match &self.gathered.tally {
                Some(tally) => {
                    let one_more = supply.before().map(|had| had + 1);
                    let exact = |timing, wanted| within_its_second(timing, wanted, step.start, &supply, tally);
                    (exact(numbers.first, one_more), exact(numbers.capacity, wanted))
                }
                // Nobody answers in a step that is over: its times stand, as long as they mean the same.
                None if (before.0, before.1) == (numbers.basis, numbers.target) => (before.2, before.3),
                None => (numbers.first, numbers.capacity),
            };
        }
        numbers.scale_in = self.scale_in(direction, basis, &supply, numbers.target);
        let peak = f64::from(supply.span().peak);
        numbers.overshoot = numbers
            .target
            .filter(|&target| target > 0 && direction == Direction::Up)
            .map(|target| ((peak - f64::from(target)) / f64::from(target)).max(0.0));
        if let Some(demand) = demand {
            let (elasticity, waste) = compare(step, &supply, &demand, self.until());
            (numbers.elasticity, numbers.waste) = (elasticity, Some(waste));
            numbers.jitter = jitter(step, &supply, &demand, self.until());
        } else {
            (numbers.elasticity, numbers.waste) = (None, None);
            let reached = numbers.capacity.secs().unwrap_or(0.0);
            numbers.jitter = Some(Jitter::Turns(supply.turns_after(reached)));
        }
    }

    /// The end of the step, or now.
    fn until(&self) -> Elapsed {
        let step = &self.report.step;
        step.end.unwrap_or(self.now).max(step.start)
    }

    fn supply(&self, basis: Basis) -> Option<Supply> {
        let step = &self.report.step;
        Supply::over(self.observations.get(&basis)?, basis, step.start, self.until(), step.end.is_none())
    }

    fn trigger(&self, direction: Direction) -> Timing {
        match (direction, Basis::WANTED.into_iter().find_map(|basis| self.supply(basis))) {
            (Direction::Up, Some(desired)) => match desired.before() {
                Some(_) => desired.first_above_before().unwrap_or(self.censored()),
                None => Timing::NotApplicable("the desired count before the step is not known"),
            },
            (Direction::Up, None) => Timing::NotApplicable("no source tells the desired count"),
            _ => not_up(direction),
        }
    }

    fn first(&self, direction: Direction, basis: Basis, supply: &Supply) -> Timing {
        match (direction, supply.before(), self.limits.max) {
            (Direction::Down | Direction::Level, ..) => not_up(direction),
            (_, None, _) => Timing::NotApplicable("the instance count before the step is not known"),
            (_, Some(had), Some(most)) if had >= most => {
                Timing::NotApplicable("there were as many instances as are allowed")
            }
            (_, Some(had), _) => match self.ordered(basis) {
                Some((running, desired)) => self.first_ordered(had, supply, running, desired),
                None => supply.first_above_before(),
            }
            .unwrap_or(self.censored()),
        }
    }

    /// What ran and what was wanted, by one source, where that says what instances are started by: the source that is judged by, or
    /// ECS.
    fn ordered(&self, basis: Basis) -> Option<(&[InstanceObservation], &[InstanceObservation])> {
        let of = |basis: Basis| self.observations.get(&basis).map(Vec::as_slice);
        let running = if basis.is_running() { basis } else { Basis::Running };
        Some((of(running)?, of(running.wanted_beside()?)?))
    }

    /// Until there was one more of those that were asked for than the `had` before the step. One that stands in for one that ended is
    /// none: neither where that one ended shortly before the step, nor where the heir starts while it still runs, so that there are more
    /// than were asked for.
    fn first_ordered(
        &self,
        had: u32,
        supply: &Supply,
        running: &[InstanceObservation],
        desired: &[InstanceObservation],
    ) -> Option<Timing> {
        let start = self.report.step.start;
        let wanted_at = |at: Elapsed| desired.iter().rfind(|seen| seen.as_of <= at).map(|seen| seen.count);
        let wanted_before = wanted_at(start);
        let lately = |seen: &&InstanceObservation| (start - REPLACED_WITHIN..=start).contains(&seen.as_of);
        let most = running.iter().filter(lately).map(|seen| seen.count).max();
        let least = most.zip(wanted_before).map_or(had, |(most, wanted)| had.max(most.min(wanted)));
        supply.first_rise_above(least, |from, count| {
            let wanted = wanted_at(from);
            wanted.is_none_or(|wanted| count <= wanted) || wanted > wanted_before
        })
    }

    fn capacity(&self, direction: Direction, supply: &Supply, target: Option<u32>, settled: Option<u32>) -> Timing {
        match (direction, target, settled) {
            (Direction::Down | Direction::Level, ..) => not_up(direction),
            (_, Some(target), _) => match supply.first_held(|count| count >= target) {
                Some(reached) => reached,
                // There was no time to see it held, but there was nothing to wait for either.
                None => supply.always_held(|count| count >= target).unwrap_or(self.censored()),
            },
            (_, None, Some(settled)) if supply.before().is_none_or(|had| settled > had) => {
                supply.first_held(|count| count >= settled).unwrap_or(self.censored())
            }
            (_, None, Some(_)) => Timing::NotApplicable("no instance was added"),
            (_, None, None) if supply.settled().is_some() => Timing::NotApplicable(
                "how many are needed is not known: the count settled while the objective was missed",
            ),
            (_, None, None) => Timing::NotApplicable("the instance count has not settled"),
        }
    }

    fn scale_in(&self, direction: Direction, basis: Basis, supply: &Supply, target: Option<u32>) -> Timing {
        match (direction, target) {
            (Direction::Up | Direction::Level, _) => not_down(direction),
            _ if basis == Basis::Responding && self.report.step.profile.last().is_paused() => {
                Timing::NotApplicable("without load no instance answers")
            }
            (_, Some(target)) => supply.first_held(|count| count <= target).unwrap_or(self.censored()),
            (_, None) if supply.settled().is_some() => Timing::NotApplicable(
                "how many are needed is not known: the count settled while the objective was missed",
            ),
            (_, None) => Timing::NotApplicable("the instance count has not settled"),
        }
    }
}

/// The count that the step settled at, if that was enough: where the objective was missed at the end, or nothing was answered,
/// nobody knows how many it would have taken.
fn settled(supply: &Supply, numbers: &StepNumbers) -> Option<u32> {
    let is_missed = matches!(numbers.judged_last, SecondJudged::Bad | SecondJudged::NotShown)
        || (numbers.ok == 0 && numbers.due > 0);
    supply.settled().filter(|_| !is_missed)
}

/// Why a step that did not raise the rate has no such time.
pub(super) const fn not_up(direction: Direction) -> Timing {
    match direction {
        Direction::Level => Timing::NotApplicable("the rate ended where it began"),
        _ => Timing::NotApplicable("the rate went down"),
    }
}

const fn not_down(direction: Direction) -> Timing {
    match direction {
        Direction::Level => Timing::NotApplicable("the rate ended where it began"),
        _ => Timing::NotApplicable("the rate went up"),
    }
}

/// *Responding* counts are those of whole seconds, while the first OK answer of each instance is known to the instant: that
/// of the instance with which there were as many as `wanted`. Where it was one that had answered before, the time lies
/// somewhere in that second.
fn within_its_second(counted: Timing, wanted: Option<u32>, start: Elapsed, supply: &Supply, tally: &Tally) -> Timing {
    let (Timing::Reached { secs, plus_minus: 0.0 }, Some(wanted)) = (counted, wanted) else { return counted };
    if secs <= 0.0 {
        return counted;
    }
    let from = start + Duration::try_from_secs_f64(secs).unwrap_or_default();
    let missing = wanted.saturating_sub(supply.count_before(from)).max(1);
    // Half a second on: the sum may lie a rounding error before the second that it is.
    let second = (from + Duration::from_millis(500)).second();
    let newcomers = tally.first_ok.values().filter(|first| first.answered == second);
    let mut firsts: Vec<_> = newcomers.map(|first| first.intended).collect();
    firsts.sort_unstable();
    let Some(&exact) = usize::try_from(missing).ok().and_then(|missing| firsts.get(missing - 1)) else {
        return Timing::Reached { secs: secs + 0.5, plus_minus: 0.5 };
    };
    Timing::Reached { secs: exact.saturating_since(start).as_secs_f64(), plus_minus: 0.0 }
}
